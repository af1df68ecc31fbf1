# pandas ships no precise types: what an expression gives is guessed, often wrongly.
# pyright: reportCallIssue=false, reportArgumentType=false

"""The processed rows of a promotion, found and verified by the lake alone."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING

from mlops.adapters import tables
from mlops.pipelines import pipeline
from mlops.runs import names
from mlops.runs.digest import sha256
from mlops.runs.errors import Corrupt, InputError
from mlops.runs.main.state import promotions
from mlops.runs.main.versions import promotion_number
from mlops.runs.promotion.promoted import Promoted, Verify, current, numbered
from mlops.steps.champion import open_lake

if TYPE_CHECKING:
    import pandas as pd

    from mlops.runs.ports import Lake
    from mlops.settings import Settings

_NUMBER = re.compile(r"[1-9][0-9]{0,8}")
_COMMIT = re.compile(r"[0-9a-f]{7,64}")


def load_rows(
    name: str,
    version: str | int | None = None,
    *,
    settings: Settings | None = None,
    verify: Verify | None = None,
) -> pd.DataFrame:
    """Return the processed rows of a promotion; see `mlops.load`.

    Args:
        name: The pipeline.
        version: Such as ``v2``, a promotion's number, or a commit; None for the current one.
        settings: Where the lake is.
        verify: What vouches for the promotion before anything of it is read.

    Raises:
        MlopsError: As for `mlops.load`.
    """
    lake, verify = open_lake(pipeline(name).name, settings, verify)
    found = current(lake, verify) if version is None else numbered(lake, _number(lake, version), verify)
    return rows_of(lake, found)


def rows_of(lake: Lake, promoted: Promoted) -> pd.DataFrame:
    """Return the rows of a promotion; those of training come before those of the holdout.

    Raises:
        Corrupt: There are none, or their bytes are not the recorded ones.
    """
    import pandas as pd

    frames: list[pd.DataFrame] = []
    for record in sorted(promoted.objects(names.PROCESSED), key=lambda o: o.path != names.TRAIN):
        data, where = lake.read(promoted.commit.id, record.path), f"{promoted.commit.id[:12]}:{record.path}"
        if sha256(data) != record.sha256:
            raise Corrupt("not the bytes that were promoted", where=where, todo="run `mlops audit`")
        frames.append(tables.read_parquet(io.BytesIO(data), where=where))
    if not frames:
        raise Corrupt(
            "records no rows", where=f"promotion {promoted.champion.number}", todo="run `mlops audit`"
        )
    return frames[0] if len(frames) == 1 else pd.concat(frames, ignore_index=True)


def _number(lake: Lake, version: str | int) -> int:
    """Return the number of the promotion that a user names.

    Raises:
        InputError: It is no version, number or commit of a promotion.
        NotFound: There is no such version.
    """
    text = str(version)
    if _NUMBER.fullmatch(text):
        return int(text)
    if names.is_version_tag(text):
        return promotion_number(lake, text)
    found = (
        [c for c in promotions(lake, lake.head(names.MAIN)) if c.id.startswith(text)]
        if _COMMIT.fullmatch(text)
        else []
    )
    if len(found) != 1:
        raise InputError(
            "names no version on main", where=text, todo="give v2, a promotion's number or a commit of one"
        )
    return int(found[0].metadata["number"])
