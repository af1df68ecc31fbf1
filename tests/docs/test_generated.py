"""The generated reference pages say what the program does."""

from __future__ import annotations

import re

import pytest

from infra.docs import anomaly_table, commands, exit_codes, gate_files, json_output, setting_table
from infra.docs.markdown import prose, table
from mlops import settings
from mlops.adapters.policy.files import parse_holdout_rule, parse_policy
from mlops.anomalies.gallery import ANOMALIES
from mlops.runs.decisions import Policy
from mlops.runs.errors import ConfigError


def first_cells(page: str) -> list[str]:
    """Return the code in the first cell of each row of a page's tables."""
    return re.findall(r"^\| `([^`]+)`", page, re.MULTILINE)


def test_every_command_has_a_section_with_its_arguments_and_options() -> None:
    page = commands.page()
    for path, command, _ in commands.walk():
        _, found, section = page.partition(f" {' '.join(path)}\n\n")
        assert found, path
        section = re.split(r"^##", section, maxsplit=1, flags=re.MULTILINE)[0]
        for parameter in command.params:
            if parameter.name not in {"json", "help"}:
                word = parameter.metavar if parameter.param_type_name == "argument" else parameter.opts[0]
                assert f"`{word}" in section.replace("\\", ""), (path, parameter.name)


def test_every_setting_is_listed() -> None:
    assert first_cells(setting_table.page()) == [row.variable for row in settings.describe()]


def test_exit_codes_are_those_of_the_errors_and_each_has_a_meaning() -> None:
    rows = re.findall(r"^\| (\d+) \| `?(\w*)`? \| (.+?) \|", exit_codes.page(), re.MULTILINE)
    listed = {name: int(code) for code, name, _ in rows if name}
    assert {kind.__name__: kind.exit_code for kind in exit_codes.kinds()}.items() <= listed.items()
    assert [int(code) for code, _, _ in rows] == sorted(int(code) for code, _, _ in rows)
    assert all(meaning.strip() for _, _, meaning in rows)


def test_the_defaults_of_the_policy_are_those_that_an_empty_file_has() -> None:
    page = gate_files.page().partition("### An entry")[0]
    rows = re.findall(r"^\| `(\w+)` \| .+? \| `([^`]+)` \|", page, re.MULTILINE)
    written = "".join(f"{key}: {value}\n" for key, value in rows)
    assert parse_policy(written.encode()) == parse_policy(b"{}") == Policy()


@pytest.mark.parametrize("kind", ["newest_period", "rolling_origin", "hash", "keys"])
def test_the_keys_of_a_holdout_rule_are_those_that_its_reader_takes(kind: str) -> None:
    section = gate_files.page().partition(f"kind `{kind}`")[2].partition("\n## ")[0]
    values = {"kind": kind, "column": "departs_on", "period": "month", "fraction": "0.2"}
    values |= {"by": "[track]", "values": "[a, b]", "periods": "3"}
    text = "".join(f"{key}: {values[key]}\n" for key in first_cells(section))
    assert parse_holdout_rule(text.encode()).kind == kind
    with pytest.raises(ConfigError):
        parse_holdout_rule(f"{text}other: 1\n".encode())


def test_every_key_of_the_gate_files_has_a_meaning() -> None:
    rows = re.findall(r"^\| `(\w+)` \|.*\| (.+?) \|$", gate_files.page(), re.MULTILINE)
    assert rows
    assert all(meaning.strip() for _, meaning in rows)


def test_every_anomaly_is_listed() -> None:
    assert first_cells(anomaly_table.page()) == [anomaly.name for anomaly in ANOMALIES]
    assert list(anomaly_table.outcomes()) == [anomaly.name for anomaly in ANOMALIES]


def test_every_command_that_prints_a_document_has_its_keys_listed() -> None:
    leaves = {" ".join(path[1:]) for path, command, _ in commands.walk() if not hasattr(command, "commands")}
    assert set(json_output.documents()) - {"every", "error"} == leaves, "edit infra/docs/json_keys.toml"


def test_a_table_leaves_out_an_empty_column_and_keeps_its_form() -> None:
    text = table(("a", "b", "c"), [("1", "", "x|y"), ("2", "", "two\nlines")])
    assert text == "| a | c |\n| --- | --- |\n| 1 | x\\|y |\n| 2 | two lines |\n"


def test_prose_keeps_code_and_shows_angle_brackets() -> None:
    assert prose("``run-<id>`` of <b>") == "`run-<id>` of &lt;b>"
