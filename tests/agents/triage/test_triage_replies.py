"""Comments that ask: commands, and questions answered from the issue and the repository."""

from dataclasses import replace
from typing import Any

import pytest

from bot.agents.spec import AgentResult, Asked, Code
from bot.agents.triage.schema import AnswerBlock, Place, QuestionAnswer
from bot.agents.triage.wanted import COMMANDS
from bot.domain.actions import CommentIssue, EditIssue, OpenBranch, OpenMergeRequest
from bot.domain.document import BulletList, Link, Paragraph
from bot.domain.document import Code as CodeBlock
from bot.domain.issues import Choices, IssueComment, IssueLink
from bot.domain.secrets import Redactor
from bot.errors import Declined, Unavailable
from bot.llm.messages import Told, ToolCall
from bot.testing import ScriptedModel
from tests.agents.triage.test_triage_rules import (
    ADA,
    BOT,
    CODE,
    EMPTY,
    ISSUE,
    SAID,
    SNAPSHOT,
    headings,
    inside,
    of_kind,
    reasons,
    rule,
    run,
    shown,
    the_comment,
)

QUESTION = "Where is the VAT rate?"
ASKING = IssueComment("77", ADA, f"@trivet {QUESTION}", mentions_us=True)


def ask(model: ScriptedModel | None, name: str = "", text: str = QUESTION, **other: Any) -> AgentResult:
    asked = Asked(comment="77", person="Ada", name=name, text="" if name else text)
    return run(model, asked=asked, **{"comments": [ASKING], **other})


def answer(*blocks: AnswerBlock, places: tuple[Place, ...] = (), known: bool = True) -> QuestionAnswer:
    return QuestionAnswer(known=known, blocks=list(blocks), places=list(places))


def says(text: str) -> AnswerBlock:
    return AnswerBlock(kind="paragraph", text=text, items=[])


NOT_MAPPED = {"code": None, "workplace": None, "is_mapped": False}
RATE = Place(path="app/prices.py", line=1, quote="RATE = 0.19", why="the rate")


# --- questions


def test_a_question_is_answered_with_the_lines_the_answer_rests_on() -> None:
    call = ToolCall("c1", "search", {"text": "RATE", "folder": ""})
    blocks = (
        says("It is a constant."),
        AnswerBlock(kind="bullets", text="", items=["used once", " "]),
        AnswerBlock(kind="code", text="RATE = 0.19", items=[]),
    )
    model = ScriptedModel([[call], answer(*blocks, places=(RATE,))])
    result = ask(model)
    comment = the_comment(result)
    assert result.actions == (comment,)
    assert (comment.key, comment.issue, comment.internal) == ("answer:77", "SHOP-12", True)
    assert [type(block) for block in comment.body.blocks] == [
        Paragraph,
        BulletList,
        CodeBlock,
        Paragraph,
        BulletList,
    ]
    assert shown(comment.body) == "It is a constant.\nused once\nThis rests on:\napp/prices.py:1 · the rate"
    (link,) = inside(comment.body, Link)
    assert link.url == f"https://gitlab.example/acme/shop/-/blob/{SNAPSHOT.commit}/app/prices.py#L1"
    assert QUESTION in model.prompts[0].messages[0].text  # type: ignore[union-attr]
    assert [one.text for one in model.prompts[1].messages if isinstance(one, Told)]


@pytest.mark.parametrize(
    ("place", "told"),
    [
        (Place(path="app/prices.py", line=40, quote="  RATE = 0.19 ", why=""), "app/prices.py:1"),
        (Place(path="/app/prices.py", line=0, quote="", why=""), "app/prices.py"),
        (Place(path="app/prices.py", line=3, quote="def gross(price):", why=""), ""),
        (Place(path="app/prices.py", line=3, quote="return", why=""), ""),
        (Place(path="app/none.py", line=1, quote="", why=""), ""),
        (Place(path="../../etc/passwd", line=1, quote="", why=""), ""),
        (Place(path="app", line=1, quote="", why=""), ""),
        (Place(path="a\nb", line=1, quote="", why=""), ""),
        (Place(path="x" * 5_000, line=1, quote="", why=""), ""),
        (Place(path="", line=1, quote="", why=""), ""),
    ],
)
def test_a_place_that_does_not_exist_is_left_out_and_reported(place: Place, told: str) -> None:
    result = ask(ScriptedModel([answer(says("So it is."), places=(place,))]))
    expected = ["So it is.", "This rests on:", told] if told else ["So it is."]
    assert shown(the_comment(result).body).split("\n") == expected
    assert ("no such place" in reasons(result)) == (not told)


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        (CODE, "Neither this issue nor the repository answers the question."),
        (None, "This issue and what it leads to do not answer the question."),
    ],
)
@pytest.mark.parametrize("blocks", [(), (says("Ask the tax team."),)])
def test_what_is_not_known_is_said_first(
    code: Code | None, sentence: str, blocks: tuple[AnswerBlock, ...]
) -> None:
    result = ask(ScriptedModel([answer(*blocks, known=False)]), code=code)
    assert shown(the_comment(result).body).split("\n") == [sentence, *(one.text for one in blocks)]


def test_an_empty_answer_is_no_knowledge() -> None:
    result = ask(ScriptedModel([answer(says("  "))]))
    assert "answers the question" in shown(the_comment(result).body)


def test_the_question_is_seen_with_the_issue_its_links_and_open_comments() -> None:
    comments = [
        IssueComment("1", ADA, "We decided on 19 percent"),
        IssueComment("2", ADA, "hidden from customers", internal=True),
        IssueComment("3", ADA, "for admins alone", restricted=True),
        ASKING,
    ]
    model = ScriptedModel([answer(says("Yes."))])
    issue = replace(ISSUE, links=(IssueLink("blocks", "SHOP-13", "Invoices", "To Do"),))
    ask(model, comments=comments, issue=issue)
    for text in ("Prices show no VAT", "blocks SHOP-13: Invoices", "19 percent", "Gross prices are shown"):
        assert text in model.seen
    for text in ("hidden from customers", "for admins alone"):
        assert text not in model.seen


def test_of_a_linked_issue_of_another_project_the_key_alone_is_seen() -> None:
    model = ScriptedModel([answer(says("Yes."))])
    link = IssueLink("is blocked by", "BOARD-5", "Close the Graz office", "To Do")
    ask(model, issue=replace(ISSUE, links=(link,)))
    assert "is blocked by BOARD-5" in model.seen
    assert "Graz" not in model.seen


def test_of_a_long_discussion_the_newest_comments_are_read() -> None:
    comments = [IssueComment(str(n), ADA, f"remark {n} " + "x" * 2_900) for n in range(100)]
    model = ScriptedModel([answer(says("Yes."))])
    ask(model, comments=comments)
    assert "remark 99 " in model.seen
    assert "remark 0 " not in model.seen
    assert model.seen.index("remark 98 ") < model.seen.index("remark 99 ")


@pytest.mark.parametrize("name", ["", "summarize", "labels", "comment"])
def test_without_a_model_who_asks_is_told_so_in_one_sentence(name: str) -> None:
    result = ask(None, name)
    assert shown(the_comment(result).body) == (
        "No model is configured here, so this cannot be done; help says what can."
    )
    assert len(result.complaints) == 1


@pytest.mark.parametrize("name", ["", "summarize"])
@pytest.mark.parametrize("error", [Declined("no"), Unavailable("busy")])
def test_a_failing_model_is_told_in_one_sentence(name: str, error: Exception) -> None:
    result = ask(ScriptedModel([error]), name)
    assert shown(the_comment(result).body) == "The model gave no answer this time. Ask again later."
    assert len(result.failures) == 1


def test_an_answer_is_bounded_however_long_the_model_speaks() -> None:
    flood = [AnswerBlock(kind="bullets", text="t " * 9_000, items=["i" * 9_000] * 90)] * 50
    code = [AnswerBlock(kind="code", text="c\n" * 9_000, items=[])] * 50
    for blocks in (flood, code):
        body = the_comment(ask(ScriptedModel([answer(*blocks)]))).body
        assert 1_000 < sum(map(len, body.texts())) <= 20_000


def test_secrets_reach_neither_the_model_nor_the_answer() -> None:
    own, token = "hK7" + "vQ2mZ9" + "pL4xT8wB1n", "glpat-" + "Zq8Rt2vLm4" + "Xc7Wn1Kd9P"
    issue = replace(ISSUE, title=f"Rotate {token}", description=f"the old one is {own}")
    snapshot = type(SNAPSHOT)({"app/prices.py": f"KEY = '{own}'\n"})
    reply = answer(
        says(f"It is {own}."),
        AnswerBlock(kind="code", text=f"x = '{token}'", items=[]),
        places=(Place(path="app/prices.py", line=1, quote=f"KEY = '{own}'", why=token),),
    )
    call = ToolCall("c1", "read_lines", {"path": "app/prices.py", "first": 1, "last": 1, "why": token})
    model = ScriptedModel([[call], reply])
    result = ask(
        model,
        text=f"Is it {token}?",
        issue=issue,
        comments=[ASKING, IssueComment("5", ADA, own)],
        redactor=Redactor([own], key=b"key"),
        code=replace(CODE, snapshot=snapshot),
    )
    written = the_comment(result).model_dump_json() + reasons(result)
    for secret in (own, token):
        assert secret not in model.seen
        assert secret not in written
    assert "<REDACTED:" in model.seen


# --- who reads the answer


def test_what_is_asked_in_an_internal_comment_is_answered_in_one() -> None:
    result = ask(ScriptedModel([answer(says("Yes."))]), comments=[replace(ASKING, internal=True)])
    assert the_comment(result).internal


def test_a_question_in_a_restricted_comment_is_not_answered_to_everybody() -> None:
    model = ScriptedModel([])
    result = ask(model, comments=[replace(ASKING, restricted=True)])
    assert shown(the_comment(result).body).startswith("A restricted comment is not answered")
    assert model.calls == 0


def test_what_is_answered_is_not_answered_again() -> None:
    ours = IssueComment("78", BOT, "It is a constant.", properties={"trivet": {"v": 1, "key": "answer:77"}})
    model = ScriptedModel([])
    result = ask(model, comments=[ASKING, ours])
    assert result.actions == ()
    assert model.calls == 0
    assert reasons(result).startswith("answered already")
    forged = replace(ours, author=ADA)
    assert ask(ScriptedModel([answer(says("Yes."))]), comments=[ASKING, forged]).actions != ()


# --- commands


def test_help_lists_every_command_and_needs_no_model() -> None:
    model = ScriptedModel([])
    result = ask(model, "help")
    text = shown(the_comment(result).body)
    assert all(f"{name}: " in text for name in COMMANDS)
    assert the_comment(result).key == "answer:77"
    assert model.calls == 0


@pytest.mark.parametrize(
    ("name", "edit"),
    [
        ("labels", EditIssue(key="fields", issue="SHOP-12", labels=("tax",))),
        ("component", EditIssue(key="fields", issue="SHOP-12", components=("Backend",))),
        ("priority", EditIssue(key="fields", issue="SHOP-12", priority="High")),
    ],
)
def test_a_commanded_field_is_written(name: str, edit: EditIssue) -> None:
    result = ask(ScriptedModel([SAID]), name)
    assert of_kind(result, EditIssue) == [edit]
    comment = the_comment(result)
    assert (comment.key, comment.memory) == ("answer:77", {})
    assert headings(comment.body) == ["Written to the fields"]


@pytest.mark.parametrize("name", ["summarize", "missing", "comment"])
def test_a_command_is_answered_in_a_comment_of_its_own(name: str) -> None:
    result = ask(ScriptedModel([SAID]), name)
    assert [action.key for action in result.actions] == ["answer:77"]
    assert headings(the_comment(result).body)


def test_what_is_commanded_is_said_anew() -> None:
    first = run(ScriptedModel([SAID]), rule("summarize"))
    model = ScriptedModel([SAID])
    ask(model, "summarize", memory=the_comment(first).memory)
    assert model.calls == 1


def test_a_commanded_draft_takes_the_names_that_an_earlier_rule_gave() -> None:
    first = run(None, rule("branch", branch="work/{key}"))
    result = ask(None, "draft_merge_request", memory=the_comment(first).memory)
    assert [one.name for one in of_kind(result, OpenBranch)] == ["work/SHOP-12"]
    assert [one.branch for one in of_kind(result, OpenMergeRequest)] == ["work/SHOP-12"]
    assert [one.key for one in of_kind(result, CommentIssue)] == ["answer:77"]


def test_a_commanded_branch_takes_its_name_from_the_rules_at_hand() -> None:
    asked = Asked(comment="77", person="Ada", name="branch")
    result = run(None, rule("branch", branch="{type}/{key}"), rule("summarize"), asked=asked)
    assert [one.name for one in of_kind(result, OpenBranch)] == ["bug/SHOP-12"]
    assert [action.kind for action in result.actions] == ["open_branch", "comment_issue"]


@pytest.mark.parametrize(
    ("name", "other", "sentence"),
    [
        (
            "branch",
            NOT_MAPPED,
            "TRIVET_RULES maps SHOP to no GitLab project; name one by `gitlab` in a rule of it",
        ),
        ("comment", {"code": None}, "the issue has no repository that could be looked at"),
        ("component", {"choices": Choices()}, "the project of the issue has none to choose from"),
    ],
)
def test_what_cannot_be_done_is_said_with_the_reason(name: str, other: dict[str, Any], sentence: str) -> None:
    result = ask(ScriptedModel([]), name, **other)
    assert shown(the_comment(result).body) == f"This cannot be done here: {sentence}."


def test_a_command_that_brings_nothing_is_answered_all_the_same() -> None:
    result = ask(ScriptedModel([EMPTY]), "labels")
    assert shown(the_comment(result).body) == "There is nothing to say to this."
    assert of_kind(result, EditIssue) == []


def test_a_comment_that_is_not_among_those_read_is_answered() -> None:
    assert the_comment(ask(None, "help", comments=[])).key == "answer:77"
