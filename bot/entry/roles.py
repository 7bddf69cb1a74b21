"""The worker and schedule processes: settings in, a loop that runs until told to stop."""

import os
from dataclasses import replace

import structlog

from bot.domain.events import Person
from bot.entry import queue
from bot.entry.introduction import Introduction
from bot.entry.jobs import Jobs
from bot.entry.logs import start_logging
from bot.entry.serve import check_redis, require_redis
from bot.entry.store import Store, connect
from bot.entry.supervisor import PYTHON, Child, Supervisor
from bot.entry.sweep import Sweep
from bot.entry.wiring import (
    gitlab_effects,
    prune_repositories,
    reading_api,
    redactor,
    require_marks,
    review_means,
    writing_api,
)
from bot.entry.worker import work
from bot.errors import PlatformError
from bot.gateways.gitlab_sweep import GitLabSweep
from bot.routing import JobRequest, Routing
from bot.run import Means
from bot.settings import Settings, SettingsFile

POLITENESS = 10  # on a shared machine a delivery is answered before a review goes on

log = structlog.get_logger("trivet.roles")


def run_worker(settings: Settings, name: str, processes: int = 1) -> None:
    """One worker, or a supervisor over several."""
    url = require_redis(settings)
    require_marks(settings)
    if processes > 1:
        _run_workers(settings, name, processes)
        return
    start_logging(settings.log_format, redactor(settings).redact)
    check_redis(url, settings)
    store = Store(connect(url))
    jobs = _agents(store) if name == queue.AGENTS else _effects(store)
    log.info("taking jobs", queue=name)
    os.nice(POLITENESS)
    work(name, store.redis, jobs.table())


def _run_workers(settings: Settings, name: str, processes: int) -> None:
    start_logging(settings.log_format, redactor(settings).redact)
    environment, command = dict(os.environ), (*PYTHON, "work", name)
    Supervisor([Child(f"{name}-{number}", command, environment) for number in range(1, processes + 1)]).run()


def _agents(store: Store) -> Jobs:
    """Reads, proposes; holds no write token. The agents are imported here, before the first fork."""
    from bot.agents.table import AGENTS

    current = SettingsFile()
    introduction = Introduction(store, "gitlab-reader", lambda: reading_api(current()))
    introduction.attempt()

    def means(request: JobRequest) -> Means:
        prune_repositories(current())
        return review_means(current(), AGENTS[request.agent], store.who() or introduction().person)

    return Jobs(store, means=means)


def _effects(store: Store) -> Jobs:
    """Writes; holds no model key."""
    current = SettingsFile()
    introduction = Introduction(store, "gitlab", lambda: writing_api(current()))
    introduction.attempt()
    return Jobs(
        store,
        effects=lambda: gitlab_effects(current(), writing_api(current()), introduction(), store.pace),
    )


def run_schedule(settings: Settings) -> None:
    from bot.entry.schedule import keep_schedule

    url = require_redis(settings)
    start_logging(settings.log_format, redactor(settings).redact)
    check_redis(url, settings)
    store = Store(connect(url))
    current = SettingsFile()
    keep_schedule(store, lambda: _sweep(current(), store)(), settings.sweep_seconds)


def run_sweep(settings: Settings) -> int:
    """How many runs were queued. Raises PlatformError where something could not be looked at."""
    url = require_redis(settings)
    start_logging(settings.log_format, redactor(settings).redact)
    check_redis(url, settings)
    swept = _sweep(settings, Store(connect(url)))()
    if swept.problems:
        raise PlatformError(
            f"{swept.queued} runs queued, but not everything could be swept: {swept.problems[0]}"
        )
    return swept.queued


def _sweep(settings: Settings, store: Store) -> Sweep:
    routing = Routing(settings.gitlab.projects)

    def policy() -> Routing:
        who: Person | None = store.who()
        return replace(routing, bot_id=who.id, bot_name=who.username) if who else routing

    return Sweep(store, GitLabSweep(reading_api(settings), settings.gitlab.projects, routing.serves), policy)
