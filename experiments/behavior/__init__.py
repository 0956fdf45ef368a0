"""Behavior: the ledger of what customers did, one account per customer, and exact summaries."""
