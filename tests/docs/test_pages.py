"""The documentation is complete and true as far as that can be checked without building it."""

from __future__ import annotations

import re
import shlex
from inspect import signature
from typing import Any

import pytest
import yaml

from infra.docs.commands import walk
from mlops.runs import names
from mlops.runs.decisions import Reason
from mlops.runs.records import LAWFUL_PATHS, Kind
from tests.docs.pages import DOCS, IN_ORDER, ROOT, blocks, commands, pages

PAGES = pages()
DECISIONS = sorted(path for path in PAGES if re.match(r"decisions/\d", path))


def declared() -> dict[str, Any]:
    """Return each command (``mlops lake gc``) with what declares it."""
    return {" ".join(path): command for path, command, _ in walk()}


def shown() -> list[tuple[str, str]]:
    """Return page and line for each call of the program that a page shows."""
    found = [(page, line) for page, text in PAGES.items() for line in commands(text)]
    calls = [(page, match[1]) for page, line in found if (match := re.search(r"(?:^|\()(mlops .*)", line))]
    return [(page, re.split(r" [|>]|\)$", call)[0]) for page, call in calls]


@pytest.mark.parametrize(("page", "line"), shown())
def test_a_command_that_is_shown_exists_with_its_options(page: str, line: str) -> None:
    known = declared()
    words = shlex.split(line.replace("…", "x"))
    program = known["mlops"]
    options = {option for p in program.params for option in p.opts}
    while words and words[1].startswith("-"):
        assert words[1] in options, (page, line)
        del words[1:3]
    name = " ".join(words[:3]) if " ".join(words[:3]) in known else " ".join(words[:2])
    assert name in known, (page, line)
    own = {option for p in known[name].params for option in (*p.opts, *p.secondary_opts)}
    given = {word.split("=")[0] for word in words if word.startswith("--")}
    assert given <= own, (page, line)


def test_every_recipe_that_is_named_exists() -> None:
    recipes = set(
        re.findall(r"^([a-z][a-z-]*)(?: \*?[A-Z]+(?:=\S*?)?)*:", (ROOT / "justfile").read_text(), re.M)
    )
    texts = [*PAGES.values(), *(path.read_text() for path in ROOT.glob("*.md"))]
    named = {name for text in texts for name in re.findall(r"(?:`|&& |\$ )just ([a-z][a-z-]+)", text)}
    assert named
    assert named <= recipes


def test_every_page_with_commands_to_run_is_run() -> None:
    marked = {page for page, text in PAGES.items() if blocks(text, "sh")}
    assert marked == set(IN_ORDER)


def test_the_navigation_lists_every_page_once() -> None:
    text = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    listed = re.findall(r"[\w/-]+\.md", str(yaml.safe_load(text)["nav"]))
    by_hook = {*DECISIONS, "explanation/threats.md"}
    generated = set(re.findall(r'"(reference/[\w-]+\.md)"', (ROOT / "infra/docs/hooks.py").read_text()))
    assert len(listed) == len(set(listed))
    assert set(listed) == (set(PAGES) | generated) - by_hook


@pytest.mark.parametrize("page", DECISIONS)
def test_a_decision_record_has_its_parts(page: str) -> None:
    text = PAGES[page]
    number = int(page.split("/")[1][:4])
    assert text.startswith(f"# {number}. ")
    assert "\nStatus: " in text
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == ["Context", "Decision", "Consequences"]


def test_decision_records_are_numbered_without_a_gap() -> None:
    assert len(DECISIONS) >= 10
    assert [int(page.split("/")[1][:4]) for page in DECISIONS] == list(range(1, len(DECISIONS) + 1))


def test_every_path_of_a_repository_is_described() -> None:
    text = PAGES["reference/repository.md"]
    paths = {value for name, value in vars(names).items() if name.isupper() and isinstance(value, str)}
    paths = {path for path in paths if "/" in path or path.endswith((".json", ".yaml"))}
    paths -= {"gate/", "reports/", "raw/", "processed/", "_lakefs_actions/gate.yaml", "gate/suites/"}
    assert {path for path in paths if f"`{path}" not in text} == set()


def test_every_kind_of_tag_is_described() -> None:
    text = PAGES["reference/repository.md"]
    samples = {"int": 1, "str": "2020-01"}
    makers = [
        value for name, value in vars(names).items() if re.fullmatch(r"(?!is_|parse_|version_)\w+_tag", name)
    ]
    tags = [make(*(samples[p.annotation] for p in signature(make).parameters.values())) for make in makers]
    assert len(tags) >= 8
    assert [tag for tag in tags if f"| `{tag.split('-')[0]}-" not in text] == []


def test_every_kind_of_commit_and_its_paths_are_described() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| `mlops .*?\| (.*) \|$", PAGES["reference/repository.md"], re.M))
    assert set(rows) == {str(kind) for kind in Kind}
    for kind, paths in LAWFUL_PATHS.items():
        assert [path for path in paths if f"`{path}`" not in rows[kind]] == []


def test_every_reason_code_is_explained() -> None:
    listed = re.findall(r"^\| `([a-z_]+)` \|", PAGES["explanation/the-gate.md"], re.MULTILINE)
    assert sorted(listed) == sorted(str(reason) for reason in Reason)


def test_every_invariant_that_an_audit_names_is_explained() -> None:
    explained = set(re.findall(r"^\| (I\d+) \|", PAGES["explanation/guarantees.md"], re.MULTILINE))
    sources = [path.read_text(encoding="utf-8") for path in (ROOT / "mlops").rglob("*.py")]
    named = {invariant for source in sources for invariant in re.findall(r'"(I\d+)"', source)}
    assert named
    assert named <= explained


def test_every_picture_exists_and_fetches_nothing() -> None:
    for page, text in PAGES.items():
        for target in re.findall(r"!\[[^\]]+\]\(([^)]+)\)", text):
            picture = (DOCS / page).parent / target
            assert picture.is_file(), (page, target)
            if picture.suffix == ".png":  # a photograph of a page: it cannot name anything to fetch
                assert picture.read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
                continue
            svg = picture.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
            assert "http" not in svg
            assert "<title" in svg


def test_no_page_chooses_a_package_index() -> None:
    option = re.compile(r"index-url|--index\b|find-links", re.IGNORECASE)
    assert [page for page, text in PAGES.items() if option.search(text)] == []
