"""Search of model parameters on training rows alone: no evaluation of the holdout is spent.

The command line alone imports it. Start with `tune`; `search_space` says which parameters are tried, `folds`
which rows they are fitted and measured on.
"""
