"""Tests on a Spark cluster of a master and two workers; `make test-spark`."""
