"""What makes a request authentic, put on it when its body is known: the platforms' signatures, a job's ID token."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count, cycle
from typing import Any, Final
from urllib.parse import urlsplit

from pydantic import ValidationError
from requests import PreparedRequest
from requests.auth import AuthBase

from bot.entry.run_view import RUN
from bot.entry.runs_api import MergeRequestTarget, Order
from bot.entry.web import WAIT
from tests.hostile.senders import SENDERS

WAITING: Final = re.compile(rf"(?<![^&])wait={WAIT.pattern}(?=&|$)", re.ASCII)
SOON: Final = "wait=0.01"  # nobody works on the runs, so that none changes
NOBODYS: Final = "nobodys"
ABOUT_THE_SENDER: Final = ("content-type", "user-agent")


class Signed(AuthBase):
    """Each delivery signed as its platform does, under a name of its own."""

    def __init__(self) -> None:
        self._names = count()

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        sender = next((one for one in SENDERS if request.path_url.startswith(one.path)), None)
        if sender:
            proof = sender.prove(body_of(request), f"promised-{next(self._names)}")
            request.headers.update({k: v for k, v in proof.items() if k not in ABOUT_THE_SENDER})
        return request


@dataclass(frozen=True)
class Known:
    """A run that there is: the token that reads it, and the tag of what it is now."""

    run: str
    token: str
    tag: str


class Job(AuthBase):
    """A job of a merge request's pipeline, which asks with a new ID token each time.

    A well-formed order is made one for its own merge request, and a look at a run that may be, one at a run that is.
    All else is sent as it was made: what is malformed stays so.
    """

    def __init__(self, id_token: Callable[[], str], own: Mapping[str, Any], known: Sequence[Known]) -> None:
        self._id_token = id_token
        self._own = own
        self._known = {one.run: one for one in known}
        self._turns = cycle(known)
        self._tags = cycle((False, True))

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        token = self._order(request) if request.method == "POST" else self._look(request)
        request.headers["Authorization"] = f"Bearer {token}"
        return request

    def _order(self, request: PreparedRequest) -> str:
        try:
            order = Order.model_validate_json(body_of(request))
        except ValidationError:
            return self._id_token()
        if isinstance(order.target, MergeRequestTarget):
            own = order.model_dump(mode="json") | {"target": self._own}
            request.prepare_body(json.dumps(own), None)
        return self._id_token()

    def _look(self, request: PreparedRequest) -> str:
        """Every other one that names a tag gets the true one."""
        address = urlsplit(request.url or "")
        above, _, run = address.path.rpartition("/")
        if not RUN.fullmatch(run):
            return NOBODYS
        known = self._known.get(run) or next(self._turns)
        path, query = f"{above}/{known.run}", WAITING.sub(SOON, address.query)
        request.url = address._replace(path=path, query=query).geturl()
        if "If-None-Match" in request.headers and next(self._tags):
            request.headers["If-None-Match"] = known.tag
        return known.token


def body_of(request: PreparedRequest) -> bytes:
    body = request.body or b""
    return body.encode() if isinstance(body, str) else bytes(body)
