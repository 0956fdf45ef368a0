"""Answer with a file that was made for the answer."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from fastapi.responses import StreamingResponse

PIECE_BYTES: Final = 1 << 20


def sent_file(path: Path, *, media_type: str, name: str | None) -> StreamingResponse:
    """A file, piece by piece; it is open, so that it may be removed before it was sent.

    Args:
        path: The file.
        media_type: What it is.
        name: Under which a browser keeps it; None for what is read at once.
    """
    file = path.open("rb")
    headers = {"Content-Length": str(os.fstat(file.fileno()).st_size)}
    if name is not None:
        headers["Content-Disposition"] = f'attachment; filename="{name}"'

    def pieces() -> Iterator[bytes]:
        with file:
            while piece := file.read(PIECE_BYTES):
                yield piece

    return StreamingResponse(pieces(), media_type=media_type, headers=headers)
