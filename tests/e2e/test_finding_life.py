"""The life of findings over pushes, as people see it: real processes, a stand-in GitLab, a model that reads the code.

Slow (about half a minute in all): it buys the proof that no push, whatever it does to the history, makes a second
thread of a finding, brings a dismissed one back, or writes where nothing has changed.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.model_server import ModelServer, nothing_found
from tests.rig import Rig
from tests.sandbox_server import PROJECT
from tests.talking import (
    Reader,
    delivered,
    is_ours,
    nothing_written,
    pass_time,
    read_files,
    replies,
    reports,
    settled,
    thread,
    thread_on,
    threads,
    told,
    writes,
)

WITHOUT_PAUSES = "review:\n  pause: {pushes: 1000, minutes: 1, resume_after: 1}\n"
WITH_PAUSES = "review:\n  pause: {pushes: 2, minutes: 15, resume_after: 1}\n"
ORDERS = '''"""Orders."""


def first(order):
    return order.items[0]


def count(order):
    return len(order.items)
'''
ORDERS_FIXED = ORDERS.replace("return order.items[0]", "return order.items[0] if order.items else None")
STOCK = '''"""Stock."""


def level(stock):
    return stock.levels[0]
'''
MOVED_STOCK = STOCK.replace("def level", "LEAST = 3\n\n\ndef level")
PRICES = '''"""Prices."""


def price(item):
    return item.price * unknown_rate
'''
PRICES_FIXED = PRICES.replace("unknown_rate", "1.2")
CARTS = '''"""Carts."""


def top(cart):
    return cart.lines[0]
'''
MOVED = '''"""Carts, and what people put into them."""

LARGEST = 100


def is_full(cart):
    return len(cart.lines) >= LARGEST


def top(cart):
    return cart.lines[0]
'''


@pytest.fixture(scope="module")
def model() -> Iterator[ModelServer]:
    with ModelServer() as server:
        yield server


@pytest.fixture(scope="module")
def rig(model: ModelServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with Rig(tmp_path_factory.mktemp("rig"), **model.environ("openai")) as started:
        started.sandbox.push("main", {".trivet.yml": WITHOUT_PAUSES}, "How to review", user="grace")
        yield started


@pytest.fixture(autouse=True)
def fresh(model: ModelServer, rig: Rig) -> Iterator[None]:
    delivered(rig)
    model.clear()
    yield
    model.reply = nothing_found


@dataclass
class Life:
    """One merge request, push by push. `first` has the threads' ids by what they are about."""

    rig: Rig
    model: ModelServer
    branch: str
    iid: int = 0
    first: dict[str, str] = field(default_factory=dict)

    def open(self, files: dict[str, Any]) -> None:
        self.model.reply = Reader(self.rig, self.branch).answers
        self.iid = self.rig.sandbox.merge_request(files=files, source=self.branch)
        settled(self.rig, self.iid)

    def push(self, files: dict[str, Any], message: str) -> str:
        """A push that changes something: at most one message to people, and the summary stays one note."""
        before = len(told(self.rig, self.iid))
        head = self.rig.sandbox.push(self.branch, files, message)
        settled(self.rig, self.iid)
        assert len(told(self.rig, self.iid)) <= before + 1
        assert len(self.rig.summaries(self.iid)) == 1
        return head

    def count(self) -> int:
        return len(threads(self.rig, self.iid))

    def is_closed(self, name: str) -> bool:
        return bool(thread(self.rig, self.iid, self.first[name])["resolved"])

    def said(self, name: str) -> list[str]:
        return replies(self.rig, self.iid, self.first[name])

    def meet(self, name: str, words: str) -> None:
        """Remember the thread whose finding holds the words."""
        self.first[name] = thread_on(self.rig, self.iid, words)["id"]


def test_eight_pushes_make_no_second_thread_bring_nothing_dismissed_back_and_name_every_fix(
    rig: Rig, model: ModelServer, tmp_path: Path
) -> None:
    life, sandbox = Life(rig, model, "eight"), rig.sandbox
    life.open({"shop/orders.py": ORDERS, "shop/stock.py": STOCK, "shop/prices.py": PRICES})
    assert told(rig, life.iid) == ["review"]
    for name, words in (
        ("orders", "order.items"),
        ("stock", "stock.levels"),
        ("prices", "unknown_rate"),
    ):
        life.meet(name, words)
    assert life.count() == 3
    sandbox.act(life.iid, "resolve", discussion=life.first["stock"])
    theirs = sandbox.comment(life.iid, "Shall we keep this?", user="grace", threaded=True)["discussion"]
    delivered(rig)

    life.push({"shop/carts.py": CARTS}, "Add carts")
    life.meet("carts", "cart.lines")
    assert life.count() == 4
    assert read_files(model.asked[-3:]) == {"shop/carts.py"}

    fixed_at = life.push({"shop/orders.py": ORDERS_FIXED, "shop/prices.py": PRICES_FIXED}, "Mend both")
    for name in ("orders", "prices"):
        assert life.is_closed(name)
        assert [fixed_at[:8] in line for line in life.said(name)] == [True]
    assert (life.is_closed("carts"), life.said("carts")) == (False, [])

    life.push({"shop/carts.py": MOVED, "shop/stock.py": MOVED_STOCK}, "Move lines")
    life.push({"shop/carts.py": None, "shop/baskets.py": MOVED}, "Rename a file")
    assert (life.count(), life.is_closed("carts"), life.said("carts")) == (4, False, [])

    sandbox.push("main", {"other.py": "OTHER = 1\n"}, "Meanwhile", user="grace")
    asked = len(model.asked)
    with nothing_written(rig):
        sandbox.rebase(life.branch)
        settled(rig, life.iid)
    with nothing_written(rig):
        sandbox.push(life.branch, {}, "Rename a file, reworded", amend=True)
        settled(rig, life.iid)
    assert len(model.asked) == asked

    back_at = life.push({"shop/orders.py": ORDERS}, "Take the mending back")
    assert life.count() == 4
    assert not life.is_closed("orders")
    assert back_at[:8] in life.said("orders")[-1]
    assert len(life.said("orders")) == 2

    sandbox.push("main", {"other.py": "OTHER = 2\n"}, "Meanwhile again", user="grace")
    with nothing_written(rig):
        sandbox.merge_into(life.branch)
        settled(rig, life.iid)

    again_at = life.push({"shop/orders.py": ORDERS_FIXED}, "Mend it again")
    assert life.is_closed("orders")
    assert again_at[:8] in life.said("orders")[-1]

    assert life.is_closed("stock")
    assert life.said("stock") == []
    assert thread(rig, life.iid, theirs)["resolved"] is False
    assert [is_ours(note) for note in thread(rig, life.iid, theirs)["notes"]] == [False]
    assert states(rig, life.iid) == {
        "shop/orders.py": "fixed",
        "shop/prices.py": "fixed",
        "shop/stock.py": "dismissed",
        "shop/baskets.py": "open",
    }
    assert model.refusals == []


def states(rig: Rig, iid: int) -> dict[str, str]:
    """What `trivet findings` says of them, by the path where each stands."""
    address = f"{rig.sandbox.url}/{PROJECT}/-/merge_requests/{iid}"
    done = subprocess.run(
        [sys.executable, "-m", "bot", "findings", address, "--format", "json"],
        env=rig.environment,
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr
    told_of = json.loads(done.stdout)
    rows = told_of["findings"] if isinstance(told_of, dict) else told_of
    return {row["path"]: row["state"] for row in rows}


def test_the_commit_that_mended_it_is_named_though_others_came_after(rig: Rig, model: ModelServer) -> None:
    life = Life(rig, model, "named")
    life.open({"shop/named.py": ORDERS, "shop/rates.py": PRICES})
    life.meet("orders", "order.items")
    life.meet("prices", "unknown_rate")
    rig.sandbox.drop_hooks()
    first = rig.sandbox.push("named", {"shop/named.py": ORDERS_FIXED}, "Mend the orders")
    second = rig.sandbox.push("named", {"shop/rates.py": PRICES_FIXED}, "Mend the prices")
    rig.sandbox.drop_hooks(False)
    life.push({"more.py": "MORE = 1\n"}, "Something else")
    assert [first[:8] in line for line in life.said("orders")] == [True]
    assert [second[:8] in line for line in life.said("prices")] == [True]


def test_a_thumbs_down_dismisses_and_the_finding_never_comes_back(rig: Rig, model: ModelServer) -> None:
    life = Life(rig, model, "thumbs")
    life.open({"shop/level.py": STOCK, "shop/more.py": "MORE = 1\n"})
    life.meet("stock", "stock.levels")
    note = thread(rig, life.iid, life.first["stock"])["notes"][0]["id"]
    rig.sandbox.act(life.iid, "award", name="thumbsdown", note=note)
    life.push({"shop/level.py": f'"""More."""\n\nMORE = 1\n\n{STOCK}'}, "Lines above")
    assert (life.count(), life.said("stock")) == (1, [])
    assert "stock.levels" not in rig.summaries(life.iid)[0]["body"]


def test_a_finding_whose_note_was_deleted_is_never_shown_again(rig: Rig, model: ModelServer) -> None:
    life = Life(rig, model, "deleted")
    life.open({"shop/taken.py": STOCK})
    note = threads(rig, life.iid)[0]["notes"][0]["id"]
    rig.sandbox.act(life.iid, "delete_note", user="grace", note=note)
    life.push({"shop/taken.py": f"{STOCK}\n\nMORE = 1\n"}, "More below")
    assert life.count() == 0
    assert "stock.levels" not in "".join(one["body"] for one in rig.summaries(life.iid))


def test_a_thread_that_a_person_opened_again_is_theirs_to_close(rig: Rig, model: ModelServer) -> None:
    life = Life(rig, model, "theirs")
    life.open({"shop/theirs.py": ORDERS})
    life.meet("orders", "order.items")
    life.push({"shop/theirs.py": ORDERS_FIXED}, "Mend it")
    assert life.is_closed("orders")
    rig.sandbox.act(life.iid, "resolve", discussion=life.first["orders"], on=False)
    life.push({"shop/theirs.py": f"{ORDERS_FIXED}\n\nMORE = 1\n"}, "More below")
    assert (life.is_closed("orders"), len(life.said("orders"))) == (False, 1)


def test_of_a_silent_merge_request_only_the_file_that_was_pushed_is_read(
    rig: Rig, model: ModelServer
) -> None:
    life = Life(rig, model, "silent")
    life.open({f"calm/{name}.py": f"{name.upper()} = 1\n" for name in ("one", "two", "three")})
    assert rig.bot_notes(life.iid) == []
    model.clear()
    life_push = rig.sandbox.push("silent", {"calm/two.py": "TWO = 2\n"}, "Another two")
    settled(rig, life.iid)
    assert read_files(model.asked) == {"calm/two.py"}
    assert rig.bot_notes(life.iid) == []
    assert life_push == rig.review(life.iid)["head"]


def test_a_merge_request_that_is_pushed_to_again_and_again_waits_until_it_is_quiet(
    rig: Rig, model: ModelServer
) -> None:
    """The clock is put forward: nobody waits a minute for a test."""
    rig.sandbox.push("busy", {".trivet.yml": WITH_PAUSES}, "How to review", user="grace")
    rig.sandbox.push("hasty", {"busy.py": "ONE = 1\n"}, start="busy")
    iid = rig.sandbox.merge_request(source="hasty", target="busy")
    settled(rig, iid)
    rig.sandbox.push("hasty", {"busy.py": "ONE = 2\n"})
    settled(rig, iid)
    rig.sandbox.clear_requests()
    rig.sandbox.push("hasty", {"busy.py": "ONE = 3\n"})
    rig.wait(lambda: any(0 < pause <= 60 for pause in rig.pauses().values()), 30, "the review to wait")
    assert writes(rig) == []
    head = rig.review(iid)["head"]
    assert head not in {one["head"] for one in reports(rig, iid)}
    pass_time(rig, iid, minutes=5)
    rig.skip_pauses()
    settled(rig, iid)
