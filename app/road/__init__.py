"""The road from plan to report, across the stages."""
