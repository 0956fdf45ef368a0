"""Looks and lifts: who asked to see outcomes, how each look is read, who lifted the veil."""

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "looks",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("analysis_id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=True),
        sa.Column("number", sa.Integer(), nullable=True),
        sa.Column("planned", sa.Integer(), nullable=True),
        sa.Column("boundary", sa.Float(), nullable=True),
        sa.Column("information", sa.Float(), nullable=True),
        sa.ForeignKeyConstraint(
            ["analysis_id"], ["analyses.id"], name=op.f("fk_looks_analysis_id")
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_looks_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_looks")),
        sa.UniqueConstraint("analysis_id", name=op.f("uq_looks_analysis_id")),
    )
    op.create_table(
        "lifts",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("pilot_id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("reason", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("fingerprint", sqlmodel.sql.sqltypes.AutoString(length=64), nullable=False),
        sa.Column("lifted_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("analysis_id", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["analysis_id"], ["analyses.id"], name=op.f("fk_lifts_analysis_id")
        ),
        sa.ForeignKeyConstraint(["pilot_id"], ["pilots.id"], name=op.f("fk_lifts_pilot_id")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_lifts_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lifts")),
        sa.UniqueConstraint("analysis_id", name=op.f("uq_lifts_analysis_id")),
    )
    with op.batch_alter_table("lifts", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_lifts_pilot_id"), ["pilot_id"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("lifts", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_lifts_pilot_id"))

    op.drop_table("lifts")
    op.drop_table("looks")
