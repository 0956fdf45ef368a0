"""What an adapter is: inputs of a case and the folder of the data sets in, results out."""

from collections.abc import Callable
from pathlib import Path

from tests.reference.reading import Inputs, Results

Adapter = Callable[[Inputs, Path], Results]
