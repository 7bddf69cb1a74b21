"""Commands that need no model: what each does, and that nothing of the repository is read for it."""

import re
from dataclasses import replace

import pytest

from bot.agents.ask import SPEC
from bot.agents.ask.proposing import BY_NAME
from bot.domain.actions import Action, Reply
from bot.domain.commands import COMMANDS, UnknownCommand, parse_command
from bot.domain.sanitize import sanitize
from bot.policy import Ground, decide
from bot.testing import ScriptedModel
from tests.agents.ask.asked import ADA, KNOWN, OURS, UNREAD, ask, note, of_kind, outcome, the_reply


def allowed(*actions: Action) -> bool:
    kept, decisions = decide(actions, Ground(SPEC))
    return len(kept) == len(actions) and not decisions


@pytest.mark.parametrize("name", ["pause", "resume"])
def test_pause_and_resume_are_answered_by_a_reaction_alone(name: str) -> None:
    result = ask(None, name, about=None, **UNREAD)
    assert outcome(result) == "white_check_mark"
    assert len(result.actions) == 1


def test_resolve_in_a_findings_thread_closes_it_without_words_as_dismissed() -> None:
    result = ask(None, "resolve", known=[replace(KNOWN, key="b2" * 16, thread="other")], **UNREAD)
    assert the_reply(result) == Reply(
        key="dismissed:77", thread="thread-1", body="", resolves=True, finding=KNOWN.key
    )
    assert outcome(result) == "white_check_mark"
    assert allowed(*result.actions)


def test_resolve_elsewhere_closes_every_open_thread_of_our_findings() -> None:
    keys = [f"{digit}1" * 16 for digit in "abcde"]
    opened, regressed, dismissed, fixed, summary = (
        replace(KNOWN, key=key, thread=f"t-{key}") for key in keys
    )
    known = [
        opened,
        replace(regressed, state="regressed"),
        replace(dismissed, state="dismissed"),
        replace(fixed, state="fixed"),
        replace(summary, thread=""),
    ]
    result = ask(None, "resolve", about=None, known=known, **UNREAD)
    closed = of_kind(result, Reply)
    assert [(one.thread, one.finding, one.resolves, one.body) for one in closed] == [
        (f"t-{key}", key, True, "") for key in keys[:2]
    ]
    assert allowed(*result.actions)


def test_resolve_where_nothing_is_open_is_done_at_once() -> None:
    assert outcome(ask(None, "resolve", about=None)) == "white_check_mark"


def test_a_dismissal_closes_the_thread_and_says_nothing() -> None:
    result = ask(None, "dismissal", "won't fix", **UNREAD)
    reply = the_reply(result)
    assert (reply.key, reply.body, reply.resolves, reply.finding) == ("dismissed:77", "", True, KNOWN.key)
    assert outcome(result) == "white_check_mark"


@pytest.mark.parametrize("internal", [False, True])
@pytest.mark.parametrize("name", ["help", "", "ask", "dismissal", "resolve"])
def test_whatever_is_asked_internally_is_answered_internally(name: str, internal: bool) -> None:
    asking = note(77, ADA, f"/trivet {name}", internal=internal)
    assert the_reply(ask(None, name, said=(OURS, asking), word="x", **UNREAD)).internal is internal


def test_help_lists_every_command_and_that_of_pages_only_where_there_are_some() -> None:
    result = ask(None, "help", about=None, **UNREAD)
    text = the_reply(result).body
    assert all(f"`{name}" in text for name in COMMANDS.keys() - {"accept"})
    assert "`review full`" in text
    assert "`@trivet`" in text
    assert "`accept`" not in text
    assert "`accept`" in the_reply(ask(None, "help", has_pages=True)).body
    assert (the_reply(result).key, outcome(result)) == ("answer:77", "white_check_mark")
    assert allowed(*result.actions)


def test_help_reads_the_same_after_the_sanitizer() -> None:
    text = the_reply(ask(None, "help", has_pages=True)).body
    assert sanitize(text, redact=lambda said: said) == text


def test_help_names_no_account_where_ours_is_not_known() -> None:
    assert "@" not in the_reply(ask(None, "help", bot="")).body


def test_an_unknown_command_gets_one_line_with_what_was_probably_meant() -> None:
    result = ask(None, "", word="reviw", meant="review", about=None, **UNREAD)
    assert the_reply(result).body == (
        "`reviw` is no command: did you mean `review`? `/trivet help` lists them."
    )
    assert outcome(result) == "confused"


def test_an_unknown_word_that_is_like_no_command_is_only_told_of_the_list() -> None:
    body = the_reply(ask(None, "", word="dance", about=None)).body
    assert body == "`dance` is no command: `/trivet help` lists them."


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        ("review full --rm -rf /", "`review` does not take `--rm`: it takes `full`, or nothing."),
        ("pause forever", "`pause` does not take `forever`: it stands alone."),
    ],
)
def test_a_wrong_argument_is_told_what_its_command_takes(said: str, answer: str) -> None:
    command = parse_command(f"/trivet {said}", None)
    assert isinstance(command, UnknownCommand)
    result = ask(None, "", word=command.word, meant=command.did_you_mean or "", about=None, **UNREAD)
    assert the_reply(result).body == f"{answer} `/trivet help` lists the commands."
    assert outcome(result) == "confused"


@pytest.mark.parametrize("command", ["", "review "])
@pytest.mark.parametrize("word", ["`/approve`", "@ada", "[x](http://evil.example)", "a|b", "<img>", "#1"])
def test_a_strangers_word_shows_literally(command: str, word: str) -> None:
    body = sanitize(the_reply(ask(None, "", word=command + word)).body, redact=lambda said: said)
    outside_code = re.sub(r"(`+).*?\1(?!`)", "", body)
    assert "\n" not in body
    assert not body.startswith("/")
    assert not re.search(r"@|\(http|<|#", outside_code)


@pytest.mark.parametrize(("name", "said"), [("ask", "/trivet ask Why"), ("explain", "thread of a finding")])
def test_a_question_without_words_is_told_how_to_ask(name: str, said: str) -> None:
    model = ScriptedModel([])
    result = ask(model, name, about=None, **UNREAD)
    assert said in the_reply(result).body
    assert outcome(result) == "confused"
    assert model.calls == 0


@pytest.mark.parametrize(("name", "text"), [("ask", "Why?"), ("explain", "Why?"), ("explain", "")])
def test_without_a_model_who_asks_is_told_so_in_one_line(name: str, text: str) -> None:
    result = ask(None, name, text, **UNREAD)
    assert the_reply(result).body == (
        "No model is configured here, so this cannot be answered; `/trivet help` says what can be done."
    )
    assert outcome(result) == "warning"


def test_every_command_that_this_agent_answers_is_known_to_the_parser() -> None:
    assert BY_NAME.keys() - {"", "dismissal"} <= COMMANDS.keys()
