"""Analyse: compute, and keep what was computed."""
