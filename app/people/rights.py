"""Who may do what: one table, asked in one place (`app.dependencies.Allow`)."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from app.tables import Role, TokenScope


class Right(StrEnum):
    """What a route asks for."""

    READ = "read pilots, results and reports"
    WRITE = "write plans, enrol, and add updates"
    RECORD = "record behavior, add measures, and read receipts"
    REVERSE = "reverse a batch and read its rejects"
    ANALYSE = "run analyses"
    PULL_ACCOUNTS = "pull accounts by customer number"
    SEE_CUSTOMERS = "see customer ids and export treatment lists"
    SIGN = "sign plans, and accept or override decisions"
    LIFT = "lift the veil over outcomes"
    FOLLOW = "follow a job"
    OWN_ACCOUNT = "change the own password, tokens and sign-ins"
    ADMINISTER = "administer users and tokens of others"


class Reach(StrEnum):
    """On which pilots, batches or jobs a role has a right."""

    NONE = "none"
    OWN = "own"
    ALL = "all"


_ROLES: Final = (Role.MANAGER, Role.ANALYST, Role.EXECUTIVE, Role.ADMIN)


def _row(manager: Reach, analyst: Reach, executive: Reach, admin: Reach) -> Mapping[Role, Reach]:
    return dict(zip(_ROLES, (manager, analyst, executive, admin), strict=True))


RIGHTS: Final[Mapping[Right, Mapping[Role, Reach]]] = {
    Right.READ: _row(Reach.ALL, Reach.ALL, Reach.ALL, Reach.ALL),
    Right.WRITE: _row(Reach.OWN, Reach.NONE, Reach.NONE, Reach.ALL),
    Right.RECORD: _row(Reach.ALL, Reach.NONE, Reach.NONE, Reach.ALL),
    Right.REVERSE: _row(Reach.OWN, Reach.NONE, Reach.NONE, Reach.ALL),
    Right.ANALYSE: _row(Reach.OWN, Reach.ALL, Reach.NONE, Reach.ALL),
    Right.PULL_ACCOUNTS: _row(Reach.OWN, Reach.ALL, Reach.NONE, Reach.ALL),
    Right.SEE_CUSTOMERS: _row(Reach.OWN, Reach.NONE, Reach.NONE, Reach.ALL),
    Right.SIGN: _row(Reach.NONE, Reach.NONE, Reach.ALL, Reach.NONE),
    Right.LIFT: _row(Reach.NONE, Reach.NONE, Reach.NONE, Reach.ALL),
    Right.FOLLOW: _row(Reach.OWN, Reach.OWN, Reach.OWN, Reach.ALL),
    Right.OWN_ACCOUNT: _row(Reach.OWN, Reach.OWN, Reach.OWN, Reach.OWN),
    Right.ADMINISTER: _row(Reach.NONE, Reach.NONE, Reach.NONE, Reach.ALL),
}


def allowed(right: Right, role: Role, *, own: bool | None) -> bool:
    """Whether a role has a right.

    Args:
        right: What is asked for.
        role: Of the person who asks.
        own: Whether the pilot, batch or job is the person's; None where there is none yet, as
            when somebody begins a pilot, which will be their own.

    Example:
        >>> allowed(Right.WRITE, Role.MANAGER, own=False)
        False
        >>> allowed(Right.WRITE, Role.MANAGER, own=None)
        True
    """
    reach = RIGHTS[right][role]
    return reach is Reach.ALL or (reach is Reach.OWN and own is not False)


def covered(right: Right, scope: TokenScope, *, safe: bool) -> bool:
    """Whether a token of some scope may use a right that its user has.

    Args:
        right: What is asked for.
        scope: Of the token.
        safe: Whether the request changes nothing.

    Example:
        >>> covered(Right.ANALYSE, TokenScope.READ, safe=False)
        False
    """
    match scope:
        case TokenScope.READ:
            return safe
        case TokenScope.RECORD:
            return safe or right is Right.RECORD
        case TokenScope.MANAGE:
            # A token is no person: it neither administers nor changes the account it belongs to.
            return safe or right not in (Right.ADMINISTER, Right.OWN_ACCOUNT)
