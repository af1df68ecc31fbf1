"""`lakefs.…` in scripts: arguments, answers, refusals, against a lake in memory."""

import json
from typing import Any

import pytest

from mlops.lakeserver.hooks.golang.go_json import loads
from mlops.lakeserver.hooks.interface import Limits
from mlops.lakeserver.hooks.lua.sandbox import Sandbox
from mlops.lakeserver.hooks.lua.view import ViewAnswers, zone_data

HEAD = 'local lakefs, j = require("lakefs"), require("encoding/json") local R = "runs" '


@pytest.fixture
def run(lake):
    lake.refs["main"] = {
        "d/a.json": b'{"x":1}',
        "d/b.bin": b"\xff\x00\xfe",
        "d/c.txt": b"hello",
        "top.txt": b"t",
    }
    lake.refs["old"] = {"d/a.json": b"{}", "gone": b"1"}
    lake.metadata["main", "d/a.json"] = {"who": "me"}

    def run_script(script: str, *, failing: bool = False) -> str:
        answers = ViewAnswers(lake, Limits(object_bytes=100))
        sandbox = Sandbox(answers, instructions=10**6, memory_bytes=32 << 20, output_bytes=1 << 20)
        kind, message, output = sandbox.run((HEAD + script).encode(), {"args": {}, "action": {}})
        assert (kind == "ok") is not failing, message
        return (message if failing else output).decode("latin-1")

    return run_script


def test_get_object_gives_status_and_bytes(run, lake):
    assert run('print(lakefs.get_object(R, "main", "d/a.json"))') == '200\t{"x":1}\n'
    assert (
        run('local c, b = lakefs.get_object(R, "main", "d/b.bin") print(c, #b, b:byte(1, 3))')
        == "200\t3\t255\t0\t254\n"
    )
    assert run('print(lakefs.get_object(R, "main", "nope"))') == '404\t{"message":"not found"}\n\n'
    assert ("get_object", "runs", "main", "d/a.json") in lake.asked


def test_paths_are_text_on_the_servers_side(run, lake):
    lake.refs["main"]["é/日本.txt"] = "ü".encode()
    assert run('print(lakefs.get_object(R, "main", "é/日本.txt"))').encode("latin-1").decode() == "200\tü\n"


@pytest.mark.parametrize(
    "call",
    [
        'get_object("..", "main", "x")',
        'get_object(R, "a/b", "x")',
        'get_object("", "main", "x")',
        'stat_object(R, "", "x")',
        'get_object(R, ".", "x")',
    ],
)
def test_names_that_do_not_fit_into_a_path_reach_no_operation(run, lake, call):
    assert run(f"print(lakefs.{call})") == '404\t{"message":"invalid API endpoint"}\n\n'
    assert run(f"print(select(2, lakefs.{call}))") == '{"message":"invalid API endpoint"}\n\n'
    assert run('print(select(2, lakefs.diff_refs(R, "a", "b/c")).message)') == "invalid API endpoint\n"
    assert lake.asked == []


def test_an_error_reads_as_lakefs_writes_it(run, lake):
    lake.get_object = lambda *_: (404, b'{ "message": "a <b>" }')
    assert run('print(lakefs.get_object(R, "main", "x"))') == '404\t{"message":"a \\u003cb\\u003e"}\n\n'


def test_an_object_too_large_for_a_hook_is_refused(run, lake):
    lake.refs["main"]["big"] = b"x" * 101
    assert run('local c = lakefs.get_object(R, "main", "big") print(c)') == "507\n"
    assert [call[0] for call in lake.asked] == ["stat_object"]


def test_stat_object_gives_the_text_of_the_answer(run):
    text = run('print(select(2, lakefs.stat_object(R, "main", "d/a.json")))')
    assert json.loads(text)["metadata"] == {"who": "me"}
    assert text.endswith("}\n\n")
    for flag in ("false", "nil"):
        without = json.loads(run(f'print(select(2, lakefs.stat_object(R, "main", "d/a.json", {flag})))'))
        assert without["metadata"] == {}
    assert run('print(lakefs.stat_object(R, "main", "nope"))') == '404\t{"message":"not found"}\n\n'


def test_list_objects_pages(run, lake):
    script = """
        local c, r = lakefs.list_objects(R, "main", "", "d/", "/", 2)
        print(c, #r.results, r.pagination.has_more, r.pagination.next_offset, r.results[1].checksum ~= "")
        c, r = lakefs.list_objects(R, "main", r.pagination.next_offset, "d/", "/", 2)
        print(c, #r.results, r.pagination.has_more, r.results[1].path)
        c, r = lakefs.list_objects(R, "main", "", "", "/")
        print(c, r.results[1].path, r.results[1].path_type)
    """
    assert run(script) == "200\t2\ttrue\td/b.bin\ttrue\n200\t1\tfalse\td/c.txt\n200\td/\tcommon_prefix\n"
    assert lake.asked[0] == ("list_objects", "runs", "main", "", "d/", "/", "2")
    assert lake.asked[2] == ("list_objects", "runs", "main", "", "", "/", "100")


@pytest.mark.parametrize(
    ("given", "asked"), [("0", "100"), ("-1", "100"), ("1000", "1000"), ("1.7", "1"), ('"7"', "7")]
)
def test_amounts_are_what_the_api_takes_them_for(run, lake, given, asked):
    run(f'lakefs.list_objects(R, "main", "", "", "", {given})')
    assert lake.asked[-1][-1] == asked


@pytest.mark.parametrize(("amount", "bound"), [(5000, "at most 1000"), (-5, "at least -1")])
def test_amounts_beyond_the_api_are_refused_in_its_words(run, lake, amount, bound):
    text = run(f'local c, r = lakefs.diff_refs(R, "main", "old", "", "", "", {amount}) print(c, r.message)')
    assert text.startswith(
        f'400\tparameter "amount" in query has an error: number must be {bound}\nSchema:\n'
    )
    assert f"Value:\n  {amount}\n" in text
    assert lake.asked == []


def test_metadata_is_left_out_of_listings_on_request(run):
    script = """
        local _, r = lakefs.list_objects(R, "main", "", "d/a", "", 1, %s)
        print(j.marshal(r.results[1].metadata))
    """
    assert run(script % "true") == '{"who":"me"}\n\n'
    assert run(script % "false") == "null\n\n"


def test_diffs(run, lake):
    script = """
        local c, r = lakefs.diff_refs(R, "old", "main")
        for _, row in ipairs(r.results) do print(c, row.type, row.path) end
        print((lakefs.diff_refs(R, "nope", "main")))
        c, r = lakefs.diff_branch(R, "main", "", 7, "p", "/")
        print(c, #r.results)
    """
    assert run(script).splitlines() == [
        "200\tchanged\td/a.json",
        "200\tadded\td/b.bin",
        "200\tadded\td/c.txt",
        "200\tremoved\tgone",
        "200\tadded\ttop.txt",
        "404",
        "200\t0",
    ]
    assert lake.asked[-1] == ("diff_branch", "runs", "main", "", "7", "p", "/")


def test_tags_and_metadata_are_written(run, lake):
    script = """
        local c, r = lakefs.create_tag(R, "main", "v1") print(c, r.id, r.commit_id)
        c, r = lakefs.create_tag(R, "main", "v1") print(c, r.message)
        print(lakefs.update_object_user_metadata(R, "main", "top.txt", {a = "b", n = 1, ["é"] = "ü"}))
        c, r = lakefs.update_object_user_metadata(R, "main", "nope", {}) print(c, r.message)
    """
    assert run(script) == "201\tv1\tmain\n409\ttag already exists: not unique\n204\n404\tnot found\n"
    assert lake.metadata["main", "top.txt"] == {"a": "b", "n": "1", "é": "ü"}


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ("lakefs.get_object()", "bad argument #1 to '?' (string expected, got no value)"),
        ('lakefs.get_object(R, "main")', "bad argument #3 to '?' (string expected, got no value)"),
        ('lakefs.get_object(R, nil, "x")', "bad argument #2 to '?' (string expected, got nil)"),
        ('lakefs.get_object(R, "main", {})', "bad argument #3 to '?' (string expected, got table)"),
        ('lakefs.diff_refs(R, "a", "b", nil)', "bad argument #4 to '?' (string expected, got nil)"),
        ('lakefs.list_objects(R, "a", "", "", "", nil)', "bad argument #6 to '?' (number expected, got nil)"),
        (
            'lakefs.update_object_user_metadata(R, "main", "x")',
            "need a table at index 4, got no value: cannot pull go type into lua",
        ),
        (
            'lakefs.update_object_user_metadata(R, "main", "x", {a = true})',
            "value for key 'a' should be a string (boolean): cannot pull go type into lua",
        ),
    ],
)
def test_wrong_arguments_are_refused_where_they_stand(run, call, message):
    text = run(f"\n{call}", failing=True)
    assert (
        text
        == f'[string "lua"]:2: {message}\nstack traceback:\n\t[Go]: in ?\n\t[string "lua"]:2: in main chunk'
    )


def test_answers_may_be_marshalled_again(run):
    text = run('local _, r = lakefs.list_objects(R, "main", "", "d/c", "") print(j.marshal(r))')
    again: Any = loads(text.encode())
    assert again["pagination"] == {
        "has_more": False,
        "next_offset": "",
        "results": 1.0,
        "max_per_page": 1000.0,
    }
    assert again["results"][0]["metadata"] == {}


@pytest.mark.parametrize(
    "name", ["../etc/passwd", "/etc/passwd", "Europe//Berlin", "", "Europe", "a\0b", "tzdata", "__init__"]
)
def test_no_other_file_is_a_time_zone(name):
    data = zone_data(name)
    assert data is None or data.startswith(b"TZif")
