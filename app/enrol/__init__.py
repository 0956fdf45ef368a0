"""Enrol: take in the customers of a pilot."""
