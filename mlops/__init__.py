"""A Git-style workflow for data experiments: every run on its own lakeFS branch, merged only if it wins.

Users import `load_champion` and `load` from here; the command ``mlops`` is `mlops.cli`. Importing this
package imports none of the others. Start with `mlops.runs`, the core, then `mlops.steps`.
"""

from __future__ import annotations

import importlib
import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from mlops.settings import Settings

__all__ = ["__version__", "load", "load_champion"]

__version__ = "0.1.0"

# scikit-learn's OpenMP threads wait by spinning. Two runs on the same cores (a race, a busy machine) then
# take ten times as long; told to sleep, they do not. It must be set before the library is loaded.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def load_champion(name: str, *, number: int | None = None, settings: Settings | None = None) -> Any:
    """Return the model that a pipeline's `main` serves, as a fitted scikit-learn estimator.

    Only the lake is asked: the head of `main`, the ``champion.json`` that its promotion brought, and the
    objects recorded there. Every byte is compared with its recorded SHA-256, the file is opened only if it
    holds what the pipeline's own list of types admits, and its arrays are checked before the model is
    returned. MLflow's registry, which can point an alias anywhere, is not involved.

    Args:
        name: The pipeline, such as ``flights``.
        number: Number of a certain promotion; None for the champion. One that was rolled back is not loaded.
        settings: Where the lake is, as a `mlops.settings.Settings`; None for what the command line would use:
            ``MLOPS_*`` variables and the state folder, else ``LAKECTL_*`` and lakectl's file.

    Raises:
        ConfigError: There is no such pipeline, or no address and key of a lake.
        NotFound: `main` has no champion yet, or no such promotion, or it was rolled back.
        Corrupt: The record on `main` or the bytes in the lake are not the ones that were promoted.
        InputError: The model file holds a type or an array that the pipeline does not admit.
        LakeUnavailable: The lake does not answer.
        LakeDenied: The lake does not accept the key.

    All of them are `mlops.runs.errors.MlopsError`.

    Example:
        >>> model = mlops.load_champion("flights")  # doctest: +SKIP
        >>> model.predict(rows[list(model.feature_names_in_)])  # doctest: +SKIP
    """
    # By name: importing this package must stay as fast as the command line's help has to be.
    module = importlib.import_module("mlops.steps.champion")
    return module.open_champion(name, number=number, settings=settings).model


def load(name: str, version: str | int | None = None, *, settings: Settings | None = None) -> pd.DataFrame:
    """Return the processed rows that a pipeline's `main` holds, or those of an earlier version.

    Only the lake is asked, as for `load_champion`: the rows are those that the signed promotion recorded,
    byte for byte. Of a pipeline with a model they are its training rows, followed by its holdout.

    Args:
        name: The pipeline, such as ``tabular-lab``.
        version: ``v2`` for the second promotion, as ``mlops versions`` lists them; a promotion's number; or a
            commit of `main` with one, of which seven digits suffice. None for the current one. One that was
            rolled back is not loaded.
        settings: Where the lake is; None for what the command line would use.

    Raises:
        ConfigError: There is no such pipeline, or no address and key of a lake.
        NotFound: `main` holds nothing yet, or there is no such version, or it was rolled back.
        InputError: ``version`` is none of these.
        Corrupt: The record on `main` or the bytes in the lake are not the ones that were promoted.
        LakeUnavailable: The lake does not answer.
        LakeDenied: The lake does not accept the key.

    All of them are `mlops.runs.errors.MlopsError`.

    Example:
        >>> rows = mlops.load("tabular-lab", "v2")  # doctest: +SKIP
    """
    module = importlib.import_module("mlops.steps.version")
    return module.load_rows(name, version, settings=settings)
