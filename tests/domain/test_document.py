import pytest
from pydantic import ValidationError

from bot.domain.action_words import plain
from bot.domain.document import (
    BulletList,
    Document,
    Inlines,
    Lozenge,
    NumberedList,
    TaskList,
    Text,
    inlines,
    joined,
)

ITEMS = (inlines("a"), inlines("b"), inlines("c"))


@pytest.mark.parametrize("levels", [(1, 0, 0), (0, 2, 0), (0, 0, -1), (0, 1), (0, 1, 1, 1)])
@pytest.mark.parametrize("kind", [BulletList, NumberedList])
def test_levels_that_do_not_fit_are_refused(
    kind: type[BulletList | NumberedList], levels: tuple[int, ...]
) -> None:
    with pytest.raises(ValidationError):
        kind(items=ITEMS, levels=levels)


def test_a_list_with_nothing_nested_is_the_same_however_it_is_said() -> None:
    assert BulletList(items=ITEMS, levels=(0, 0, 0)) == BulletList(items=ITEMS)
    assert [level for level, _ in BulletList(items=ITEMS).nested()] == [0, 0, 0]


def test_a_task_list_says_of_each_item_whether_it_is_done() -> None:
    with pytest.raises(ValidationError):
        TaskList(items=ITEMS, done=(True, False))


def test_a_document_reads_back_from_its_json() -> None:
    document = Document(
        blocks=(BulletList(items=ITEMS, levels=(0, 1, 2)), TaskList(items=ITEMS, done=(True,) * 3))
    )
    assert Document.model_validate_json(document.model_dump_json()) == document
    assert list(document.texts()) == ["a", "b", "c"] * 2


@pytest.mark.parametrize(
    ("line", "together"),
    [
        (inlines("a", "b", Text(text=""), "c"), inlines("abc")),
        (inlines("a", Text(text="b", strong=True), "c"), inlines("a", Text(text="b", strong=True), "c")),
        (inlines(Lozenge(text="A"), Lozenge(text="A")), inlines(Lozenge(text="A"), Lozenge(text="A"))),
        (inlines("a", Lozenge(text=""), "b"), inlines("ab")),
        ((), ()),
    ],
)
def test_neighbouring_texts_of_the_same_marks_are_one(line: Inlines, together: Inlines) -> None:
    assert joined(line) == together


def test_lists_are_shown_as_plain_text() -> None:
    blocks = (
        NumberedList(items=(*ITEMS, *ITEMS), levels=(0, 1, 1, 0, 1, 0)),
        BulletList(items=ITEMS, levels=(0, 1, 0)),
        TaskList(items=ITEMS[:2], done=(False, True)),
    )
    assert plain(Document(blocks=blocks)).split("\n\n") == [
        "1. a\n  1. b\n  2. c\n2. a\n  1. b\n3. c",
        "- a\n  - b\n- c",
        "- [ ] a\n- [x] b",
    ]
