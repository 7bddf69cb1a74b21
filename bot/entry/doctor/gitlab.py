"""GitLab as the bot meets it: the instance and its clock, the tokens, and each project that is served."""

import os
from collections.abc import Generator, Iterator, Mapping
from typing import Final

from bot.entry.doctor.check import Check, fine, note, wrong
from bot.entry.doctor.clock import clock_check
from bot.entry.doctor.gitlab_projects import project_checks
from bot.entry.doctor.gitlab_tokens import token_checks
from bot.entry.doctor.roles import is_one_of_several, is_read_here
from bot.entry.gitlab_rights import hook_api, own_tokens
from bot.errors import AccessDenied, PlatformError
from bot.gateways.gitlab_api import GitLabApi
from bot.gateways.gitlab_instance import Instance, instance
from bot.settings import Settings

TOPIC: Final = "GitLab"

NO_TOKENS = "neither TRIVET_GITLAB__TOKEN nor TRIVET_GITLAB__READ_TOKEN is set here: nothing could be asked"
NO_TOKENS_CURE = "set TRIVET_GITLAB__TOKEN to a token with the api scope; where it reads alone, __READ_TOKEN"
ELSEWHERE_CURE = "look from where one is set, too: in a worker or the schedule"
THERE = "{url}, version {version}"
NOT_THERE_CURE = "is TRIVET_GITLAB__URL GitLab's own address, and is it reached from here?"
UNTOLD = "{url} does not tell its version: what newer ones have is switched off"
UNTOLD_CURE = "each process asks with its own token: see what is said of the tokens"
LACKS = "{version} is too old for some things: {what}"
LACKS_CURE = "nothing has to be done; a newer GitLab does it"


def gitlab_checks(settings: Settings) -> Iterator[Check]:
    """Nothing where no GitLab is set. A fault of GitLab's is said, never raised."""
    if not settings.gitlab.url:
        return
    tokens = list(own_tokens(settings))
    if not tokens:
        yield _no_tokens(settings, os.environ)
        return
    there = yield from _instance_checks(tokens[0].api)
    if there is None:
        return
    is_read = is_read_here("gitlab", settings, os.environ)
    accepted = yield from token_checks(tokens, is_read=is_read, is_twice=bool(settings.gitlab.read_token))
    asking = hook_api(settings, os.environ)
    if accepted:
        yield from project_checks(settings, there, accepted, asking or accepted[0].token.api)


def _no_tokens(settings: Settings, environ: Mapping[str, str]) -> Check:
    """`serve` has none, and needs none."""
    if is_one_of_several(settings, environ):
        return note(TOPIC, "tokens", NO_TOKENS, ELSEWHERE_CURE)
    return wrong(TOPIC, "tokens", NO_TOKENS, NO_TOKENS_CURE, is_setting=True)


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
    yield clock_check(TOPIC, there.ahead)
    return there
