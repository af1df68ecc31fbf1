"""Model files made to run code or to crash whoever predicts: none is opened, whatever its digest says."""

from __future__ import annotations

import io
import json
import signal
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import skops.io

from mlops.adapters.models import nodes, opening
from mlops.adapters.models.archive import Archive
from mlops.runs.errors import ConfigError, InputError
from mlops.runs.saved_types import SavedType, objects
from tests.support import crafted
from tests.support.crafted import Files, Schema, attributes, edited, give, plain, sequence

Change = Callable[[Schema, Files], None]


@pytest.fixture(scope="module")
def line() -> bytes:
    return crafted.line()


@pytest.fixture(scope="module")
def boosted() -> bytes:
    return crafted.boosted()


@pytest.fixture(scope="module")
def forest() -> bytes:
    return crafted.forest()


def refused(content: bytes, allowed: tuple[SavedType, ...], match: str) -> None:
    with pytest.raises(InputError, match=match):
        opening.opened(content, allowed, "model.skops")


def run_in_a_process(script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "ignore", "-c", script, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_what_is_honest_is_opened_and_predicts_as_before(line: bytes, boosted: bytes, forest: bytes) -> None:
    for content, allowed, rows in (
        (line, crafted.LINE, crafted.ROWS[["a", "b"]]),
        (boosted, crafted.BOOSTED, crafted.ROWS.to_numpy()),
        (forest, crafted.FOREST, crafted.ROWS.to_numpy()),
    ):
        model = opening.opened(content, allowed, "model.skops")
        plain_skops = skops.io.loads(content, trusted=crafted.by_skops(allowed))
        assert model.predict(rows).tobytes() == plain_skops.predict(rows).tobytes()


class TestCode:
    """What skops would call, import or look up by a name that the file chooses."""

    def test_a_function_that_evaluates_its_argument_is_not_called(self, line: bytes, tmp_path: Path) -> None:
        """Skops itself runs it, for whoever trusts everything below numpy by a pattern."""
        mark = tmp_path / "ran"
        code = f"open({str(mark)!r}, 'w').close()"
        evil = crafted.called("numpy.testing._private.utils", "runstring", plain(code), crafted.mapping())
        content = edited(line, lambda schema, _: give(schema, "verbose", evil))
        trusted = ["numpy.testing._private.utils.runstring"]
        skops.io.loads(content, trusted=trusted)
        assert mark.exists(), "the attack does not work any more"
        mark.unlink()

        refused(content, crafted.LINE, "ConstructorFromReduceNode of numpy.testing._private.utils.runstring")
        assert not mark.exists()

    @pytest.mark.parametrize(
        ("loader", "module", "name", "more"),
        [
            ("ConstructorFromReduceNode", "builtins", "eval", {"content": sequence("tuple", plain("1"))}),
            ("FunctionNode", "numpy", "add", {}),
            ("FunctionNode", "os", "system", {}),
            ("TypeNode", "builtins", "eval", {}),
            ("TypeNode", "numpy", "memmap", {}),
            ("ObjectNode", "subprocess", "Popen", {}),
            ("ObjectNode", "sklearn.svm._classes", "SVC", {}),
            ("NdArrayNode", "numpy", "memmap", {"type": "json", "content": [], "shape": sequence("tuple")}),
            ("OperatorFuncNode", "operator", "methodcaller", {"attrs": sequence("tuple", plain("x"))}),
            ("MethodNode", "sklearn.pipeline", "Pipeline", {"content": {"func": "fit", "obj": {}}}),
            ("SetNode", "builtins", "set", {"content": []}),
            ("DefaultDictNode", "collections", "defaultdict", {"content": {}}),
            ("BytesNode", "builtins", "bytes", {"file": "x.bin"}),
            ("RandomStateNode", "numpy.random.mtrand", "RandomState", {"content": {}}),
            ("MaskedArrayNode", "numpy.ma", "MaskedArray", {"content": {}}),
            ("SparseMatrixNode", "scipy.sparse", "csr_matrix", {"type": "scipy", "file": "1.npz"}),
            ("QuantileForestNode", "quantile_forest", "QuantileForest", {}),
            ("CachedNode", "builtins", "str", {}),
            ("TreeNode", "sklearn.tree._tree", "Tree", {}),
            ("LossNode", "sklearn._loss._loss", "CyHuberLoss", {}),
            ("PartialNode", "functools", "partial", {"content": {}}),
            ("ListNode", "collections", "deque", {"content": []}),
            ("TupleNode", "os", "stat_result", {"content": []}),
            ("DictNode", "collections", "Counter", {"content": {}, "key_types": sequence("list")}),
            ("JsonNode", "builtins", "str", {"content": "[1]", "is_json": True}),
            ("ReduceNode", "os", "system", {}),
        ],
    )
    def test_a_node_that_is_not_listed_is_refused(
        self, line: bytes, loader: str, module: str, name: str, more: Schema
    ) -> None:
        node = {"__loader__": loader, "__module__": module, "__class__": name, **more}
        refused(edited(line, lambda schema, _: give(schema, "verbose", node)), crafted.LINE, "the model file")

    def test_a_listed_class_is_restored_in_its_listed_way_alone(self, line: bytes) -> None:
        def call(schema: Schema, _: Files) -> None:
            node = next(crafted.nodes(schema, "LinearRegression"))
            node.update(__loader__="ConstructorFromReduceNode", content=sequence("tuple"))

        refused(edited(line, call), crafted.LINE, "ConstructorFromReduceNode of sklearn.linear_model")

    def test_a_partial_binds_a_listed_function_with_plain_values_alone(self, boosted: bytes) -> None:
        def function(schema: Schema, _: Files) -> None:
            part = next(crafted.nodes(schema, "partial"))
            part["content"]["func"].update(__module__="numpy.testing._private.utils", __class__="runstring")

        def argument(schema: Schema, _: Files) -> None:
            part = next(crafted.nodes(schema, "partial"))
            part["content"]["args"] = sequence("tuple", part["content"]["func"])

        refused(edited(boosted, function), crafted.BOOSTED, "a partial of numpy.testing")
        refused(edited(boosted, argument), crafted.BOOSTED, "passes a FunctionNode as an argument")

    def test_two_nodes_of_one_id_cannot_differ(self, line: bytes) -> None:
        """Skops would restore the first where the second was checked."""

        def confuse(schema: Schema, _: Files) -> None:
            steps = attributes(schema)["steps"]
            give(schema, "memory", {**plain("x"), "__id__": steps["__id__"]})

        refused(edited(line, confuse), crafted.LINE, "that differ")

    @pytest.mark.parametrize("protocol", [0, 1, 3, True, "2", None])
    def test_only_the_present_protocol_is_read(self, line: bytes, protocol: object) -> None:
        content = edited(line, lambda schema, _: schema.update(protocol=protocol))
        refused(content, crafted.LINE, "not of skops protocol 2")

    def test_a_method_cannot_be_replaced_by_an_attribute(self, boosted: bytes) -> None:
        function = {
            "__loader__": "FunctionNode",
            "__module__": "sklearn.utils.validation",
            "__class__": "check_array",
        }
        content = edited(boosted, lambda schema, _: give(schema, "predict", function))
        refused(content, crafted.BOOSTED, "replaces the method predict")
        content = edited(boosted, lambda schema, _: give(schema, "__sklearn_tags__", function))
        refused(content, crafted.BOOSTED, "the attribute '__sklearn_tags__'")

    def test_a_list_cannot_name_a_type_whose_arrays_nobody_checks(self, line: bytes) -> None:
        for path in (
            "sklearn.svm._classes.SVR",
            "sklearn.neighbors._kd_tree.KDTree",
            "scipy.interpolate.BSpline",
        ):
            with pytest.raises(ConfigError, match="whose arrays cannot be checked"):
                opening.opened(line, (*crafted.LINE, *objects(path)), "model.skops")


class TestArchive:
    """The ZIP file, before anything in it is believed."""

    def test_members(self, line: bytes) -> None:
        with zipfile.ZipFile(io.BytesIO(line)) as file:
            files = {name: file.read(name) for name in file.namelist()}
        for name in ("../evil.npy", "/evil.npy", "sub/1.npy", "1.npz", "x.bin", "model.pkl", "1.npy\0.pkl"):
            refused(crafted.packed({**files, name: b""}), crafted.LINE, "is no array|EOF")

    def test_two_members_of_one_name(self, line: bytes) -> None:
        out = io.BytesIO(line)
        with zipfile.ZipFile(out, "a") as file, pytest.warns(UserWarning, match="Duplicate name"):
            file.writestr("schema.json", "{}")
        refused(out.getvalue(), crafted.LINE, "two members of the same name")

    def test_a_bomb(self, line: bytes) -> None:
        with zipfile.ZipFile(io.BytesIO(line)) as file:
            files = {name: file.read(name) for name in file.namelist()}
        content = crafted.packed({**files, "1.npy": bytes(64 << 20)}, zipfile.ZIP_DEFLATED)
        refused(content, crafted.LINE, "grows more than 200-fold")

    def test_how_much_and_how_many(self, line: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("MAX_TOTAL_BYTES", "MAX_MEMBERS", "MAX_SCHEMA_BYTES"):
            with monkeypatch.context() as patch:
                patch.setattr(f"mlops.adapters.models.archive.{name}", 2)
                refused(line, crafted.LINE, "unpacks to|members; at most|a schema of")

    def test_depth(self, line: bytes) -> None:
        def nest(schema: Schema, _: Files) -> None:
            node = plain(1)
            for _n in range(nodes.MAX_DEPTH + 1):
                node = sequence("list", node)
            give(schema, "memory", node)

        refused(edited(line, nest), crafted.LINE, "deep")
        deep = b"[" * 200_000
        refused(crafted.packed({"schema.json": deep}), crafted.LINE, "too deeply|cannot be opened")

    def test_a_key_that_stands_twice(self, line: bytes) -> None:
        with zipfile.ZipFile(io.BytesIO(line)) as file:
            files = {name: file.read(name) for name in file.namelist()}
        files["schema.json"] = b'{"protocol": 0, ' + files["schema.json"][1:]
        refused(crafted.packed(files), crafted.LINE, "occurs twice")

    @pytest.mark.parametrize("content", [b"", b"PK", b"not a zip", b"PK\x05\x06" + bytes(18)])
    def test_what_is_no_archive(self, content: bytes) -> None:
        refused(content, crafted.LINE, "cannot be opened as skops|has no schema")

    @pytest.mark.parametrize(
        "header",
        [
            b"{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000,), }",
            b"{'descr': '<f8', 'fortran_order': False, 'shape': (-2,), }",
            b"{'descr': '|O', 'fortran_order': False, 'shape': (2,), }",
            b"{'descr': [('a', '<f8')], 'fortran_order': False, 'shape': (2,), }",
            b"{'descr': '<c16', 'fortran_order': False, 'shape': (1,), }",
            b"{'descr': '<f8', 'fortran_order': False, 'shape': __import__('os'), }",
            b"(" * 5000,
        ],
    )
    def test_an_array_whose_header_lies(self, line: bytes, header: bytes) -> None:
        data = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + bytes(16)

        def lie(_: Schema, files: Files) -> None:
            files[next(name for name in files if name.endswith(".npy"))] = data

        refused(edited(line, lie), crafted.LINE, "has an array|cannot be opened")


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


def test_skops_has_no_loader_that_this_was_not_made_with() -> None:
    """A new release may bring loaders; somebody has to look at them before the lock file moves."""
    from skops.io._audit import NODE_TYPE_MAPPING
    from skops.io._protocol import PROTOCOL

    assert PROTOCOL == nodes.PROTOCOL
    found = {name for name, protocol in NODE_TYPE_MAPPING if protocol == PROTOCOL}
    admitted = {kind.loader for kind in nodes.PLAIN} | {
        "FunctionNode",
        "PartialNode",
        "ObjectNode",
        "LossNode",
        "TreeNode",
    }
    assert found - admitted == {
        "BytearrayNode",
        "BytesNode",
        "CachedNode",
        "ConstructorFromReduceNode",
        "DefaultDictNode",
        "MaskedArrayNode",
        "MethodNode",
        "OperatorFuncNode",
        "QuantileForestNode",
        "RandomStateNode",
        "SetNode",
        "SparseMatrixNode",
    }


def test_the_schema_of_an_honest_file_is_read_whole(boosted: bytes) -> None:
    archive = Archive(boosted, "model.skops")
    with zipfile.ZipFile(io.BytesIO(boosted)) as file:
        assert archive.schema == json.loads(file.read("schema.json"))
        assert set(archive.arrays) == set(file.namelist()) - {"schema.json"}
