"""What a Jira holds, read the same from Cloud and from Data Center."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest
import responses
from hypothesis import given, settings
from hypothesis import strategies as st
from jira_bridge import KEY, JiraBridge

from bot.domain.issue_commands import NamedBy
from bot.domain.issues import IssuePerson, IssueStatus
from bot.errors import AccessDenied, Forbidden, NotFound, Unavailable
from bot.gateways.jira_api import JiraApi
from bot.gateways.jira_recent import recently_changed
from bot.gateways.jira_texts import mentions, named, plain
from bot.sandbox.jira import deeds, texts
from bot.sandbox.jira.seed import add_project
from bot.sandbox.jira.shapes import CRITERIA

ME = NamedBy("712020:me", "", "Trivet Bot")


@pytest.fixture(params=["cloud", "datacenter"])
def jira(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[JiraBridge]:
    with JiraBridge(request.param, tmp_path) as bridge:
        yield bridge


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[JiraBridge]:
    with JiraBridge("cloud", tmp_path) as bridge:
        yield bridge


def person(jira: JiraBridge, name: str) -> IssuePerson:
    return jira.me(name)


# --- issues


def test_the_account_is_known_by_what_webhooks_call_it(jira: JiraBridge) -> None:
    me = jira.reader().me()
    assert (me.id, me.username, me.name) == (jira.me().id, jira.me().username, "Trivet")


def test_an_issue_reads_the_same_on_both_deployments(jira: JiraBridge) -> None:
    issue = jira.reader().issue(KEY)
    assert (issue.key, issue.project, issue.type) == (KEY, "SHOP", "Story")
    assert issue.title == "Take discount codes at checkout"
    assert issue.status == IssueStatus("To Do", "new")
    assert issue.description.startswith("Marketing wants to run campaigns.")
    assert "## Acceptance criteria" in issue.description
    assert "- Capital letters and spaces around a code do not matter" in issue.description
    assert (issue.labels, issue.components, issue.priority) == (("campaigns",), ("Checkout",), "Medium")
    assert issue.assignee == person(jira, "ada") or issue.assignee == _with_email(jira, "ada")
    assert issue.reporter
    assert issue.reporter.name == "Sam Ferreira"
    assert issue.security is None
    assert issue.url == f"{jira.site.url}/browse/{KEY}"
    assert issue.created.endswith("+00:00")


def _with_email(jira: JiraBridge, name: str) -> IssuePerson:
    who = jira.person(name)
    return IssuePerson(who.key, who.display_name, who.name, who.email)


def test_an_issue_is_found_by_number_too(jira: JiraBridge) -> None:
    number = jira.reader().issue(KEY).id
    assert jira.reader().issue(number).key == KEY


def test_a_moved_issue_answers_under_its_new_key(jira: JiraBridge) -> None:
    other = add_project(jira.site, "PAY", "Pay", jira.person("grace"))
    other.permissions["BROWSE_PROJECTS"].append(jira.person("trivet"))
    deeds.to_project(jira.site, jira.issue(), jira.person("grace"), other)
    issue = jira.reader().issue(KEY)
    assert (issue.key, issue.project) == ("PAY-1", "PAY")
    assert issue.url.endswith("/browse/PAY-1")


def test_a_security_level_is_told(jira: JiraBridge) -> None:
    level = jira.issue().project.levels[0]
    level.people.append(jira.person("trivet"))
    deeds.secure(jira.site, jira.issue(), jira.person("grace"), level)
    assert jira.reader().issue(KEY).security == "Internal"


def test_an_issue_that_may_not_be_seen_is_not_found(jira: JiraBridge) -> None:
    deeds.secure(jira.site, jira.issue(), jira.person("grace"), jira.issue().project.levels[0])
    with pytest.raises(NotFound, match="does not find issue SHOP-12"):
        jira.reader().issue(KEY)


@pytest.mark.parametrize("key", ["../myself", "SHOP-12/comment", "SHOP-12?x", "ä b"])
def test_a_key_is_one_part_of_the_path(jira: JiraBridge, key: str) -> None:
    with pytest.raises(NotFound):
        jira.reader().issue(key)
    assert all("/issue/" in path for _method, path in jira.seen if path != "/serverInfo")


@pytest.mark.parametrize("name", [CRITERIA, "Acceptance criteria", "acceptance CRITERIA "])
def test_a_further_field_is_read_by_id_or_name(jira: JiraBridge, name: str) -> None:
    jira.issue().criteria = jira.comment("* First\n* Second").body
    issue = jira.reader().issue(KEY, [name, "No such field"])
    assert issue.fields == {name: "- First\n- Second"}


def test_a_token_that_is_not_accepted_is_said(jira: JiraBridge) -> None:
    reader = jira.reader()
    jira.person("trivet").token = "another-" + "Kq72Lm"
    with pytest.raises(AccessDenied, match="renew TRIVET_JIRA__TOKEN") as raised:
        reader.issue(KEY)
    assert not isinstance(raised.value, Forbidden)


# --- comments


def test_comments_come_oldest_first_over_all_pages(jira: JiraBridge) -> None:
    for number in range(230):
        jira.comment(f"Comment {number}")
    comments = jira.reader().comments(KEY)
    assert [one.body for one in comments] == [f"Comment {number}" for number in range(230)]
    assert comments[0].author.name == "Ada Lindqvist"


def test_of_many_comments_the_newest_thousand_are_read(jira: JiraBridge) -> None:
    first = jira.comment("Comment 0")
    text = {number: texts.converted(jira.site, f"Comment {number}") for number in range(1, 1_050)}
    jira.issue().comments += [
        replace(first, id=str(20_000 + number), body=body) for number, body in text.items()
    ]
    comments = jira.reader().comments(KEY)
    assert (len(comments), comments[0].body, comments[-1].body) == (1_000, "Comment 50", "Comment 1049")


def test_a_comment_brings_its_properties_and_who_may_read_it(jira: JiraBridge) -> None:
    properties = {"trivet": {"key": "a"}, "sd.public.comment": {"internal": True}}
    made = jira.comment("For us", visibility={"type": "role", "value": "Developers"}, properties=properties)
    comment = jira.reader().comment(KEY, made.id)
    assert (comment.restricted, comment.internal) == (True, True)
    assert comment.properties["trivet"] == {"key": "a"}
    assert not jira.reader().comment(KEY, jira.comment("For all").id).restricted


def test_a_comment_that_is_gone_is_not_found(jira: JiraBridge) -> None:
    with pytest.raises(NotFound, match="comment 4711 of SHOP-12"):
        jira.reader().comment(KEY, "4711")


def test_a_mention_of_the_bot_is_known_by_its_account(jira: JiraBridge) -> None:
    me = jira.me()
    mention = f"[~accountid:{me.id}]" if jira.site.cloud else f"[~{me.username}]"
    made = jira.comment(f"{mention} summarize")
    comment = jira.reader().comment(KEY, made.id)
    assert comment.mentions_us
    assert comment.body == f"@{me.username or me.name} summarize"


def test_a_mention_of_somebody_else_is_none_of_the_bot(jira: JiraBridge) -> None:
    ada = jira.me("ada")
    mention = f"[~accountid:{ada.id}]" if jira.site.cloud else f"[~{ada.username}]"
    assert not jira.reader().comment(KEY, jira.comment(f"{mention} trivet").id).mentions_us


def test_where_another_account_writes_its_mentions_count(cloud: JiraBridge) -> None:
    ada = cloud.me("ada")
    made = cloud.comment(f"[~accountid:{ada.id}] summarize")
    reader = cloud.reader()
    reader = type(reader)(cloud.api(), NamedBy(ada.id, "", "Ada"))
    assert reader.comment(KEY, made.id).body == "@Ada summarize"
    assert reader.comment(KEY, made.id).mentions_us


def adf(*content: Any) -> dict[str, Any]:
    return {"type": "doc", "version": 1, "content": list(content)}


def test_a_mention_typed_under_an_old_name_reads_as_the_present_one() -> None:
    old = {"type": "mention", "attrs": {"id": ME.id, "text": "@Old name"}}
    document = adf({"type": "paragraph", "content": [old, {"type": "text", "text": " help"}]})
    assert plain(named(document, ME)) == "@Trivet Bot help"


@pytest.mark.parametrize(
    ("text", "is_mention"),
    [
        ("[~trivet] help", True),
        ("[~Trivet]", True),
        ("[~accountid:trivet]", True),
        ("\\[~trivet] help", False),
        ("[~trivet2]", False),
        ("[~JIRAUSER1]", False),
        ("~trivet", False),
    ],
)
def test_wiki_text_mentions_by_user_name(text: str, is_mention: bool) -> None:
    assert mentions(text, NamedBy("JIRAUSER1", "trivet", "Trivet")) == is_mention


def test_a_text_nested_without_end_is_read() -> None:
    deep: dict[str, Any] = {"type": "mention", "attrs": {"id": ME.id}}
    for _ in range(50_000):
        deep = {"type": "blockquote", "content": [deep]}
    assert mentions(adf(deep), ME)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["type", "content", "attrs", "id", "text"]), inner, max_size=4)
    ),
    max_leaves=12,
)


@settings(max_examples=80, deadline=None)
@given(json_values)
def test_no_stored_text_stops_the_reader(stored: Any) -> None:
    assert isinstance(plain(named(stored, ME)), str)
    assert isinstance(mentions(stored, ME), bool)


# --- projects, roles, choices


def test_projects_are_those_the_token_sees(jira: JiraBridge) -> None:
    hidden = add_project(jira.site, "HR", "People", jira.person("grace"))
    for number in range(120):
        project = add_project(jira.site, f"P{number}", "More", jira.person("grace"))
        project.permissions["BROWSE_PROJECTS"].append(jira.person("trivet"))
    reader = jira.reader()
    assert reader.projects() == {"SHOP", *(f"P{number}" for number in range(120))}
    assert hidden.key not in reader.projects()


def test_projects_are_asked_for_once(jira: JiraBridge) -> None:
    reader = jira.reader()
    reader.projects()
    before = len(jira.seen)
    reader.projects()
    assert len(jira.seen) == before


def test_a_project_is_known_by_its_number(jira: JiraBridge) -> None:
    shop = jira.issue().project
    assert jira.reader().project_key(str(shop.id)) == "SHOP"
    with pytest.raises(NotFound, match="project 4711"):
        jira.reader().project_key("4711")


def test_a_role_is_held_directly(jira: JiraBridge) -> None:
    assert jira.reader().roles("SHOP", person(jira, "ada")) == {"developers"}


def test_a_role_is_held_by_a_group(jira: JiraBridge) -> None:
    assert jira.reader().roles("SHOP", person(jira, "grace")) == {"developers", "administrators"}


def test_a_stranger_has_no_role(jira: JiraBridge) -> None:
    assert jira.reader().roles("SHOP", person(jira, "sam")) == frozenset()


def test_a_name_like_another_ones_key_gives_no_role(tmp_path: Path) -> None:
    with JiraBridge("datacenter", tmp_path) as jira:
        ada = jira.person("ada")
        jira.site.add_person(ada.key, "Mallory")
        mallory = jira.me(ada.key)
        assert mallory.username == ada.key
        assert jira.reader().roles("SHOP", mallory) == frozenset()


def test_roles_that_may_not_be_read_are_an_error(jira: JiraBridge) -> None:
    jira.issue().project.permissions["ADMINISTER_PROJECTS"].clear()
    with pytest.raises(Forbidden, match="role Developers of SHOP"):
        jira.reader().roles("SHOP", person(jira, "ada"))


def test_choices_are_the_projects_components_and_the_priorities(jira: JiraBridge) -> None:
    choices = jira.reader().choices("SHOP", {"component", "priority"})
    assert choices.components == ("Checkout", "Catalog", "Receipts")
    assert choices.priorities == ("Highest", "High", "Medium", "Low", "Lowest")
    assert choices.labels == ()


def test_a_token_that_may_not_read_the_projects_scheme_is_told_every_priority(cloud: JiraBridge) -> None:
    cloud.fail("GET", "/priority/search", status=403)
    assert "Medium" in cloud.reader().choices("SHOP", {"priority"}).priorities


def test_only_the_fields_that_are_wanted_are_read(jira: JiraBridge) -> None:
    assert jira.reader().choices("SHOP", {"component"}).priorities == ()
    assert jira.reader().choices("SHOP", {"priority"}).components == ()


# --- what happened


def test_moves_come_oldest_first_with_who_and_when(jira: JiraBridge) -> None:
    jira.move("In Progress", "In Review", "In Progress")
    moves = jira.reader().moved(KEY)
    assert [one.to for one in moves] == ["In Progress", "In Review", "In Progress"]
    assert moves[0].author
    assert moves[0].author.name == "Ada Lindqvist"
    assert len({one.id for one in moves}) == 3
    assert moves[0].at <= moves[1].at <= moves[2].at


def test_other_changes_are_no_moves(jira: JiraBridge) -> None:
    deeds.edit(jira.site, jira.issue(), jira.person("ada"), {"labels": ["new"]})
    assert jira.reader().moved(KEY) == []


def test_what_changed_of_late_is_found_oldest_change_first(jira: JiraBridge) -> None:
    jira.comment("Touched last", key=KEY)
    found = jira.reader().changed(["SHOP", "NOPE", 'X" OR project != "Y'], 30)
    assert [one.key for one in found][-1] == KEY
    assert {one.project for one in found} == {"SHOP"}
    last = found[-1]
    assert (last.number, last.updated[-6:], last.created[-6:]) == (jira.issue().id, "+00:00", "+00:00")


def test_of_unknown_projects_nothing_is_asked(jira: JiraBridge) -> None:
    assert jira.reader().changed(["NOPE"], 30) == ()
    assert not any("/search" in path and "project" not in path for _method, path in jira.seen)


def test_more_changes_than_a_page_are_all_found(jira: JiraBridge) -> None:
    for number in range(520):
        deeds.create(jira.site, jira.issue().project, jira.person("ada"), f"Issue {number}")
    found = jira.reader().changed(["SHOP"], 30)
    assert len(found) == len({one.key for one in found}) == 500


@pytest.mark.parametrize("deployment", ["cloud", "datacenter"])
def test_a_search_that_gives_less_than_it_was_asked_for_is_gone_on_with(deployment: Any) -> None:
    """Both deployments may cut a page short; Cloud then gives a token."""

    def page(request: Any) -> tuple[int, dict[str, str], bytes]:
        asked = orjson.loads(request.body)
        start = int(asked.get("nextPageToken", asked.get("startAt", 0)))
        at = "2026-11-22T12:00:00.000+0000"
        fields = {"project": {"key": "SHOP"}, "created": at, "updated": at}
        issues = [{"id": str(n), "key": f"SHOP-{n}", "fields": fields} for n in range(start, start + 40)][
            : 130 - start
        ]
        more = {"nextPageToken": str(start + 40)} if start + 40 < 130 else {"isLast": True}
        return (
            200,
            {},
            orjson.dumps({"issues": issues, **(more if deployment == "cloud" else {"total": 130})}),
        )

    path = "/3/search/jql" if deployment == "cloud" else "/2/search"
    one = JiraApi("https://a.example", token="x", email=None, setting="S", deployment=deployment)
    with responses.RequestsMock() as mock:
        mock.add_callback("POST", f"https://a.example/rest/api{path}", page)
        found = recently_changed(one, ["SHOP"], 10)
    assert [issue.number for issue in found] == [str(number) for number in range(130)]


def test_an_outage_is_a_passing_fault(jira: JiraBridge) -> None:
    jira.fail("GET", "/issue/")
    with pytest.raises(Unavailable):
        jira.reader().issue(KEY)
