"""What the bot writes to Jira is there once, however often it is asked for and wherever it was broken off."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jira_bridge import KEY, JiraBridge

from bot.domain import clean_document
from bot.domain.actions import CommentIssue, EditIssue, IssueAction, LinkIssue, MoveIssue, Outcome
from bot.domain.document import BulletList, Document, Made, Paragraph, inlines, paragraph
from bot.domain.issues import PROPERTY
from bot.domain.marks import MarkBook
from bot.errors import AccessDenied, Unavailable
from bot.gateways.jira_effects import JiraEffects
from bot.sandbox.jira import deeds
from bot.sandbox.jira.model import Status, Transition
from bot.sandbox.jira.shapes import CRITERIA

URL = "https://gitlab.example.com/group/shop/-/merge_requests/7"
SECRET = "glpat-" + "Yt7Kq2Rm9Xw4"


@pytest.fixture(params=["cloud", "datacenter"])
def jira(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[JiraBridge]:
    with JiraBridge(request.param, tmp_path) as bridge:
        bridge.site.limits.windows = ((1_000, 1.0),)
        yield bridge


def clean(document: Document) -> Document:
    """The sanitizer, which knows one secret and one host."""
    return clean_document.clean(
        document,
        redact=lambda text: text.replace(SECRET, "[removed]"),
        hosts=frozenset({"gitlab.example.com"}),
    )


def apply(jira: JiraBridge, action: IssueAction, made: Mapping[str, str] | None = None) -> Outcome:
    """As a job of its own would."""
    return effects(jira).apply(action, made or {})


def effects(jira: JiraBridge) -> JiraEffects:
    return JiraEffects(jira.api(), me=jira.me(), clean=clean, marks=lambda scope: MarkBook(["m" * 32], scope))


def link(**given: Any) -> LinkIssue:
    told: dict[str, Any] = {
        "issue": KEY,
        "global_id": "system=gitlab.example.com&mr=1!7",
        "url": URL,
        "title": "!7 Discount codes",
        "summary": "Opened by ada",
    }
    return LinkIssue(key="link", **{**told, **given})


def comment(*lines: str, **given: Any) -> CommentIssue:
    body = Document(blocks=tuple(paragraph(line) for line in lines or ("It takes *codes* {now}.",)))
    return CommentIssue(**{"key": "mr:7", "issue": KEY, "body": body, **given})


def move(to: str, **given: Any) -> MoveIssue:
    return MoveIssue(key="move", issue=KEY, to=to, **given)


def edit(**given: Any) -> EditIssue:
    return EditIssue(key="edit", issue=KEY, **given)


def ours(jira: JiraBridge) -> list[Any]:
    return [one for one in jira.issue().comments if one.author.name == "trivet"]


# --- links


def test_a_link_shows_the_merge_request_and_its_state(jira: JiraBridge) -> None:
    outcome = apply(jira, link())
    assert (outcome.result, outcome.url) == ("done", f"{jira.site.url}/browse/{KEY}")
    (there,) = jira.issue().links
    assert (there.object["url"], there.object["title"]) == (URL, "!7 Discount codes")
    assert there.object["summary"] == "Opened by ada"
    assert there.object["status"]["resolved"] is False
    assert there.object["status"]["icon"]["title"] == "Open"
    assert there.object["status"]["icon"]["url16x16"] == f"{jira.site.url}/images/icons/statuses/open.png"
    assert (there.relationship, there.application["name"]) == ("merge request", "GitLab (gitlab.example.com)")


@pytest.mark.parametrize(("state", "title"), [("merged", "Merged"), ("closed", "Closed")])
def test_a_link_is_resolved_when_the_merge_request_is_over(jira: JiraBridge, state: Any, title: str) -> None:
    apply(jira, link())
    assert apply(jira, link(state=state)).result == "done"
    (there,) = jira.issue().links
    assert (there.object["status"]["resolved"], there.object["status"]["icon"]["title"]) == (True, title)


def test_a_link_that_is_right_is_not_written_again(jira: JiraBridge) -> None:
    apply(jira, link())
    written = len(jira.writes)
    assert apply(jira, link()).result == "unchanged"
    assert len(jira.writes) == written


@pytest.mark.parametrize(
    "change", [{"title": "!7 Coupons"}, {"summary": ""}, {"state": "merged"}, {"url": URL + "8"}]
)
def test_a_link_that_differs_in_anything_is_written_whole(jira: JiraBridge, change: dict[str, Any]) -> None:
    apply(jira, link())
    assert apply(jira, link(**change)).result == "done"
    assert apply(jira, link(**change)).result == "unchanged"
    assert len(jira.issue().links) == 1


def test_a_link_that_is_only_to_be_there_is_made_and_then_left_alone(jira: JiraBridge) -> None:
    assert apply(jira, link(update=False)).result == "done"
    apply(jira, link(title="!7 Renamed", state="merged"))
    assert apply(jira, link(update=False)).result == "unchanged"
    (there,) = jira.issue().links
    assert (there.object["title"], there.object["status"]["resolved"]) == ("!7 Renamed", True)


def test_a_link_that_is_only_to_be_kept_current_is_not_made_anew(jira: JiraBridge) -> None:
    assert apply(jira, link(create=False)).result == "unchanged"
    assert jira.issue().links == []
    apply(jira, link())
    assert apply(jira, link(create=False, state="merged")).result == "done"
    assert len(jira.issue().links) == 1


def test_two_merge_requests_have_two_links(jira: JiraBridge) -> None:
    apply(jira, link())
    apply(jira, link(global_id="system=gitlab.example.com&mr=1!8", url=URL[:-1] + "8"))
    assert len(jira.issue().links) == 2


def test_a_links_title_passes_the_sanitizer_and_is_cut(jira: JiraBridge) -> None:
    apply(jira, link(title=f"{SECRET} " + "x" * 400, summary=f"of {SECRET}"))
    (there,) = jira.issue().links
    assert SECRET not in str(there)
    assert len(there.object["title"]) == 255


def test_a_link_to_a_foreign_address_is_refused(jira: JiraBridge) -> None:
    assert apply(jira, link(url="https://evil.example/x")).result == "refused"
    assert jira.writes == []


def test_a_link_to_what_was_not_made_is_refused(jira: JiraBridge) -> None:
    outcome = apply(jira, link(url="", made="draft"))
    assert (outcome.result, outcome.reason) == (
        "refused",
        "there is nothing to link: what it should link was not made",
    )


# --- comments


def test_a_comment_is_written_with_its_memory(jira: JiraBridge) -> None:
    outcome = apply(jira, comment(memory={"head": "abc", "moves": [1, 2]}))
    (there,) = jira.issue().comments
    assert outcome.result == "done"
    assert outcome.url == f"{jira.site.url}/browse/{KEY}?focusedCommentId={there.id}"
    assert (there.properties[PROPERTY]["key"], there.properties[PROPERTY]["v"]) == ("mr:7", 1)
    assert (there.properties[PROPERTY]["head"], there.properties[PROPERTY]["moves"]) == ("abc", [1, 2])
    read = jira.reader().comments(KEY)[0]
    assert read.body == "It takes *codes* {now}."
    assert read.author.id == jira.me().id


def test_a_comment_that_says_the_same_is_not_written_again(jira: JiraBridge) -> None:
    apply(jira, comment(memory={"heads": ("a", "b")}))
    written = len(jira.writes)
    assert apply(jira, comment(memory={"heads": ("a", "b")})).result == "unchanged"
    assert len(jira.writes) == written


@pytest.mark.parametrize(
    "change", [{"memory": {"head": "b"}}, {"visibility": "Developers"}, {"internal": True}]
)
def test_a_comment_is_edited_in_place_when_anything_of_it_changes(
    jira: JiraBridge, change: dict[str, Any]
) -> None:
    apply(jira, comment())
    assert apply(jira, comment(**change)).result == "done"
    assert apply(jira, comment(**change)).result == "unchanged"
    assert len(jira.issue().comments) == 1


def test_a_new_text_replaces_the_old_one(jira: JiraBridge) -> None:
    first = apply(jira, comment("One"))
    second = apply(jira, comment("Two"))
    (there,) = jira.issue().comments
    assert (jira.shown(there), first.url) == ("Two", second.url)


def test_an_edit_tells_nobody_on_cloud(tmp_path: Path) -> None:
    with JiraBridge("cloud", tmp_path) as jira:
        apply(jira, comment("One"))
        apply(jira, comment("Two"))
        assert any("notifyUsers=false" in query for query in jira.queries)


def test_where_only_administrators_edit_silently_it_is_edited_aloud(jira: JiraBridge) -> None:
    apply(jira, comment("One"))
    if jira.site.cloud:
        jira.fail("PUT", "/comment/", status=403)
    assert apply(jira, comment("Two")).result == "done"
    assert jira.shown(jira.issue().comments[0]) == "Two"


def test_what_a_person_made_of_our_comment_stays_until_we_have_news(jira: JiraBridge) -> None:
    apply(jira, comment("One"))
    (there,) = ours(jira)
    there.body = jira.comment("A person's words").body
    assert apply(jira, comment("One")).result == "unchanged"
    assert jira.shown(there) == "A person's words"
    apply(jira, comment("Two"))
    assert jira.shown(there) == "Two"


def test_each_key_has_its_own_comment(jira: JiraBridge) -> None:
    apply(jira, comment("One"))
    apply(jira, comment("Other", key="triage"))
    apply(jira, comment("Two"))
    assert [jira.shown(one) for one in jira.issue().comments] == ["Two", "Other"]


def test_a_property_on_somebody_elses_comment_makes_it_not_ours(jira: JiraBridge) -> None:
    jira.comment("Mine", author="sam", properties={PROPERTY: {"v": 1, "key": "mr:7"}})
    apply(jira, comment("One"))
    assert [jira.shown(one) for one in jira.issue().comments] == ["Mine", "One"]


def test_of_several_comments_with_one_key_the_oldest_stays(jira: JiraBridge) -> None:
    apply(jira, comment("One"))
    (first,) = ours(jira)
    for _ in range(2):
        jira.comment("One", author="trivet", properties=first.properties)
    assert apply(jira, comment("One")).result == "unchanged"
    assert ours(jira) == [first]


def test_a_comment_far_back_is_found(jira: JiraBridge) -> None:
    apply(jira, comment("One"))
    for number in range(150):
        jira.comment(f"Talk {number}")
    assert apply(jira, comment("Two")).result == "done"
    assert [jira.shown(one) for one in ours(jira)] == ["Two"]


def test_only_editing_leaves_an_issue_without_a_comment_alone(jira: JiraBridge) -> None:
    outcome = apply(jira, comment(create=False))
    assert (outcome.result, outcome.reason) == ("unchanged", "there is no comment to edit")
    assert jira.writes == []


def test_only_editing_edits_what_is_there(jira: JiraBridge) -> None:
    apply(jira, comment("One"))
    assert apply(jira, comment("Two", create=False)).result == "done"


def test_a_comment_may_be_for_a_role(jira: JiraBridge) -> None:
    apply(jira, comment("One", visibility="Developers"))
    apply(jira, comment("Two", visibility="Developers"))
    (there,) = jira.issue().comments
    assert there.visibility
    assert there.visibility["value"] == "Developers"


def test_a_restriction_set_by_hand_survives_an_edit(jira: JiraBridge) -> None:
    apply(jira, comment("One"))
    (there,) = ours(jira)
    there.visibility = {"type": "role", "value": "Developers"}
    apply(jira, comment("Two"))
    assert (jira.shown(there), there.visibility["value"]) == ("Two", "Developers")


def test_a_role_that_is_unknown_refuses_the_comment(jira: JiraBridge) -> None:
    outcome = apply(jira, comment(visibility="Nobody"))
    assert outcome.result == "refused"
    assert "Role: Nobody does not exist" in outcome.reason
    assert jira.issue().comments == []


def test_an_internal_comment_stays_internal(jira: JiraBridge) -> None:
    apply(jira, comment("One", internal=True))
    assert jira.reader().comments(KEY)[0].internal
    apply(jira, comment("Two", internal=True))
    assert jira.reader().comments(KEY)[0].internal


def test_a_comment_passes_the_sanitizer(jira: JiraBridge) -> None:
    apply(jira, comment(f"The token is {SECRET}"))
    assert jira.reader().comments(KEY)[0].body == "The token is [removed]"


def test_a_comment_links_what_other_actions_made(jira: JiraBridge) -> None:
    body = Document(blocks=(Paragraph(content=(*inlines("See "), Made(action="draft", text="!8"))),))
    apply(jira, comment(body=body), {"draft": URL})
    assert URL in jira.reader().comments(KEY)[0].body


def test_a_comment_that_jira_finds_too_long_loses_its_end(jira: JiraBridge) -> None:
    items = tuple(BulletList(items=(inlines(f"{number} " + "word {x} " * 100),)) for number in range(60))
    apply(jira, comment(body=Document(blocks=items)))
    shown = jira.reader().comments(KEY)[0].body
    assert shown.startswith("- 0 word")
    assert shown.endswith("The rest is left out: Jira takes no longer comment.")


# --- moves


def test_an_issue_is_moved_to_a_status_by_name(jira: JiraBridge) -> None:
    outcome = apply(jira, move("in progress"))
    assert (outcome.result, outcome.reason) == ("done", "from To Do to In Progress")
    assert jira.issue().status.name == "In Progress"


def test_an_issue_that_is_there_is_not_moved(jira: JiraBridge) -> None:
    jira.move("In Progress")
    outcome = apply(jira, move("In Progress"))
    assert (outcome.result, outcome.reason, jira.writes) == ("unchanged", "it is In Progress already", [])


def test_a_required_field_is_given_by_name(jira: JiraBridge) -> None:
    jira.move("In Progress")
    assert apply(jira, move("Done", fields={"Resolution": "won't do", "Story points": "3"})).result == "done"
    now = jira.issue()
    assert now.resolution
    assert (now.status.name, now.resolution.name) == ("Done", "Won't Do")


def test_a_required_field_that_is_missing_is_named(jira: JiraBridge) -> None:
    jira.move("In Progress")
    outcome = apply(jira, move("Done"))
    assert (outcome.result, jira.writes) == ("refused", [])
    assert outcome.reason == 'the transition "Finish" needs values: Resolution (resolution)'


def test_a_value_that_a_field_does_not_take_is_named(jira: JiraBridge) -> None:
    jira.move("In Progress")
    outcome = apply(jira, move("Done", fields={"resolution": "Maybe"}))
    assert (outcome.result, jira.writes) == ("refused", [])
    assert "it takes Done, Won't Do, Duplicate" in outcome.reason


def test_a_missing_transition_names_those_there_are(jira: JiraBridge) -> None:
    outcome = apply(jira, move("In Review"))
    assert outcome.result == "refused"
    assert (
        outcome.reason
        == "no transition leads from To Do to In Review; there are: Start work (to In Progress)"
    )


def test_an_issue_is_never_moved_backwards(jira: JiraBridge) -> None:
    jira.move("In Progress")
    outcome = apply(jira, move("To Do"))
    assert (outcome.result, jira.issue().status.name) == ("unchanged", "In Progress")
    assert outcome.reason == "never backwards: it is In Progress, which comes after To Do"


def test_a_category_will_do_for_a_status(jira: JiraBridge) -> None:
    outcome = apply(jira, move("category:indeterminate"))
    assert (outcome.result, jira.issue().status.name) == ("done", "In Progress")


def test_of_several_ways_the_first_that_needs_nothing_is_taken(jira: JiraBridge) -> None:
    jira.move("In Progress")
    project, now = jira.issue().project, jira.issue().status
    shelved = Status("77", "Shelved", "done")
    project.transitions.append(Transition("71", "Shelve", shelved, (now,)))
    outcome = apply(jira, move("category:done"))
    assert (
        outcome.reason == "from In Progress to Shelved, by the first of 2 transitions that lead there: Shelve"
    )


def test_an_issue_that_went_elsewhere_is_a_failure(jira: JiraBridge, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deeds, "move", lambda *_: None)
    outcome = apply(jira, move("In Progress"))
    assert outcome.result == "failed"
    assert outcome.reason == 'after the transition "Start work" it is To Do, not In Progress'


def test_a_conflicting_change_puts_the_job_back(jira: JiraBridge) -> None:
    jira.fail("POST", "/transitions", status=409)
    with pytest.raises(Unavailable, match="will be tried again"):
        apply(jira, move("In Progress"))


@pytest.mark.parametrize("value", ["3", "high"])
def test_a_field_of_text_takes_what_it_is_given(jira: JiraBridge, value: str) -> None:
    jira.issue().project.transitions[0].screen[CRITERIA] = True
    assert apply(jira, move("In Progress", fields={CRITERIA: value})).result == "done"
    assert value in jira.reader().issue(KEY, [CRITERIA]).fields[CRITERIA]


# --- fields


def test_only_what_is_missing_is_added(jira: JiraBridge) -> None:
    deeds.edit(jira.site, jira.issue(), jira.person("ada"), {"labels": ["campaigns", "Backend"]})
    outcome = apply(
        jira, edit(labels=("backend", "shop"), components=("receipts", "Checkout"), priority="high")
    )
    now = jira.issue()
    assert (outcome.result, outcome.reason) == ("done", "")
    assert now.labels == ["campaigns", "Backend", "shop"]
    assert [one.name for one in now.components] == ["Checkout", "Receipts"]
    assert now.priority
    assert now.priority.name == "High"


def test_nothing_to_add_is_nothing_to_write(jira: JiraBridge) -> None:
    outcome = apply(jira, edit(labels=("campaigns",), components=("Checkout",), priority="Medium"))
    assert (outcome.result, jira.writes) == ("unchanged", [])


def test_what_jira_does_not_know_is_left_out_and_said(jira: JiraBridge) -> None:
    outcome = apply(jira, edit(labels=("two words", "one"), components=("Cellar",)))
    assert outcome.result == "done"
    assert '"two words" is no label' in outcome.reason
    assert '"Cellar"; it takes Checkout, Catalog, Receipts' in outcome.reason
    assert jira.issue().labels == ["campaigns", "one"]


def test_nothing_that_can_be_added_is_a_refusal(jira: JiraBridge) -> None:
    outcome = apply(jira, edit(priority="Urgent"))
    assert (outcome.result, jira.writes) == ("refused", [])


def test_a_field_that_is_on_no_screen_is_said(jira: JiraBridge) -> None:
    jira.issue().project.screen.discard("priority")
    outcome = apply(jira, edit(priority="High"))
    assert (outcome.result, outcome.reason) == (
        "refused",
        "left out: priority cannot be edited on this issue",
    )


def test_a_secret_never_becomes_a_label(jira: JiraBridge) -> None:
    apply(jira, edit(labels=(SECRET,)))
    assert SECRET not in jira.issue().labels


# --- one issue's trouble


def everything() -> list[IssueAction]:
    return [link(), comment(), move("In Progress"), edit(labels=("new",))]


@pytest.mark.parametrize("action", everything(), ids=lambda one: one.kind)
def test_an_issue_that_is_gone_is_an_outcome(jira: JiraBridge, action: IssueAction) -> None:
    deeds.delete(jira.site, jira.issue(), jira.person("grace"))
    outcome = apply(jira, action)
    assert outcome.result == "refused"
    assert "does not find" in outcome.reason


@pytest.mark.parametrize(
    ("permission", "action"),
    [
        ("LINK_ISSUES", link()),
        ("ADD_COMMENTS", comment()),
        ("EDIT_ISSUES", edit(labels=("new",))),
    ],
    ids=lambda one: getattr(one, "kind", one),
)
def test_what_the_account_may_not_do_is_an_outcome(
    jira: JiraBridge, permission: str, action: IssueAction
) -> None:
    jira.issue().project.permissions[permission].remove(jira.person("trivet"))
    outcome = apply(jira, action)
    assert outcome.result == "refused"
    assert "forbids" in outcome.reason


@pytest.mark.parametrize("action", everything(), ids=lambda one: one.kind)
def test_a_token_that_is_not_accepted_ends_the_job(jira: JiraBridge, action: IssueAction) -> None:
    effects = JiraEffects(jira.api(), me=jira.me(), clean=clean)
    jira.person("trivet").token = "another-" + "Kq72Lm"
    with pytest.raises(AccessDenied, match="renew TRIVET_JIRA__TOKEN"):
        effects.apply(action, {})


@pytest.mark.parametrize("action", everything()[1:], ids=lambda one: one.kind)
def test_an_answer_in_an_unknown_form_fails_one_action(jira: JiraBridge, action: IssueAction) -> None:
    jira.fail("GET", f"/issue/{KEY}", status=200)
    outcome = apply(jira, action)
    assert outcome.result == "failed"


# --- broken off anywhere


def before(jira: JiraBridge, action: IssueAction) -> None:
    """An issue on which the action changes something that it wrote before."""
    apply(jira, action.model_copy(update={"body": Document(blocks=(paragraph("Before"),))}))


def requests_of(jira: JiraBridge, action: IssueAction) -> int:
    jira.seen.clear()
    apply(jira, action)
    return len(jira.seen)


CASES: Mapping[str, tuple[IssueAction, bool]] = {
    "link": (link(), False),
    "comment": (comment(visibility="Developers", memory={"head": "a"}), False),
    "edited comment": (comment("After", internal=True), True),
    "move": (move("In Progress"), False),
    "fields": (edit(labels=("new",), components=("Catalog",), priority="High"), False),
}


def trace(jira: JiraBridge) -> dict[str, Any]:
    """What people see of the issue, and how often the bot did what tells them."""
    issue = jira.issue()
    told = ("comment_created", "transition", "edit", "comment_deleted")
    return {
        "links": [one.object for one in issue.links],
        "comments": [(jira.shown(one), one.visibility, one.properties) for one in issue.comments],
        "fields": (issue.status.name, issue.labels, [one.name for one in issue.components], issue.priority),
        "writes": {what: issue.writes["trivet", what] for what in told},
    }


@pytest.mark.parametrize("deployment", ["cloud", "datacenter"])
@pytest.mark.parametrize("name", CASES)
def test_a_job_broken_off_at_any_request_leaves_no_trace_when_done_again(
    deployment: Any, name: str, tmp_path: Path
) -> None:
    """Each request in turn is lost on its way, or carried out and its answer lost."""
    action, had_one = CASES[name]
    with JiraBridge(deployment, tmp_path / "whole") as jira:
        if had_one:
            before(jira, action)
        count = requests_of(jira, action)
        whole = trace(jira)
    for number in range(count):
        for fault in ({"lost": True}, {"status": 503}, {"status": 502}):
            with JiraBridge(deployment, tmp_path / f"{number}-{fault}") as jira:
                if had_one:
                    before(jira, action)
                jira.fail_at(number, **fault)
                with pytest.raises(Unavailable):
                    apply(jira, action)
                again = apply(jira, action)
                assert again.result in ("done", "unchanged")
                assert trace(jira) == whole, (number, fault)
                assert apply(jira, action).result == "unchanged"


def test_a_comment_that_was_not_marked_yet_is_not_written_twice(tmp_path: Path) -> None:
    """On Data Center properties follow the comment: the process may die between the two."""
    with JiraBridge("datacenter", tmp_path) as jira:
        jira.fail("PUT", "/comment/.*/properties/")
        with pytest.raises(Unavailable):
            apply(jira, comment())
        assert [one.properties for one in jira.issue().comments] == [{}]
        outcome = apply(jira, comment())
        assert (outcome.result, outcome.reason) == ("done", "written before, now marked as ours")
        assert len(jira.issue().comments) == 1
        assert apply(jira, comment()).result == "unchanged"


def test_a_comment_that_was_not_marked_yet_is_edited_by_a_newer_run_that_says_something_else(
    tmp_path: Path,
) -> None:
    """Its own run was replaced before it came back to mark it."""
    with JiraBridge("datacenter", tmp_path) as jira:
        jira.comment("It is open", author="trivet")
        jira.fail("PUT", "/comment/.*/properties/")
        with pytest.raises(Unavailable):
            apply(jira, comment("It is open, too"))
        outcome = apply(jira, comment("It is merged"))
        assert (outcome.result, outcome.reason) == ("done", "edited in place")
        assert [one.body for one in ours(jira)] == ["It is open", "It is merged"]
        assert apply(jira, comment("It is merged")).result == "unchanged"


def test_a_comment_that_came_late_and_unmarked_is_taken_away(tmp_path: Path) -> None:
    """The request was still under way when the next run looked."""
    with JiraBridge("datacenter", tmp_path) as jira:
        jira.fail("POST", "/comment", status=503)
        with pytest.raises(Unavailable):
            apply(jira, comment("It is open"))
        apply(jira, comment("It is merged"))
        jira.comment("It is open", author="trivet")
        assert apply(jira, comment("It is merged")).result == "unchanged"
        assert [one.body for one in ours(jira)] == ["It is merged"]


def test_what_others_remember_at_the_issue_makes_no_comment_ours(tmp_path: Path) -> None:
    """Who may edit an issue may write its properties; the account may be a person's, who writes by hand, too."""
    by_hand = "Deploy only after the audit"
    place = f"{PROPERTY}.comment.{comment().key}"
    with JiraBridge("datacenter", tmp_path) as jira:
        apply(jira, comment("It is open"))
        (known,) = jira.issue().properties[place]["seals"]
        jira.comment(by_hand, author="trivet")
        planted = MarkBook(["n" * 32], f"jira:{KEY}:{comment().key}").seal(by_hand)
        for seal in (planted, known, by_hand, "\u00e9"):
            jira.issue().properties[place] = {"v": 1, "seals": [seal]}
            apply(jira, comment(f"It is merged {seal}"))
            assert by_hand in [one.body for one in ours(jira)]


def test_a_comment_of_an_account_that_may_not_edit_issues_is_written_once(tmp_path: Path) -> None:
    with JiraBridge("datacenter", tmp_path) as jira:
        jira.issue().project.permissions["EDIT_ISSUES"] = []
        jira.fail("PUT", "/comment/.*/properties/")
        with pytest.raises(Unavailable):
            apply(jira, comment())
        assert apply(jira, comment()).reason == "written before, now marked as ours"
        assert (jira.issue().properties, len(ours(jira))) == ({}, 1)


def test_an_unmarked_comment_with_other_words_is_left_alone(tmp_path: Path) -> None:
    with JiraBridge("datacenter", tmp_path) as jira:
        jira.comment("Written by hand with the bot's account", author="trivet")
        apply(jira, comment())
        assert len(jira.issue().comments) == 2


STEPS = st.sampled_from(
    [
        link(),
        link(state="merged"),
        comment("One", memory={"head": "a"}),
        comment("Two"),
        comment("Other", key="triage"),
        move("In Progress"),
        edit(labels=("new",), priority="High"),
    ]
)
FAULTS = st.none() | st.tuples(st.integers(0, 5), st.sampled_from([{"lost": True}, {"status": 503}]))


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(STEPS, FAULTS), max_size=6), st.sampled_from(["cloud", "datacenter"]))
def test_whatever_breaks_on_the_way_people_see_what_they_would_have_seen(
    steps: list[tuple[IssueAction, Any]], deployment: Any
) -> None:
    with TemporaryDirectory() as folder:
        with JiraBridge(deployment, Path(folder) / "whole") as jira:
            for action, _fault in steps:
                apply(jira, action)
            whole = trace(jira)
        with JiraBridge(deployment, Path(folder) / "broken") as jira:
            for action, fault in steps:
                jira.faults.clear()
                if fault:
                    jira.fail_at(fault[0], **fault[1])
                with suppress(Unavailable):
                    apply(jira, action)
                jira.faults.clear()
                apply(jira, action)
            assert trace(jira) == whole


def test_the_limit_of_writes_to_one_issue_is_waited_out(tmp_path: Path) -> None:
    with JiraBridge("cloud", tmp_path) as jira:
        now = [0.0]
        jira.site.clock = lambda: now[0]
        jira.site.limits.windows = ((1, 1.0),)
        effects = JiraEffects(
            jira.api(pause=lambda seconds: now.append(now.pop() + seconds)), me=jira.me(), clean=clean
        )
        assert [effects.apply(action, {}).result for action in (link(), comment())] == ["done", "done"]
        assert now == [1.0]


# --- shared still?


def test_an_issue_shares_its_texts_until_it_is_secured_moved_hidden_or_deleted(jira: JiraBridge) -> None:
    effects = JiraEffects(jira.api(), me=jira.me(), clean=clean)
    assert effects.shares(KEY)
    assert not effects.shares("SHOP-999")
    level = jira.issue().project.levels[0]
    level.people.append(jira.person("trivet"))
    jira.issue().security = level
    assert not effects.shares(KEY)
