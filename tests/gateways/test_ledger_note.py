"""The summary on GitLab keeps the ledger where nobody sees it, and only ours is read back."""

from bot.domain.actions import Proposal, UpsertNote
from bot.domain.kept import ledger_in
from bot.domain.ledger import Ledger, Proof, Row
from bot.domain.ledger_table import ledger_table
from bot.domain.marks import MarkBook
from tests.reviewing import SECRET, Desk

ROW = Row(
    issue="SHOP-12",
    criterion="c1",
    text="Orders are totalled",
    state="met",
    proof=(Proof(path="app/orders.py", line=4, quote="return sum(order.items)"),),
    reason="The sum is returned.",
)
LEDGER = Ledger(rows=(ROW,), head="a" * 40, diff="d1")


def summing_up(desk: Desk, iid: int, ledger: Ledger | None, *lines: int) -> Proposal:
    body = ledger_table(ledger, {}, "") or "Nothing to report."
    note = UpsertNote(key="summary", body=body, ledger=ledger)
    return desk.proposal(iid, *(desk.finding(iid, line) for line in lines), note, summary=None)


def only(notes: list[str]) -> str:
    (body,) = notes
    return body


def test_the_ledger_is_read_back_from_the_published_summary(desk: Desk) -> None:
    for lines in ((), (2, 3)):
        iid = desk.open()
        desk.effects().apply(summing_up(desk, iid, LEDGER, *lines))
        body = only(desk.notes(iid, "summary"))
        assert ledger_in(body, desk.book(iid, SECRET)) == LEDGER
        assert ledger_in(body, desk.book(iid, "another" * 4)) is None
        assert body.index("| `SHOP-12` | Orders are totalled | ✓ met |") < body.index("<!--")


def test_the_same_ledger_again_changes_nothing_and_another_one_is_edited_in_place(desk: Desk) -> None:
    iid = desk.open()
    desk.effects().apply(summing_up(desk, iid, LEDGER))
    (again,) = desk.effects().apply(summing_up(desk, iid, LEDGER))
    assert again.result == "unchanged"
    other = LEDGER.model_copy(update={"rows": (ROW.model_copy(update={"state": "unclear"}),)})
    desk.effects().apply(summing_up(desk, iid, other))
    assert ledger_in(only(desk.notes(iid, "summary")), desk.book(iid, SECRET)) == other
    desk.effects().apply(summing_up(desk, iid, None))
    assert ledger_in(only(desk.notes(iid, "summary")), desk.book(iid, SECRET)) is None


def test_a_ledger_that_a_text_brings_along_is_not_kept(desk: Desk) -> None:
    iid, other = desk.open(), desk.open()
    desk.effects().apply(summing_up(desk, other, LEDGER))
    stolen = only(desk.notes(other, "summary"))
    desk.effects().apply(desk.proposal(iid, UpsertNote(key="summary", body=stolen), summary=None))
    assert "trivet-ledger" not in only(desk.notes(iid, "summary"))


def test_without_a_mark_secret_no_ledger_is_kept(desk: Desk) -> None:
    iid = desk.open()
    desk.effects(secrets=()).apply(summing_up(desk, iid, LEDGER))
    body = only(desk.notes(iid, "summary"))
    assert "✓ met" in body
    assert "trivet-ledger" not in body
    assert ledger_in(body, MarkBook([], desk.read(iid).target.key)) is None
