"""The bot's tokens for GitLab: accepted, until when, strong enough, not too strong, and a bot's."""

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from bot.entry.doctor.check import Check, fine, note, wrong
from bot.entry.doctor.expiry import expires, is_soon
from bot.entry.doctor.faults import LATER
from bot.entry.gitlab_rights import READS, WRITES, OwnToken, named, without_scopes
from bot.errors import AccessDenied, PlatformError, Unavailable
from bot.gateways.gitlab_token import API, Bearer, bearer

TOPIC: Final = "GitLab"

ACCEPTED = "{who}, {scopes}, {expiry}"
UNTOLD = "scopes not told"
RENEW = "make a new token for the bot with the scopes {scopes}, and set {setting}"
UNTOLD_SAID = "{setting} is a fine-grained or an OAuth token: what it may cannot be asked for"
UNTOLD_CURE = "see that it may what a token with the scopes {scopes} may"
SOON = "{setting} {expires}"
A_PERSON = "{setting} belongs to {who}, no bot: what Trivet does stands under that name"
A_PERSON_CURE = "take the token of a service account, or a project's or group's access token"
TOO_STRONG = "{setting} may write as well: what reads other people's texts should not be able to"
TOO_STRONG_CURE = "take a token with the scopes read_api and read_repository alone"
SHARED = (
    "there is none: the token that writes serves for both, so that reading and writing are not kept apart"
)
TWICE = (
    "TRIVET_GITLAB__READ_TOKEN is the same token as TRIVET_GITLAB__TOKEN, "
    "so that reading and writing are not kept apart"
)
SHARED_CURE = (
    "set TRIVET_GITLAB__READ_TOKEN to a token of its own, with the scopes read_api and read_repository"
)


@dataclass(frozen=True, slots=True)
class Accepted:
    """A token of the bot's that GitLab takes, and who it is there."""

    token: OwnToken
    who: Bearer


def token_checks(
    tokens: Sequence[OwnToken], *, is_read: bool, is_twice: bool
) -> Generator[Check, None, list[Accepted]]:
    """Returns those that GitLab takes. `is_read`: a process that reads GitLab finds a token here.

    `is_twice`: one to read with is set; where it is not among them, it is the one that writes.
    """
    accepted: list[Accepted] = []
    for token in tokens:
        try:
            who = bearer(token.api)
        except PlatformError as error:
            yield wrong(TOPIC, token.name, str(error), _renewal(token, error))
            continue
        accepted.append(Accepted(token, who))
        yield _line(token, who)
        yield from _remarks(token, who)
    if is_read and all(token.need is WRITES for token in tokens):
        yield note(TOPIC, "token that reads", TWICE if is_twice else SHARED, SHARED_CURE)
    return accepted


def _renewal(token: OwnToken, error: PlatformError) -> str:
    if isinstance(error, Unavailable) or not isinstance(error, AccessDenied):
        return LATER.format(topic=TOPIC)
    return RENEW.format(scopes=", ".join(sorted(token.need.scopes)), setting=token.setting)


def _line(token: OwnToken, who: Bearer) -> Check:
    if lack := without_scopes(who, token.need, token.setting):
        return wrong(TOPIC, token.name, *lack)
    scopes = UNTOLD if who.scopes is None else ", ".join(sorted(who.scopes))
    return fine(
        TOPIC,
        token.name,
        ACCEPTED.format(who=named(who), scopes=scopes, expiry=expires(who.expires)),
    )


def _remarks(token: OwnToken, who: Bearer) -> Iterator[Check]:
    """What works, and should be known."""
    scopes = ", ".join(sorted(token.need.scopes))
    if who.scopes is None:
        cure = UNTOLD_CURE.format(scopes=scopes)
        yield note(TOPIC, token.name, UNTOLD_SAID.format(setting=token.setting), cure)
    if is_soon(who.expires):
        said = SOON.format(setting=token.setting, expires=expires(who.expires))
        yield note(TOPIC, token.name, said, RENEW.format(scopes=scopes, setting=token.setting))
    if not who.is_bot:
        said = A_PERSON.format(setting=token.setting, who=named(who))
        yield note(TOPIC, token.name, said, A_PERSON_CURE)
    if token.need is READS and API in (who.scopes or ()):
        yield note(TOPIC, token.name, TOO_STRONG.format(setting=token.setting), TOO_STRONG_CURE)
