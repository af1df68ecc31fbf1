"""The same action files and scripts have the outcome that was recorded on lakeFS 1.84.0.

Where the words differ, the difference stands in `OWN_WORDS` or is taken out by `_plain`: it is documented in
`lua.hook`. That a hook passes or fails never differs.
"""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from mlops.lakeserver.hooks.engine import ActionFileInvalid, Event, HookFailed, Limits
from mlops.lakeserver.hooks.lua.sandbox import Sandbox
from mlops.lakeserver.hooks.lua.view import zone_data

_FILES = Path(__file__).with_name("recorded")
SCRIPTS = json.loads((_FILES / "scripts.json").read_text("utf-8"))["scripts"]
CASES = json.loads((_FILES / "actions.json").read_text("utf-8"))["cases"]

OWN_WORDS = {
    "attempt to call global 'foo' (a nil value)": "attempt to call a nil value",
    "attempt to call field 'gsub' (a nil value)": "attempt to call a nil value",
    "attempt to call field 'gmatch' (a nil value)": "attempt to call local '(for generator)' (a nil value)",
    "attempt to index field 'a' (a nil value)": "attempt to index local 'a' (a nil value)",
    "attempt to get length of global 'arg' (a nil value)": "attempt to get length of a nil value",
    "attempt to compare string with number": "attempt to compare 'string' with 'number'",
    "\n\tlakeFS has this module, the embedded server has not": "",
    "ainf\tb-nan": "a+Inf\tbNaN",
    "invalid escape sequence near \\u": "invalid escape sequence near ",
    "yaml: anchor value contains itself": "yaml: anchor 'a' value contains itself",
    "yaml: invalid map key at line 1": "yaml: invalid map key: []interface {}{1}",
    "yaml: invalid map key at line 3\n\n": (
        'yaml: invalid map key: actions.Properties{"ENV.LAKEFSACTION_X":interface {}(nil)}\n\n'
    ),
    "unknown function bar": "reflect: call of reflect.Value.Call on zero Value",
    "false\tinterface conversion: interface {} is not string": "false\ttable: ADDRESS",
    "a=1&a=*******&": "a=1&a=secretvalue&",
    '2\ttrue\t{"a":[1,2,null,null,9]}': '5\ttrue\t{"a":[1,2,null,null,9]}',
}


def _plain(text: str) -> str:
    """`text` without addresses, durations, times, and names that the interpreters give to their functions."""
    for ours, theirs in OWN_WORDS.items():
        text = text.replace(ours, theirs)
    text = re.sub(r"0x[0-9a-f]{6,}", "ADDRESS", text)
    text = re.sub(r"(bad argument #-?\d+ to )'[^']*'", r"\1'?'", text)
    text = re.sub(r"in function '[a-zA-Z_.]+'", "in ?", text)
    text = re.sub(r"20\d\d-\d\d-\d\dT[\d:]+Z", "TIME", text)
    return re.sub(r"Request duration: \S+", "Request duration: D", text)


def _outside(operation: str, arguments: list[Any]) -> tuple[int, Any, bytes]:
    data = zone_data(arguments[0]) if operation == "zone" else None
    return (200, None, data) if data else (404, None, b"")


def _run(script: str) -> tuple[str, str]:
    """The failure and the log of a hook with this script."""
    sandbox = Sandbox(_outside, instructions=50_000_000, memory_bytes=128 << 20, output_bytes=1 << 20)
    action = {"repository_id": "luaprobe", "commit": {"parents": [], "metadata": {}}}
    kind, message, output = sandbox.run(
        script.encode(), {"args": {}, "action": action, "username": "quickstart"}
    )
    log = output.decode("latin-1")
    if kind == "ok":
        return "", log
    text = message.decode("latin-1")
    found = re.search(r"<HookFailure>(.*?)(?:</HookFailure>|\Z)", text, re.DOTALL)
    text = found[1] if found else {"runtime": "runtime error: ", "syntax": "syntax error: "}[kind] + text
    return f"action failed: {text}", f"{log}Error: action failed: {text}\n"


# In these the difference is in the list of names that are there, or in an error without a message.
_LISTS_NAMES = re.compile(r"in pairs\((?:_G\[m\]|package\.loaded)\)")


@pytest.mark.parametrize("case", SCRIPTS, ids=[case["script"][-60:] for case in SCRIPTS])
def test_script_ends_as_on_lakefs(case: dict[str, str]):
    failure, log = _run(case["script"])
    assert bool(failure) == bool(case["failure"])
    if not _LISTS_NAMES.search(case["script"]) and case["script"] not in {"error()", "error(nil)"}:
        if "&x 1\\nb: *x" in case["script"]:  # prints the pairs of a table, which have no order
            assert sorted(_plain(log).splitlines()) == sorted(_plain(case["output"]).splitlines())
            return
        assert _plain(failure) == _plain(case["failure"])
        assert _plain(log) == _plain(case["output"])


_NEW_BRANCH = "nb0123456789ab"


@pytest.mark.parametrize("case", CASES, ids=[json.dumps(case["files"])[-70:] for case in CASES])
def test_action_file_means_what_it_means_to_lakefs(case, lake, recorder, make_engine):
    files = {f"_lakefs_actions/{name}": text.encode() for name, text in case["files"].items()}
    files["scripts/a.lua"] = b"print('from path', action.hook_id)\nerror('p')"
    lake.refs = {"b": files, "COMMIT": files}
    # lakeFS asked this address, where nobody answers; here it has to be allowed first.
    limits = Limits(lua_wall_clock_s=20.0, webhook_addresses=("127.0.0.1:9",))
    engine = make_engine(environ={"LAKEFSACTION_X": "secretvalue"}.get, limits=limits)
    event, status, message = "prepare-commit", 201, ""
    try:
        engine.run(Event("prepare-commit", "luaprobe", "b", source_ref="b"), "b")
        event = "pre-create-branch"
        created = Event(event, "luaprobe", _NEW_BRANCH, source_ref="COMMIT", commit_id="COMMIT")
        engine.run(created, "COMMIT")
    except (ActionFileInvalid, HookFailed) as error:
        status, message = error.status, error.message.split("': ", 1)[1]
    assert (event, status, _plain(message)) == (case["event"], case["status"], _plain(case["message"]))
    hooks = [
        [
            hook.hook_run_id,
            hook.action,
            hook.hook_id,
            "skipped" if hook.skipped else hook.status,
            _plain(hook.output.decode().replace(_NEW_BRANCH, "BRANCH")),
        ]
        for run in recorder.runs
        for hook in run.hook_runs
    ]
    assert hooks == [[*hook[:4], _plain(hook[4])] for hook in case.get("hooks", [])]
