"""Tell people: the result as JSON and CSV, the accounts as Parquet, the report as page and PDF."""

from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq

from app.analyse.service import Finding
from app.workspace import Workspace
from experiments.analyse.download import accounts_table
from experiments.report.build import build_report
from experiments.report.report import PilotReport
from experiments.report.result import Json, as_csv, as_json, result
from experiments.report.sentences import in_full, verdict_line


def result_of(finding: Finding) -> Json:
    """The result of an analysis, as scripts read it."""
    sentences = {
        verdict.treatment: in_full(verdict_line(finding.plan, verdict, finding.registration))
        for verdict in finding.decision.verdicts
    }
    return result(
        finding.plan,
        finding.analysed.analysis,
        finding.decision,
        registration=finding.registration,
        sentences=sentences,
    )


def report_of(finding: Finding) -> PilotReport:
    """The report of an analysis, as people read it."""
    return build_report(
        finding.plan,
        finding.analysed.analysis,
        finding.decision,
        registration=finding.registration,
        left_out=finding.enrolment.left_out,
        assigned=finding.enrolment.assigned,
    )


def write_result(workspace: Workspace, finding: Finding, found: Json, *, folder: Path) -> None:
    """Write `result.json`, `results.csv` and `accounts.parquet`."""
    _replace(folder / "result.json", lambda path: _text(path, as_json(found)))
    _replace(folder / "results.csv", lambda path: _text(path, as_csv(found)))
    accounts = accounts_table(
        workspace.engine, finding.plan, finding.analysed, finding.enrolment.attributes
    )
    _replace(folder / "accounts.parquet", lambda path: pq.write_table(accounts, path))


def remove_report(*, folder: Path) -> None:
    """Remove the report of an earlier result, which would contradict the one beside it."""
    for name in ("report.html", "report.pdf"):
        (folder / name).unlink(missing_ok=True)


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
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.unfinished")
    try:
        write(unfinished)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
