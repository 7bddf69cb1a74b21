"""Notes, threads, drafts, reviews and reactions, and who hears of them."""

from typing import Any

import gitlab
import pytest

from tests.sandbox_server import PROJECT, SandboxServer

REQUEST = "/projects/acme%2Fshop/merge_requests/1"
DRAFTS = f"{REQUEST}/draft_notes"
TAKEN = {"message": "404 Award Emoji Name has already been taken Not Found"}


@pytest.fixture
def request_open(sandbox: SandboxServer) -> SandboxServer:
    """With merge request 1 of ada: `app.py` added."""
    sandbox.merge_request(files={"app.py": "print('hi')\nprint('ho')\n"})
    return sandbox


def on_line(sandbox: SandboxServer, line: int = 1) -> dict[str, Any]:
    refs = sandbox.api("GET", REQUEST).body["diff_refs"]
    return {**refs, "position_type": "text", "old_path": "app.py", "new_path": "app.py", "new_line": line}


def told(sandbox: SandboxServer) -> list[tuple[str, int]]:
    return [(one["kind"], len(one["notes"])) for one in sandbox.state()["notifications"]]


def bodies(sandbox: SandboxServer) -> list[str]:
    return [note["body"] for note in sandbox.api("GET", f"{REQUEST}/notes?sort=asc").body]


def test_python_gitlab_writes_replies_edits_and_resolves(request_open: SandboxServer) -> None:
    request = request_open.client("trivet").projects.get(PROJECT).mergerequests.get(1)
    thread = request.discussions.create({"body": "Why twice?", "position": on_line(request_open, 2)})
    thread.notes.create({"body": "Once is enough."})
    note = thread.notes.get(thread.attributes["notes"][0]["id"])
    note.body = "Why print twice?"
    note.save()
    thread.resolved = True
    thread.save()
    request.notes.create({"body": "Done."}).delete()
    shown = request_open.merge_request_state(1)
    assert [note["body"] for note in shown["discussions"][0]["notes"]] == [
        "Why print twice?",
        "Once is enough.",
    ]
    assert shown["discussions"][0]["resolved"] is True
    assert [note["body"] for note in shown["notes"]] == ["resolved all threads"]
    assert request.discussions.list(get_all=True)[0].attributes["notes"][1]["type"] == "DiffNote"


def test_a_note_notifies_once_an_edit_and_a_reaction_do_not(request_open: SandboxServer) -> None:
    note = request_open.api("POST", f"{REQUEST}/notes", {"body": "Hello"}).body["id"]
    request_open.api("PUT", f"{REQUEST}/notes/{note}", {"body": "Hello again"})
    request_open.api("POST", f"{REQUEST}/notes/{note}/award_emoji", {"name": "eyes"})
    assert told(request_open) == [("note", 1)]
    assert bodies(request_open) == ["Hello again"]


@pytest.mark.parametrize("body", ["", " \n", "\r"])
def test_a_blank_note_is_refused(request_open: SandboxServer, body: str) -> None:
    blank = {"message": '400 Bad request - Note {:note=>["can\'t be blank"]}'}
    assert request_open.api("POST", f"{REQUEST}/notes", {"body": body}).body == blank
    assert request_open.api("POST", f"{REQUEST}/discussions", {"body": body}).body == blank
    assert request_open.api("POST", DRAFTS, {"note": body}).body == {"message": {"note": ["can't be blank"]}}


def test_a_note_without_text_or_too_long_is_refused(request_open: SandboxServer) -> None:
    assert request_open.api("POST", f"{REQUEST}/notes", {}).body == {"error": "body is missing"}
    assert request_open.api("POST", f"{REQUEST}/notes", {"body": 1}).body == {"error": "body is invalid"}
    reply = request_open.api("POST", f"{REQUEST}/notes", {"body": "x" * 1_000_001})
    assert reply.status == 400
    assert "is too long (1000001 characters)" in reply.body["message"]


def test_only_the_author_or_a_maintainer_changes_a_note(request_open: SandboxServer) -> None:
    note = request_open.api("POST", f"{REQUEST}/notes", {"body": "Mine"}).body["id"]
    path = f"{REQUEST}/notes/{note}"
    for reply in (
        request_open.api("PUT", path, {"body": "Yours"}, user="ada"),
        request_open.api("DELETE", path, user="ada"),
    ):
        assert (reply.status, reply.body) == (403, {"message": "403 Forbidden"})
    assert request_open.api("DELETE", path, user="grace").status == 204
    assert request_open.api("GET", path).status == 404


def test_developers_and_the_author_resolve_and_a_reporter_does_not(request_open: SandboxServer) -> None:
    thread = request_open.api("POST", f"{REQUEST}/discussions", {"body": "Hm"}, user="rita").body["id"]
    path = f"{REQUEST}/discussions/{thread}"
    assert request_open.api("PUT", path, {"resolved": True}, user="rita").status == 403
    assert request_open.api("PUT", path, {}, user="ada").body == {"error": "resolved is missing"}
    assert request_open.api("PUT", path, {"resolved": True}, user="ada").body["notes"][0]["resolved"]
    assert request_open.api("PUT", path, {"resolved": False}).body["notes"][0]["resolved"] is False


def test_a_plain_note_cannot_be_resolved_until_somebody_replies(request_open: SandboxServer) -> None:
    request_open.api("POST", f"{REQUEST}/notes", {"body": "Plain"})
    thread = request_open.api("GET", f"{REQUEST}/discussions").body[0]
    path = f"{REQUEST}/discussions/{thread['id']}"
    assert thread["individual_note"]
    assert request_open.api("PUT", path, {"resolved": True}).status == 403
    request_open.api("POST", f"{path}/notes", {"body": "Reply"})
    assert request_open.api("GET", path).body["individual_note"] is False
    assert request_open.api("PUT", path, {"resolved": True}).status == 200


def test_an_unknown_thread_is_404(request_open: SandboxServer) -> None:
    for method, path in (("GET", ""), ("PUT", "?resolved=true"), ("POST", "/notes?body=x")):
        reply = request_open.api(method, f"{REQUEST}/discussions/{'0' * 40}{path}")
        assert (reply.status, reply.body) == (404, {"message": "404 Discussion Not Found"})


def test_drafts_are_seen_by_their_author_only(request_open: SandboxServer) -> None:
    draft = request_open.api("POST", DRAFTS, {"note": "Not yet"}).body["id"]
    assert [one["note"] for one in request_open.api("GET", DRAFTS).body] == ["Not yet"]
    assert request_open.api("GET", DRAFTS, user="grace").body == []
    assert request_open.api("GET", f"{DRAFTS}/{draft}", user="grace").status == 404
    assert request_open.api("DELETE", f"{DRAFTS}/{draft}", user="grace").status == 404
    assert request_open.api("POST", f"{DRAFTS}/bulk_publish", user="grace").status == 204
    assert bodies(request_open) == []
    assert told(request_open) == []


def test_bulk_publish_makes_one_review_with_the_summary_last(request_open: SandboxServer) -> None:
    for line in (1, 2):
        request_open.api("POST", DRAFTS, {"note": f"Line {line}", "position": on_line(request_open, line)})
    summary = {"note": "Two remarks", "reviewer_state": "reviewed"}
    reply = request_open.api("POST", f"{DRAFTS}/bulk_publish", summary)
    assert (reply.status, reply.body) == (204, "")
    assert bodies(request_open) == ["Line 1", "Line 2", "Two remarks"]
    assert told(request_open) == [("review", 3)]
    shown = request_open.merge_request_state(1)
    assert [thread["position"]["new_line"] for thread in shown["discussions"]] == [1, 2]
    assert shown["reviewer_states"] == {"trivet": "reviewed"}
    assert request_open.api("GET", DRAFTS).body == []


def test_bulk_publish_of_nothing_says_nothing(request_open: SandboxServer) -> None:
    assert request_open.api("POST", f"{DRAFTS}/bulk_publish").status == 204
    assert told(request_open) == []
    bad = request_open.api("POST", f"{DRAFTS}/bulk_publish", {"reviewer_state": "approved"})
    assert bad.body == {"error": "reviewer_state does not have a valid value"}


def test_the_author_does_not_become_a_reviewer_by_publishing(request_open: SandboxServer) -> None:
    request_open.api(
        "POST", f"{DRAFTS}/bulk_publish", {"note": "Me", "reviewer_state": "requested_changes"}, user="ada"
    )
    assert request_open.merge_request_state(1)["reviewer_states"] == {}


@pytest.mark.parametrize("version", ["17.8.0", "19.1.9"])
def test_an_older_instance_does_not_look_at_the_publish_body(version: str) -> None:
    with SandboxServer(version=version) as old:
        old.merge_request(files={"app.py": "1\n"})
        old.api("POST", DRAFTS, {"note": "Draft"})
        assert (
            old.api("POST", f"{DRAFTS}/bulk_publish", {"note": "Summary", "reviewer_state": "?"}).status
            == 204
        )
        assert bodies(old) == ["Draft"]


def test_a_draft_replies_and_resolves_when_published(request_open: SandboxServer) -> None:
    thread = request_open.comment(1, "Why?", position=on_line(request_open))["discussion"]
    reply = {"note": "Fixed", "in_reply_to_discussion_id": thread, "resolve_discussion": True}
    request_open.api("POST", DRAFTS, reply)
    request_open.api("POST", f"{DRAFTS}/bulk_publish")
    [shown] = request_open.merge_request_state(1)["discussions"]
    assert ([note["body"] for note in shown["notes"]], shown["resolved"]) == (["Why?", "Fixed"], True)
    lost = request_open.api("POST", DRAFTS, reply | {"in_reply_to_discussion_id": "0" * 40})
    assert lost.status == 400


def test_one_draft_is_published_alone(request_open: SandboxServer) -> None:
    first, _ = (request_open.api("POST", DRAFTS, {"note": text}).body["id"] for text in ("One", "Two"))
    assert request_open.api("PUT", f"{DRAFTS}/{first}/publish").status == 204
    assert bodies(request_open) == ["One"]
    assert [one["note"] for one in request_open.api("GET", DRAFTS).body] == ["Two"]
    assert request_open.api("DELETE", f"{DRAFTS}/{first + 1}").status == 204


def test_a_changed_draft_loses_a_position_that_is_not_sent_again(request_open: SandboxServer) -> None:
    position = on_line(request_open)
    draft = request_open.api("POST", DRAFTS, {"note": "Old", "position": position}).body["id"]
    kept = request_open.api("PUT", f"{DRAFTS}/{draft}", {"note": "New", "position": position}).body
    assert (kept["note"], kept["position"]["new_line"]) == ("New", 1)
    assert request_open.api("PUT", f"{DRAFTS}/{draft}", {"note": "Newer"}).body["line_code"] is None
    assert request_open.api("PUT", f"{DRAFTS}/{draft}", {}).status == 400
    assert (
        request_open.api(
            "PUT", f"{DRAFTS}/{draft}", {"note": "Bad", "position": {**position, "new_line": 9}}
        ).status
        == 400
    )
    assert request_open.api("GET", f"{DRAFTS}/{draft}").body["note"] == "Newer"


def test_a_lax_instance_keeps_a_bad_draft_and_fails_when_it_is_published(request_open: SandboxServer) -> None:
    request_open.switch(lax_drafts=True)
    bad = request_open.api("POST", DRAFTS, {"note": "Bad", "position": on_line(request_open, 99)})
    good = request_open.api("POST", DRAFTS, {"note": "Good", "position": on_line(request_open, 1)})
    assert (bad.status, good.status) == (201, 201)
    assert request_open.api("POST", f"{DRAFTS}/bulk_publish").status == 500
    assert bodies(request_open) == ["Good"]
    assert [one["note"] for one in request_open.api("GET", DRAFTS).body] == ["Bad"]
    assert request_open.api("PUT", f"{DRAFTS}/{bad.body['id']}/publish").status == 500


def test_a_second_reaction_of_the_same_name_is_404(request_open: SandboxServer) -> None:
    for path in (REQUEST, f"{REQUEST}/notes/{request_open.comment(1, 'Hi')['id']}"):
        first = request_open.api("POST", f"{path}/award_emoji", {"name": "eyes"})
        again = request_open.api("POST", f"{path}/award_emoji", {"name": "eyes"})
        assert (first.status, again.status, again.body) == (201, 404, TAKEN)
        assert request_open.api("POST", f"{path}/award_emoji", {"name": "eyes"}, user="ada").status == 201
        assert request_open.api("DELETE", f"{path}/award_emoji/{first.body['id']}", user="ada").status == 401
        assert request_open.api("DELETE", f"{path}/award_emoji/{first.body['id']}").status == 204
        assert [one["user"]["username"] for one in request_open.api("GET", f"{path}/award_emoji").body] == [
            "ada"
        ]


def test_python_gitlab_labels_titles_and_closes(request_open: SandboxServer) -> None:
    request = request_open.client("ada").projects.get(PROJECT).mergerequests.get(1)
    request.title = "Draft: Think again"
    request.add_labels = ["a", "b"]
    request.state_event = "close"
    request.save()
    shown = request_open.merge_request_state(1)
    assert (shown["title"], shown["draft"], shown["labels"]) == ("Draft: Think again", True, ["a", "b"])
    assert shown["state"] == "closed"


def test_an_approval_is_on_record_and_given_once(request_open: SandboxServer) -> None:
    request = request_open.client("grace").projects.get(PROJECT).mergerequests.get(1)
    with pytest.raises(gitlab.GitlabMRApprovalError, match="409"):
        request.approve(sha="1" * 40)
    request.approve(sha=request.sha)
    assert request_open.merge_request_state(1)["approved_by"] == ["grace"]
    with pytest.raises(gitlab.GitlabAuthenticationError):
        request.approve()


def test_a_merge_happens_once_and_not_to_a_draft(request_open: SandboxServer) -> None:
    request_open.act(1, "draft")
    assert request_open.api("PUT", f"{REQUEST}/merge").status == 405
    request_open.act(1, "ready")
    assert request_open.api("PUT", f"{REQUEST}/merge").body["state"] == "merged"
    assert request_open.api("PUT", f"{REQUEST}/merge").status == 405
    merged = request_open.api("GET", "/projects/1/repository/files/app.py/raw?ref=main")
    assert merged.body == "print('hi')\nprint('ho')\n"


def test_a_conflict_cannot_be_merged(request_open: SandboxServer) -> None:
    request_open.push("main", {"app.py": "other\n"})
    assert request_open.api("PUT", f"{REQUEST}/merge").body == {"message": "Branch cannot be merged"}
