"""The story of a pipeline: data arrives, models compete, broken deliveries stop, and `main` is moved back.

`plots` says what is tried. Nothing is arranged: every verdict is computed from the data that is there, by the
policy on `main`. Other data would give other results in the same chapters.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from mlops.demo import versions
from mlops.demo.race import Race
from mlops.demo.scenes import (
    Arrive,
    Audit,
    Broken,
    Candidate,
    GoBack,
    ListVersions,
    RaceOn,
    ReadVersion,
    ShowProfile,
)
from mlops.demo.worker import first_sentences
from mlops.orchestration.runner import execute_run
from mlops.runs import names
from mlops.runs.errors import MlopsError, NotPromoted, ProtocolMisuse, ValidationFailed
from mlops.runs.main.state import promotions, read_main
from mlops.runs.main.versions import promotion_number
from mlops.runs.promotion.promote import Promotion
from mlops.steps.arrivals import ingest
from mlops.steps.repository import init_repository
from mlops.steps.rollback.roll_back import roll_back

if TYPE_CHECKING:
    from mlops.demo.broken import Breakage
    from mlops.demo.scenes import Plot, Scene, ShowScene
    from mlops.settings import Settings
    from mlops.steps.workspace import Workspace


@dataclass
class Facts:
    """The results of the demo, for the tests and for ``--json``; filled chapter by chapter.

    Attributes:
        runs: Label, outcome, number and sentence of every run, in order.
        stopped: Breakage to what the suites said.
        race: What the two processes reported, where the story has a race.
        versions: Versions of the data, where the story lists them.
        read: Version, rows, columns and address of what was read in two ways.
        profile: The profile that was shown, and its version.
        rollback: Numbers, seconds and the checks made after it.
        audit: Number of audited commits, and the findings.
        elapsed_s: Seconds per chapter.
    """

    runs: list[dict[str, Any]] = field(default_factory=list)
    stopped: dict[str, str] = field(default_factory=dict)
    race: list[dict[str, Any]] = field(default_factory=list)
    versions: list[dict[str, Any]] = field(default_factory=list)
    read: dict[str, Any] = field(default_factory=dict)
    profile: dict[str, Any] = field(default_factory=dict)
    rollback: dict[str, Any] = field(default_factory=dict)
    audit: dict[str, Any] = field(default_factory=dict)
    elapsed_s: dict[str, float] = field(default_factory=dict)


class Story:
    """The chapters of the demo on one workspace; ``say`` receives lines for people."""

    def __init__(self, settings: Settings, workspace: Workspace, say: Callable[[str], None]) -> None:
        self._settings = settings
        self._workspace = workspace
        self._say = say
        self._rival: Race | None = None
        self.facts = Facts()

    @contextmanager
    def chapter(self, title: str) -> Iterator[None]:
        """Announce a chapter and note how long it took."""
        self._say(f"\n== {title}")
        started = time.perf_counter()
        yield
        self.facts.elapsed_s[title] = round(time.perf_counter() - started, 2)

    def tell(self, plot: Plot) -> Facts:
        """Play all chapters of a plot and return the results."""
        if any(isinstance(scene, RaceOn) for chapter in plot for scene in chapter.scenes):
            self._rival = Race(self._settings, self._workspace)  # its imports run during the first chapters
        try:
            self._begin()
            for chapter in plot:
                with self.chapter(chapter.title):
                    for scene in chapter.scenes:
                        self._play(scene)
        finally:
            if self._rival is not None:
                self._rival.close()
        return self.facts

    def _play(self, scene: Scene) -> None:
        match scene:
            case Arrive(arrivals):
                for arrival in arrivals:
                    self._arrive(arrival)
            case Candidate(label, params):
                self._run(label, dict(params))
            case RaceOn():
                self._race(scene)
            case Broken(arrival, breakages):
                self._broken_arrivals(arrival, breakages)
            case GoBack(version):
                self._rollback(version)
            case Audit(rescore, rebuild):
                self._audit(rescore=rescore, rebuild=rebuild)
            case _:
                self._show(scene)

    def _show(self, scene: ShowScene) -> None:
        match scene:
            case ListVersions():
                self._list_versions()
            case ReadVersion(version):
                self._read_version(version)
            case ShowProfile(version, column):
                self._show_profile(version, column)

    def _begin(self) -> None:
        with self.chapter("A repository whose main only takes what passes"):
            init_repository.create_repository(self._workspace.lake.connection, self._workspace.spec.name)
            init_repository.initialise(self._workspace.ports, self._workspace.spec.name)
            self._say(
                "   gate and enforcer are on main; a merge without a decision was tried and refused (412)"
            )

    def _arrive(self, arrival: str) -> None:
        done = ingest.ingest_arrival(self._workspace, arrival)
        self._say(f"   {arrival} arrives: {done.summary}")

    def _run(self, label: str, params: dict[str, Any]) -> Promotion | None:
        ended: Promotion | None = None
        try:
            ended = execute_run(self._workspace, params, state_dir=self._settings.state_dir).promotion
            number, sentence = ended.number, first_sentences(ended.decision.verdict)
        except (NotPromoted, ValidationFailed) as refused:
            number, sentence = 0, str(refused)
        self.facts.runs.append(
            {"label": label, "params": params, "number": number, "promoted": number > 0, "sentence": sentence}
        )
        word = f"promoted as number {number}" if number else "refused"
        self._say(f"   {label}: {word}. {sentence}")
        return ended

    def _broken_arrivals(self, arrival: str, breakages: Sequence[Breakage]) -> None:
        source, frames = ingest.from_source(self._workspace, arrival)
        head = self._workspace.lake.head(names.MAIN)
        for breakage in breakages:
            spoiled = {**frames, breakage.table: breakage.spoil(frames[breakage.table])}
            try:
                ingest.deliver(self._workspace, arrival, f"{source} with {breakage.name}", spoiled)
            except ValidationFailed as stopped:
                self.facts.stopped[breakage.name] = stopped.what
                self._say(f"   {breakage.name}: {stopped}")
        if self._workspace.lake.head(names.MAIN) != head or len(self.facts.stopped) != len(breakages):
            raise ProtocolMisuse("a broken delivery changed main", where=arrival)

    def _race(self, scene: RaceOn) -> None:
        self._arrive(scene.arrival)
        if self._rival is None:
            raise ProtocolMisuse("the second process was not started", where="race")
        self.facts.race = self._rival.run(dict(scene.mine), dict(scene.theirs))
        for ended in self.facts.race:
            word = f"promoted as number {ended['number']}" if ended["number"] else "refused"
            again = f", decided again {ended['decided_again']}x" if ended["decided_again"] else ""
            self._say(f"   run {ended['run_id']}: {word}{again}. {ended['sentence']}")

    def _list_versions(self) -> None:
        self.facts.versions = versions.listed(self._workspace.lake)
        for entry in self.facts.versions:
            self._say(f"   {versions.line_of(entry)}")

    def _read_version(self, version: str) -> None:
        name = self._workspace.spec.name
        read = self.facts.read = versions.read_twice(self._settings, name, version)
        self._say(f"   mlops.load({name!r}, {version!r}): {read['rows']:,} rows, verified by their record")
        self._say(f"   pandas.read_parquet({read['uri']!r}, ...): the same rows")

    def _show_profile(self, version: str, column: str) -> None:
        profile = versions.profile_of(self._workspace.lake, version)
        self.facts.profile = {"version": version, **profile.to_json()}
        for line in versions.profile_lines(profile, column, key=self._workspace.spec.key):
            self._say(f"   {line}")

    def _rollback(self, version: str) -> None:
        to = promotion_number(self._workspace.lake, version) if version else None
        done = roll_back(self._workspace.ports, "demonstration", to)
        if done is None:
            self._say("   there is only one champion: nothing to go back to")
            return
        if done.tracker_error is not None:
            raise done.tracker_error
        record = done.record
        self._say(
            f"   main is back at promotion {record.to_number} in {done.reset_s:.2f} s "
            f"({done.total_s:.2f} s with tags and MLflow); promotions are on hold until `mlops resume`"
        )
        checks = self.verify()
        self.facts.rollback = {
            "to_number": record.to_number,
            "dropped_runs": list(record.dropped_runs),
            "reset_s": round(done.reset_s, 3),
            "total_s": round(done.total_s, 3),
            "checks": checks,
        }

    def _audit(self, *, rescore: bool, rebuild: bool) -> None:
        from mlops.steps.audit.audit import Depth, audit_pipeline, failure

        depth = Depth(rescore=rescore, rebuild=rebuild)
        audited = list(
            audit_pipeline(self._workspace, self._settings.state_dir, depth=depth, from_start=True)
        )
        findings = [finding for step in audited for finding in step.findings]
        self.facts.audit = {
            "commits": sum(step.commit is not None for step in audited),
            "findings": [asdict(finding) for finding in findings],
        }
        asked = {"scores": rescore, "rows made again": rebuild}
        *before, last = ["history", "evidence", *(what for what, is_asked in asked.items() if is_asked)]
        how = f"{', '.join(before)} and {last}"
        self._say(f"   {how} of {self.facts.audit['commits']} commits of main: {len(findings)} findings")
        wrong = failure(findings)
        if wrong is not None:
            raise wrong

    def verify(self) -> dict[str, bool]:
        """Return whether data, model, tag and alias belong together, checked from the objects themselves.

        Raises:
            MlopsError: One of them does not.
        """
        from mlops.demo.checks import belong_together

        checks = belong_together(self._settings, self._workspace)
        for name, holds in checks.items():
            self._say(f"   {'ok ' if holds else 'NOT'} {name}")
        if not all(checks.values()):
            raise MlopsError("what is on main does not belong together", where=names.MAIN)
        return checks

    def promotions(self) -> list[dict[str, Any]]:
        """Return the promotions on `main` and the rollbacks, by number, for the last table."""
        state = read_main(self._workspace.lake)
        on_main = {c.id for c in promotions(self._workspace.lake, state.head)}
        rows: list[dict[str, Any]] = []
        for tag, commit in state.tags.items():
            number = names.event_number(tag)
            if number is None:
                continue
            metadata = self._workspace.lake.commit_of(commit).metadata
            promoted = names.is_promotion_tag(tag)
            rows.append(
                {
                    "number": number,
                    "kind": "promotion" if promoted else "rollback",
                    "run": metadata.get("run_id", ""),
                    "commit": commit,
                    "on_main": commit in on_main,
                    "champion": state.champion is not None and number == state.champion.number,
                    "metrics": self._metrics(commit) if promoted else {},
                }
            )
        return sorted(rows, key=lambda row: row["number"])

    def _metrics(self, commit: str) -> dict[str, float]:
        from mlops.runs.main.state import read_json

        return read_json(self._workspace.lake, commit, names.METRICS)
