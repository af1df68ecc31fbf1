"""A promotion gate as a pipeline would write it: expected head, evidence, checksums, an interval."""

import hashlib
import json
import math

import pytest

from mlops.lakeserver.hooks.engine import Event, HookFailed

GATE = """
name: promote gate
description: nothing reaches main without evidence
on: {pre-merge: {branches: [main]}, pre-revert: {branches: [main]}}
hooks:
  - id: enforce
    type: lua
    properties:
      args: {min_gain: 0.05, t_quantile: 2.093, protected: [gate/policy.yaml, _lakefs_actions/gate.yaml]}
      script: |
        local lakefs, json, hook = require("lakefs"), require("encoding/json"), require("hook")
        local repository, head, source = action.repository_id, action.commit.parents[1], action.source_ref
        local metadata = action.commit.metadata

        if action.event_type == "pre-revert" then hook.fail("main is not reverted") end
        local function need(condition, why, ...)
          if not condition then hook.fail(string.format(why, ...)) end
        end
        local function read(ref, path)
          local code, body = lakefs.get_object(repository, ref, path)
          need(code == 200, "%s: %d", path, code)
          return json.unmarshal(body)
        end
        local function checksum(ref, path)
          local code, body = lakefs.stat_object(repository, ref, path)
          if code ~= 200 then return "absent" end
          return json.unmarshal(body).checksum
        end

        need(metadata["kind"] == "promotion", "kind %s", metadata["kind"])
        need(metadata["expected_head"] == head, "main moved: %s is not %s", metadata["expected_head"], head)
        for _, path in ipairs(args.protected) do
          need(checksum(head, path) == checksum(source, path), "%s was changed", path)
        end
        local champion = read(source, "champion.json")
        for path, sum in pairs(champion.checksums) do
          need(checksum(source, path) == sum, "%s is not what was judged", path)
        end

        -- The cluster-robust t interval of the paired difference, from the sums of each cluster.
        local clusters = read(source, "reports/paired.json").clusters
        local n, total, rows = #clusters, 0, 0
        for _, c in ipairs(clusters) do
          total, rows = total + (c.champion - c.candidate), rows + c.n
        end
        local mean, spread = total / rows, 0
        for _, c in ipairs(clusters) do
          spread = spread + (c.champion - c.candidate - mean * c.n) ^ 2
        end
        local error_of_mean = math.sqrt(n / (n - 1) * spread) / rows
        local lower = mean - args.t_quantile * error_of_mean
        print(string.format("gain %.6f, lower end %.6f over %d clusters", mean, lower, n))
        need(mean > args.min_gain and lower > 0, "no gain: %.6f (lower end %.6f)", mean, lower)
"""


def _md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


@pytest.fixture
def promotion(lake):
    """A lake with a head and a run that beats it, and the event of its merge."""
    shared = {"_lakefs_actions/gate.yaml": GATE.encode(), "gate/policy.yaml": b"alpha: 0.05\n"}
    clusters = [{"n": 50, "champion": 60.0 + i % 3, "candidate": 50.0 + i % 2} for i in range(20)]
    model = b"\x00\xff model"
    champion = {"number": 7, "checksums": {"model/model.skops": _md5(model)}}
    lake.refs["head"] = {**shared, "champion.json": b"{}"}
    lake.refs["run"] = {
        **shared,
        "model/model.skops": model,
        "champion.json": json.dumps(champion).encode(),
        "reports/paired.json": json.dumps({"clusters": clusters}).encode(),
    }

    def event(event_type: str = "pre-merge", **metadata: str) -> Event:
        return Event(
            event_type,
            "flights",
            "main",
            source_ref="run",
            merge_source="run-1",
            commit_id="prospective",
            commit={
                "message": "promote",
                "metadata": {"kind": "promotion", "expected_head": "head", **metadata},
                "parents": ["head"],
                "creation_date": 1767225600,
                "version": 1,
                "meta_range_id": "tree",
            },
            committer="tester",
        )

    return event


def test_a_better_model_passes_and_says_why(promotion, recorder, make_engine):
    make_engine().run(promotion(), "run")
    (run,) = recorder.runs
    gains = [10.0 + i % 3 - i % 2 for i in range(20)]
    mean = sum(gains) / 1000
    spread = sum((gain - 50 * mean) ** 2 for gain in gains)
    lower = mean - 2.093 * math.sqrt(20 / 19 * spread) / 1000
    expected = f"gain {mean:.6f}, lower end {lower:.6f} over 20 clusters\n"
    assert run.hook_runs[0].output == expected.encode()


@pytest.mark.parametrize(
    ("path", "data", "why"),
    [
        (
            "reports/paired.json",
            b'{"clusters": [{"n": 5, "champion": 1, "candidate": 1}]}',
            "no gain: 0.000000",
        ),
        ("reports/paired.json", b"{", "unexpected end of JSON input"),
        ("model/model.skops", b"another", "model/model.skops is not what was judged"),
        ("gate/policy.yaml", b"alpha: 1\n", "gate/policy.yaml was changed"),
        ("champion.json", None, "champion.json: 404"),
    ],
)
def test_a_run_that_was_tampered_with_is_refused(lake, promotion, make_engine, path, data, why):
    if data is None:
        del lake.refs["run"][path]
    else:
        lake.refs["run"][path] = data
    with pytest.raises(HookFailed) as refused:
        make_engine().run(promotion(), "run")
    assert why in refused.value.message


@pytest.mark.parametrize(
    ("metadata", "why"),
    [
        ({"expected_head": "older"}, "action failed: main moved: older is not head"),
        ({"kind": ""}, "action failed: kind "),
    ],
)
def test_metadata_that_does_not_fit_is_refused(promotion, make_engine, metadata, why):
    with pytest.raises(HookFailed) as refused:
        make_engine().run(promotion(**metadata), "run")
    assert why in refused.value.message
    assert refused.value.status == 412


def test_missing_metadata_is_refused(promotion, make_engine):
    event = promotion()
    assert event.commit is not None
    bare = Event(**{**event.__dict__, "commit": {**event.commit, "metadata": {}}})
    with pytest.raises(HookFailed, match="action failed: kind nil"):
        make_engine().run(bare, "run")


def test_a_revert_is_refused(promotion, make_engine):
    with pytest.raises(HookFailed, match="main is not reverted"):
        make_engine().run(promotion("pre-revert"), "run")
