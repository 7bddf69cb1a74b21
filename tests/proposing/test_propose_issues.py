"""From a job request to a proposal, for the agents that work on issues: what is read, and what stops a run."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from bot.agents.spec import AgentResult, AgentSpec, LinkContext, TriageContext, Verdict
from bot.domain.actions import CommentIssue, Proposal
from bot.domain.background import Commit
from bot.domain.change import ChangeSet, MergeRequest, Target
from bot.domain.document import Document, paragraph
from bot.domain.events import Person
from bot.domain.flow import CodeProject
from bot.domain.issues import Issue, IssueComment, IssueStatus
from bot.domain.marks import Mark, MarkBook
from bot.domain.notes import Award, Note
from bot.domain.rules import JiraRule, On, Rules
from bot.domain.secrets import Redactor
from bot.errors import AccessDenied, Forbidden, NotFound, Stopped, Unavailable, UsageError, Withheld
from bot.proposing.means import Means, Tracker
from bot.routing import JobRequest, asked_on_issue
from bot.run import propose
from tests.doubles import REQUEST, DictSnapshot, added_file, change_of
from tests.tracker import ADA, BOT, SHOP, SHOP_12, Issues, Projects, comment

ME = Person(id=99, username="trivet")
BOOK = MarkBook(["a-secret-" * 3], REQUEST.target.key)
STARTS_WORK = JiraRule(
    project="SHOP",
    gitlab="acme/shop",
    on=On(event="transitioned", to="In Progress"),
    do=("branch", "draft_merge_request"),
)
COMMANDS = JiraRule(project="SHOP", gitlab="acme/shop", commands=("Developers",))
RULES = Rules(jira=(STARTS_WORK, COMMANDS))


@dataclass
class Reader:
    """One merge request, whatever is asked for."""

    request: MergeRequest = field(
        default_factory=lambda: replace(
            REQUEST, target=Target("acme/shop", 7, 1), title="SHOP-12: totals", description=""
        )
    )
    said: Sequence[Note] = ()
    messages: Sequence[str] = ()

    def merge_request(self, target: Target) -> MergeRequest:
        return self.request

    def change_set(self, request: MergeRequest) -> ChangeSet:
        return change_of(added_file("shop/cart.py", "x = 1\n"))

    def notes(self, target: Target) -> Sequence[Note]:
        return self.said

    def thread(self, target: Target, thread: str) -> Sequence[Note]:
        return ()

    def awards(self, target: Target, note: int) -> Sequence[Award]:
        return ()

    def snapshot(self, request: MergeRequest) -> DictSnapshot:
        return DictSnapshot({})

    def target_branch(self, request: MergeRequest) -> DictSnapshot:
        return DictSnapshot({})

    def commits(self, request: MergeRequest) -> Sequence[Commit]:
        return [Commit("c" * 40, message) for message in self.messages]

    def snapshot_at(self, request: MergeRequest, commit: str) -> DictSnapshot:
        return DictSnapshot({})

    def pushes(self, request: MergeRequest) -> Sequence[float]:
        return ()

    def is_bot(self, user_id: int) -> bool:
        return False

    def access_level(self, target: Target, user_id: int) -> int:
        return 30


class Agent:
    """Comments on what it is asked to, and keeps what it was handed."""

    def __init__(self, name: str) -> None:
        self.spec: AgentSpec[Any] = AgentSpec(name, frozenset({"comment_issue"}), self.run)
        self.handed: Any = None

    def run(self, context: Any) -> AgentResult:
        self.handed = context
        body = Document(blocks=(paragraph("Hello"),))
        return AgentResult(
            actions=tuple(CommentIssue(key="x", issue=key, body=body) for key in ("SHOP-12", "OPS-1"))
        )


def proposed(request: JobRequest, issues: Issues, rules: Rules = RULES, **more: Any) -> tuple[Proposal, Any]:
    agent = Agent(request.agent)
    means = Means(
        reader=more.pop("reader", Reader()),
        agent=agent.spec,
        redactor=Redactor(),
        me=ME,
        marks=lambda scope: MarkBook(["a-secret-" * 3], scope),
        tracker=Tracker(issues, more.pop("projects", Projects()), rules, "gitlab.example.com"),
        **more,
    )
    return propose(request, "run", means), agent.handed


def triage(**fields: Any) -> JobRequest:
    given = {"agent": "triage", "issue": "SHOP-12", "trigger": "created", "key": "k"}
    return JobRequest(**given | fields)


LINK = JobRequest(agent="link", project="acme/shop", project_id=1, iid=7, trigger="opened", key="k")
IN_PROGRESS = replace(SHOP_12, status=IssueStatus("In Progress", "indeterminate"))


# --- link ---


def linked(issues: Issues, rules: Rules = RULES, **more: Any) -> LinkContext:
    return proposed(LINK, issues, rules, **more)[1]  # type: ignore[no-any-return]


def test_issues_are_found_in_branch_title_description_and_commits_and_each_is_read_once() -> None:
    other = replace(SHOP_12, id="10013", key="SHOP-13")
    request = replace(
        Reader().request,
        source_branch="feature/shop-12-x",
        description="SHOP-13 and UTF-8, OTHER-1",
    )
    issues = Issues(known=(SHOP_12, other))
    reader = Reader(request, messages=["SHOP-99: gone", "SHOP-12 again"])
    context = linked(issues, reader=reader)
    assert [one.issue.key for one in context.mentioned] == ["SHOP-12", "SHOP-13"]
    assert context.unreadable == ("SHOP-99",)
    assert issues.asked.count("issue SHOP-12") == 1


def test_an_issue_that_moved_is_known_by_its_new_key_and_once() -> None:
    moved = replace(SHOP_12, key="SHOP-40")
    request = replace(Reader().request, title="SHOP-12 and SHOP-40")
    issues = Issues(known=(moved,), moved_keys={"SHOP-12": "SHOP-40"})
    assert [one.issue.key for one in linked(issues, reader=Reader(request)).mentioned] == ["SHOP-40"]


KEPT = {"v": 1, "key": "mr:1:7", "head": "abc"}
OURS = comment(2, "ours", BOT, properties={"trivet": KEPT})
FORGED = comment(1, "ours?", ADA, properties={"trivet": {"key": "mr:1:7", "head": "evil"}})
SECURED = replace(SHOP_12, security="Board")


@pytest.mark.parametrize(
    ("known", "rules", "tells_code"),
    [(SHOP_12, RULES, True), (SHOP_12, Rules(), False), (SECURED, RULES, False)],
    ids=["mapped", "unmapped", "secured"],
)
@pytest.mark.parametrize(("said", "memory"), [([FORGED, OURS], KEPT), ([FORGED], None), ([], None)])
def test_our_own_comment_is_known_wherever_it_stands_and_a_copy_by_others_is_not(
    known: Issue, rules: Rules, tells_code: bool, said: Sequence[IssueComment], memory: dict[str, Any] | None
) -> None:
    [one] = linked(Issues(known=(known,), said={"SHOP-12": said}), rules).mentioned
    assert (one.tells_code, one.memory) == (tells_code, memory)


SHOP_13 = replace(SHOP_12, id="10013", key="SHOP-13")
OPS_1 = replace(SHOP_12, id="20001", key="OPS-1", project="OPS")


def told_before(*keys: str, issues: Issues, **more: Any) -> LinkContext:
    return linked(issues, linked_before=lambda _request: keys, **more)


def test_issues_told_before_are_read_too_and_known_as_no_longer_named() -> None:
    issues = Issues(known=(SHOP_12, SHOP_13, OPS_1), said={"SHOP-13": [OURS]})
    there = told_before("SHOP-13", "SHOP-12", "OPS-1", issues=issues).mentioned
    assert [(one.issue.key, one.named, one.tells_code, one.memory) for one in there] == [
        ("SHOP-12", True, True, None),
        ("SHOP-13", False, True, KEPT),
        ("OPS-1", False, False, None),
    ]
    assert issues.asked.count("issue SHOP-12") == 1


def test_without_a_record_there_are_only_named_issues() -> None:
    issues = Issues(known=(SHOP_12, SHOP_13), said={"SHOP-13": [OURS]})
    assert [one.issue.key for one in linked(issues).mentioned] == ["SHOP-12"]


def test_one_told_before_that_cannot_be_read_is_passed_over_in_silence() -> None:
    @dataclass
    class Guarded(Issues):
        def issue(self, key: str, fields: Sequence[str] = ()) -> Issue:
            if key == "SHOP-14":
                raise Forbidden("Jira does not show SHOP-14 (403)")
            return super().issue(key, fields)

    context = told_before("SHOP-99", "SHOP-14", "SHOP-13", issues=Guarded(known=(SHOP_12, SHOP_13)))
    assert [one.issue.key for one in context.mentioned] == ["SHOP-12", "SHOP-13"]
    assert (context.unreadable, context.complaints) == ((), ())


def test_an_outage_passes_nothing_over() -> None:
    @dataclass
    class Failing(Issues):
        def comments(self, key: str) -> Sequence[IssueComment]:
            if key == "SHOP-13":
                raise Unavailable("Jira failed (503)")
            return super().comments(key)

    with pytest.raises(Unavailable):
        told_before("SHOP-13", issues=Failing(known=(SHOP_12, SHOP_13)))


@pytest.mark.parametrize("key", ["SHOP-40", "SHOP-41"], ids=["named by both", "moved twice"])
def test_an_issue_that_moved_after_it_was_told_is_one_issue(key: str) -> None:
    issues = Issues(known=(SHOP_12,), moved_keys={"SHOP-40": "SHOP-12", "SHOP-41": "SHOP-12"})
    title = replace(Reader().request, title=f"SHOP-12 and {key}")
    context = told_before("SHOP-40", "SHOP-41", issues=issues, reader=Reader(title))
    assert [(one.issue.key, one.named) for one in context.mentioned] == [("SHOP-12", True)]


@pytest.mark.parametrize(("named", "told"), [(1, 19), (15, 5), (20, 0), (25, 0)])
def test_no_more_than_twenty_issues_are_read_in_all_the_named_ones_first(named: int, told: int) -> None:
    every = [replace(SHOP_12, id=str(number), key=f"SHOP-{number}") for number in range(100, 160)]
    keys = [one.key for one in every]
    issues = Issues(known=every)
    reader = Reader(replace(Reader().request, title=" ".join(keys[:named])))
    context = told_before(*keys[20:], issues=issues, reader=reader)
    assert [one.issue.key for one in context.mentioned if one.named] == keys[: min(named, 20)]
    assert [one.issue.key for one in context.mentioned if not one.named] == keys[20 : 20 + told]
    assert sum(asked.startswith("issue ") for asked in issues.asked) <= 20


def test_where_more_commits_are_there_than_are_read_one_of_them_may_name_the_issue() -> None:
    reader = Reader(messages=[f"Step {number}" for number in range(100)])
    there = told_before("SHOP-13", issues=Issues(known=(SHOP_12, SHOP_13)), reader=reader).mentioned
    assert [(one.issue.key, one.named) for one in there] == [("SHOP-12", True), ("SHOP-13", True)]


def test_a_run_may_put_right_what_it_told_before() -> None:
    issues = Issues(known=(SHOP_12, OPS_1))
    made, _ = proposed(LINK, issues, linked_before=lambda _request: ("OPS-1",))
    assert [one.issue for one in made.actions if isinstance(one, CommentIssue)] == ["SHOP-12", "OPS-1"]


def test_the_verdict_is_what_our_review_left_on_the_merge_request() -> None:
    head = REQUEST.head
    book = MarkBook(["a-secret-" * 3], "gitlab:1:7")

    def note(nth: int, kind: Any, resolved: bool | None = None) -> Note:
        body = f"Text {book.write(Mark('review', kind, f'key{nth}', head))}"
        return Note(id=nth, author_id=ME.id, body=body, discussion=str(nth), resolved=resolved)

    said = [note(1, "summary"), note(2, "finding", False), note(3, "finding", True)]
    assert linked(Issues(), reader=Reader(said=said)).verdict == Verdict(head, 1, 1)


@pytest.mark.parametrize(
    ("reviewed", "verdict"),
    [(lambda _: True, Verdict(REQUEST.head)), (lambda _: False, Verdict("")), (None, None)],
    ids=["there was one", "there was none", "no record"],
)
def test_a_review_that_said_nothing_is_known_from_its_run(
    reviewed: Callable[[MergeRequest], bool] | None, verdict: Verdict | None
) -> None:
    assert linked(Issues(), reviewed=reviewed).verdict == verdict


@pytest.mark.parametrize(
    ("reviewed", "head"),
    [(lambda _: True, REQUEST.head), (lambda _: False, "c" * 40), (None, "c" * 40)],
    ids=["this head too", "not this head", "no record"],
)
def test_a_review_of_an_older_head_is_known_from_its_notes(
    reviewed: Callable[[MergeRequest], bool] | None, head: str
) -> None:
    book = MarkBook(["a-secret-" * 3], "gitlab:1:7")
    body = f"Text {book.write(Mark('review', 'summary', 'summary', 'c' * 40))}"
    reader = Reader(said=[Note(id=1, author_id=ME.id, body=body, discussion="1")])
    assert linked(Issues(), reader=reader, reviewed=reviewed).verdict == Verdict(head)


def test_a_review_that_ends_in_between_is_never_told_as_one_that_found_nothing() -> None:
    """Its notes are read after its record, so that both are of before or the notes are there."""
    order: list[str] = []

    @dataclass
    class Watched(Reader):
        def notes(self, target: Target) -> Sequence[Note]:
            order.append("notes")
            return ()

    def reviewed(_request: MergeRequest) -> bool:
        order.append("record")
        return False

    linked(Issues(), reader=Watched(), reviewed=reviewed)
    assert order == ["record", "notes"]


def test_an_expired_token_is_no_issue_that_cannot_be_read() -> None:
    with pytest.raises(AccessDenied):
        linked(Issues(trouble=AccessDenied("Jira does not accept the token (401)")))


def test_a_run_is_bound_to_the_issues_its_merge_request_names() -> None:
    made, _ = proposed(LINK, Issues())
    assert [one.issue for one in made.actions if isinstance(one, CommentIssue)] == ["SHOP-12"]
    assert (made.head, made.state, made.project_id) == (REQUEST.head, "opened", 1)


# --- triage ---


def worked(request: JobRequest, issues: Issues, rules: Rules = RULES, **more: Any) -> TriageContext:
    return proposed(request, issues, rules, **more)[1]  # type: ignore[no-any-return]


def stopped(request: JobRequest, issues: Issues, rules: Rules = RULES) -> str:
    with pytest.raises(Stopped) as stop:
        proposed(request, issues, rules)
    return str(stop.value)


BEGINS = triage(trigger="transitioned", to="In Progress")


def test_a_transition_starts_what_the_issues_present_status_starts() -> None:
    context = worked(triage(trigger="transitioned", to="In Progress"), Issues(known=(IN_PROGRESS,)))
    assert [rule.do for rule in context.rules] == [("branch", "draft_merge_request")]
    assert context.code is not None
    assert context.workplace is not None
    assert (context.workplace.branch, context.workplace.tells_issue) == ("main", True)


@pytest.mark.parametrize(
    ("status", "category"),
    [("To Do", "new"), ("Done", "done"), ("In Review", "indeterminate")],
)
def test_an_issue_that_went_on_meanwhile_starts_nothing(status: str, category: Any) -> None:
    issues = Issues(known=(replace(SHOP_12, status=IssueStatus(status, category)),))
    said = stopped(triage(trigger="transitioned", to="In Progress"), issues)
    assert f"its present status, {status}" in said


def test_an_issue_that_is_gone_ends_the_run_and_by_hand_it_is_an_error() -> None:
    issues = Issues(known=())
    assert "gone" in stopped(triage(), issues)
    with pytest.raises(NotFound):
        proposed(triage(trigger="shell"), issues)


def test_by_hand_an_issue_of_a_project_without_rules_is_summed_up() -> None:
    context = worked(triage(trigger="shell"), Issues(), Rules())
    assert [rule.do for rule in context.rules] == [("summarize", "missing")]
    assert context.code is None


@pytest.mark.parametrize(
    ("issue", "project", "reads_code", "tells_issue"),
    [
        (IN_PROGRESS, SHOP, True, True),
        (IN_PROGRESS, replace(SHOP, visibility="public"), True, False),
        (replace(IN_PROGRESS, security="Board"), SHOP, False, False),
    ],
    ids=["mapped", "public", "secured"],
)
def test_texts_flow_only_where_both_sides_readers_may_have_them(
    issue: Any, project: Any, reads_code: bool, tells_issue: bool
) -> None:
    assigned = replace(issue, assignee=ADA)
    projects = Projects(known=(project,), accounts={"ada": "ada.l"})
    context = worked(BEGINS, Issues(known=(assigned,)), projects=projects)
    assert (context.code is not None) == reads_code
    assert context.workplace is not None
    assert (context.workplace.tells_issue, context.workplace.assignee) == (
        tells_issue,
        "ada.l" if tells_issue else "",
    )


def test_of_a_secured_issues_project_no_file_is_read_and_its_work_is_bound_to_it_all_the_same() -> None:
    @dataclass
    class Unread(Projects):
        def branch(self, project: CodeProject, name: str) -> DictSnapshot:
            raise AssertionError("the repository was read")

    secured = Issues(known=(replace(IN_PROGRESS, security="Board"),))
    made, _ = proposed(BEGINS, secured, projects=Unread())
    assert (made.project, made.project_id, made.shared) == ("acme/shop", 1, ())


@pytest.mark.parametrize("is_mapped", [True, False])
def test_where_no_work_can_begin_it_is_known_whether_a_project_is_mapped(is_mapped: bool) -> None:
    commands = JiraRule(project="SHOP", gitlab="acme/shop" if is_mapped else None, commands=("Developers",))
    elsewhere = Projects(known=(replace(SHOP, path="acme/other"),))
    asking = asked_on_issue("SHOP-12", "77")
    context = worked(asking, asked("@trivet draft"), Rules(jira=(commands,)), projects=elsewhere)
    assert (context.code, context.workplace, context.is_mapped) == (None, None, is_mapped)
    assert any("acme/shop" in one for one in context.complaints) == is_mapped


@dataclass
class Expired(Projects):
    """GitLab, for a token that has expired."""

    def project(self, path: str) -> CodeProject:
        raise AccessDenied("GitLab does not accept the token (401)")


def test_work_that_an_expired_token_keeps_from_being_begun_is_not_given_up() -> None:
    request = triage(trigger="transitioned", to="In Progress")
    with pytest.raises(AccessDenied):
        worked(request, Issues(known=(IN_PROGRESS,)), projects=Expired())


BY_PIPELINE = triage(trigger="pipeline", project="acme/shop")
ELSEWHERE = replace(SHOP_12, key="OPS-3", project="OPS")


def test_a_pipeline_of_the_mapped_project_is_served() -> None:
    assert worked(BY_PIPELINE, Issues()).issue == SHOP_12


@pytest.mark.parametrize(
    ("issues", "project"),
    [
        (Issues(known=(ELSEWHERE,), moved_keys={"SHOP-12": "OPS-3"}), SHOP),
        (Issues(known=(replace(SHOP_12, security="Board"),)), SHOP),
        (Issues(), replace(SHOP, visibility="public")),
    ],
    ids=["moved", "secured", "public"],
)
def test_a_pipeline_is_told_nothing_of_an_issue_whose_texts_may_not_stand_in_its_project(
    issues: Issues, project: CodeProject
) -> None:
    with pytest.raises(Withheld) as stop:
        worked(BY_PIPELINE, issues, projects=Projects(known=(project,)))
    assert stop.value.state == "failed"
    assert "OPS" not in str(stop.value)
    assert [one for one in issues.asked if one.startswith("comments")] == []


def test_the_assignee_is_found_by_address_before_name_and_only_for_a_draft() -> None:
    assigned = replace(IN_PROGRESS, assignee=ADA)
    accounts = {"ada@example.com": "ada.l", "ada": "another"}
    request = triage(trigger="transitioned", to="In Progress")
    context = worked(request, Issues(known=(assigned,)), projects=Projects(accounts=accounts))
    assert context.workplace is not None
    assert context.workplace.assignee == "ada.l"


DEVELOPER = {"ada-1": frozenset({"developers", "users"})}


def asked(body: str, **more: Any) -> Issues:
    return Issues(said={"SHOP-12": [comment(77, body, **more)]}, people=DEVELOPER)


def test_a_command_by_someone_in_the_role_is_handed_on() -> None:
    context = worked(asked_on_issue("SHOP-12", "77"), asked("@trivet component"))
    assert context.asked is not None
    assert (context.asked.name, context.asked.person, context.asked.comment) == ("component", "Ada", "77")
    assert (context.choices.components, context.choices.priorities) == (("Cart",), ())


def test_commanded_work_begins_where_the_rule_that_begins_work_says() -> None:
    other = JiraRule(project="SHOP", gitlab="acme/docs", on=On(event="created"), do=("summarize",))
    begins = STARTS_WORK.model_copy(update={"target_branch": "develop"})
    rules = Rules(jira=(other, begins, COMMANDS))
    projects = Projects(known=(replace(SHOP, id=2, path="acme/docs"), SHOP))

    def code(body: str) -> tuple[str, str]:
        context = worked(asked_on_issue("SHOP-12", "77"), asked(body), rules, projects=projects)
        assert context.workplace is not None
        return context.workplace.project.path, context.workplace.branch

    assert code("@trivet draft") == ("acme/shop", "develop")
    assert code("@trivet comment") == ("acme/docs", "main")


def test_work_begins_in_one_project_and_what_another_rule_wants_elsewhere_is_said() -> None:
    branch = STARTS_WORK.model_copy(update={"do": ("summarize", "branch")})
    draft = STARTS_WORK.model_copy(update={"gitlab": "acme/api", "do": ("missing", "draft_merge_request")})
    context = worked(BEGINS, Issues(known=(IN_PROGRESS,)), Rules(jira=(branch, draft)))
    assert [rule.do for rule in context.rules] == [("summarize", "branch"), ("missing",)]
    assert context.workplace is not None
    assert context.workplace.project.path == "acme/shop"
    (complaint,) = context.complaints
    assert complaint.startswith("draft_merge_request is not begun in acme/api: another rule")
    assert "names acme/shop" in complaint


def test_a_question_is_handed_on_with_its_words() -> None:
    context = worked(asked_on_issue("SHOP-12", "77"), asked("@trivet where is the total?"))
    assert context.asked is not None
    assert (context.asked.name, context.asked.text) == ("", "where is the total?")
    assert context.choices.components == ()


@pytest.mark.parametrize(
    ("issues", "rules", "said"),
    [
        (replace(asked("@trivet labels"), people={}), RULES, "the roles that may command"),
        (asked("@trivet labels"), Rules(jira=(STARTS_WORK,)), "TRIVET_RULES names none"),
        (asked("@trivet labels", author=replace(ADA, kind="customer")), RULES, "the roles that may"),
        (asked("@trivet labels", author=BOT), RULES, "does not answer itself"),
        (asked("thanks, @trivet"), RULES, "does not ask"),
        (Issues(people=DEVELOPER), RULES, "the comment is gone"),
    ],
    ids=["no role", "no commanders", "a customer", "the bot", "talk", "deleted"],
)
def test_nobody_else_commands(issues: Issues, rules: Rules, said: str) -> None:
    assert said in stopped(asked_on_issue("SHOP-12", "77"), issues, rules)


def test_a_failure_told_before_is_put_right_by_a_run_that_went_well() -> None:
    failed = comment(5, "It failed", BOT, properties={"trivet": {"v": 1, "key": "failure"}})
    issues = Issues(known=(IN_PROGRESS,), said={"SHOP-12": [failed]})
    made, _ = proposed(triage(trigger="transitioned", to="In Progress"), issues)
    [recovery] = [one for one in made.actions if one.key == "failure"]
    assert isinstance(recovery, CommentIssue)
    assert not recovery.create


def test_a_run_on_an_issue_is_bound_to_it_and_to_the_mapped_project() -> None:
    made, _ = proposed(triage(trigger="transitioned", to="In Progress"), Issues(known=(IN_PROGRESS,)))
    assert [one.issue for one in made.actions if isinstance(one, CommentIssue)] == ["SHOP-12"]
    assert (made.issue, made.project, made.iid) == ("SHOP-12", "acme/shop", 0)


@pytest.mark.parametrize("request_made", [LINK, triage()], ids=["link", "triage"])
def test_without_a_tracker_the_setting_is_named(request_made: JobRequest) -> None:
    agent = Agent(request_made.agent)
    means = Means(reader=Reader(), agent=agent.spec, redactor=Redactor())
    with pytest.raises(UsageError, match="TRIVET_JIRA__URL"):
        propose(request_made, "run", means)
