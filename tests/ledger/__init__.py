"""Tests of the ledger: what reaches it stays, once."""
