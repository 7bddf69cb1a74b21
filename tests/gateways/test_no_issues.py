"""Where no issue tracker is connected."""

from dataclasses import replace

from bot.gateways.no_issues import NoIssues
from bot.ports import IssueReader
from tests.doubles import REQUEST


def test_a_merge_request_that_names_an_issue_is_linked_to_none() -> None:
    request = replace(
        REQUEST, title="SHOP-12: totals", description="Closes SHOP-12", source_branch="SHOP-12-totals"
    )
    reader: IssueReader = NoIssues()
    assert tuple(reader.linked(request)) == ()
