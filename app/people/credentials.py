"""Secrets that browsers and scripts carry; the registry keeps only their hashes."""

import hashlib
import secrets
from typing import Final

TOKEN_PREFIX: Final = "pilotbook_"  # noqa: S105 - lets a scanner find tokens that leaked


def new_secret() -> str:
    """A secret of 256 random bits."""
    return secrets.token_urlsafe(32)


def new_token() -> str:
    """The secret of a token for scripts."""
    return TOKEN_PREFIX + new_secret()


def digest(secret: str) -> str:
    """What the registry keeps. A fast hash is enough: nobody guesses 256 random bits."""
    return hashlib.sha256(secret.encode()).hexdigest()
