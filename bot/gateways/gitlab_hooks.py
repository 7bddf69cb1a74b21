"""Webhooks of a project or group: the one that is ours, what is wrong with it, how it is set right, and a test of it.

Sources: docs.gitlab.com/api/project_webhooks and /group_webhooks; lib/api/hooks of GitLab (`trigger_test.rb`: a test
is answered 201 where the receiver answered 2xx, else 422 with the receiver's own words; `events.rb`: twenty a page);
app/models/concerns/web_hooks/auto_disabling.rb. Secrets go in and never come out.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlsplit

from bot.domain.hook_paths import hook_path
from bot.domain.hook_states import HookState
from bot.errors import Forbidden, NotFound, Refused
from bot.gateways.gitlab_api import GitLabApi
from bot.gateways.gitlab_place import Place, group_at, project_at
from bot.gateways.gitlab_shapes import shaped
from bot.gateways.shapes import Shape

PATH: Final = hook_path("gitlab")
EVENTS: Final = ("merge_requests_events", "note_events", "emoji_events", "tag_push_events")
UNUSED: Final = "push_events"  # on by default; merge requests tell of their pushes themselves
TRIGGERS: Final = ("merge_requests_events", "push_events")
NO_SAMPLE: Final = "Ensure the "  # "Ensure the project has merge requests."
STATES: Final[Mapping[str, HookState]] = {
    "executable": "fine",
    "temporarily_disabled": "failing",
    "disabled": "disabled",
}
DEFAULT_PORTS: Final = {"http": 80, "https": 443}


class HookShape(Shape):
    """A flag is None where this version has none of the kind."""

    id: int
    url: str
    merge_requests_events: bool | None = None
    note_events: bool | None = None
    emoji_events: bool | None = None
    tag_push_events: bool | None = None
    push_events: bool | None = None
    enable_ssl_verification: bool = True
    alert_status: str = "executable"
    disabled_until: datetime | None = None
    custom_webhook_template: str | None = None
    token_present: bool | None = None
    signing_token_present: bool | None = None

    @property
    def state(self) -> HookState:
        return STATES.get(self.alert_status, "failing")

    @property
    def missed(self) -> list[str]:
        """The events of ours that it does not send."""
        return [event for event in EVENTS if getattr(self, event) is False]


class LogShape(Shape):
    response_status: str | int | None = None


@dataclass(frozen=True, slots=True)
class HookSecrets:
    """What a hook may prove itself with: a signing token (`whsec_`), or a plain secret. Empty: there is none."""

    signing: str = field(default="", repr=False)
    plain: str = field(default="", repr=False)

    @classmethod
    def among(cls, secrets: Iterable[str], *, can_sign: bool) -> "HookSecrets":
        """The first of each kind; a GitLab that cannot sign has no use for signing tokens."""
        known = list(secrets)
        signing = next((one for one in known if one.startswith("whsec_")), "") if can_sign else ""
        return cls(signing, next((one for one in known if not one.startswith("whsec_")), ""))

    def accept(self, hook: HookShape) -> bool:
        """Whether the hook proves itself in a way that we accept, as far as GitLab tells.

        A signed delivery is judged by its signature alone, so that one we cannot check is worse than none.
        """
        if hook.signing_token_present:
            return bool(self.signing)
        return hook.token_present is not False and bool(self.plain)

    def fit(self, hook: HookShape) -> bool:
        """The same, and it signs where it can."""
        could_sign = bool(self.signing) and hook.signing_token_present is False
        return self.accept(hook) and not could_sign


@dataclass(frozen=True, slots=True)
class Tried:
    """What GitLab told of a test: `said` are the receiver's words, or what kept GitLab from reaching it.

    `status`: as its log has it, "401", "internal error"; "" where not told. `event` None: there was nothing to tell of.
    """

    event: str | None
    arrived: bool
    said: str = ""
    status: str = ""


class GitLabHooks:
    """The webhooks of one place. Every method raises PlatformError: Forbidden below Maintainer, in a group Owner."""

    def __init__(self, api: GitLabApi, place: Place) -> None:
        self._api = api
        self._path = f"{place.address}/hooks"
        self._what = f"the webhooks of {place.path}"

    def ours(self, address: str | None) -> list[HookShape]:
        """Those that point to this address; without one, those that point to any receiver of ours. Oldest first."""
        found = [self._shaped(item) for item in self._api.pages(self._path, self._what)]
        return sorted((hook for hook in found if _is_ours(hook.url, address)), key=lambda hook: hook.id)

    def read(self, number: int) -> HookShape:
        return self._shaped(self._api.get(f"{self._path}/{number}", self._what))

    def create(self, address: str, secrets: HookSecrets) -> HookShape:
        wanted = wanted_fields(address) | secret_fields(secrets)
        return self._shaped(self._api.post(self._path, self._what, {"url": address, **wanted}))

    def update(self, hook: HookShape, fields: Mapping[str, Any]) -> HookShape:
        """As GitLab has it afterwards: what it does not know it passes over in silence."""
        path = f"{self._path}/{hook.id}"
        return self._shaped(self._api.put(path, self._what, {"url": hook.url, **fields}))

    def delete(self, hook: HookShape) -> None:
        self._api.delete(f"{self._path}/{hook.id}", self._what)

    def test(self, hook: HookShape, events: Sequence[str] = TRIGGERS) -> Tried:
        """Sends an event of the first kind that there is anything to tell of; takes as long as the receiver does.

        Raises NotFound on a GitLab that has no such call, Unavailable after five tests in a minute.
        """
        said = ""
        for event in events:
            try:
                self._api.post(f"{self._path}/{hook.id}/test/{event}", f"a test of {self._what}")
                return Tried(event, arrived=True)
            except Refused as error:
                said = error.detail
            if not said.startswith(NO_SAMPLE):
                return Tried(event, False, said, self.last_status(hook))
        return Tried(None, False, said)

    def last_status(self, hook: HookShape) -> str:
        """How the newest delivery in GitLab's log was answered, "401" or "internal error"; "" where not told."""
        what = f"the log of {self._what}"
        try:
            logged = self._api.get(f"{self._path}/{hook.id}/events", what, per_page=1)
        except (NotFound, Refused):
            return ""
        newest = shaped(LogShape, logged[0], what) if isinstance(logged, list) and logged else LogShape()
        return str(newest.response_status or "")

    def _shaped(self, answer: Any) -> HookShape:
        return shaped(HookShape, answer, self._what)


def wanted_fields(address: str) -> dict[str, Any]:
    """What a hook of ours is set to, but for its address and secret."""
    return {
        **dict.fromkeys(EVENTS, True),
        UNUSED: False,
        "enable_ssl_verification": address.startswith("https:"),
        "custom_webhook_template": "",
    }


def secret_fields(secrets: HookSecrets) -> dict[str, str]:
    """One proof is enough, and a signature shows no secret to who listens on the way."""
    return {"signing_token": secrets.signing} if secrets.signing else {"token": secrets.plain}


def repairs(hook: HookShape, address: str) -> dict[str, Any]:
    """The fields, but for secrets, that are not as they should be. A plain address has no certificate to check."""
    wanted = wanted_fields(address) | ({} if hook.url == address else {"url": address})
    told = {name: (value, getattr(hook, name)) for name, value in wanted.items()}
    if not address.startswith("https:"):
        del told["enable_ssl_verification"]
    return {name: value for name, (value, now) in told.items() if now is not None and now != value}


def hook_states(api: GitLabApi, projects: Iterable[str], address: str | None = None) -> dict[str, HookState]:
    """In which state the hook of each project is; `address`: as of `GitLabHooks.ours`.

    A project without one is served by its group's, if that has one. Left out is what the token may not know: a
    project whose hooks it may not read (it takes a Maintainer), or one without a hook whose groups' it may not read.
    Raises PlatformError where GitLab cannot be asked.
    """
    states = ((project, _state(api, project, address)) for project in projects)
    return {project: state for project, state in states if state}


def group_hook(api: GitLabApi, project: str, address: str | None) -> HookShape | None:
    """Our hook in one of the project's groups, the nearest. Raises Forbidden where one may not be asked."""
    parts = project.split("/")[:-1]
    for depth in range(len(parts), 0, -1):
        try:
            found = GitLabHooks(api, group_at(api, "/".join(parts[:depth]))).ours(address)
        except NotFound:  # a person's namespace, or a GitLab without group hooks
            continue
        if found:
            return found[0]
    return None


def best(hooks: Sequence[HookShape]) -> HookShape | None:
    """The one that works, of several."""
    return min(hooks, key=lambda hook: (hook.state != "fine", hook.state == "disabled"), default=None)


def _state(api: GitLabApi, project: str, address: str | None) -> HookState | None:
    try:
        hook = best(GitLabHooks(api, project_at(api, project)).ours(address))
        hook = hook or group_hook(api, project, address)
    except (Forbidden, NotFound):
        return None
    return hook.state if hook else "missing"


def _is_ours(url: str, address: str | None) -> bool:
    """Whether both are the same but for a slash at the end, a default port, and capitals in the host."""
    if address is None:
        return urlsplit(url).path.rstrip("/").endswith(PATH)
    return _plain(url) == _plain(address)


def _plain(url: str) -> tuple[object, ...]:
    try:
        parts = urlsplit(url)
        port = parts.port or DEFAULT_PORTS.get(parts.scheme)
    except ValueError:  # a port that is none: GitLab's own variables may stand in an address
        return (url,)
    return parts.scheme, parts.hostname, port, parts.path.rstrip("/"), parts.query
