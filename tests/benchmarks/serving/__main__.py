"""``python -m tests.benchmarks.serving``: `mlops serve` beside MLflow's server and a bare application."""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from rich.console import Console

from tests.benchmarks import report
from tests.benchmarks.measuring import interleaved, medians
from tests.benchmarks.report import Row
from tests.benchmarks.serving.sides import (
    BARE,
    MLFLOW,
    OURS,
    Server,
    serve_bare,
    serve_mlflow,
    serve_ours,
)

STATE_DIR = Path(".mlops")
CLIENTS = 32
#: Single rows that are timed one after another in a turn, and how long a turn of a rate takes.
SINGLE, TURN_S = 100, 3.0

Servers = Mapping[str, Server]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, write; return 1 where a bound does not hold."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.serving", description=__doc__)
    parser.add_argument("--repetitions", type=int, default=5, help="of everything that is compared")
    options = parser.parse_args(arguments)
    progress, began = Console(stderr=True), time.monotonic()

    def tell(line: str) -> None:
        progress.print(f"{time.monotonic() - began:5.0f} s  {line}", highlight=False)

    with tempfile.TemporaryDirectory(prefix="mlops-bench-") as folder, ExitStack() as stack:
        state_dir = Path(folder) / "state"
        tell("a champion of two months of flights")
        _promote(state_dir)
        stack.callback(_mlops, state_dir, "down")
        servers = {OURS: stack.enter_context(serve_ours(state_dir))}
        package = next((state_dir / "serving" / "flights").glob("*/model"))
        tell("MLflow's server and the bare application")
        servers[MLFLOW] = stack.enter_context(serve_mlflow(package))
        servers[BARE] = stack.enter_context(serve_bare(package))
        rows = _measured(servers, _bodies(package.parent / "sample.parquet"), options.repetitions, tell)
    report.print_table(rows, Console())
    report.write(rows, STATE_DIR / "bench-serve.json")
    return report.exit_code(rows)


def _promote(state_dir: Path) -> None:
    _mlops(state_dir, "init", "flights")
    _mlops(state_dir, "ingest", "flights", "2013-01..2013-02")
    _mlops(state_dir, "run", "flights")


def _mlops(state_dir: Path, *arguments: str) -> None:
    import subprocess

    command = [sys.executable, "-m", "mlops.cli", "--state-dir", str(state_dir), *arguments]
    subprocess.run(command, check=True, capture_output=True, env={**os.environ, "MLOPS_LAKE_PORT": "0"})


def _bodies(sample: Path) -> dict[int, bytes]:
    """Return a request of one row and one of a thousand."""
    from mlops.adapters import tables

    rows = tables.read_parquet(sample)
    bodies: dict[int, bytes] = {}
    for count in (1, 1_000):
        split = json.loads(rows.iloc[[n % len(rows) for n in range(count)]].to_json(orient="split"))
        bodies[count] = json.dumps({"dataframe_split": {k: split[k] for k in ("columns", "data")}}).encode()
    return bodies


def _measured(
    servers: Servers, bodies: Mapping[int, bytes], repetitions: int, tell: Callable[[str], None]
) -> list[Row]:
    _check_equal(servers, bodies[1_000])
    singles: dict[str, list[float]] = {name: [] for name in servers}
    tell("single rows, one client")
    p50 = _turns(servers, repetitions, lambda server, name: _latency_ms(server, bodies[1], singles[name]))
    tell(f"single rows, {CLIENTS} clients")
    many = _turns(servers, repetitions, lambda server, _: _rate(server, bodies[1], CLIENTS))
    tell("1,000 rows a request")
    batch = _turns(servers, repetitions, lambda server, _: _latency_ms(server, bodies[1_000], [], 10))
    p99 = {name: statistics.quantiles(values, n=100)[98] for name, values in singles.items()}
    one = {name: 1000 / statistics.fmean(values) for name, values in singles.items()}
    return [
        Row("single row, p50, against the bare application", p50[OURS], "ms", p50[BARE], 1.3),
        Row("single row, p99, against the bare application", p99[OURS], "ms", p99[BARE]),
        Row("single rows, 1 client, against MLflow", one[OURS], "1/s", one[MLFLOW], 2.0, at_least=True),
        Row(
            f"single rows, {CLIENTS} clients, against MLflow",
            many[OURS],
            "1/s",
            many[MLFLOW],
            3.0,
            at_least=True,
        ),
        Row(f"single rows, {CLIENTS} clients, against the bare application", many[OURS], "1/s", many[BARE]),
        Row("1,000 rows, against MLflow", batch[OURS], "ms", batch[MLFLOW]),
        Row("1,000 rows, against the bare application", batch[OURS], "ms", batch[BARE]),
        Row("start-up, against MLflow", servers[OURS].ready_s, "s", servers[MLFLOW].ready_s),
        Row("memory, against MLflow", servers[OURS].memory_mib(), "MiB", servers[MLFLOW].memory_mib()),
    ]


def _check_equal(servers: Servers, body: bytes) -> None:
    """Raise `RuntimeError` unless all predict the same."""
    answers: dict[str, list[float]] = {}
    for name, server in servers.items():
        with server.client() as client:
            answers[name] = client.predict(body)
    if len({tuple(found) for found in answers.values()}) != 1:
        raise RuntimeError("the servers predict different values")


def _turns(servers: Servers, repetitions: int, turn: Callable[[Server, str], float]) -> dict[str, float]:
    sides = {name: lambda _, name=name, server=server: turn(server, name) for name, server in servers.items()}
    return medians(interleaved(repetitions, sides))


def _latency_ms(server: Server, body: bytes, into: list[float], count: int = SINGLE) -> float:
    """Return the median time of requests one after another; every single one is added to a list."""
    taken_ms: list[float] = []
    with server.client() as client:
        client.predict(body)
        for _ in range(count):
            began_s = time.perf_counter()
            client.predict(body)
            taken_ms.append(1000 * (time.perf_counter() - began_s))
    into += taken_ms
    return statistics.median(taken_ms)


def _rate(server: Server, body: bytes, clients: int) -> float:
    """Return the answers per second to clients that ask again as soon as they are answered."""
    until_s = time.perf_counter() + TURN_S
    answered = [0] * clients

    def ask(number: int) -> None:
        with server.client() as client:
            while time.perf_counter() < until_s:
                client.predict(body)
                answered[number] += 1

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(clients)]
    began_s = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(answered) / (time.perf_counter() - began_s)


if __name__ == "__main__":
    sys.exit(main())
