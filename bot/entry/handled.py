"""What of a target is handled already: which head was reviewed, told to issues, held against pages; which is newest."""

from dataclasses import dataclass

from redis import Redis
from redis.client import Pipeline

from bot.domain.change import Seen, Target
from bot.entry import keys
from bot.entry.keys import text
from bot.entry.queue import run_id
from bot.entry.run_record import LINK, PAGES, REVIEW, Run
from bot.routing import JobRequest


@dataclass(frozen=True)
class Newest:
    """What deliveries said of a target last."""

    head: str | None
    ended: bool


@dataclass(frozen=True)
class Handled:
    """Answers whether a request is worth a run."""

    redis: Redis

    def newest(self, target_key: str) -> Newest:
        head, ended = self.redis.hmget(keys.target(target_key), "head", "ended")
        return Newest(text(head) if head else None, bool(ended))

    def is_known(self, request: JobRequest) -> bool:
        """Whether the run of this request is queued, at work, or was brought to an end that still holds."""
        state, again = self.redis.hmget(keys.run(run_id(request.key)), "state", "again")
        came_back = state == b"done" and self._came_back(request)
        return state is not None and state != b"superseded" and not again and not came_back

    def is_reviewed(self, request: JobRequest) -> bool:
        """Whether any run reviewed the head of this request, and no other head was heard of since."""
        return self.has_review(request.target_key, request.head) and not self._came_back(request)

    def is_retargeted(self, target: Target, head: str, seen: Seen) -> bool:
        """Whether this head was reviewed against another target branch, so that its diff was another."""
        _, _, branch = text(self.redis.get(keys.reviewed(target.key, head)) or "").partition(":")
        return branch not in ("", seen.target_branch)

    def has_review(self, target_key: str, head: str) -> bool:
        """Whether a review of this head was published, be it silence."""
        return bool(self.redis.exists(keys.reviewed(target_key, head)))

    def last_review(self, target_key: str) -> str:
        """What the last review left, as it was sealed: a silent one has no note that could carry it. "" for none."""
        return text(self.redis.get(keys.units(target_key)) or "")

    def is_told(self, request: JobRequest, seen: Seen) -> bool:
        """Whether the issues, or the pages, know of this merge request at this head, as it was seen."""
        return text(self.redis.get(keys.told(_record(request))) or "") == _told(request, request.head, seen)

    def _came_back(self, request: JobRequest) -> bool:
        """Whether the newest head we heard of is another one."""
        return bool(request.head) and self.newest(request.target_key).head not in (None, request.head)


def remember_seen(run: Run, head: str, seen: Seen, pipe: Pipeline) -> None:
    """How the target was when it was reviewed, told to its issues or held against its pages."""
    if run.request.agent == REVIEW:
        pipe.set(keys.reviewed(run.target_key, head), f"{run.id}:{seen.target_branch}", ex=keys.RUN_TTL)
    if run.request.agent in (LINK, PAGES):
        pipe.set(keys.told(_record(run.request)), _told(run.request, head, seen), ex=keys.RUN_TTL)


def remember_review(target_key: str, sealed: str, pipe: Pipeline) -> None:
    """What a review leaves for the next one, under our seal."""
    pipe.set(keys.units(target_key), sealed, ex=keys.RUN_TTL)


def _told(request: JobRequest, head: str, seen: Seen) -> str:
    """Pages are held against the diff with the target branch; which issues are named hangs on the words, too."""
    more = () if request.release else (seen.target_branch,)
    return ":".join((head, seen.state, *more, *((seen.wording,) if request.agent == LINK else ())))


def _record(request: JobRequest) -> str:
    """What is remembered of a merge request, for each agent; its place in the release notes is one of its own."""
    if request.agent == LINK:
        return request.target_key
    return f"{request.target.key}:{'notes' if request.release else request.agent}"
