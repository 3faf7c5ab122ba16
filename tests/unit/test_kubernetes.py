# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The manifests of deploy/kubernetes as kubectl renders them: valid, safe, and in step with the rest of the repository."""

from __future__ import annotations

import copy
import re
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

GUIDE = ROOT / "docs/docsite/rst/guide_image_and_kubernetes.rst"
OVERLAYS = ROOT / "deploy/kubernetes/overlays"
ENVIRONMENTS = ("development", "production")
# The oldest release that is supported here, and the newest that the validator knows
RELEASES = ("1.29", kubernetes_validate.latest_version())
VERSION = yaml.safe_load((ROOT / "galaxy.yml").read_text(encoding="utf-8"))["version"]
COLLECTION = "kcloud.infrastructure."

Document = dict[str, Any]
Rule = Callable[[list[Document]], Iterator[str]]

# The Secrets that a user makes, as the guide says; nothing else holds a secret
SECRETS = {
    "development": {"kcloud-clouds", "kcloud-gateway-tokens", "kcloud-events"},
    "production": {"kcloud-clouds", "kcloud-gateway-tokens", "kcloud-events", "kcloud-gateway-database"},
}
# What every pod mounts
COMMON_VOLUMES = {"clouds", "settings", "home", "temporary"}
# The validator has no custom resources; this is the part of the operator's schema that is used here
SERVICE_MONITOR = {
    "type": "object",
    "required": ["apiVersion", "kind", "metadata", "spec"],
    "properties": {
        "apiVersion": {"const": "monitoring.coreos.com/v1"},
        "spec": {
            "type": "object",
            "additionalProperties": False,
            "required": ["selector", "endpoints"],
            "properties": {
                "selector": {
                    "type": "object",
                    "required": ["matchLabels"],
                    "additionalProperties": False,
                    "properties": {"matchLabels": {"type": "object", "additionalProperties": {"type": "string"}}},
                },
                "endpoints": {
                    "type": "array",
                    "minItems": 1,
                    "items": {
                        "type": "object",
                        "required": ["port"],
                        "additionalProperties": False,
                        "properties": {
                            "port": {"type": "string"},
                            "path": {"type": "string", "pattern": "^/"},
                            "interval": {"type": "string", "pattern": r"^\d+s$"},
                        },
                    },
                },
            },
        },
    },
}


def kustomized(environment: str) -> subprocess.CompletedProcess[str] | None:
    """What kubectl makes of an overlay; None without kubectl."""
    if shutil.which("kubectl") is None:
        return None
    command = ["kubectl", "kustomize", str(OVERLAYS / environment)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


# While the tests are collected: `ansible-test units` runs each in a process of its own, which inherits this
KUSTOMIZED = {environment: kustomized(environment) for environment in ENVIRONMENTS}
PARSED = {
    environment: list(yaml.load_all(done.stdout, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)))
    for environment, done in KUSTOMIZED.items()
    if done is not None
}


def rendered(environment: str) -> str:
    """What `kubectl apply -k` of an overlay would send, as text."""
    done = KUSTOMIZED[environment]
    if done is None:
        pytest.fail("kubectl is missing: install Debian's package kubernetes-client, as `make test` does")
    assert done.returncode == 0, f"kubectl 1.21 or newer must render this: {done.stderr}"
    assert done.stderr == "", "kustomize warns of what it will no longer take"
    return done.stdout


def documents(environment: str) -> list[Document]:
    """The objects of an overlay; a copy of them."""
    assert rendered(environment)
    return copy.deepcopy(PARSED[environment])


def of_kind(objects: list[Document], *kinds: str) -> list[Document]:
    """The objects of some kinds."""
    return [one for one in objects if one["kind"] in kinds]


def named(objects: list[Document], kind: str, name: str) -> Document:
    """The one object of a kind and name."""
    (found,) = [one for one in of_kind(objects, kind) if one["metadata"]["name"] == name]
    return found


def called(one: Document) -> str:
    """An object in a message."""
    return f"{one['kind']} {one['metadata']['name']}"


def template(one: Document) -> Document:
    """The pod template of a Deployment, Job or CronJob."""
    spec = one["spec"]
    return (spec["jobTemplate"]["spec"] if one["kind"] == "CronJob" else spec)["template"]


def workloads(objects: list[Document]) -> list[tuple[str, Document]]:
    """What starts pods: how to call it, and its pod template."""
    return [(called(one), template(one)) for one in of_kind(objects, "Deployment", "Job", "CronJob")]


def containers(objects: list[Document]) -> list[tuple[str, Document]]:
    """Every container, those that run before it included."""
    return [
        (name, container)
        for name, pod in workloads(objects)
        for container in [*pod["spec"]["containers"], *pod["spec"].get("initContainers", [])]
    ]


def playbook_of(container: Document) -> str | None:
    """The playbook that a container runs, by its short name."""
    args = container.get("args", [])
    return args[-1].removeprefix(COLLECTION) if args[:1] == ["ansible-playbook"] else None


# -- rules: objects -> what is wrong with them -------------------------------------------------------------------------


def restricted_pods(objects: list[Document]) -> Iterator[str]:
    """Kubernetes' pod security standard "restricted", and a root that is read-only."""
    kinds = {"configMap", "emptyDir", "secret", "persistentVolumeClaim", "projected", "downwardAPI", "csi", "ephemeral"}
    for name, pod in workloads(objects):
        spec = pod["spec"]
        security = spec.get("securityContext", {})
        if security.get("runAsNonRoot") is not True or not security.get("runAsUser"):
            yield f"{name} may run as root"
        if security.get("seccompProfile") != {"type": "RuntimeDefault"}:
            yield f"{name} has no seccomp profile"
        if {key for key in ("hostNetwork", "hostPID", "hostIPC") if spec.get(key)}:
            yield f"{name} shares a namespace of its host"
        if spec.get("automountServiceAccountToken") is not False:
            yield f"{name} mounts the token of its account"
        for volume in spec.get("volumes", []):
            if set(volume) - {"name"} - kinds:
                yield f"{name} mounts the volume {volume['name']} of a kind that is not allowed"
    for name, container in containers(objects):
        security = container.get("securityContext", {})
        if security.get("allowPrivilegeEscalation") is not False or security.get("privileged"):
            yield f"{name} may gain privileges"
        if security.get("capabilities") != {"drop": ["ALL"]}:
            yield f"{name} keeps capabilities"
        if security.get("readOnlyRootFilesystem") is not True:
            yield f"{name} may write to its image"
        if any("hostPort" in port for port in container.get("ports", [])):
            yield f"{name} takes a port of its host"


def namespace_is_restricted(objects: list[Document]) -> Iterator[str]:
    """The namespace itself enforces the same, whatever else is put into it; every object is in it."""
    for one in of_kind(objects, "Namespace"):
        if one["metadata"].get("labels", {}).get("pod-security.kubernetes.io/enforce") != "restricted":
            yield "the namespace does not enforce restricted pods"
    names = {one["metadata"]["name"] for one in of_kind(objects, "Namespace")}
    for one in objects:
        if one["kind"] != "Namespace" and {one["metadata"].get("namespace")} != names:
            yield f"{called(one)} is not in the namespace"


def resources_are_set(objects: list[Document]) -> Iterator[str]:
    """What each container asks for, and the most that it may take."""
    for name, container in containers(objects):
        for kind in ("requests", "limits"):
            if set(container.get("resources", {}).get(kind, {})) != {"cpu", "memory"}:
                yield f"{name} has no {kind} for cpu and memory"


def schedules_are_careful(objects: list[Document]) -> Iterator[str]:
    """One run at a time, an end to each, and a failure is looked at before anything runs again."""
    for one in of_kind(objects, "CronJob"):
        if one["spec"].get("concurrencyPolicy") != "Forbid":
            yield f"{called(one)} may run twice at once"
        if not one["spec"].get("timeZone"):
            yield f"{called(one)} runs in the time zone of the controller, whatever that is"
    for one in of_kind(objects, "CronJob", "Job"):
        job = one["spec"]["jobTemplate"]["spec"] if one["kind"] == "CronJob" else one["spec"]
        if job.get("backoffLimit") != 0 or job["template"]["spec"].get("restartPolicy") != "Never":
            yield f"{called(one)} repeats what failed"
        if not job.get("activeDeadlineSeconds"):
            yield f"{called(one)} may run for ever"


def everything_can_be_changed(objects: list[Document]) -> Iterator[str]:
    """A Job cannot be: with another image or setting, `kubectl apply` fails at it, and `kubectl diff` shows nothing."""
    for one in of_kind(objects, "Job"):
        yield f"{called(one)} cannot be changed while it exists"


def secrets_are_references(objects: list[Document]) -> Iterator[str]:
    """No secret is in a manifest: neither a Secret nor the value of a variable, nor an address with a password."""
    for one in of_kind(objects, "Secret"):
        yield f"{called(one)} is in the manifests"
    values = [
        (name, variable["name"], variable.get("value", ""))
        for name, container in containers(objects)
        for variable in container.get("env", [])
    ]
    values += [(called(one), key, value) for one in of_kind(objects, "ConfigMap") for key, value in one["data"].items()]
    for name, key, value in values:
        secret_name = re.search(r"TOKEN|PASSWORD|SECRET|DATABASE", key) and not key.endswith("_FILE")
        if value and (secret_name or re.search(r"://[^/\s]*:[^/\s]*@", value)):
            yield f"{name} has the value of {key}"


def images_are_this_version(objects: list[Document]) -> Iterator[str]:
    """The image that `make ee-build` makes of this version."""
    for name, container in containers(objects):
        if container["image"] != f"kcloud-infrastructure:{VERSION}":
            yield f"{name} runs {container['image']}"


def role_variables(playbook: str) -> set[str]:
    """The variables of the roles of a playbook."""
    plays = yaml.safe_load((ROOT / f"playbooks/{playbook}.yml").read_text(encoding="utf-8"))
    roles = [entry["role"].removeprefix(COLLECTION) for play in plays for entry in play["roles"]]
    specs = [yaml.safe_load((ROOT / f"roles/{role}/meta/argument_specs.yml").read_text("utf-8")) for role in roles]
    return {name for spec in specs for name in spec["argument_specs"]["main"]["options"]}


def playbooks_exist(objects: list[Document]) -> Iterator[str]:
    """Each playbook, each rulebook, and each variable that is given to a playbook."""
    for name, container in containers(objects):
        args = container.get("args", [])
        playbook = playbook_of(container)
        if playbook is not None and not (ROOT / f"playbooks/{playbook}.yml").is_file():
            yield f"{name} runs the playbook {playbook}, which does not exist"
        elif playbook is not None:
            given = {arg.split("=")[1] for arg in args if arg.startswith("--extra-vars=")}
            for variable in sorted(given - role_variables(playbook)):
                yield f"{name} gives {variable}, which the roles of {playbook} do not have"
        for arg in args:
            if arg.startswith("--rulebook=") and not rulebook(arg).is_file():
                yield f"{name} runs {arg}, which does not exist"


def rulebook(arg: str) -> Path:
    """The file of `--rulebook=kcloud.infrastructure.NAME`."""
    return ROOT / "extensions/eda/rulebooks" / f"{arg.removeprefix('--rulebook=' + COLLECTION)}.yml"


def references_resolve(objects: list[Document]) -> Iterator[str]:
    """ConfigMaps, claims, mounted volumes, the account, and the ports of probes and services are those that exist."""
    maps = {one["metadata"]["name"] for one in of_kind(objects, "ConfigMap")}
    claims = {one["metadata"]["name"] for one in of_kind(objects, "PersistentVolumeClaim")}
    accounts = {one["metadata"]["name"] for one in of_kind(objects, "ServiceAccount")}
    for name, pod in workloads(objects):
        volumes = {volume["name"]: volume for volume in pod["spec"].get("volumes", [])}
        used_maps = {volume["configMap"]["name"] for volume in volumes.values() if "configMap" in volume}
        used_claims = {
            volume["persistentVolumeClaim"]["claimName"]
            for volume in volumes.values()
            if "persistentVolumeClaim" in volume
        }
        if pod["spec"].get("serviceAccountName") not in accounts:
            yield f"{name} runs as another account"
        if used_claims - claims:
            yield f"{name} mounts a claim that does not exist"
        for container in pod["spec"]["containers"]:
            used_maps |= {source["configMapRef"]["name"] for source in container.get("envFrom", [])}
            if {mount["name"] for mount in container.get("volumeMounts", [])} != set(volumes):
                yield f"{name} mounts other volumes than it has"
            ports = {port["name"] for port in container.get("ports", [])}
            probes = [container[key] for key in container if key.endswith("Probe")]
            if {(probe.get("httpGet") or probe["tcpSocket"])["port"] for probe in probes} - ports:
                yield f"{name} probes a port that it does not have"
        if used_maps - maps:
            yield f"{name} uses a ConfigMap that does not exist"


def selectors_find_pods(objects: list[Document]) -> Iterator[str]:
    """What selects by labels finds something, and each port by its name."""
    pods = [(pod["metadata"]["labels"], pod["spec"]) for _name, pod in workloads(objects)]
    services = [(one["metadata"]["labels"], one["spec"]) for one in of_kind(objects, "Service")]

    def found(wanted: Document, things: list[tuple[Document, Document]]) -> list[Document]:
        return [spec for labels, spec in things if wanted.items() <= labels.items()]

    def port_names(specs: list[Document]) -> list[set[str]]:
        return [{port["name"] for each in spec["containers"] for port in each.get("ports", [])} for spec in specs]

    for one in of_kind(objects, "Service"):
        chosen = port_names(found(one["spec"]["selector"], pods))
        targets = {port["targetPort"] for port in one["spec"]["ports"]}
        if len(chosen) != 1 or not targets <= chosen[0]:
            yield f"{called(one)} does not lead to one workload and its port"
    for one in of_kind(objects, "PodDisruptionBudget", "Deployment"):
        if len(found(one["spec"]["selector"]["matchLabels"], pods)) != 1:
            yield f"{called(one)} does not select one workload"
    for one in of_kind(objects, "NetworkPolicy"):
        chosen = port_names(found(one["spec"]["podSelector"].get("matchLabels", {}), pods))
        opened = {port["port"] for rule in one["spec"].get("ingress", []) for port in rule["ports"]}
        if not chosen or any(not opened <= names for names in chosen):
            yield f"{called(one)} opens a port that its pods do not have"
    for one in of_kind(objects, "ServiceMonitor"):
        chosen = found(one["spec"]["selector"]["matchLabels"], services)
        ports = {endpoint["port"] for endpoint in one["spec"]["endpoints"]}
        if len(chosen) != 1 or not ports <= {port["name"] for port in chosen[0]["ports"]}:
            yield f"{called(one)} does not lead to one service and its port"


def network_is_closed(objects: list[Document]) -> Iterator[str]:
    """Nothing passes in either direction unless a policy says so; whoever may come in is named."""
    policies = [one["spec"] for one in of_kind(objects, "NetworkPolicy")]
    if {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]} not in policies:
        yield "nothing denies traffic by default"
    for one in of_kind(objects, "NetworkPolicy"):
        for direction in ("ingress", "egress"):
            peer = {"ingress": "from", "egress": "to"}[direction]
            if any(not rule.get(peer) or not rule.get("ports") for rule in one["spec"].get(direction, [])):
                yield f"{called(one)} opens every address or every port"
        peers = [peer for rule in one["spec"].get("egress", []) for peer in rule["to"]]
        if any("ipBlock" in peer for peer in peers) and {"namespaceSelector": {}} not in peers:
            # Network plugins such as Cilium match no ipBlock against pods
            yield f"{called(one)} keeps services out that run as pods of this cluster"


def environment_of(objects: list[Document], container: Document) -> dict[str, str]:
    """The environment variables of a container; a secret's value is a word."""
    maps = {one["metadata"]["name"]: one["data"] for one in of_kind(objects, "ConfigMap")}
    sources = [maps.get(source["configMapRef"]["name"], {}) for source in container.get("envFrom", [])]
    own = {variable["name"]: variable.get("value", "sqlite://") for variable in container.get("env", [])}
    return {key: value for source in [*sources, own] for key, value in source.items()}


def only_volumes_are_written(objects: list[Document]) -> Iterator[str]:
    """Homes, temporary files and what a playbook keeps lie on volumes that can be written."""
    for name, container in containers(objects):
        mounts = {mount["mountPath"] for mount in container["volumeMounts"] if not mount.get("readOnly")}
        environment = environment_of(objects, container)
        places = [environment.get(key, "") for key in ("HOME", "ANSIBLE_LOCAL_TEMP", "ANSIBLE_REMOTE_TEMP")]
        places += [environment[key] for key in environment if key.endswith("STATE_FOLDER")]
        places += [arg.split("=", 2)[2] for arg in container.get("args", []) if "=/var/" in arg]
        for place in [*places, "/tmp/x"]:
            if not any(f"{place}/".startswith(f"{mount}/") for mount in mounts):
                yield f"{name} writes to '{place}', which is not on a volume"


def nothing_acts_by_itself(objects: list[Document]) -> Iterator[str]:
    """What is scheduled shows what it would do, until an overlay says otherwise; each such playbook has its switch."""
    for name, pod in workloads(objects):
        given = variables_of(objects, pod["spec"])
        for playbook in filter(None, map(playbook_of, pod["spec"]["containers"])):
            for switch in sorted(one for one in role_variables(playbook) if one.endswith("_apply")):
                if given.get(switch) is not False:
                    yield f"{name} acts: nothing says {switch}: false"


def variables_of(objects: list[Document], pod: Document) -> Document:
    """What Ansible reads in a pod for every host: the files of a folder in order of their names, the last one wins."""
    (settings,) = [volume["configMap"] for volume in pod["volumes"] if volume["name"] == "settings"]
    data = named(objects, "ConfigMap", settings["name"])["data"]
    paths = {entry["path"]: entry["key"] for entry in settings["items"] if "/group_vars/all/" in entry["path"]}
    read = [yaml.safe_load(data[paths[path]]) or {} for path in sorted(paths)]
    return {name: value for variables in read for name, value in variables.items()}


RULES: tuple[Rule, ...] = (
    restricted_pods,
    namespace_is_restricted,
    resources_are_set,
    schedules_are_careful,
    everything_can_be_changed,
    secrets_are_references,
    images_are_this_version,
    playbooks_exist,
    references_resolve,
    selectors_find_pods,
    network_is_closed,
    only_volumes_are_written,
    nothing_acts_by_itself,
)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_the_manifests_keep_each_rule(environment: str, rule: Rule) -> None:
    assert list(rule(documents(environment))) == []


def pod_of(objects: list[Document], kind: str, name: str) -> Document:
    """The specification of a workload's pods."""
    return template(named(objects, kind, name))["spec"]


def gateway(objects: list[Document]) -> Document:
    """The gateway's container."""
    return pod_of(objects, "Deployment", "kcloud-gateway")["containers"][0]


def scale(objects: list[Document]) -> Document:
    """The container of the schedule that scales."""
    return pod_of(objects, "CronJob", "kcloud-scale")["containers"][0]


def settings_with(objects: list[Document], key: str) -> dict[str, str]:
    """The data of the ConfigMap that has a key."""
    (found,) = [one["data"] for one in of_kind(objects, "ConfigMap") if key in one["data"]]
    return found


# What must not happen, the rule that finds it, and a word of its complaint
SPOILED: dict[str, tuple[Rule, Callable[[list[Document]], Any], str]] = {
    "root": (
        restricted_pods,
        lambda all: pod_of(all, "CronJob", "kcloud-verify-openstack")["securityContext"].pop("runAsNonRoot"),
        "root",
    ),
    "seccomp": (
        restricted_pods,
        lambda all: pod_of(all, "CronJob", "kcloud-report")["securityContext"].pop("seccompProfile"),
        "seccomp",
    ),
    "host": (
        restricted_pods,
        lambda all: pod_of(all, "Deployment", "kcloud-gateway").update(hostNetwork=True),
        "host",
    ),
    "path of the host": (
        restricted_pods,
        lambda all: pod_of(all, "Deployment", "kcloud-gateway")["volumes"].append({"name": "x", "hostPath": {}}),
        "volume",
    ),
    "capabilities": (
        restricted_pods,
        lambda all: gateway(all)["securityContext"]["capabilities"].update(add=["NET_ADMIN"]),
        "capabilities",
    ),
    "writable root": (
        restricted_pods,
        lambda all: scale(all)["securityContext"].pop("readOnlyRootFilesystem"),
        "image",
    ),
    "privileges": (
        restricted_pods,
        lambda all: scale(all)["securityContext"].pop("allowPrivilegeEscalation"),
        "privileges",
    ),
    "namespace": (
        namespace_is_restricted,
        lambda all: of_kind(all, "Namespace")[0]["metadata"]["labels"].pop("pod-security.kubernetes.io/enforce"),
        "enforce",
    ),
    "another namespace": (
        namespace_is_restricted,
        lambda all: of_kind(all, "CronJob")[0]["metadata"].update(namespace="default"),
        "namespace",
    ),
    "resources": (resources_are_set, lambda all: scale(all)["resources"].pop("limits"), "limits"),
    "twice at once": (
        schedules_are_careful,
        lambda all: named(all, "CronJob", "kcloud-cleanup")["spec"].update(concurrencyPolicy="Allow"),
        "twice",
    ),
    "repeated": (
        schedules_are_careful,
        lambda all: named(all, "CronJob", "kcloud-scale")["spec"]["jobTemplate"]["spec"].update(backoffLimit=6),
        "repeats",
    ),
    "no end": (
        schedules_are_careful,
        lambda all: named(all, "CronJob", "kcloud-scale")["spec"]["jobTemplate"]["spec"].pop("activeDeadlineSeconds"),
        "ever",
    ),
    "job": (
        everything_can_be_changed,
        lambda all: all.append({"kind": "Job", "metadata": {"name": "x"}}),
        "Job x",
    ),
    "secret": (
        secrets_are_references,
        lambda all: all.append({"kind": "Secret", "metadata": {"name": "x"}}),
        "Secret x",
    ),
    "token": (
        secrets_are_references,
        lambda all: gateway(all)["env"].append({"name": "KCLOUD_EVENTS_TOKEN", "value": "abc"}),
        "KCLOUD_EVENTS_TOKEN",
    ),
    "password in an address": (
        secrets_are_references,
        lambda all: of_kind(all, "ConfigMap")[0]["data"].update(PROMETHEUS="http://me:word@prometheus"),
        "PROMETHEUS",
    ),
    "image": (images_are_this_version, lambda all: scale(all).update(image="kcloud-infrastructure:latest"), "latest"),
    "playbook": (playbooks_exist, lambda all: scale(all)["args"].append(f"{COLLECTION}shrink"), "shrink"),
    "variable": (
        playbooks_exist,
        lambda all: scale(all)["args"].insert(1, "--extra-vars=cluster_autoscale_memory_path=/var/lib/kcloud/x"),
        "memory_path",
    ),
    "rulebook": (playbooks_exist, lambda all: gateway(all)["args"].append(f"--rulebook={COLLECTION}none"), "none"),
    "map": (
        references_resolve,
        lambda all: scale(all)["envFrom"][0]["configMapRef"].update(name="kcloud-environment"),
        "ConfigMap",
    ),
    "claim": (
        references_resolve,
        lambda all: all.remove(named(all, "PersistentVolumeClaim", "kcloud-scale")),
        "claim",
    ),
    "probe": (
        references_resolve,
        lambda all: gateway(all)["livenessProbe"]["httpGet"].update(port="web"),
        "probes",
    ),
    "service": (
        selectors_find_pods,
        lambda all: named(all, "Service", "kcloud-gateway")["spec"]["selector"].update({"app.kubernetes.io/name": "x"}),
        "Service",
    ),
    "budget": (
        selectors_find_pods,
        lambda all: of_kind(all, "PodDisruptionBudget")[0]["spec"]["selector"].update(matchLabels={"a": "b"}),
        "PodDisruptionBudget",
    ),
    "port of a policy": (
        selectors_find_pods,
        lambda all: named(all, "NetworkPolicy", "kcloud-gateway")["spec"]["ingress"][0]["ports"][0].update(port="web"),
        "NetworkPolicy",
    ),
    "open": (network_is_closed, lambda all: all.remove(named(all, "NetworkPolicy", "kcloud-deny")), "by default"),
    "open to all": (
        network_is_closed,
        lambda all: named(all, "NetworkPolicy", "kcloud-events")["spec"]["ingress"][0].pop("from"),
        "every",
    ),
    "home": (
        only_volumes_are_written,
        lambda all: settings_with(all, "HOME").update(HOME="/root"),
        "/root",
    ),
    "kept": (
        only_volumes_are_written,
        lambda all: scale(all)["volumeMounts"].remove(mount(scale(all), "state")),
        "/var",
    ),
    "acts": (
        nothing_acts_by_itself,
        lambda all: settings_with(all, "variables.yml").update({"variables.yml": "cluster_autoscale_apply: true"}),
        "cluster_autoscale_apply",
    ),
    "not switched off": (
        nothing_acts_by_itself,
        lambda all: settings_with(all, "switches.yml").update({"switches.yml": "{}"}),
        "cluster_autoscale_apply",
    ),
    "out of the pod": (
        network_is_closed,
        lambda all: named(all, "NetworkPolicy", "kcloud-openstack")["spec"]["egress"][0]["to"].pop(),
        "pods",
    ),
}


def mount(container: Document, volume: str) -> Document:
    """Where a container has a volume."""
    (found,) = [one for one in container["volumeMounts"] if one["name"] == volume]
    return found


@pytest.mark.parametrize("spoiled", SPOILED)
def test_each_rule_finds_what_breaks_it(spoiled: str) -> None:
    """Each rule is broken once, so that it is known to look."""
    rule, spoil, word = SPOILED[spoiled]
    objects = documents("production")
    spoil(objects)
    assert [complaint for complaint in rule(objects) if word in complaint]


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_kubernetes_takes_the_manifests(environment: str, release: str) -> None:
    """Each object fits the schema of its kind, strictly: an unknown key is an error."""
    for one in documents(environment):
        if one["kind"] == "ServiceMonitor":
            jsonschema.validate(one, SERVICE_MONITOR)
        else:
            kubernetes_validate.validate(one, release, strict=True)


def test_a_misspelt_key_is_refused() -> None:
    objects = documents("production")
    gateway(objects)["resourcs"] = {}
    with pytest.raises(kubernetes_validate.ValidationError, match="resourcs"):
        kubernetes_validate.validate(named(objects, "Deployment", "kcloud-gateway"), RELEASES[-1], strict=True)


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_the_secrets_are_those_of_the_guide(environment: str) -> None:
    """Each Secret that is referred to, and no other."""
    used = set(re.findall(r"secretName: (\S+)|secretKeyRef:\s+key: \S+\s+name: (\S+)", rendered(environment)))
    assert {name for pair in used for name in pair if name} == SECRETS[environment]
    guide = GUIDE.read_text(encoding="utf-8")
    assert {name for name in SECRETS[environment] if f"generic {name}" not in guide} == set()


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_the_guides_secrets_have_the_keys_that_pods_read(environment: str) -> None:
    """The files whose paths are in the environment, and the values of variables."""
    objects = documents(environment)
    made = dict(re.findall(r"create secret generic (\S+) --from-(?:file|literal)=([\w.]+)", GUIDE.read_text("utf-8")))
    read: set[tuple[str, str]] = set()
    for _name, pod in workloads(objects):
        secrets = {one["name"]: one["secret"]["secretName"] for one in pod["spec"]["volumes"] if "secret" in one}
        for container in pod["spec"]["containers"]:
            files = set(environment_of(objects, container).values())
            for one in container["volumeMounts"]:
                keys = {
                    file.removeprefix(f"{one['mountPath']}/") for file in files if file.startswith(one["mountPath"])
                }
                read |= {(secrets[one["name"]], key) for key in keys if one["name"] in secrets}
            references = [one["valueFrom"]["secretKeyRef"] for one in container.get("env", []) if "valueFrom" in one]
            read |= {(one["name"], one["key"]) for one in references}
    assert read == {(name, made[name]) for name in SECRETS[environment]}


def test_the_guides_namespace_is_the_overlays() -> None:
    """Made with `kubectl apply` from the base, not `create`: else each apply of the overlay would warn of it or change it."""
    command = re.search(r"\$ kubectl apply -f (\S+/namespace\.yaml)", GUIDE.read_text(encoding="utf-8"))
    assert command and "kubectl create namespace" not in GUIDE.read_text(encoding="utf-8")
    assert [yaml.safe_load((ROOT / command[1]).read_text("utf-8"))] == of_kind(documents("production"), "Namespace")


def guides_site(folder: Path, more: str | None = None) -> list[Document]:
    """The objects of the copy of an overlay that the guide shows, with its variables.yml or with these."""
    shutil.copytree(ROOT / "deploy/kubernetes", folder / "deploy/kubernetes")
    guide = GUIDE.read_text(encoding="utf-8")
    site, variables = [textwrap.dedent(block) for block in re.findall(r"code-block:: yaml\n\n((?: +.*\n|\n)+)", guide)]
    (folder / "kustomization.yaml").write_text(site, encoding="utf-8")
    (folder / "variables.yml").write_text(variables if more is None else more, encoding="utf-8")
    command = ["kubectl", "kustomize", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return list(yaml.safe_load_all(done.stdout))


def test_a_sites_variables_leave_the_switches_off(tmp_path: Path) -> None:
    """They replace the file of the base, and say nothing about what acts."""
    objects = guides_site(tmp_path, "accelerator_cluster_image: ubuntu-capi\n")
    assert "ubuntu-capi" in settings_with(objects, "variables.yml")["variables.yml"]
    assert list(nothing_acts_by_itself(objects)) == []


def test_the_guides_own_site_renders(tmp_path: Path) -> None:
    """Another registry, another interface, and a schedule that acts."""
    objects = guides_site(tmp_path)
    assert {one["image"] for _name, one in containers(objects)} == {
        f"registry.example.com/kcloud-infrastructure:{VERSION}"
    }
    assert environment_of(objects, scale(objects))["MAGNUM_ENDPOINT_TYPE"] == "internal"
    assert list(nothing_acts_by_itself(objects)) == [
        "CronJob kcloud-scale acts: nothing says cluster_autoscale_apply: false"
    ]
    other_rules = set(RULES) - {nothing_acts_by_itself, images_are_this_version}
    assert [complaint for rule in other_rules for complaint in rule(objects)] == []


def test_development_is_one_gateway_with_its_jobs_on_a_volume() -> None:
    objects = documents("development")
    deployment = named(objects, "Deployment", "kcloud-gateway")["spec"]
    assert deployment["replicas"] == 1
    # Two pods at once would both write the file
    assert deployment["strategy"] == {"type": "Recreate"}
    assert {"name": "state", "persistentVolumeClaim": {"claimName": "kcloud-gateway"}} in (
        deployment["template"]["spec"]["volumes"]
    )
    assert "KCLOUD_GATEWAY_DATABASE" not in environment_of(objects, gateway(objects))
    assert all(one["spec"]["suspend"] for one in of_kind(objects, "CronJob"))


def test_production_is_two_gateways_with_one_database_on_two_nodes() -> None:
    objects = documents("production")
    deployment = named(objects, "Deployment", "kcloud-gateway")["spec"]
    assert deployment["replicas"] == 2
    assert deployment["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}
    (database,) = [one for one in gateway(objects)["env"] if one["name"] == "KCLOUD_GATEWAY_DATABASE"]
    assert database["valueFrom"] == {"secretKeyRef": {"name": "kcloud-gateway-database", "key": "url"}}
    pod = deployment["template"]["spec"]
    spread = pod["topologySpreadConstraints"]
    assert {one["topologyKey"] for one in spread} == {"kubernetes.io/hostname", "topology.kubernetes.io/zone"}
    # Counted with the pods that it replaces, a rollout moves two replicas of one node to one other node; affinity counts so
    assert all(one["matchLabelKeys"] == ["pod-template-hash"] for one in spread) and "affinity" not in pod
    assert all(one["labelSelector"] == deployment["selector"] and one["maxSkew"] == 1 for one in spread)
    assert of_kind(objects, "ServiceMonitor")
    # One replica can always go, so that a node can be drained, and the other stays
    assert of_kind(objects, "PodDisruptionBudget")[0]["spec"]["maxUnavailable"] == 1
    assert not any(one["spec"].get("suspend") for one in of_kind(objects, "CronJob"))


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_the_gateway_takes_its_environment(environment: str) -> None:
    """Its own reader of settings, which refuses an unknown name, has the last word."""
    from gateway.settings import read_settings

    objects = documents(environment)
    settings = read_settings(environment_of(objects, gateway(objects)))
    assert (settings.host, settings.port) == ("0.0.0.0", 8006)
    mounts = {one["mountPath"] for one in gateway(objects)["volumeMounts"]}
    assert str(settings.tokens_file.parent) in mounts and str(settings.state_folder) in mounts
    assert str(settings.variables_file).startswith("/etc/kcloud/")
    # Without a database of its own each replica would have jobs of its own
    assert settings.database.startswith("sqlite:") and ("KCLOUD_GATEWAY_DATABASE" in secret_variables(objects)) is (
        named(objects, "Deployment", "kcloud-gateway")["spec"]["replicas"] > 1
    )


def secret_variables(objects: list[Document]) -> set[str]:
    """The environment variables of the gateway that come from Secrets."""
    return {one["name"] for one in gateway(objects)["env"] if "secretKeyRef" in one.get("valueFrom", {})}


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_the_gateway_is_probed_and_found_at_port_80(environment: str) -> None:
    objects = documents(environment)
    container = gateway(objects)
    assert container["ports"] == [{"name": "http", "containerPort": 8006}]
    probes = [container[f"{kind}Probe"]["httpGet"] for kind in ("startup", "liveness", "readiness")]
    assert probes == [{"path": "/health", "port": "http"}] * 3
    (port,) = named(objects, "Service", "kcloud-gateway")["spec"]["ports"]
    assert (port["port"], port["targetPort"]) == (80, "http")


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_both_kinds_of_pods_have_the_same_in_common(environment: str) -> None:
    """Kubernetes nests a CronJob's pod deeper, so base/ says it in two files."""
    objects = documents(environment)
    common = ("securityContext", "serviceAccountName", "automountServiceAccountToken", "enableServiceLinks")
    shapes = [{key: pod["spec"].get(key) for key in common} for _name, pod in workloads(objects)]
    assert all(shape == shapes[0] for shape in shapes)
    shared = [
        sorted((volume["name"], str(volume)) for volume in pod["spec"]["volumes"] if volume["name"] in COMMON_VOLUMES)
        for _name, pod in workloads(objects)
    ]
    assert all(one == shared[0] and len(one) == len(COMMON_VOLUMES) for one in shared)
