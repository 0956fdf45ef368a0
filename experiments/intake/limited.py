"""Ask a limited child process to read a file: it may die, and nothing else does.

The first file starts a process that stays and forks a child for each further one, so that a child
costs milliseconds. See `child.py`.
"""

import atexit
import os
import socket
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path

from experiments.intake.frames import receive, send
from experiments.intake.limits import PATIENCE

_CHILD = "experiments.intake.child"
_ROOT = Path(__file__).resolve().parents[2]
# Nothing of this process's own environment: it may hold secrets, and the child reads strange files.
_ENVIRONMENT = {
    "PYTHONPATH": str(_ROOT),
    "LC_ALL": "C.UTF-8",
    "OPENBLAS_NUM_THREADS": "1",
    # Gives memory back, and reserves none, which the limit would count.
    "ARROW_DEFAULT_MEMORY_POOL": "system",
}


@dataclass(slots=True)
class _Parent:
    """The process that forks the children, as long as this one lives."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    owner: int = 0
    process: subprocess.Popen[bytes] | None = None
    control: socket.socket | None = None

    def fork(self, connection: socket.socket) -> None:
        """Have a child forked that answers on a connection."""
        with self.lock:
            if self.owner != os.getpid() or not self.process or self.process.poll() is not None:
                self._start()
            try:
                self._ask(connection)
            except OSError:  # it died since
                self._start()
                self._ask(connection)

    def _ask(self, connection: socket.socket) -> None:
        assert self.control is not None  # noqa: S101 - started before it is asked
        socket.send_fds(self.control, [b"1"], [connection.fileno()])

    def _start(self) -> None:
        self.end()
        ours, theirs = socket.socketpair()
        with theirs:
            self.process = subprocess.Popen(  # noqa: S603 - our own program
                # -P: the working folder must not hide modules of the standard library.
                [sys.executable, "-P", "-m", _CHILD, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                # Ctrl-C is for this process, which then ends the other in its own time.
                start_new_session=True,
                env=_ENVIRONMENT,
            )
        self.owner, self.control = os.getpid(), ours

    def end(self) -> None:
        """Close the connection, at which the process ends."""
        if self.control is not None:
            self.control.close()
        if self.process is not None and self.owner == os.getpid():
            self.process.wait()
        self.process = self.control = None


def let_go() -> None:
    """End the process that forks the children; the next file starts another."""
    with _PARENT.lock:
        _PARENT.end()


def process_id() -> int | None:
    """The process that forks the children, for those who watch it."""
    process = _PARENT.process
    return None if process is None else process.pid


_PARENT = _Parent()
atexit.register(let_go)


def ask_child(*, path: Path, wanted: list[str] | None, head: bool, seconds: int) -> socket.socket:
    """Have a file read by a child of its own; the frames of its answer arrive on the connection.

    Args:
        path: The file.
        wanted: Columns to keep; None for all.
        head: Whether only the first rows will be looked at.
        seconds: Of processor time that the child may use.

    Raises:
        RuntimeError: No child can be started on this machine.
    """
    asked = {"path": str(path.absolute()), "wanted": wanted, "head": head, "seconds": seconds}
    for _ in range(2):  # the process may just have died
        ours, theirs = socket.socketpair()
        with theirs:
            _PARENT.fork(theirs)
        ours.settimeout(PATIENCE * seconds)
        if receive(ours) is not None:
            send(ours, asked)
            return ours
        ours.close()
    raise RuntimeError("the process that reads files did not start")
