"""Below which heading a merge request stands, or why it is only counted."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.agents.pages.notes_declared import declared
from bot.agents.pages.notes_listing import entry, in_order, listing
from bot.agents.pages.notes_reverts import undone
from bot.agents.pages.notes_rules import KEPT_OUT, LABELS, TYPES, Kind, Noise, Place, headline
from bot.agents.spec import NotesContext, NotesPage
from bot.domain.change import ChangeSet
from bot.domain.flow import CodeProject
from bot.domain.releases import MergedRequest, ReleaseIssue
from bot.domain.secrets import Redactor

GITLAB = "https://gitlab.example/acme/shop"
PROJECT = CodeProject(1, "acme/shop", "private", "main", GITLAB)


def request(iid: int = 42, title: str = "Cap the cart", **fields: Any) -> MergedRequest:
    """One merged by Ada, at the minute of its number."""
    given: dict[str, Any] = {
        "description": "",
        "url": f"{GITLAB}/-/merge_requests/{iid}",
        "author": "ada",
        "author_name": "Ada Lovelace",
        "target_branch": "main",
        "source_branch": f"branch-{iid}",
        "merged_at": f"2024-05-{1 + iid // 1440:02}T{iid // 60 % 24:02}:{iid % 60:02}:00.000Z",
    }
    return MergedRequest(iid=iid, title=title, **given | fields)


def issue(key: str = "SHOP-12", kind: str = "") -> ReleaseIssue:
    return ReleaseIssue(key, f"https://jira.example/browse/{key}", kind)


def untouched(iid: int) -> ChangeSet:
    raise AssertionError(f"the change of !{iid} was read for nothing")


def page(*merged: MergedRequest, **fields: Any) -> NotesPage:
    """The page of the next version, which is not there yet."""
    given: dict[str, Any] = {"version": "next", "title": "Release next", "since": "v1.1.0"}
    return NotesPage(**given | {"merged": [*reversed(merged)]} | fields)


def context(*pages: NotesPage, **fields: Any) -> NotesContext:
    given: dict[str, Any] = {
        "project": PROJECT,
        "redactor": Redactor(),
        "space": "DOC",
        "parent": "77",
        "change": untouched,
    }
    return NotesContext(pages=pages, **given | fields)


def place_of(one: MergedRequest, *issues: ReleaseIssue) -> Place:
    given = page(one, issues={one.iid: issues})
    return entry(one, given, context(given)).place


# --- the type of the title


@pytest.mark.parametrize("written", TYPES)
def test_every_type_in_the_table_leads_to_its_place(written: str) -> None:
    for title in (f"{written}: cap it", f"{written}(cart): cap it", f"{written.upper()}: cap it"):
        assert place_of(request(title=title)) is TYPES[written], title


@pytest.mark.parametrize(
    ("title", "words"),
    [
        ("feat: cap the cart", "cap the cart"),
        ("feat(cart)!: cap: the cart", "cap: the cart"),
        ("Cart: cap it", "Cart: cap it"),
        ("api!: drop v1", "drop v1"),
        ("Wow!: great", "Wow!: great"),
        ("feat:cap it", "feat:cap it"),
        ("feat:", "feat:"),
        ("fix(: cap it", "fix(: cap it"),
        ("SHOP-12: feat: cap it", "cap it"),
        ("[SHOP-12] feat(cart): SHOP-13 - cap it (SHOP-12)", "cap it"),
        ("SHOP-123 cap it", "SHOP-123 cap it"),
        ("SHOP-12", "SHOP-12"),
        ("Cap SHOP-12 carts", "Cap SHOP-12 carts"),
    ],
)
def test_a_title_is_shown_without_its_prefix_and_its_keys(title: str, words: str) -> None:
    assert headline(title, ["SHOP-12", "SHOP-13"]).words == words


# --- labels and issues


@pytest.mark.parametrize("label", LABELS)
@pytest.mark.parametrize("form", ["{}", "type::{}", "Type: {}", "kind/{}", "a::type::{}"])
def test_a_label_says_the_kind_scoped_or_not(label: str, form: str) -> None:
    assert place_of(request(labels=("later", form.format(label.title())))) is LABELS[label]


def test_a_label_of_another_scope_says_nothing() -> None:
    assert place_of(request(labels=("workflow::bug", "bugs", "prio::security"))) is Kind.OTHER


@pytest.mark.parametrize(
    ("labels", "kind"),
    [
        (("bug", "security"), Kind.SECURITY),
        (("documentation", "enhancement"), Kind.FEATURE),
        (("maintenance", "bug"), Kind.FIX),
    ],
)
def test_of_several_labels_the_most_telling_counts(labels: tuple[str, ...], kind: Kind) -> None:
    assert place_of(request(labels=labels)) is kind
    assert place_of(request(labels=labels[::-1])) is kind


@pytest.mark.parametrize(
    ("types", "kind"),
    [
        (["Bug"], Kind.FIX),
        (["Story"], Kind.FEATURE),
        (["Bug", "Story"], Kind.FEATURE),
        (["New Feature "], Kind.FEATURE),
        (["Task"], Kind.OTHER),
        ([""], Kind.OTHER),
        ([], Kind.OTHER),
    ],
)
def test_issues_say_the_kind_where_nothing_else_does(types: list[str], kind: Kind) -> None:
    issues = [issue(f"SHOP-{number}", kind) for number, kind in enumerate(types, 1)]
    assert place_of(request(), *issues) is kind


def test_the_title_is_trusted_before_labels_and_labels_before_issues() -> None:
    assert place_of(request(title="perf: cap", labels=("bug",)), issue(kind="Story")) is Kind.PERFORMANCE
    assert place_of(request(labels=("bug",)), issue(kind="Story")) is Kind.FIX


# --- noise


@pytest.mark.parametrize("label", sorted(KEPT_OUT))
def test_people_keep_out_what_they_like(label: str) -> None:
    for title in ("feat: cap it", "feat!: cap it"):
        assert (
            place_of(request(title=title, labels=("feature", label.replace("-", " ").title()))) is Noise.LABEL
        )
    assert place_of(request(labels=("Release-Notes::Skip",))) is Noise.LABEL


@pytest.mark.parametrize(
    ("fields", "place"),
    [
        ({"author": "renovate-bot"}, Noise.DEPENDENCIES),
        ({"author": "dependabot[bot]"}, Noise.DEPENDENCIES),
        ({"source_branch": "renovate/redis-7.x"}, Noise.DEPENDENCIES),
        (
            {"title": "Update dependency redis to v7", "author": "project_1_bot", "is_bot": True},
            Noise.DEPENDENCIES,
        ),
        ({"title": "Bump redis from 6.2 to 7.0", "is_bot": True}, Noise.DEPENDENCIES),
        ({"title": "fix(deps): redis 7", "is_bot": True}, Noise.DEPENDENCIES),
        ({"title": "fix(deps): redis 7"}, Kind.FIX),
        ({"title": "feat: cap it", "is_bot": True}, Kind.FEATURE),
        ({"title": "Update the cart to take 50", "is_bot": True}, Kind.OTHER),
        ({"author": "renovated"}, Kind.OTHER),
    ],
)
def test_bots_updates_of_dependencies_are_noise_and_nothing_else_of_bots(fields: Any, place: Place) -> None:
    assert place_of(request(**fields)) is place


@pytest.mark.parametrize(
    ("title", "labels", "place"),
    [
        ("chore: tidy", (), Noise.MAINTENANCE),
        ("chore!: drop Python 3.8", (), Kind.OTHER),
        ("refactor!: rename add", ("bug",), Kind.FIX),
        ("refactor: rename add", ("breaking-change",), Kind.OTHER),
        ("Tidy", ("type::maintenance",), Noise.MAINTENANCE),
        ("Tidy", ("type::maintenance", "semver::major"), Kind.OTHER),
        ("feat: tidy", ("type::maintenance",), Kind.FEATURE),
        ("fix(ci): cache", (), Noise.MAINTENANCE),
        ("Release v1.2.0", (), Noise.MAINTENANCE),
        ("Bump version to 1.2.0-rc1", (), Noise.MAINTENANCE),
        ("Release the cart", (), Kind.OTHER),
        ("Release 2 carts at once", (), Kind.OTHER),
    ],
)
def test_maintenance_is_noise_unless_it_breaks_something(title: str, labels: Any, place: Place) -> None:
    assert place_of(request(title=title, labels=labels)) is place


@pytest.mark.parametrize(
    ("source", "target", "title", "place"),
    [
        ("develop", "main", "Develop", Noise.BRANCHES),
        ("main", "release/1.2", "Merge main", Noise.BRANCHES),
        ("15-2-stable", "master", "Back", Noise.BRANCHES),
        ("v1.x", "main", "Back", Noise.BRANCHES),
        ("develop", "main", "feat: all at once", Kind.FEATURE),
        ("hotfix/1.2.1", "main", "Mend it", Kind.OTHER),
        ("feature", "develop", "Mend it", Kind.OTHER),
        ("", "main", "Mend it", Kind.OTHER),
    ],
)
def test_merges_between_lasting_branches_are_noise(
    source: str, target: str, title: str, place: Place
) -> None:
    assert place_of(request(title=title, source_branch=source, target_branch=target)) is place


def test_the_default_branch_lasts_whatever_its_name() -> None:
    one = request(source_branch="blue", target_branch="main")
    project = CodeProject(1, "acme/shop", "private", "blue", GITLAB)
    assert entry(one, page(one), context(project=project)).place is Noise.BRANCHES
    assert place_of(one) is Kind.OTHER


# --- reverts

SHA = "1a2b3c4d" + "0" * 32


@pytest.mark.parametrize(
    ("title", "description"),
    [
        ('Revert "feat: cap it"', "This reverts merge request !1"),
        ('Revert "feat: cap it"', "This reverts merge request acme/shop!1"),
        ('Revert "something else"', f"This reverts commit {SHA}."),
        ("revert: feat: cap it", f"This reverts commit {SHA[:8]}"),
        ('Revert "feat: cap it"', ""),
        ("revert(cart): feat: cap it", ""),
    ],
)
def test_a_revert_and_what_it_reverts_are_noise(title: str, description: str) -> None:
    first = request(1, "feat: cap it", commits=("f" * 40, SHA))
    pair = [first, request(2, "fix: other"), request(3, title, description=description)]
    assert undone(pair, "acme/shop") == {1, 3}
    listed = listing(page(*pair), context())
    assert [one.iid for one in listed.entries] == [2]
    assert {one.place for one in listed.noise} == {Noise.UNDONE}


def test_a_revert_of_what_was_released_before_is_listed() -> None:
    for description in ("This reverts merge request !1", f"This reverts commit {'e' * 40}", ""):
        one = request(3, 'Revert "feat: cap it"', description=description)
        assert undone([request(2), one], "acme/shop") == frozenset()
    assert place_of(request(3, "revert: cap it")) is Kind.REVERTED


def test_another_projects_merge_request_is_not_meant() -> None:
    one = request(3, 'Revert "feat: cap it"', description="This reverts merge request other/shop!1")
    assert undone([request(1, "fix: x"), one], "acme/shop") == frozenset()


def test_what_is_brought_back_stands() -> None:
    chain = [
        request(1, "feat: cap it"),
        request(2, 'Revert "feat: cap it"', description="This reverts merge request !1"),
        request(3, 'Revert "Revert "feat: cap it""', description="This reverts merge request !2"),
    ]
    assert undone(chain, "acme/shop") == {2, 3}
    again = request(4, 'Revert "feat: cap it"', description="This reverts merge request !1")
    assert undone([*chain, again], "acme/shop") == {1, 2, 3, 4}


def test_only_what_calls_itself_a_revert_is_one() -> None:
    one = request(3, "fix: cap it better", description="This reverts merge request !1 and does it again.")
    assert undone([request(1), one], "acme/shop") == frozenset()


# --- what is declared to break


@pytest.mark.parametrize(
    ("title", "description", "labels", "said"),
    [
        ("feat: cap", "", (), []),
        ("feat!: cap it", "", (), ["cap it"]),
        ("Cap it", "", ("breaking change",), ["Cap it"]),
        ("feat!: cap it", "BREAKING CHANGE: Carts end at 50.", (), ["Carts end at 50."]),
        ("Cap", "Text.\n\nBREAKING-CHANGE: Carts end\n  at 50.\n\nMore.", (), ["Carts end at 50."]),
        ("Cap", "BREAKING CHANGE: One.\nBREAKING CHANGE: Two.\nReviewed-by: Ada", (), ["One.", "Two."]),
        ("Cap", "- **BREAKING CHANGES:** Carts end.", (), ["Carts end."]),
        ("Cap", "breaking change: no footer", (), []),
        ("Cap", "It is no BREAKING CHANGE: really", (), []),
        ("Cap", "BREAKING CHANGE: None.", (), []),
        ("Cap", "<!-- BREAKING CHANGE: say what -->\nBREAKING CHANGE: n/a", (), []),
        ("Cap", "BREAKING CHANGE:\n\nNothing", (), []),
    ],
)
def test_what_the_author_declares_is_found(
    title: str, description: str, labels: Any, said: list[str]
) -> None:
    one = request(title=title, description=description, labels=labels)
    assert list(declared(one, headline(title), Redactor())) == said


def test_a_declaration_is_bounded() -> None:
    one = request(description="\n".join(f"BREAKING CHANGE: {number} {'x' * 5_000}" for number in range(9)))
    said = declared(one, headline(one.title), Redactor())
    assert 1 <= len(said) <= 5
    assert all(len(sentence) <= 300 for sentence in said)


# --- all of them together

TITLES = st.sampled_from([
    "feat: a", "fix(ci): b", "chore!: c", "d", 'Revert "d"', "revert: feat: a", "Release v1.0.0", "docs: e", "", "!: f",
])  # fmt: skip
REQUESTS = st.lists(
    st.builds(
        request,
        iid=st.integers(1, 2_000),
        title=TITLES | st.text(max_size=40),
        description=st.sampled_from(["", "This reverts merge request !1", "BREAKING CHANGE: x"]),
        labels=st.lists(st.sampled_from([*LABELS, *KEPT_OUT, "breaking"]), max_size=2).map(tuple),
        source_branch=st.sampled_from(["develop", "x", "renovate/x"]),
        merged_at=st.sampled_from(
            ["", "no time", "2024-05-01", "2024-05-01T10:00:00Z", "2024-05-01T12:00:00+02:00"]
        ),
        is_bot=st.booleans(),
    ),
    max_size=12,
    unique_by=lambda one: one.iid,
)


@given(REQUESTS, st.randoms())
@settings(max_examples=150, deadline=None)
def test_each_is_listed_once_or_counted_once_in_an_order_that_stays(
    merged: Sequence[MergedRequest], order: Any
) -> None:
    listed = listing(page(*merged), context())
    shuffled = order.sample(merged, len(merged))
    assert listing(page(*shuffled), context()) == listed
    places = [*(one.iid for one in listed.entries), *(one.iid for one in listed.noise)]
    assert sorted(places) == sorted(one.iid for one in merged)
    assert [one.iid for kind in Kind for one in listed.of(kind)] != [] or not listed.entries
    assert sorted(one.iid for kind in Kind for one in listed.of(kind)) == sorted(
        one.iid for one in listed.entries
    )


@given(REQUESTS)
@settings(max_examples=150, deadline=None)
def test_a_new_merge_adds_one_item_and_changes_nothing_else(merged: Sequence[MergedRequest]) -> None:
    """But where it is a revert."""
    before = listing(page(*merged), context())
    after = listing(page(*merged, request(9_999, "feat: new")), context())
    assert after.entries[:-1] == before.entries
    assert after.noise == before.noise
    assert after.entries[-1].iid == 9_999


def test_times_of_several_zones_are_put_in_order() -> None:
    times = {1: "2024-05-01T12:00:00+02:00", 2: "2024-05-01T11:00:00Z", 3: "2024-05-01T10:00:00.5Z", 4: "?"}
    merged = [request(iid, merged_at=at) for iid, at in times.items()]
    assert [one.iid for one in in_order(merged)] == [4, 1, 3, 2]
