"""Which kind of file is it, by the ending of its name?"""

from dataclasses import dataclass
from pathlib import Path

from experiments.errors import BadFile

PACKINGS = {".gz": "gzip", ".zst": "zstd"}
DELIMITERS = {".csv": ",", ".tsv": "\t"}
TEXT_ENDINGS = (*DELIMITERS, ".ndjson", ".jsonl", ".json")
BINARY_ENDINGS = (".xlsx", ".parquet")
ACCEPTED = (
    ".csv, .tsv, .ndjson, .jsonl and .json, each also with .gz or .zst at the end; .xlsx and "
    ".parquet"
)


@dataclass(frozen=True, slots=True)
class FileKind:
    """What a file is said to be: `.csv` and the like, and how it is packed."""

    ending: str
    packing: str | None

    @property
    def is_delimited(self) -> bool:
        """Whether its cells are text in the file already."""
        return self.ending in DELIMITERS


def kind_of(path: Path) -> FileKind:
    """Read the kind off the name, whatever the file holds.

    Raises:
        BadFile: The kind is not read, or the file is not there.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "A.2026.CSV.GZ"
        >>> _ = path.write_bytes(b"")
        >>> kind_of(path)
        FileKind(ending='.csv', packing='gzip')
    """
    endings = [ending.lower() for ending in path.suffixes[-2:]]
    packing = PACKINGS.get(endings[-1]) if endings else None
    ending = "".join(endings[-2:-1] if packing else endings[-1:])
    if ending not in (*TEXT_ENDINGS, *BINARY_ENDINGS):
        raise BadFile(f"{path.name}: this kind of file is not read. Accepted are {ACCEPTED}.")
    if packing and ending in BINARY_ENDINGS:
        raise BadFile(f"{path.name}: a {ending} file is packed already; send it without {packing}.")
    if not path.is_file():
        raise BadFile(f"{path.name}: there is no such file. Correct the name or the folder.")
    return FileKind(ending, packing)
