"""Sessions as rows of the store's settings."""

from __future__ import annotations

from mlops.lakeserver.store import Store
from mlops.lakeserver.store.writer import Transaction

_PREFIX = "session:"


class SessionRows:
    """The sessions of a store; those that another access key began are removed.

    Args:
        store: where they are kept.
        fingerprint: stands for the access key, without telling it.
    """

    def __init__(self, store: Store, fingerprint: str) -> None:
        self._store = store
        if store.setting("session-key") != fingerprint:
            store.write(lambda tx: _restart(tx, fingerprint))

    def load(self) -> dict[str, int]:
        """Return the sessions, by the hash of their id."""
        rows = self._store.database.reader.execute(
            "SELECT name, value FROM settings WHERE name GLOB ?", (f"{_PREFIX}*",)
        )
        return {name.removeprefix(_PREFIX): int(value) for name, value in rows if value.isdigit()}

    def add(self, key: str, expires: int, gone: list[str]) -> None:
        """Keep a session and remove those that are gone."""

        def work(tx: Transaction) -> None:
            tx.execute("INSERT OR REPLACE INTO settings VALUES (?, ?)", (_PREFIX + key, str(expires)))
            tx.executemany("DELETE FROM settings WHERE name = ?", [(_PREFIX + old,) for old in gone])

        self._store.write(work)

    def remove(self, key: str) -> None:
        """Remove a session."""
        self._store.write(
            lambda tx: tx.execute("DELETE FROM settings WHERE name = ?", (_PREFIX + key,)) and None
        )


def _restart(tx: Transaction, fingerprint: str) -> None:
    tx.execute("DELETE FROM settings WHERE name GLOB ?", (f"{_PREFIX}*",))
    tx.execute("INSERT OR REPLACE INTO settings VALUES ('session-key', ?)", (fingerprint,))
