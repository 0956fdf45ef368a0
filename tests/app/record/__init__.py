"""Tests of the record step over HTTP and its pages."""
