"""Notify people of the outcome of a command, after it was printed; a failure here changes nothing."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mlops.runs.errors import InputError, MlopsError, OnHold, ValidationFailed

if TYPE_CHECKING:
    from mlops.adapters.notifications.channels import Channel
    from mlops.adapters.notifications.events import Event, EventKind
    from mlops.cli.session import Session
    from mlops.settings import Settings

#: Commands that bring a run to its end.
_ENDING = frozenset({"run", "promote", "approve", "restore"})
#: Commands whose outcome people may be told of.
NOTIFIED = _ENDING | {"reject", "rollback", "resume", "ingest"}

_SHOWN = (
    "run_id",
    "number",
    "merge_commit",
    "evidence_commit",
    "to_number",
    "reason",
    "dropped_runs",
    "links",
)


def notify(session: Session, outcome: Mapping[str, Any] | MlopsError) -> None:
    """Send the outcome of a command to the channels of the settings; nothing is raised.

    Args:
        session: Of the command.
        outcome: The document of its result, or its error.
    """
    if session.command not in NOTIFIED:
        return
    settings: Settings | None = vars(session).get("settings")
    if settings is None or not _configured(settings):
        return  # where the settings cannot be read, the command has said so
    try:
        from mlops.adapters.notifications.delivery import deliver

        event = event_of(session.command, session.pipeline, outcome, int(time.time()))
        wanted = settings.notified_events
        if event is not None and (not wanted or str(event.kind) in wanted):
            deliver(event, channels_of(settings), session.report, deadline_s=settings.notify_timeout_s)
    except Exception as error:
        session.report(f"nobody was notified: {type(error).__name__}")
    finally:
        session.progress.close()


def event_of(command: str, pipeline: str, outcome: Mapping[str, Any] | MlopsError, at_s: int) -> Event | None:
    """Return the event that a command's outcome is; None where nobody needs to be told."""
    from mlops.adapters.notifications.events import Event

    found = _failure(command, outcome) if isinstance(outcome, MlopsError) else _success(command, outcome)
    if found is None:
        return None
    kind, sentence = found
    facts = {} if isinstance(outcome, MlopsError) else {k: outcome[k] for k in _SHOWN if outcome.get(k)}
    return Event(kind, pipeline, sentence, at_s, facts)


def _failure(command: str, error: MlopsError) -> tuple[EventKind, str] | None:
    from mlops.adapters.notifications.events import EventKind

    if command == "ingest" and isinstance(error, InputError | ValidationFailed):
        return EventKind.BROKEN_DELIVERY, str(error)
    if isinstance(error, OnHold):
        return EventKind.HOLD, str(error)
    return None


def _success(command: str, document: Mapping[str, Any]) -> tuple[EventKind, str] | None:
    from mlops.adapters.notifications.events import EventKind

    if command in _ENDING:
        return _ended(document)
    if command == "reject":
        said = document["rejection"]
        text = f"run {document['run_id']} was rejected by {said['by']}: {said['reason']}"
        return EventKind.REJECTION, text
    if command == "rollback" and document.get("changed") and not document.get("dry_run"):
        text = (
            f"rolled back to promotion {document['to_number']}, promotions are on hold: {document['reason']}"
        )
        return EventKind.ROLLBACK, text
    if command == "resume" and document.get("resumed"):
        return EventKind.RESUME, f"promotions go on: {document['reason']}"
    return None


def _ended(document: Mapping[str, Any]) -> tuple[EventKind, str]:
    from mlops.adapters.notifications.events import EventKind

    run, first = document["run_id"], document["verdict"]["findings"][0]["sentence"]
    if document["promoted"]:
        return EventKind.PROMOTION, f"run {run} is promotion {document['number']}. {first}"
    if document["waiting"]:
        return EventKind.REVIEW, f"run {run} waits for review. {first}"
    return EventKind.REFUSAL, f"run {run} was refused. {first}"


def _configured(settings: Settings) -> bool:
    return bool(settings.notify_webhook or settings.notify_chat or settings.notify_mail_to)


def channels_of(settings: Settings) -> list[Channel]:
    """Return the channels that the settings name."""
    from mlops.adapters.notifications.channels import Chat, Mail, Webhook

    found: list[Channel] = []
    if settings.notify_webhook:
        found.append(Webhook(settings.notify_webhook, settings.notify_webhook_secret))
    if settings.notify_chat:
        found.append(Chat(settings.notify_chat))
    if settings.notify_mail_to:
        host, _, port = settings.notify_smtp.rpartition(":")
        to = tuple(part.strip() for part in settings.notify_mail_to.split(",") if part.strip())
        sender = settings.notify_mail_from or to[0]
        found.append(
            Mail(
                host, int(port), sender, to, settings.notify_smtp_user, settings.notify_smtp_password,
                starttls=settings.notify_smtp_starttls,
            )
        )  # fmt: skip
    return found
