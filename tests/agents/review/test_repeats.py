"""One cause on many lines is one finding: one thread, which goes on as long as any of its lines does."""

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.agents.review.gates import CHECK_SAYS_IT
from bot.domain.findings import Severity
from bot.domain.lifecycle import Known
from bot.testing import ScriptedModel, confirms_everything, finding
from tests.agents.review.pushes import Story, lines, posts, reasons, replies, summary, updates

PATH = "use.py"
USES = [f"total_{number} = price({number})" for number in range(30)]
MENDED = "def price(number): return number"


def told(*code: str) -> Story:
    """With one finding of a check in a thread."""
    story = Story()
    assert len(posts(story.push({PATH: lines(*code)}))) == 1
    return story


def state(story: Story) -> tuple[str, int | None]:
    (known,) = story.known
    return known.state, known.finding.line


def test_a_name_that_is_undefined_on_thirty_lines_is_one_comment() -> None:
    (post,) = posts(Story().push({PATH: lines(USES)}))
    assert (post.finding.line, post.finding.title) == (1, 'Undefined name "price"')
    assert "Also on lines 2, 3, 4 and 26 more." in post.body


def test_what_a_model_finds_keeps_its_place_beside_many_lines_of_one_cause() -> None:
    other = finding(PATH, 12, USES[11], title="The eleventh is counted twice")
    same = finding(PATH, 20, USES[19], title="price is never imported")
    result = Story().push({PATH: lines(USES)}, model=ScriptedModel(confirms_everything(other, same)))
    assert {(post.finding.line, post.finding.title) for post in posts(result)} == {
        (1, 'Undefined name "price"'),
        (12, other.title),
    }
    assert reasons(result) == [CHECK_SAYS_IT]


def test_a_push_that_mends_nothing_says_nothing() -> None:
    story = told(*USES)
    result = story.push({PATH: lines("import math", USES)})
    assert (posts(result), replies(result), updates(result)) == ([], [], [])
    assert summary(result).body.startswith("**1 finding** in 1 changed file: 1 critical.")


def test_the_first_line_is_mended_and_the_thread_goes_on_with_the_next() -> None:
    story = told(*USES)
    result = story.push({PATH: lines("total_0 = 0", USES[1:])})
    assert (posts(result), replies(result)) == ([], [])
    assert state(story) == ("open", 2)
    assert story.known[0].finding.detail.endswith(" Also on lines 3, 4, 5 and 25 more.")


def test_the_thread_goes_on_however_far_the_next_line_is() -> None:
    story = told(USES[0], *["pass"] * 200, USES[1])
    result = story.push({PATH: lines("total_0 = 0", ["pass"] * 200, USES[1])})
    assert (posts(result), replies(result)) == ([], [])
    assert state(story) == ("open", 202)


def test_it_is_fixed_with_the_last_of_its_lines() -> None:
    story = told(*USES)
    story.push({PATH: lines(USES[1:])})
    (reply,) = replies(story.push({PATH: lines(MENDED, USES[1:])}))
    assert reply.resolves
    assert state(story)[0] == "fixed"


def test_one_line_more_above_is_no_other_finding() -> None:
    story = told(*USES)
    result = story.push({PATH: lines("earlier = price(99)", USES)})
    assert (posts(result), replies(result)) == ([], [])
    assert state(story)[0] == "open"


def test_a_line_that_joins_one_that_was_told_alone_is_said_to_be_the_same() -> None:
    story = told(USES[0])
    result = story.push({PATH: lines(USES[0], "", USES[1])})
    assert (posts(result), replies(result)) == ([], [])
    assert reasons(result) == ["the finding on line 1 is about the same"]


def test_one_that_was_told_alone_is_fixed_and_what_is_far_from_it_is_another() -> None:
    story = told(USES[0], *["pass"] * 200)
    result = story.push({PATH: lines("total_0 = 0", ["pass"] * 200, USES[1])})
    assert [post.finding.line for post in posts(result)] == [202]
    assert [reply.resolves for reply in replies(result)] == [True]


def test_dismissed_it_stays_dismissed_on_all_its_lines() -> None:
    for after in (lines(USES), lines("total_0 = 0", USES[1:]), lines("earlier = price(99)", USES)):
        story = told(*USES)
        story.says(story.known[0].key, state="dismissed", by="ada", why="it is injected")
        result = story.push({PATH: after})
        assert (posts(result), replies(result)) == ([], [])
        assert reasons(result) == ["dismissed by ada: it is injected"]


def test_dismissed_alone_it_does_not_speak_for_a_line_that_joins_it() -> None:
    story = told(USES[0])
    story.says(story.known[0].key, state="dismissed", by="ada", why="it is injected")
    (post,) = posts(story.push({PATH: lines(USES[0], "", USES[1])}))
    assert (post.finding.line, post.position) == (3, None)


def test_a_note_that_somebody_took_away_spoke_for_all_its_lines() -> None:
    story = told(*USES)
    story.known = []
    assert posts(story.push({PATH: lines("import math", USES)})) == []


def test_two_threads_about_one_cause_both_stand_while_their_lines_do() -> None:
    story = told(*USES)
    first = story.known[0]
    later = first.finding.model_copy(
        update={"line": 9, "anchor": USES[8], "fingerprint": "9" * 32, "detail": ""}
    )
    story.known.append(Known("9" * 32, later, thread="other", note=2))
    result = story.push({PATH: lines("import math", USES)})
    assert (posts(result), replies(result)) == ([], [])
    assert len(replies(story.push({PATH: lines(MENDED, USES)}))) == 2


def test_what_is_not_told_line_by_line_is_not_called_fixed() -> None:
    story = told(USES[0])
    result = story.push({PATH: lines([f"more_{number} = price({number})" for number in range(60)], USES[0])})
    assert replies(result) == []
    assert story.known[0].is_open


def test_each_secret_is_a_finding_of_its_own() -> None:
    keys = [f'key_{at} = "glpat-{"Zq8Rt2vLm4" + "Xc7Wn1Kd9"}{at}"' for at in range(3)]
    found = posts(Story().push({"keys.py": lines(keys)}))
    assert [post.finding.line for post in found] == [1, 2, 3]
    assert {post.finding.severity for post in found} <= {Severity.CRITICAL, Severity.BLOCKER}


@settings(max_examples=15, deadline=None)
@given(pushes=st.lists(st.sets(st.integers(0, 3)), min_size=1, max_size=4))
def test_while_a_cause_has_a_line_it_has_an_open_thread_on_one_of_its_lines(pushes: list[set[int]]) -> None:
    """Whichever of its lines come and go. Five seconds, as each push is a review: no order of pushes loses a defect."""
    story = Story()
    for number, wrong in enumerate(pushes):
        uses = [USES[at] if at in wrong else f"total_{at} = {at}" for at in range(4)]
        story.push({PATH: lines(f"push = {number}", *([use, *["pass"] * 24] for use in uses))})
        found = {one.finding.line for one in story.known if one.is_open}
        assert bool(found) == bool(wrong)
        assert found <= {25 * at + 2 for at in wrong}
