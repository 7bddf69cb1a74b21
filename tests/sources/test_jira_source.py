"""Jira's bodies become events; what starts nothing says why; anything else is one refusal, 400."""

import copy
import os
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.domain.events import (
    EVENT,
    Event,
    Ignored,
    IssueChanged,
    IssueCommented,
    JiraUser,
    VersionReleased,
)
from bot.errors import BadDelivery
from bot.sources.jira import (
    HANDLED,
    IGNORED,
    TOLD,
    UNNAMED_SECONDS,
    delivery_key_jira,
    delivery_name_jira,
    lifetime_jira,
    parse_jira,
)

Json = dict[str, Any]

AT = 1_795_353_336_123
ACCOUNT = "557058:1c0ffee0-0001-4002-8003-00000000cafe"
ANN = {
    "self": f"https://acme.example/rest/api/2/user?accountId={ACCOUNT}",
    "accountId": ACCOUNT,
    "accountType": "atlassian",
    "displayName": "Ann Lee",
    "active": True,
}
BOB = {
    "self": "https://jira.acme.example/rest/api/2/user?username=bob",
    "name": "bob",
    "key": "JIRAUSER10100",
}
CLOUD_ANN = JiraUser(id=ACCOUNT, name="Ann Lee")
SERVER_BOB = JiraUser(id="JIRAUSER10100", username="bob")
ISSUE: Json = {
    "id": "10040",
    "self": "https://acme.example/rest/api/2/10040",
    "key": "SHOP-41",
    "fields": {
        "summary": "The basket forgets",
        "issuetype": {"name": "Bug"},
        "project": {"id": "10000", "key": "SHOP"},
        "status": {"name": "To Do"},
        "description": None,
    },
}
MOVE = {"field": "status", "fieldtype": "jira", "fieldId": "status", "from": "1", "fromString": "To Do"}
STARTED = MOVE | {"to": "3", "toString": "In Progress"}
LABELS = {
    "field": "labels",
    "fieldtype": "jira",
    "from": None,
    "fromString": "",
    "to": None,
    "toString": "ui",
}
REKEYED = {
    "field": "Key",
    "fieldtype": "jira",
    "from": None,
    "fromString": "OLD-7",
    "to": None,
    "toString": "SHOP-41",
}


def webhook(event: str, **more: Any) -> Json:
    return {"timestamp": AT, "webhookEvent": event, **more}


def updated(*items: Json, kind: str = "issue_generic", **more: Any) -> Json:
    changelog = {"id": "10227", "items": list(items)}
    body = {"issue_event_type_name": kind, "user": ANN, "issue": ISSUE, "changelog": changelog}
    return webhook("jira:issue_updated", **(body | more))


def comment(author: Json = ANN, **more: Any) -> Json:
    return {
        "self": "https://acme.example/rest/api/2/issue/10040/comment/10019",
        "id": "10019",
        "author": author,
        "body": f"[~accountid:{ACCOUNT}] summarize",
        "updateAuthor": author,
        "created": "2026-11-22T10:00:00.000+0000",
        "updated": "2026-11-22T10:00:00.000+0000",
        "jsdPublic": True,
        **more,
    }


def thin() -> Json:
    fields = {name: ISSUE["fields"][name] for name in ("summary", "issuetype", "project", "status")}
    return ISSUE | {"fields": fields}


def commented(**more: Any) -> Json:
    """As Cloud sends it: a thin issue, no `user`."""
    return webhook("comment_created", comment=comment(), issue=thin(), eventType="primaryAction", **more)


def old_comment(kind: str | None = "issue_commented", **more: Any) -> Json:
    """As servers send it: an update without changelog."""
    named = {"issue_event_type_name": kind} if kind else {}
    return webhook("jira:issue_updated", user=BOB, issue=ISSUE, comment=comment(BOB, **more), **named)


def released(**more: Any) -> Json:
    version = {
        "self": "https://acme.example/rest/api/2/version/10200",
        "id": "10200",
        "name": "2.4.0",
        "archived": False,
        "released": True,
        "projectId": 10000,
    }
    return webhook("jira:version_released", version=version | more)


SAMPLES: dict[str, Json] = {
    "created": webhook("jira:issue_created", issue_event_type_name="issue_created", user=ANN, issue=ISSUE),
    "transitioned": updated(LABELS, STARTED),
    "moved": updated(REKEYED, STARTED, kind="issue_moved"),
    "commented": commented(),
    "commented on a server": webhook("comment_created", comment=comment(BOB)),
    "commented on an old server": old_comment(),
    "commented on the oldest server": old_comment(None),
    "released": released(),
    "told created": {"event": "created", "issue_key": "SHOP-41"},
    "told transitioned": {
        "event": "transitioned",
        "issue_key": "SHOP-41",
        "id": "t-1",
        "to": "In Progress",
        "user": ACCOUNT,
        "timestamp": str(AT),
    },
    "told commented": {"event": "commented", "issue": ISSUE, "comment": comment()},
}


def read(body: Json) -> Event | Ignored:
    return parse_jira({}, orjson.dumps(body))


def change(body: Json) -> IssueChanged:
    event = read(body)
    assert isinstance(event, IssueChanged)
    return event


def written(body: Json) -> IssueCommented:
    event = read(body)
    assert isinstance(event, IssueCommented)
    return event


def reason(body: Json) -> str:
    answer = read(body)
    assert isinstance(answer, Ignored)
    assert not answer.unknown
    return answer.reason


def refusal(body: bytes) -> str:
    with pytest.raises(BadDelivery) as caught:
        parse_jira({}, body)
    assert caught.value.status == 400
    return str(caught.value)


# --- Jira's own webhooks ---


def test_a_created_issue_is_named_by_key_number_and_project() -> None:
    assert read(SAMPLES["created"]) == IssueChanged(
        issue="SHOP-41", number="10040", project="SHOP", action="created", actor=CLOUD_ANN, at=AT
    )


def test_a_new_status_is_read_from_the_changelog() -> None:
    assert read(updated(LABELS, STARTED)) == IssueChanged(
        issue="SHOP-41",
        number="10040",
        project="SHOP",
        action="updated",
        actor=CLOUD_ANN,
        to="In Progress",
        transitioned=True,
        change="10227",
        at=AT,
    )


@pytest.mark.parametrize("kind", ["issue_resolved", "issue_closed", "issue_updated", "Our own event", ""])
def test_the_type_of_an_update_does_not_matter(kind: str) -> None:
    assert change(updated(STARTED, kind=kind)).to == "In Progress"


def test_servers_name_the_status_field_in_their_own_way() -> None:
    server = {name: value for name, value in STARTED.items() if name != "fieldId"} | {"field": "Status"}
    assert change(updated(server)).to == "In Progress"


def test_of_two_new_statuses_the_last_one_counts() -> None:
    assert change(updated(STARTED, MOVE | {"to": "5", "toString": "Done"})).to == "Done"


def test_a_status_without_a_name_is_a_transition_all_the_same() -> None:
    event = change(updated(STARTED | {"toString": None}))
    assert (event.to, event.transitioned) == ("", True)


def test_a_custom_field_that_is_called_status_is_no_status() -> None:
    assert "starts nothing" in reason(
        updated(STARTED | {"fieldtype": "custom", "fieldId": "customfield_10001"})
    )


def test_an_issue_that_moved_tells_its_old_key() -> None:
    event = change(updated(REKEYED))
    assert (event.issue, event.moves_from, event.to, event.transitioned) == ("SHOP-41", "OLD-7", "", False)
    both = change(updated(STARTED, REKEYED))
    assert (both.moves_from, both.to) == ("OLD-7", "In Progress")


@pytest.mark.parametrize(
    "body",
    [
        updated(),
        updated(LABELS),
        updated(changelog=None),
        updated(changelog={"id": "1", "items": None}),
        updated(LABELS, kind="issue_assigned"),
        old_comment("issue_comment_edited"),
        old_comment("issue_comment_deleted"),
        old_comment(None, updated="2026-11-22T11:00:00.000+0000"),
        webhook("jira:issue_updated", user=BOB, issue=ISSUE),
    ],
)
def test_an_update_without_a_new_status_key_or_comment_starts_nothing(body: Json) -> None:
    assert "without a new status, key or comment" in reason(body)


def test_a_comment_in_the_cloud_is_read_without_a_user() -> None:
    assert read(commented()) == IssueCommented(
        issue="SHOP-41",
        number="10040",
        project="SHOP",
        comment="10019",
        author=CLOUD_ANN,
        body=f"[~accountid:{ACCOUNT}] summarize",
        at=AT,
    )


def test_a_comment_on_a_server_names_its_issue_by_the_number_in_its_address() -> None:
    event = written(SAMPLES["commented on a server"])
    assert (event.issue, event.number, event.project, event.author) == ("10040", "10040", "", SERVER_BOB)


def test_a_comment_that_names_no_issue_at_all_is_refused() -> None:
    assert "names no issue" in refusal(orjson.dumps(webhook("comment_created", comment=comment(self="x"))))


@pytest.mark.parametrize("kind", ["issue_commented", "issue_updated", "issue_resolved", None])
def test_old_servers_tell_of_a_comment_by_an_update(kind: str | None) -> None:
    event = written(old_comment(kind))
    assert (event.issue, event.comment, event.author) == ("SHOP-41", "10019", SERVER_BOB)


def test_a_new_status_with_a_comment_is_a_transition() -> None:
    assert change(updated(STARTED, comment=comment())).transitioned


@pytest.mark.parametrize(("public", "internal"), [(True, False), (False, True), (None, False)])
def test_a_comment_hidden_from_customers_is_internal(public: bool | None, internal: bool) -> None:
    assert (
        written(webhook("comment_created", comment=comment(jsdPublic=public), issue=ISSUE)).internal
        is internal
    )


def test_a_comment_is_its_authors_whoever_else_is_named() -> None:
    body = webhook("comment_created", comment=comment(updateAuthor=BOB), issue=ISSUE, user=BOB)
    assert written(body).author == CLOUD_ANN


@pytest.mark.parametrize(
    ("more", "who"),
    [({"user": BOB}, SERVER_BOB), ({}, CLOUD_ANN), ({"user": None}, CLOUD_ANN)],
)
def test_a_comment_without_author_is_the_users_else_the_last_editors(more: Json, who: JiraUser) -> None:
    nameless = comment(author={}, updateAuthor=ANN)
    assert written(webhook("comment_created", comment=nameless, issue=ISSUE, **more)).author == who


def test_a_comment_whose_text_is_a_document_is_read_without_it() -> None:
    document = {"type": "doc", "version": 1, "content": []}
    assert written(webhook("comment_created", comment=comment(body=document), issue=ISSUE)).body == ""


@pytest.mark.parametrize(
    ("user", "who"),
    [
        (ANN, CLOUD_ANN),
        (BOB, SERVER_BOB),
        ({"name": "bob", "displayName": "Bob"}, JiraUser(id="bob", name="Bob", username="bob")),
        ({"accountId": ACCOUNT, "key": "k", "name": "n"}, JiraUser(id=ACCOUNT, username="n")),
        ({"accountId": "", "displayName": "Anonymous"}, None),
        ({}, None),
        (None, None),
    ],
)
def test_a_person_is_known_by_account_else_key_else_name(user: Json | None, who: JiraUser | None) -> None:
    assert change(webhook("jira:issue_created", user=user, issue=ISSUE)).actor == who


def test_a_released_version_is_named() -> None:
    assert read(released()) == VersionReleased(version="10200", name="2.4.0", project="10000")


def test_a_server_that_names_no_event_is_read_by_its_issues_type() -> None:
    created = webhook("", issue_event_type_name="issue_created", user=BOB, issue=ISSUE)
    assert change(created).action == "created"
    unnamed = updated(STARTED)
    del unnamed["webhookEvent"]
    assert change(unnamed).to == "In Progress"


@pytest.mark.parametrize("prefix", ["", "jira:"])
@pytest.mark.parametrize("kind", sorted(IGNORED))
def test_every_listed_kind_has_a_reason_with_prefix_or_without(kind: str, prefix: str) -> None:
    assert "start" in reason({"webhookEvent": prefix + kind})


DOCUMENTED = (
    *(f"jira:issue_{did}" for did in ("created", "updated", "deleted")),
    *(f"issue_property_{did}" for did in ("set", "deleted")),
    *(f"{what}_{did}" for what in ("worklog", "comment") for did in ("created", "updated", "deleted")),
    *(f"{what}_{did}" for what in ("attachment", "issuelink") for did in ("created", "deleted")),
    *(
        f"{what}_{did}"
        for what in ("issuetype", "filter", "user")
        for did in ("created", "updated", "deleted")
    ),
    *(f"project_{did}" for did in ("created", "updated", "deleted", "soft_deleted", "restored_deleted")),
    *(f"project_{did}" for did in ("archived", "restored_archived")),
    *(
        f"jira:version_{did}"
        for did in ("released", "unreleased", "created", "moved", "updated", "deleted", "merged")
    ),
    *(
        f"option_{what}_changed"
        for what in ("voting", "watching", "unassigned_issues", "subtasks", "attachments")
    ),
    *(f"option_{what}_changed" for what in ("issuelinks", "timetracking", "timetracking_provider")),
    *(f"sprint_{did}" for did in ("created", "deleted", "updated", "started", "closed")),
    *(f"board_{did}" for did in ("created", "deleted", "updated", "configuration_changed")),
    "jira_expression_evaluation_failed",
    "app_access_to_objects_blocked",
)


def test_every_documented_event_is_in_one_of_the_tables() -> None:
    assert {name.removeprefix("jira:") for name in DOCUMENTED} == HANDLED.keys() | IGNORED.keys()
    assert not HANDLED.keys() & IGNORED.keys()


@pytest.mark.parametrize("body", [webhook("jira:comet_seen"), {"event": "comet_seen", "issue_key": "SHOP-1"}])
def test_what_is_in_no_table_is_reported_as_unknown(body: Json) -> None:
    answer = read(body)
    assert isinstance(answer, Ignored)
    assert answer.unknown
    assert "comet_seen" in answer.reason


@pytest.mark.parametrize("field", ["webhookEvent", "event"])
def test_an_unreadable_kind_is_not_repeated(field: str) -> None:
    answer = read({field: "<script>\n" * 9})
    assert isinstance(answer, Ignored)
    assert answer.unknown
    assert "script" not in answer.reason


# --- bodies that senders write themselves ---


@pytest.mark.parametrize(
    "named", [{"issue_key": "SHOP-41"}, {"issueKey": "SHOP-41"}, {"issue_key": " shop-41 "}]
)
def test_a_rule_names_the_issue_by_its_key(named: Json) -> None:
    assert read({"event": "created", **named}) == IssueChanged(
        issue="SHOP-41", project="SHOP", action="created"
    )


@pytest.mark.parametrize("number", ["10040", 10040])
def test_a_rule_may_send_the_whole_issue(number: Any) -> None:
    event = change({"event": "created", "issue": ISSUE | {"id": number}})
    assert (event.issue, event.number, event.project) == ("SHOP-41", "10040", "SHOP")


def test_a_rule_tells_of_a_transition() -> None:
    assert read(SAMPLES["told transitioned"]) == IssueChanged(
        issue="SHOP-41",
        project="SHOP",
        action="updated",
        actor=JiraUser(id=ACCOUNT),
        to="In Progress",
        transitioned=True,
        at=AT,
    )


@pytest.mark.parametrize("told", [{}, {"to": ""}, {"to": None}])
def test_a_transition_without_a_status_is_one_all_the_same(told: Json) -> None:
    event = change({"event": "transitioned", "issue_key": "SHOP-41", "user": "", **told})
    assert (event.action, event.to, event.transitioned, event.actor) == ("updated", "", True, None)


@pytest.mark.parametrize("said", ["10019", 10019, {"id": "10019"}, {"id": 10019, "body": "", "author": None}])
def test_a_rule_tells_of_a_comment_by_its_id(said: Any) -> None:
    event = written({"event": "commented", "issue_key": "SHOP-41", "comment": said, "user": ANN})
    assert (event.issue, event.comment, event.author, event.body) == ("SHOP-41", "10019", CLOUD_ANN, "")


def test_a_rule_may_send_the_whole_comment() -> None:
    event = written(SAMPLES["told commented"])
    assert (event.comment, event.author, event.body) == ("10019", CLOUD_ANN, comment()["body"])


def test_an_update_that_a_rule_tells_of_starts_nothing() -> None:
    assert "starts nothing" in reason({"event": "updated", "issue_key": "SHOP-41"})


@pytest.mark.parametrize(
    "body", [{"issue": ISSUE}, ISSUE, ISSUE | {"id": 10040, "changelog": {"histories": None}}]
)
def test_an_automation_rules_issue_data_is_answered_with_what_to_send_instead(body: Json) -> None:
    assert '{"event": "transitioned", "issue_key"' in reason(body)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"event": "created"}, "issue_key"),
        ({"event": "created", "page_id": "77"}, "issue_key"),
        ({"event": "created", "issue_key": ""}, "issue_key"),
        ({"event": "created", "issue_key": "{{issue.key}}"}, "not the key"),
        ({"event": "created", "issue_key": 41}, "`key`"),
        ({"event": "commented", "issue_key": "SHOP-41"}, "comment"),
        ({"event": "commented", "issue_key": "SHOP-41", "comment": "@trivet help"}, "`id`"),
        ({"event": "created", "issue_key": "SHOP-41", "timestamp": "now"}, "`timestamp`"),
        ({"event": ["created"], "issue_key": "SHOP-41"}, "`event`"),
        ({"issue_key": "SHOP-41"}, "names no event"),
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
        b'"jira:issue_created"',
        b"{}",
        b'{"webhookEvent": null}',
        b'{"webhookEvent": 7}',
        b'{"webhookEvent": "jira:issue_created"',
        b'{"webhookEvent": "jira:issue_created"}',
        b'{"webhookEvent": "\\ud800"}',
        b'{"webhookEvent": "\xff"}',
        b'{"issue": {}}',
        b'{"key": "SHOP-1"}',
        b'{"webhookEvent": "x", "x": ' + b"[" * 100_000,
    ],
)
def test_what_is_not_an_event_is_refused(body: bytes) -> None:
    assert refusal(body)


@pytest.mark.parametrize(
    "key", ["", "SHOP", "41", "SHOP-", "-41", "SHOP-41-2", "SHOP-4x", "SHÖP-41", "SHOP-41/../x"]
)
def test_an_issue_needs_a_real_key(key: str) -> None:
    body = webhook("jira:issue_created", issue={"key": key})
    assert "issue" in refusal(orjson.dumps(body))


@pytest.mark.parametrize("number", [0.5, True, -1, "x", "1" * 20, "٤", []])
def test_a_number_is_whole_and_of_plain_digits(number: Any) -> None:
    assert "`id`" in refusal(orjson.dumps(webhook("jira:issue_created", issue=ISSUE | {"id": number})))


def test_the_refusal_does_not_repeat_the_body() -> None:
    assert "s3cret" not in refusal(orjson.dumps(webhook("jira:issue_created", issue={"key": "s3cret"})))


def captured() -> dict[str, bytes]:
    """Webhook bodies that were recorded, from the folder that CAPTURED_JIRA_WEBHOOKS names, beside our own samples."""
    folder = os.environ.get("CAPTURED_JIRA_WEBHOOKS")
    recorded = (
        {path.stem: path.read_bytes() for path in sorted(Path(folder).glob("*.json"))} if folder else {}
    )
    return recorded | {name: orjson.dumps(body) for name, body in SAMPLES.items()}


@pytest.mark.parametrize("body", captured().values(), ids=captured().keys())
def test_what_was_captured_is_an_event_or_says_why_not(body: bytes) -> None:
    answer = parse_jira({}, body)
    if isinstance(answer, Ignored):
        assert not answer.unknown
    else:
        assert EVENT.validate_json(answer.model_dump_json()) == answer
    assert delivery_key_jira({}, body).startswith("jira:")


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
        "webhookEvent",
        "event",
        "issue",
        "issue_key",
        "comment",
        "changelog",
        "version",
        "timestamp",
        "id",
        "user",
        "key",
    ]
)
WORDS = st.sampled_from(
    [*HANDLED, *IGNORED, *TOLD, "updated", "SHOP-41", "10040", "issue_created", "items", "self"]
)
JSON = st.recursive(
    ODD | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES | WORDS, inner, max_size=4),
    max_leaves=10,
)
DEEP = b'{"webhookEvent": "comet", "timestamp": %b1%b, "issue": {"id": %b1%b}}' % (
    (b"[" * 400, b"]" * 400) * 2
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


def outcome(body: bytes) -> Event | Ignored | None:
    """What was read, its key and lifetime worked out, too; None for the refusal. Any other error fails the test."""
    try:
        answer = parse_jira({}, body)
    except BadDelivery as refused:
        return None if refused.status == 400 else pytest.fail(f"refused with {refused.status}")
    assert delivery_key_jira({}, body).startswith("jira:")
    assert lifetime_jira({}, body) in (None, UNNAMED_SECONDS)
    return answer


@settings(max_examples=300)
@given(data=st.data())
def test_an_odd_value_anywhere_gives_an_event_a_reason_or_the_refusal(data: st.DataObject) -> None:
    body = SAMPLES[data.draw(st.sampled_from(sorted(SAMPLES)))]
    odd = replaced(body, data.draw(st.sampled_from(paths(body))), data.draw(ODD))
    answer = outcome(orjson.dumps(odd))
    if answer is not None and not isinstance(answer, Ignored):
        assert EVENT.validate_json(answer.model_dump_json()) == answer


@settings(max_examples=200)
@given(value=st.dictionaries(NAMES, JSON, max_size=6))
def test_any_json_gives_an_event_a_reason_or_the_refusal(value: Json) -> None:
    outcome(orjson.dumps(value))


def test_deep_json_where_a_key_is_made_of_gives_a_reason() -> None:
    assert isinstance(outcome(DEEP), Ignored)


@settings(max_examples=100)
@given(body=st.binary(max_size=200))
def test_any_bytes_give_a_reason_or_the_refusal(body: bytes) -> None:
    answer = outcome(body)
    assert answer is None or isinstance(answer, Ignored)


# --- what deduplicates ---


def key(body: Json, headers: dict[str, str] | None = None) -> str:
    return delivery_key_jira(headers or {}, orjson.dumps(body))


def lifetime(body: Json, headers: dict[str, str] | None = None) -> int | None:
    return lifetime_jira(headers or {}, orjson.dumps(body))


def test_a_delivery_is_named_by_jiras_own_identifier() -> None:
    headers = {"x-atlassian-webhook-identifier": "a1b2-c3", "x-atlassian-webhook-retry": "2"}
    assert delivery_name_jira(headers) == key(commented(), headers) == "jira:a1b2-c3"
    assert lifetime(commented(), headers) is None


@pytest.mark.parametrize("name", ["", "a" * 201, "a b", "a\n", "ü", "a\x7f"])
def test_an_unusable_name_is_not_a_key(name: str) -> None:
    headers = {"x-atlassian-webhook-identifier": name}
    assert delivery_name_jira(headers) == ""
    assert key(commented(), headers) == key(commented())


def test_one_occurrence_told_by_two_hooks_is_one_delivery() -> None:
    assert key(updated(STARTED)) == key(updated(STARTED, matchedWebhookIds=[7]))
    assert lifetime(updated(STARTED)) is None


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (commented(), commented(timestamp=AT + 1)),
        (commented(), webhook("comment_updated", comment=comment(), issue=ISSUE)),
        (commented(), webhook("comment_created", comment=comment(id="10020"), issue=thin())),
        (updated(STARTED), updated(STARTED, issue=ISSUE | {"id": "10041"})),
        (updated(STARTED), updated(changelog={"id": "10228", "items": [STARTED]})),
        (released(), released(id="10201")),
    ],
)
def test_another_time_event_issue_comment_change_or_version_is_another_delivery(
    one: Json, other: Json
) -> None:
    assert key(one) != key(other)


def test_what_a_rule_names_by_id_is_one_delivery_whatever_else_it_says() -> None:
    told = SAMPLES["told transitioned"]
    assert key(told) == key(told | {"to": "Done"})
    assert key(told) != key(told | {"id": "t-2"})
    assert key(told) != key(told | {"event": "created"})
    assert lifetime(told) is None


@pytest.mark.parametrize(
    "body",
    [
        SAMPLES["told created"],
        SAMPLES["told created"] | {"id": ""},
        SAMPLES["told created"] | {"id": {"a": 1}},
        SAMPLES["told created"] | {"timestamp": AT},
        {"webhookEvent": "jira:issue_created", "issue": ISSUE},
    ],
)
def test_what_tells_no_occurrence_is_the_same_for_a_minute_only(body: Json) -> None:
    assert lifetime(body) == 60
    assert key(body) == key(body)
    assert key(body) != key(body | {"issue_key": "SHOP-42", "more": 1})
