"""GitLab as the bot meets it: the instance and its clock, the tokens, and each project that is served."""

import os
from collections.abc import Generator, Iterator
from typing import Final

from bot.entry.doctor.check import Check, fine, note, wrong
from bot.entry.doctor.gitlab_projects import project_checks
from bot.entry.doctor.gitlab_tokens import token_checks
from bot.entry.gitlab_rights import hook_api, own_tokens
from bot.errors import AccessDenied, PlatformError
from bot.gateways.gitlab_api import GitLabApi
from bot.gateways.gitlab_instance import Instance, instance
from bot.settings import NO_READ_TOKEN, Settings

TOPIC: Final = "GitLab"
NOTED_SKEW: Final = 30.0  # seconds
WORST_SKEW: Final = 300.0  # seconds: a signature that is older is refused

NO_TOKENS = "neither TRIVET_GITLAB__TOKEN nor TRIVET_GITLAB__READ_TOKEN is set here"
THERE = "{url}, version {version}"
NOT_THERE_CURE = "is TRIVET_GITLAB__URL GitLab's own address, and is it reached from here?"
UNTOLD = "{url} does not tell its version: what newer ones have is switched off"
UNTOLD_CURE = "each process asks with its own token: see what is said of the tokens"
LACKS = "{version} is too old for some things: {what}"
LACKS_CURE = "nothing has to be done; a newer GitLab does it"
AGREES = "GitLab's and ours agree"
APART = "GitLab's is {seconds:.0f} s {direction} ours"
REFUSES = APART + ": signed deliveries are refused"
CLOCK_CURE = "set both clocks by NTP"
NO_DATE = "GitLab's answers carry no date: its clock is not compared"


def gitlab_checks(settings: Settings) -> Iterator[Check]:
    """Nothing where no GitLab is set. A fault of GitLab's is said, never raised."""
    if not settings.gitlab.url:
        return
    tokens = list(own_tokens(settings))
    if not tokens:
        yield wrong(TOPIC, "tokens", NO_TOKENS, NO_READ_TOKEN, is_setting=True)
        return
    there = yield from _instance_checks(tokens[0].api)
    if there is None:
        return
    accepted = yield from token_checks(tokens)
    asking = hook_api(settings, os.environ)
    if accepted:
        yield from project_checks(settings, there, accepted, asking or accepted[0].token.api)


def _instance_checks(api: GitLabApi) -> Generator[Check, None, Instance | None]:
    """Returns the instance, None where nothing more can be asked."""
    try:
        there = instance(api)
    except AccessDenied:
        yield note(TOPIC, "address", UNTOLD.format(url=api.url), UNTOLD_CURE)
        return Instance("", (0, 0), None)
    except PlatformError as error:
        yield wrong(TOPIC, "address", str(error), NOT_THERE_CURE)
        return None
    yield fine(TOPIC, "address", THERE.format(url=api.url, version=there.name))
    if there.lacks:
        said = LACKS.format(version=there.name, what="; ".join(there.lacks))
        yield note(TOPIC, "version", said, LACKS_CURE)
    yield _clock(there.ahead)
    return there


def _clock(ahead: float | None) -> Check:
    if ahead is None:
        return note(TOPIC, "clock", NO_DATE)
    seconds, direction = abs(ahead), "ahead of" if ahead > 0 else "behind"
    if seconds <= NOTED_SKEW:
        return fine(TOPIC, "clock", AGREES)
    if seconds <= WORST_SKEW:
        return note(TOPIC, "clock", APART.format(seconds=seconds, direction=direction), CLOCK_CURE)
    return wrong(TOPIC, "clock", REFUSES.format(seconds=seconds, direction=direction), CLOCK_CURE)
