"""The engines that turn rows of the ledger into accounts and summaries."""
