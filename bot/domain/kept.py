"""What a note of ours keeps for the next run, in a hidden comment under our own signature.

    <!-- trivet-ledger:v1 data=eNqr... mac=77e2... -->

Anyone can write such a comment. It counts only with the signature, which holds for one merge request, and on a note
whose author is the bot (the caller's check).
"""

import base64
import re
import zlib
from typing import Final, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

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

M = TypeVar("M", bound=BaseModel)


class KeptFinding(BaseModel):
    """A finding as its note keeps it: without evidence and suggestion. `around` is the digest of the lines around."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    finding: Finding
    around: str = ""


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
    data = _packed(KeptFinding(finding=_short(finding), around=around).model_dump_json(exclude_defaults=True))
    return _sealed(FINDING, data, book)


def kept_reviewed(reviewed: Reviewed, book: MarkBook) -> str:
    """The hidden comment; of a review too large for a note fewer units, which are read again then; "" as above.

    Findings are left out only once no unit is left: what is read again is found again.
    """
    reviewed = reviewed.model_copy(update={"listed": tuple(map(_short, reviewed.listed))})
    data = _packed(reviewed.model_dump_json(exclude_defaults=True))
    while len(data) > MOST:
        reviewed = _halved(reviewed)
        data = _packed(reviewed.model_dump_json(exclude_defaults=True))
    return _sealed(REVIEWED, data, book)


def _short(finding: Finding) -> Finding:
    update = {"suggestion": None, "evidence": "", "detail": finding.detail[:LONGEST_DETAIL]}
    return finding.model_copy(update=update)


def _halved(reviewed: Reviewed) -> Reviewed:
    """The first half of what can be done without most easily; of the keys told the newer one."""
    units, listed, gone, told = reviewed.units, reviewed.listed, reviewed.gone, reviewed.told
    if units:
        return reviewed.model_copy(update={"units": units[: len(units) // 2]})
    if listed:
        return reviewed.model_copy(update={"listed": listed[: len(listed) // 2]})
    if gone:
        return reviewed.model_copy(update={"gone": gone[: len(gone) // 2]})
    return reviewed.model_copy(update={"told": told[len(told) - len(told) // 2 :]})


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
    return _kept_in(body, REVIEWED, Reviewed, book)


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
