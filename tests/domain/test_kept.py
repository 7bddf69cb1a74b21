"""A note keeps its ledger: read back whole from our own, never from anybody else's words."""

import json
from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import Field

from bot.domain.document import Document, Link, paragraph
from bot.domain.findings import Finding, Severity, Suggestion
from bot.domain.kept import (
    COMMENT,
    KEPT,
    LONGEST_DETAIL,
    MOST,
    finding_in,
    fits,
    kept_finding,
    kept_ledger,
    kept_reviewed,
    kept_section,
    ledger_in,
    reviewed_in,
    section_in,
    without_kept,
)
from bot.domain.kept import _packed as packed
from bot.domain.ledger import SAID, Ledger, Proof, Row
from bot.domain.marks import Mark, MarkBook, attach
from bot.domain.pages import BlockEdit, SectionEdit
from bot.domain.reviewed import Reviewed
from bot.domain.sanitize import sanitize

OLD, NEW = "o" * 16, "n" * 16
BOOK = MarkBook([NEW, OLD], "gitlab:42:7")
PROOF = Proof(path="app/orders.py", line=4, quote="return sum(order.items)")
ROW = Row(
    issue="SHOP-12", criterion="c1", text="Orders are totalled", state="met", proof=(PROOF,), reason="So."
)
LEDGER = Ledger(rows=(ROW,), outside=("a cache (app/cache.py)",), head="a" * 40, diff="d1")

WORDS = st.text(st.characters(codec="utf-8"), max_size=40)
ROWS = st.builds(
    Row,
    issue=WORDS,
    criterion=WORDS,
    text=WORDS,
    state=st.sampled_from(list(SAID)),
    proof=st.lists(st.builds(Proof, path=WORDS, line=st.integers(1, 10**9), quote=WORDS), max_size=3).map(
        tuple
    ),
    reason=WORDS,
)
LEDGERS = st.builds(
    Ledger, rows=st.lists(ROWS, max_size=5).map(tuple), outside=st.lists(WORDS, max_size=5).map(tuple)
)


@settings(max_examples=100, deadline=None)
@given(LEDGERS, WORDS)
def test_a_ledger_is_read_back_from_any_note(ledger: Ledger, body: str) -> None:
    mark = BOOK.write(Mark("review", "summary", "summary", "9ba12248"))
    note = attach(body, f"{kept_ledger(ledger, BOOK)}\n{mark}")
    assert ledger_in(note, BOOK) == ledger
    assert BOOK.read(note) == Mark("review", "summary", "summary", "9ba12248")


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_any_changed_character_voids_it(data: st.DataObject) -> None:
    text = kept_ledger(LEDGER, BOOK)
    at = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(st.sampled_from("0123456789abcdefABC-_= "))
    changed = text[:at] + other + text[at + 1 :]
    assert ledger_in(changed, BOOK) == (LEDGER if changed == text else None)


def test_the_first_secret_signs_and_every_secret_verifies() -> None:
    before = kept_ledger(LEDGER, MarkBook([OLD], "gitlab:42:7"))
    assert ledger_in(before, BOOK) == LEDGER
    assert ledger_in(kept_ledger(LEDGER, BOOK), MarkBook([OLD], "gitlab:42:7")) is None


def test_it_holds_for_one_merge_request_only() -> None:
    assert ledger_in(kept_ledger(LEDGER, BOOK), MarkBook([NEW], "gitlab:42:8")) is None


def test_without_a_secret_nothing_is_kept_and_nothing_is_believed() -> None:
    unsigned = MarkBook([], "gitlab:42:7")
    assert kept_ledger(LEDGER, unsigned) == ""
    assert ledger_in(kept_ledger(LEDGER, BOOK), unsigned) is None


def test_a_signature_of_a_mark_does_not_sign_a_ledger() -> None:
    found = KEPT.fullmatch(kept_ledger(LEDGER, BOOK))
    assert found is not None
    mark = BOOK.write(Mark("review", "summary", found["data"].replace("=", "").replace("-", "_")[:200], ""))
    forged = kept_ledger(LEDGER, BOOK).replace(found["mac"], mark.split("mac=")[1].split()[0])
    assert ledger_in(forged, BOOK) is None


def test_of_a_body_with_two_the_last_one_counts() -> None:
    other = LEDGER.model_copy(update={"outside": ()})
    assert ledger_in(f"{kept_ledger(LEDGER, BOOK)}\n{kept_ledger(other, BOOK)}", BOOK) == other


def test_one_of_ours_before_it_does_not_make_a_forged_one_true() -> None:
    forged = kept_ledger(LEDGER, MarkBook(["f" * 16], "gitlab:42:7"))
    assert ledger_in(f"{kept_ledger(LEDGER, BOOK)}\n{forged}", BOOK) is None


def test_a_later_form_is_no_ledger() -> None:
    class Later(Ledger):
        colour: str = ""

    later = Later(**json.loads(LEDGER.model_dump_json()), colour="red")
    assert ledger_in(kept_ledger(later, BOOK), BOOK) is None


def test_a_note_without_one_has_none() -> None:
    assert ledger_in("Nothing to report in 3 changed files.", BOOK) is None


def test_a_ledger_that_is_too_large_loses_its_last_rows() -> None:
    texts = ["".join(sha256(f"{row} {part}".encode()).hexdigest() for part in range(20)) for row in range(60)]
    rows = tuple(ROW.model_copy(update={"text": text}) for text in texts)
    text = kept_ledger(LEDGER.model_copy(update={"rows": rows}), BOOK)
    read = ledger_in(text, BOOK)
    assert len(text) < MOST + 200
    assert read is not None
    assert 0 < len(read.rows) < len(rows)
    assert read.rows == rows[: len(read.rows)]
    assert read.outside == LEDGER.outside


@pytest.mark.parametrize("text", [kept_ledger(LEDGER, BOOK), f"quoted: {kept_ledger(LEDGER, BOOK)}"])
def test_the_sanitizer_takes_it_out_of_any_text(text: str) -> None:
    """So that what a model or a person wrote cannot bring an older one along."""
    assert ledger_in(sanitize(text, redact=lambda words: words), BOOK) is None


EDIT = SectionEdit(
    page="123",
    section="endpoints",
    base="b" * 20,
    result="c" * 20,
    edits=(
        BlockEdit(
            block=1,
            how="replace",
            body=Document(blocks=(paragraph("a", Link(text="b", url="https://c")),)),
        ),
    ),
)


def test_a_sections_new_text_is_read_back_and_is_no_ledger() -> None:
    note = attach("A new text.", kept_section(EDIT, BOOK))
    assert section_in(note, BOOK) == EDIT
    assert ledger_in(note, BOOK) is None
    assert section_in(attach("x", kept_ledger(LEDGER, BOOK)), BOOK) is None


def test_a_ledgers_seal_does_not_pass_for_a_sections() -> None:
    forged = kept_section(EDIT, BOOK).replace("trivet-section", "trivet-ledger")
    assert ledger_in(forged, BOOK) is None


def test_a_text_that_is_too_large_is_not_kept() -> None:
    words = " ".join(sha256(str(number).encode()).hexdigest() for number in range(2_000))
    large = EDIT.model_copy(
        update={"edits": (BlockEdit(block=0, how="insert", body=Document(blocks=(paragraph(words),))),)}
    )
    assert (fits(large), kept_section(large, BOOK)) == (False, "")


@settings(max_examples=20, deadline=None)
@given(words=st.integers(0, 1_200))
def test_what_fits_is_what_can_be_read_back(words: int) -> None:
    said = " ".join(sha256(str(number).encode()).hexdigest() for number in range(words))
    edit = EDIT.model_copy(
        update={"edits": (BlockEdit(block=0, how="insert", body=Document(blocks=(paragraph(said),))),)}
    )
    assert fits(edit) == (section_in(kept_section(edit, BOOK), BOOK) == edit)


def test_a_note_of_an_earlier_version_is_read_still() -> None:
    class Earlier(SectionEdit):
        after: int = Field(default=0, exclude=True)

    earlier = Earlier.model_validate(EDIT.model_dump())
    assert section_in(kept_section(earlier, BOOK), BOOK) == EDIT


def test_without_a_secret_no_new_text_is_kept() -> None:
    assert kept_section(EDIT, MarkBook([], "gitlab:42:7")) == ""


FINDING = Finding(
    rule="sql-injection",
    severity=Severity.CRITICAL,
    path="app/find.py",
    line=41,
    anchor="db.execute(query)",
    title="A name becomes SQL",
    detail="x" * 2_000,
    evidence="see views.py",
    suggestion=Suggestion(start=41, end=41, replaces=("a",), lines=("b",)),
    fingerprint="4f" * 16,
)
SHORT = FINDING.model_copy(update={"detail": "x" * LONGEST_DETAIL, "evidence": "", "suggestion": None})
REVIEWED = Reviewed(head="a" * 40, units=("1" * 20,), listed=(SHORT,), told=("4f" * 16,), gone=("5e" * 16,))


def digits(number: int, length: int) -> str:
    return sha256(str(number).encode()).hexdigest()[:length]


def test_a_finding_is_read_back_without_what_its_note_shows_at_length() -> None:
    body = attach("A name becomes SQL", kept_finding(FINDING, "0123456789ab", BOOK))
    kept = finding_in(body, BOOK)
    assert kept is not None
    assert (kept.finding, kept.around) == (SHORT, "0123456789ab")
    assert (ledger_in(body, BOOK), reviewed_in(body, BOOK)) == (None, None)


def test_a_review_is_read_back_with_its_findings_short() -> None:
    long = REVIEWED.model_copy(update={"listed": (FINDING,)})
    assert reviewed_in(kept_reviewed(long, BOOK), BOOK) == REVIEWED
    assert reviewed_in(kept_reviewed(Reviewed(), BOOK), BOOK) == Reviewed()


@pytest.mark.parametrize("book", [MarkBook([], "gitlab:42:7"), MarkBook([NEW], "gitlab:42:8")])
def test_findings_and_reviews_are_believed_under_our_own_seal_only(book: MarkBook) -> None:
    for text in (kept_finding(FINDING, "", BOOK), kept_reviewed(REVIEWED, BOOK)):
        assert (finding_in(text, book), reviewed_in(text, book)) == (None, None)
    for text in (kept_finding(FINDING, "", book), kept_reviewed(REVIEWED, book)):
        assert (finding_in(text, BOOK), reviewed_in(text, BOOK)) == (None, None)


def test_one_kinds_seal_does_not_pass_for_the_others() -> None:
    assert reviewed_in(kept_finding(FINDING, "", BOOK).replace("-finding", "-reviewed"), BOOK) is None
    assert finding_in(kept_reviewed(REVIEWED, BOOK).replace("-reviewed", "-finding"), BOOK) is None


def test_a_large_change_keeps_every_unit() -> None:
    reviewed = REVIEWED.model_copy(update={"units": tuple(digits(number, 20) for number in range(2_900))})
    assert reviewed_in(kept_reviewed(reviewed, BOOK), BOOK) == reviewed


@pytest.mark.parametrize("name", ["units", "told", "gone"])
def test_a_review_that_is_too_large_loses_no_more_than_it_must(name: str) -> None:
    every = tuple(digits(number, 20 if name == "units" else 32) for number in range(5_000))
    kept = reviewed_in(kept_reviewed(Reviewed(head="a" * 40, **{name: every}), BOOK), BOOK)
    assert kept is not None
    some = getattr(kept, name)
    assert some == (every[-len(some) :] if name == "told" else every[: len(some)])
    longer = len(some) + 1
    one_more = Reviewed(head="a" * 40, **{name: every[-longer:] if name == "told" else every[:longer]})
    assert reviewed_in(kept_reviewed(one_more, BOOK), BOOK) == kept


def test_findings_are_kept_as_many_as_there_is_room_for() -> None:
    texts = ["".join(digits(100 * number + part, 64) for part in range(9)) for number in range(300)]
    listed = tuple(SHORT.model_copy(update={"detail": text}) for text in texts)
    kept = reviewed_in(kept_reviewed(Reviewed(units=("1" * 20,), listed=listed), BOOK), BOOK)
    assert kept is not None
    assert kept.units == ()
    assert len(kept.listed) > 50
    assert kept.listed == listed[: len(kept.listed)]


@pytest.mark.parametrize(
    "units", [("0a", "1b"), ("0a", "1b2c"), ("0", "1"), ("no", "digits"), ("0A",), ("",), ()]
)
def test_digests_of_any_form_come_back_as_they_were(units: tuple[str, ...]) -> None:
    reviewed = Reviewed(units=units, told=units)
    assert reviewed_in(kept_reviewed(reviewed, BOOK), BOOK) == reviewed


@pytest.mark.parametrize("units", ["0:AAAA", "x:AAAA", "2:&", "2:A"])
def test_digests_of_a_form_not_known_here_are_no_memory(units: str) -> None:
    data = packed(json.dumps({"units": units}))
    text = COMMENT.format(name="reviewed", data=data, mac=BOOK.seal(f"reviewed:{data}"))
    assert reviewed_in(text, BOOK) is None


def test_a_review_that_lists_its_digests_is_read_as_well() -> None:
    data = packed(REVIEWED.model_dump_json())
    seal = BOOK.seal(f"reviewed:{data}")
    assert reviewed_in(COMMENT.format(name="reviewed", data=data, mac=seal), BOOK) == REVIEWED


KEYS = [digits(number, 32) for number in range(4_000)]
MANY = [SHORT.model_copy(update={"fingerprint": key, "detail": key * 9}) for key in KEYS[:200]]


@settings(max_examples=12, deadline=None)
@given(
    st.sampled_from([0, 10, 4_000]),
    st.sampled_from([0, 2, 200]),
    st.sampled_from([0, 10, 4_000]),
    st.sampled_from([0, 10, 4_000]),
)
def test_a_review_of_any_size_fits_and_makes_nothing_up(
    units: int, listed: int, told: int, gone: int
) -> None:
    """Findings are left out only with all the units, so that their files are read again."""
    reviewed = Reviewed(
        head="a" * 40,
        units=tuple(key[:20] for key in KEYS[:units]),
        listed=tuple(MANY[:listed]),
        told=tuple(KEYS[:told]),
        gone=tuple(key[::-1] for key in KEYS[:gone]),
    )
    text = kept_reviewed(reviewed, BOOK)
    kept = reviewed_in(text, BOOK)
    assert kept is not None
    assert len(text) < MOST + 200
    assert set(kept.units) <= set(reviewed.units)
    assert set(kept.listed) <= set(reviewed.listed)
    assert set(kept.told) <= set(reviewed.told)
    assert set(kept.gone) <= set(reviewed.gone)
    assert kept.listed == reviewed.listed or not kept.units
    assert kept.told == reviewed.told[len(reviewed.told) - len(kept.told) :]


def test_a_note_without_what_it_keeps_is_what_a_person_reads() -> None:
    forged = kept_finding(FINDING, "", MarkBook(["f" * 16], "gitlab:1:1"))
    body = attach("A name becomes SQL", f"{kept_finding(FINDING, '', BOOK)}\n{forged}")
    assert without_kept(body) == "A name becomes SQL"
