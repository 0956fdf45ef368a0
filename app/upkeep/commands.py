"""The commands that care for an installation: `backup`, `restore`, `compact`, `repeat`, `erase`."""

import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Annotated

import typer

from app.settings import Settings, utc_now
from experiments.errors import BadInput, Problem

Guard = Callable[[], AbstractContextManager[None]]
Backups = Annotated[
    Path, typer.Argument(metavar="FOLDER", help="Folder for backups alone.", file_okay=False)
]


def add_commands(app: typer.Typer, *, guard: Guard) -> None:
    """Add the commands to the command line.

    Args:
        app: The command line.
        guard: Says in words what is wrong, and ends the command.
    """

    @app.command()
    def backup(
        folder: Backups,
        keep: Annotated[
            int | None,
            typer.Option(min=1, help="Delete older backups but so many; all stay if left out."),
        ] = None,
    ) -> None:
        """Copy registry, ledger and files while the site works, and prove the copy.

        A second backup into the same folder copies only what is new. Uploads that it contains are
        removed afterwards.
        """
        with guard():
            _backup(Settings.from_environment(), folder, keep=keep)

    @app.command()
    def restore(
        folder: Backups,
        name: Annotated[
            str | None, typer.Option("--backup", help="Which backup; the newest if left out.")
        ] = None,
    ) -> None:
        """Bring a backup back into an empty installation, proved before anything is written."""
        with guard():
            _restore(Settings.from_environment(), folder, name)

    @app.command()
    def compact(
        whole: Annotated[
            bool, typer.Option("--whole", help="Also files that need not be made one.")
        ] = False,
    ) -> None:
        """Make many files of the ledger few, and delete old ones that nobody reads."""
        with guard():
            _compact(Settings.from_environment(), whole=whole)

    @app.command()
    def repeat(
        slug: Annotated[str, typer.Argument(metavar="PILOT", help="Its short name.")],
    ) -> None:
        """Compute every analysis of a pilot once more, and compare it with what was kept.

        Each is read from the batches that it knew, whatever was recorded or corrected since.
        """
        with guard():
            _repeat(Settings.from_environment(), slug)

    @app.command()
    def erase(
        customer_id: Annotated[
            str,
            typer.Argument(
                metavar="CUSTOMER_ID", help="As the company calls them; - reads standard input."
            ),
        ],
        reason: Annotated[str, typer.Option(help="Who asked for it, and when; no name.")],
    ) -> None:
        """Erase a customer: id, free attributes, uploads and rejects; totals stay as they are."""
        with guard():
            said = sys.stdin.readline().rstrip("\r\n") if customer_id == "-" else customer_id
            _erase(Settings.from_environment(), said, reason)


def _backup(settings: Settings, folder: Path, *, keep: int | None) -> None:
    # Imported here, so that help need not wait for the libraries.
    from app.administration import opened  # noqa: PLC0415
    from app.upkeep.backup import back_up  # noqa: PLC0415
    from app.upkeep.round_words import megabytes  # noqa: PLC0415
    from app.workspace import open_ledger  # noqa: PLC0415

    with opened(settings) as database:
        made = back_up(
            database,
            open_ledger(settings),
            files=settings.files,
            place=folder,
            clock=utc_now,
            keep=keep,
        )
    typer.echo(
        f"Backup {made.name}: {made.files:,} files, {megabytes(made.size)}, of which "
        f"{made.new_files:,} files, {megabytes(made.new_size)}, are new; read again and whole. "
        f"The ledger counts through batch {made.ledger_through}."
    )
    if made.deleted:
        typer.echo(f"{made.deleted:,} older backups were deleted.")
    if made.uploads_removed:
        typer.echo(
            f"{made.uploads_removed:,} uploads, {megabytes(made.uploads_size)}, are not needed "
            f"any more and were removed."
        )


def _restore(settings: Settings, folder: Path, name: str | None) -> None:
    from app.administration import opened  # noqa: PLC0415
    from app.upkeep.restore import restore  # noqa: PLC0415
    from app.upkeep.round_words import megabytes  # noqa: PLC0415
    from app.workspace import open_ledger  # noqa: PLC0415

    with opened(settings) as database:
        found = restore(
            database,
            open_ledger(settings),
            files=settings.files,
            place=folder,
            name=name,
            clock=utc_now,
        )
    typer.echo(
        f"Restored backup {found.name} of {found.made_at:%Y-%m-%d %H:%M} UTC: "
        f"{found.files:,} files, {megabytes(found.size)}, {found.rows:,} rows of the ledger, "
        f"through batch {found.ledger_through}."
    )
    if found.erased:
        typer.echo(f"{found.erased:,} customers, erased since, were erased again.")


def _compact(settings: Settings, *, whole: bool) -> None:
    from app.administration import opened, refuse_old_schema  # noqa: PLC0415
    from app.upkeep.compaction import tidy  # noqa: PLC0415
    from app.workspace import open_ledger  # noqa: PLC0415
    from experiments.report.wording import counted  # noqa: PLC0415

    with opened(settings) as database:
        refuse_old_schema(database)
        done = tidy(database, open_ledger(settings), clock=utc_now, whole=whole)
    typer.echo(
        f"{counted(len(done.compacted), 'part', 'parts')} of the ledger made compact; "
        f"{counted(done.vacuumed, 'old file', 'old files')} and "
        f"{counted(len(done.swept), 'left-over file', 'left-over files')} deleted."
    )
    for one in done.put_off:
        typer.echo(f"Put off: {one}")


def _repeat(settings: Settings, slug: str) -> None:
    from app.administration import opened, refuse_old_schema  # noqa: PLC0415
    from app.analyse.repeating import parts_that_differ  # noqa: PLC0415
    from app.workspace import open_workspace  # noqa: PLC0415

    with opened(settings) as database:
        refuse_old_schema(database)
        with database.writing() as session, open_workspace(settings, session) as workspace:
            found = parts_that_differ(workspace, slug)
    typer.echo(f"Analyses of {slug} that were computed once more: {len(found):,}.")
    wrong = [
        Problem(f"analysis {number}", f"differs in {', '.join(parts)}")
        for number, parts in found.items()
        if parts
    ]
    if wrong:
        raise BadInput("Some are not what was kept:", wrong)
    typer.echo("Each is what was kept, byte for byte.")


def _erase(settings: Settings, customer_id: str, reason: str) -> None:
    from app.administration import opened, refuse_old_schema  # noqa: PLC0415
    from app.people.journal import write_entry  # noqa: PLC0415
    from app.upkeep.erase import erase  # noqa: PLC0415
    from app.upkeep.erased_words import sentences  # noqa: PLC0415
    from app.workspace import open_ledger  # noqa: PLC0415

    with opened(settings) as database:
        refuse_old_schema(database)
        found = erase(
            database,
            open_ledger(settings),
            files=settings.files,
            customer_id=customer_id,
            reason=reason,
            clock=utc_now,
        )
        with database.writing() as session:
            write_entry(
                session,
                at=utc_now(),
                user=None,
                action="erase_customer",
                subject="",
                status=200,
                detail={"customer": found.customer, "reason": found.reason},
            )
            session.commit()
    for sentence in sentences(found, timezone=settings.timezone):
        typer.echo(sentence)
