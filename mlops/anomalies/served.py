"""Anomalies of what is served: a model file that runs code, and a registry that leads elsewhere."""

from __future__ import annotations

import io
import json
import sqlite3
import zipfile
from contextlib import closing
from typing import TYPE_CHECKING, Any

from mlops.anomalies import guards
from mlops.anomalies.model import Anomaly
from mlops.anomalies.scene import BEST, FIRST, POOR
from mlops.runs import names
from mlops.runs.promotion.attempts import finish_step
from mlops.runs.promotion.tracked import Registry
from mlops.runs.records import Step

if TYPE_CHECKING:
    from mlops.anomalies.scene import Scene
    from mlops.runs.ports import Judge
    from mlops.runs.promotion.promote import Promotion
    from mlops.runs.records import Run

_FILE = f"{names.MODEL}model.skops"

#: The repositories whose crafted model has run its code in this process.
RAN: set[str] = set()


def _before_crafting(scene: Scene) -> Run:
    scene.arrive(FIRST)
    scene.promoted(POOR)
    return scene.trained(BEST)


def _craft(scene: Scene, run: Run) -> Promotion:
    """Replace the model by one that predicts the same, and runs code from the file when it is opened."""
    code = f"from mlops.anomalies import served; served.RAN.add({scene.lake.repository!r})"
    scene.lake.write(run.branch, _FILE, crafted(scene.lake.read(run.head, _FILE), code))
    run = finish_step(scene.ports, run, Step.TRAINED, "Train again")
    return scene.promoted_by(run, judge=_trusting(scene) if scene.disabled else scene.judge)


def crafted(content: bytes, code: str) -> bytes:
    """Return a model file with one more attribute, which is made by running code when the file is opened."""
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        files = {name: file.read(name) for name in file.namelist()}
    schema = json.loads(files["schema.json"])
    text = {"__module__": "builtins", "__class__": "str"}
    globals_ = {"__module__": "builtins", "__class__": "dict", "__loader__": "DictNode", "content": {}}
    globals_["key_types"] = {**text, "__class__": "list", "__loader__": "ListNode", "content": []}
    arguments = [{**text, "__loader__": "JsonNode", "content": json.dumps(code), "is_json": True}, globals_]
    schema["content"]["content"]["extra"] = {
        "__module__": "numpy.testing._private.utils",
        "__class__": "runstring",
        "__loader__": "ConstructorFromReduceNode",
        "content": {**text, "__class__": "tuple", "__loader__": "TupleNode", "content": arguments},
    }
    schema["content"]["key_types"]["content"].append({**text, "__loader__": "TypeNode"})
    files["schema.json"] = json.dumps(schema).encode()
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        for name, data in files.items():
            file.writestr(name, data)
    return out.getvalue()


def _trusting(scene: Scene) -> Judge:
    """Return a judge that opens a model file by skops alone, and trusts whatever the file asks for."""
    import skops.io

    from mlops.steps.evaluation.judge import CommittedJudge

    class TrustingJudge(CommittedJudge):
        def _model(self, commit: str, objects: object) -> Any:
            del objects
            content = scene.lake.read(commit, _FILE)
            return skops.io.loads(content, trusted=skops.io.get_untrusted_types(data=content))

    return TrustingJudge(scene.workspace)


def _code_ran(scene: Scene, _: Run) -> str:
    return "judging the candidate ran code from its model file" if scene.lake.repository in RAN else ""


CRAFTED_MODEL = Anomaly(
    name="crafted-model",
    story="A training step writes a model file that runs code of its own when it is opened.",
    guard=guards.Guard("list of types that a model file may contain"),
    before=_before_crafting,
    meddle=_craft,
    seen=_code_ran,
)

_ELSEWHERE = "file:///elsewhere/model"


def _one_promotion(scene: Scene) -> None:
    scene.arrive(FIRST)
    scene.promoted(POOR)
    scene.settle()


def _redirect(scene: Scene, _: None) -> None:
    database = scene.ports.tracker.address.removeprefix("sqlite:///")  # type: ignore[attr-defined]
    statement = "UPDATE model_versions SET storage_location = ? WHERE name = ?"
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute(statement, (_ELSEWHERE, scene.lake.repository))


def _fetched_from_elsewhere(scene: Scene, _: None) -> str:
    tracker = scene.ports.tracker
    versions = tracker.seen_versions(scene.lake.repository) if isinstance(tracker, Registry) else []
    if not any(version.stored_at == _ELSEWHERE for version in versions):
        return ""
    return f"MLflow's champion is loaded from {_ELSEWHERE}, which is not in the lake"


REDIRECTED_MODEL = Anomaly(
    name="redirected-model",
    story="One update of MLflow's database makes the champion's version point at a file of somebody's own.",
    guard=guards.invariant("I15"),
    before=_one_promotion,
    meddle=_redirect,
    seen=_fetched_from_elsewhere,
)
