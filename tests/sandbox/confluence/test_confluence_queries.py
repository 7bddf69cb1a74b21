"""CQL in the stand-in Confluence: what it finds, and what it refuses."""

from urllib.parse import quote

import pytest

from tests.confluence_server import ConfluenceServer, Reply


def search(confluence: ConfluenceServer, cql: str, more: str = "", user: str = "trivet") -> Reply:
    return confluence.rest("GET", f"/rest/api/content/search?cql={quote(cql)}{more}", user=user)


def titles(confluence: ConfluenceServer, cql: str, user: str = "trivet") -> list[str]:
    reply = search(confluence, cql, user=user)
    assert reply.status == 200, reply.body
    return [one["title"] for one in reply.body["results"]]


def test_news_are_found_and_what_is_old_is_not(confluence):
    recent = 'type = page and space in ("DOC", "OPS") and lastmodified >= now("-15m") order by lastmodified'
    assert titles(confluence, recent) == []
    confluence.act("Releases", "edit", append="<p>x</p>")
    confluence.act("API guide", "edit", append="<p>x</p>")
    assert titles(confluence, recent) == ["Releases", "API guide"]
    assert titles(confluence, recent + " desc") == ["API guide", "Releases"]


def test_fields_are_matched_as_they_are(confluence):
    home = confluence.page("Docs")["id"]
    confluence.act("API guide", "label", name="api")
    for cql, found in {
        'title = "api guide"': ["API guide"],
        'title ~ "guide"': ["API guide"],
        f"ancestor = {home}": ["Releases", "API guide"],
        f"ancestor = {home} and not label = api": ["Releases"],
        f'id in ("{home}")': ["Docs"],
        "type = page and title != Docs": ["Releases", "API guide"],
        "label = api or title = Docs": ["Docs", "API guide"],
        "space = DOC and (title = Docs or title = Releases)": ["Docs", "Releases"],
        "type = blogpost": [],
        'created < "2020-01-01"': [],
        'created > "2020/01/01 10:30"': ["Docs", "Releases", "API guide"],
        "space = DOC order by title desc": ["Releases", "Docs", "API guide"],
    }.items():
        assert titles(confluence, cql) == found, cql


def test_a_minute_is_the_smallest_step(confluence):
    confluence.act("API guide", "edit", append="<p>x</p>")
    assert titles(confluence, "space = DOC and lastmodified = now()") == ["API guide"]


def test_only_current_pages_that_one_may_see_are_found(confluence):
    assert titles(confluence, 'title = "Runbook"') == []
    assert titles(confluence, 'title = "Runbook"', user="ada") == ["Runbook"]
    confluence.act("API guide", "trash")
    assert titles(confluence, 'title = "API guide"') == []


@pytest.mark.parametrize(
    "cql",
    [
        " ",
        "type",
        "type =",
        "type page",
        "type = page and",
        "space in (DOC, OPS)",
        'space in ("DOC"',
        "status = current",
        "lastmodified > yesterday",
        'lastmodified > "2026-05-12T09:00:00.000Z"',
        'lastmodified > "15m"',
        'lastmodified > now("-15 minutes")',
        'lastmodified ~ "2026-05-12"',
        'lastmodified in ("2026-05-12")',
        'title = "open',
        "type != page",
        "not type = page",
        "type = page order lastmodified",
        "type = page order by label",
        "type = page) ",
        "type ~ page",
        "title = currentTitle()",
    ],
)
def test_what_confluence_would_not_read_is_refused(confluence, cql):
    refused = search(confluence, cql)
    assert refused.status == 400
    assert "cql" in refused.body["message"]


def test_the_wider_search_has_the_page_below_content(confluence):
    query = quote('title = "API guide"')
    (found,) = confluence.rest(
        "GET", f"/rest/api/search?cql={query}&expand=content.version,content.space"
    ).body["results"]
    assert (found["content"]["version"]["number"], found["content"]["space"]["key"]) == (2, "DOC")
    assert found["content"]["id"] == confluence.page()["id"]
    assert found["url"] == found["content"]["_links"]["webui"]


def test_cloud_goes_on_by_a_cursor_and_takes_no_start(cloud):
    first = search(cloud, "space = DOC order by title", "&limit=2").body
    second = cloud.rest("GET", first["_links"]["next"]).body
    assert [one["title"] for one in first["results"] + second["results"]] == ["API guide", "Docs", "Releases"]
    assert "next" not in second["_links"]
    assert search(cloud, "space = DOC", "&start=2").status == 400


def test_data_center_goes_on_by_start(center):
    first = search(center, "space = DOC order by title", "&limit=2").body
    second = center.rest("GET", first["_links"]["next"]).body
    assert [one["title"] for one in first["results"] + second["results"]] == ["API guide", "Docs", "Releases"]
