"""Values nested without end are refused before a parser that recurses sees them."""

from __future__ import annotations

import time
from typing import Any

import pytest

from mlops.lakeserver import json_text
from mlops.lakeserver.hooks.conditions import BadCondition, holds
from mlops.lakeserver.hooks.definitions import parse_action
from mlops.lakeserver.hooks.golang import go_json, go_yaml
from mlops.lakeserver.hooks.interface import ActionFileInvalid, Limits
from mlops.lakeserver.hooks.lua.pool import LuaPool
from mlops.lakeserver.hooks.lua.protocol import BrokenFrame, read_frame

YAML_BOMBS = {
    "lists": b"[" * 25_000,
    "maps": b"{a: " * 25_000,
    "entries": b"- " * 25_000,
    "keys": b"? " * 25_000,
    "indented": b"".join(b" " * level + b"a:\n" for level in range(1_000)),
    "in a field that is not read": b"x:\n " + b"[" * 25_000,
}
JSON_BOMBS = {
    "arrays": "[" * 1_000_000,
    "objects": '{"a":' * 100_000,
    "mixed": '[{"a":' * 1_000 + "1" + "}]" * 1_000,
    "brackets in strings": '["]",' * 1_000,
}


@pytest.mark.parametrize("text", YAML_BOMBS.values(), ids=YAML_BOMBS.keys())
def test_an_action_file_that_is_nested_too_deeply_is_invalid(text: bytes) -> None:
    with pytest.raises(ActionFileInvalid) as caught:
        parse_action(text)
    assert caught.value.message == "yaml: exceeded max depth of 100"


def test_the_server_goes_on_after_an_action_file_of_brackets(api: Any) -> None:
    """25 KB of `[` once ended the server with signal 11."""
    api.put("_lakefs_actions/bomb.yaml", b"[" * 25_000)
    answer = api("POST", "R/branches/main/commits", {"message": "m"})
    assert answer.status == 500  # lakeFS's answer to an action file that it cannot read
    assert "bomb.yaml: yaml: exceeded max depth of 100" in answer.message, answer.body
    assert api("GET", "/healthcheck").status == 204


def test_merge_keys_count_as_depth() -> None:
    links = [b"a0: &a0 {x: 1}"]
    links += [b"a%d: &a%d\n  <<: *a%d" % (level, level, level - 1) for level in range(1, 900)]
    with pytest.raises(go_yaml.YamlError, match=r"exceeded max depth of 100|excessive aliasing"):
        go_yaml.load(b"\n".join(links))


def test_yaml_of_too_many_nodes_or_bytes_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(go_yaml.YamlError, match="more than 400000 nodes"):
        go_yaml.load(b"[" + b"a," * 500_000 + b"]")
    monkeypatch.setattr(go_yaml, "MAX_BYTES", 100)
    with pytest.raises(go_yaml.YamlError, match="larger than 100 bytes"):
        go_yaml.load(b"a" * 101)


def test_yaml_within_the_bounds_is_read() -> None:
    deep = go_yaml.load(b"".join(b" " * level + b"a:\n" for level in range(go_yaml.MAX_DEPTH - 1)))
    for _ in range(go_yaml.MAX_DEPTH - 2):
        deep = deep["a"]
    assert deep == {"a": None}


@pytest.mark.parametrize("condition", ["(" * 30_000 + "true", "!" * 30_000 + "true", "true?" * 30_000])
def test_a_condition_that_is_nested_too_deeply_is_an_error_of_the_hook(condition: str) -> None:
    with pytest.raises(BadCondition, match="nested more than 64 levels deep"):
        holds(condition, failed=False)


@pytest.mark.parametrize("text", JSON_BOMBS.values(), ids=JSON_BOMBS.keys())
def test_a_request_body_that_is_nested_too_deeply_is_refused(api: Any, text: str) -> None:
    with pytest.raises(ValueError, match="nested more than 100 levels deep"):
        json_text.loads(text)
    answer = api("POST", "R/branches", data=text, headers={"Content-Type": "application/json"})
    assert answer.status == 400
    assert answer.message == "request body has an error: failed to decode request body: invalid JSON"


def test_a_request_body_of_too_many_values_is_refused() -> None:
    with pytest.raises(ValueError, match="more than 500000 values"):
        json_text.loads("[" + "[]," * 1_000_000 + "[]]")
    # What stands inside strings does not count.
    assert json_text.loads('"' + ",[" * 600_000 + '"') == ",[" * 600_000


@pytest.mark.parametrize("text", JSON_BOMBS.values(), ids=JSON_BOMBS.keys())
def test_json_of_a_script_that_is_nested_too_deeply_is_refused(text: str) -> None:
    with pytest.raises(go_json.JsonError, match="exceeded max depth: nested more than 150 levels deep"):
        go_json.loads(text.encode())


def test_a_frame_that_is_nested_too_deeply_ends_the_worker(tmp_path: Any) -> None:
    header = b"[" * 100_000
    path = tmp_path / "frame"
    path.write_bytes(len(header).to_bytes(4, "big") + bytes(4) + header)
    with path.open("rb") as stream, pytest.raises(BrokenFrame, match="nested more than 400"):
        read_frame(stream)


DEEP_VALUES = {
    "json to lua": "return require('encoding/json').unmarshal(('['):rep(1e6))",
    "closed json to lua": "return require('encoding/json').unmarshal(('['):rep(9e5) .. (']'):rep(9e5))",
    "yaml to lua": "return require('encoding/yaml').unmarshal(('['):rep(1e5))",
    "lua to json": "local t = {} for _ = 1, 1e5 do t = { t } end require('encoding/json').marshal(t)",
    "lua to yaml": "local t = {} for _ = 1, 1e5 do t = { x = t } end require('encoding/yaml').marshal(t)",
    "lua in itself": "local t = {} t.t = t require('encoding/json').marshal(t)",
    "code": "assert(load('return ' .. ('('):rep(1e5)))",
}
RECURSION = {
    "calls": "local function f(n) return f(n + 1) + 1 end f(1)",
    "calls with tables": "local t = {} local function f(n) t[n] = {} return f(n + 1) + 1 end f(1)",
    "tail calls": "local function f() return f() end f()",
    "growing arguments": "local function f(...) return f(1, ...) end f()",
    "pcall twice": "local function f() pcall(f) pcall(f) end f()",
    "pcall and tail call": "local function f() pcall(f) return f() end f()",
    "__index": "local t = setmetatable({}, {__index = function(t, k) return t[k] end}) return t.x",
    "__tostring": "local t t = setmetatable({}, {__tostring = function() return tostring(t) end}) print(t)",
    "__gc": "local function f() setmetatable({}, {__gc = function() f() end}) end while true do f() end",
    "sort": "local function f() table.sort({1, 2, 3}, f) return true end f()",
    "load": "local function f() load(f)() end f()",
}


@pytest.fixture(scope="module")
def pool() -> Any:
    made = LuaPool(Limits())
    made.run(b"", {}, lambda *_: (500, None, b""))
    yield made
    made.close()


@pytest.mark.parametrize("script", DEEP_VALUES.values(), ids=DEEP_VALUES.keys())
def test_a_deep_value_between_lua_and_python_fails_the_script_and_no_more(pool: LuaPool, script: str) -> None:
    result = pool.run(script.encode(), {}, lambda *_: (500, None, b""))
    assert result.kind == "runtime"
    assert result.message


@pytest.mark.parametrize("script", RECURSION.values(), ids=RECURSION.keys())
def test_endless_recursion_ends_soon(pool: LuaPool, script: str) -> None:
    """The bound is 1 s of processor time; the clock on the wall is only there for a busy machine."""
    before = time.monotonic()
    result = pool.run(script.encode(), {}, lambda *_: (500, None, b""))
    assert result.kind in {"runtime", "killed"}
    if result.kind == "killed":
        assert result.message == b"the script was ended after 1 s of processor time"
    assert time.monotonic() - before < 20


def test_the_functions_of_the_host_have_more_time_than_the_interpreter(pool: LuaPool) -> None:
    """Reading JSON may take longer than a script may compute."""
    script = b"""
        local json, text = require("encoding/json"), "[" .. ("[1,2,3],"):rep(2e4) .. "0]"
        for _ = 1, 12 do json.unmarshal(text) end
    """
    assert pool.run(script, {}, lambda *_: (500, None, b"")).kind == "ok"


def test_text_ends_are_found_without_a_search_through_all_quotes() -> None:
    for tail in ("", "\\"):
        with pytest.raises(ValueError, match="Unterminated string"):
            json_text.loads('"' + '\\"' * 1_000_000 + "[" * 200 + tail)
