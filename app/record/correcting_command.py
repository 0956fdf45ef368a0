"""Correct recorded rows from the command line, as a call would."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import anyio
import anyio.to_thread
from pydantic import ValidationError

from app.administration import opened, refuse_old_schema
from app.database import Database
from app.people.rights import Right
from app.record.command import caller_named, done_here
from app.record.correcting_forms import CorrectionsBody
from app.record.correcting_request import ask_to_correct
from app.record.correcting_shown import correction_of, correction_sentences
from app.record.forms import problems_of
from app.refusals import NotAllowed
from app.settings import Settings, utc_now
from app.web.inbox import inbox_of
from app.web.jobs import answer_of
from experiments.errors import BadFile


def print_and_correct(
    settings: Settings,
    path: Path,
    *,
    email: str | None,
    work: Callable[[Settings, Database], Callable[[], bool]],
    say: Callable[[str], None],
) -> None:
    """Correct the rows that a file names, and say what came of it.

    Args:
        settings: Of the installation.
        path: The body of a call, as JSON.
        email: Who corrects; the first admin where None.
        work: Makes what does a job that waits.
        say: Told each sentence.

    Raises:
        BadInput: The file cannot be read, or a row cannot be corrected; nothing is.
        NotAllowed: Whoever asks may not correct.
    """
    body = _body_of(path)
    with opened(settings) as database:
        refuse_old_schema(database)
        with database.writing() as session:
            by = caller_named(session, email)
            if not by.may(Right.REVERSE, safe=False):
                raise NotAllowed(f"{by.email} may not correct; ask an admin.")
            ask = partial(
                ask_to_correct,
                session,
                body,
                inbox=inbox_of(settings.files),
                zone=settings.timezone,
                by=by,
                now=utc_now(),
            )
            # In a thread, from which an upload is kept as from that of a route.
            job_id = anyio.run(partial(anyio.to_thread.run_sync, ask)).id
            session.commit()
        answer = answer_of(done_here(database, job_id, work=work(settings, database)))
        with database.reading() as session:
            line = correction_of(session, answer["batch"])
    say(f"Batch {answer['batch']}: {body.reason}")
    for sentence in correction_sentences(line) if line else ():
        say(sentence)


def _body_of(path: Path) -> CorrectionsBody:
    """What a file asks for.

    Raises:
        BadFile: Names each place at fault.
    """
    try:
        return CorrectionsBody.model_validate_json(path.read_bytes())
    except OSError as error:
        raise BadFile(f"{path.name} cannot be read ({error.strerror}); check its name.") from None
    except ValidationError as error:
        raise BadFile(f"{path.name} is no list of corrections:", problems_of(error)) from None
