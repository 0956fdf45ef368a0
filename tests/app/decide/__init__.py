"""Tests of this stage of the service."""
