# pandas ships no precise types: what an expression gives is guessed, often wrongly.
# pyright: reportArgumentType=false

"""Synthetic samples for a new project that was given no file: two parts, made from a seed."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

_ROWS, _SITES = 600, 60
_LISTS, _TASTES, _ITEMS_PER_TASTE, _LENGTH = 60, 5, 30, 12


def sample(task: str, part: int) -> pd.DataFrame:
    """Return a part of a synthetic sample: items of sites with a price or a grade, or items of lists.

    Args:
        task: ``regression``, ``classification``, ``ranking`` or ``data``.
        part: Number of the part, from 1.
    """
    if task == "ranking":
        return _lists(part)
    import numpy as np
    import pandas as pd

    rng = np.random.default_rng(part)
    size, age = rng.gamma(4.0, 25.0, _ROWS).round(1), rng.integers(0, 40, _ROWS)
    colours = rng.choice(["blue", "green", "red"], _ROWS)
    price = 50 + 2.0 * size - 1.5 * age + 20 * (colours == "red") + rng.normal(0, 15, _ROWS)
    frame = pd.DataFrame(
        {
            "item_id": [f"p{part}-{number:04d}" for number in range(_ROWS)],
            "site": [f"site-{number:02d}" for number in rng.integers(0, _SITES, _ROWS)],
            "size": size,
            "age": age,
            "colour": colours,
        }
    )
    if task in ("regression", "data"):
        return frame.assign(price=np.maximum(price, 1.0).round(2))
    return frame.assign(grade=np.select([price < 180, price < 260], ["basic", "good"], "best"))


def _lists(part: int) -> pd.DataFrame:
    """Return lists of items, each by one taste; what a list does not hold yet is recommended by others."""
    import numpy as np
    import pandas as pd

    rng = np.random.default_rng(part)
    rows = [
        (f"list-{part}-{number:03d}", f"item-{number % _TASTES}-{item:02d}")
        for number in range(_LISTS)
        for item in sorted(rng.choice(_ITEMS_PER_TASTE, _LENGTH, replace=False).tolist())
    ]
    return pd.DataFrame(rows, columns=["list_id", "item_id"])
