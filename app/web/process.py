"""Which process is this, and is another one gone? Only the kernel under both can tell."""

import os
from functools import lru_cache
from pathlib import Path
from typing import Final

BOOT: Final = Path("/proc/sys/kernel/random/boot_id")
_GONE: Final = ("Z", "X")  # states of a process that ended


def own_process() -> str | None:
    """A name that no other process ever has; None where the system does not tell."""
    return _named(os.getpid())


def is_gone(process: str | None) -> bool:
    """Whether a process has certainly ended; one of another machine or container is not known."""
    own = own_process()
    if process is None or own is None:
        return False
    *where, pid, began = process.split(" ")
    if where != own.split(" ")[:2]:
        return False
    return _began(int(pid)) != began


@lru_cache(maxsize=1)
def _named(pid: int) -> str | None:
    try:
        boot, space = BOOT.read_text().strip(), str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        return None
    began = _began(pid)
    return None if began is None else f"{boot} {space} {pid} {began}"


def _began(pid: int) -> str | None:
    """When a process began, in ticks since the machine did; None where it is no longer there."""
    try:
        said = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if said[0] in _GONE else said[19]
