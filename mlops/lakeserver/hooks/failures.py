"""How a hook can fail, before it becomes part of a run."""


class HookSetupError(ValueError):
    """The properties of a matched hook cannot be used; lakeFS answers 500 and runs no hook of the event."""


class HookError(Exception):
    """The hook ran and refused, or could not be run; its text is what lakeFS writes after "action failed"."""
