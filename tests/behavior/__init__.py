"""Tests of behavior: accounts, exact summaries."""
