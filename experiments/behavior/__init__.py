"""Behavior: one account per customer from the rows of the ledger, and exact summaries."""
