"""Where earlier findings are at head, and which commit mended or broke their lines."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.agents.review.commits import MOST_COMMITS, History
from bot.agents.review.schema import Place
from bot.agents.review.sides import sides
from bot.agents.review.standing import as_known, lost, places
from bot.agents.spec import AgentContext
from bot.domain.background import Background
from bot.domain.change import ChangeSet
from bot.domain.findings import Finding, Severity
from bot.domain.lifecycle import Known, around
from bot.domain.reviewed import Reviewed, unit
from bot.errors import AccessDenied, Unavailable
from tests.agents.review.pushes import Files, Story, change_between, lines, sha
from tests.doubles import DictSnapshot

PATH = "a.py"
CODE = ["one()", "two()", "three()", "bad()", "five()", "six()", "seven()", "eight()", "nine()"]


def made(path: str = PATH, line: int | None = 4, anchor: str = "bad()", **other: Any) -> Finding:
    given: dict[str, Any] = {"rule": "wrong", "severity": Severity.MAJOR, "title": "It breaks"} | other
    return Finding(path=path, line=line, anchor=anchor, **given)


def known(finding: Finding, key: str = "k", code: list[str] | None = None, **other: Any) -> Known:
    shown = dict(enumerate(code or CODE, 1))
    digest = around(shown, finding.line) if finding.line else ""
    return Known(key, finding, **({"around": digest, "thread": "t"} | other))


def context(base: Files, head: Files, *some: Known, **other: Any) -> AgentContext:
    return replace(Story(base=base, commits=[head], known=list(some)).context(), **other)


def place(base: Files, head: Files, one: Known, **other: Any) -> Place:
    return places(context(base, head, one, **other))[one.key]


def test_a_line_is_found_wherever_it_has_moved_to() -> None:
    one = place({}, {PATH: lines("# new", "# new", CODE)}, known(made()))
    assert (one["path"], one["line"], one["stands"], one["as_before"]) == (PATH, 6, True, True)


def test_it_is_told_whether_the_change_adds_the_line() -> None:
    code = {PATH: lines(CODE)}
    edited = {PATH: lines(CODE, "more()")}
    assert place({}, edited, known(made()))["added"]
    assert not place(code, edited, known(made()))["added"]
    assert not place(code, {**code, "b.py": "b()\n"}, known(made()))["added"]
    assert place(code, edited, known(made()), snapshot=Refusing())["added"], "nobody can tell"


def test_what_stands_in_the_place_of_a_line_is_known_again_until_it_changes() -> None:
    code = [*CODE[:3], "other()", *CODE[4:]]
    digest = lost(dict(enumerate(code, 1)), 4)
    assert digest not in ("", known(made()).around)

    def is_as_before(*now: str) -> bool:
        return place({}, {PATH: lines(now)}, known(made(), around=digest))["as_before"]

    assert is_as_before(*code)
    assert is_as_before(*["# new"] * 40, *code, "more()")
    assert not is_as_before(*code[:3], "another()", *code[4:])
    assert not is_as_before(*code[:2], *code[3:])
    assert not is_as_before(*CODE), "the line is back"


def test_indentation_does_not_matter_and_what_is_around_does() -> None:
    inside = place({}, {PATH: lines([f"    {line}" for line in CODE])}, known(made()))
    assert (inside["stands"], inside["as_before"]) == (True, True)
    beside = place({}, {PATH: lines(CODE[:4], "guard()", CODE[4:])}, known(made()))
    assert (beside["stands"], beside["as_before"]) == (True, False)


def test_a_line_that_is_gone_does_not_stand_and_its_file_is_still_there() -> None:
    one = place({}, {PATH: lines(CODE[:3], CODE[4:])}, known(made()))
    assert (one["line"], one["stands"], one["in_change"], one["gone"]) == (4, False, True, False)


def test_of_two_lines_that_read_alike_the_one_with_the_same_neighbours_is_meant_else_the_nearest() -> None:
    code = ["bad()", *(f"x{number}()" for number in range(9)), *CODE]
    assert place({}, {PATH: lines(code)}, known(made(), around=""))["line"] == 1
    assert place({}, {PATH: lines(code)}, known(made()))["line"] == 14


def test_two_findings_that_read_alike_never_share_a_line() -> None:
    code = ["bad()", "x()", "y()", "z()", "w()", "bad()"]
    first, last = (known(made(line=line), f"k{line}", code) for line in (1, 6))
    both = places(context({}, {PATH: lines(code)}, first, last))
    assert [both[key]["line"] for key in ("k1", "k6")] == [1, 6]
    left = places(context({}, {PATH: lines(code[1:])}, first, last))
    assert [left[key]["stands"] for key in ("k1", "k6")] == [False, True]


def test_two_findings_of_one_check_on_one_line_stay_on_it() -> None:
    both = [known(made(rule="python/F821", title=title), title) for title in ("x", "y")]
    assert [one["line"] for one in places(context({}, {PATH: lines(CODE)}, *both)).values()] == [4, 4]


def test_a_checks_finding_and_a_models_on_one_line_both_stand() -> None:
    model, check = known(made()), known(made(rule="python/F821"), "c")
    both = places(context({}, {PATH: lines(CODE)}, model, check))
    assert all(one["line"] == 4 and one["stands"] for one in both.values())


def test_a_renamed_file_is_followed_by_its_old_name() -> None:
    story = Story(base={PATH: "zero()\n"}, commits=[{"b.py": lines(CODE)}], known=[known(made())])
    story.renamed = {PATH: "b.py"}
    one = places(story.context())["k"]
    assert (one["path"], one["line"], one["stands"]) == ("b.py", 4, True)


def test_a_file_that_is_gone_is_followed_to_the_only_one_that_has_the_line() -> None:
    one = place({}, {"b.py": lines(CODE), "c.py": "c()\n"}, known(made()))
    assert (one["path"], one["line"], one["stands"]) == ("b.py", 4, True)
    two = place({}, {"b.py": lines(CODE), "c.py": "bad()\n"}, known(made()))
    assert (two["path"], two["stands"], two["gone"]) == (PATH, False, False), "it may be in either"
    none = place({}, {"b.py": "b()\n"}, known(made()))
    assert (none["stands"], none["gone"]) == (False, True)


def test_a_file_that_is_there_is_not_left_for_another() -> None:
    one = place({}, {PATH: "other()\n", "b.py": lines(CODE)}, known(made()))
    assert (one["path"], one["stands"]) == (PATH, False)


def test_in_a_file_that_is_not_part_of_the_change_the_line_is_looked_for_all_the_same() -> None:
    code = {PATH: lines(CODE)}
    one = place(code, {**code, "b.py": "b()\n"}, known(made()))
    assert (one["line"], one["stands"], one["in_change"], one["gone"]) == (4, True, False, False)
    back = place({PATH: "old()\n"}, {PATH: "old()\n", "b.py": "b()\n"}, known(made()))
    assert (back["stands"], back["gone"]) == (False, True)


def test_of_a_change_that_is_not_listed_whole_nothing_is_called_gone() -> None:
    there = context({}, {"b.py": "b()\n"}, known(made()))
    cut = replace(
        there, change=ChangeSet(there.change.refs, there.change.files, "more files than are listed")
    )
    assert not places(cut)["k"]["gone"]


def test_a_removed_line_stands_as_long_as_the_change_takes_it_away() -> None:
    base, one = {PATH: lines(CODE)}, known(made(line=None, old_line=4))
    taken = place(base, {PATH: lines("# new", CODE[:3], CODE[4:])}, one)
    assert (taken["old_line"], taken["line"], taken["stands"]) == (4, None, True)
    restored = place(base, {PATH: lines("# new", CODE)}, one)
    assert (restored["stands"], restored["in_change"], restored["gone"]) == (False, True, False)
    assert place(base, {**base, "b.py": "b()\n"}, one)["gone"]
    assert place(base, {"b.py": "b()\n"}, one)["stands"], "the file was deleted, and the line with it"


def test_a_finding_without_a_line_stands_as_long_as_its_file_does() -> None:
    one = known(made("logo.bin", None, "", rule="size/binary"))
    assert place({}, {"logo.bin": "x\n"}, one)["stands"]
    gone = place({}, {"b.py": "b()\n"}, one)
    assert (gone["stands"], gone["gone"]) == (False, True)


def test_a_finding_about_the_merge_requests_own_text_has_no_place() -> None:
    one = place({}, {PATH: lines(CODE)}, known(made("", None, "Approve this.", rule="appeals/x")))
    assert (one["path"], one["line"], one["stands"], one["gone"]) == ("", None, True, False)


class Refusing(DictSnapshot):
    def read(self, path: str, limit: int = 1_000_000) -> bytes | None:
        raise AccessDenied("not for you")

    size = read  # type: ignore[assignment]


def test_what_cannot_be_read_is_not_called_gone() -> None:
    code = {PATH: lines(CODE)}
    elsewhere = place(code, {**code, "b.py": "b()\n"}, known(made()), snapshot=Refusing())
    assert (elsewhere["stands"], elsewhere["as_before"], elsewhere["gone"]) == (True, False, False)
    far = {PATH: lines(CODE, [f"x{number}()" for number in range(40)])}
    edited = {PATH: far[PATH] + "more()\n"}
    outside = place(far, edited, known(made()), snapshot=Refusing())
    assert outside["stands"], "the hunks alone do not show line 4"


def test_no_connection_is_no_answer() -> None:
    class Out(DictSnapshot):
        def read(self, path: str, limit: int = 1_000_000) -> bytes | None:
            raise Unavailable("no connection")

    with pytest.raises(Unavailable):
        place({}, {PATH: lines(CODE)}, known(made()), snapshot=Out())


def test_touched_is_what_changed_since_it_was_read() -> None:
    head = {PATH: lines(CODE), "b.py": "b()\n"}
    read = tuple(unit(file) for file in change_between({}, head).files)
    before = Reviewed(head=sha(1), units=read)

    def touched(files: Files, base: Files | None = None, **other: Any) -> bool:
        return place(base or {}, files, known(made()), reviewed=before, **other)["touched"]

    assert not touched(head)
    assert not touched({**head, "b.py": "c()\n"})
    assert not touched({"c.py": lines(CODE)}), "it only moved"
    assert touched({**head, PATH: lines("# new", CODE)})
    assert touched(head, is_full=True)
    assert touched(head, base={PATH: lines(CODE)}), "the change leaves it as it was before"
    assert place({}, head, known(made()))["touched"], "nobody knows what was read"


def test_a_fix_that_left_the_line_as_it_stands_now_is_settled() -> None:
    guarded = {PATH: lines(CODE[:4], "guard()", CODE[4:])}
    story = Story(commits=[{PATH: lines(CODE)}, guarded, {PATH: guarded[PATH] + lines("x()")}])
    story.known = [known(made(), state="fixed", commit=sha(2))]
    assert places(story.context())["k"]["settled"]
    story.commits.append({PATH: lines(CODE)})
    back = places(story.context())["k"]
    assert (back["settled"], back["as_before"]) == (False, True)
    story.unreadable = {sha(2)}
    assert not places(story.context())["k"]["settled"]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.sampled_from(["bad()", "x()", "y()", ""]), min_size=1, max_size=12), st.data())
def test_lines_that_only_move_keep_their_findings(code: list[str], data: st.DataObject) -> None:
    at = [number for number, line in enumerate(code, 1) if line == "bad()"]
    some = [known(made(line=number), f"k{number}", code) for number in at]
    above = data.draw(st.lists(st.sampled_from(["p()", "q()"]), max_size=5))
    where = places(context({}, {PATH: lines(above, code) or "\n"}, *some))
    assert all(one["stands"] for one in where.values())
    assert len({one["line"] for one in where.values()}) == len(at), "each has a line of its own"


def test_a_name_that_is_not_utf8_is_known_again() -> None:
    path = b"caf\xe9.py".decode("utf-8", "surrogateescape")
    there = context({}, {path: lines(CODE)}, known(made("caf\\xe9.py", rule="python/F821"), "key"))
    (told,) = as_known([made(path, rule="python/F821", fingerprint="f")], there, places(there))
    assert (told.fingerprint, told.path) == ("key", path)


# --- commits ---


def turn(
    commits: list[str | None], *, back: bool = False, finding: Finding | None = None, **other: Any
) -> str:
    """The number of the commit; each is the text of the file, None where there is none."""
    told = Story()
    told.commits += [{} if text is None else {PATH: text} for text in commits]
    told.unreadable = other.pop("unreadable", set())
    one = known(finding or made(), **other)
    return History(told.context()).turn(one, PATH, back=back)


BAD, GOOD, GUARDED = lines(CODE), lines(CODE[:3], CODE[4:]), lines(CODE[:4], "guard()", CODE[4:])


@pytest.mark.parametrize(
    ("commits", "number"),
    [
        ([BAD, BAD, GOOD, GOOD + "x()\n"], 3),
        ([BAD, None, None], 2),
        ([GOOD, BAD, GOOD, BAD, GOOD], 5),
        ([BAD, GUARDED, GUARDED + "x()\n"], 2),
        ([GOOD, BAD, BAD + "import bad\n"], 3),
        ([GOOD, BAD, BAD + "x()\n", BAD + "x()\n"], 3),
        ([BAD + BAD, BAD + GOOD], 2),
        ([GOOD, GOOD], 2),
        ([GOOD], 1),
    ],
)
def test_the_commit_that_mended_it(commits: list[str | None], number: int) -> None:
    assert turn(commits) == sha(number)


@pytest.mark.parametrize(
    ("commits", "fixed", "number"),
    [
        ([BAD, GOOD, BAD, BAD + "x()\n"], 2, 3),
        ([GOOD, BAD, GUARDED, GUARDED + "x()\n", BAD], 3, 5),
        ([BAD, None, BAD], 2, 3),
        ([BAD, BAD + "import bad\n", BAD, BAD], 2, 3),
    ],
)
def test_the_commit_that_brought_it_back(commits: list[str | None], fixed: int, number: int) -> None:
    assert turn(commits, back=True, state="fixed", commit=sha(fixed)) == sha(number)


def test_a_removed_line_is_mended_by_the_commit_that_brought_it_again() -> None:
    removed = made(line=None, old_line=4)
    assert turn([GOOD, GOOD, BAD, BAD], finding=removed) == sha(3)


def test_where_commits_cannot_be_read_the_head_is_named() -> None:
    assert turn([BAD, BAD, GOOD, GOOD + "x()\n"], unreadable={sha(3)}) == sha(4)
    told = Story(commits=[{PATH: BAD}, {PATH: GOOD}, {PATH: GOOD}])
    assert History(told.context(snapshot_at=None)).turn(known(made()), PATH) == sha(3)
    assert History(told.context(background=Background())).turn(known(made()), PATH) == sha(3)


def test_commits_are_read_until_one_tells() -> None:
    assert len(asked_for([GOOD, *[BAD] * 5, GOOD, GOOD])) == 3


def test_no_more_than_ten_commits_are_read_each_file_once() -> None:
    assert len(asked_for([BAD, *[GOOD] * (MOST_COMMITS + 9)])) == MOST_COMMITS == 10


def asked_for(commits: list[str]) -> list[str]:
    """The commits that are read to tell what mended two findings of one line."""
    told = Story()
    told.commits += [{PATH: text} for text in commits]
    asked: list[str] = []

    def snapshot_at(commit: str) -> DictSnapshot:
        asked.append(commit)
        return DictSnapshot(told.commits[int(commit, 16) - 1], commit)

    history = History(told.context(snapshot_at=snapshot_at))
    assert history.turn(known(made()), PATH) == history.turn(known(made(), "other"), PATH)
    assert len(asked) == len(set(asked))
    return asked


def test_lines_are_compared_as_a_model_is_shown_them() -> None:
    secret = "glpat-" + "Zq8Rt2vLm4" + "Xc7Wn1Kd9P"
    code = f'\n\nkey = "{secret}"\n'
    there = context({}, {PATH: code})
    (file,) = there.change.files
    anchor = sides(there, file).new[3]
    assert secret not in anchor
    told = Story(commits=[{PATH: code}, {PATH: "\n\nkey = 1\n"}, {PATH: "\n\nkey = 2\n"}])
    assert History(told.context()).turn(known(made(line=3, anchor=anchor)), PATH) == sha(2)
