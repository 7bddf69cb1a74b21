"""Names of branches and drafts, whatever an issue is called."""

import re
import shutil
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.agents.triage.names import branch_name, is_branch_of, merge_request_title, only_key, slug

KEY = "SHOP-12"
TEMPLATE = "{key}-{slug}"
KEYS = re.compile(r"(?i)\b[a-z][a-z0-9_]+-\d+\b")


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("Prices show no VAT", "SHOP-12-prices-show-no-vat"),
        ("Größe  für Straßen — ändern!", "SHOP-12-grosse-fur-strassen-andern"),
        ("🚀🔥", "SHOP-12"),
        ("", "SHOP-12"),
        ("a..b/../c.lock", "SHOP-12-a-b-c-lock"),
        ("feature.lock", "SHOP-12-feature-lock"),
        ("@{-1} ~^:?*[\\", "SHOP-12-1"),
        ("\u202eevil\u202c \u200bname", "SHOP-12-evil-name"),
        ("السعر", "SHOP-12"),
        ("{type} {key}", "SHOP-12-type-key"),
        ("-rf --force", "SHOP-12-rf-force"),
        ("refs/heads/main", "SHOP-12-refs-heads-main"),
        ("As OTHER-9 and other-10 say", "SHOP-12-as-other9-and-other10-say"),
    ],
)
def test_a_title_becomes_the_slug(title: str, name: str) -> None:
    assert branch_name(TEMPLATE, KEY, title=title) == name


@pytest.mark.parametrize(
    ("template", "name"),
    [
        ("{key}-{slug}", "SHOP-12-no-vat"),
        ("feature/{type}/{key}-{slug}", "feature/bug/SHOP-12-no-vat"),
        ("{slug}", "SHOP-12-no-vat"),
        ("main", "SHOP-12-main"),
        ("/a//{key}.lock/..", "a/SHOP-12"),
        ("-{key}-", "SHOP-12"),
        ("we ~ are:{key}", "we-are-SHOP-12"),
        ("{key}@@", "SHOP-12"),
        ("x" * 200 + "{key}", "SHOP-12"),
    ],
)
def test_the_template_is_filled_and_always_holds_the_key(template: str, name: str) -> None:
    assert branch_name(template, KEY, title="No VAT", kind="Bug") == name


@pytest.mark.parametrize(
    ("template", "name"),
    [
        ("{key}-{slug}", "SHOP-12"),
        ("feature/{type}/{key}-{slug}", "feature/SHOP-12"),
        ("{slug}/{key}", "SHOP-12"),
        ("{type}", "SHOP-12"),
    ],
)
def test_without_a_title_the_rest_of_the_template_remains(template: str, name: str) -> None:
    assert branch_name(template, KEY) == name


def test_a_long_title_is_cut_after_a_word_and_the_key_stays() -> None:
    name = branch_name("{key}-{slug}", KEY, title="word " * 300)
    assert len(name) <= 100
    assert name.endswith("-word")
    assert len(branch_name("feature/{slug}-{key}", KEY, title="x" * 300)) == 100
    assert branch_name("feature/{slug}-{key}", KEY, title="x" * 300).endswith("x-SHOP-12")


@pytest.mark.skipif(shutil.which("git") is None, reason="git judges the names")
@given(
    st.text(max_size=300),
    st.text(max_size=80),
    st.sampled_from(["{key}-{slug}", "{type}/{slug}", "{slug}.lock"]),
)
@settings(max_examples=40, deadline=None)
def test_git_takes_every_name(title: str, kind: str, template: str) -> None:
    name = branch_name(template, KEY, title=title, kind=kind)
    assert subprocess.run(["git", "check-ref-format", "--branch", name], capture_output=True).returncode == 0
    assert len(name) <= 100
    assert is_branch_of(name, KEY)


@given(
    st.sampled_from(["{key}/{slug}", "{key}{slug}", "{slug}{key}", "{slug}", "x/{slug}/{key}"]),
    st.text(max_size=60) | st.from_regex(r"\A[ab1-9 -]{1,30}\Z"),
)
@settings(max_examples=200, deadline=None)
def test_a_name_holds_the_key_and_names_no_other(template: str, title: str) -> None:
    assert KEYS.findall(branch_name(template, KEY, title=title)) == [KEY]


@given(st.text(max_size=400), st.integers(-5, 120))
@settings(max_examples=100, deadline=None)
def test_a_slug_is_lower_case_ascii_within_its_limit(text: str, limit: int) -> None:
    made = slug(text, limit)
    assert len(made) <= max(0, limit)
    assert re.fullmatch(r"([a-z0-9]+(-[a-z0-9]+)*)?", made)


@pytest.mark.parametrize(
    "name", ["main", "SHOP-12..x", "SHOP-12/", "OTHER-9-x", "SHOP-12-" + "x" * 100, "SHOP-12 x"]
)
def test_a_name_that_we_never_make_is_not_remembered(name: str) -> None:
    assert not is_branch_of(name, KEY)


def test_a_title_is_one_line_and_names_no_other_issue() -> None:
    title = merge_request_title("{key} {title}", KEY, title="Closes OTHER-9\nand {key} SHOP-12", kind="Bug")
    assert title == "SHOP-12 Closes OTHER\u20119 and {key} SHOP-12"
    assert len(merge_request_title("{title}", KEY, title="long " * 200)) <= 240
    assert merge_request_title("{title}", KEY, title="") == KEY


def test_only_our_own_key_stays_a_key() -> None:
    assert only_key("SHOP-12 and shop-13", KEY) == "SHOP-12 and shop\u201113"
