"""What the rules start on an issue: actions, the one comment, what it remembers."""

import json
from dataclasses import replace
from typing import Any

import pytest

from bot.agents.spec import AgentResult, Code, TriageContext, Workplace
from bot.agents.triage import SPEC
from bot.agents.triage.schema import Choice, Place, TriageAnswer
from bot.domain.actions import Action, CommentIssue, EditIssue, LinkIssue, OpenBranch, OpenMergeRequest
from bot.domain.criteria import Criterion
from bot.domain.document import Document, Heading, Link, Made, lines_of
from bot.domain.flow import CodeProject
from bot.domain.issues import Choices, Issue, IssueComment, IssuePerson, IssueStatus
from bot.domain.rules import JiraRule, On
from bot.domain.secrets import Redactor
from bot.errors import Declined, NoModel, NotFound, OverBudget, Superseded, TooLong, Unavailable, Unusable
from bot.llm.messages import Asked as Words
from bot.llm.messages import Called, Prompt, Told, ToolCall, Usage
from bot.testing import ScriptedModel
from tests.doubles import DictSnapshot

ADA = IssuePerson("ada-1", "Ada")
BOT = IssuePerson("bot-1", "Trivet")
ISSUE = Issue(
    id="10012",
    key="SHOP-12",
    project="SHOP",
    type="Bug",
    title="Prices show no VAT",
    description="The price list shows net prices.\n\n- [ ] Gross prices are shown",
    status=IssueStatus("To Do", "new"),
    url="https://jira.example/browse/SHOP-12",
    labels=("prices",),
    priority="Medium",
    reporter=ADA,
)
CRITERIA = (Criterion("c1", "Gross prices are shown"),)
CHOICES = Choices(components=("Backend", "Web"), priorities=("High", "Medium"), labels=("tax", "prices"))
PROJECT = CodeProject(5, "acme/shop", "private", "main", "https://gitlab.example/acme/shop")
SNAPSHOT = DictSnapshot({
    "app/prices.py": "RATE = 0.19\n\ndef net(price):\n    return price\n",
    "app/odd\nname.py": "x = 1\n",
    "README.md": "# Shop\n",
})  # fmt: skip
CODE = Code(PROJECT, SNAPSHOT)
PLACE = Workplace(PROJECT, "main", tells_issue=True, assignee="ada")
PUBLIC = replace(PLACE, project=replace(PROJECT, visibility="public"), tells_issue=False, assignee="")
SECURED = {
    "issue": replace(ISSUE, security="Board"),
    "code": None,
    "workplace": replace(PLACE, tells_issue=False, assignee=""),
}

SAID = TriageAnswer(
    summary=["Customers need gross prices.", "The list shows net ones."],
    questions=["Which VAT rate applies abroad?"],
    criteria=["The rate is shown beside the price", "Gross prices are shown"],
    labels=[Choice(value="TAX", reason="It is about VAT.")],
    component=Choice(value="backend", reason="Prices are computed there."),
    priority=Choice(value="High", reason="Every customer sees it."),
    note="Prices are computed in one function.",
    places=[
        Place(path="./app/prices.py", line=9, quote="def net(price):", why="computes the price"),
        Place(path="README.md", line=0, quote="", why="tells how to run it"),
    ],
)
TEXTS = ("summarize", "missing", "labels", "component", "priority", "comment")


def rule(*do: str, **other: Any) -> JiraRule:
    return JiraRule.model_validate(
        {"project": "SHOP", "gitlab": "acme/shop", "on": On(event="created"), "do": do} | other
    )


def run(model: ScriptedModel | None, *rules: JiraRule, **other: Any) -> AgentResult:
    given: dict[str, Any] = {
        "issue": ISSUE,
        "redactor": Redactor(),
        "rules": rules,
        "mine": BOT.id,
        "criteria": CRITERIA,
        "choices": CHOICES,
        "code": CODE,
        "workplace": PLACE,
        "is_mapped": True,
        "model": model,
    }
    return SPEC.run(TriageContext(**given | other))


def of_kind(result: AgentResult, kind: type[Any]) -> list[Any]:
    return [action for action in result.actions if isinstance(action, kind)]


def the_comment(result: AgentResult) -> CommentIssue:
    (comment,) = of_kind(result, CommentIssue)
    assert isinstance(comment, CommentIssue)
    return comment


def shown(document: Document) -> str:
    """A line for each line, item or cell."""
    return "\n".join(
        "".join(one.text for one in line) for block in document.blocks for line in lines_of(block)
    )


def headings(document: Document) -> list[str]:
    return [block.content[0].text for block in document.blocks if isinstance(block, Heading)]


def reasons(result: AgentResult) -> str:
    return "\n".join(decision.reason for decision in result.decisions if not decision.allowed)


def inside(document: Document, kind: type[Any]) -> list[Any]:
    return [
        one for block in document.blocks for line in lines_of(block) for one in line if isinstance(one, kind)
    ]


# --- what each rule brings


@pytest.mark.parametrize(
    ("do", "titles", "lines"),
    [
        ("summarize", ["In short"], ["Customers need gross prices.", "The list shows net ones."]),
        (
            "missing",
            ["To be answered before work starts", "Proposed acceptance criteria"],
            ["Which VAT rate applies abroad?", "The rate is shown beside the price"],
        ),
        ("labels", ["Proposed for the fields"], ["Label: tax · It is about VAT."]),
        ("component", ["Proposed for the fields"], ["Component: Backend · Prices are computed there."]),
        ("priority", ["Proposed for the fields"], ["Priority: High · Every customer sees it."]),
        (
            "comment",
            ["Where the work is"],
            [
                "Prices are computed in one function.",
                "app/prices.py:3 · computes the price",
                "README.md · tells how to run it",
            ],
        ),
    ],
)
def test_a_reading_rule_gives_its_section_and_nothing_else(
    do: str, titles: list[str], lines: list[str]
) -> None:
    model = ScriptedModel([SAID])
    result = run(model, rule(do))
    comment = the_comment(result)
    assert result.actions == (comment,)
    assert (comment.key, comment.issue) == ("triage", "SHOP-12")
    assert headings(comment.body) == titles
    assert [line for line in shown(comment.body).split("\n") if line not in titles][:-1] == lines
    assert "Written by a model" in shown(comment.body).split("\n")[-1]
    assert model.calls == 1


def test_all_reading_rules_together_are_one_model_call_and_one_comment() -> None:
    model = ScriptedModel([SAID])
    result = run(model, rule("summarize", "missing"), rule("labels", "component", "priority", "comment"))
    assert (model.calls, result.usage.calls, result.model) == (1, 1, "scripted:model")
    assert headings(the_comment(result).body) == [
        "In short",
        "To be answered before work starts",
        "Proposed acceptance criteria",
        "Proposed for the fields",
        "Where the work is",
    ]
    (wanted,) = [message.text for message in model.prompts[0].messages if isinstance(message, Words)]
    assert "`summary`, `questions` and `criteria`, `labels`, `component`, `priority`" in wanted
    assert '"Backend"' in wanted


def test_what_was_not_asked_for_is_not_used() -> None:
    assert headings(the_comment(run(ScriptedModel([SAID]), rule("summarize"))).body) == ["In short"]


def test_fields_are_written_where_the_rule_says_so_and_told_as_written() -> None:
    result = run(
        ScriptedModel([SAID]), rule("labels", "component", "priority", fields=("labels", "priority"))
    )
    edit, comment = result.actions
    assert edit == EditIssue(key="fields", issue="SHOP-12", labels=("tax",), priority="High")
    assert headings(the_comment(result).body) == ["Written to the fields", "Proposed for the fields"]
    assert comment == the_comment(result)


def test_places_lead_to_the_commit_that_was_read() -> None:
    links = inside(the_comment(run(ScriptedModel([SAID]), rule("comment"))).body, Link)
    assert [link.url for link in links] == [
        f"https://gitlab.example/acme/shop/-/blob/{SNAPSHOT.commit}/app/prices.py#L3",
        f"https://gitlab.example/acme/shop/-/blob/{SNAPSHOT.commit}/README.md",
    ]


EMPTY = TriageAnswer(
    summary=[],
    questions=[" "],
    criteria=[],
    labels=[],
    component=None,
    priority=None,
    note="",
    places=[],
)


def test_nothing_to_say_means_no_comment() -> None:
    result = run(ScriptedModel([EMPTY]), rule(*TEXTS, fields=("labels", "component", "priority")))
    assert result.actions == ()


# --- branch and draft merge request


def test_a_branch_begins_at_the_branch_of_the_code_and_the_comment_leads_there() -> None:
    result = run(None, rule("branch", branch="{type}/{key}-{slug}"))
    branch, comment = result.actions
    assert branch == OpenBranch(key="branch", name="bug/SHOP-12-prices-show-no-vat", ref="main")
    assert isinstance(comment, CommentIssue)
    assert shown(comment.body) == "Work begun\nBranch: bug/SHOP-12-prices-show-no-vat"
    assert inside(comment.body, Made) == [Made(action="branch", text="bug/SHOP-12-prices-show-no-vat")]
    assert result.complaints == ()


@pytest.mark.parametrize("do", [("draft_merge_request",), ("branch", "draft_merge_request")])
def test_a_draft_brings_its_branch_is_assigned_and_linked(do: tuple[str, ...]) -> None:
    result = run(None, rule(*do))
    branch, draft, link, comment = result.actions
    assert branch == OpenBranch(key="branch", name="SHOP-12-prices-show-no-vat", ref="main")
    assert draft == OpenMergeRequest(
        key="draft_merge_request",
        branch="SHOP-12-prices-show-no-vat",
        target="main",
        title="SHOP-12 Prices show no VAT",
        body=(
            "Issue: [SHOP-12](https://jira.example/browse/SHOP-12)\n\n"
            "A draft to work in, begun as the issue asked for it.\n\n"
            "**Acceptance criteria**\n\n- [ ] Gross prices are shown"
        ),
        assignee="ada",
    )
    assert link == LinkIssue(key="link", issue="SHOP-12", made="draft_merge_request")
    assert isinstance(comment, CommentIssue)
    assert [one.action for one in inside(comment.body, Made)] == ["branch", "draft_merge_request"]
    assert headings(comment.body) == ["Work begun"]


def test_the_rule_names_title_and_target() -> None:
    result = run(None, rule("draft_merge_request", title="[{type}] {title} ({key})", target_branch="release"))
    (draft,) = of_kind(result, OpenMergeRequest)
    assert (draft.title, draft.target) == ("[Bug] Prices show no VAT (SHOP-12)", "release")


@pytest.mark.parametrize(
    ("other", "why"),
    [({"workplace": PUBLIC}, "acme/shop is public"), (SECURED, "SHOP-12 has a security level")],
    ids=["public", "secured"],
)
def test_where_the_issue_may_not_be_told_there_are_key_and_link_alone(
    other: dict[str, Any], why: str
) -> None:
    result = run(None, rule("draft_merge_request", branch="{type}/{slug}"), **other)
    branch, draft, link, comment = result.actions
    assert isinstance(branch, OpenBranch)
    assert isinstance(draft, OpenMergeRequest)
    assert (branch.name, draft.title, draft.assignee) == ("SHOP-12", "SHOP-12", "")
    assert draft.body == "Issue: [SHOP-12](https://jira.example/browse/SHOP-12)"
    assert isinstance(link, LinkIssue)
    assert not any(
        "VAT" in one.model_dump_json() or "Gross" in one.model_dump_json() for one in result.actions
    )
    assert isinstance(comment, CommentIssue)
    assert shown(comment.body).split("\n") == [
        "Work begun",
        "Branch: SHOP-12",
        "Draft merge request: SHOP-12",
    ]
    assert [(one.key, one.allowed, why in one.reason) for one in result.decisions] == [("branch", True, True)]
    assert result.complaints == ()


def test_an_issue_that_is_secured_later_keeps_the_branch_it_has() -> None:
    first = run(None, rule("branch"))
    second = run(None, rule("draft_merge_request"), **again(first, **SECURED))
    (begun,), (branch,), (draft,) = (
        of_kind(first, OpenBranch),
        of_kind(second, OpenBranch),
        of_kind(second, OpenMergeRequest),
    )
    assert begun.name != "SHOP-12"
    assert branch.name == draft.branch == begun.name
    assert draft.title == "SHOP-12"


def test_of_a_secured_issues_work_its_comment_keeps_key_and_link() -> None:
    first = run(None, rule("draft_merge_request"), **SECURED)
    second = run(ScriptedModel([SAID]), rule("summarize"), **again(first, **SECURED))
    body = the_comment(second).body
    assert headings(body) == ["Work begun", "In short"]
    [link] = inside(body, Link)
    assert (link.text, link.url) == ("SHOP-12", "https://gitlab.example/acme/shop/-/tree/SHOP-12")


def test_beside_a_secured_issues_work_no_model_reads_the_repository() -> None:
    model = ScriptedModel([SAID])
    result = run(model, rule("summarize", "comment", "draft_merge_request"), **SECURED)
    [prompt] = model.prompts
    assert (prompt.tools, "app/" in prompt.shared) == ((), False)
    assert not any("prices.py" in one.model_dump_json() for one in result.actions)
    assert "comment: the issue has no repository that could be looked at" in result.complaints


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        (
            {"workplace": None, "is_mapped": False},
            "no code: TRIVET_RULES maps SHOP to no GitLab project; name one by `gitlab` in a rule of it",
        ),
        (
            {"workplace": None},
            "no code: the GitLab project of SHOP, or its branch, cannot be read; the report of this run says why",
        ),
        (
            {"workplace": replace(PLACE, branch="")},
            "no code: acme/shop has no branch that work could begin on; push a first commit",
        ),
    ],
    ids=["not mapped", "not readable", "empty"],
)
def test_where_no_work_can_begin_the_report_says_why_and_what_to_do(
    other: dict[str, Any], reason: str
) -> None:
    result = run(None, rule("branch", "draft_merge_request"), code=None, **other)
    assert result.actions == ()
    assert [(one.key, one.allowed, one.reason) for one in result.decisions] == [
        ("branch", False, reason),
        ("draft_merge_request", False, reason),
    ]
    assert result.complaints == (reason,)


def test_criteria_cannot_be_more_than_text_in_the_body() -> None:
    hostile = [Criterion("1", "/merge\n# A heading"), Criterion("2", "<img src=x> | @all, see OTHER-9 `a`")]
    (draft,) = of_kind(run(None, rule("draft_merge_request"), criteria=hostile), OpenMergeRequest)
    assert draft.body.split("\n")[-2:] == [
        "- [ ] /merge # A heading",
        "- [ ] &lt;img src=x&gt; \\| @all, see OTHER\u20119 \\`a\\`",
    ]


# --- the same issue again


def again(result: AgentResult, **other: Any) -> dict[str, Any]:
    """As the next run reads the comment: its memory comes back beside the gateway's own entries."""
    memory = {"v": 1, "key": "triage", "body": "0" * 16, **the_comment(result).memory}
    return {"memory": memory, **other}


def test_the_same_text_is_not_asked_about_again() -> None:
    first = run(ScriptedModel([SAID]), rule(*TEXTS))
    silent = ScriptedModel([])
    second = run(silent, rule(*TEXTS), **again(first))
    assert silent.calls == 0
    assert the_comment(second) == the_comment(first)
    assert [one.reason for one in second.decisions] == [
        "reused: the issue reads as it did when this was said"
    ] * 6


@pytest.mark.parametrize(
    "changed",
    [
        {"issue": replace(ISSUE, title="Another title")},
        {"issue": replace(ISSUE, description="Another text")},
        {"criteria": ()},
    ],
)
def test_another_text_is_asked_about_anew(changed: dict[str, Any]) -> None:
    first = run(ScriptedModel([SAID]), rule("summarize"))
    model = ScriptedModel([SAID.model_copy(update={"summary": ["Something else."]})])
    second = run(model, rule("summarize"), **again(first, **changed))
    assert model.calls == 1
    assert "Something else." in shown(the_comment(second).body)
    assert "gross prices" not in shown(the_comment(second).body)


def test_only_what_was_not_said_yet_is_asked_for_and_the_rest_stays() -> None:
    first = run(ScriptedModel([SAID]), rule("summarize"))
    model = ScriptedModel([SAID])
    second = run(model, rule("summarize", "missing"), **again(first))
    (wanted,) = [message.text for message in model.prompts[0].messages if isinstance(message, Words)]
    assert wanted == "Wanted: `questions` and `criteria`."
    assert headings(the_comment(second).body)[:2] == ["In short", "To be answered before work starts"]


def test_a_later_rule_keeps_what_an_earlier_one_said() -> None:
    first = run(ScriptedModel([SAID]), rule("summarize"))
    second = run(None, rule("branch"), **again(first))
    assert headings(the_comment(second).body) == ["Work begun", "In short"]
    third = run(ScriptedModel([SAID]), rule("missing"), **again(second))
    body = the_comment(third).body
    assert headings(body)[:2] == ["Work begun", "In short"]
    assert "https://gitlab.example/acme/shop/-/tree/SHOP-12-prices-show-no-vat" in [
        link.url for link in inside(body, Link)
    ]
    assert of_kind(third, OpenBranch) == []


def test_the_names_stay_when_the_title_changes() -> None:
    first = run(None, rule("draft_merge_request"))
    second = run(
        None, rule("draft_merge_request"), **again(first, issue=replace(ISSUE, title="Something else"))
    )
    assert [one.name for one in of_kind(second, OpenBranch)] == ["SHOP-12-prices-show-no-vat"]


@pytest.mark.parametrize("branch", ["main", "OTHER-9-x", "SHOP-12..x"])
def test_a_remembered_name_that_is_not_ours_is_not_used(branch: str) -> None:
    memory = {"work": {"project": "acme/shop", "branch": branch}}
    result = run(None, rule("branch"), memory=memory)
    assert [one.name for one in of_kind(result, OpenBranch)] == ["SHOP-12-prices-show-no-vat"]


def test_a_field_that_people_changed_back_is_not_written_again() -> None:
    writing = rule("labels", fields=("labels",))
    first = run(ScriptedModel([SAID]), writing)
    second = run(ScriptedModel([]), writing, **again(first))
    assert of_kind(second, EditIssue) == []
    assert headings(the_comment(second).body) == ["Written to the fields"]


def test_what_was_proposed_is_written_once_a_rule_says_so() -> None:
    first = run(ScriptedModel([SAID]), rule("labels"))
    second = run(ScriptedModel([]), rule("labels", fields=("labels",)), **again(first))
    assert [one.labels for one in of_kind(second, EditIssue)] == [("tax",)]
    assert headings(the_comment(second).body) == ["Written to the fields"]


@pytest.mark.parametrize(
    "memory", [{"parts": 7}, {"parts": {"summarize": {"lines": ["x" * 900]}}}, {"work": []}]
)
def test_a_memory_that_is_not_ours_is_forgotten(memory: dict[str, Any]) -> None:
    model = ScriptedModel([SAID])
    run(model, rule("summarize"), memory=memory)
    assert model.calls == 1


def test_the_memory_stays_small_whatever_is_said() -> None:
    long = SAID.model_copy(
        update={
            "summary": ["界" * 400 + str(n) for n in range(9)],
            "questions": ["界" * 390 + str(n) for n in range(9)],
            "criteria": ["界" * 390 + str(n) for n in range(9)],
        }
    )
    result = run(ScriptedModel([long]), rule(*TEXTS))
    memory = the_comment(result).memory
    assert len(json.dumps(memory)) <= 20_000
    model = ScriptedModel([SAID])
    run(model, rule(*TEXTS), **again(result))
    (wanted,) = [message.text for message in model.prompts[0].messages if isinstance(message, Words)]
    assert wanted == "Wanted: `questions` and `criteria`."


def test_of_a_project_that_may_not_be_told_of_any_more_nothing_is() -> None:
    first = run(ScriptedModel([SAID]), rule("branch", "comment", "summarize"))
    second = run(None, rule("summarize"), **again(first, code=None, workplace=None))
    assert headings(the_comment(second).body) == ["In short"]


# --- models that are missing or fail


def test_without_a_model_what_needs_none_goes_on() -> None:
    result = run(None, rule("summarize", "labels", "branch", fields=("labels",)))
    assert [action.kind for action in result.actions] == ["open_branch", "comment_issue"]
    assert result.complaints == ("no model is configured, so this is left out: summarize, labels",)
    assert result.failures == ()


@pytest.mark.parametrize("error", [Unusable, Declined, OverBudget, NoModel, TooLong])
def test_a_failing_model_is_told_and_the_rest_goes_on(error: type[Exception]) -> None:
    model = ScriptedModel([error("it broke", Usage(1, 10, 0))])  # type: ignore[call-arg]
    result = run(model, rule("summarize", "branch"))
    assert [action.kind for action in result.actions] == ["open_branch", "comment_issue"]
    (failure,) = result.failures
    assert failure.startswith("The model did not do its part (summarize): ")
    assert result.usage.calls == 1
    assert model.closed == 1


def test_a_model_that_is_out_for_the_moment_is_waited_for_where_that_is_possible() -> None:
    with pytest.raises(Unavailable, match="busy"):
        run(ScriptedModel([Unavailable("busy")]), rule("summarize", "branch"), can_wait=True)
    result = run(ScriptedModel([Unavailable("busy")]), rule("summarize", "branch"))
    assert [action.kind for action in result.actions] == ["open_branch", "comment_issue"]
    assert "busy" in result.failures[0]


def test_a_run_that_is_not_wanted_any_more_pays_for_nothing() -> None:
    def stop() -> None:
        raise Superseded("another run took over")

    model = ScriptedModel([SAID])
    with pytest.raises(Superseded):
        run(model, rule("summarize"), still_wanted=stop)
    assert model.calls == 0


@pytest.mark.parametrize(
    ("do", "other", "complaint"),
    [
        ("component", {"choices": Choices()}, "component: the project of the issue has none to choose from"),
        ("priority", {"choices": Choices()}, "priority: the project of the issue has none to choose from"),
        ("comment", {"code": None}, "comment: the issue has no repository that could be looked at"),
    ],
)
def test_what_cannot_be_had_is_not_asked_for(do: str, other: dict[str, Any], complaint: str) -> None:
    model = ScriptedModel([])
    result = run(model, rule(do), **other)
    assert (model.calls, result.actions, result.complaints) == (0, (), (complaint,))


# --- reading the repository


def reads(*calls: tuple[str, dict[str, Any]]) -> list[ToolCall]:
    return [ToolCall(f"c{number}", name, arguments) for number, (name, arguments) in enumerate(calls, 1)]


def test_the_model_may_read_the_repository_before_it_answers() -> None:
    asks = reads(
        ("read_lines", {"path": "app/prices.py", "first": 1, "last": 3}),
        ("search", {"text": "RATE", "folder": ""}),
        ("rm", {"path": "\ud800", "deep": {"er": [1]}, "n": 10**30}),
    )
    model = ScriptedModel([asks, SAID])
    result = run(model, rule("comment"))
    told = [message.text for message in model.prompts[1].messages if isinstance(message, Told)]
    assert told[0].endswith("1  RATE = 0.19\n2  \n3  def net(price):")
    assert told[1].endswith("app/prices.py:1  RATE = 0.19")
    assert told[2].startswith("There is no such tool")
    assert "app/prices.py:3" in shown(the_comment(result).body)
    assert result.usage.calls == 2
    for message in model.prompts[1].messages:
        if isinstance(message, Called):
            str([call.arguments for call in message.calls]).encode()


def test_reading_ends_after_six_turns() -> None:
    def script(prompt: Prompt) -> Any:
        return SAID if prompt.must_answer else reads(("list_folder", {"folder": ""}))

    model = ScriptedModel(script)
    run(model, rule("comment"))
    assert model.calls == 6
    assert [prompt.must_answer for prompt in model.prompts] == [False] * 5 + [True]


def test_of_many_calls_in_one_turn_six_are_answered() -> None:
    model = ScriptedModel([reads(*[("list_folder", {"folder": ""})] * 30), SAID])
    run(model, rule("comment"))
    told = [message.text for message in model.prompts[1].messages if isinstance(message, Told)]
    assert len(told) == 20
    assert sum("not answered" in text for text in told) == 14


def test_what_was_read_and_is_too_much_is_left_out_once() -> None:
    model = ScriptedModel([reads(("list_folder", {"folder": ""})), TooLong("too long"), SAID])
    result = run(model, rule("comment"))
    assert result.failures == ()
    assert not any(isinstance(message, Told) for message in model.prompts[2].messages)
    assert model.prompts[2].must_answer


@pytest.mark.parametrize(("code", "has_tools"), [(None, True), (CODE, False)])
def test_without_code_or_tools_there_is_nothing_to_call(code: Code | None, has_tools: bool) -> None:
    model = ScriptedModel([SAID], has_tools=has_tools)
    run(model, rule("summarize"), code=code)
    (prompt,) = model.prompts
    assert prompt.tools == ()
    assert prompt.must_answer
    assert ("app/" in prompt.shared) == (code is not None)


@pytest.mark.parametrize("window", [8_192, 16_384, 100_000])
def test_a_large_issue_is_cut_to_the_window(window: int) -> None:
    huge = replace(ISSUE, description="界 mot " * 60_000)
    chat = [IssueComment(str(n), ADA, "ß" * 5_000, created="2026-01-01") for n in range(50)]
    model = ScriptedModel([SAID], window=window)
    result = run(model, rule("summarize"), issue=huge, comments=chat)
    assert (result.failures, model.calls) == ((), 1)
    assert model.most_tokens(model.prompts[0]) <= window


def test_a_repository_that_cannot_be_read_makes_places_unproven() -> None:
    class Gone(DictSnapshot):
        def size(self, path: str) -> int | None:
            raise NotFound("the commit is gone")

        def list(self, folder: str = "", limit: int = 200) -> Any:
            raise NotFound("the commit is gone")

    result = run(ScriptedModel([SAID]), rule("comment"), code=replace(CODE, snapshot=Gone()))
    assert inside(the_comment(result).body, Link) == []
    assert "no such place: app/prices.py" in reasons(result)


# --- who may read what


def test_customers_of_a_service_desk_do_not_read_our_comment() -> None:
    """Who is one cannot be told everywhere: Data Center has no such kind of account."""
    assert the_comment(run(None, rule("branch"))).internal


def test_the_agent_proposes_nothing_beyond_its_spec() -> None:
    result = run(ScriptedModel([SAID]), rule(*TEXTS, "draft_merge_request", fields=("labels",)))
    actions: tuple[Action, ...] = result.actions
    assert {action.kind for action in actions} == SPEC.may
