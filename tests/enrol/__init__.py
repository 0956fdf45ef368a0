"""Tests of enrolment: assignment, customers files, fingerprint."""
