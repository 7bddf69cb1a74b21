"""The webhook of one project or group: made, or set right, and tried with an event that has to arrive."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from bot.entry.connect.arrival import Arrivals
from bot.entry.connect.gitlab_answers import explained, is_about_the_secret
from bot.entry.connect.steps import Step
from bot.errors import NotFound, Refused, Unavailable
from bot.gateways.gitlab_hooks import GitLabHooks, HookSecrets, HookShape, Tried, repairs, secret_fields
from bot.gateways.gitlab_place import Place

NAMES: Final = {
    "url": "its address",
    "merge_requests_events": "merge requests",
    "note_events": "comments",
    "emoji_events": "reactions",
    "tag_push_events": "tags",
    "push_events": "pushes (off)",
    "enable_ssl_verification": "the check of our certificate",
    "custom_webhook_template": "the custom template (emptied)",
}
SECRET: Final = "its secret"  # noqa: S105 - a word for it

MADE = "a webhook of {place} to {address}, {proof}"
AS_IT_WAS = "the webhook of {place} to {address}, {proof}"
REPAIRED = "the webhook of {place} to {address} was set right: {what}"
SIGNED = "signed"
PLAIN = "with a plain secret"
UNPROVEN = "GitLab took neither a signing token nor a secret for the webhook of {place}"
UNPROVEN_CURE = (
    "add a plain secret to TRIVET_GITLAB__WEBHOOK_SECRETS (`openssl rand -hex 32`), and run this again"
)
REPLACED = "a webhook of {place} signed with a token that we do not hold: a new one took its place"
BAD_URL = "GitLab does not take {address} for a webhook: {detail}"
BAD_URL_CURE = (
    "is it a whole http(s) address? One in GitLab's local network an administrator has to allow: "
    "Admin area, Settings, Network, Outbound requests"
)
TWICE = "another webhook of {place} has the same address: every event comes twice"
TWICE_CURE = "delete the webhook {id} at {page}"

ARRIVED = "a test event ({event}) of {place} was taken at {address}, and a delivery of {place} arrived"
ANSWERED = "a test event ({event}) of {place} was taken at {address}; here is no Redis that would tell of its arrival"
ASTRAY = "{address} takes GitLab's test event, but no receiver of this Redis has heard of it"
ASTRAY_CURE = "is that address our receiver's, and does it use the Redis that TRIVET_REDIS_URL names here?"
NOTHING_TO_TELL = "{place} has neither a merge request nor a commit: no event could be tried"
NOTHING_CURE = "run this again when there is one"
NO_TESTS = "this GitLab cannot try a webhook when asked to (since 16.11, for groups 17.1)"
NO_TESTS_CURE = "try it by hand: {page}, Test"
BUSY = "GitLab does not try the webhook of {place} now"
BUSY_CURE = "it allows five tests a minute: run this again in one"
AGAIN = "its secret was another one: set anew"
BACK = "GitLab had switched the webhook of {place} off, since it failed: it is on again"
STILL_OFF = "GitLab keeps the webhook of {place} switched off"
STILL_OFF_CURE = "enable it at {page}"


@dataclass(frozen=True)
class Connection:
    """What a webhook of one place is to be. `arrivals` begins to listen for deliveries."""

    hooks: GitLabHooks
    place: Place
    address: str
    secrets: HookSecrets
    arrivals: Callable[[], Arrivals]

    def steps(self) -> Iterator[Step]:
        """Everything, each step as it is done. Raises PlatformError."""
        found = self.hooks.ours(self.address)
        for other in found[1:]:
            cure = TWICE_CURE.format(id=other.id, page=self.place.hooks_page)
            yield Step(self._said(TWICE), "todo", cure)
        try:
            hook, step = self._kept(found[0]) if found else self._made()
        except Refused as error:
            yield Step(self._said(BAD_URL, detail=error.detail), "wrong", BAD_URL_CURE)
            return
        yield step
        if step.state != "wrong":
            yield from self._tried(hook, is_new=not found)

    # made and set right

    def _made(self) -> tuple[HookShape, Step]:
        hook = self._proven(self.hooks.create(self.address, self.secrets))
        if not self.secrets.accept(hook):
            return hook, Step(self._said(UNPROVEN), "wrong", UNPROVEN_CURE)
        return hook, Step(self._said(MADE, proof=_proof(hook)), "done")

    def _kept(self, hook: HookShape) -> tuple[HookShape, Step]:
        fields: dict[str, Any] = repairs(hook, self.address)
        fits = self.secrets.fit(hook)
        if not fits and hook.signing_token_present and not self.secrets.signing:
            return self._replaced(hook)
        if not fields and fits:
            return hook, Step(self._said(AS_IT_WAS, proof=_proof(hook)), "unchanged")
        hook = self._proven(self.hooks.update(hook, fields | ({} if fits else secret_fields(self.secrets))))
        if not self.secrets.accept(hook):
            return hook, Step(self._said(UNPROVEN), "wrong", UNPROVEN_CURE)
        changed = [NAMES[name] for name in fields] + ([] if fits else [SECRET])
        return hook, Step(self._said(REPAIRED, what=", ".join(changed)), "done")

    def _replaced(self, old: HookShape) -> tuple[HookShape, Step]:
        """A signing token cannot be taken away, and a delivery is judged by its signature where it has one.

        One of the two goes: where the new one is of no use, that one.
        """
        hook, step = self._made()
        if step.state == "wrong":
            self.hooks.delete(hook)
            return old, step
        self.hooks.delete(old)
        return hook, Step(self._said(REPLACED), "done")

    def _proven(self, hook: HookShape) -> HookShape:
        """With the plain secret where the signing token was passed over in silence, as GitLab does when it is off."""
        if self.secrets.accept(hook) or not self.secrets.plain:
            return hook
        return self.hooks.update(hook, {"token": self.secrets.plain})

    # tried

    def _tried(self, hook: HookShape, *, is_new: bool) -> Iterator[Step]:
        """A webhook that was there may have had another secret, which nobody is shown: it is set, and tried again."""
        arrivals = self.arrivals()
        try:
            tried = self.hooks.test(hook)
            if tried.event and not is_new and is_about_the_secret(tried):
                self.hooks.update(hook, secret_fields(self.secrets))
                tried = self.hooks.test(hook, [tried.event])
                if tried.arrived:
                    yield Step(self._said(REPAIRED, what=AGAIN), "done")
        except NotFound:
            yield Step(NO_TESTS, "todo", NO_TESTS_CURE.format(page=self.place.hooks_page))
            return
        except Unavailable:
            yield Step(self._said(BUSY), "todo", BUSY_CURE)
            return
        yield self._told(tried, arrivals)
        if tried.arrived and hook.state != "fine":
            yield self._back_on(hook)

    def _told(self, tried: Tried, arrivals: Arrivals) -> Step:
        if tried.event is None:
            return Step(self._said(NOTHING_TO_TELL), "todo", NOTHING_CURE)
        if not tried.arrived:
            said, cure = explained(tried, self.address)
            return Step(said, "wrong", cure)
        came, event = (
            arrivals.came(of_place=self.place.kind == "project"),
            tried.event.removesuffix("_events").replace("_", " "),
        )
        if came is None:
            return Step(self._said(ANSWERED, event=event), "done")
        if came:
            return Step(self._said(ARRIVED, event=event), "done")
        return Step(self._said(ASTRAY), "wrong", ASTRAY_CURE)

    def _back_on(self, hook: HookShape) -> Step:
        """A test that succeeds switches a hook on again (docs.gitlab.com, "Re-enable disabled webhooks")."""
        if self.hooks.read(hook.id).state == "fine":
            return Step(self._said(BACK), "done")
        return Step(self._said(STILL_OFF), "wrong", STILL_OFF_CURE.format(page=self.place.hooks_page))

    def _said(self, text: str, **words: str) -> str:
        return text.format(place=self.place.path, address=self.address, **words)


def _proof(hook: HookShape) -> str:
    return SIGNED if hook.signing_token_present else PLAIN
