"""The physical lines of a text file, packed or not, with nothing lost on the way.

Bytes that are not UTF-8 travel as surrogates and an over-long line as a marker, so that the
record which holds them can be refused by its line while the rest is read.
"""

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from experiments.errors import BadFile
from experiments.intake.limits import (
    BLOCK_BYTES,
    ENDLESS_LINE_BYTES,
    HEAD_BYTES,
    LINE_BYTES,
    UNPACKED_RATIO,
    UNPACKED_TEXT_BYTES,
)

TOO_LONG = "\0too long\n"
_TOO_LONG = TOO_LONG.encode()
MAGIC = {
    b"\x1f\x8b": "a gzip file",
    b"\x28\xb5\x2f\xfd": "a zstd file",
    b"PK\x03\x04": "a spreadsheet or zip file",
    b"PAR1": "a Parquet file",
}
PACKED_MAGIC = {"gzip": b"\x1f\x8b", "zstd": b"\x28\xb5\x2f\xfd"}
_SAVE = "save it as UTF-8 (in a spreadsheet program: 'CSV UTF-8')"
_FAULT = re.compile("[\0\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class TextBlock:
    """Whole lines with their ends; `clean` when none of them needs `fault_of`."""

    lines: list[str]
    clean: bool


class HeadIsOver(BadFile):
    """What may be read of a file for its preview has been read."""

    def __init__(self, file: str) -> None:
        super().__init__(
            f"{file}: the first {HEAD_BYTES >> 20} MiB hold too few rows for a preview. Remove "
            f"blank lines, and columns that are not needed."
        )


class ByteSource:
    """The unpacked bytes of a file; counts them, and says in words what is wrong with them."""

    def __init__(self, path: Path, packing: str | None, *, head: bool = False) -> None:
        self.file = path.name
        self.head = head
        self.packing = packing
        self.packed_bytes = path.stat().st_size
        self.unpacked_bytes = 0
        with path.open("rb") as opened:
            start = opened.read(4)
        _refuse_disguise(start, packing=packing, file=self.file)
        self._stream = pa.input_stream(str(path), compression=packing)

    def read(self, size: int) -> bytes:
        """Give the next bytes; none at the end."""
        if self.head and self.unpacked_bytes >= HEAD_BYTES:
            raise HeadIsOver(self.file)
        try:
            data: bytes = self._stream.read(size)
        except (OSError, pa.ArrowException) as error:
            cause = "is cut off" if "runcated" in str(error) else "is damaged"
            raise BadFile(
                f"{self.file} {cause}: after {self.unpacked_bytes:,} bytes the {self.packing} "
                f"data cannot be unpacked. Pack and send it again."
            ) from error
        self.unpacked_bytes += len(data)
        refuse_bomb(self.unpacked_bytes, self.packed_bytes, UNPACKED_TEXT_BYTES, file=self.file)
        return data

    def close(self) -> None:
        """Let go of the file."""
        self._stream.close()


def refuse_bomb(unpacked: int, packed: int, allowed: int, *, file: str) -> None:
    """Refuse a small file that unpacks to a huge one."""
    if unpacked > allowed and unpacked > UNPACKED_RATIO * packed:
        raise BadFile(
            f"{file} unpacks to more than {UNPACKED_RATIO} times its {packed:,} bytes, which no "
            f"table of customers does. Send it in a plainer form or in parts."
        )


def byte_blocks(source: ByteSource) -> Iterator[bytes]:
    """Cut a file into blocks of whole lines; a line ends with CRLF, LF or CR, in any mixture.

    A line that is too long to be kept is a block of its own, `TOO_LONG`.
    """
    tail = b""
    dropped = 0
    begun = False
    while True:
        fresh = source.read(BLOCK_BYTES)
        ended = not fresh
        data = tail + fresh
        if not begun:
            data = without_mark(data, file=source.file)
            begun = True
        if dropped:
            end = _after_line_end(data, ended=ended)
            if not end and not ended:
                dropped += len(fresh)
                if dropped > ENDLESS_LINE_BYTES:
                    raise BadFile(
                        f"{source.file} has a line of more than {ENDLESS_LINE_BYTES >> 20} MiB; "
                        f"this is not a text file with one record per line."
                    )
                tail = data[-1:] if data.endswith(b"\r") else b""
                continue
            yield _TOO_LONG
            dropped = 0
            data = data[end:] if end else b""
        # A CR at the very end may be the first half of a CRLF.
        cut = len(data) if ended else max(data.rfind(b"\n"), data.rfind(b"\r", 0, -1)) + 1
        if cut:
            yield data[:cut]
        if ended:
            return
        tail = data[cut:]
        if len(tail) > LINE_BYTES + 1:
            dropped = len(tail)
            tail = tail[-1:] if tail.endswith(b"\r") else b""


def text_blocks(source: ByteSource) -> Iterator[TextBlock]:
    """The blocks of a file as lines of text."""
    return map(text_of, byte_blocks(source))


def is_plain(block: bytes) -> bool:
    """Whether a block is UTF-8, without NUL, without a CR that stands alone or an over-long line.

    Such a block may be parsed at once; its lines are what lies between its line feeds.
    """
    if b"\0" in block:
        return False
    if b"\r" in block and block.count(b"\r") != block.count(b"\r\n"):
        return False
    if len(block) > LINE_BYTES:
        # A longer line would cover the middle of the block.
        if len(block) > 2 * LINE_BYTES:
            return False
        if block.find(b"\n", len(block) - LINE_BYTES - 1, LINE_BYTES + 1) < 0:
            return False
    try:
        return block.isascii() or bool(block.decode())
    except UnicodeDecodeError:
        return False


def pieces(block: bytes, size: int) -> list[bytes]:
    """Cut a block into parts of whole lines, of about `size` bytes."""
    parts = []
    start = 0
    while start < len(block):
        end = block.find(b"\n", start + size) + 1 or len(block)
        parts.append(block[start:end])
        start = end
    return parts


def fault_of(text: str) -> str | None:
    r"""Say why a text cannot be kept; None when it can.

    Example:
        >>> fault_of("caf\udce9")
        "byte 4 (0xE9) is not UTF-8; save it as UTF-8 (in a spreadsheet program: 'CSV UTF-8')"
    """
    found = _FAULT.search(text)
    if found is None:
        return None
    if TOO_LONG.strip() in text:
        megabytes = LINE_BYTES >> 20
        return f"the line is longer than {megabytes} MiB; send the columns needed, a record a line"
    if found.group() == "\0":
        return "there is a NUL character; remove it"
    place = len(text[: found.start()].encode("utf-8", "surrogateescape")) + 1
    return f"byte {place} (0x{ord(found.group()) & 0xFF:02X}) is not UTF-8; {_SAVE}"


def _refuse_disguise(start: bytes, *, packing: str | None, file: str) -> None:
    if not start:
        raise BadFile(f"{file} is empty: it has no header and no rows. Export it again.")
    if packing is not None:
        if not start.startswith(PACKED_MAGIC[packing]):
            raise BadFile(
                f"{file} is named as {packing} data but is not. Pack it again, or name it by "
                f"what it is."
            )
        return
    for magic, kind in MAGIC.items():
        if start.startswith(magic):
            raise BadFile(f"{file} is named as text but is {kind}; name it by what it is.")


def without_mark(data: bytes, *, file: str) -> bytes:
    """The start of a text file without its byte order mark; refuses UTF-16."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in data[:4]:
        byte = 1 if data[:1] in (b"\xff", b"\xfe") else data.index(b"\0") + 1
        raise BadFile(f"{file}, line 1, byte {byte}: the file is UTF-16, not UTF-8; {_SAVE}.")
    return data.removeprefix(b"\xef\xbb\xbf")


def _after_line_end(data: bytes, *, ended: bool) -> int:
    """Where the next line begins; 0 when there is no line end yet."""
    feed = data.find(b"\n")
    ret = data.find(b"\r", 0, feed if feed >= 0 else len(data) if ended else max(len(data) - 1, 0))
    if ret < 0:
        return feed + 1
    return ret + (2 if data[ret + 1 : ret + 2] == b"\n" else 1)


def text_of(block: bytes) -> TextBlock:
    """Decode a block and part its lines."""
    try:
        text = block.decode()
        clean = "\0" not in text
    except UnicodeDecodeError:
        text = block.decode(errors="surrogateescape")
        clean = False
    # Unlike str.splitlines, this splits at CRLF, LF and CR only.
    lines = io.StringIO(text, newline="").readlines()
    if max(map(len, lines)) * 4 > LINE_BYTES:
        for place, line in enumerate(lines):
            content = line.rstrip("\r\n")
            if len(content) * 4 <= LINE_BYTES:
                continue
            if len(content.encode("utf-8", "surrogateescape")) > LINE_BYTES:
                lines[place] = TOO_LONG
                clean = False
    return TextBlock(lines, clean)
