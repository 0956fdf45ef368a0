"""Report: how people are told. One typed object, shown as page, PDF and JSON."""
