"""The page of anomalies, from the gallery that ``mlops anomalies`` plays."""

from __future__ import annotations

from infra.docs.markdown import code, prose, table

_INTRODUCTION = """# Anomalies

What could go wrong on `main`, and which guard is there for it. Generated from the gallery that
`mlops anomalies` plays on scratch repositories: each anomaly first with exactly this one guard taken away, so
that it happens, and then with all guards in place, so that it is stopped or found. What happened is read from
the lake; who stopped or found it, from the server's answer, the command's refusal or the audit's finding.

```console
$ mlops anomalies                          # all of them, about a minute
$ mlops anomalies --only resurrection      # those whose names begin like this
$ mlops --lake lakefs anomalies            # the same on the real lakeFS program
```

Exit code 41 means that a guard does not do its work.

"""


def page() -> str:
    """Return the page."""
    from mlops.anomalies.gallery import ANOMALIES

    rows = [(code(a.name), prose(a.story), prose(a.guard.name)) for a in ANOMALIES]
    return _INTRODUCTION + table(("Name", "What somebody does", "Guard"), rows)
