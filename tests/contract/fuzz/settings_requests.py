"""Random requests about the repository, its settings, pull requests, runs of hooks, and the server."""

from __future__ import annotations

from typing import Any

from tests.contract.fuzz import vocabulary as words
from tests.contract.fuzz.maker import Maker, R
from tests.contract.fuzz.wire import REPOSITORY, segment

#: One hook for every kind of event; a commit or merge whose message asks for it is refused.
ACTIONS = """\
name: watch
on:
  pre-merge: {branches: ["*"]}
  post-merge: {branches: ["[a-i]*"]}
  pre-commit: {branches: ["h?", "ma*"]}
  post-commit:
  pre-create-branch:
  post-create-tag:
  pre-delete-branch: {branches: ["h1"]}
  pre-revert:
  pre-cherry-pick:
hooks:
  - id: watcher
    type: lua
    properties:
      script: |
        print(action.event_type, action.branch_id, action.commit.message)
        if string.find(action.commit.message, "longer") then error("refused") end
  - id: after
    type: lua
    if: failure()
    properties: {script: "print('failed')"}
"""


def begin(maker: Maker) -> None:
    """Create the repository, with action files and protection rules now and then."""
    dice = maker.dice
    body: dict[str, Any] = {"name": REPOSITORY, "storage_namespace": f"local://{REPOSITORY}"}
    if dice.maybe(0.1):
        body["default_branch"] = "main"
    maker.add("createRepository", "POST", "/repositories", body)
    if dice.maybe(0.4):
        files = {"path": "_lakefs_actions/watch.yaml"}
        maker.add("uploadObject", "POST", f"{R}/branches/main/objects", ACTIONS.encode(), query=files)
    elif dice.maybe(0.3):
        # Only now: lakeFS caches rules for some seconds once they were looked at.
        rules = [{"pattern": pattern} for pattern in dice.sample(words.PATTERNS, dice.randrange(1, 3))]
        maker.add("setBranchProtectionRules", "PUT", f"{R}/settings/branch_protection", rules)


def repository(maker: Maker) -> None:
    """Show the repository, its metadata and its settings."""
    name, path = maker.dice.choice(
        [
            ("getRepository", ""),
            ("getRepositoryMetadata", "/metadata"),
            ("getBranchProtectionRules", "/settings/branch_protection"),
            ("getGCRules", "/settings/gc_rules"),
            ("createBranchProtectionRulePreflight", "/branch_protection/set_allowed"),
            ("setGarbageCollectionRulesPreflight", "/gc/rules/set_allowed"),
        ]
    )
    missing = maker.dice.one((R,), ("/repositories/nosuch-repository", "/repositories/Bad_name"))
    maker.add(name, "GET", missing + path)


def list_repositories(maker: Maker) -> None:
    """List the repositories whose name begins as this one's."""
    query = maker.page(prefix=False) | {"prefix": REPOSITORY}
    if maker.dice.maybe(0.3):
        query["search"] = maker.dice.choice(["", REPOSITORY, "nothing"])
    maker.add("listRepositories", "GET", "/repositories", query=query)


def create_repository(maker: Maker) -> None:
    """Create a repository that cannot be, or not again."""
    dice = maker.dice
    name = dice.choice([REPOSITORY, "ab", "Bad", "a_b", "-ab", "a" * 64, "é23"])
    namespace = dice.choice([f"local://{REPOSITORY}-x", "mem://x", "x", "", "local:/x"])
    body = maker.fields(
        {"name": name, "storage_namespace": namespace}, default_branch="main", storage_id="x", read_only=True
    )
    maker.add("createRepository", "POST", "/repositories", body, query={"bare": maker.flag()})


def change_metadata(maker: Maker) -> None:
    """Change the repository's metadata."""
    if maker.dice.maybe(0.6):
        maker.add("setRepositoryMetadata", "POST", f"{R}/metadata", {"metadata": maker.metadata()})
    else:
        keys = maker.dice.sample(["k", "My-Key", "nosuch"], maker.dice.randrange(3))
        maker.add("deleteRepositoryMetadata", "DELETE", f"{R}/metadata", {"keys": keys})


def rules(maker: Maker) -> None:
    """Set rules that are malformed, or with a condition that does not hold."""
    body = maker.dice.choice(
        [None, {}, [{}], [{"pattern": ""}], [{"pattern": None}], ["x"], [{"pattern": 1}]]
    )
    headers = {"Content-Type": "application/json"} if body is None else {}
    target = f"{R}/settings/branch_protection"
    maker.add("setBranchProtectionRules", "PUT", target, body, headers=headers)


def retention(maker: Maker) -> None:
    """Change the retention rules."""
    if maker.dice.maybe(0.3):
        maker.add("deleteGCRules", "DELETE", f"{R}/settings/gc_rules")
        return
    days = maker.dice.one((1, 30), (-1, 0, 2**31, 1.5))
    body = {"default_retention_days": days, "branches": [{"branch_id": maker.branch(), "retention_days": 7}]}
    maker.add("setGCRules", "PUT", f"{R}/settings/gc_rules", body)


def create_pull(maker: Maker) -> None:
    """Open a pull request."""
    body = maker.fields(
        {"title": maker.message(), "source_branch": maker.branch(), "destination_branch": maker.branch()},
        description="text",
    )
    maker.add("createPullRequest", "POST", f"{R}/pulls", body, makes=("pull",))


def pull(maker: Maker) -> None:
    """Show, list, change or merge pull requests."""
    dice = maker.dice
    target = f"{R}/pulls/{segment(maker.earlier('pull') or 'x')}"
    kind = dice.choice(["get", "list", "change", "merge"])
    if kind == "get":
        maker.add("getPullRequest", "GET", target)
    elif kind == "merge":
        maker.add("mergePullRequest", "PUT", f"{target}/merge", makes=("commit",))
    elif kind == "change":
        status = dice.one(("open", "closed"), ("merged", "x", ""))
        body = maker.fields({}, title="t", description="d", status=status)
        maker.add("updatePullRequest", "PATCH", target, body)
    else:
        query = {"amount": "1000", "status": dice.one((None, "open", "closed", "all"), ("", "x"))}
        maker.add("listPullRequests", "GET", f"{R}/pulls", query=query)


def runs(maker: Maker) -> None:
    """Show what hooks did."""
    dice = maker.dice
    run = f"{R}/actions/runs/{segment(maker.earlier('run') or 'nosuch')}"
    hook = segment(maker.earlier("hookrun") or "0000_0000")
    kind = dice.choice(["list", "list", "get", "hooks", "output"])
    if kind == "list":
        query = maker.page(prefix=False) | {"after": None}
        if dice.maybe(0.3):
            query[dice.choice(["branch", "commit"])] = dice.choice(["main", "h1", "", "nosuch"])
        maker.add("listRepositoryRuns", "GET", f"{R}/actions/runs", query=query, makes=("run",))
    elif kind == "get":
        maker.add("getRun", "GET", run)
    elif kind == "hooks":
        maker.add("listRunHooks", "GET", f"{run}/hooks", makes=("hookrun",))
    else:
        maker.add("getRunHookOutput", "GET", f"{run}/hooks/{hook}/output")


def dump(maker: Maker) -> None:
    """Dump the refs, or ask for a task that is not there."""
    kind = maker.dice.choice(["dump", "dumpStatus", "restoreStatus", "restore"])
    if kind == "dump":
        maker.add("dumpRefs", "PUT", f"{R}/refs/dump")
    elif kind == "restore":
        ids = dict.fromkeys(("commits_meta_range_id", "branches_meta_range_id", "tags_meta_range_id"), "x")
        maker.add("restoreRefs", "PUT", f"{R}/refs/restore", ids)
    else:
        target = f"{R}/{kind.removesuffix('Status')}"
        maker.add(kind, "GET", target, query={"task_id": maker.dice.choice(["nosuch", ""])})


def import_files(maker: Maker) -> None:
    """Import from where nobody may, or ask for an import that is not there."""
    target = f"{maker.branch_path()}/import"
    if maker.dice.maybe():
        source = {
            "type": maker.dice.one(("object",), ("x",)),
            "path": "local:///nowhere/x",
            "destination": "x",
        }
        body = {"paths": [source], "commit": {"message": "m"}}
        maker.add("importStart", "POST", target, body)
    else:
        name, method = maker.dice.choice([("importStatus", "GET"), ("importCancel", "DELETE")])
        maker.add(name, method, target, query={"id": maker.dice.choice(["nosuch", ""])})


def server(maker: Maker) -> None:
    """Ask about the server, or for what it does not have."""
    name, method, path = maker.dice.choice(
        [
            ("healthCheck", "GET", "/healthcheck"),
            ("getStorageConfig", "GET", "/config/storage"),
            ("getLakeFSVersion", "GET", "/config/version"),
            ("getGarbageCollectionConfig", "GET", "/config/garbage-collection"),
            ("getCurrentUser", "GET", "/user"),
            ("none", "GET", f"{R}/nosuch"),
            ("none", "GET", f"{R}/branches/"),
            ("none", "POST", f"{R}/branches/main"),
            ("none", "GET", "/nosuch"),
        ]
    )
    maker.add(name, method, path)
    if maker.dice.maybe(0.3):
        events = [{"class": "c", "name": "n", "count": maker.dice.one((1,), ("1", None, 1.5, -1))}]
        maker.add("postStatsEvents", "POST", "/statistics", {"events": events})


WEIGHTS = {
    repository: 2,
    list_repositories: 1,
    create_repository: 1,
    change_metadata: 1.5,
    rules: 0.7,
    retention: 1,
    create_pull: 2,
    pull: 2.5,
    runs: 3,
    dump: 0.5,
    import_files: 1,
    server: 1.5,
}
