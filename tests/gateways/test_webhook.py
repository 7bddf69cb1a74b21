"""What is wrong with a webhook, where it leads, and what it is called in a word."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.errors import AccessDenied, PlatformError
from bot.gateways.jira_hooks import NewHookShape, OldHookShape
from bot.gateways.webhook import Deliveries, StatisticsShape, WantedHook, Webhook, hook_states, ours, state_of

URL = "https://trivet.example.com/hooks/jira"
WANTED = WantedHook("Trivet", URL, ("created", "updated"), "project in (SHOP)")


def webhook(**more: Any) -> Webhook:
    told: dict[str, Any] = {"id": "1", "name": "x", "url": URL, "events": frozenset(WANTED.events)}
    return Webhook(**told | {"is_active": True, "query": WANTED.query} | more)


@given(
    events=st.frozensets(st.sampled_from(["created", "updated", "deleted"])),
    is_active=st.booleans(),
    has_body=st.booleans(),
    is_signed=st.sampled_from([True, False, None]),
    query=st.sampled_from(["project in (SHOP)", 'project IN ("SHOP")', "project = OPS", "", None]),
)
def test_a_webhook_has_no_flaw_exactly_where_it_is_as_wanted(
    events: frozenset[str], is_active: bool, has_body: bool, is_signed: bool | None, query: str | None
) -> None:
    found = webhook(events=events, is_active=is_active, has_body=has_body, is_signed=is_signed, query=query)
    is_right = {"created", "updated"} <= events and is_active and has_body and is_signed is not False
    assert (found.flaws(WANTED) == []) is (is_right and query not in ("project = OPS", ""))


@pytest.mark.parametrize(
    ("url", "leads"),
    [
        (f"{URL}/", True),
        ("HTTPS://Trivet.Example.COM/hooks/jira", True),
        ("http://trivet.example.com/hooks/jira", False),
        ("https://trivet.example.com/hooks/jira2", False),
        ("https://old.example.com/hooks/jira", False),
    ],
)
def test_an_address_is_the_same_whatever_its_case_and_its_last_slash(url: str, leads: bool) -> None:
    found = webhook(url=url)
    assert found.leads_to(URL) is leads
    assert ours([found], "/hooks/jira", "https://trivet.example.com") == ([found] if leads else [])


def test_a_slash_behind_the_path_is_a_flaw_and_capitals_in_the_host_are_none() -> None:
    assert webhook(url=f"{URL}/").flaws(WANTED) == [f"its address is {URL}/"]
    assert webhook(url="HTTPS://Trivet.Example.COM/hooks/jira").flaws(WANTED) == []


def test_where_our_address_is_not_known_the_path_tells() -> None:
    hooks = [
        webhook(url="https://old.example.com/trivet/hooks/jira"),
        webhook(url="https://chat.example.com/jira"),
    ]
    assert ours(hooks, "/hooks/jira", None) == hooks[:1]


@pytest.mark.parametrize(
    ("hook", "sent", "state"),
    [
        (None, None, "missing"),
        (webhook(is_active=False), Deliveries(5, 0), "disabled"),
        (webhook(), None, "fine"),
        (webhook(), Deliveries(3, 3), "fine"),
        (webhook(), Deliveries(2, 3), "failing"),
    ],
)
def test_a_webhooks_state_in_a_word(hook: Webhook | None, sent: Deliveries | None, state: str) -> None:
    assert state_of(hook, sent) == state


class Seen:
    """Webhooks as a platform shows them, to who may see them."""

    def __init__(self, *known: Webhook, refusal: Exception | None = None) -> None:
        self.known, self.refusal = list(known), refusal

    def all(self) -> list[Webhook]:
        if self.refusal:
            raise self.refusal
        return self.known

    def deliveries(self, hook: Webhook) -> Deliveries | None:
        return Deliveries(0, 4) if hook.name == "broken" else None


def test_what_an_operator_is_shown_is_by_the_name_of_the_webhook() -> None:
    seen = Seen(
        webhook(name="one"), webhook(name="broken"), webhook(name="else", url="https://chat.example.com/")
    )
    base = "https://trivet.example.com"
    assert hook_states(seen, "/hooks/jira", base, "Trivet") == {"one (1)": "fine", "broken (1)": "failing"}
    assert hook_states(Seen(), "/hooks/jira", base, "Trivet") == {"Trivet": "missing"}
    assert hook_states(Seen(refusal=AccessDenied("no")), "/hooks/jira", base, "Trivet") == {}


def test_two_webhooks_of_one_name_are_two() -> None:
    twice = Seen(webhook(id="1", name="Trivet"), webhook(id="2", name="Trivet", is_active=False))
    states = hook_states(twice, "/hooks/jira", "https://trivet.example.com", "Trivet")
    assert states == {"Trivet (1)": "fine", "Trivet (2)": "disabled"}


@given(
    events=st.frozensets(st.sampled_from(["created", "updated", "deleted"])),
    name=st.sampled_from(["", "Trivet", "Grace's"]),
    query=st.sampled_from(["project in (SHOP)", 'project IN ("SHOP")', "project = OPS", "", None]),
)
def test_mending_takes_no_event_away_and_leaves_no_flaw(
    events: frozenset[str], name: str, query: str | None
) -> None:
    found = webhook(events=events, name=name, query=query)
    mended = found.mended(WANTED)
    after = webhook(events=frozenset(mended.events), name=mended.name, query=mended.query)
    assert (after.flaws(WANTED), mended.name) == ([], name or "Trivet")
    assert set(mended.events) == events | {"created", "updated"}
    assert mended.url == WANTED.url
    if not found.flaws(WANTED) and query is not None:
        assert mended.query == query


def test_a_secret_in_the_address_is_not_kept() -> None:
    told = {
        "url": f"{URL}?secret=" + "hush" + "1",
        "self": "https://jira.example.com/rest/webhooks/1.0/webhook/7",
    }
    found = OldHookShape.model_validate(told).hook()
    assert (found.id, found.url) == ("7", URL)
    assert "hush1" not in repr(found)


def test_what_a_data_center_keeps_as_texts_is_understood() -> None:
    configuration = {"FILTERS": '{"issue-related-events-section": "project = A"}', "EXCLUDE_BODY": "true"}
    found = NewHookShape.model_validate({"id": 3, "configuration": configuration}).hook()
    assert (found.query, found.has_body) == ("project = A", False)
    for odd in ({"FILTERS": "{"}, {"FILTERS": "[]"}, {}):
        assert NewHookShape.model_validate({"id": 3, "configuration": odd}).hook().query is None


def test_a_webhook_without_a_number_is_not_taken_for_one() -> None:
    with pytest.raises(PlatformError, match="without its id"):
        OldHookShape.model_validate({"url": URL}).hook()


def test_the_later_of_refusal_and_silence_is_told() -> None:
    counts = {"successes": 1, "failures": 2, "errors": 3}
    said = {
        "counts": counts,
        "lastFailure": {"finish": 20, "result": {"description": "401"}},
        "lastError": {"finish": 10, "result": {"description": "no route"}},
    }
    assert StatisticsShape.model_validate(said).deliveries() == Deliveries(1, 5, "401")
    assert StatisticsShape.model_validate({}).deliveries() == Deliveries(0, 0, "")
