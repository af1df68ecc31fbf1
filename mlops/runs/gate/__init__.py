"""The gate: decides if a candidate is better than the champion on the same rows, by more than chance.

It is pure computation on paired losses; promotion, audit and steps import it. Start with `verdict`, then
`intervals` for the statistics and `holdouts` for the budget of evaluations.
"""
