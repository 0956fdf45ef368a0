"""Files are read by a child that may die: nothing else does, and nothing of ours is shown to it."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from experiments.errors import BadFile
from experiments.intake import limited, rows
from experiments.intake.rows import open_rows
from tests.intake.read import read


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "a.csv"
    path.write_text("id,x\n" + "1,2\n" * 400_000)
    return path


def parent() -> int:
    """The process that forks the children."""
    found = limited.process_id()
    assert found is not None
    return found


def children() -> list[int]:
    listed = Path(f"/proc/{parent()}/task/{parent()}/children").read_text()
    return [int(pid) for pid in listed.split()]


def wait_until_alone() -> None:
    deadline = time.monotonic() + 20
    while children():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_child_that_is_killed_is_a_bad_file_and_the_next_file_is_read(file: Path) -> None:
    with open_rows(file) as opened:
        batches = iter(opened)
        next(batches)
        for pid in children():
            os.kill(pid, signal.SIGKILL)
        with pytest.raises(BadFile, match=r"a\.csv cannot be read within 896 MiB of memory and"):
            list(batches)
    assert len(read(file)[0]["id"]) == 400_000


def test_a_reader_that_hangs_up_leaves_no_child(file: Path) -> None:
    with open_rows(file) as opened:
        next(iter(opened))
    wait_until_alone()


def test_the_process_that_forks_is_started_anew_when_it_died(file: Path) -> None:
    read(file, ["id"])
    os.kill(parent(), signal.SIGKILL)
    assert len(read(file, ["id"])[0]["id"]) == 400_000


def test_threads_have_children_of_their_own(file: Path) -> None:
    found: list[int] = []
    threads = [
        threading.Thread(target=lambda: found.append(len(read(file)[0]["id"]))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [400_000] * 4


def test_the_child_sees_nothing_of_this_process_environment(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limited.let_go()
    monkeypatch.setenv("PILOTBOOK_SECRET_KEY", "a secret")
    read(file, ["id"])
    assert b"PILOTBOOK" not in Path(f"/proc/{parent()}/environ").read_bytes()


def test_a_process_that_ends_takes_its_reader_with_it(file: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from experiments.intake import limited, rows\n"
        "opened = rows.open_rows(Path(sys.argv[1])); next(iter(opened))\n"
        "print(limited.process_id(), flush=True); import os; os._exit(0)"
    )
    run = [sys.executable, "-c", program, str(file)]
    pid = int(subprocess.run(run, check=True, capture_output=True, text=True).stdout)
    deadline = time.monotonic() + 20
    while Path(f"/proc/{pid}/cmdline").is_file() and b"intake.child" in _command(pid):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_processor_time_is_limited(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "CHILD_SECONDS", 0)
    monkeypatch.setattr(rows, "CHILD_BYTES_PER_SECOND", 8 << 20)
    file.write_text("id,x\n" + 'a,"b\n"\n' * 2_000_000)
    with pytest.raises(BadFile, match="896 MiB of memory and 1 seconds"):
        read(file)


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""
