"""A lakeFS repository as a store: a run writes to its branch, and reads at a commit of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from mlops.orchestration.lake.chains import Run
from mlops.orchestration.lake.errors import NotStored, StorageError, lake_calls
from mlops.orchestration.lake.values import Dump, Loaded, Measured, Stored

if TYPE_CHECKING:
    from mlops.orchestration.lake.stores import DataStore


@dataclass(frozen=True)
class LakeStore:
    """Values of a run on its lakeFS branch.

    Attributes:
        data: Where the branch is.
        run: The run; None to read outside one.
        repository: Name of the repository.
        prefix: Of all paths; empty for none.
    """

    data: DataStore
    run: Run | None
    repository: str
    prefix: str

    def write(self, path: str, dump: Dump, *, title: str, metadata: Mapping[str, str]) -> Stored:
        """Upload a value in one request after all of it was written to a buffer, and commit it."""
        if self.run is None:
            raise StorageError("values are written to lakeFS inside a run alone: it has the branch for them")
        branch, _ = self.data.opened(self.run)
        path = self._full(path)
        size_bytes, md5 = self._upload(f"{self.repository}/{branch.name}/{path}", dump)
        commit = branch.commit(title, {**metadata, "dagster_run_id": self.run.run_id})
        self._check(commit, path, size_bytes, md5)
        return Stored(
            self._uri(commit, path),
            size_bytes,
            f"md5:{md5}",
            self._link(commit, path),
            branch.name,
            commit,
        )

    def read(self, path: str) -> Loaded:
        """Return the bytes of a value at the newest commit of the run's branch."""
        path = self._full(path)
        commit = self._commit_to_read()
        repository = self.data.lakefs.repository(self.repository)
        reader = repository.ref(commit).object(path).reader("rb", pre_sign=self.data.lakefs.pre_sign)
        try:
            with lake_calls(self._uri(commit, path), self.data.lakefs.address):
                content: Any = reader.read()
        except NotStored:
            raise NotStored(
                f"{self._uri(commit, path)} is not there: materialize it in this run, or merge a run that did"
            ) from None
        return Loaded(self._uri(commit, path), content, commit)

    def _commit_to_read(self) -> str:
        if self.run is not None:
            return self.data.commit_of(self.run)
        source = self.data.source_branch
        with lake_calls(f"lakefs://{self.repository}/{source}", self.data.lakefs.address):
            return self.data.lakefs.repository(self.repository).branch(source).get_commit().id

    def _upload(self, target: str, dump: Dump) -> tuple[int, str]:
        """Upload a value, and return its size and MD5."""
        writer: Any = self.data.lakefs.fs().open(f"lakefs://{target}", "wb")
        try:
            with Measured(writer) as measured:
                dump(measured)  # pyright: ignore[reportArgumentType] - a stream for writing
                size_bytes, md5 = measured.size_bytes, measured.md5()
            writer.metadata = {"md5": md5}
        except BaseException:
            writer.discard()
            raise
        with lake_calls(f"lakefs://{target}", self.data.lakefs.address):
            writer.close()
        return size_bytes, md5

    def _check(self, commit: str, path: str, size_bytes: int, md5: str) -> None:
        """Prove that the commit holds what was sent: it may be another step's commit."""
        with lake_calls(self._uri(commit, path), self.data.lakefs.address):
            stat = self.data.lakefs.repository(self.repository).ref(commit).object(path).stat(pre_sign=False)
        if (stat.size_bytes, (stat.metadata or {}).get("md5")) != (size_bytes, md5):
            raise StorageError(
                f"{self._uri(commit, path)} is not what this step wrote: does another write it?"
            )

    def _full(self, path: str) -> str:
        return f"{self.prefix}/{path}" if self.prefix else path

    def _uri(self, ref: str, path: str) -> str:
        return f"lakefs://{self.repository}/{ref}/{path}"

    def _link(self, commit: str, path: str) -> str:
        query = urlencode({"ref": commit, "path": path})
        return f"{self.data.lakefs.address}/repositories/{quote(self.repository)}/object?{query}"
