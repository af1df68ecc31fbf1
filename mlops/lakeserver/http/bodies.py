"""Reading JSON bodies field by field; what does not fit is refused by name."""

from __future__ import annotations

import re
from typing import Any

from mlops.lakeserver.errors import BadRequest

# Sizes and times beyond it mean nothing.
MAX_INTEGER = 2**53

_MISSING = object()


class Body:
    """A JSON object sent by a client. Unknown fields are ignored, as lakeFS ignores them.

    Args:
        value: what was sent; None where nothing was.
        schema: its name in lakeFS's API document, for messages; '' where it has none.
        optional: whether nothing at all is as good as an empty object.

    Raises:
        BadRequest: it is missing or not an object.
    """

    def __init__(self, value: Any, schema: str, *, optional: bool = False, at: str = "") -> None:
        self._schema = schema
        self._at = at
        if value is None and optional:
            value = {}
        if value is None:
            raise BadRequest("request body has an error: value is required but missing")
        if not isinstance(value, dict):
            raise self._error("", "value must be an object")
        self._value: dict[str, Any] = value

    def _error(self, name: str, problem: str) -> BadRequest:
        at = f'Error at "{self._at}/{name}": ' if name or self._at else ""
        schema = f" #/components/schemas/{self._schema}" if self._schema else ""
        return BadRequest(f"request body has an error: doesn't match schema{schema}: {at}{problem}")

    def _get(self, name: str, default: Any) -> Any:
        value = self._value.get(name, _MISSING)
        if value is None:
            raise self._error(name, "Value is not nullable")
        if value is not _MISSING:
            return value
        if default is _MISSING:
            raise self._error(name, f'property "{name}" is missing')
        return default

    def _check_text(self, name: str, value: Any) -> None:
        if not isinstance(value, str):
            raise self._error(name, "value must be a string")
        try:
            value.encode()
        except UnicodeEncodeError:
            raise self._error(name, "value must be Unicode text") from None

    def text(self, name: str, default: Any = _MISSING, *, pattern: str = "") -> Any:
        """Return a string, which matches `pattern` if one is given."""
        value = self._get(name, default)
        if value is default:
            return value
        self._check_text(name, value)
        if pattern and not re.fullmatch(pattern, value, re.ASCII):
            raise self._error(name, f'string doesn\'t match the regular expression "{pattern}"')
        return value

    def flag(self, name: str, *, default: bool = False) -> bool:
        """Return a boolean. It has a default in lakeFS's document, and null stands for that."""
        value = default if self._value.get(name) is None else self._value[name]
        if not isinstance(value, bool):
            raise self._error(name, "value must be a boolean")
        return value

    def integer(
        self, name: str, default: Any = _MISSING, *, least: int = -MAX_INTEGER, most: int = MAX_INTEGER
    ) -> Any:
        """Return a whole number from `least` to `most`."""
        value = self._get(name, default)
        if value is default:
            return value
        if isinstance(value, bool) or not isinstance(value, int):
            raise self._error(name, "value must be an integer")
        if not least <= value <= most:
            raise self._error(name, f"number must be between {least} and {most}")
        return value

    def texts(self, name: str) -> list[str]:
        """Return a list of strings."""
        value = self._get(name, _MISSING)
        if not isinstance(value, list):
            raise self._error(name, "value must be an array")
        for index, item in enumerate(value):
            self._check_text(f"{name}/{index}", item)
        return value

    def mapping(self, name: str, default: Any = _MISSING) -> Any:
        """Return an object of strings."""
        value = self._get(name, default)
        if value is default:
            return value
        if not isinstance(value, dict):
            raise self._error(name, "value must be an object")
        for key, item in value.items():
            self._check_text(name, key)
            self._check_text(f"{name}/{key}", item)
        return value

    def choice(self, name: str, allowed: tuple[str, ...], default: Any = _MISSING) -> Any:
        """Return a value that is one of `allowed`."""
        value = self.text(name, default)
        if value is not default and value not in allowed:
            shown = ",".join(f'"{item}"' for item in allowed)
            raise self._error(name, f"value is not one of the allowed values [{shown}]")
        return value

    def inner(self, name: str, schema: str) -> Body | None:
        """Return an object inside, or None."""
        value = self._get(name, None)
        return None if value is None else Body(value, schema, at=f"{self._at}/{name}")

    def required(self, name: str, schema: str) -> Body:
        """Return an object inside, which has to be there."""
        return Body(self._get(name, _MISSING), schema, at=f"{self._at}/{name}")

    def items(self, name: str, schema: str) -> list[Body]:
        """Return a list of objects inside."""
        value = self._get(name, _MISSING)
        if not isinstance(value, list):
            raise self._error(name, "value must be an array")
        return [Body(item, schema, at=f"{self._at}/{name}/{index}") for index, item in enumerate(value)]
