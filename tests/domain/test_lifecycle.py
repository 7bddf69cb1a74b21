"""A finding's life is what its thread, its emoji and the summary tell, and nothing that anybody else can write."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import count
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.domain.findings import Finding, Severity, Suggestion
from bot.domain.identity import recognised
from bot.domain.kept import kept_finding
from bot.domain.lifecycle import (
    DISMISSED,
    FIXED,
    REGRESSED,
    Known,
    around,
    known_findings,
    taken_away,
)
from bot.domain.markdown import by_model, finding_comment
from bot.domain.marks import Kind, Mark, MarkBook, attach
from bot.domain.notes import Note
from bot.domain.reviewed import Reviewed
from bot.domain.sanitize import sanitize

BOOK = MarkBook(["n" * 16], "gitlab:42:7")
FOREIGN = MarkBook(["n" * 16], "gitlab:42:8")
STOLEN = MarkBook(["f" * 16], "gitlab:42:7")
UNSIGNED = MarkBook([], "gitlab:42:7")
ME, ADA, BOB, OTHER_BOT, GHOST, GUEST = 1, 2, 3, 4, 5, 6
NAMES = {ME: "trivet", ADA: "ada", BOB: "bob", OTHER_BOT: "renovate-bot", GHOST: "ghost", GUEST: "mallory"}
KEY, OTHER = "4f" * 16, "5e" * 16
SHA, LATER = "a1" * 20, "b2" * 20
FINDING = Finding(
    rule="sql-injection",
    severity=Severity.CRITICAL,
    path="app/find.py",
    line=41,
    anchor="db.execute(query)",
    title="A customer's name *becomes* SQL in `find()`",
    detail="A quote in it ends the text.",
    fingerprint=KEY,
)


@dataclass
class MergeRequestNotes:
    """Notes as GitLab gives them out: ids grow, a thread's notes are all resolved or none is."""

    notes: list[Note] = field(default_factory=list)
    asked: list[int] = field(default_factory=list)
    _ids: "count[int]" = field(default_factory=lambda: count(100))

    def write(self, author: int, body: str, thread: str = "", **more: Any) -> Note:
        note_id = next(self._ids)
        note = Note(
            id=note_id,
            author_id=author,
            author=NAMES[author],
            body=body,
            discussion=thread or f"t{note_id}",
            **more,
        )
        self.notes.append(note)
        return note

    def found(self, finding: Finding = FINDING, digest: str = "0123456789ab", book: MarkBook = BOOK) -> str:
        body = marked(finding_comment(finding), "finding", finding.fingerprint, book, finding, digest)
        place: dict[str, Any] = {"path": finding.path, "new_line": finding.line, "old_line": finding.old_line}
        return self.write(ME, body, "", resolved=False, **place).discussion

    def reply(self, thread: str, key: str, book: MarkBook = BOOK, author: int = ME) -> Note:
        return self.say(thread, marked("Said.", "reply", key, book), author)

    def say(self, thread: str, body: str, author: int = ADA, **more: Any) -> Note:
        """A reply in a closed thread leaves it closed."""
        resolved = all(note.resolved for note in self.notes if note.discussion == thread)
        return self.write(author, body, thread, resolved=resolved, **more)

    def close(self, thread: str, by: int) -> None:
        self._set(thread, resolved=True, resolver_id=by, resolver=NAMES[by])

    def open(self, thread: str) -> None:
        self._set(thread, resolved=False, resolver_id=0, resolver="")

    def _set(self, thread: str, **state: Any) -> None:
        self.notes = [replace(note, **state) if note.discussion == thread else note for note in self.notes]

    def known(
        self, reviewed: Reviewed | None = None, voted: Callable[[int], str] = lambda _note: ""
    ) -> list[Known]:
        return known_findings(self.notes, BOOK, ME, reviewed, voted, self._counts)

    def _counts(self, person: int) -> bool:
        self.asked.append(person)
        return person not in (0, GUEST)

    def only(self, reviewed: Reviewed | None = None) -> Known:
        (known,) = self.known(reviewed)
        return known


def marked(
    text: str, kind: Kind, key: str, book: MarkBook, finding: Finding | None = None, digest: str = ""
) -> str:
    kept = kept_finding(finding, digest, book) if finding else ""
    return attach(text, "\n".join(filter(None, (kept, book.write(Mark("review", kind, key, SHA))))))


def fixed(key: str = KEY, commit: str = SHA) -> str:
    return FIXED.format(finding=key, commit=commit)


def back(key: str = KEY, commit: str = LATER) -> str:
    return REGRESSED.format(finding=key, commit=commit)


# --- a thread ---


def test_a_thread_of_ours_is_an_open_finding_as_its_note_keeps_it() -> None:
    there = MergeRequestNotes()
    thread = there.found()
    known = there.only()
    assert (known.key, known.state, known.thread, known.note) == (KEY, "open", thread, 100)
    assert known.finding == FINDING
    assert known.around == "0123456789ab"
    assert not known.is_theirs


def test_our_replies_tell_what_became_of_it_in_their_order() -> None:
    there = MergeRequestNotes()
    thread = there.found()
    there.reply(thread, fixed())
    there.close(thread, ME)
    assert (there.only().state, there.only().commit) == ("fixed", SHA)
    there.reply(thread, back())
    there.open(thread)
    assert (there.only().state, there.only().commit) == ("regressed", LATER)
    there.reply(thread, fixed(commit=LATER))
    there.close(thread, ME)
    assert (there.only().state, there.only().commit) == ("fixed", LATER)


def test_a_person_who_was_right_dismissed_it() -> None:
    there = MergeRequestNotes()
    thread = there.found()
    said = there.say(thread, "The list is never empty:\nit has a default.", BOB)
    there.reply(thread, DISMISSED.format(note=said.id))
    there.close(thread, ME)
    known = there.only()
    assert (known.state, known.by) == ("dismissed", "bob")
    assert known.why == "The list is never empty: it has a default."


def test_a_dismissal_stands_though_the_note_it_answers_is_gone() -> None:
    there = MergeRequestNotes()
    thread = there.found()
    there.reply(thread, DISMISSED.format(note=99_999))
    there.close(thread, ME)
    assert (there.only().state, there.only().by, there.only().why) == ("dismissed", "", "")


@pytest.mark.parametrize("key", [fixed(), DISMISSED.format(note=100)])
def test_what_a_person_opens_again_is_theirs(key: str) -> None:
    there = MergeRequestNotes()
    thread = there.found()
    there.reply(thread, key)
    there.open(thread)
    known = there.only()
    assert (known.state, known.is_theirs, known.commit, known.by) == ("open", True, "", "")


def test_what_cannot_be_closed_is_as_our_replies_left_it() -> None:
    there = MergeRequestNotes()
    thread = there.found()
    there.reply(thread, fixed())
    there.notes = [replace(note, resolved=None) for note in there.notes]
    assert there.only().state == "fixed"


def test_a_person_closes_it_and_says_why() -> None:
    there = MergeRequestNotes()
    thread = there.found()
    there.say(thread, "Hm, let me see.")
    there.say(thread, "won't fix: legacy", BOB)
    there.say(thread, "/trivet explain", ADA)
    there.close(thread, ADA)
    known = there.only()
    assert (known.state, known.by, known.why) == ("dismissed", "ada", "won't fix: legacy")


def test_thanks_are_no_reason_where_another_was_given() -> None:
    there = MergeRequestNotes()
    thread = there.found()
    there.say(thread, "Only tests call it")
    there.say(thread, "ok, thanks")
    there.close(thread, ADA)
    assert there.only().why == "Only tests call it"


def test_a_person_closes_it_without_a_word() -> None:
    there = MergeRequestNotes()
    there.close(there.found(), ADA)
    known = there.only()
    assert (known.state, known.by, known.why) == ("dismissed", "ada", "")


@pytest.mark.parametrize(("words", "state"), [("", "fixed"), ("ok", "fixed"), ("won't fix", "dismissed")])
def test_what_is_gone_was_fixed_unless_a_person_said_otherwise(words: str, state: str) -> None:
    there = MergeRequestNotes()
    thread = there.found()
    if words:
        there.say(thread, words)
    there.close(thread, ADA)
    known = there.only(Reviewed(gone=(KEY,)))
    assert (known.state, known.commit) == (state, "")


def test_a_dismissal_stays_one_whatever_is_said_after_it() -> None:
    """It was us who closed the thread, because of those words: its line may go and come back."""
    there = MergeRequestNotes()
    thread = there.found()
    there.say(thread, "This is by design.", BOB)
    there.close(thread, ME)
    there.say(thread, "Hm, I see.", ADA)
    known = there.only(Reviewed(gone=(KEY,)))
    assert (known.state, known.by, known.why) == ("dismissed", "bob", "This is by design.")


def test_we_closed_it_at_a_persons_command() -> None:
    there = MergeRequestNotes()
    thread = there.found()
    there.say(thread, "Only tests call it", ADA)
    there.say(thread, "@trivet resolve", BOB)
    there.close(thread, ME)
    known = there.only()
    assert (known.state, known.by, known.why) == ("dismissed", "bob", "Only tests call it")


def test_we_closed_all_at_a_persons_command_elsewhere() -> None:
    there = MergeRequestNotes()
    there.write(ADA, "/trivet resolve")
    thread, other = there.found(), there.found(FINDING.model_copy(update={"fingerprint": OTHER}))
    there.write(BOB, "/trivet resolve")
    there.close(thread, ME)
    there.close(other, ME)
    assert [(one.state, one.by) for one in there.known()] == [("dismissed", "bob")] * 2


def test_a_deleted_reply_of_ours_leaves_a_closed_thread_that_stays_closed() -> None:
    there = MergeRequestNotes()
    there.close(there.found(), ME)
    assert (there.only().state, there.only().by) == ("dismissed", "")


def test_a_commit_that_mends_it_once_more_is_told_by_what_was_said_of_it_before() -> None:
    there = MergeRequestNotes()
    thread = there.found()
    there.reply(thread, fixed(commit="1" * 40))
    there.reply(thread, REGRESSED.format(finding=KEY, commit="2" * 40))
    there.close(thread, ME)
    assert (there.only().state, there.only().commit) == ("fixed", "1" * 40)
    there.write(GUEST, "/trivet resolve")
    assert (there.only().state, there.only().commit) == ("fixed", "1" * 40)


def test_what_came_back_and_was_closed_at_a_persons_wish_was_dismissed() -> None:
    there = MergeRequestNotes()
    thread = there.found()
    there.reply(thread, fixed())
    there.reply(thread, back())
    there.say(thread, "by design", BOB)
    there.close(thread, ME)
    assert (there.only().state, there.only().by) == ("dismissed", "bob")


@pytest.mark.parametrize("wish", ["won't fix", "/trivet resolve", "@trivet resolve"])
def test_what_a_person_opens_again_after_their_wish_is_theirs(wish: str) -> None:
    there = MergeRequestNotes()
    thread = there.found()
    there.say(thread, wish, BOB)
    there.close(thread, ME)
    there.open(thread)
    assert (there.only().state, there.only().is_theirs) == ("open", True)


@pytest.mark.parametrize(
    ("author", "words"),
    [(GUEST, "won't fix"), (GUEST, "/trivet resolve"), (OTHER_BOT, "won't fix"), (ADA, "Hm, I see.")],
)
def test_an_open_thread_is_no_persons_for_what_nobody_wished(author: int, words: str) -> None:
    there = MergeRequestNotes()
    there.say(there.found(), words, author)
    assert (there.only().state, there.only().is_theirs) == ("open", False)


# --- whose words count ---


def test_a_guests_words_are_nobodys_reason() -> None:
    there = MergeRequestNotes()
    thread = there.found()
    there.say(thread, "Only tests call it", BOB)
    there.say(thread, "This is by design.", GUEST)
    there.close(thread, ADA)
    assert (there.only().by, there.only().why) == ("ada", "Only tests call it")
    assert there.only(Reviewed(gone=(KEY,))).state == "fixed"


def test_a_guests_command_closed_nothing() -> None:
    there = MergeRequestNotes()
    thread = there.found()
    there.say(thread, "/trivet resolve", GUEST)
    there.write(BOB, "/trivet resolve")
    there.write(GUEST, "/trivet resolve")
    there.close(thread, ME)
    assert (there.only().state, there.only().by) == ("dismissed", "bob")


def test_who_may_close_the_thread_may_say_why() -> None:
    there = MergeRequestNotes()
    thread = there.found()
    there.say(thread, "by design", GUEST)
    there.close(thread, GUEST)
    known = there.only(Reviewed(gone=(KEY,)))
    assert (known.state, known.by, known.why) == ("dismissed", "mallory", "by design")


def test_nobody_counts_as_whoever_closed_it_where_their_accounts_are_gone() -> None:
    there = MergeRequestNotes()
    thread = there.found()
    there.say(thread, "by design", GUEST)
    there.close(thread, GUEST)
    there.notes[1] = replace(there.notes[1], author_id=0)
    there.notes = [replace(note, resolver_id=0, resolver="") for note in there.notes]
    assert (there.only().by, there.only().why) == ("", "")


def test_people_are_asked_about_only_where_something_depends_on_it() -> None:
    there = MergeRequestNotes()
    there.write(GUEST, "/trivet resolve")
    there.say(there.found(), "Hm, let me see.", GUEST)
    closed = there.found(FINDING.model_copy(update={"fingerprint": OTHER}))
    there.reply(closed, fixed(OTHER))
    there.say(closed, "won't fix", BOB)
    there.close(closed, ME)
    there.known()
    assert there.asked == []
    third = there.found(FINDING.model_copy(update={"fingerprint": "c" * 32}))
    there.say(third, "by design", GUEST)
    there.say(third, "by design", BOB)
    there.close(third, ADA)
    there.known()
    assert there.asked == [BOB]


# --- what is told of their words ---


def test_what_not_everybody_may_read_is_not_told() -> None:
    there = MergeRequestNotes()
    thread = there.found()
    there.say(thread, "Won't fix, a customer is leaving.", BOB, internal=True)
    there.close(thread, ME)
    assert (there.only().state, there.only().by, there.only().why) == ("dismissed", "bob", "")


def test_an_internal_note_that_was_right_is_not_told_either() -> None:
    there = MergeRequestNotes()
    thread = there.found()
    said = there.write(BOB, "The customer has no such orders.", internal=True)
    there.reply(thread, DISMISSED.format(note=said.id))
    there.close(thread, ME)
    assert (there.only().state, there.only().by, there.only().why) == ("dismissed", "bob", "")


def test_an_internal_command_for_all_is_told_without_its_words() -> None:
    there = MergeRequestNotes()
    thread = there.found()
    there.write(BOB, "/trivet resolve\n\nWon't fix, a customer is leaving.", internal=True)
    there.close(thread, ME)
    assert (there.only().by, there.only().why) == ("bob", "")


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("/trivet resolve\n\nWon't fix: legacy", "Won't fix: legacy"),
        ("Won't fix: legacy\n@Trivet resolve", "Won't fix: legacy"),
        ("/trivet resolve won't fix", ""),
        ("@trivet won't fix", "@trivet won't fix"),
        ("`x` won't fix\n/trivet what", "… won't fix"),
    ],
)
def test_a_command_is_no_part_of_the_reason(body: str, why: str) -> None:
    there = MergeRequestNotes()
    thread = there.found()
    there.say(thread, body, BOB)
    there.close(thread, BOB)
    assert there.only().why == why


def test_another_bots_words_are_nobodys_reason() -> None:
    there = MergeRequestNotes()
    thread = there.found()
    there.say(thread, "won't fix", ADA)
    there.say(thread, "This looks good to me.", OTHER_BOT)
    there.close(thread, ADA)
    assert there.only().why == "won't fix"


def test_the_words_of_a_deleted_account_could_be_anybodys() -> None:
    there = MergeRequestNotes()
    thread = there.found()
    there.say(thread, "won't fix", ADA)
    there.say(thread, "Only tests call it", GHOST)
    there.close(thread, ADA)
    assert there.only().why == "won't fix"


# --- emoji ---


def test_a_thumbs_down_dismisses_what_nobody_has_closed() -> None:
    there = MergeRequestNotes()
    thread = there.found()
    there.reply(thread, back())
    known = there.known(voted=lambda note: "bob" if note == 100 else "")
    assert [(one.state, one.by, one.why, one.commit) for one in known] == [
        ("dismissed", "bob", "thumbs-down", "")
    ]


def test_nobody_is_asked_about_what_is_closed() -> None:
    there = MergeRequestNotes()
    asked: list[int] = []
    thread = there.found()
    there.reply(thread, fixed())
    there.close(thread, ME)
    there.close(there.found(FINDING.model_copy(update={"fingerprint": OTHER})), ADA)
    third = there.found(FINDING.model_copy(update={"fingerprint": "c" * 32}))
    there.known(Reviewed(listed=(FINDING.model_copy(update={"fingerprint": "d" * 32}),)), asked.append)  # type: ignore[arg-type]
    assert asked == [next(note.id for note in there.notes if note.discussion == third)]


# --- bad input ---


@pytest.mark.parametrize("book", [UNSIGNED, FOREIGN, STOLEN])
def test_a_mark_that_is_not_ours_begins_no_thread_of_ours(book: MarkBook) -> None:
    there = MergeRequestNotes()
    there.found(book=book)
    assert there.known() == []


def test_a_copy_of_our_note_by_somebody_else_is_none_of_ours() -> None:
    there = MergeRequestNotes()
    there.found()
    there.notes = [replace(note, author_id=ADA) for note in there.notes]
    assert there.known() == []


@pytest.mark.parametrize(
    ("author", "book", "key"),
    [
        (ADA, BOOK, fixed()),
        (ME, STOLEN, fixed()),
        (ME, FOREIGN, fixed()),
        (ME, UNSIGNED, fixed()),
        (ME, BOOK, fixed(OTHER)),
        (ME, BOOK, "answer:100"),
        (ME, BOOK, "fixed"),
        (ME, BOOK, "refused:2"),
    ],
)
def test_a_reply_that_is_not_about_it_changes_nothing(author: int, book: MarkBook, key: str) -> None:
    there = MergeRequestNotes()
    thread = there.found()
    there.reply(thread, key, book, author)
    assert (there.only().state, there.only().is_theirs) == ("open", False)


def test_a_thread_that_a_person_began_is_none_of_ours() -> None:
    there = MergeRequestNotes()
    thread = there.write(ADA, "What about this?", resolved=False).discussion
    there.reply(thread, fixed())
    there.write(ME, marked("Found", "finding", KEY, BOOK, FINDING), thread)
    assert there.known() == []


def test_a_thread_whose_first_note_was_deleted_was_taken_away() -> None:
    there = MergeRequestNotes()
    thread = there.found()
    there.say(thread, "won't fix")
    there.notes = there.notes[1:]
    reviewed = Reviewed(told=(KEY, OTHER), listed=(FINDING,))
    assert there.known(reviewed) == []
    assert taken_away(there.known(reviewed), reviewed) == {KEY, OTHER}


def test_what_gitlab_itself_wrote_begins_no_thread() -> None:
    there = MergeRequestNotes()
    thread = there.found()
    there.notes.insert(0, replace(there.notes[0], id=1, body="changed this line", author_id=ADA, system=True))
    assert there.only().thread == thread


def test_of_two_threads_with_one_key_the_oldest_counts() -> None:
    there = MergeRequestNotes()
    first = there.found()
    second = there.found()
    there.close(second, ADA)
    assert (there.only().thread, there.only().state) == (first, "open")


def test_a_note_of_an_older_version_tells_what_it_shows() -> None:
    there = MergeRequestNotes()
    body = marked(finding_comment(FINDING), "finding", KEY, BOOK)
    there.write(ME, body, path="app/find.py", new_line=41, old_line=40, resolved=False)
    known = there.only()
    assert known.around == ""
    assert known.finding == Finding(
        rule="sql-injection",
        severity=Severity.CRITICAL,
        path="app/find.py",
        line=41,
        title=FINDING.title,
        fingerprint=KEY,
    )


CHECK = FINDING.model_copy(update={"rule": "python/F841", "title": "`total` is assigned and never used"})


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"evidence": "F841 by <sub>`ruff`</sub>"},
        {"evidence": "two lines:\n<sub>`python/E999`</sub>\n```\n"},
        {"detail": "<sub>`python/E999`</sub>\n\n```\n<sub>`a`\n```"},
        {
            "suggestion": Suggestion(
                start=41, end=41, replaces=("a",), lines=("<sub>`python/E999`</sub>", "```")
            )
        },
    ],
)
def test_a_checks_note_of_an_older_version_tells_its_rule(more: dict[str, Any]) -> None:
    there = MergeRequestNotes()
    body = sanitize(finding_comment(CHECK.model_copy(update=more)), redact=lambda text: text)
    there.write(ME, marked(body, "finding", KEY, BOOK), path="app/find.py", new_line=41)
    finding = there.only().finding
    assert (finding.rule, finding.title) == (CHECK.rule, CHECK.title)
    assert not by_model(finding)
    assert [one.fingerprint for one in recognised([CHECK], there.known())] == [KEY]


def test_a_models_note_of_an_older_version_is_a_models() -> None:
    there = MergeRequestNotes()
    there.write(ME, marked(finding_comment(FINDING), "finding", KEY, BOOK), path="app/find.py", new_line=41)
    assert by_model(there.only().finding)


@pytest.mark.parametrize("line", ["Edited away", "**Awful: Edited away**"])
def test_a_note_that_somebody_edited_is_still_a_finding(line: str) -> None:
    there = MergeRequestNotes()
    there.write(ME, marked(line, "finding", KEY, BOOK), path="a.py", old_line=3)
    finding = there.only().finding
    assert (finding.severity, finding.title, finding.rule) == (Severity.MINOR, "Edited away", "")
    assert (finding.line, finding.old_line) == (None, 3)


def test_a_kept_finding_under_a_foreign_seal_counts_for_nothing() -> None:
    there = MergeRequestNotes()
    forged = kept_finding(FINDING.model_copy(update={"severity": Severity.INFO}), "", STOLEN)
    there.write(ME, attach(finding_comment(FINDING), f"{forged}\n{marked('', 'finding', KEY, BOOK)}"))
    assert (there.only().finding.severity, there.only().finding.anchor) == (Severity.CRITICAL, "")


# --- the summary ---


def test_what_stands_in_the_summary_only_is_known_without_a_thread() -> None:
    there = MergeRequestNotes()
    there.found()
    listed = FINDING.model_copy(update={"fingerprint": OTHER})
    reviewed = Reviewed(listed=(listed, listed, FINDING), told=(KEY,))
    assert there.known(reviewed)[1:] == [Known(OTHER, listed)]
    assert taken_away(there.known(reviewed), reviewed) == frozenset()
    assert there.known(None)[1:] == []
    assert taken_away(there.known(None), None) == frozenset()


# --- whatever is there ---

BODIES = st.sampled_from(
    [
        *(
            marked("**Major: Text**", kind, key, book, FINDING)
            for kind in ("finding", "reply", "summary")
            for key in (KEY, fixed(), back(), DISMISSED.format(note=3), "dismissed:", "fixed:", ":")
            for book in (BOOK, FOREIGN, STOLEN, UNSIGNED)
        ),
        "won't fix",
        "/trivet resolve",
        "thanks",
        "",
    ]
)
NOTES = st.builds(
    Note,
    id=st.integers(1, 12),
    author_id=st.sampled_from([0, ME, ADA]),
    author=st.sampled_from(["", "trivet", "ada", "some-bot"]),
    body=BODIES,
    discussion=st.sampled_from(["", "t1", "t2"]),
    system=st.booleans(),
    resolved=st.sampled_from([None, True, False]),
    new_line=st.none() | st.integers(1, 9),
    resolver_id=st.sampled_from([0, ME, ADA]),
)
MEMORIES = st.none() | st.builds(
    Reviewed,
    listed=st.lists(st.just(FINDING), max_size=2).map(tuple),
    told=st.lists(st.sampled_from([KEY, OTHER])).map(tuple),
    gone=st.lists(st.sampled_from([KEY, OTHER])).map(tuple),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(NOTES, max_size=8, unique_by=lambda note: note.id), MEMORIES, st.randoms())
def test_notes_in_any_order_tell_the_same_and_never_fail(
    notes: list[Note], reviewed: Reviewed | None, random: Random
) -> None:
    known = known_findings(notes, BOOK, ME, reviewed, lambda _note: "")
    shuffled = list(notes)
    random.shuffle(shuffled)
    assert known_findings(shuffled, BOOK, ME, reviewed, lambda _note: "") == known
    assert len({one.key for one in known}) == len(known)
    began = {note.discussion for note in notes if note.author_id == ME and not note.system}
    assert all(one.thread in began for one in known if one.note)


# --- around ---

LINES = ["a = 1", "", "def f():", "    return a", "", "b = 2", "c = 3", "d = 4", "e = 5"]
NUMBERED = dict(enumerate(LINES, 1))


def test_what_is_around_a_line_is_twelve_hex_digits() -> None:
    digest = around(NUMBERED, 4)
    assert len(digest) == 12
    assert set(digest) <= set("0123456789abcdef")


@pytest.mark.parametrize("lines", [{}, {5: "x"}, {4: " ", 5: "x", 6: ""}, {1: "far", 5: "x", 9: "away"}])
def test_nothing_around_is_nothing(lines: dict[int, str]) -> None:
    assert around(lines, 5) == ""


def test_what_is_above_is_not_below() -> None:
    assert around({1: "a", 2: "x"}, 2) != around({2: "x", 3: "a"}, 2)


@settings(max_examples=80, deadline=None)
@given(st.integers(1, 9), st.integers(0, 50), st.sampled_from(["  ", "\t"]), st.text(max_size=9))
def test_moving_re_indenting_and_rewriting_the_line_itself_change_nothing(
    line: int, by: int, indent: str, itself: str
) -> None:
    moved = {number + by: indent + text for number, text in NUMBERED.items()} | {line + by: itself}
    assert around(moved, line + by) == around(NUMBERED, line)


@settings(max_examples=80, deadline=None)
@given(st.integers(1, 9), st.integers(1, 9))
def test_a_line_counts_where_it_is_near(line: int, other: int) -> None:
    changed = NUMBERED | {other: "something else"}
    is_near = 0 < abs(line - other) <= 3
    assert (around(changed, line) != around(NUMBERED, line)) == is_near
