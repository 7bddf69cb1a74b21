"""From an agent's name to what makes its proposals. Importing this imports LangGraph."""

from collections.abc import Mapping
from typing import Final

from bot.proposing.conversation import propose_ask
from bot.proposing.link import propose_link
from bot.proposing.pages import propose_pages
from bot.proposing.refusal import Proposer
from bot.proposing.review import propose_review
from bot.proposing.triage import propose_triage

PROPOSERS: Final[Mapping[str, Proposer]] = {
    "review": propose_review,
    "link": propose_link,
    "triage": propose_triage,
    "pages": propose_pages,
    "ask": propose_ask,
}
