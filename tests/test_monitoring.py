"""Alerts and dashboard: Prometheus' own tool takes them, and every query asks for metrics that exist."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.entry.meters import METRICS, Metric
from tests.tools import helm

ROOT = Path(__file__).parents[1]
ALERTS = ROOT / "chart" / "files" / "alerts.yaml"
DASHBOARD = ROOT / "chart" / "files" / "dashboard.json"
MINIMAL = ROOT / "chart" / "examples" / "minimal.yaml"
TESTS = Path(__file__).parent / "monitoring" / "alerts_fire.yaml"
NAME = re.compile(r"trivet[_:][a-z0-9_:]+")
SELECTOR = re.compile(r"(trivet[_:][a-z0-9_:]+)\{([^}]*)\}")
GROUPED = re.compile(r"\bby \(([^)]*)\)")
LEGEND = re.compile(r"\{\{(\w+)\}\}")
SUFFIXES: Mapping[str, tuple[str, ...]] = {
    "counter": ("_total",),
    "histogram": ("_bucket", "_sum", "_count"),
    "gauge": ("",),
}

pytestmark = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="promtool is missing: apt install prometheus"
)


def rules(kind: str) -> list[dict[str, Any]]:
    """`kind`: "alert" or "record"."""
    groups = yaml.safe_load(ALERTS.read_text())["groups"]
    return [rule for group in groups for rule in group["rules"] if kind in rule]


def series() -> dict[str, set[str]]:
    """Every name that Prometheus stores, and its labels."""
    known = {
        f"{name}{end}": labels(metric) for name, metric in METRICS.items() for end in SUFFIXES[metric.kind]
    }
    for rule in rules("record"):
        known[rule["record"]] = kept(rule["expr"], known)
    return known


def labels(metric: Metric) -> set[str]:
    return {*metric.labels, *(("le",) if metric.kind == "histogram" else ())}


def kept(query: str, known: Mapping[str, set[str]]) -> set[str]:
    """The labels of what a recording rule comes to: what it groups by, else those of what it begins with."""
    if GROUPED.search(query) or query.startswith("max("):
        return grouped(query)
    return known[NAME.findall(query)[0]]


def grouped(query: str) -> set[str]:
    return {one.strip() for group in GROUPED.findall(query) for one in group.split(",")}


def panels() -> list[dict[str, Any]]:
    return [panel for panel in json.loads(DASHBOARD.read_text())["panels"] if panel["type"] != "row"]


def queries() -> Iterator[tuple[str, str]]:
    """Where each stands, and the query."""
    for panel in panels():
        yield from ((f"panel {panel['title']}", target["expr"]) for target in panel["targets"])
    yield from (
        (f"{kind} {rule[kind]}", rule["expr"]) for kind in ("record", "alert") for rule in rules(kind)
    )


def promtool(*words: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["promtool", *words], cwd=folder, capture_output=True, text=True, timeout=60, check=False
    )


def test_prometheus_takes_the_alerts_and_each_fires_for_what_it_is_about(tmp_path: Path) -> None:
    for file in (ALERTS, TESTS):
        shutil.copy(file, tmp_path)
    checked = promtool("check", "rules", ALERTS.name, folder=tmp_path)
    assert checked.returncode == 0, checked.stderr
    fired = promtool("test", "rules", TESTS.name, folder=tmp_path)
    assert fired.returncode == 0, fired.stdout + fired.stderr


def test_every_alert_is_shown_to_fire_and_to_keep_quiet() -> None:
    said = yaml.safe_load(TESTS.read_text())["tests"]
    names = {rule["alert"] for rule in rules("alert")}
    quiet = {
        one["alertname"] for test in said for one in test.get("alert_rule_test", []) if not one["exp_alerts"]
    }
    loud = {one["alertname"] for test in said for one in test.get("alert_rule_test", []) if one["exp_alerts"]}
    samples = [
        one["labels"]
        for test in said
        for expr in test.get("promql_expr_test", [])
        for one in expr["exp_samples"]
    ]
    loud |= {found for one in samples for found in re.findall(r'alertname="(\w+)"', one)}
    assert quiet == loud == names


def test_every_alert_says_what_is_so_and_what_to_do() -> None:
    for rule in rules("alert"):
        assert set(rule["annotations"]) == {"summary", "description"}, rule["alert"]
        assert rule["labels"]["severity"] in ("critical", "warning", "info")


@pytest.mark.parametrize(("place", "query"), list(queries()))
def test_a_query_asks_for_metrics_and_labels_that_exist(place: str, query: str) -> None:
    known = series()
    named = NAME.findall(query)
    assert named, place
    assert set(named) <= set(known), place
    for name, selectors in SELECTOR.findall(query):
        asked = set(re.findall(r"(\w+)\s*[=!]", selectors))
        assert asked <= known[name], f"{place}: {name} has no {asked - known[name]}"
    assert grouped(query) <= set.union(*(known[name] for name in named)), place


def test_a_dashboard_needs_no_rules() -> None:
    """It may be used where the alerts are not."""
    recorded = {rule["record"] for rule in rules("record")}
    shown = {name for place, query in queries() if place.startswith("panel") for name in NAME.findall(query)}
    assert recorded.isdisjoint(shown)


def test_prometheus_understands_every_query_of_the_dashboard(tmp_path: Path) -> None:
    recorded = [
        {"record": f"dashboard:{number}", "expr": query.replace("$__rate_interval", "5m")}
        for number, (_, query) in enumerate(queries())
    ]
    (tmp_path / "queries.yaml").write_text(
        yaml.safe_dump({"groups": [{"name": "dashboard", "rules": recorded}]})
    )
    checked = promtool("check", "rules", "queries.yaml", folder=tmp_path)
    assert checked.returncode == 0, checked.stderr


def test_the_dashboard_shows_every_metric() -> None:
    asked = {name for place, query in queries() if place.startswith("panel") for name in NAME.findall(query)}
    missing = [
        name
        for name, metric in METRICS.items()
        if not {f"{name}{end}" for end in SUFFIXES[metric.kind]} & asked
    ]
    assert not missing


def test_legends_name_labels_that_their_query_keeps() -> None:
    for panel in panels():
        for target in panel["targets"]:
            outermost = {
                one.strip() for group in GROUPED.findall(target["expr"])[:1] for one in group.split(",")
            }
            assert set(LEGEND.findall(target["legendFormat"])) <= outermost, panel["title"]


def test_panels_have_their_own_places() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        place = panel["gridPos"]
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert place["x"] + place["w"] <= 24
        assert not cells & taken, panel["title"]
        taken |= cells
    numbers = [panel["id"] for panel in json.loads(DASHBOARD.read_text())["panels"]]
    assert len(numbers) == len(set(numbers))


def test_the_chart_ships_the_alerts_and_the_dashboard_as_they_are() -> None:
    switched_on = {"metrics": {name: {"enabled": True} for name in ("rules", "dashboard", "serviceMonitor")}}
    objects = helm.rendered(MINIMAL, switched_on)
    [rule] = [one for one in objects if one["kind"] == "PrometheusRule"]
    assert rule["spec"] == yaml.safe_load(ALERTS.read_text())
    [board] = [one for one in objects if one["kind"] == "ConfigMap" and "trivet.json" in one["data"]]
    assert json.loads(board["data"]["trivet.json"]) == json.loads(DASHBOARD.read_text())


def test_the_monitor_scrapes_the_own_part_of_receivers_and_the_common_one_once() -> None:
    switched_on = {"metrics": {"serviceMonitor": {"enabled": True, "interval": "15s"}}}
    objects = helm.rendered(MINIMAL, switched_on)
    [monitor] = [one for one in objects if one["kind"] == "ServiceMonitor"]
    scraped = {one["port"]: one.get("params") for one in monitor["spec"]["endpoints"]}
    assert scraped == {"http": {"part": ["own"]}, "metrics": None}
    wanted = monitor["spec"]["selector"]["matchLabels"].items()
    services = [
        one for one in objects if one["kind"] == "Service" and wanted <= one["metadata"]["labels"].items()
    ]
    ports = [port["name"] for one in services for port in one["spec"]["ports"]]
    assert ports.count("metrics") == 1
    assert set(scraped) <= set(ports)


def test_no_metric_has_a_label_that_prometheus_gives_each_target() -> None:
    assert not [name for name, metric in METRICS.items() if {"job", "instance"} & set(metric.labels)]
