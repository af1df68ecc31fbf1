"""The worker process: warm, killable, without files or network, gone when its server is gone."""

import os
import select
import signal
import subprocess
import sys
import threading

import pytest

from mlops.lakeserver.hooks.interface import Limits
from mlops.lakeserver.hooks.lua import pool as lua_pool
from mlops.lakeserver.hooks.lua.pool import LuaPool
from mlops.lakeserver.hooks.lua.protocol import BrokenFrame, read_frame, write_frame
from mlops.lakeserver.hooks.lua.view import zone_data

HOST_ESCAPES = [
    # Each of these went on for minutes, or for ever, with limits inside the interpreter alone.
    "local function f() pcall(f) return f() end f()",
    "while true do pcall(function() while true do end end) end",
    "require('regexp').match('(a*)*b', string.rep('a', 40))",
    "require('time').sleep(3600 * 1e9)",
]


def nothing(operation: str, arguments: list[object]) -> tuple[int, object, bytes]:
    raise AssertionError(f"{operation} was not to be asked")


@pytest.fixture
def make_pool():
    pools = []

    def make(**limits) -> LuaPool:
        pools.append(LuaPool(Limits(**{"lua_wall_clock_s": 20.0, **limits})))
        return pools[-1]

    yield make
    for pool in pools:
        pool.close()


def run(pool: LuaPool, script: str, answers=nothing, **variables):
    return pool.run(script.encode(), {"args": {}, **variables}, answers)


def pids(pool: LuaPool) -> list[int]:
    return [worker._process.pid for worker in pool._idle]


def test_a_worker_is_used_again_but_its_state_is_not(make_pool):
    pool = make_pool()
    assert run(pool, "leak = 1 string.leak = 2 print('a')").output == b"a\n"
    first = pids(pool)
    assert run(pool, "print(leak, string.leak)").output == b"nil\tnil\n"
    assert pids(pool) == first


@pytest.mark.parametrize("script", HOST_ESCAPES)
def test_a_script_that_escapes_its_limits_is_killed(make_pool, script):
    pool = make_pool(lua_wall_clock_s=0.3, lua_instructions=10**15)
    result = run(pool, script)
    assert (result.kind, result.message) == ("killed", b"the script was ended after 0.3 s")
    assert pids(pool) == []
    assert run(make_pool(), "print('next')").output == b"next\n"


def test_instructions_are_counted_through_pcall(make_pool):
    pool = make_pool(lua_instructions=100_000)
    result = run(pool, "print('on') while true do pcall(function() while true do end end) end")
    assert result.kind == "runtime"
    assert result.message.startswith(b"the script was ended after 100000 instructions")
    assert result.output == b"on\n"
    assert len(pids(pool)) == 1


@pytest.mark.parametrize(
    "script",
    [
        "local s = 'x' while true do s = s .. s end",
        "local t = {} while true do t[#t + 1] = {} end",
        "string.rep('x', 1e10)",
        "local t = {} for i = 1, 1e8 do t[i] = i end",
    ],
)
def test_memory_is_bounded(make_pool, script):
    result = run(make_pool(lua_memory_bytes=8 << 20), script)
    assert result.kind in {"runtime", "killed"}
    assert b"not enough memory" in result.message or b"resulting string too large" in result.message


def test_memory_of_the_host_is_bounded(make_pool):
    pool = make_pool(lua_memory_bytes=16 << 20, lua_wall_clock_s=0.5)
    script = "local j = require('encoding/json') print(#j.unmarshal('[' .. ('1,'):rep(2e6) .. '1]'))"
    assert run(pool, script).kind in {"runtime", "killed"}
    assert run(pool, "print(1)").output == b"1\n"


def test_every_module_works_in_a_process_that_can_open_nothing(make_pool):
    script = """
        local yaml = require("encoding/yaml")
        print(yaml.unmarshal("a: [1, 2013-x]").a[1], yaml.marshal({a = array({1, "x"})}))
        print(require("regexp").compile("\\\\pL+").find("1é2"))
        print(require("time").format(0, "15:04 MST", "Asia/Tokyo"))
        print(require("time").parse_iso("2013-01-01T00:00:00+00:00"), #require("uuid").new())
        print(pcall(yaml.unmarshal, "a: b: c"))
        print(require("encoding/base64").encode(require("crypto/hmac").sign_sha1("m", "k")))
    """

    def answers(operation, arguments):
        assert operation == "zone"
        return 200, None, zone_data(arguments[0])

    result = run(make_pool(), script, answers)
    assert result.message == b""
    assert result.output.decode() == (
        "1\ta:\n    - 1\n    - x\n\né\n09:00 JST\n1.3569984e+18\t36\n"
        "false\tyaml: mapping values are not allowed in this context\ndytxyKKZfnaL4B2XEeSk80ok7zM=\n"
    )


def test_output_is_bounded(make_pool):
    result = run(make_pool(lua_output_bytes=1000), "for i = 1, 1000 do print(('x'):rep(99)) end")
    assert result.kind == "ok"
    assert len(result.output) < 1100
    assert result.output.endswith(b"longer than this server keeps]\n")


def test_bytes_cross_unchanged(make_pool):
    data = bytes(range(256)) * 1000
    answers = lambda *_: (200, None, data)  # noqa: E731
    script = """
        local code, body = require("lakefs").get_object("r", "m", "p")
        print(code, #body, require("encoding/hex").encode(require("crypto/sha256").digest(body)))
        print(body:sub(1, 256))
    """
    import hashlib

    output = run(make_pool(), script, answers).output
    assert output == f"200\t{len(data)}\t{hashlib.sha256(data).hexdigest()}\n".encode() + data[:256] + b"\n"


def test_arguments_of_every_kind_arrive(make_pool):
    args = {
        "n": 1,
        "f": 0.5,
        "t": True,
        "s": "é",
        "none": None,
        "list": [1, [2], {"a": "b"}],
        5: "five",
        True: "yes",
    }
    script = """
        local list = args.list
        print(args.n, args.f, args.t, args.s, args.none, #list, list[2][1], list[3].a, args[5], args[true])
    """
    assert run(make_pool(), script, args=args).output == "1\t0.5\ttrue\té\tnil\t3\t2\tb\tfive\tyes\n".encode()


def test_many_threads_run_at_once(make_pool):
    pool, results = make_pool(), []
    barrier = threading.Barrier(3)

    def answers(_operation, arguments):
        barrier.wait(20)
        return 200, None, arguments[2].encode()

    def work(name: str) -> None:
        script = f"print(select(2, require('lakefs').get_object('r', 'm', '{name}')))"
        results.append(run(pool, script, answers).output)

    threads = [threading.Thread(target=work, args=(str(n),)) for n in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == [b"0\n", b"1\n", b"2\n"]
    assert len(set(pids(pool))) == 3


def test_no_more_workers_run_than_there_are_places(make_pool):
    pool, running, most = make_pool(lua_workers=2), set(), []
    lock = threading.Lock()

    def answers(_operation, arguments):
        with lock:
            running.add(arguments[2])
            most.append(len(running))
        # A script set off by a script runs at once, or a full house would wait for itself.
        assert run(pool, "print('inner')").output == b"inner\n"
        with lock:
            running.remove(arguments[2])
        return 200, None, b""

    def work(name: str) -> None:
        run(pool, f"require('lakefs').get_object('r', 'm', '{name}')", answers)

    threads = [threading.Thread(target=work, args=(str(n),)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(most) == 6
    assert max(most) <= 2
    assert len(pids(pool)) <= 2


def test_a_dead_worker_is_replaced(make_pool):
    pool = make_pool()
    run(pool, "print(1)")
    (pid,) = pids(pool)
    os.kill(pid, signal.SIGKILL)
    pool._idle[0]._process.wait()
    assert run(pool, "print(2)").output == b"2\n"
    assert pids(pool) != [pid]


def test_a_worker_that_dies_under_a_script_fails_the_hook(make_pool):
    pool = make_pool()

    def answers(*_given):
        os.kill(workers[0]._process.pid, signal.SIGKILL)
        return 200, None, b""

    workers = []
    take = pool._take
    pool._take = lambda: workers.append(take()) or workers[0]
    result = run(pool, "require('lakefs').get_object('r', 'm', 'p') print('passed')", answers)
    assert (result.kind, result.message) == ("killed", b"the script ended its process")


def test_what_the_server_raises_comes_through_and_ends_the_worker(make_pool):
    pool = make_pool()

    def answers(*_given):
        raise KeyError("gone")

    with pytest.raises(KeyError, match="gone"):
        run(pool, "pcall(require('lakefs').get_object, 'r', 'm', 'p') print('passed')", answers)
    assert pids(pool) == []


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="needs Linux to wait for another's child")
def test_a_worker_ends_with_its_server():
    """The server is killed; its worker, which waits for a script, sees the end of its input."""
    code = (
        "from mlops.lakeserver.hooks.lua.pool import LuaPool\n"
        "from mlops.lakeserver.hooks.interface import Limits\n"
        "import sys, time\n"
        "pool = LuaPool(Limits())\n"
        "pool.run(b'print(1)', {'args': {}}, None)\n"
        "print(pool._idle[0]._process.pid, flush=True)\n"
        "sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        worker = os.pidfd_open(int(server.stdout.readline()))
        ended = select.poll()
        ended.register(worker, select.POLLIN)
        assert ended.poll(0) == []
        server.kill()
    assert ended.poll(20_000)
    os.close(worker)


@pytest.fixture
def started():
    """A worker's process as the pool starts it, to be driven by hand."""
    worker = lua_pool._Worker(Limits())
    yield worker
    worker.kill()


def test_a_worker_can_open_nothing(make_pool):
    """Not even Python code inside the worker could: the limits hold for the process."""
    probe = """
import contextlib, os, socket, sys
from mlops.lakeserver.hooks.lua.worker import _lock_down
_lock_down(64 << 20)
done = []
for name, attempt in {
    "open": lambda: open("/etc/hostname"),
    "socket": lambda: socket.socket(),
    "pipe": os.pipe,
}.items():
    try:
        attempt()
        done.append(name)
    except OSError:
        pass
print(done)
"""
    result = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=False)
    assert result.stdout.strip() == "[]", result.stderr
    assert run(make_pool(), "print(io, os, loadfile, dofile)").output == b"nil\tnil\tnil\tnil\n"


def test_a_broken_frame_ends_the_conversation(started):
    started._to.write(b"\xff" * 8)
    started._to.flush()
    with pytest.raises(BrokenFrame):
        read_frame(started._from)


def test_nothing_but_frames_reaches_the_pipe(started):
    header = {"wall_clock_s": 5.0, "script_cpu_s": 5.0, "host_cpu_s": 5.0, "variables": {}}
    write_frame(started._to, header, b"print('to the log')")
    reply, output = read_frame(started._from)
    assert (reply["kind"], output) == ("ok", b"to the log\n")


def test_a_fork_leaves_the_workers_of_its_parent_alone(make_pool):
    pool = make_pool()
    run(pool, "print(1)")
    (pid,) = pids(pool)
    child = os.fork()
    if child == 0:
        pool.close()
        os._exit(0)
    os.waitpid(child, 0)
    assert run(pool, "print(2)").output == b"2\n"
    assert pids(pool) == [pid]
