"""A script reaches nothing but what lakeFS offers it."""

import gc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops.lakeserver.hooks.lua.sandbox import Sandbox


def outside(operation: str, arguments: list[Any]) -> tuple[int, Any, bytes]:
    assert (operation, len(arguments)) == ("get_object", 3)
    return 200, None, b"body"


def run(script: str, *, instructions: int = 2_000_000) -> tuple[str, str, str]:
    sandbox = Sandbox(outside, instructions=instructions, memory_bytes=16 << 20, output_bytes=1 << 16)
    kind, message, output = sandbox.run(script.encode(), {"args": {}, "action": {}, "username": "u"})
    return kind, message.decode("latin-1"), output.decode("latin-1")


def test_only_lakefs_globals_exist():
    _, _, names = run(
        "local k = {} for n in pairs(_G) do k[#k + 1] = n end table.sort(k) print(table.concat(k, ' '))"
    )
    assert names.split() == [
        *("_G", "_VERSION", "action", "args", "array", "assert", "bit32", "collectgarbage", "debug", "error"),
        *("getmetatable", "ipairs", "load", "math", "next", "package", "pairs", "pcall", "print", "rawequal"),
        *("rawget", "rawlen", "rawset", "require", "select", "setmetatable", "string", "table", "tonumber"),
        *("tostring", "type", "username", "xpcall"),
    ]


ABSENT = """
    io os coroutine dofile loadfile python lupa string.dump string.gsub string.gmatch string.match
    debug.getinfo debug.getupvalue debug.getregistry debug.sethook debug.getlocal debug.setupvalue
    debug.upvalueid debug.setmetatable package.loadlib package.cpath package.loaded.python package.loaded.io
    package.loaded.os package.loaded.coroutine getmetatable('').__index.dump require('lakefs').call
"""


@pytest.mark.parametrize("expression", ABSENT.split())
def test_it_does_not_exist(expression):
    assert run(f"print({expression})") == ("ok", "", "nil\n")


WALK = """
local seen, kinds = {}, {}
local function walk(value, path)
  local kind = type(value)
  kinds[kind] = true
  if kind == "userdata" or kind == "thread" then print("REACHED " .. path) end
  if kind ~= "table" or seen[value] then return end
  seen[value] = true
  for k, v in next, value do walk(k, path .. ".<key>") walk(v, path .. "." .. tostring(k)) end
  walk(getmetatable(value), path .. ".<meta>")
end
walk(_G, "_G")
for _, value in ipairs({ "", 1, true, print, pcall, require("lakefs").get_object }) do
  walk(getmetatable(value), "<meta>")
end
local json, regexp = require("encoding/json"), require("regexp")
for _, f in ipairs({ require("lakefs").get_object, regexp.compile, json.unmarshal }) do
  walk({ pcall(f, "r", "m", "p") }, "result")
  walk({ pcall(f) }, "error")
  walk({ pcall(f, {}, {}, {}) }, "error")
end
local compiled = require("regexp").compile("a")
walk(compiled, "regexp")
walk({ pcall(compiled.find_all, "aa", -1) }, "matches")
walk({ pcall(error, {}) }, "error")
walk({ pcall(string.rep, "x", 1e9) }, "memory")
print(next(kinds) ~= nil)
"""


def test_no_host_object_is_reachable():
    """Walks every table, metatable, result and error; the host's functions would be userdata."""
    assert run(WALK) == ("ok", "", "true\n")


@pytest.mark.parametrize(
    "script",
    [
        "return load('\\27Lua', 'b', 'b')()",
        "return load('\\27Lua')()",
        "return load(function() return '\\27Lua' end, 'x', 'bt')()",
        "getmetatable(print).__index = {}",
        "setmetatable(_G, {__index = function(_, k) return k end}) return io.open('x')",
        "print.__globals__ = 1",
        "return print['__globals__']",
        "return (#print)",
        "return print .. ''",
        "require('lakefs').get_object('r', 'm', 'p')[1]()",
        "return tostring(nil .. {})",
        "local t = setmetatable({}, {__index = function(t, k) return t[k] end}) return t.x",
        "string.format('%99999d', 1)",
        "string.format(('%s'):rep(1e5), 1)",
        "table.concat({}, 'x', 1, 2^53)",
        "table.unpack({}, 1, 1e8)",
        "string.rep('x', 2^31)",
        "string.rep('x', -1, ('y'):rep(2^26))  error('end')",
        "return select(-1e9)",
        "local s = ('x'):rep(1e5) require('encoding/json').unmarshal(('['):rep(1e5))",
        "local t = {} t.t = t require('encoding/json').marshal(t)",
        "require('encoding/yaml').unmarshal('a: &a [' .. ('x,'):rep(999) .. ']\\nb: &b [' .. ('*a,'):rep(999)"
        " .. "
        "']\\nc: [' .. ('*b,'):rep(1000) .. ']')",
        "require('encoding/yaml').unmarshal('!!python/object/apply:os.system [ls]') error('plain data')",
        "require('time').format(0, '15', '../../../etc/passwd')",
        "require('time').format(2^80, '15', 'UTC') error('some time')",
        "error(setmetatable({}, {__tostring = function() error('again') end}))",
        "local f f = function(...) return f(...) end f()",
        "local function f(n) return f(n + 1) + 1 end f(1)",
        "local t = {} for i = 1, 1e9 do t[i] = i end",
        "for i = 1, math.huge do end",
        "goto loop ::loop:: goto loop",
        "repeat local ok = pcall(error) until false",
        "while true do load('x =')() end",
    ],
)
def test_a_hostile_script_fails_and_no_more(script):
    kind, message, _ = run(script)
    assert kind in {"runtime", "syntax"}
    assert message
    gc.collect()
    assert run("print(1)") == ("ok", "", "1\n")


def test_a_script_cannot_break_what_comes_after_it_in_the_prelude():
    """Overwriting globals and the string library harms the script alone."""
    script = """
        for _, m in pairs({string, table, math, debug}) do for k in pairs(m) do m[k] = false end end
        getmetatable("").__index = nil
        type, pairs, next, select, pcall, getmetatable, rawget = nil
        print(require("encoding/json").marshal({a = 1}))
        print(require("regexp").compile("a+").find("baac"), require("path").join("/", "a", "b"))
        error("end", 0)
    """
    kind, message, output = run(script)
    assert (kind, output) == ("runtime", '{"a":1}\n\naa\ta/b\n')
    assert message.startswith("end\nstack traceback:")


CALLS = """
    print pcall error load string.rep table.concat setmetatable {} nil _G 1 -1 2^53 'x' array tostring 1/0
    debug.traceback getmetatable('') string.format '%5.1f' function()error('e')end
    require('lakefs').get_object require('encoding/json').marshal require('regexp').compile
"""
WORDS = st.sampled_from(CALLS.split())


@given(st.lists(WORDS, min_size=1, max_size=5))
def test_any_call_ends_in_an_answer(words):
    """No combination of what there is ends in anything but a kind and a message."""
    function, *arguments = words
    kind, message, output = run(f"print(pcall({', '.join([function, *arguments])}))", instructions=200_000)
    assert kind in {"ok", "runtime", "syntax"}
    assert "Traceback" not in message + output
    assert "<built-in" not in message + output
    assert " object at 0x" not in message + output


@given(st.text(alphabet=st.characters(max_codepoint=255)))
def test_any_text_is_a_script_that_ends(text):
    kind, _, _ = run(text, instructions=100_000)
    assert kind in {"ok", "runtime", "syntax"}


@given(st.binary())
def test_any_bytes_survive_a_round_trip(data):
    def answer(operation: str, arguments: list[Any]) -> tuple[int, Any, bytes]:
        del operation, arguments
        return 200, None, data

    sandbox = Sandbox(answer, instructions=10**6, memory_bytes=16 << 20, output_bytes=1 << 20)
    script = b"print(select(2, require('lakefs').get_object('r', 'm', 'p')))"
    assert sandbox.run(script, {"args": {}}) == ("ok", b"", data + b"\n")
