"""Pull requests of one lakeFS repository."""

from __future__ import annotations

from contextlib import suppress

from mlops.adapters.lake.objects import LakeObjects
from mlops.runs import json_values
from mlops.runs.errors import NotFound
from mlops.runs.ports import PullRequest

#: Rows of a page.
_PAGE = 200


class LakePullRequests(LakeObjects):
    """The pull requests of a repository."""

    def pull_requests(self) -> list[PullRequest]:
        """Return the open pull requests."""
        found: list[PullRequest] = []
        after = ""
        while True:
            # lakeFS leaves their descriptions out of the list, and the SDK's model refuses such rows.
            with self._calls("pull requests"):
                answer = self._api.pulls_api.list_pull_requests_with_http_info(
                    self._repository, status="open", after=after, amount=_PAGE, _preload_content=False
                )
                page = json_values.mapping(json_values.parse(answer.raw_data))
            rows = [json_values.mapping(row) for row in json_values.items(page.get("results", []))]
            found += [
                PullRequest(str(row["id"]), str(row["source_branch"]), str(row["destination_branch"]))
                for row in rows
            ]
            pagination = json_values.mapping(page.get("pagination"))
            if not pagination.get("has_more"):
                return found
            after = str(pagination["next_offset"])

    def open_pull_request(self, source: str, into: str, title: str, description: str) -> str:
        """Open a pull request of two branches, described in Markdown; return its id."""
        from lakefs_sdk.models.pull_request_creation import PullRequestCreation

        with self._calls(source):
            creation = PullRequestCreation(
                title=title, description=description, source_branch=source, destination_branch=into
            )
            return self._api.pulls_api.create_pull_request(self._repository, creation).id

    def end_pull_request(self, pull: str, *, merged: bool) -> None:
        """Set a pull request to closed or merged; one that does not exist is no error."""
        from lakefs_sdk.models.pull_request_basic import PullRequestBasic

        with suppress(NotFound), self._calls(pull):
            basic = PullRequestBasic(status="merged" if merged else "closed")
            self._api.pulls_api.update_pull_request(self._repository, pull, basic)
