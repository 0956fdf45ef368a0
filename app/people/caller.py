"""Who asks."""

from dataclasses import dataclass

from app.people.rights import Right, allowed, covered
from app.tables import Role, TokenScope


@dataclass(frozen=True, slots=True)
class Caller:
    """A signed-in person, or a script with a person's token.

    Attributes:
        user_id: The user.
        email: Their sign-in.
        role: What they are.
        sign_in_id: The browser's session; None for a script.
        scope: The token's; None for a browser.
    """

    user_id: int
    email: str
    role: Role
    sign_in_id: int | None = None
    scope: TokenScope | None = None

    def may(self, right: Right, *, own: bool | None = None, safe: bool = True) -> bool:
        """Whether the caller has a right (see `app.people.rights.allowed`)."""
        if self.scope is not None and not covered(right, self.scope, safe=safe):
            return False
        return allowed(right, self.role, own=own)
