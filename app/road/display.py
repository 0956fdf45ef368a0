"""What the command line shows: progress while it works, then the verdict."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from app.road.run import Journey, Stage
from experiments.report.build import behavior_sentence, source_sentence
from experiments.report.report import PilotReport, Tone, VerdictLine

STYLES = {Tone.GOOD: "green", Tone.BAD: "red", Tone.CAUTION: "yellow", Tone.PLAIN: "default"}


@contextmanager
def progress() -> Iterator[Callable[[Stage], None]]:
    """A bar over the seven stages, on standard error; nothing where nobody watches."""
    console = Console(stderr=True)
    with Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=21),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as bar:
        stages = list(Stage)
        task = bar.add_task("plan", total=len(stages))

        def at(stage: Stage) -> None:
            bar.update(task, description=f"{stage.value:8}", completed=stages.index(stage))

        yield at


def show_journey(journey: Journey, *, folder: Path, with_report: bool) -> None:
    """The verdict sentence first, then figures, effects, checks and what was written."""
    # Names of pilots and arms are printed as they are: brackets and colons in them mean nothing.
    console, report = Console(highlight=False, markup=False, emoji=False), journey.report
    console.print(report.title, style="bold")
    for line in (report.verdict, *report.other_verdicts):
        _show_verdict(console, line)
    if report.figures:
        console.print()
        for figure in report.figures:
            interval = f" ({figure.interval})" if figure.interval else ""
            console.print(f"{figure.label:20} {figure.value}{interval}, {figure.note}")
    if report.effects is not None:
        table = Table(box=None, pad_edge=False, header_style="dim")
        for head in ("Metric", "Effect per customer", "Relative change"):
            table.add_column(head)
        for row in report.effects.rows:
            table.add_row(row.label, row.text, row.relative_text)
        console.print()
        console.print(table)
        for sentence in report.effects.left_out:
            console.print(sentence)
    console.print()
    console.print(f"Checks: {report.checks_line}.")
    for check in report.checks:
        if check.tone in (Tone.CAUTION, Tone.BAD):
            console.print(f"  {check.text}", style=STYLES[check.tone])
    for sentence in _behavior(journey):
        console.print(sentence)
    console.print(report.registration)
    written = ["result.json", "results.csv", "accounts.parquet"]
    if any(receipt.rejects for receipt in journey.receipts):
        written.append("rejects.csv (the refused rows)")
    if with_report:
        written += ["report.html", "report.pdf"]
    console.print(f"Written to {folder}: {', '.join(written)}")


def _behavior(journey: Journey) -> Iterator[str]:
    """What files brought, and tables of warehouses held."""
    if journey.receipts:
        yield f"Behavior: {behavior_sentence(journey.receipts)}."
    for source in journey.sources:
        yield f"Warehouse: {source_sentence(source)}."


def show_demo(reports: Sequence[PilotReport], *, sign_ins: Sequence[str], password: str) -> None:
    """The verdicts of the demo company, as a table and in words, and who may sign in."""
    console = Console(highlight=False)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for head in ("Pilot", "Verdict", "Net", "Effect per customer"):
        table.add_column(head)
    for report in reports:
        line = report.verdict
        net, effect = report.figures[0], report.figures[-1]
        table.add_row(
            report.title,
            f"[{STYLES[line.tone]}]{line.word}[/]",
            f"{net.value} ({net.interval})",
            f"{effect.value} ({effect.interval})",
        )
    console.print(table)
    for report in reports:
        console.print()
        console.print(report.title, style="bold")
        _show_verdict(console, report.verdict)
    console.print()
    console.print(f"Sign in as {', '.join(sign_ins)} with the password “{password}”.")


def _show_verdict(console: Console, line: VerdictLine) -> None:
    console.print(line.word, style=f"bold {STYLES[line.tone]}", end="  ")
    console.print(f"{line.sentence} {line.why} {line.advice}", markup=False)
