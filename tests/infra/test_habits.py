"""What contributors and continuous integration go by: workflows, hooks, templates, pages at the top level."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
TOOLS = Path(sys.executable).parent
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))

#: What installs the runner of recipes; everything else that a workflow runs is a recipe.
BOOTSTRAP = "python -m pip install rust-just"


def recipes() -> set[str]:
    """Return the recipes that there are."""
    listed = subprocess.run(
        [str(TOOLS / "just"), "--summary"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return set(listed.stdout.split())


def jobs(path: Path) -> dict[str, Any]:
    """Return the jobs of a workflow."""
    return yaml.safe_load(path.read_text(encoding="utf-8"))["jobs"]


def steps(path: Path) -> list[dict[str, Any]]:
    """Return the steps of all jobs of a workflow."""
    return [step for job in jobs(path).values() for step in job["steps"]]


def missing_recipes(commands: list[str], known: set[str]) -> list[str]:
    """Return the commands that are neither a known recipe nor what installs the runner."""
    called = {command: re.fullmatch(r"just ([a-z][a-z-]*)(?: .+)?", command) for command in commands}
    return [c for c, match in called.items() if c != BOOTSTRAP and not (match and match[1] in known)]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_runs_recipes_that_exist(path: Path) -> None:
    commands = [step["run"].strip() for step in steps(path) if "run" in step]
    assert missing_recipes(commands, recipes()) == []


def test_a_recipe_that_does_not_exist_is_noticed() -> None:
    assert missing_recipes(["just nothing-like-that", "make test", BOOTSTRAP, "just lint"], {"lint"}) == [
        "just nothing-like-that",
        "make test",
    ]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_follows_the_schema_and_may_only_read(path: Path) -> None:
    command = [str(TOOLS / "check-jsonschema"), "--builtin-schema", "vendor.github-workflows", str(path)]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    workflow = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert workflow["permissions"] == {"contents": "read"}
    assert all("timeout-minutes" in job for job in workflow["jobs"].values())


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_needs_no_secret_and_leaves_no_credentials_behind(path: Path) -> None:
    assert "secrets." not in path.read_text(encoding="utf-8")
    checkouts = [step for step in steps(path) if step.get("uses", "").startswith("actions/checkout@")]
    assert all(step["with"]["persist-credentials"] is False for step in checkouts)


def test_the_tests_run_on_every_python_and_system_that_is_promised() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    promised = {c.rpartition(" ")[2] for c in project["classifiers"] if re.search(r"Python :: 3\.\d+$", c)}
    matrix = jobs(ROOT / ".github/workflows/checks.yml")["test"]["strategy"]["matrix"]
    assert set(matrix["python"]) == promised
    assert {re.split(r"-", system)[0] for system in matrix["os"]} == {"ubuntu", "macos"}


def test_a_release_is_published_by_trust_after_it_was_tried() -> None:
    path = ROOT / ".github/workflows/release.yml"
    publish = jobs(path)["publish"]
    assert publish["permissions"] == {"id-token": "write"}
    assert publish["needs"] == "build"
    assert publish["environment"] == "release"
    assert "just test-readme" in [step.get("run") for step in jobs(path)["build"]["steps"]]


@pytest.mark.parametrize("name", ["bug", "idea"])
def test_an_issue_form_follows_the_schema(name: str) -> None:
    form = ROOT / ".github/ISSUE_TEMPLATE" / f"{name}.yml"
    command = [str(TOOLS / "check-jsonschema"), "--builtin-schema", "vendor.github-issue-forms", str(form)]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_hooks_are_local_and_run_recipes_that_exist() -> None:
    configured = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    assert [repo["repo"] for repo in configured["repos"]] == ["local"]
    entries = [hook["entry"] for hook in configured["repos"][0]["hooks"]]
    assert entries
    assert missing_recipes(entries, recipes()) == []


@pytest.mark.parametrize("page", ["CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"])
def test_what_a_page_names_exists(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    named = set(re.findall(r"`((?:mlops|tests|infra|docs|expectations)(?:/[\w.-]+)*/?)`", text)) - {"mlops"}
    assert {path for path in named if not (ROOT / path).exists()} == set()
    assert set(re.findall(r"(?:`|\$ )just ([a-z][a-z-]+)", text)) <= recipes()


def test_the_changelog_has_the_agreed_form() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert text.startswith("# Changelog\n")
    versions = re.findall(r"^## (.+)$", text, re.MULTILINE)
    assert versions[0] == "[Unreleased]"
    assert all(re.fullmatch(r"\[\d+\.\d+\.\d+\] - \d{4}-\d\d-\d\d", version) for version in versions[1:])
    kinds = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
    assert set(re.findall(r"^### (.+)$", text, re.MULTILINE)) <= kinds


def test_no_address_of_a_package_index_is_named() -> None:
    locks = list(ROOT.glob("requirements*.lock"))
    assert locks
    assert not [path.name for path in locks if "://" in path.read_text(encoding="utf-8")]
    files = [*WORKFLOWS, *locks, ROOT / "justfile", ROOT / "pyproject.toml"]
    files += [path for path in (ROOT / "infra").rglob("*") if path.suffix in {".yaml", ".sh", ".Dockerfile"}]
    option = re.compile(r"(?<!no-emit-)index-url|find-links", re.IGNORECASE)
    assert not [path.name for path in files if option.search(path.read_text(encoding="utf-8"))]


def test_what_two_locks_name_has_one_version() -> None:
    program, docs = _pins(ROOT / "requirements.lock"), _pins(ROOT / "requirements-docs.lock")
    both = program.keys() & docs.keys()
    assert both
    assert {name for name in both if program[name] != docs[name]} == set()


def _pins(path: Path) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for name, version in re.findall(
        r"^([\w.-]+)==([^ ;\\]+)", path.read_text(encoding="utf-8"), re.MULTILINE
    ):
        found.setdefault(name, set()).add(version)
    return found
