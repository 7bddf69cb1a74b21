"""The processes as Redis shows them: who takes jobs, what waits and since when, what was heard, what was swept."""

import os
import time
from collections.abc import Iterator
from typing import Final

import requests
from redis import Redis
from redis.exceptions import RedisError
from rq import Worker
from rq.job import Job
from rq.registry import FailedJobRegistry
from rq.scheduler import RQScheduler
from rq.serializers import JSONSerializer

from bot.domain.hook_paths import hook_path
from bot.entry import keys
from bot.entry.doctor.check import Check, fine, note, wrong
from bot.entry.doctor.database import is_file
from bot.entry.doctor.redis import address, connected
from bot.entry.doctor.roles import is_elsewhere
from bot.entry.doctor.secrets import PLATFORMS
from bot.entry.keys import text
from bot.entry.queue import AGENTS, EFFECTS, open_queue
from bot.entry.run_record import Run
from bot.entry.store import Store
from bot.entry.sweep import STUCK_SECONDS
from bot.errors import UsageError
from bot.settings import Settings

TOPIC: Final = "Processes"
QUEUES: Final = (AGENTS, EFFECTS)
LATE_SECONDS: Final = 60.0
MISSED_SWEEPS: Final = 3
MOST_LATE: Final = 20  # runs looked into
HTTP_SECONDS: Final = (3.0, 5.0)

UNSEEN = "cannot be seen while Redis does not answer ({error})"
UNSEEN_CURE = "see what is said of Redis"
WORKERS = "{count} on {hosts}"
NO_WORKER = "nobody takes the jobs that wait in the queue {queue}: {count}"
NO_WORKER_CURE = (
    "start `trivet work {queue}` (or `trivet up`); where it is started, its log says why it stopped"
)
IDLE = "nobody takes jobs from the queue {queue}, and none waits"
IDLE_CURE = (
    "right where workers start when jobs come (KEDA); else start `trivet work {queue}` (or `trivet up`)"
)
SHARED_FILE = "agents work on {hosts}, and each keeps the steps of its runs in a file of its own"
SHARED_FILE_CURE = "give all of them one PostgreSQL in TRIVET_DATABASE_URL, or run agents on one machine"
NOTHING_WAITS = "nothing waits"
WAITING = "{count} waiting, the oldest since {age}"
WAITING_CURE = "more workers take them sooner: `trivet work {queue} --processes 2`"
FAILED = "{count} jobs broke within three days"
FAILED_CURE = "the log of `trivet work {queue}` has their tracebacks"
NONE_LATE = "none is late"
PUT_BACK = "{count} are under way for more than {limit}, the oldest since {age}"
PUT_BACK_CURE = "they go on by themselves for a day, as soon as what they wait for is there again"
LOST = "{count} that nobody is at, the oldest since {age}"
LOST_CURE = "the sweep of `trivet schedule` queues them anew: see whether that runs"
SCHEDULED = "runs"
NO_SCHEDULE = "does not run: nothing that was put back goes on, nothing is swept"
NO_SCHEDULE_CURE = "start `trivet schedule` (or `trivet up`)"
SWEPT = "the last sweep ended {age} ago"
NOT_SWEPT = "no sweep could look everywhere yet"
OLD_SWEEP = "the last sweep that could look everywhere ended {age} ago"
SWEEP_CURE = "the log of `trivet schedule` says what could not be swept; `trivet sweep` tries it now"
HEARD = "the last delivery came {age} ago"
UNHEARD = "no delivery has come yet"
UNHEARD_CURE = "`trivet connect {source}` makes or mends the webhook, and tries it"
BUDGET = "{spent:,} of {limit:,} tokens of today (UTC) are spent"
BUDGET_CURE = "models are asked again tomorrow, or with a higher TRIVET_BUDGET__DAY_TOKENS"
NEARLY_SPENT = 0.9
RECEIVES = "answers at {url}"
NOT_RECEIVER = "{url} answers with {status}, as the receiver does not"
NOT_RECEIVER_CURE = "lead {url} to `trivet serve`, or correct TRIVET_PUBLIC_URL"
UNREACHED = "{url} cannot be reached from here ({error})"
UNREACHED_CURE = "start `trivet serve` (or `trivet up`); where only others can reach it, ignore this"


def process_checks(settings: Settings) -> Iterator[Check]:
    yield from _receiver(settings)
    try:
        url = address(settings)
        client = connected(url) if url else None
    except UsageError:
        return
    if client is None:
        return
    try:
        yield from _seen(Store(client), settings)
    except RedisError as error:
        yield note(TOPIC, "all", UNSEEN.format(error=type(error).__name__), UNSEEN_CURE)
    finally:
        client.close()


def _seen(store: Store, settings: Settings) -> Iterator[Check]:
    now = time.time()
    for queue in QUEUES:
        yield from _workers(queue, store.redis, settings)
        yield from _jobs(queue, store.redis, now)
    yield _runs(store, now)
    yield from _schedule(store, settings, now)
    yield from _deliveries(store, settings, now)
    yield _budget(store.redis, settings, now)


# --- workers and their jobs ---


def _workers(queue: str, client: Redis, settings: Settings) -> Iterator[Check]:
    jobs = open_queue(queue, client)
    found = Worker.all(queue=jobs)
    if not found:
        yield _no_worker(queue, jobs.count)
        return
    hosts = sorted({worker.hostname or "?" for worker in found})
    yield fine(TOPIC, f"work {queue}", WORKERS.format(count=len(found), hosts=", ".join(hosts)))
    if queue == AGENTS and len(hosts) > 1 and is_file(settings) and _holds_database(settings):
        said = SHARED_FILE.format(hosts=" and ".join(hosts))
        yield wrong(TOPIC, f"work {queue}", said, SHARED_FILE_CURE, is_setting=True)


def _no_worker(queue: str, waiting: int) -> Check:
    """Where workers are started as jobs come, none runs as long as nothing waits."""
    if waiting:
        said = NO_WORKER.format(queue=queue, count=waiting)
        return wrong(TOPIC, f"work {queue}", said, NO_WORKER_CURE.format(queue=queue))
    said, cure = IDLE.format(queue=queue), IDLE_CURE.format(queue=queue)
    return note(TOPIC, f"work {queue}", said, cure)


def _jobs(queue: str, client: Redis, now: float) -> Iterator[Check]:
    jobs = open_queue(queue, client)
    waiting = jobs.count
    age = _oldest(jobs.get_job_ids(0, 1), client, now)
    said = WAITING.format(count=waiting, age=duration(age)) if waiting else NOTHING_WAITS
    if age > LATE_SECONDS:
        yield note(TOPIC, f"queue {queue}", said, WAITING_CURE.format(queue=queue))
    else:
        yield fine(TOPIC, f"queue {queue}", said)
    broken = FailedJobRegistry(queue=jobs).get_job_count(cleanup=False)
    if broken:
        said = FAILED.format(count=broken)
        yield note(TOPIC, f"queue {queue}", said, FAILED_CURE.format(queue=queue))


def _oldest(ids: list[str], client: Redis, now: float) -> float:
    """Seconds that the first of these jobs has waited; 0 where it does not say so, or was taken meanwhile."""
    jobs = Job.fetch_many(ids, connection=client, serializer=JSONSerializer)
    times = [job.enqueued_at.timestamp() for job in jobs if job and job.enqueued_at]
    return max(now - times[0], 0.0) if times else 0.0


def _holds_database(settings: Settings) -> bool:
    """Elsewhere than with agents, TRIVET_DATABASE_URL is not set, whatever they have."""
    return not is_elsewhere("agents", settings, os.environ)


# --- runs ---


def _runs(store: Store, now: float) -> Check:
    """Those accepted long ago that have not ended: waiting for something, or lost on the way."""
    ids = store.redis.zrangebyscore(keys.UNFINISHED, 0, now - STUCK_SECONDS, start=0, num=MOST_LATE)
    late = [run for run in map(store.runs.get, map(text, ids)) if run]
    if not late:
        return fine(TOPIC, "runs", NONE_LATE)
    lost = [run for run in late if not store.attendance.is_attended(run)]
    if lost:
        said = LOST.format(count=len(lost), age=_age(lost, now))
        return wrong(TOPIC, "runs", said, LOST_CURE)
    said = PUT_BACK.format(count=len(late), limit=duration(STUCK_SECONDS), age=_age(late, now))
    reason = next((run.message for run in late if run.message), "")
    return note(TOPIC, "runs", f"{said}: {reason}" if reason else said, PUT_BACK_CURE)


def _age(runs: list[Run], now: float) -> str:
    return duration(now - min(run.created for run in runs))


# --- what comes in by itself ---


def _schedule(store: Store, settings: Settings, now: float) -> Iterator[Check]:
    if store.redis.exists(RQScheduler.get_locking_key(AGENTS)):
        yield fine(TOPIC, "schedule", SCHEDULED)
    else:
        yield wrong(TOPIC, "schedule", NO_SCHEDULE, NO_SCHEDULE_CURE)
    if not settings.gitlab.projects:
        return
    swept = store.signs.heard(keys.SWEEP)
    if swept is None:
        yield note(TOPIC, "sweep", NOT_SWEPT, SWEEP_CURE)
    elif now - swept > max(MISSED_SWEEPS * settings.sweep_seconds, STUCK_SECONDS):
        yield note(TOPIC, "sweep", OLD_SWEEP.format(age=duration(now - swept)), SWEEP_CURE)
    else:
        yield fine(TOPIC, "sweep", SWEPT.format(age=duration(now - swept)))


def _deliveries(store: Store, settings: Settings, now: float) -> Iterator[Check]:
    for source, platform in PLATFORMS.items():
        if not getattr(settings, source).url:
            continue
        heard = store.signs.heard(source)
        if heard is None:
            yield note(TOPIC, f"from {platform}", UNHEARD, UNHEARD_CURE.format(source=source))
        else:
            yield fine(TOPIC, f"from {platform}", HEARD.format(age=duration(now - heard)))


def _receiver(settings: Settings) -> Iterator[Check]:
    """By the door that platforms use: it takes nothing but POST. Asked where its address is known."""
    if not settings.public_url:
        return
    url = settings.public_url + hook_path("gitlab")
    try:
        with requests.get(url, timeout=HTTP_SECONDS, stream=True, allow_redirects=False) as answer:
            status = answer.status_code
    except requests.RequestException as error:
        said = UNREACHED.format(url=url, error=type(error).__name__)
        yield note(TOPIC, "serve", said, UNREACHED_CURE)
        return
    if status == requests.codes.method_not_allowed:
        yield fine(TOPIC, "serve", RECEIVES.format(url=url))
    else:
        said = NOT_RECEIVER.format(url=url, status=status)
        yield note(TOPIC, "serve", said, NOT_RECEIVER_CURE.format(url=url))


def _budget(client: Redis, settings: Settings, now: float) -> Check:
    spent, limit = int(client.get(keys.spent(keys.day_scope(now))) or 0), settings.budget.day_tokens
    said = BUDGET.format(spent=spent, limit=limit)
    return (
        fine(TOPIC, "budget", said)
        if spent < NEARLY_SPENT * limit
        else note(TOPIC, "budget", said, BUDGET_CURE)
    )


def duration(seconds: float) -> str:
    """In its largest whole unit: "42 s", "3 min", "2 h", "5 days"."""
    if seconds < 120:
        return f"{max(seconds, 0):.0f} s"
    if seconds < 7_200:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.0f} h" if seconds < 2 * keys.DAY else f"{seconds / keys.DAY:.0f} days"
