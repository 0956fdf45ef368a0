"""Corrections: batches that withdraw rows of earlier ones and enter others in their place."""

import json
from datetime import datetime

from sqlmodel import Field

from app.tables.base import Table


class CorrectionRow(Table, table=True):
    """Who corrected what, when and why; the batch that brought it holds the rows.

    `touched_json` says of each pilot how many of its customers had a row corrected.
    """

    __tablename__ = "corrections"

    batch_no: int = Field(primary_key=True, foreign_key="batches.batch_no")
    user_id: int | None = Field(default=None, foreign_key="users.id")
    reason: str
    withdrawn: int
    entered: int
    touched_json: str = "{}"
    made_at: datetime

    @property
    def touched(self) -> dict[str, int]:
        """Per pilot, how many of its customers had a row corrected."""
        return {str(slug): int(count) for slug, count in json.loads(self.touched_json).items()}


class CorrectedBatchRow(Table, table=True):
    """A batch of which a correction withdrew rows, and how many."""

    __tablename__ = "corrected_batches"

    batch_no: int = Field(primary_key=True, foreign_key="corrections.batch_no")
    corrected: int = Field(primary_key=True, foreign_key="batches.batch_no", index=True)
    withdrawn: int
