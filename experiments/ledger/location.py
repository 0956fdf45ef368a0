"""Where a ledger is: a local folder, or a prefix in an object store."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import pyarrow as pa
import pyarrow.fs as arrow_fs
from deltalake.fs import DeltaStorageHandler

from experiments.errors import BadInput

# Delta takes a path for an address: it decodes %41, and stops at what an address cannot hold.
UNUSABLE = re.compile(r"[\[\]\\|^\x00-\x1f\x7f]|%[0-9A-Fa-f]{2}")
SCHEME = re.compile(r"[a-z][a-z0-9+]*://")


class _Objects(DeltaStorageHandler):
    """The objects below an address; what is written may be any bytes, not `bytes` alone."""

    def open_output_stream(
        self, path: str, metadata: dict[str, str] | None = None
    ) -> pa.PythonFile:
        return pa.PythonFile(_Sink(self._handler.open_output_stream(path, metadata)))


class _Sink:
    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def write(self, data: Any) -> None:
        self._stream.write(bytes(data))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@dataclass(frozen=True, slots=True)
class Location:
    """The place of a ledger.

    Attributes:
        root: An absolute folder, or an address such as `s3://bucket/prefix`.
        options: How the object store is reached, as `deltalake` calls it; none for a folder.
    """

    root: str
    options: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, place: Path | str, options: Mapping[str, str] | None = None) -> Self:
        """The location of a folder, or of an address."""
        if isinstance(place, str) and SCHEME.match(place):
            return cls(place.rstrip("/"), dict(options or {}))
        return cls(str(Path(place).absolute()))

    @property
    def is_local(self) -> bool:
        """Whether it is a folder of this machine, whose files can be synced to disk."""
        return not SCHEME.match(self.root)

    @property
    def folder(self) -> Path:
        """The folder of a local ledger."""
        if not self.is_local:
            raise ValueError(f"{self.root} is no folder of this machine")
        return Path(self.root)

    def of_table(self, table: str) -> str:
        """The address of a table."""
        return f"{self.root}/{table}"

    def files(self, table: str = "") -> arrow_fs.FileSystem:
        """The files of a table, or of the whole ledger, by their paths within it."""
        if self.is_local:
            return arrow_fs.SubTreeFileSystem(
                str(self.folder / table), arrow_fs.LocalFileSystem(use_mmap=False)
            )
        address = self.of_table(table) if table else self.root
        return arrow_fs.PyFileSystem(_Objects(address, dict(self.options)))


def refuse_unusable_folder(folder: Path) -> None:
    """Stop before any work where no ledger can be kept in a folder.

    Raises:
        BadInput: Names what stands in the folder's path.
    """
    found = UNUSABLE.search(str(folder.absolute()))
    if found:
        raise BadInput(
            f"A ledger cannot be kept in {str(folder)!r}, because {found[0]!r} stands in its path; "
            f"use another folder (TMPDIR names the folder for temporary files)."
        )
