"""Decide: accept the recommendation or override it."""
