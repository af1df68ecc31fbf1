"""Handlers of permission checks before an operation; the one user may do everything."""

from __future__ import annotations

from mlops.lakeserver.http.responses import Response, no_content
from mlops.lakeserver.http.wire import Request


def upload_object_preflight(request: Request) -> Response:
    """Says that the user may upload; as in lakeFS, not whether the branch is there or protected."""
    request.required("path")
    return no_content()


def create_branch_protection_rule_preflight(_: Request) -> Response:
    """Says that the user may change the branch protection rules."""
    return no_content()


def set_garbage_collection_rules_preflight(_: Request) -> Response:
    """Says that the user may change the retention rules."""
    return no_content()
