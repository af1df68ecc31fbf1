"""What must never happen, and what it is called."""

from __future__ import annotations

#: Name of an anomaly to what it means.
ANOMALIES = {
    "unsigned change": "a commit of main is not signed, though the policy before it requires that (I16)",
    "half-written main": "champion.json names other objects than there are (I3)",
    "unlawful commit": "a commit of main is of no lawful kind, or changes what its kind may not (I3, I10)",
    "reachable run": "main has another parent than the head it replaced (I4)",
    "silent overwrite": "an ingest replaced a delivery that its record does not name (I5)",
    "stale comparison": "the decision was not made against the champion that was replaced (I6)",
    "unearned promotion": "by the evidence and the policy the gate refuses what was promoted (I6, I9)",
    "unjudged outputs": "main holds other outputs than those on record with the decision (I3, I9)",
    "misnamed promotion": "champion.json, decision.json and the commit name different promotions (I15)",
    "unexplained change": "what judges was changed without a reason on record (I10)",
    "lost record": "a tag that keeps a record was removed or moved (I7, I11)",
    "misplaced tag": "the champion tag was put on another champion than main's (I11)",
    "another policy": "the decision was not made by the policy in force (I6, I9)",
    "moved head": "the merge landed on another head than everything was checked against (I6)",
    "number used twice": "two events have one sequence number (I6)",
    "look taken twice": "the decision that was acted on is not the one on record for its look (I9)",
    "resurrection": "a run that was rolled back is on main again (I7)",
    "returned arrival": "a delivery that was rolled back is on main again, unasked (I7)",
    "dropped data": "the champion was trained on data that was rolled back (I7)",
    "unrecorded drop": "main lost something that no rollback's record names (I7, I12)",
    "unbarred drop": "a dropped run may come back: it was not tagged before main moved (I7)",
    "settled too early": "a rollback was said to be over while main was elsewhere (I12)",
    "broken freeze": "main changed while a rollback was under way (I12)",
    "promoted on hold": "promotions were stopped, and one went through (I12)",
    "promoted after rejection": "a person rejected a run, and it was promoted (I17)",
    "rolled back twice": "one request went back two promotions (I12)",
    "fenced attempt": "an attempt that was taken over before its last look promoted all the same (I2)",
    "promoted twice": "one run was promoted twice (I5)",
    "winner told it lost": "a run that is champion was told that it was refused (I13)",
    "undue error": "an actor ended with an error that its command does not document (I13)",
    "wedged": "reconcile cannot bring things in line (I13)",
    "stale cache": "tags, alias or protection are not what main's head says (I11)",
    "gap in the sequence": "sequence numbers are not contiguous when all is quiet (I11)",
}


class Anomaly(Exception):
    """Something that must never happen has happened."""

    def __init__(self, name: str, detail: str = "") -> None:
        assert name in ANOMALIES, name
        super().__init__(f"{name}: {detail or ANOMALIES[name]}")
        self.name = name
