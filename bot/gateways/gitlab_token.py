"""Whose token this is, what it may do by its scopes, until when, and which role its account has somewhere.

Sources: docs.gitlab.com/api/personal_access_tokens ("self"; access tokens of projects and groups are of the same
kind), /api/members, /user/permissions.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

from bot.errors import Forbidden, NotFound, Refused
from bot.gateways.gitlab_api import GitLabApi
from bot.gateways.gitlab_place import Place
from bot.gateways.gitlab_shapes import MemberShape, shaped
from bot.gateways.shapes import Shape

NOBODY: Final = 0
REPORTER: Final = 20
DEVELOPER: Final = 30
MAINTAINER: Final = 40
OWNER: Final = 50
ROLES: Final[Mapping[int, str]] = {
    NOBODY: "no member",
    5: "Minimal access",
    10: "Guest",
    15: "Planner",
    REPORTER: "Reporter",
    25: "Security manager",
    DEVELOPER: "Developer",
    MAINTAINER: "Maintainer",
    OWNER: "Owner",
}

API: Final = "api"
FINE_GRAINED: Final = "granular"
COVERS: Final[Mapping[str, frozenset[str]]] = {
    API: frozenset({"read_api", "read_user", "read_repository", "write_repository"}),
    "read_api": frozenset({"read_user"}),
    "write_repository": frozenset({"read_repository"}),
}
ITSELF: Final = "the token itself"


class TokenShape(Shape):
    user_id: int
    scopes: tuple[str, ...]
    expires_at: date | None = None


class BearerShape(Shape):
    """`is_admin` is told to administrators alone."""

    id: int
    username: str
    bot: bool = False
    is_admin: bool = False


@dataclass(frozen=True, slots=True)
class Bearer:
    """Who a token acts as. `scopes` None: not told, as of an OAuth or a fine-grained token.

    `expires`: the day from which on it is refused. `name` is "" where a token may not even ask who it is.
    """

    id: int
    name: str
    is_bot: bool
    is_admin: bool
    scopes: frozenset[str] | None
    expires: date | None

    def lacks(self, needed: frozenset[str]) -> list[str]:
        """The scopes that are missing, as far as scopes are known."""
        if self.scopes is None:
            return []
        covered = self.scopes.union(*(COVERS.get(scope, frozenset()) for scope in self.scopes))
        return sorted(needed - covered)


def bearer(api: GitLabApi) -> Bearer:
    """Two requests. Raises AccessDenied for a token that is expired or revoked, PlatformError."""
    token = _token(api)
    try:
        user = shaped(BearerShape, api.get("/user", "the token's own user"), "the token's own user")
    except Forbidden:
        if token is None:
            raise
        user = BearerShape(id=token.user_id, username="")
    return Bearer(
        id=user.id,
        name=user.username,
        is_bot=user.bot,
        is_admin=user.is_admin,
        scopes=_scopes(token),
        expires=token.expires_at if token else None,
    )


def role(api: GitLabApi, place: Place, person: int) -> int:
    """The access level there, inherited ones, too; `NOBODY` for who is no member. Raises PlatformError."""
    what = f"the members of {place.path}"
    try:
        answer = api.get(f"{place.address}/members/all/{person}", what)
    except NotFound:
        return NOBODY
    member = shaped(MemberShape, answer, what)
    return member.access_level if member.state == "active" else NOBODY


def role_name(level: int) -> str:
    return ROLES.get(level, f"level {level}")


def _token(api: GitLabApi) -> TokenShape | None:
    """None for what is no access token, or on a GitLab before 15.5, which does not tell."""
    try:
        return shaped(TokenShape, api.get("/personal_access_tokens/self", ITSELF), ITSELF)
    except (NotFound, Refused):
        return None


def _scopes(token: TokenShape | None) -> frozenset[str] | None:
    if token is None or FINE_GRAINED in token.scopes:
        return None
    return frozenset(token.scopes)
