"""Marks: hidden comments by which we know our own notes again, whatever happened to everything else.

    <!-- trivet:v1 agent=review kind=finding key=4f0c... head=9ba1... mac=77e2... -->

Anyone can write such a comment, so a mark is signed, and counts only on a note whose author is the bot (the
caller's check). The scope is under the signature too: a mark copied from another merge request is void.
"""

import hashlib
import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from bot.errors import UsageError

Kind = Literal["finding", "summary", "failure", "page", "notes", "reply"]

SHORTEST_SECRET = 16  # characters
MAC_DIGITS = 40  # hexadecimal: 160 bits
UNSIGNED = "none"
KEY = r"(?=[^ ]{1,200} )[A-Za-z0-9_.:/]+(?:-[A-Za-z0-9_.:/]+)*"  # never "--", which would end the comment
MARK = re.compile(
    r"<!-- trivet:v1 agent=(?P<agent>[a-z][a-z0-9_]{0,31}) kind=(?P<kind>finding|summary|failure|page|notes|reply)"
    rf" key=(?P<key>{KEY}) head=(?P<head>[0-9a-f]{{0,64}})"
    rf" mac=(?P<mac>[0-9a-f]{{{MAC_DIGITS}}}|{UNSIGNED}) -->"
)


@dataclass(frozen=True, slots=True)
class Mark:
    """What a note is: whose, of which kind, under which key, about which commit (hex, may be empty).

    `signed` is what reading found out; writing signs whenever there is a secret.
    """

    agent: str
    kind: Kind
    key: str
    head: str
    signed: bool = True


class MarkBook:
    """Writes and reads the marks of one merge request.

    `secrets`: the first signs, all verify, so that they can be rotated; none at all writes unsigned marks.
    `scope` names the merge request, "gitlab:42:7". Raises UsageError for a secret that is too short.
    """

    def __init__(self, secrets: Sequence[str], scope: str) -> None:
        if any(len(secret) < SHORTEST_SECRET for secret in secrets):
            raise UsageError(
                f"A mark secret needs at least {SHORTEST_SECRET} characters: see TRIVET_MARK_SECRETS."
            )
        self._secrets = tuple(secret.encode("utf-8", "surrogatepass") for secret in secrets)
        self._scope = scope

    @property
    def signs(self) -> bool:
        return bool(self._secrets)

    def write(self, mark: Mark) -> str:
        """The mark as a comment. Raises ValueError for a field that a mark cannot hold."""
        mac = self._mac(self._secrets[0], mark) if self._secrets else UNSIGNED
        text = f"<!-- trivet:v1 agent={mark.agent} kind={mark.kind} key={mark.key} head={mark.head} mac={mac} -->"
        if not MARK.fullmatch(text):
            raise ValueError(f"not a mark: {mark!r}")
        return text

    def read(self, body: str) -> Mark | None:
        """The last mark in the body; None if there is none or it is not ours.

        Who has no secret cannot tell a signed mark from a forged one: it is taken for unsigned.
        """
        marks = list(MARK.finditer(body))
        return self._verified(marks[-1]) if marks else None

    def read_all(self, body: str) -> list[Mark]:
        """Every mark of ours in the body: a summary carries those of the findings it lists before its own."""
        return [mark for found in MARK.finditer(body) if (mark := self._verified(found))]

    def seal(self, text: str) -> str:
        """Our signature of a text that belongs to this merge request; "" where nothing is signed."""
        return self._sealed(self._secrets[0], text) if self._secrets else ""

    def has_sealed(self, text: str, seal: str) -> bool:
        """Whether we signed this text for this merge request; never where nothing is signed."""
        matches = [hmac.compare_digest(self._sealed(secret, text), seal) for secret in self._secrets]
        return any(matches)

    def _verified(self, found: re.Match[str]) -> Mark | None:
        kind: Kind = found["kind"]  # type: ignore[assignment]  # the pattern knows only these
        mark = Mark(found["agent"], kind, found["key"], found["head"])
        if found["mac"] == UNSIGNED or not self._secrets:
            return Mark(mark.agent, mark.kind, mark.key, mark.head, signed=False)
        macs = [self._mac(secret, mark) for secret in self._secrets]
        matches = [hmac.compare_digest(mac, found["mac"]) for mac in macs]
        return mark if any(matches) else None

    def _mac(self, secret: bytes, mark: Mark) -> str:
        return _mac(secret, "trivet:v1", self._scope, mark.agent, mark.kind, mark.key, mark.head)

    def _sealed(self, secret: bytes, text: str) -> str:
        return _mac(secret, "trivet:kept:v1", self._scope, text)


def _mac(secret: bytes, *parts: str) -> str:
    message = "\x00".join(parts).encode("utf-8", "surrogatepass")
    return hmac.new(secret, message, hashlib.sha256).hexdigest()[:MAC_DIGITS]


def attach(body: str, mark_text: str) -> str:
    """The body with the mark at its end, a blank line between: there it is invisible."""
    return f"{body.rstrip()}\n\n{mark_text}" if body.strip() else mark_text


def strip(body: str) -> str:
    """The body without any mark."""
    return MARK.sub("", body).rstrip()
