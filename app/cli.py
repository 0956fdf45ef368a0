"""The command line: `pilotbook`."""

import signal
import sys
import threading
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
from app.tables import Role, TokenScope
from app.upkeep.commands import add_commands
from experiments.errors import BadInput, PilotError

app = typer.Typer(
    help="The book of a company's CRM pilots: plan, hold out, measure, value, decide.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,
)

user = typer.Typer(help="People who may sign in.", no_args_is_help=True)
token = typer.Typer(help="How scripts say who they are.", no_args_is_help=True)
app.add_typer(user, name="user")
app.add_typer(token, name="token")

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
def rehearse(
    pilot_file: Annotated[Path, typer.Argument(metavar="PILOT.toml", help="The pilot file.")],
    *,
    replicates: Annotated[int, typer.Option(min=100, max=100_000, help="Dry runs.")] = 2_000,
    seed: Annotated[int, typer.Option(min=0, help="The same seed repeats the dry runs.")] = 1,
    contacts: Annotated[
        float | None,
        typer.Option(min=0, help="Contacts per treated customer, where a contact costs money."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="File for the numbers, as JSON.", dir_okay=False)
    ] = None,
    engine: Annotated[str, typer.Option(help="duckdb, or spark://host:port.")] = "duckdb",
) -> None:
    """Rehearse a pilot on what its customers did before: false alarms, and power.

    Exit status: 0 rehearsed, 2 bad input, 1 a fault of Pilotbook.
    """
    with _said_in_words():
        from app.road.rehearse import rehearse_file, write_rehearsal  # noqa: PLC0415
        from app.road.rehearse_display import dry_runs, show_rehearsal  # noqa: PLC0415
        from app.workspace import throwaway_workspace  # noqa: PLC0415
        from experiments.plan.pilot_file import read_pilot_file  # noqa: PLC0415

        settings = Settings.from_environment()
        read = read_pilot_file(pilot_file)
        with (
            throwaway_workspace(engine=engine, timezone=settings.timezone) as workspace,
            dry_runs(replicates) as at,
        ):
            found = rehearse_file(
                workspace,
                read,
                files=pilot_file.parent,
                replicates=replicates,
                seed=seed,
                contacts=contacts,
                now=datetime.now(tz=UTC),
                at=at,
            )
        if out is not None:
            write_rehearsal(found, out)
        show_rehearsal(found, read.plan(), out=out)


@app.command()
def record(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The file of behavior.")],
    *,
    customer_id: Annotated[str | None, typer.Option(help="Column, or #row.")] = None,
    occurred_at: Annotated[
        str | None, typer.Option(help="Column of dates, or one day for all rows.")
    ] = None,
    measures: Annotated[
        list[str] | None, typer.Option(help="Wide: a column of numbers; may repeat.")
    ] = None,
    names: Annotated[
        list[str] | None, typer.Option(help="Wide: column:measure, where it has another name.")
    ] = None,
    each_row: Annotated[str | None, typer.Option(help="Every row is one event of it.")] = None,
    measure: Annotated[str | None, typer.Option(help="Long: column that names it.")] = None,
    value: Annotated[str | None, typer.Option(help="Long: column with the value.")] = None,
    item: Annotated[str | None, typer.Option(help="Column.")] = None,
    event_id: Annotated[str | None, typer.Option(help="Column.")] = None,
    source: Annotated[str | None, typer.Option(help="Column, or the source's name.")] = None,
    complete: Annotated[str | None, typer.Option(help="Complete through that day.")] = None,
    strict: Annotated[bool, typer.Option("--strict", help="One bad row refuses it.")] = False,
    correct: Annotated[
        str | None,
        typer.Option(
            metavar="WHY", help="Replace the events that the ledger has otherwise; says why."
        ),
    ] = None,
    by: Annotated[str | None, typer.Option(help="Who records it; else the first admin.")] = None,
) -> None:
    """Record a file of behavior into the installation's ledger, and print its receipt.

    Without --customer-id and the like its columns are guessed, as the page does, and said. Refused
    rows go to FILE.refused.csv. With --correct, events that were recorded otherwise are replaced.
    Exit status: 0 recorded, 2 bad input, 1 a fault of Pilotbook.
    """
    with _said_in_words():
        from app.record.command import asked_of, print_and_record  # noqa: PLC0415
        from app.work import hand  # noqa: PLC0415

        given = {
            "customer_id": customer_id, "occurred_at": occurred_at, "measures": measures or None,
            "names": names or None, "each_row": each_row, "measure": measure, "value": value,
            "item": item, "event_id": event_id, "source": source, "complete": complete,
            "strict": strict or None, "correct": correct,
        }  # fmt: skip
        settings = Settings.from_environment()
        print_and_record(settings, file, asked_of(given), email=by, work=hand, say=typer.echo)


@app.command()
def correct(
    file: Annotated[Path, typer.Argument(metavar="FILE.json", help="Which rows, and why.")],
    by: Annotated[str | None, typer.Option(help="Who corrects; else the first admin.")] = None,
) -> None:
    """Correct or withdraw recorded rows, all of them or none.

    FILE.json holds what `POST /api/v1/behavior/corrections` takes: a reason, and rows by their
    event or contents, each with what holds instead. Exit status as of `record`.
    """
    with _said_in_words():
        from app.record.correcting_command import print_and_correct  # noqa: PLC0415
        from app.work import hand  # noqa: PLC0415

        print_and_correct(Settings.from_environment(), file, email=by, work=hand, say=typer.echo)


@app.command()
def demo(
    no_serve: Annotated[
        bool, typer.Option("--no-serve", help="Print the verdicts and stop.")
    ] = False,
    port: Annotated[int, typer.Option(min=1, max=65_535, help="Where the site will be.")] = 8000,
) -> None:
    """Build a small company with three pilots, print their verdicts, and serve its site."""
    with _said_in_words():
        from app.demo.installation import built  # noqa: PLC0415
        from app.demo.people import PASSWORD, PEOPLE  # noqa: PLC0415
        from app.road.display import progress, show_demo  # noqa: PLC0415

        with progress() as at, built(at=at) as (settings, reports):
            show_demo(reports, sign_ins=list(PEOPLE), password=PASSWORD)
            if not no_serve:
                from app.serving import serve as serve_site  # noqa: PLC0415

                serve_site(settings, host="127.0.0.1", port=port, say=typer.echo)


@app.command()
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65_535)] = 8000,
) -> None:
    """Serve the site, with a worker beside it."""
    with _said_in_words():
        from app.serving import serve as serve_site  # noqa: PLC0415

        serve_site(Settings.from_environment(), host=host, port=port, say=typer.echo)


@app.command()
def work(
    until_input_closes: Annotated[
        bool, typer.Option("--until-input-closes", help="Stop with the process that started it.")
    ] = False,
) -> None:
    """Do the jobs that the site leaves: files to take in, analyses."""
    with _said_in_words():
        from app.administration import opened, refuse_old_schema  # noqa: PLC0415
        from app.logs import configure_logs  # noqa: PLC0415
        from app.work import work as do_jobs  # noqa: PLC0415

        configure_logs()
        settings, stop = Settings.from_environment(), threading.Event()
        for sign in (signal.SIGINT, signal.SIGTERM):
            signal.signal(sign, lambda *_: stop.set())
        if until_input_closes:
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # meant for the site, which then says so
            threading.Thread(target=_when_input_closes, args=(stop,), daemon=True).start()
        with opened(settings) as database:
            refuse_old_schema(database)
            do_jobs(settings, database, stop=stop)


@app.command()
def migrate() -> None:
    """Bring the registry to the newest schema."""
    with _said_in_words():
        from app.administration import opened  # noqa: PLC0415
        from app.database import migrate as to_newest  # noqa: PLC0415

        with opened(Settings.from_environment()) as database:
            to_newest(database)


@user.command("add")
def add_user(
    email: Annotated[str, typer.Argument(help="The address they sign in with.")],
    role: Annotated[Role, typer.Option(help="What they are to the company's pilots.")],
) -> None:
    """Add a user; the password is asked for, or read from standard input."""
    with _said_in_words():
        from app.administration import new_user  # noqa: PLC0415

        if sys.stdin.isatty():
            password = typer.prompt("Password", hide_input=True, confirmation_prompt=True)
        else:
            password = sys.stdin.readline().rstrip("\n")
        new_user(Settings.from_environment(), email=email, role=role, password=password)


@token.command("add")
def add_token(
    email: Annotated[str, typer.Argument(help="Whose token it is.")],
    scope: Annotated[TokenScope, typer.Option(help="What it may do.")] = TokenScope.READ,
    name: Annotated[str, typer.Option(help="What it is for.")] = "command line",
) -> None:
    """Make a token for scripts and print it, this once."""
    with _said_in_words():
        from app.administration import new_token  # noqa: PLC0415

        typer.echo(new_token(Settings.from_environment(), email=email, scope=scope, name=name))


def _when_input_closes(stop: threading.Event) -> None:
    sys.stdin.read()
    stop.set()


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


add_commands(app, guard=_said_in_words)


def main() -> None:
    """Run the command line."""
    app()


if __name__ == "__main__":
    main()
