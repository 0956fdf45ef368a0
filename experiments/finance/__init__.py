"""Money over time: cash flows in, values out; nothing here has heard of a pilot."""
