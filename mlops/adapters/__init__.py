"""One outside client each, behind the protocols of ``mlops.runs.ports``."""
