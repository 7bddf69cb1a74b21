"""Our reactions on a merge request."""

from bot.domain.change import Target
from bot.errors import AccessDenied, NotFound, Refused
from bot.gateways.gitlab_api import GitLabApi, merge_request_path
from bot.gateways.gitlab_shapes import AwardShape, shaped

TAKEN = "already been taken"


class OwnAwards:
    """Reactions of the account `me`; of each name there is at most one."""

    def __init__(self, api: GitLabApi, target: Target, me: int) -> None:
        self._api = api
        self._target = target
        self._path = f"{merge_request_path(target)}/award_emoji"
        self._me = me

    def give(self, name: str) -> int | None:
        """The new reaction's id; None when it was there already, which GitLab answers with 404, or may not be given."""
        what = f"the reaction {name} on {self._target}"
        try:
            return shaped(AwardShape, self._api.post(self._path, what, {"name": name}), what).id
        except (NotFound, AccessDenied):
            return None
        except Refused as error:
            if TAKEN in error.detail:
                return None
            raise

    def take_back(self, name: str) -> bool:
        """Whether we had given it."""
        what = f"the reactions on {self._target}"
        for item in self._api.pages(self._path, what):
            award = shaped(AwardShape, item, what)
            if (award.name, award.user.id) == (name, self._me):
                self.remove(award.id)
                return True
        return False

    def remove(self, award: int) -> None:
        try:
            self._api.delete(f"{self._path}/{award}", f"reaction {award} on {self._target}")
        except NotFound:
            return
