"""A page with a section about the shop's endpoints, a merge request that changes one of them, and a run over both."""

from dataclasses import replace
from typing import Any

from bot.agents.pages import SPEC
from bot.agents.pages.schema import SectionAnswer, Statement
from bot.agents.spec import AgentResult, LivingSection, SectionsContext, Shown
from bot.domain.actions import Action, CommentPage, UpsertNote, WriteSection
from bot.domain.change import ChangeSet, Side
from bot.domain.document import Document, lines_of
from bot.domain.pages import Page, SectionEdit
from bot.domain.repo_config import PageSection
from bot.domain.secrets import Redactor
from bot.domain.sections import find
from bot.testing import ScriptedModel
from tests.doubles import REQUEST, DictSnapshot, change_of, edited_file

CODE = (
    "LIMIT = 50\n\ndef orders(cart):\n    if len(cart) > LIMIT:\n        raise Full(cart)\n    return cart\n"
)
CHANGE = change_of(edited_file("api/orders.py", CODE, [1]))
SNAPSHOT = DictSnapshot({"api/orders.py": CODE, "api/carts.py": "def carts():\n    return ALL_CARTS\n"})

LINKED = '<p>See <a href="https://docs.example/cart">the cart</a>.</p>'
LIMITS = "<p>A cart holds at most <strong>20</strong> items.</p>"
LISTED = "<ul><li>GET /orders lists orders</li><li>POST /orders adds one</li></ul>"
MACRO = '<ac:structured-macro ac:name="jira"><ac:parameter ac:name="key">SHOP-1</ac:parameter></ac:structured-macro>'
NOTED = '<p>Carts live <ac:inline-comment-marker ac:ref="7f">30 days</ac:inline-comment-marker>.</p>'
INNER = LIMITS + LISTED + MACRO + NOTED + LINKED
STORAGE = f"<h1>API</h1><h2>Endpoints</h2>{INNER}<h2>Other</h2><p>Nothing.</p>"
PAGE = Page("77", "DOC", "API guide", 3, STORAGE, "https://wiki.example/pages/77", author="ada")
WANTED = PageSection(paths=("api/**",), page="API guide", section="Endpoints")
LIVING = LivingSection(
    WANTED,
    ("api/orders.py",),
    page=PAGE,
    section=find(STORAGE, "Endpoints"),
    tells_page=True,
)

WEB = replace(REQUEST, web_url="https://gitlab.example/acme/shop/-/merge_requests/7")
MERGED = replace(WEB, state="merged")
CLOSED = replace(WEB, state="closed")
DRAFT = replace(WEB, draft=True)


def living(**fields: Any) -> LivingSection:
    """The section; `storage` for another text of the page, `mode` for another mode, `name` for another name."""
    storage, name = fields.pop("storage", STORAGE), fields.pop("name", WANTED.section)
    wanted = WANTED.model_copy(update={"mode": fields.pop("mode", "propose"), "section": name})
    read = {"wanted": wanted, "page": replace(PAGE, storage=storage), "section": find(storage, name)}
    return replace(LIVING, **(read | fields))


def wrong(**fields: Any) -> Statement:
    """The limit of a cart, as a model says it is wrong; `fields` are other words."""
    said = {
        "path": "api/orders.py",
        "line": "LIMIT = 50",
        "why": "A cart holds 50 items now.",
        "block": 1,
        "quote": "at most **20** items",
        "how": "replace",
        "text": "A cart holds at most **50** items.",
    }
    return Statement.model_validate(said | fields)


def says(*statements: Statement) -> ScriptedModel:
    return ScriptedModel(lambda _prompt: SectionAnswer(wrong=list(statements)))


def run(model: ScriptedModel | None, *sections: LivingSection, **fields: Any) -> AgentResult:
    change: ChangeSet = fields.pop("change", CHANGE)
    given: dict[str, Any] = {
        "request": WEB,
        "trigger": "opened",
        "change": change,
        "snapshot": SNAPSHOT,
        "redactor": Redactor(),
        "branch": lambda: merged_into(change),
        "sections": sections or (LIVING,),
        "model": model,
    }
    return SPEC.run(SectionsContext(**given | fields))


def merged_into(change: ChangeSet) -> DictSnapshot:
    """The target branch right after a merge of this, as far as the diff tells."""
    lines = {
        file.path: [line.text for hunk in file.hunks for line in hunk.lines if line.side is not Side.REMOVED]
        for file in change.files
    }
    return DictSnapshot({**SNAPSHOT.files, **{path: "\n".join(found) for path, found in lines.items()}})


def of_kind(result: AgentResult, kind: type[Any]) -> list[Any]:
    return [action for action in result.actions if isinstance(action, kind)]


def the_note(result: AgentResult) -> UpsertNote:
    (note,) = [one for one in of_kind(result, UpsertNote) if one.create]
    assert isinstance(note, UpsertNote)
    return note


def edit_of(result: AgentResult) -> SectionEdit:
    edit = the_note(result).section
    assert edit is not None
    return edit


def shown(result: AgentResult, *, accepted: bool = False) -> Shown:
    """The note of an earlier run, as the next one reads it."""
    note = the_note(result)
    return Shown(note.key, note.section, accepted)


def proposed(*, accepted: bool = False, **fields: Any) -> Shown:
    """A note of an earlier run that proposes the new limit."""
    return shown(run(says(wrong()), living(**fields)), accepted=accepted)


def words(result: AgentResult) -> list[tuple[str, ...]]:
    """The actions in a few words each."""
    return [_words(action) for action in result.actions]


def text(document: Document) -> str:
    """A line for each line, item or cell, and the code."""
    lines = [
        "".join(one.text for one in line) for block in document.blocks for line in lines_of(block)
    ]  # fmt: skip
    return "\n".join([*lines, *(block.text for block in document.blocks if block.kind == "code")])


def _words(action: Action) -> tuple[str, ...]:
    if isinstance(action, WriteSection):
        return ("write", action.section)
    if isinstance(action, CommentPage):
        done = f"{action.on} only" if action.after else "always"
        return ("stale" if "OUT OF DATE" in text(action.body) else "true", done)
    assert isinstance(action, UpsertNote)
    return ("note" if action.create else "edit note",)
