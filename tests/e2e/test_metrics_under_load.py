"""The metrics of a whole installation, while deliveries pour in, workers are killed and everything starts again.

What this buys: figures that hold over several processes can only be seen with several processes, and a kill.
"""

import json
from collections.abc import Iterator

import pytest
from prometheus_client.parser import text_string_to_metric_families

from bot.entry.meters import METRICS, OWN
from tests.model_server import ModelServer, nothing_found
from tests.rig import Rig

LEAK = "glpat-" + "Zq8Rt2vLm4" + "Xc7Wn1Kd9P"
REQUESTS = 6
FORGED = 20

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


@pytest.fixture(scope="module")
def model() -> Iterator[ModelServer]:
    with ModelServer() as server:
        server.reply = nothing_found
        yield server


@pytest.fixture(scope="module")
def rig(model: ModelServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with Rig(tmp_path_factory.mktemp("rig"), **model.environ("openai")) as started:
        yield started


def samples(rig: Rig, part: str = "") -> Samples:
    code, page = rig.get(f"/metrics{part}")
    assert code == 200
    families = list(text_string_to_metric_families(page))
    assert {family.name.removesuffix("_created") for family in families} <= set(METRICS)
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
    }


def total(found: Samples, name: str, **labels: str) -> float:
    """The sum over all series with these labels."""
    return sum(
        value
        for (each, pairs), value in found.items()
        if each == name and labels.items() <= dict(pairs).items()
    )


def test_counts_are_exact_under_load_and_a_kill_and_stay_after_a_restart(
    rig: Rig, model: ModelServer
) -> None:
    model.gate.clear()
    opened = [
        rig.sandbox.merge_request(files={f"load{n}/settings.py": f'TOKEN = "{LEAK}{n}"\n'}, source=f"load{n}")
        for n in range(REQUESTS)
    ]
    body = json.dumps({"object_kind": "merge_request"}).encode()
    refusals = [
        rig.send(
            "POST",
            "/hooks/gitlab",
            body,
            **{"X-Gitlab-Token": "forged", "X-Gitlab-Event": "Merge Request Hook"},
        )
        for _ in range(FORGED)
    ]
    assert {code for code, _ in refusals} == {401}
    model.wait_in_flight(1)
    assert total(samples(rig), "trivet_unfinished_runs") == REQUESTS
    assert total(samples(rig), "trivet_queue_depth", queue="agents") == REQUESTS - 1
    rig.kill("agents", tree=True)
    model.let_go()
    model.gate.set()
    for iid in opened:
        rig.reviewed(iid, seconds=90)
    rig.idle()
    found = samples(rig)
    posted = sum(len(rig.findings(iid)) for iid in opened)
    assert posted == REQUESTS
    assert total(found, "trivet_runs_total", agent="review", state="done") == REQUESTS
    assert total(found, "trivet_findings_total", state="posted") == posted
    assert total(found, "trivet_actions_total", kind="post_finding", outcome="done") == posted
    assert total(found, "trivet_run_seconds_count", agent="review", stage="whole") == REQUESTS
    assert total(found, "trivet_deliveries_total", source="gitlab", result="refused", code="401") == FORGED
    accepted = total(found, "trivet_deliveries_total", source="gitlab", result="accepted")
    assert accepted == total(found, "trivet_delivery_seconds_count", source="gitlab") - FORGED - ignored(
        found
    )
    assert total(found, "trivet_unfinished_runs") == total(found, "trivet_queue_depth") == 0
    assert total(found, "trivet_workers", queue="agents") >= 1
    answered = total(found, "trivet_model_calls_total", result="answered")
    assert answered == total(found, "trivet_model_seconds_count") >= REQUESTS
    assert total(found, "trivet_model_tokens_total") > 0
    left = total(found, "trivet_budget_day_left_tokens")
    assert left < total(found, "trivet_budget_day_tokens")
    assert total(found, "trivet_redis_up") == 1

    assert rig.stop() == 0
    rig.start()
    again = samples(rig)
    for name in (
        "trivet_runs_total",
        "trivet_findings_total",
        "trivet_actions_total",
        "trivet_model_calls_total",
    ):
        assert total(again, name) == total(found, name), name
    assert total(again, "trivet_deliveries_total") == 0


def ignored(found: Samples) -> float:
    return sum(total(found, "trivet_deliveries_total", result=result) for result in ("ignored", "duplicate"))


def test_a_receiver_asked_for_its_own_part_tells_nothing_that_others_count(rig: Rig) -> None:
    own = {name for name, _ in samples(rig, "?part=own")}
    allowed = {*OWN, "trivet_build_info"}
    ends = ("_total", "_bucket", "_count", "_sum", "_created")
    stems = {next((name.removesuffix(end) for end in ends if name.endswith(end)), name) for name in own}
    assert stems <= allowed


def test_the_last_delivery_and_the_last_sweep_have_their_times(rig: Rig) -> None:
    rig.sandbox.merge_request(files={"late/notes.txt": "hello\n"}, source="late")
    rig.wait(lambda: total(samples(rig), "trivet_last_delivery_timestamp_seconds", source="gitlab") > 0)
    rig.wait(lambda: total(samples(rig), "trivet_last_sweep_timestamp_seconds") > 0)
    rig.idle()
