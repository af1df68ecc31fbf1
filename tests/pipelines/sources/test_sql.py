"""Sources of queries: bound parameters, read-only, bounded; every error is one line without a secret."""

from __future__ import annotations

import socket
import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
import sqlalchemy as sa

from mlops.pipelines.sources import waiting
from mlops.runs.errors import ConfigError, InputError, MlopsError, SourceUnavailable
from tests.infra.postgres import Postgres, program
from tests.pipelines.sources.points import QUERY, ROWS, parse, sql, write_sqlite

PASSWORD = "p@ss/w:rd-nobody-may-see"


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return write_sqlite(tmp_path / "points.db")


def options(database: Path, query: str = QUERY, **further: object) -> dict[str, object]:
    return {"url": f"sqlite:///{database}", "queries": {"points": query}, "arrivals": "2020..2021", **further}


class TestQueries:
    def test_bounds_are_first_day_and_first_day_after(self, database: Path) -> None:
        found = sql(options(database)).extract("2021")
        assert found["points"]["n"].tolist() == [21, 22, 23]
        assert sql(options(database)).extract("2020-03")["points"]["n"].tolist() == [3]
        assert sql(options(database)).extract("2020-Q2")["points"]["n"].tolist() == [4, 5, 6]

    def test_query_and_bound_parameters_are_recorded(self, database: Path) -> None:
        origin = sql(options(database)).extract("2021").origins["points"]
        assert (origin.kind, origin.place, origin.query) == ("sql", f"sqlite:///{database}", QUERY)
        assert origin.parameters == {"begin": "2021-01-01", "end": "2022-01-01"}

    def test_arrivals_are_declared_or_come_from_a_query(self, database: Path) -> None:
        assert sql(options(database)).arrivals() == ("2020", "2021")
        listed = options(
            database, arrivals=[], arrivals_query="SELECT DISTINCT substr(day, 1, 4) FROM points"
        )
        assert sql(listed).arrivals() == ("2020", "2021")
        numbers = options(database, arrivals=[], arrivals_query="SELECT 2020.0 UNION SELECT 2019")
        assert sql(numbers).arrivals() == ("2019", "2020")

    def test_an_arrival_is_never_a_part_of_the_query(self, database: Path) -> None:
        by_name = options(database, "SELECT n, x, name FROM points WHERE name = :arrival")
        assert sql(by_name).extract("p3")["points"]["n"].tolist() == [3]
        with pytest.raises(InputError, match="not an arrival name"):
            sql(by_name).extract("p3' OR '1'='1")
        with pytest.raises(InputError, match="no rows"):
            sql(by_name).extract("p3--")

    def test_an_unknown_parameter_is_named(self, database: Path) -> None:
        with pytest.raises(ConfigError, match="the parameter :year; there are :arrival, :begin and :end"):
            sql(options(database, "SELECT 1 WHERE 1 = :year"))

    def test_an_arrival_that_is_no_period_has_no_bounds(self, database: Path) -> None:
        with pytest.raises(InputError, match="is no year, quarter, month or day"):
            sql(options(database)).extract("part-1")

    def test_a_query_cannot_change_the_database(self, database: Path) -> None:
        with pytest.raises(InputError, match="readonly"):
            sql(options(database, "DELETE FROM points RETURNING n, x, name")).extract("2020")
        assert len(sql(options(database)).extract("2020")["points"]) == 12

    def test_something_must_say_which_arrivals_there_are(self, database: Path) -> None:
        with pytest.raises(ConfigError, match="nothing says which arrivals"):
            sql(options(database, arrivals=""))


BAD = {
    "empty table": (QUERY, "1999", InputError, "the table has no rows"),
    "missing column": ("SELECT n, x FROM points", "2020", InputError, "columns missing: name"),
    "duplicate column": ("SELECT n, n, x, name FROM points", "2020", InputError, "repeated: n"),
    "mixed types": (
        "SELECT n, name AS x, name FROM points",
        "2020",
        InputError,
        "column x must hold numbers",
    ),
    "no such table": ("SELECT * FROM lines", "2020", InputError, "the query fails: no such table: lines"),
    "no SQL": ("SELEC n", "2020", InputError, 'the query fails: near "SELEC": syntax error'),
    "no query": ("", "2020", InputError, "returns no table"),
    "two queries": ("SELECT 1; SELECT 2", "2020", InputError, "one statement at a time"),
    "wrong encoding": ("SELECT n, x, CAST(x'ff' AS TEXT) AS name FROM points", "2020", InputError, "UTF-8"),
    "10 MB cell": (
        "SELECT n, x, CAST(hex(zeroblob(5242880)) AS TEXT) AS name FROM points LIMIT 1",
        "2020",
        InputError,
        "row 0 of column name holds 10,485,760 bytes",
    ),
}


class TestBadQueries:
    @pytest.mark.parametrize("fault", BAD)
    def test_is_one_line(self, database: Path, fault: str) -> None:
        query, arrival, kind, message = BAD[fault]
        with pytest.raises(kind, match=message) as raised:
            sql(options(database, query)).extract(arrival)
        assert "\n" not in str(raised.value)
        assert len(str(raised.value)) < 800

    def test_a_missing_file_is_named_and_not_made(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="there is no such database file"):
            sql(options(tmp_path / "none.db")).extract("2020")
        assert not list(tmp_path.iterdir())

    def test_a_file_that_is_no_database_is_named(self, tmp_path: Path) -> None:
        (tmp_path / "a.db").write_bytes(b"no database at all" * 100)
        with pytest.raises(InputError, match="file is not a database"):
            sql(options(tmp_path / "a.db")).extract("2020")

    def test_an_endless_query_ends_in_time(self, database: Path) -> None:
        endless = "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n FROM c) SELECT count(*) FROM c"
        started = time.monotonic()
        with pytest.raises(SourceUnavailable, match="gave no answer in time"):
            sql(options(database, endless, timeout_s=0.3)).extract("2020")
        assert time.monotonic() - started < 10

    def test_a_locked_database_is_in_use(self, database: Path) -> None:
        holder = sqlite3.connect(database)
        holder.execute("BEGIN EXCLUSIVE")
        try:
            with pytest.raises(SourceUnavailable, match="is in use"):
                sql(options(database, timeout_s=1)).extract("2020")
        finally:
            holder.close()


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("", "names no database"),
        ("nonsense", "not an address of a database"),
        ("nosuch://host/db", "not an address of a database"),
        ("mysql+pymysql://host/db", "driver pymysql is not installed"),
    ],
)
def test_an_address_that_cannot_be_one_is_refused_at_once(url: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        sql({"url": url, "queries": {"points": QUERY}, "arrivals": "2020"})


class TestDuckDB:
    @pytest.fixture
    def duck(self, tmp_path: Path) -> Path:
        duckdb = pytest.importorskip("duckdb", reason="DuckDB is an optional extra: mlops-lake[duckdb]")
        path = tmp_path / "points.duckdb"
        with duckdb.connect(str(path)) as connection:
            connection.execute("CREATE TABLE points (day DATE, n INTEGER, x DECIMAL(6, 2), name VARCHAR)")
            for day, n in (("2020-01-01", 1), ("2020-12-31", 2), ("2021-01-01", 3)):
                connection.execute("INSERT INTO points VALUES (?, ?, ?, ?)", [day, n, n / 2, f"p{n}"])
        return path

    def _options(self, duck: Path, query: str = QUERY) -> dict[str, object]:
        return {**options(duck, query), "url": f"duckdb:///{duck}"}

    def test_a_file_is_read_with_bound_parameters(self, duck: Path) -> None:
        found = sql(self._options(duck)).extract("2020")
        assert found["points"]["n"].tolist() == [1, 2]
        assert found["points"]["x"].tolist() == [0.5, 1.0]
        assert found.origins["points"].place == f"duckdb:///{duck}"

    def test_other_files_and_extensions_are_out_of_reach(self, duck: Path, tmp_path: Path) -> None:
        other = str(tmp_path / "other.csv")
        ROWS.to_csv(other, index=False)
        with pytest.raises(InputError, match="the query fails"):
            sql(self._options(duck, "SELECT * FROM 'OTHER'".replace("OTHER", other))).extract("2020")
        with pytest.raises(InputError, match="the query fails"):
            sql(self._options(duck, "DELETE FROM points")).extract("2020")
        with pytest.raises(InputError, match="no such database file"):
            sql(self._options(tmp_path / "none.duckdb")).extract("2020")

    def test_a_file_that_is_no_database_is_named(self, duck: Path, tmp_path: Path) -> None:
        (tmp_path / "a.duckdb").write_bytes(b"noise" * 5000)
        with pytest.raises(InputError, match="cannot be read"):
            sql(self._options(tmp_path / "a.duckdb")).extract("2020")


def test_duckdb_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "duckdb", None)
    with pytest.raises(ConfigError, match=r"pip install 'mlops-lake\[duckdb\]'"):
        sql({"url": "duckdb:///a.duckdb", "queries": {"points": QUERY}, "arrivals": "2020"})


needs_postgres = pytest.mark.skipif(
    not program("initdb"), reason="PostgreSQL's programs (initdb, pg_ctl) are not on this machine"
)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    server = Postgres(free_port(), PASSWORD)
    engine = sa.create_engine(address(server))
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE points (day date, n integer, x numeric, name text)")
        for day, n in (("2020-01-01", 1), ("2020-12-31", 2), ("2021-01-01", 3)):
            connection.execute(sa.text("INSERT INTO points VALUES (:d, :n, 0.5, 'p')"), {"d": day, "n": n})
    engine.dispose()
    yield server
    server.stop()


def address(server: Postgres, **changes: object) -> sa.URL:
    return sa.URL.create(
        "postgresql+psycopg2", "postgres", PASSWORD, "127.0.0.1", server.port, "postgres"
    ).set(**changes)  # type: ignore[arg-type]


def pg(server: Postgres, query: str = QUERY, timeout_s: float = 60, **changes: object):
    url = address(server, **changes).render_as_string(hide_password=False)
    return sql({"url": url, "queries": {"points": query}, "arrivals": "2020", "timeout_s": timeout_s})


@pytest.mark.slow
@needs_postgres
class TestPostgreSQL:
    def test_rows_come_with_bound_dates_and_numbers(self, postgres: Postgres) -> None:
        plain = {
            "url": f"postgresql://127.0.0.1:{postgres.port}/postgres",
            "user": "postgres",
            "password": PASSWORD,
            "queries": {"points": QUERY},
            "arrivals": "2020",
        }
        source = sql(plain)
        found = source.extract("2020")
        expected = pd.DataFrame({"n": [1, 2], "x": [0.5, 0.5], "name": ["p", "p"]})
        pd.testing.assert_frame_equal(found["points"], parse("points", expected))
        origin = found.origins["points"]
        assert origin.place == f"postgresql+psycopg2://127.0.0.1:{postgres.port}/postgres"
        assert PASSWORD not in repr(source) + repr(origin)

    @pytest.mark.parametrize(
        ("changes", "kind", "message"),
        [
            ({"password": f"{PASSWORD}-wrong"}, ConfigError, "refused the connection.*password auth"),
            ({"database": "nosuch"}, ConfigError, "refused the connection.*does not exist"),
            ({"port": 9}, SourceUnavailable, "cannot be reached"),
        ],
    )
    def test_a_connection_that_fails_says_which(self, postgres, changes, kind, message) -> None:
        with pytest.raises(kind, match=message) as raised:
            pg(postgres, **changes).extract("2020")
        assert "127.0.0.1" in raised.value.where
        assert PASSWORD not in str(raised.value)

    @pytest.mark.parametrize(
        ("query", "kind", "message"),
        [
            ("SELECT * FROM lines", InputError, 'relation "lines" does not exist'),
            ("DELETE FROM points RETURNING n, x, name", InputError, "the query fails: syntax error"),
            ("SELECT pg_read_file('/none'), n, x, name FROM points", InputError, "could not open file"),
        ],
    )
    def test_a_query_that_fails_says_why(self, postgres, query, kind, message) -> None:
        with pytest.raises(kind, match=message):
            pg(postgres, query).extract("2020")

    def test_a_slow_query_is_stopped(self, postgres: Postgres) -> None:
        with pytest.raises(SourceUnavailable, match="gave no answer in time"):
            pg(postgres, "SELECT pg_sleep(60)", timeout_s=0.5).extract("2020")

    def test_a_connection_that_is_lost_midway_delivers_nothing(self, postgres: Postgres) -> None:
        query = "SELECT n, x, name, pg_terminate_backend(pg_backend_pid()) FROM points"
        with pytest.raises(SourceUnavailable, match="the connection was lost"):
            pg(postgres, query).extract("2020")

    def test_a_lost_connection_is_opened_again(self, postgres: Postgres) -> None:
        # The first transaction ends its own connection; the sequence survives it.
        engine = sa.create_engine(address(postgres), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.exec_driver_sql(
                "CREATE OR REPLACE FUNCTION once() RETURNS boolean LANGUAGE sql AS $$ SELECT CASE WHEN "
                "(SELECT count(*) FROM pg_stat_activity WHERE application_name = 'flag') > 0 "
                "THEN pg_terminate_backend(pg_backend_pid()) ELSE true END $$"
            )
        flag = sa.create_engine(address(postgres), connect_args={"application_name": "flag"}).connect()
        attempts: list[float] = []

        def lower(pause_s: float) -> None:
            attempts.append(pause_s)
            flag.connection.driver_connection.close()  # type: ignore[union-attr]

        source = pg(postgres, "SELECT n, x, name FROM points WHERE once() AND day < :end")
        bound = {"points": {"end": __import__("datetime").date(2021, 1, 1)}}
        deadline_s = time.monotonic() + 30
        found = waiting.with_retries(lambda: source._read(bound, deadline_s), deadline_s, lower)
        flag.invalidate()
        flag.close()
        engine.dispose()
        assert len(found["points"]) == 2
        assert attempts


@needs_postgres
def test_a_server_that_never_answers_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        held: list[socket.socket] = []
        done = threading.Event()

        def accept() -> None:
            mute.settimeout(0.05)
            while not done.is_set():
                try:
                    held.append(mute.accept()[0])
                except TimeoutError:
                    continue

        thread = threading.Thread(target=accept)
        thread.start()
        url = f"postgresql+psycopg2://me:{'x' * 8}@127.0.0.1:{mute.getsockname()[1]}/db"
        source = sql({"url": url, "queries": {"points": QUERY}, "arrivals": "2020", "timeout_s": 2})
        started = time.monotonic()
        with pytest.raises(MlopsError) as raised:
            source.extract("2020")
        done.set()
        thread.join()
        for one in held:
            one.close()
    assert "127.0.0.1" in raised.value.where
    assert "x" * 8 not in str(raised.value)
    assert time.monotonic() - started < 15
