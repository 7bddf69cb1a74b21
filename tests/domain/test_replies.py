"""A dismissal is heard where somebody says it, not where it is asked, denied or quoted; thanks want no answer."""

import time
from string import ascii_letters

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.domain.replies import LONGEST_WORDS, is_courtesy, is_dismissal, words_of

DISMISSALS = (
    "won't fix",
    "Won’t fix.",
    "wontfix",
    "wont-fix",
    "Sorry, we won't fix this: legacy",
    "will not fix",
    "Closing as won't fix",
    "This won't be fixed in 1.x",
    "We are not going to fix this",
    "@trivet won't fix",
    "> you said something\n\nwon't fix",
    "Not a bug",
    "That's not a bug.",
    "this isn't a bug here",
    "False positive.",
    "**False positive**",
    "This is a false positive",
    "Clearly a false positive",
    "It's a false-positive, see docs",
    "The warning is a false positive",
    "I looked at it and this is a false positive",
    "No this is a false positive",
    "by design",
    "This is by design, see ADR 12",
    "The endpoint is public by design.",
    "it is done on purpose",
    "Intended.",
    "That's fully intended",
    "Yes, this is intended behaviour",
    "No, this is intended.",
    "This is the expected behavior.",
    "works as designed",
    "It works as intended.",
    "not relevant",
    "Not relevant here",
    "this is not relevant for us",
    "ignore this",
    "please ignore this finding",
    "You can safely ignore this.",
    "accepted risk",
    "Risk accepted by security.",
    "We accept the risk for now",
    "known issue, leave it",
    "Leave it as is.",
    "leave it for now",
    "Das ist kein Bug.",
    "Das ist so gewollt.",
    "ist beabsichtigt",
    "Das ist Absicht",
    "Fehlalarm",
    "wird nicht behoben",
    "nicht relevant",
    "bitte ignorieren",
    "bleibt so",
    "faux positif",
    "C'est voulu.",
    "Ce n'est pas un bug",
    "Ne sera pas corrigé",
    "falso positivo",
    "No es un bug",
    "Es intencional",
    "por diseño",
    "no se corregirá",
)
NO_DISMISSALS = (
    "",
    "thanks",
    "fixed",
    "is this a false positive?",
    "is this a false positive",
    "Won't fix, ok?",
    "Why is this intended",
    "How do I mark a false positive",
    "not a false positive",
    "no false positive",
    "this isn't a false positive",
    "I don't think this is a false positive",
    "I'm not saying it's not a bug",
    "Not by design",
    "this is not intended",
    "unintended",
    "not an accepted risk",
    "It is not because it is by design",
    "I intended to check for null here",
    "This is intended to fail when x is 0",
    "`won't fix`",
    "> won't fix",
    "```\nwon't fix\n```",
    "<!-- won't fix -->",
    'you wrote "false positive"',
    "~~won't fix~~",
    "That won't fix it",
    "This won't fix the problem",
    "Adding a check won't fix it",
    "could be a false positive",
    "maybe by design",
    "not sure whether this is by design",
    "If this is by design, say so in a comment",
    "It should be secure by design",
    "make sure it works as intended",
    "It now works as intended",
    "Renamed, so that the function behaves as intended",
    "This makes it work as intended",
    "Here is the expected behaviour: it raises",
    "I removed the wontfix label",
    "This won't be fixed by a cast",
    "I thought this was a false positive, but you are right",
    "You are right. By design, though.",
    "Not a bug but I'll change it anyway",
    "I will fix it, not a bug in itself though",
    "Callers ignore this value",
    "We can't ignore this",
    "Leave it to the caller",
    "This is a known issue that crashes production",
    "The old value is not relevant because the cache is cleared",
    "false positive rate is high",
    "nicht beabsichtigt",
    "Das ist kein Fehlalarm",
    "Es tritt kein Fehler auf",
    "ist das Absicht",
    "ce n'est pas un faux positif",
    "c'est pas voulu",
    "no es un falso positivo",
    "no es intencional",
    "This is by design. " + "And here is a long story about it. " * 12,
)
COURTESIES = (
    "thanks",
    "Thank you very much",
    "OK, done.",
    "Fixed.",
    "It's fixed now",
    "fixed in abc1234",
    "Fixed in https://gitlab.example/c/abc",
    "Done in !45",
    "this has been addressed in 1a2b3c4d",
    "Good catch, thanks! Fixed.",
    "makes sense, will fix",
    "You're right, thanks",
    "@trivet thanks a lot!",
    "Thanks for the review",
    "+1",
    ":+1:",
    ":thumbsup:",
    "👍",
    "👍🏽",
    "❤️",
    "Thanks @trivet 🎉",
    "Danke schön",
    "Erledigt.",
    "Corrigé, merci",
    "gracias",
)
NO_COURTESIES = (
    "",
    "?",
    "...",
    "no",
    "this",
    "abc1234",
    "fixed?",
    "good catch?",
    "not fixed",
    "done, but why did you flag it",
    "ok but it still fails",
    "thanks for nothing",
    "please fix it",
    "I disagree",
    "won't fix",
    "`done`",
    "> thanks",
    "👎",
    ":thumbsdown:",
    "+2",
)

PHRASES = st.sampled_from([*DISMISSALS, *COURTESIES, "not ", "?", "`", "> ", "\n", ". ", "and ", "if "])
TEXTS = st.lists(PHRASES | st.text(max_size=12), max_size=6).map(" ".join)


@pytest.mark.parametrize("text", DISMISSALS)
def test_a_dismissal_is_heard(text: str) -> None:
    assert is_dismissal(text)


@pytest.mark.parametrize("text", NO_DISMISSALS)
def test_what_may_mean_something_else_is_no_dismissal(text: str) -> None:
    assert not is_dismissal(text)


@pytest.mark.parametrize("text", COURTESIES)
def test_a_courtesy_wants_no_answer(text: str) -> None:
    assert is_courtesy(text)


@pytest.mark.parametrize("text", NO_COURTESIES)
def test_a_word_more_than_thanks_is_no_courtesy(text: str) -> None:
    assert not is_courtesy(text)


@settings(max_examples=150, deadline=None)
@given(TEXTS)
def test_a_question_is_neither(text: str) -> None:
    asked = f"{text.replace('`', '').replace('~', '').replace('<', '')}\n\nis it?"
    assert not is_dismissal(asked)
    assert not is_courtesy(asked)


@settings(max_examples=150, deadline=None)
@given(TEXTS)
def test_what_is_quoted_or_code_is_neither(text: str) -> None:
    lines = text.splitlines()
    for spoken in ("\n".join(f"> {line}" for line in lines), "\n".join(f"    {line}" for line in lines)):
        assert not is_dismissal(spoken)
        assert not is_courtesy(spoken)


@settings(max_examples=50, deadline=None)
@given(st.sampled_from(DISMISSALS), st.text(ascii_letters + " ", max_size=20))
def test_case_and_blanks_do_not_matter(text: str, blanks: str) -> None:
    assert is_dismissal(f"  {text.upper().replace('’', chr(39))}\n\n{' ' * len(blanks)}")


def test_words_are_what_a_person_says_on_one_line() -> None:
    body = "> quoted\n\nLegacy,\nsee `code`\n\n```\nmore code\n```\n<!-- hidden -->"
    assert words_of(body) == "Legacy, see …"
    assert words_of("```\ncode\n```") == ""


@settings(max_examples=50, deadline=None)
@given(st.text(max_size=2_000))
def test_words_are_cut_and_never_more_than_a_line(text: str) -> None:
    words = words_of(text)
    assert len(words) <= LONGEST_WORDS
    assert len(words.splitlines()) <= 1


def test_words_are_told_without_the_commands_beside_them() -> None:
    body = "/trivet resolve\n\nLegacy.\n@trivet explain\n@trivet see above"
    assert words_of(body, "trivet") == "Legacy. @trivet see above"
    assert words_of("/trivet resolve won't fix") == ""


def test_a_reply_below_a_long_quote_is_heard_and_below_a_huge_one_is_not() -> None:
    quote = "> It fails for an empty order.\n"
    assert is_dismissal(f"{quote * 200}\nwon't fix")
    assert is_courtesy(f"{quote * 200}\nthanks")
    assert not is_dismissal(f"{quote * 400}\nwon't fix")
    assert not is_courtesy(f"{quote * 400}\nthanks")


def test_a_long_text_that_is_cut_does_not_become_a_dismissal() -> None:
    text = f"By design. {'It has always been so. ' * 40}"
    assert not is_dismissal(text)
    assert not is_dismissal(words_of(text))


@pytest.mark.parametrize(
    "piece", ["ok ", "it's ", "a ", "won't ", "not ", "@", '"', "~~", "http://", ":+1:", "👍", "( ", "no. "]
)
def test_a_hostile_reply_takes_no_time(piece: str) -> None:
    for length in (390, 1_000_000):
        text = (piece * length)[:length]
        start = time.process_time()
        is_dismissal(text), is_courtesy(text), words_of(text)
        assert time.process_time() - start < 1


@pytest.mark.parametrize(
    "said",
    [
        "I won't fix it before you explain it",
        "won't fix it without a test",
        "we won't fix it in another MR, we fix it here",
        "risk accepted by whom",
        "@ada do we accept the risk or fix",
        "will not fix in this MR",
        "won't fix today",
        "It is not a bug, it is a feature request by sales, please keep the thread",
    ],
)
def test_a_dismissal_with_a_condition_is_none(said: str) -> None:
    assert not is_dismissal(said)
