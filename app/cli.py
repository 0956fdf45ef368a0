"""The command line: `pilotbook`."""

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import typer
from rich.console import Console

from app.settings import Settings
from experiments.errors import BadInput, PilotError

app = typer.Typer(
    help="The book of a company's CRM pilots: plan, hold out, measure, value, decide.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,
)

EXIT_STATUS = {
    "proved": 0,
    "disproved": 10,
    "not_proved": 11,
    "invalid": 12,
    "supported": 13,
    "veiled": 14,
    "contradicted": 15,
}
BAD_INPUT, FAULT = 2, 1
ONE_SCREEN = 20  # problems, above which the summary has scrolled away and is said again


@app.callback()
def _commands() -> None:
    """Commands stand beside each other, also while there is only one."""


@app.command()
def run(
    pilot_file: Annotated[Path, typer.Argument(metavar="PILOT.toml", help="The pilot file.")],
    out: Annotated[
        Path | None,
        typer.Option(help="Folder for the results; out/<slug> if left out.", file_okay=False),
    ] = None,
    engine: Annotated[str, typer.Option(help="duckdb, or spark://host:port.")] = "duckdb",
    no_report: Annotated[bool, typer.Option("--no-report", help="Leave out page and PDF.")] = False,
) -> None:
    """Travel the whole road with a pilot file and print the verdict.

    Exit status: 0 proved, 10 disproved, 11 not proved, 12 invalid, 13 supported, 14 veiled,
    15 contradicted, 2 bad input, 1 a fault of Pilotbook.
    """
    with _said_in_words():
        # Imported here, so that help need not wait for the libraries.
        from app.road.display import progress, show_journey  # noqa: PLC0415
        from app.road.run import travel, write_journey  # noqa: PLC0415
        from app.workspace import throwaway_workspace  # noqa: PLC0415
        from experiments.plan.pilot_file import read_pilot_file  # noqa: PLC0415

        settings = Settings.from_environment()
        read = read_pilot_file(pilot_file)
        folder = out or Path("out") / read.pilot.slug
        now = datetime.now(tz=UTC)
        with (
            throwaway_workspace(engine=engine, timezone=settings.timezone) as workspace,
            progress() as at,
        ):
            journey = travel(
                workspace,
                read,
                files=pilot_file.parent,
                now=now,
                today=now.astimezone(ZoneInfo(settings.timezone)).date(),
                out=folder,
                at=at,
            )
            write_journey(workspace, journey, folder=folder, with_report=not no_report)
        show_journey(journey, folder=folder, with_report=not no_report)
    raise typer.Exit(EXIT_STATUS[journey.result["verdict"]["status"]])


@app.command()
def demo(
    no_serve: Annotated[
        bool, typer.Option("--no-serve", help="Print the verdicts and stop.")
    ] = False,
    port: Annotated[
        int, typer.Option(min=1, max=65_535, help="Where the site will be, in a later version.")
    ] = 8000,
) -> None:
    """Build a small company with three pilots and print their verdicts."""
    with _said_in_words():
        from app.demo.tour import tour  # noqa: PLC0415
        from app.road.display import progress, show_demo  # noqa: PLC0415

        if not no_serve:
            _errors().print(
                f"The site is not part of this version, and nothing is served on port {port}; "
                f"showing verdicts only."
            )
        with progress() as at:
            found = tour(at=at)
        show_demo(found)


@contextmanager
def _said_in_words() -> Iterator[None]:
    """Say what is wrong, all of it, and stop: bad input for a person to mend, a fault to report."""
    try:
        yield
    except BrokenPipeError:
        raise  # whoever reads the output has seen enough
    except PilotError as error:
        _refuse(error)
        raise typer.Exit(BAD_INPUT) from None
    except Exception as error:
        said = traceback.format_exception_only(error)[0].strip()
        _errors().print(
            f"Pilotbook has a fault: {said}; please report it with the text below",
            style="bold red",
        )
        _errors().print(traceback.format_exc().rstrip())
        raise typer.Exit(FAULT) from None


def _refuse(error: PilotError) -> None:
    """Say what is wrong, every row of it, and the summary last where it was long."""
    console = _errors()
    what = error.what if isinstance(error, BadInput) else str(error)
    console.print(what, style="bold red")
    problems = error.problems if isinstance(error, BadInput) else ()
    for problem in problems:
        console.print(f"  {problem}")
    if len(problems) > ONE_SCREEN:
        console.print(what, style="bold red")


def _errors() -> Console:
    """Standard error; brackets and colons in names mean nothing."""
    return Console(stderr=True, highlight=False, soft_wrap=True, markup=False, emoji=False)


def main() -> None:
    """Run the command line."""
    app()
