"""Messages call a file as its sender does, and not as its copy is called."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from experiments.errors import BadFile


@contextmanager
def told_as(path: Path, name: str) -> Iterator[None]:
    """Whatever is wrong with a file is said of it under another name.

    Args:
        path: Where it is kept.
        name: How its sender calls it.

    Example:
        >>> with told_as(Path("inbox/upload.csv"), "sales.csv"):
        ...     raise BadFile("upload.csv: the file is empty.")
        Traceback (most recent call last):
        experiments.errors.BadFile: sales.csv: the file is empty.
    """
    try:
        yield
    except BadFile as error:
        own = len(error.problems) - len(error.rejects)
        what = error.what.replace(path.name, name)
        raise BadFile(what, error.problems[:own], error.rejects) from None
