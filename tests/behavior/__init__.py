"""Tests of behavior: ledger, directory, accounts, exact summaries."""
