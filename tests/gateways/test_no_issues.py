"""Where no issue tracker is connected."""

from bot.domain.change import MergeRequest, Target
from bot.gateways.no_issues import NoIssues
from bot.ports import IssueReader


def test_a_merge_request_that_names_an_issue_is_linked_to_none() -> None:
    request = MergeRequest(
        target=Target("group/shop", 7, 42),
        title="SHOP-12: totals",
        description="Closes SHOP-12",
        state="opened",
        draft=False,
        author="ada",
        source_branch="SHOP-12-totals",
        target_branch="main",
        head="a" * 40,
        refs=None,
    )
    reader: IssueReader = NoIssues()
    assert tuple(reader.linked(request)) == ()
