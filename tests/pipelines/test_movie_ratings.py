"""The pipeline of film ratings: its synthetic warehouse, its query, its features and its baseline."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mlops.pipelines import pipeline
from mlops.pipelines.movie_ratings import warehouse
from mlops.pipelines.movie_ratings.join import NO_TARGET
from mlops.pipelines.spec import PipelineSpec
from mlops.runs.errors import InputError
from tests.pipelines.conftest import joined


@pytest.fixture(scope="module")
def films() -> PipelineSpec:
    return pipeline("movie-ratings")


@pytest.fixture(scope="module")
def rows(films: PipelineSpec) -> pd.DataFrame:
    return joined(films, "2005", "2006", "2007").rows


def test_the_synthetic_films_are_always_the_same(tmp_path: Path) -> None:
    pd.testing.assert_frame_equal(warehouse.films(), warehouse.films())
    path = warehouse.ensure_file(tmp_path)
    written = path.stat().st_mtime_ns
    assert warehouse.ensure_file(tmp_path) == path
    assert path.stat().st_mtime_ns == written
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_an_arrival_is_a_year_of_releases_by_a_bound_query(films: PipelineSpec, tmp_path: Path) -> None:
    source = films.source({"cache": str(tmp_path)})
    assert source.arrivals()[0] == "2005"
    assert source.arrivals()[-1] == "2014"
    found = source.extract("2010")
    assert len(found["films"]) == warehouse.FILMS_PER_YEAR
    assert set(found["films"]["release_date"].dt.year) == {2010}
    origin = found.origins["films"]  # type: ignore[attr-defined]
    assert ":begin" in origin.query
    assert origin.parameters == {"begin": "2010-01-01", "end": "2011-01-01"}
    with pytest.raises(InputError, match="no rows"):
        source.extract("2015")


def test_rows_are_sorted_unique_and_have_a_rating(films: PipelineSpec) -> None:
    found = joined(films, "2005", "2006")
    order = [films.time, *films.key]
    assert found.rows[order].equals(found.rows[order].sort_values(order, ignore_index=True))
    assert not found.rows.duplicated(list(films.key)).any()
    assert found.rows["rating"].notna().all()
    assert len(found.rows) + found.dropped[NO_TARGET] == found.counts["films read"] == 2400
    assert set(found.rows.columns) >= {films.time, films.cluster, *films.model_input, *films.slices}


def test_a_history_holds_films_of_earlier_days_alone(films: PipelineSpec, rows: pd.DataFrame) -> None:
    for _, row in rows.sample(25, random_state=1).iterrows():
        earlier = rows[(rows["director"] == row["director"]) & (rows["release_date"] < row["release_date"])]
        assert row["director_films_before"] == len(earlier)
        if len(earlier):
            assert row["director_rating_before"] == pytest.approx(earlier["rating"].mean())
        else:
            assert pd.isna(row["director_rating_before"])


def test_a_later_arrival_changes_no_earlier_row(films: PipelineSpec, rows: pd.DataFrame) -> None:
    before = joined(films, "2005", "2006").rows
    pd.testing.assert_frame_equal(rows.head(len(before)), before)


def test_a_film_that_is_delivered_again_counts_once(films: PipelineSpec) -> None:
    first = films.source({}).extract("2005")["films"]
    again = first.head(1).assign(rating=1.0)
    found = films.join({"films": {"2005": first, "2006": again}}).rows
    assert found.loc[found["film_id"] == again["film_id"].iloc[0], "rating"].tolist() in ([1.0], [])
    with pytest.raises(InputError, match="no arrival has delivered"):
        films.join({"films": {}})


def test_the_baseline_is_the_mean_by_genre_of_the_training_rows(films: PipelineSpec) -> None:
    train = pd.DataFrame({"main_genre": ["drama", "drama", "comedy"], "rating": [8.0, 6.0, 4.0]})
    holdout = pd.DataFrame({"main_genre": ["comedy", "drama", "short"], "rating": [0.0, 0.0, 0.0]})
    assert films.baseline(train, holdout).tolist() == [4.0, 7.0, 6.0]
    assert set(films.baseline_reads) == {"main_genre", "rating"}


def test_a_model_beats_the_baseline_and_takes_unknown_categories(
    films: PipelineSpec, rows: pd.DataFrame
) -> None:
    newest = rows["release_date"].dt.year == 2007
    train, holdout = rows[~newest], rows[newest]
    taken = list(films.model_input)
    model = films.model(films.parameters({}), 7).fit(train[taken], train["rating"])
    error = np.abs(model.predict(holdout[taken]) - holdout["rating"]).mean()
    assert error < 0.9 * np.abs(films.baseline(train, holdout) - holdout["rating"]).mean()
    assert holdout["director"].nunique() >= 28
    strange = holdout[taken].head(3).assign(main_genre="western", mpaa="X")
    assert np.isfinite(model.predict(strange)).all()


def test_a_saved_model_holds_the_declared_types_alone(films: PipelineSpec, rows: pd.DataFrame) -> None:
    import skops.io as sio

    taken = list(films.model_input)
    model = films.model(films.parameters({"max_iter": 3}), 7).fit(rows[taken], rows["rating"])
    found = set(sio.get_untrusted_types(data=sio.dumps(model)))
    assert found - {"functools.partial"} <= {saved.path for saved in films.trusted_types}


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda f: f.drop(columns="budget"), "columns missing: budget"),
        (lambda f: f.assign(release_date="31.12.2013"), "release_date must hold calendar days"),
        (lambda f: f.assign(release_date="2013-02-30"), "release_date must hold calendar days"),
        (lambda f: f.assign(release_date=pd.Timestamp("2013-01-01 10:00")), "are not days without a time"),
        (lambda f: f.assign(budget="much"), "column budget must hold numbers"),
    ],
)
def test_a_wrong_schema_is_named(films: PipelineSpec, damage, message: str) -> None:
    frame = films.source({}).extract("2005")["films"].head(5)
    with pytest.raises(InputError, match=message):
        films.parse("films", damage(frame))
