"""Offers to go on in another protocol, passed over: a server may answer such a request as it stands (RFC 9110, 7.8).

Java's own client makes one with every request in plain http, bodies included: `Upgrade: h2c`. httptools takes what
follows the head for that other protocol's (seen with 0.9), so that the body of a delivery is lost.
"""

import re
from typing import Final

_OFFER: Final = re.compile(rb"\r\nupgrade(?=:)", re.IGNORECASE)
_UNKNOWN: Final = b"\r\nx-offer"  # as long: what counts bytes is not disturbed
_HEAD_ENDS: Final = b"\r\n\r\n"


def without_offer(data: bytes) -> bytes:
    """What came of a request whose head is not read to its end yet; what follows the head stays as it is.

    An offer whose name came in two pieces stays, too: heads come in one, unless somebody sees to it.
    """
    ends = data.find(_HEAD_ENDS)
    head = data if ends == -1 else data[:ends]
    return _OFFER.sub(_UNKNOWN, head) + data[len(head) :] if _OFFER.search(head) else data
