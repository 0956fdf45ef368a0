"""A Spark cluster on loopback: a master and workers, from pyspark's own jars."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Final

CLASS: Final = "org.apache.spark.deploy"
HOST: Final = "127.0.0.1"
SECONDS_TO_START: Final = 90.0
# For minutes of work: most of the processor time would go into compiling it well.
SHORT_LIVED: Final = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"


def missing() -> str | None:
    """What a cluster needs and this machine has not; None where it has everything."""
    if shutil.which("java") is None:
        return "there is no Java on the path (Debian: openjdk-17-jre-headless)"
    if find_spec("pyspark") is None:
        return "pyspark is not installed (the extra `spark`)"
    return None


@contextmanager
def standalone(folder: Path, *, workers: int = 2, memory: str = "1g") -> Iterator[str]:
    """A cluster whose workers have one core each; gives its address, and stops it afterwards.

    Args:
        folder: Empty; for logs, and for what the workers write.
        workers: How many.
        memory: Of each worker.
    """
    port = _free_port()
    address = f"spark://{HOST}:{port}"
    master = ("master.Master", "--port", str(port))
    worker = ("worker.Worker", "--cores", "1", "--memory", memory, address)
    running: list[subprocess.Popen[bytes]] = []
    try:
        running.append(_start(folder / "master", *master))
        _wait(folder / "master", "I have been elected leader", running)
        running += [_start(folder / f"worker-{at}", *worker) for at in range(workers)]
        _wait(folder / "master", "Registering worker", running, times=workers)
        yield address
    finally:
        for process in reversed(running):
            process.terminate()
        for process in running:
            process.wait(30)


def _start(folder: Path, *command: str) -> subprocess.Popen[bytes]:
    """Start one part of the cluster; `spark-class` becomes Java, and keeps its process id."""
    found = find_spec("pyspark")
    assert found is not None
    assert found.origin is not None
    home = Path(found.origin).parent
    folder.mkdir(parents=True)
    part, *arguments = command
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("SPARK_")
    } | {
        "SPARK_HOME": str(home),
        "SPARK_CONF_DIR": str(folder),
        "SPARK_LOCAL_IP": HOST,
        "SPARK_DAEMON_MEMORY": "256m",
        "SPARK_DAEMON_JAVA_OPTS": SHORT_LIVED,
        "SPARK_WORKER_DIR": str(folder / "work"),
        "SPARK_LOCAL_DIRS": str(folder / "local"),
    }
    where = ("--host", HOST, "--webui-port", "0")
    with (folder / "log").open("wb") as log:
        return subprocess.Popen(
            [home / "bin/spark-class", f"{CLASS}.{part}", *where, *arguments],
            env=environment, stdout=log, stderr=log, stdin=subprocess.DEVNULL,
        )  # fmt: skip


def _wait(
    folder: Path, words: str, running: list[subprocess.Popen[bytes]], *, times: int = 1
) -> None:
    """Wait until a log says something so many times."""
    until = time.monotonic() + SECONDS_TO_START
    while time.monotonic() < until and all(process.poll() is None for process in running):
        if (folder / "log").read_text(encoding="utf-8").count(words) >= times:
            return
        time.sleep(0.1)
    logs = [path.read_text(encoding="utf-8") for path in folder.parent.glob("*/log")]
    raise RuntimeError("the Spark cluster did not start:\n" + "\n".join(logs))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
