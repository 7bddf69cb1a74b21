"""Threads as GitLab keeps them: who closes one, what opens it again, what a reply inherits; and reactions."""

from typing import Any

import pytest

from tests.sandbox_server import SandboxServer

REQUEST = "/projects/acme%2Fshop/merge_requests/1"
DRAFTS = f"{REQUEST}/draft_notes"


@pytest.fixture
def opened(sandbox: SandboxServer) -> SandboxServer:
    """With merge request 1 of ada: `app.py` added."""
    sandbox.merge_request(files={"app.py": "print('hi')\nprint('ho')\n"})
    return sandbox


def begun(sandbox: SandboxServer, body: str = "Hm", user: str = "trivet") -> str:
    """The id of a new thread."""
    return str(sandbox.comment(1, body, user=user, threaded=True)["discussion"])


def thread(sandbox: SandboxServer, key: str) -> dict[str, Any]:
    """As the API tells of it."""
    return dict(sandbox.api("GET", f"{REQUEST}/discussions/{key}").body)


def is_resolved(sandbox: SandboxServer, key: str) -> list[bool]:
    return [note["resolved"] for note in thread(sandbox, key)["notes"]]


def drafted(sandbox: SandboxServer, key: str, user: str = "trivet", **fields: Any) -> Any:
    body = {"note": "Reply", "in_reply_to_discussion_id": key} | fields
    return sandbox.api("POST", DRAFTS, body, user=user)


def published(sandbox: SandboxServer, user: str = "trivet") -> int:
    return sandbox.api("POST", f"{DRAFTS}/bulk_publish", user=user).status


def system_notes(sandbox: SandboxServer) -> list[str]:
    return [note["body"] for note in sandbox.merge_request_state(1)["notes"] if note["system"]]


def test_a_published_reply_opens_a_closed_thread_again_unless_it_resolves(opened: SandboxServer) -> None:
    key = begun(opened)
    opened.act(1, "resolve", discussion=key)
    drafted(opened, key)
    assert is_resolved(opened, key) == [True]
    assert published(opened) == 204
    assert is_resolved(opened, key) == [False, False]
    drafted(opened, key, resolve_discussion=True)
    assert published(opened) == 204
    assert is_resolved(opened, key) == [True, True, True]


def test_a_draft_published_alone_opens_its_thread_too(opened: SandboxServer) -> None:
    key = begun(opened)
    opened.act(1, "resolve", discussion=key)
    draft = drafted(opened, key).body["id"]
    assert opened.api("PUT", f"{DRAFTS}/{draft}/publish").status == 204
    assert is_resolved(opened, key) == [False, False]


def test_a_direct_reply_in_a_closed_thread_stays_closed_by_who_wrote_it(opened: SandboxServer) -> None:
    key = begun(opened)
    opened.act(1, "resolve", discussion=key, user="grace")
    opened.comment(1, "Thanks", user="ada", discussion=key)
    told = thread(opened, key)
    assert [note["resolved_by"]["username"] for note in told["notes"]] == ["grace", "ada"]
    assert all(note["resolved_at"] for note in told["notes"])
    assert opened.merge_request_state(1)["discussions"][0]["resolved_by"] == "Ada"


def test_closing_a_closed_thread_leaves_who_closed_it(opened: SandboxServer) -> None:
    key = begun(opened)
    opened.act(1, "resolve", discussion=key, user="grace")
    opened.act(1, "resolve", discussion=key, user="ada")
    assert thread(opened, key)["notes"][0]["resolved_by"]["username"] == "grace"
    opened.act(1, "resolve", discussion=key, on=False)
    assert thread(opened, key)["notes"][0]["resolved_by"] is None


def test_only_who_may_close_a_thread_drafts_a_reply_that_does(opened: SandboxServer) -> None:
    key = begun(opened)
    refused = drafted(opened, key, user="rita", resolve_discussion=True)
    assert (refused.status, refused.body) == (
        400,
        {"message": {"base": ["User is not allowed to resolve thread"]}},
    )
    alone = opened.comment(1, "Plain")["discussion"]
    assert drafted(opened, alone, resolve_discussion=True).status == 400
    assert drafted(opened, alone).status == 201


def test_who_lost_the_role_opens_the_thread_by_publishing(opened: SandboxServer) -> None:
    key = begun(opened)
    drafted(opened, key, resolve_discussion=True)
    opened.set_access("trivet", 20)
    assert published(opened) == 204
    assert is_resolved(opened, key) == [False, False]


def test_a_reply_makes_a_plain_note_a_thread_that_can_be_closed(opened: SandboxServer) -> None:
    plain = opened.comment(1, "Plain", user="ada")["discussion"]
    assert thread(opened, plain)["individual_note"] is True
    drafted(opened, plain)
    published(opened)
    told = thread(opened, plain)
    assert told["individual_note"] is False
    assert [note["type"] for note in told["notes"]] == ["DiscussionNote", "DiscussionNote"]


def test_a_reply_to_an_internal_note_is_internal_and_hidden_from_guests(opened: SandboxServer) -> None:
    key = opened.comment(1, "Between us", user="grace", internal=True, threaded=True)["discussion"]
    opened.api("POST", f"{REQUEST}/discussions/{key}/notes", {"body": "Yes"})
    assert [note["internal"] for note in thread(opened, key)["notes"]] == [True, True]
    opened.add_project("acme/open", {"a.py": "1\n"}, {"ada": 30}, visibility="public")
    iid = opened.merge_request(files={"a.py": "2\n"}, project="acme/open")
    opened.comment(iid, "Between us", project="acme/open", internal=True)
    path = f"/projects/acme%2Fopen/merge_requests/{iid}"
    assert opened.api("GET", f"{path}/notes", user="mallory").body == []
    assert opened.api("GET", f"{path}/discussions", user="mallory").body == []
    assert len(opened.api("GET", f"{path}/notes", user="ada").body) == 1


def test_gitlab_says_once_more_that_all_threads_are_resolved_whenever_it_looks(opened: SandboxServer) -> None:
    one, other = begun(opened), begun(opened, user="grace")
    opened.act(1, "resolve", discussion=one)
    assert system_notes(opened) == []
    opened.act(1, "resolve", discussion=other)
    assert system_notes(opened) == ["resolved all threads"]
    opened.api("POST", DRAFTS, {"note": "A last word"})
    published(opened)
    assert system_notes(opened) == ["resolved all threads"] * 2
    kinds = [told["kind"] for told in opened.state()["notifications"]]
    assert kinds == ["note", "note", "all_resolved", "review", "all_resolved"]


def test_gitlabs_own_notes_are_left_alone(opened: SandboxServer) -> None:
    opened.act(1, "resolve", discussion=begun(opened))
    note = next(one for one in opened.api("GET", f"{REQUEST}/notes").body if one["system"])
    path = f"{REQUEST}/notes/{note['id']}"
    key = next(
        one["id"] for one in opened.api("GET", f"{REQUEST}/discussions").body if one["notes"][0]["system"]
    )
    reply = opened.api("POST", f"{REQUEST}/discussions/{key}/notes", {"body": "Hm"})
    assert (reply.status, reply.body["message"]) == (
        400,
        "400 Bad request - Discussion can not be replied to.",
    )
    assert drafted(opened, key).body["message"] == {"base": ["Replies to system notes are not allowed"]}
    assert opened.api("PUT", path, {"body": "Mine"}, user="grace").status == 403
    assert opened.api("DELETE", path, user="grace").status == 403
    assert opened.api("POST", f"{path}/award_emoji", {"name": "eyes"}).status == 404


@pytest.mark.parametrize("name", ["doubtful", "Eyes", "", "white check mark"])
def test_a_reaction_of_no_emojis_name_is_404(opened: SandboxServer, name: str) -> None:
    reply = opened.api("POST", f"{REQUEST}/award_emoji", {"name": name})
    assert (reply.status, reply.body) == (
        404,
        {"message": "404 Award Emoji Name is not a valid emoji name Not Found"},
    )
    assert opened.merge_request_state(1)["awards"] == []


def test_a_reaction_has_its_emojis_own_name(opened: SandboxServer) -> None:
    assert opened.api("POST", f"{REQUEST}/award_emoji", {"name": "+1"}).body["name"] == "thumbsup"
    assert opened.api("POST", f"{REQUEST}/award_emoji", {"name": "thumbsup"}).status == 404


def test_a_person_takes_their_own_reaction_back(opened: SandboxServer) -> None:
    note = opened.comment(1, "Hm", user="trivet")["id"]
    for user in ("ada", "grace"):
        opened.act(1, "award", user=user, name="thumbsdown", note=note)
    opened.act(1, "take_award", user="ada", name="thumbsdown", note=note)
    assert [one["user"] for one in opened.merge_request_state(1)["note_awards"]] == ["grace"]


def test_a_maintainer_edits_and_deletes_anybodys_note_and_a_developer_does_not(opened: SandboxServer) -> None:
    note = opened.comment(1, "As it was", user="trivet")["id"]
    for deed in ("edit_note", "delete_note"):
        with pytest.raises(AssertionError, match="403"):
            opened.act(1, deed, user="ada", note=note, body="Mine")
    opened.act(1, "edit_note", user="grace", note=note, body="As it is")
    [shown] = opened.merge_request_state(1)["notes"]
    assert (shown["body"], shown["author"]) == ("As it is", "trivet")
    opened.act(1, "delete_note", user="grace", note=note)
    assert opened.merge_request_state(1)["notes"] == []
