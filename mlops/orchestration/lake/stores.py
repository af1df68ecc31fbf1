"""The place where values lie: a lakeFS repository or a local folder, by one configuration value."""

# Annotations are not postponed here: Dagster reads those of resource dependencies as they stand.

import threading
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import dagster as dg
from pydantic import Field, PrivateAttr

from mlops.orchestration.lake.branches import RunBranch
from mlops.orchestration.lake.chains import Run
from mlops.orchestration.lake.errors import BranchGone, ConfigurationFault
from mlops.orchestration.lake.folder import FolderStore
from mlops.orchestration.lake.lake_store import LakeStore
from mlops.orchestration.lake.lakefs_resource import LakeFSResource
from mlops.orchestration.lake.values import Store

#: Tags of a Dagster run that say where its values lie.
REPOSITORY_TAG, BRANCH_TAG, BASE_TAG = "lakefs/repository", "lakefs/branch", "lakefs/base_commit"


class DataStore(dg.ConfigurableResource):
    """A place for the values of assets.

    On lakeFS each run and its retries write to a branch of their own, which is created from the newest commit
    of ``source_branch`` when the run first reads or writes; the run's tags name both. Every value is
    committed as soon as it is written, and read at a commit of the run's branch: what the run itself has
    written, else what was there when the run began. Outside a run, values are read at the newest commit of
    ``source_branch``. In a folder all runs share one state.
    """

    location: str = Field(description="lakefs://repository[/prefix], or a local folder")
    lakefs: dg.ResourceDependency[LakeFSResource]
    source_branch: str = Field(default="main", description="Where runs begin, and where they are merged")
    branch_prefix: str = Field(default="dagster-", pattern=r"^\w[-\w]*$", description="Of runs' branches")

    _opened: dict[str, str] = PrivateAttr(default_factory=dict)
    _lock: Any = PrivateAttr(default_factory=threading.Lock)

    @property
    def repository(self) -> str:
        """The name of the lakeFS repository; empty where the location is a folder."""
        return self._parts()[0]

    def store_of(self, run: Run | None) -> Store:
        """Return the store of a run; nothing is opened yet.

        Args:
            run: The run; None to read outside one.
        """
        repository, prefix = self._parts()
        if not repository:
            return FolderStore(Path(prefix))
        return LakeStore(self, run, repository, prefix)

    def branch_of(self, run: Run) -> RunBranch:
        """Return the branch of a run on lakeFS; `opened` creates it."""
        name = f"{self.branch_prefix}{run.root_run_id}"
        return RunBranch(self.lakefs, self.repository, name, run.root_run_id, self.source_branch)

    def opened(self, run: Run) -> tuple[RunBranch, str]:
        """Return the branch of a run, created where there is none yet, and the commit that it began with."""
        branch = self.branch_of(run)
        with self._lock:
            if run.run_id not in self._opened:
                base = branch.open(self.known_base(run))
                _set_tags(run, branch, base)
                self._opened[run.run_id] = base
            return branch, self._opened[run.run_id]

    def known_base(self, run: Run) -> str | None:
        """Return the commit that the run's branch was created from, if a run of the chain has recorded it."""
        if run.instance is None:
            return None
        name = self.branch_of(run).name
        for run_id in run.chain:
            found = run.instance.get_run_by_id(run_id)
            # A re-execution inherits the tags of another run, with the branch of that one.
            if found is not None and found.tags.get(BRANCH_TAG) == name:
                return found.tags.get(BASE_TAG)
        return None

    def commit_of(self, run: Run) -> str:
        """Return the commit at which a run reads; after its branch was merged, the last one that it made."""
        try:
            return self.opened(run)[0].head()
        except BranchGone:
            return self.branch_of(run).last_commit()

    def _parts(self) -> tuple[str, str]:
        """Return repository and prefix or, for a folder, nothing and its path."""
        scheme, separator, rest = self.location.partition("://")
        if not separator:
            if not self.location:
                raise ConfigurationFault("`location` is empty: give lakefs://repository or a folder")
            return "", self.location
        if scheme == "file":
            return "", unquote(urlsplit(self.location).path)
        repository, _, prefix = rest.partition("/")
        if scheme != "lakefs" or not repository:
            raise ConfigurationFault(f"`location` is neither lakefs://repository nor a folder: {scheme}://…")
        return repository, prefix.strip("/")


def _set_tags(run: Run, branch: RunBranch, base: str) -> None:
    if run.instance is not None and run.instance.has_run(run.run_id):
        tags = {REPOSITORY_TAG: branch.repository, BRANCH_TAG: branch.name, BASE_TAG: base}
        run.instance.add_run_tags(run.run_id, tags)
