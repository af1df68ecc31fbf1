"""Model files made to run code: none is opened, whatever its digest says."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import skops.io

from mlops.adapters.models import nodes, opening
from mlops.adapters.models.archive import Archive
from mlops.runs.errors import ConfigError
from mlops.runs.saved_types import objects
from tests.support import crafted
from tests.support.crafted import (
    Files,
    Schema,
    attributes,
    edited,
    give,
    plain,
    refused,
    sequence,
)

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
