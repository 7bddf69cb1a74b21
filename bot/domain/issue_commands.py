"""What a comment on an issue asks of the bot: `@<bot> summarize`, `@<bot> why does this fail?`, `/trivet help`.

It must stand at the start of a line: further on, the bot is spoken of. A first word that is a command is the command;
anything else is a question, in all the lines that follow.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, get_args

from bot.domain.rules import Doing

SLASH: Final = "/trivet"
HELP: Final = "help"
COMMANDS: Final[frozenset[str]] = frozenset(get_args(Doing)) | {HELP}
OTHER_WORDS: Final = {
    "draft": "draft_merge_request",
    "label": "labels",
    "components": "component",
    "summary": "summarize",
    "summarise": "summarize",
}
QUESTION_LIMIT: Final = 4_000  # characters
READ_LIMIT: Final = 50_000  # characters of a comment that are looked at

_MENTION = re.compile(r"\[~(?:accountid:)?([^\]\s]{1,255})\]")


@dataclass(frozen=True, slots=True)
class NamedBy:
    """Who the bot is in Jira: its id there, its user name ("" on Cloud) and its display name."""

    id: str
    username: str
    name: str

    def is_id(self, person: str) -> bool:
        return bool(person) and person in (self.id, self.username)

    @property
    def words(self) -> tuple[str, ...]:
        """What follows an "@", longest first, in lower case."""
        return tuple(
            sorted({one.casefold() for one in (self.username, self.name) if one}, key=len, reverse=True)
        )


@dataclass(frozen=True, slots=True)
class IssueCommand:
    """`name` is a command, or "" for a question, whose words are `text`."""

    name: str
    text: str = ""


def is_addressed(wiki: str, bot: NamedBy | None) -> bool:
    """Whether a comment as webhooks carry it may be meant for us. While we do not know who we are, any mention may."""
    return any(_addressed(line, bot) is not None for line in _lines(wiki))


def parse_issue_command(text: str, bot: NamedBy) -> IssueCommand | None:
    """What a comment asks for, of its plain text, in which a mention of us is "@" and our name. None: nothing."""
    lines = list(_lines(text))
    for nth, line in enumerate(lines):
        said = _addressed(line, bot)
        if said is not None:
            return _command(said, lines[nth + 1 :])
    return None


def _command(said: str, following: list[str]) -> IssueCommand | None:
    word = said.split(maxsplit=1)[0].rstrip(".!?,:").casefold() if said else ""
    name = OTHER_WORDS.get(word, word)
    if name in COMMANDS and len(said.split()) <= 2:
        return IssueCommand(name)
    question = "\n".join([said, *following]).strip()
    return IssueCommand("", question[:QUESTION_LIMIT]) if question else IssueCommand(HELP)


def _addressed(line: str, bot: NamedBy | None) -> str | None:
    """What follows our name on a line that starts with it, None on any other line."""
    first, _, rest = line.partition(" ")
    if first.casefold() == SLASH:
        return rest.strip()
    mention = _MENTION.match(line)
    if mention and (bot is None or bot.is_id(mention[1])):
        return _after(line[mention.end() :])
    if not line.startswith("@"):
        return None
    if bot is None:
        return _after(line[1:])
    said = line[1:].casefold()
    word = next(
        (one for one in bot.words if said.startswith(one) and not said[len(one) :][:1].isalnum()), None
    )
    return None if word is None else _after(line[1 + len(word) :])


def _after(rest: str) -> str:
    return rest.lstrip(" :,\u00a0").strip()


def _lines(text: str) -> Iterator[str]:
    """The lines that are neither quoted nor code, without blanks at their ends."""
    fenced = False
    for raw in text[:READ_LIMIT].replace("\r\n", "\n").replace("\r", "\n").split("\n"):
        line = raw.strip()
        if line.startswith(("```", "{code", "{noformat", "{quote")):
            fenced = not fenced
            continue
        if not fenced and not line.startswith((">", "bq.")):
            yield line
