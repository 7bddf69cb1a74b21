"""What a model sent as it may be kept, whatever it sent."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.agents.keepable import DEPTH, LARGEST, LONGEST_TEXT, MOST_ITEMS, keepable
from bot.domain.secrets import Redactor
from bot.entry.checkpoints import StrictSerializer

SECRET = "hK7" + "vQ2mZ9" + "pL4xT8wB1n"
REDACTOR = Redactor([SECRET])

texts = st.text(st.characters(codec=None), max_size=8) | st.just(SECRET)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=12,
)


def depth(value: Any) -> int:
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if inside is None else 1 + max(map(depth, inside), default=0)


@given(values)
@settings(max_examples=80, deadline=None)
def test_whatever_it_is_it_can_be_kept_and_comes_back(value: Any) -> None:
    kept = keepable(value, REDACTOR)
    serializer = StrictSerializer()
    assert serializer.loads_typed(serializer.dumps_typed(kept)) == kept
    assert SECRET not in str(kept)
    assert depth(kept) <= DEPTH + 1


def test_plain_data_stays_as_it_is() -> None:
    value = {"path": "a.py", "line": 7, "whole": False, "why": None, "blocks": [{"items": ["a\tb\nc"]}]}
    assert keepable(value, REDACTOR) == value


def test_size_is_bounded() -> None:
    assert keepable(10**30, REDACTOR) == LARGEST
    assert keepable(-(10**30), REDACTOR) == -LARGEST
    assert len(keepable("x" * 99_999, REDACTOR)) == LONGEST_TEXT
    assert len(keepable(list(range(99)), REDACTOR)) == MOST_ITEMS
    assert len(keepable({str(number): 1 for number in range(99)}, REDACTOR)) == MOST_ITEMS
