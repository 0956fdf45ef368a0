"""What the command line shows of a rehearsal: a bar while it draws, then two tables."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from experiments.pilot import Plan
from experiments.rehearse.result import Rehearsal
from experiments.rehearse.words import rehearsal_words


@contextmanager
def dry_runs(replicates: int) -> Iterator[Callable[[int], None]]:
    """A bar over the dry runs, on standard error; nothing where nobody watches."""
    console = Console(stderr=True)
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as bar:
        task = bar.add_task("dry runs", total=replicates)
        yield lambda done: bar.update(task, completed=done)


def show_rehearsal(found: Rehearsal, plan: Plan, *, out: Path | None) -> None:
    """Errors where nothing changed, verdicts where something did, and what to know."""
    console = Console(highlight=False, markup=False, emoji=False)
    words = rehearsal_words(found, plan)
    console.print(plan.pilot.name, style="bold")
    console.print(words.lead)
    console.print()
    _show(console, words.null_heads, words.null_rows)
    console.print(words.null_sentence)
    console.print()
    _show(console, words.power_heads, words.power_rows)
    console.print(words.power_sentence)
    for note in words.notes:
        console.print(note, style="dim")
    if out is not None:
        console.print(f"Written to {out}")


def _show(console: Console, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for head in heads:
        table.add_column(Text(head))
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    console.print(table)
