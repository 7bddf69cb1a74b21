"""A good `.trivet.yml` is read whole; a bad one is one sentence and the defaults."""

import time

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.domain.findings import Severity
from bot.domain.repo_config import RepoConfig, json_schema, load, matches

WHOLE = rb"""
review:
  drafts: true
  min_severity: major
  max_comments: 5
  max_comments_per_push: 2
  ignore: ["**/*.lock", "!keep.lock", docs/]
  skip_titles: ["^chore\\(deps\\)"]
  skip_labels: [No-Review, "type::release"]
  bots: true
  pause: {pushes: 4, minutes: 20, resume_after: 6}
  second_pass: {files: 40, lines: 2000}
  instructions:
    - {paths: ["api/**"], text: Mind the callers.}
link:
  require_key: true
  transitions: [{on: merged, target_branch: main, to: Done, fields: {resolution: Fixed}}, {on: opened, to: Test}]
  comment_visibility: null
pages:
  release_notes: {space: DOC, parent: Releases, title: "Release {version}"}
  sections: [{paths: ["api/**"], page: API guide, section: endpoints, mode: propose}]
"""


def test_every_key_of_the_design_is_read() -> None:
    config, complaint = load(WHOLE)
    assert complaint is None
    assert config.review.drafts
    assert config.review.min_severity is Severity.MAJOR
    assert (config.review.max_comments, config.review.max_comments_per_push) == (5, 2)
    assert config.review.skip_labels == ("No-Review", "type::release")
    assert config.review.bots
    assert config.review.pause.resume_after == 6
    assert config.review.second_pass is not None
    assert (config.review.second_pass.files, config.review.second_pass.lines) == (40, 2000)
    assert config.review.instructions[0].text == "Mind the callers."
    assert config.link.transitions[0].on == "merged"
    assert [one.fields for one in config.link.transitions] == [{"resolution": "Fixed"}, {}]
    assert config.link.comment_visibility is None
    assert config.pages.release_notes is not None
    assert config.pages.release_notes.parent == "Releases"
    assert config.pages.sections[0].mode == "propose"


@pytest.mark.parametrize(
    "text", [None, b"", b"# nothing yet\n", b"review:\nlink:\n", b"\xef\xbb\xbfreview: {}"]
)
def test_without_a_file_or_a_key_there_are_defaults(text: bytes | None) -> None:
    assert load(text) == (RepoConfig(), None)


def test_the_defaults() -> None:
    review = RepoConfig().review
    assert not review.drafts
    assert (review.min_severity, review.max_comments) == (Severity.MINOR, 10)
    assert review.max_comments_per_push == 5
    assert (review.skip_labels, review.bots) == ((), False)
    assert (review.pause.pushes, review.pause.minutes, review.pause.resume_after) == (3, 15, 5)
    assert not RepoConfig().link.require_key


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            b"review: {max_coments: 3}",
            '"review.max_coments" is no key we know (did you mean "max_comments"?)',
        ),
        (b"model: gpt", '"model" is no key we know'),
        (b"review: {drafts: yes}", '"review.drafts" must be true or false'),
        (b"review: {max_comments: '3'}", '"review.max_comments" must be a whole number'),
        (b"review: {max_comments: 300}", '"review.max_comments" must be at most 100'),
        (b"review: {max_comments: -1}", '"review.max_comments" must be at least 0'),
        (b"review: {max_comments_per_push: -1}", '"review.max_comments_per_push" must be at least 0'),
        (b"review: {max_comment_per_push: 3}", '(did you mean "max_comments_per_push"?)'),
        (b"review: {skip_labels: draft}", '"review.skip_labels" must be a list'),
        (b"review: {skip_labels: ['']}", '"review.skip_labels.0" must not be empty'),
        (b"review: {bots: renovate}", '"review.bots" must be true or false'),
        (b"review: {min_severity: huge}", "\"review.min_severity\" must be 'info', 'minor', 'major'"),
        (b"review: [1]", '"review" must be a mapping'),
        (b"review: {ignore: '*.lock'}", '"review.ignore" must be a list'),
        (b"review: {skip_titles: ['(']}", '"review.skip_titles.0" is not a regular expression'),
        (b"review: {skip_titles: ['(?=a)']}", '"review.skip_titles.0" is not a regular expression'),
        (
            rb"review: {skip_titles: ['\pL{999}']}",
            '"review.skip_titles.0" is too large a regular expression',
        ),
        (b"review: {ignore: ['[z-a]']}", '"review.ignore.0" is not a pattern'),
        (b"review: {ignore: [5]}", '"review.ignore.0" must be text'),
        (b"review: {ignore: ['']}", '"review.ignore.0" must not be empty'),
        (b"review: {second_pass: 40}", '"review.second_pass" must be a mapping'),
        (b"review: {second_pass: {files: 40}}", '"review.second_pass.lines" is missing'),
        (b"review: {second_pass: {files: 0, lines: 1}}", '"review.second_pass.files" must be at least 1'),
        (
            b"review: {second_pass: {files: 2.5, lines: 1}}",
            '"review.second_pass.files" must be a whole number',
        ),
        (b"review: {second_pass: {file: 1, files: 1, lines: 1}}", '(did you mean "files"?)'),
        (b"link: {transitions: [{on: merged}]}", '"link.transitions.0.to" is missing'),
        (b"link: {transitions: [{on: moved, to: ''}]}", "\"link.transitions.0.on\" must be 'opened'"),
        (b"link: {transitions: [{on: moved, to: ''}]}", "(and 1 more)"),
        (b"link: {transitions: [{on: merged, to: a, fields: [b]}]}", '.0.fields" must be a mapping'),
        (b"link: {transitions: [{on: merged, to: a, fields: {b: 1}}]}", '.0.fields.b" must be text'),
        (b"link: {transitions: [{on: merged, to: a, fields: {b: ''}}]}", '.0.fields.b" must not be empty'),
        (
            b"link: {transitions: [{on: merged, to: a, fields: {"
            + b", ".join(b"f%d: x" % number for number in range(21))
            + b"}}]}",
            '.0.fields" must have at most 20 entries',
        ),
        (b"review: {drafts: true\n", "line 2 is not valid YAML"),
        (b"- a", "it must be a mapping"),
        (b"\xff\xfe", "it is not UTF-8 text"),
        (b'link: {comment_visibility: "\\ud800"}', "it is not UTF-8 text"),
        (b"\x00", "it is not UTF-8 text"),
        (b"a: 1\nb: 2\na: 3", 'line 3 repeats the key "a"'),
        (b"review: {drafts: true, drafts: false}", 'line 1 repeats the key "drafts"'),
        (b"a: &x [1]\nb: *x", "line 1 has an anchor or an alias"),
        (b"a: 1\nb: !!python/object/apply:os.system [ls]", "line 2 has a tag"),
        (b"[" * 5_000, "line 1 is nested too deeply"),
        (b"a" * 70_000, "it is larger than 64 KB"),
        (b"a: 1\n---\nb: 2", "line 2 is not valid YAML"),
        (b"? [a]\n: b", "line 1 is not valid YAML"),
    ],
)
def test_a_broken_file_is_one_complaint_and_the_defaults(text: bytes, said: str) -> None:
    config, complaint = load(text)
    assert config == RepoConfig()
    assert complaint is not None
    assert complaint.startswith(".trivet.yml is not used, the defaults are: ")
    assert said in complaint
    assert "\n" not in complaint


def test_a_complaint_repeats_little_of_the_file() -> None:
    _, complaint = load(("k`\u202e" * 300 + ": 1").encode())
    assert complaint is not None
    assert complaint.count("k") < 100
    assert "\u202e" not in complaint
    assert complaint.count('"') == 2


PIECES = st.sampled_from(
    [*"{}[]:,-&*!|>'\"# \n\t%@`?", "review", "drafts", "true", "null", "on", ": ", "- ", "\n  ", "1"]
)


@settings(max_examples=300, deadline=None)
@given(st.lists(PIECES, max_size=30).map("".join).map(str.encode) | st.binary(max_size=60))
def test_no_file_at_all_raises(text: bytes) -> None:
    config, complaint = load(text)
    assert complaint is None or config == RepoConfig()


@pytest.mark.parametrize("piece", [b"[", b"a: &x *x\n", b"a,", b"- ", b"{a: "])
def test_a_hostile_file_takes_seconds_at_most(piece: bytes) -> None:
    start = time.process_time()
    load(b"review: {ignore: [" + piece * (60_000 // len(piece)))
    assert time.process_time() - start < 20


@pytest.mark.parametrize(
    ("path", "ignored"),
    [
        ("a/b.lock", True),
        ("keep.lock", False),
        ("docs/a/b.md", True),
        ("src/docs.md", False),
        ("\udc80.lock", True),
    ],
)
def test_ignored_paths_follow_the_rules_of_gitignore(path: str, ignored: bool) -> None:
    assert load(WHOLE)[0].is_ignored(path) is ignored


def test_nothing_is_ignored_by_default() -> None:
    assert not RepoConfig().is_ignored("poetry.lock")
    assert matches(("**",), "a/b")


def test_globs_take_linear_time() -> None:
    start = time.process_time()
    assert not matches(("*a" * 20 + "b",), "a" * 1000)
    assert time.process_time() - start < 1


@pytest.mark.parametrize(
    ("files", "lines", "twice"), [(40, 0, True), (1, 2000, True), (39, 1999, False), (100, 9000, True)]
)
def test_a_large_merge_request_is_read_twice_where_asked_for(files: int, lines: int, twice: bool) -> None:
    assert load(WHOLE)[0].reads_twice(files, lines) is twice
    assert not RepoConfig().reads_twice(files, lines)


def test_titles_are_skipped_by_search() -> None:
    config, _ = load(WHOLE)
    assert config.skips_title("chore(deps): bump")
    assert not config.skips_title("fix: chore(deps)")
    assert not config.skips_title("\udc80")


def test_of_a_title_that_no_platform_allows_the_rest_is_not_read() -> None:
    config, _ = load(b"review: {skip_titles: ['end$', '(.*a){30}']}")
    assert config.skips_title("x" * 252 + "end")
    assert not config.skips_title("x" * 253 + "end")
    start = time.process_time()
    assert not config.skips_title("a" * 29 + "b" * 1_000_000)
    assert time.process_time() - start < 0.1


@pytest.mark.parametrize(
    ("labels", "skipped"),
    [
        (("bug", "no-review"), "no-review"),
        (("Type::Release", "NO-REVIEW"), "Type::Release"),
        (("no-review-needed", "release"), ""),
        ((), ""),
    ],
)
def test_labels_are_skipped_whole_and_without_regard_to_capitals(
    labels: tuple[str, ...], skipped: str
) -> None:
    assert load(WHOLE)[0].skips_label(labels) == skipped
    assert RepoConfig().skips_label(labels) == ""


def test_the_schema_says_what_each_key_of_a_review_is_for() -> None:
    keys = json_schema()["$defs"]["Review"]["properties"]
    said = {name: key.get("description", "") for name, key in keys.items()}
    assert said["skip_labels"].startswith("Merge requests that are not reviewed")
    assert all(said[name] for name in ("max_comments", "max_comments_per_push", "bots"))
    assert keys["max_comments_per_push"]["default"] == 5


def test_the_schema_accepts_what_is_read_and_refuses_what_is_not() -> None:
    validator = jsonschema.Draft202012Validator(json_schema())
    validator.check_schema(json_schema())
    validator.validate(
        {"review": {"drafts": True, "ignore": ["a"]}, "link": {"transitions": [{"on": "merged", "to": "x"}]}}
    )
    validator.validate({"review": {"second_pass": {"files": 1, "lines": 1}}})
    validator.validate({"review": {"second_pass": None}})
    validator.validate({"review": {"max_comments_per_push": 0, "skip_labels": ["x"], "bots": True}})
    move = {"on": "merged", "to": "Done", "fields": {"resolution": "Fixed"}}
    validator.validate({"link": {"transitions": [move]}})
    assert not validator.is_valid({"link": {"transitions": [move | {"fields": {"resolution": 1}}]}})
    assert not validator.is_valid({"review": {"second_pass": {"files": 0, "lines": 1}}})
    for wrong in ({"x": 1}, {"review": {"drafts": "yes"}}, {"review": {"min_severity": "huge"}}):
        assert not validator.is_valid(wrong)
    for review in ({"skip_labels": "x"}, {"max_comments_per_push": 101}):
        assert not validator.is_valid({"review": review})
