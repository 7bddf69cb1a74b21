"""The model of these scenarios: it finds one defect in each `orders.py`, and breaks down as often as it is told to."""

import re
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from random import Random

from tests.model_replies import confirmed, reported, verifies
from tests.model_server import Body, Reply, answered, cut, failed, nothing_found, reset, schema_of, text_of

ORDERS = "def first(order):\n    return order.items[0]\n"
ANCHOR = "    return order.items[0]"
PATIENCE_SECONDS = 120.0  # with a hosted model (`bot.llm.providers`)
SHOWN = re.compile(r"^=== (\S+/orders\.py)", re.MULTILINE)
BREAKDOWNS: dict[str, Callable[[], Reply]] = {
    "overloaded": lambda: failed(529, "Overloaded", type="overloaded_error"),
    "down": lambda: failed(503, "The server is overloaded or not ready yet"),
    "asks for patience": lambda: failed(429, "Rate limit reached", headers={"retry-after": "1"}),
    "cuts its answer": cut,
    "breaks the connection": reset,
}


def review(body: Body) -> Reply:
    """One finding on each file it knows a defect of, and every claim is right."""
    if verifies(body):
        return confirmed(body)
    if "findings" not in (schema_of(body) or {}).get("properties", {}):
        return nothing_found(body)
    asked = {"messages": [one for one in body["messages"] if one["role"] == "user"]}
    paths = dict.fromkeys(SHOWN.findall(text_of(asked)))
    return answered({"findings": [reported(path, 2, ANCHOR) for path in paths]})


class Fickle:
    """Answers as `review` after `thinks` seconds, but breaks down in a `share` of the requests.

    So many of these times it `hangs` instead, beyond the client's patience.
    """

    def __init__(self, dice: Random, share: float, thinks: float = 0, hangs: int = 0) -> None:
        self._dice = dice
        self._share = share
        self._thinks = thinks
        self._hangs = hangs
        self._lock = threading.Lock()
        self.broke = Counter[str]()

    def __call__(self, body: Body) -> Reply:
        with self._lock:
            if self._dice.random() >= self._share:
                return replace(review(body), delay=self._thinks)
            if self._hangs:
                self._hangs -= 1
                self.broke["hangs"] += 1
                return Reply(delay=PATIENCE_SECONDS + 10)
            how = self._dice.choice(list(BREAKDOWNS))
            self.broke[how] += 1
            return BREAKDOWNS[how]()
