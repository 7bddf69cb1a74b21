"""Is this ID token one of a pipeline's, for us, now? Text and key in; claims out, or `Denied` (401).

GitLab signs with RS256 and writes numbers as texts (docs.gitlab.com/ci/secrets/id_token_authentication). What is
said to the sender names what we expect, never what was sent.
"""

import base64
import binascii
from collections.abc import Collection
from typing import Annotated, Any, Final, Literal, TypeVar

import jwt
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, ValidationError

from bot.errors import Denied

ALGORITHMS: Final = ("RS256",)
LEEWAY: Final = 60  # seconds that clocks may differ
LONGEST_LIFE: Final = 32 * 86_400  # seconds: a token lives as long as its job may run, a month at most
LONGEST: Final = 16_384  # characters

UNREADABLE = (
    "the Authorization header holds no ID token: declare `id_tokens` with `aud: {audience}` in the job"
)
ALGORITHM = "the ID token is not signed with RS256"
NO_KEY_ID = "the ID token does not name its key (kid)"
ISSUER = "the ID token is from an issuer that is not accepted here; accepted: {issuers}"
SIGNATURE = "the signature of the ID token is wrong"
AUDIENCE = (
    "the ID token is for another audience: write `aud: {audience}`, and nothing else, in the job's id_tokens"
)
CLAIM = "the claim {claim} of the ID token is missing or wrong ({reason})"
EXPIRED = "the ID token has expired: the job needs a longer timeout, or must ask earlier"
EARLY = "the ID token is not valid yet: check the clocks of this server and of GitLab"
LASTING = "the ID token is valid for longer than any job can run"


def _number(value: Any) -> Any:
    """GitLab's ids are decimal texts."""
    return int(value) if isinstance(value, str) and value.isascii() and value.isdigit() else value


Number = Annotated[int, BeforeValidator(_number), Field(strict=True, gt=0, lt=2**63)]
Moment = Annotated[int, Field(strict=True, ge=0, lt=2**40)]
Word = Annotated[str, StringConstraints(strict=True, min_length=1, max_length=1024)]


class Header(BaseModel):
    """The part of a token's header that counts."""

    alg: str
    kid: str = Field(default="", max_length=256)


class Unverified(BaseModel):
    """Who a token says it is from: enough to choose the key, believed in nothing else."""

    iss: str = ""


class Claims(BaseModel):
    """What GitLab says of a pipeline's job. Times are Unix seconds; `sha` is the commit the pipeline runs on.

    In a merge request's pipeline `ref` is its source branch and `sha`, with merged results, the merge commit.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    iss: Word
    sub: Word
    aud: Word | Annotated[list[Word], Field(min_length=1, max_length=1)]
    jti: Word
    exp: Moment
    nbf: Moment
    iat: Moment
    project_id: Number
    project_path: Word
    pipeline_id: Number
    pipeline_source: Word
    job_id: Number
    ref: Word
    ref_type: Word
    ref_protected: Literal["true", "false", True, False]
    sha: Annotated[str, StringConstraints(strict=True, pattern=r"^[0-9a-f]{40}(?:[0-9a-f]{24})?$")]


M = TypeVar("M", bound=BaseModel)


def key_name(token: str, issuers: Collection[str], audience: str) -> tuple[str, str]:
    """The issuer and the id of the key a token names; nothing else in it is believed yet. Raises Denied."""
    parts = token.split(".")
    if len(token) > LONGEST or len(parts) != 3 or not token.isascii():
        raise Denied(401, UNREADABLE.format(audience=audience))
    header = _part(Header, parts[0], audience)
    if header.alg not in ALGORITHMS:
        raise Denied(401, ALGORITHM)
    if not header.kid:
        raise Denied(401, NO_KEY_ID)
    issuer = _part(Unverified, parts[1], audience).iss
    if issuer not in issuers:
        raise Denied(401, ISSUER.format(issuers=", ".join(sorted(issuers))))
    return issuer, header.kid


def verified(token: str, key: jwt.PyJWK, issuer: str, audience: str, now: float) -> Claims:
    """The claims of an authentic, present token for `audience`. `now`: Unix seconds. Raises Denied."""
    try:
        signed = jwt.PyJWS().decode_complete(token, key, algorithms=list(ALGORITHMS))
    except (jwt.PyJWTError, ValueError, RecursionError):
        raise Denied(401, SIGNATURE) from None
    claims = _claims(signed["payload"])
    if claims.iss != issuer:
        raise Denied(401, ISSUER.format(issuers=issuer))
    if claims.aud not in (audience, [audience]):
        raise Denied(401, AUDIENCE.format(audience=audience))
    _check_times(claims, now)
    return claims


def _check_times(claims: Claims, now: float) -> None:
    if claims.exp <= now - LEEWAY:
        raise Denied(401, EXPIRED)
    if max(claims.nbf, claims.iat) > now + LEEWAY:
        raise Denied(401, EARLY)
    if not 0 < claims.exp - claims.iat <= LONGEST_LIFE:
        raise Denied(401, LASTING)


def _claims(payload: bytes) -> Claims:
    try:
        return Claims.model_validate_json(payload)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        claim = str(first["loc"][0]) if first["loc"] else "set"
        raise Denied(401, CLAIM.format(claim=claim, reason=_reason(first["type"]))) from None


def _reason(kind: str) -> str:
    return "missing" if kind == "missing" else kind.replace("_", " ")


def _part(model: type[M], part: str, audience: str) -> M:
    """One base64url part of a token, as JSON."""
    try:
        return model.model_validate_json(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (binascii.Error, ValueError):
        raise Denied(401, UNREADABLE.format(audience=audience)) from None
