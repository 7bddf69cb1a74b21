"""What a note of ours keeps for the next run, in a hidden comment under our own signature.

    <!-- trivet-ledger:v1 data=eNqr... mac=77e2... -->

Anyone can write such a comment. It counts only with the signature, which holds for one merge request, and on a note
whose author is the bot (the caller's check).
"""

import base64
import re
import zlib
from bisect import bisect_left
from typing import Annotated, Final, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer, ValidationError

from bot.domain.findings import Finding
from bot.domain.ledger import Ledger
from bot.domain.marks import MAC_DIGITS, MarkBook
from bot.domain.pages import SectionEdit
from bot.domain.reviewed import Reviewed

MOST: Final = 40_000  # characters of what is packed
LONGEST_DETAIL: Final = 600  # characters of a finding that are kept
LEDGER: Final = "ledger"
SECTION: Final = "section"
FINDING: Final = "finding"
REVIEWED: Final = "reviewed"
COMMENT: Final = "<!-- trivet-{name}:v1 data={data} mac={mac} -->"
KEPT: Final = re.compile(
    rf"<!-- trivet-(?P<name>[a-z]+):v1 data=(?P<data>[A-Za-z0-9_=-]{{1,{MOST}}})"
    rf" mac=(?P<mac>[0-9a-f]{{{MAC_DIGITS}}}) -->"
)

DIGITS: Final = re.compile(r"(?:[0-9a-f]{2})+")
SPARED: Final = ("units", "listed", "gone", "told")
"""What a review that is too large does without, in this order."""

M = TypeVar("M", bound=BaseModel)


class KeptFinding(BaseModel):
    """A finding as its note keeps it: without evidence and suggestion. `around` is the digest of the lines around."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    finding: Finding
    around: str = ""


def _as_bytes(digests: tuple[str, ...]) -> str | list[str]:
    """Digests of one length as that length and their bytes, "20:mZk...", which takes a quarter less room."""
    widths, joined = set(map(len, digests)), "".join(digests)
    if len(widths) != 1 or not DIGITS.fullmatch(joined):
        return list(digests)
    return f"{widths.pop()}:{base64.b64encode(bytes.fromhex(joined)).decode('ascii')}"


def _as_digits(value: object) -> object:
    if not isinstance(value, str):
        return value
    width, _, packed = value.partition(":")
    joined = base64.b64decode(packed, validate=True).hex()
    return [joined[at : at + int(width)] for at in range(0, len(joined), int(width))]


Digests = Annotated[
    tuple[str, ...],
    BeforeValidator(_as_digits),
    PlainSerializer(_as_bytes, return_type=str | list[str], when_used="json"),
]


class _Dense(Reviewed):
    units: Digests = ()
    told: Digests = ()
    gone: Digests = ()


def kept_ledger(ledger: Ledger, book: MarkBook) -> str:
    """The hidden comment; of a ledger that is too large without its last rows; "" where nothing is signed."""
    data = _packed(ledger.model_dump_json(exclude_defaults=True))
    while len(data) > MOST:
        ledger = ledger.model_copy(update={"rows": ledger.rows[:-1]})
        data = _packed(ledger.model_dump_json(exclude_defaults=True))
    return _sealed(LEDGER, data, book)


def kept_section(edit: SectionEdit, book: MarkBook) -> str:
    """The hidden comment; "" for one that does not fit, or where nothing is signed: it can be accepted by nobody."""
    return _sealed(SECTION, _packed(edit.model_dump_json()), book) if fits(edit) else ""


def kept_finding(finding: Finding, around: str, book: MarkBook) -> str:
    """The hidden comment; "" where nothing is signed."""
    data = _packed(
        KeptFinding(finding=short_finding(finding), around=around).model_dump_json(exclude_defaults=True)
    )
    return _sealed(FINDING, data, book)


def kept_reviewed(reviewed: Reviewed, book: MarkBook) -> str:
    """The hidden comment; of a review too large for a note as much as there is room for; "" as above.

    Of the units the first are kept; the others are read again then. Findings are left out only once no unit is left:
    what is read again is found again. Of the keys told the newer ones are kept.
    """
    listed = tuple(map(short_finding, reviewed.listed))
    dense = _Dense(**dict(reviewed.model_copy(update={"listed": listed})))
    return _sealed(REVIEWED, _packed_review(_fitting(dense)), book)


def short_finding(finding: Finding) -> Finding:
    """As much of a finding as a list shows, and as it is recognised by."""
    update = {"suggestion": None, "evidence": "", "detail": finding.detail[:LONGEST_DETAIL]}
    return finding.model_copy(update=update)


def _fitting(reviewed: _Dense) -> _Dense:
    for name in SPARED:
        if len(_packed_review(reviewed)) <= MOST:
            break
        reviewed = _cut(reviewed, name, _most(reviewed, name))
    return reviewed


def _most(reviewed: _Dense, name: str) -> int:
    """How many of these a note has room for, beside the rest."""
    every = range(len(getattr(reviewed, name)))
    return bisect_left(
        every, True, key=lambda count: len(_packed_review(_cut(reviewed, name, count + 1))) > MOST
    )


def _cut(reviewed: _Dense, name: str, count: int) -> _Dense:
    every = getattr(reviewed, name)
    kept = every[len(every) - count :] if name == "told" else every[:count]
    return reviewed.model_copy(update={name: kept})


def _packed_review(reviewed: _Dense) -> str:
    return _packed(reviewed.model_dump_json(exclude_defaults=True))


def fits(edit: SectionEdit) -> bool:
    """Whether a note has room for it."""
    return len(_packed(edit.model_dump_json())) <= MOST


def ledger_in(body: str, book: MarkBook) -> Ledger | None:
    """The ledger that a note keeps; None where there is none, where it is not ours, or of a form not known here."""
    return _kept_in(body, LEDGER, Ledger, book)


def section_in(body: str, book: MarkBook) -> SectionEdit | None:
    """The new text of a section that a note proposes; None as for a ledger."""
    return _kept_in(body, SECTION, SectionEdit, book)


def finding_in(body: str, book: MarkBook) -> KeptFinding | None:
    """The finding that a note shows; None as for a ledger."""
    return _kept_in(body, FINDING, KeptFinding, book)


def reviewed_in(body: str, book: MarkBook) -> Reviewed | None:
    """What a summary remembers of its review; None as for a ledger."""
    kept = _kept_in(body, REVIEWED, _Dense, book)
    return Reviewed(**dict(kept)) if kept else None


def without_kept(body: str) -> str:
    """The body without any such comment, whoever wrote it."""
    return KEPT.sub("", body).rstrip()


def _kept_in(body: str, name: str, model: type[M], book: MarkBook) -> M | None:
    found = [one for one in KEPT.finditer(body) if one["name"] == name]
    if not found or not book.has_sealed(_named(name, found[-1]["data"]), found[-1]["mac"]):
        return None
    try:
        return model.model_validate_json(zlib.decompress(base64.urlsafe_b64decode(found[-1]["data"])))
    except ValidationError:
        return None


def _sealed(name: str, data: str, book: MarkBook) -> str:
    seal = book.seal(_named(name, data))
    return COMMENT.format(name=name, data=data, mac=seal) if seal else ""


def _named(name: str, data: str) -> str:
    """What is signed; a ledger's data alone, as notes of earlier versions have it."""
    return data if name == LEDGER else f"{name}:{data}"


def _packed(text: str) -> str:
    return base64.urlsafe_b64encode(zlib.compress(text.encode("utf-8"), 9)).decode("ascii")
