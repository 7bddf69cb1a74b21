"""`trivet connect gitlab`: the webhooks of a project or group, with all that has to be right for them to be of use."""

import base64
import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from bot.domain.secrets import Redactor
from bot.entry.connect.access import given_token
from bot.entry.connect.arrival import Arrivals
from bot.entry.connect.endpoint import endpoint
from bot.entry.connect.gitlab_hook import Connection
from bot.entry.connect.steps import TRY_AGAIN, Step, guarded, told
from bot.entry.credentials import WRITE, check_hooks
from bot.entry.gitlab_rights import HOOKS, OwnToken, hook_api, named, own_tokens, without_role, without_scopes
from bot.errors import Forbidden, NotFound, PlatformError, UsageError
from bot.gateways.gitlab_api import GitLabApi
from bot.gateways.gitlab_hooks import GitLabHooks, HookSecrets
from bot.gateways.gitlab_instance import Instance, instance
from bot.gateways.gitlab_place import Place, find_place, projects_below
from bot.gateways.gitlab_token import Bearer, bearer, role, role_name
from bot.routing import Routing
from bot.settings import NO_GITLAB, NO_TOKEN, Settings
from bot.settings.names import CONNECT_TOKEN

SOURCE: Final = "gitlab"
PATIENCE = 8.0  # seconds that a test event is waited for: a receiver tells of one at most every two
MOST_PROJECTS: Final = 100  # that get a webhook each where the group cannot have one

UNPROVABLE = "no webhook secret is set: without one every delivery is refused"
UNPROVABLE_CURE = (
    "set this new one, here and for `trivet serve`, then run this again: TRIVET_GITLAB__WEBHOOK_SECRETS="
)
NO_PLAIN = "GitLab {version} knows no signing tokens, and there is no plain secret for its webhooks"
NO_PLAIN_CURE = (
    "add this new one, here and for `trivet serve`, then run this again: TRIVET_GITLAB__WEBHOOK_SECRETS=…,"
)
TALKING = "GitLab {version} at {url}"
ACTING = "webhooks are set by {who} with {setting}{expiry}"
EXPIRY = ", which expires on {day}"
HAS_ROLE = "{who}, whose is {setting}, is {role} in {place}"
STRONGER_CURE = (
    "{cure}, or set TRIVET_CONNECT_TOKEN, for this one command, "
    "to a token with the scope api of somebody who is"
)
GROUP_ROLE_CURE = "{cure}, or of each of its projects that is served"
NO_TOKEN_OF_ITS_OWN = "TRIVET_GITLAB__TOKEN is not set here: what the bot's own token may is not looked at"  # noqa: S105
NO_TOKEN_CURE = "run `trivet doctor` where it is set"  # noqa: S105
UNSERVED = "TRIVET_GITLAB__PROJECTS does not name {place}: its events start nothing"
UNSERVED_CURE = "add {add} to TRIVET_GITLAB__PROJECTS of every process"
SERVED = "TRIVET_GITLAB__PROJECTS names {place}"
NONE_SERVED = "TRIVET_GITLAB__PROJECTS names no project of {place}"
ARCHIVED = "{place} is archived: nothing happens there"
ARCHIVED_CURE = "unarchive it, or choose another project"
NO_GROUP_HOOKS = (
    "{place} can have no webhook here (it takes GitLab Premium and an Owner): each project gets one"
)
TOO_MANY = "{place} has more than {most} projects that are served: the others got no webhook"
TOO_MANY_CURE = "connect the subgroups one by one"


@dataclass(frozen=True)
class Connecting:
    """One call of the command: as whom, for which address, with which secrets."""

    settings: Settings
    api: GitLabApi
    setting: str
    address: str
    secrets: HookSecrets

    def steps(self, target: str) -> Iterator[Step]:
        """Every step as it is done. Raises PlatformError where GitLab cannot be asked at all."""
        actor = bearer(self.api)
        acting = self._acting(actor)
        yield acting
        place = find_place(self.api, target)
        yield from self._own_rights(place)
        if acting.state == "wrong":
            return
        if place.archived:
            yield Step(ARCHIVED.format(place=place.path), "wrong", ARCHIVED_CURE)
        elif place.kind == "project":
            yield self._served(place)
            yield from self._project(actor, place)
        else:
            yield from self._group(actor, place)

    def _acting(self, actor: Bearer) -> Step:
        expiry = EXPIRY.format(day=actor.expires) if actor.expires else ""
        words = ACTING.format(who=named(actor), setting=self.setting, expiry=expiry)
        lack = without_scopes(actor, HOOKS, self.setting)
        return Step(lack[0], "wrong", lack[1]) if lack else Step(words, "unchanged")

    # what the bot's own tokens may

    def _own_rights(self, place: Place) -> Iterator[Step]:
        tokens = list(own_tokens(self.settings))
        if not tokens:
            yield Step(NO_TOKEN_OF_ITS_OWN, "todo", NO_TOKEN_CURE)
        for token in tokens:
            try:
                yield self._right(token, place)
            except PlatformError as error:
                yield Step(str(error), "wrong", TRY_AGAIN)

    def _right(self, token: OwnToken, place: Place) -> Step:
        who = bearer(token.api)
        if lack := without_scopes(who, token.need, token.setting):
            return Step(lack[0], "wrong", lack[1])
        level = role(token.api, place, who.id)
        if lack := without_role(who, level, token.need, place):
            is_group = place.kind == "group"
            cure = GROUP_ROLE_CURE.format(cure=lack[1]) if is_group else lack[1]
            return Step(lack[0], "todo" if is_group else "wrong", cure)
        words = {"who": named(who), "setting": token.setting, "place": place.path}
        return Step(HAS_ROLE.format(**words, role=role_name(level)), "unchanged")

    # the webhooks

    def _project(self, actor: Bearer, place: Place) -> Iterator[Step]:
        """Raises nothing: what one project lacks holds up no other."""
        try:
            lack = without_role(actor, role(self.api, place, actor.id), HOOKS, place)
            yield from [self._too_weak(lack)] if lack else self._connection(place).steps()
        except PlatformError as error:
            yield Step(str(error), "wrong", TRY_AGAIN)

    def _group(self, actor: Bearer, place: Place) -> Iterator[Step]:
        served = self._served_below(place)
        if not served:
            yield Step(
                NONE_SERVED.format(place=place.path), "todo", UNSERVED_CURE.format(add=f"{place.path}/**")
            )
        connection = self._connection(place)
        try:
            connection.hooks.ours(self.address)
        except (Forbidden, NotFound):
            yield Step(NO_GROUP_HOOKS.format(place=place.path), "unchanged")
            yield from self._each(actor, place, served)
            return
        yield from connection.steps()

    def _each(self, actor: Bearer, group: Place, served: list[Place]) -> Iterator[Step]:
        for place in served[:MOST_PROJECTS]:
            yield from self._project(actor, place)
        if len(served) > MOST_PROJECTS:
            yield Step(TOO_MANY.format(place=group.path, most=MOST_PROJECTS), "wrong", TOO_MANY_CURE)

    def _connection(self, place: Place) -> Connection:
        return Connection(
            GitLabHooks(self.api, place),
            place,
            self.address,
            self.secrets,
            lambda: Arrivals(self.settings, SOURCE, PATIENCE, place.path),
        )

    def _too_weak(self, lack: tuple[str, str]) -> Step:
        said, cure = lack
        return Step(said, "wrong", cure if self.setting == CONNECT_TOKEN else STRONGER_CURE.format(cure=cure))

    # what is served

    def _served(self, place: Place) -> Step:
        if self._serves(place):
            return Step(SERVED.format(place=place.path), "unchanged")
        return Step(UNSERVED.format(place=place.path), "todo", UNSERVED_CURE.format(add=place.path))

    def _served_below(self, group: Place) -> list[Place]:
        return [place for place in projects_below(self.api, group) if self._serves(place)]

    def _serves(self, place: Place) -> bool:
        return Routing(self.settings.gitlab.projects).serves(place.path)


def connect_gitlab(settings: Settings, target: str, url: str | None) -> int:
    """Prints each step as it happens. The exit code, as of `told`. Raises UsageError."""
    address = endpoint(settings, url, SOURCE)
    setting = CONNECT_TOKEN if given_token(os.environ) else WRITE
    api = hook_api(settings, os.environ)
    if not settings.gitlab.url:
        raise UsageError(NO_GITLAB)
    if api is None:
        raise UsageError(NO_TOKEN)
    check_hooks(settings)
    steps = _steps(settings, path_of(target, settings.gitlab.url), address, api, setting)
    return told(guarded(steps), Redactor(settings.own_secrets()).redact)


def path_of(target: str, base: str) -> str:
    """A path or number as it is; of a page of this GitLab the path of its project or group."""
    page = target.removeprefix(base)
    if page == target:
        return target
    return page.partition("/-/")[0].strip("/").removeprefix("groups/")


def _steps(settings: Settings, target: str, address: str, api: GitLabApi, setting: str) -> Iterator[Step]:
    there = instance(api)
    yield Step(TALKING.format(version=there.name, url=api.url), "unchanged")
    given = [secret.get_secret_value() for secret in settings.gitlab.webhook_secrets]
    chosen = HookSecrets.among(given, can_sign=there.can_sign)
    if chosen.signing or chosen.plain:
        yield from Connecting(settings, api, setting, address, chosen).steps(target)
    else:
        yield _without_secret(given, there)


def _without_secret(given: list[str], there: Instance) -> Step:
    if not given:
        fresh = new_signing_token() if there.can_sign else secrets.token_hex(32)
        return Step(UNPROVABLE, "wrong", UNPROVABLE_CURE, fresh)
    return Step(NO_PLAIN.format(version=there.name), "wrong", NO_PLAIN_CURE, secrets.token_hex(32))


def new_signing_token() -> str:
    """`whsec_` and 32 random bytes in base64, as GitLab wants it."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
