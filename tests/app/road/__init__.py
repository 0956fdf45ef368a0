"""Pages and calls that cross the stages."""
