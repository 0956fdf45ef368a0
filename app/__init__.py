"""The service: people, pages, API and command line over the library."""

import os

# Before NumPy is loaded: with several threads its last digits would depend on how many cores there
# are, and small matrices, of which there are many, wait for one another.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
