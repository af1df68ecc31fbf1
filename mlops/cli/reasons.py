"""Reasons: why somebody changed what judges, moved main back or let promotions go on."""

from __future__ import annotations

from mlops.runs.errors import InputError

MAX_CHARACTERS = 300


def checked_reason(text: str) -> str:
    """Return a reason on one line, or raise `InputError` where there is none or it is too long."""
    reason = " ".join(text.split())
    if not reason or len(reason) > MAX_CHARACTERS:
        raise InputError(f"must be 1 to {MAX_CHARACTERS} characters", where="--reason", todo="say why")
    return reason
