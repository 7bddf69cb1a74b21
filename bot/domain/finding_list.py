"""The findings of a merge request and what has become of them, for a terminal, a program and a page.

Whatever a title or a person's words hold, the text is valid UTF-8, stands on its line, and hides nothing.
"""

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from pydantic import BaseModel, ConfigDict

from bot.domain.findings import Severity
from bot.domain.lifecycle import State
from bot.domain.markdown import code, counted, one_line, prose_line
from bot.domain.visible import on_one_line

NAME: Final = "Trivet"
ORDER: Final[Sequence[State]] = ("open", "regressed", "outdated", "fixed", "dismissed")
SHORT: Final = 8  # characters of a SHA for people
LONGEST: Final = 200  # characters of a person's words, and of a title

HEAD = "{target} at {head}"
NONE = "No findings."
COUNTS = "{findings}: {states}"
ITEM = "{state}  {severity}  {place}\n  {title}"
FATE = "  {fate}"
ADDRESS = "  {url}"
COMPLAINT = "Complaint: {complaint}"
OWN_TEXT = "the merge request's own text"
BEFORE = "{path}:{line} before this change"

FIXED, FIXED_BY = "fixed", "fixed in {commit}"
BACK, BACK_BY = "stands there again since the last review", "back again in {commit}"
OUTDATED = "its line is gone, and nothing shows that the defect is"
DISMISSED, DISMISSED_BY = "dismissed", "dismissed by {by}"
WORDS = "{fate}: {why}"

TABLE = "| State | Severity | Where | Finding | What became of it |\n|---|---|---|---|---|\n{rows}"
ROW = "| {state} | {severity} | {place} | {title} | {fate} |"
LINKED = "[{state}]({url})"


class FindingState(BaseModel):
    """One finding, with its place at head and its state.

    `key` is what it was posted under; `line` and `old_line` are as in `Finding`, both None where it means the whole
    file; `path` is "" in the merge request's own text. `by`, `why` and `commit` are as in `Known`; what is regressed
    without a commit came back after the last review, which had called it fixed. `url` is its note's address, "" for one
    that stands in the summary only.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: str
    state: State
    severity: Severity
    rule: str
    title: str
    path: str = ""
    line: int | None = None
    old_line: int | None = None
    by: str = ""
    why: str = ""
    commit: str = ""
    url: str = ""


class FindingList(BaseModel):
    """All findings of a merge request, as its threads tell of them. `complaints`: what could not be read."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    target: str
    url: str = ""
    head: str = ""
    findings: tuple[FindingState, ...] = ()
    complaints: tuple[str, ...] = ()


def in_order(findings: Sequence[FindingState]) -> list[FindingState]:
    """What is to be done first: by state, then the worst, then by place."""
    return sorted(findings, key=_rank)


def _rank(one: FindingState) -> tuple[int, int, str, int]:
    return ORDER.index(one.state), -one.severity.rank, one.path, one.line or one.old_line or 0


def as_text(listed: FindingList) -> str:
    """For a terminal: a finding in a few lines, what is open first, the counts last."""
    parts = (
        "\n".join(filter(None, (_head(listed), on_one_line(listed.url)))),
        *map(_text_item, in_order(listed.findings)),
        *(COMPLAINT.format(complaint=on_one_line(one)) for one in listed.complaints),
        _counts(listed),
    )
    return "\n\n".join(parts) + "\n"


def as_json(listed: FindingList) -> str:
    """The list's own fields, one JSON object, ASCII only, in the same order."""
    ordered = listed.model_copy(update={"findings": tuple(in_order(listed.findings))})
    return json.dumps(ordered.model_dump(mode="json"), indent=2) + "\n"


def as_markdown(listed: FindingList) -> str:
    """For a page: a table, every text literal."""
    rows = "\n".join(map(_row, in_order(listed.findings)))
    parts = (
        f"## {NAME}: {one_line(_head(listed))}",
        TABLE.format(rows=rows) if rows else "",
        *(one_line(COMPLAINT.format(complaint=one)) for one in listed.complaints),
        one_line(_counts(listed)),
    )
    return "\n\n".join(filter(None, parts)) + "\n"


FORMATS: Final[Mapping[str, Callable[[FindingList], str]]] = {
    "text": as_text,
    "json": as_json,
    "markdown": as_markdown,
}


def _head(listed: FindingList) -> str:
    target = on_one_line(listed.target)
    return HEAD.format(target=target, head=listed.head[:SHORT]) if listed.head else target


def _counts(listed: FindingList) -> str:
    """As in "3 findings: 2 open, 1 fixed"."""
    if not listed.findings:
        return NONE
    counts = Counter(one.state for one in listed.findings)
    states = ", ".join(f"{counts[state]:,} {state}" for state in ORDER if counts[state])
    return COUNTS.format(findings=counted(len(listed.findings), "finding"), states=states)


def _text_item(one: FindingState) -> str:
    item = ITEM.format(
        state=one.state, severity=one.severity.value, place=_place(one), title=_short(one.title)
    )
    fate = FATE.format(fate=_fate(one)) if _fate(one) else ""
    address = ADDRESS.format(url=on_one_line(one.url)) if one.url else ""
    return "\n".join(filter(None, (item, fate, address)))


def _row(one: FindingState) -> str:
    return ROW.format(
        state=LINKED.format(state=one.state, url=one.url) if one.url else one.state,
        severity=one.severity.value,
        place=code(_place(one)) if one.path else OWN_TEXT,
        title=prose_line(one.title, LONGEST),
        fate=one_line(_fate(one)),
    )


def _place(one: FindingState) -> str:
    path = on_one_line(one.path)
    if not path:
        return OWN_TEXT
    if one.line is None and one.old_line is not None:
        return BEFORE.format(path=path, line=one.old_line)
    return path if one.line is None else f"{path}:{one.line}"


def _fate(one: FindingState) -> str:
    """What became of it, where that is more than its state: by which commit, by whom, in whose words."""
    if one.state == "dismissed":
        fate = DISMISSED_BY.format(by=on_one_line(one.by)) if one.by else DISMISSED
        return WORDS.format(fate=fate, why=_short(one.why)) if one.why.strip() else fate
    if one.state == "outdated":
        return OUTDATED
    named, plain = {"fixed": (FIXED_BY, FIXED), "regressed": (BACK_BY, BACK)}.get(one.state, ("", ""))
    return named.format(commit=one.commit[:SHORT]) if one.commit else plain


def _short(text: str) -> str:
    flat = on_one_line(text)
    return flat if len(flat) <= LONGEST else f"{flat[: LONGEST - 1].rstrip()}…"
