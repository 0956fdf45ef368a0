"""Tests of the service: registry, batches, the road, the command line."""
