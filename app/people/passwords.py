"""Passwords: argon2 hashes, and which passwords are too easy to guess."""

from functools import cache
from typing import Final

from pwdlib import PasswordHash
from zxcvbn.frequency_lists import FREQUENCY_LISTS

from experiments.errors import BadInput, Problem

SHORTEST: Final = 12
LONGEST: Final = 256
_hasher: Final = PasswordHash.recommended()


def hash_password(password: str) -> str:
    """The hash that is kept; takes tens of milliseconds on purpose."""
    return _hasher.hash(password)


def is_password(password: str, password_hash: str | None) -> bool:
    """Whether a password is the one; None takes as long as a wrong one.

    So nobody learns from the time of an answer whether a user exists.
    """
    if len(password) > LONGEST:
        return False
    matches = _hasher.verify(password, password_hash or _nobodys_hash())
    return matches and password_hash is not None


def refuse_weak(password: str, *, email: str) -> None:
    """Stop at a password that is too short, too common, or the e-mail address itself.

    Raises:
        BadInput: With the field `password`.
    """
    problem = None
    if len(password) < SHORTEST:
        problem = f"has {len(password)} characters; use at least {SHORTEST}, such as four words"
    elif len(password) > LONGEST:
        problem = f"has {len(password)} characters; use at most {LONGEST}"
    elif password.casefold() in _common():
        problem = "is among the most common passwords; choose another, such as four words"
    elif password.casefold() in (email.casefold(), email.casefold().partition("@")[0]):
        problem = "is the e-mail address; choose another, such as four words"
    if problem:
        raise BadInput("This password cannot be used.", [Problem("password", problem)])


@cache
def _common() -> frozenset[str]:
    return frozenset(FREQUENCY_LISTS["passwords"])


@cache
def _nobodys_hash() -> str:
    return hash_password("the password of nobody")
