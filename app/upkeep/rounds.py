"""Rounds of care, as the registry remembers them: begun, and what came of it or why it failed."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import inspect

from app.database import Database
from app.stored import to_text
from app.tables import UpkeepKind, UpkeepRow
from experiments.errors import PilotError


@dataclass(slots=True)
class Round:
    """A round under way; `result` is a dataclass that says what came of it."""

    result: object | None = None


@contextmanager
def noted(
    database: Database, kind: UpkeepKind, *, clock: Callable[[], datetime], by: int | None
) -> Iterator[Round]:
    """Keep a round of care in the registry, if its schema knows of them.

    Args:
        database: The registry.
        kind: What is done.
        clock: Says what time it is.
        by: Who asked for it; None where nobody is known.
    """
    done = Round()
    if not inspect(database.reads).has_table(UpkeepRow.__tablename__):
        yield done
        return
    row = UpkeepRow(kind=kind, user_id=by, started_at=clock())
    with database.writing() as session:
        session.add(row)
        session.commit()
    try:
        yield done
    except BaseException as error:
        row.problem = str(error) if isinstance(error, PilotError) else type(error).__name__
        raise
    finally:
        row.result_json = None if done.result is None else to_text(done.result)
        row.ended_at = clock()
        with database.writing() as session:
            session.merge(row)
            session.commit()
