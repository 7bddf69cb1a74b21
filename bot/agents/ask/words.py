"""What we say to people: the sentences, the list of commands, and a model's answer as Markdown."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Final
from urllib.parse import quote

from bot.agents.triage.schema import AnswerBlock
from bot.agents.triage.words import block, line
from bot.domain.commands import COMMANDS
from bot.domain.ledger import Proof
from bot.domain.markdown import code, fence, one_line, prose
from bot.domain.secrets import Redactor

MOST_BLOCKS: Final = 12
MOST_ITEMS: Final = 12
MOST_PLACES: Final = 5
LONGEST_PARAGRAPH: Final = 1_500  # characters
LONGEST_QUOTE: Final = 200
LONGEST_ITEM: Final = 500
LONGEST_CODE: Final = 2_000
MOST_TEXT: Final = 6_000  # characters of all blocks together

HOW_TO_ASK = "Say what you want to know, as in `/trivet ask Why are there two loops?`."
HOW_TO_EXPLAIN = (
    "`/trivet explain` goes into the thread of a finding; elsewhere it takes a question, as in "
    "`/trivet explain the retry in the client`."
)
NO_COMMAND = "{word} is no command: did you mean {meant}? `/trivet help` lists them."
UNKNOWN_COMMAND = "{word} is no command: `/trivet help` lists them."
WRONG_WORD = "{command} does not take {word}: {takes}. `/trivet help` lists the commands."
TAKES, TAKES_NOTHING = "it takes {options}, or nothing", "it stands alone"
NO_MODEL = "No model is configured here, so this cannot be answered; `/trivet help` says what can be done."
NO_ANSWER = "The model gave no answer this time. Ask again later."
NOT_KNOWN = "Neither this change nor the repository answers the question."
RIGHT = "You are right: this is no defect."
GONE = "This is gone with {commit}."
NOT_SHOWN = "I could not tie this to a line at head, so the thread stays open: resolve it if you know better."
NOT_PROVEN = "That does not prove it, so the thread stays open: resolve it if you know better."
AS_IT_WAS = (
    "Its line and what is around it read as they did when it was found, so the thread stays open: resolve it if you "
    "know better."
)
OF_A_CHECK = "A check found this, and closes it when it no longer finds it."
QUOTE = "> {text}"
RESTS_ON = "This rests on {places}."

HELP = "Begin a line with `/trivet`{or_name} and one of these words:"
OR_NAME = " or `@{name}`"
ITEM = "- `{command}`: {does}"
REPLIES = (
    "A reply in one of my threads is answered there: if you are right I say so and resolve it. "
    "Words such as \u201cwon't fix\u201d or a thumbs-down on a finding dismiss it for good. Members with Developer "
    "access or more may command."
)
DOES: Final[Mapping[str, str]] = {
    "review": "reviews what is new since the last review",
    "review full": "reviews everything again",
    "ask QUESTION": "answers from this change and the repository at its newest commit",
    "explain": "in the thread of a finding: what goes wrong, when, and how to see it",
    "resolve": "closes the thread it stands in, elsewhere all open ones of my findings",
    "pause": "no reviews of pushes until `resume`",
    "resume": "goes on with what was pushed meanwhile",
    "accept": "has a text that I proposed for a page written at the merge",
    "help": "this list",
}
NEEDS_PAGES: Final = "accept"

BLOB = "{project}/-/blob/{head}/{path}#L{line}"
LINK = "[{label}]({url})"
MERGE_REQUEST: Final = "/-/merge_requests/"
_LABEL = re.compile(r"[^`|\[\]\\<>]{1,95}")  # what the sanitizer lets through as a link
_ADDRESS = re.compile(r"https?://[^\s()<>`|\\\"'\[\]]{1,2000}")


def help_text(bot: str, *, has_pages: bool) -> str:
    """The one list of commands. `bot` is our user name, "" where that is not known."""
    head = HELP.format(or_name=OR_NAME.format(name=bot) if bot else "")
    items = (
        ITEM.format(command=command, does=does)
        for command, does in DOES.items()
        if has_pages or command != NEEDS_PAGES
    )
    return "\n\n".join((head, "\n".join(items), REPLIES))


def not_understood(word: str, meant: str) -> str:
    """As `UnknownCommand` has both: the word is a stranger's, and may come with the command that it follows."""
    command, _, argument = word.partition(" ")
    if argument:
        options = ", ".join(map(code, COMMANDS[command].options))
        takes = TAKES.format(options=options) if options else TAKES_NOTHING
        return WRONG_WORD.format(command=code(command), word=code(argument), takes=takes)
    if meant:
        return NO_COMMAND.format(word=code(word), meant=code(meant))
    return UNKNOWN_COMMAND.format(word=code(word))


def quoted(text: str) -> str:
    """The beginning of what a person asks, as a quote."""
    return QUOTE.format(text=one_line(text, LONGEST_QUOTE))


def spoken(blocks: Sequence[AnswerBlock], redactor: Redactor) -> list[str]:
    """A model's blocks as Markdown, those that say something, as far as they are short enough together."""
    texts = [text for said in blocks[:MOST_BLOCKS] for text in _block(said, redactor)]
    ends = accumulate(map(len, texts))
    return [text for text, end in zip(texts, ends, strict=True) if end <= MOST_TEXT]


def rests_on(places: Iterable[Proof], web_url: str, head: str) -> str:
    """The places, each once, as links to their lines at head; "" without any."""
    every = {(one.path, one.line): one for one in places}
    shown = [link_to(one, web_url, head) for one in every.values()][:MOST_PLACES]
    return RESTS_ON.format(places=", ".join(shown)) if shown else ""


def link_to(place: Proof, web_url: str, head: str) -> str:
    """`path:line`, leading to GitLab where the name is of a form that a link can have."""
    project, is_known, _ = web_url.partition(MERGE_REQUEST)
    label = f"{place.path}:{place.line}"
    url = BLOB.format(project=project, head=head, path=quote(place.path), line=place.line)
    is_link = is_known and _LABEL.fullmatch(label) and _ADDRESS.fullmatch(url)
    return LINK.format(label=code(label), url=url) if is_link else code(label)


def _block(said: AnswerBlock, redactor: Redactor) -> Iterator[str]:
    """Nothing where it says nothing."""
    if said.kind == "code":
        text = block(said.text, redactor, LONGEST_CODE)
        yield from [fence("text", text.split("\n"))] if text.strip() else []
        return
    if text := line(said.text, redactor, LONGEST_PARAGRAPH):
        yield prose(text)
    items = [line(one, redactor, LONGEST_ITEM) for one in said.items[:MOST_ITEMS]]
    if any(items):
        yield "\n".join(f"- {prose(one)}" for one in items if one)
