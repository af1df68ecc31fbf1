"""The report of a run, for every kind of task: what it says, that it is self-contained, and its bytes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest

from mlops.runs.main.state import read_main
from mlops.runs.promotion.promote import Promotion
from mlops.steps import run as running
from mlops.steps.report.keep import keep_report
from mlops.steps.report.make import make_report
from mlops.steps.workspace import Workspace
from tests.orchestration import genres, measurements, playlists, tiny
from tests.support import chromium

_VOID = {"meta", "br", "path", "use"}


class _Page(HTMLParser):
    """The elements of a page; an end tag that does not fit is an error."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if tag not in _VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data if self.open and self.open[-1] != "style" else ""

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.found if name == tag]

    @property
    def headings(self) -> list[str]:
        return re.findall(r"<h2>(.*?)</h2>", self.rawdata) or []


def _line() -> tuple[Workspace, Promotion]:
    workspace = tiny.tiny_workspace("2020-01", "2020-02", "2020-03")
    running.run_all(workspace, tiny.SPEC.parameters({"shrinkage": 2000.0}))
    return workspace, running.run_all(workspace, tiny.SPEC.parameters({}))


def _refused() -> tuple[Workspace, Promotion]:
    workspace = tiny.tiny_workspace("2020-01", "2020-02", "2020-03")
    running.run_all(workspace, tiny.SPEC.parameters({}))
    return workspace, running.run_all(workspace, tiny.SPEC.parameters({"shrinkage": 2000.0}))


def _first() -> tuple[Workspace, Promotion]:
    workspace = tiny.tiny_workspace("2020-01", "2020-02", "2020-03")
    return workspace, running.run_all(workspace, tiny.SPEC.parameters({}))


def _genres() -> tuple[Workspace, Promotion]:
    workspace = genres.genre_workspace("part-1", "part-2")
    running.run_all(workspace, genres.SPEC.parameters({"c": 1e-5}))
    return workspace, running.run_all(workspace, genres.SPEC.parameters({"c": 1.0}))


def _playlists() -> tuple[Workspace, Promotion]:
    workspace = playlists.playlist_workspace("part-1", "part-2")
    running.run_all(workspace, playlists.SPEC.parameters({"by_taste": True}))
    return workspace, running.run_all(workspace, playlists.SPEC.parameters({}))


def _data() -> tuple[Workspace, Promotion]:
    workspace = measurements.data_workspace("part-1", "part-2")
    running.run_all(workspace, measurements.SPEC.parameters({}))
    return workspace, running.run_all(workspace, measurements.SPEC.parameters({"most": 50.0}))


_KINDS = {
    "regression": _line,
    "refused": _refused,
    "first": _first,
    "classification": _genres,
    "ranking": _playlists,
    "data": _data,
}


@pytest.fixture(scope="module")
def state_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("report")


@pytest.fixture(scope="module")
def made(state_dir: Path) -> dict[str, tuple[Workspace, Promotion, bytes]]:
    found: dict[str, tuple[Workspace, Promotion, bytes]] = {}
    for kind, play in _KINDS.items():
        workspace, ended = play()
        found[kind] = (workspace, ended, make_report(workspace, ended.evidence_commit, state_dir))
    return found


@pytest.mark.parametrize("kind", _KINDS)
class TestEveryKind:
    def test_says_the_verdict_and_every_reason(
        self, made: dict[str, tuple[Workspace, Promotion, bytes]], kind: str
    ) -> None:
        _, ended, content = made[kind]
        page = _Page(content.decode())

        assert page.open == []
        word = "Passed." if ended.decision.verdict.promotes else "Refused."
        assert word in page.text
        for finding in ended.decision.verdict.findings:
            assert finding.sentence in page.text

    def test_the_same_commit_gives_the_same_bytes(
        self, made: dict[str, tuple[Workspace, Promotion, bytes]], kind: str, state_dir: Path
    ) -> None:
        workspace, ended, content = made[kind]

        assert make_report(workspace, ended.evidence_commit, state_dir) == content

    def test_needs_no_script_and_no_network(
        self, made: dict[str, tuple[Workspace, Promotion, bytes]], kind: str
    ) -> None:
        page = _Page(made[kind][2].decode())

        assert {"script", "link", "img", "iframe", "object"}.isdisjoint(tag for tag, _ in page.found)
        for _, attributes in page.found:
            for name, value in attributes.items():
                assert not name.startswith("on")
                if name in {"src", "href", "xlink:href"}:
                    assert (value or "").startswith("#")
        assert "url(http" not in page.rawdata

    def test_each_plot_has_a_description_and_its_numbers(
        self, made: dict[str, tuple[Workspace, Promotion, bytes]], kind: str
    ) -> None:
        content = made[kind][2].decode()
        page = _Page(content)

        plots = page.all("svg")
        assert all(plot["role"] == "img" for plot in plots)
        ids = [attributes["id"] for _, attributes in page.found if attributes.get("id")]
        assert len(ids) == len(set(ids))
        for plot in plots:
            assert set((plot["aria-labelledby"] or "").split()) <= set(ids)
        assert (
            content.count("</svg><figcaption>") == content.count("<summary>Numbers</summary>") == len(plots)
        )


def _content(made: dict[str, tuple[Workspace, Promotion, bytes]], kind: str) -> str:
    return made[kind][2].decode()


class TestContent:
    def test_compares_with_the_champion(self, made: dict[str, tuple[Workspace, Promotion, bytes]]) -> None:
        text = _Page(_content(made, "regression")).text

        assert "shrinkage: 2000.0 → 0.0" in text
        assert "mlops rollback tiny-line --to 1 --reason TEXT" in text
        assert "Evaluation 2 on this holdout" in text
        assert "over the champion" in text

    def test_shows_warnings_of_the_suites(self, state_dir: Path) -> None:
        low = {"type": "expect_column_values_to_be_between", "kwargs": {"column": "x", "max_value": 5}}
        suite = {**tiny.SUITE, "expectations": [*tiny.SUITE["expectations"], {**low, "severity": "warning"}]}
        workspace = tiny.tiny_workspace("2020-01", "2020-02", "2020-03", suite=suite)
        ended = running.run_all(workspace, tiny.SPEC.parameters({}))

        content = make_report(workspace, ended.evidence_commit, state_dir).decode()

        assert 'processed_train: <span class="warning">4 expectations, hold, with 1 warning' in content
        assert "x values to be between max_value 5" in content

    def test_a_classifier_has_its_calibration(
        self, made: dict[str, tuple[Workspace, Promotion, bytes]]
    ) -> None:
        content = _content(made, "classification")

        assert 'id="calibration-title"' in content
        assert "brier genre=" in content
        assert 'id="guards-title"' in content

    def test_data_without_a_model_has_rows_and_changes_alone(
        self, made: dict[str, tuple[Workspace, Promotion, bytes]]
    ) -> None:
        content = _content(made, "data")

        assert "Data card" in content
        assert "Evaluation " not in content
        assert "<h2>Rows</h2>" in content
        assert 'id="gain-title"' not in content

    def test_the_first_run_has_no_champion(self, made: dict[str, tuple[Workspace, Promotion, bytes]]) -> None:
        text = _Page(_content(made, "first")).text

        assert "none: this is the first run that is judged" in text
        assert "over the baseline" in text
        assert "Drift of the data" not in text

    def test_guards_have_one_good_side_whatever_their_sign(
        self, made: dict[str, tuple[Workspace, Promotion, bytes]]
    ) -> None:
        from mlops.steps.report.evidence import read_evidence
        from mlops.steps.report.numbers import guards

        workspace, ended, _ = made["classification"]
        found = guards(read_evidence(workspace, ended.evidence_commit))

        assert found
        for guard in found:
            assert (guard.lower > -1) == guard.interval.holds
            assert (guard.change > 0) == (guard.interval.candidate < guard.interval.other)

    def test_is_the_same_after_a_rollback_and_a_sweep(self, state_dir: Path) -> None:
        from mlops.runs.upkeep.sweep import sweep
        from mlops.steps.rollback import roll_back

        workspace, ended = _line()
        before = make_report(workspace, ended.evidence_commit, state_dir)
        sweep(workspace.ports, dry_run=False)
        assert roll_back.roll_back(workspace.ports, "it was wrong") is not None

        assert make_report(workspace, ended.evidence_commit, state_dir) == before


def test_names_from_data_cannot_become_markup(state_dir: Path) -> None:
    from mlops.steps.report import markup

    shown = markup.table(("<script>",), [("<img src=x onerror=alert(1)>",)]) + markup.section("<b>", "x")

    assert {tag for tag, _ in _Page(shown).found} <= {
        *("div", "table", "thead", "tbody", "tr", "th", "td", "section", "h2")
    }


def test_is_kept_in_the_state_folder_and_changes_nothing_on_record(tmp_path: Path) -> None:
    workspace, ended = _first()
    before = (read_main(workspace.lake), workspace.lake.branches())

    file = keep_report(workspace, ended.evidence_commit, ended.run.run_id, tmp_path)

    assert file == tmp_path / "reports" / "tiny-line" / ended.run.run_id / "run.html"
    assert file.read_bytes() == make_report(workspace, ended.evidence_commit, tmp_path)
    assert (read_main(workspace.lake), workspace.lake.branches()) == before


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[chromium.Chromium]:
    program = chromium.find()
    if program is None:
        pytest.skip("no Chromium on this machine")
    with chromium.started(program, tmp_path_factory.mktemp("profile")) as running_:
        yield running_


@pytest.mark.slow
@pytest.mark.parametrize("width", [1400, 400])
@pytest.mark.parametrize("dark", [False, True])
def test_fits_the_window_in_light_and_dark(
    made: dict[str, tuple[Workspace, Promotion, bytes]],
    browser: chromium.Chromium,
    tmp_path: Path,
    width: int,
    dark: bool,
) -> None:
    for kind, (_, _, content) in made.items():
        file = tmp_path / f"{kind}.html"
        file.write_bytes(content)
        browser.look(width=width, dark=dark)
        browser.forget()
        browser.go(file.as_uri())
        assert browser.ask("document.documentElement.scrollWidth") <= width, kind
        assert browser.messages == []
        paper = browser.ask("getComputedStyle(document.body).backgroundColor")
        ink = browser.ask("getComputedStyle(document.querySelector('.verdict')).color")
        brightness = [sum(map(int, re.findall(r"\d+", color)[:3])) for color in (paper, ink)]
        assert (brightness[0] < brightness[1]) == dark
        below = browser.ask("document.querySelector('.verdict').getBoundingClientRect().bottom")
        assert below < 800
