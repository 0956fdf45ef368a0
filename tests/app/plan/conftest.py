"""A site without a worker: planning needs none."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.site import Site, open_site


@pytest.fixture
def site(tmp_path: Path, migrated_file: Path) -> Iterator[Site]:
    shutil.copy(migrated_file, tmp_path / "registry.db")
    with open_site(tmp_path, working=False) as opened:
        yield opened
