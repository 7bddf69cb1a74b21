"""The Helm chart, rendered by Helm itself: what a cluster gets, what each process is given, and what is refused."""

import functools
import itertools
import json
import os
import re
import subprocess
import tarfile
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click
import pytest
import yaml
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st
from redis import Redis
from redis.exceptions import AuthenticationError

from bot import __version__
from bot.domain import rules
from bot.entry.cli import trivet
from bot.entry.credentials import FALLBACKS, HOLDS, SECRETS, WRITING
from bot.entry.embedded import server_command, wait_until_ready
from bot.entry.inbox import forgetful
from bot.entry.queue import AGENTS, JOBS, queue_key
from bot.entry.tidying import CACHE_BYTES, cache_limit
from bot.llm.providers import PROVIDERS
from bot.settings import known_settings, load_settings
from bot.settings.names import NOT_SETTINGS
from bot.settings.spelling import unknown_settings
from tests.cluster import (
    LONGEST_NAME,
    LONGEST_SET,
    NAME,
    NEWEST,
    OLDEST,
    Object,
    chosen,
    containers,
    environment,
    files,
    find,
    named,
    names,
    of_kind,
    pod,
    ports,
    problems,
    workloads,
)
from tests.tools import helm, values_table
from tests.tools.helm import CHART, Refused, linted, notes, rendered

pytestmark = pytest.mark.skipif(not helm.is_installed(), reason=helm.MISSING)

EXAMPLES = CHART / "examples"
MINIMAL = EXAMPLES / "minimal.yaml"
OVER_OTHERS = ("traefik", "kong", "external-secrets", "vault")
TABLES = yaml.safe_load((CHART / "files" / "roles.yaml").read_text("utf-8"))
ROLES = ("serve", "web", "agents", "effects", "schedule")
WORKERS = ("agents", "effects")
READERS = ("web", "agents", "schedule")

BARE: dict[str, Any] = {
    "settings": {"TRIVET_GITLAB__URL": "https://gitlab.example.com"},
    "secrets": {"existingSecret": "all-secrets"},
    "redis": {"url": "redis://redis.example.com:6379/0"},
    "web": {"enabled": False},
}
RULES = """\
# a comment that stays
jira:
  - project: SHOP
    gitlab: group/shop
    on: {event: transitioned, to: In Progress}
    do: [branch]
    branch: "{key}-{slug}"
"""
AUTHORITY = "-----BEGIN CERTIFICATE-----\nTm90IG9uZQ==\n-----END CERTIFICATE-----"
EVERYTHING: dict[str, Any] = {
    "commonLabels": {"team": "platform"},
    "image": {"digest": f"sha256:{'0a' * 32}"},
    "imagePullSecrets": [{"name": "pull"}],
    "settings": {"TRIVET_GITLAB__URL": "https://gitlab.example.com"},
    "rules": {"content": RULES},
    "secrets": {"existingSecret": "all-secrets", "readWithWritingToken": ["gitlab", "jira"]},
    "database": {"kind": "postgresql"},
    "redis": {"enabled": True, "password": "Zq8Rt2vLm4Xc7Wn1", "persistence": {"storageClass": "fast"}},
    "ca": {"certificates": AUTHORITY, "existingConfigMap": "authorities"},
    "pods": {
        "podAnnotations": {"note": "one"},
        "podLabels": {"cost": "shared"},
        "extraEnv": [{"name": "HTTPS_PROXY", "value": "http://proxy.example.com:3128"}],
        "extraVolumes": [{"name": "more", "emptyDir": {}}],
        "extraVolumeMounts": [{"name": "more", "mountPath": "/more"}],
        "nodeSelector": {"pool": "bots"},
        "tolerations": [{"key": "bots", "operator": "Exists"}],
        "affinity": {"nodeAffinity": {}},
        "priorityClassName": "high",
        "serviceAccount": {"annotations": {"identity": "trivet"}},
    },
    "serve": {"autoscaling": {"enabled": True}, "service": {"annotations": {"a": "b"}}},
    "agents": {
        "podAnnotations": {"note": "two"},
        "keda": {"enabled": True, "minReplicas": 0},
        "pdb": {"maxUnavailable": "50%"},
    },
    "effects": {"replicas": 2},
    "ingress": {"enabled": True, "hosts": ["a.example.com", "b.example.com"], "tls": {"secretName": "tls"}},
    "networkPolicy": {
        "enabled": True,
        "from": [{"podSelector": {"matchLabels": {"app": "ingress"}}}],
        "metricsFrom": [{"podSelector": {"matchLabels": {"app": "prometheus"}}}],
        "redisFrom": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "keda"}}}],
        "egress": {
            "database": {"ranges": ["10.5.0.0/24"]},
            "platforms": {"ranges": ["10.1.0.0/24", "2001:db8::/32"], "ports": [443, 8443]},
            "models": {"ranges": ["10.2.0.0/24"]},
            "errors": {"ranges": ["10.3.0.0/24"]},
        },
        "extraEgress": [{"to": [{"ipBlock": {"cidr": "10.9.0.0/24"}}]}],
    },
    "metrics": {
        "serviceMonitor": {"enabled": True},
        "rules": {"enabled": True},
        "dashboard": {"enabled": True},
    },
    "extraObjects": [
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": '{{ include "trivet.fullname" . }}-x'},
        },
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: y}",
    ],
}
ON_A_VOLUME: dict[str, Any] = {**BARE, "agents": {"persistence": {"enabled": True}}}
BY_PROCESSOR: dict[str, Any] = {
    **BARE,
    "database": {"kind": "postgresql", "existingSecret": "database", "key": "uri"},
    "agents": {"autoscaling": {"enabled": True}},
    "metrics": {"enabled": False},
}

SETS: dict[str, tuple[Any, ...]] = {
    "bare": (BARE,),
    "everything": (EVERYTHING,),
    "volume": (ON_A_VOLUME,),
    "processor": (BY_PROCESSOR,),
    "minimal": (MINIMAL,),
    "trial": (EXAMPLES / "trial.yaml",),
    "production": (EXAMPLES / "production.yaml",),
    **{name: (MINIMAL, EXAMPLES / f"{name}.yaml") for name in OVER_OTHERS},
}
WITHOUT_WEB = ("bare", "volume", "processor", "trial")
of_every_set = pytest.mark.parametrize("name", SETS)
of_every_role = pytest.mark.parametrize("role", ROLES)


def of_every_process(*names: str) -> pytest.MarkDecorator:
    """Each role that is installed by each of these sets."""
    pairs = itertools.product(names, ROLES)
    there = [(name, role) for name, role in pairs if role != "web" or name not in WITHOUT_WEB]
    return pytest.mark.parametrize(("name", "role"), there)


@functools.cache
def made(name: str) -> list[Object]:
    """What a set of values comes to."""
    return rendered(*SETS[name])


def role_of(name: str, role: str) -> Object:
    return find(made(name), "Deployment", f"trivet-{role}")


def over(*others: dict[str, Any]) -> list[Object]:
    """The bare values with others over them."""
    return rendered(BARE, *others)


# --- a cluster takes it ---


@of_every_set
def test_helm_has_nothing_to_say_against_it(name: str) -> None:
    assert "0 chart(s) failed" in linted(*SETS[name])


def test_helm_has_nothing_to_say_against_the_defaults() -> None:
    assert "0 chart(s) failed" in linted()


@pytest.mark.parametrize("version", [OLDEST, NEWEST])
@of_every_set
def test_every_object_is_what_the_cluster_knows(name: str, version: str) -> None:
    found = {one["metadata"]["name"]: problems(one, version) for one in made(name)}
    assert {key: wrong for key, wrong in found.items() if wrong} == {}


def test_the_check_against_the_schemas_finds_what_is_misspelt() -> None:
    service = json.loads(json.dumps(find(made("bare"), "Service", "trivet-serve")))
    service["spec"]["ports"][0]["portz"] = 80
    assert problems(service, NEWEST)
    assert problems({"kind": "ScaledObject", "apiVersion": "keda.sh/v1alpha1", "spec": {"x": 1}}, NEWEST)


@of_every_set
def test_no_two_objects_have_one_name(name: str) -> None:
    counted = Counter((one["kind"], one["metadata"]["name"]) for one in made(name))
    assert [key for key, count in counted.items() if count > 1] == []


def test_names_stay_short_enough_for_labels_and_hosts() -> None:
    long = rendered(EVERYTHING, {"fullnameOverride": "a" * 30 + "-" * 16 + "b" * 30})
    for one in long:
        longest = LONGEST_SET if one["kind"] == "StatefulSet" else LONGEST_NAME
        assert NAME.fullmatch(one["metadata"]["name"]), one["kind"]
        assert len(one["metadata"]["name"]) <= longest


@of_every_set
def test_what_pods_need_is_there_or_was_named_by_the_operator(name: str) -> None:
    given = "\n".join(one.read_text() if isinstance(one, Path) else json.dumps(one) for one in SETS[name])
    for workload in workloads(made(name)):
        for kind, needed in named(workload):
            assert needed in names(made(name), kind) or needed in given, (
                workload["metadata"]["name"],
                needed,
            )


@of_every_set
def test_every_mounted_volume_exists_and_every_volume_of_ours_is_mounted(name: str) -> None:
    for workload in workloads(made(name)):
        mounted = {one["name"] for each in containers(workload) for one in each["volumeMounts"]}
        claimed = {one["metadata"]["name"] for one in workload["spec"].get("volumeClaimTemplates", ())}
        there = {one["name"] for one in pod(workload)["volumes"]}
        assert mounted <= there | claimed
        assert there - {"vault-token"} <= mounted


@of_every_set
def test_every_selector_finds_the_pods_it_is_for(name: str) -> None:
    objects = made(name)
    for one in workloads(objects):
        assert chosen(objects, one["spec"]["selector"]["matchLabels"]) == {one["metadata"]["name"]}
    for one in of_kind(objects, "Service"):
        assert chosen(objects, one["spec"]["selector"]) == {one["metadata"]["name"]}
    for one in of_kind(objects, "PodDisruptionBudget"):
        assert chosen(objects, one["spec"]["selector"]["matchLabels"]) == {one["metadata"]["name"]}
    for one in of_kind(objects, "NetworkPolicy"):
        assert chosen(objects, one["spec"]["podSelector"]["matchLabels"]) == {one["metadata"]["name"]}


@of_every_set
def test_every_service_leads_to_a_port_that_its_pods_have(name: str) -> None:
    for one in of_kind(made(name), "Service"):
        workload = next(
            each for each in workloads(made(name)) if each["metadata"]["name"] == one["metadata"]["name"]
        )
        assert {port["targetPort"] for port in one["spec"]["ports"]} <= ports(workload).keys()


@of_every_set
def test_what_scales_scales_a_deployment_that_says_no_number_itself(name: str) -> None:
    objects = made(name)
    scaled = [
        one["spec"]["scaleTargetRef"]["name"]
        for one in of_kind(objects, "HorizontalPodAutoscaler", "ScaledObject")
    ]
    assert len(scaled) == len(set(scaled))
    for one in of_kind(objects, "Deployment"):
        assert ("replicas" in one["spec"]) is (one["metadata"]["name"] not in scaled)


# --- how processes run ---


@of_every_set
def test_no_container_has_more_rights_than_it_needs(name: str) -> None:
    """Kubernetes' Pod Security Standards, level "restricted"."""
    for workload in workloads(made(name)):
        whole = pod(workload)["securityContext"]
        assert whole["runAsNonRoot"] is True
        assert whole["runAsUser"] == 10001
        assert whole["seccompProfile"] == {"type": "RuntimeDefault"}
        for one in containers(workload):
            own = one["securityContext"]
            assert own["allowPrivilegeEscalation"] is False
            assert own["readOnlyRootFilesystem"] is True
            assert own["capabilities"] == {"drop": ["ALL"]}
            assert "limits" in one["resources"]
            assert "memory" in one["resources"]["limits"]


@of_every_set
def test_no_pod_has_a_token_of_the_cluster_of_its_own(name: str) -> None:
    for workload in workloads(made(name)):
        assert pod(workload)["automountServiceAccountToken"] is False
    for account in of_kind(made(name), "ServiceAccount"):
        assert account["automountServiceAccountToken"] is False


def test_every_role_has_a_service_account_of_its_own() -> None:
    accounts = [pod(role_of("minimal", role))["serviceAccountName"] for role in ROLES]
    assert accounts == [f"trivet-{role}" for role in ROLES]


def test_an_existing_service_account_is_taken() -> None:
    objects = over(
        {"agents": {"serviceAccount": {"name": "models"}}, "effects": {"serviceAccount": {"create": False}}}
    )
    assert pod(find(objects, "Deployment", "trivet-agents"))["serviceAccountName"] == "models"
    assert pod(find(objects, "Deployment", "trivet-effects"))["serviceAccountName"] == "default"
    assert names(objects, "ServiceAccount") == {"trivet-serve", "trivet-schedule"}


@of_every_set
def test_links_to_services_do_not_look_like_settings(name: str) -> None:
    """A Service named trivet would become TRIVET_PORT=tcp://... in every container."""
    assert all(pod(one)["enableServiceLinks"] is False for one in workloads(made(name)))


@of_every_role
def test_the_command_is_one_that_trivet_knows(role: str) -> None:
    (container,) = pod(role_of("minimal", role))["containers"]
    program, command, *arguments = container["command"][2:]
    assert program == "trivet"
    known = trivet.commands[command]
    with known.make_context(command, list(arguments), resilient_parsing=False) as context:
        assert isinstance(context, click.Context)
    assert role in container["command"]


@of_every_process("minimal", "everything", "bare")
def test_no_container_sees_the_processes_of_another(name: str, role: str) -> None:
    """A sidecar could read secrets from /proc. A killed job's children fall to the container's own first process."""
    spec = pod(role_of(name, role))
    assert not spec.get("shareProcessNamespace")
    (container,) = spec["containers"]
    assert container["command"][:2] == ["tini", "--"]
    assert "args" not in container


@of_every_process(*SETS)
def test_every_process_is_asked_whether_it_lives(name: str, role: str) -> None:
    deployment = role_of(name, role)
    (container,) = pod(deployment)["containers"]
    for probe in ("startupProbe", "livenessProbe"):
        asked = container[probe]
        if role in ("serve", "web"):
            assert asked["httpGet"]["path"] == "/healthz"
            assert asked["httpGet"]["port"] in ports(deployment)
        else:
            assert asked["exec"]["command"] == ["trivet", "health"]
    assert ("readinessProbe" in container) is (role in ("serve", "web"))


def test_the_ports_are_those_that_the_processes_are_told() -> None:
    told = {"serve": "TRIVET_PORT", "web": "TRIVET_WEB_PORT", "schedule": "TRIVET_METRICS_PORT"}
    for role, name in told.items():
        (container,) = pod(role_of("minimal", role))["containers"]
        assert list(ports(role_of("minimal", role)).values()) == [int(environment(container)[name])]


def test_without_metrics_schedule_opens_no_port() -> None:
    assert ports(role_of("processor", "schedule")) == {}
    assert "trivet-schedule" not in names(made("processor"), "Service")
    assert "TRIVET_METRICS_PORT" not in environment(pod(role_of("processor", "schedule"))["containers"][0])


@pytest.mark.parametrize("role", WORKERS)
def test_a_worker_has_time_to_end_its_longest_job(role: str) -> None:
    longest = max(kind.timeout for kind in JOBS.values() if kind.queue == role)
    assert pod(role_of("minimal", role))["terminationGracePeriodSeconds"] >= longest + 60


def test_an_update_starts_the_new_before_it_stops_the_old_but_where_there_can_be_one_only() -> None:
    for role in ROLES:
        strategy = role_of("minimal", role)["spec"]["strategy"]
        expected = {"maxSurge": 1, "maxUnavailable": 0} if role != "schedule" else None
        assert strategy.get("rollingUpdate") == expected
    assert role_of("volume", "agents")["spec"]["strategy"] == {"type": "Recreate"}
    assert role_of("minimal", "schedule")["spec"]["strategy"] == {"type": "Recreate"}
    assert role_of("minimal", "schedule")["spec"]["replicas"] == 1


def test_the_image_follows_the_version_or_the_values() -> None:
    def image(**values: str) -> str:
        deployment = find(over({"image": values}), "Deployment", "trivet-serve")
        return str(pod(deployment)["containers"][0]["image"])

    assert image() == f"registry.gitlab.com/trivet/trivet:{__version__}"
    assert image(tag="main", repository="r.example.com/t") == "r.example.com/t:main"
    assert image(digest="sha256:" + "ab" * 32, tag="main").endswith("/trivet@sha256:" + "ab" * 32)


def test_a_role_puts_its_own_values_over_those_of_every_pod() -> None:
    annotations = {
        role: role_of("everything", role)["spec"]["template"]["metadata"]["annotations"]["note"]
        for role in ROLES
    }
    assert annotations == {role: "two" if role == "agents" else "one" for role in ROLES}
    for role in ROLES:
        spec = pod(role_of("everything", role))
        assert spec["nodeSelector"] == {"pool": "bots"}
        assert spec["priorityClassName"] == "high"
        assert spec["imagePullSecrets"] == [{"name": "pull"}]
        assert (
            spec["topologySpreadConstraints"][0]["labelSelector"]["matchLabels"][
                "app.kubernetes.io/component"
            ]
            == role
        )


def test_openshift_may_choose_the_users_itself() -> None:
    free = {"runAsUser": None, "runAsGroup": None, "fsGroup": None}
    for one in workloads(rendered(MINIMAL, {"pods": {"podSecurityContext": free}})):
        assert pod(one)["securityContext"].keys().isdisjoint(free)
        assert pod(one)["securityContext"]["runAsNonRoot"] is True


# --- which secrets and settings they get ---


def test_the_tables_of_the_chart_are_those_of_the_product() -> None:
    assert {role: set(keys) for role, keys in TABLES["holds"].items()} == HOLDS
    assert {reading: one["token"] for reading, one in TABLES["writing"].items()} == FALLBACKS
    assert all(set(TABLES["needs"][role]) <= HOLDS[role] for role in ROLES)
    addresses = {provider.url_variable for provider in PROVIDERS.values()} | {"OLLAMA_CONTEXT_LENGTH"}
    ours = set(TABLES["ours"])
    assert set(TABLES["settings"]) == (known_settings() - SECRETS - ours) | addresses
    assert ours <= known_settings() | NOT_SETTINGS
    assert SECRETS.isdisjoint(TABLES["shared"])
    assert set(TABLES["shared"]) <= known_settings()


@of_every_process("minimal", "everything", "production", "trial", "external-secrets")
def test_a_process_gets_no_secret_that_its_role_may_not_hold(name: str, role: str) -> None:
    assert files(role_of(name, role), "secrets").keys() <= HOLDS[role] | set(TABLES["shared"])


@of_every_role
def test_a_process_gets_every_secret_that_its_role_may_hold(role: str) -> None:
    given = files(role_of("everything", role), "secrets").keys()
    assert HOLDS[role] | {"TRIVET_REDIS_URL", "TRIVET_SENTRY_DSN"} <= given


@of_every_role
def test_a_pod_does_not_start_without_what_its_process_cannot_do_without(role: str) -> None:
    keys = files(
        find(rendered(EVERYTHING, {"secrets": {"readWithWritingToken": []}}), "Deployment", f"trivet-{role}"),
        "secrets",
    )
    needed = {path for path, (_, _, optional) in keys.items() if not optional}
    database = {"TRIVET_DATABASE_URL"} if role == "agents" else set()
    assert needed == {*TABLES["needs"][role], "TRIVET_REDIS_URL", *database}


@of_every_role
def test_one_token_for_both_is_given_to_readers_as_their_reading_one(role: str) -> None:
    keys = {path: key for path, (_, key, _) in files(role_of("everything", role), "secrets").items()}
    if role in READERS:
        assert keys["TRIVET_GITLAB__READ_TOKEN"] == "TRIVET_GITLAB__TOKEN"
        assert "TRIVET_GITLAB__TOKEN" not in keys
    if role in ("agents", "schedule"):
        assert keys["TRIVET_JIRA__READ_TOKEN"] == "TRIVET_JIRA__TOKEN"
        assert keys["TRIVET_CONFLUENCE__READ_TOKEN"] == "TRIVET_CONFLUENCE__READ_TOKEN"
    if role not in READERS:
        assert all(path == key for path, key in keys.items())


def test_a_role_takes_its_own_secret_before_that_of_all() -> None:
    for role in ROLES:
        secrets = {name for name, _, _ in files(role_of("external-secrets", role), "secrets").values()}
        assert secrets == {"trivet-effects" if role == "effects" else "trivet-secrets"}


def test_secrets_in_the_values_come_into_the_secret_of_their_role_and_nowhere_else() -> None:
    canaries = {
        name: f"canary{number:03}{name.lower().replace('_', '')}"
        for number, name in enumerate(sorted(SECRETS))
    }
    values = {
        "secrets": {"existingSecret": "", "values": canaries},
        "database": {"kind": "postgresql"},
        "settings": {"TRIVET_PUBLIC_URL": "https://trivet.example.com"},
        "web": {"enabled": True},
    }
    objects = over(values)
    for role in ROLES:
        assert find(objects, "Secret", f"trivet-{role}")["stringData"].keys() == HOLDS[role]
    elsewhere = json.dumps([one for one in objects if one["kind"] != "Secret"]) + notes(BARE, values)
    assert [value for value in canaries.values() if value in elsewhere] == []


def test_the_password_of_our_redis_stands_in_its_secret_only() -> None:
    password = EVERYTHING["redis"]["password"]
    holding = [one["kind"] for one in made("everything") if password in json.dumps(one)]
    assert holding == ["Secret"]


@of_every_role
def test_what_brings_secrets_as_files_is_all_that_brings_them(role: str) -> None:
    spec = pod(role_of("vault", role))
    (container,) = spec["containers"]
    assert environment(container)["TRIVET_SECRETS_DIR"] == "/vault/secrets"
    assert "secrets" not in {one["name"] for one in spec["volumes"]}
    assert "vault-token" not in {one["name"] for one in container["volumeMounts"]}
    annotations = role_of("vault", role)["spec"]["template"]["metadata"]["annotations"]
    brought = {
        key.rpartition("agent-inject-secret-")[2] for key in annotations if "agent-inject-secret-" in key
    }
    assert set(TABLES["needs"][role]) <= brought <= HOLDS[role]
    templates = {key.rpartition("-")[2] for key in annotations if "agent-inject-template-" in key}
    assert templates == brought


@of_every_process("bare", "everything", "production", "trial", "vault")
def test_a_process_understands_what_it_is_told(
    name: str, role: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The container's environment and files, read as the process itself reads them."""
    deployment = role_of(name, role)
    told = environment(pod(deployment)["containers"][0])
    secret = "Zq8Rt2vLm4" + "Xc7Wn1Kd9P"
    texts = {
        "TRIVET_REDIS_URL": "redis://r:6379/0",
        "TRIVET_DATABASE_URL": "postgresql://db/trivet",
        "TRIVET_SENTRY_DSN": "https://k@sentry.example.com/1",
    }
    mounted = files(deployment, "secrets") if name != "vault" else dict.fromkeys(TABLES["needs"][role])
    for path in mounted:
        (tmp_path / path).write_text("a@example.com" if path.endswith("EMAIL") else texts.get(path, secret))
    for key in [one for one in os.environ if one.startswith("TRIVET_")]:
        monkeypatch.delenv(key)
    for key, value in (told | {"TRIVET_SECRETS_DIR": str(tmp_path)}).items():
        monkeypatch.setenv(key, value)
    settings = load_settings()
    assert unknown_settings(os.environ) == []
    assert settings.redis_url
    assert settings.host == "0.0.0.0"
    assert str(settings.data_dir) == "/data"
    assert settings.gitlab.url == "https://gitlab.example.com"
    assert bool(settings.gitlab.token) is (role == "effects")
    if name == "production":
        assert settings.gitlab.projects == ("group/*", "other/shop")
        assert settings.budget.day_tokens == 50_000_000
        assert len(settings.models) == 2


NAMES = ("TRIVET_MODELS", "TRIVET_MAX_BODY", "TRIVET_JIRA__URL", "TRIVET_HOST", "OLLAMA_HOST")


@example([5_000_000, ["group/*", "other"], "a: b # {{ c }} \"'\\", "null", "0x10"])
@given(
    st.lists(
        st.one_of(
            st.text(
                min_size=1, max_size=30, alphabet=st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"])
            ),
            st.integers(0, 2**53 - 1),
            st.booleans(),
            st.lists(st.text(alphabet="abc*/-_", min_size=1, max_size=8), max_size=3),
        ),
        min_size=len(NAMES),
        max_size=len(NAMES),
    )
)
@settings(max_examples=8, phases=[Phase.explicit, Phase.generate])  # each takes Helm a tenth of a second
def test_a_setting_arrives_as_it_was_written(values: list[Any]) -> None:
    written = dict(zip(NAMES, values, strict=True))
    agents = find(over({"settings": written}), "Deployment", "trivet-agents")
    told = environment(pod(agents)["containers"][0])
    for name, value in written.items():
        said = ",".join(value) if isinstance(value, list) else str(value)
        assert told[name] == (said.lower() if isinstance(value, bool) else said)


def test_the_public_address_is_that_of_the_ingress_where_none_is_said() -> None:
    def told(name: str) -> str | None:
        return environment(pod(role_of(name, "agents"))["containers"][0]).get("TRIVET_PUBLIC_URL")

    assert told("minimal") == "https://trivet.example.com"
    assert told("everything") == "https://a.example.com"
    assert told("bare") is None


def test_the_rules_file_is_the_operators_to_the_letter() -> None:
    (container,) = pod(role_of("everything", "agents"))["containers"]
    file = Path(environment(container)["TRIVET_RULES"])
    (mount,) = (one for one in container["volumeMounts"] if one["name"] == "rules")
    assert str(file.parent) == mount["mountPath"]
    assert "subPath" not in mount  # which would never be updated
    text = find(made("everything"), "ConfigMap", "trivet-rules")["data"][file.name]
    assert text == RULES
    assert rules.load(text.encode()).jira[0].on is not None


def test_a_rules_file_of_ones_own_is_taken() -> None:
    objects = over({"rules": {"existingConfigMap": "mine", "key": "r.yml"}})
    (container,) = pod(find(objects, "Deployment", "trivet-serve"))["containers"]
    assert environment(container)["TRIVET_RULES"] == "/etc/trivet/r.yml"
    assert "trivet-rules" not in names(objects, "ConfigMap")


def test_only_what_is_not_read_again_restarts_pods() -> None:
    def checksum(**values: Any) -> str:
        trial = rendered(EXAMPLES / "trial.yaml", values)
        annotations = find(trial, "Deployment", "trivet-agents")["spec"]["template"]["metadata"][
            "annotations"
        ]
        return str(annotations["checksum/start"])

    assert checksum() == checksum(secrets={"values": {"TRIVET_GITLAB__TOKEN": "another"}})
    assert checksum() == checksum(rules={"content": RULES})
    assert checksum() != checksum(redis={"password": "Zq8Rt2vLm4Xc7Wn1"})
    assert checksum() != checksum(secrets={"values": {"TRIVET_SENTRY_DSN": "https://k@sentry.example.com/1"}})


def test_who_may_list_pods_cannot_try_passwords_against_what_restarts_them() -> None:
    """The same password comes to something else in another namespace, as a hash that anybody can make does not."""
    password = {"redis": {"password": EVERYTHING["redis"]["password"]}}

    def sums(*options: str, **values: Any) -> dict[str, str]:
        objects = rendered(EXAMPLES / "trial.yaml", values, options=options)
        return {
            one["metadata"]["name"]: one["spec"]["template"]["metadata"]["annotations"]["checksum/start"]
            for one in workloads(objects)
        }

    here, elsewhere = sums(**password), sums("--namespace", "elsewhere", **password)
    assert here == sums(**password)
    assert (
        here.keys()
        == elsewhere.keys()
        == {"trivet-redis", *(f"trivet-{role}" for role in ROLES if role != "web")}
    )
    assert all(here[name] != elsewhere[name] for name in here)


# --- who reaches whom ---


def test_only_hooks_and_the_api_are_published() -> None:
    for name in ("minimal", "everything", "production", "traefik", "kong"):
        published = {
            (path["path"], path["backend"]["service"]["name"], rule["host"])
            for one in of_kind(made(name), "Ingress")
            for rule in one["spec"]["rules"]
            for path in rule["http"]["paths"]
        }
        hosts = {host for _, _, host in published}
        where = [("/hooks", "trivet-serve"), ("/api", "trivet-web")]
        assert published == {(path, to, host) for (path, to), host in itertools.product(where, hosts)}


def test_without_web_only_hooks_are_published() -> None:
    objects = over({"ingress": {"enabled": True, "hosts": ["trivet.example.com"]}})
    assert names(objects, "Ingress") == {"trivet-hooks"}


@pytest.mark.parametrize(
    ("name", "annotation"),
    [("traefik", "traefik.ingress.kubernetes.io/router.middlewares"), ("kong", "konghq.com/plugins")],
)
def test_the_limits_that_an_ingress_names_are_there(name: str, annotation: str) -> None:
    limits = names(made(name), "Middleware") | names(made(name), "KongPlugin")
    said = [one["metadata"]["annotations"][annotation].split(",") for one in of_kind(made(name), "Ingress")]
    called = {re.sub(r"^bots-(.*)@kubernetescrd$", r"\1", each) for one in said for each in one}
    assert called == limits == {"trivet-hooks", "trivet-size", "trivet-api"}


def egress(role: str, name: str = "everything") -> set[str]:
    """The ranges that a role may reach."""
    policy = find(made(name), "NetworkPolicy", f"trivet-{role}")
    peers = [peer for rule in policy["spec"]["egress"] for peer in rule["to"]]
    return {peer["ipBlock"]["cidr"] for peer in peers if "ipBlock" in peer}


def test_a_process_reaches_what_it_has_to_do_with() -> None:
    database, platforms, models = {"10.5.0.0/24"}, {"10.1.0.0/24", "2001:db8::/32"}, {"10.2.0.0/24"}
    everyone = {"10.3.0.0/24", "10.9.0.0/24"}
    assert egress("serve") == everyone
    assert egress("web") == egress("effects") == egress("schedule") == everyone | platforms
    assert egress("agents") == everyone | platforms | models | database


def test_every_process_reaches_redis_and_names() -> None:
    for role in ROLES:
        policy = find(made("everything"), "NetworkPolicy", f"trivet-{role}")
        reached = [
            (port["port"], port["protocol"])
            for rule in policy["spec"]["egress"]
            for port in rule.get("ports", ())
            if any("podSelector" in peer or "namespaceSelector" in peer for peer in rule["to"])
        ]
        assert reached == [(53, "UDP"), (53, "TCP"), (6379, "TCP")]


def test_workers_are_reached_by_nobody() -> None:
    for role in WORKERS:
        policy = find(made("everything"), "NetworkPolicy", f"trivet-{role}")["spec"]
        assert "Ingress" in policy["policyTypes"]
        assert "ingress" not in policy


def test_the_receiver_is_reached_by_the_named_peers_and_our_redis_by_trivet() -> None:
    def peers(name: str) -> list[Object]:
        (rule,) = find(made("everything"), "NetworkPolicy", name)["spec"]["ingress"]
        return list(rule["from"])

    policy = EVERYTHING["networkPolicy"]
    assert peers("trivet-serve") == peers("trivet-web") == policy["from"] + policy["metricsFrom"]
    assert peers("trivet-schedule") == policy["metricsFrom"]
    own, keda = peers("trivet-redis")
    assert {f"trivet-{role}" for role in ROLES} <= chosen(
        made("everything"), own["podSelector"]["matchLabels"]
    )
    assert keda == policy["redisFrom"][0]


def test_without_peers_everybody_may_deliver() -> None:
    values = {"networkPolicy": {"enabled": True, "egress": {"platforms": {"ranges": ["0.0.0.0/0"]}}}}
    (rule,) = find(rendered(MINIMAL, values), "NetworkPolicy", "trivet-serve")["spec"]["ingress"]
    assert "from" not in rule


# --- scaling ---


def test_keda_looks_at_the_queue_that_the_agents_work_on() -> None:
    (trigger,) = find(made("everything"), "ScaledObject", "trivet-agents")["spec"]["triggers"]
    assert trigger["type"] == "redis"
    assert trigger["metadata"]["listName"] == queue_key(AGENTS)
    assert trigger["metadata"]["address"] == "trivet-redis.bots.svc:6379"
    assert all(isinstance(value, str) for value in trigger["metadata"].values())


def test_keda_knows_the_password_of_our_redis() -> None:
    (trigger,) = find(made("everything"), "ScaledObject", "trivet-agents")["spec"]["triggers"]
    authentication = find(made("everything"), "TriggerAuthentication", trigger["authenticationRef"]["name"])
    (target,) = authentication["spec"]["secretTargetRef"]
    assert target["key"] in find(made("everything"), "Secret", target["name"])["stringData"]
    assert target["parameter"] == "password"


def test_several_agents_share_postgresql() -> None:
    objects = over(
        {"database": {"kind": "postgresql", "existingSecret": "db", "key": "uri"}, "agents": {"replicas": 3}}
    )
    agents = find(objects, "Deployment", "trivet-agents")
    assert agents["spec"]["replicas"] == 3
    assert files(agents, "secrets")["TRIVET_DATABASE_URL"] == ("db", "uri", False)
    assert "TRIVET_DATABASE_URL" not in files(find(objects, "Deployment", "trivet-effects"), "secrets")


def test_the_file_of_sqlite_may_be_kept_on_a_volume() -> None:
    claim = find(made("volume"), "PersistentVolumeClaim", "trivet-agents")
    (volume,) = (one for one in pod(role_of("volume", "agents"))["volumes"] if one["name"] == "data")
    assert volume["persistentVolumeClaim"] == {"claimName": claim["metadata"]["name"]}
    mine = over({"agents": {"persistence": {"enabled": True, "existingClaim": "mine"}}})
    assert names(mine, "PersistentVolumeClaim") == set()


BINARY = {"Mi": 1024**2, "Gi": 1024**3}


def bytes_of(quantity: str) -> int:
    return int(quantity[:-2]) * BINARY[quantity[-2:]]


def test_agents_have_room_for_all_the_repositories_that_they_keep() -> None:
    """A pod with more on its disk than it may have is evicted, in the middle of a review."""
    (own,) = (one for one in pod(role_of("minimal", "agents"))["volumes"] if one["name"] == "data")
    claim = find(made("volume"), "PersistentVolumeClaim", "trivet-agents")
    for size in (own["emptyDir"]["sizeLimit"], claim["spec"]["resources"]["requests"]["storage"]):
        assert cache_limit(bytes_of(size)) == CACHE_BYTES
        assert bytes_of(size) - CACHE_BYTES > 3 * 1024**3


def test_how_much_a_pod_may_keep_is_said_by_a_value() -> None:
    objects = over({"pods": {"data": {"sizeLimit": "512Mi"}}, "agents": {"data": {"sizeLimit": "20Gi"}}})
    limits = {
        one["metadata"]["labels"]["app.kubernetes.io/component"]: volume["emptyDir"]["sizeLimit"]
        for one in workloads(objects)
        for volume in pod(one)["volumes"]
        if volume["name"] == "data"
    }
    assert limits == {role: "20Gi" if role == "agents" else "512Mi" for role in ROLES if role != "web"}


# --- our Redis, and authorities: their commands, run ---


@contextmanager
def redis_of(name: str) -> Iterator[tuple[int, str]]:
    """The chart's Redis in a shell of this machine, by Valkey: the process, and the address where it answers."""
    config = find(made(name), "ConfigMap", "trivet-redis")["data"]["redis.conf"]
    (container,) = pod(find(made(name), "StatefulSet", "trivet-redis"))["containers"]
    password = EVERYTHING["redis"]["password"] if "END" in container["command"][-1] else ""
    with tempfile.TemporaryDirectory(dir="/tmp") as place:
        folder = Path(place)
        local = config.replace("bind * -::*", f"bind 127.0.0.1\nport 0\nunixsocket {folder}/r.sock")
        (folder / "redis.conf").write_text(local.replace("dir /data", f"dir {folder}"))
        (folder / "password").write_text(password)
        (folder / "redis-server").symlink_to(server_command(folder / "unused")[0])
        command = [
            re.sub(r"/etc/trivet-redis|/run/secrets/redis", place, word) for word in container["command"]
        ]
        search = {"PATH": f"{place}:{os.environ['PATH']}"}
        process = subprocess.Popen(command, env=search, stdout=subprocess.DEVNULL)
        try:
            url = f"unix://:{password}@{folder}/r.sock" if password else f"unix://{folder}/r.sock"
            wait_until_ready(url)
            yield process.pid, url
        finally:
            process.terminate()
            process.wait(10)


@pytest.mark.parametrize("name", ["everything", "minimal"])
def test_our_redis_keeps_what_it_acknowledges(name: str) -> None:
    with redis_of(name) as (_, url), Redis.from_url(url) as client:
        assert forgetful(client.info()) is None
        assert client.config_get("maxmemory") == {"maxmemory": str(256 * 1024**2)}


def test_our_redis_asks_for_its_password_and_shows_it_in_no_list_of_processes() -> None:
    with redis_of("everything") as (process, url):
        with Redis.from_url(url) as client:
            assert client.ping()
        with Redis.from_url(re.sub(r":[^/@]*@", "", url)) as stranger, pytest.raises(AuthenticationError):
            stranger.ping()
        assert EVERYTHING["redis"]["password"].encode() not in Path(f"/proc/{process}/cmdline").read_bytes()


def test_the_address_of_our_redis_leads_to_its_service() -> None:
    address = find(made("everything"), "Secret", "trivet-redis")["stringData"]["TRIVET_REDIS_URL"]
    parts = urlsplit(address)
    service = find(made("everything"), "Service", "trivet-redis")
    assert parts.hostname == f"{service['metadata']['name']}.{service['metadata']['namespace']}.svc"
    assert parts.port == service["spec"]["ports"][0]["port"]
    assert parts.password == EVERYTHING["redis"]["password"]


def test_our_redis_is_that_of_compose() -> None:
    compose = yaml.safe_load((CHART.parent / "compose.yaml").read_text("utf-8"))
    image = pod(find(made("minimal"), "StatefulSet", "trivet-redis"))["containers"][0]["image"]
    assert image == f"docker.io/library/{compose['services']['redis']['image']}"


def test_a_private_authority_is_trusted_besides_the_public_ones(tmp_path: Path) -> None:
    deployment = role_of("everything", "agents")
    (start,) = pod(deployment)["initContainers"]
    public, sources, result = tmp_path / "public.crt", tmp_path / "ca", tmp_path / "out"
    public.write_text("public")  # and no end of its line
    sources.mkdir()
    result.mkdir()
    for name in ("a.crt", "b.crt"):
        (sources / name).write_text(f"private {name}")
    places = {"/etc/ssl/certs/ca-certificates.crt": public, "/etc/trivet-ca": result, "/ca/": f"{sources}/"}
    *shell, script = start["command"]
    for there, here in places.items():
        script = script.replace(there, str(here))
    subprocess.run([*shell, script], check=True, timeout=10)
    assert (result / "ca.crt").read_text().split("\n") == ["public", "private a.crt", "private b.crt", ""]
    told = environment(pod(deployment)["containers"][0])
    assert told["SSL_CERT_FILE"] == told["REQUESTS_CA_BUNDLE"] == "/etc/trivet-ca/ca.crt"


# --- what is refused ---

REFUSALS: list[tuple[dict[str, Any], str]] = [
    ({"settings": {"TRIVET_GITLAB__URL": ""}}, "settings.TRIVET_GITLAB__URL is not set"),
    ({"secrets": {"existingSecret": ""}}, "nothing gives secrets to serve, agents, effects, schedule"),
    ({"settings": {"TRIVET_GITLAB__TOKEN": "x"}}, "settings.TRIVET_GITLAB__TOKEN is a secret"),
    ({"settings": {"OPENAI_API_KEY": "x"}}, "settings.OPENAI_API_KEY is a secret"),
    (
        {"settings": {"TRIVET_PORT": 1}},
        "settings.TRIVET_PORT is set by the chart: use the value serve.service.port",
    ),
    ({"settings": {"TRIVET_GITLAB_URL": "x"}}, "settings.TRIVET_GITLAB_URL is no setting of Trivet"),
    (
        {
            "settings": {"TRIVET_PUBLIC_URL": "https://example.com/trivet/"},
            "ingress": {"enabled": True, "hosts": ["example.com"]},
        },
        "settings.TRIVET_PUBLIC_URL has a path",
    ),
    (
        {"pods": {"extraEnv": [{"name": "OPENAI_API_KEY", "value": "x"}]}},
        "pods.extraEnv names OPENAI_API_KEY",
    ),
    (
        {"serve": {"extraEnv": [{"name": "TRIVET_GITLAB__TOKEN"}]}},
        "serve.extraEnv names TRIVET_GITLAB__TOKEN",
    ),
    ({"web": {"enabled": True}}, "settings.TRIVET_PUBLIC_URL is not set"),
    ({"ingress": {"enabled": True}}, "ingress.hosts is empty"),
    ({"rules": {"content": "jira: []", "existingConfigMap": "x"}}, "the rules are one file"),
    ({"secrets": {"dir": "/vault/secrets"}}, "exclude each other: secrets come from one place"),
    (
        {"secrets": {"dir": "/s", "existingSecret": ""}, "serve": {"existingSecret": "x"}},
        "secrets.dir and serve.existingSecret exclude each other",
    ),
    (
        {"secrets": {"existingSecret": "", "values": {"TRIVET_GITLAB__TOKEN": "x"}}},
        "secrets.values has no TRIVET_MARK_SECRETS, which agents needs",
    ),
    (
        {"secrets": {"existingSecret": "", "values": {"TRIVET_X": "x"}}},
        "secrets.values.TRIVET_X is no secret",
    ),
    (
        {"secrets": {"existingSecret": "", "values": {"TRIVET_DATABASE_URL": "x"}}},
        "secrets.values has TRIVET_DATABASE_URL: set database.kind",
    ),
    ({"database": {"existingSecret": "x"}}, "database.existingSecret names a database: set database.kind"),
    (
        {"secrets": {"dir": "/s", "existingSecret": ""}, "redis": {"url": "", "existingSecret": "x"}},
        "with secrets.dir the addresses of Redis and PostgreSQL are files in that folder",
    ),
    (
        {"redis": {"enabled": True}},
        "redis.url names a Redis, and redis.enabled or redis.existingSecret another",
    ),
    ({"redis": {"password": "a" * 16}}, "redis.password is for the Redis of redis.enabled"),
    (
        {"redis": {"url": "", "enabled": True, "password": "a" * 16, "existingSecret": "x"}},
        "redis.password and redis.existingSecret exclude each other",
    ),
    (
        {"secrets": {"existingSecret": "", "values": {"TRIVET_REDIS_URL": "x"}}},
        "secrets.values has TRIVET_REDIS_URL, and redis names another",
    ),
    ({"agents": {"replicas": 2}}, "2 replicas of agents need a database that they share"),
    (
        {"agents": {"autoscaling": {"enabled": True, "maxReplicas": 3}}},
        "3 replicas of agents need a database that they share",
    ),
    (
        {"agents": {"keda": {"enabled": True, "maxReplicas": 5, "address": "r:1"}}},
        "5 replicas of agents need a database that they share",
    ),
    (
        {"agents": {"keda": {"enabled": True}, "autoscaling": {"enabled": True}}},
        "agents.autoscaling and agents.keda exclude each other",
    ),
    ({"agents": {"keda": {"enabled": True}}}, "agents.keda.address is not set"),
    (
        {"database": {"kind": "postgresql"}, "agents": {"persistence": {"enabled": True}}},
        "agents.persistence keeps the file of SQLite",
    ),
    (
        {"serve": {"autoscaling": {"minReplicas": 9}}},
        "serve.autoscaling.minReplicas is more than maxReplicas",
    ),
    ({"agents": {"keda": {"minReplicas": 9}}}, "agents.keda.minReplicas is more than maxReplicas"),
    ({"networkPolicy": {"enabled": True}}, "networkPolicy.egress.platforms names neither ranges nor peers"),
    ({"networkPolicy": {"enabled": True}}, "networkPolicy.egress.redis names neither ranges nor peers"),
]

WRONG: list[tuple[dict[str, Any], str]] = [
    ({"sreve": {}}, "sreve"),
    ({"serve": {"replica": 2}}, "/serve/replica"),
    ({"effects": {"autoscaling": {"enabled": True}}}, "/effects/autoscaling"),
    ({"schedule": {"replicas": 2}}, "/schedule/replicas"),
    ({"serve": {"replicas": "2"}}, "/serve/replicas"),
    ({"pods": {"extraEnv": [{"value": "x"}]}}, "/pods/extraEnv/0"),
    ({"pods": {"podAnnotations": {"a": 1}}}, "/pods/podAnnotations/a"),
    ({"agents": {"persistence": {"size": "big"}}}, "/agents/persistence/size"),
    ({"agents": {"data": {"sizeLimit": "big"}}}, "/agents/data/sizeLimit"),
    ({"redis": {"url": "redis://:password@redis:6379"}}, "/redis/url"),
    ({"redis": {"password": "short"}}, "/redis/password"),
    ({"redis": {"password": "with blank and $sign"}}, "/redis/password"),
    ({"image": {"digest": "sha256:1"}}, "/image/digest"),
    ({"image": {"pullPolicy": "Sometimes"}}, "/image/pullPolicy"),
    ({"secrets": {"readWithWritingToken": ["github"]}}, "/secrets/readWithWritingToken/0"),
    ({"secrets": {"dir": "relative"}}, "/secrets/dir"),
    ({"database": {"kind": "mysql"}}, "/database/kind"),
    ({"ingress": {"hosts": ["https://trivet.example.com/"]}}, "/ingress/hosts/0"),
    (
        {"networkPolicy": {"egress": {"models": {"ranges": ["10.0.0.1"]}}}},
        "/networkPolicy/egress/models/ranges/0",
    ),
    ({"networkPolicy": {"egress": {"moon": {}}}}, "/networkPolicy/egress"),
    ({"ca": {"certificates": "not PEM"}}, "/ca/certificates"),
    ({"settings": {"TRIVET_MODELS": {"openai": "x"}}}, "/settings/TRIVET_MODELS"),
    ({"settings": {"trivet_models": "x"}}, "'trivet_models' does not match"),
]


@pytest.mark.parametrize(("values", "sentence"), REFUSALS, ids=[sentence[:60] for _, sentence in REFUSALS])
def test_what_cannot_work_is_refused_with_a_sentence(values: dict[str, Any], sentence: str) -> None:
    with pytest.raises(Refused) as refused:
        over(values)
    assert f"- {sentence}" in str(refused.value) or sentence in str(refused.value).partition("\n- ")[2]


@pytest.mark.parametrize(("values", "place"), WRONG, ids=[place for _, place in WRONG])
def test_what_is_no_value_is_refused_by_its_place(values: dict[str, Any], place: str) -> None:
    with pytest.raises(Refused) as refused:
        over(values)
    assert "don't meet the specifications of the schema" in str(refused.value)
    assert place in str(refused.value)


def test_nothing_said_names_everything_that_is_missing_at_once() -> None:
    with pytest.raises(Refused) as refused:
        rendered()
    assert str(refused.value).count("\n- ") == 3


def test_writing_tokens_in_a_readers_variable_are_refused_for_every_role() -> None:
    leaking = {"extraEnv": [{"name": name, "value": "x"} for name in sorted(WRITING)]}
    with pytest.raises(Refused) as refused:
        rendered(MINIMAL, dict.fromkeys(ROLES, leaking))
    for role, name in itertools.product(ROLES, WRITING):
        assert f"{role}.extraEnv names {name}" in str(refused.value)


# --- what people read ---


def test_the_notes_say_where_deliveries_go_and_how_to_look() -> None:
    said = notes(EXAMPLES / "production.yaml")
    for hook in ("gitlab", "jira", "confluence"):
        assert f"https://trivet.example.com/hooks/{hook}" in said
    assert "deploy/trivet-$role -- trivet doctor" in said
    assert "for role in serve web agents effects schedule; do" in said
    assert "doctor" in trivet.commands
    assert "connect" in trivet.commands


def test_the_notes_say_how_to_make_the_webhook_where_the_network_lets_it() -> None:
    assert "TRIVET_CONNECT_TOKEN=$(cat) trivet connect gitlab" in notes(MINIMAL)
    assert "exec -i" not in notes(EXAMPLES / "production.yaml")


def test_the_notes_say_what_a_trial_lacks() -> None:
    said = notes(EXAMPLES / "trial.yaml", {"settings": {"TRIVET_GITLAB__PROJECTS": []}})
    for lacking in (
        "no project is allowed",
        "No model is named",
        "keeps nothing when its pod ends",
        "a trial",
    ):
        assert lacking in said


def test_the_chart_has_the_version_of_the_product() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text("utf-8"))
    assert chart["version"] == chart["appVersion"] == __version__
    assert chart["kubeVersion"] == f">={OLDEST}.0-0"


def test_every_value_has_a_sentence() -> None:
    values = values_table.values(values_table.VALUES.read_text("utf-8"))
    assert len(values) > 100
    assert [one.name for one in values if not one.meaning.endswith(".")] == []


def test_the_page_of_the_chart_has_every_value() -> None:
    text = values_table.VALUES.read_text("utf-8")
    page = values_table.README.read_text("utf-8")
    assert values_table.table(text) in page, "run `make docs`"


def test_the_page_of_the_chart_says_who_holds_what() -> None:
    page = values_table.README.read_text("utf-8")
    for role in ROLES:
        (row,) = re.findall(rf"^\| `{role}` \| (.*) \|$", page, re.M)
        assert set(re.findall(r"`(\w+)`", row)) == HOLDS[role]


def test_the_page_of_the_chart_names_every_example() -> None:
    page = values_table.README.read_text("utf-8")
    assert set(re.findall(r"\(examples/([\w-]+)\.yaml\)", page)) == {
        one.stem for one in EXAMPLES.glob("*.yaml")
    }
    assert {one.stem for one in EXAMPLES.glob("*.yaml")} == SETS.keys() - {
        "bare",
        "everything",
        "volume",
        "processor",
    }


def test_the_schema_knows_no_value_that_the_file_does_not_have() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text("utf-8"))
    defaults = yaml.safe_load(values_table.VALUES.read_text("utf-8"))
    assert missing(schema, schema, defaults) == []


def missing(schema: Object, part: Object, defaults: Any, above: str = "") -> list[str]:
    """The properties that the schema describes and the defaults lack; what a role takes of `pods` is not looked for."""
    if not part.get("properties") and "$ref" in part:
        part = schema["$defs"][part["$ref"].rpartition("/")[2]]
    found = []
    for name, inner in part.get("properties", {}).items():
        if not isinstance(defaults, dict) or above.endswith(("resources", "peers")):
            continue
        if name not in defaults:
            found.append(f"{above}.{name}")
        else:
            found += missing(schema, inner, defaults[name], f"{above}.{name}")
    return found


def test_the_published_chart_has_all_it_needs(tmp_path: Path) -> None:
    with tarfile.open(helm.packed(tmp_path)) as package:
        inside = {name.removeprefix("trivet/") for name in package.getnames()}
    needed = {
        str(file.relative_to(CHART))
        for folder in ("templates", "files")
        for file in (CHART / folder).iterdir()
    }
    assert needed | {"Chart.yaml", "values.yaml", "values.schema.json", "README.md"} == inside


def test_helm_is_locked_by_a_digest_without_an_address() -> None:
    lock = helm.LOCK.read_text("utf-8")
    assert re.fullmatch(r"[a-z0-9-]+==[\d.]+ \\\n    --hash=sha256:[0-9a-f]{64}\n", lock)
