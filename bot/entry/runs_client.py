"""The client of the runs API: what a job sends to a Trivet's `trivet web`, and what it takes from it."""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from ipaddress import ip_address
from typing import Any, Final, NoReturn, TypeVar
from urllib.parse import quote, urlsplit

import requests
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from requests.auth import AuthBase

from bot import __version__
from bot.domain.visible import on_one_line
from bot.errors import PlatformError, Unavailable, UsageError
from bot.gateways.bounded import BoundedAdapter, TooManyBytes
from bot.gateways.http import retry_after

LOOK_SECONDS: Final = 25  # the server holds a look back for so long while there is no news
CONNECT_SECONDS: Final = 10.0
ANSWER_SECONDS: Final = 60.0
PAUSES: Final = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0)  # between tries: a server that starts anew is back by then
LONGEST_PAUSE: Final = 60.0
LONGEST_SENTENCE: Final = 300  # characters of the server's
MAX_HELD: Final = 20_000_000  # bytes of a report
HOST: Final = re.compile(r"[a-z0-9._:-]+")
LOOPBACK_NAMES: Final = ("localhost", "ip6-localhost")

BAD_ADDRESS = (
    "{address} is not a server's address: write it like https://trivet.example.com, without user or query"
)
REFUSED = "{server} refuses {wish} ({status}): {reason}"
WISHES: Final = {
    "review": "the review",
    "link": "to tie the merge request to its issues",
    "pages": "to hold the pages against the merge request",
}
NO_REASON = "no reason given"
NO_API = "{server} has no runs API (404{reason}): is it the address of a Trivet's `trivet web`?"
MOVED = "{server} sends elsewhere ({status}): set the address to {place}"
BUSY = "{server} is busy or broken ({status}{reason})"
UNREACHABLE = "{server} cannot be reached ({detail})"
NOT_TRUSTED = "the certificate of {server} is not trusted: name your company's CA file in REQUESTS_CA_BUNDLE"
TOO_LARGE = "{server} answers with more than {limit:,} bytes"
ODD = "{server} answered with something that is no answer of Trivet's runs API; is a proxy in between?"
FORGOTTEN = "{server} does not show run {run} any more ({status})"

Result = TypeVar("Result")
Answer = TypeVar("Answer", bound=BaseModel)


class _Answer(BaseModel):
    """A newer server may say more: what we do not know is left aside."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class Ticket(_Answer):
    """A run that was started, and the token that reads it."""

    run: str = Field(min_length=1)
    token: str = Field(min_length=1, repr=False)
    state: str = "queued"


class Seen(_Answer):
    """A run as it is now. `report` is the JSON object of `Report`, when it has ended."""

    state: str
    progress: str | None = None
    message: str | None = None
    report: dict[str, Any] | None = None

    @property
    def has_ended(self) -> bool:
        return self.state in ("done", "failed", "superseded")


@dataclass(frozen=True, slots=True)
class Look:
    """What a look found, and the ETag to ask for something newer with."""

    seen: Seen | None
    etag: str


class RunsApi:
    """The runs API of one Trivet. Tokens go to this address alone: no redirect is followed. `pauses` are seconds."""

    def __init__(self, url: str, pauses: tuple[float, ...] = PAUSES) -> None:
        self.url = url
        self._pauses = pauses
        self._session = requests.Session()
        self._session.headers["User-Agent"] = f"trivet/{__version__}"
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, BoundedAdapter(MAX_HELD))

    def close(self) -> None:
        self._session.close()

    def start(self, id_token: str, project: str, iid: int, deadline: float, agent: str = "review") -> Ticket:
        """The same token and merge request are the same run, so that asking again does no harm. Raises UsageError."""
        body = {"agent": agent, "target": {"project": project, "iid": iid}, "options": {}}

        def ask() -> Ticket:
            answer = self._answer("POST", "/api/v1/runs", id_token, json=body)
            if answer.status_code != HTTPStatus.ACCEPTED:
                self._refused(answer, WISHES[agent])
            return self._read(Ticket, answer)

        return self._patiently(ask, deadline)

    def look(self, ticket: Ticket, etag: str, deadline: float) -> Look | None:
        """The run, once it differs from what the ETag is of (without one, as it is); None where it stays so."""
        path = f"/api/v1/runs/{quote(ticket.run, safe='')}"
        headers = {"If-None-Match": etag} if etag else {}

        def ask() -> Look | None:
            left = max(0, int(deadline - time.monotonic()))
            wait = {"wait": min(LOOK_SECONDS, left) if etag else 0}
            answer = self._answer("GET", path, ticket.token, params=wait, headers=headers)
            if answer.status_code == HTTPStatus.NOT_MODIFIED:
                return None
            if answer.status_code != HTTPStatus.OK:
                words = {"server": self.url, "run": one_line(ticket.run), "status": answer.status_code}
                raise PlatformError(FORGOTTEN.format(**words))
            return Look(self._read(Seen, answer), answer.headers.get("ETag", ""))

        return self._patiently(ask, deadline)

    def _patiently(self, ask: Callable[[], Result], deadline: float) -> Result:
        """Again after a pause where it may succeed then. Raises Unavailable when the pauses or the time are up."""
        for pause in self._pauses:
            try:
                return ask()
            except Unavailable as error:
                rest = min(max(pause, error.retry_after or 0.0), LONGEST_PAUSE)
                if time.monotonic() + rest >= deadline:
                    raise
                time.sleep(rest)
        return ask()

    def _answer(self, method: str, path: str, token: str, **more: Any) -> requests.Response:
        """Raises Unavailable where the same request may succeed later, UsageError for a redirect or a certificate."""
        with self._faults():
            answer = self._session.request(
                method,
                f"{self.url}{path}",
                auth=Bearer(token),
                allow_redirects=False,
                timeout=(CONNECT_SECONDS, LOOK_SECONDS + ANSWER_SECONDS),
                **more,
            )
        status = answer.status_code
        if answer.is_redirect or answer.is_permanent_redirect:
            place = one_line(answer.headers["Location"].partition("?")[0])
            raise UsageError(MOVED.format(server=self.url, status=status, place=place))
        if status == HTTPStatus.TOO_MANY_REQUESTS or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            sentence = BUSY.format(server=self.url, status=status, reason=_after_colon(_sentence(answer)))
            raise Unavailable(sentence, retry_after(answer.headers))
        return answer

    @contextmanager
    def _faults(self) -> Iterator[None]:
        try:
            yield
        except requests.exceptions.SSLError:
            raise UsageError(NOT_TRUSTED.format(server=self.url)) from None
        except (requests.exceptions.InvalidURL, requests.exceptions.InvalidHeader):
            raise UsageError(BAD_ADDRESS.format(address=self.url)) from None
        except TooManyBytes as error:
            raise PlatformError(TOO_LARGE.format(server=self.url, limit=error.limit)) from None
        except requests.RequestException as error:
            detail = "no answer in time" if isinstance(error, requests.Timeout) else type(error).__name__
            raise Unavailable(UNREACHABLE.format(server=self.url, detail=detail)) from None

    def _refused(self, answer: requests.Response, wish: str) -> NoReturn:
        """What somebody has to change: the token's audience, the projects that are served, the request."""
        status, reason = answer.status_code, _sentence(answer)
        if status == HTTPStatus.NOT_FOUND:
            raise UsageError(NO_API.format(server=self.url, reason=_after_colon(reason)))
        if HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR:
            words = {"server": self.url, "wish": wish, "status": status, "reason": reason or NO_REASON}
            raise UsageError(REFUSED.format(**words))
        raise PlatformError(ODD.format(server=self.url))

    def _read(self, kind: type[Answer], answer: requests.Response) -> Answer:
        try:
            return kind.model_validate_json(answer.content)
        except ValidationError:
            raise PlatformError(ODD.format(server=self.url)) from None


class Bearer(AuthBase):
    """Given as `auth`, so that a .netrc in the image does not put its own credentials in the token's place."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


def server_address(text: str) -> str:
    """An address without a scheme gets https, on this machine http. Raises UsageError."""
    address = text.strip()
    if "://" not in address:
        scheme = "http" if _is_loopback(f"//{address}") else "https"
        address = f"{scheme}://{address}"
    if not _is_plain(address):
        raise UsageError(BAD_ADDRESS.format(address=one_line(text)))
    return address.rstrip("/")


def _is_plain(address: str) -> bool:
    try:
        parts = urlsplit(address)
        _ = parts.port
    except ValueError:
        return False
    more = parts.username or parts.password or parts.query or parts.fragment
    return (
        parts.scheme in ("http", "https")
        and bool(HOST.fullmatch(parts.hostname or ""))
        and not more
        and address.isprintable()
    )


def _is_loopback(address: str) -> bool:
    try:
        host = urlsplit(address).hostname or ""
        return host in LOOPBACK_NAMES or ip_address(host).is_loopback
    except ValueError:
        return False


def _sentence(answer: requests.Response) -> str:
    """The server's `{"error": "..."}`, "" for anything else."""
    try:
        said = answer.json()
    except (ValueError, RecursionError):
        return ""
    return one_line(str(said.get("error", ""))) if isinstance(said, dict) else ""


def _after_colon(reason: str) -> str:
    return f": {reason}" if reason else ""


def one_line(text: str) -> str:
    """What a server says, fit for a job log: one printable line of limited length."""
    return on_one_line(text)[:LONGEST_SENTENCE]
