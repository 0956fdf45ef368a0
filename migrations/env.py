"""Run migrations over the connection that the caller opened."""

from alembic import context
from sqlmodel import SQLModel

from app import tables

assert tables.PilotRow  # noqa: S101 - importing the tables fills the metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=SQLModel.metadata,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
