"""The ledger in an object store: a real S3 server on loopback."""
