"""Content types of uploads: which texts are one, and which are refused."""

from __future__ import annotations

import re
from functools import lru_cache

from mlops.lakeserver.errors import BadRequest

_REMEMBERED_CHARS = 200
_WORD = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_QUOTED = r'"(?:[^"\\\r\n]|\\.)*"'
_TYPE = re.compile(
    rf"\s*{_WORD}(?:/{_WORD})?\s*"
    rf"(?:;\s*({_WORD})\s*=\s*(?:{_WORD}|{_QUOTED})\s*)*(?:;\s*)?",
)
_NAME = re.compile(rf";\s*({_WORD})\s*=\s*(?:{_WORD}|{_QUOTED})")


def checked_type(text: str) -> str:
    """Return a content type as it was sent.

    Raises:
        BadRequest: it is none, or names a parameter twice; lakeFS answers 500.
    """
    if not (_is_type(text) if len(text) <= _REMEMBERED_CHARS else _is_type.__wrapped__(text)):
        raise BadRequest(f'request body has an error: header Content-Type "{text}" is not a content type')
    return text


@lru_cache(maxsize=256)
def _is_type(text: str) -> bool:
    names = [name.lower() for name in _NAME.findall(text)]
    return bool(_TYPE.fullmatch(text)) and len(set(names)) == len(names)
