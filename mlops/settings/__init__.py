"""Every setting there is, typed, with its unit, default and help, and how each gets its value.

From the lowest to the highest: the default, ``mlops.toml``, its section of the chosen environment, the
environment variable, the option of the command line. Keys and passwords stand in a file by reference alone.
Start with `fields`, then `loading`. Importing this package costs a quarter of a second.
"""

from mlops.settings.fields import LakeMode, Settings
from mlops.settings.loading import SettingRow, describe, in_force, load
from mlops.settings.origins import InForce, Origin

__all__ = ["InForce", "LakeMode", "Origin", "SettingRow", "Settings", "describe", "in_force", "load"]
