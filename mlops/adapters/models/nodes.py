"""The schema of a skops file: which nodes it may hold, read before skops sees it.

skops restores an object by the loader that its node names. Some loaders call a function with arguments from
the file; whoever may name the function runs code. So a node is admitted only if loader, module and name are
on a list, its keys are the ones that loader reads, and its children have the form that this loader needs.
Loaders that no list can name (bound methods, operators, constructors, references) are refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mlops.adapters.models.archive import Archive, refused
from mlops.adapters.models.catalogue import IMPUTER
from mlops.adapters.models.compiled_trees import check_tree_nodes
from mlops.adapters.models.node_kinds import COMMON_KEYS, KEYS_OF_LOADER, PLAIN, PLAIN_LOADERS
from mlops.runs import json_values
from mlops.runs.saved_types import SavedType

#: The format that is read. Older ones choose older, less strict loaders.
PROTOCOL = 2

#: How deep nodes may be nested: skops descends by recursion.
MAX_DEPTH = 100


_GENERATOR, _MAX_POOL = "PCG64", 64
_DTYPE = "numpy.dtype"

Node = Mapping[str, Any]


def check(archive: Archive, allowed: frozenset[SavedType], where: str) -> None:
    """Raise `InputError` unless every node of a file is on a list and has the form its loader needs.

    Args:
        archive: The file.
        allowed: The pipeline's types; what is in `PLAIN` is allowed beside them.
        where: Name of the file, for errors.
    """
    root = dict(archive.schema)
    if root.pop("protocol", None) != PROTOCOL:
        raise refused(f"is not of skops protocol {PROTOCOL}", where)
    if not isinstance(root.pop("_skops_version", ""), str):
        raise refused("does not say which skops wrote it", where)
    try:
        _Checker(archive, allowed, where).node(root, 0)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise refused(f"has a node of another form: {type(error).__name__}: {error}", where) from error


class _Checker:
    """Goes through all nodes; equal nodes get equal numbers, whatever they are called in the file.

    skops takes a node whose id it has met for the earlier one, whatever it says of itself. Nodes of one id
    must therefore be equal, or what was checked would not be what is restored.
    """

    def __init__(self, archive: Archive, allowed: frozenset[SavedType], where: str) -> None:
        self._arrays = archive.arrays
        self._allowed = allowed
        self._where = where
        self._numbers: dict[tuple[Any, ...], int] = {}
        self._by_id: dict[int, int] = {}
        self._forms: Mapping[str, Callable[[Node, int], tuple[Any, ...]]] = {
            "DictNode": self._dict,
            "ListNode": self._items,
            "TupleNode": self._items,
            "JsonNode": self._json,
            "SliceNode": self._slice,
            "NdArrayNode": self._array,
            "DTypeNode": self._dtype,
            "RandomGeneratorNode": self._generator,
            "TypeNode": self._name,
            "FunctionNode": self._name,
            "PartialNode": self._partial,
            "ObjectNode": self._object,
            "LossNode": self._loss,
            "TreeNode": self._tree,
        }

    def node(self, state: Any, depth: int) -> int:
        """Check a node and everything below it; return the number of what it restores."""
        if not isinstance(state, Mapping):
            raise refused("has something other than a node where a node belongs", self._where)
        if depth > MAX_DEPTH:
            raise refused(f"nests nodes more than {MAX_DEPTH} deep", self._where)
        kind = self._admitted(state)
        extra = state.keys() - COMMON_KEYS - KEYS_OF_LOADER[kind.loader]
        if extra:
            raise refused(f"has a {kind.loader} with {min(extra)!r}", self._where)
        form = (kind, *self._forms[kind.loader](state, depth + 1))
        number = self._numbers.setdefault(form, len(self._numbers))
        saved_id = state.get("__id__")
        if saved_id is not None and (
            type(saved_id) is not int or self._by_id.setdefault(saved_id, number) != number
        ):
            raise refused(f"has two nodes of the id {saved_id!r} that differ", self._where)
        return number

    def _admitted(self, state: Node) -> SavedType:
        kind = SavedType(state["__loader__"], state["__module__"], state["__class__"])
        if not all(isinstance(part, str) for part in kind):
            raise refused("has a node without a name", self._where)
        if kind.loader not in KEYS_OF_LOADER:
            raise refused(
                f"holds a {kind.loader} of {kind.path}: nothing is restored in this way, as it may run code",
                self._where,
            )
        listed = kind in self._allowed or kind in PLAIN or kind.loader == "PartialNode"
        if not listed:
            raise refused(
                f"holds types that are untrusted: {kind.path} by {kind.loader} is not on the pipeline's list",
                self._where,
            )
        return kind

    def _dict(self, state: Node, depth: int) -> tuple[Any, ...]:
        keys, content = state["key_types"], state["content"]
        if keys["__loader__"] != "ListNode" or len(keys["content"]) != len(content):
            raise refused("has a dictionary without a type for each key", self._where)
        if any(key["__loader__"] != "TypeNode" for key in keys["content"]):
            raise refused("has a dictionary with keys of another form", self._where)
        number = self.node(keys, depth)
        return (number, *((key, self.node(value, depth)) for key, value in content.items()))

    def _items(self, state: Node, depth: int) -> tuple[Any, ...]:
        return tuple(self.node(item, depth) for item in _listed(state["content"]))

    def _json(self, state: Node, _depth: int) -> tuple[Any, ...]:
        value = _plain_value(state)
        return (state["content"], type(value).__name__)

    def _slice(self, state: Node, _depth: int) -> tuple[Any, ...]:
        parts = tuple(state["content"][name] for name in ("start", "stop", "step"))
        if len(state["content"]) != len(parts) or any(type(part) not in (int, type(None)) for part in parts):
            raise refused("has a slice of something other than numbers", self._where)
        return parts

    def _array(self, state: Node, depth: int) -> tuple[Any, ...]:
        if state["type"] == "numpy":
            if state["file"] not in self._arrays:
                raise refused(f"names a member {state['file']!r}, which it lacks", self._where)
            array = self._arrays[state["file"]]
            if state["__class__"] != "ndarray" and array.shape != ():
                raise refused("has a number that is an array", self._where)
            return (str(array.dtype), array.shape, array.tobytes())
        if state["type"] != "json" or state["__class__"] != "ndarray":
            raise refused("has an array of another form", self._where)
        if state["shape"]["__loader__"] != "TupleNode":
            raise refused("has an array without a shape", self._where)
        return (self.node(state["shape"], depth), *self._items(state, depth))

    def _dtype(self, state: Node, depth: int) -> tuple[Any, ...]:
        if state["content"]["__loader__"] != "NdArrayNode":
            raise refused("has a dtype of another form", self._where)
        return (self.node(state["content"], depth),)

    def _generator(self, state: Node, depth: int) -> tuple[Any, ...]:
        """Admit PCG64 alone: its state is two numbers, not an array that compiled code indexes."""
        bits, seed = state["content"]["bit_generator"], state["content"]["seed_seq"]
        self._only_plain(bits, "DictNode")
        self._only_plain(seed, "DictNode")
        pool = _plain_value(seed["content"]["pool_size"])
        if _plain_value(bits["content"]["bit_generator"]) != _GENERATOR or type(pool) is not int:
            raise refused(f"has a random generator other than {_GENERATOR}", self._where)
        if not 0 < pool <= _MAX_POOL:
            raise refused(f"has a random generator with a pool of {pool}", self._where)
        return (self.node(bits, depth), self.node(seed, depth))

    def _name(self, _state: Node, _depth: int) -> tuple[Any, ...]:
        return ()

    def _partial(self, state: Node, depth: int) -> tuple[Any, ...]:
        parts = state["content"]
        func, args, keywords, namespace = (parts[name] for name in ("func", "args", "kwds", "namespace"))
        bound = SavedType("PartialNode", func["__module__"], func["__class__"])
        if (
            len(parts) != 4
            or func["__loader__"] != "FunctionNode"
            or bound not in self._allowed
            or (state["__module__"], state["__class__"]) != ("functools", "partial")
        ):
            raise refused(
                f"holds types that are untrusted: a partial of {bound.path} is not on the pipeline's list",
                self._where,
            )
        self._only_plain(args, "TupleNode")
        self._only_plain(keywords, "DictNode")
        self._only_plain(namespace, "JsonNode", "DictNode")
        if namespace["content"] not in ("null", {}):
            raise refused("has a partial with attributes of its own", self._where)
        return tuple(self.node(part, depth) for part in (func, args, keywords, namespace))

    def _object(self, state: Node, depth: int) -> tuple[Any, ...]:
        content = state.get("content")
        if content is None:
            return ()
        if content["__loader__"] not in ("DictNode", "JsonNode"):
            raise refused(f"has a {state['__class__']} with a state of another form", self._where)
        return (self.node(content, depth),)

    def _loss(self, state: Node, depth: int) -> tuple[Any, ...]:
        args = state["__reduce__"]["args"]
        self._only_plain(args, "TupleNode")
        if any(type(_plain_value(arg)) not in (int, float) for arg in args["content"]):
            raise refused(f"calls {state['__class__']} with something other than numbers", self._where)
        if state["content"]["content"]:
            raise refused(f"has a {state['__class__']} with a state", self._where)
        self._only_plain(state["content"], "DictNode", "TupleNode")
        return (self.node(args, depth), self.node(state["content"], depth))

    def _tree(self, state: Node, depth: int) -> tuple[Any, ...]:
        args, content = state["__reduce__"]["args"], state["content"]
        self._only_plain(args, "TupleNode")
        self._only_plain(content, "DictNode")
        features, classes, outputs = args["content"]
        values = content["content"]
        check_tree_nodes(
            features=_plain_value(features),
            classes=self._arrays[classes["file"]],
            outputs=_plain_value(outputs),
            nodes=self._arrays[values["nodes"]["file"]],
            values=self._arrays[values["values"]["file"]],
            counted=_plain_value(values["node_count"]),
            depth=_plain_value(values["max_depth"]),
            where=self._where,
        )
        return (self.node(args, depth), self.node(content, depth))

    def _only_plain(self, state: Node, *loaders: str) -> None:
        """Raise unless a node is of one of these loaders and everything below it is a plain value."""
        if state["__loader__"] not in loaders:
            raise refused(f"has a {state['__loader__']} where a {loaders[0]} belongs", self._where)
        waiting: list[Any] = [state]
        while waiting:
            value = waiting.pop()
            if isinstance(value, Mapping):
                if value.get("__loader__", "JsonNode") not in PLAIN_LOADERS:
                    raise refused(f"passes a {value['__loader__']} as an argument", self._where)
                waiting.extend(value.values())
            elif isinstance(value, list):
                waiting.extend(value)


def paths(allowed: Sequence[SavedType]) -> list[str]:
    """Return what skops is told to trust for a list that was checked: names, ascending."""
    bound = any(kind.loader == "PartialNode" for kind in allowed)
    extra = {"functools.partial"} if bound else set[str]()
    # An imputer keeps the dtype of its columns, which is plain to `check` but not to skops.
    extra |= {_DTYPE} if any(kind.path == IMPUTER for kind in allowed) else set()
    return sorted({kind.path for kind in allowed} | extra)


def _listed(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError("a list of nodes was expected")
    return value


def _plain_value(state: Node) -> Any:
    """Return the value of a `JsonNode`: nothing, a truth value, a number or a text."""
    if state["__loader__"] != "JsonNode":
        raise TypeError(f"a plain value was expected, not a {state['__loader__']}")
    value = json_values.parse(state["content"])
    if isinstance(value, list | dict):
        raise TypeError("a plain value was expected")
    return value
