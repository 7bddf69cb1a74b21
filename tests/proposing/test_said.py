"""Notes are read once: our own by their marks, people's within bounds, thumbs by whose they are."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast

import pytest

from bot.agents.spec import AgentSpec
from bot.domain.change import Target
from bot.domain.commands import READ_LIMIT
from bot.domain.events import Person
from bot.domain.findings import Finding, Severity
from bot.domain.kept import kept_finding, kept_reviewed
from bot.domain.lifecycle import Known
from bot.domain.marks import Kind, Mark, MarkBook, attach
from bot.domain.notes import Award, Note
from bot.domain.reviewed import Reviewed
from bot.domain.secrets import Redactor
from bot.llm.messages import Model
from bot.ports import MergeRequestReader
from bot.proposing.means import Means
from bot.proposing.said import MOST_NOTES, Said, known_findings_of, read_said, remembered
from tests.doubles import REQUEST

ME, AUTHOR, MEMBER, GUEST, BOT = 1, 2, 3, 4, 5
NAMES = {ME: "trivet", AUTHOR: "ada", MEMBER: "bob", GUEST: "eve", BOT: "project_7_bot_9f3c"}
BOOK = MarkBook(["n" * 16], REQUEST.target.key)
OPEN = replace(REQUEST, author_id=AUTHOR, author="ada")
KEY = "4f" * 16
FINDING = Finding(
    rule="leak", severity=Severity.MAJOR, path="a.py", line=3, anchor="x", title="Leaks", fingerprint=KEY
)
MEMORY = Reviewed(head="a" * 40, units=("1" * 20,))


def note(number: int, author: int, body: str, discussion: str = "", **more: Any) -> Note:
    return Note(number, author, body, discussion or f"t{number}", author=NAMES[author], **more)


def marked(
    number: int, kind: Kind, key: str, kept: str = "", book: MarkBook = BOOK, agent: str = "review"
) -> Note:
    mark = book.write(Mark(agent, kind, key, "a" * 40))
    return note(number, ME, attach("Said.", "\n".join(filter(None, (kept, mark)))), resolved=False)


def found(number: int, key: str = KEY) -> Note:
    return marked(
        number, "finding", key, kept_finding(FINDING.model_copy(update={"fingerprint": key}), "", BOOK)
    )


def summary(number: int, reviewed: Reviewed | None, book: MarkBook = BOOK, agent: str = "review") -> Note:
    return marked(
        number, "summary", "summary", kept_reviewed(reviewed, book) if reviewed else "", book, agent
    )


@dataclass
class Reader:
    """The notes and reactions of one merge request; `asked` is what was read, in order."""

    there: Sequence[Note] = ()
    thumbs: Mapping[int, Sequence[Award]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def notes(self, target: Target) -> Iterator[Note]:
        self.asked.append("notes")
        return iter(self.there)

    def awards(self, target: Target, note: int) -> Sequence[Award]:
        self.asked.append(f"awards {note}")
        return self.thumbs.get(note, ())

    def access_level(self, target: Target, user_id: int) -> int:
        self.asked.append(f"access {user_id}")
        return {MEMBER: 30, AUTHOR: 20, GUEST: 10, BOT: 30}.get(user_id, 40)


def means_of(reader: Reader, **more: Any) -> Means:
    given: dict[str, Any] = {"me": Person(id=ME, username="trivet"), "marks": lambda _scope: BOOK, **more}
    agent = AgentSpec[Any]("review", frozenset(), lambda _context: pytest.fail("no agent runs here"))
    return Means(cast(MergeRequestReader, reader), agent, Redactor(), **given)


def said_of(*notes: Note, **more: Any) -> Said:
    return read_said(OPEN, means_of(Reader(notes), **more))


def known_of(reader: Reader, **more: Any) -> list[Known]:
    means = means_of(reader, **more)
    return known_findings_of(read_said(OPEN, means), OPEN, means)


# --- the notes ---


def test_all_of_ours_and_peoples_notes_are_there_without_a_model() -> None:
    ours, theirs = found(1), note(2, AUTHOR, "won't fix", "t1")
    said = said_of(ours, theirs, note(3, AUTHOR, "pushed", system=True))
    assert set(said.notes) == {ours, theirs}
    assert said.people == ()
    assert said.newest == 3


def test_an_agent_with_a_model_gets_peoples_notes() -> None:
    theirs = note(2, AUTHOR, "Hm")
    assert said_of(found(1), theirs, model=cast(Model, object())).people == (theirs,)


def test_of_peoples_notes_the_newest_are_kept_and_of_ours_all() -> None:
    many = MOST_NOTES + 10
    ours = [found(number, f"{number:032x}") for number in range(1, 31)]
    theirs = [note(100 + number, AUTHOR, "Hm") for number in range(many)]
    said = said_of(*ours, *theirs)
    assert sum(one.author_id == ME for one in said.notes) == 30
    assert sorted(one.id for one in said.notes if one.author_id == AUTHOR) == [
        one.id for one in theirs[-MOST_NOTES:]
    ]


def test_a_huge_note_of_a_person_is_cut_and_one_of_ours_is_not() -> None:
    long = "x" * (READ_LIMIT + 5)
    said = said_of(note(1, AUTHOR, long), replace(found(2), body=long + found(2).body))
    assert sorted(len(one.body) for one in said.notes) == [READ_LIMIT, len(long + found(2).body)]


def test_where_nobody_has_use_for_notes_none_are_read() -> None:
    reader = Reader([found(1)])
    assert read_said(OPEN, means_of(reader, me=None)) == Said()
    assert reader.asked == []


# --- the memory ---


def test_the_newest_summary_of_a_review_tells_what_was_read() -> None:
    later = MEMORY.model_copy(update={"head": "b" * 40})
    assert said_of(summary(9, later), summary(5, MEMORY)).reviewed == later
    assert said_of(summary(5, MEMORY), summary(9, None)).reviewed is None
    assert said_of(found(1)).reviewed is None


@pytest.mark.parametrize(
    "forged",
    [
        summary(9, MEMORY, MarkBook(["f" * 16], REQUEST.target.key)),
        summary(9, MEMORY, MarkBook(["n" * 16], "gitlab:1:99")),
        replace(summary(9, MEMORY), author_id=AUTHOR),
        summary(9, MEMORY, agent="link"),
    ],
)
def test_a_memory_that_is_not_ours_counts_for_nothing(forged: Note) -> None:
    assert said_of(forged).reviewed is None
    assert said_of(summary(5, MEMORY), forged).reviewed == MEMORY


def test_a_review_that_left_no_note_is_remembered_elsewhere() -> None:
    silent, reader = Reviewed(head="a" * 40, units=("1" * 20,)), Reader([note(1, AUTHOR, "Hm")])
    means = means_of(reader, last_review=lambda _request: silent)
    assert remembered(read_said(REQUEST, means), REQUEST, means) == silent


def test_a_review_whose_summary_nobody_can_verify_is_forgotten_with_it() -> None:
    """Without the mark secret its threads tell nothing any more: what they showed has to be shown again."""
    for lost in (Reviewed(listed=(FINDING,)), Reviewed(told=(KEY,), units=("1" * 20,))):
        means = means_of(Reader([note(1, AUTHOR, "Hm")]), last_review=lambda _request, lost=lost: lost)
        assert remembered(read_said(REQUEST, means), REQUEST, means) is None


def test_what_a_summary_had_no_room_for_is_remembered_elsewhere() -> None:
    whole = MEMORY.model_copy(update={"units": ("1" * 20, "2" * 20), "listed": (FINDING,)})
    other = whole.model_copy(update={"head": "b" * 40})
    reader = Reader([summary(1, MEMORY)])
    assert known_of(reader, last_review=lambda _request: whole) == [Known(KEY, FINDING)]
    assert known_of(reader, last_review=lambda _request: other) == []
    assert known_of(reader, last_review=lambda _request: None) == []


# --- thumbs ---


@pytest.mark.parametrize(
    ("person", "by"),
    [(AUTHOR, "ada"), (MEMBER, "bob"), (GUEST, ""), (ME, ""), (BOT, ""), (0, ""), (99, "a member")],
)
def test_a_thumbs_down_counts_by_whose_it_is(person: int, by: str) -> None:
    notes = [found(10), note(11, MEMBER, "Hm"), note(12, GUEST, "Hm"), note(13, BOT, "Hm")]
    (known,) = known_of(Reader(notes, {10: [Award("thumbsdown", person)]}))
    assert (known.state, known.by) == ("dismissed" if by else "open", by)


@pytest.mark.parametrize("emoji", ["thumbsup", "eyes", "thumbs"])
def test_another_emoji_says_nothing(emoji: str) -> None:
    (known,) = known_of(Reader([found(10)], {10: [Award(emoji, MEMBER)]}))
    assert known.state == "open"


def test_a_thumb_of_any_colour_is_one() -> None:
    (known,) = known_of(Reader([found(10)], {10: [Award("thumbsdown_tone3", AUTHOR)]}))
    assert known.state == "dismissed"


def test_a_thumbs_down_on_somebody_elses_note_says_nothing() -> None:
    reader = Reader([found(10), note(11, AUTHOR, "Hm", "t10")], {11: [Award("thumbsdown", MEMBER)]})
    assert known_of(reader)[0].state == "open"
    assert "awards 11" not in reader.asked


def test_a_person_is_looked_up_once_and_the_author_never() -> None:
    thumbs = {number: [Award("thumbsdown", GUEST), Award("thumbsdown", AUTHOR)] for number in (10, 11)}
    reader = Reader([found(10), found(11, "5e" * 16)], thumbs)
    assert [one.by for one in known_of(reader)] == ["ada", "ada"]
    assert reader.asked == ["notes", "awards 10", f"access {GUEST}", "awards 11"]


# --- words ---


def closed(reply: Note) -> list[Note]:
    return [replace(one, resolved=True, resolver_id=ME, resolver="trivet") for one in (found(10), reply)]


@pytest.mark.parametrize(
    ("person", "by"), [(AUTHOR, "ada"), (MEMBER, "bob"), (GUEST, ""), (BOT, ""), (0, "")]
)
def test_words_count_by_whose_they_are(person: int, by: str) -> None:
    reply = Note(11, person, "won't fix: legacy", "t10", author=NAMES.get(person, ""))
    (known,) = known_of(Reader(closed(reply)))
    assert (known.state, known.by, known.why) == ("dismissed", by, "won't fix: legacy" if by else "")


def test_an_author_who_is_a_bot_dismisses_nothing() -> None:
    request = replace(REQUEST, author_id=BOT, author=NAMES[BOT])
    means = means_of(Reader([found(10)], {10: [Award("thumbsdown", BOT)]}))
    assert known_findings_of(read_said(request, means), request, means)[0].state == "open"


def test_a_person_who_speaks_and_votes_is_looked_up_once() -> None:
    notes = [
        *closed(note(11, GUEST, "won't fix", "t10")),
        found(12, "5e" * 16),
        note(13, GUEST, "by design", "t12"),
    ]
    reader = Reader(notes, {12: [Award("thumbsdown", GUEST)]})
    known_of(reader)
    assert reader.asked == ["notes", f"access {GUEST}", "awards 12"]


def test_nothing_is_known_to_who_does_not_know_the_bot_or_signs_nothing() -> None:
    reader = Reader([found(10)])
    said = read_said(OPEN, means_of(reader))
    assert known_findings_of(said, OPEN, means_of(reader, me=None)) == []
    assert known_findings_of(said, OPEN, means_of(reader, marks=None)) == []
    assert known_of(reader, marks=lambda _scope: MarkBook([], REQUEST.target.key)) == []
