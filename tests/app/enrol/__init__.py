"""Tests of the enrol step over HTTP and its pages."""
