"""The arrays of a model that was opened, checked before anything is predicted.

What compiled code indexes with is compared with what it indexes into. A part whose arrays mean nothing
without those of its owner (a tree without the columns it is given) is accepted only as part of an owner that
was checked together with it.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from mlops.adapters.models import boosting, catalogue, encoders, forests
from mlops.adapters.models.archive import refused

#: Type to what checks one of its instances and returns the parts that were checked with it.
_CHECKS: Mapping[str, Callable[[Any, str], Iterator[object]]] = {
    **dict.fromkeys(catalogue.BOOSTING, boosting.check),
    **dict.fromkeys(catalogue.DECISION_TREES, forests.check_tree),
    **dict.fromkeys(catalogue.FORESTS, forests.check_forest),
    catalogue.ORDINAL: encoders.check_ordinal,
    catalogue.ONE_HOT: encoders.check_one_hot,
}
_PLAIN = (bool, int, float, complex, str, bytes, type(None), type, slice)


def check(model: Any, where: str) -> None:
    """Raise `InputError` if an array of a model would make compiled code access memory out of bounds.

    Args:
        model: The model; nothing was predicted with it yet.
        where: Name of its file, for errors.
    """
    instances = list(_instances(model))
    checked: set[int] = set()
    for found in instances:
        _check_attributes(found, where)
        path = path_of(found)
        if not catalogue.is_known(path):
            raise refused(f"holds a {path}, whose arrays cannot be checked", where)
        check_one = _CHECKS.get(path)
        if check_one is not None:
            checked.update(id(part) for part in _run(check_one, found, where))
    for found in instances:
        if path_of(found) in catalogue.PARTS and id(found) not in checked:
            raise refused(f"holds a {path_of(found)} that belongs to nothing", where)


def path_of(value: object) -> str:
    """Return module and name of a value's type."""
    return f"{type(value).__module__}.{type(value).__qualname__}"


def _run(check_one: Callable[[Any, str], Iterator[object]], found: object, where: str) -> list[object]:
    try:
        return list(check_one(found, where))
    except (AttributeError, KeyError, TypeError, ValueError, IndexError) as error:
        raise refused(
            f"holds a {path_of(found)} of another form: {type(error).__name__}: {error}", where
        ) from error


def _instances(model: Any) -> Iterator[Any]:
    """Yield every object of a model that has a type of its own, each once."""
    import numpy as np

    # Holds on to what was seen: the id of a value that is gone may be given to another.
    seen: dict[int, Any] = {}
    waiting: list[Any] = [model]
    while waiting:
        value = waiting.pop()
        if isinstance(value, _PLAIN) or id(value) in seen:
            continue
        seen[id(value)] = value
        if isinstance(value, np.ndarray):
            waiting.extend(value.ravel().tolist() if value.dtype.hasobject else ())
        elif isinstance(value, np.generic | np.dtype | np.random.Generator):
            continue
        elif type(value) is dict:
            waiting.extend(value.values())
        elif type(value) in (list, tuple):
            waiting.extend(value)
        elif isinstance(value, functools.partial):
            waiting.extend((value.args, value.keywords))
        elif not inspect.isroutine(value) and not isinstance(value, np.ufunc):
            # Functions are on a list, and no attribute of theirs comes from a file.
            waiting.extend(getattr(value, "__dict__", {}).values())
            yield value


def _check_attributes(value: object, where: str) -> None:
    """Raise where an attribute that was set from a file takes the place of a method."""
    for name in getattr(value, "__dict__", {}):
        if not isinstance(name, str) or (name.startswith("__") and name.endswith("__")):
            raise refused(f"gives a {path_of(value)} the attribute {name!r}", where)
        own = getattr(type(value), name, None)
        if callable(own) or (hasattr(own, "__get__") and not hasattr(own, "__set__")):
            raise refused(f"replaces the method {name} of a {path_of(value)}", where)
