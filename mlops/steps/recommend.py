# pandas ships no precise types: what an expression gives is guessed, often wrongly.
# pyright: reportArgumentType=false, reportCallIssue=false

"""Recommendations by the champion of a ranking pipeline: items named by people in, named items out."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mlops.adapters import tables
from mlops.pipelines.tasks.ranking import KNOWN, Ranking
from mlops.runs import names
from mlops.runs.digest import sha256
from mlops.runs.errors import ConfigError, Corrupt, InputError, bounded, system_reason
from mlops.runs.promotion.promoted import Promoted, current
from mlops.runs.record.promotion import check_promotion
from mlops.steps.champion import promoted_model

if TYPE_CHECKING:
    import pandas as pd

    from mlops.pipelines.spec import PipelineSpec
    from mlops.steps.workspace import Workspace

MAX_FILE_BYTES = 1 << 20
#: Items of a list that are read.
MAX_LINES = 10_000
#: Between the parts of a title: ``One Dance - Drake``.
_DASH = " - "


@dataclass(frozen=True)
class Item:
    """An item of the promoted rows.

    Attributes:
        id: Its id.
        titles: Column to what it says of the item, for the columns that name items for people.
    """

    id: str
    titles: Mapping[str, str]


@dataclass(frozen=True)
class Recommendations:
    """Recommended items, and what was made of the list that was given.

    Attributes:
        number: Number of the promotion whose model recommended them.
        commit: Its commit of `main`.
        known: The items of the given list that the promoted rows hold.
        unknown: Lines of the list that name no item there.
        ambiguous: Lines that name several.
        items: The recommended items, the best first.
    """

    number: int
    commit: str
    known: tuple[Item, ...]
    unknown: tuple[str, ...]
    ambiguous: tuple[str, ...]
    items: tuple[Item, ...]


def ranking_of(spec: PipelineSpec) -> Ranking:
    """Return the task of a pipeline that recommends.

    Raises:
        ConfigError: Its task is another one.
    """
    if isinstance(spec.task, Ranking):
        return spec.task
    raise ConfigError(
        f"its task is {spec.task.name}: only a pipeline whose task is ranking recommends anything",
        where=spec.name,
    )


def read_list(file: Path, task: Ranking) -> list[str]:
    """Return the lines of a list of items, each as an id or a title; titles of several parts with a dash.

    Args:
        file: One item a line; or, if its name ends with ``.csv``, a table with a column of ids or titles.
        task: Says what the columns are called.

    Raises:
        InputError: It cannot be read, is too large, is no UTF-8, names nothing, or lacks the columns.
    """
    where = str(file)
    try:
        with file.open("rb") as opened:
            data = opened.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise InputError(f"cannot be read: {system_reason(error)}", where=where) from error
    if len(data) > MAX_FILE_BYTES:
        raise InputError(f"holds more than {MAX_FILE_BYTES:,} bytes", where=where)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"is not UTF-8: {error.reason}", where=where) from error
    lines = _of_table(text, task, where) if file.suffix.lower() == ".csv" else text.splitlines()
    wanted = list(dict.fromkeys(line.strip() for line in lines if line.strip()))
    if not wanted:
        raise InputError("names nothing", where=where, todo="write one id or title a line")
    if len(wanted) > MAX_LINES:
        raise InputError(f"names {len(wanted):,} items; at most {MAX_LINES:,} are read", where=where)
    return wanted


def recommend(workspace: Workspace, wanted: Sequence[str], most: int) -> Recommendations:
    """Return what the champion recommends beside the items of a list.

    The promotion is verified as by `mlops.load_champion`, and the items are those of the rows that were
    promoted with the model.

    Args:
        workspace: A pipeline whose task is ranking.
        wanted: Ids or titles.
        most: Most items that are recommended.

    Raises:
        NotFound: `main` holds no champion.
        Corrupt: What `main` holds is not what was promoted.
        InputError: No item of the list is known.
    """
    task, lake, ports = ranking_of(workspace.spec), workspace.lake, workspace.ports
    promoted = current(lake, lambda at, found: check_promotion(at, found.commit, ports.trust))
    ports.tell(f"loading the model of promotion {promoted.champion.number}")
    model = promoted_model(lake, promoted, workspace.spec.trusted_types)
    items = _items(workspace, promoted, task)
    by_name = _by_name(items, task)
    found = {line: _named(line, items, by_name) for line in wanted}
    known = {ids[0] for ids in found.values() if len(ids) == 1}
    unknown = tuple(line for line, ids in found.items() if not ids)
    ambiguous = tuple(line for line, ids in found.items() if len(ids) > 1)
    if not known:
        raise InputError(
            f"none of the {len(wanted)} items is known: {bounded(', '.join(wanted), 100)}",
            where=f"promotion {promoted.champion.number}",
            todo="name items that are on main; a title alone may name several, and needs its other part",
        )
    # What is on record is cut after the places that are judged; here as many count as were asked for.
    lists = dataclasses.replace(task, k=most + len(known)).predict(model, _unit(task, sorted(known)))
    chosen = [item for item in json.loads(lists[""].iloc[0]) if item in items and item not in known]
    return Recommendations(
        number=promoted.champion.number,
        commit=promoted.commit.id,
        known=tuple(items[item] for item in sorted(known)),
        unknown=unknown,
        ambiguous=ambiguous,
        items=tuple(items[item] for item in chosen[:most]),
    )


def _unit(task: Ranking, known: Sequence[str]) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame({task.query: [""], KNOWN: [json.dumps(known)]})


def _items(workspace: Workspace, promoted: Promoted, task: Ranking) -> dict[str, Item]:
    """Return every item of the rows that were promoted with the model, by id."""
    import pandas as pd

    columns = [task.item, *task.titles]
    objects = {record.path: record for record in promoted.champion.objects}
    frames: list[pd.DataFrame] = []
    for path in (names.TRAIN, names.HOLDOUT):
        data = workspace.lake.read(promoted.commit.id, path)
        if path not in objects or sha256(data) != objects[path].sha256:
            raise Corrupt("is not the object that was promoted", where=path, todo="run `mlops audit`")
        frames.append(tables.read_parquet(data, where=path, columns=columns))
    rows = pd.concat(frames, ignore_index=True).drop_duplicates(task.item).astype("str")
    return {
        values[0]: Item(values[0], dict(zip(task.titles, values[1:], strict=True)))
        for values in rows.itertuples(index=False, name=None)
    }


def _by_name(items: Mapping[str, Item], task: Ranking) -> dict[str, list[str]]:
    """Return what items may be called, in small letters, to their ids: a title, or all its parts."""
    found: dict[str, list[str]] = {}
    for item in items.values():
        parts = [item.titles[column] for column in task.titles]
        called = {_DASH.join(parts), _DASH.join(reversed(parts)), *parts[:1]}
        for name in {name.casefold() for name in called}:
            found.setdefault(name, []).append(item.id)
    return found


def _named(line: str, items: Mapping[str, Item], by_name: Mapping[str, list[str]]) -> list[str]:
    return [line] if line in items else by_name.get(line.casefold(), [])


def _of_table(text: str, task: Ranking, where: str) -> list[str]:
    """Return the id of each row of a CSV table, or its title where it has no column of ids."""
    try:
        rows = list(csv.DictReader(io.StringIO(text, newline=""), strict=True))
    except csv.Error as error:
        raise InputError(f"cannot be read as CSV: {error}", where=where) from error
    columns = [name for name in (rows[0] if rows else {}) if name]
    if task.item in columns:
        return [row[task.item] or "" for row in rows]
    titles = [name for name in task.titles if name in columns]
    if task.titles[:1] != tuple(titles[:1]):
        wanted = " or ".join([task.item, *task.titles[:1]])
        raise InputError(f"has no column {wanted}", where=where, todo="name its columns in the first row")
    return [_DASH.join(row[name] for name in titles if row[name]) for row in rows]
