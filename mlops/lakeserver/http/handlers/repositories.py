"""Repositories and their settings."""

from __future__ import annotations

import json

from mlops.lakeserver.errors import BadRequest, NotFound
from mlops.lakeserver.http import shapes
from mlops.lakeserver.http.bodies import Body
from mlops.lakeserver.http.responses import Response, json_response, no_content, page_response
from mlops.lakeserver.http.wire import Request
from mlops.lakeserver.operations import protection, repositories


def list_repositories(request: Request) -> Response:
    """Lists repositories."""
    page = repositories.list_page(
        request.lake,
        request.query("prefix"),
        request.query("after"),
        request.amount(),
        request.query("search"),
    )
    return page_response(page, [shapes.repository(repo) for repo in page.results])


def create_repository(request: Request) -> Response:
    """Creates a repository. Only `local://` namespaces; no storage ids."""
    bare = request.flag("bare")
    body = Body(request.body, "RepositoryCreation")
    name = body.text("name", pattern=r"^[a-z0-9][a-z0-9-]{2,62}$")
    namespace = body.text("storage_namespace", pattern=r"^(s3|gs|https?|mem|local|transient)://.*$")
    storage_id = body.text("storage_id", "")
    default_branch = body.text("default_branch", "") or "main"
    sample_data = body.flag("sample_data")
    repo = repositories.create(
        request.lake,
        name,
        namespace,
        default_branch,
        bare=bare,
        storage_id=storage_id,
        read_only=body.flag("read_only"),
    )
    if sample_data and not bare:
        from mlops.lakeserver.sample_data import add_sample_data

        add_sample_data(request.lake, repo, request.user)
    return json_response(shapes.repository(repo), 201)


def get_repository(request: Request) -> Response:
    """Describes a repository."""
    return json_response(shapes.repository(repositories.get(request.lake, request["repository"])))


def delete_repository(request: Request) -> Response:
    """Deletes a repository at once; its bytes go when nothing else refers to them."""
    repositories.delete(request.lake, request["repository"], force=request.flag("force"))
    return no_content()


def get_repository_metadata(request: Request) -> Response:
    """Shows the metadata of a repository."""
    return json_response(repositories.get_metadata(request.lake, request["repository"]))


def set_repository_metadata(request: Request) -> Response:
    """Merges keys into the metadata of a repository."""
    metadata = Body(request.body, "RepositoryMetadataSet").mapping("metadata")
    repositories.set_metadata(request.lake, request["repository"], metadata)
    return no_content()


def delete_repository_metadata(request: Request) -> Response:
    """Removes keys from the metadata of a repository."""
    keys = Body(request.body, "RepositoryMetadataKeys").texts("keys")
    repositories.delete_metadata(request.lake, request["repository"], keys)
    return no_content()


def get_branch_protection_rules(request: Request) -> Response:
    """Shows the branch protection rules, with the ETag to change them by."""
    rules, checksum = protection.get_rules(request.lake, request["repository"])
    return json_response(rules, headers=((b"etag", checksum.encode()),))


def set_branch_protection_rules(request: Request) -> Response:
    """Replaces the branch protection rules; with If-Match (not empty) only those of that ETag."""
    if not isinstance(request.body, list):
        raise BadRequest("request body has an error: doesn't match schema: value must be an array")
    patterns = []
    for index, item in enumerate(request.body):
        pattern = Body(item, "", at=f"/{index}").text("pattern")
        if not pattern:
            raise BadRequest(
                f'request body has an error: doesn\'t match schema: Error at "/{index}/pattern": '
                "minimum string length is 1"
            )
        patterns.append(pattern)
    expected = request.header(b"if-match")
    if expected == "":
        raise BadRequest("Invalid format for parameter If-Match: parameter 'If-Match' is empty")
    protection.set_rules(request.lake, request["repository"], patterns, expected)
    return no_content()


def get_gc_rules(request: Request) -> Response:
    """Shows the retention rules that were set. Nothing acts on them."""
    rules = repositories.get_gc_rules(request.lake, request["repository"])
    if not rules:
        raise NotFound("not found")
    return json_response(json.loads(rules))


def set_gc_rules(request: Request) -> Response:
    """Keeps retention rules. Nothing acts on them."""
    body = Body(request.body, "GarbageCollectionRules")
    rules = {
        "default_retention_days": body.integer("default_retention_days"),
        "branches": [
            {"branch_id": rule.text("branch_id"), "retention_days": rule.integer("retention_days")}
            for rule in body.items("branches", "GarbageCollectionRule")
        ],
    }
    repositories.set_gc_rules(request.lake, request["repository"], json.dumps(rules))
    return no_content()


def delete_gc_rules(request: Request) -> Response:
    """Forgets the retention rules."""
    repositories.set_gc_rules(request.lake, request["repository"], "")
    return no_content()
