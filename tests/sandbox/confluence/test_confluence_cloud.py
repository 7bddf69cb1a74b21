"""Cloud's API of the stand-in: v2, and what is left of v1."""

import base64
from typing import Any
from urllib.parse import quote

import pytest

from tests.confluence_server import ConfluenceServer, Reply

PARAGRAPH = {"representation": "storage", "value": "<p>x</p>"}


def edit(cloud: ConfluenceServer, page: str, number: int, **changed: Any) -> Reply:
    given = {
        "id": page,
        "status": "current",
        "title": "API guide",
        "body": PARAGRAPH,
        "version": {"number": number},
    }
    return cloud.rest("PUT", f"/api/v2/pages/{page}", given | changed)


def title_of(reply: Reply) -> str:
    return reply.body["errors"][0]["title"]


def space_id(cloud: ConfluenceServer, key: str = "DOC") -> str:
    return next(one["id"] for one in cloud.state()["spaces"] if one["key"] == key)


def new(cloud: ConfluenceServer, title: str = "New", **more: Any) -> Reply:
    given = {"spaceId": space_id(cloud), "status": "current", "title": title, "body": PARAGRAPH}
    return cloud.rest("POST", "/api/v2/pages", given | more)


# --- who


@pytest.mark.parametrize("path", ["/api/v2/spaces", "/rest/api/user/current"])
def test_nobody_gets_in_without_a_token(cloud, path):
    assert cloud.rest("GET", path, user=None).status == 401
    wrong = "Basic " + base64.b64encode(b"ada@shop.example:wrong").decode()
    refused = cloud.rest("GET", path, user=None, Authorization=wrong)
    assert (refused.status, refused.headers["X-Seraph-LoginReason"]) == (401, "AUTHENTICATED_FAILED")


def test_a_token_as_bearer_is_no_session(cloud):
    refused = cloud.rest("GET", "/api/v2/spaces", user=None, Authorization="Bearer x")
    assert (refused.status, refused.body["message"]) == (403, "Failed to parse Connect Session Auth Token")


def test_the_current_user_is_told_by_account(cloud):
    told = cloud.rest("GET", "/rest/api/user/current").body
    assert (told["accountId"], told["accountType"]) == (cloud.person("trivet")["account_id"], "app")


# --- reading


def test_a_page_is_read_with_its_storage_and_version(cloud):
    guide = cloud.page()
    told = cloud.rest("GET", f"/api/v2/pages/{guide['id']}?body-format=storage").body
    assert told["body"]["storage"] == {"representation": "storage", "value": guide["body"]}
    assert told["version"]["number"] == 2
    assert told["version"]["authorId"] == cloud.person("ada")["account_id"]
    assert told["_links"]["base"] + told["_links"]["webui"] == guide["url"]
    assert cloud.rest("GET", f"/api/v2/pages/{guide['id']}").body["body"] == {}


def test_a_page_is_found_by_space_and_title(cloud):
    query = f"space-id={space_id(cloud)}&title={quote('api GUIDE')}&status=current"
    (found,) = cloud.rest("GET", f"/api/v2/pages?{query}").body["results"]
    assert found["id"] == cloud.page()["id"]
    assert cloud.rest("GET", "/api/v2/pages?status=novel").status == 400


def test_a_space_that_may_not_be_seen_is_not_there(cloud):
    keys = [one["key"] for one in cloud.rest("GET", "/api/v2/spaces?keys=DOC,OPS").body["results"]]
    assert keys == ["DOC"]
    assert cloud.rest("GET", f"/api/v2/spaces/{space_id(cloud, 'OPS')}").status == 404
    hidden = cloud.rest("GET", f"/api/v2/pages/{cloud.page('Runbook')['id']}")
    assert hidden.body == {
        "errors": [{"status": 404, "code": "NOT_FOUND", "title": "Not Found", "detail": None}]
    }


def test_lists_go_on_by_a_cursor_that_is_good_wherever_the_site_is(cloud):
    first = cloud.rest("GET", "/api/v2/pages?limit=2&sort=title")
    following = first.body["_links"]["next"]
    assert following.startswith("/wiki/api/v2/pages?limit=2&sort=title&cursor=")
    assert f'<{following}>; rel="next"' in first.headers["Link"]
    second = cloud.rest("GET", following.removeprefix("/wiki")).body
    assert [one["title"] for one in first.body["results"] + second["results"]] == [
        "API guide",
        "Docs",
        "Releases",
    ]
    assert "next" not in second["_links"]
    for bad in ("limit=0", "limit=251", "limit=x", "cursor=x"):
        assert cloud.rest("GET", f"/api/v2/pages?{bad}").status == 400


def test_ancestors_come_from_the_top_and_children_below_their_page(cloud):
    home, guide = cloud.page("Docs"), cloud.page()
    above = cloud.rest("GET", f"/api/v2/pages/{guide['id']}/ancestors").body["results"]
    assert above == [{"id": home["id"], "type": "page"}]
    below = cloud.rest("GET", f"/api/v2/pages/{home['id']}/children").body["results"]
    assert [one["title"] for one in below] == ["Releases", "API guide"]


def test_versions_come_newest_first_and_old_ones_can_be_read(cloud):
    guide = cloud.page()
    versions = cloud.rest("GET", f"/api/v2/pages/{guide['id']}/versions").body["results"]
    assert [(one["number"], one["message"]) for one in versions] == [(2, "The whole guide"), (1, "")]
    old = cloud.rest("GET", f"/api/v2/pages/{guide['id']}?version=1&body-format=storage").body
    assert "To be written." in old["body"]["storage"]["value"]
    assert old["status"] == "historical"


def test_an_id_that_is_no_number_is_a_bad_request(cloud):
    for bad in ("x", "-1", str(2**63)):
        assert cloud.rest("GET", f"/api/v2/pages/{bad}").status == 400


# --- writing


def test_an_update_makes_the_next_version_and_says_what_stands_there(cloud):
    guide = cloud.page()
    told = edit(cloud, guide["id"], 3, version={"number": 3, "message": "Trivet: x"}).body
    assert told["version"]["number"] == 3
    after = cloud.page()
    assert (after["versions"][-1]["message"], after["versions"][-1]["author"]["name"]) == (
        "Trivet: x",
        "trivet",
    )
    assert told["body"]["storage"]["value"] == after["body"]
    assert after["writes"] == {"trivet": {"page": 1}}


def test_an_equal_body_makes_a_version_too(cloud):
    guide = cloud.page()
    same = {"representation": "storage", "value": guide["body"]}
    assert edit(cloud, guide["id"], 3, body=same).status == 200
    after = cloud.page()
    assert (after["version"], after["body"]) == (3, guide["body"])


@pytest.mark.parametrize("number", [1, 2, 4, 99])
def test_any_version_but_the_next_is_a_conflict(cloud, number):
    refused = edit(cloud, cloud.page()["id"], number)
    assert refused.status == 409
    assert title_of(refused) == (
        f"Version must be incremented when updating a page. Current version: [2]. Provided version: [{number}]"
    )
    assert cloud.page()["version"] == 2


@pytest.mark.parametrize("missing", ["id", "status", "title", "body", "version"])
def test_an_update_needs_all_it_has_to_say(cloud, missing):
    page = cloud.page()["id"]
    given = {
        "id": page,
        "status": "current",
        "title": "API guide",
        "body": PARAGRAPH,
        "version": {"number": 3},
    }
    del given[missing]
    assert cloud.rest("PUT", f"/api/v2/pages/{page}", given).status == 400


@pytest.mark.parametrize(
    "wrong",
    [
        {"novel": 1},
        {"id": "1"},
        {"spaceId": "1"},
        {"status": "archived"},
        {"body": {"representation": "wiki", "value": "x"}},
        {"body": {"value": "<p />"}},
        {"body": {"representation": "storage", "value": "<p>"}},
        {"version": {"number": 3, "minorEdit": True}},
        {"version": {"number": "3"}},
        {"title": " "},
        {"title": "x" * 256},
    ],
)
def test_an_update_with_anything_wrong_changes_nothing(cloud, wrong):
    assert edit(cloud, cloud.page()["id"], 3, **wrong).status == 400
    assert cloud.page()["version"] == 2


def test_a_page_is_made_below_its_parent(cloud):
    parent = cloud.page("Releases")["id"]
    made = new(cloud, "Release next", parentId=parent).body
    assert (made["parentId"], made["version"]["number"]) == (parent, 1)
    assert cloud.page("Release next")["ancestors"][-1]["title"] == "Releases"


def test_a_parent_has_to_be_a_page_of_the_space(cloud):
    assert new(cloud, parentId="99").status == 404
    assert new(cloud, parentId=cloud.page("Runbook")["id"]).status == 404


def test_a_title_is_taken_in_whatever_case_even_by_an_archived_page(cloud):
    words = "A page with this title already exists: A page already exists with the same TITLE in this space"
    assert title_of(new(cloud, "API GUIDE")) == words
    cloud.act("API guide", "archive")
    assert title_of(new(cloud, " API guide ")) == words
    assert edit(cloud, cloud.page("Releases")["id"], 2, title="API guide").status == 400


def test_a_trashed_page_leaves_its_title(cloud):
    cloud.act("API guide", "trash")
    assert new(cloud, "API guide").status == 200


@pytest.mark.parametrize(
    "wrong", [{"novel": 1}, {"title": None}, {"body": None}, {"spaceId": None}, {"status": "x"}]
)
def test_a_page_is_not_made_of_anything(cloud, wrong):
    assert new(cloud, **wrong).status == 400


def test_too_large_a_body_is_refused(cloud):
    cloud.control("limits", body_bytes=100)
    assert edit(cloud, cloud.page()["id"], 3, body=PARAGRAPH | {"value": f"<p>{'x' * 100}</p>"}).status == 413


def test_an_archived_page_can_be_read_and_not_written(cloud):
    page = cloud.page()["id"]
    cloud.act("API guide", "archive")
    assert cloud.rest("GET", f"/api/v2/pages/{page}").body["status"] == "archived"
    assert edit(cloud, page, 3).status == 400
    assert cloud.page()["version"] == 2


def test_a_trashed_page_is_found_where_it_is_asked_for(cloud):
    page = cloud.page()["id"]
    assert cloud.rest("DELETE", f"/api/v2/pages/{page}").status == 204
    assert cloud.rest("GET", f"/api/v2/pages/{page}").status == 404
    assert cloud.rest("GET", f"/api/v2/pages/{page}?status=current,trashed").body["status"] == "trashed"


def test_who_may_only_read_writes_nothing(cloud):
    page = cloud.page()["id"]
    cloud.control("permissions", person="trivet", permission="edit", on=False)
    assert edit(cloud, page, 3).status == 403
    assert new(cloud).status == 403
    assert cloud.rest("POST", f"/api/v2/pages/{page}/properties", {"key": "k", "value": 1}).status == 403


def test_a_page_restricted_above_cannot_be_seen_below(cloud):
    page = cloud.page()["id"]
    cloud.act("Docs", "restrict", people=["ada"])
    assert cloud.rest("GET", f"/api/v2/pages/{page}").status == 404
    own = cloud.rest("GET", f"/rest/api/content/{page}/restriction/byOperation/read", user="ada").body
    assert own["restrictions"]["user"]["results"] == []
    home = cloud.page("Docs")["id"]
    above = cloud.rest("GET", f"/rest/api/content/{home}/restriction", user="ada").body["results"]
    names = [one["displayName"] for one in above[0]["restrictions"]["user"]["results"]]
    assert (above[0]["operation"], names) == ("read", ["Ada Lindqvist"])
    cloud.act("Docs", "unrestrict")
    assert cloud.rest("GET", f"/api/v2/pages/{page}").status == 200


def test_a_restriction_on_editing_leaves_reading(cloud):
    cloud.act("API guide", "restrict", people=["ada"], operation="update")
    assert edit(cloud, cloud.page()["id"], 3).status == 403
    assert cloud.rest("GET", f"/api/v2/pages/{cloud.page()['id']}").status == 200


# --- comments


def test_a_footer_comment_is_written_read_edited_and_deleted(cloud):
    page = cloud.page()["id"]
    made = cloud.rest("POST", "/api/v2/footer-comments", {"pageId": page, "body": PARAGRAPH})
    assert made.status == 201
    path = f"/api/v2/footer-comments/{made.body['id']}"
    stale = cloud.rest("PUT", path, {"version": {"number": 1}, "body": PARAGRAPH})
    assert stale.status == 409
    edited = {"version": {"number": 2}, "body": {"representation": "storage", "value": "<p>y</p>"}}
    assert cloud.rest("PUT", path, edited).body["version"]["number"] == 2
    (seen,) = cloud.rest("GET", f"/api/v2/pages/{page}/footer-comments?body-format=storage").body["results"]
    assert ">y</p>" in seen["body"]["storage"]["value"]
    assert seen["version"]["authorId"] == cloud.person("trivet")["account_id"]
    assert cloud.page()["version"] == 2
    assert cloud.rest("DELETE", path).status == 204
    assert cloud.rest("GET", path).status == 404


def test_nobody_edits_or_deletes_a_comment_of_somebody_else(cloud):
    number = cloud.act("API guide", "comment", body="<p>mine</p>")["id"]
    path = f"/api/v2/footer-comments/{number}"
    assert cloud.rest("PUT", path, {"version": {"number": 2}, "body": PARAGRAPH}).status == 403
    assert cloud.rest("DELETE", path).status == 403
    assert cloud.rest("DELETE", path, user="grace").status == 204


def test_replies_stand_below_their_comment_and_not_in_the_list(cloud):
    page = cloud.page()["id"]
    top = cloud.rest("POST", "/api/v2/footer-comments", {"pageId": page, "body": PARAGRAPH}).body["id"]
    reply = cloud.rest("POST", "/api/v2/footer-comments", {"parentCommentId": top, "body": PARAGRAPH}).body[
        "id"
    ]
    listed = cloud.rest("GET", f"/api/v2/pages/{page}/footer-comments").body["results"]
    assert [one["id"] for one in listed] == [top]
    below = cloud.rest("GET", f"/api/v2/footer-comments/{top}/children").body["results"]
    assert [one["id"] for one in below] == [reply]


def test_no_comment_comes_to_an_archived_page(cloud):
    page = cloud.page()["id"]
    cloud.act("API guide", "archive")
    assert cloud.rest("POST", "/api/v2/footer-comments", {"pageId": page, "body": PARAGRAPH}).status == 404


def inline(cloud: ConfluenceServer, words: str, total: int, index: int) -> Reply:
    told = {"textSelection": words, "textSelectionMatchCount": total, "textSelectionMatchIndex": index}
    given = {"pageId": cloud.page()["id"], "body": PARAGRAPH, "inlineCommentProperties": told}
    return cloud.rest("POST", "/api/v2/inline-comments", given, user="ada")


def test_an_inline_comment_marks_its_words_without_a_new_version(cloud):
    cloud.act("API guide", "edit", body="<p>one two one</p>")
    made = inline(cloud, "one", 2, 1).body
    ref = made["properties"]["inlineMarkerRef"]
    after = cloud.page()
    marker = f'one two <ac:inline-comment-marker ac:ref="{ref}">one</ac:inline-comment-marker></p>'
    assert after["body"].endswith(marker)
    assert (after["version"], made["resolutionStatus"]) == (3, "open")


@pytest.mark.parametrize(
    ("words", "total", "index"), [("one", 1, 0), ("one", 2, 2), ("three", 1, 0), ("", 1, 0)]
)
def test_an_inline_comment_needs_words_that_stand_there_so_often(cloud, words, total, index):
    cloud.act("API guide", "edit", body="<p>one two one</p>")
    assert inline(cloud, words, total, index).status == 400
    assert "inline-comment-marker" not in cloud.page()["body"]


def test_a_comment_whose_marker_is_gone_is_left_dangling_until_it_is_back(cloud):
    before = cloud.page()
    edit(cloud, before["id"], 3)
    path = f"/api/v2/pages/{before['id']}/inline-comments"
    assert [one["resolutionStatus"] for one in cloud.rest("GET", path).body["results"]] == ["dangling"]
    edit(cloud, before["id"], 4, body=PARAGRAPH | {"value": before["body"]})
    assert [one["resolutionStatus"] for one in cloud.rest("GET", path).body["results"]] == ["open"]


# --- properties


def test_a_property_is_made_once_and_goes_on_by_its_version(cloud):
    path = f"/api/v2/pages/{cloud.page()['id']}/properties"
    made = cloud.rest("POST", path, {"key": "trivet.section.x", "value": {"digests": ["a"]}}).body
    assert made["version"]["number"] == 1
    assert cloud.rest("POST", path, {"key": "trivet.section.x", "value": 1}).status == 409
    given = {"key": "trivet.section.x", "value": {"digests": ["b"]}, "version": {"number": 1}}
    assert cloud.rest("PUT", f"{path}/{made['id']}", given).status == 409
    given["version"] = {"number": 2}
    assert cloud.rest("PUT", f"{path}/{made['id']}", given).body["value"] == {"digests": ["b"]}
    (found,) = cloud.rest("GET", f"{path}?key=trivet.section.x").body["results"]
    assert (found["id"], found["version"]["number"]) == (made["id"], 2)
    assert cloud.rest("GET", f"{path}?key=other").body["results"] == []
    assert cloud.page()["version"] == 2
    assert cloud.rest("DELETE", f"{path}/{made['id']}").status == 204
    assert cloud.page()["properties"] == {}


def test_a_property_that_is_too_long_is_refused(cloud):
    path = f"/api/v2/pages/{cloud.page()['id']}/properties"
    assert cloud.rest("POST", path, {"key": "k", "value": "ä" * 16_384}).status == 400
    assert cloud.rest("POST", path, {"key": "k", "value": "x" * 32_000}).status == 200


def test_comments_have_properties_too(cloud):
    number = cloud.rest(
        "POST", "/api/v2/footer-comments", {"pageId": cloud.page()["id"], "body": PARAGRAPH}
    ).body["id"]
    path = f"/api/v2/comments/{number}/properties"
    assert cloud.rest("POST", path, {"key": "k", "value": 1}).status == 200
    assert [one["key"] for one in cloud.rest("GET", path).body["results"]] == ["k"]


# --- v1


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/rest/api/content/{id}"),
        ("PUT", "/rest/api/content/{id}"),
        ("GET", "/rest/api/content?title=x"),
        ("POST", "/rest/api/content"),
        ("GET", "/rest/api/content/{id}/property/k"),
        ("GET", "/rest/api/content/{id}/child/comment"),
        ("GET", "/rest/api/space/DOC"),
    ],
)
def test_what_v1_had_for_pages_is_gone(cloud, method, path):
    gone = cloud.rest(method, path.format(id=cloud.page()["id"]))
    assert (gone.status, gone.body["statusCode"]) == (410, 410)
    assert gone.body["message"].endswith("This deprecated endpoint has been removed.")


def test_labels_are_still_written_by_v1(cloud):
    page = cloud.page()["id"]
    assert (
        cloud.rest("POST", f"/rest/api/content/{page}/label", [{"prefix": "global", "name": "API"}]).status
        == 200
    )
    assert [one["name"] for one in cloud.rest("GET", f"/api/v2/pages/{page}/labels").body["results"]] == [
        "api"
    ]
    assert cloud.rest("DELETE", f"/rest/api/content/{page}/label/api").status == 204


def test_the_other_deployments_paths_are_no_pages_here(cloud):
    assert cloud.rest("GET", "/rest/api/webhooks").status == 404
    assert cloud.rest("PATCH", "/api/v2/pages").status == 405


def test_a_body_has_to_be_json_and_to_say_so(cloud):
    assert cloud.rest("POST", "/api/v2/pages", b"{}", **{"Content-Type": "text/plain"}).status == 415
    assert cloud.rest("POST", "/api/v2/pages", b"{").status == 400
    assert cloud.rest("POST", "/api/v2/pages", []).status == 400


def test_an_ordered_fault_strikes_as_it_does_elsewhere(cloud):
    cloud.fault(path="/api/v2/pages", status=429, headers={"Retry-After": "7"}, body="{}")
    limited = cloud.rest("GET", "/api/v2/pages")
    assert (limited.status, limited.headers["Retry-After"]) == (429, "7")
    assert cloud.requests("GET", "/api/v2/pages")[0]["user"] == "trivet"
    assert cloud.rest("GET", "/api/v2/pages").status == 200


def test_a_space_tells_what_may_be_done_in_it(cloud):
    number = cloud.rest("GET", "/api/v2/spaces?keys=DOC").body["results"][0]["id"]

    def allowed(user: str) -> set[tuple[str, str]]:
        found = cloud.rest("GET", f"/api/v2/spaces/{number}/operations", user=user).body["operations"]
        return {(one["operation"], one["targetType"]) for one in found}

    assert allowed("trivet") == {("read", "space"), ("create", "page"), ("create", "comment")}
    assert allowed("sam") == {("read", "space"), ("create", "comment")}
    ops = next(one.id for one in cloud.state_object.confluence.spaces if one.key == "OPS")
    assert cloud.rest("GET", f"/api/v2/spaces/{ops}/operations").status == 404


def test_cloud_has_none_of_what_data_center_has_beside_its_api(cloud):
    for path in ("/rest/applinks/1.0/manifest", "/rest/pat/latest/tokens"):
        assert cloud.rest("GET", path, user="grace").status == 404
