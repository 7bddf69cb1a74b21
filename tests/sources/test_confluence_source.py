"""Confluence's bodies become events; what starts nothing says why; anything else is one refusal, 400."""

import copy
import os
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.domain.events import EVENT, Ignored, PageChanged
from bot.errors import BadDelivery
from bot.sources.confluence import (
    EVENTS,
    FAMILIES,
    FORGE,
    FORGE_IGNORED,
    IGNORED,
    UNNAMED_SECONDS,
    delivery_key_confluence,
    delivery_name_confluence,
    lifetime_confluence,
    parse_confluence,
)

Json = dict[str, Any]

AT = 1_795_353_336_123
ACCOUNT = "557058:1c0ffee0-0001-4002-8003-00000000cafe"
KEY = "8a7f808576c7f0e80176c7f2a4b90001"


def server(event: str, **more: Any) -> Json:
    """As Data Center sends it."""
    return {"timestamp": AT, "event": event, "userKey": KEY, "page": {"id": 229_377}} | more


def content(event: str, **more: Any) -> Json:
    """As Data Center tells of content of any kind."""
    body = server(event, content={"id": 229_377, **more})
    del body["page"]
    return body


def forge(happened: str = "updated", kind: str = "page", **more: Any) -> Json:
    shown = {
        "id": "229377",
        "type": kind,
        "status": "current",
        "title": "API guide",
        "space": {"id": "131073", "key": "DOC", "name": "Documents"},
        "version": {"by": {"accountId": ACCOUNT}, "number": 7},
    }
    return {
        "eventType": f"avi:confluence:{happened}:{kind}",
        "atlassianId": ACCOUNT,
        "content": shown | more,
    }


def connect(**more: Any) -> Json:
    """As an old Connect app is sent it: no event is named."""
    page = {"id": 229_377, "spaceKey": "DOC", "title": "API guide", "version": 7, "contentType": "page"}
    trigger = {"userAccountId": ACCOUNT, "accountType": "customer", "updateTrigger": "edit_page"}
    return trigger | {"timestamp": AT, "page": page | more}


def told(event: str = "updated", **more: Any) -> Json:
    """As people write it into a rule."""
    return {"event": event, "page_id": "229377"} | more


SAMPLES: dict[str, Json] = {
    **{f"server {event}": server(event) for event in EVENTS if event.startswith("page_")},
    "server blueprint": server("blueprint_page_created"),
    "server moved": server("page_moved", oldParent={"id": 131_148}),
    "server content": content("content_updated", type="page"),
    "server content of no kind": content("content_permissions_updated"),
    "server content with a page": server("content_updated"),
    "server order": server("page_children_reordered"),
    "server comment": {"timestamp": AT, "event": "comment_created", "userKey": KEY, "comment": {"id": 9}},
    "server label": {"timestamp": AT, "event": "label_added", "userKey": KEY, "label": {"id": 9}},
    "server space": {"timestamp": AT, "event": "space_updated", "userKey": KEY, "space": {"key": "DOC"}},
    "server file": {"timestamp": AT, "event": "attachment_created", "userKey": KEY},
    "server blog": {"timestamp": AT, "event": "blog_created", "userKey": KEY, "blog": {"id": 9}},
    "server theme": {"timestamp": AT, "event": "theme_enabled"},
    "server blog content": content("content_created", type="blogpost"),
    "server test": {"test": True},
    **{f"forge {happened}": forge(happened) for happened in (*FORGE, *FORGE_IGNORED)},
    "forge blog": forge(kind="blogpost"),
    "forge comment": forge("created", "comment"),
    "forge task": forge("created", "task"),
    "connect updated": connect(),
    "connect created": connect(version=1),
    "connect comment": {"userAccountId": ACCOUNT, "timestamp": AT, "comment": {"id": 9, "parent": {}}},
    "connect files": {"userAccountId": ACCOUNT, "timestamp": AT, "attachments": [], "label": {"name": "x"}},
    **{f"told {word}": told(word) for word in EVENTS if "_" not in word},
    "told much": told(id="t-1", page_id=229_377, space="DOC", version=7, user=ACCOUNT, timestamp=AT),
}


def read(body: Json) -> PageChanged:
    event = parse_confluence({}, orjson.dumps(body))
    assert isinstance(event, PageChanged)
    return event


def reason(body: Json) -> str:
    answer = parse_confluence({}, orjson.dumps(body))
    assert isinstance(answer, Ignored)
    assert not answer.unknown
    return answer.reason


def refusal(body: bytes) -> str:
    with pytest.raises(BadDelivery) as caught:
        parse_confluence({}, body)
    assert caught.value.status == 400
    return str(caught.value)


# --- Data Center ---


def test_data_center_tells_the_page_the_person_and_the_time() -> None:
    assert read(server("page_updated")) == PageChanged(page="229377", action="updated", actor=KEY, at=AT)


@pytest.mark.parametrize(
    ("event", "action"),
    [
        ("page_created", "created"),
        ("page_updated", "updated"),
        ("page_moved", "moved"),
        ("page_trashed", "removed"),
        ("page_removed", "removed"),
        ("page_restored", "restored"),
        ("content_created", "created"),
        ("content_updated", "updated"),
        ("content_trashed", "removed"),
        ("content_restored", "restored"),
        ("content_permissions_updated", "restricted"),
    ],
)
def test_what_happened_to_the_page_is_told(event: str, action: str) -> None:
    assert read(server(event)).action == action


def test_content_is_a_page_where_nothing_else_is_said() -> None:
    assert read(content("content_updated")).page == "229377"
    assert read(content("content_updated", type="page")).page == "229377"
    assert "only pages" in reason(content("content_updated", type="comment"))
    assert "only pages" in reason(content("content_updated", contentType="blogpost"))


@pytest.mark.parametrize(
    ("event", "words"),
    [
        ("page_children_reordered", "order"),
        ("comment_created", "comments"),
        ("comment_removed", "comments"),
        ("label_added", "labels"),
        ("space_permissions_updated", "spaces"),
        ("attachment_trashed", "attachments"),
        ("blog_updated", "blog posts"),
        ("user_deactivated", "users"),
        ("group_created", "groups"),
        ("relation_created", "likes"),
        ("theme_enabled", "themes"),
    ],
)
def test_what_starts_nothing_says_so(event: str, words: str) -> None:
    said = reason({"timestamp": AT, "event": event, "userKey": KEY})
    assert words in said
    assert "starts" in said or "start" in said


@pytest.mark.parametrize(
    "event", ["page_sung", "content_sung", "comet", "_", "page", "avi:confluence:x:page"]
)
def test_an_unknown_event_is_named_and_starts_nothing(event: str) -> None:
    answer = parse_confluence({}, orjson.dumps(server(event)))
    assert answer == Ignored(reason=f"an unknown event: {event}", unknown=True)


@pytest.mark.parametrize("event", ["a b", "<script>", "x" * 61, "é", "\n"])
def test_an_unreadable_name_is_not_repeated(event: str) -> None:
    for body in (server(event), forge() | {"eventType": event}):
        answer = parse_confluence({}, orjson.dumps(body))
        assert answer == Ignored(reason="an unknown event: with an unreadable name", unknown=True)


def test_a_test_of_the_connection_is_answered_as_one() -> None:
    assert "test" in reason({"test": True})
    assert refusal(b'{"test": "yes"}')


# --- Cloud, passed on by an app ---


def test_forge_tells_the_space_the_version_and_the_person() -> None:
    assert read(forge()) == PageChanged(
        page="229377", action="updated", version=7, space="DOC", actor=ACCOUNT
    )


@pytest.mark.parametrize(
    ("happened", "action"),
    [
        ("created", "created"),
        ("copied", "created"),
        ("published", "updated"),
        ("moved", "moved"),
        ("trashed", "removed"),
        ("archived", "removed"),
        ("unarchived", "restored"),
        ("permissions_updated", "restricted"),
    ],
)
def test_what_happened_is_the_second_word_of_forges_event(happened: str, action: str) -> None:
    assert read(forge(happened)).action == action


@pytest.mark.parametrize(
    ("happened", "kind", "words"),
    [
        ("liked", "page", "likes"),
        ("viewed", "page", "views"),
        ("children_reordered", "page", "order"),
        ("started", "page", "published"),
        ("created", "comment", "comments"),
        ("updated", "blogpost", "only pages"),
        ("created", "whiteboard", "only pages"),
        ("permissions_updated", "space", "spaces"),
    ],
)
def test_what_forge_tells_of_other_things_starts_nothing(happened: str, kind: str, words: str) -> None:
    assert words in reason(forge(happened, kind))


def test_a_connect_body_names_no_event_and_is_read_as_a_change() -> None:
    assert read(connect()) == PageChanged(
        page="229377", action="updated", version=7, space="DOC", actor=ACCOUNT, at=AT
    )
    assert read(connect(version=1)).action == "created"


# --- bodies that senders write themselves ---


def test_a_rule_tells_the_event_and_the_page() -> None:
    assert read(told()) == PageChanged(page="229377", action="updated")
    assert read(told(page_id=229_377)) == read(told())


def test_a_rule_may_tell_more() -> None:
    assert read(SAMPLES["told much"]) == PageChanged(
        page="229377", action="updated", version=7, space="DOC", actor=ACCOUNT, at=AT
    )
    assert read(told(user={"accountId": ACCOUNT})).actor == ACCOUNT


@pytest.mark.parametrize("word", ["trashed", "removed", "deleted", "archived"])
def test_a_page_is_taken_away_by_any_word(word: str) -> None:
    assert read(told(word)).action == "removed"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"event": "updated"}, "page_id"),
        ({"event": "updated", "issue_key": "SHOP-1"}, "page_id"),
        ({"event": "updated", "page_id": ""}, "page_id"),
        ({"event": "updated", "page_id": "{{page.id}}"}, "`page_id` is not a whole number"),
        ({"event": "updated", "page_id": "7", "timestamp": "now"}, "`timestamp`"),
        ({"event": "updated", "page_id": "7", "version": "two"}, "`version`"),
        ({"event": ["updated"], "page_id": "7"}, "`event`"),
        ({"page_id": "7"}, "names no event"),
        ({"accountId": ACCOUNT, "username": "ann"}, "names no event"),
    ],
)
def test_a_rule_that_leaves_out_what_is_needed_is_told_so(body: Json, words: str) -> None:
    assert words in refusal(orjson.dumps(body))


# --- anything else ---


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b'"page_updated"',
        b"{}",
        b'{"event": null}',
        b'{"event": 7}',
        b'{"event": "page_updated"',
        b'{"event": "page_updated"}',
        b'{"event": "page_updated", "page": 7}',
        b'{"event": "page_updated", "page": {"id": 0.5}}',
        b'{"event": "page_updated", "page": {"id": -1}}',
        b'{"event": "\\ud800"}',
        b'{"event": "\xff"}',
        b'{"eventType": 7}',
        b'{"page": "7"}',
        b'{"event": "x", "x": ' + b"[" * 100_000,
    ],
)
def test_what_is_not_an_event_is_refused(body: bytes) -> None:
    assert refusal(body)


@pytest.mark.parametrize("number", [0.5, True, -1, "x", "1" * 20, "٤", [], {}])
def test_a_pages_id_is_whole_and_of_plain_digits(number: Any) -> None:
    assert "`id`" in refusal(orjson.dumps(server("page_updated", page={"id": number})))


def test_the_refusal_does_not_repeat_the_body() -> None:
    assert "s3cret" not in refusal(orjson.dumps(told(page_id="s3cret")))


def captured() -> dict[str, bytes]:
    """Bodies that were recorded, from the folder that CAPTURED_CONFLUENCE_WEBHOOKS names, beside our own samples."""
    folder = os.environ.get("CAPTURED_CONFLUENCE_WEBHOOKS")
    recorded = (
        {path.stem: path.read_bytes() for path in sorted(Path(folder).glob("*.json"))} if folder else {}
    )
    return recorded | {name: orjson.dumps(body) for name, body in SAMPLES.items()}


@pytest.mark.parametrize(("name", "body"), captured().items(), ids=captured().keys())
def test_what_was_captured_is_an_event_or_says_why_not(name: str, body: bytes) -> None:
    if "anomalous" in name:
        assert "names no event" in refusal(body)
        return
    answer = parse_confluence({}, body)
    if isinstance(answer, Ignored):
        assert not answer.unknown
    else:
        assert EVENT.validate_json(answer.model_dump_json()) == answer
    assert delivery_key_confluence({}, body).startswith("confluence:")


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
NAMES = st.sampled_from(
    [
        *(
            "event",
            "eventType",
            "page",
            "content",
            "page_id",
            "pageId",
            "id",
            "timestamp",
            "version",
            "space",
        ),
        *("spaceKey", "key", "number", "user", "userKey", "type", "contentType", "comment", "updateTrigger"),
    ]
)
WORDS = st.sampled_from([*EVENTS, *IGNORED, *FAMILIES, "avi:confluence:updated:page", "page", "229377"])
JSON = st.recursive(
    ODD | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES | WORDS, inner, max_size=4),
    max_leaves=10,
)


def paths(of: Any, prefix: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    steps = of.items() if isinstance(of, dict) else enumerate(of) if isinstance(of, list) else ()
    return [way for key, value in steps for way in [(*prefix, key), *paths(value, (*prefix, key))]]


def replaced(body: Json, way: tuple[Any, ...], value: Any) -> Json:
    changed = copy.deepcopy(body)
    inner: Any = changed
    for step in way[:-1]:
        inner = inner[step]
    inner[way[-1]] = value
    return changed


def outcome(body: bytes) -> PageChanged | Ignored | None:
    """What was read, its key and lifetime worked out, too; None for the refusal. Any other error fails the test."""
    try:
        answer = parse_confluence({}, body)
    except BadDelivery as refused:
        return None if refused.status == 400 else pytest.fail(f"refused with {refused.status}")
    assert delivery_key_confluence({}, body).startswith("confluence:")
    assert lifetime_confluence({}, body) in (None, UNNAMED_SECONDS)
    return answer


@settings(max_examples=200)
@given(data=st.data())
def test_an_odd_value_anywhere_gives_an_event_a_reason_or_the_refusal(data: st.DataObject) -> None:
    body = SAMPLES[data.draw(st.sampled_from(sorted(SAMPLES)))]
    odd = replaced(body, data.draw(st.sampled_from(paths(body))), data.draw(ODD))
    answer = outcome(orjson.dumps(odd))
    if isinstance(answer, PageChanged):
        assert EVENT.validate_json(answer.model_dump_json()) == answer


@settings(max_examples=150)
@given(value=st.dictionaries(NAMES, JSON, max_size=6))
def test_any_json_gives_an_event_a_reason_or_the_refusal(value: Json) -> None:
    outcome(orjson.dumps(value))


def test_deep_json_where_a_key_is_made_of_gives_a_reason() -> None:
    deep = b'{"event": "comet", "timestamp": %b1%b, "page": {"id": %b1%b}}' % ((b"[" * 400, b"]" * 400) * 2)
    assert isinstance(outcome(deep), Ignored)


@settings(max_examples=100)
@given(body=st.binary(max_size=200))
def test_any_bytes_give_a_reason_or_the_refusal(body: bytes) -> None:
    answer = outcome(body)
    assert answer is None or isinstance(answer, Ignored)


# --- what deduplicates ---


def key(body: Json) -> str:
    return delivery_key_confluence({}, orjson.dumps(body))


def lifetime(body: Json) -> int | None:
    return lifetime_confluence({}, orjson.dumps(body))


def test_a_delivery_has_no_name() -> None:
    assert delivery_name_confluence({"x-atlassian-webhook-identifier": "a1"}) == ""


def test_one_occurrence_told_by_two_hooks_is_one_delivery() -> None:
    assert key(server("page_updated")) == key(server("page_updated", userKey="x", more=[1]))
    assert lifetime(server("page_updated")) is None
    assert lifetime(connect()) is None


@pytest.mark.parametrize(
    "other",
    [
        server("page_updated", timestamp=AT + 1),
        server("page_updated", page={"id": 229_378}),
        server("page_moved"),
    ],
)
def test_another_time_page_or_event_is_another_delivery(other: Json) -> None:
    assert key(server("page_updated")) != key(other)


def test_what_a_sender_names_by_id_is_one_delivery_whatever_else_it_says() -> None:
    named = told(id="t-1")
    assert key(named) == key(named | {"timestamp": AT})
    assert key(named) != key(named | {"id": "t-2"})
    assert key(named) != key(named | {"event": "created"})
    assert lifetime(named) is None
    assert key(told(id=7)) == key(told(id="7"))


@pytest.mark.parametrize(
    "body",
    [told(), told(id=""), told(id={"a": 1}), told(timestamp=AT), forge(), server("theme_enabled", page=None)],
)
def test_what_tells_no_occurrence_is_the_same_for_a_minute_only(body: Json) -> None:
    assert lifetime(body) == 60
    assert key(body) == key(body)
    assert key(body) != key(body | {"more": 1})
