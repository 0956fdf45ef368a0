"""Decide: the verdict by the rule agreed in the plan."""
