"""Plan: what is believed, what would prove it, what it costs, who commits to the answer."""
