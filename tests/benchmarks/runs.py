"""(a) What the protocol costs beside a plain script, and (e) what deciding and promoting cost of it."""

from __future__ import annotations

import dataclasses
import json
import logging
import shutil
import statistics
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops.runs import names
from mlops.runs.evidence import Paired
from mlops.runs.gate import verdict
from mlops.runs.main.state import read_json
from mlops.runs.rollback.rollback import resume, rollback
from mlops.runs.upkeep.reconcile import reconcile
from tests.benchmarks import plain_run
from tests.benchmarks.measuring import Stopwatch, interleaved, medians, seconds
from tests.benchmarks.report import Row
from tests.benchmarks.scale import Scale
from tests.benchmarks.servers import scratch_server

if TYPE_CHECKING:
    from mlops.runs.promotion.promote import Promotion
    from mlops.settings import Settings
    from mlops.steps.workspace import Workspace

PIPELINE = "flights"
RATIO = 1.25
#: Deciding and promoting may cost this share of a run, or so many seconds where that is more.
SHARE, AT_LEAST_S = 0.05, 2.0
MONTHS = 12
#: A champion with the usual number of trees, which learn too hastily: the shipped parameters beat it.
HASTY = {"learning_rate": 0.7, "min_samples_leaf": 5, "l2_regularization": 0.0}
#: The shipped policy but for its numbers: each repetition is one more look at the same holdout, and each
#: must be promoted, or promoting would not be measured.
POLICY = b"""\
metric: mae
min_gain: 0.05
alpha: 0.5
min_clusters: 20
must_beat_baseline: false
guards:
  - {metric: rmse, tolerance: 50.0}
  - {metric: bias, tolerance: 50.0}
  - {metric: mae, by: origin, tolerance: 50.0}
"""


def _shipped(repetition: int) -> dict[str, float]:
    # The shipped parameters but for the last digits of one: every repetition is another run.
    return {"l2_regularization": 10.0 + (repetition + 2) * 1e-9}


@dataclass(frozen=True)
class Subject:
    """A pipeline whose runs are compared.

    Attributes:
        pipeline: Its name.
        arrivals: How many of its arrivals are ingested.
        first: Parameters of a first champion that the others replace.
        policy: The policy, by which each repetition is promoted.
        params: Returns the parameters of a repetition, each time other ones.
    """

    pipeline: str = PIPELINE
    arrivals: int = MONTHS
    first: Mapping[str, Any] = field(default_factory=lambda: HASTY)
    policy: bytes = POLICY
    params: Callable[[int], Mapping[str, Any]] = _shipped


FLIGHTS = Subject()
#: What both sides must have written alike.
COMPARED = (names.TRAIN, names.HOLDOUT, names.PREDICTIONS, names.PAIRED, names.METRICS)


def warm_up() -> None:
    """Import what a run needs."""
    import mlops.adapters.lake.lake
    import mlops.orchestration.runner
    import mlops.settings
    import mlops.steps.run  # noqa: F401

    plain_run.warm_up()


def measure(folder: Path, scale: Scale, tell: Callable[[str], None]) -> list[Row]:
    """Return the rows about runs."""
    warm_up()
    for name in ("alembic", "dagster", "great_expectations", "mlflow", "urllib3"):
        logging.getLogger(name).setLevel(logging.ERROR)
    with warnings.catch_warnings(), scratch_server("embedded", folder) as server:
        warnings.simplefilter("ignore")
        compared = Compared(server.state_dir, folder / "plain", tell)
        sides = {"ours": compared.ours, "other": compared.plain}
        tell("one run of each to warm up")
        interleaved(1, sides, first=-1)
        compared.forget()
        tell(f"{scale.repetitions} runs of each, taking turns")
        figures = medians(interleaved(scale.repetitions, sides))
        compared.check_equal()
    return [*_rows(figures, compared), _gate_row(compared.evidence)]


def _rows(figures: Mapping[str, float], compared: Compared) -> list[Row]:
    whole_s, promoting_s = figures["ours"], statistics.median(compared.promoting_s)
    bound = max(SHARE, AT_LEAST_S / whole_s)
    return [
        Row(f"(a) run of {MONTHS} months against a plain script", whole_s, "s", figures["other"], RATIO),
        Row("(e) decide, promote, tags, MLflow, of that run", promoting_s, "s", whole_s, bound),
        Row("ingest of one month, gated", statistics.median(compared.ingest_s), "s"),
    ]


def _gate_row(paired: Paired) -> Row:
    from mlops.adapters.policy import files as policy_files

    policy = policy_files.parse_policy(POLICY)
    taken_ms = [seconds(lambda: verdict.decide(paired, policy, look=1)) * 1000 for _ in range(101)]
    clusters = len(paired.series[0].clusters)
    return Row(f"gate: a verdict on {clusters} clusters", statistics.median(taken_ms), "ms")


class Compared:
    """A lake with arrivals of a pipeline and a champion, and the same arrivals as files.

    Attributes:
        ingest_s: Seconds that each ingest took.
        promoting_s: Seconds that deciding, promoting, tags and MLflow took in each run.
        evidence: Paired losses of the last run.
    """

    def __init__(
        self, state_dir: Path, files: Path, tell: Callable[[str], None], subject: Subject = FLIGHTS
    ) -> None:
        from mlops import settings
        from mlops.adapters.lake.lake import connect
        from mlops.runs.main.setup import set_up
        from mlops.steps.repository.init_repository import create_repository, gate_files

        database = f"sqlite:///{(state_dir / 'mlflow.db').absolute()}"
        self._settings: Settings = settings.load(
            state_dir=state_dir, lake="embedded", mlflow_tracking_uri=database
        )
        self._files, self._subject = files, subject
        self.ingest_s: list[float] = []
        self.promoting_s: list[float] = []
        workspace = self.workspace()
        create_repository(connect(self._settings.lake_credentials()), subject.pipeline)
        set_up(workspace.ports, {**gate_files(subject.pipeline), names.POLICY: subject.policy})
        for arrival in workspace.source.arrivals()[: subject.arrivals]:
            tell(f"ingesting {arrival}")
            self.ingest_s.append(seconds(lambda arrival=arrival: _ingest(self.workspace(), arrival)))
        tell("a champion to begin with")
        first = self._run(subject.first)
        self._champion = first.merge_commit
        self._take_along(workspace)
        self._last: tuple[int, str] = (0, first.merge_commit)
        self.evidence = Paired.from_json(read_json(workspace.lake, first.merge_commit, names.PAIRED))

    def ours(self, repetition: int) -> float:
        """Return the seconds of a whole run that promotes; then it is rolled back."""
        watch = Stopwatch()
        with watch.watching(_promoting()):
            taken_s = seconds(lambda: self._remember(repetition, self._run(self._subject.params(repetition))))
        self.promoting_s.append(watch.seconds["promoting"])
        workspace = self.workspace()
        self.evidence = Paired.from_json(read_json(workspace.lake, self._last[1], names.PAIRED))
        rollback(workspace.ports, "measured")
        reconcile(workspace.ports)
        resume(workspace.ports, "measured again")
        return taken_s

    def plain(self, repetition: int) -> float:
        """Return the seconds of the plain script."""
        from mlops.steps.run_inputs import SEED

        target = self._files / f"out-{repetition}"
        shutil.rmtree(target, ignore_errors=True)
        spec, params = self.workspace().spec, self._subject.params(repetition)
        champion = self._files / names.MODEL / "model.skops"
        return seconds(lambda: plain_run.run(spec, self._files, target, params, SEED, champion))

    def promote_again(self, repetition: int) -> None:
        """Promote once more, for something that is to be rolled back."""
        self._remember(repetition, self._run(self._subject.params(repetition)))

    def forget(self) -> None:
        """Forget what the warm-up measured."""
        self.promoting_s.clear()

    def check_equal(self) -> None:
        """Raise `RuntimeError` unless the last run and the plain script wrote the same."""
        repetition, commit = self._last
        lake, folder = self.workspace().lake, self._files / f"out-{repetition}"
        different = [
            path
            for path in COMPARED
            if _comparable(path, lake.read(commit, path)) != _comparable(path, (folder / path).read_bytes())
        ]
        if different:
            raise RuntimeError(f"the run and the plain script wrote different {', '.join(different)}")
        ours = {stat.path for prefix in names.OUTPUTS for stat in lake.list(commit, prefix)}
        theirs = {file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file()}
        if ours != theirs:
            raise RuntimeError(f"only one side wrote {', '.join(sorted(ours ^ theirs))}")

    def workspace(self) -> Workspace:
        """Return a workspace as each command opens one: nothing is kept from the last."""
        from mlops.steps.opening import open_workspace

        # The plain script joins and validates its rows each time; so does the run that it is compared with.
        return dataclasses.replace(open_workspace(self._settings, self._subject.pipeline), reuse_steps=False)

    def _run(self, params: Mapping[str, Any]) -> Promotion:
        from mlops.orchestration.runner import execute_run

        ended = execute_run(self.workspace(), params, state_dir=self._settings.state_dir).promotion
        if not ended.merge_commit:
            raise RuntimeError(f"nothing was promoted: {ended.decision.verdict.sentence}")
        return ended

    def _remember(self, repetition: int, ended: Promotion) -> None:
        self._last = (repetition, ended.merge_commit)

    def _take_along(self, workspace: Workspace) -> None:
        """Write the deliveries, the gate and the champion's model to files, for the plain script."""
        for prefix in (names.RAW, names.GATE, names.MODEL):
            for stat in workspace.lake.list(self._champion, prefix):
                workspace.lake.download(self._champion, stat.path, self._files / stat.path)


def _comparable(path: str, data: bytes) -> Any:
    """Return a file without the time that predicting took, which only a run measures."""
    if path != names.PAIRED:
        return data
    return {name: value for name, value in json.loads(data).items() if name != "footprint"}


def _ingest(workspace: Workspace, arrival: str) -> None:
    from mlops.steps.arrivals.ingest import deliver, from_source

    source, frames = from_source(workspace, arrival)
    deliver(workspace, arrival, source, frames)


def _promoting() -> dict[str, list[tuple[Any, str]]]:
    """Return the calls that decide, promote, tag and tell MLflow; scoring is among them and not counted."""
    from mlops.adapters.tracking.tracker import MLflowTracker
    from mlops.runs.promotion import promote
    from mlops.steps import run
    from mlops.steps.evaluation.judge import CommittedJudge

    tracker = ("begin", "record", "finish", "find", "register", "version_of", "alias", "set_alias")
    return {
        "promoting": [
            (run, "decide"),
            (promote, "promote"),
            (run, "record_promotion"),
            (run, "reconcile"),
            *((MLflowTracker, name) for name in tracker),
        ],
        "scoring": [(CommittedJudge, "evaluate")],
    }
