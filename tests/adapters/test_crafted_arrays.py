"""Model files whose arrays would lead compiled code out of its memory: none is opened."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import skops.io

from mlops.adapters.models import opening
from tests.support import crafted
from tests.support.crafted import (
    Files,
    Schema,
    attributes,
    edited,
    give,
    plain,
    refused,
    run_in_a_process,
    sequence,
)

Change = Callable[[Schema, Files], None]


@pytest.fixture(scope="module")
def boosted() -> bytes:
    return crafted.boosted()


@pytest.fixture(scope="module")
def forest() -> bytes:
    return crafted.forest()


def first_tree(schema: Schema, files: Files) -> tuple[str, np.ndarray]:
    member = attributes(next(crafted.nodes(schema, "TreePredictor")))["nodes"]["file"]
    return member, crafted.array(files, member)


def with_nodes(change: Callable[[np.ndarray], np.ndarray | None]) -> Change:
    """Return a change of the nodes of the first boosted tree."""

    def edit(schema: Schema, files: Files) -> None:
        member, found = first_tree(schema, files)
        changed = change(found)
        crafted.put(files, member, found if changed is None else changed)

    return edit


def fill(field: str, value: float) -> Callable[[np.ndarray], None]:
    def change(found: np.ndarray) -> None:
        found[field] = value

    return change


def _circle(found: np.ndarray) -> None:
    found["is_leaf"], found["left"], found["right"] = 0, 0, 0


def _far(found: np.ndarray) -> None:
    found["is_leaf"], found["left"], found["right"] = 0, 2**31, 2**31


def _categories(found: np.ndarray) -> None:
    found["is_categorical"], found["bitset_idx"] = 1, 10**6


def narrower(schema: Schema, _: Files) -> None:
    """Let the model's own preparation give its trees one column instead of three."""
    prepare = attributes(next(crafted.nodes(schema, "HistGradientBoostingRegressor")))["_preprocessor"]
    kept = attributes(prepare)["transformers_"]["content"]
    for step in kept:
        step.pop("__id__", None)
    attributes(prepare)["transformers_"].update(content=kept[:1], __id__=12345)


BOOSTED_ATTACKS: dict[str, tuple[Change, str]] = {
    "children that are no nodes": (with_nodes(_far), "child that is no later node"),
    "a circle": (with_nodes(_circle), "child that is no later node"),
    "a column that there is not": (with_nodes(fill("feature_idx", 2**40)), "a column that there is not"),
    "a negative column": (with_nodes(fill("feature_idx", -5)), "a column that there is not"),
    "categories that there are not": (with_nodes(_categories), "categories that there are not|numbers for"),
    "a flag of 7": (with_nodes(fill("missing_go_to_left", 7)), "neither 0 nor 1"),
    "no nodes": (with_nodes(lambda found: found[:0]), "neither 0 nor 1|nodes of another form"),
    "nodes of another type": (with_nodes(lambda found: found["value"].copy()), "cannot be opened"),
    "nodes in two dimensions": (with_nodes(lambda found: found.reshape(1, -1)), "nodes of another form"),
    "fewer columns for the trees": (narrower, "prepared in other steps"),
    "already binned": (
        lambda schema, _: give(
            next(crafted.nodes(schema, "HistGradientBoostingRegressor")), "_in_fit", plain(value=True)
        ),
        "the attribute '_in_fit'",
    ),
    "no number of columns": (
        lambda schema, _: give(
            next(crafted.nodes(schema, "HistGradientBoostingRegressor")), "n_features_in_", plain(2)
        ),
        "without a number of columns",
    ),
    "a tree of its own": (
        lambda schema, _: attributes(schema)["steps"]["content"][0]["content"].__setitem__(
            1, next(crafted.nodes(schema, "TreePredictor"))
        ),
        "belongs to nothing",
    ),
}


@pytest.mark.parametrize("attack", BOOSTED_ATTACKS)
def test_a_boosted_model_that_would_leave_its_arrays_is_refused(boosted: bytes, attack: str) -> None:
    change, match = BOOSTED_ATTACKS[attack]
    if attack == "a tree of its own":

        def change(schema: Schema, files: Files) -> None:
            del attributes(schema)["steps"]["__id__"], attributes(schema)["steps"]["content"][0]["__id__"]
            BOOSTED_ATTACKS[attack][0](schema, files)

    refused(edited(boosted, change), crafted.BOOSTED, match)


def _state(schema: Schema) -> Schema:
    return next(crafted.nodes(schema, "HistGradientBoostingClassifier"))


def _fewer_trees(schema: Schema, _: Files) -> None:
    for iteration in attributes(_state(schema))["_predictors"]["content"]:
        iteration["content"].pop()
        iteration.pop("__id__", None)
    attributes(_state(schema))["_predictors"].pop("__id__", None)


def _array_of(name: str, change: Callable[[np.ndarray], np.ndarray]) -> Change:
    def edit(schema: Schema, files: Files) -> None:
        member = attributes(_state(schema))[name]["file"]
        crafted.put(files, member, change(crafted.array(files, member)))

    return edit


def _one_class(schema: Schema, _: Files) -> None:
    node = attributes(_state(schema))["classes_"]
    give(
        _state(schema), "classes_", {**node, "content": node["content"][:1], "shape": _shape(1), "__id__": 9}
    )


def _two_classes(schema: Schema, _: Files) -> None:
    node = attributes(_state(schema))["classes_"]
    give(
        _state(schema), "classes_", {**node, "content": node["content"][:2], "shape": _shape(2), "__id__": 9}
    )


def _shape(count: int) -> Schema:
    return sequence("tuple", plain(count))


CLASSIFIER_ATTACKS: dict[str, tuple[Change, str]] = {
    "children that are no nodes": (with_nodes(_far), "child that is no later node"),
    "a circle": (with_nodes(_circle), "child that is no later node"),
    "a column that there is not": (with_nodes(fill("feature_idx", 2**40)), "a column that there is not"),
    "categories that there are not": (with_nodes(_categories), "categories that there are not|numbers for"),
    "fewer trees than classes": (_fewer_trees, "trees for other classes"),
    "more trees than it claims": (
        lambda schema, _: give(_state(schema), "n_trees_per_iteration_", plain(2)),
        "starts from another form|trees for other classes",
    ),
    "a start of another form": (
        _array_of("_baseline_prediction", lambda found: found.ravel()),
        "starts from another form",
    ),
    "a start for more classes": (
        _array_of("_baseline_prediction", lambda found: np.zeros((1, 9))),
        "starts from another form",
    ),
    "one class": (_one_class, "classes of another form"),
    "two classes": (_two_classes, "trees for other classes"),
}


@pytest.mark.parametrize("attack", CLASSIFIER_ATTACKS)
def test_a_classifier_that_would_leave_its_arrays_is_refused(attack: str) -> None:
    change, match = CLASSIFIER_ATTACKS[attack]
    refused(edited(crafted.classifier(), change), crafted.CLASSIFIER, match)


def test_an_honest_classifier_is_opened_and_predicts_as_before() -> None:
    content = crafted.classifier()
    plain_skops = skops.io.loads(content, trusted=crafted.by_skops(crafted.CLASSIFIER))
    rows = crafted.ROWS.to_numpy()
    found = opening.opened(content, crafted.CLASSIFIER, "model.skops").predict_proba(rows)
    assert found.tobytes() == plain_skops.predict_proba(rows).tobytes()


CRASH = """
import sys, faulthandler
import numpy as np
import skops.io
model = skops.io.load(sys.argv[1], trusted=sys.argv[2].split(","))
print("loaded", flush=True)
model.predict(np.ones((4, 3)))
print("predicted", flush=True)
"""

OURS = """
import sys
import numpy as np
from mlops.adapters.models import opening
from mlops.runs.errors import InputError
from tests.support import crafted
try:
    model = opening.opened(open(sys.argv[1], "rb").read(), getattr(crafted, sys.argv[2]), "model.skops")
except InputError as error:
    print(error.what)
else:
    model.predict(np.ones((4, 3)))
"""


@pytest.mark.slow
@pytest.mark.parametrize("field", ["left", "feature_idx"])
def test_a_crafted_tree_kills_whoever_believes_skops(boosted: bytes, tmp_path: Path, field: str) -> None:
    change = _far if field == "left" else fill("feature_idx", 2**40)
    file = tmp_path / "model.skops"
    file.write_bytes(edited(boosted, with_nodes(change)))
    trusted = ",".join(crafted.by_skops(crafted.BOOSTED))
    killed = run_in_a_process(CRASH, str(file), trusted)
    assert (killed.returncode, killed.stdout.split()) == (-signal.SIGSEGV, ["loaded"])

    ours = run_in_a_process(OURS, str(file), "BOOSTED")
    assert ours.returncode == 0, ours.stderr
    assert "the model file holds a tree" in ours.stdout or "has a tree" in ours.stdout


def forest_nodes(change: Callable[[np.ndarray], None]) -> Change:
    def edit(schema: Schema, files: Files) -> None:
        tree = next(crafted.nodes(schema, "Tree"))
        member = tree["content"]["content"]["nodes"]["file"]
        found = crafted.array(files, member)
        change(found)
        crafted.put(files, member, found)

    return edit


def _tree_circle(found: np.ndarray) -> None:
    found["left_child"], found["right_child"], found["feature"] = 0, 0, 0


def _tree_value(name: str, value: Schema) -> Change:
    def edit(schema: Schema, _: Files) -> None:
        state = next(crafted.nodes(schema, "Tree"))["content"]
        state["content"][name] = value
        del state["__id__"]

    return edit


def _more_outputs(schema: Schema, _: Files) -> None:
    args = next(crafted.nodes(schema, "Tree"))["__reduce__"]["args"]
    args["content"][2] = plain(9)
    del args["__id__"]


def _columns_of_a_tree(schema: Schema, _: Files) -> None:
    trees = [node for node in crafted.nodes(schema, "DecisionTreeRegressor") if "tree_" in attributes(node)]
    give(trees[0], "n_features_in_", plain(9))
    del trees[0]["__id__"], attributes(schema)["estimators_"]["__id__"]


FOREST_ATTACKS: dict[str, tuple[Change, str]] = {
    "a circle": (forest_nodes(_tree_circle), "child that is no later node"),
    "children that are no nodes": (forest_nodes(fill("left_child", 10**9)), "child that is no later node"),
    "a column that there is not": (forest_nodes(fill("feature", 10**9)), "a column that there is not"),
    "more nodes than there are": (_tree_value("node_count", plain(10**6)), "nodes of another form"),
    "more outputs than classes": (_more_outputs, "a number of classes for each output"),
    "other columns than its forest": (_columns_of_a_tree, "other columns"),
}


@pytest.mark.parametrize("attack", FOREST_ATTACKS)
def test_a_forest_that_would_leave_its_arrays_is_refused(forest: bytes, attack: str) -> None:
    change, match = FOREST_ATTACKS[attack]
    refused(edited(forest, change), crafted.FOREST, match)
