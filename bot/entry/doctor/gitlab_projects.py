"""The projects that are served: whether the bot has its roles there, and whether their webhook tells us of them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

from bot.domain.hook_paths import hook_path
from bot.entry.doctor.check import Check, fine, note, wrong
from bot.entry.doctor.faults import LATER, guarded
from bot.entry.doctor.gitlab_tokens import Accepted
from bot.entry.gitlab_rights import named, without_role
from bot.errors import Forbidden, NotFound, PlatformError
from bot.gateways.gitlab_api import GitLabApi
from bot.gateways.gitlab_hooks import GitLabHooks, HookSecrets, HookShape, best, group_hook
from bot.gateways.gitlab_instance import Instance
from bot.gateways.gitlab_place import Place, project_at
from bot.gateways.gitlab_sweep import GitLabSweep
from bot.gateways.gitlab_token import role, role_name
from bot.routing import Routing
from bot.settings import Settings

TOPIC: Final = "GitLab"
MOST_PROJECTS: Final = 20

UNSEEN_CURE = "correct TRIVET_GITLAB__PROJECTS, or make {who} a member of {project}"
NONE_FOUND = "TRIVET_GITLAB__PROJECTS fits no project that {who} is a member of"
NONE_FOUND_CURE = "make {who} a member of the projects, or correct the setting"
MORE = "the first {most} that TRIVET_GITLAB__PROJECTS names were looked at, not the others"
MORE_CURE = "for another one: TRIVET_GITLAB__PROJECTS=PATH trivet doctor"
ARCHIVED = "archived: nothing happens there"
ARCHIVED_CURE = "take it out of TRIVET_GITLAB__PROJECTS"
IS = "{who} is {role}"
AN_ADMINISTRATOR: Final = "an administrator"

HOOK = "webhook of {project}"
UNREADABLE = "whether a webhook leads here cannot be told: it takes the token of a Maintainer"
UNREADABLE_CURE = "set TRIVET_CONNECT_TOKEN to one for this command, or look at {page}"
UNKNOWN_GROUP = (
    "the project has no webhook that leads here; whether its group has one takes the token of an Owner"
)
NO_HOOK = "no webhook leads here: what happens there is found by the sweep only, minutes later"
FAILING = "GitLab passes it over{until}, since deliveries failed"
UNTIL = " until {moment:%Y-%m-%d %H:%M} UTC"
DISABLED = "GitLab has switched it off for good, since deliveries kept failing"
OFF_CURE = "mend what answers with errors; then `{connect}` switches it on by a test event"
UNTOLD_EVENTS = "it does not tell of {events}"
REFUSED = "its last delivery was answered {status}"
UNPROVEN = "it proves itself by nothing that TRIVET_GITLAB__WEBHOOK_SECRETS holds: its deliveries are refused"
TEMPLATED = "it has a custom template: its deliveries cannot be read"
UNCHECKED = "it does not check our certificate: somebody on the way could read and change what it sends"
REPAIR_CURE = "`{connect}` sets it right"
FINE = "tells us of everything, {proof}"
SIGNED = "signed"
PLAIN = "with a plain secret"
EVENTS: Final = {
    "merge_requests_events": "merge requests",
    "note_events": "comments",
    "emoji_events": "reactions",
    "tag_push_events": "tags",
}


def project_checks(
    settings: Settings, there: Instance, accepted: Sequence[Accepted], asking: GitLabApi
) -> Iterator[Check]:
    """`asking`: what webhooks are read with, which takes more than the bot needs."""
    if not settings.gitlab.projects:
        return
    reader = accepted[-1]
    sweep = GitLabSweep(reader.token.api, settings.gitlab.projects, Routing(settings.gitlab.projects).serves)
    try:
        paths = list(islice(sweep.projects(), MOST_PROJECTS + 1))
    except PlatformError as error:
        yield wrong(TOPIC, "projects", str(error), LATER.format(topic=TOPIC))
        return
    if not paths:
        who = named(reader.who)
        yield wrong(TOPIC, "projects", NONE_FOUND.format(who=who), NONE_FOUND_CURE.format(who=who))
    look = _Look(accepted, asking, _address(settings), _secrets(settings, there))
    for path in paths[:MOST_PROJECTS]:
        yield from look.at(path)
    if len(paths) > MOST_PROJECTS:
        yield note(TOPIC, "projects", MORE.format(most=MOST_PROJECTS), MORE_CURE)


@dataclass(frozen=True)
class _Look:
    accepted: Sequence[Accepted]
    asking: GitLabApi
    address: str | None
    secrets: HookSecrets | None

    def at(self, path: str) -> Iterator[Check]:
        reader = self.accepted[-1]
        try:
            place = project_at(reader.token.api, path)
        except PlatformError as error:
            yield wrong(TOPIC, path, str(error), UNSEEN_CURE.format(who=named(reader.who), project=path))
            return
        if place.archived:
            yield note(TOPIC, path, ARCHIVED, ARCHIVED_CURE)
            return
        yield from guarded(TOPIC, path, self._roles(place))
        yield from guarded(TOPIC, HOOK.format(project=path), self._webhook(place))

    def _roles(self, place: Place) -> Iterator[Check]:
        """One line where all is well. Raises PlatformError."""
        words = []
        for one in self.accepted:
            level = role(one.token.api, place, one.who.id)
            if lack := without_role(one.who, level, one.token.need, place):
                yield wrong(TOPIC, place.path, *lack)
                continue
            shown = AN_ADMINISTRATOR if one.who.is_admin else role_name(level)
            words.append(IS.format(who=named(one.who), role=shown))
        if len(words) == len(self.accepted):
            yield fine(TOPIC, place.path, ", ".join(dict.fromkeys(words)))

    def _webhook(self, place: Place) -> Iterator[Check]:
        """Raises PlatformError for anything but a token that is too weak."""
        name, connect = HOOK.format(project=place.path), f"trivet connect gitlab {place.path}"
        hooks = GitLabHooks(self.asking, place)
        try:
            hook = best(hooks.ours(self.address))
            answered = hooks.last_status(hook) if hook else ""
        except (Forbidden, NotFound):
            yield note(TOPIC, name, UNREADABLE, UNREADABLE_CURE.format(page=place.hooks_page))
            return
        try:
            hook = hook or group_hook(self.asking, place.path, self.address)
        except Forbidden:
            yield note(TOPIC, name, UNKNOWN_GROUP, REPAIR_CURE.format(connect=connect))
            return
        yield from self._hook_checks(name, hook, answered, connect)

    def _hook_checks(self, name: str, hook: HookShape | None, answered: str, connect: str) -> Iterator[Check]:
        """`answered`: the last delivery, "" where that is not known."""
        if hook is None:
            yield wrong(TOPIC, name, NO_HOOK, REPAIR_CURE.format(connect=connect))
            return
        off = _off(hook)
        faults = [
            *([off] if off else []),
            *([UNPROVEN] if self.secrets and not self.secrets.accept(hook) else []),
            *([TEMPLATED] if hook.custom_webhook_template else []),
            *(
                [UNTOLD_EVENTS.format(events=", ".join(EVENTS[one] for one in hook.missed))]
                if hook.missed
                else []
            ),
            *([REFUSED.format(status=answered)] if answered and not answered.startswith("2") else []),
        ]
        for fault in faults:
            cure = OFF_CURE if fault == off else REPAIR_CURE
            yield wrong(TOPIC, name, fault, cure.format(connect=connect))
        if hook.url.startswith("https:") and not hook.enable_ssl_verification:
            yield note(TOPIC, name, UNCHECKED, REPAIR_CURE.format(connect=connect))
        if not faults:
            yield fine(TOPIC, name, FINE.format(proof=SIGNED if hook.signing_token_present else PLAIN))


def _off(hook: HookShape) -> str:
    if hook.state == "disabled":
        return DISABLED
    if hook.state == "failing":
        until = UNTIL.format(moment=hook.disabled_until) if hook.disabled_until else ""
        return FAILING.format(until=until)
    return ""


def _address(settings: Settings) -> str | None:
    return settings.public_url + hook_path("gitlab") if settings.public_url else None


def _secrets(settings: Settings, there: Instance) -> HookSecrets | None:
    """None where this environment holds none: then nothing can be said of how hooks prove themselves."""
    given = [secret.get_secret_value() for secret in settings.gitlab.webhook_secrets]
    return HookSecrets.among(given, can_sign=there.can_sign) if given else None
