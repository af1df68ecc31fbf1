"""The settings of a repository, to look at; they are changed through the API or with lakectl."""

from __future__ import annotations

from starlette.responses import Response

from mlops.lakeserver.operations import protection, repositories
from mlops.lakeserver.pages.layout import page
from mlops.lakeserver.pages.markup import Part, table, tag
from mlops.lakeserver.pages.visit import Visit


def show_branch_protection(visit: Visit) -> Response:
    """Show the patterns of the branches that change by merges alone."""
    repo = repositories.get(visit.lake, visit.repository)
    rules, _ = protection.get_rules(visit.lake, repo.id)
    rows: list[list[Part]] = [[tag("code", rule["pattern"])] for rule in rules]
    nothing = tag("p", "No branch is protected.", class_="quiet")
    return page(
        "Branch protection",
        table(["Branches that change by merges alone"], rows) if rows else nothing,
        visit=visit,
        repository=repo.id,
        tab="branches",
    )
