"""The page of anomalies, from the gallery that ``mlops anomalies`` plays and the outcomes that it must have.

Outcomes are in ``anomaly_outcomes.toml``; ``tests/anomalies`` plays the gallery and compares.
"""

from __future__ import annotations

import tomllib
from pathlib import Path

from infra.docs.markdown import code, prose, table

_INTRODUCTION = """# Anomalies

Each row is something that could go wrong on `main`, and the guard that prevents it. The page is generated
from the gallery that `mlops anomalies` plays on scratch repositories. Each anomaly is played twice: first
with this one guard disabled, so that it happens, and then with all guards in place, so that it is stopped
or found. The outcome is read from the lake. Who stopped or found it is read from the server's answer, the
command's error, the gate's reason code or the audit's finding.

```console
$ mlops anomalies                          # all of them, about two minutes
$ mlops anomalies --only resurrection      # those whose names begin like this
$ mlops --lake lakefs anomalies            # the same on the real lakeFS program
```

Exit code 41 means that a guard does not work.

"""

_HEAD = ("Name", "What somebody does", "What happens without the guard", "Guard", "Stopped or found by")


def outcomes() -> dict[str, dict[str, str]]:
    """Return anomaly to its outcome: ``without`` the guard, and ``by`` whom with which ``code`` with it."""
    return tomllib.loads(Path(__file__).with_name("anomaly_outcomes.toml").read_text(encoding="utf-8"))


def page() -> str:
    """Return the page."""
    from mlops.anomalies.gallery import ANOMALIES

    known = outcomes()
    rows = [
        (
            code(a.name),
            prose(a.story),
            prose(row["without"]),
            prose(a.guard.name),
            f"{row['by']}, {code(row['code'])}",
        )
        for a in ANOMALIES
        for row in [known[a.name]]
    ]
    return _INTRODUCTION + table(_HEAD, rows)
