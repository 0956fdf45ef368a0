"""Tests of the verdict by the rule of the plan."""
