"""What a Confluence holds, read the same from Cloud and from Data Center."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson
import pytest
import requests
import responses
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.pages import ChangedPage, Page, PageComment, PagePerson
from bot.errors import AccessDenied, NotFound, PlatformError, Unavailable
from bot.gateways.confluence_api import ConfluenceApi
from bot.gateways.confluence_reader import ConfluenceReader
from bot.gateways.confluence_recent import recently_changed

CLOUD = "https://shop.atlassian.net/wiki"
CENTER = "https://docs.example.com/confluence"
TOKEN = "ATATT3x" + "Zq8Rt2vLm4" + "Xc7Wn1Kd9P"
BODY = '<p>One&nbsp;&rsquo; <ac:link><ri:user ri:userkey="9"/></ac:link></p>\n<p />'
Answer = Any
PAGE = Page("7", "DOC", "API guide", 5, BODY, "", author="ada", message="typo", parent="3")


class Told:
    """Answers by path below the site; several of one path come one after the other. `asked`: path and query each."""

    def __init__(self, site: str, mock: responses.RequestsMock) -> None:
        self.site = site
        self.asked: list[tuple[str, dict[str, list[str]]]] = []
        self._answers: dict[str, list[Answer]] = {}
        mock.add_callback("GET", re.compile(re.escape(site) + "/.*"), self._answer)

    def say(self, path: str, *answers: Answer) -> None:
        """Each as JSON, or a status alone."""
        self._answers[path] = list(answers)

    def reader(self, **given: Any) -> ConfluenceReader:
        return ConfluenceReader(self.api(), **given)

    def api(self) -> ConfluenceApi:
        cloud = self.site == CLOUD
        return ConfluenceApi(
            self.site,
            token=TOKEN,
            email="bot@shop.example" if cloud else None,
            setting="TRIVET_CONFLUENCE__READ_TOKEN",
            deployment="auto" if cloud else "datacenter",
        )

    @property
    def paths(self) -> list[str]:
        return [path for path, _query in self.asked]

    def _answer(self, request: requests.PreparedRequest) -> tuple[int, dict[str, str], bytes]:
        parts = urlsplit((request.url or "").removeprefix(self.site))
        self.asked.append((parts.path, parse_qs(parts.query)))
        answers = self._answers.get(parts.path, [404])
        said = answers[0] if len(answers) == 1 else answers.pop(0)
        return (said, {}, b"{}") if isinstance(said, int) else (200, {}, orjson.dumps(said))


@contextmanager
def telling(site: str) -> Iterator[Told]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield Told(site, mock)


@pytest.fixture
def mock() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield mock


@pytest.fixture
def cloud(mock: responses.RequestsMock) -> Told:
    told = Told(CLOUD, mock)
    told.say("/api/v2/spaces/98", {"id": "98", "key": "DOC"})
    told.say("/api/v2/spaces", {"results": [{"id": "98", "key": "DOC"}]})
    return told


@pytest.fixture
def center(mock: responses.RequestsMock) -> Told:
    return Told(CENTER, mock)


def cloud_page(**changed: Any) -> dict[str, Any]:
    return {
        "id": "7",
        "status": "current",
        "title": "API guide",
        "spaceId": "98",
        "parentId": "3",
        "parentType": "page",
        "version": {
            "number": 5,
            "message": "typo",
            "authorId": "ada",
            "createdAt": "2026-11-22T10:00:00.000Z",
        },
        "body": {"storage": {"representation": "storage", "value": BODY}},
        "_links": {"webui": "/spaces/DOC/pages/7/API+guide"},
        **changed,
    }


def center_page(**changed: Any) -> dict[str, Any]:
    return {
        "id": "7",
        "type": "page",
        "status": "current",
        "title": "API guide",
        "space": {"id": 98, "key": "DOC", "name": "Docs"},
        "version": {
            "number": 5,
            "message": "typo",
            "by": {"type": "known", "username": "al", "userKey": "ada"},
        },
        "ancestors": [{"id": "1", "type": "page"}, {"id": "3", "type": "page"}],
        "body": {"storage": {"value": BODY, "representation": "storage"}},
        "_links": {"webui": "/display/DOC/API+guide", "base": CENTER},
        **changed,
    }


def without_url(page: Page | None) -> Page | None:
    return replace(page, url="") if page else None


# --- the account


@pytest.mark.parametrize(
    ("site", "said", "me"),
    [
        (
            CLOUD,
            {"accountId": "71:b", "displayName": "Trivet", "type": "known"},
            PagePerson("71:b", "Trivet"),
        ),
        (CLOUD, {"accountId": "71:b", "publicName": "Trivet"}, PagePerson("71:b", "Trivet")),
        (
            CENTER,
            {"userKey": "8a8", "username": "trivet", "displayName": "Trivet"},
            PagePerson("8a8", "Trivet", "trivet"),
        ),
    ],
)
def test_the_account_is_known_by_what_versions_call_it(site: str, said: Any, me: PagePerson) -> None:
    with telling(site) as told:
        told.say("/rest/api/user/current", said)
        reader = told.reader()
        assert (reader.me(), reader.me()) == (me, me)
        assert len(told.asked) == 1


def test_an_account_that_is_known_is_not_asked_for(cloud: Told) -> None:
    assert cloud.reader(me=PagePerson("71:b")).me() == PagePerson("71:b")
    assert not cloud.asked


def test_being_nobody_is_a_token_that_is_not_accepted(center: Told) -> None:
    center.say("/rest/api/user/current", {"type": "anonymous", "displayName": "Anonymous"})
    with pytest.raises(AccessDenied, match="renew TRIVET_CONFLUENCE__READ_TOKEN"):
        center.reader().me()


# --- pages


def test_a_page_reads_the_same_on_both_deployments_byte_for_byte(cloud: Told, center: Told) -> None:
    cloud.say("/api/v2/pages/7", cloud_page())
    center.say("/rest/api/content/7", center_page())
    one, other = cloud.reader().page("7"), center.reader().page("7")
    assert without_url(one) == without_url(other) == PAGE
    assert one.url == f"{CLOUD}/spaces/DOC/pages/7/API+guide"
    assert other.url == f"{CENTER}/display/DOC/API+guide"


def test_the_space_of_several_pages_is_asked_for_once(cloud: Told) -> None:
    cloud.say("/api/v2/pages/7", cloud_page())
    reader = cloud.reader()
    assert (reader.page("7").space, reader.page("7").space) == ("DOC", "DOC")
    assert cloud.paths.count("/api/v2/spaces/98") == 1


def test_a_page_at_the_top_of_a_space_has_no_parent(cloud: Told, center: Told) -> None:
    cloud.say("/api/v2/pages/7", cloud_page(parentId=None))
    center.say("/rest/api/content/7", center_page(ancestors=[]))
    assert (cloud.reader().page("7").parent, center.reader().page("7").parent) == ("", "")


@pytest.mark.parametrize("status", ["archived", "trashed", "draft"])
def test_a_page_that_does_not_stand_any_more_comes_with_its_status(
    cloud: Told, center: Told, status: str
) -> None:
    cloud.say("/api/v2/pages/7", 404, cloud_page(status=status, _links={}))
    center.say("/rest/api/content/7", 404, center_page(status=status, _links={}))
    one, other = cloud.reader().page("7"), center.reader().page("7")
    assert (one.status, other.status) == (status, status)
    assert (one.url, other.url) == tuple(f"{site}/pages/viewpage.action?pageId=7" for site in (CLOUD, CENTER))
    asked = [
        query.get("status") for told in (cloud, center) for path, query in told.asked if path.endswith("/7")
    ]
    assert asked == [None, ["trashed"], None, ["any"]]


def test_an_old_version_of_a_page_is_no_page(cloud: Told, center: Told) -> None:
    cloud.say("/api/v2/pages/7", cloud_page(status="deleted"))
    center.say("/rest/api/content/7", center_page(status="historical"))
    for told in (cloud, center):
        with pytest.raises(NotFound, match="no longer has page 7"):
            told.reader().page("7")


def test_a_blog_post_is_no_page(center: Told) -> None:
    center.say("/rest/api/content/7", center_page(type="blogpost"))
    with pytest.raises(NotFound, match="page 7 is no page of Confluence's but a blogpost"):
        center.reader().page("7")


def test_a_page_that_is_not_there_is_not_found(cloud: Told, center: Told) -> None:
    for told in (cloud, center):
        with pytest.raises(NotFound, match="page 7"):
            told.reader().page("7")


def test_a_page_without_its_text_is_none_that_can_be_worked_on(cloud: Told) -> None:
    cloud.say("/api/v2/pages/7", cloud_page(body={}))
    with pytest.raises(PlatformError, match=r"page 7 in a form we do not know: body\.storage"):
        cloud.reader().page("7")


@given(st.text(max_size=20).filter(lambda text: not re.fullmatch("[0-9]+", text)))
def test_what_is_no_number_is_the_id_of_nothing(page: str) -> None:
    for site in (CLOUD, CENTER):
        with telling(site) as told, pytest.raises(NotFound, match="its ids are numbers"):
            told.reader().page(page)
        assert not told.asked


# --- by title


def test_a_page_is_found_by_its_title(cloud: Told, center: Told) -> None:
    cloud.say("/api/v2/pages", {"results": [cloud_page()]})
    center.say("/rest/api/content", {"results": [center_page()], "size": 1})
    assert without_url(cloud.reader().find("DOC", "API guide")) == PAGE
    assert without_url(center.reader().find("DOC", "API guide")) == PAGE
    asked = cloud.asked[1][1]
    assert (asked["space-id"], asked["title"], "status" in asked) == (["98"], ["API guide"], False)
    assert center.asked[0][1]["spaceKey"] == ["DOC"]
    assert len(cloud.asked) == 2


@pytest.mark.parametrize(
    ("titles", "found"),
    [
        ([], None),
        (["api  Guide"], "api  Guide"),
        (["api guide", "API guide"], "API guide"),
        (["API guide (old)"], None),
    ],
)
def test_titles_are_told_apart_as_confluence_does(cloud: Told, titles: list[str], found: str | None) -> None:
    cloud.say("/api/v2/pages", {"results": [cloud_page(id=title, title=title) for title in titles]})
    page = cloud.reader().find("DOC", "API guide")
    assert (page.title if page else None) == found


def test_what_is_in_the_trash_has_no_title(cloud: Told, center: Told) -> None:
    cloud.say(
        "/api/v2/pages", {"results": [cloud_page(id="8", status="trashed"), cloud_page(status="archived")]}
    )
    center.say("/rest/api/content", {"results": [center_page(status="trashed")]})
    page = cloud.reader().find("DOC", "API guide")
    assert page
    assert (page.id, page.status) == ("7", "archived")
    assert center.reader().find("DOC", "API guide") is None


def test_in_a_space_that_is_not_there_is_no_page(cloud: Told, center: Told) -> None:
    cloud.say("/api/v2/spaces", {"results": []})
    center.say("/rest/api/content", 404)
    for told in (cloud, center):
        assert told.reader().find("NOPE", "API guide") is None
        assert not [path for path in told.paths if path == "/api/v2/pages"]


def test_a_space_that_may_not_be_asked_for_is_an_error(cloud: Told, center: Told) -> None:
    for told, path in ((cloud, "/api/v2/spaces"), (center, "/rest/api/content")):
        told.say(path, 401)
        with pytest.raises(AccessDenied):
            told.reader().find("DOC", "API guide")


@pytest.mark.parametrize(
    ("key", "spaces"),
    [
        ("doc", {"DOC": "98"}),
        ("Doc", {"doc": "98"}),
        ("doc", {"DOC": "97", "doc": "98"}),
        ("DOC", {"DOC": "98", "doc": "97"}),
        ("doc", {"docs": "97", "DOC": "98"}),
    ],
)
def test_a_space_is_found_in_whichever_case_its_key_is_written(
    cloud: Told, key: str, spaces: dict[str, str]
) -> None:
    """Of several that differ in nothing else, the one of exactly this key."""
    cloud.say("/api/v2/spaces", {"results": [{"id": id, "key": name} for name, id in spaces.items()]})
    cloud.say("/api/v2/pages", {"results": []})
    assert cloud.reader().find(key, "API guide") is None
    assert cloud.asked[0][1]["keys"] == [key]
    assert cloud.asked[1][1]["space-id"] == ["98"]


# --- who may see it


def restriction(users: int = 0, groups: int = 0) -> dict[str, Any]:
    people = {
        "user": {"results": [{"type": "known"}] * users},
        "group": {"results": [{"type": "group"}] * groups},
    }
    return {"operation": "read", "restrictions": people}


def guarded(told: Told, own: Answer, above: dict[str, Answer], kind: str = "page") -> None:
    ancestors = [{"id": one, "type": kind} for one in above]
    told.say("/api/v2/pages/7/ancestors", {"results": ancestors})
    told.say("/rest/api/content/7", center_page(ancestors=ancestors))
    for page, said in {"7": own, **above}.items():
        told.say(f"/rest/api/content/{page}/restriction/byOperation/read", said)


@pytest.mark.parametrize(
    ("own", "above", "restricted"),
    [
        (restriction(), {}, False),
        (restriction(), {"1": restriction(), "3": restriction()}, False),
        (restriction(users=1), {}, True),
        (restriction(groups=1), {"1": restriction()}, True),
        (restriction(), {"1": restriction(groups=1), "3": restriction()}, True),
        (restriction(), {"1": restriction(), "3": restriction(users=2)}, True),
        (restriction(), {"1": 403}, True),
        (restriction(), {"1": 404}, True),
    ],
)
def test_a_page_is_restricted_by_itself_or_by_any_above(
    cloud: Told, center: Told, own: Any, above: dict[str, Any], restricted: bool
) -> None:
    for told in (cloud, center):
        guarded(told, own, above)
        assert told.reader().is_restricted(PAGE) is restricted


@pytest.mark.parametrize("kind", ["folder", "whiteboard", "something new"])
def test_what_is_no_page_and_stands_above_is_asked_as_well(cloud: Told, kind: str) -> None:
    guarded(cloud, restriction(), {"1": restriction()}, kind)
    assert not cloud.reader().is_restricted(PAGE)


@pytest.mark.parametrize("status", [400, 403, 404])
def test_what_stands_above_and_does_not_say_may_be_restricted(cloud: Told, status: int) -> None:
    guarded(cloud, restriction(), {"1": status}, "folder")
    assert cloud.reader().is_restricted(PAGE)


def test_a_tree_too_high_to_be_told_counts_as_restricted(cloud: Told) -> None:
    guarded(cloud, restriction(), {str(number): restriction() for number in range(1_000, 1_250)})
    assert cloud.reader().is_restricted(PAGE)


def test_a_page_whose_restrictions_may_not_be_asked_counts_as_restricted(cloud: Told, center: Told) -> None:
    """For want of a scope, say: a run that waits for one would wait for a day."""
    for told in (cloud, center):
        guarded(told, 403, {})
        assert told.reader().is_restricted(PAGE)


def test_what_stands_above_and_may_not_be_asked_for_at_all_may_be_restricted(
    cloud: Told, center: Told
) -> None:
    for told, above in ((cloud, "/api/v2/pages/7/ancestors"), (center, "/rest/api/content/7")):
        guarded(told, restriction(), {})
        told.say(above, 403)
        assert told.reader().is_restricted(PAGE)


@pytest.mark.parametrize(("status", "kind"), [(401, AccessDenied), (503, Unavailable)])
def test_a_page_whose_own_restrictions_cannot_be_read_is_an_error(
    cloud: Told, center: Told, status: int, kind: type[PlatformError]
) -> None:
    for told in (cloud, center):
        guarded(told, status, {})
        with pytest.raises(kind):
            told.reader().is_restricted(PAGE)


@pytest.mark.parametrize("said", [{}, {"restrictions": {"user": {"results": []}}}, {"restrictions": {}}])
def test_an_answer_that_names_neither_people_nor_groups_does_not_pass_for_open(
    cloud: Told, said: Any
) -> None:
    guarded(cloud, said, {})
    with pytest.raises(PlatformError, match="the restrictions of page 7"):
        cloud.reader().is_restricted(PAGE)


# --- comments


def cloud_comment(number: int) -> dict[str, Any]:
    version = {"number": 2, "authorId": f"a{number}"}
    return {"id": str(number), "version": version, "body": {"storage": {"value": f"<p>{number}</p>"}}}


def center_comment(number: int, location: str = "footer") -> dict[str, Any]:
    return {
        "id": number,
        "type": "comment",
        "history": {
            "createdDate": f"2026-11-22T10:{number % 60:02}:00.000+01:00",
            "createdBy": {"userKey": f"a{number}"},
        },
        "version": {"number": 2, "by": {"userKey": "an administrator"}},
        "body": {"storage": {"value": f"<p>{number}</p>"}},
        "extensions": {"location": location},
    }


def test_comments_come_oldest_first(cloud: Told, center: Told) -> None:
    cloud.say("/api/v2/pages/7/footer-comments", {"results": [cloud_comment(one) for one in (3, 2, 1)]})
    center.say("/rest/api/content/7/child/comment", {"results": [center_comment(one) for one in (2, 1, 3)]})
    expected = [PageComment(str(one), f"a{one}", f"<p>{one}</p>", 2) for one in (1, 2, 3)]
    assert cloud.reader().comments("7") == center.reader().comments("7") == expected
    assert cloud.asked[0][1]["sort"] == ["-created-date"]
    assert center.asked[0][1]["location"] == ["footer"]
    assert "depth" not in center.asked[0][1]


def test_what_hangs_on_the_text_is_no_comment_of_the_footer(center: Told) -> None:
    comments = [center_comment(1, "inline"), center_comment(2), center_comment(3, "resolved")]
    center.say("/rest/api/content/7/child/comment", {"results": comments})
    assert [one.id for one in center.reader().comments("7")] == ["2"]


def test_of_many_comments_the_newest_thousand_come(cloud: Told, center: Told) -> None:
    def lists(make: Callable[[int], dict[str, Any]], numbers: list[int]) -> list[Any]:
        found = [numbers[at : at + 100] for at in range(0, len(numbers), 100)]
        links = [{"next": f"/x?start={at}"} for at in range(1, len(found))] + [{}]
        return [
            {"results": [make(one) for one in some], "_links": link}
            for some, link in zip(found, links, strict=True)
        ]

    def by_hour(number: int) -> dict[str, Any]:
        created = f"2026-11-{1 + number // 1440:02}T{number // 60 % 24:02}:{number % 60:02}:00.000Z"
        return {**center_comment(number), "history": {"createdDate": created}}

    cloud.say("/api/v2/pages/7/footer-comments", *lists(cloud_comment, list(range(1_500, 0, -1))))
    center.say("/rest/api/content/7/child/comment", *lists(by_hour, list(range(1, 1_501))))
    for told, requests_made in ((cloud, 10), (center, 15)):
        assert [one.id for one in told.reader().comments("7")] == [str(one) for one in range(501, 1_501)]
        assert len(told.asked) == requests_made


# --- properties


@pytest.mark.parametrize("site", [CLOUD, CENTER])
def test_a_section_is_remembered_in_its_property(site: str) -> None:
    kept = {
        "id": 41,
        "key": "trivet.section.endpoints",
        "value": {"digests": ["d"]},
        "version": {"number": 3},
    }
    with telling(site) as told:
        told.say("/api/v2/pages/7/properties", {"results": [kept]})
        told.say("/rest/api/content/7/property/trivet.section.endpoints", kept)
        reader = told.reader()
        assert reader.remembered("7", "endpoints") == {"digests": ["d"]}
        found = reader.property("7", "trivet.section.endpoints")
    assert found
    assert (found.id, found.version.number) == ("41", 3)
    assert site == CENTER or told.asked[0][1]["key"] == ["trivet.section.endpoints"]


def test_no_property_remembers_nothing(cloud: Told, center: Told) -> None:
    cloud.say("/api/v2/pages/7/properties", {"results": []})
    assert cloud.reader().remembered("7", "endpoints") is None
    assert center.reader().remembered("7", "endpoints") is None


def test_a_property_that_somebody_else_wrote_remembers_nothing(cloud: Told) -> None:
    kept = {"id": "41", "key": "k", "value": "mine", "version": {"number": 3}}
    cloud.say("/api/v2/pages/7/properties", {"results": [kept]})
    assert cloud.reader().remembered("7", "endpoints") is None


# --- what changed of late


def found_page(number: int, by: dict[str, str]) -> dict[str, Any]:
    return {
        "id": str(number),
        "type": "page",
        "space": {"key": "DOC"},
        "version": {"number": 2, "when": "2026-11-22T10:00:00.000Z", "by": by},
    }


@pytest.mark.parametrize(("site", "by"), [(CLOUD, {"accountId": "ada"}), (CENTER, {"userKey": "ada"})])
def test_pages_that_changed_are_found_in_our_spaces_only(site: str, by: dict[str, str]) -> None:
    with telling(site) as told:
        told.say(
            "/rest/api/content/search",
            {"results": [found_page(7, by)], "_links": {"next": "/rest/api/content/search?cql=a&cursor=c1"}},
            {"results": [found_page(7, by), found_page(8, by)], "_links": {}},
        )
        found = list(recently_changed(told.api(), ["DOC", "~ada", 'X") or space in ("SECRET'], 15))
    assert found == [ChangedPage(page, "DOC", 2, "ada", "2026-11-22T10:00:00+00:00") for page in ("7", "8")]
    assert told.asked[0][1]["cql"] == [
        'type = page and space in ("DOC", "~ada") and lastmodified >= now("-15m") order by lastmodified asc'
    ]


def test_without_spaces_nothing_is_asked(cloud: Told) -> None:
    assert list(recently_changed(cloud.api(), ['a"b', ""], 15)) == []
    assert not cloud.asked


@given(st.text(max_size=30))
def test_no_key_of_a_space_gets_out_of_its_quotes(key: str) -> None:
    with telling(CLOUD) as told:
        told.say("/rest/api/content/search", {"results": []})
        assert list(recently_changed(told.api(), [key, "DOC"], 1)) == []
    (cql,) = told.asked[0][1]["cql"]
    assert cql.count('"') in (4, 6)
    assert "\\" not in cql
