"""MLflow plugins for ``lakefs://`` addresses: models and datasets are read from the lake by their commit.

They are found by entry points: in any process ``mlflow.sklearn.load_model("lakefs://<name>/<commit>/model")``
reads the promoted bytes. Address and key of the lake come from ``LAKECTL_*``, the file that
``LAKECTL_CONFIG_FILE`` names, the state directory, or ``~/.lakectl.yaml``; the keys whose signatures count
from the folder that ``MLOPS_TRUSTED_KEYS`` names, or the state directory.

Everything that MLflow receives from a lake is checked here. But MLflow's own database decides which address
``models:/<name>@champion`` names, and that need not be a lake. `mlops.load_champion` does not use it.
"""

from __future__ import annotations

import functools
import hashlib
import importlib
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mlflow.data.dataset_source import DatasetSource
from mlflow.entities import FileInfo
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import (
    DATA_LOSS,
    INVALID_PARAMETER_VALUE,
    PERMISSION_DENIED,
    RESOURCE_DOES_NOT_EXIST,
    TEMPORARILY_UNAVAILABLE,
)
from mlflow.store.artifact.artifact_repo import ArtifactRepository

from mlops.adapters.lake import credentials
from mlops.adapters.lake import uri as lake_uri
from mlops.adapters.lake.lake import LakeFSLake, connect
from mlops.adapters.models import nodes
from mlops.adapters.models.opening import opened
from mlops.adapters.record import signing
from mlops.adapters.tracking import guard
from mlops.runs import names
from mlops.runs.errors import Corrupt, InputError, LakeDenied, LakeUnavailable, MlopsError, NotFound
from mlops.runs.ports import ObjectStat
from mlops.runs.promotion.promoted import PromotedBytes
from mlops.runs.record.promotion import signed_by
from mlops.runs.saved_types import SavedType

_CODES: Mapping[type[MlopsError], int] = {
    NotFound: RESOURCE_DOES_NOT_EXIST,
    LakeDenied: PERMISSION_DENIED,
    LakeUnavailable: TEMPORARILY_UNAVAILABLE,
    Corrupt: DATA_LOSS,
}


_PIPELINES = "mlops.pipelines"
_SETTINGS = "mlops.settings"
_MODEL_SUFFIXES = frozenset({".skops", ".pkl", ".pickle", ".joblib", ".cloudpickle"})


class LakeFSArtifactRepository(ArtifactRepository):
    """The objects below ``lakefs://<repository>/<ref>/<path>``, read-only.

    A name that may move is resolved to its commit once, so that all files come from the same one. A file is
    handed out only if a promotion on `main` that a trusted key signed records its SHA-256, wherever the file
    is stored; an ``MLmodel`` is checked by `guard` and a skops file by `mlops.adapters.models`,
    before MLflow sees them.
    """

    def __init__(
        self, artifact_uri: str, tracking_uri: str | None = None, registry_uri: str | None = None
    ) -> None:
        super().__init__(artifact_uri, tracking_uri, registry_uri)
        with _as_mlflow_errors():
            self._root = lake_uri.parse(artifact_uri)

    def log_artifact(self, local_file: str, artifact_path: str | None = None) -> None:
        """Refuse to write: commits do not change."""
        del local_file, artifact_path
        raise self._read_only()

    def log_artifacts(self, local_dir: str, artifact_path: str | None = None) -> None:
        """Refuse to write: commits do not change."""
        del local_dir, artifact_path
        raise self._read_only()

    def list_artifacts(self, path: str | None = None) -> list[FileInfo]:
        """Return files and folders directly below ``path``, ascending; nothing where it is a file.

        Raises:
            MlflowException: There is nothing at this path, or the lake cannot be read.
        """
        with _as_mlflow_errors():
            wanted = lake_uri.check_path((path or "").rstrip("/"))
            stats = self._below(wanted)
            if not stats and wanted:
                self._lake.stat(self._commit, self._full(wanted))
            return _children(stats, len(self._full("", slash=True)), len(self._full(wanted, slash=True)))

    def _download_file(self, remote_file_path: str, local_path: str) -> None:
        with _as_mlflow_errors():
            full = self._full(lake_uri.check_path(remote_file_path))
            target = Path(local_path)
            self._lake.download(self._commit, full, target)
            try:
                self._check(full, target)
            except MlopsError:
                target.unlink()
                raise

    def _check(self, full: str, target: Path) -> None:
        where = f"{self._root.repository}/{self._commit}/{full}"
        if self._promoted.holder(_sha256(target)) is None:
            raise Corrupt(
                "its bytes are not the ones of a promotion on main",
                where=where,
                todo="run `mlops audit`; rows are read as a dataset, not as an artifact",
            )
        if _is_description(target):
            guard.check(target.read_bytes(), nodes.paths(self._trusted), where)
        elif target.suffix.casefold() == Path(guard.MODEL_FILE).suffix:
            # MLflow opens it without looking at its arrays: that it can be is found out here.
            opened(target.read_bytes(), self._trusted, where)

    @functools.cached_property
    def _lake(self) -> LakeFSLake:
        return LakeFSLake(connect(credentials.discover()), self._root.repository)

    @functools.cached_property
    def _commit(self) -> str:
        ref = self._root.ref
        return ref if names.is_commit_id(ref) else self._lake.commit_of(ref).id

    @functools.cached_property
    def _promoted(self) -> PromotedBytes:
        return PromotedBytes(self._lake, self._commit, signed_by(trusted_keys()))

    @functools.cached_property
    def _trusted(self) -> Sequence[SavedType]:
        return trusted_types(self._root.repository)

    def _below(self, path: str) -> list[ObjectStat]:
        stats = self._lake.list(self._commit, self._full(path, slash=True))
        for stat in stats:
            lake_uri.check_path(stat.path)
        return stats

    def _full(self, path: str, *, slash: bool = False) -> str:
        joined = "/".join(part for part in (self._root.path, path) if part)
        return f"{joined}/" if slash and joined else joined

    def _read_only(self) -> MlflowException:
        return MlflowException(
            f"{self._root} is read-only: a commit cannot be changed, and a branch only through its run",
            error_code=INVALID_PARAMETER_VALUE,
        )


class _Rows(LakeFSArtifactRepository):
    """The same for datasets: rows need no promotion, and nothing that could be loaded as a model is read."""

    def _check(self, full: str, target: Path) -> None:
        if _is_description(target) or target.suffix.casefold() in _MODEL_SUFFIXES:
            raise InputError("a model is no dataset", where=full)


class LakeFSDatasetSource(DatasetSource):
    """A dataset at ``lakefs://<repository>/<ref>/<path>``: one object, or all below a prefix."""

    def __init__(self, uri: str) -> None:
        with _as_mlflow_errors():
            self._uri = lake_uri.parse(uri)
        self._given = uri

    @property
    def uri(self) -> str:
        """Return its address."""
        return self._given

    @staticmethod
    def _get_source_type() -> str:
        return lake_uri.SCHEME

    def load(self, dst_path: str | None = None) -> str:
        """Download it below a local folder, by default a new one, and return its local path."""
        parent, _, name = self._uri.path.rpartition("/")
        folder = dst_path or tempfile.mkdtemp(prefix="mlops-dataset-")
        root = _Rows(str(self._uri._replace(path=parent)))
        return root.download_artifacts(name, folder)

    @staticmethod
    def _can_resolve(raw_source: Any) -> bool:
        if not isinstance(raw_source, str) or not raw_source.startswith(f"{lake_uri.SCHEME}://"):
            return False
        try:
            lake_uri.parse(raw_source)
        except MlopsError:
            return False
        return True

    @classmethod
    def _resolve(cls, raw_source: str) -> LakeFSDatasetSource:
        return cls(raw_source)

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON types."""
        return {"uri": self._given}

    @classmethod
    def from_dict(cls, source_dict: dict[Any, Any]) -> LakeFSDatasetSource:
        """Return the source that `to_dict` described."""
        return cls(source_dict["uri"])


def _is_description(file: Path) -> bool:
    # A file system may take names that differ in case for the same.
    return file.name.casefold() == guard.FILE_NAME.casefold()


def trusted_types(repository: str) -> Sequence[SavedType]:
    """Return the types that the pipeline of a repository trusts.

    Raises:
        ConfigError: No pipeline has the repository's name, so nobody says what its models may hold.
    """
    # Adapters import no pipeline; which ones there are is looked up by name when a model is read.
    return importlib.import_module(_PIPELINES).pipeline(repository).trusted_types


def trusted_keys() -> signing.TrustedKeys:
    """Return the public keys whose signatures count in this process.

    Raises:
        ConfigError: A setting cannot be used, or the folder holds something that is no key.
    """
    return signing.load_trusted(importlib.import_module(_SETTINGS).load().trusted_folder)


@contextmanager
def _as_mlflow_errors() -> Iterator[None]:
    try:
        yield
    except MlopsError as error:
        code = next(
            (code for kind, code in _CODES.items() if isinstance(error, kind)), INVALID_PARAMETER_VALUE
        )
        raise MlflowException(str(error), error_code=code) from error


def _children(stats: list[ObjectStat], root_size: int, folder_size: int) -> list[FileInfo]:
    """Return the entries directly in a folder, with paths relative to the root."""
    found: dict[str, FileInfo] = {}
    for stat in stats:
        name, slash, _ = stat.path[folder_size:].partition("/")
        path = stat.path[root_size:folder_size] + name
        found[path] = FileInfo(path, bool(slash), None if slash else stat.size_bytes)
    return list(found.values())


def _sha256(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
