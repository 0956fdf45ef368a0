"""Enrol: who is in, and on which side."""
