"""The group `mlops policy`: change the gate configuration on main.

Only `mlops.cli.app` imports it; it imports the core and the steps inside its functions. Start with `apply`,
its one command.
"""
