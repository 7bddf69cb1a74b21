"""GitLab's bodies become events; what starts nothing says why; anything else is one refusal, 400."""

import copy
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.domain.events import (
    EVENT,
    BranchPushed,
    EmojiAwarded,
    Event,
    Ignored,
    MergeRequestChanged,
    NoteWritten,
    Person,
    PipelineChanged,
    Project,
    TagPushed,
)
from bot.errors import BadDelivery
from bot.sources.gitlab import HANDLED, IGNORED, delivery_key, delivery_name, parse_gitlab

Json = dict[str, Any]

HEAD = "a" * 40
OLD = "b" * 40
ZEROS = "0" * 40
PROJECT = {
    "id": 42,
    "name": "Shop",
    "path_with_namespace": "group/sub/shop",
    "web_url": "https://git.example",
}
USER = {"id": 7, "name": "Ann", "username": "ann", "email": "[REDACTED]"}
REVIEWER = {"id": 9, "username": "bot", "state": "unreviewed", "re_requested": False}


def merge_request(action: str | None = "open", changes: Json | None = None, **fields: Any) -> Json:
    about = {
        "id": 1000,
        "iid": 3,
        "action": action,
        "title": "Add a basket",
        "draft": False,
        "work_in_progress": False,
        "last_commit": {"id": HEAD, "message": "basket"},
        "updated_at": "2026-11-22 10:00:00 UTC",
    }
    return {
        "object_kind": "merge_request",
        "event_type": "merge_request",
        "user": USER,
        "project": PROJECT,
        "object_attributes": about | fields,
        "changes": changes or {},
    }


def note(noteable: str = "MergeRequest", **fields: Any) -> Json:
    about = {
        "id": 77,
        "note": "/trivet review",
        "noteable_type": noteable,
        "author_id": 7,
        "discussion_id": "d1",
        "system": False,
        "action": "create",
    }
    target = {"merge_request": {"iid": 3, "last_commit": {"id": HEAD}}} if noteable == "MergeRequest" else {}
    return {
        "object_kind": "note",
        "event_type": "note",
        "user": USER,
        "project": PROJECT,
        "object_attributes": about | fields,
        **target,
    }


def emoji(awardable: str = "Note", event_type: str = "award", **more: Any) -> Json:
    return {
        "object_kind": "emoji",
        "event_type": event_type,
        "user": USER,
        "project": PROJECT,
        "object_attributes": {"name": "thumbsup", "awardable_type": awardable, "awardable_id": 77},
        "merge_request": {"iid": 3},
        **more,
    }


def push(kind: str = "push", ref: str = "refs/heads/feature/x") -> Json:
    return {
        "object_kind": kind,
        "event_name": kind,
        "before": OLD,
        "after": HEAD,
        "ref": ref,
        "user_id": 7,
        "user_username": "ann",
        "project": PROJECT,
        "commits": [],
    }


def pipeline(**more: Any) -> Json:
    return {
        "object_kind": "pipeline",
        "object_attributes": {"id": 31, "iid": 5, "ref": "main", "sha": HEAD, "status": "failed"},
        "user": USER,
        "project": PROJECT,
        "merge_request": None,
        "builds": [],
        **more,
    }


def read(body: Json) -> Event | Ignored:
    return parse_gitlab({}, orjson.dumps(body))


def read_change(body: Json) -> MergeRequestChanged:
    event = read(body)
    assert isinstance(event, MergeRequestChanged)
    return event


def reason(body: Json) -> str:
    answer = read(body)
    assert isinstance(answer, Ignored)
    assert not answer.unknown
    return answer.reason


def refusal(body: bytes) -> str:
    with pytest.raises(BadDelivery) as caught:
        parse_gitlab({}, body)
    assert caught.value.status == 400
    return str(caught.value)


@pytest.mark.parametrize(
    ("action", "said"), [("open", "opened"), ("reopen", "reopened"), ("merge", "merged"), ("close", "closed")]
)
def test_a_merge_request_tells_what_happened_to_it(action: str, said: str) -> None:
    assert read(merge_request(action)) == MergeRequestChanged(
        project=Project(id=42, path="group/sub/shop"),
        iid=3,
        action=said,  # type: ignore[arg-type]
        head=HEAD,
        actor=Person(id=7, username="ann"),
        at="2026-11-22T10:00:00.000Z",
    )


def test_a_push_is_an_update_with_an_old_revision() -> None:
    event = read_change(merge_request("update", oldrev=OLD))
    assert (event.action, event.pushed, event.head) == ("updated", True, HEAD)


@pytest.mark.parametrize(
    "changes",
    [
        {"draft": {"previous": True, "current": False}, "title": {"previous": "Draft: x", "current": "x"}},
        {"title": {"previous": "Draft: x", "current": "x"}},
        {"title": {"previous": "[WIP] x", "current": "x"}},
        {"title": {"previous": "WIP: x", "current": "x"}},
        {"title": {"previous": "(draft) x", "current": "x"}},
    ],
)
def test_a_draft_that_becomes_ready_is_told_by_flag_or_title(changes: Json) -> None:
    assert read_change(merge_request("update", changes)).became_ready


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"draft": {"previous": False, "current": True}},
        {"draft": {"previous": True, "current": True}},
        {"labels": {"previous": [], "current": [{"id": 1, "title": "bug"}]}},
        {"assignees": {"previous": [], "current": [USER]}},
        {"milestone_id": {"previous": None, "current": 3}},
        {"reviewers": {"previous": [REVIEWER], "current": []}},
        {"reviewers": {"previous": [REVIEWER], "current": [REVIEWER | {"state": "reviewed"}]}},
        {"updated_at": ["an older", "shape"]},
    ],
)
def test_an_update_that_brings_nothing_to_review_is_ignored(changes: Json) -> None:
    assert "update without" in reason(merge_request("update", changes))


@pytest.mark.parametrize(
    "changes",
    [
        {"draft": {"previous": False, "current": True}, "title": {"previous": "x", "current": "Draft: x"}},
        {"title": {"previous": "Draft: x", "current": "Draft: y"}},
        {"title": {"previous": "drafting x", "current": "x"}},
        {"draft": {"previous": False, "current": False}, "title": {"previous": "Draft: x", "current": "x"}},
        {"description": {"previous": None, "current": "Closes SHOP-12"}},
        {"description": {"previous": "SHOP-12", "current": ""}, "labels": {"previous": [], "current": []}},
    ],
)
def test_another_title_or_description_is_told_and_makes_nothing_ready(changes: Json) -> None:
    event = read_change(merge_request("update", changes))
    assert (event.reworded, event.became_ready, event.pushed) == (True, False, False)


def test_a_draft_prefix_that_goes_is_both_readiness_and_another_title() -> None:
    changes = {"title": {"previous": "Draft: x", "current": "x"}}
    event = read_change(merge_request("update", changes))
    assert (event.became_ready, event.reworded) == (True, True)


@pytest.mark.parametrize("action", ["open", "reopen", "merge", "close"])
def test_only_an_update_changes_words(action: str) -> None:
    changes = {"title": {"previous": "", "current": "x"}, "description": {"previous": "", "current": "y"}}
    assert not read_change(merge_request(action, changes)).reworded


def test_people_who_are_added_as_reviewers_are_asked() -> None:
    changes = {"reviewers": {"previous": [REVIEWER], "current": [REVIEWER, {"id": 11}, {"id": 12}]}}
    assert read_change(merge_request("update", changes)).asked == (11, 12)


def test_a_reviewer_who_is_asked_again_is_asked() -> None:
    changes = {"reviewers": {"previous": [REVIEWER], "current": [REVIEWER | {"re_requested": True}]}}
    assert read_change(merge_request("update", changes)).asked == (9,)


@pytest.mark.parametrize("flag", ["draft", "work_in_progress"])
def test_a_draft_is_known_by_either_name(flag: str) -> None:
    assert read_change(merge_request("open", **{flag: True})).draft


def test_a_merge_request_without_commits_has_no_head() -> None:
    assert read_change(merge_request("open", last_commit=None)).head == ""


def test_versions_that_send_no_user_id_leave_it_zero() -> None:
    body = merge_request() | {"user": {"username": "ann"}}
    assert read_change(body).actor == Person(id=0, username="ann")


def test_a_system_hook_is_read_like_any_other() -> None:
    assert parse_gitlab({"x-gitlab-event": "System Hook"}, orjson.dumps(merge_request())) == read(
        merge_request()
    )


@pytest.mark.parametrize("action", [None, "approved", "unapproved", "approval", "unapproval"])
def test_approvals_and_events_without_action_start_nothing(action: str | None) -> None:
    assert "start" in reason(merge_request(action))


@settings(max_examples=50)
@given(
    earlier=st.integers(10**9, 4 * 10**9),
    seconds=st.integers(1, 10**8),
    forms=st.permutations(["{:%Y-%m-%d %H:%M:%S} UTC", "{:%Y-%m-%dT%H:%M:%SZ}"]),
)
def test_times_of_changes_compare_as_texts_in_whichever_form_they_came(
    earlier: int, seconds: int, forms: list[str]
) -> None:
    moments = [datetime.fromtimestamp(moment, UTC) for moment in (earlier, earlier + seconds)]
    sent = [form.format(moment) for form, moment in zip(forms, moments, strict=True)]
    before, after = (read_change(merge_request(updated_at=text)).at for text in sent)
    assert before < after


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("2026-11-22 10:00:00 UTC", "2026-11-22T10:00:00.000Z"),
        ("2026-11-22T10:00:00Z", "2026-11-22T10:00:00.000Z"),
        ("2026-11-22T12:00:00.123456+02:00", "2026-11-22T10:00:00.123Z"),
        (None, ""),
    ],
)
def test_the_time_of_a_change_is_kept_in_one_form(sent: str | None, kept: str) -> None:
    assert read_change(merge_request(updated_at=sent)).at == kept


def test_a_note_on_a_merge_request_is_read_with_its_thread() -> None:
    assert read(note()) == NoteWritten(
        project=Project(id=42, path="group/sub/shop"),
        iid=3,
        noteable="MergeRequest",
        note=77,
        discussion="d1",
        author=Person(id=7, username="ann"),
        body="/trivet review",
        head=HEAD,
    )


@pytest.mark.parametrize("noteable", ["Issue", "Commit", "Snippet"])
def test_a_note_elsewhere_has_no_merge_request(noteable: str) -> None:
    event = read(note(noteable))
    assert isinstance(event, NoteWritten)
    assert (event.iid, event.noteable, event.head) == (None, noteable, "")


def test_an_edited_note_says_so() -> None:
    event = read(note(action="update"))
    assert isinstance(event, NoteWritten)
    assert event.edited


@pytest.mark.parametrize("mark", [{"internal": True}, {"event_type": "confidential_note"}])
def test_an_internal_note_says_so(mark: Json) -> None:
    body = note(**mark) | {key: value for key, value in mark.items() if key == "event_type"}
    event = read(body)
    assert isinstance(event, NoteWritten)
    assert event.internal


def test_system_notes_and_notes_on_other_things_start_nothing() -> None:
    assert "GitLab writes itself" in reason(note(system=True))
    assert "anything but" in reason(note("DesignManagement::Design"))


def test_a_reaction_on_a_note_names_the_note() -> None:
    event = read(emoji())
    assert event == EmojiAwarded(
        project=Project(id=42, path="group/sub/shop"),
        iid=3,
        note=77,
        name="thumbsup",
        actor=Person(id=7, username="ann"),
    )


def test_a_reaction_taken_back_from_a_merge_request_is_revoked() -> None:
    event = read(emoji("MergeRequest", "revoke"))
    assert isinstance(event, EmojiAwarded)
    assert (event.note, event.revoked) == (None, True)


@pytest.mark.parametrize("body", [emoji("Issue"), emoji("Note", merge_request=None), emoji("ProjectSnippet")])
def test_reactions_elsewhere_start_nothing(body: Json) -> None:
    assert "reactions" in reason(body)


def test_pushes_name_branch_and_tag() -> None:
    branch, tag = read(push()), read(push("tag_push", "refs/tags/v1.0"))
    assert isinstance(branch, BranchPushed)
    assert isinstance(tag, TagPushed)
    assert (branch.branch, branch.before, branch.after) == ("feature/x", OLD, HEAD)
    assert (tag.tag, tag.actor) == ("v1.0", Person(id=7, username="ann"))


def test_a_pipeline_may_belong_to_a_merge_request() -> None:
    alone, within = read(pipeline()), read(pipeline(merge_request={"iid": 3}))
    assert isinstance(alone, PipelineChanged)
    assert isinstance(within, PipelineChanged)
    assert (alone.iid, within.iid, alone.pipeline, alone.status) == (None, 3, 31, "failed")


@pytest.mark.parametrize("field", ["object_kind", "event_name", "event_type"])
@pytest.mark.parametrize("kind", sorted(IGNORED))
def test_every_listed_kind_has_a_reason_wherever_it_is_named(kind: str, field: str) -> None:
    assert "start nothing" in reason({field: kind})


def test_no_kind_is_both_handled_and_ignored() -> None:
    assert not HANDLED.keys() & IGNORED.keys()


@pytest.mark.parametrize("body", [{"object_kind": "comet"}, merge_request("teleport")])
def test_what_is_in_no_table_is_reported_as_unknown(body: Json) -> None:
    answer = read(body)
    assert isinstance(answer, Ignored)
    assert answer.unknown
    assert "comet" in answer.reason or "teleport" in answer.reason


def test_an_unreadable_kind_is_not_repeated() -> None:
    answer = read({"object_kind": "<script>\n" * 9})
    assert isinstance(answer, Ignored)
    assert answer.unknown
    assert "script" not in answer.reason


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b'"push"',
        b"{}",
        b'{"object_kind": null}',
        b'{"object_kind": 7}',
        b'{"object_kind": ["push"]}',
        b'{"object_kind": "push"',
        b'{"object_kind": NaN}',
        b'{"object_kind": "\\ud800"}',
        b'{"object_kind": "\xff"}',
        b'\xef\xbb\xbf{"object_kind": "push"}',
        b'{"object_kind": "push", "x": ' + b"[" * 100_000,
        b'{"object_kind": "push", "x": ' + b'{"a":' * 50_000,
        b'{"object_kind": "push", "x": 1e999}',
    ],
)
def test_what_is_not_a_json_event_is_refused(body: bytes) -> None:
    assert refusal(body)


def test_of_equal_names_the_last_one_counts() -> None:
    answer = parse_gitlab({}, b'{"object_kind": "push", "object_kind": "issue"}')
    assert isinstance(answer, Ignored)


SAMPLES = {
    "merge_request": merge_request(
        "update", {"reviewers": {"previous": [], "current": [REVIEWER]}}, oldrev=OLD
    ),
    "note": note(),
    "emoji": emoji(),
    "push": push(),
    "tag_push": push("tag_push", "refs/tags/v1"),
    "pipeline": pipeline(merge_request={"iid": 3}),
}
ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**64 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=20),
    st.just([]),
    st.just([{}]),
    st.just({}),
    st.lists(st.integers(-5, 5), max_size=3),
)


def paths(part: Any, prefix: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    steps = part.items() if isinstance(part, dict) else enumerate(part) if isinstance(part, list) else ()
    return [way for key, value in steps for way in [(*prefix, key), *paths(value, (*prefix, key))]]


def replaced(body: Json, way: tuple[Any, ...], value: Any) -> Json:
    changed = copy.deepcopy(body)
    part: Any = changed
    for step in way[:-1]:
        part = part[step]
    part[way[-1]] = value
    return changed


def outcome(body: bytes) -> Event | Ignored | None:
    """What was read; None for the refusal. Any other error is the test's failure."""
    try:
        return parse_gitlab({}, body)
    except BadDelivery as refused:
        return None if refused.status == 400 else pytest.fail(f"refused with {refused.status}")


@settings(max_examples=400)
@given(data=st.data())
def test_an_odd_value_anywhere_gives_an_event_a_reason_or_the_refusal(data: st.DataObject) -> None:
    body = SAMPLES[data.draw(st.sampled_from(sorted(SAMPLES)))]
    odd = replaced(body, data.draw(st.sampled_from(paths(body))), data.draw(ODD))
    answer = outcome(orjson.dumps(odd))
    if answer is not None and not isinstance(answer, Ignored):
        assert EVENT.validate_json(answer.model_dump_json()) == answer


@settings(max_examples=200)
@given(body=st.binary(max_size=200))
def test_any_bytes_give_a_reason_or_the_refusal(body: bytes) -> None:
    answer = outcome(body)
    assert answer is None or isinstance(answer, Ignored)


@pytest.mark.parametrize("kind", sorted(SAMPLES))
@pytest.mark.parametrize(
    "path", ["", "shop", "/group/shop", "group//shop", "group/shop\n", "gröup/shop", "g/s h"]
)
def test_a_project_needs_a_real_path(kind: str, path: str) -> None:
    body = replaced(SAMPLES[kind], ("project", "path_with_namespace"), path)
    assert "path_with_namespace" in refusal(orjson.dumps(body))


@pytest.mark.parametrize("number", [0, -1, 2**63, 1.0, True, "7"])
def test_an_id_is_a_positive_whole_number(number: Any) -> None:
    assert "iid" in refusal(orjson.dumps(merge_request(iid=number)))


@pytest.mark.parametrize("head", ["", "main", "A" * 40, "a" * 39, "a" * 41, "../" * 14])
def test_a_head_is_a_commit_id(head: str) -> None:
    assert "commit id" in refusal(orjson.dumps(merge_request(last_commit={"id": head})))


def test_the_refusal_does_not_repeat_the_body() -> None:
    assert "s3cret" not in refusal(orjson.dumps(merge_request(iid="s3cret")))
    assert "s3cret" not in refusal(b'{"object_kind": "s3cret')


def test_a_delivery_is_named_by_webhook_id_before_idempotency_key() -> None:
    headers = {"webhook-id": "a", "idempotency-key": "b", "x-gitlab-webhook-uuid": "c"}
    assert delivery_name(headers) == delivery_key(headers, b"x") == "a"
    assert delivery_key({"idempotency-key": "b"}, b"x") == "b"


@pytest.mark.parametrize("name", ["", "a" * 201, "a b", "a\n", "ü", "a\x7f"])
def test_an_unusable_name_is_not_a_key(name: str) -> None:
    assert delivery_name({"webhook-id": name}) == ""
    assert delivery_key({"webhook-id": name, "idempotency-key": "b"}, b"x") == "b"
    assert delivery_key({"webhook-id": name}, b"x") == delivery_key({}, b"x")


@pytest.mark.parametrize("header", ["x-gitlab-webhook-uuid", "x-gitlab-event-uuid"])
def test_the_uuids_of_attempt_and_chain_are_no_key(header: str) -> None:
    assert delivery_key({header: "one"}, b"x") == delivery_key({header: "two"}, b"x")


@settings(max_examples=50)
@given(one=st.binary(), other=st.binary())
def test_without_a_name_equal_bodies_have_equal_keys(one: bytes, other: bytes) -> None:
    assert (delivery_key({}, one) == delivery_key({}, other)) == (one == other)
