"""Files that people send: text in, typed columns out, every refused row with its reason."""
