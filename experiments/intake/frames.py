"""What the child that reads a file tells the process that asked for it, over a socket.

A frame is a JSON object and, after it, the rows of one batch or nothing.
"""

import json
import socket
import struct
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from experiments.intake.limits import CHILD_MEMORY_BYTES

_LENGTHS = struct.Struct("<QQ")


@dataclass(frozen=True, slots=True)
class Frame:
    """One message: what is said, and the bytes of a record batch (empty for none)."""

    said: dict[str, Any]
    rows: pa.Buffer


def send(to: socket.socket, said: dict[str, Any], rows: pa.Buffer | None = None) -> None:
    """Send one frame."""
    text = json.dumps(said).encode()
    to.sendall(_LENGTHS.pack(len(text), rows.size if rows else 0) + text)
    if rows:
        to.sendall(memoryview(rows))


def receive(sender: socket.socket) -> Frame | None:
    """Wait for the next frame; None where the sender is gone."""
    lengths = _read(sender, _LENGTHS.size)
    if lengths is None:
        return None
    text_bytes, row_bytes = _LENGTHS.unpack(lengths)
    if max(text_bytes, row_bytes) > CHILD_MEMORY_BYTES:
        return None
    text = _read(sender, text_bytes)
    rows = _read(sender, row_bytes)
    if text is None or rows is None:
        return None
    return Frame(json.loads(text.to_pybytes()), rows)


def _read(sender: socket.socket, size: int) -> pa.Buffer | None:
    """Exactly so many bytes; None where there are no more."""
    buffer = pa.allocate_buffer(size)
    left = memoryview(buffer)
    while left:
        try:
            count = sender.recv_into(left)
        except OSError:  # it was killed, or waits for ever
            return None
        if not count:
            return None
        left = left[count:]
    return buffer
