"""How far somebody's clock is from ours, and from where on that does harm."""

from dataclasses import dataclass
from typing import Final

from bot.entry.doctor.check import Check, fine, note, wrong
from bot.sources.signatures import TOLERANCE_SECONDS

AGREES = "its clock and ours agree"
APART = "its clock is {seconds:.0f} s {direction} ours"
UNTOLD = "it does not tell the time: its clock and ours are not compared"
CURE = "let both take their time from the network (NTP): {why}"


@dataclass(frozen=True, slots=True)
class Tolerance:
    """In seconds. `why`: what suffers beyond it."""

    noted: float
    worst: float
    why: str


OF_PLATFORMS: Final = Tolerance(
    30.0,
    TOLERANCE_SECONDS,
    "signatures hold for five minutes, and what changed of late is looked for by the clock",
)
OF_QUEUE: Final = Tolerance(2.0, 30.0, "pauses and limits are counted by both")


def clock_check(topic: str, ahead: float | None, tolerance: Tolerance = OF_PLATFORMS) -> Check:
    """`ahead`: seconds that its clock is ahead of ours, None where that is not told."""
    if ahead is None:
        return note(topic, "clock", UNTOLD)
    seconds, cure = abs(ahead), CURE.format(why=tolerance.why)
    said = APART.format(seconds=seconds, direction="ahead of" if ahead > 0 else "behind")
    if seconds > tolerance.worst:
        return wrong(topic, "clock", said, cure)
    return note(topic, "clock", said, cure) if seconds > tolerance.noted else fine(topic, "clock", AGREES)
