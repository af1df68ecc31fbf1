"""Addresses of pages: lakeFS's own (the embedded server answers at the same ones), MLflow's and Dagster's."""

from __future__ import annotations

import base64
import urllib.request
from dataclasses import dataclass, field
from urllib.parse import quote, urlencode

from mlops.runs import names

_TIMEOUT_S = 3.0


class _Stay(urllib.request.HTTPRedirectHandler):
    """Follows no redirection: it may lead to another server, which would get the key."""

    def redirect_request(self, *_args: object, **_kwargs: object) -> None:
        """Return no request to follow."""


_opener = urllib.request.build_opener(_Stay)


@dataclass(frozen=True)
class Links:
    """Where people look.

    Attributes:
        lake: Base address of the lakeFS server.
        repository: The pipeline's repository.
        mlflow: Base address of the MLflow pages; empty where none are served.
        dagster: Base address of the Dagster pages; empty where none are served.
        key: Access key and secret of the lake, with which pages are tried out; None to go without. No address
            ever has it.
    """

    lake: str
    repository: str
    mlflow: str = ""
    dagster: str = ""
    key: tuple[str, str] | None = field(default=None, repr=False)

    def opens(self, address: str) -> bool:
        """Tell whether a page answers 200 now; pages that ask for the lake's key are asked with it."""
        if not address.startswith(("http://", "https://")):
            return False
        request = urllib.request.Request(address)  # noqa: S310 - checked above
        guarded = [base for base in (self.lake, self.mlflow, self.dagster) if base]
        if self.key is not None and any(address.startswith(f"{base.rstrip('/')}/") for base in guarded):
            token = base64.b64encode(":".join(self.key).encode()).decode()
            request.add_header("Authorization", f"Basic {token}")
        try:
            with _opener.open(request, timeout=_TIMEOUT_S) as answer:
                return answer.status == 200
        except (OSError, ValueError):
            return False

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

    def report(self, commit: str) -> str:
        """Return the page of a run's report in a commit."""
        return self._page("object", ref=commit, path=names.RUN_PAGE)

    def mlflow_run(self, experiment_id: str, run_id: str) -> str:
        """Return MLflow's page of a run, or nothing where no MLflow pages are served."""
        return f"{self.mlflow}/#/experiments/{experiment_id}/runs/{run_id}" if self.mlflow else ""

    def mlflow_model(self, model: str) -> str:
        """Return MLflow's page of a registered model, or nothing where no MLflow pages are served."""
        return f"{self.mlflow}/#/models/{model}" if self.mlflow else ""

    def dagster_run(self, run_id: str) -> str:
        """Return Dagster's page of a run, or nothing where no Dagster pages are served."""
        return f"{self.dagster}/runs/{run_id}" if self.dagster else ""
