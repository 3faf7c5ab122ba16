#!/usr/bin/python

# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a project of a cloud has to make clusters with."""

from __future__ import annotations

DOCUMENTATION = r"""
module: openstack_info
short_description: Read what a project of an OpenStack cloud offers for clusters
version_added: 0.1.0
description:
  - Reads who is logged in, the services with their microversions, flavors, images, networks, keypairs and quotas.
  - A part that cannot be read does not fail the task. It is left empty, and RV(openstack.problems) says why.
  - With V(metrics) it also looks at Prometheus servers.
  - Only a login that fails is a failure.
author:
  - kcloud.infrastructure contributors (@kcloud)
extends_documentation_fragment:
  - kcloud.infrastructure.auth
  - kcloud.infrastructure.telemetry
  - kcloud.infrastructure.wait.ignored
  - kcloud.infrastructure.attributes.reads
  - kcloud.infrastructure.attributes.info
  - kcloud.infrastructure.attributes.actiongroup
options:
  gather:
    description:
      - The parts to read. Each costs one to three requests.
      - V(trusts) asks Keystone for a trust to a user that does not exist. Keystone refuses credentials that must not make trusts before it
        looks for that user, so that nothing is ever made. In check mode it is not asked.
      - V(conductors) needs the right to list Magnum's services, which administrators have.
      - V(metrics) asks each of O(servers) for the names of its series of the last hour.
    type: list
    elements: str
    choices: [services, flavors, images, networks, keypairs, quotas, cluster_templates, conductors, trusts, metrics]
    default: [services, flavors, images, networks, keypairs, quotas]
  source:
    description:
      - Where V(metrics) looks. V(prometheus) is the servers of O(servers).
      - V(aetos) is OpenStack's Prometheus behind Keystone, with the token of this login. The catalog names its address, by the service type
        C(metric-storage), unless C(metric_storage_endpoint_override) in C(clouds.yaml) does.
    version_added: 0.2.0
  servers:
    description:
      - The Prometheus servers at which V(metrics) looks, side by side. Not with O(source=aetos).
      - Not given, those that the environment variable E(PROMETHEUS_CLUSTERS) names, a JSON list of objects with the same keys;
        C(ca_bundle) in it is O(servers[].ca_cert).
      - A server that cannot be read does not fail the task. It has its C(failure) in RV(openstack.metrics).
    version_added: 0.2.0
  names:
    description: Names of series that each of O(servers) must have, for C(missing) in RV(openstack.metrics).
    type: list
    elements: str
    default: []
    version_added: 0.2.0
requirements:
  - python-magnumclient >= 4.5
seealso:
  - module: kcloud.infrastructure.magnum_cluster_info
"""

EXAMPLES = r"""
- name: See who is logged in, and whether the cloud has Magnum
  kcloud.infrastructure.openstack_info:
    cloud: devcloud
    gather: [services]
  register: found

- name: Stop where clusters cannot be made
  ansible.builtin.assert:
    that:
      - found.openstack.services['container-infra'].available
      - found.openstack.identity.auth_method != 'application_credential'
"""

RETURN = r"""
openstack:
  description: What was found. Parts that were not asked for are empty.
  returned: success
  type: dict
  contains:
    identity:
      description: Who is logged in.
      returned: success
      type: dict
      contains:
        user:
          description: Name of the user.
          returned: success
          type: str
          sample: kcloud
        project:
          description: Name of the project.
          returned: success
          type: str
          sample: kcloud
        project_id:
          description: ID of the project.
          returned: success
          type: str
          sample: 5ba1d6f1e1a94cbb9ea0e1b7c21f2d7a
        roles:
          description: The user's roles in the project.
          returned: success
          type: list
          elements: str
          sample: [member, heat_stack_owner]
        auth_method:
          description: How the user logged in, V(password), V(application_credential) or another of Keystone's methods.
          returned: success
          type: str
          sample: password
    services:
      description:
        - By type of service, whether the cloud has it, and the microversions it offers.
        - Nova, Glance, Neutron, Heat and Magnum have answered a request. The others are what the catalog says, with the C(name) there.
      returned: success
      type: dict
      sample: {container-infra: {available: true, endpoint: "http://127.0.0.1:9511/v1", min_version: "1.1", max_version: "1.12"}}
    flavors:
      description: The flavors with their extra specs, by name.
      returned: success
      type: list
      elements: dict
      sample: [{id: "1", name: gpu.a100.large, vcpus: 8, ram_mib: 65536, disk_gib: 40, extra_specs: {"resources:CUSTOM_GPU_A100": "1"}}]
    images:
      description: The images that are ready for use, by name.
      returned: success
      type: list
      elements: dict
      sample: [{id: 0f4e5b7e-8b0f-4f43-b0d4-4f2f6c8a2c4e, name: fedora-coreos, os_distro: fedora-coreos, kube_version: null}]
    networks:
      description: The networks that the project sees, by name, with the subnets that it sees of each.
      returned: success
      type: list
      elements: dict
      sample:
        - id: 7a1f2f9a-7a39-4dd0-9d0c-6e9a0c2f9a2b
          name: public
          external: true
          subnets: [{name: public-subnet, cidr: 203.0.113.0/24}]
    keypairs:
      description: Names of the user's keypairs.
      returned: success
      type: list
      elements: str
      sample: [kcloud-keypair]
    quotas:
      description: By resource, its limit, how much is used and how much is left. A limit of V(-1) means unlimited; C(left) is none then.
      returned: success
      type: dict
      sample: {cores: {limit: 200, used: 12, left: 188}}
    cluster_templates:
      description: The cluster templates that the project may use, by name.
      returned: success
      type: list
      elements: dict
      sample: [{id: 2c5e7b0f-55d5-4f0c-8f5a-4f6b8e0f0a11, name: gpu, os_distro: ubuntu, labels: {auto_scaling_enabled: "true"}}]
    conductors:
      description: Magnum's conductors with their C(host), C(state) and C(disabled); none where the user may not see them.
      returned: success
      type: list
      elements: dict
      sample: [{host: controller-1, state: up, disabled: false}]
    trusts:
      description:
        - Whether Keystone lets the credential make trusts, which Magnum needs for each new cluster, as C(permitted), and Keystone's C(reason)
          where it does not. C(permitted) is none where it was not asked, or where its answer does not tell, with that answer as C(reason).
      returned: success
      type: dict
      sample: {permitted: false, reason: Delegated tokens cannot manage trusts}
    metrics:
      description:
        - The Prometheus servers with C(name), C(url), the C(exporters) whose series they have, which of O(names) are C(missing), and
          C(failure), none where the server could be read.
      returned: success
      type: list
      elements: dict
      sample: [{name: site-a, url: "https://prometheus.example.org", exporters: [DCGM exporter], missing: [], failure: null}]
    problems:
      description: By part, why it could not be read.
      returned: success
      type: dict
      sample: {quotas: {code: NOT_PERMITTED, reason: "...", hint: "..."}}
"""

import contextlib
import os
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from ansible_collections.kcloud.infrastructure.plugins.module_utils.cloud import (
    ask_for_trust,
    connect,
    read,
    translated,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import (
    KcloudError,
    NotPermitted,
    ServiceError,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.flavors import flavors
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.read.api import MagnumReader
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.read.endpoint import (
    find_endpoint,
    magnum_adapter,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.module import argument_spec, run_module
from ansible_collections.kcloud.infrastructure.plugins.module_utils.quotas import quotas
from ansible_collections.kcloud.infrastructure.plugins.module_utils.telemetry.catalogue import present
from ansible_collections.kcloud.infrastructure.plugins.module_utils.telemetry.model import Window
from ansible_collections.kcloud.infrastructure.plugins.module_utils.telemetry.sources.chosen import (
    SOURCE_ARGUMENT_SPEC,
    read_source,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.telemetry.sources.reading import Source

if TYPE_CHECKING:
    from openstack.connection import Connection

# The time in which a series must have had a sample, in seconds
WINDOW_S = 3600
# The services, each with something small to read, and a key that only its own answer has: being in the catalog is not being
# there, and Nova lists images too.
SERVICES = {
    "compute": ("/os-availability-zone", "availabilityZoneInfo"),
    "image": ("/images?limit=1", "schema"),
    "network": ("/networks?limit=1&fields=id", "networks"),
    "orchestration": ("/stacks?limit=1", "stacks"),
    "container-infra": ("/clustertemplates?limit=1", "clustertemplates"),
}
# The service's word on this user, and not on itself
REFUSALS = (401, 403)
ADDRESS_HINT = "Check the address of this service in the cloud's catalog, and its endpoint_override in clouds.yaml where there is one"


def identity(connection: Connection) -> dict[str, Any]:
    """Who is logged in, out of the token: no request."""
    access = connection.session.auth.get_access(connection.session)
    methods = access._data.get("token", {}).get("methods", []) if hasattr(access, "_data") else []
    own = getattr(access, "application_credential_id", None)
    return {
        "user": access.username,
        "project": access.project_name,
        "project_id": access.project_id,
        "roles": sorted(access.role_names),
        "auth_method": "application_credential" if own else (methods[0] if methods else "unknown"),
    }


@contextlib.contextmanager
def understood(doing: str, resource: str) -> Iterator[None]:
    """As ``translated``, also where openstacksdk stumbles over a service of which it could read no version."""
    with translated(doing, resource):
        try:
            yield
        except AttributeError as error:
            if not _is_of_sdk(error):
                raise
            raise ServiceError(
                f"Failed to {doing}",
                resource=resource,
                reason=f"openstacksdk cannot use what answers at the address of a service ({error})",
                hint=ADDRESS_HINT,
            ) from error


def _is_of_sdk(error: Exception) -> bool:
    """Whether a library raised it: what our own code gets wrong must stay a traceback."""
    frame = error.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    name = frame.tb_frame.f_globals.get("__name__", "") if frame is not None else ""
    return name.split(".")[0] in ("openstack", "keystoneauth1")


def services(connection: Connection) -> dict[str, Any]:
    found = catalogued(connection)
    for service in SERVICES:
        try:
            with understood(f"find {service}", service):
                found[service] = _service(connection, service)
        except KcloudError as error:
            found[service] = {"available": False, "reason": error.reason or error.message, "hint": error.hint}
    return found


def catalogued(connection: Connection) -> dict[str, Any]:
    """The services of the catalog, by type; none of them is asked."""
    catalog = connection.session.auth.get_access(connection.session).service_catalog
    found = {}
    for entry in catalog.catalog:
        service = entry["type"]
        urls = catalog.get_urls(
            service_type=service,
            interface=connection.config.get_interface(service),
            region_name=connection.config.get_region_name(service),
        )
        about = {"name": entry.get("name") or service}
        if urls:
            found[service] = {**about, "available": True, "endpoint": urls[0], "min_version": None, "max_version": None}
        else:
            reason = "the catalog has no endpoint of it for this region and interface"
            found[service] = {**about, "available": False, "reason": reason, "hint": None}
    return found


def _service(connection: Connection, service: str) -> dict[str, Any]:
    """A service that has answered a request.

    :raises ServiceError: what answered there is not this service.
    """
    something, key = SERVICES[service]
    adapter = connection.config.get_session_client(service)
    given, endpoint = adapter.endpoint_override, adapter.get_endpoint_data()
    if endpoint is None or not endpoint.url:
        if not given:
            return {"available": False, "reason": "it is not in the cloud's catalog", "hint": None}
        raise _not_there(service, f"{given} tells no version of {service}")
    if service == "container-infra":
        # An override in clouds.yaml may lead above or below the version that is asked
        endpoint = find_endpoint(adapter)
    # openstacksdk goes on from the version that it found as well
    adapter.endpoint_override = endpoint.url
    answer = adapter.get(something)
    if answer.status_code >= 400 and answer.status_code not in REFUSALS:
        raise _not_there(service, f"{endpoint.url} answered {answer.status_code}", answer.status_code)
    if answer.status_code < 400 and key not in _keys(answer):
        why = f"{endpoint.url} answered {answer.status_code}, and not in the form of {service}"
        raise _not_there(service, why, answer.status_code)
    versions = [endpoint.min_microversion, endpoint.max_microversion]
    low, high = (".".join(map(str, version)) if version else None for version in versions)
    return {"available": True, "endpoint": endpoint.url, "min_version": low, "max_version": high}


def _keys(answer: Any) -> list[str]:
    try:
        body = answer.json()
    except ValueError:
        return []
    return list(body) if isinstance(body, dict) else []


def _not_there(service: str, reason: str, status: int | None = None) -> ServiceError:
    hint = "Look at the service's log" if status is not None and status >= 500 else ADDRESS_HINT
    return ServiceError(f"Failed to use {service}", resource=service, reason=reason, hint=hint, http_status=status)


def images(connection: Connection) -> list[dict[str, Any]]:
    listed = read(lambda: list(connection.image.images(status="active")), "list images", "image") or []
    found = [
        {
            "id": image.id,
            "name": image.name or "",
            "os_distro": image.os_distro,
            "kube_version": (image.properties or {}).get("kube_version"),
        }
        for image in listed
    ]
    return sorted(found, key=lambda image: (image["name"], image["id"]))


def networks(connection: Connection) -> list[dict[str, Any]]:
    listed = read(lambda: list(connection.network.networks()), "list networks", "network") or []
    subnets: dict[str, list[dict[str, str]]] = {}
    for subnet in read(lambda: list(connection.network.subnets()), "list subnets", "network") or []:
        subnets.setdefault(subnet.network_id, []).append({"name": subnet.name, "cidr": subnet.cidr})
    found = [
        {
            "id": net.id,
            "name": net.name,
            "external": bool(net.is_router_external),
            "subnets": sorted(subnets.get(net.id, ()), key=lambda subnet: (subnet["cidr"], subnet["name"])),
        }
        for net in listed
    ]
    return sorted(found, key=lambda network: (network["name"], network["id"]))


def keypairs(connection: Connection) -> list[str]:
    listed = read(lambda: list(connection.compute.keypairs()), "list keypairs", "compute") or []
    return sorted(keypair.name for keypair in listed)


def cluster_templates(connection: Connection) -> list[dict[str, Any]]:
    return [
        {"id": found.id, "name": found.name, "os_distro": found.cluster_distro, "labels": dict(found.labels)}
        for found in MagnumReader(connection).cluster_templates()
    ]


def conductors(connection: Connection) -> list[dict[str, Any]] | None:
    """None where the user may not see them."""
    magnum = magnum_adapter(connection)
    try:
        answer = read(
            lambda: magnum.get("/mservices", raise_exc=True).json(), "list Magnum's services", "container-infra"
        )
    except NotPermitted:
        return None
    found = [
        {"host": entry["host"], "state": entry["state"], "disabled": bool(entry.get("disabled"))}
        for entry in (answer or {}).get("mservices", ())
        if entry.get("binary") == "magnum-conductor"
    ]
    return sorted(found, key=lambda entry: entry["host"])


def trusts(connection: Connection) -> dict[str, Any]:
    """Permitted where Keystone misses the user to be trusted, not where it refuses; anything else does not tell."""
    try:
        answer = ask_for_trust(connection, "ask Keystone whether this credential can make trusts", "keystone")
    except KcloudError as error:
        return {"permitted": None, "reason": error.reason or error.message}
    if answer.status == 404 and answer.own:
        return {"permitted": True, "reason": None}
    reason = answer.said or f"it answered {answer.status}"
    return {"permitted": False if answer.status in REFUSALS else None, "reason": reason}


def metrics(sources: list[Source], wanted: list[str]) -> list[dict[str, Any]]:
    """The servers, each with its failure where it has one."""
    now = int(time.time())
    return [_server(source, wanted, Window(now, WINDOW_S, 1)) for source in sources]


def _server(source: Source, wanted: list[str], window: Window) -> dict[str, Any]:
    about: dict[str, Any] = {"name": source.name, "url": source.url, "exporters": [], "missing": [], "failure": None}
    try:
        names = set(source.names(window))
    except KcloudError as error:
        return {**about, "failure": error.failure()}
    exporters = sorted({metric.exporter for metric in present(names)})
    return {**about, "exporters": exporters, "missing": [name for name in wanted if name not in names]}


PARTS: dict[str, tuple[Callable[[Any], Any], Any]] = {
    "services": (services, {}),
    "flavors": (flavors, []),
    "images": (images, []),
    "networks": (networks, []),
    "keypairs": (keypairs, []),
    "quotas": (quotas, {}),
    "cluster_templates": (cluster_templates, []),
    "conductors": (conductors, None),
    "trusts": (trusts, {"permitted": None, "reason": None}),
}
USUAL = ["services", "flavors", "images", "networks", "keypairs", "quotas"]
METRICS = "metrics"
SPEC = argument_spec(
    {
        **SOURCE_ARGUMENT_SPEC,
        "gather": {"type": "list", "elements": "str", "choices": [*PARTS, METRICS], "default": USUAL},
        "names": {"type": "list", "elements": "str", "default": []},
    }
)


def run(params: dict[str, Any], check_mode: bool, hide: Callable[[Iterable[str]], None]) -> dict[str, Any]:
    wanted = [part for part in params["gather"] if not (check_mode and part == "trusts")]
    # What is wrong with the options is said before any cloud is asked.
    chosen = read_source(params, os.environ, hide) if METRICS in wanted else None
    connection = connect(params)
    found: dict[str, Any] = {"identity": identity(connection), "problems": {}}
    for part, (reader, nothing) in PARTS.items():
        found[part] = nothing
        if part in wanted:
            try:
                with understood(f"read {part.replace('_', ' ')}", part):
                    found[part] = reader(connection)
            except KcloudError as error:
                found["problems"][part] = error.failure()
    found[METRICS] = [] if chosen is None else metrics(chosen.sources(connection), params["names"])
    return {"changed": False, "openstack": found}


def main() -> None:
    run_module(SPEC, run, libraries=("openstack", "magnumclient"), hides=True)


if __name__ == "__main__":
    main()
