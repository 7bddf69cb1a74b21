"""S15: secrets in every known shape, and code without any: what is covered, what is covered for nothing, how fast."""

import base64
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random
from urllib.parse import quote

from bot.domain.secrets import Redactor
from tests.chaos.gates import Gate, shown
from tests.domain.test_secrets import ALNUM, BASE64, HARMLESS, SAMPLES, URLSAFE, Dice

LEAST_RECALL, MOST_FALSE, LEAST_SPEED = 0.85, 0.05, 3.0  # shares, shares, megabytes a second
CODE = Path(__file__).parents[2] / "bot"
CUT = 7  # characters that are missing at an end
PIECE = 12  # so many characters of an own secret may nowhere be seen

FORMS: dict[str, Callable[[str], str]] = {
    "plain": lambda own: own,
    "in a URL": lambda own: quote(own, safe=""),
    "base64": lambda own: base64.b64encode(own.encode()).decode(),
    "base64 for URLs": lambda own: base64.urlsafe_b64encode(own.encode()).decode(),
    "base64 behind another": lambda own: base64.b64encode(b"robot:" + own.encode()).decode(),
    "base64 behind two others": lambda own: base64.b64encode(b"ab:cd" + own.encode() + b":x").decode(),
    "hexadecimal": lambda own: own.encode().hex(),
    "backwards": lambda own: own[::-1],
    "spaced": " ".join,
    "JSON": lambda own: json.dumps(own)[1:-1],
    "cut at its end": lambda own: own[:-CUT],
    "cut at its beginning": lambda own: own[CUT:],
}


@dataclass(frozen=True)
class Redacting:
    """`each`: secrets of a kind; `own`: secrets of our own; `megabytes` of code as a diff."""

    each: int = 12
    own: int = 100
    megabytes: float = 2


SHORT = Redacting()
LONG = Redacting(300, 3_000, 20)


def redacting(dice: Random, _folder: Path, size: Redacting = SHORT) -> list[Gate]:
    return [_recall(dice, size), _false(), _own(dice, size), *_speed(size)]


def _recall(dice: Random, size: Redacting) -> Gate:
    """A secret counts as covered where its text is gone, whatever rule covered it: alone, and behind another."""
    missed: list[str] = []
    beside: list[str] = []
    redactor = Redactor()
    before = ""
    for rule, (make, line) in SAMPLES.items():
        for _ in range(size.each):
            secret = make(Dice(dice.getrandbits(32)))
            text = line.replace("@", secret, 1)
            missed += [rule] * (secret in redactor.redact(text))
            beside += [rule] * (secret in redactor.redact(f"{before} ; {text}"))
            before = text
    total = len(SAMPLES) * size.each
    share, together = (1 - len(gone) / total for gone in (missed, beside))
    return Gate(
        "S15 secrets of others: recall",
        f"{total} secrets of {len(SAMPLES)} kinds, each in a line of code, alone and behind another",
        f"{share:.1%}; missed: {shown(missed)}. Behind another {together:.1%}; missed: {shown(beside)}",
        "at least 85%",
        min(share, together) >= LEAST_RECALL,
    )


def _false() -> Gate:
    redactor = Redactor()
    covered = [text for text in HARMLESS if redactor.find(text)]
    share = len(covered) / len(HARMLESS)
    return Gate(
        "S15 covered for nothing",
        f"{len(HARMLESS)} texts that look like secrets and are none",
        f"{share:.1%}: {shown(covered)}",
        "at most 5%",
        share <= MOST_FALSE,
    )


def _own(dice: Random, size: Redacting) -> Gate:
    survived: list[str] = []
    for _ in range(size.own):
        make = Dice(dice.getrandbits(32))
        own = make(dice.randint(24, 48), dice.choice((ALNUM, BASE64, URLSAFE, ALNUM + "+/@:=&%")))
        redactor = Redactor([own])
        for name, form in FORMS.items():
            told = form(own)
            seen = redactor.redact(f"log: {told}!")
            if any(told[at : at + PIECE] in seen for at in range(len(told) - PIECE + 1)):
                survived.append(name)
    total = size.own * len(FORMS)
    return Gate(
        "S15 secrets of our own",
        f"{size.own} secrets in {len(FORMS)} forms each: encoded, cut, backwards",
        f"{1 - len(survived) / total:.1%}; survived: {shown(survived)}",
        "100%",
        not survived,
    )


def _speed(size: Redacting) -> list[Gate]:
    """Our own code, as a change that adds all of it."""
    text = "\n".join(
        f"+{line}" for file in sorted(CODE.rglob("*.py")) for line in file.read_text("utf-8").splitlines()
    )
    wanted = int(size.megabytes * 1e6)
    text = (text * (wanted // len(text) + 1))[:wanted]
    redactor = Redactor()
    seconds = min(_seconds(redactor, text) for _ in range(3))
    speed = len(text) / 1e6 / seconds
    return [
        Gate(
            "S15 speed",
            f"{size.megabytes:g} MB of Python as a diff, the best of three",
            f"{speed:.1f} MB/s of processor time; {len(redactor.find(text))} covered",
            "at least 3 MB/s",
            speed >= LEAST_SPEED,
        )
    ]


def _seconds(redactor: Redactor, text: str) -> float:
    """Of the processor: other processes do not count."""
    began = time.process_time()
    redactor.redact(text)
    return time.process_time() - began
