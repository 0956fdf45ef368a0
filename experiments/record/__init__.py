"""Record: what did customers do? Behavior into the ledger, in batches with receipts."""
