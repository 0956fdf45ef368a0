"""Tests of plans: the pilot file, its mistakes, fingerprint and registration."""
