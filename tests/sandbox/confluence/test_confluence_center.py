"""Data Center's API of the stand-in: v1."""

from typing import Any
from urllib.parse import quote

import pytest

from tests.confluence_server import ConfluenceServer, Reply

PARAGRAPH = {"storage": {"representation": "storage", "value": "<p>x</p>"}}
CONTENT = "/rest/api/content"


def edit(center: ConfluenceServer, page: str, number: Any, **changed: Any) -> Reply:
    given = {"type": "page", "title": "API guide", "body": PARAGRAPH, "version": {"number": number}}
    return center.rest("PUT", f"{CONTENT}/{page}", given | changed)


def new(center: ConfluenceServer, title: str = "New", **more: Any) -> Reply:
    given = {"type": "page", "title": title, "space": {"key": "DOC"}, "body": PARAGRAPH}
    return center.rest("POST", CONTENT, given | more)


def test_a_wrong_token_is_answered_by_the_servers_own_page(center):
    refused = center.rest("GET", f"{CONTENT}/1", user=None, Authorization="Bearer wrong")
    assert refused.status == 401
    assert "Basic Authentication Failure - Reason : AUTHENTICATED_FAILED" in refused.body
    assert refused.headers["X-Seraph-LoginReason"] == "AUTHENTICATED_FAILED"
    assert center.rest("GET", f"{CONTENT}/1", user=None).status == 401


def test_the_current_user_is_told_by_key_and_name(center):
    told = center.rest("GET", "/rest/api/user/current")
    assert (told.body["userKey"], told.body["username"]) == (center.person("trivet")["key"], "trivet")
    assert told.headers["X-AUSERNAME"] == "trivet"


def test_what_is_not_expanded_is_named_only(center):
    page = center.page()["id"]
    bare = center.rest("GET", f"{CONTENT}/{page}").body
    assert bare.keys().isdisjoint({"body", "version", "space"})
    assert bare["_expandable"]["version"] == f"/rest/api/content/{page}/version"
    wanted = "body.storage,version,space,ancestors,history.lastUpdated"
    full = center.rest("GET", f"{CONTENT}/{page}?expand={wanted}").body
    assert full["body"]["storage"]["value"] == center.page()["body"]
    assert (full["version"]["number"], full["version"]["by"]["username"]) == (2, "ada")
    assert (full["space"]["key"], full["ancestors"][-1]["title"]) == ("DOC", "Docs")
    assert full["history"]["lastUpdated"]["message"] == "The whole guide"


def test_a_page_is_found_by_space_and_title(center):
    (found,) = center.rest("GET", f"{CONTENT}?spaceKey=DOC&title={quote('API guide')}&type=page").body[
        "results"
    ]
    assert found["id"] == center.page()["id"]
    unknown = center.rest("GET", f"{CONTENT}?spaceKey=NONE")
    assert (unknown.status, unknown.body["message"]) == (404, "No space with key : NONE")


def test_a_page_that_is_not_there_or_not_to_be_seen_is_the_same(center):
    for page in ("99", "x", center.page("Runbook")["id"]):
        refused = center.rest("GET", f"{CONTENT}/{page}")
        assert (refused.status, refused.body["statusCode"]) == (404, 404)
        assert refused.body["message"] == f"No content found with id: ContentId{{id={page}}}"


def test_an_update_makes_the_next_version(center):
    page = center.page()["id"]
    told = edit(center, page, 3, version={"number": 3, "message": "Trivet: x", "minorEdit": True}).body
    assert (told["version"]["number"], told["body"]["storage"]["value"]) == (3, "<p>x</p>")
    last = center.page()["versions"][-1]
    assert (last["message"], last["minor"], last["author"]["name"]) == ("Trivet: x", True, "trivet")


@pytest.mark.parametrize("number", [1, 2, 4])
def test_any_version_but_the_next_is_a_conflict(center, number):
    refused = edit(center, center.page()["id"], number)
    assert refused.status == 409
    assert refused.body["message"] == "Version must be incremented on update. Current version is: 2"
    assert refused.body["data"]["successful"] is False


@pytest.mark.parametrize(
    "wrong",
    [
        {"version": None},
        {"type": None},
        {"type": "comment"},
        {"title": None},
        {"novel": 1},
        {"space": {"key": "OPS"}},
        {"body": {"storage": {"representation": "wiki", "value": "x"}}},
        {"body": {"storage": {"representation": "storage", "value": "<p>"}}},
        {"ancestors": [{"id": "99"}]},
    ],
)
def test_an_update_with_anything_wrong_changes_nothing(center, wrong):
    assert edit(center, center.page()["id"], 3, **wrong).status == 400
    assert center.page()["version"] == 2


def test_xhtml_that_cannot_be_read_is_refused_with_the_place(center):
    refused = edit(
        center, center.page()["id"], 3, body={"storage": {"representation": "storage", "value": "<p>"}}
    )
    assert refused.body["message"] == (
        "Error parsing xhtml: Unexpected close tag </xml>; expected </p>.\n at [row,col {unknown-source}]: [1,6]"
    )


def test_a_page_is_made_below_the_last_of_its_ancestors(center):
    made = new(center, "Release next", ancestors=[{"id": center.page("Releases")["id"]}]).body
    assert made["ancestors"][-1]["title"] == "Releases"
    taken = new(center, "release NEXT")
    assert (taken.status, taken.body["message"]) == (
        400,
        "A page with this title already exists: A page already exists with the title release NEXT in the space with "
        "key DOC",
    )


def test_a_trashed_page_is_found_with_its_status_only(center):
    page = center.page()["id"]
    assert center.rest("DELETE", f"{CONTENT}/{page}").status == 204
    assert center.rest("GET", f"{CONTENT}/{page}").status == 404
    for status in ("trashed", "any"):
        assert center.rest("GET", f"{CONTENT}/{page}?status={status}").body["status"] == "trashed"
    assert edit(center, page, 3).status == 404
    assert edit(center, page, 3, status="current").status == 200
    assert center.page()["status"] == "current"


def test_data_center_archives_no_pages(center):
    with pytest.raises(AssertionError, match="archives no pages"):
        center.act("API guide", "archive")


def test_who_may_only_read_writes_nothing(center):
    center.control("permissions", person="trivet", permission="edit", on=False)
    page = center.page()["id"]
    assert edit(center, page, 3).status == 403
    assert new(center).status == 403
    assert center.rest("POST", f"{CONTENT}/{page}/property", {"key": "k", "value": 1}).status == 403


def test_restrictions_are_told_where_they_are_expanded(center):
    center.act("API guide", "restrict", people=["ada", "trivet"])
    page = center.page()["id"]
    wanted = "restrictions.read.restrictions.user,restrictions.read.restrictions.group"
    told = center.rest("GET", f"{CONTENT}/{page}?expand={wanted}").body["restrictions"]["read"][
        "restrictions"
    ]
    assert [one["username"] for one in told["user"]["results"]] == ["ada", "trivet"]
    assert told["group"]["results"] == []
    both = center.rest("GET", f"{CONTENT}/{page}/restriction/byOperation").body
    assert both["update"]["restrictions"]["user"]["size"] == 0
    center.act("API guide", "restrict", people=["ada"])
    assert center.rest("GET", f"{CONTENT}/{page}").status == 404


# --- comments


def comment(center: ConfluenceServer, **more: Any) -> Reply:
    given = {"type": "comment", "container": {"id": center.page()["id"], "type": "page"}, "body": PARAGRAPH}
    return center.rest("POST", CONTENT, given | more)


def test_a_comment_is_content_of_its_own(center):
    made = comment(center).body
    page = center.page()["id"]
    listed = center.rest(
        "GET", f"{CONTENT}/{page}/child/comment?expand=body.storage,version&location=footer"
    ).body
    (seen,) = listed["results"]
    assert (seen["id"], seen["body"]["storage"]["value"]) == (made["id"], "<p>x</p>")
    assert seen["extensions"]["location"] == "footer"
    path = f"{CONTENT}/{made['id']}"
    edited = {"type": "comment", "version": {"number": 2}, "body": PARAGRAPH}
    assert center.rest("PUT", path, edited).body["version"]["number"] == 2
    assert center.rest("PUT", path, edited).status == 409
    assert center.rest("PUT", path, edited | {"version": {"number": 3}}, user="ada").status == 403
    assert center.rest("DELETE", path).status == 204
    assert center.rest("GET", path).status == 404


def test_replies_are_listed_with_all_depths_only(center):
    top = comment(center).body["id"]
    reply = comment(center, ancestors=[{"id": top}]).body["id"]
    path = f"{CONTENT}/{center.page()['id']}/child/comment?location=footer"
    assert [one["id"] for one in center.rest("GET", path).body["results"]] == [top]
    assert [one["id"] for one in center.rest("GET", f"{path}&depth=all").body["results"]] == [top, reply]
    below = center.rest("GET", f"{CONTENT}/{top}/child/comment").body["results"]
    assert [one["id"] for one in below] == [reply]


def test_an_inline_comment_is_told_by_its_marker(center):
    wanted = "extensions.inlineProperties,extensions.resolution"
    path = f"{CONTENT}/{center.page()['id']}/child/comment?location=inline&expand={wanted}"
    (seen,) = center.rest("GET", path).body["results"]
    properties = seen["extensions"]["inlineProperties"]
    assert properties["originalSelection"] == "the same as on the receipt"
    assert f'ac:ref="{properties["markerRef"]}"' in center.page()["body"]
    assert seen["extensions"]["resolution"] == {"status": "open"}


# --- properties


def test_a_property_is_written_by_its_key(center):
    path = f"{CONTENT}/{center.page()['id']}/property"
    assert center.rest("GET", f"{path}/trivet.x").status == 404
    assert center.rest("POST", path, {"key": "trivet.x", "value": {"a": 1}}).body["version"]["number"] == 1
    assert center.rest("POST", path, {"key": "trivet.x", "value": {"a": 1}}).status == 409
    given = {"key": "trivet.x", "value": {"a": 2}, "version": {"number": 1}}
    assert center.rest("PUT", f"{path}/trivet.x", given).status == 409
    assert center.rest("PUT", f"{path}/trivet.x", given | {"version": {"number": 2}}).status == 200
    assert center.rest("GET", f"{path}/trivet.x").body["value"] == {"a": 2}
    assert [one["key"] for one in center.rest("GET", path).body["results"]] == ["trivet.x"]
    assert center.rest("PUT", f"{path}/new", {"value": 1, "version": {"number": 2}}).status == 404
    assert center.rest("PUT", f"{path}/new", {"value": 1, "version": {"number": 1}}).status == 200
    assert center.rest("DELETE", f"{path}/trivet.x").status == 204


def test_lists_go_on_by_start_and_limit(center):
    first = center.rest("GET", f"{CONTENT}?spaceKey=DOC&limit=2").body
    assert (first["size"], first["limit"], first["_links"]["context"]) == (2, 2, "/confluence")
    second = center.rest("GET", first["_links"]["next"]).body
    assert [one["title"] for one in first["results"] + second["results"]] == ["Docs", "Releases", "API guide"]
    assert "next" not in second["_links"]


def test_cloud_has_no_place_here(center):
    assert center.rest("GET", "/wiki/api/v2/pages").status == 404
    assert center.rest("GET", "/rest/api/space/DOC").body["key"] == "DOC"


def test_the_manifest_tells_everybody_product_and_version(center):
    manifest = "/rest/applinks/1.0/manifest"
    told = center.rest("GET", manifest, user=None)
    assert (told.status, told.body["typeId"], told.body["version"]) == (200, "confluence", "9.2.0")
    center.control("version", version="8.5.4")
    assert center.rest("GET", manifest).body["version"] == "8.5.4"


def test_an_account_sees_when_its_own_tokens_expire(center):
    tokens = "/rest/pat/latest/tokens"
    center.control("people/trivet", token_expires="2031-05-01T00:00:00.000Z")
    assert [one["expiringAt"] for one in center.rest("GET", tokens).body] == ["2031-05-01T00:00:00.000Z"]
    assert "expiringAt" not in center.rest("GET", tokens, user="ada").body[0]
    assert center.rest("GET", tokens, user=None).status == 401


def test_pages_tell_what_may_be_done_to_them(center):
    def allowed(user: str) -> set[tuple[str, str]]:
        found = center.rest("GET", f"/rest/api/content/{center.page()['id']}?expand=operations", user=user)
        return {(one["operation"], one["targetType"]) for one in found.body["operations"]}

    assert allowed("trivet") == {("read", "page"), ("update", "page"), ("create", "comment")}
    assert allowed("sam") == {("read", "page"), ("create", "comment")}
