"""From a job request to a proposal, for the pages agent: what is read of pages, who said yes, and what stops a run."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from bot.agents.spec import AgentResult, AgentSpec, LivingSection, NotesContext, SectionsContext
from bot.domain.actions import CommentPage, Proposal, UpsertNote, WriteSection
from bot.domain.background import Commit
from bot.domain.change import ChangeSet, MergeRequest, Target
from bot.domain.document import Document, Lozenge, paragraph
from bot.domain.events import Person
from bot.domain.kept import kept_section
from bot.domain.marks import Mark, MarkBook, attach
from bot.domain.notes import Award, Note
from bot.domain.pages import BlockEdit, Page, PageComment, SectionEdit
from bot.domain.releases import MergedRequest, Tag
from bot.domain.rules import JiraRule, Rules, SpaceRule
from bot.domain.secrets import Redactor
from bot.domain.sections import digest, wrapped
from bot.domain.storage import to_storage
from bot.errors import Forbidden, NotFound, PlatformError, Stopped, Unavailable, UsageError, Withheld
from bot.proposing.means import Means, Tracker, Wiki
from bot.routing import JobRequest
from bot.run import propose
from tests.doubles import REQUEST, DictSnapshot, added_file, change_of
from tests.tracker import SHOP, SHOP_12, Issues, Projects
from tests.wiki import GUIDE, RELEASES, WIKI_BOT, Pages

ME = Person(id=99, username="trivet")
BOOK = MarkBook(["a-secret-" * 3], REQUEST.target.key)
RULES = Rules(
    spaces=(SpaceRule(space="DOC", gitlab="acme/shop"),), jira=(JiraRule(project="SHOP", gitlab="acme/shop"),)
)
CONFIG = """
pages:
  release_notes: {space: DOC, parent: Releases}
  sections:
    - {paths: ["shop/**"], page: API guide, section: endpoints}
    - {paths: ["other/**"], page: API guide, section: else}
"""
OPENED = JobRequest(agent="pages", project="acme/shop", project_id=1, iid=7, trigger="opened", key="k")
DIGEST = "c" * 20
EDIT = SectionEdit(
    page="123",
    section="endpoints",
    base="b" * 20,
    result=DIGEST,
    edits=(BlockEdit(block=0, how="replace", body=Document(blocks=(paragraph("New."),))),),
)


@dataclass
class Reader:
    """One merge request, whatever is asked for. `thumbs`: who gave a thumbs-up, by note; `members`: who may command."""

    request: MergeRequest = REQUEST
    said: Sequence[Note] = ()
    thumbs: Mapping[int, Sequence[int]] = field(default_factory=dict)
    members: frozenset[int] = frozenset({7})
    config: str = CONFIG

    def merge_request(self, target: Target) -> MergeRequest:
        return replace(self.request, target=target)

    def change_set(self, request: MergeRequest) -> ChangeSet:
        return change_of(added_file("shop/cart.py", "x = 1\n"), added_file("readme.md", "y\n"))

    def notes(self, target: Target) -> Sequence[Note]:
        return self.said

    def thread(self, target: Target, thread: str) -> Sequence[Note]:
        return ()

    def awards(self, target: Target, note: int) -> Sequence[Award]:
        return [Award("thumbsup", person) for person in self.thumbs.get(note, ())] + [Award("heart", 7)]

    def snapshot(self, request: MergeRequest) -> DictSnapshot:
        return DictSnapshot({})

    def target_branch(self, request: MergeRequest) -> DictSnapshot:
        return DictSnapshot({".trivet.yml": self.config})

    def commits(self, request: MergeRequest) -> Sequence[Commit]:
        return ()

    def snapshot_at(self, request: MergeRequest, commit: str) -> DictSnapshot:
        return DictSnapshot({})

    def pushes(self, request: MergeRequest) -> Sequence[float]:
        return ()

    def is_bot(self, user_id: int) -> bool:
        return False

    def access_level(self, target: Target, user_id: int) -> int:
        return 30 if user_id in self.members else 20


@dataclass
class Agent:
    """Keeps what it was handed, and proposes what it is told to."""

    proposes: tuple[Any, ...] = ()
    failures: tuple[str, ...] = ()
    seen: list[Any] = field(default_factory=list)

    @property
    def spec(self) -> AgentSpec[Any]:
        return AgentSpec("pages", frozenset({"write_section", "comment_page", "upsert_note"}), self.run)

    def run(self, context: Any) -> AgentResult:
        self.seen.append(context)
        return AgentResult(actions=self.proposes, failures=self.failures)


@dataclass
class Scene:
    """Everything a run is handed, and what it started."""

    reader: Reader = field(default_factory=Reader)
    pages: Pages = field(default_factory=Pages)
    code: Projects = field(default_factory=lambda: Projects(files={".trivet.yml": CONFIG}))
    rules: Rules = RULES
    agent: Agent = field(default_factory=Agent)
    looking: Callable[[str], Sequence[Target]] = lambda _page: ()
    issues: Issues | None = None
    started: list[JobRequest] = field(default_factory=list)

    def propose(self, request: JobRequest = OPENED) -> Proposal:
        wiki = Wiki(self.pages, self.code, self.rules, looking=self.looking)
        tracker = Tracker(self.issues, self.code, self.rules) if self.issues else None
        means = Means(
            reader=self.reader,
            agent=self.agent.spec,
            redactor=Redactor([]),
            me=ME,
            marks=lambda _scope: BOOK,
            tracker=tracker,
            wiki=wiki,
            start=self.started.append,
        )
        return propose(request, "run-1", means)

    def sections(self, request: JobRequest = OPENED) -> Sequence[LivingSection]:
        self.propose(request)
        context = self.agent.seen[-1]
        assert isinstance(context, SectionsContext)
        return context.sections

    def notes(self, request: JobRequest) -> NotesContext:
        self.propose(request)
        context = self.agent.seen[-1]
        assert isinstance(context, NotesContext)
        return context


def proposed_note(
    number: int,
    edit: SectionEdit | None = EDIT,
    author: int = ME.id,
    result: str = DIGEST,
    page: str = GUIDE.id,
) -> Note:
    mark = BOOK.write(Mark("pages", "page", f"page:{page}:endpoints:{result}", "a" * 40))
    hidden = f"{kept_section(edit, BOOK)}\n{mark}" if edit else mark
    return Note(id=number, author_id=author, body=attach("A new text.", hidden), discussion="d")


def spoken(number: int, author: int, body: str) -> Note:
    return Note(id=number, author_id=author, body=body, discussion="d")


# --- what is read of a section ---


def test_only_the_sections_whose_paths_are_changed_are_read() -> None:
    (one,) = Scene().sections()
    assert (one.wanted.section, one.files, one.trouble) == ("endpoints", ("shop/cart.py",), "")
    assert one.page == GUIDE
    assert one.section is not None
    assert "two" in one.section.markdown
    assert (one.is_ours, one.tells_page, one.has_notice) == (False, True, False)


def test_the_proposal_says_which_pages_were_looked_at() -> None:
    assert Scene().propose().pages == ("123",)


def test_a_text_that_is_what_we_wrote_is_ours_and_one_that_somebody_changed_is_not() -> None:
    page = replace(GUIDE, storage=wrapped("endpoints", "<p>Old.</p>"))
    written = {"digests": [digest("<p>Old.</p>")], "made": True}
    ours = Scene(pages=Pages(known=(page,), memories={("123", "endpoints"): written})).sections()
    theirs = Scene(pages=Pages(known=(page,), memories={("123", "endpoints"): {"digests": ["x"]}})).sections()
    assert ([one.is_ours for one in ours], [one.is_ours for one in theirs]) == ([True], [False])


def test_a_public_project_is_told_nothing_of_a_page() -> None:
    public = Projects(known=(replace(SHOP, visibility="public"),))
    assert [one.tells_page for one in Scene(code=public).sections()] == [False]


def test_a_restricted_page_is_told_to_nobody() -> None:
    assert [one.tells_page for one in Scene(pages=Pages(restricted=frozenset({"123"}))).sections()] == [False]


TROUBLES: list[tuple[str, Scene, str]] = [
    ("no space", Scene(rules=Rules()), "maps no space to acme/shop"),
    ("no page", Scene(pages=Pages(known=())), "no page “API guide” in DOC"),
    ("archived", Scene(pages=Pages(known=(replace(GUIDE, status="archived"),))), "is archived"),
    (
        "two headings",
        Scene(pages=Pages(known=(replace(GUIDE, storage=GUIDE.storage + GUIDE.storage),))),
        "2 headings",
    ),
    (
        "taken away",
        Scene(
            pages=Pages(
                known=(replace(GUIDE, storage="<p>x</p>"),),
                memories={("123", "endpoints"): {"digests": [], "made": True}},
            )
        ),
        "a person took the section",
    ),
    (
        "another space",
        Scene(reader=Reader(config=CONFIG.replace("section: endpoints", "section: endpoints, space: OPS"))),
        "does not map the space OPS",
    ),
]


@pytest.mark.parametrize(("scene", "why"), [one[1:] for one in TROUBLES], ids=[one[0] for one in TROUBLES])
def test_what_keeps_a_section_from_being_written_is_told_once_on_the_merge_request(
    scene: Scene, why: str
) -> None:
    proposal = scene.propose()
    (one,) = scene.agent.seen[-1].sections
    assert why in one.trouble
    (note,) = proposal.actions
    assert isinstance(note, UpsertNote)
    assert note.key == "failure"
    assert why.split("“")[0] in note.body


SECRET = Projects(files={".trivet.yml": CONFIG}, known=(replace(SHOP, visibility="public"),))
UNTOLD: list[tuple[str, Scene]] = [
    ("no page", Scene(code=SECRET, pages=Pages(known=()))),
    (
        "several",
        Scene(
            code=SECRET,
            rules=Rules(spaces=(*RULES.spaces, SpaceRule(space="OPS", gitlab="acme/shop"))),
            pages=Pages(known=(GUIDE, replace(GUIDE, id="124", space="OPS"))),
        ),
    ),
    ("archived", Scene(code=SECRET, pages=Pages(known=(replace(GUIDE, status="archived"),)))),
    (
        "restricted",
        Scene(
            pages=Pages(known=(replace(GUIDE, storage=GUIDE.storage * 2),), restricted=frozenset({GUIDE.id}))
        ),
    ),
]


@pytest.mark.parametrize("scene", [one[1] for one in UNTOLD], ids=[one[0] for one in UNTOLD])
def test_what_is_the_matter_with_a_page_is_not_told_where_its_texts_are_not(scene: Scene) -> None:
    (note,) = scene.propose().actions
    (section,) = scene.agent.seen[-1].sections
    assert isinstance(note, UpsertNote)
    for told in (note.body, section.trouble):
        assert "API guide" in told
        assert "why is not told" in told
        assert not [word for word in ("DOC", "OPS", "archived", "heading", "no page") if word in told]


def test_two_spaces_with_such_a_page_are_one_too_many() -> None:
    rules = Rules(spaces=(*RULES.spaces, SpaceRule(space="OPS", gitlab="acme/shop")))
    both = Pages(known=(GUIDE, replace(GUIDE, id="124", space="OPS")))
    (one,) = Scene(rules=rules, pages=both).sections()
    assert "in each of DOC, OPS" in one.trouble


FAILED = Note(
    id=3,
    author_id=ME.id,
    body=attach("It failed.", BOOK.write(Mark("pages", "failure", "failure", "a" * 40))),
    discussion="d",
)


def test_once_nothing_is_wrong_any_more_the_note_is_put_right() -> None:
    (note,) = Scene(reader=Reader(said=[FAILED])).propose().actions
    assert isinstance(note, UpsertNote)
    assert (note.key, note.create) == ("failure", False)
    assert "review" not in note.body


@pytest.mark.parametrize(
    "scene",
    [
        Scene(
            reader=Reader(replace(REQUEST, state="merged"), said=[FAILED]),
            pages=Pages(known=(replace(GUIDE, status="archived"),)),
        ),
        Scene(reader=Reader(said=[FAILED]), agent=Agent(failures=("the model was out",))),
    ],
    ids=["trouble at the merge", "the model failed"],
)
def test_what_is_wrong_still_is_not_told_to_be_right(scene: Scene) -> None:
    assert scene.propose().actions == ()


def remark(
    label: str = "OUT OF DATE", key: str = "stale:endpoints", author: str = WIKI_BOT.id
) -> PageComment:
    said = paragraph(Lozenge(text=label, color="yellow"), " The section.")
    line = paragraph(f"Trivet keeps this comment up to date ({key}).")
    return PageComment(id="1", author=author, storage=to_storage(Document(blocks=(said, line))))


@pytest.mark.parametrize(
    ("comment", "known"),
    [
        (remark(), True),
        (remark("TRUE AGAIN"), False),
        (remark(author="ada-1"), False),
        (remark(key="stale:else"), False),
        (replace(remark(), storage=remark().storage + "<p>Quoted above.</p>"), False),
        (replace(remark(), storage="<p>x"), False),
    ],
    ids=["ours", "true again", "a copy", "another section's", "quoted", "unreadable"],
)
def test_a_remark_counts_while_we_say_there_that_the_section_is_out_of_date(
    comment: PageComment, known: bool
) -> None:
    assert [one.has_notice for one in Scene(pages=Pages(said={"123": [comment]})).sections()] == [known]


def test_the_comments_of_a_page_are_read_once_however_many_of_its_sections_are_concerned() -> None:
    config = CONFIG.replace("other/**", "shop/**")
    scene = Scene(reader=Reader(config=config))
    assert len(scene.sections()) == 2
    assert scene.pages.asked.count("comments of 123") == 1


# --- who said yes ---


def accepted(reader: Reader) -> list[bool]:
    (one,) = Scene(reader=reader).sections()
    return [shown.is_accepted for shown in one.shown]


def test_a_members_thumbs_up_on_this_very_note_is_a_yes() -> None:
    assert accepted(Reader(said=[proposed_note(5)], thumbs={5: [7]})) == [True]


@pytest.mark.parametrize("who", [8, ME.id], ids=["no member", "the bot"])
def test_other_thumbs_are_none(who: int) -> None:
    reader = Reader(said=[proposed_note(5)], thumbs={5: [who]}, members=frozenset({7, ME.id}))
    assert accepted(reader) == [False]


def test_a_members_command_after_the_proposal_is_a_yes() -> None:
    assert accepted(Reader(said=[proposed_note(5), spoken(6, 7, "/trivet accept")])) == [True]
    assert accepted(Reader(said=[proposed_note(5), spoken(6, 7, "@trivet accept")])) == [True]


@pytest.mark.parametrize(
    "note",
    [spoken(4, 7, "/trivet accept"), spoken(6, 8, "/trivet accept"), spoken(6, 7, "I would accept this")],
    ids=["before it", "no member", "no command"],
)
def test_other_words_are_none(note: Note) -> None:
    assert accepted(Reader(said=[proposed_note(5), note])) == [False]


def test_a_yes_to_one_text_is_no_yes_to_the_next() -> None:
    reader = Reader(said=[proposed_note(5, result="d" * 20), proposed_note(9)], thumbs={5: [7]})
    assert accepted(reader) == [True, False]


def test_a_yes_to_another_text_is_none_to_one_that_comes_back() -> None:
    """In a note that is older than the yes."""
    back = EDIT.model_copy(update={"after": 30})
    said = [
        proposed_note(10, back),
        proposed_note(20, None, result="d" * 20),
        spoken(30, 7, "/trivet accept"),
    ]
    assert accepted(Reader(said=said)) == [False, False]
    assert accepted(Reader(said=[*said, spoken(31, 7, "/trivet accept")])) == [True, False]
    assert accepted(Reader(said=said, thumbs={10: [7]})) == [True, False], "it was given on this very text"


def test_the_agent_is_told_which_note_is_the_newest() -> None:
    scene = Scene(reader=Reader(said=[proposed_note(5), spoken(41, 8, "Hm."), spoken(17, 7, "Why?")]))
    scene.propose()
    assert scene.agent.seen[-1].newest_note == 41


def test_a_note_on_another_pages_section_of_that_name_is_none_on_this() -> None:
    (one,) = Scene(reader=Reader(said=[proposed_note(5, page="88"), proposed_note(6)])).sections()
    assert [shown.key for shown in one.shown] == [f"page:123:endpoints:{DIGEST}"]
    elsewhere = Reader(said=[proposed_note(5, page="88")], config=CONFIG.replace("shop/**", "gone/**"))
    with pytest.raises(Stopped, match="no path"):
        Scene(reader=elsewhere).propose()


def test_of_a_page_that_cannot_be_read_the_notes_are_found_by_the_sections_name() -> None:
    reader = Reader(said=[proposed_note(5)])
    (one,) = Scene(reader=reader, pages=Pages(known=())).sections()
    assert len(one.shown) == 1


def test_a_proposal_in_other_peoples_words_is_none() -> None:
    assert accepted(Reader(said=[proposed_note(5, author=7)], thumbs={5: [7]})) == []


def test_a_note_that_proposes_nothing_any_more_cannot_be_accepted() -> None:
    assert accepted(Reader(said=[proposed_note(5, edit=None)], thumbs={5: [7]})) == [False]


def test_a_section_is_looked_at_while_a_note_speaks_of_it_though_its_paths_are_changed_no_more() -> None:
    config = CONFIG.replace("shop/**", "gone/**")
    (one,) = Scene(reader=Reader(said=[proposed_note(5)], config=config)).sections()
    assert (one.files, [shown.key for shown in one.shown]) == ((), [f"page:123:endpoints:{DIGEST}"])


# --- a yes that starts a run ---

THUMB = OPENED.model_copy(update={"trigger": "thumbsup", "person": 7, "note": 5})
ACCEPTS = OPENED.model_copy(update={"trigger": "command", "person": 7})
OVER = replace(REQUEST, state="merged")
YES = Reader(said=[proposed_note(5)], thumbs={5: [7]})


def test_a_members_thumbs_up_on_a_proposal_is_looked_at() -> None:
    assert [one.shown[0].is_accepted for one in Scene(reader=YES).sections(THUMB)] == [True]


@pytest.mark.parametrize(
    ("reader", "request_", "why"),
    [
        (YES, THUMB.model_copy(update={"person": 8}), "Developer"),
        (YES, THUMB.model_copy(update={"person": ME.id}), "itself"),
        (YES, THUMB.model_copy(update={"note": 6}), "no note that proposes"),
        (YES, THUMB.model_copy(update={"note": 0}), "no note that proposes"),
        (Reader(said=[proposed_note(5, edit=None)]), THUMB, "no note that proposes"),
        (Reader(said=[proposed_note(5, author=8)]), THUMB, "no note that proposes"),
    ],
    ids=["no member", "the bot", "another note", "not told", "proposes nothing more", "not ours"],
)
def test_other_thumbs_up_start_nothing(reader: Reader, request_: JobRequest, why: str) -> None:
    scene = Scene(reader=reader)
    with pytest.raises(Stopped, match=why):
        scene.propose(request_)
    assert scene.agent.seen == []


@pytest.mark.parametrize("request_", [THUMB, ACCEPTS], ids=["thumb", "command"])
def test_when_it_is_over_only_sections_with_an_accepted_text_are_looked_at(request_: JobRequest) -> None:
    config = CONFIG.replace("other/**", "shop/**")
    scene = Scene(reader=replace(YES, request=OVER, config=config))
    assert [one.wanted.section for one in scene.sections(request_)] == ["endpoints"]
    merged = OPENED.model_copy(update={"trigger": "merged"})
    assert [one.wanted.section for one in scene.sections(merged)] == ["endpoints", "else"]


def test_a_command_when_it_is_over_and_nothing_was_proposed_does_nothing() -> None:
    scene = Scene(reader=Reader(OVER, said=[spoken(6, 7, "/trivet accept")]))
    with pytest.raises(Stopped, match="no text that it proposed"):
        scene.propose(ACCEPTS)
    assert scene.agent.seen == []


# --- what stops a run ---


@pytest.mark.parametrize(
    ("reader", "why"),
    [
        (Reader(config=""), "names no sections"),
        (Reader(replace(REQUEST, draft=True)), "is a draft"),
        (Reader(config=CONFIG.replace("shop/**", "gone/**")), "no path"),
    ],
)
def test_where_no_page_is_concerned_the_run_ends(reader: Reader, why: str) -> None:
    with pytest.raises(Stopped, match=why):
        Scene(reader=reader).propose()


def test_only_members_may_command() -> None:
    command = OPENED.model_copy(update={"trigger": "command", "person": 8})
    with pytest.raises(Stopped, match="Developer"):
        Scene().propose(command)


def test_a_confluence_that_is_down_puts_the_run_back() -> None:
    with pytest.raises(Unavailable):
        Scene(pages=Pages(trouble=Unavailable("Confluence is down"))).propose()


def test_without_a_confluence_nothing_can_be_done() -> None:
    means = Means(reader=Reader(), agent=Agent().spec, redactor=Redactor([]))
    with pytest.raises(UsageError, match="TRIVET_CONFLUENCE__URL"):
        propose(OPENED, "run-1", means)


def test_nothing_is_written_to_a_space_that_is_not_of_this_run() -> None:
    body = Document(blocks=(paragraph("x"),))
    here = CommentPage(key="stale:endpoints", space="DOC", page="123", body=body)
    there = WriteSection(key="section:x", space="OPS", page="9", section="x", body=body)
    scene = Scene(agent=Agent((here, there)))
    proposal = scene.propose()
    assert proposal.actions == (here,)
    assert ["OPS" in one.reason for one in proposal.report.decisions] == [True]


# --- a page has changed ---

PAGE = JobRequest(agent="pages", page="123", trigger="page", key="pages:page:123:4")
OTHERS = [Target("acme/shop", 7, 1), Target("acme/shop", 8, 1)]


def test_a_changed_page_has_its_open_merge_requests_looked_at_again() -> None:
    scene = Scene(looking=lambda page: OTHERS if page == "123" else [])
    with pytest.raises(Stopped, match="2 merge requests looked at again"):
        scene.propose(PAGE)
    assert [(one.iid, one.trigger, one.key) for one in scene.started] == [
        (7, "page", "pages:1:7:pages:page:123:4"),
        (8, "page", "pages:1:8:pages:page:123:4"),
    ]


ADDRESS = "https://gitlab.example.com/acme/shop/-/merge_requests/7"


@pytest.mark.parametrize(
    ("remark", "count"),
    [("", 0), (f'<a href="{ADDRESS}">!7</a>', 1), (f'<a href="{ADDRESS}1">!71</a>', 0)],
    ids=["none", "about it", "about another"],
)
def test_one_that_is_merged_is_looked_at_again_only_while_a_remark_is_about_it(
    remark: str, count: int
) -> None:
    merged = Reader(replace(REQUEST, state="merged", web_url=ADDRESS))
    remarks = {"123": [PageComment(id="1", author=WIKI_BOT.id, storage=remark)]}
    scene = Scene(reader=merged, pages=Pages(said=remarks), looking=lambda _page: OTHERS[:1])
    with pytest.raises(Stopped):
        scene.propose(PAGE)
    assert len(scene.started) == count


def test_a_page_that_nobody_looked_at_is_not_read() -> None:
    scene = Scene()
    with pytest.raises(Stopped, match="no merge request"):
        scene.propose(PAGE)
    assert scene.pages.asked == []


def test_a_page_that_is_gone_starts_nothing() -> None:
    scene = Scene(pages=Pages(known=()), looking=lambda _page: OTHERS)
    with pytest.raises(Stopped, match="gone"):
        scene.propose(PAGE)
    assert scene.started == []


def test_however_many_merged_ones_looked_at_a_page_the_open_one_is_looked_at_again() -> None:
    @dataclass
    class LastIsOpen(Reader):
        def merge_request(self, target: Target) -> MergeRequest:
            return replace(REQUEST, target=target, state="opened" if target.iid == 99 else "merged")

    scene = Scene(
        reader=LastIsOpen(), looking=lambda _page: [Target("acme/shop", iid, 1) for iid in range(1, 100)]
    )
    with pytest.raises(Stopped, match="1 merge request looked at"):
        scene.propose(PAGE)
    assert [one.iid for one in scene.started] == [99]


def test_a_pipeline_learns_nothing_of_a_page_and_starts_nothing_of_another_project() -> None:
    theirs = [*OTHERS, Target("acme/secret", 4, 2)]
    scene = Scene(looking=lambda _page: theirs)
    with pytest.raises(Stopped) as stopped:
        scene.propose(PAGE.model_copy(update={"project": "acme/shop"}))
    assert str(stopped.value) == "page 123 has changed: 2 merge requests looked at again"
    assert {one.project for one in scene.started} == {"acme/shop"}
    with pytest.raises(Withheld):
        Scene(rules=Rules(), looking=lambda _page: OTHERS).propose(
            PAGE.model_copy(update={"project": "acme/shop"})
        )


# --- release notes ---


def merged(iid: int, title: str = "feat: a thing", **more: Any) -> MergedRequest:
    return MergedRequest(
        **{"iid": iid, "title": title, "description": "", "url": f"https://gl/{iid}", "author": "ada"} | more
    )


NOTED = JobRequest(
    agent="pages", project="acme/shop", project_id=1, iid=7, release="next", trigger="merged", key="n"
)
TAGGED = JobRequest(
    agent="pages", project="acme/shop", project_id=1, release="v1.4.0", trigger="tag", key="t"
)
MERGED = Reader(replace(REQUEST, state="merged"))
TAGS = (Tag("v1.3.0", "a" * 40), Tag("v1.4.0", "b" * 40), Tag("nightly", "c" * 40))


def code(*, tags: Sequence[Tag] = TAGS, **histories: Any) -> Projects:
    return Projects(files={".trivet.yml": CONFIG}, known_tags=tags, histories=histories.get("histories", {}))


def test_a_merge_is_listed_with_all_since_the_newest_release() -> None:
    history = {("v1.4.0", "main"): [merged(7), merged(6)]}
    context = Scene(reader=MERGED, code=code(histories=history)).notes(NOTED)
    (page,) = context.pages
    assert (context.space, context.parent, context.merged) == ("DOC", "200", 7)
    assert (page.version, page.title, page.since) == ("next", "Release next", "v1.4.0")
    assert [one.iid for one in page.merged] == [7, 6]


def test_a_tag_has_a_page_of_its_own_and_the_next_one_is_written_anew() -> None:
    following = Page(id="201", space="DOC", title="Release next", version=3, storage="", url="u")
    history = {("v1.3.0", "v1.4.0"): [merged(6)], ("v1.4.0", "main"): []}
    memory = {("201", "release-notes"): {"digests": [], "memory": {"breaking": {"6": []}}}}
    scene = Scene(code=code(histories=history), pages=Pages((RELEASES, following), memories=memory))
    released, rest = scene.notes(TAGGED).pages
    assert (released.title, released.since, [one.iid for one in released.merged]) == (
        "Release v1.4.0",
        "v1.3.0",
        [6],
    )
    assert released.memory == {"breaking": {"6": []}}
    assert (rest.version, rest.page, rest.merged) == ("next", following, ())


def test_before_anything_is_merged_a_tag_makes_no_page_of_the_next_release() -> None:
    assert [one.version for one in Scene(code=code()).notes(TAGGED).pages] == ["v1.4.0"]


def test_a_page_that_is_called_without_the_v_is_the_releases() -> None:
    there = Page(id="202", space="DOC", title="Release 1.4.0", version=3, storage="", url="u")
    (page,) = Scene(code=code(), pages=Pages((RELEASES, there))).notes(TAGGED).pages
    assert (page.page, page.title) == (there, "Release 1.4.0")


def test_issues_of_mapped_projects_are_named_with_their_kind_and_others_are_not() -> None:
    history = {("v1.4.0", "main"): [merged(7, "SHOP-12: totals, OPS-1"), merged(6, "x")]}
    scene = Scene(reader=MERGED, code=code(histories=history), issues=Issues())
    context = scene.notes(NOTED)
    [(iid, (issue,))] = context.pages[0].issues.items()
    assert (iid, issue.key, issue.kind, issue.url) == (7, "SHOP-12", "Story", SHOP_12.url)
    assert context.links_issues


@pytest.mark.parametrize(
    ("scene", "why"),
    [
        (Scene(reader=MERGED, code=Projects(files={})), "asks for no release notes"),
        (Scene(reader=Reader(replace(MERGED.request, target_branch="1.x")), code=code()), "went into 1.x"),
        (Scene(code=code()), "is opened"),
    ],
)
def test_what_belongs_into_no_release_notes_ends_the_run(scene: Scene, why: str) -> None:
    with pytest.raises(Stopped, match=why):
        scene.propose(NOTED)


@pytest.mark.parametrize(
    ("scene", "request_", "why"),
    [
        (Scene(reader=MERGED, code=code(), rules=Rules()), NOTED, "does not map the space DOC"),
        (Scene(reader=MERGED, code=code(), pages=Pages(known=())), NOTED, "no page “Releases”"),
        (Scene(code=code(tags=())), TAGGED, "has no tag v1.4.0"),
    ],
)
def test_what_keeps_release_notes_from_being_written_is_a_failure(
    scene: Scene, request_: JobRequest, why: str
) -> None:
    with pytest.raises(PlatformError, match=why):
        scene.propose(request_)


def test_a_version_released_in_jira_starts_the_notes_of_each_mapped_project() -> None:
    released = JobRequest(agent="pages", tracked="10000", release="1.4.0", trigger="version", key="v")
    scene = Scene(issues=Issues(), code=code())
    with pytest.raises(Stopped, match="acme/shop"):
        scene.propose(released)
    (request,) = scene.started
    assert (request.project, request.project_id, request.release, request.trigger) == (
        "acme/shop",
        1,
        "1.4.0",
        "version",
    )
    notes = scene.notes(request)
    assert [one.version for one in notes.pages] == ["v1.4.0"]


@pytest.mark.parametrize("error", [NotFound("not there"), Forbidden("not for you")])
def test_a_version_of_a_project_that_the_bot_may_not_see_is_no_failure(
    error: PlatformError, monkeypatch: pytest.MonkeyPatch
) -> None:
    def project_key(_issues: Issues, _number: str) -> str:
        raise error

    monkeypatch.setattr(Issues, "project_key", project_key)
    released = JobRequest(agent="pages", tracked="10000", release="1.4.0", trigger="version", key="v")
    scene = Scene(issues=Issues(), code=code())
    with pytest.raises(Stopped, match="may not see the Jira project"):
        scene.propose(released)
    assert scene.started == []


def test_a_version_that_jira_releases_before_its_tag_has_what_the_default_branch_holds() -> None:
    history = {("v1.4.0", "main"): [merged(9)]}
    request = TAGGED.model_copy(update={"release": "1.5.0", "trigger": "version"})
    (page,) = Scene(code=code(histories=history)).notes(request).pages
    assert (page.title, [one.iid for one in page.merged]) == ("Release 1.5.0", [9])


def test_of_very_many_merges_the_latest_are_listed_and_the_rest_counted() -> None:
    history = {("v1.4.0", "main"): [merged(iid) for iid in range(500, 0, -1)]}
    (page,) = Scene(reader=MERGED, code=code(histories=history)).notes(NOTED).pages
    assert (len(page.merged), page.left_out, page.merged[0].iid) == (300, 200, 500)


def test_what_was_released_before_its_merge_was_noted_is_listed_with_its_release() -> None:
    history = {("v1.3.0", "v1.4.0"): [merged(7)], ("v1.4.0", "main"): [merged(9)]}
    pages = Scene(reader=MERGED, code=code(histories=history)).notes(NOTED).pages
    assert [(one.version, [two.iid for two in one.merged]) for one in pages] == [
        ("v1.4.0", [7]),
        ("next", [9]),
    ]


def test_a_jira_that_is_down_keeps_no_release_notes_from_being_written() -> None:
    history = {("v1.4.0", "main"): [merged(7, "SHOP-12: totals")]}
    jira = Issues(trouble=Unavailable("Jira is down"))
    context = Scene(reader=MERGED, code=code(histories=history), issues=jira).notes(NOTED)
    [(_, (issue,))] = context.pages[0].issues.items()
    assert (issue.key, issue.kind) == ("SHOP-12", "")
    assert ["Jira is down" in one for one in context.complaints] == [True]


def test_a_configuration_that_is_wrong_is_told_as_such() -> None:
    broken = Projects(files={".trivet.yml": "pages: {release_note: 1}"})
    with pytest.raises(PlatformError, match=r"\.trivet\.yml is not used"):
        Scene(reader=MERGED, code=broken).propose(NOTED)


def test_release_notes_of_a_tag_are_bound_to_its_commit() -> None:
    proposal = Scene(code=code()).propose(TAGGED)
    assert (proposal.tag, proposal.head, proposal.iid) == ("v1.4.0", "b" * 40, 0)
