"""Which tag is a version, and which release comes before which."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.releases import Tag
from bot.domain.versions import before, newest, same_version, spellings, version_of

NUMBERS = st.lists(st.integers(0, 999), min_size=2, max_size=4)


def tags(*names: str) -> list[Tag]:
    return [Tag(name, "c" * 40) for name in names]


def name(tag: Tag | None) -> str | None:
    return tag.name if tag else None


@pytest.mark.parametrize("tag", ["nightly", "v1", "2024", "", "latest", "v", "1.", ".1", "feature-x"])
def test_other_tags_are_no_versions(tag: str) -> None:
    assert version_of(tag) is None


@pytest.mark.parametrize(
    ("version", "earlier"),
    [
        ("v1.4.0", "v1.3.9"),
        ("1.10.0", "v1.4.0"),
        ("v1.3.9", "v1.3.0"),
        ("v1.4.0-rc.2", "v1.4.0-rc.1"),
        ("v1.4.0-rc.1", "v1.3.9"),
        ("v2.0", "1.10.0"),
        ("v1.3.0", None),
        ("api/v1.1.0", "api/v1.0.0"),
        ("web/v1.0.0", None),
    ],
)
def test_the_release_before_is_the_next_lower_final_one_of_its_name(
    version: str, earlier: str | None
) -> None:
    known = tags(
        "v1.3.0",
        "v1.3.9",
        "v1.4.0-rc.1",
        "v1.4.0-rc.2",
        "v1.4.0",
        "1.10.0",
        "v2.0",
        "api/v1.0.0",
        "api/v1.1.0",
        "web/v1.0.0",
        "nightly",
    )
    assert name(before(known, version)) == earlier


def test_rc_10_comes_after_rc_9() -> None:
    assert name(before(tags("v1.0.0-rc.9", "v1.0.0-rc.2"), "v1.0.0-rc.10")) == "v1.0.0-rc.9"


@pytest.mark.parametrize(
    ("known", "latest"),
    [
        (["v1.4.0", "v1.10.0", "v1.11.0-rc.1", "nightly"], "v1.10.0"),
        (["v1.0.0", "charts/v9.0.0"], "v1.0.0"),
        (["api/v1.0.0", "api/v1.2.0"], "api/v1.2.0"),
        (["nightly"], None),
        ([], None),
    ],
)
def test_the_newest_is_the_highest_final_release(known: list[str], latest: str | None) -> None:
    assert name(newest(tags(*known))) == latest


@pytest.mark.parametrize(
    ("version", "tag"), [("1.4.0", "v1.4.0"), ("v1.4.0", "v1.4.0"), ("1.4", "v1.4.0"), ("x", None)]
)
def test_a_version_of_jira_is_found_among_the_tags(version: str, tag: str | None) -> None:
    assert name(same_version(tags("v1.4.0", "v1.4.0-rc.1"), version)) == tag


def test_a_version_is_spelt_with_and_without_v() -> None:
    assert spellings("1.4.0") == ("1.4.0", "v1.4.0")
    assert spellings("v1.4.0") == ("v1.4.0", "1.4.0")
    assert spellings("Sprint 12") == ("Sprint 12",)


@given(st.lists(NUMBERS, min_size=1, max_size=12), st.booleans())
def test_walking_back_from_the_newest_meets_every_version_once(
    numbers: list[list[int]], with_v: bool
) -> None:
    known = tags(*dict.fromkeys(("v" if with_v else "") + ".".join(map(str, one)) for one in numbers))
    seen: list[str] = []
    there = newest(known)
    while there is not None:
        seen.append(there.name)
        there = before(known, there.name)
    distinct = {version.order for tag in known if (version := version_of(tag.name))}
    assert len(seen) == len(distinct)
