"""Care of the ledger: compaction, scrub, backup and restore, erasure of a person."""
