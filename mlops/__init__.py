"""A Git-style workflow for data experiments: every run on its own lakeFS branch, merged only if it wins."""

import os

__version__ = "0.1.0"

# scikit-learn's OpenMP threads wait by spinning. Two runs on the same cores (a race, a busy machine) then
# take ten times as long; told to sleep, they do not. It must be set before the library is loaded.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
