"""Whose ID tokens are accepted, and the keys to check them with, kept for a while."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from threading import Lock
from typing import Final

import jwt

from bot.errors import Denied, Unavailable
from bot.sources.id_token import Claims, key_name, verified

KEEP_SECONDS: Final = 600.0
REFETCH_SECONDS: Final = 60.0
RETRY_SECONDS: Final = 5.0
NO_SUCH_KEY = "the ID token is signed with a key that {issuer} does not publish"

Fetch = Callable[[str], Mapping[str, jwt.PyJWK]]


class Keyring:
    """One issuer's keys. An unknown key is looked for once a minute, so that nobody can make us ask all the time."""

    def __init__(self, issuer: str, fetch: Fetch, clock: Callable[[], float] = time.monotonic) -> None:
        self._issuer = issuer
        self._fetch = fetch
        self._clock = clock
        self._lock = Lock()
        self._keys: Mapping[str, jwt.PyJWK] = {}
        self._fetched = float("-inf")
        self._failure: tuple[float, Unavailable] | None = None

    def key(self, name: str) -> jwt.PyJWK:
        """Raises Denied for a key the issuer does not have, Unavailable where it cannot be asked."""
        if not self._holds(name):
            with self._lock:
                self._look_for(name)
        if name not in self._keys:
            raise Denied(401, NO_SUCH_KEY.format(issuer=self._issuer))
        return self._keys[name]

    def _holds(self, name: str) -> bool:
        return self._age() < KEEP_SECONDS and name in self._keys

    def _age(self) -> float:
        return self._clock() - self._fetched

    def _look_for(self, name: str) -> None:
        if self._holds(name) or self._age() < REFETCH_SECONDS:
            return
        now = self._clock()
        if self._failure and now - self._failure[0] < RETRY_SECONDS:
            raise self._failure[1]
        try:
            self._keys = self._fetch(self._issuer)
        except Unavailable as error:
            self._failure = self._clock(), error
            raise
        self._fetched, self._failure = self._clock(), None


@dataclass(frozen=True)
class IdTokens:
    """Checks ID tokens. `issuers` and `audience` are asked anew for each token; `clock`: Unix seconds."""

    issuers: Callable[[], tuple[str, ...]]
    audience: Callable[[], str]
    fetch: Fetch
    clock: Callable[[], float] = time.time
    _rings: dict[str, Keyring] = field(default_factory=dict)

    def __call__(self, token: str) -> Claims:
        """Raises Denied (401), Unavailable where the issuer's keys cannot be read."""
        audience = self.audience()
        issuer, name = key_name(token, self.issuers(), audience)
        ring = self._rings.setdefault(issuer, Keyring(issuer, self.fetch))
        return verified(token, ring.key(name), issuer, audience, self.clock())
