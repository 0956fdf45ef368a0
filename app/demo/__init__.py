"""A company that never existed, with pilots whose true effects are known."""
