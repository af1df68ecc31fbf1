"""A promotion as files that can be served: its model, the types of its input and rows to try it on.

The files are kept below the state folder, so that a restart without the lake serves the last promotion that
was verified. They are written whole or not at all, and every one is compared with its SHA-256 before it is
used.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops.adapters import tables
from mlops.adapters.lake import uri
from mlops.adapters.lake.credentials import write_private
from mlops.adapters.models import saved_files
from mlops.pipelines.tasks import Ranking
from mlops.runs import names
from mlops.runs.digest import document, sha256
from mlops.runs.errors import ConfigError, Corrupt, InputError, NotFound
from mlops.runs.promotion.promoted import Promoted, Verify, current
from mlops.runs.records import ObjectRecord
from mlops.serving.request_schema import RequestSchema, schema_of
from mlops.steps.champion import below, files_of_model

if TYPE_CHECKING:
    import pandas as pd

    from mlops.adapters.lake.lake import LakeFSLake
    from mlops.pipelines.spec import PipelineSpec

_CURRENT = "current.json"
_RECORD = "package.json"
_SAMPLE = "sample.parquet"
_SUITE = "suite.json"
_SAMPLE_ROWS = 50


@dataclass(frozen=True)
class Package:
    """A promotion that can be served.

    Attributes:
        name: The pipeline.
        number: The promotion's number.
        commit: The commit of `main`.
        folder: Where its files are.
        objects: The files of the model, with paths relative to ``model/``.
        others: Name of a further file to its SHA-256.
    """

    name: str
    number: int
    commit: str
    folder: Path
    objects: tuple[ObjectRecord, ...]
    others: dict[str, str]

    def check(self) -> None:
        """Raise `Corrupt` unless every file is the one that was kept."""
        saved_files.check(self.folder / names.MODEL.rstrip("/"), self.objects)
        for name in self.others:
            self._other(name)

    def sample(self) -> pd.DataFrame:
        """Return rows of model input out of the promotion's holdout.

        Raises:
            Corrupt: The file is not the one that was kept.
        """
        return tables.read_parquet(self._other(_SAMPLE), where=_SAMPLE)

    def schema(self) -> RequestSchema:
        """Return the columns of requests.

        Raises:
            Corrupt: A file is not the one that was kept.
        """
        return schema_of(self.sample(), json.loads(self._other(_SUITE)))

    def model(self, spec: PipelineSpec) -> Any:
        """Return the model, loaded by the pipeline's list of types.

        Raises:
            Corrupt: A file is not the one that was promoted.
            InputError: The model holds something that the pipeline does not admit.
        """
        return saved_files.load(self.folder / names.MODEL.rstrip("/"), self.objects, spec.trusted_types)

    def _other(self, name: str) -> bytes:
        try:
            data = (self.folder / name).read_bytes()
        except OSError as error:
            raise Corrupt(f"cannot be read: {error.strerror}", where=str(self.folder / name)) from error
        if sha256(data) != self.others.get(name):
            raise Corrupt("is not the file that was kept", where=str(self.folder / name))
        return data


def check_servable(spec: PipelineSpec) -> None:
    """Raise `ConfigError` unless a pipeline's champion can answer single rows."""
    if not spec.has_model:
        raise ConfigError(
            "the pipeline holds data alone and has no model",
            where=spec.name,
            todo=f"`mlops versions {spec.name}` lists its data",
        )
    if isinstance(spec.task, Ranking):
        raise ConfigError(
            "models of this task answer whole lists", where=spec.name, todo=f"mlops recommend {spec.name}"
        )


def fetch(lake: LakeFSLake, verify: Verify, spec: PipelineSpec, root: Path) -> Package:
    """Return the champion of `main` as files, downloaded unless they are there.

    Args:
        lake: The pipeline's repository.
        verify: What vouches for the promotion.
        spec: The pipeline.
        root: Folder for packages of all pipelines.

    Raises:
        NotFound: Nothing was promoted yet.
        Corrupt: The record on `main` or the bytes in the lake are not the ones that were promoted.
        LakeUnavailable: The lake does not answer.
    """
    found = current(lake, verify)
    home = root / spec.name
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        kept = _opened(home / found.commit.id, spec.name)
        kept.check()
        return kept
    except (NotFound, Corrupt):
        return _downloaded(lake, found, spec, home)


def note_current(root: Path, package: Package) -> None:
    """Keep in mind which package was served last, and remove the others of its pipeline but one."""
    home = root / package.name
    write_private(home / _CURRENT, document({"commit": package.commit}).decode())
    others = [folder for folder in home.iterdir() if folder.is_dir() and folder != package.folder]
    for folder in sorted(others, key=lambda folder: folder.stat().st_mtime)[:-1]:
        shutil.rmtree(folder, ignore_errors=True)


def last_served(root: Path, name: str) -> Package:
    """Return the package that was served last, from its files alone.

    Raises:
        NotFound: None was.
        Corrupt: Its files are not the ones that were kept.
    """
    try:
        commit = json.loads((root / name / _CURRENT).read_bytes())["commit"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise NotFound("no champion was served from here before", where=name) from error
    return _opened(root / name / uri.check_path(str(commit)), name)


def _opened(folder: Path, name: str) -> Package:
    try:
        kept = json.loads((folder / _RECORD).read_bytes())
        return Package(
            name=name,
            number=kept["number"],
            commit=kept["commit"],
            folder=folder,
            objects=tuple(ObjectRecord(**record) for record in kept["objects"]),
            others=dict(kept["others"]),
        )
    except FileNotFoundError as error:
        raise NotFound("no such package", where=str(folder)) from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Corrupt("is no record of a package", where=str(folder / _RECORD)) from error


def _downloaded(lake: LakeFSLake, found: Promoted, spec: PipelineSpec, home: Path) -> Package:
    objects = files_of_model(found.champion.objects)
    if not objects:
        raise Corrupt("records no model", where=f"promotion {found.champion.number}", todo="mlops audit")
    part = Path(tempfile.mkdtemp(dir=home, prefix="part-"))
    try:
        for record in objects:
            lake.download(found.commit.id, record.path, part / uri.check_path(record.path))
        others = {_SAMPLE: _sample(lake, found, spec), _SUITE: _suite(lake, found)}
        for name, data in others.items():
            (part / name).write_bytes(data)
        kept = {
            "number": found.champion.number,
            "commit": found.commit.id,
            "objects": [asdict(record) for record in below(names.MODEL, objects)],
            "others": {name: sha256(data) for name, data in others.items()},
        }
        (part / _RECORD).write_bytes(document(kept))
        target = home / found.commit.id
        shutil.rmtree(target, ignore_errors=True)
        part.replace(target)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return _opened(target, spec.name)


def _sample(lake: LakeFSLake, found: Promoted, spec: PipelineSpec) -> bytes:
    """Return rows of the promotion's holdout, of which the record has the SHA-256."""
    data = _recorded(lake, found, names.HOLDOUT)
    rows = tables.read_parquet(data, where=names.HOLDOUT, columns=spec.model_input)
    if rows.empty:
        raise InputError("holds no rows", where=names.HOLDOUT)
    return tables.to_parquet(rows.head(_SAMPLE_ROWS))


def _suite(lake: LakeFSLake, found: Promoted) -> bytes:
    return lake.read(found.commit.id, names.suite_path("processed"))


def _recorded(lake: LakeFSLake, found: Promoted, path: str) -> bytes:
    data = lake.read(found.commit.id, path)
    if [record.sha256 for record in found.objects(path)] != [sha256(data)]:
        raise Corrupt("is not the object that was promoted", where=f"{found.commit.id[:12]}:{path}")
    return data
