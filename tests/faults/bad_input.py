"""Files on purpose wrong: tests B1 to B7, each with a load that a caller may make smaller.

Every function returns its figures, and raises AssertionError where something is lost, changed or
taken for what it is not.
"""

import csv
import json
import random
import re
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ibis
import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.analyse.api import _csv as accounts_csv
from app.enrol.lists import harmless
from experiments.engines.embedded import open_embedded
from experiments.errors import BadFile, Reject
from experiments.intake.limited import process_id
from experiments.intake.number import to_numbers
from experiments.intake.preview import preview
from experiments.intake.source import open_here
from experiments.intake.tally import Tally
from experiments.plan.pilot_file import BehaviorFile
from experiments.record.recording import Receipt
from experiments.record.staging import Staged, stage_behavior
from experiments.report.flat import CSV_COLUMNS, as_csv, rejects_csv
from experiments.words import FORMULA_STARTS
from tests.faults.corpus import GOOD, HEADER, NAMES, Case, bombs, corpus

SEED = 20261122
MOST_SECONDS = 10.0
MOST_BYTES = 1 << 30
NO_VALUE = ["NaN", "nan", "inf", "-Infinity", "1e309", "-1e400", "1.#INF", "9" * 40]


def b1() -> dict[str, Any]:
    """A corpus of malformed files: each is refused in words, or its bad rows are, by line."""
    with _folder() as folder:
        cases = list(corpus())
        for case in cases:
            path = folder / case.name
            case.write(path)
            _check(case, path)
            path.unlink()
    return {"files": len(cases)}


def b2(
    *, rows: int = 2_000_000, faults: int = 1_000, long: tuple[int, ...] = (33, 40, 70)
) -> dict[str, Any]:
    """Accounting: accepted and rejected are all records, and the rejected are the planted ones.

    Args:
        rows: Records of the file.
        faults: How many of them are spoilt.
        long: Of further lines that are too long, how many MiB each is.
    """
    rng = random.Random(SEED)  # noqa: S311 - faults, no secrets
    with _folder() as folder:
        path = folder / "planted.csv"
        spoilt = dict(zip(sorted(rng.sample(range(rows), faults)), _endless_faults(), strict=False))
        lengths = dict(zip(rng.sample(range(rows), len(long)), long, strict=True))
        planted: list[int] = []
        line = 1
        with path.open("wb") as file:
            file.write(HEADER.encode())
            for row in range(rows):
                if row in lengths:
                    line += 1
                    planted.append(line)
                    file.write(b"L" * (lengths[row] << 20) + b"\n")
                line += 1
                if row in spoilt:
                    planted.append(line)
                    file.write(spoilt[row])
                else:
                    file.write(f"C{row},revenue,2026-03-01,{row % 999}.5\n".encode())
        begun = time.perf_counter()
        staged = _staged(path)
        seconds = time.perf_counter() - begun
        accepted = pq.ParquetFile(staged.file).metadata.num_rows
        assert staged.counted == rows + len(long), staged.counted
        assert accepted + staged.refused == staged.counted, (accepted, staged.refused)
        found = sorted({reject.line for reject in staged.rejects})
        assert found == planted, set(found) ^ set(planted)
    return {"rows": staged.counted, "rejected": staged.refused, "seconds": round(seconds, 1)}


def b3(*, times: int = 5) -> dict[str, Any]:
    """Bombs: refused within seconds, by a child below 1 GiB, while this process stays awake."""
    slowest = longest_nap = 0.0
    highest = 0
    with _folder() as folder:
        for case in bombs():
            path = folder / case.name
            case.write(path)
            for _ in range(times):
                begun = time.perf_counter()
                with _watched() as seen:
                    _check(case, path)
                slowest = max(slowest, time.perf_counter() - begun)
                highest = max(highest, seen.highest)
                longest_nap = max(longest_nap, seen.longest_nap)
            path.unlink()
    assert slowest < MOST_SECONDS, f"{slowest:.1f} s"
    assert highest < MOST_BYTES, f"{highest >> 20} MiB"
    assert longest_nap < 0.5, f"{longest_nap:.2f} s"
    return {
        "seconds": round(slowest, 1),
        "child_mib": highest >> 20,
        "longest_nap_ms": round(longest_nap * 1_000),
    }


def b4(*, examples: int = 5_000) -> dict[str, Any]:
    """Values: ids come back byte for byte, and what is no finite number is refused."""
    letters = st.characters(
        codec="utf-8", exclude_categories=["Cc", "Zs", "Zl", "Zp"], exclude_characters="\u00ad"
    )
    ids = st.one_of(
        st.sampled_from(
            ["0012", "1.0", "1e309", "NaN", "-0", "+1", "00", "1_000", '"', "'", "a,b"]
        ),
        st.text(letters, min_size=1, max_size=20),
        st.integers().map(str),
        st.floats().map(repr),
    )
    kinds = st.sampled_from(["csv", "tsv", "ndjson", "json", "parquet"])
    numbers = st.one_of(st.sampled_from(NO_VALUE), st.just("a\0b"), st.decimals().map(str))
    count = 0

    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(known=st.lists(ids, min_size=1, max_size=8), kind=kinds, number=numbers)
    def check(known: list[str], kind: str, number: str) -> None:
        nonlocal count
        count += 1
        path = folder / f"file.{kind}"
        _write_ids(path, known)
        assert _ids_of(path) == known
        cast = to_numbers(pa.array([number]))
        value = cast.values[0].as_py()
        assert (value is None) == bool(cast.faults)
        assert value is None or value.is_finite()
        assert value is None or number not in NO_VALUE
        assert value is None or "\0" not in number

    with _folder() as folder:
        check()
    return {"examples": count}


def b5(*, permutations: int = 500) -> dict[str, Any]:
    """Headers: columns are bound by name, or the file is refused, never bound by position."""
    rng = random.Random(SEED)  # noqa: S311
    bound = refused = 0
    values = dict(zip(NAMES, ("C9", "revenue", "2026-03-01", "7.25"), strict=True))
    with _folder() as folder:
        path = folder / "header.csv"
        for at in range(permutations):
            names = [*NAMES, "other"]
            rng.shuffle(names)
            cells = [values.get(name, "1") for name in names]
            fault = ["", "bom", "blanks", "missing", "twice", "case"][at % 6]
            victim = rng.choice(NAMES)
            place = names.index(victim)
            if fault == "missing":
                del names[place], cells[place]
            elif fault == "twice":
                names.append(victim)
                cells.append("8")
            elif fault == "case":
                names[place] = victim.upper()
            elif fault == "blanks":
                names[place] = f" {victim}\t"
            mark = "\ufeff" if fault == "bom" else ""
            text = f"{mark}{','.join(names)}\n{','.join(cells)}\n"
            path.write_text(text, encoding="utf-8")
            taken = _outcome(path)
            if fault in ("missing", "twice", "case"):
                assert isinstance(taken, BadFile), text
                assert victim in str(taken)
                refused += 1
            else:
                assert isinstance(taken, Staged), (text, taken)
                row = pq.read_table(taken.file).to_pylist()[0]
                assert row["customer_id"] == "C9", text
                assert (row["measure"], str(row["value"])) == ("revenue", "7.2500"), text
                bound += 1
    return {"bound": bound, "refused": refused}


def b6() -> dict[str, Any]:
    """Exports: no text starts a cell of a CSV file that a spreadsheet would run."""
    texts = [f"{start}cmd|' /C calc'!A0" for start in FORMULA_STARTS]
    tables = 0
    with _folder() as folder, open_embedded() as engine:
        for text in texts:
            estimate = dict.fromkeys((*CSV_COLUMNS, "value"), text)
            found = {"estimates": [{**estimate, "difference": {}, "relative": {}}]}
            reject = Reject(line=1, column=text, value=text, reason=text)
            receipt = Receipt(1, text, 1, 0, 1, 0, 0, 0, 0, 0, None, None, {}, (reject,))
            rows = pa.table({"customer_id": [text], "tier": [text]})
            engine.write(harmless(ibis.memtable(rows)), folder / "list.csv")
            pq.write_table(rows.rename_columns(["customer", text]), folder / "accounts.parquet")
            for table in (
                as_csv(found),
                rejects_csv([receipt]),
                (folder / "list.csv").read_text(encoding="utf-8"),
                b"".join(accounts_csv(folder / "accounts.parquet")).decode(),
            ):
                tables += 1
                for row in csv.reader(table.splitlines()):
                    assert not any(cell.startswith(FORMULA_STARTS) for cell in row), (text, row)
    return {"starts": len(texts), "tables": tables}


def b7(*, files: int = 50) -> dict[str, Any]:
    """Parquet with false minima and maxima: the rows of the honest file, or a refusal."""
    rng = random.Random(SEED)  # noqa: S311
    same = refused = 0
    with _folder() as folder:
        for _ in range(files):
            ids = sorted("".join(rng.choices("klmnop", k=6)) for _ in range(rng.randint(3, 400)))
            table = pa.table(
                {
                    "customer_id": ids,
                    "measure": ["revenue"] * len(ids),
                    "occurred_at": ["2026-03-01"] * len(ids),
                    "value": [str(at) for at in range(len(ids))],
                }
            )
            path = folder / "file.parquet"
            pq.write_table(table, path, use_dictionary=rng.random() < 0.5, row_group_size=100)
            honest = path.read_bytes()
            footer = len(honest) - 8 - int.from_bytes(honest[-8:-4], "little")
            body, end = honest[:footer], honest[footer:]
            for old in {ids[0], ids[-1], *ids[99::100], *ids[::100]}:
                end = end.replace(old.encode(), rng.choice([b"aaaaaa", b"zzzzzz"]))
            assert end != honest[footer:]
            path.write_bytes(body + end)
            taken = _outcome(path)
            if isinstance(taken, BadFile):
                refused += 1
            else:
                found = pq.read_table(taken.file)["customer_id"].to_pylist()
                assert sorted(found) == ids
                same += 1
    return {"same": same, "refused": refused}


@dataclass
class _Seen:
    """What was seen while a file was read."""

    highest: int = 0
    longest_nap: float = 0.0


@contextmanager
def _watched() -> Iterator[_Seen]:
    """Watch the memory of the children, and how long this process's own threads wait."""
    seen, ended = _Seen(), threading.Event()

    def watch() -> None:
        while not ended.is_set():
            begun = time.perf_counter()
            seen.highest = max(seen.highest, *map(_peak_of, _children()), 0)
            ended.wait(0.005)
            seen.longest_nap = max(seen.longest_nap, time.perf_counter() - begun)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield seen
    finally:
        ended.set()
        thread.join()


def _children() -> list[int]:
    parent = process_id()
    if parent is None:
        return []
    listed = Path(f"/proc/{parent}/task/{parent}/children")
    return [int(pid) for pid in listed.read_text(encoding="ascii").split()]


def _peak_of(pid: int) -> int:
    try:
        told = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    except OSError:  # it has ended
        return 0
    found = re.search(r"VmHWM:\s+(\d+) kB", told)
    return int(found[1]) << 10 if found else 0


def _check(case: Case, path: Path) -> None:
    """Hold what becomes of a file against what should."""
    staged = _outcome(path)
    if isinstance(staged, BadFile):
        told = str(staged)
        assert case.says, f"{case.name}: {told}"
        assert re.search(case.says, told, re.DOTALL), f"{case.name}: {told}"
        assert path.name in told, told
    else:
        assert not case.says, f"{case.name} was taken in"
        rows = pq.read_table(staged.file)
        assert rows.num_rows == case.good, f"{case.name}: {rows.num_rows} rows {staged.rejects}"
        assert staged.counted == case.good + len(case.lines), f"{case.name}: {staged.counted}"
        assert tuple(one.line for one in staged.rejects) == case.lines, staged.rejects
        assert all(one.reason for one in staged.rejects)
        assert not case.ids or tuple(rows["customer_id"].to_pylist()) == case.ids, case.name
    with suppress(BadFile):
        preview(path, name=path.name)


def _outcome(path: Path) -> Staged | BadFile:
    try:
        return _staged(path)
    except BadFile as error:
        return error


def _staged(path: Path) -> Staged:
    columns = BehaviorFile(
        file=path.name,
        customer_id="customer_id",
        measure="measure",
        occurred_at="occurred_at",
        value="value",
        strict=False,
    )
    return stage_behavior(path, columns, zone="Europe/Berlin", into=path.parent / "staged")


def _endless_faults() -> Iterator[bytes]:
    good = GOOD.encode()
    while True:
        yield b"C2,revenue\n"
        yield good.strip() + b",1\n"
        yield good.replace(b"C1", b"C\0")
        yield good.replace(b"C1", b"C\xe9")
        yield good.replace(b"1.5", b"NaN")
        yield good.replace(b"03-01", b"02-30")
        yield good.replace(b"C1", b'"B"ob')
        yield good.replace(b"C1", b'"C1')


def _write_ids(path: Path, ids: list[str]) -> None:
    match path.suffix:
        case ".csv" | ".tsv":
            with path.open("w", encoding="utf-8", newline="") as file:
                delimiter = "," if path.suffix == ".csv" else "\t"
                writer = csv.writer(file, delimiter=delimiter, lineterminator="\n")
                writer.writerow(["id", "x"])
                writer.writerows([one, "1"] for one in ids)
        case ".parquet":
            pq.write_table(pa.table({"id": ids}), path)
        case _:
            rows = [json.dumps({"id": one}, ensure_ascii=False) for one in ids]
            text = "\n".join(rows) if path.suffix == ".ndjson" else f"[{', '.join(rows)}]"
            path.write_text(text, encoding="utf-8")


def _ids_of(path: Path) -> list[str]:
    tally = Tally(path.name)
    with ExitStack() as closing:
        opened = open_here(path, wanted=["id"], tally=tally, closing=closing)
        found = [one for batch in opened.batches for one in batch["id"].to_pylist()]
    assert not tally.rejects, tally.rejects
    return found


@contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="pilotbook-bad-") as name:
        yield Path(name)
