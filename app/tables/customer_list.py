"""Customer lists: customers who wait for their arms to be drawn."""

from datetime import datetime

from sqlmodel import Field

from app.tables.base import Table


class CustomerListRow(Table, table=True):
    """An uploaded list of customers without arms; a newer one replaces it until arms are drawn."""

    __tablename__ = "customer_lists"

    id: int | None = Field(default=None, primary_key=True)
    pilot_id: int = Field(foreign_key="pilots.id", unique=True)
    upload: str
    file_name: str
    columns_json: str
    customers: int
    created_at: datetime
