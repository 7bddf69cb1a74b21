"""Tags, and the merge requests between two of them: told by commits, whatever the way of merging."""

import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import requests
import responses

from bot.domain.flow import CodeProject
from bot.domain.releases import Tag
from bot.errors import AccessDenied, NotFound, PlatformError, Unavailable
from bot.gateways.git import GitCache
from bot.gateways.gitlab_api import GitLabApi
from bot.gateways.gitlab_code import GitLabCode
from bot.gateways.gitlab_releases import BOTS, MOST_COMMITS, MOST_MERGED, MOST_TAGS
from bot.gateways.gitlab_sweep import MAX_TAGS, GitLabSweep
from tests.reviewing import SETTING, Desk
from tests.sandbox_server import PROJECT, SandboxServer

BASE = "https://gitlab.example.com"
API = f"{BASE}/api/v4/projects/1"
SHOP = CodeProject(1, PROJECT, "private", "main")
START = datetime(2026, 11, 1, 10, 0, tzinfo=UTC)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """Of a GitLab of its own: what was merged and tagged is all there is."""
    with SandboxServer() as sandbox:
        yield Desk(sandbox, tmp_path)


@pytest.fixture
def code(desk: Desk, tmp_path: Path) -> GitLabCode:
    return GitLabCode(desk.api, GitCache(tmp_path))


@pytest.fixture
def gitlab() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock() as mock:
        yield mock


@pytest.fixture
def written(tmp_path: Path) -> GitLabCode:
    """Of a GitLab whose answers the test writes."""
    return GitLabCode(GitLabApi(BASE, "token", SETTING), GitCache(tmp_path))


def project(code: GitLabCode) -> CodeProject:
    return code.project(PROJECT)


def tag(code: GitLabCode, name: str) -> Tag:
    return next(one for one in code.tags(project(code)) if one.name == name)


def merged(desk: Desk, **fields: Any) -> int:
    """A merge request that grace has merged into main."""
    how = {"squash": fields.pop("squash", False)}
    iid = desk.open(**fields)
    desk.sandbox.act(iid, "merge", user="grace", **how)
    return iid


# --- tags


def test_a_tag_leads_to_its_commit_with_or_without_a_message(desk: Desk, code: GitLabCode) -> None:
    first = desk.sandbox.push("main", {"a": "1\n"})
    desk.sandbox.tag("v1.0")
    second = desk.sandbox.push("main", {"a": "2\n"})
    annotated = desk.sandbox.tag("v1.1", message="The second")
    found = {one.name: one for one in code.tags(project(code))}
    assert {name: one.commit for name, one in found.items()} == {"v1.0": first, "v1.1": second}
    assert annotated["target"] != second
    assert all(datetime.fromisoformat(one.at).tzinfo for one in found.values())


def test_a_project_without_tags_has_none(desk: Desk, code: GitLabCode) -> None:
    assert code.tags(project(code)) == []


def tag_shape(name: str, commit: str | None = "c" * 40, day: int = 1) -> dict[str, Any]:
    when = f"2026-11-{day:02}T12:00:00.000+02:00"
    return {
        "name": name,
        "target": "f" * 40,
        "commit": {"id": commit, "committed_date": when} if commit else None,
    }


def test_the_newest_hundred_tags_are_read_by_one_request(
    gitlab: responses.RequestsMock, written: GitLabCode
) -> None:
    shapes = [tag_shape(f"v{number}") for number in range(100)]
    path = f"{BASE}/api/v4/projects/acme%2Fshop/repository/tags"
    gitlab.add("GET", path, json=shapes, headers={"X-Next-Page": "2"})
    assert len(written.tags(SHOP)) == MOST_TAGS
    assert len(gitlab.calls) == 1
    asked = gitlab.calls[0].request.params  # type: ignore[union-attr]
    assert (asked["order_by"], asked["sort"], asked["per_page"]) == ("updated", "desc", "100")


def test_a_tag_that_leads_to_no_commit_is_none(gitlab: responses.RequestsMock, written: GitLabCode) -> None:
    shapes = [tag_shape("tree", None), tag_shape("v1.0")]
    gitlab.add("GET", re.compile(r".*/repository/tags"), json=shapes)
    assert written.tags(SHOP) == [Tag("v1.0", "c" * 40, "2026-11-01T10:00:00.000Z")]


def test_a_sweep_sees_the_newest_tags(desk: Desk) -> None:
    desk.sandbox.tag("v1.0")
    sweep = GitLabSweep(desk.api, (PROJECT,), lambda path: True)
    assert [one.name for one in sweep.tags(PROJECT)] == ["v1.0"]
    assert sweep.number(PROJECT) == 1
    for number in range(MAX_TAGS + 5):
        desk.sandbox.tag(f"v2.{number}")
    desk.sandbox.clear_requests()
    assert len(sweep.tags(PROJECT)) == MAX_TAGS
    assert len(desk.sandbox.requests("GET")) == 1


@pytest.mark.parametrize(
    ("status", "kind"), [(403, AccessDenied), (404, NotFound), (503, Unavailable), (500, Unavailable)]
)
def test_tags_that_cannot_be_read_are_an_error(desk: Desk, status: int, kind: type[PlatformError]) -> None:
    desk.sandbox.fault(path="/repository/tags", status=status, times=3)
    with pytest.raises(kind, match=re.escape(f"the tags of {PROJECT}")):
        GitLabSweep(desk.api, (PROJECT,), lambda path: True).tags(PROJECT)


# --- what was merged


def test_a_merge_is_in_the_release_that_holds_its_commit(desk: Desk, code: GitLabCode) -> None:
    first = merged(desk)
    desk.sandbox.tag("v1.0")
    second, third = merged(desk), merged(desk)
    desk.sandbox.tag("v1.1")
    fourth = merged(desk)
    desk.open()
    desk.sandbox.act(desk.open(), "close", user="grace")
    shop, one, two = project(code), tag(code, "v1.0"), tag(code, "v1.1")

    def numbers(since: Tag | None, until: str) -> list[int]:
        return [request.iid for request in code.merged(shop, since, until)]

    assert numbers(None, "v1.0") == [first]
    assert numbers(one, "v1.1") == [third, second]
    assert numbers(two, "main") == [fourth]
    assert numbers(None, "main") == [fourth, third, second, first]
    assert numbers(two, "v1.1") == []


def test_a_merge_request_is_told_with_what_notes_need(desk: Desk, code: GitLabCode) -> None:
    iid = merged(desk, description="Why", author="grace")
    (found,) = code.merged(project(code), None, "main")
    request = desk.read(iid)
    assert (found.title, found.description, found.url) == (request.title, "Why", request.web_url)
    assert (found.author, found.author_name, found.is_bot) == ("grace", "Grace", False)
    assert (found.source_branch, found.target_branch) == (request.source_branch, "main")
    assert request.head in found.commits
    assert datetime.fromisoformat(found.merged_at).tzinfo


def test_a_squashed_merge_request_is_known_by_its_merge(desk: Desk, code: GitLabCode) -> None:
    desk.sandbox.tag("v1.0")
    iid = merged(desk, squash=True)
    (found,) = code.merged(project(code), tag(code, "v1.0"), "main")
    assert (found.iid, len(found.commits)) == (iid, 3)


@pytest.mark.parametrize("squash", [False, True])
def test_a_fast_forward_merge_is_known_by_its_head_or_the_squashed_commit(
    desk: Desk, code: GitLabCode, squash: bool
) -> None:
    line, members = "acme/line", {"grace": 40, "trivet": 30}
    desk.sandbox.add_project(line, {"a": "0\n"}, members, merge_method="ff")
    desk.sandbox.tag("v1.0", project=line)
    iid = desk.sandbox.merge_request(files={"b": "1\n"}, project=line, author="grace")
    desk.sandbox.act(iid, "merge", project=line, user="grace", squash=squash)
    shop = code.project(line)
    (since,) = code.tags(shop)
    (found,) = code.merged(shop, since, "main")
    assert (found.iid, len(found.commits)) == (iid, 2 if squash else 1)
    assert code.merged(shop, None, "v1.0") == []


def test_a_merge_into_another_branch_counts_once_that_branch_comes_in(desk: Desk, code: GitLabCode) -> None:
    desk.sandbox.push("develop", {"d": "0\n"})
    side = merged(desk, target="develop")
    assert code.merged(project(code), None, "main") == []
    desk.sandbox.tag("v1.0")
    bring = desk.sandbox.merge_request("Bring it in", source="develop", author="grace")
    desk.sandbox.act(bring, "merge", user="grace")
    found = code.merged(project(code), tag(code, "v1.0"), "main")
    assert [one.iid for one in found] == [bring, side]


def test_a_branch_merged_twice_is_in_each_release_once(desk: Desk, code: GitLabCode) -> None:
    """The head of the second merge is in the first release already: its merge is not."""
    desk.sandbox.push("develop", {"d": "0\n"})
    desk.sandbox.push("feature", {"f": "1\n"}, start="main")
    into_main = desk.sandbox.merge_request("Into main", source="feature")
    into_develop = desk.sandbox.merge_request("Into develop", source="feature", target="develop")
    for iid in (into_main, into_develop):
        desk.sandbox.act(iid, "merge", user="grace")
    assert [one.iid for one in code.merged(project(code), None, "main")] == [into_main]


def test_an_end_that_is_not_there_is_not_found(desk: Desk, code: GitLabCode) -> None:
    desk.sandbox.tag("v1.0")
    for since in (None, tag(code, "v1.0")):
        with pytest.raises(NotFound, match=r"v2\.0"):
            code.merged(project(code), since, "v2.0")


def test_a_branch_with_a_slash_in_its_name_may_be_the_end(desk: Desk, code: GitLabCode) -> None:
    desk.sandbox.push("release/1", {"r": "1\n"})
    iid = merged(desk, target="release/1")
    assert [one.iid for one in code.merged(project(code), None, "release/1")] == [iid]
    desk.sandbox.tag("end", "release/1")
    assert code.merged(project(code), tag(code, "end"), "release/1") == []


def test_a_small_release_takes_two_requests(desk: Desk, code: GitLabCode) -> None:
    desk.sandbox.tag("v1.0")
    merged(desk)
    shop, since = project(code), tag(code, "v1.0")
    desk.sandbox.clear_requests()
    assert len(code.merged(shop, since, "main")) == 1
    assert len(desk.sandbox.requests()) == 2


# --- histories that are too long to be read whole


class Written:
    """A project's commits and merge requests, both newest first, by the page."""

    def __init__(self, gitlab: responses.RequestsMock) -> None:
        self.commits: list[dict[str, Any]] = []
        self.requests: list[dict[str, Any]] = []
        self.asked: list[dict[str, Any]] = []
        self.after_page: Callable[[], None] = lambda: None
        gitlab.assert_all_requests_are_fired = False
        gitlab.add_callback("GET", f"{API}/repository/commits", callback=self._answer("commits"))
        gitlab.add_callback("GET", f"{API}/merge_requests", callback=self._answer("requests"))

    def _answer(self, name: str) -> Callable[[requests.PreparedRequest], tuple[int, dict[str, str], str]]:
        def answer(request: requests.PreparedRequest) -> tuple[int, dict[str, str], str]:
            params: dict[str, Any] = request.params  # type: ignore[attr-defined]
            self.asked.append({"list": name, **params})
            listed, page, size = getattr(self, name), int(params["page"]), int(params["per_page"])
            shown = listed[(page - 1) * size : page * size]
            following = {"X-Next-Page": str(page + 1)} if page * size < len(listed) else {}
            if name == "requests":
                self.after_page()
            return 200, following, json.dumps(shown)

        return answer

    def pages(self, name: str) -> int:
        return sum(one["list"] == name for one in self.asked)


@pytest.fixture
def history(gitlab: responses.RequestsMock) -> Written:
    return Written(gitlab)


def commit(number: int) -> dict[str, Any]:
    """The commit made `number` hours after the start."""
    when = START + timedelta(hours=number)
    return {"id": f"{number:040x}", "committed_date": when.isoformat(), "message": "x"}


def request_of(number: int, **fields: Any) -> dict[str, Any]:
    """A merge request, whose merge is the commit of the same number."""
    when = (START + timedelta(hours=number)).isoformat()
    shown = {"iid": number, "title": f"Change {number}", "state": "merged", "target_branch": "main"}
    times = {"merged_at": when, "updated_at": when}
    return shown | times | {"sha": "e" * 40, "merge_commit_sha": f"{number:040x}"} | fields


def test_a_long_release_is_read_over_many_pages(history: Written, written: GitLabCode) -> None:
    history.commits = [commit(number) for number in range(250, 0, -1)]
    history.requests = [request_of(number) for number in range(250, 0, -1)]
    found = written.merged(SHOP, Tag("v1", "0" * 40, START.isoformat()), "main")
    assert [one.iid for one in found] == list(range(250, 0, -1))
    assert (history.pages("commits"), history.pages("requests")) == (3, 3)
    assert history.asked[0]["ref_name"] == "0" * 40 + "..main"


def test_requests_are_asked_for_from_a_day_before_the_oldest_commit(
    history: Written, written: GitLabCode
) -> None:
    history.commits = [commit(30), commit(20)]
    written.merged(SHOP, Tag("v1", "0" * 40, (START + timedelta(hours=25)).isoformat()), "main")
    asked = next(one for one in history.asked if one["list"] == "requests")
    assert asked["updated_after"] == "2026-11-01T06:00:00.000Z"
    assert (asked["state"], asked["order_by"]) == ("merged", "created_at")


def test_a_request_that_changes_while_the_list_is_read_is_told_once(
    history: Written, written: GitLabCode
) -> None:
    history.commits = [commit(number) for number in range(150, 0, -1)]
    history.requests = [request_of(number) for number in range(150, 0, -1)]
    newcomers = iter([request_of(900)])

    def merge_another() -> None:
        history.requests[:0] = list(newcomers)

    history.after_page = merge_another
    found = written.merged(SHOP, None, "main")
    assert [one.iid for one in found] == list(range(150, 0, -1))


def test_beyond_the_commits_that_are_read_the_time_of_the_merge_counts(
    history: Written, written: GitLabCode
) -> None:
    most = MOST_COMMITS + 100
    history.commits = [commit(number) for number in range(most, 0, -1)]
    history.requests = [
        request_of(most),
        request_of(50),
        request_of(40, target_branch="develop"),
        request_of(5),
        request_of(most - 1, merge_commit_sha="d" * 40),
    ]
    since = Tag("v1", "0" * 40, (START + timedelta(hours=10)).isoformat())
    found = written.merged(SHOP, since, "main")
    assert [one.iid for one in found] == [most, 50]
    assert history.pages("commits") == MOST_COMMITS // 100


def test_without_a_tag_before_all_that_is_older_counts_by_its_time(
    history: Written, written: GitLabCode
) -> None:
    history.commits = [commit(number) for number in range(MOST_COMMITS, 0, -1)]
    history.requests = [request_of(7), request_of(-900), request_of(-901, target_branch="x")]
    assert [one.iid for one in written.merged(SHOP, None, "v9")] == [7, -900]
    assert all("updated_after" not in one for one in history.asked)


def test_of_very_many_the_latest_are_told(history: Written, written: GitLabCode) -> None:
    history.commits = [commit(number) for number in range(MOST_MERGED + 100, 0, -1)]
    history.requests = [request_of(number) for number in range(1, MOST_MERGED + 101)]
    found = written.merged(SHOP, None, "main")
    assert len(found) == MOST_MERGED
    assert found[0].iid == MOST_MERGED + 100
    assert all(one.merged_at >= other.merged_at for one, other in pairwise(found))


def test_what_older_versions_leave_out_is_made_up_for(history: Written, written: GitLabCode) -> None:
    history.commits = [commit(1)]
    sparse = {"merged_at": None, "author": None, "description": None, "sha": None}
    history.requests = [request_of(1, **sparse)]
    (found,) = written.merged(SHOP, None, "main")
    assert (found.author, found.description, found.is_bot) == ("", "", False)
    assert found.merged_at == "2026-11-01T11:00:00.000Z"


# --- bots


@pytest.mark.parametrize(
    ("username", "is_bot"),
    [
        ("project_123_bot_4ffca233d8298ea1", True),
        ("project_7_bot", True),
        ("group_9_bot_abc", True),
        ("service_account_group_12_ab", True),
        ("renovate", True),
        ("renovate-bot", True),
        ("dependabot-gitlab", True),
        ("Dependabot[bot]", True),
        ("acme.bot", True),
        ("ada", False),
        ("abbot", False),
        ("bottleneck", False),
        ("project_manager", False),
        ("bot", False),
        ("renovator", False),
        ("", False),
    ],
)
def test_bots_are_known_by_their_names(username: str, is_bot: bool) -> None:
    assert (BOTS.fullmatch(username) is not None) is is_bot


def test_the_author_is_told_to_be_a_bot(history: Written, written: GitLabCode) -> None:
    history.commits = [commit(2), commit(1)]
    authors = {1: "renovate-bot", 2: "ada"}
    history.requests = [
        request_of(number, author={"id": number, "username": name, "name": name.title()})
        for number, name in authors.items()
    ]
    found = written.merged(SHOP, None, "main")
    assert [(one.author, one.is_bot) for one in found] == [("ada", False), ("renovate-bot", True)]
