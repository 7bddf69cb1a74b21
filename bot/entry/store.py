"""Runs in Redis as the workers see them: what to do, who is at it, what came of it."""

import json
import random
import time
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final
from uuid import uuid4

import structlog
from pydantic import ValidationError
from redis import ConnectionPool, Redis
from redis.backoff import NoBackoff
from redis.client import Pipeline
from redis.retry import Retry

from bot.domain.actions import Proposal, Report
from bot.domain.change import Seen, Target
from bot.domain.events import Event, Person
from bot.domain.issue_commands import NamedBy
from bot.domain.issues import IssuePerson
from bot.domain.pages import PagePerson
from bot.domain.reviewed import Reviewed
from bot.entry import keys, meters, tally
from bot.entry.inbox import ACCEPT, acceptance
from bot.entry.keys import text
from bot.entry.lease import Lease, Leases
from bot.entry.meters import Count
from bot.entry.queue import AGENTS, EFFECTS, enqueue, queue_key, retries_key, run_id
from bot.errors import AccessDenied, NotReady, Unavailable
from bot.routing import JobRequest

OVER: Final = frozenset({"done", "failed", "superseded"})
HANDOVER_SECONDS: Final = 60.0
PARK_SECONDS: Final = 5.0
OUTAGE_SECONDS: Final = 86_400.0
FIRST_PAUSE: Final = 2.0
LONGEST_PAUSE: Final = 600.0
TOKEN_PAUSE: Final = 60.0
MOST_OVERRUNS: Final = 3
MOST_RESCUES: Final = 3
NOTES_PER_MINUTE: Final = 200
MOST_LINKED: Final = 100  # issues that are remembered of one merge request
WAITS = "waiting: {reason}"
REVIEW: Final = "review"
LINK: Final = "link"
PAGES: Final = "pages"
MOST_LOOKING: Final = 200  # merge requests that are remembered of one page

log = structlog.get_logger("trivet.store")


@dataclass(frozen=True)
class Run:
    """One run as recorded. `created`, `first_outage` are Unix times; `outages` counts how often it was put back.

    `overruns` counts how often its time limit stopped it and it went on, `rescues` how often its job was lost.
    """

    id: str
    request: JobRequest
    state: str
    created: float
    event: str = ""
    message: str = ""
    outages: int = 0
    first_outage: float = 0.0
    overruns: int = 0
    rescues: int = 0
    award: int | None = None

    @property
    def over(self) -> bool:
        return self.state in OVER

    @property
    def can_wait(self) -> bool:
        """Whether a model that is out is waited for; the attempts at the end of a day of outage do without it.

        Two of the longest pauses before the run is given up: the last attempt of the day falls into them.
        """
        return not self.first_outage or time.time() - self.first_outage < OUTAGE_SECONDS - 2 * LONGEST_PAUSE

    @property
    def target_key(self) -> str:
        return self.request.target_key

    @property
    def lock_key(self) -> str:
        """One run of an agent at a time per target: what is told to issues does not wait for a review to end."""
        agent = self.request.agent
        return self.target_key if agent == REVIEW else f"{self.target_key}:{agent}"


@dataclass(frozen=True)
class Newest:
    """What deliveries said of a target last."""

    head: str | None
    ended: bool


class Store:
    """One process's view of the runs.

    Transactions are sent once: redis-py sends one again whose answer was lost, and what it queues or counts would be
    doubled. A job that meets that breaks, is tried again by RQ, and finds what it had written.
    """

    def __init__(self, connection: Redis) -> None:
        self.redis = connection
        self._once = without_retries(connection)
        self._leases = Leases(connection)
        self._accept = connection.register_script(ACCEPT)

    # runs

    def run(self, name: str) -> Run | None:
        fields = {text(key): text(value) for key, value in self.redis.hgetall(keys.run(name)).items()}
        if "request" not in fields:
            return None
        return Run(
            id=name,
            request=JobRequest.model_validate_json(fields["request"]),
            state=fields["state"],
            created=float(fields["created"]),
            event=fields.get("event", ""),
            message=fields.get("message", ""),
            outages=int(fields.get("outages", 0)),
            first_outage=float(fields.get("first_outage", 0)),
            overruns=int(fields.get("overruns", 0)),
            rescues=int(fields.get("rescues", 0)),
            award=int(fields["award"]) if "award" in fields else None,
        )

    def start(self, request: JobRequest, reason: str, event: Event | None = None) -> str:
        """Queue a run that no delivery told of; nothing happens when it is there already. Returns its id.

        `event`: what was found in its place.
        """
        names, values = acceptance(f"{reason}:{uuid4().hex}", event, [request], ttl=60)
        return text(self._accept(keys=names, args=values)[1])

    def begin(self, run: Run, state: str) -> None:
        self.redis.hset(keys.run(run.id), "state", state)

    def tell(self, run: Run, step: str) -> None:
        """What the run is about to do, for who waits for it."""
        self.redis.hset(keys.run(run.id), "progress", step)

    def queue_job(self, kind: str, run: Run) -> None:
        with self._once.pipeline() as pipe:
            enqueue(kind, run.id, self.redis, pipe)
            pipe.execute()

    def hand_over(self, run: Run, proposal: Proposal, lease: Lease) -> None:
        """Store the proposal and queue its application, in one transaction."""
        lease.keep()
        with self._once.pipeline() as pipe:
            pipe.set(keys.proposal(run.id), proposal.model_dump_json())
            pipe.hset(keys.run(run.id), "state", "applying")
            pipe.hdel(keys.run(run.id), "outages", "first_outage", "progress")
            pipe.pexpire(keys.lease(run.lock_key), int(HANDOVER_SECONDS * 1000))
            enqueue("apply", run.id, self.redis, pipe)
            meters.add(tally.stage(run.request.agent, "propose", proposal.report.seconds), pipe)
            pipe.execute()

    def proposal(self, run_id: str) -> Proposal | None:
        stored = self.redis.get(keys.proposal(run_id))
        return Proposal.model_validate_json(stored) if stored else None

    def finish(
        self,
        run: Run,
        state: str,
        message: str,
        report: Report | None = None,
        *,
        again: bool = False,
        then: str | None = None,
        follow: JobRequest | None = None,
        seen: Seen | None = None,
        linked: Collection[str] = (),
        pages: Collection[str] = (),
        reviewed: Reviewed | None = None,
        counts: Iterable[Count] = (),
    ) -> None:
        """The run is over: its report stays a month, its event a day. `report`: None where nothing was published.

        `again`: an equal request may run again. `then`: a job of this run, `follow`: another run, to queue in the same
        transaction. `seen`: the merge request as it was reviewed, told to issues or held against pages; `linked`: the
        issues' keys, `pages` the pages' ids; `reviewed`: what a review leaves for the next one. `counts`: what is
        counted beside the run itself.
        """
        closing = report or Report(
            run=run.id,
            agent=run.request.agent,
            target=run.request.about,
            head=run.request.head,
        )
        closing = closing.model_copy(
            update={"state": state, "message": message, "trigger": run.request.trigger}
        )
        now = time.time()
        counted = tally.ended(run.request.agent, run.request.trigger, state, now - run.created)
        with self._once.pipeline() as pipe:
            pipe.set(keys.report(run.id), closing.model_dump_json(), ex=keys.RUN_TTL)
            pipe.hset(keys.run(run.id), mapping={"state": state, "message": message, "ended": now})
            if again or run.request.repeats:
                pipe.hset(keys.run(run.id), "again", 1)
            pipe.expire(keys.run(run.id), keys.RUN_TTL)
            if report and report.agent == run.request.agent:
                _remember_seen(run, report.head, seen or Seen(""), pipe)
            if report and run.request.agent in (LINK, PAGES):
                _remember_linked(run.target_key, linked, pipe)
                _remember_looking(run.request.target, pages, pipe)
            if reviewed:
                pipe.set(keys.units(run.target_key), reviewed.model_dump_json(), ex=keys.RUN_TTL)
            pipe.delete(keys.proposal(run.id))
            pipe.zrem(keys.UNFINISHED, run.id)
            pipe.zrem(keys.WAITING, f"propose:{run.id}", f"apply:{run.id}")
            if run.event:
                pipe.expire(run.event, keys.EVENT_TTL)
            if then:
                enqueue(then, run.id, self.redis, pipe)
            if follow:
                names, values = acceptance(f"follow:{uuid4().hex}", None, [follow], ttl=60)
                self._accept(keys=names, args=values, client=pipe)
            meters.add([*counted, *counts], pipe)
            pipe.execute()

    def report(self, run_id: str) -> Report | None:
        stored = self.redis.get(keys.report(run_id))
        return Report.model_validate_json(stored) if stored else None

    def remember_award(self, run: Run, award: int) -> None:
        self.redis.hset(keys.run(run.id), "award", award)

    def unfinished(self, older_than: float) -> list[Run]:
        """Runs accepted more than `older_than` seconds ago that are not over.

        One that only another version can read is left to that: this may be one of two at work, or an older one that
        was brought back.
        """
        ids = self.redis.zrangebyscore(keys.UNFINISHED, 0, time.time() - older_than)
        found: dict[str, Run | None] = {}
        for name in map(text, ids):
            try:
                found[name] = self.run(name)
            except ValidationError:
                log.warning("a run that this version cannot read is left as it is", run=name)
        gone = [name for name, run in found.items() if run is None]
        if gone:
            self.redis.zrem(keys.UNFINISHED, *gone)
        return [run for run in found.values() if run is not None]

    def is_attended(self, run: Run) -> bool:
        """Whether somebody is at a run: holds its target, waits for its time, or its job stands in a queue."""
        holder = text(self.redis.get(keys.lease(run.lock_key)))
        waits = self.redis.zmscore(keys.WAITING, [f"propose:{run.id}", f"apply:{run.id}"])
        if holder.startswith(f"{run.id}:") or any(score is not None for score in waits):
            return True
        queued = (job for name in (AGENTS, EFFECTS) for job in self.redis.lrange(queue_key(name), 0, -1))
        paused = (job for name in (AGENTS, EFFECTS) for job in self.redis.zrange(retries_key(name), 0, -1))
        return any(f"-{run.id}-" in text(job) for job in (*queued, *paused))

    def rescue(self, run: Run) -> bool:
        """Queue a run anew whose job was lost; False when that was done often enough: it kills who works on it."""
        if run.rescues >= MOST_RESCUES:
            return False
        with self._once.pipeline() as pipe:
            pipe.hset(keys.run(run.id), "rescues", run.rescues + 1)
            enqueue("apply" if run.state == "applying" else "propose", run.id, self.redis, pipe)
            pipe.execute()
        return True

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

    def last_review(self, target_key: str) -> Reviewed | None:
        """What the last review left: a silent one has no note that could carry it. None in a form not known here."""
        kept = self.redis.get(keys.units(target_key))
        try:
            return Reviewed.model_validate_json(kept) if kept else None
        except ValidationError:
            return None

    def is_told(self, request: JobRequest, seen: Seen) -> bool:
        """Whether the issues, or the pages, know of this merge request at this head, as it was seen."""
        return text(self.redis.get(keys.told(_record(request))) or "") == _told(request, request.head, seen)

    def linked(self, target_key: str) -> list[str]:
        """The keys of the issues that a merge request was told to, the latest first."""
        return [text(one) for one in self.redis.zrevrange(keys.linked(target_key), 0, -1)]

    def looking(self, page: str) -> list[Target]:
        """The merge requests whose runs looked at a page, the latest first."""
        found = map(text, self.redis.zrevrange(keys.looked_at(page), 0, -1))
        return [Target(*_target_parts(one)) for one in found]

    def watched_pages(self) -> frozenset[str]:
        """The ids of the pages that any run looked at within a month."""
        self.redis.zremrangebyscore(keys.WATCHED, 0, time.time() - keys.RUN_TTL)
        return frozenset(map(text, self.redis.zrange(keys.WATCHED, 0, -1)))

    def new_tags(self, project: str, names: Collection[str]) -> list[str]:
        """Those that were not seen before; at the first look none."""
        name = keys.tags(project)
        with self._once.pipeline() as pipe:
            pipe.exists(name)
            pipe.smembers(name)
            known, seen = pipe.execute()
        return [one for one in names if known and one.encode() not in seen]

    def remember_tags(self, project: str, names: Collection[str]) -> None:
        self.redis.sadd(keys.tags(project), "", *names)

    def _came_back(self, request: JobRequest) -> bool:
        """Whether the newest head we heard of is another one."""
        return bool(request.head) and self.newest(request.target_key).head not in (None, request.head)

    # outages: a job put back outside RQ's retry count

    def put_back(self, kind: str, run: Run, error: Unavailable | AccessDenied) -> float | None:
        """Try again later, with growing pauses; the pause in seconds, None when a day has passed."""
        now = time.time()
        first = run.first_outage or now
        if now - first > OUTAGE_SECONDS:
            return None
        pause = _pause(run.outages, error)
        with self._once.pipeline() as pipe:
            pipe.hset(
                keys.run(run.id),
                mapping={
                    "outages": run.outages + 1,
                    "first_outage": first,
                    "message": str(error),
                    "progress": WAITS.format(reason=error),
                },
            )
            pipe.zadd(keys.WAITING, {f"{kind}:{run.id}": now + pause})
            meters.add([tally.stopped(kind, error)], pipe)
            pipe.execute()
        return pause

    def go_on(self, kind: str, run: Run, reason: str) -> bool:
        """Put back what its time limit stopped, to go on where it was; False when that was done often enough."""
        if run.overruns >= MOST_OVERRUNS:
            return False
        with self._once.pipeline() as pipe:
            pipe.hset(
                keys.run(run.id),
                mapping={
                    "overruns": run.overruns + 1,
                    "message": reason,
                    "progress": WAITS.format(reason=reason),
                },
            )
            pipe.zadd(keys.WAITING, {f"{kind}:{run.id}": time.time() + FIRST_PAUSE})
            pipe.execute()
        return True

    def postpone(self, kind: str, run: Run, seconds: float, reason: str) -> None:
        """Begin again later: no outage, and nothing that was worked out is lost."""
        with self._once.pipeline() as pipe:
            pipe.hset(keys.run(run.id), mapping={"state": "queued", "progress": WAITS.format(reason=reason)})
            pipe.zadd(keys.WAITING, {f"{kind}:{run.id}": time.time() + seconds})
            pipe.execute()

    def park(self, kind: str, run: Run) -> None:
        """Another run holds the target: wait until it lets go."""
        member = f"{kind}:{run.id}"
        with self._once.pipeline() as pipe:
            pipe.zadd(keys.WAITING, {member: time.time() + PARK_SECONDS})
            pipe.sadd(keys.parked(run.lock_key), member)
            pipe.expire(keys.parked(run.lock_key), keys.DAY)
            pipe.execute()

    def wake_due(self) -> int:
        """Queue what has waited long enough. A crash in between queues it twice, which the lease makes harmless."""
        return self._wake(self.redis.zrangebyscore(keys.WAITING, 0, time.time(), start=0, num=100))

    def _wake(self, members: Iterable[object]) -> int:
        waiting = sorted(map(text, members))
        for member in waiting:
            kind, _, run_id = member.partition(":")
            with self._once.pipeline() as pipe:
                enqueue(kind, run_id, self.redis, pipe)
                pipe.zrem(keys.WAITING, member)
                pipe.execute()
        return len(waiting)

    # the target

    @contextmanager
    def lease(self, run: Run) -> Iterator[Lease]:
        """Hold the run's target, renewed while alive; then wake who waited for it. Raises Busy."""
        with self._leases.hold(run.lock_key, run.id) as lease:
            yield lease
        if not lease.kept:
            self._wake_parked(run.lock_key)

    def _wake_parked(self, lock_key: str) -> None:
        waiting = self.redis.smembers(keys.parked(lock_key))
        if waiting:
            self._wake(waiting)
            self.redis.srem(keys.parked(lock_key), *waiting)

    def newest(self, target_key: str) -> Newest:
        head, ended = self.redis.hmget(keys.target(target_key), "head", "ended")
        return Newest(text(head) if head else None, bool(ended))

    # identities and pace

    def introduce(self, role: str, person: Person) -> None:
        """Tell every process who the bot is; the account that writes is the one whose notes are ours."""
        self.redis.hset(keys.IDENTITIES, role, f"{person.id}:{person.username}")

    def introduce_tracker(self, me: IssuePerson) -> None:
        """Tell every process who the bot is in Jira."""
        said = {"id": me.id, "username": me.username, "name": me.name}
        self.redis.hset(keys.IDENTITIES, keys.TRACKER, json.dumps(said))

    def tracker(self) -> NamedBy | None:
        return keys.tracker(self.redis.hget(keys.IDENTITIES, keys.TRACKER))

    def introduce_wiki(self, me: PagePerson) -> None:
        """Tell every process who the bot is in Confluence."""
        said = {"id": me.id, "username": me.username, "name": me.name}
        self.redis.hset(keys.IDENTITIES, keys.WIKI, json.dumps(said))

    def wiki(self) -> PagePerson | None:
        said = keys.wiki(self.redis.hget(keys.IDENTITIES, keys.WIKI))
        return PagePerson(**said) if said else None

    def who(self) -> Person | None:
        said = self.redis.hget(keys.IDENTITIES, "gitlab") or self.redis.hget(keys.IDENTITIES, "gitlab-reader")
        known = keys.identity(said)
        return Person(id=known[0], username=known[1]) if known else None

    def pace(self) -> None:
        """Our own token bucket for notes: GitLab allows 300 a minute and says nothing of it in its headers."""
        window, into = divmod(time.time(), 60)
        key = keys.pace(int(window))
        with self._once.pipeline() as pipe:
            pipe.incr(key)
            pipe.expire(key, 120)
            count, _ = pipe.execute()
        if count > NOTES_PER_MINUTE:
            raise Unavailable("the limit of notes per minute is reached", retry_after=60 - into)

    # what is seen, counted and told to who watches over us

    def add(self, counts: Iterable[Count]) -> None:
        """Counts that belong to no transaction."""
        with self._once.pipeline() as pipe:
            meters.add(counts, pipe)
            pipe.execute()

    def heard(self, source: str, place: str = "") -> float | None:
        """When any receiver saw the last authentic delivery of "gitlab", "jira" or "confluence" (Unix time).

        `place`: only those about this project or space.
        """
        said = self.redis.hget(keys.HEARD, keys.heard_of(source, place))
        return float(said) if said else None

    def remember_hooks(self, platform: str, states: Mapping[str, str]) -> None:
        """In which state the webhooks of a platform are, by project or name; what was known before is replaced."""
        old = [name for name in map(text, self.redis.hkeys(keys.HOOKS)) if name.startswith(f"{platform}:")]
        with self._once.pipeline() as pipe:
            if old:
                pipe.hdel(keys.HOOKS, *old)
            if states:
                pipe.hset(keys.HOOKS, mapping={f"{platform}:{name}": state for name, state in states.items()})
            pipe.execute()

    def hooks(self) -> dict[str, dict[str, str]]:
        """The states of webhooks, as far as they are known, by platform and name."""
        known: dict[str, dict[str, str]] = defaultdict(dict)
        for name, state in self.redis.hgetall(keys.HOOKS).items():
            platform, _, hook = text(name).partition(":")
            known[platform][hook] = text(state)
        return dict(known)

    def swept(self) -> None:
        """The sweep could look everywhere."""
        self.redis.hset(keys.HEARD, keys.SWEEP, time.time())

    # the sweep's memory

    def swept_until(self, project: str) -> float | None:
        said = self.redis.hget(keys.SWEPT, project)
        return float(said) if said else None

    def remember_sweep(self, project: str, until: float) -> None:
        self.redis.hset(keys.SWEPT, project, until)


def _told(request: JobRequest, head: str, seen: Seen) -> str:
    """Pages are held against the diff with the target branch; which issues are named hangs on the words, too."""
    more = () if request.release else (seen.target_branch,)
    return ":".join((head, seen.state, *more, *((seen.wording,) if request.agent == LINK else ())))


def _remember_seen(run: Run, head: str, seen: Seen, pipe: Pipeline) -> None:
    """How the target was when it was reviewed, told to its issues or held against its pages."""
    if run.request.agent == REVIEW:
        pipe.set(keys.reviewed(run.target_key, head), f"{run.id}:{seen.target_branch}", ex=keys.RUN_TTL)
    if run.request.agent in (LINK, PAGES):
        pipe.set(keys.told(_record(run.request)), _told(run.request, head, seen), ex=keys.RUN_TTL)


def _remember_linked(target_key: str, issues: Collection[str], pipe: Pipeline) -> None:
    """One that cannot be read for a while is not forgotten for it."""
    if issues:
        name = keys.linked(target_key)
        pipe.zadd(name, dict.fromkeys(issues, time.time()))
        pipe.zremrangebyrank(name, 0, -MOST_LINKED - 1)
        pipe.expire(name, keys.RUN_TTL)


def _remember_looking(target: Target, pages: Collection[str], pipe: Pipeline) -> None:
    if not pages or not target.iid:
        return
    member, now = f"{target.project_id}:{target.iid}:{target.project}", time.time()
    pipe.zadd(keys.WATCHED, dict.fromkeys(pages, now))
    for page in pages:
        name = keys.looked_at(page)
        pipe.zadd(name, {member: now})
        pipe.zremrangebyrank(name, 0, -MOST_LOOKING - 1)
        pipe.expire(name, keys.RUN_TTL)


def _target_parts(member: str) -> tuple[str, int, int]:
    project_id, iid, project = member.split(":", 2)
    return project, int(iid), int(project_id)


def _record(request: JobRequest) -> str:
    """What is remembered of a merge request, for each agent; its place in the release notes is one of its own."""
    if request.agent == LINK:
        return request.target_key
    return f"{request.target.key}:{'notes' if request.release else request.agent}"


def _pause(outages: int, error: Unavailable | AccessDenied) -> float:
    """Seconds until the next try: 2, 4, 8 … 600, at least what the platform asked for, spread by a fifth."""
    asked = error.retry_after or 0.0 if isinstance(error, Unavailable) else TOKEN_PAUSE
    if isinstance(error, NotReady):
        return max(asked, min(2.0 * (outages + 1), 30.0))
    grown: float = min(FIRST_PAUSE * 2.0 ** min(outages, 20), LONGEST_PAUSE)
    return max(grown, asked) * random.uniform(1, 1.2)  # noqa: S311 - spreads load, guards nothing


def without_retries(connection: Redis) -> Redis:
    """Another connection to the same server, which sends everything once."""
    pool = connection.connection_pool
    options = {**pool.connection_kwargs, "retry": Retry(NoBackoff(), 0)}
    return Redis.from_pool(ConnectionPool(connection_class=pool.connection_class, **options))


def connect(url: str) -> Redis:
    """A worker's connection. RQ stores bytes: answers are never decoded."""
    return Redis.from_url(url, health_check_interval=15)
