"""S17: who reads what: texts of an issue, of code and of a page, in every constellation of the three.

Each cell is a run of the real agents, with a model that repeats whatever secret word it is shown. A word has flowed
where it stands in what the run proposes for the other side's readers, or in what a model was shown for them.
"""

import itertools
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

from bot.agents.spec import AgentSpec
from bot.agents.table import AGENTS
from bot.domain.actions import Proposal, UpsertNote
from bot.domain.change import FileChange
from bot.domain.flow import CodeProject
from bot.domain.issues import Issue, IssueStatus
from bot.domain.marks import MarkBook
from bot.domain.rules import JiraRule, On, Rules, SpaceRule
from bot.domain.secrets import Redactor
from bot.errors import NotAllowed, Stopped, Withheld
from bot.proposing.means import Means, Tracker, Wiki
from bot.routing import JobRequest
from bot.run import propose
from bot.testing import ScriptedModel
from tests.agents.pages.living import CHANGE as PAGE_CHANGE
from tests.agents.pages.living import SNAPSHOT, STORAGE, says, wrong
from tests.chaos.gates import Gate, shown
from tests.doubles import DictSnapshot, added_file, change_of
from tests.hostile.echo import repeating
from tests.proposing import conversing, test_propose_issues, test_propose_pages
from tests.tracker import ADA, SHOP, SHOP_12, Issues, Projects, comment
from tests.wiki import GUIDE, Pages

ISSUE_WORD, COMMENT_WORD, CODE_WORD = "Quenselbrunn", "Ottermoehre", "Zwirbelfeld"
WORDS = (ISSUE_WORD, COMMENT_WORD, CODE_WORD)
ISSUE = replace(
    SHOP_12,
    title=f"Totals of {ISSUE_WORD}",
    description=f"# Acceptance criteria\n\n- Totals of {ISSUE_WORD} have two decimals",
    status=IssueStatus("In Progress", "indeterminate"),
)
VISIBILITIES = ("private", "internal", "public")
PAIRS = {"mapped": "acme/shop", "mapped to another": "acme/other", "not mapped": ""}
CODE = f"def {CODE_WORD}(totals):\n    return sum(totals)\n"
FILES: tuple[FileChange, ...] = (added_file("shop/cart.py", CODE),)
ROLES = {"nobody": 0, "guest": 10, "reporter": 20, "developer": 30, "maintainer": 40, "owner": 50}


@dataclass(frozen=True)
class Showing:
    """All cells, always."""


SHORT = LONG = Showing()


@dataclass(frozen=True)
class World:
    """One constellation. `pair`: to which GitLab project the operator mapped the Jira project and the space."""

    visibility: str
    pair: str
    guarded: bool

    @property
    def project(self) -> CodeProject:
        return replace(SHOP, visibility=self.visibility)  # type: ignore[arg-type]

    @property
    def issue(self) -> Issue:
        return replace(ISSUE, security="Board only" if self.guarded else None)

    @property
    def rules(self) -> Rules:
        path = PAIRS[self.pair]
        if not path:
            return Rules()
        begins = JiraRule(
            project="SHOP",
            gitlab=path,
            on=On(event="transitioned", to="In Progress"),
            do=("summarize", "branch", "draft_merge_request"),
        )
        return Rules(jira=(begins,), spaces=(SpaceRule(space="DOC", gitlab=path),))

    @property
    def tracker(self) -> Tracker:
        issues = Issues(known=(self.issue,), said={"SHOP-12": [comment(1, f"It is {COMMENT_WORD}", ADA)]})
        there = Projects(
            known=(self.project, CodeProject(2, "acme/other", "private", "main")),
            files={f"shop/{CODE_WORD}.py": CODE},
        )
        return Tracker(issues, there, self.rules, "gitlab.example.com")

    @property
    def is_mapped(self) -> bool:
        return self.pair == "mapped"

    @property
    def may_tell_readers_of_code(self) -> bool:
        """Of the issue or the page."""
        return self.is_mapped and self.visibility != "public" and not self.guarded

    @property
    def may_tell_readers_of_issue(self) -> bool:
        return self.is_mapped and not self.guarded

    @property
    def may_begin_work(self) -> bool:
        """In the project that is mapped, whichever it is: the other one is private."""
        return self.may_tell_readers_of_code or (self.pair == "mapped to another" and not self.guarded)

    @property
    def may_read_for_issue(self) -> bool:
        """In the project that is mapped, whichever it is."""
        return self.pair != "not mapped" and not self.guarded

    def __str__(self) -> str:
        return f"{self.visibility}, {self.pair}{', guarded' if self.guarded else ''}"


@dataclass
class Merged(test_propose_issues.Reader):
    """A merge request whose every text holds the secret word of the code."""

    def __post_init__(self) -> None:
        self.request = replace(self.request, title=f"SHOP-12: {CODE_WORD}", description=f"About {CODE_WORD}")

    def change_set(self, request: Any) -> Any:
        return change_of(*FILES)

    def snapshot(self, request: Any) -> DictSnapshot:
        return DictSnapshot({"shop/cart.py": CODE})


def showing(_dice: Random, _folder: Path, _size: Showing = SHORT) -> list[Gate]:
    worlds = [World(*one) for one in itertools.product(VISIBILITIES, PAIRS, (False, True))]
    wrong_cells = [words for world in worlds for words in wrong_flows(world)]
    wrong_roles = list(_wrong_roles())
    return [
        Gate(
            "S17 what flows",
            f"{len(worlds)} constellations of a project, an issue and a page, in each {len(FLOWS)} ways",
            f"wrong: {shown(wrong_cells)} of {len(worlds) * len(FLOWS)}",
            "0 wrong",
            not wrong_cells,
        ),
        Gate(
            "S17 who is answered",
            f"a question on a merge request by {len(ROLES)} roles",
            f"wrong: {shown(wrong_roles)} of {len(ROLES)}",
            "0 wrong",
            not wrong_roles,
        ),
    ]


def wrong_flows(world: World) -> Iterator[str]:
    """What flows and may not, or may and does not."""
    for name, (flows, may) in FLOWS.items():
        got, wanted = flows(world), getattr(world, may)
        if got != wanted:
            yield f"{name} ({world}): {'told' if got else 'not told'}"


# --- from the issue to who reads the code


def _issue_in_review(world: World) -> bool:
    """The review is shown what the issue asks for, and says it."""
    said, model = _proposed(AGENTS["review"], _on_request("review"), world)
    return ISSUE_WORD in said + model.seen


def _issue_in_code(world: World) -> bool:
    """The branch and the draft merge request that an issue begins."""
    said, _ = _triaged(world, lambda kind: kind in ("open_branch", "open_merge_request"))
    return any(word.lower() in said.lower() for word in (ISSUE_WORD, COMMENT_WORD))


def _issue_in_pipeline(world: World) -> bool:
    """The report that a pipeline of the project asks for, of a run on the issue."""
    request = JobRequest(agent="triage", issue="SHOP-12", project="acme/shop", trigger="pipeline", key="k")
    try:
        said, model = _proposed(AGENTS["triage"], request, world)
    except Withheld as refusal:
        return ISSUE_WORD in str(refusal)
    return ISSUE_WORD in said + model.seen


# --- from the code to who reads the issue


def _code_in_link(world: World) -> bool:
    """The comment and the link that a merge request leaves on the issue it names."""
    said, model = _proposed(AGENTS["link"], _on_request("link"), world)
    return CODE_WORD in said + model.seen


def _code_in_triage(world: World) -> bool:
    """What the issue is told of the repository."""
    said, model = _triaged(world, lambda kind: kind in ("comment_issue", "edit_issue"))
    return CODE_WORD in said + model.seen


# --- from the page to who reads the code


def _page_in_note(world: World) -> bool:
    """The note that proposes a new text: it shows the old one."""
    page = replace(GUIDE, storage=STORAGE)
    scene_reader = test_propose_pages.Reader(
        config=test_propose_pages.CONFIG.replace("shop/**", "api/**").replace("endpoints", "Endpoints")
    )
    wiki = Wiki(
        Pages(known=(page,), restricted=frozenset({page.id} if world.guarded else ())),
        Projects(known=(world.project,), files={".trivet.yml": scene_reader.config}),
        world.rules,
    )
    means = Means(
        reader=_PageReader(config=scene_reader.config),
        agent=AGENTS["pages"],
        redactor=Redactor(),
        me=test_propose_pages.ME,
        marks=lambda _scope: test_propose_pages.BOOK,
        wiki=wiki,
        model=says(wrong()),
    )
    try:
        proposal = propose(test_propose_pages.OPENED, "run", means)
    except Stopped:
        return False
    return any("holds at most" in note.body for note in proposal.actions if isinstance(note, UpsertNote))


@dataclass
class _PageReader(test_propose_pages.Reader):
    def change_set(self, request: Any) -> Any:
        return PAGE_CHANGE

    def snapshot(self, request: Any) -> DictSnapshot:
        return SNAPSHOT


FLOWS = {
    "issue -> review": (_issue_in_review, "may_tell_readers_of_code"),
    "issue -> branch and draft": (_issue_in_code, "may_begin_work"),
    "issue -> pipeline": (_issue_in_pipeline, "may_tell_readers_of_code"),
    "merge request -> issue": (_code_in_link, "may_tell_readers_of_issue"),
    "repository -> issue": (_code_in_triage, "may_read_for_issue"),
    "page -> merge request": (_page_in_note, "may_tell_readers_of_code"),
}


# --- who is answered


def _wrong_roles() -> Iterator[str]:
    for name, level in ROLES.items():
        asked = conversing.note(5, conversing.ADA, "/trivet ask What is this?")
        reader = _Member(notes_there=[asked], level=level)
        model = ScriptedModel(repeating(WORDS))
        with suppress(NotAllowed, Stopped):
            conversing.talk(reader, conversing.asked_for(5), model)
        is_answered = model.calls > 0
        if is_answered != (level >= ROLES["developer"]):
            yield f"{name}: {'answered' if is_answered else 'not answered'}"


@dataclass
class _Member(conversing.Reader):
    level: int = 0

    def access_level(self, target: Any, user_id: int) -> int:
        return self.level


# --- running


def _on_request(agent: str) -> JobRequest:
    return JobRequest(agent=agent, project="acme/shop", project_id=1, iid=7, trigger="opened", key="k")


def _triaged(world: World, wanted: Any) -> tuple[str, ScriptedModel]:
    request = JobRequest(agent="triage", issue="SHOP-12", trigger="transitioned", to="In Progress", key="k")
    try:
        return _proposed(AGENTS["triage"], request, world, wanted)
    except Stopped:
        return "", ScriptedModel([])


def _proposed(
    agent: AgentSpec[Any], request: JobRequest, world: World, wanted: Any = lambda _kind: True
) -> tuple[str, ScriptedModel]:
    """What a run proposes, as JSON, and the model it asked."""
    model = ScriptedModel(repeating(WORDS, "shop"))
    means = Means(
        reader=Merged(),
        agent=agent,
        redactor=Redactor(),
        me=test_propose_issues.ME,
        marks=lambda scope: MarkBook(["a-secret-" * 3], scope),
        tracker=world.tracker,
        model=model,
    )
    proposal: Proposal = propose(request, "run", means)
    return "\n".join(one.model_dump_json() for one in proposal.actions if wanted(one.kind)), model
