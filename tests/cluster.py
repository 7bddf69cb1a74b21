"""What a cluster checks of objects that come together: their schemas, names, and what each names of the others."""

import functools
import re
from collections.abc import Iterator, Mapping
from typing import Any

from jsonschema import Draft202012Validator
from kubernetes_validate.utils import (  # type: ignore[import-untyped]
    all_versions,
    major_minor,
    schema_contents,
)
from referencing import Registry, Resource

Object = dict[str, Any]

NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
LONGEST_NAME = 63  # of what becomes a label or a host name
LONGEST_SET = 52  # of a StatefulSet: the label of its revision is eleven characters longer
CUSTOM: Mapping[str, tuple[str, frozenset[str]]] = {
    "ScaledObject": (
        "keda.sh/v1alpha1",
        frozenset({"scaleTargetRef", "minReplicaCount", "maxReplicaCount", "pollingInterval", "triggers"}),
    ),
    "TriggerAuthentication": ("keda.sh/v1alpha1", frozenset({"secretTargetRef"})),
    "ServiceMonitor": (
        "monitoring.coreos.com/v1",
        frozenset({"selector", "endpoints", "namespaceSelector", "jobLabel", "targetLabels"}),
    ),
    "PrometheusRule": ("monitoring.coreos.com/v1", frozenset({"groups"})),
    "Middleware": ("traefik.io/v1alpha1", frozenset({"rateLimit", "buffering"})),
    "ExternalSecret": (
        "external-secrets.io/v1",
        frozenset({"refreshInterval", "secretStoreRef", "target", "data", "dataFrom"}),
    ),
    "KongPlugin": ("configuration.konghq.com/v1", frozenset()),
}
"""What operators bring: their API version, and those fields of `spec` that the chart and its examples use."""

OLDEST = "1.27"
NEWEST = major_minor(all_versions()[-1])


def problems(item: Object, version: str) -> list[str]:
    """What a cluster of this version says against an object; of a custom one, what its operator does not know."""
    if item["kind"] in CUSTOM:
        api, fields = CUSTOM[item["kind"]]
        unknown = sorted(item.get("spec", {}).keys() - fields)
        return unknown if item["apiVersion"] == api else [item["apiVersion"]]
    validator = _validator(item["kind"], item["apiVersion"], version)
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(item)]


@functools.cache
def _validator(kind: str, api: str, version: str) -> Draft202012Validator:
    """As `kubernetes_validate.validate` makes it anew for each object, which takes 0.2 s."""
    full = next(one for one in all_versions() if major_minor(one) == version)
    folder = f"kubernetes-json-schema/v{full}-local-strict"
    group = re.sub(r"^([^./]*)(?:\.[^/]*)?/", r"\1-", api)
    schema = schema_contents(f"{folder}/{kind.lower()}-{group}.json", version)
    return Draft202012Validator(schema, registry=_definitions(folder, version))


@functools.cache
def _definitions(folder: str, version: str) -> Registry[Any]:
    definitions = Resource.from_contents(schema_contents(f"{folder}/_definitions.json", version))
    return definitions @ Registry()


def find(objects: list[Object], kind: str, name: str) -> Object:
    return next(one for one in objects if (one["kind"], one["metadata"]["name"]) == (kind, name))


def of_kind(objects: list[Object], *kinds: str) -> list[Object]:
    return [one for one in objects if one["kind"] in kinds]


def names(objects: list[Object], kind: str) -> set[str]:
    return {one["metadata"]["name"] for one in of_kind(objects, kind)}


def workloads(objects: list[Object]) -> list[Object]:
    return of_kind(objects, "Deployment", "StatefulSet")


def pod(workload: Object) -> Object:
    """Its pods' `spec`."""
    spec: Object = workload["spec"]["template"]["spec"]
    return spec


def containers(workload: Object) -> list[Object]:
    return [*pod(workload).get("initContainers", ()), *pod(workload)["containers"]]


def chosen(objects: list[Object], selector: Mapping[str, str]) -> set[str]:
    """The workloads whose pods have these labels."""
    return {
        one["metadata"]["name"]
        for one in workloads(objects)
        if selector.items() <= one["spec"]["template"]["metadata"]["labels"].items()
    }


def ports(workload: Object) -> dict[str, int]:
    """By name."""
    return {one["name"]: one["containerPort"] for one in pod(workload)["containers"][0].get("ports", ())}


def environment(container: Object) -> dict[str, str]:
    """Its variables that are plain text."""
    return {one["name"]: one["value"] for one in container.get("env", ()) if "value" in one}


def files(workload: Object, volume: str) -> dict[str, tuple[str, str, bool]]:
    """The files of a projected volume: path -> Secret, key, whether the pod starts without it."""
    found = next(one for one in pod(workload)["volumes"] if one["name"] == volume)
    sources = [one["secret"] for one in found["projected"]["sources"]]
    items = [(source, item) for source in sources for item in source["items"]]
    paths = [item["path"] for _, item in items]
    assert len(paths) == len(set(paths)), "the API server refuses a path that comes twice"
    return {
        item["path"]: (source["name"], item["key"], source.get("optional", False)) for source, item in items
    }


def named(workload: Object) -> Iterator[tuple[str, str]]:
    """Kind and name of each object that its pods cannot do without."""
    spec = pod(workload)
    if spec.get("serviceAccountName", "default") != "default":
        yield "ServiceAccount", spec["serviceAccountName"]
    for volume in spec["volumes"]:
        projected = volume.get("projected", {}).get("sources", [])
        for source in (volume, *projected):
            yield from _named(source)


def _named(source: Object) -> Iterator[tuple[str, str]]:
    if "configMap" in source:
        yield "ConfigMap", source["configMap"]["name"]
    if "secret" in source and not source["secret"].get("optional"):
        yield "Secret", source["secret"].get("secretName") or source["secret"]["name"]
    if "persistentVolumeClaim" in source:
        yield "PersistentVolumeClaim", source["persistentVolumeClaim"]["claimName"]
