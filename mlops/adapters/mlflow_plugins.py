"""MLflow plugins for ``lakefs://`` addresses: models and datasets are read from the lake by their commit.

They are found by entry points: in any process ``mlflow.sklearn.load_model("models:/<name>@champion")`` reads
the promoted commit's bytes. Address and key of the lake come from ``LAKECTL_*``, the file that
``LAKECTL_CONFIG_FILE`` names, the state directory, or ``~/.lakectl.yaml``.
"""

from __future__ import annotations

import functools
import hashlib
import json
import tempfile
from collections.abc import Iterator, Mapping
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

from mlops.adapters import lake_credentials, lake_uri, mlflow_guard
from mlops.adapters.lake import LakeFSLake, connect
from mlops.runs import names
from mlops.runs.errors import Corrupt, LakeDenied, LakeUnavailable, MlopsError, NotFound
from mlops.runs.model import Champion
from mlops.runs.ports import ObjectStat

_CODES: Mapping[type[MlopsError], int] = {
    NotFound: RESOURCE_DOES_NOT_EXIST,
    LakeDenied: PERMISSION_DENIED,
    LakeUnavailable: TEMPORARILY_UNAVAILABLE,
    Corrupt: DATA_LOSS,
}


class LakeFSArtifactRepository(ArtifactRepository):
    """The objects below ``lakefs://<repository>/<ref>/<path>``, read-only.

    A name that may move is resolved to its commit once, so that all files come from the same one. Files of a
    promotion are checked against the SHA-256 in ``champion.json``, and an ``MLmodel`` by `mlflow_guard`,
    before MLflow sees them.
    """

    def __init__(
        self, artifact_uri: str, tracking_uri: str | None = None, registry_uri: str | None = None
    ) -> None:
        super().__init__(artifact_uri, tracking_uri, registry_uri)
        with _as_mlflow_errors():
            self._root = lake_uri.parse(artifact_uri)

    def log_artifact(self, local_file: str, artifact_path: str | None = None) -> None:
        """Refuse: what MLflow refers to is a commit, and commits do not change."""
        del local_file, artifact_path
        raise self._read_only()

    def log_artifacts(self, local_dir: str, artifact_path: str | None = None) -> None:
        """Refuse: what MLflow refers to is a commit, and commits do not change."""
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
        expected = self._promoted.get(full)
        if expected is not None and _sha256(target) != expected:
            raise Corrupt("its bytes are not the ones that were promoted", where=where, todo="mlops audit")
        if target.name == mlflow_guard.FILE_NAME:
            mlflow_guard.check(target.read_bytes(), where)

    @functools.cached_property
    def _lake(self) -> LakeFSLake:
        return LakeFSLake(connect(lake_credentials.discover()), self._root.repository)

    @functools.cached_property
    def _commit(self) -> str:
        ref = self._root.ref
        return ref if names.is_commit_id(ref) else self._lake.commit_of(ref).id

    @functools.cached_property
    def _promoted(self) -> Mapping[str, str]:
        """Path to SHA-256 of the objects of the promotion that this commit holds."""
        try:
            content = self._lake.read(self._commit, names.CHAMPION)
        except NotFound:
            return {}
        try:
            champion = Champion.from_json(json.loads(content))
        except ValueError as error:
            raise Corrupt("not JSON", where=f"{self._commit}/{names.CHAMPION}") from error
        return {record.path: record.sha256 for record in champion.objects}

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


class LakeFSDatasetSource(DatasetSource):
    """A dataset at ``lakefs://<repository>/<ref>/<path>``: one object, or all below a prefix."""

    def __init__(self, uri: str) -> None:
        with _as_mlflow_errors():
            self._uri = lake_uri.parse(uri)
        self._given = uri

    @property
    def uri(self) -> str:
        """Where it lies."""
        return self._given

    @staticmethod
    def _get_source_type() -> str:
        return lake_uri.SCHEME

    def load(self, dst_path: str | None = None) -> str:
        """Download it below a local folder, by default a new one, and return its local path."""
        parent, _, name = self._uri.path.rpartition("/")
        folder = dst_path or tempfile.mkdtemp(prefix="mlops-dataset-")
        root = LakeFSArtifactRepository(str(self._uri._replace(path=parent)))
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
    """Return what lies directly in a folder; paths are relative to the root, cut off by their lengths."""
    found: dict[str, FileInfo] = {}
    for stat in stats:
        name, slash, _ = stat.path[folder_size:].partition("/")
        path = stat.path[root_size:folder_size] + name
        found[path] = FileInfo(path, bool(slash), None if slash else stat.size_bytes)
    return list(found.values())


def _sha256(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
