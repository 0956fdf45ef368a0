"""What the service refuses, beside bad input.

    PilotError
    └── Refusal
        ├── NotFound            there is no such thing
        ├── NotSignedIn         nobody is signed in, or the token does not count
        ├── NotAllowed          this person may not
        ├── NotNow              the state of things forbids it; `OutcomesVeiled` says until when
        ├── Stale               somebody else changed it meanwhile
        ├── WrongType           a body of a type that cannot be read
        ├── TooLarge            a body that is too long
        ├── TooManyTries        slow down
        └── NoRoom              the disk is full

Which status each becomes is known to `app.errors` alone.
"""

from datetime import date

from experiments.errors import PilotError
from experiments.words import day


class Refusal(PilotError):
    """Something that is not done, with the reason and what to do."""


class NotFound(Refusal):
    """There is no such thing."""

    def __init__(self, what: str) -> None:
        super().__init__(f"There is no {what}; check the address, or look for it in the list.")


class NotSignedIn(Refusal):
    """Nobody is signed in, or the token is unknown, revoked or expired."""

    def __init__(self) -> None:
        super().__init__("Sign in, or send a token that is known, not revoked and not expired.")


class NotAllowed(Refusal):
    """This person, or this token, may not."""


class NotNow(Refusal):
    """The state of things forbids it."""


class OutcomesVeiled(NotNow):
    """Outcomes may not be looked at yet."""

    def __init__(self, *, why: str, visible_from: date | None) -> None:
        self.visible_from = visible_from
        until = f" They can be seen from {day(visible_from)}." if visible_from else ""
        super().__init__(f"Outcomes are veiled, because {why}.{until}")


class Stale(Refusal):
    """Somebody else changed it meanwhile."""


class WrongType(Refusal):
    """A body of a type that cannot be read."""


class TooLarge(Refusal):
    """A body that is too long."""


class TooManyTries(Refusal):
    """Too many tries in too short a time."""


class NoRoom(Refusal):
    """The disk is full."""
