"""Every operation that is built: its method, its path, and the function that does it."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

from mlops.lakeserver.http.handlers import (
    actions,
    auth,
    branches,
    commits,
    config,
    dumps,
    imports,
    objects,
    preflights,
    pulls,
    refs,
    repositories,
    staging,
    tags,
    transfers,
)

CLIENT_OPERATIONS = Path(__file__).parent / "client_operations.txt"

Handler = Callable[..., Any]

R = "/repositories/{repository}"
B = R + "/branches/{branch}"
F = R + "/refs/{ref}"


@dataclass(frozen=True)
class Route:
    """One operation.

    Attributes:
        operation: lakeFS's operationId.
        path: below `/api/v1`; what is in braces is a parameter.
        handler: an async function runs on the event loop, any other on a thread.
        open: whether it needs no credentials.
        hooked: whether it may run hooks, which may call this server again.
        raw_body: whether the handler reads the body itself.
    """

    operation: str
    method: str
    path: str
    handler: Handler
    open: bool = False
    hooked: bool = False
    raw_body: bool = False

    @property
    def on_loop(self) -> bool:
        """Return whether the handler runs on the event loop."""
        return inspect.iscoroutinefunction(self.handler)


ROUTES: tuple[Route, ...] = (
    Route("uploadObject", "POST", B + "/objects", transfers.upload_object, raw_body=True),
    Route("getObject", "GET", F + "/objects", transfers.get_object),
    Route("headObject", "HEAD", F + "/objects", transfers.head_object),
    Route("statObject", "GET", F + "/objects/stat", objects.stat_object),
    Route("listObjects", "GET", F + "/objects/ls", objects.list_objects),
    Route(
        "getUnderlyingProperties",
        "GET",
        F + "/objects/underlyingProperties",
        objects.get_underlying_properties,
    ),
    Route("deleteObject", "DELETE", B + "/objects", objects.delete_object),
    Route("deleteObjects", "POST", B + "/objects/delete", objects.delete_objects),
    Route("copyObject", "POST", B + "/objects/copy", objects.copy_object),
    Route(
        "updateObjectUserMetadata",
        "PUT",
        B + "/objects/stat/user_metadata",
        objects.update_object_user_metadata,
    ),
    Route("uploadObjectPreflight", "GET", B + "/objects/stage_allowed", preflights.upload_object_preflight),
    Route(
        "createBranchProtectionRulePreflight",
        "GET",
        R + "/branch_protection/set_allowed",
        preflights.create_branch_protection_rule_preflight,
    ),
    Route(
        "setGarbageCollectionRulesPreflight",
        "GET",
        R + "/gc/rules/set_allowed",
        preflights.set_garbage_collection_rules_preflight,
    ),
    Route("stageObject", "PUT", B + "/objects", staging.stage_object),
    Route("getPhysicalAddress", "GET", B + "/staging/backing", staging.get_physical_address),
    Route("linkPhysicalAddress", "PUT", B + "/staging/backing", staging.link_physical_address),
    Route("listRepositories", "GET", "/repositories", repositories.list_repositories),
    Route("createRepository", "POST", "/repositories", repositories.create_repository),
    Route("getRepository", "GET", R, repositories.get_repository),
    Route("deleteRepository", "DELETE", R, repositories.delete_repository),
    Route("getRepositoryMetadata", "GET", R + "/metadata", repositories.get_repository_metadata),
    Route("setRepositoryMetadata", "POST", R + "/metadata", repositories.set_repository_metadata),
    Route("deleteRepositoryMetadata", "DELETE", R + "/metadata", repositories.delete_repository_metadata),
    Route(
        "getBranchProtectionRules",
        "GET",
        R + "/settings/branch_protection",
        repositories.get_branch_protection_rules,
    ),
    Route(
        "setBranchProtectionRules",
        "PUT",
        R + "/settings/branch_protection",
        repositories.set_branch_protection_rules,
    ),
    Route("getGCRules", "GET", R + "/settings/gc_rules", repositories.get_gc_rules),
    Route("setGCRules", "PUT", R + "/settings/gc_rules", repositories.set_gc_rules),
    Route("deleteGCRules", "DELETE", R + "/settings/gc_rules", repositories.delete_gc_rules),
    Route("listBranches", "GET", R + "/branches", branches.list_branches),
    Route("createBranch", "POST", R + "/branches", branches.create_branch, hooked=True),
    Route("getBranch", "GET", B, branches.get_branch),
    Route("deleteBranch", "DELETE", B, branches.delete_branch, hooked=True),
    Route("resetBranch", "PUT", B, branches.reset_branch),
    Route("hardResetBranch", "PUT", B + "/hard_reset", branches.hard_reset_branch),
    Route("diffBranch", "GET", B + "/diff", branches.diff_branch),
    Route("revertBranch", "POST", B + "/revert", branches.revert_branch, hooked=True),
    Route("cherryPick", "POST", B + "/cherry-pick", branches.cherry_pick, hooked=True),
    Route("commit", "POST", B + "/commits", commits.commit, hooked=True),
    Route("getCommit", "GET", R + "/commits/{commitId}", commits.get_commit),
    Route("logCommits", "GET", F + "/commits", refs.log_commits),
    Route("diffRefs", "GET", R + "/refs/{leftRef}/diff/{rightRef}", refs.diff_refs),
    Route(
        "mergeIntoBranch",
        "POST",
        R + "/refs/{sourceRef}/merge/{destinationBranch}",
        refs.merge_into_branch,
        hooked=True,
    ),
    Route("findMergeBase", "GET", R + "/refs/{sourceRef}/merge/{destinationBranch}", refs.find_merge_base),
    Route("importStart", "POST", B + "/import", imports.import_start),
    Route("importStatus", "GET", B + "/import", imports.import_status),
    Route("importCancel", "DELETE", B + "/import", imports.import_cancel),
    Route("dumpRefs", "PUT", R + "/refs/dump", dumps.dump_refs),
    Route("restoreRefs", "PUT", R + "/refs/restore", dumps.restore_refs),
    Route("dumpSubmit", "POST", R + "/dump", dumps.dump_submit),
    Route("dumpStatus", "GET", R + "/dump", dumps.dump_status),
    Route("restoreSubmit", "POST", R + "/restore", dumps.restore_submit),
    Route("restoreStatus", "GET", R + "/restore", dumps.restore_status),
    Route("createCommitRecord", "POST", R + "/commits", dumps.create_commit_record),
    Route("listTags", "GET", R + "/tags", tags.list_tags),
    Route("createTag", "POST", R + "/tags", tags.create_tag, hooked=True),
    Route("getTag", "GET", R + "/tags/{tag}", tags.get_tag),
    Route("deleteTag", "DELETE", R + "/tags/{tag}", tags.delete_tag, hooked=True),
    Route("listRepositoryRuns", "GET", R + "/actions/runs", actions.list_repository_runs),
    Route("getRun", "GET", R + "/actions/runs/{run_id}", actions.get_run),
    Route("listRunHooks", "GET", R + "/actions/runs/{run_id}/hooks", actions.list_run_hooks),
    Route(
        "getRunHookOutput",
        "GET",
        R + "/actions/runs/{run_id}/hooks/{hook_run_id}/output",
        actions.get_run_hook_output,
    ),
    Route("listPullRequests", "GET", R + "/pulls", pulls.list_pull_requests),
    Route("createPullRequest", "POST", R + "/pulls", pulls.create_pull_request),
    Route("getPullRequest", "GET", R + "/pulls/{pull_request}", pulls.get_pull_request),
    Route("updatePullRequest", "PATCH", R + "/pulls/{pull_request}", pulls.update_pull_request),
    Route(
        "mergePullRequest", "PUT", R + "/pulls/{pull_request}/merge", pulls.merge_pull_request, hooked=True
    ),
    Route("healthCheck", "GET", "/healthcheck", config.health_check, open=True),
    Route("getConfig", "GET", "/config", config.get_config),
    Route("getStorageConfig", "GET", "/config/storage", config.get_storage_config),
    Route("getLakeFSVersion", "GET", "/config/version", config.get_lake_fs_version),
    Route(
        "getGarbageCollectionConfig",
        "GET",
        "/config/garbage-collection",
        config.get_garbage_collection_config,
    ),
    Route("getSetupState", "GET", "/setup_lakefs", config.get_setup_state, open=True),
    Route("setup", "POST", "/setup_lakefs", config.setup, open=True),
    Route("postStatsEvents", "POST", "/statistics", config.post_stats_events),
    Route("login", "POST", "/auth/login", auth.login, open=True),
    Route("getCurrentUser", "GET", "/user", auth.get_current_user, open=True),
    Route("getAuthCapabilities", "GET", "/auth/capabilities", auth.get_auth_capabilities, open=True),
)


class Router:
    """Finds the route of a request by its path's segments."""

    def __init__(self, routes: tuple[Route, ...] = ROUTES) -> None:
        self._root: dict[str, Any] = {}
        for route in routes:
            node = self._root
            for segment in route.path.strip("/").split("/"):
                node = node.setdefault("{}" if segment.startswith("{") else segment, {})
            names = tuple(part[1:-1] for part in route.path.split("/") if part.startswith("{"))
            node.setdefault("", {})[route.method] = (route, names)

    def find(self, method: str, raw_path: bytes) -> tuple[Route, dict[str, str]] | None:
        """Return the route, and what the path gives for its parameters; None where there is none.

        Segments are decoded after the path is cut, so a name may hold an encoded slash.
        """
        node, values = self._root, []
        for raw in raw_path.strip(b"/").split(b"/") if not raw_path.endswith(b"/") else ():
            segment = raw.decode("latin-1")
            child = node.get(segment) if segment else None
            if child is None or segment == "{}":
                child = node.get("{}")
                try:
                    values.append((unquote_to_bytes(raw) if b"%" in raw else raw).decode())
                except UnicodeDecodeError:
                    return None
            if child is None or not raw:
                return None
            node = child
        found = node.get("", {}).get(method)
        if found is None:
            return None
        route, names = found
        return route, dict(zip(names, values, strict=True))


def _unbuilt(_: object) -> None:
    """Answer for an operation that is not implemented."""


def unbuilt_router() -> Router:
    """Find the operations that lakeFS's client knows and this server does not."""
    built = {(route.method, route.path) for route in ROUTES}
    return Router(
        tuple(
            Route(name, method, path, _unbuilt)
            for path, method, name in map(str.split, CLIENT_OPERATIONS.read_text().splitlines())
            if (method, path) not in built
        )
    )
