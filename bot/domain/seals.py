"""Seals: how one process knows what another of ours left for it where others can write, too.

HMAC-SHA256 (RFC 2104) under a key of its own, which is derived from a mark secret: what is signed for a mark is never
good as a seal, nor the other way round.
"""

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

LABEL: Final = b"trivet:seal:v1"
LENGTH_BYTES: Final = 8


@dataclass(frozen=True)
class Seals:
    """`secrets`, at least one: the first seals, all verify, so that they can be rotated."""

    secrets: Sequence[str]

    def seal(self, *parts: bytes) -> str:
        """Hexadecimal, 64 digits."""
        return _seal(self.secrets[0], parts)

    def holds(self, seal: str, *parts: bytes) -> bool:
        """Whether one of ours sealed these very parts."""
        said = seal.encode("utf-8", "surrogatepass")
        matches = [hmac.compare_digest(_seal(secret, parts).encode(), said) for secret in self.secrets]
        return any(matches)


def _seal(secret: str, parts: Sequence[bytes]) -> str:
    """Each part with its length before it, so that no two lists of parts look alike."""
    key = hmac.digest(secret.encode("utf-8", "surrogatepass"), LABEL, hashlib.sha256)
    message = b"".join(len(part).to_bytes(LENGTH_BYTES, "big") + part for part in parts)
    return hmac.new(key, message, hashlib.sha256).hexdigest()
