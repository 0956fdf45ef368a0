"""Analyse: what changed because of the program, and can we trust it?"""
