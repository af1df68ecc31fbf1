"""Addresses of pages: lakeFS's own (the embedded server answers at the same ones), MLflow's and Dagster's."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote, urlencode

from mlops.runs import names


@dataclass(frozen=True)
class Links:
    """Links to pages for people.

    Attributes:
        lake: Base address of the lakeFS server.
        repository: The pipeline's repository.
        mlflow: Base address of the MLflow pages; empty where none are served.
        dagster: Base address of the Dagster pages; empty where none are served.
    """

    lake: str
    repository: str
    mlflow: str = ""
    dagster: str = ""

    def _page(self, path: str, /, **query: str) -> str:
        base = f"{self.lake.rstrip('/')}/repositories/{quote(self.repository)}/{path}"
        return f"{base}?{urlencode(query)}" if query else base

    def compare(self, base: str, source: str) -> str:
        """Return the page that shows what merging ``source`` into ``base`` would change."""
        return self._page("compare", ref=base, compare=source)

    def commit(self, commit: str) -> str:
        """Return the page of a commit."""
        return self._page(f"commits/{quote(commit)}")

    def objects(self, ref: str, prefix: str = "") -> str:
        """Return the page that lists the objects of a ref."""
        return self._page("objects", ref=ref, path=prefix)

    def object(self, ref: str, path: str) -> str:
        """Return the page of one object of a ref."""
        return self._page("object", ref=ref, path=path)

    def report(self, commit: str) -> str:
        """Return the page of a run's report in a commit."""
        return self.object(commit, names.RUN_PAGE)

    def pull_request(self, pull: str) -> str:
        """Return the page of a pull request."""
        return self._page(f"pulls/{quote(pull)}")

    def validation(self, commit: str) -> str:
        """Return the page of what the suites said, in the commit that holds it."""
        return self.object(commit, f"{names.VALIDATION}README.md")

    def mlflow_run(self, experiment_id: str, run_id: str) -> str:
        """Return MLflow's page of a run, or nothing where no MLflow pages are served."""
        return f"{self.mlflow}/#/experiments/{experiment_id}/runs/{run_id}" if self.mlflow else ""

    def mlflow_model(self, model: str) -> str:
        """Return MLflow's page of a registered model, or nothing where no MLflow pages are served."""
        return f"{self.mlflow}/#/models/{model}" if self.mlflow else ""

    def dagster_run(self, run_id: str) -> str:
        """Return Dagster's page of a run, or nothing where no Dagster pages are served."""
        return f"{self.dagster}/runs/{run_id}" if self.dagster else ""
