"""What a repository tells its reviewers reaches the files it is meant for, and no file of it can do harm."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.domain.background import Instruction
from bot.domain.guidance import (
    AGENTS_FILE,
    DUO_FILE,
    LONGEST,
    MOST_FILES,
    MOST_READ,
    MOST_TEXT,
    for_paths,
    guidance_paths,
    instructions,
)
from bot.domain.repo_config import RepoConfig, load

DUO = b"""
instructions:
  - name: Ruby style
    fileFilters:
      - "*.rb"           # at the root
      - "lib/**/*.rb"
      - "!lib/legacy/**/*"
    instructions: |
      1. Prefer symbols.
      2. No globals.
  - name: Not for tests
    fileFilters: ["!**/*.test.*", "!spec/**/*"]
    instructions: Explain why.
  - name: Web
    fileFilters: ["**/*.{js,jsx,{c,m}ts}"]
    instructions: No any.
  - instructions: For all.
"""


def sources(texts: dict[str, bytes], *paths: str) -> list[str]:
    """The first lines of what applies to the paths."""
    found, complaints = instructions(RepoConfig(), texts)
    assert complaints == []
    return [one.text.split("\n")[0] for one in for_paths(found, paths)]


def complaint(texts: dict[str, bytes]) -> str:
    (told,) = instructions(RepoConfig(), texts)[1]
    return told


def test_the_files_to_read_are_those_on_the_way_to_the_changed_files() -> None:
    assert guidance_paths(["api/v1/users.py", "api/app.py", "web/a.ts", "README.md"]) == [
        DUO_FILE,
        AGENTS_FILE,
        "api/AGENTS.md",
        "web/AGENTS.md",
        "api/v1/AGENTS.md",
    ]
    assert guidance_paths([]) == [DUO_FILE, AGENTS_FILE]


def test_however_many_folders_change_few_files_are_asked_for_those_of_most_changes_first() -> None:
    changed = [f"m{number}/src/a.py" for number in range(500)] + ["busy/a.py", "busy/b.py"]
    asked = guidance_paths(changed)
    assert len(asked) == MOST_READ
    assert asked[2] == "busy/AGENTS.md"


def test_the_instructions_of_the_configuration_keep_their_paths() -> None:
    config, _ = load(b'review: {instructions: [{paths: ["api/**"], text: Mind the callers.}, {text: All.}]}')
    found, complaints = instructions(config, {})
    assert found == (
        Instruction("Mind the callers.", ".trivet.yml", ("api/**",)),
        Instruction("All.", ".trivet.yml", ("**",)),
    )
    assert complaints == []
    assert [one.text for one in for_paths(found, ["web/a.ts"])] == ["All."]
    assert [one.text for one in for_paths(found, ["web/a.ts", "api/b.py"])] == ["Mind the callers.", "All."]


def test_the_more_particular_comes_later() -> None:
    config, _ = load(b"review: {instructions: [{text: own}]}")
    found, _ = instructions(config, {"a/AGENTS.md": b"nested", AGENTS_FILE: b"root", DUO_FILE: DUO})
    assert [one.source for one in found][-3:] == [AGENTS_FILE, "a/AGENTS.md", ".trivet.yml"]


# --- AGENTS.md


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("README.md", ["root"]),
        ("api/app.py", ["root", "api"]),
        ("api/v1/app.py", ["root", "api"]),
        ("apis/app.py", ["root"]),
        ("web/api/app.py", ["root"]),
    ],
)
def test_a_nested_file_is_for_its_folder(path: str, told: list[str]) -> None:
    texts = {AGENTS_FILE: b"root\n", "api/AGENTS.md": b"\xef\xbb\xbfapi\n", "docs/NOTES.md": b"no"}
    assert sources(texts, path) == told


@pytest.mark.parametrize("folder", ["a[b]", "!x", "#x", "a*", "a?c", "tr ", "caf\udce9", "back\\slash"])
def test_a_folder_is_its_name_and_no_pattern(folder: str) -> None:
    texts = {f"{folder}/AGENTS.md": b"told"}
    assert sources(texts, f"{folder}/x.py") == ["told"]
    assert sources(texts, "ab/x.py", "x.py", "abc/x.py") == []
    assert instructions(RepoConfig(), texts)[0][0].source.encode().endswith(b"/AGENTS.md")


def test_a_long_file_is_cut_after_a_line_and_says_so() -> None:
    (found,), complaints = instructions(RepoConfig(), {AGENTS_FILE: b"one line\n" * 2_000})
    assert len(found.text) <= LONGEST
    *kept, remark = found.text.split("\n")
    assert set(kept) == {"one line"}
    left = 2_000 * 9 - 1 - len("\n".join(kept))
    assert remark == f"[The rest of this file, {left:,} characters, is left out.]"
    assert complaints == []


def test_one_endless_line_is_cut_too() -> None:
    (found,), _ = instructions(RepoConfig(), {AGENTS_FILE: b"x" * 50_000})
    assert LONGEST - 100 < len(found.text) <= LONGEST


def test_of_many_files_those_nearest_the_root_are_used_and_the_others_named_once() -> None:
    texts = {f"{'d/' * depth}AGENTS.md": b"short" for depth in range(MOST_FILES + 2)}
    found, (told,) = instructions(RepoConfig(), texts)
    assert [one.source.count("/") for one in found] == list(range(MOST_FILES))
    assert told.startswith(f"{'d/' * MOST_FILES}AGENTS.md, {'d/' * (MOST_FILES + 1)}AGENTS.md are left out")


def test_together_they_are_bounded() -> None:
    texts = {f"{name}/AGENTS.md": b"line\n" * 1_500 for name in "abcde"}
    found, complaints = instructions(RepoConfig(), texts)
    assert sum(len(one.text) for one in found) <= MOST_TEXT
    assert len(found) == 3
    assert len(complaints) == 1


def test_an_empty_file_says_nothing() -> None:
    assert instructions(RepoConfig(), {AGENTS_FILE: b" \n", "a/AGENTS.md": b""}) == ((), [])


def test_a_file_that_is_no_text_is_one_complaint() -> None:
    assert complaint({"a/AGENTS.md": b"\xff\xfe"}) == "a/AGENTS.md is not used: it is not UTF-8 text."


# --- GitLab Duo


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("app.rb", ["Ruby style:", "Not for tests:", "For all."]),
        ("app/app.rb", ["Not for tests:", "For all."]),
        ("lib/app.rb", ["Ruby style:", "Not for tests:", "For all."]),
        ("lib/a/b/app.rb", ["Ruby style:", "Not for tests:", "For all."]),
        ("lib/legacy/app.rb", ["Not for tests:", "For all."]),
        ("a.test.ts", ["For all."]),
        ("web/a.test.ts", ["For all."]),
        ("spec/a/b.rb", ["For all."]),
        ("web/a.js", ["Not for tests:", "Web:", "For all."]),
        ("a.jsx", ["Not for tests:", "Web:", "For all."]),
        ("web/a.cts", ["Not for tests:", "Web:", "For all."]),
        ("web/a.ts", ["Not for tests:", "For all."]),
    ],
)
def test_duo_groups_are_for_what_gitlab_documents(path: str, told: list[str]) -> None:
    assert sources({DUO_FILE: DUO}, path) == told


def test_a_duo_group_is_its_name_and_its_text() -> None:
    found, _ = instructions(RepoConfig(), {DUO_FILE: DUO})
    assert found[0].text == "Ruby style:\n1. Prefer symbols.\n2. No globals."
    assert found[0].source == DUO_FILE


def test_an_exclusion_wins_wherever_it_stands() -> None:
    text = b'instructions: [{instructions: told, fileFilters: ["!docs/**", "**/*.md"]}]'
    assert sources({DUO_FILE: text}, "docs/a.md") == []
    assert sources({DUO_FILE: text}, "a.md") == ["told"]


def test_keys_that_gitlab_may_add_are_no_error() -> None:
    assert sources({DUO_FILE: b"version: 2\ninstructions: [{instructions: told, severity: high}]"}, "a") == [
        "told"
    ]


@pytest.mark.parametrize("text", [b"", b"# later\n", b"instructions:\n", b"instructions: []"])
def test_an_empty_duo_file_says_nothing(text: bytes) -> None:
    assert instructions(RepoConfig(), {DUO_FILE: text}) == ((), [])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"- a", 'it must be a mapping with the key "instructions"'),
        (b"instructions: all", '"instructions" must be a list'),
        (b"instructions: [all]", '"instructions.0" must be a mapping'),
        (b"instructions: [{name: x}]", '"instructions.0.instructions" is missing'),
        (b"instructions: [{instructions: 5}]", '"instructions.0.instructions" must be text'),
        (b"instructions: [{instructions: x, fileFilters: '*.rb'}]", '"instructions.0.fileFilters" must be a list'),
        (b"instructions: [{instructions: x, fileFilters: ['']}]", "must not be empty"),
        (b"instructions: [{instructions: x, fileFilters: ['[z-{a,b}]']}]", "is not a pattern as in .gitignore"),
        (
            b"instructions: [{instructions: x, fileFilters: ['%s']}]" % (b"{a,b}" * 40),
            "stands for more than 200 patterns",
        ),
        (b"instructions: [{instructions: x, fileFilters: [%s]}]" % (b"'{a,b,c}'," * 100), "200 patterns"),
        (b"instructions:\n- instructions: x\n  fileFilters:\n  - **/*.rb", "line 4"),
        (b"instructions:\n- instructions: x\n  fileFilters:\n  - !spec\n", "line 4 has a tag"),
        (b"instructions: &a [*a]", "line 1 has an anchor"),
        (b"[" * 5_000, "line 1 is nested too deeply"),
        (b"instructions: [%s]" % (b"{instructions: x}," * 101), "at most 100 entries"),
        (b"a" * 70_000, "it is larger than 64 KB"),
        (b"\xff", "it is not UTF-8 text"),
    ],
)  # fmt: skip
def test_a_broken_duo_file_is_one_complaint_and_nothing_of_it_is_used(text: bytes, said: str) -> None:
    found, (told,) = instructions(RepoConfig(), {DUO_FILE: text, AGENTS_FILE: b"root"})
    assert told.startswith(f"{DUO_FILE} is not used: ")
    assert said in told
    assert "\n" not in told
    assert [one.text for one in found] == ["root"]


PIECES = st.sampled_from(
    [*"{}[]:,-&*!|>'\"# \n", "instructions", "fileFilters", "name", ": ", "- ", "\n  ", "{a,b}", "x"]
)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(PIECES, max_size=30).map("".join).map(str.encode) | st.binary(max_size=60), st.text(max_size=9)
)
def test_no_file_at_all_raises(text: bytes, path: str) -> None:
    found, _ = instructions(RepoConfig(), {DUO_FILE: text, AGENTS_FILE: text, f"{path}/AGENTS.md": text})
    for_paths(found, [path, f"{path}/a", "lib/a.rb"])


FILTERS = st.lists(st.text("ab*?/.!{},[]", min_size=1, max_size=8), max_size=4)


@pytest.mark.filterwarnings("ignore:Possible:FutureWarning")
@settings(max_examples=150, deadline=None)
@given(FILTERS, st.text("ab/.", min_size=1, max_size=8))
def test_whatever_the_filters_a_complaint_or_an_answer(filters: list[str], path: str) -> None:
    quoted = ", ".join(f"'{one}'" for one in filters)
    text = f"instructions: [{{instructions: x, fileFilters: [{quoted}]}}]".encode()
    found, complaints = instructions(RepoConfig(), {DUO_FILE: text})
    assert bool(found) is not bool(complaints)
    for_paths(found, [path])


def test_hostile_filters_take_linear_time() -> None:
    text = b"instructions: [%s]" % (b"{instructions: x, fileFilters: ['%s']}," % (b"*a" * 100) * 90)
    start = time.process_time()
    found, _ = instructions(RepoConfig(), {DUO_FILE: text})
    for_paths(found, ["a" * 3_000] * 20)
    assert len(found) == 90
    assert time.process_time() - start < 20
