"""Orders for runs made of anything: an order, or one sentence without a word of what is not ours to repeat."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.entry.runs_api import MergeRequestTarget, Order, parse_order
from bot.errors import Denied

TEXTS = st.text(st.characters(codec=None), max_size=20)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | TEXTS
    | st.sampled_from(["review", "SHOP-1", "4711"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["project", "iid", "issue", "page", "agent", "target", "options", "x"]), inner
        )
    ),
    max_leaves=8,
)
ORDERS = st.fixed_dictionaries(
    {}, optional={"agent": st.sampled_from(["review", "pages"]) | VALUES, "target": VALUES, "options": VALUES}
)


def read(body: bytes) -> Order | Denied:
    try:
        return parse_order(body)
    except Denied as denied:
        return denied


@settings(max_examples=200, deadline=None)
@given(ORDERS.map(json.dumps).map(str.encode) | st.binary(max_size=60))
def test_any_body_is_an_order_or_refused_in_one_sentence(body: bytes) -> None:
    match read(body):
        case Order() as order:
            assert parse_order(order.model_dump_json().encode()) == order
        case denied:
            assert denied.status == 422
            assert len(str(denied).splitlines()) == 1
            assert len(str(denied)) < 300


@pytest.mark.parametrize("number", ["7.0", "7e0", "0.7e1"])
def test_a_whole_number_may_be_written_with_a_fraction(number: str) -> None:
    order = read(b'{"agent": "review", "target": {"project": %b, "iid": %b}}' % ((number.encode(),) * 2))
    assert isinstance(order, Order)
    assert order.target == MergeRequestTarget(project=7, iid=7)
    assert order.digest == Order(agent="review", target=MergeRequestTarget(project=7, iid=7)).digest


@pytest.mark.parametrize(
    "number", ["7.5", "0.0", "-1.0", "1e300", "NaN", "Infinity", "true", '"7"', "2147483648.0"]
)
def test_what_is_no_positive_whole_number_is_refused(number: str) -> None:
    body = f'{{"agent": "review", "target": {{"project": "acme/shop", "iid": {number}}}}}'
    assert isinstance(read(body.encode()), Denied)
