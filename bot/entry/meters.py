"""What all processes count together: the names of the metrics, and the one hash in Redis where their values add up.

Workers fork for each job, are killed and scaled out: a count in a process would be lost, or be one of many. In Redis
it is exact, and is written in the transaction of what it counts. Names and units follow
prometheus.io/docs/practices/naming.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from redis.client import Pipeline

METERS: Final = "trivet:meters"
SUM: Final = "sum"
INFINITE: Final = "+Inf"
RUN_SECONDS: Final = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 7200.0)
ANSWER_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0)
START_SECONDS: Final = (0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
MODEL_SECONDS: Final = (0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 40.0, 60.0, 120.0, 300.0)


@dataclass(frozen=True)
class Metric:
    """`buckets` are upper bounds in the metric's unit, for a histogram only."""

    kind: Literal["counter", "histogram", "gauge"]
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()


# Counted by every process, in Redis.
COUNTED: Final[Mapping[str, Metric]] = {
    "trivet_runs": Metric(
        "counter", "Runs that ended, by the state they ended in.", ("agent", "trigger", "state")
    ),
    "trivet_run_seconds": Metric(
        "histogram",
        "Time of a run: to propose, to apply, and in all from the delivery on.",
        ("agent", "stage"),
        RUN_SECONDS,
    ),
    "trivet_actions": Metric("counter", "Proposed effects, by what became of them.", ("kind", "outcome")),
    "trivet_findings": Metric(
        "counter", "Findings of reviews: posted, known before, held back.", ("severity", "state")
    ),
    "trivet_errors": Metric("counter", "What stopped a job or put it back, by class.", ("kind", "error")),
    "trivet_model_calls": Metric("counter", "Requests to models, by how they ended.", ("model", "result")),
    "trivet_model_tokens": Metric(
        "counter", "Tokens as the providers count them; cached ones are part of input.", ("model", "kind")
    ),
    "trivet_model_cost_dollars": Metric(
        "counter", "Published price of the tokens, where there is one.", ("model",)
    ),
    "trivet_model_seconds": Metric("histogram", "Time of a request to a model.", ("model",), MODEL_SECONDS),
    "trivet_sweep_found": Metric("counter", "Runs that the sweep started as no delivery had.", ()),
}

# Read off when they are asked for.
SEEN: Final[Mapping[str, Metric]] = {
    "trivet_queue_depth": Metric("gauge", "Waiting jobs by queue.", ("queue",)),
    "trivet_queue_age_seconds": Metric("gauge", "How long the oldest job of a queue has waited.", ("queue",)),
    "trivet_workers": Metric("gauge", "Workers that are alive, by queue.", ("queue",)),
    "trivet_put_back_jobs": Metric("gauge", "Jobs that wait for a platform, a model or another run."),
    "trivet_unfinished_runs": Metric("gauge", "Runs that were accepted and have not ended."),
    "trivet_unfinished_age_seconds": Metric("gauge", "How long the oldest unfinished run has been there."),
    "trivet_budget_day_tokens": Metric("gauge", "Tokens that models may take today (UTC)."),
    "trivet_budget_day_left_tokens": Metric(
        "gauge", "Tokens of today (UTC) that are neither spent nor reserved."
    ),
    "trivet_hook_state": Metric(
        "gauge",
        "1 for the state a webhook is in: fine, failing, disabled or missing.",
        ("platform", "hook", "state"),
    ),
    "trivet_last_delivery_timestamp_seconds": Metric(
        "gauge", "When the last authentic delivery came.", ("source",)
    ),
    "trivet_last_sweep_timestamp_seconds": Metric(
        "gauge", "When the last sweep ended that could look everywhere."
    ),
}

# Counted by a process for itself: several of them are added up by Prometheus.
OWN: Final[Mapping[str, Metric]] = {
    "trivet_deliveries": Metric("counter", "Deliveries by source and result.", ("source", "result", "code")),
    "trivet_delivery_seconds": Metric(
        "histogram", "Time from the first byte read to the answer.", ("source",), ANSWER_SECONDS
    ),
    "trivet_redis_up": Metric("gauge", "Whether Redis answers and keeps what it is given."),
    "trivet_api_requests": Metric(
        "counter", "Requests to the runs API by route and answer.", ("route", "code")
    ),
    "trivet_api_start_seconds": Metric(
        "histogram", "Time to start a run, GitLab's included.", (), START_SECONDS
    ),
    "trivet_api_waiting": Metric("gauge", "Requests to the runs API that wait for a change."),
}
BUILD: Final[Mapping[str, Metric]] = {
    "trivet_build_info": Metric("gauge", "1, and which version this is.", ("version",)),
}
METRICS: Final[Mapping[str, Metric]] = {**OWN, **COUNTED, **SEEN, **BUILD}


@dataclass(frozen=True)
class Count:
    """Something to add. `cell`: the field of the hash, a JSON list of metric, labels and, for a histogram, bucket."""

    cell: str
    by: float = 1.0


def count(name: str, *labels: str, by: float = 1.0) -> Count:
    return Count(_cell(name, *labels), by)


def observe(name: str, *labels: str, seconds: float) -> tuple[Count, Count]:
    """One observation of a histogram: into its bucket, and to the sum."""
    bounds = COUNTED[name].buckets
    bucket = next((repr(bound) for bound in bounds if seconds <= bound), INFINITE)
    return Count(_cell(name, *labels, bucket)), Count(_cell(name, *labels, SUM), seconds)


def add(counts: Iterable[Count], pipe: Pipeline) -> None:
    """As part of the caller's transaction."""
    for one in counts:
        pipe.hincrbyfloat(METERS, one.cell, one.by)


def _cell(name: str, *labels: str) -> str:
    return json.dumps([name, *labels], ensure_ascii=False)


def own_counter(name: str, registry: CollectorRegistry) -> Counter:
    return Counter(name, OWN[name].help, OWN[name].labels, registry=registry)


def own_gauge(name: str, registry: CollectorRegistry) -> Gauge:
    return Gauge(name, OWN[name].help, OWN[name].labels, registry=registry)


def own_histogram(name: str, registry: CollectorRegistry) -> Histogram:
    return Histogram(name, OWN[name].help, OWN[name].labels, buckets=OWN[name].buckets, registry=registry)
