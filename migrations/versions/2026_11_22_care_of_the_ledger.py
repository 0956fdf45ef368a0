"""Care of the ledger: commits, data files, leases, corrections, upkeep."""

from collections.abc import Sequence

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

KINDS = ("enrol", "assign", "record", "rows", "correct", "analyse")
NEW_KINDS = ("rows", "correct")


def upgrade() -> None:
    _allow_kinds(KINDS)
    op.create_table(
        "commits",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("table_name", sqlmodel.sql.sqltypes.AutoString(length=160), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("sha256", sqlmodel.sql.sqltypes.AutoString(length=64), nullable=False),
        sa.Column("batch_no", sa.Integer(), nullable=True),
        sa.Column("confirmed_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["batch_no"], ["batches.batch_no"], name=op.f("fk_commits_batch_no")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_commits")),
        sa.UniqueConstraint("table_name", "version", name=op.f("uq_commits_table_name_version")),
    )
    with op.batch_alter_table("commits", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_commits_batch_no"), ["batch_no"], unique=False)
    op.create_table(
        "data_files",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("table_name", sqlmodel.sql.sqltypes.AutoString(length=160), nullable=False),
        sa.Column("path", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sqlmodel.sql.sqltypes.AutoString(length=64), nullable=False),
        sa.Column("added_in", sa.Integer(), nullable=False),
        sa.Column("removed_in", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_data_files")),
        sa.UniqueConstraint("table_name", "path", name=op.f("uq_data_files_table_name_path")),
    )
    op.create_table(
        "leases",
        sa.Column("id", sqlmodel.sql.sqltypes.AutoString(length=32), nullable=False),
        sa.Column("table_name", sqlmodel.sql.sqltypes.AutoString(length=160), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("holder", sqlmodel.sql.sqltypes.AutoString(length=64), nullable=False),
        sa.Column("until", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_leases")),
    )
    op.create_table(
        "corrections",
        sa.Column("batch_no", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=True),
        sa.Column("reason", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("withdrawn", sa.Integer(), nullable=False),
        sa.Column("entered", sa.Integer(), nullable=False),
        sa.Column("touched_json", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("made_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["batch_no"], ["batches.batch_no"], name=op.f("fk_corrections_batch_no")
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_corrections_user_id")),
        sa.PrimaryKeyConstraint("batch_no", name=op.f("pk_corrections")),
    )
    op.create_table(
        "corrected_batches",
        sa.Column("batch_no", sa.Integer(), nullable=False),
        sa.Column("corrected", sa.Integer(), nullable=False),
        sa.Column("withdrawn", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["batch_no"], ["corrections.batch_no"], name=op.f("fk_corrected_batches_batch_no")
        ),
        sa.ForeignKeyConstraint(
            ["corrected"], ["batches.batch_no"], name=op.f("fk_corrected_batches_corrected")
        ),
        sa.PrimaryKeyConstraint("batch_no", "corrected", name=op.f("pk_corrected_batches")),
    )
    with op.batch_alter_table("corrected_batches", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_corrected_batches_corrected"), ["corrected"], unique=False
        )
    op.create_table(
        "upkeep",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sqlmodel.sql.sqltypes.AutoString(length=16), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=True),
        sa.Column("started_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("ended_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.Column("result_json", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("problem", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.CheckConstraint(
            "kind in ('compact', 'scrub', 'backup', 'restore', 'erase')",
            name=op.f("ck_upkeep_kind"),
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_upkeep_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_upkeep")),
    )
    with op.batch_alter_table("upkeep", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_upkeep_kind"), ["kind"], unique=False)


def downgrade() -> None:
    op.execute("delete from jobs where kind in ('rows', 'correct')")
    _allow_kinds([kind for kind in KINDS if kind not in NEW_KINDS])
    with op.batch_alter_table("upkeep", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_upkeep_kind"))
    op.drop_table("upkeep")
    with op.batch_alter_table("corrected_batches", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_corrected_batches_corrected"))
    op.drop_table("corrected_batches")
    op.drop_table("corrections")
    op.drop_table("leases")
    op.drop_table("data_files")
    with op.batch_alter_table("commits", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_commits_batch_no"))
    op.drop_table("commits")


def _allow_kinds(kinds: Sequence[str]) -> None:
    """Let jobs be of these kinds."""
    listed = ", ".join(f"'{kind}'" for kind in kinds)
    with op.batch_alter_table("jobs", schema=None) as batch_op:
        batch_op.drop_constraint(op.f("ck_jobs_kind"), type_="check")
        batch_op.create_check_constraint(op.f("ck_jobs_kind"), sa.text(f"kind in ({listed})"))
