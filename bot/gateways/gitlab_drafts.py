"""Draft notes: what we write is seen by nobody else until it is published (docs.gitlab.com/api/draft_notes)."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from bot.domain.actions import PostFinding
from bot.domain.change import Target
from bot.domain.markdown import finding_comment
from bot.errors import NotFound, Refused
from bot.gateways.gitlab_api import GitLabApi, merge_request_path, was_refused_for_place
from bot.gateways.gitlab_notes import Key, Signer
from bot.gateways.gitlab_shapes import DraftShape, shaped
from bot.gateways.http import Broken

ON_LINE = "on its line"
ON_FILE = "on the file"
NOT_ON_LINE = "GitLab does not take the line: shown on the file"
LINE_FIELDS = frozenset(("new_line", "old_line", "line_range"))


@dataclass(frozen=True, slots=True)
class Spot:
    """One way to show a finding: the signed text, GitLab's position for it, and how the report calls that."""

    body: str
    position: dict[str, Any]
    name: str


@dataclass(frozen=True, slots=True)
class Draft:
    """`key` is None where the draft is not ours, but of a person who uses the same account."""

    id: int
    key: Key | None
    body: str


def spots(action: PostFinding, signer: Signer) -> list[Spot]:
    """Where a finding may stand, best first: on its line, on its file. None for one without a position."""
    if action.position is None:
        return []
    key: Key = ("finding", action.key)
    exact = action.position.payload()
    whole = {name: value for name, value in exact.items() if name not in LINE_FIELDS} | {
        "position_type": "file"
    }
    about_file = signer.signed(finding_comment(action.finding, on_file=True), key)
    if action.position.position_type == "file":
        return [Spot(about_file, whole, ON_FILE)]
    return [Spot(signer.signed(action.body, key), exact, ON_LINE), Spot(about_file, whole, NOT_ON_LINE)]


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
        items = (shaped(DraftShape, item, what) for item in self._api.pages(self._path, what))
        return [Draft(item.id, self._signer.draft_key_of(item.note), item.note) for item in items]

    def sorted_out(self, drafts: Iterable[Draft], wanted: Mapping[str, list[Spot]]) -> dict[str, Spot]:
        """Leftovers of an interrupted try: one of each wanted finding, as we would write it now, is kept.

        The other drafts of ours are deleted, those of people are not touched.
        """
        kept: dict[str, Spot] = {}
        for draft in drafts:
            kind, key = draft.key or ("", "")
            same = (spot for spot in wanted.get(key, ()) if spot.body.strip() == draft.body.strip())
            spot = next(same, None)
            if kind == "finding" and spot and key not in kept:
                kept[key] = spot
            elif draft.key:
                self.delete(draft)
        return kept

    def place(self, choices: list[Spot]) -> Spot | None:
        """Write the draft at the first spot that GitLab takes; None where it takes none."""
        for spot in choices:
            try:
                self.write(spot.body, spot.position)
            except Refused as error:
                if not was_refused_for_place(error):
                    raise
            else:
                return spot
        return None

    def write(self, body: str, position: dict[str, Any] | None = None) -> None:
        self._pace()
        where = {} if position is None else {"position": position}
        self._api.post(self._path, f"a draft note on {self._target}", {"note": body} | where)

    def publish_all(self, extra: dict[str, Any]) -> None:
        """One review, one notification. `extra`: `note` and `reviewer_state`, since GitLab 19.2."""
        self._api.post(f"{self._path}/bulk_publish", f"publishing on {self._target}", extra)

    def publish_singly(self, keys: frozenset[str]) -> None:
        """Publish those of these findings; the other drafts of ours, and those GitLab breaks at, are deleted."""
        for draft in self.read():
            if draft.key and not (
                draft.key[0] == "finding" and draft.key[1] in keys and self._published(draft)
            ):
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

    def _published(self, draft: Draft) -> bool:
        what = f"draft note {draft.id} of {self._target}"
        try:
            self._api.put(f"{self._path}/{draft.id}/publish", what, {})
        except (Broken, Refused):
            return False
        except NotFound:
            return True
        return True
