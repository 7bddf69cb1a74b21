"""Questions and explanations, answered by a model from the change and the repository at head."""

import json
from dataclasses import replace
from typing import Any

import pytest

from bot.agents.ask.words import MOST_TEXT
from bot.agents.review.schema import QuotedLine
from bot.agents.triage.schema import AnswerBlock
from bot.domain.change import FileStatus
from bot.domain.sanitize import sanitize
from bot.domain.secrets import Redactor
from bot.errors import Declined, NotFound, OverBudget, TooLong, Unavailable
from bot.llm.budget import most_tokens
from bot.llm.messages import Asked, Called, Told, ToolCall
from bot.testing import ScriptedModel
from tests.agents.ask.asked import (
    ADA,
    BEN,
    CALLER_PATH,
    CART,
    GUARD,
    HOST,
    INVENTED,
    KNOWN,
    ME,
    MERGE_REQUEST,
    OURS,
    PATH,
    answers,
    ask,
    note,
    outcome,
    reasons,
    says,
    shell,
    the_reply,
)
from tests.doubles import DictSnapshot, added_file, change_of

QUESTION = "Who calls total with an empty cart?"
LOOK = ToolCall("c1", "search", {"text": "total(", "folder": ""})


def asked(model: ScriptedModel) -> str:
    """Our words to the model in its first turn."""
    (said,) = [one.text for one in model.prompts[0].messages if isinstance(one, Asked)]
    return said


def test_a_question_is_answered_in_its_thread_with_the_lines_the_answer_rests_on() -> None:
    model = ScriptedModel([[LOOK], answers("Nobody: `checkout` refuses it.", places=(GUARD,))])
    result = ask(model, "ask", QUESTION, about=None)
    reply = the_reply(result)
    url = f"{HOST}/-/blob/{MERGE_REQUEST.head}/{CALLER_PATH}#L2"
    assert reply.body == (f"Nobody: `checkout` refuses it.\n\nThis rests on [`{CALLER_PATH}:2`]({url}).")
    assert (reply.key, reply.thread, reply.resolves, reply.finding) == ("answer:77", "thread-1", None, "")
    assert outcome(result) == "white_check_mark"
    assert result.usage.calls == 2
    assert result.model == "scripted:model"
    assert any("shop/checkout.py:4" in one.text for one in model.prompts[1].messages if isinstance(one, Told))
    assert sanitize(reply.body, hosts=frozenset({"gitlab.example"}), redact=str) == reply.body


def test_the_model_sees_the_request_the_diff_the_thread_the_findings_and_who_asks() -> None:
    model = ScriptedModel([answers("Yes.")])
    said = (note(70, BEN, "I wonder"), note(71, ME, "So do I"), note(77, ADA, f"@trivet ask {QUESTION}"))
    ask(
        model,
        "ask",
        QUESTION,
        about=None,
        said=said,
        known=[replace(KNOWN, state="dismissed", why="secret!")],
    )
    prompt, text = model.prompts[0], asked(model)
    assert "Sums up a cart." in prompt.shared
    assert "dismissed, major: An empty cart raises IndexError (shop/cart.py:2)" in prompt.shared
    assert "secret!" not in model.seen
    assert "+     first = items[0].price" in text
    assert "+     if not order.items:" in text
    assert '"who": "someone else"' in text
    assert '"who": "you"' in text
    assert json.dumps(QUESTION) in text
    assert text.count(QUESTION) == 2  # what is asked, and the whole note
    assert "{calls}" not in prompt.system


def test_a_finding_is_explained_in_its_thread_from_the_change_near_it_and_the_code_around_it() -> None:
    model = ScriptedModel([answers("`items` may be empty.")])
    result = ask(model, "explain")
    text = asked(model)
    assert "The change near the finding" in text
    assert '"what": "An empty cart raises IndexError"' in text
    assert "if not order.items" not in text
    assert "You explain it to a member" in model.prompts[0].system
    assert the_reply(result).body == "`items` may be empty."
    assert the_reply(result).resolves is None


def test_a_model_without_tools_is_shown_the_whole_change() -> None:
    model = ScriptedModel([answers("It may be.")], has_tools=False)
    ask(model, "explain")
    assert "if not order.items" in asked(model)
    assert "# The repository" not in model.prompts[0].system
    assert model.prompts[0].must_answer


def test_the_finding_is_shown_where_its_line_stands_now_also_in_a_renamed_file() -> None:
    moved = f"# sums\n\n{CART}"
    file = replace(
        added_file("shop/sums.py", moved), old_path=PATH, old_mode="100644", status=FileStatus.RENAMED
    )
    model = ScriptedModel([answers("Yes.")])
    snapshot = DictSnapshot({"shop/sums.py": moved})
    ask(model, "explain", change=lambda: change_of(file), snapshot=lambda: snapshot)
    assert '"path": "shop/sums.py",\n "line": 4' in asked(model)


def test_explain_with_a_question_elsewhere_is_a_question() -> None:
    model = ScriptedModel([answers("It retries.")])
    ask(model, "explain", "the retry", about=None)
    assert "You answer a question" in model.prompts[0].system
    assert '"command": "explain"' in asked(model)


@pytest.mark.parametrize(
    ("place", "shown"),
    [
        (GUARD, f"{CALLER_PATH}:2"),
        (
            QuotedLine(
                path="./shop/cart.py",
                line=9,
                quote="3 + return first + sum(item.price for item in items[1:])",
            ),
            f"{PATH}:3",
        ),
        (QuotedLine(path="README.md", line=1, quote="# Shop"), "README.md:1"),
        (INVENTED, ""),
        (QuotedLine(path="../../etc/passwd", line=1, quote="root:x:0:0"), ""),
        (QuotedLine(path=PATH, line=1, quote=""), ""),
        (QuotedLine(path="nothing.py", line=1, quote="import os"), ""),
    ],
)
def test_a_place_is_told_only_where_its_line_stands_at_head(place: QuotedLine, shown: str) -> None:
    body = the_reply(ask(ScriptedModel([answers("So it is.", places=(place,))]), "ask", "Is it?")).body
    assert body.startswith("So it is.")
    assert (f"[`{shown}`]" in body) if shown else body == "So it is."


def test_at_most_five_places_are_told_each_once() -> None:
    lines = [QuotedLine(path="long.txt", line=n, quote=f"line number {n}") for n in range(1, 9)]
    snapshot = DictSnapshot({"long.txt": "".join(f"line number {n}\n" for n in range(1, 9))})
    said = answers("Here.", places=(lines[0], *lines))
    body = the_reply(ask(ScriptedModel([said]), "ask", "Where?", snapshot=lambda: snapshot)).body
    assert body.count("long.txt:") == 5
    assert body.count("long.txt:1`") == 1


def test_without_an_address_places_are_told_without_links() -> None:
    request = replace(MERGE_REQUEST, web_url="")
    model = ScriptedModel([answers("Here.", places=(GUARD,))])
    assert the_reply(ask(model, "ask", "Where?", request=request)).body.endswith(f"`{CALLER_PATH}:2`.")


@pytest.mark.parametrize("texts", [(), ("Ask the tax team.",), ("  ",)])
def test_what_is_not_known_is_said_first(texts: tuple[str, ...]) -> None:
    result = ask(ScriptedModel([answers(*texts, known=False)]), "ask", "Why?")
    first, *rest = the_reply(result).body.split("\n\n")
    assert first == "Neither this change nor the repository answers the question."
    assert rest == [text for text in texts if text.strip()]
    assert outcome(result) == "white_check_mark"


def test_an_answer_is_bounded_however_long_the_model_speaks() -> None:
    bullets = [AnswerBlock(kind="bullets", text="t " * 9_000, items=["i" * 9_000] * 90)] * 50
    code = [AnswerBlock(kind="code", text="c\n" * 9_000, items=[])] * 50
    for blocks in (bullets, code):
        body = the_reply(
            ask(ScriptedModel([answers().model_copy(update={"blocks": blocks})]), "ask", "?")
        ).body
        assert 1_000 < len(body) <= MOST_TEXT + 200


def test_blocks_become_paragraphs_lists_and_code_that_show_literally() -> None:
    blocks = [
        *says("/approve **now** and ![x](http://evil.example/x.png)"),
        AnswerBlock(kind="bullets", text="", items=["one\n/close", " ", "# two"]),
        AnswerBlock(kind="code", text="x = 1\n```\n/merge", items=[]),
    ]
    answer = answers().model_copy(update={"blocks": blocks})
    body = sanitize(the_reply(ask(ScriptedModel([answer]), "ask", "What?")).body, redact=str)
    assert not any(line.startswith("/") for line in body.split("\n"))
    assert "![x](" not in body
    assert "- one /close" in body
    assert "````text\nx = 1\n```\n" in body


@pytest.mark.parametrize("error", [Declined("no"), OverBudget("spent"), Unavailable("busy")])
def test_a_failing_model_is_told_in_one_line_and_reported(error: Exception) -> None:
    result = ask(ScriptedModel([error]), "ask", "Why?")
    assert the_reply(result).body == "The model gave no answer this time. Ask again later."
    assert outcome(result) == "warning"
    assert result.failures == (f"The model did not answer: {error}",)
    assert result.complaints == result.failures


def test_a_run_that_can_wait_waits_for_its_model() -> None:
    with pytest.raises(Unavailable):
        ask(ScriptedModel([Unavailable("busy")]), "ask", "Why?", can_wait=True)


def test_what_was_read_is_left_out_where_it_was_too_much() -> None:
    model = ScriptedModel([[LOOK], TooLong("too long"), answers("Yes.")])
    result = ask(model, "ask", "Why?")
    assert the_reply(result).body == "Yes."
    assert not any(isinstance(one, Called) for one in model.prompts[2].messages)
    assert model.prompts[2].must_answer


def test_a_model_that_only_reads_has_to_answer_in_its_last_turn() -> None:
    model = ScriptedModel(lambda prompt: answers("Enough.") if prompt.must_answer else [LOOK])
    assert the_reply(ask(model, "ask", "Why?")).body == "Enough."
    assert model.calls == 6


def test_every_prompt_fits_a_small_window_whatever_is_said() -> None:
    flood = "x " * 40_000
    said = tuple(note(100 + n, BEN, flood) for n in range(300))
    request = replace(MERGE_REQUEST, description=flood, title=flood)
    big = change_of(*(added_file(f"f{n}.py", "y = 1\n" * 500) for n in range(60)))
    model = ScriptedModel([answers("Yes.")], window=8_000)
    result = ask(
        model,
        "ask",
        flood[:2_000],
        said=(*said, note(500, ADA, flood)),
        note=500,
        request=request,
        change=lambda: big,
        about=None,
    )
    assert the_reply(result).body == "Yes."
    assert most_tokens(model.prompts[0]) <= 8_000


def test_of_a_long_thread_the_newest_notes_are_read() -> None:
    said = (
        OURS,
        *(note(100 + n, BEN, f"remark {n}. " + "x" * 2_900) for n in range(300)),
        note(500, ADA, "why"),
    )
    model = ScriptedModel([answers("Yes.")])
    ask(model, "explain", said=said)
    assert "remark 299." in model.seen
    assert "remark 0." not in model.seen
    assert model.seen.index("remark 298.") < model.seen.index("remark 299.")


def test_secrets_reach_neither_the_model_nor_the_answer() -> None:
    own, token = "hK7" + "vQ2mZ9" + "pL4xT8wB1n", "glpat-" + "Zq8Rt2vLm4" + "Xc7Wn1Kd9P"
    snapshot = DictSnapshot({PATH: f"KEY = '{own}'\n"})
    said = answers(f"It is {own}.", places=(QuotedLine(path=PATH, line=1, quote=f"KEY = '{own}'"),))
    coded = said.model_copy(
        update={"blocks": [*said.blocks, AnswerBlock(kind="code", text=f"x = '{token}'", items=[])]}
    )
    call = ToolCall("c1", "read_lines", {"path": PATH, "first": 1, "last": 1, "why": token})
    model = ScriptedModel([[call], coded])
    result = ask(
        model,
        "ask",
        f"Is it {token}?",
        request=replace(MERGE_REQUEST, title=f"Rotate {token}", description=f"the old one is {own}"),
        said=(note(70, BEN, own), note(77, ADA, f"Is it {token}?")),
        redactor=Redactor([own], key=b"key"),
        change=lambda: change_of(added_file(PATH, f"KEY = '{own}'\n")),
        snapshot=lambda: snapshot,
    )
    written = the_reply(result).model_dump_json() + "".join(reasons(result))
    for secret in (own, token):
        assert secret not in model.seen
        assert secret not in written
    assert "<REDACTED:" in model.seen


def test_hidden_comments_of_notes_are_not_shown_to_the_model() -> None:
    hidden = "<!-- trivet-finding:v1 data=eNqr mac=" + "a" * 40 + " -->"
    model = ScriptedModel([answers("Yes.")])
    ask(model, "ask", "Why?", about=None, said=(note(70, ME, f"Seen.\n\n{hidden}"), note(77, ADA, "Why?")))
    assert "eNqr" not in model.seen
    assert "Seen." in model.seen


def test_a_question_of_a_shell_is_answered_there_and_writes_nothing() -> None:
    result = shell(ScriptedModel([answers("Nobody does.", places=(GUARD,))]), QUESTION)
    assert result.actions == ()
    assert result.answer.startswith("Nobody does.\n\nThis rests on [")
    failed = shell(ScriptedModel([Declined("no")]), QUESTION)
    assert (failed.actions, len(failed.failures)) == ((), 1)


def test_a_repository_that_cannot_be_read_ends_the_run() -> None:
    def gone() -> Any:
        raise NotFound("the repository is gone")

    with pytest.raises(NotFound):
        ask(ScriptedModel([answers("Yes.")]), "ask", "Why?", snapshot=gone)
