"""S11: whatever a provider does wrong, a turn ends as the table says, after no more requests than it says.

Each fault is one model's for good, with every protocol the product speaks, once alone and once with a healthy model of
another company behind it. Then two models do wrong things at random. No request asks for a stream: an answer is read
whole or not at all, so that one column stands for both. The chain's pauses are counted, and not waited for.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Final

from structlog.testing import capture_logs

from bot.agents.tool_turns import MOST_TURNS
from bot.errors import Declined, NoModel, TooLong, Unavailable, Unusable
from bot.llm.chain import TRIES
from tests.chaos.gates import Gate, shown
from tests.hostile.failing_desk import KEY, LATE, MODELS, PATIENCE, Desk, Outcome, Servers
from tests.model_server import (
    ModelServer,
    Reply,
    answered,
    bomb,
    called,
    cut,
    failed,
    flood,
    hang,
    page,
    refused,
    reset,
    said,
)

BEHIND: Final = {
    "openai": "anthropic",
    "responses": "anthropic",
    "anthropic": "openai",
    "ollama": "anthropic",
}
SHORT_PATIENCE: Final = 0.2  # seconds, where each request takes as long as it may
MIXED: Final = 3
MOST_MIXED: Final = 2 * TRIES * MOST_TURNS  # requests to one model: each try of each turn is repaired once
LANES: Final = 3  # cells at once
REQUESTS: Final = "requests"
TOOK: Final = LATE.partition("{")[0]


@dataclass(frozen=True)
class Fault:
    """What a model does to every request, one reply after the other, the last again and again.

    `alone`: how a turn ends that has no other model; "first": with its answer. `behind`: with a healthy one behind.
    `requests`: of one turn, at most, to the model at fault; `then`: of the next turn of the same run, where the breaker
    may have opened. `waits`: seconds of pauses in a turn, at most. `hears`: it is told this in the last request.
    """

    name: str
    replies: tuple[Reply, ...]
    alone: Outcome
    behind: Outcome
    requests: int
    then: int
    waits: float = 0.0
    patience: float = PATIENCE
    is_down: bool = False
    hears: str = ""


GOOD = answered({"colour": "red"})
PACKED, LARGE = bomb(), flood()
NO_TOOL = called(("run_shell", {"command": "id"}))
PAUSES = 1.25 * (1 + 4)  # the chain's own two, each up to a quarter longer


def passing(name: str, *replies: Reply, waits: float = PAUSES, patience: float = PATIENCE) -> Fault:
    """Asked again, twice; then the next model. The fifth such fault in a minute opens the breaker."""
    return Fault(name, replies, Unavailable, "second", TRIES, 2, waits, patience)


def lasting(name: str, *replies: Reply) -> Fault:
    """For an operator to mend: never asked again."""
    return Fault(name, replies, NoModel, "second", 1, 0)


def refusing(name: str, *replies: Reply, outcome: Outcome, requests: int = 1) -> Fault:
    """About what is asked: another company is not sent the same."""
    return Fault(name, replies, outcome, outcome, requests, requests)


def mended(name: str, *replies: Reply, requests: int = 2, waits: float = 0, hears: str = "") -> Fault:
    """The model answers after all."""
    return Fault(name, replies, "first", "first", requests, 1, waits, hears=hears)


# fmt: off
FAULTS: Final = (
    # it may come back: twice more, then the next model
    passing("429", failed(429, "slow down")),
    passing("429, Retry-After 2", failed(429, "slow down", {"Retry-After": "2"}), waits=4),
    Fault("429, Retry-After 3600", (failed(429, "later", {"Retry-After": "3600"}),), Unavailable, "second", 1, 1),
    passing("429, odd Retry-After", failed(429, "slow down", {"Retry-After": "soon"})),
    passing("500", failed(500)),
    passing("502 with a page", page(502)),
    passing("503", failed(503, "The server is overloaded")),
    passing("529", failed(529, "Overloaded", type="overloaded_error")),
    replace(passing("connection refused"), is_down=True),
    passing("cut in the body", reset()),
    passing("no answer", hang(), patience=SHORT_PATIENCE),
    passing("a byte now and then", answered({"colour": "red"}, drip=0.05), patience=SHORT_PATIENCE),
    passing("a gateway's page", page(200)),
    passing("not JSON", Reply(raw=b'{"id": "x", "cho')),
    passing("no body", Reply(raw=b"")),
    passing("JSON of another shape", Reply(raw=b'{"choices": 1, "content": 1, "output": 1}')),
    passing("an error with 200", Reply(raw=b'{"error": {"message": "x", "code": 503}}')),
    passing("gzip bomb", PACKED),
    passing("16 MB", LARGE),
    passing("not gzip", Reply(raw=b"nonsense", headers={"Content-Encoding": "gzip"})),
    # an operator has to see to it: the next model at once, and no further request
    lasting("401", failed(401, f"bad key {KEY}")),
    lasting("402", failed(402, "pay first")),
    lasting("403", failed(403, "not for you")),
    lasting("429, no quota", failed(429, "You exceeded your quota", code="insufficient_quota")),
    lasting("404, no such model", failed(404, "The model x does not exist", code="model_not_found")),
    lasting("redirect", Reply(status=307, raw=b"{}", headers={"Location": "http://127.0.0.1:9/"})),
    # the text itself: no other company is sent it
    refusing("400, window", failed(400, "too much", code="context_length_exceeded"), outcome=TooLong),
    refusing("413", failed(413, "request_too_large"), outcome=TooLong),
    refusing("400, bad request", failed(400, "messages.0: odd"), outcome=Unusable),
    refusing("refusal", refused(), outcome=Declined),
    refusing("content filter, in the answer", said("", end="filtered"), outcome=Declined),
    refusing("content filter, 400", failed(400, "flagged", code="content_policy_violation"), outcome=Declined),
    # an answer that is none: one repair
    refusing("empty answer", said(""), outcome=Unusable, requests=2),
    refusing("no choices", Reply(no_choices=True), outcome=Unusable, requests=2),
    refusing("cut off by length", cut(), outcome=Unusable, requests=2),
    refusing("prose", said("It looks fine to me."), outcome=Unusable, requests=2),
    refusing("answer of another shape", answered({"size": 1}), outcome=Unusable, requests=2),
    refusing("arguments that are no object", called(("read_lines", [1])), outcome=Unusable, requests=2),
    refusing("calls tools for ever", NO_TOOL, outcome=Unusable, requests=MOST_TURNS + 1),
    mended("cut off, then short", cut(), GOOD),
    mended("prose, then an answer", said("Well."), GOOD),
    mended("500, then an answer", failed(500), GOOD, waits=PAUSES / 5),
    mended("a tool that does not exist", NO_TOOL, GOOD, hears="There is no such tool"),
    mended("no usage told", answered({"colour": "red"}, tokens="none"), requests=1),
)
# fmt: on


@dataclass(frozen=True)
class Failing:
    """`every_pair`: any model of another company stands behind in turn, not only one. `mixed`: turns in which two
    models do wrong things at random."""

    faults: Sequence[Fault] = FAULTS
    wires: Sequence[str] = tuple(MODELS)
    every_pair: bool = False
    mixed: int = 60


SHORT = Failing()
LONG = Failing(every_pair=True, mixed=3000)


@dataclass(frozen=True)
class Cell:
    """One fault of a model. `behind` "": there is no other."""

    fault: Fault
    wire: str
    behind: str

    def __str__(self) -> str:
        return f"{self.fault.name}, {self.wire}{self.behind and f' before {self.behind}'}"

    def wrong(self, servers: Servers) -> Iterator[str]:
        """What is not as it is declared."""
        fault = self.fault
        declared = fault.behind if self.behind else fault.alone
        wires = [self.wire, self.behind] if self.behind else [self.wire]
        with Desk(wires, servers, fault.patience, is_down=fault.is_down) as desk:
            desk.script(fault.replies, (GOOD,))
            ended, heard, again = desk.turn(), desk.heard(), desk.turn()
        if ended.outcome != declared:
            yield f"{_name(ended.outcome)}, not {_name(declared)}"
        if fault.hears not in heard:
            yield f"it is not told {fault.hears!r}"
        if ended.waits > fault.waits:
            yield f"{ended.waits:g} s of pauses, not {fault.waits:g}"
        for turn, one, most in (("first", ended, fault.requests), ("next", again, fault.then)):
            yield from one.problems
            if one.requests[0] > most:
                yield f"{one.requests[0]} {REQUESTS} in the {turn} turn, not {most}"


@dataclass(frozen=True)
class Pair:
    """What two models do, one thing after the other."""

    wire: str
    first: Sequence[Fault]
    second: Sequence[Fault]

    def __str__(self) -> str:
        names = (", ".join(fault.name for fault in faults) for faults in (self.first, self.second))
        return f"{self.wire} before {BEHIND[self.wire]}: {'; '.join(names)}"

    def wrong(self, servers: Servers) -> Iterator[str]:
        """What nothing that models do may lead to."""
        with Desk([self.wire, BEHIND[self.wire]], servers, PATIENCE) as desk:
            desk.script(*([fault.replies[0] for fault in faults] for faults in (self.first, self.second)))
            ended = desk.turn()
        yield from ended.problems
        if max(ended.requests) > MOST_MIXED:
            yield f"{max(ended.requests)} {REQUESTS} to one of them, not {MOST_MIXED}"


def failing(dice: Random, folder: Path, size: Failing = SHORT) -> list[Gate]:
    cells, pairs = list(_cells(size)), [_pair(dice, size) for _ in range(size.mixed)]
    dice.shuffle(cells)
    with capture_logs() as logs:
        wrong, mixed = _played(cells), _played(pairs)
    many = [words for words in wrong if REQUESTS in words]
    late = [words for words in (*wrong, *mixed) if TOOK in words]
    odd, loose = ([words for words in some if words not in {*many, *late}] for some in (wrong, mixed))
    leaks = [str(line) for line in logs if KEY in str(line)]
    what = f"{len(size.faults)} faults, {len(size.wires)} protocols, alone and before another: {len(cells)} cells"
    random = f"{size.mixed} turns in which two models do {MIXED} of these at random"
    return [
        Gate("S11 a model fails: how it ends", what, f"wrong: {shown(odd)}", "0 wrong", not odd),
        Gate(
            "S11 a model fails: requests",
            "the same",
            f"beyond the table: {shown(many)}",
            "0 beyond",
            not many,
        ),
        Gate("S11 two models fail", random, f"wrong: {shown(loose)}", "0 wrong", not loose),
        Gate(
            "S11 a model fails: time",
            "all these",
            f"beyond what requests may take: {shown(late)}",
            "0",
            not late,
        ),
        Gate(
            "S11 the key in logs",
            f"{len(logs)} lines of all these",
            shown(leaks),
            "0",
            bool(logs) and not leaks,
        ),
    ]


def _cells(size: Failing) -> Iterator[Cell]:
    for fault in size.faults:
        for wire in size.wires:
            others = [other for other, name in MODELS.items() if name != MODELS[wire]]
            yield from (
                Cell(fault, wire, other) for other in ["", *(others if size.every_pair else [BEHIND[wire]])]
            )


def _pair(dice: Random, size: Failing) -> Pair:
    kinds = [fault for fault in size.faults if not fault.is_down and fault.patience == PATIENCE]
    first, second = ([dice.choice(kinds) for _ in range(MIXED)] for _ in range(2))
    return Pair(dice.choice(list(size.wires)), first, second)


def _played(every: Sequence[Cell | Pair]) -> list[str]:
    """What is wrong in any of them."""
    lanes = [every[place::LANES] for place in range(LANES)]
    with ThreadPoolExecutor(LANES) as pool:
        return [words for lane in pool.map(_in_turn, lanes) for words in lane]


def _in_turn(every: Sequence[Cell | Pair]) -> list[str]:
    with ModelServer() as first, ModelServer() as second:
        return [f"{one}: {words}" for one in every for words in one.wrong((first, second))]


def _name(outcome: Outcome) -> str:
    return f"answered by the {outcome}" if isinstance(outcome, str) else outcome.__name__
