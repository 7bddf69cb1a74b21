"""The acceptance-criteria ledger: what each criterion of an issue has come to in a merge request, with proof."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

State = Literal["met", "partly", "missing", "unclear"]
SAID: dict[State, str] = {
    "met": "met",
    "partly": "partly",
    "missing": "missing",
    "unclear": "cannot be checked from code",
}


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Proof(_Frozen):
    """A line at head that shows it. `line` is 1-based; `quote` is that line, redacted, without blanks at its ends."""

    path: str
    line: int
    quote: str


class Row(_Frozen):
    """One criterion judged. `criterion` is its id, `text` its words. `proof` may be empty for missing and unclear."""

    issue: str
    criterion: str
    text: str
    state: State
    proof: tuple[Proof, ...] = ()
    reason: str = ""


class Ledger(_Frozen):
    """All rows of a merge request, in the issues' order, and what of it no issue asks for, a short phrase each.

    `head` is the commit it was judged at, `diff` a digest of the change's lines: by them it is known what may differ.
    """

    rows: tuple[Row, ...] = ()
    outside: tuple[str, ...] = ()
    head: str = ""
    diff: str = ""
