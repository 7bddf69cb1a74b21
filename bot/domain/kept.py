"""What our summary note keeps for the next run: the ledger, in a hidden comment under our own signature.

    <!-- trivet-ledger:v1 data=eNqr... mac=77e2... -->

Anyone can write such a comment. It counts only with the signature, which holds for one merge request, and on a note
whose author is the bot (the caller's check).
"""

import base64
import re
import zlib
from typing import Final

from pydantic import ValidationError

from bot.domain.ledger import Ledger
from bot.domain.marks import MAC_DIGITS, MarkBook

MOST: Final = 20_000  # characters of the packed ledger
COMMENT: Final = "<!-- trivet-ledger:v1 data={data} mac={mac} -->"
KEPT: Final = re.compile(
    rf"<!-- trivet-ledger:v1 data=(?P<data>[A-Za-z0-9_=-]{{1,{MOST}}}) mac=(?P<mac>[0-9a-f]{{{MAC_DIGITS}}}) -->"
)


def kept(ledger: Ledger, book: MarkBook) -> str:
    """The hidden comment; of a ledger that is too large without its last rows; "" where nothing is signed."""
    data = _fitting(ledger)
    seal = book.seal(data)
    return COMMENT.format(data=data, mac=seal) if seal else ""


def ledger_in(body: str, book: MarkBook) -> Ledger | None:
    """The ledger that a note keeps; None where there is none, where it is not ours, or of a form not known here."""
    found = list(KEPT.finditer(body))
    if not found or not book.has_sealed(found[-1]["data"], found[-1]["mac"]):
        return None
    try:
        return Ledger.model_validate_json(zlib.decompress(base64.urlsafe_b64decode(found[-1]["data"])))
    except ValidationError:
        return None


def _fitting(ledger: Ledger) -> str:
    data = _packed(ledger)
    while len(data) > MOST:
        ledger = ledger.model_copy(update={"rows": ledger.rows[:-1]})
        data = _packed(ledger)
    return data


def _packed(ledger: Ledger) -> str:
    text = ledger.model_dump_json(exclude_defaults=True)
    return base64.urlsafe_b64encode(zlib.compress(text.encode("utf-8"), 9)).decode("ascii")
