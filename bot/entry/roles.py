"""The worker and schedule processes: settings in, a loop that runs until told to stop."""

import importlib
import os
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from functools import partial
from typing import Any, Final

import structlog
from redis import Redis
from redis.exceptions import RedisError

from bot.domain.issues import IssuePerson
from bot.domain.pages import PagePerson
from bot.domain.rules import Rules
from bot.entry import listen, queue
from bot.entry.access import (
    Account,
    account,
    learn_deployment,
    reading_api,
    reading_confluence,
    reading_jira,
    writing_api,
    writing_confluence,
    writing_jira,
)
from bot.entry.accounts import Accounts
from bot.entry.allowance import RedisBreaker, RedisBudget
from bot.entry.confluence_sweep import ConfluenceSweep
from bot.entry.connection import connect
from bot.entry.exposition import common_page
from bot.entry.introduction import Introduction
from bot.entry.jira_sweep import JiraSweep
from bot.entry.jobs import Jobs
from bot.entry.metrics_server import serve_metrics
from bot.entry.models import model_identity, open_models
from bot.entry.own_secrets import redactor, redactor_of, require_marks, seals
from bot.entry.process import begin
from bot.entry.pulse import Pulse
from bot.entry.redis_check import check_redis, require_redis
from bot.entry.rules_file import RulesFile, read_rules
from bot.entry.run_record import REVIEW, Run
from bot.entry.sealing import review_left
from bot.entry.store import Store
from bot.entry.supervisor import PYTHON, Child, Supervisor
from bot.entry.sweep import Sweep
from bot.entry.tally import asked
from bot.entry.wiring import effects, run_means
from bot.entry.worker import drain_seconds, work
from bot.errors import PlatformError
from bot.gateways.confluence_reader import ConfluenceReader
from bot.gateways.effects import Effects
from bot.gateways.gitlab_api import GitLabApi
from bot.gateways.gitlab_sweep import GitLabSweep
from bot.gateways.jira_reader import JiraReader
from bot.llm.chain import Call, Chain
from bot.llm.providers import PROVIDERS, chat, default_specs, parse_spec
from bot.proposing.means import Means
from bot.routing import JobRequest, Routing
from bot.settings import Settings, provider_environment
from bot.settings.rotation import SettingsFile

HOOKS_SECONDS: Final = 3_600.0
POLITENESS: Final = 10  # on a shared machine a delivery is answered before a review goes on

log = structlog.get_logger("trivet.roles")


def run_worker(settings: Settings, name: str, processes: int = 1) -> None:
    """One worker, or a supervisor over several."""
    url = require_redis(settings)
    require_marks(settings)
    if processes > 1:
        _run_workers(settings, name, processes)
        return
    begin(settings, name, redactor_of(settings))
    check_redis(url, settings)
    store = Store(connect(url))
    jobs = _agents(settings, store) if name == queue.AGENTS else _effects(store)
    log.info("taking jobs", queue=name)
    os.nice(POLITENESS)
    work(name, store.redis, jobs.table())


def _run_workers(settings: Settings, name: str, processes: int) -> None:
    begin(settings, name, redactor_of(settings))
    environment, command = dict(os.environ), (*PYTHON, "work", name)
    children = [Child(f"{name}-{number}", command, environment) for number in range(1, processes + 1)]
    Supervisor(children, grace=drain_seconds(name), beat=Pulse(name).beat).run()


def _agents(settings: Settings, store: Store) -> Jobs:
    """Reads, proposes; holds no write token. What is heavy is imported here, before the first fork; nothing is opened.

    Raises UsageError for settings that no run could work with.
    """
    from bot.agents.table import AGENTS
    from bot.entry.checkpoints import checkpoints
    from bot.entry.tidying import tidy

    current, rules = SettingsFile(), RulesFile(settings.rules)
    checkpoints(settings)
    importlib.import_module("bot.proposing.table")
    _import_sdks(settings)
    introduction = _in_gitlab(store, "gitlab-reader", lambda: reading_api(current()))
    introduction.attempt()
    _look_around(settings)

    def means(run: Run) -> Means:
        now = current()
        kept = checkpoints(now)
        tidy(now, store, kept)
        known = store.identities
        accounts = Accounts(known.who() or introduction().person, known.tracker(), known.wiki())
        model = _model(now, store, run)
        means = run_means(now, AGENTS[run.request.agent], accounts, model, rules())
        return replace(
            means,
            memory=kept.memory(run.id),
            can_wait=run.can_wait,
            reviewed=lambda request: store.handled.has_review(request.target.key, request.head),
            last_review=lambda request: review_left(
                store.handled.last_review(request.target.key), request.target.key, seals(now)
            ),
            linked_before=lambda request: store.ties.linked(request.target.key),
            wiki=replace(means.wiki, looking=store.ties.looking) if means.wiki else None,
        )

    def forget(run_id: str) -> None:
        checkpoints(current()).forget(run_id)

    return Jobs(store, seals=lambda: seals(current()), means=means, forget=forget)


def _model(settings: Settings, store: Store, run: Run) -> Chain | None:
    """The models of a queued run: all workers share what may be spent, and what is known of a model that is out."""
    budget = RedisBudget(store.redis, settings.budget, run=run.id, merge_request=run.target_key)
    environ = provider_environment(os.environ)
    breaker = RedisBreaker(store.redis, model_identity(settings, environ))
    return open_models(
        settings,
        environ,
        redactor=redactor(settings),
        budget=budget,
        breaker=breaker,
        tally=partial(_count_call, store),
    )


def _count_call(store: Store, call: Call) -> None:
    """An answer that was paid for is worth more than its count."""
    try:
        store.add(asked(call))
    except RedisError as error:
        log.warning("a request to a model was not counted", model=call.model, error=type(error).__name__)


def _import_sdks(settings: Settings) -> None:
    """The SDKs of the configured models, each named like its protocol. Raises UsageError for a model that is none."""
    environ = provider_environment(os.environ)
    specs = [parse_spec(text) for text in settings.models] or default_specs(environ)
    for spec in specs:
        chat(spec, environ)
        importlib.import_module(PROVIDERS[spec.provider].protocol)
        importlib.import_module("bot.llm.bounded")


def _effects(store: Store) -> Jobs:
    """Writes; holds no model key."""
    current = SettingsFile()
    introduction = _in_gitlab(store, "gitlab", lambda: writing_api(current()))
    in_jira = _in_jira(current, store) if current().jira.url else None
    in_wiki = _in_confluence(current, store) if current().confluence.url else None
    known: tuple[Introduction[Any] | None, ...] = (introduction, in_jira, in_wiki)
    for one in filter(None, known):
        one.attempt()

    def opened() -> Effects:
        now = current()
        return effects(now, writing_api(now), introduction(), store.keep_pace, in_jira, in_wiki)

    follow = _verdict_told if in_jira else lambda _run: None
    return Jobs(store, seals=lambda: seals(current()), effects=opened, follow=follow)


def _in_gitlab(store: Store, role: str, opened: Callable[[], GitLabApi]) -> Introduction[Account]:
    return Introduction(
        role,
        credential=lambda: opened().token,
        ask=lambda: account(opened()),
        tell=lambda known: store.identities.introduce(role, known.person),
        name=lambda known: known.person.username,
    )


def _in_jira(current: SettingsFile, store: Store) -> Introduction[IssuePerson]:
    def ask() -> IssuePerson:
        api = writing_jira(current())
        me = JiraReader(api).me()
        learn_deployment(api)
        return me

    def credential() -> object:
        return current().jira.email, current().jira.token

    tell = store.identities.introduce_tracker
    return Introduction("jira", credential, ask, tell, lambda me: me.username or me.name)


def _in_confluence(current: SettingsFile, store: Store) -> Introduction[PagePerson]:
    def ask() -> PagePerson:
        api = writing_confluence(current())
        me = ConfluenceReader(api).me()
        learn_deployment(api)
        return me

    def credential() -> object:
        return current().confluence.email, current().confluence.token

    tell = store.identities.introduce_wiki
    return Introduction("confluence", credential, ask, tell, lambda me: me.username or me.name)


def _look_around(settings: Settings) -> None:
    """Before the first fork: which Jira and Confluence it is. One that is down is asked by each run."""
    connected = {
        "Jira": reading_jira if settings.jira.url else None,
        "Confluence": reading_confluence if settings.confluence.url else None,
    }
    for name, opened in connected.items():
        try:
            if opened:
                learn_deployment(opened(settings))
        except PlatformError as error:
            log.warning("a platform did not say what it is", platform=name, reason=str(error))


def _verdict_told(run: Run) -> JobRequest | None:
    """The issues hear of a review once it is published."""
    request = run.request
    if request.agent != REVIEW:
        return None
    key = f"link:{request.project_id}:{request.iid}:reviewed:{run.id}:{int(time.time())}"
    return request.model_copy(
        update={"agent": "link", "trigger": "reviewed", "key": key, "person": None, "reviewers": ()}
    )


def run_schedule(settings: Settings) -> None:
    from bot.entry.hook_watch import watch_hooks
    from bot.entry.schedule import Aside, Rhythm, keep_schedule

    url = require_redis(settings)
    begin(settings, "schedule", redactor_of(settings))
    check_redis(url, settings)
    store = Store(connect(url))
    current, rules = SettingsFile(), RulesFile(settings.rules)
    pulse = Pulse("schedule")
    chores = [
        Rhythm(settings.sweep_seconds, lambda: replace(_sweep(current(), store, rules()), beat=pulse.beat)()),
        Rhythm(HOOKS_SECONDS, Aside(lambda: watch_hooks(current(), store), "webhooks")),
    ]
    pulse.beat()
    with _metrics(settings, connect(url), pulse):
        keep_schedule(store, chores, pulse)


def _metrics(settings: Settings, connection: Redis, pulse: Pulse) -> AbstractContextManager[object]:
    if settings.metrics_port is None:
        return nullcontext()
    page = partial(common_page, connection, settings.budget.day_tokens)
    door = listen.listen(settings.host, settings.metrics_port)
    return serve_metrics(door, page, lambda: pulse.is_fresh)


def run_sweep(settings: Settings) -> int:
    """How many runs were queued. Raises PlatformError where something could not be looked at."""
    url = require_redis(settings)
    begin(settings, "shell", redactor_of(settings))
    check_redis(url, settings)
    swept = _sweep(settings, Store(connect(url)), read_rules(settings.rules))()
    if swept.problems:
        raise PlatformError(
            f"{swept.queued} runs queued, but not everything could be swept: {swept.problems[0]}"
        )
    return swept.queued


def _sweep(settings: Settings, store: Store, rules: Rules) -> Sweep:
    routing = Routing(settings.gitlab.projects, agents=settings.agents, rules=rules)

    def policy() -> Routing:
        told = store.identities
        who, tracker, wiki = told.who(), told.tracker(), told.wiki()
        known = replace(routing, tracker=tracker, wiki=wiki.id if wiki else None)
        return replace(known, bot_id=who.id, bot_name=who.username) if who else known

    gitlab = GitLabSweep(reading_api(settings), settings.gitlab.projects, routing.serves)
    has_rules = settings.jira.url and rules.jira
    jira = JiraSweep(store, JiraReader(reading_jira(settings)), policy) if has_rules else None
    has_spaces = settings.confluence.url and rules.spaces
    pages = ConfluenceSweep(store, reading_confluence(settings), policy) if has_spaces else None
    return Sweep(store, gitlab, policy, jira, pages)
