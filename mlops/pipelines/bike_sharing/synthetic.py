# pandas ships no precise types: what an expression gives is guessed, often wrongly.
# pyright: reportArgumentType=false, reportCallIssue=false, reportAttributeAccessIssue=false

"""Synthetic rentals of two years: invented numbers of plausible size, the same from every call.

Nobody counted these bicycles. The tables have the form of the published data of Washington, D.C., 2011 and
2012, and the effects that a model can find there: season, weather, hour of the day, working days, and a
demand that grows by half in a year.
"""

from __future__ import annotations

import functools
import itertools
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

FIRST, LAST = "2011-01-01", "2012-12-31"
SEED = 20_110_101

HOURS = 24
#: Members on working days ride to work and back; everybody else rides in the afternoon.
_TO_WORK = (4, 2, 1, 1, 1, 4, 14, 38, 60, 30, 17, 20, 25, 25, 23, 26, 40, 72, 66, 45, 31, 22, 16, 9)
_AT_LEISURE = (12, 9, 7, 4, 1, 1, 2, 5, 10, 17, 25, 32, 37, 38, 37, 36, 35, 32, 28, 22, 16, 13, 11, 8)
_WEATHER_EFFECT = (0.0, -0.08, -0.65, -1.3)
_GROWTH_PER_YEAR = 0.4


@functools.cache
def rentals() -> pd.DataFrame:
    """Return all hours of the two years, ascending, with the columns of the table ``rentals``."""
    import numpy as np
    import pandas as pd

    rng = np.random.default_rng(SEED)
    days = pd.date_range(FIRST, LAST, freq="D", unit="us")
    hour = np.tile(np.arange(HOURS), len(days))
    calendar = _calendar(days)
    weather = _weather(rng, days, hour)
    demand = _demand(rng, calendar, weather, hour)
    columns = {"date": days, **calendar}
    repeated = {name: np.repeat(np.asarray(values), HOURS) for name, values in columns.items()}
    frame = pd.DataFrame({**repeated, "hour": hour, **weather, **demand})
    return frame.assign(rentals=frame["casual"] + frame["registered"])


def _calendar(days: pd.DatetimeIndex) -> dict[str, np.ndarray]:
    from pandas.tseries.holiday import USFederalHolidayCalendar

    holidays = USFederalHolidayCalendar().holidays(FIRST, LAST)
    holiday = days.isin(holidays).astype("int64")
    weekday = ((days.day_of_week + 1) % 7).to_numpy("int64")
    on_weekdays = ((weekday > 0) & (weekday < 6)).astype("int64")
    return {
        "season": (days.month % 12 // 3 + 1).to_numpy("int64"),
        "weekday": weekday,
        "holiday": holiday,
        "working_day": on_weekdays * (1 - holiday),
    }


def _weather(rng: np.random.Generator, days: pd.DatetimeIndex, hour: np.ndarray) -> dict[str, np.ndarray]:
    """Return the weather of each hour; numbers are shares of a range, as published."""
    import numpy as np

    of_year = -np.cos(2 * np.pi * (days.day_of_year.to_numpy() - 20) / 365.25)
    of_day = np.sin(2 * np.pi * (hour - 9) / HOURS)
    fronts = _wandering(rng, len(days), 0.75, 0.05)
    wet = np.repeat(_wandering(rng, len(days), 0.45, 0.65), HOURS) + _wandering(rng, len(hour), 0.9, 0.25)
    temp = np.repeat(0.5 + 0.24 * of_year + fronts, HOURS) + 0.06 * of_day - 0.02 * wet
    humidity = 0.62 + 0.12 * wet - 0.12 * of_day + rng.normal(0, 0.04, len(hour))
    wind = np.abs(_wandering(rng, len(hour), 0.93, 0.045)) + 0.07
    return {
        "weather": 1 + (wet > 0.45).astype("int64") + (wet > 1.35) + (wet > 3.2),
        "temp": np.round(np.clip(temp, 0.02, 1.0), 2),
        "feels_like": np.round(np.clip(0.95 * temp - 0.12 * wind + 0.02, 0.0, 1.0), 4),
        "humidity": np.round(np.clip(humidity, 0.1, 1.0), 2),
        "wind_speed": np.round(np.clip(wind, 0.0, 0.85), 4),
    }


def _demand(
    rng: np.random.Generator,
    calendar: dict[str, np.ndarray],
    weather: dict[str, np.ndarray],
    hour: np.ndarray,
) -> dict[str, np.ndarray]:
    import numpy as np

    day = np.arange(len(hour)) // HOURS
    effect = np.asarray(_WEATHER_EFFECT)[weather["weather"] - 1]
    too_hot = np.clip(weather["temp"] - 0.75, 0, None)
    comfort = 1.9 * weather["temp"] - 5 * too_hot - 0.5 * (weather["humidity"] - 0.6)
    mood = np.repeat(_wandering(rng, len(calendar["weekday"]), 0.5, 0.08), HOURS)
    growth = _GROWTH_PER_YEAR * day / 365
    level = comfort + effect + mood + growth - 0.5 * weather["wind_speed"]
    working = np.repeat(calendar["working_day"], HOURS) == 1
    to_work, at_leisure = np.asarray(_TO_WORK)[hour], np.asarray(_AT_LEISURE)[hour]
    members = np.where(working, 2.2 * to_work, 1.9 * at_leisure) * np.exp(level)
    visitors = np.where(working, 0.25, 0.9) * at_leisure * np.exp(1.3 * level - 0.35)
    spread = rng.gamma(40, 1 / 40, (2, len(hour)))
    return {
        "casual": rng.poisson(visitors * spread[0]).astype("int64"),
        "registered": rng.poisson(members * spread[1]).astype("int64"),
    }


def _wandering(rng: np.random.Generator, count: int, memory: float, step: float) -> np.ndarray:
    """Return values each of which remembers the one before (autoregressive, of order 1)."""
    import numpy as np

    steps = rng.normal(0, step, count).tolist()
    return np.fromiter(itertools.accumulate(steps, lambda last, new: memory * last + new), float, count)
