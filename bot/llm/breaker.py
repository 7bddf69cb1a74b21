"""A model that keeps failing is left alone for a while: nobody waits for what is known not to answer.

| how a request ended | what follows |
|---|---|
| an answer; TooLong, Unusable, Declined: the model is there | closed: it is asked |
| Unavailable, FAULTS times within WINDOW and no answer between | open for PAUSE seconds, then one probe at a time |
| NoModel: a key or quota is refused, or it does not exist | open for LASTING seconds, then one probe at a time |
| Unavailable, of a probe | open again for PAUSE seconds |
| anything else: cancelled, no budget left | nothing is learnt; a probe may be sent again |

The rule is a pure function over `Circuit`; where circuits are kept is another matter.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from threading import Lock
from typing import Final, Protocol

from bot.errors import Declined, NoModel, TooLong, Unavailable, Unusable

FAULTS: Final = 5
WINDOW: Final = 60.0
PAUSE: Final = 60.0
LASTING: Final = 600.0
PROBE: Final = 150.0  # seconds after which a probe nobody reported on counts as lost

ANSWERED: Final = (TooLong, Unusable, Declined)
LEFT_ALONE = "{reason} (not asked again for now)"


@dataclass(frozen=True, slots=True)
class Circuit:
    """What is known of one model; times are seconds of one clock.

    `faults`: when it failed of late. `until`: not to be asked before, 0 when closed. `probe`: a probe is out, until
    then at most. `lasting` and `reason`: what opened it.
    """

    faults: tuple[float, ...] = ()
    until: float = 0.0
    probe: float = 0.0
    lasting: bool = False
    reason: str = ""

    def admitted(self, now: float) -> "Circuit":
        """The circuit once a request is under way. Raises what opened it, NoModel or Unavailable, while it is open."""
        if not self.until:
            return self
        left = max(self.until, self.probe) - now
        if left > 0:
            sentence = LEFT_ALONE.format(reason=self.reason)
            raise NoModel(sentence) if self.lasting else Unavailable(sentence, left)
        return replace(self, probe=now + PROBE)

    def after(self, error: BaseException | None, now: float) -> "Circuit":
        """The circuit once a request has ended so; None: with an answer."""
        if error is None or isinstance(error, ANSWERED):
            return CLOSED
        if isinstance(error, NoModel):
            return Circuit(until=now + LASTING, lasting=True, reason=str(error))
        if isinstance(error, Unavailable):
            return self._failed(str(error), now)
        return replace(self, probe=0.0)

    def _failed(self, reason: str, now: float) -> "Circuit":
        if now < self.until:  # of a request that was under way when it opened
            return self
        faults = (*(at for at in self.faults if at > now - WINDOW), now)
        if self.until or len(faults) >= FAULTS:
            return Circuit(until=now + PAUSE, reason=reason)
        return Circuit(faults)


CLOSED: Final = Circuit()


class Breaker(Protocol):
    """Knows which models are worth a request. Every `admit` that lets one through is followed by `ended`."""

    def admit(self, model: str) -> None:
        """Raises NoModel or Unavailable, whichever opened it, when the model is to be left alone."""

    def ended(self, model: str, error: BaseException | None = None) -> None:
        """Tell how the request went. No error: it was answered."""


class LocalBreaker:
    """Circuits kept in this process."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._circuits: dict[str, Circuit] = {}
        self._clock = clock
        self._lock = Lock()

    def admit(self, model: str) -> None:
        with self._lock:
            self._circuits[model] = self._circuit(model).admitted(self._clock())

    def ended(self, model: str, error: BaseException | None = None) -> None:
        with self._lock:
            self._circuits[model] = self._circuit(model).after(error, self._clock())

    def _circuit(self, model: str) -> Circuit:
        return self._circuits.get(model, CLOSED)
