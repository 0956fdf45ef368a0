"""The ledger: what customers did, who they are, who is enrolled; durable, compact, checked."""
