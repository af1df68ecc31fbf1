"""Which hooks run for an event, what is recorded, what the client reads."""

import json
import threading
from datetime import timedelta

import pytest

from mlops.lakeserver.hooks.engine import ActionFileInvalid, Event, HookFailed, Limits
from mlops.lakeserver.hooks.interface import EVENT_TYPES

START_S = 1767225600


def action(name: str, event: str, *scripts: str, branches: str = "") -> bytes:
    hooks = [
        {"id": f"h{n}x", "type": "lua", "properties": {"script": text}} for n, text in enumerate(scripts)
    ]
    on = {event: {"branches": [branches]} if branches else None}
    return json.dumps({"name": name, "on": on, "hooks": hooks}).encode()


def put(lake, ref: str, **files: bytes) -> None:
    lake.refs[ref] = {f"_lakefs_actions/{name}.yaml": text for name, text in files.items()}


def test_a_ref_without_action_files_costs_one_listing(lake, recorder, make_engine):
    engine = make_engine()
    assert engine.run(Event("pre-commit", "runs", "main", source_ref="main"), "main") == "run1"
    assert lake.asked == [("list_objects", "runs", "main", "", "_lakefs_actions/", "/", "1000")]
    assert recorder.runs == []


def test_unchanged_action_files_are_read_once(lake, make_engine):
    put(lake, "main", gate=action("gate", "pre-commit", "print(1)"))
    engine = make_engine()
    for _ in range(3):
        engine.run(Event("pre-commit", "runs", "main", source_ref="main"), "main")
    assert len([call for call in lake.asked if call[0] == "get_object"]) == 1
    put(lake, "main", gate=action("gate", "pre-commit", "error('changed')"))
    with pytest.raises(HookFailed, match="changed"):
        engine.run(Event("pre-commit", "runs", "main", source_ref="main"), "main")


def test_runs_and_hooks_are_recorded_in_order(lake, recorder, make_engine):
    put(
        lake,
        "c1",
        b=action("second", "pre-merge", "print('three')"),
        a=action("first", "pre-merge", "print('one')", "print('two')"),
    )
    engine = make_engine()
    event = Event("pre-merge", "runs", "main", source_ref="c1", commit_id="m1", merge_source="run-1")
    assert engine.run(event, "c1") == "run1"
    (run,) = recorder.runs
    assert (run.run_id, run.branch, run.source_ref, run.event_type) == ("run1", "main", "c1", "pre-merge")
    assert (run.commit_id, run.status, run.repository_id) == ("m1", "completed", "runs")
    assert [(h.hook_run_id, h.action, h.hook_id, h.status, h.output) for h in run.hook_runs] == [
        ("0000_0000", "first", "h0x", "completed", b"one\n"),
        ("0000_0001", "first", "h1x", "completed", b"two\n"),
        ("0001_0000", "second", "h0x", "completed", b"three\n"),
    ]
    assert run.start_time == run.hook_runs[0].start_time
    assert run.end_time == run.hook_runs[-1].end_time
    assert run.end_time - run.start_time == timedelta(seconds=5)


def test_a_failure_skips_what_follows_in_its_action_alone(lake, recorder, make_engine):
    put(
        lake,
        "c1",
        a=action("first", "pre-merge", "error('no', 0)", "print('never')"),
        b=action("second", "pre-merge", "print('still')"),
    )
    with pytest.raises(HookFailed) as failed:
        make_engine().run(Event("pre-merge", "runs", "main", source_ref="c1"), "c1")
    (run,) = recorder.runs
    assert run.status == "failed"
    assert [(h.status, h.skipped, h.output) for h in run.hook_runs][1:] == [
        ("failed", True, b""),
        ("completed", False, b"still\n"),
    ]
    assert failed.value.run_id == "run1"
    assert failed.value.status == 412


@pytest.mark.parametrize(
    ("event_type", "prefix"),
    [
        ("pre-merge", "update branch main: "),
        ("pre-revert", "update branch: "),
        ("pre-cherry-pick", "update branch: "),
        ("prepare-commit", ""),
        ("pre-commit", ""),
        ("pre-create-tag", ""),
        ("pre-delete-tag", ""),
        ("pre-create-branch", ""),
        ("pre-delete-branch", ""),
    ],
)
def test_a_refusal_reads_as_lakefs_writes_it(lake, make_engine, event_type, prefix):
    put(lake, "c1", gate=action("gate", event_type, "require('hook').fail('no good')"))
    with pytest.raises(HookFailed) as failed:
        make_engine().run(Event(event_type, "runs", "main", source_ref="c1"), "c1")
    assert failed.value.message == (
        f"{prefix}{event_type} hook aborted, run id 'run1': 1 error occurred:\n"
        "\t* hook run id '0000_0000' failed on action 'gate' hook 'h0x': action failed: no good\n\n"
    )
    assert str(failed.value) == failed.value.message


@pytest.mark.parametrize("event_type", sorted(t for t in EVENT_TYPES if t.startswith("post-")))
def test_post_events_never_fail_the_operation(lake, recorder, make_engine, event_type):
    put(lake, "c1", gate=action("gate", event_type, "error('too late')"))
    engine = make_engine()
    assert engine.run(Event(event_type, "runs", "main", source_ref="c1"), "c1") == "run1"
    put(lake, "c2", gate=b"name: [")
    engine.run(Event(event_type, "runs", "main", source_ref="c2"), "c2")
    assert [run.status for run in recorder.runs] == ["failed"]


def test_submitted_events_run_on_another_thread(lake, recorder, make_engine):
    put(lake, "c1", gate=action("gate", "post-merge", "require('lakefs').stat_object('runs', 'c1', 'x')"))
    threads = set()
    real = lake.stat_object
    lake.stat_object = lambda *given: (threads.add(threading.current_thread()), real(*given))[1]
    engine = make_engine()
    for _ in range(5):
        engine.submit(Event("post-merge", "runs", "main", source_ref="c1"), "c1")
    assert engine.drain(20)
    assert len(recorder.runs) == 5
    assert threading.current_thread() not in threads


def test_callbacks_come_on_the_calling_thread(lake, make_engine):
    put(lake, "c1", gate=action("gate", "pre-merge", "require('lakefs').stat_object('runs', 'c1', 'x')"))
    threads = set()
    real = lake.stat_object
    lake.stat_object = lambda *given: (threads.add(threading.current_thread()), real(*given))[1]
    make_engine().run(Event("pre-merge", "runs", "main", source_ref="c1"), "c1")
    assert threads == {threading.current_thread()}


def test_a_closed_engine_takes_no_more_events(lake, recorder, make_engine):
    put(lake, "c1", gate=action("gate", "post-merge", "print(1)"))
    engine = make_engine()
    engine.close()
    engine.submit(Event("post-merge", "runs", "main", source_ref="c1"), "c1")
    assert engine.drain(1)
    assert recorder.runs == []


def test_a_branch_pattern_selects(lake, recorder, make_engine):
    put(lake, "c1", gate=action("gate", "pre-merge", "print(1)", branches="rel-*"))
    engine = make_engine()
    engine.run(Event("pre-merge", "runs", "main", source_ref="c1"), "c1")
    engine.run(Event("pre-merge", "runs", "rel-1", source_ref="c1"), "c1")
    assert [run.branch for run in recorder.runs] == ["rel-1"]


def test_invalid_files_fail_every_event_that_reads_them(lake, make_engine):
    put(lake, "c1", gate=action("gate", "post-merge", "print(1)"), bad=b"name: x\non: {pre-commit: }")
    with pytest.raises(ActionFileInvalid) as invalid:
        make_engine().run(Event("pre-create-tag", "runs", source_ref="c1", tag_id="v1"), "c1")
    assert invalid.value.status == 500
    assert invalid.value.message == (
        "pre-create-tag hook aborted, run id 'run1': 1 error occurred:\n"
        "\t* parsing file _lakefs_actions/bad.yaml: 'name' is invalid: invalid action\n\n"
    )


def test_a_huge_action_file_is_not_read(lake, make_engine):
    put(lake, "c1", gate=b"#" * 101)
    with pytest.raises(ActionFileInvalid, match=r"gate\.yaml: larger than 100 bytes"):
        make_engine(limits=Limits(action_file_bytes=100)).run(
            Event("pre-merge", "runs", source_ref="c1"), "c1"
        )
    assert [call[0] for call in lake.asked] == ["list_objects"]


def test_an_unknown_ref_is_not_found(make_engine):
    with pytest.raises(ActionFileInvalid) as invalid:
        make_engine().run(Event("pre-create-branch", "runs", "b", source_ref="nope"), "nope")
    assert invalid.value.status == 404


def test_airflow_is_refused_by_name_when_its_turn_comes(lake, recorder, make_engine):
    hook = {
        "id": "air",
        "type": "airflow",
        "properties": dict.fromkeys(("url", "dag_id", "username", "password"), "x"),
    }
    lake.refs["c1"] = {
        "_lakefs_actions/a.yaml": json.dumps(
            {"name": "flow", "on": {"pre-merge": None}, "hooks": [hook]}
        ).encode()
    }
    engine = make_engine()
    engine.run(Event("pre-commit", "runs", "main", source_ref="c1"), "c1")
    with pytest.raises(HookFailed, match="hook type 'airflow' is not supported by this server"):
        engine.run(Event("pre-merge", "runs", "main", source_ref="c1"), "c1")
    assert recorder.runs[-1].status == "failed"


def test_hooks_that_set_off_hooks_are_bounded(lake, recorder, make_engine):
    put(
        lake,
        "c1",
        tags=action(
            "tags",
            "pre-create-tag",
            "local c = require('lakefs').create_tag('runs', 'c1', action.tag_id .. 'x') print(c)",
        ),
    )
    engine = make_engine()

    def run_hooks(ref: str, tag: str) -> None:
        engine.run(Event("pre-create-tag", "runs", source_ref=ref, tag_id=tag), ref)

    deepest = []

    def create(ref: str, tag: str) -> None:
        try:
            run_hooks(ref, tag)
        except HookFailed as error:
            deepest.append(error.message)

    lake.on_create_tag = create
    run_hooks("c1", "t")
    assert len(recorder.runs) == 5
    assert len(deepest) == 1
    assert "more than 5 deep" in deepest[0]


def test_what_the_view_raises_comes_through(lake, recorder, make_engine):
    put(lake, "c1", gate=action("gate", "pre-merge", "require('lakefs').stat_object('runs', 'c1', 'x')"))

    def broken(*_given: str) -> tuple[int, dict[str, str]]:
        raise RuntimeError("disk on fire")

    lake.stat_object = broken
    engine = make_engine()
    with pytest.raises(RuntimeError, match="disk on fire"):
        engine.run(Event("pre-merge", "runs", "main", source_ref="c1"), "c1")
    assert recorder.runs == []


def test_a_post_event_that_breaks_the_view_does_not_stop_the_thread(lake, recorder, make_engine, caplog):
    put(lake, "c1", gate=action("gate", "post-merge", "require('lakefs').stat_object('runs', 'c1', 'x')"))
    put(lake, "c2", gate=action("gate", "post-merge", "print(1)"))
    broken = RuntimeError("disk on fire")

    def raise_it(*_given: str) -> tuple[int, dict[str, str]]:
        raise broken

    lake.stat_object = raise_it
    engine = make_engine()
    engine.submit(Event("post-merge", "runs", "main", source_ref="c1"), "c1")
    engine.submit(Event("post-merge", "runs", "main", source_ref="c2"), "c2")
    assert engine.drain(20)
    assert [run.source_ref for run in recorder.runs] == ["c2"]
    assert "disk on fire" in caplog.text
