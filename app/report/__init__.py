"""Report: write what people and scripts read."""
