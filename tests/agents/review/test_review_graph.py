"""The review graph from a change set to actions, with files from a dictionary."""

from collections.abc import Sequence
from dataclasses import replace

from bot.agents.review import SPEC
from bot.agents.spec import AgentContext, AgentResult
from bot.domain.actions import PostFinding, React, Reply, UpsertNote
from bot.domain.change import ChangeSet, FileChange
from bot.domain.lifecycle import Known
from bot.domain.repo_config import RepoConfig, load
from bot.domain.secrets import Redactor
from tests.doubles import REFS, REQUEST, DictSnapshot, added_file, change_of

LEAK = "glpat-" + "Zq8Rt2vLm4" + "Xc7Wn1Kd9P"


def review(
    files: dict[str, str],
    *extra: FileChange,
    config: RepoConfig | None = None,
    complaints: Sequence[str] = (),
    failed_before: bool = False,
    before: AgentResult | None = None,
) -> AgentResult:
    """`before`: the review before this one, all of whose findings on lines have threads that are open."""
    change: ChangeSet = change_of(*(added_file(path, text) for path, text in files.items()), *extra)
    snapshot = DictSnapshot({path: text.encode("utf-8", "surrogateescape") for path, text in files.items()})
    return SPEC.run(
        AgentContext(
            request=REQUEST,
            change=change,
            snapshot=snapshot,
            config=config or RepoConfig(),
            redactor=Redactor(),
            complaints=complaints,
            failed_before=failed_before,
            known=shown_by(before) if before else (),
            reviewed=before.reviewed if before else None,
        )
    )


def configured(text: str) -> RepoConfig:
    config, complaint = load(text.encode())
    assert complaint is None
    return config


def shown_by(result: AgentResult) -> list[Known]:
    return [
        Known(key=post.key, finding=post.finding, thread=f"thread-{post.key}", note=1, around=post.around)
        for post in posts(result)
        if post.position
    ]


def posts(result: AgentResult) -> list[PostFinding]:
    return [action for action in result.actions if isinstance(action, PostFinding)]


def summary(result: AgentResult) -> UpsertNote:
    (note,) = [one for one in result.actions if isinstance(one, UpsertNote) and one.key == "summary"]
    return note


def test_a_finding_stands_on_its_line_with_a_summary_beside_it() -> None:
    result = review({"settings.py": f'\n\nTOKEN = "{LEAK}"\n'})
    (post,) = posts(result)
    assert post.position is not None
    assert (post.position.new_path, post.position.new_line) == ("settings.py", 3)
    assert summary(result).create
    assert not [action for action in result.actions if isinstance(action, React)]


def test_no_finding_means_no_note_and_one_reaction() -> None:
    result = review({"settings.py": "value = 1\n"})
    assert posts(result) == []
    assert not summary(result).create, "an older summary is still edited"
    assert [action.emoji for action in result.actions if isinstance(action, React)] == ["thumbsup"]


def test_no_secret_is_in_anything_that_is_stored() -> None:
    result = review({"settings.py": f'import os\nTOKEN = "{LEAK}"; assert undefined_name == "{LEAK}"\n'})
    assert LEAK not in repr(result)
    assert posts(result)


def test_the_worst_go_inline_up_to_the_cap_and_the_rest_into_the_summary() -> None:
    files = {f"m{number}.py": "value = undefined_name\n" for number in range(5)} | {"s.py": f'T = "{LEAK}"\n'}
    result = review(files, config=configured("review: {max_comments: 2}"))
    inline = [post for post in posts(result) if post.position]
    assert len(posts(result)) == 6
    assert [post.finding.severity.value for post in inline] == ["blocker", "critical"]
    assert len([one for one in result.decisions if "max_comments" in one.reason]) == 4
    assert "m4.py" in summary(result).body


def test_what_is_milder_than_asked_for_is_marked_with_the_reason() -> None:
    result = review(
        {"m.py": "import os\n\nvalue = undefined_name\n"}, config=configured("review: {min_severity: major}")
    )
    assert [post.finding.rule for post in posts(result)] == ["python/F821"]
    assert ["milder" in one.reason for one in result.decisions if not one.allowed] == [True]


def test_ignored_files_are_declared_and_not_checked() -> None:
    result = review(
        {"vendor/m.py": "value = undefined_name\n"}, config=configured("review: {ignore: ['vendor/**']}")
    )
    assert posts(result) == []
    assert [(one.path, one.read, one.reason) for one in result.coverage] == [
        ("vendor/m.py", False, "ignored by .trivet.yml")
    ]


def test_text_that_was_not_read_is_said_rather_than_passed_over() -> None:
    unread = replace(added_file("big.sql", ""), unread="its diff is larger than 1 MB", hunks=())
    result = review({"m.py": "value = 1\n"}, unread)
    assert summary(result).create
    assert "big.sql" in summary(result).body


def test_a_broken_configuration_is_complained_of_though_there_is_nothing_else_to_say() -> None:
    result = review({"m.py": "value = 1\n"}, complaints=["`min_severity` must be one of info, minor"])
    assert summary(result).create
    assert "min\\_severity" in summary(result).body or "min_severity" in summary(result).body


def test_an_earlier_failure_note_is_made_true_again() -> None:
    result = review({"m.py": "value = 1\n"}, failed_before=True)
    notes = [one for one in result.actions if isinstance(one, UpsertNote) and one.key == "failure"]
    assert [note.create for note in notes] == [False]
    assert REFS.head[:8] in notes[0].body


def test_a_path_that_is_not_utf8_goes_to_the_summary_and_can_be_stored() -> None:
    path = b"caf\xe9.py".decode("utf-8", "surrogateescape")
    result = review({path: f'T = "{LEAK}"\n'})
    (post,) = posts(result)
    assert post.position is None
    assert post.model_dump_json()
    assert "caf\\xe9.py" in summary(result).body


def test_the_same_review_twice_has_the_same_keys() -> None:
    files = {"m.py": 'b = 1\nassert (b, "is one")\nb = 2\nassert (b, "is one")\n'}
    first, second = (sorted(post.key for post in posts(review(files))) for _ in range(2))
    assert first == second
    assert len(set(first)) == 2


def test_the_first_review_leaves_a_memory_of_what_it_read_and_told() -> None:
    result = review({"settings.py": f'\n\nTOKEN = "{LEAK}"\n', "m.py": "value = 1\n"})
    (post,) = posts(result)
    assert result.reviewed is not None
    assert summary(result).reviewed == result.reviewed
    assert (result.reviewed.head, result.reviewed.told) == (REFS.head, (post.key,))
    assert result.reviewed.listed == ()
    assert result.reviewed.units == (), "what a model would read is still to be read by one"
    assert post.around == "", "nothing stands around the only line"


def test_a_silent_review_remembers_too() -> None:
    result = review({"m.py": "value = 1\n"})
    assert result.reviewed is not None
    assert result.reviewed.head == REFS.head


def test_a_push_answers_what_it_fixed_and_leaves_the_rest_alone() -> None:
    first = review({"a.py": "value = undefined_name\n", "b.py": "other = missing_name\n"})
    second = review({"a.py": "value = 1\n", "b.py": "other = missing_name\n"}, before=first)
    fixed, still = (post.key for post in sorted(posts(first), key=lambda post: post.finding.path))
    replies = [one for one in second.actions if isinstance(one, Reply)]
    assert [(one.thread, one.resolves) for one in replies] == [(f"thread-{fixed}", True)]
    assert posts(second) == []
    assert [one.fingerprint for one in second.findings] == [still]
    assert "**1 finding** in 2 changed files: 1 critical.\n\n1 fixed.\n" in summary(second).body


def test_an_empty_change_is_answered_with_silence() -> None:
    assert [type(action).__name__ for action in review({}).actions] == ["UpsertNote", "React"]
