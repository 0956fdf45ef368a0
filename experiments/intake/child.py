"""Read what people send in a process that has nothing to lose.

A file of 1.4 KB can ask for half a terabyte and so abort the process that reads it. So a process
that has everything loaded waits for files, and forks a child for each, limited in memory, in time
and in what it may write, which sends the rows over a socket and ends. `limited.py` starts it; it
inherits no environment, and ends with the process that started it.
"""

import gc
import os
import resource
import signal
import socket
import sys
import tempfile
import traceback
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from importlib.abc import MetaPathFinder
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from experiments.errors import BadFile, Reject
from experiments.intake.frames import receive, send
from experiments.intake.limits import CHILD_MEMORY_BYTES, PATIENCE
from experiments.intake.lines import HeadIsOver
from experiments.intake.source import open_here
from experiments.intake.tally import Tally


def main() -> None:
    """Fork a child for every connection that arrives, until there is nobody to send one."""
    control = socket.socket(fileno=int(sys.argv[1]))
    signal.signal(signal.SIGCHLD, _bury)
    sys.meta_path.insert(0, _NoPandas())
    _warm_up()
    while True:
        _, arrived, _, _ = socket.recv_fds(control, 1, 1)
        if not arrived:
            return
        if not os.fork():
            control.close()
            try:
                _read(socket.socket(fileno=arrived[0]))
            finally:
                # Libraries may crash when an interpreter ends in order.
                os._exit(0)
        os.close(arrived[0])


class _NoPandas(MetaPathFinder):
    """Arrow loads pandas where it is installed, which would double the time and memory of this."""

    def find_spec(self, fullname: str, *_: object) -> None:
        if fullname == "pandas":
            raise ImportError(fullname)


def _bury(*_: object) -> None:
    """Take note of the children that ended, so that none stays and their work is counted."""
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _warm_up() -> None:
    """Read something of each kind, so that what libraries load at first use is there."""
    rows = pa.table({"id": ["a"]})
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / name for name in ("a.csv", "a.ndjson", "a.parquet")]
        files[0].write_text('id\n"a"\n', encoding="utf-8")
        files[1].write_text('{"id": "a"}\n' * 5_000, encoding="utf-8")
        pq.write_table(rows, files[2])
        for file in files:
            with ExitStack() as closing:
                opened = open_here(file, wanted=None, tally=Tally(file.name), closing=closing)
                for batch in opened.batches:
                    batch.serialize()
    gc.freeze()


def _read(asker: socket.socket) -> None:
    """Answer one request; whoever asked may have gone, and then the next frame ends the child."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    send(asker, {"ready": True})
    request = receive(asker)
    if request is None:
        return
    asked = request.said
    _limit(int(str(asked["seconds"])))
    try:
        _send_rows(asker, asked)
    except HeadIsOver:
        send(asker, {"head_is_over": True})
    except BadFile as error:
        own = error.problems[: len(error.problems) - len(error.rejects)]
        send(
            asker,
            {
                "bad": error.what,
                "problems": [(problem.where, problem.what) for problem in own],
                "rejects": _plain(error.rejects),
            },
        )
    except MemoryError:
        # To be gone without a last word is how the limits are told.
        return
    except Exception:
        send(asker, {"fault": traceback.format_exc()})


def _send_rows(asker: socket.socket, asked: dict[str, Any]) -> None:
    path, wanted = Path(str(asked["path"])), asked["wanted"]
    tally = Tally(path.name)
    told = 0

    def count() -> dict[str, Any]:
        nonlocal told
        fresh = tally.rejects[told:]
        told += len(fresh)
        return {"counted": tally.counted, "rejects": _plain(fresh)}

    with ExitStack() as closing:
        opened = open_here(
            path,
            wanted=wanted if isinstance(wanted, list) else None,
            tally=tally,
            closing=closing,
            head=bool(asked["head"]),
        )
        send(asker, {"header": opened.header})
        for batch in opened.batches:
            send(asker, {**count(), "columns": batch.schema.names[:-2]}, batch.serialize())
        send(asker, {**count(), "whole": True})


def _plain(rejects: Sequence[Reject]) -> list[tuple[int, str, str, str]]:
    return [(one.line, one.column, one.value, one.reason) for one in rejects]


def _limit(seconds: int) -> None:
    for what, most in [
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_DATA, CHILD_MEMORY_BYTES),
        (resource.RLIMIT_CPU, seconds),
    ]:
        resource.setrlimit(what, (most, most))
    # Also for a child that waits for something that never comes.
    signal.alarm(PATIENCE * seconds)


if __name__ == "__main__":
    main()
