"""The operator's rules file: what it says happens, and nothing else."""

import pytest

from bot.domain.issues import IssueStatus
from bot.domain.rules import Rules, json_schema, load
from bot.domain.yaml_file import Wrong

FILE = b"""
jira:
  - project: SHOP
    gitlab: group/shop
    on: {event: created}
    do: [summarize, missing, labels]
  - project: SHOP
    gitlab: group/shop
    on: {event: transitioned, to: In Progress}
    do: [branch, draft_merge_request]
    branch: "{key}-{slug}"
  - project: SHOP
    commands: [Developers]
spaces: [{space: DOC, gitlab: group/shop}]
"""
IN_PROGRESS = IssueStatus("In Arbeit", "indeterminate")


def test_the_file_of_the_documentation_is_read_as_it_says() -> None:
    rules = load(FILE)
    [made] = rules.started("SHOP", "created")
    [moved] = rules.started("SHOP", "transitioned", IssueStatus("In Progress", "indeterminate"))
    assert (made.do, moved.do) == (("summarize", "missing", "labels"), ("branch", "draft_merge_request"))
    assert rules.commanders("SHOP") == {"developers"}
    assert rules.maps("SHOP", "Group/Shop")
    assert rules.code_of("SHOP") == "group/shop"
    assert rules.spaces[0].space == "DOC"


def test_a_status_is_meant_by_its_category_in_any_language_too() -> None:
    rules = load(FILE)
    assert rules.started("SHOP", "transitioned", IN_PROGRESS)
    assert not rules.started("SHOP", "transitioned", IssueStatus("Fertig", "done"))


def test_a_word_that_is_a_status_there_means_that_status_alone() -> None:
    review = IssueStatus("In Review", "indeterminate")
    names = frozenset({"to do", "in progress", "in review", "done"})
    assert load(FILE).started("SHOP", "transitioned", review)
    assert not load(FILE).started("SHOP", "transitioned", review, names)


def test_what_is_not_said_does_not_happen() -> None:
    rules = load(FILE)
    assert rules.started("OTHER", "created") == ()
    assert not rules.maps("SHOP", "group/other")
    assert not rules.maps("OTHER", "group/shop")
    assert rules.commanders("OTHER") == frozenset()
    assert Rules().projects == frozenset()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("jira: [{project: shop}]", '"jira.0.project" is not valid'),
        ("jira: [{project: SHOP, do: [summarize]}]", '"on" and "do" go together'),
        ("jira: [{project: SHOP, on: {event: created}}]", '"on" and "do" go together'),
        ("jira: [{project: SHOP, on: {event: transitioned}, do: [missing]}]", '"to" goes with'),
        ("jira: [{project: SHOP, on: {event: created, to: Done}, do: [missing]}]", '"to" goes with'),
        ("jira: [{project: SHOP, on: {event: created}, do: [branch]}]", 'need "gitlab"'),
        ("jira: [{project: SHOP, on: {event: created}, do: [delete]}]", '"jira.0.do.0" must be'),
        (
            "jira: [{project: SHOP, on: {event: created}, do: [missing], fields: [labels]}]",
            '"fields" must be',
        ),
        ("jira: [{project: SHOP, gitlab: shop}]", '"jira.0.gitlab" is not valid'),
        ('jira: [{project: SHOP, branch: "{key}/{user.__class__}"}]', "may hold {key}, {slug}, {type}"),
        ("jira: [{project: SHOP, allow: everything}]", '"jira.0.allow" is no key we know'),
        ("rules: []", '"rules" is no key we know'),
    ],
)
def test_a_wrong_file_is_refused_whole_and_says_where(text: str, said: str) -> None:
    with pytest.raises(Wrong, match=r".+") as wrong:
        load(text.encode())
    assert said in str(wrong.value)


def test_the_schema_names_every_key() -> None:
    schema = json_schema()
    assert set(schema["properties"]) == {"jira", "spaces"}
    assert set(schema["$defs"]["JiraRule"]["properties"]) >= {"project", "gitlab", "on", "do", "commands"}
