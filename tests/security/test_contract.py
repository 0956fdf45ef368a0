"""Every call of the HTTP contract, with a few requests drawn from its own description.

`make fuzz` draws 200 of each kind. Whatever is sent, no answer is a fault of the server, and every
answer is one that the description promises.
"""

import pytest

from tests.security.contract import try_contract

pytestmark = pytest.mark.live


def test_every_answer_is_one_that_was_promised() -> None:
    assert try_contract(examples=2, phases="examples,fuzzing") == [0, 0, 0]
