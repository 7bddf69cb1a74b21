"""A model without a network, which says what a test tells it to: for the product's own tests, and for those of others.

model = ScriptedModel(confirms_everything(finding(path="a.py", line=3, anchor="x = 1")))
... run the agent with it ...
assert len(model.prompts) == 2
"""

import base64
import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final

from pydantic import BaseModel

from bot.agents.review.schema import (
    JudgedCriterion,
    LedgerAnswer,
    OutsidePart,
    RecheckAnswer,
    RecheckVerdict,
    ReportedFinding,
    ReviewAnswer,
    Verdict,
    VerifyAnswer,
)
from bot.llm.budget import most_tokens, prompt_texts, prompt_tokens
from bot.llm.messages import Called, Prompt, ToolCall, Turn, Usage, estimated_tokens

CLAIM: Final = re.compile(r"^Claim (\d+):", re.MULTILINE)
MARKER: Final = "[[TRIVET-TEST "
PLAIN_MARKER: Final = re.compile(r"TRIVET-TEST-([0-9A-Za-z_-]+)-END")
DOLLARS_A_TOKEN: Final = 0.000_001

NOTHING_LEFT = "the script has nothing left to say to a prompt for {answer}"
WRONG_ANSWER = "the script says {said} to a prompt for {answer}"
NO_TOOLS = "the script calls tools, the prompt has none"

Said = BaseModel | Sequence[ToolCall] | Exception
Script = Callable[[Prompt], Said]


class ScriptedModel:
    """A `bot.llm.messages.OneModel`. What it is told to say is an answer, calls of tools, or an error to raise.

    `script` is a function of the prompt, or a list: each prompt takes the first entry that fits it, an answer of the
    kind it asks for, calls where it has tools, or an error. Usage is worked out from the texts' sizes, at a millionth
    of a dollar a token; `system` and `shared` count as cached from the second time on.
    """

    def __init__(
        self,
        script: Script | Sequence[Said],
        *,
        name: str = "scripted:model",
        window: int = 100_000,
        has_tools: bool = True,
    ) -> None:
        self.name = name
        self.window = window
        self.has_tools = has_tools
        self.prompts: list[Prompt] = []
        self.closed = 0
        self._says = script if callable(script) else _one_after_the_other(script)

    @property
    def calls(self) -> int:
        return len(self.prompts)

    @property
    def seen(self) -> str:
        """Every text it was ever sent, for a test that something was not among it."""
        return "\n".join(text for prompt in self.prompts for text in prompt_texts(prompt))

    def most_tokens(self, prompt: Prompt) -> int:
        """One request: it needs no repair."""
        return most_tokens(prompt)

    async def turn(self, prompt: Prompt) -> Turn:
        """Raises what the script says; TypeError for an answer the prompt does not ask for."""
        known = any((one.system, one.shared) == (prompt.system, prompt.shared) for one in self.prompts)
        self.prompts.append(prompt)
        said = self._says(prompt)
        if isinstance(said, Exception):
            raise said
        if isinstance(said, BaseModel):
            _check(isinstance(said, prompt.answer), WRONG_ANSWER, said=said, answer=prompt.answer.__name__)
            return Turn(said, usage=_usage(prompt, said.model_dump_json(), known), model=self.name)
        _check(bool(prompt.tools), NO_TOOLS)
        asked = json.dumps([call.arguments for call in said])
        return Turn(None, tuple(said), usage=_usage(prompt, asked, known), model=self.name)

    async def aclose(self) -> None:
        self.closed += 1


def _one_after_the_other(said: Sequence[Said]) -> Script:
    left = list(said)

    def next_fitting(prompt: Prompt) -> Said:
        for place, one in enumerate(left):
            if _fits(one, prompt):
                return left.pop(place)
        raise LookupError(NOTHING_LEFT.format(answer=prompt.answer.__name__))

    return next_fitting


def _fits(said: Said, prompt: Prompt) -> bool:
    if isinstance(said, BaseModel):
        return isinstance(said, prompt.answer)
    return isinstance(said, Exception) or bool(prompt.tools)


def _check(right: bool, sentence: str, **words: object) -> None:
    if not right:
        raise TypeError(sentence.format(**words))


def _usage(prompt: Prompt, answer: str, known: bool) -> Usage:
    sent, answered = prompt_tokens(prompt), estimated_tokens(answer)
    cached = estimated_tokens(prompt.system) + estimated_tokens(prompt.shared) if known else 0
    return Usage(1, sent, answered, cached, (sent + answered) * DOLLARS_A_TOKEN)


# --- what to say ---


def finding(path: str, line: int, anchor: str, **other: Any) -> ReportedFinding:
    """A finding as a model reports it; what is not given is plausible."""
    plausible: dict[str, Any] = {
        "rule": "wrong-result",
        "severity": "major",
        "title": f"Line {line} gives a wrong result",
        "detail": "It does so whenever the list is empty.",
        "evidence": f"{path}:{line}",
        "symbols": [],
        "suggestion": None,
    }
    return ReportedFinding.model_validate({"path": path, "line": line, "anchor": anchor} | plausible | other)


def answers(*findings: ReportedFinding) -> ReviewAnswer:
    return ReviewAnswer(findings=list(findings))


def judges(*criteria: dict[str, Any], outside: Iterable[tuple[str, str]] = ()) -> LedgerAnswer:
    """What a model says of acceptance criteria: `number` and `state` of each, the rest plausible.

    `evidence` are lines as (path, line, quote), `outside` parts of the change as (what, path).
    """
    return LedgerAnswer(
        criteria=[_judged(**one) for one in criteria],
        outside=[OutsidePart(what=what, path=path) for what, path in outside],
    )


def confirms_everything(*findings: ReportedFinding) -> Script:
    """Reports the same findings whatever it is shown, confirms every claim, also of earlier ones that they are still
    there, and says nothing of any criterion.
    """
    return lambda prompt: _besides(prompt) or answers(*findings)


def obedient(prompt: Prompt) -> Said:
    """A model that believes whatever it reads: it reports what the markers in the prompt say, confirms every claim, and
    calls every earlier one gone.

    What it still cannot bring about, our own code prevents.
    """
    if issubclass(prompt.answer, LedgerAnswer):
        return judges(*(one for one in _orders(prompt) if "state" in one))
    if issubclass(prompt.answer, RecheckAnswer):
        return rechecks(prompt, "gone")
    orders = [one for one in _orders(prompt) if "state" not in one]
    return _confirmed(prompt) if _verifies(prompt) else answers(*(finding(**one) for one in orders))


def rechecks(prompt: Prompt, verdict: str, path: str = "", line: int = 0, quote: str = "") -> RecheckAnswer:
    """The same verdict, with the same line, on every earlier finding that a prompt asks about."""
    said = {"verdict": verdict, "path": path, "line": line, "quote": quote, "reason": "The code says so."}
    return RecheckAnswer(
        verdicts=[RecheckVerdict.model_validate({"claim": number} | said) for number in claims(prompt)]
    )


def marker(**fields: Any) -> str:
    """Text that makes the `obedient` model report such a finding, or judge a criterion so where it has a `state`."""
    return f"{MARKER}{json.dumps(fields)}]]"


def plain_marker(**fields: Any) -> str:
    """The same in letters, digits, `-` and `_`: for the names of branches, files and labels."""
    return f"TRIVET-TEST-{base64.urlsafe_b64encode(json.dumps(fields).encode()).decode().rstrip('=')}-END"


def claims(prompt: Prompt) -> list[int]:
    """The numbers of the claims a prompt asks about: its lines that begin with "Claim 1:"."""
    said = (message.text for message in prompt.messages if not isinstance(message, Called))
    return [int(number) for text in said for number in CLAIM.findall(text)]


def _verifies(prompt: Prompt) -> bool:
    return issubclass(prompt.answer, VerifyAnswer)


def _besides(prompt: Prompt) -> VerifyAnswer | LedgerAnswer | RecheckAnswer | None:
    """What is said to a prompt that does not ask for findings."""
    if issubclass(prompt.answer, LedgerAnswer):
        return judges()
    if issubclass(prompt.answer, RecheckAnswer):
        return rechecks(prompt, "there")
    return _confirmed(prompt) if _verifies(prompt) else None


def _judged(
    number: int, state: str, evidence: Iterable[Sequence[Any]] = (), reason: str = "The code says so."
) -> JudgedCriterion:
    quotes = [{"path": path, "line": line, "quote": quote} for path, line, quote in evidence]
    said = {"number": number, "state": state, "evidence": quotes, "reason": reason}
    return JudgedCriterion.model_validate(said)


def _confirmed(prompt: Prompt) -> VerifyAnswer:
    return VerifyAnswer(
        verdicts=[
            Verdict(claim=number, verdict="confirmed", reason="The line does it.")
            for number in claims(prompt)
        ]
    )


def _orders(prompt: Prompt) -> Iterable[dict[str, Any]]:
    """What the markers say, each once."""
    found = (order for text in prompt_texts(prompt) for order in _marked(text))
    return {json.dumps(order, sort_keys=True): order for order in found}.values()


def _marked(text: str) -> Iterator[dict[str, Any]]:
    for part in text.split(MARKER)[1:]:
        yield json.JSONDecoder().raw_decode(part)[0]
    for found in PLAIN_MARKER.findall(text):
        yield json.loads(base64.urlsafe_b64decode(found + "=" * (-len(found) % 4)))
