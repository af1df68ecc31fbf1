"""Tasks: what a pipeline predicts, and how one prediction is judged.

A pipeline's specification names one; steps, judge and audit ask it for predictions and losses. Start with
`task`, which says what a task is; `regression`, `classification` and `ranking` are the
ready-made ones, and `data_only` is for pipelines without a model.
"""

from mlops.pipelines.tasks.classification import Classification
from mlops.pipelines.tasks.data_only import DataOnly
from mlops.pipelines.tasks.ranking import Ranking
from mlops.pipelines.tasks.regression import Regression
from mlops.pipelines.tasks.task import Task

__all__ = ["Classification", "DataOnly", "Ranking", "Regression", "Task"]
