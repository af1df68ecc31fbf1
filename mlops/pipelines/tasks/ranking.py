# pandas ships no precise types: what an expression gives is guessed, often wrongly.
# pyright: reportArgumentType=false, reportCallIssue=false, reportReturnType=false

"""Ranking: an ordered list of items per query, e.g. recommended songs for a playlist."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlops.runs.errors import ConfigError, InputError, bounded

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from mlops.pipelines.spec import PipelineSpec

#: Column of the units with the items that are known of a query: a JSON list of texts.
KNOWN = "known"
_MOST_ITEMS = 1_000


@dataclass(frozen=True)
class Ranking:
    """A task whose unit is a query, and whose prediction is a list of items, the best first.

    A row of the pipeline says that an item is relevant to a query; rows of the holdout are what a model has
    to find, rows of training what is known of the query. The metrics, per query and with binary relevance:
    ``miss_at_<k>`` (1 where none of the first k items is relevant), ``one_minus_ndcg_at_<k>`` (1 less the
    normalised discounted cumulative gain; Järvelin & Kekäläinen 2002) and ``one_minus_recall_at_<k>``
    (share of the relevant items that are not among the first k).

    Attributes:
        query: Column of the query.
        item: Column of the item.
        k: Items that count, 1 to 1,000.
        titles: Columns of the joined rows that name an item for people, the one that names it best first.
    """

    query: str
    item: str
    k: int = 10
    titles: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Raise `ConfigError` where k is out of range."""
        if not 1 <= self.k <= _MOST_ITEMS:
            raise ConfigError(f"must be 1 to {_MOST_ITEMS}, not {self.k}", where="k")

    @property
    def name(self) -> str:
        """The kind of the task."""
        return "ranking"

    @property
    def changes_in_units_of_target(self) -> bool:
        """Return false: a change of a prediction has no unit."""
        return False

    @property
    def columns(self) -> tuple[str, ...]:
        """One column: a JSON list of at most k items as texts, the best first."""
        return ("",)

    @property
    def losses(self) -> tuple[str, ...]:
        """The losses in their order."""
        return (f"miss_at_{self.k}", f"one_minus_ndcg_at_{self.k}", f"one_minus_recall_at_{self.k}")

    def unit_key(self, spec: PipelineSpec) -> tuple[str, ...]:
        """Return the column of the query."""
        return (self.query,)

    def unit_input(self, spec: PipelineSpec) -> tuple[str, ...]:
        """Return the query and what is known of it."""
        return (self.query, KNOWN)

    def reads(self, spec: PipelineSpec) -> tuple[str, ...]:
        """Return query and item: the training rows say what is known of a query."""
        return (self.query, self.item)

    def units(self, spec: PipelineSpec, holdout: pd.DataFrame, train: pd.DataFrame) -> pd.DataFrame:
        """Return one row per query of the holdout, ascending.

        Its target is a JSON list of the relevant items, and `KNOWN` one of the items in training rows.
        """
        kept = list(dict.fromkeys([self.query, spec.cluster, *spec.slices]))
        units = holdout[kept].drop_duplicates(self.query).sort_values(self.query, ignore_index=True)
        known = _items(train, self.query, self.item)
        relevant = _items(holdout, self.query, self.item)
        queries = units[self.query].tolist()
        return units.assign(
            **{
                spec.target: [_text(sorted(relevant[query])) for query in queries],
                KNOWN: [_text(sorted(known.get(query, ()))) for query in queries],
            }
        )

    def fit(self, spec: PipelineSpec, model: Any, train: pd.DataFrame) -> None:
        """Fit a model on the model input of all training rows."""
        model.fit(train.loc[:, list(spec.model_input)])

    def targets(self, values: pd.Series) -> pd.Series:
        """Return the lists of relevant items as text.

        Raises:
            InputError: A query has no relevant items.
        """
        texts = values.astype("str")
        empty = int((texts == "[]").sum())
        if empty:
            raise InputError(f"{empty} queries have no relevant item")
        return texts

    def predict(self, model: Any, rows: pd.DataFrame) -> pd.DataFrame:
        """Return the first k items of what ``model.predict`` gives: a sequence of items for each query."""
        return self._lists(model.predict(rows), len(rows))

    def baseline(self, predicted: Any, rows: int) -> pd.DataFrame:
        """Return what the baseline gave: a sequence of items for each query."""
        return self._lists(predicted, rows)

    def _lists(self, predicted: Iterable[Sequence[Any]], rows: int) -> pd.DataFrame:
        import pandas as pd

        lists = [[str(item) for item in items][: self.k] for items in predicted]
        if len(lists) != rows:
            raise InputError(f"gave lists for {len(lists)} queries, not for {rows}")
        twice = next((items for items in lists if len(set(items)) != len(items)), None)
        if twice is not None:
            raise InputError(f"gave an item twice in one list: {bounded(', '.join(twice), 120)}")
        return pd.DataFrame({"": pd.Series([_text(items) for items in lists], dtype="str")})

    def costs(self, targets: pd.Series, predicted: pd.DataFrame) -> Mapping[str, np.ndarray]:
        """Return the losses of every query; NaN where a list is missing."""
        import numpy as np

        rows = [self._cost(truth, found) for truth, found in zip(targets, predicted[""], strict=True)]
        columns = np.asarray(rows, dtype="float64").reshape(len(rows), len(self.losses)).T
        return dict(zip(self.losses, columns, strict=True))

    def _cost(self, target: str, predicted: Any) -> tuple[float, float, float]:
        relevant = _read(target)
        found = _read(predicted)
        if relevant is None or found is None or not relevant:
            return (math.nan, math.nan, math.nan)
        wanted = set(relevant)
        places = [place for place, item in enumerate(found[: self.k]) if item in wanted]
        gain = math.fsum(1 / math.log2(place + 2) for place in places)
        best = math.fsum(1 / math.log2(place + 2) for place in range(min(self.k, len(wanted))))
        return (0.0 if places else 1.0, max(0.0, 1 - gain / best), 1 - len(places) / len(wanted))

    def details(self, targets: pd.Series, predicted: pd.DataFrame, clusters: pd.Series) -> Mapping[str, Any]:
        """Return nothing: the losses say it all."""
        return {}

    def change(self, one: pd.DataFrame, other: pd.DataFrame) -> np.ndarray:
        """Return the share of the k places that hold another item."""
        import numpy as np

        return np.asarray(
            [self._changed(a, b) for a, b in zip(one[""], other[""], strict=True)], dtype="float64"
        )

    def _changed(self, one: Any, other: Any) -> float:
        a, b = _read(one), _read(other)
        if a is None or b is None:
            return math.nan
        same = sum(x == y for x, y in zip(a, b, strict=False))
        return 1 - same / max(len(a), len(b), 1)

    def spread(self, targets: pd.Series) -> float:
        """Return 1, another item at every place, whatever the targets are."""
        return 1.0


def _items(rows: pd.DataFrame, query: str, item: str) -> dict[Any, list[str]]:
    return rows[item].astype("str").groupby(rows[query]).agg(list).to_dict()


def _text(items: Sequence[str]) -> str:
    return json.dumps(list(items), ensure_ascii=False)


def _read(text: Any) -> list[str] | None:
    """Return the items of a JSON list of texts; None for anything else."""
    if not isinstance(text, str):
        return None
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found if isinstance(found, list) and all(isinstance(item, str) for item in found) else None
