"""What calls of this stage ask for."""

from enum import StrEnum
from typing import Annotated

from fastapi import Query

from app.dependencies import LARGEST_ID

AnalysisNumber = Annotated[
    int | None,
    Query(ge=1, le=LARGEST_ID, description="Number of an analysis; the newest where left out."),
]


class Format(StrEnum):
    """How a report is written."""

    HTML = "html"
    PDF = "pdf"
    JSON = "json"
