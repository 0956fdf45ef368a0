"""Tests of planning on the site."""
