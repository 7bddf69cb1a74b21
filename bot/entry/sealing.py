"""What a worker takes from Redis as ours: proposals, failures and records of reviews that one of our workers sealed.

Both workers hold the mark secrets, Redis does not: who can write there can plant a text, but not seal it. A proposal is
sealed for its run, and names its target itself; a failure for its run and the place where it is said; what a review
leaves for its target.
"""

from dataclasses import dataclass

from pydantic import ValidationError

from bot.domain.actions import Proposal
from bot.domain.reviewed import Reviewed
from bot.domain.seals import Seals
from bot.entry.ending import KILLED_EACH_TIME
from bot.entry.queue import run_id
from bot.entry.run_record import Run

NOT_SEALED = "the stored proposal carries no seal, as an older agents worker leaves it: it is made again"
NEVER_SEALED = (
    "nothing of the stored proposal was written, as it never carried a seal: `trivet work agents` is older than the "
    "effects worker, then bring both to one version"
)
NOT_OURS = (
    "nothing of the stored proposal was written, as its seal is not one of ours: either TRIVET_MARK_SECRETS, or the "
    "versions, of `trivet work agents` and `trivet work effects` differ, then give both the same; or somebody else "
    "wrote to Redis, then change its password"
)
UNTOLD = "the run failed; the log of the workers has the details"


@dataclass(frozen=True)
class Stored:
    """A proposal as Redis has it: bytes that nobody has parsed yet. `seal` is "" where there is none."""

    content: bytes
    seal: str


def sealed(proposal: Proposal, run: str, seals: Seals) -> Stored:
    content = proposal.model_dump_json().encode()
    return Stored(content, seals.seal(*_of_proposal(run, content)))


def is_ours(stored: Stored, run: str, seals: Seals) -> bool:
    """Whether one of our workers made this proposal in this run."""
    return seals.holds(stored.seal, *_of_proposal(run, stored.content))


def sealed_review(reviewed: Reviewed, target_key: str, seals: Seals) -> str:
    """What a review leaves for the next one, behind its seal: it holds texts that a summary may show again."""
    content = reviewed.model_dump_json()
    return f"{seals.seal(*_of_review(target_key, content))} {content}"


def review_left(kept: str, target_key: str, seals: Seals) -> Reviewed | None:
    """None where it carries no seal of ours, or is in a form not known here: the note of the review tells enough."""
    seal, _, content = kept.partition(" ")
    if not seals.holds(seal, *_of_review(target_key, content)):
        return None
    try:
        return Reviewed.model_validate_json(content)
    except ValidationError:
        return None


def failure_seal(run: Run, message: str, seals: Seals) -> str:
    return seals.seal(*_of_failure(run, message))


def failure_told(run: Run, seals: Seals) -> str:
    """Why a run failed, in our own words: what carries no seal of ours is said only where it is known word for word.

    The schedule, which gives up what is killed each time, holds no secret to seal with.
    """
    known = KILLED_EACH_TIME.format(run=run_id(run.request.key))
    if run.message == known or seals.holds(run.seal, *_of_failure(run, run.message)):
        return run.message
    return UNTOLD


def _of_proposal(run: str, content: bytes) -> tuple[bytes, ...]:
    return b"proposal", run.encode(), content


def _of_review(target_key: str, content: str) -> tuple[bytes, ...]:
    return b"review", target_key.encode(), content.encode()


def _of_failure(run: Run, message: str) -> tuple[bytes, ...]:
    where = (run.id, run.target_key, run.request.head)
    return b"failure", *(part.encode() for part in where), message.encode()
