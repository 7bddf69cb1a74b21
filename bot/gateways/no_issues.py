"""Where no issue tracker is connected."""

from collections.abc import Sequence

from bot.domain.background import LinkedIssue
from bot.domain.change import MergeRequest


class NoIssues:
    """The port `IssueReader` without a tracker: no merge request names an issue that can be read."""

    def linked(self, request: MergeRequest) -> Sequence[LinkedIssue]:
        return ()
