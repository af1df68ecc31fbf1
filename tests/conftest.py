"""How the tests of all kinds run: the same examples every time, on every machine."""

import os

from hypothesis import HealthCheck, settings

_SLOW_MACHINES = [HealthCheck.too_slow]

# Derandomized: a failure on one machine is a failure on all. `HYPOTHESIS_PROFILE=ci` looks further.
settings.register_profile(
    "dev",
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=50,
    suppress_health_check=_SLOW_MACHINES,
)
settings.register_profile(
    "ci",
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=300,
    suppress_health_check=_SLOW_MACHINES,
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "dev"))
