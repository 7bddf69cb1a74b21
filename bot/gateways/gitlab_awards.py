"""Our reactions on a merge request."""

from itertools import islice
from typing import Final

from bot.domain.actions import Outcome, React
from bot.domain.change import Target
from bot.errors import AccessDenied, NotFound, Refused
from bot.gateways.gitlab_api import GitLabApi, merge_request_path
from bot.gateways.gitlab_shapes import AwardShape, shaped

TAKEN: Final = "already been taken"
MOST: Final = 1_000  # reactions that are looked through


class OwnAwards:
    """Reactions of the account `me` on the merge request, or on a note of it; of each name there is at most one.

    They are read at most once, where one is to be taken back; one that is known to be there is not given again.
    """

    def __init__(self, api: GitLabApi, target: Target, me: int, note: int = 0) -> None:
        self._api = api
        self._on = f"note {note} of {target}" if note else str(target)
        self._path = f"{merge_request_path(target)}{f'/notes/{note}' if note else ''}/award_emoji"
        self._me = me
        self._known: dict[str, int] | None = None

    def react(self, reaction: React) -> Outcome:
        """Give the one, then take the other back."""
        if reaction.instead_of:
            self._own()
        given = self.give(reaction.emoji) if reaction.emoji else None
        taken = self.take_back(reaction.instead_of) if reaction.instead_of else False
        return Outcome(key=reaction.key, result="done" if given or taken else "unchanged")

    def give(self, name: str) -> int | None:
        """The new reaction's id; None when it was there already, which GitLab answers with 404, or may not be given."""
        if self._known and name in self._known:
            return None
        what = f"the reaction {name} on {self._on}"
        try:
            award = shaped(AwardShape, self._api.post(self._path, what, {"name": name}), what).id
        except (NotFound, AccessDenied):
            return None
        except Refused as error:
            if TAKEN in error.detail:
                return None
            raise
        if self._known is not None:
            self._known[name] = award
        return award

    def take_back(self, name: str) -> bool:
        """Whether we had given it. There is none on a note that is gone."""
        award = self._own().pop(name, None)
        if award is not None:
            self.remove(award)
        return award is not None

    def remove(self, award: int) -> None:
        try:
            self._api.delete(f"{self._path}/{award}", f"reaction {award} on {self._on}")
        except NotFound:
            return

    def _own(self) -> dict[str, int]:
        """Ours by name."""
        if self._known is None:
            what = f"the reactions on {self._on}"
            try:
                given = islice(self._api.pages(self._path, what), MOST)
                awards = [shaped(AwardShape, item, what) for item in given]
            except NotFound:
                awards = []
            self._known = {award.name: award.id for award in awards if award.user.id == self._me}
        return self._known
