"""Writing a new project: the profile of its sample, its texts, and the folder, which must be new."""

from __future__ import annotations

import importlib.util
import json
import keyword
import pprint
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from mlops import __version__
from mlops.pipelines.schema import Kind
from mlops.project_template.profile import Profile, profile
from mlops.project_template.suites import suite
from mlops.runs import names
from mlops.runs.errors import ConfigError, MlopsError

if TYPE_CHECKING:
    import pandas as pd

#: The one raw table of a new project.
TABLE = "rows"
TASKS = ("regression", "classification", "ranking", "data")
_PLACEHOLDER = re.compile(r"@([a-z_]+)@")
#: Text of the template to the file that it becomes; ``package`` stands for the project's package.
_FILES = {
    "pyproject.toml": "pyproject.toml",
    "justfile": "justfile",
    "gitignore": ".gitignore",
    "workflows/checks.yml": ".github/workflows/checks.yml",
    "src/package/init": "src/@package@/__init__.py",
    "src/package/data": "src/@package@/data.py",
}
_FILES_WITH_MODEL = {
    "README.md": "README.md",
    "policy.yaml": "expectations/@name@/policy.yaml",
    "holdout.yaml": "expectations/@name@/holdout.yaml",
    "src/package/join": "src/@package@/join.py",
    "src/package/model_TASK": "src/@package@/model.py",
    "src/package/pipeline": "src/@package@/pipeline.py",
    "tests/test_pipeline": "tests/test_pipeline.py",
}
_FILES_OF_DATA = {
    "README_data.md": "README.md",
    "policy_data.yaml": "expectations/@name@/policy.yaml",
    "holdout_data.yaml": "expectations/@name@/holdout.yaml",
    "src/package/rows": "src/@package@/rows.py",
    "src/package/pipeline_data": "src/@package@/pipeline.py",
    "tests/test_pipeline_data": "tests/test_pipeline.py",
}

_REGRESSION = {
    "task_class": "Regression",
    "task_value": "Regression()",
    "input_import": "CATEGORIES, NUMBERS, ",
    "input_value": "(*NUMBERS, *CATEGORIES)",
    "unit": '"units"',
    "metric": "mae",
    "guard": "rmse",
    "parameter": "alpha",
}
_CLASSIFICATION = {
    "task_class": "Classification",
    "task_value": "Classification(CLASSES)",
    "input_import": "CATEGORIES, CLASSES, NUMBERS, ",
    "input_value": "(*NUMBERS, *CATEGORIES)",
    "unit": '"nats"',
    "metric": "log_loss",
    "guard": "error_rate",
    "parameter": "c",
}
_RANKING = {
    "task_class": "Ranking",
    "task_value": "Ranking(*KEY)",
    "input_import": "",
    "input_value": "KEY",
    "unit": '"1 - NDCG"',
    "metric": "one_minus_ndcg_at_10",
    "guard": "miss_at_10",
    "parameter": "shrinkage",
}
_BY_TASK: Mapping[str, Mapping[str, str]] = {
    "regression": _REGRESSION,
    "classification": _CLASSIFICATION,
    "ranking": _RANKING,
    "data": {"parameter": "fraction"},
}


@dataclass(frozen=True)
class Written:
    """A project that was written.

    Attributes:
        folder: Its folder.
        files: Its files, relative to the folder, ascending.
        arrivals: The arrivals that its sample gives.
        profile: What was found in the sample.
    """

    folder: Path
    files: Sequence[str]
    arrivals: Sequence[str]
    profile: Profile


def write_project(
    name: str,
    task: str,
    *,
    parent: Path,
    sample: Path | None = None,
    target: str = "",
    key: Sequence[str] = (),
) -> Written:
    """Write a project into a new folder.

    Args:
        name: Name of the pipeline and of the folder.
        task: Kind of the task, one of `TASKS`.
        parent: Where the folder is created.
        sample: A CSV or Parquet file of its data; None for synthetic data.
        target: Column that is predicted; empty for a guess, and for data alone.
        key: Columns that identify a row; empty for a guess.

    Raises:
        ConfigError: The name or task cannot be used, or the folder exists; nothing was changed.
        InputError: The sample cannot be read or does not suit the task; nothing was changed.
    """
    _check(name, task, parent / name)
    data = _data(task, sample)
    found = profile(next(iter(data.values())), task, target, key)
    texts = _texts(name, task, found)
    folder = parent / name
    try:
        folder.mkdir()
    except FileExistsError as error:
        raise _exists(folder) from error
    try:
        for path, text in texts.items():
            file = folder / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        _write_data(folder / "data", data, sample)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    files = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return Written(folder, files, tuple(data), found)


def _check(name: str, task: str, folder: Path) -> None:
    from mlops.pipelines.registry import pipeline_names

    if task not in TASKS:
        raise ConfigError(
            "there is no such task for new projects", where=task, todo=f"there are {', '.join(TASKS)}"
        )
    try:
        names.check_repository(name)
    except MlopsError as error:
        raise ConfigError(error.what, where=error.where or name, todo=error.todo) from error
    if name in pipeline_names():
        raise ConfigError("a pipeline of this name exists", where=name, todo="choose another name")
    if folder.exists() or folder.is_symlink():
        raise _exists(folder)


def _exists(folder: Path) -> ConfigError:
    return ConfigError("exists already and is not changed", where=str(folder), todo="choose another name")


def _data(task: str, sample: Path | None) -> dict[str, pd.DataFrame]:
    """Return arrival to rows."""
    from mlops.pipelines.sources.table_files import read_local
    from mlops.project_template import samples

    if sample is None:
        return {f"part-{part}": samples.sample(task, part) for part in (1, 2)}
    return {"sample": read_local(sample)}


def _write_data(folder: Path, data: Mapping[str, pd.DataFrame], sample: Path | None) -> None:
    folder.mkdir()
    if sample is not None:
        suffix = next(
            end for end in (".csv.gz", ".csv.zip", ".csv", ".parquet") if sample.name.lower().endswith(end)
        )
        shutil.copyfile(sample, folder / f"sample{suffix}")
        return
    for arrival, frame in data.items():
        frame.to_csv(folder / f"{arrival}.csv", index=False, lineterminator="\n")


def _texts(name: str, task: str, found: Profile) -> dict[str, str]:
    """Return path to content of all files but the data."""
    values = _values(name, task, found)
    root = resources.files("mlops.project_template").joinpath("files")
    texts: dict[str, str] = {}
    own = _FILES_OF_DATA if task == "data" else _FILES_WITH_MODEL
    for part, path in {**_FILES, **own}.items():
        source = root.joinpath(*f"{part.replace('TASK', task)}.template".split("/"))
        texts[_filled(path, values)] = _filled(source.read_text(encoding="utf-8"), values)
    for table in (TABLE, "processed"):
        document = suite(found.columns, table, found.key, 1 if table == "processed" else 2)
        texts[f"expectations/{name}/{table}.json"] = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    return texts


def _filled(text: str, values: Mapping[str, str]) -> str:
    # In one pass: what a sample's column is called is never taken for a placeholder.
    return _PLACEHOLDER.sub(lambda match: values[match[1]], text)


def _values(name: str, task: str, found: Profile) -> dict[str, str]:
    kinds = {column.name: f"Kind.{column.kind.name}" for column in found.columns}
    numbers = [n for n in found.model_input if found.column(n).kind in (Kind.INTEGER, Kind.NUMBER)]
    classes = found.column(found.target).values if found.target else ()
    return {
        "name": name,
        "package": _package(name),
        "version": __version__,
        "task": task,
        "schema": "{\n" + "".join(f"    {k!r}: {v},\n" for k, v in kinds.items()) + "}",
        "key": repr(found.key),
        "cluster": repr(found.cluster),
        "target": repr(found.target),
        "numbers": _pretty(tuple(numbers)),
        "categories": _pretty(tuple(n for n in found.model_input if n not in numbers)),
        "excluded": _pretty(found.excluded),
        "classes": _pretty(classes),
        "tolerance": f"{found.spread / 10:.3g}",
        **_BY_TASK[task],
    }


def _pretty(value: object) -> str:
    return pprint.pformat(value, width=100, sort_dicts=False)


def _package(name: str) -> str:
    """Return the name of the project's package, which must be nobody else's."""
    package = re.sub(r"\W", "_", name)
    if not package.isidentifier() or keyword.iskeyword(package) or importlib.util.find_spec(package):
        package = f"pipeline_{package}"
    return package
