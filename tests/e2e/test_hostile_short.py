"""The smallest part of `make hostile`, always the same; and that each of its gates can fail, as must the command.

Slow (about twenty seconds): what is bought is that the real receiver is sent what no honest sender sends each time the
tests run, and that whoever counts what got through would see it. Times are not judged here: other work may be going on.
"""

import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random
from types import ModuleType

import pytest

from bot.domain.secrets import Redactor
from bot.entry import allowance
from bot.llm import chain
from tests import reviewing
from tests.canaries import plant
from tests.chaos.gates import Gate
from tests.hostile import __main__ as hostile
from tests.hostile import bombs, leaking, obeying, obeying_live, orders, showing
from tests.hostile.echo import filled
from tests.hostile.failing import FAULTS, Failing, failing
from tests.hostile.material import spoilt, torn
from tests.hostile.nonsense import Answers, Nonsense, nonsense
from tests.hostile.obeying import CARRIERS, SETS, Round
from tests.hostile.proofs import Case, Proofs, problem, proofs
from tests.hostile.redacting import Redacting, redacting
from tests.hostile.senders import SENDERS
from tests.hostile.spending import Spending, spending
from tests.model_server import answered
from tests.reviewing import Desk
from tests.test_obedient_model import EVIL, by_the_bot

FEW = Nonsense(spoilt=30, torn=30, slow=20, honest=20, public=False)
SOME_FAULTS = [
    one
    for one in FAULTS
    if one.name in ("429", "401", "refusal", "cut off by length", "a tool that does not exist")
]
SOME = Failing(SOME_FAULTS, ("anthropic", "ollama"), mixed=4)
SMALL = Redacting(each=2, own=5, megabytes=0.2)


def unmet(gates: list[Gate], but: tuple[str, ...] = ()) -> list[str]:
    """The gates that are not met, those apart whose name holds one of these words."""
    return [str(gate) for gate in gates if not gate.met and not any(word in gate.scenario for word in but)]


# --- what is sent


def test_no_request_is_answered_with_5xx_and_none_costs_memory(tmp_path: Path) -> None:
    assert unmet(nonsense(Random(9), tmp_path, FEW), but=("time", "slow")) == []


def test_an_answer_of_5xx_is_counted() -> None:
    answers = Answers(Counter({"202": 3, "503": 2, "closed": 1}))
    assert (answers.broken, str(answers)) == (2, "3 x 202, 2 x 503, 1 x closed")


def test_only_a_delivery_that_proves_itself_is_believed(tmp_path: Path) -> None:
    assert unmet(proofs(Random(9), tmp_path, Proofs(flips=10))) == []


@pytest.mark.parametrize(("good", "status"), [(True, "401"), (False, "202"), (False, "503")])
def test_a_cell_that_is_not_as_it_ought_to_be_is_named(good: bool, status: str) -> None:
    assert "signed" in problem(Case("signed", "jira", {}, good), status)


def test_a_payload_is_spoilt_without_touching_the_one_it_is_made_from() -> None:
    payload = SENDERS[0].own[0]
    before = repr(payload)
    dice = Random(9)
    assert any(spoilt(payload, dice, 3) != payload for _ in range(20))
    assert repr(payload) == before
    assert torn(b'{"a": 1}', dice) != b'{"a": 1}'


def test_a_refusal_that_is_not_one_sentence_is_seen() -> None:
    head = b"HTTP/1.1 422 Unprocessable\r\n\r\n"
    assert orders.is_refusal(head + b'{"error": "No."}')
    assert not any(
        orders.is_refusal(head + body) for body in (b"", b"No.", b"[]", b"{}", b'{"error": "a\\nb"}')
    )


# --- what is spent


def test_no_cap_is_passed_and_the_dead_hold_nothing(tmp_path: Path) -> None:
    assert unmet(spending(Random(9), tmp_path, Spending(calls=500, day=30_000, mr=7_000))) == []


def test_a_budget_that_lets_too_much_through_fails_its_gate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        allowance, "RESERVE", allowance.RESERVE.replace("> tonumber(ARGV[4", "> 9 * tonumber(ARGV[4")
    )
    assert spending(Random(9), tmp_path, Spending(calls=500, day=10_000, mr=10_000))[0].met is False


# --- what a model does


def test_a_model_that_fails_costs_no_more_requests_than_the_table_says(tmp_path: Path) -> None:
    assert unmet(failing(Random(9), tmp_path, SOME), but=("time",)) == []


def test_a_chain_that_asks_too_often_fails_its_gate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chain, "WAITS", (0.1, 0.1, 0.1))
    ends, requests, *_ = failing(Random(9), tmp_path, replace(SOME, mixed=0))
    assert (ends.met, requests.met) == (True, False)


def test_an_answer_in_place_of_a_refusal_fails_its_gate(tmp_path: Path) -> None:
    (refusal,) = [one for one in FAULTS if one.name == "refusal"]
    answers = replace(refusal, replies=(answered({"colour": "red"}),))
    ends, requests, *_ = failing(Random(9), tmp_path, replace(SOME, faults=[answers], mixed=0))
    assert (ends.met, requests.met) == (False, True)


# --- what is covered


def test_secrets_are_covered_and_code_is_not() -> None:
    assert unmet(redacting(Random(9), Path(), SMALL), but=("speed",)) == []


def test_what_is_not_covered_or_covered_for_nothing_fails_its_gate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Redactor, "redact", lambda _self, text: text)
    monkeypatch.setattr(Redactor, "find", lambda _self, text: [text])
    recall, false, own, _ = redacting(Random(9), Path(), SMALL)
    assert (recall.met, false.met, own.met) == (False, False, False)


@pytest.mark.parametrize("shape", ["{0}", "aaaa{0}", "x {0} y"])
def test_a_secret_that_was_cut_is_found_where_it_lies(shape: str) -> None:
    secret = "glpat-" + "Vb4Nm8Qw2E" + "Rt6Yu1Io9P"
    leaking.plant_all([secret])
    found = leaking.found([("Redis", shape.format(secret[leaking.CUT :])), ("logs", "nothing")])
    assert [one.rpartition(" in ")[2] for one in found] == ["Redis"]
    assert plant(secret) == secret


# --- what is told


def test_texts_flow_only_where_they_may() -> None:
    assert unmet(showing.showing(Random(9), Path())) == []


@pytest.mark.parametrize(("visibility", "told"), [("public", True), ("private", False)])
def test_a_rule_that_tells_too_much_or_too_little_is_seen(
    monkeypatch: pytest.MonkeyPatch, visibility: str, told: bool
) -> None:
    for module in ("named_issues", "triage"):
        monkeypatch.setattr(f"bot.proposing.{module}.issue_may_be_told", lambda *_, **__: told)
    found = list(showing.wrong_flows(showing.World(visibility, "mapped", False)))
    assert [one.partition(" (")[0] for one in found] == [
        "issue -> review",
        "issue -> branch and draft",
        "issue -> pipeline",
    ]


# --- what is obeyed


def test_what_all_places_of_a_merge_request_order_has_no_effect(desk: Desk) -> None:
    one = Round(0, SETS[: len(CARRIERS)])
    assert set(one.play(desk)) == set(CARRIERS)
    assert list(one.effects(desk)) == []
    assert [by_the_bot(desk, kind) for kind in obeying.KINDS] == [[], [], [], []]


def test_effects_are_seen_where_nothing_stands_before_the_writes(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reviewing, "sanitize", lambda body, redact: body.replace("\\", ""))
    one = Round(1, SETS[: len(CARRIERS)])
    list(one.play(desk))
    assert [kind for kind in obeying.KINDS if by_the_bot(desk, kind)] or list(one.effects(desk))


def test_what_a_page_has_more_of_is_seen() -> None:
    before, more = "<p>x</p>", '<p>x</p><ac:image><ri:url ri:value="https://evil.example/i"/></ac:image>'
    assert list(obeying_live.on_page("https://wiki.example", before, before)) == []
    assert len(list(obeying_live.on_page("https://wiki.example", before, more))) == 2


def test_what_speaks_to_people_in_a_comment_is_seen() -> None:
    link = {"type": "text", "marks": [{"type": "link", "attrs": {"href": f"https://{EVIL}/"}}]}
    comment = {"body": {"type": "doc", "content": [{"type": "mention", "attrs": {"id": "1"}}, link]}}
    assert list(obeying_live.nodes(comment)) == ["mention"]
    assert list(obeying_live.addresses(comment)) == [f"https://{EVIL}/"]


def test_the_model_that_obeys_fills_every_text() -> None:
    schema = {
        "type": "object",
        "properties": {"a": {"type": "array", "items": {"type": "string"}}, "b": {"enum": ["x"]}},
    }
    assert filled(schema, "Owned") == {"a": ["Owned"], "b": "x"}


# --- what is too large


def test_a_command_that_takes_too_much_memory_or_time_fails_its_gate(tmp_path: Path) -> None:
    tmp_path.joinpath("here").mkdir()
    ended = bombs.ran(("--version",), tmp_path / "here", 20, {})
    assert (ended.code, ended.gate("x", "x", "x", True).met) == (0, True)
    assert bombs.Ended(0, "", bombs.MOST_MEGABYTES, 1).gate("x", "x", "x", True).met is False
    assert bombs.ran(("demo",), tmp_path / "here", 0.2, {}).code is None


# --- the command

MET = Gate("calm", "nothing", "0", "0", True)
NOT_MET = Gate("calm", "nothing", "1", "0", False)


@pytest.fixture
def tried(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[Callable[[], list[Gate]]], int]:
    """Runs the command with one scenario, which leaves a file behind."""

    def run(scenario: Callable[[], list[Gate]]) -> int:
        def calm(_dice: Random, folder: Path, _size: None) -> list[Gate]:
            (folder / "log").write_text("what was said")
            return scenario()

        module = ModuleType("tests.hostile.calm")
        module.__dict__.update(calm=calm, SHORT=None, LONG=None)
        monkeypatch.setitem(sys.modules, module.__name__, module)
        monkeypatch.setattr(hostile, "SCENARIOS", ("calm",))
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
        return hostile.main(["--seed", "7"])

    return run


def broken() -> list[Gate]:
    raise AssertionError("the receiver does not answer any more\nand so on")


def test_the_command_ends_with_0_and_leaves_nothing_where_all_gates_are_met(
    tried: Callable[[Callable[[], list[Gate]]], int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert tried(lambda: [MET]) == 0
    assert list(tmp_path.iterdir()) == []
    assert str(MET) in capsys.readouterr().out


@pytest.mark.parametrize("scenario", [lambda: [MET, NOT_MET], broken])
def test_the_command_ends_with_1_and_keeps_the_logs_where_a_gate_is_not_met(
    tried: Callable[[Callable[[], list[Gate]]], int],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    scenario: Callable[[], list[Gate]],
) -> None:
    assert tried(scenario) == 1
    said = capsys.readouterr()
    assert "| **no** |" in said.out
    assert said.out.startswith("seed 7")
    (kept,) = tmp_path.iterdir()
    assert str(kept) in said.err
