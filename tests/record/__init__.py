"""Tests of recording: files of behavior into the ledger, with receipts."""
