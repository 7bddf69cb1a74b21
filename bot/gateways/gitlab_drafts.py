"""Draft notes: what we write is seen by nobody else until it is published (docs.gitlab.com/api/draft_notes)."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from bot.domain.actions import PostFinding, Reply
from bot.domain.change import Target
from bot.domain.kept import KeptFinding
from bot.domain.markdown import finding_comment
from bot.errors import NotFound, Refused
from bot.gateways.gitlab_api import GitLabApi, merge_request_path, was_refused_for_place
from bot.gateways.gitlab_shapes import DraftShape, shaped
from bot.gateways.gitlab_signer import Key, Signer
from bot.gateways.gitlab_threads import key_of
from bot.gateways.http import Broken

ON_LINE = "on its line"
ON_FILE = "on the file"
NOT_ON_LINE = "GitLab does not take the line: shown on the file"
LINE_FIELDS = frozenset(("new_line", "old_line", "line_range"))


@dataclass(frozen=True, slots=True)
class Spot:
    """One way to show a finding, or to answer: the signed text, GitLab's position for it, how the report calls that.

    `thread`: the one it answers in, which `resolves` closes when it is published, and else opens again.
    """

    body: str
    position: dict[str, Any] | None = None
    name: str = ""
    thread: str = ""
    resolves: bool = False

    def payload(self) -> dict[str, Any]:
        """The draft, as GitLab takes it."""
        text = {"note": self.body}
        if self.thread:
            answered = {"in_reply_to_discussion_id": self.thread, "resolve_discussion": self.resolves}
            return text | answered
        return text | ({"position": self.position} if self.position else {})


@dataclass(frozen=True, slots=True)
class Draft:
    """`key` is None where the draft is not ours, but of a person who uses the same account. The rest is a spot's."""

    id: int
    key: Key | None
    body: str
    thread: str = ""
    resolves: bool = False

    def is_at(self, spot: Spot) -> bool:
        """Whether it is what would be written there."""
        there = (spot.thread, spot.resolves, spot.body.strip())
        return (self.thread, self.resolves, self.body.strip()) == there


def spots(action: PostFinding, signer: Signer) -> list[Spot]:
    """Where a finding may stand, best first: on its line, on its file. None for one without a position."""
    if action.position is None:
        return []
    key: Key = ("finding", action.key)
    kept = [KeptFinding(finding=action.finding, around=action.around)]
    exact = action.position.payload()
    whole = {name: value for name, value in exact.items() if name not in LINE_FIELDS} | {
        "position_type": "file"
    }
    about_file = signer.signed(finding_comment(action.finding, on_file=True), key, kept=kept)
    if action.position.position_type == "file":
        return [Spot(about_file, whole, ON_FILE)]
    on_line = signer.signed(action.body, key, kept=kept)
    return [Spot(on_line, exact, ON_LINE), Spot(about_file, whole, NOT_ON_LINE)]


def answering(reply: Reply, signer: Signer) -> Spot:
    """The draft of a reply that closes its thread or opens it again."""
    body = signer.signed(reply.body, key_of(reply))
    return Spot(body, thread=reply.thread, resolves=bool(reply.resolves))


class OwnDrafts:
    """The drafts of our account on one merge request. `pace` is called before each new one."""

    def __init__(self, api: GitLabApi, target: Target, signer: Signer, pace: Callable[[], None]) -> None:
        self._api = api
        self._target = target
        self._path = f"{merge_request_path(target)}/draft_notes"
        self._signer = signer
        self._pace = pace

    def read(self) -> list[Draft]:
        what = f"the drafts of {self._target}"
        return [self._seen(shaped(DraftShape, item, what)) for item in self._api.pages(self._path, what)]

    def sorted_out(self, drafts: Iterable[Draft], wanted: Mapping[Key, list[Spot]]) -> dict[Key, Spot]:
        """Leftovers of an interrupted try: one of each that is wanted, as we would write it now, is kept.

        The other drafts of ours are deleted, those of people are not touched.
        """
        kept: dict[Key, Spot] = {}
        for draft in drafts:
            if draft.key is None:
                continue
            spot = next(filter(draft.is_at, wanted.get(draft.key, ())), None)
            if spot and draft.key not in kept:
                kept[draft.key] = spot
            else:
                self.delete(draft)
        return kept

    def place(self, choices: list[Spot]) -> Spot | None:
        """Write the draft at the first spot that GitLab takes; None where it takes none.

        An answer that it does not take has another way: only GitLab knows here that its thread is gone, or that our
        account may not close it.
        """
        for spot in choices:
            try:
                self.write(spot)
            except Refused as error:
                if not (spot.thread or was_refused_for_place(error)):
                    raise
            else:
                return spot
        return None

    def write(self, spot: Spot) -> None:
        self._pace()
        self._api.post(self._path, f"a draft note on {self._target}", spot.payload())

    def publish_all(self, extra: dict[str, Any]) -> None:
        """One review, one notification. `extra`: `note` and `reviewer_state`, since GitLab 19.2."""
        self._api.post(f"{self._path}/bulk_publish", f"publishing on {self._target}", extra)

    def publish_singly(self, keys: Collection[Key]) -> None:
        """Publish those with these keys; the other drafts of ours, and those GitLab breaks at, are deleted."""
        for draft in self.read():
            if draft.key and not (draft.key in keys and self._published(draft)):
                self.delete(draft)

    def discard(self) -> None:
        """Delete all of ours."""
        for draft in self.read():
            if draft.key:
                self.delete(draft)

    def delete(self, draft: Draft) -> None:
        try:
            self._api.delete(f"{self._path}/{draft.id}", f"draft note {draft.id} of {self._target}")
        except NotFound:
            return

    def _seen(self, shape: DraftShape) -> Draft:
        key = self._signer.draft_key_of(shape.note)
        return Draft(shape.id, key, shape.note, shape.discussion_id or "", shape.resolve_discussion)

    def _published(self, draft: Draft) -> bool:
        what = f"draft note {draft.id} of {self._target}"
        try:
            self._api.put(f"{self._path}/{draft.id}/publish", what, {})
        except (Broken, Refused, NotFound):
            return False
        return True
