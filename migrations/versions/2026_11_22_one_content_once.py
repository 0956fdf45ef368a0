"""A content counts once; a key knows the process that works on it; what is looked up often.

Batches accepted before have no content here: a file sent again is told by its bytes, as it was, and
two that were accepted with the same content stay as they are.
"""

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add columns and indices; added, not made anew, because other tables point at them."""
    content = sa.Column("content", sqlmodel.sql.sqltypes.AutoString(length=64), nullable=True)
    op.add_column("batches", content)
    op.create_index(op.f("ix_batches_content"), "batches", ["content"], unique=True)
    op.create_index(op.f("ix_batches_state"), "batches", ["state"], unique=False)
    process = sa.Column("process", sqlmodel.sql.sqltypes.AutoString(length=128), nullable=True)
    op.add_column("idempotency_keys", process)
    op.create_index(op.f("ix_jobs_ended_at"), "jobs", ["ended_at"], unique=False)


def downgrade() -> None:
    """Take them away again."""
    op.drop_index(op.f("ix_jobs_ended_at"), table_name="jobs")
    op.drop_column("idempotency_keys", "process")
    op.drop_index(op.f("ix_batches_state"), table_name="batches")
    op.drop_index(op.f("ix_batches_content"), table_name="batches")
    op.drop_column("batches", "content")
