"""Kinds of nodes in a skops file: what every model may hold, and the keys that each loader reads."""

from __future__ import annotations

from collections.abc import Mapping

from mlops.runs.saved_types import SavedType

_SCALARS = (
    *("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
    *("float16", "float32", "float64", "str_"),
)

#: What every model may hold: containers, plain values, arrays, and the names of plain types.
PLAIN: frozenset[SavedType] = frozenset(
    {
        SavedType("DictNode", "builtins", "dict"),
        SavedType("ListNode", "builtins", "list"),
        SavedType("TupleNode", "builtins", "tuple"),
        SavedType("JsonNode", "builtins", "str"),
        SavedType("SliceNode", "builtins", "slice"),
        SavedType("NdArrayNode", "numpy", "ndarray"),
        SavedType("DTypeNode", "numpy", "dtype"),
        SavedType("RandomGeneratorNode", "numpy.random._generator", "Generator"),
        *(SavedType("TypeNode", "builtins", name) for name in ("bool", "float", "int", "object", "str")),
        *(SavedType(loader, "numpy", name) for loader in ("NdArrayNode", "TypeNode") for name in _SCALARS),
    }
)
COMMON_KEYS = frozenset({"__class__", "__module__", "__loader__", "__id__"})
KEYS_OF_LOADER: Mapping[str, frozenset[str]] = {
    "DictNode": frozenset({"content", "key_types"}),
    "ListNode": frozenset({"content"}),
    "TupleNode": frozenset({"content"}),
    "JsonNode": frozenset({"content", "is_json"}),
    "SliceNode": frozenset({"content"}),
    "NdArrayNode": frozenset({"type", "file", "content", "shape"}),
    "DTypeNode": frozenset({"content"}),
    "RandomGeneratorNode": frozenset({"content"}),
    "TypeNode": frozenset(),
    "FunctionNode": frozenset(),
    "PartialNode": frozenset({"content"}),
    "ObjectNode": frozenset({"content"}),
    "LossNode": frozenset({"__reduce__", "content"}),
    "TreeNode": frozenset({"__reduce__", "content"}),
}

#: The children of containers, in arguments of what is called when it is restored.
PLAIN_LOADERS = frozenset(
    {"DictNode", "ListNode", "TupleNode", "JsonNode", "TypeNode", "NdArrayNode", "DTypeNode"}
)
