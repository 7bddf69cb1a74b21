"""What is proposed for release notes besides their text: where it goes, what is remembered, links both ways."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.agents.pages.notes_memory import memory, remembered
from bot.agents.spec import AgentResult, NotesPage
from bot.domain.actions import LinkIssue, UpsertNote, WriteSection
from bot.domain.flow import CodeProject
from bot.domain.pages import Page
from bot.domain.secrets import Redactor
from bot.domain.sections import wrapped
from bot.domain.storage import to_storage
from tests.agents.pages.test_notes_page import body, lines, run
from tests.agents.pages.test_notes_rules import issue, page, request

URL = "https://wiki.example/pages/5"


def sections(result: AgentResult) -> list[WriteSection]:
    return [one for one in result.actions if isinstance(one, WriteSection)]


def there(storage: str) -> Page:
    return Page(id="5", space="DOC", title="Release next", version=3, storage=storage, url=URL)


# --- the section


def test_a_page_that_is_not_there_is_named_by_its_title() -> None:
    (one,) = sections(run(page(request(1))))
    assert (one.key, one.space, one.section) == ("notes:next", "DOC", "release-notes")
    assert (one.page, one.title, one.parent, one.source) == ("", "Release next", "77", "acme/shop next")
    assert (one.base, one.edits) == ("", ())


def test_a_section_belongs_to_the_project_whatever_its_path() -> None:
    for path in ("acme/shop", "acme/store"):
        (one,) = sections(run(page(request(1)), project=CodeProject(42, path, "private")))
        assert one.owner == "gitlab:42"


def test_a_page_that_is_there_is_named_by_its_id() -> None:
    (one,) = sections(run(page(request(1), page=there("<p>Hi</p>"))))
    assert (one.page, one.title, one.parent) == ("5", "Release next", "77")


def test_each_page_gets_its_section() -> None:
    released = page(request(1), version="v1.2.0", title="Release v1.2.0")
    coming = page(request(2, "fix: round"), since="v1.2.0")
    first, second = sections(run(released, coming))
    assert (first.key, second.key) == ("notes:v1.2.0", "notes:next")
    assert (first.title, second.title) == ("Release v1.2.0", "Release next")
    assert "Cap the cart" in str(first.body)
    assert "Cap the cart" not in str(second.body)


def test_the_difference_is_to_what_stands_on_the_page() -> None:
    old = body(request(1))
    standing = there("<p>Before</p>" + wrapped("release-notes", to_storage(old)))
    (one,) = sections(run(page(request(1), request(2, "Count guests"), page=standing)))
    added = [line for line in one.difference.split("\n") if line.startswith("+")]
    removed = [line for line in one.difference.split("\n") if line.startswith("-")]
    assert any("Count guests" in line for line in added)
    assert not any("Cap the cart" in line for line in [*added, *removed])
    assert "Before" not in one.difference


@pytest.mark.parametrize("storage", ["", "<p>Before</p>"])
def test_without_a_section_all_of_it_is_new(storage: str) -> None:
    (one,) = sections(run(page(request(1), page=there(storage))))
    told = [line for line in one.difference.split("\n") if line.strip() and not line.startswith("@@")]
    assert any("Cap the cart" in line for line in told)
    assert all(line.startswith("+") for line in told)


def test_a_damaged_page_is_left_to_the_gateway_to_refuse() -> None:
    broken = wrapped("release-notes", "<p>x</p>") * 2
    (one,) = sections(run(page(request(1), page=there(broken))))
    assert "Cap the cart" in one.difference
    (one,) = sections(run(page(request(1), page=there("<p>not well-formed"))))
    assert "Cap the cart" in one.difference


def test_a_long_difference_is_cut_at_a_line() -> None:
    merged = [request(number, f"feat: {number} {'word ' * 30}") for number in range(1, 200)]
    (one,) = sections(run(page(*merged)))
    assert len(one.difference) <= 20_000
    assert one.difference.endswith("… the rest of the difference is left out")


def test_what_is_not_listed_is_told_with_the_reason() -> None:
    result = run(page(request(1, "ci: cache"), request(2)))
    (one,) = result.decisions
    assert (one.key, one.allowed, one.about) == ("mr:1", False, "!1 cache")
    assert one.reason == "not in the release notes: maintenance"


def test_without_a_model_that_is_said_and_not_on_the_page() -> None:
    result = run(page(request(1)))
    assert any("No model is configured" in one for one in result.complaints)
    assert "model" not in "\n".join(lines(body(request(1)))).lower()
    assert result.failures == ()


def test_where_nothing_is_to_be_asked_nothing_is_said_of_models() -> None:
    given = page(
        request(1, "ci: cache"), request(2, "docs: explain"), request(3), memory={"breaking": {"3": []}}
    )
    assert run(given).complaints == ()


# --- links both ways


def test_the_merge_request_is_told_where_it_is_listed() -> None:
    result = run(page(request(1), request(2, "fix: round")), merged=2)
    (note,) = [one for one in result.actions if isinstance(one, UpsertNote)]
    assert (note.key, note.tells, note.create) == ("release-notes", ("notes:next",), True)
    assert note.body == "In the release notes: Release next."
    assert result.actions.index(note) > 0


def test_the_note_is_about_the_page_that_lists_it() -> None:
    released = page(request(1), version="v1.2.0", title="Release *v1.2.0*")
    result = run(released, page(request(2)), merged=1)
    (note,) = [one for one in result.actions if isinstance(one, UpsertNote)]
    assert note.tells == ("notes:v1.2.0",)
    assert r"Release \*v1.2.0\*" in note.body


def test_at_its_release_what_was_told_of_the_next_one_is_brought_up_to_date() -> None:
    released = page(
        request(1), request(2, "ci: cache"), version="v1.2.0", title="Release v1.2.0", issues={1: [issue()]}
    )
    actions = run(released, page(request(3)), links_issues=True).actions
    (note,) = [one for one in actions if isinstance(one, UpsertNote)]
    assert (note.iid, note.create, note.tells) == (1, False, ("notes:v1.2.0",))
    (link,) = [one for one in actions if isinstance(one, LinkIssue)]
    assert (link.issue, link.create, link.title, link.state) == ("SHOP-12", False, "Release v1.2.0", "none")


def test_of_a_large_release_the_latest_fifty_are_told() -> None:
    released = page(*(request(iid) for iid in range(1, 201)), version="v1.2.0", title="Release v1.2.0")
    notes = [one for one in run(released).actions if isinstance(one, UpsertNote)]
    assert (len(notes), notes[0].iid) == (50, 200)


@pytest.mark.parametrize(("title", "merged"), [("ci: cache", 1), ("fix: round", 0), ("fix: round", 9)])
def test_what_is_not_listed_gets_no_note_and_no_links(title: str, merged: int) -> None:
    given = page(request(1, title), issues={1: [issue()]})
    assert [type(one) for one in run(given, merged=merged, links_issues=True).actions] == [WriteSection]


def test_its_issues_are_linked_to_the_page() -> None:
    given = page(request(1), request(2), issues={1: [issue(), issue("OPS-1")], 2: [issue("SHOP-9")]})
    links = [one for one in run(given, merged=1, links_issues=True).actions if isinstance(one, LinkIssue)]
    assert [(one.key, one.issue) for one in links] == [
        ("page:SHOP-12:1:next", "SHOP-12"),
        ("page:OPS-1:1:next", "OPS-1"),
    ]
    assert {one.global_id for one in links} == {"release-notes=1"}
    assert {(one.title, one.url, one.made, one.summary) for one in links} == {
        ("Release next", "", "notes:next", "Release notes")
    }
    assert not [one for one in run(given, merged=1).actions if isinstance(one, LinkIssue)]


# --- what is remembered

SAID = st.lists(st.text('ab"é\U0001f600', min_size=1, max_size=300), max_size=5).map(tuple)
FOUND = st.dictionaries(st.integers(1, 10**9), SAID | st.none(), max_size=120)


@given(FOUND)
@settings(max_examples=40, deadline=None)
def test_a_memory_is_bounded_and_forgets_the_oldest_first(found: Any) -> None:
    newest_first = sorted(found, reverse=True)
    kept = memory(found, newest_first)
    assert len(json.dumps(kept)) <= 20_000
    again = remembered(kept, Redactor())
    assert set(again) == set(found)
    forgotten = [iid for iid in newest_first if again[iid] is None and found[iid]]
    still = [iid for iid in newest_first if again[iid]]
    assert not forgotten or not still or max(forgotten) < min(still)
    assert memory(again, newest_first) == kept


def test_five_hundred_answers_have_room() -> None:
    found: Any = dict.fromkeys(range(100_000, 100_500), ())
    assert None not in remembered(memory(found, sorted(found)), Redactor()).values()


def test_the_page_says_the_same_when_it_is_written_from_its_memory() -> None:
    merged = [request(number) for number in range(1, 301)]
    found: Any = {one.iid: tuple(f"{number} {'x' * 250}" for number in range(5)) for one in merged}
    (first,) = sections(
        run(page(*merged, memory={"breaking": {str(iid): [*said] for iid, said in found.items()}}))
    )
    (second,) = sections(run(page(*merged, memory=first.memory)))
    assert None in first.memory["breaking"].values()
    assert (second.body, second.memory) == (first.body, first.memory)


def test_a_memory_has_no_merge_request_that_the_page_has_not() -> None:
    kept = {"breaking": {"1": ["The flag is gone."], "7": ["Old."]}}
    (one,) = sections(run(page(request(1), memory=kept)))
    assert one.memory == {"breaking": {"1": ["The flag is gone."]}}
    assert "- The flag is gone. (!1, found in the change)" in lines(one.body)  # type: ignore[arg-type]


def test_what_the_page_before_remembers_goes_on_to_the_next() -> None:
    kept = {"breaking": {"1": ["The flag is gone."], "2": []}}
    released = page(request(1), version="v1.2.0", title="Release v1.2.0")
    coming = page(request(2), memory=kept)
    first, second = sections(run(released, coming))
    assert first.memory == {"breaking": {"1": ["The flag is gone."]}}
    assert second.memory == {"breaking": {"2": []}}


def test_sentences_that_had_to_go_are_counted_on_the_page() -> None:
    assert "Older merge requests broke something, too, and have no room here: 1 merge request." in lines(
        body(request(1), memory={"breaking": {"1": None}})
    )


@pytest.mark.parametrize(
    "damage",
    [
        None,
        [],
        "x",
        {"": ["x"]},
        {"01": ["x"]},
        {"-1": []},
        {"1": "x"},
        {"1": 3},
        {"1": {"a": 1}},
        {"9" * 5_000: []},
        {"²": []},
    ],
)
def test_a_memory_that_somebody_changed_is_no_answer(damage: Any) -> None:
    assert remembered({"breaking": damage}, Redactor()) == {}


def test_sentences_that_somebody_put_in_are_bounded_text() -> None:
    found = remembered({"breaking": {"1": ["a\n<b>", 3, None, "", "x" * 999, *"bcdefg"]}}, Redactor())
    sentences = found[1]
    assert sentences is not None
    assert sentences[0] == "a <b>"
    assert all(isinstance(one, str) and 0 < len(one) <= 300 for one in sentences)
    assert len(sentences) <= 5


def test_declared_and_found_alike_is_told_once() -> None:
    given = page(
        request(1, description="BREAKING CHANGE: It is gone."), memory={"breaking": {"1": ["it is gone."]}}
    )
    (one,) = sections(run(given))
    assert one.body is not None
    assert [line for line in lines(one.body) if "gone" in line] == ["- It is gone. (!1, as its author says)"]


def test_pages_of_no_kind_at_all_are_no_error() -> None:
    assert run() == AgentResult(actions=())
    assert isinstance(page(), NotesPage)
