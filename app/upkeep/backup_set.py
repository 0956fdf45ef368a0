"""A place of backups: manifests, and files under the digests of what they hold.

    objects/ab/abcd...        each content once, however many backups hold it
    backups/<when>-<digest>.json    a manifest: what a backup consists of
    erased.json               numbers of customers who were erased since

Contents are named by their digest, not linked from one backup to the next: a second backup copies
only what is new on any file system, a copy of the folder stays as small, and a file says itself
whether it is whole. A manifest is named by its own digest, and written when all of it is on disk:
what has no manifest is no backup.
"""

import fcntl
import hashlib
import json
import os
import re
import secrets
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import IO, Final

from pydantic import ValidationError

from app.refusals import NotNow
from app.stored import from_text, to_text
from app.upkeep.registry_dump import Dumped
from experiments.errors import BadInput, Problem

FORMAT: Final = 1
PIECE: Final = 4 * 1024**2
DIGEST: Final = re.compile(r"[0-9a-f]{64}")
SET_NAME: Final = re.compile(r"\d{8}T\d{6}\.\d{6}Z-[0-9a-f]{16}")
REGISTRY: Final = "registry"
LEDGER: Final = "ledger"
FILES: Final = "files"
REFUSED: Final = "The backup cannot be used; nothing was changed:"


@dataclass(frozen=True, slots=True)
class KeptFile:
    """A file of a backup.

    Attributes:
        path: Where it belongs; begins with `registry/`, `ledger/` or `files/`.
        sha256: Of its bytes.
        size: Bytes.
    """

    path: str
    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class KeptTable:
    """A table of the ledger.

    Attributes:
        name: Such as `behavior`.
        version: The highest that the backup holds.
        rows: Live rows.
    """

    name: str
    version: int
    rows: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup consists of.

    Attributes:
        format: Of this file.
        made_at: When the backup began; everything acknowledged before is in it.
        pilotbook: The version that made it.
        schema: Of the registry.
        ledger_through: Highest batch that counts.
        registry: Its tables.
        ledger: Its tables.
        files: All files, registry and ledger included.
    """

    format: int
    made_at: datetime
    pilotbook: str
    schema: str
    ledger_through: int
    registry: tuple[Dumped, ...]
    ledger: tuple[KeptTable, ...]
    files: tuple[KeptFile, ...]

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files)


@dataclass(frozen=True, slots=True)
class Put:
    """What became of a file that was put into a place."""

    sha256: str
    size: int
    is_new: bool


@dataclass(frozen=True, slots=True)
class Place:
    """A folder of backups."""

    folder: Path

    def names(self) -> list[str]:
        """The backups, the newest last."""
        return sorted(path.stem for path in (self.folder / "backups").glob("*.json"))

    def read(self, name: str | None = None) -> tuple[str, Manifest]:
        """A manifest and its name; the newest where no name is given.

        Raises:
            BadInput: There is none, or it is damaged, or of a newer Pilotbook.
        """
        known = self.names()
        if not known or (name is not None and name not in known):
            which = f"backup {name!r}" if name and known else "backup of Pilotbook"
            listed = f"; there are {', '.join(known)}" if known else ""
            raise BadInput(f"There is no {which} in {self.folder}{listed}.")
        chosen = name or known[-1]
        path = self.folder / "backups" / f"{chosen}.json"
        raw = path.read_bytes()
        if not SET_NAME.fullmatch(chosen) or hashlib.sha256(raw).hexdigest()[:16] != chosen[-16:]:
            raise _refusal(path, "is damaged: its bytes are not those that its name stands for")
        try:
            said = json.loads(raw)
            if said["format"] != FORMAT:
                raise _refusal(path, "was made by a newer Pilotbook; restore it with that one")
            manifest = from_text(Manifest, raw.decode())
        except (ValidationError, ValueError, TypeError, KeyError):
            raise _refusal(path, "is no manifest of a backup") from None
        for file in manifest.files:
            _refuse_foreign(path, file)
        return chosen, manifest

    def put(self, stream: IO[bytes]) -> Put:
        """Keep the bytes of a stream, synced to disk, unless they are kept already."""
        self._objects.mkdir(parents=True, exist_ok=True)
        unfinished = self._objects / f".{secrets.token_hex(8)}.unfinished"
        digest, size = hashlib.sha256(), 0
        try:
            with unfinished.open("xb") as file:
                while piece := stream.read(PIECE):
                    digest.update(piece)
                    size += file.write(piece)
                target = self.object(digest.hexdigest())
                if self.holds(digest.hexdigest(), size=size):
                    return Put(digest.hexdigest(), size, is_new=False)
                file.flush()
                os.fsync(file.fileno())
            target.parent.mkdir(exist_ok=True)
            unfinished.replace(target)
        finally:
            unfinished.unlink(missing_ok=True)
        return Put(digest.hexdigest(), size, is_new=True)

    def holds(self, sha256: str, *, size: int) -> bool:
        """Whether a file of a digest is kept, and as long as it should be."""
        try:
            return self.object(sha256).stat().st_size == size
        except FileNotFoundError:
            return False

    def object(self, sha256: str) -> Path:
        """Where the bytes of a digest are kept."""
        return self._objects / sha256[:2] / sha256

    def problems(self, files: Collection[KeptFile]) -> list[Problem]:
        """Read files again: what is missing, cut short or changed."""
        found = []
        for file in sorted(files, key=lambda file: file.path):
            path = self.object(file.sha256)
            if not path.is_file():
                found.append(Problem(file.path, f"is missing ({path})"))
            elif path.stat().st_size != file.size:
                size = path.stat().st_size
                found.append(Problem(file.path, f"has {size:,} bytes of {file.size:,} ({path})"))
            elif sha256_of(path) != file.sha256:
                found.append(Problem(file.path, f"is damaged: its bytes have changed ({path})"))
        return found

    def write(self, manifest: Manifest) -> str:
        """Keep a manifest, once everything that it names is on disk; its name."""
        raw = to_text(manifest).encode()
        name = f"{manifest.made_at:%Y%m%dT%H%M%S.%fZ}-{hashlib.sha256(raw).hexdigest()[:16]}"
        for folder in {self.object(file.sha256).parent for file in manifest.files}:
            sync(folder)
        sync(self._objects)
        (self.folder / "backups").mkdir(exist_ok=True)
        write_whole(self.folder / "backups" / f"{name}.json", raw)
        sync(self.folder)
        return name

    def keep_newest(self, count: int, *, own: str) -> int:
        """Delete all but the newest backups, and what none of these holds; how many went.

        Args:
            count: How many stay.
            own: The one that was just made; it stays, also where a clock was set back.

        Raises:
            BadInput: A backup that stays is damaged, so that nobody knows what it holds.
        """
        others = [name for name in self.names() if name != own]
        gone = others[: max(0, len(others) - (count - 1))]
        stay = {own, *others} - {*gone}
        held = {file.sha256 for name in stay for file in self.read(name)[1].files}
        for name in gone:
            (self.folder / "backups" / f"{name}.json").unlink()
        if gone:
            sync(self.folder / "backups")
            for path in self._objects.glob("??/*"):
                if path.name not in held:
                    path.unlink()
        return len(gone)

    def erased(self) -> frozenset[int]:
        """Numbers of customers who were erased, whatever older backups hold of them."""
        path = self.folder / "erased.json"
        return frozenset(json.loads(path.read_bytes())) if path.exists() else frozenset()

    def remember_erased(self, customers: Collection[int]) -> None:
        """Add to the numbers of erased customers."""
        known = self.erased()
        if {*customers} - known:
            write_whole(
                self.folder / "erased.json", json.dumps(sorted({*customers} | known)).encode()
            )

    @contextmanager
    def alone(self) -> Iterator[None]:
        """One backup at a time.

        Raises:
            NotNow: Another one is under way.
            BadInput: Nothing can be written there.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            lock = (self.folder / "lock").open("w")
        except OSError as error:
            raise BadInput(
                f"No backup can be written to {self.folder} ({error.strerror}); name a folder "
                f"that can."
            ) from None
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise NotNow(
                    f"Another backup into {self.folder} is under way; wait until it is done."
                ) from None
            for left in self._objects.glob(".*.unfinished"):  # of one that was stopped
                left.unlink()
            yield

    @property
    def _objects(self) -> Path:
        return self.folder / "objects"


def lay_out(place: Place, files: Sequence[KeptFile], into: Path, *, within: str) -> None:
    """Make kept files appear under their names, as links to where they are kept.

    Args:
        place: Holds them.
        files: Those of a manifest.
        into: A folder that is only read from, and gone soon.
        within: Which part: `registry`, `ledger` or `files`.
    """
    for file, path in part(files, within):
        target = into / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.symlink_to(place.object(file.sha256).absolute())


def part(files: Sequence[KeptFile], within: str) -> Iterator[tuple[KeptFile, str]]:
    """The files of a part of a backup, and their paths in it."""
    for file in files:
        if file.path.startswith(f"{within}/"):
            yield file, file.path.removeprefix(f"{within}/")


def sha256_of(path: Path) -> str:
    """The digest of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_whole(path: Path, raw: bytes) -> None:
    """Write a file that is there whole or not at all, also after a power cut."""
    unfinished = path.with_name(f".{path.name}.unfinished")
    with unfinished.open("wb") as file:
        file.write(raw)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)
    sync(path.parent)


def sync(folder: Path) -> None:
    """Make the names in a folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _refuse_foreign(path: Path, file: KeptFile) -> None:
    """Stop at a manifest that would write outside the places that belong to an installation."""
    parts = PurePosixPath(file.path).parts
    if (
        not DIGEST.fullmatch(file.sha256)
        or len(parts) < 2
        or parts[0] not in (REGISTRY, LEDGER, FILES)
        or ".." in parts
        or "\0" in file.path
    ):
        raise _refusal(path, f"names {file.path!r}, which is no file of a backup")


def _refusal(path: Path, what: str) -> BadInput:
    return BadInput(REFUSED, [Problem(str(path), what)])
