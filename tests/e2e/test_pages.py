"""Release notes and living sections: the whole product beside a Confluence, Cloud and Data Center."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.confluence_server import Flavour
from tests.sandbox_server import PROJECT
from tests.wiki_rig import WikiRig

FILES = {"shop/cart.py": "def total(prices: list[int]) -> int:\n    return sum(prices)\n"}
NEXT = "Release next"


@pytest.fixture(params=["cloud", "datacenter"])
def flavour(request: pytest.FixtureRequest) -> Flavour:
    """What one flavour takes the other may refuse."""
    return request.param  # type: ignore[no-any-return]


@pytest.fixture
def rig(flavour: Flavour, tmp_path: Path) -> Iterator[WikiRig]:
    with WikiRig(tmp_path, flavour) as running:
        yield running


def merged(rig: WikiRig, title: str, branch: str) -> int:
    iid = rig.sandbox.merge_request(title, {f"{branch}.md": title}, source=branch)
    rig.sandbox.act(iid, "merge", user="grace")
    return iid


def listed(rig: WikiRig, title: str, words: str) -> None:
    """Wait for the page to say it, and for every run to end."""
    rig.wait(lambda: words in rig.body(title), 60, f"{words!r} on {title}")
    rig.idle()


def test_a_merge_is_in_the_release_notes_once_however_often_it_is_told(rig: WikiRig) -> None:
    first = merged(rig, "feat: carts take codes", "codes")
    listed(rig, NEXT, "carts take codes")
    page = rig.page(NEXT)
    assert page is not None
    parent = rig.page("Releases")
    assert parent is not None
    assert page["parent"] == parent["id"]
    assert [one["author"]["name"] for one in page["versions"]] == ["trivet"]
    for delivery in [one["id"] for one in rig.sandbox.state()["deliveries"]]:
        rig.sandbox.resend(delivery)
    rig.idle()
    assert len(rig.versions(NEXT)) == 1
    second = merged(rig, "fix: totals are rounded once", "totals")
    listed(rig, NEXT, "totals are rounded once")
    assert len(rig.versions(NEXT)) == 2
    assert f"!{first}" in rig.body(NEXT)
    assert f"!{second}" in rig.body(NEXT)
    [note] = [one for one in rig.notes(second) if "elease" in one["body"]]
    assert rig.page(NEXT)["url"] in note["body"]  # type: ignore[index]


def test_a_tag_has_its_own_page_and_the_next_release_begins_anew(rig: WikiRig) -> None:
    first = merged(rig, "feat: carts take codes", "codes")
    listed(rig, NEXT, "carts take codes")
    rig.sandbox.tag("v1.4.0")
    listed(rig, "Release v1.4.0", "carts take codes")
    [note] = rig.notes(first)[-1:]
    assert rig.page("Release v1.4.0")["url"] in note["body"]  # type: ignore[index]
    rig.wait(lambda: "carts take codes" not in rig.body(NEXT), 30, "the next release to begin anew")
    merged(rig, "feat: carts are kept", "kept")
    listed(rig, NEXT, "carts are kept")
    assert "carts are kept" not in rig.body("Release v1.4.0")
    assert "carts take codes" not in rig.body(NEXT)


def test_what_a_person_wrote_around_the_notes_stays_and_what_they_changed_within_is_not_overwritten(
    rig: WikiRig,
) -> None:
    merged(rig, "feat: carts take codes", "codes")
    listed(rig, NEXT, "carts take codes")
    rig.wiki.act(NEXT, "edit", append="<p>See you at the launch party.</p>", user="ada")
    merged(rig, "feat: carts are kept", "kept")
    listed(rig, NEXT, "carts are kept")
    assert "launch party" in rig.body(NEXT)
    rig.wiki.act(NEXT, "edit", old="carts take codes", new="carts take discount codes", user="ada")
    merged(rig, "feat: carts are shared", "shared")
    rig.wait(lambda: rig.remarks(NEXT), 60, "the proposal in the footer")
    rig.idle()
    assert "discount codes" in rig.body(NEXT)
    assert "carts are shared" not in rig.body(NEXT)
    [remark] = rig.remarks(NEXT)
    assert "carts are shared" in remark["body"]


def test_release_notes_that_could_not_be_written_are_told_at_the_tag_until_they_are(rig: WikiRig) -> None:
    rig.wiki.act("Releases", "edit", title="All releases", user="ada")
    commit = rig.sandbox.tag("v1.4.0")["commit"]
    rig.wait(lambda: statuses(rig, commit), 60, "the failure at the tag")
    [(state, said)] = statuses(rig, commit)
    assert (state, "no page “Releases” in the space DOC" in said) == ("failed", True)
    rig.wiki.act("All releases", "edit", title="Releases", user="ada")
    done = subprocess.run(
        [sys.executable, "-m", "bot", "pages", "--release", "v1.4.0", "--project", PROJECT],
        env=rig.environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert rig.versions("Release v1.4.0")
    assert [state for state, _ in statuses(rig, commit)][-1] == "success"


def statuses(rig: WikiRig, commit: str) -> list[tuple[str, str]]:
    """State and description of each status on a commit, the oldest first."""
    path = f"/projects/{PROJECT.replace('/', '%2F')}/repository/commits/{commit}/statuses?all=true"
    found = rig.sandbox.api("GET", path, user="trivet").body
    return [(one["status"], one["description"]) for one in sorted(found, key=lambda one: one["id"])]
