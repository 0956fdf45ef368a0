"""Tests of what the change is worth."""
