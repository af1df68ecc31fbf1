"""A model with an imputer can be saved, and loaded back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.impute import SimpleImputer
from sklearn.linear_model import Ridge
from sklearn.pipeline import Pipeline

from mlops.adapters.models import saved_files
from mlops.runs.saved_types import objects
from mlops.steps.checks.trial import recorded_files

TYPES = objects(
    "sklearn.impute._base.SimpleImputer", "sklearn.linear_model._ridge.Ridge", "sklearn.pipeline.Pipeline"
)


def test_a_model_that_fills_missing_values_survives_saving(tmp_path: Path) -> None:
    rows = pd.DataFrame({"x": [1.0, np.nan, 3.0, 4.0]})
    model = Pipeline([("fill", SimpleImputer()), ("predict", Ridge())]).fit(rows, [1.0, 2.0, 3.0, 4.0])
    folder = tmp_path / "model"
    saved_files.save(model, folder, TYPES, example=rows)
    loaded = saved_files.load(folder, recorded_files(folder), TYPES)
    assert loaded.predict(rows).tobytes() == model.predict(rows).tobytes()
