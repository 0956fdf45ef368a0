"""Guessing of passwords is slowed down.

By account and address together, so that the owner stays able to sign in from elsewhere. Counted
in this process; several processes of a site count apart.
"""

import ipaddress
import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from fastapi import Request
from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from app.people.caller import Caller
from app.people.sign_ins import as_email
from app.refusals import TooManyTries
from experiments.errors import BadInput
from experiments.report.wording import counted

MINUTES: Final = 5
PER_ACCOUNT: Final = RateLimitItemPerMinute(10, MINUTES, namespace="account")
PER_ADDRESS: Final = RateLimitItemPerMinute(50, MINUTES, namespace="address")


class Guessing:
    """Counts wrong passwords."""

    def __init__(self) -> None:
        self._limiter = MovingWindowRateLimiter(MemoryStorage())

    def count(self, request: Request, email: str) -> None:
        """Count a try before it is made, so that many at the same time count as well.

        Raises:
            TooManyTries: Says when to try again.
        """
        address = _address(request)
        if not self._limiter.test(PER_ADDRESS, address):
            raise self._refusal(PER_ADDRESS, address)
        account = (as_email(email)[:254], address)
        if not self._limiter.hit(PER_ACCOUNT, *account):
            raise self._refusal(PER_ACCOUNT, *account)

    def was_wrong(self, request: Request) -> None:
        """A try failed, which counts against the address as well."""
        self._limiter.hit(PER_ADDRESS, _address(request))

    def was_right(self, request: Request, email: str) -> None:
        """A try went well, so that earlier ones of this account from here are forgotten."""
        self._limiter.clear(PER_ACCOUNT, as_email(email)[:254], _address(request))

    def _refusal(self, limit: RateLimitItemPerMinute, *who: str) -> TooManyTries:
        reset = self._limiter.get_window_stats(limit, *who).reset_time
        minutes = max(1, math.ceil((reset - time.time()) / 60))
        return TooManyTries(
            f"Too many wrong passwords from here. Try again in "
            f"{counted(minutes, 'minute', 'minutes')}."
        )


def guessing_of(request: Request) -> Guessing:
    """The counts of this process."""
    found: Guessing = request.app.state.guessing
    return found


@contextmanager
def slow_guessing(request: Request, caller: Caller) -> Iterator[None]:
    """Count wrong passwords of somebody who signs, as signing in does.

    Raises:
        TooManyTries: Says when to try again.
    """
    guessing = guessing_of(request)
    guessing.count(request, caller.email)
    try:
        yield
    except BadInput as error:
        if any(problem.where == "password" for problem in error.problems):
            guessing.was_wrong(request)
        raise
    guessing.was_right(request, caller.email)


def _address(request: Request) -> str:
    """Where a request comes from; of IPv6 the network, within which anybody has many addresses."""
    host = request.client.host if request.client else ""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if address.version == 4:
        return str(address)
    return str(ipaddress.ip_network((address, 64), strict=False))
