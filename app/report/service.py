"""Tell people: the result as JSON and CSV, the accounts as Parquet, the report as page and PDF."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pyarrow.parquet as pq

from app.analyse.service import Finding
from app.workspace import Workspace
from experiments.analyse.download import accounts_table
from experiments.errors import BadInput
from experiments.record.recording import Receipt
from experiments.report.flat import as_csv, rejects_csv
from experiments.report.plain import Json, as_json
from experiments.report.report import PilotReport


def refuse_unwritable(folder: Path) -> None:
    """Stop before any work where results could not be written; nothing is made yet.

    Raises:
        BadInput: The folder, or the nearest one above it that exists, cannot be written to.
    """
    with _told_in_words(folder):
        nearest = next(part for part in (folder, *folder.parents) if part.exists())
        if not (nearest.is_dir() and os.access(nearest, os.W_OK | os.X_OK)):
            raise BadInput(
                f"Results cannot be written to {folder}, because {nearest} is not a folder that "
                f"can be written to; name another."
            )


def write_result(workspace: Workspace, finding: Finding, found: Json, *, folder: Path) -> None:
    """Write `result.json`, `results.csv` and `accounts.parquet`."""
    _replace(folder / "result.json", lambda path: _text(path, as_json(found)))
    _replace(folder / "results.csv", lambda path: _text(path, as_csv(found)))
    accounts = accounts_table(
        workspace.analysis_engine,
        finding.plan,
        finding.analysed,
        finding.enrolment.analysed,
        tier=finding.enrolment.tier,
    )
    _replace(folder / "accounts.parquet", lambda path: pq.write_table(accounts, path))


def remove_report(*, folder: Path) -> None:
    """Remove the report of an earlier result, which would contradict the one beside it."""
    for name in ("report.html", "report.pdf"):
        _remove(folder / name)


def write_rejects(receipts: Sequence[Receipt], *, folder: Path) -> None:
    """Write `rejects.csv` where a row was refused; remove an earlier result's where none was."""
    path = folder / "rejects.csv"
    if any(receipt.rejects for receipt in receipts):
        _replace(path, lambda unfinished: _text(unfinished, rejects_csv(receipts)))
    else:
        _remove(path)


def write_report(report: PilotReport, *, folder: Path) -> None:
    """Write `report.html` and `report.pdf`."""
    # Charts and typesetting take a second to import, which `--no-report` need not wait for.
    from experiments.report.html import render_html  # noqa: PLC0415
    from experiments.report.pdf import render_pdf  # noqa: PLC0415

    _replace(folder / "report.html", lambda path: _text(path, render_html(report)))
    _replace(folder / "report.pdf", lambda path: path.write_bytes(render_pdf(report)))


def _text(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


def _replace(path: Path, write: Callable[[Path], object]) -> None:
    """Write beside the target and move into place, so that no half-written file is ever seen."""
    unfinished = path.with_name(f".{path.name}.unfinished")
    with _told_in_words(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            write(unfinished)
            unfinished.replace(path)
        finally:
            unfinished.unlink(missing_ok=True)


def _remove(path: Path) -> None:
    if path.parent.is_dir():
        with _told_in_words(path):
            path.unlink(missing_ok=True)


@contextmanager
def _told_in_words(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise BadInput(
            f"{path} cannot be written ({error.strerror or error}); name another folder, or make "
            f"room in this one."
        ) from None
