"""Merges with hooks: what they see, what they refuse, and heads that move meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from mlops.lakeserver import Server, running_server
from mlops.lakeserver.hooks.interface import ActionFileInvalid, Event, HookFailed
from tests.lakeserver.merging import prepared


class Hooks:
    """Calls `react` for each event, and notes them."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.react: Callable[[Event], None] = lambda _: None

    def concerns(self, event: Any, actions_ref: str) -> bool:
        return True

    def run(self, event: Event, actions_ref: str) -> str:
        assert actions_ref == event.source_ref
        self.events.append(event)
        self.react(event)
        return f"run-{len(self.events)}"

    def submit(self, event: Event, actions_ref: str) -> None:
        self.run(event, actions_ref)

    def close(self) -> None: ...

    def of(self, event_type: str) -> list[Event]:
        return [event for event in self.events if event.event_type == event_type]


@pytest.fixture(scope="module")
def hooked_server(tmp_path_factory: pytest.TempPathFactory, request: Any) -> Iterator[Server]:
    from mlops.lakeserver import Credentials

    known = Credentials("AKIATEST", "secret-of-the-test", "tester")
    with running_server(tmp_path_factory.mktemp("hooked"), known, durable=False, hooks=False) as running:
        yield running


@pytest.fixture
def hooks(hooked_server: Server) -> Hooks:
    made = Hooks()
    hooked_server.lake.hooks = made  # type: ignore[assignment]
    return made


@pytest.fixture
def hooked(hooked_server: Server, new_api: Any, request: Any) -> Any:
    name = f"h{abs(hash(request.node.name))}"
    api = new_api(hooked_server.url, name)
    api.ok("POST", "/repositories", {"name": name, "storage_namespace": f"local://{name}"})
    return api


def test_what_a_pre_merge_hook_sees(hooked: Any, hooks: Hooks, new_api: Any) -> None:
    source, main = prepared(hooked), hooked.head()
    inside = new_api(hooked.url, hooked.repository)
    seen = {}

    def react(event: Event) -> None:
        if event.event_type != "pre-merge":
            return
        assert event.commit is not None
        seen["prospective"] = inside.ok("GET", f"R/commits/{event.commit_id}")
        seen["content"] = inside.read("a", event.commit_id)
        seen["head"] = inside.head()
        inside.put("elsewhere", branch="dev")

    hooks.react = react
    made = hooked.merge("dev", metadata={"k": "v"}).json["reference"]
    event = hooks.of("pre-merge")[0]
    assert event.commit is not None
    assert (event.branch_id, event.source_ref, event.merge_source) == ("main", source, "dev")
    assert event.commit["parents"] == [main, source]
    assert event.commit["metadata"] == {"k": "v", ".lakefs.merge.strategy": "default"}
    assert event.commit_id == made == hooked.head()
    assert seen["prospective"]["parents"] == [main, source]
    assert (seen["content"], seen["head"]) == (b"x", main)
    post = hooks.of("post-merge")[0]
    assert (post.source_ref, post.commit_id, post.pre_run_id) == (made, made, f"run-{len(hooks.events) - 1}")


def test_a_refusal_changes_nothing(hooked: Any, hooks: Hooks) -> None:
    prepared(hooked)
    main = hooked.head()

    def react(event: Event) -> None:
        if event.event_type == "pre-merge":
            raise HookFailed("update branch main: pre-merge hook aborted")

    hooks.react = react
    answer = hooked.merge("dev", force=True)
    assert (answer.status, answer.message) == (412, "update branch main: pre-merge hook aborted")
    assert hooked.head() == main
    assert not hooks.of("post-merge")


def test_action_files_that_cannot_be_read_are_an_error(hooked: Any, hooks: Hooks) -> None:
    def react(_: Event) -> None:
        raise ActionFileInvalid("parsing file x: no")

    hooked.put("a")
    hooks.react = react
    answer = hooked("POST", "R/branches/main/commits", {"message": "m"})
    assert (answer.status, answer.message) == (500, "parsing file x: no")
    assert hooked.ok("GET", "R/branches/main/diff")["results"] != []


def test_a_moved_head_makes_a_merge_start_again(hooked: Any, hooks: Hooks, new_api: Any) -> None:
    prepared(hooked)
    prepared(hooked, "other", "b")
    inside = new_api(hooked.url, hooked.repository)
    moved = []

    def react(event: Event) -> None:
        if event.event_type == "pre-merge" and event.merge_source == "dev" and not moved:
            moved.append(inside.merge("other").json["reference"])

    hooks.react = react
    made = hooked.merge("dev").json["reference"]
    attempts = [event for event in hooks.of("pre-merge") if event.merge_source == "dev"]
    heads = [event.commit["parents"][0] for event in attempts if event.commit]
    assert heads == [hooked.ok("GET", "R/commits/main~2")["id"], moved[0]]
    assert hooked.head() == made == attempts[1].commit_id
    assert hooked.paths() == ["a", "b"]


def test_expected_heads_let_exactly_one_merge_through(hooked: Any, hooks: Hooks, new_api: Any) -> None:
    clients = [new_api(hooked.url, hooked.repository) for _ in range(6)]
    for number in range(6):
        prepared(hooked, f"b{number}", f"p{number}")
    head = hooked.head()

    def react(event: Event) -> None:
        if event.event_type == "pre-merge":
            assert event.commit is not None
            if event.commit["metadata"].get("expected_head") != event.commit["parents"][0]:
                raise HookFailed("main moved")

    hooks.react = react
    answers: list[int] = []

    def merge(number: int) -> None:
        answers.append(clients[number].merge(f"b{number}", metadata={"expected_head": head}).status)

    threads = [threading.Thread(target=merge, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [200, 412, 412, 412, 412, 412]
    assert hooked.ok("GET", "R/commits/main")["parents"][0] == head


@pytest.mark.parametrize(
    ("event_type", "act"),
    [
        ("prepare-commit", lambda api: api("POST", "R/branches/main/commits", {"message": "m"})),
        ("pre-commit", lambda api: api("POST", "R/branches/main/commits", {"message": "m"})),
        ("pre-create-tag", lambda api: api("POST", "R/tags", {"id": "new", "ref": "main"})),
        ("pre-delete-tag", lambda api: api("DELETE", "R/tags/old")),
        ("pre-create-branch", lambda api: api("POST", "R/branches", {"name": "new", "source": "main"})),
        ("pre-delete-branch", lambda api: api("DELETE", "R/branches/dev")),
        ("pre-revert", lambda api: api("POST", "R/branches/dev/revert", {"ref": "dev", "parent_number": 0})),
        ("pre-cherry-pick", lambda api: api("POST", "R/branches/third/cherry-pick", {"ref": "dev"})),
    ],
)
def test_every_event_can_be_refused(hooked: Any, hooks: Hooks, event_type: str, act: Any) -> None:
    prepared(hooked)
    hooked.branch("third")
    hooked.ok("POST", "R/tags", {"id": "old", "ref": "main"})
    hooked.put("staged")

    def state() -> list[Any]:
        kinds = ("branches", "tags")
        return [hooked.ok("GET", f"R/{kind}")["results"] for kind in kinds] + [hooked.paths("main$")]

    def react(event: Event) -> None:
        if event.event_type == event_type:
            raise HookFailed(f"{event_type} hook aborted")

    before, hooks.react = state(), react
    answer = act(hooked)
    assert (answer.status, answer.message) == (412, f"{event_type} hook aborted")
    assert state() == before
    hooks.react = lambda _: None
    hooks.events.clear()
    assert act(hooked).status < 300
    if event_type != "prepare-commit":
        assert len(hooks.of(event_type.replace("pre-", "post-"))) == 1


def test_a_read_only_repository_runs_no_hooks(hooked_server: Server, hooks: Hooks, new_api: Any) -> None:
    api = new_api(hooked_server.url, "read-only")
    body = {"name": "read-only", "storage_namespace": "local://read-only", "read_only": True}
    api.ok("POST", "/repositories", body)
    api.ok("POST", "R/branches", {"name": "b", "source": "main", "force": True})
    assert hooks.events == []
