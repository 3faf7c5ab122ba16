# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Seed the cloud: create what is missing, leave alone what is there. Runs under the services' Python.

`python -m devcloud.seed identity` needs Keystone only; `python -m devcloud.seed cloud` needs all APIs
and writes the clouds.yaml.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519
from keystoneauth1 import exceptions
from keystoneauth1 import session as ks
from keystoneauth1.identity.v3 import Password

from devcloud import catalog
from devcloud.magnums import Magnum, parse
from devcloud.ports import PORTS
from devcloud.secret_store import write_private

IDENTITY = f"http://127.0.0.1:{PORTS['keystone']}/v3"
URLS = {
    "compute": f"http://127.0.0.1:{PORTS['nova']}/v2.1",
    "image": f"http://127.0.0.1:{PORTS['glance']}",
    "network": f"http://127.0.0.1:{PORTS['neutron']}",
    "placement": f"http://127.0.0.1:{PORTS['placement']}",
    "orchestration": f"http://127.0.0.1:{PORTS['heat']}/v1/$(project_id)s",
    "cloudformation": f"http://127.0.0.1:{PORTS['heat_cfn']}/v1",
    "container-infra": f"http://127.0.0.1:{PORTS['magnum']}/v1",
}
NAMES = {
    "compute": "nova",
    "image": "glance",
    "network": "neutron",
    "placement": "placement",
    "orchestration": "heat",
    "cloudformation": "heat-cfn",
    "container-infra": "magnum",
}
# By this key of clouds.yaml the SDK finds a service elsewhere than the catalog says
OVERRIDE = "container_infrastructure_management_endpoint_override"
SERVICE_USERS = ("placement", "glance", "nova", "neutron", "heat", "magnum")
STACK_DOMAINS = {"heat": "heat_domain_admin", "magnum": "magnum_domain_admin"}

Json = dict[str, Any]


def login(user: str, password: str, project: str) -> ks.Session:
    """Return a session of a user in a project of the default domain."""
    auth = Password(
        auth_url=IDENTITY,
        username=user,
        password=password,
        project_name=project,
        user_domain_name="Default",
        project_domain_name="Default",
    )
    return ks.Session(auth=auth, timeout=120)


def patiently(call: Callable[[], Any], seconds: float = 30) -> Any:
    """Repeat while the service on the other side is still coming up."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            return call()
        except (exceptions.ConnectFailure, exceptions.HttpServerError):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.5)


class Api:
    """The few REST verbs of one endpoint, and what was created."""

    def __init__(self, session: ks.Session, base: str, headers: dict[str, str] | None = None) -> None:
        """Take the session and the endpoint's address."""
        self.session, self.base, self.headers = session, base, headers or {}

    def _call(self, method: str, path: str, **more: Any) -> Any:
        headers = {**self.headers, **more.pop("headers", {})}
        answer = patiently(lambda: self.session.request(self.base + path, method, headers=headers, **more))
        return answer.json() if answer.content else None

    def get(self, path: str) -> Any:
        """Read."""
        return self._call("GET", path)

    def put(self, path: str, body: Any = None, **more: Any) -> Any:
        """Write in place."""
        return self._call("PUT", path, json=body, **more) if body is not None else self._call("PUT", path, **more)

    def post(self, path: str, body: Any) -> Any:
        """Create."""
        return self._call("POST", path, json=body)


def said(text: str) -> None:
    """Say what was created."""
    print(text, flush=True)


# -- identity -----------------------------------------------------------------------------------------------------------


def _ensure(api: Api, plural: str, singular: str, name: str, body: Json, known: dict[str, Json]) -> str:
    """Return the id of the named object, created when absent. `known` maps names to objects of the same scope."""
    if name not in known:
        known[name] = api.post(f"/{plural}", {singular: {"name": name, **body}})[singular]
        said(f"{singular} {name}")
    return str(known[name]["id"])


def _by_name(api: Api, plural: str, query: str = "") -> dict[str, Json]:
    return {item["name"]: item for item in api.get(f"/{plural}{query}")[plural]}


def seed_identity(secrets: dict[str, str]) -> None:
    """Projects, users, roles, domains and the service catalog."""
    api = Api(login("admin", secrets["admin_password"], "admin"), IDENTITY)
    roles = _by_name(api, "roles")
    projects = _by_name(api, "projects", "?domain_id=default")
    users = _by_name(api, "users", "?domain_id=default")
    domains = _by_name(api, "domains")
    assigned = {
        (item["user"]["id"], item["role"]["id"], scope["id"])
        for item in api.get("/role_assignments")["role_assignments"]
        for kind, scope in item["scope"].items()
        if "user" in item and kind in ("project", "domain")
    }

    def grant(user: str, role: str, scope: str, target: str) -> None:
        if (user, roles[role]["id"], target) not in assigned:
            api.put(f"/{scope}s/{target}/users/{user}/roles/{roles[role]['id']}")

    for role in ("service", "heat_stack_owner", "heat_stack_user", "member", "reader"):
        _ensure(api, "roles", "role", role, {}, roles)
    for project in ("service", catalog.TENANT, catalog.OTHER_TENANT):
        _ensure(api, "projects", "project", project, {"domain_id": "default"}, projects)
    for user in SERVICE_USERS:
        body = {"domain_id": "default", "password": secrets["service_password"]}
        made = _ensure(api, "users", "user", user, body, users)
        for role in ("admin", "service"):
            grant(made, role, "project", projects["service"]["id"])
    for project, user in catalog.OPERATORS.items():
        body = {
            "domain_id": "default",
            "password": secrets["operator_password"],
            "default_project_id": projects[project]["id"],
        }
        made = _ensure(api, "users", "user", user, body, users)
        for role in catalog.OPERATOR_ROLES:
            grant(made, role, "project", projects[project]["id"])
    for name, admin in STACK_DOMAINS.items():
        domain = _ensure(api, "domains", "domain", name, {}, domains)
        inside = _by_name(api, "users", f"?domain_id={domain}")
        body = {"domain_id": domain, "password": secrets["service_password"]}
        grant(_ensure(api, "users", "user", admin, body, inside), "admin", "domain", domain)
    seed_catalog(api)


def seed_catalog(api: Api) -> None:
    """Services and their public and internal endpoints."""
    known = {item["type"]: item["id"] for item in api.get("/services")["services"]}
    endpoints = {(item["service_id"], item["interface"]) for item in api.get("/endpoints")["endpoints"]}
    for kind, url in URLS.items():
        if kind not in known:
            made = api.post("/services", {"service": {"type": kind, "name": NAMES[kind]}})
            known[kind] = made["service"]["id"]
            said(f"service {NAMES[kind]}")
        for interface in ("public", "internal", "admin"):
            if (known[kind], interface) not in endpoints:
                body = {
                    "service_id": known[kind],
                    "interface": interface,
                    "url": url,
                    "region_id": catalog.REGION,
                }
                api.post("/endpoints", {"endpoint": body})


# -- cloud --------------------------------------------------------------------------------------------------------------


class Seeder:
    """The seed of everything but identity; each method is independent of the others."""

    def __init__(self, secrets: dict[str, str], more: Iterable[Magnum] = ()) -> None:
        """Log in as the admin and as both operators; `more` are the Magnums beside the cloud's own."""
        self.secrets = secrets
        self.magnums = [URLS["container-infra"], *(magnum.url for magnum in more)]
        self.admin = login("admin", secrets["admin_password"], "admin")
        self.operators = {
            project: login(user, secrets["operator_password"], project) for project, user in catalog.OPERATORS.items()
        }

    def flavors(self) -> None:
        """Create flavors with their extra specs."""
        api = Api(self.admin, URLS["compute"])
        known = {item["name"]: item["id"] for item in api.get("/flavors?is_public=None")["flavors"]}
        for flavor in catalog.FLAVORS:
            if flavor.name not in known:
                body = {"name": flavor.name, "vcpus": flavor.cores, "ram": flavor.memory * 1024, "disk": 20}
                known[flavor.name] = api.post("/flavors", {"flavor": body})["flavor"]["id"]
                said(f"flavor {flavor.name}")
            specs = api.get(f"/flavors/{known[flavor.name]}/os-extra_specs")["extra_specs"]
            if flavor.specs.items() - specs.items():
                api.post(f"/flavors/{known[flavor.name]}/os-extra_specs", {"extra_specs": flavor.specs})

    def images(self) -> None:
        """Create the images; a few bytes will do, as nothing boots them."""
        api = Api(self.admin, URLS["image"])
        known = {item["name"]: item for item in api.get("/v2/images?limit=200")["images"]}
        for name, properties in catalog.IMAGES.items():
            image = known.get(name)
            if image is None:
                body = {
                    "name": name,
                    "disk_format": "raw",
                    "container_format": "bare",
                    "visibility": "public",
                    **properties,
                }
                image = api.post("/v2/images", body)
                said(f"image {name}")
            if image["status"] == "queued":
                headers = {"Content-Type": "application/octet-stream"}
                data = f"devcloud stand-in for {name}\n".encode().ljust(4096, b"\0")
                api.put(f"/v2/images/{image['id']}/file", data=data, headers=headers)

    def network(self) -> None:
        """Create the external network with room for floating addresses."""
        api = Api(self.admin, URLS["network"] + "/v2.0")
        name = catalog.EXTERNAL_NETWORK
        found = api.get(f"/networks?name={name}&router:external=True")["networks"]
        if found:
            network = found[0]
        else:
            body = {
                "name": name,
                "router:external": True,
                "shared": False,
                "provider:network_type": "flat",
                "provider:physical_network": "external",
            }
            network = api.post("/networks", {"network": body})["network"]
            said(f"network {name}")
        if not api.get(f"/subnets?network_id={network['id']}")["subnets"]:
            body = {
                "name": f"{name}-subnet",
                "network_id": network["id"],
                "ip_version": 4,
                "cidr": catalog.EXTERNAL_CIDR,
                "enable_dhcp": False,
                "allocation_pools": [catalog.EXTERNAL_POOL],
            }
            api.post("/subnets", {"subnet": body})
            said(f"subnet {name}-subnet {catalog.EXTERNAL_CIDR}")

    def keypairs(self) -> None:
        """Give both operators the keypair; its private half is thrown away."""
        for session in self.operators.values():
            api = Api(session, URLS["compute"])
            if any(item["keypair"]["name"] == catalog.KEYPAIR for item in api.get("/os-keypairs")["keypairs"]):
                continue
            public = ed25519.Ed25519PrivateKey.generate().public_key()
            text = public.public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH).decode()
            api.post("/os-keypairs", {"keypair": {"name": catalog.KEYPAIR, "public_key": f"{text} devcloud"}})
            said(f"keypair {catalog.KEYPAIR}")

    def quotas(self) -> None:
        """Set the projects' quotas where they differ."""
        compute = Api(self.admin, URLS["compute"])
        network = Api(self.admin, URLS["network"] + "/v2.0")
        for project, (clusters, nova, neutron) in catalog.QUOTAS.items():
            target = str(self.operators[project].get_project_id())
            if nova.items() - compute.get(f"/os-quota-sets/{target}")["quota_set"].items():
                compute.put(f"/os-quota-sets/{target}", {"quota_set": nova})
            if neutron.items() - network.get(f"/quotas/{target}")["quota"].items():
                network.put(f"/quotas/{target}", {"quota": neutron})
            for url in self.magnums:
                self._cluster_quota(url, target, clusters)

    def _cluster_quota(self, url: str, project: str, clusters: int) -> None:
        magnum = Api(self.admin, url, {"OpenStack-API-Version": "container-infra 1.11"})
        known = {item["project_id"]: item["hard_limit"] for item in magnum.get("/quotas?all_tenants=True")["quotas"]}
        body = {"project_id": project, "resource": "Cluster", "hard_limit": clusters}
        if project not in known:
            magnum.post("/quotas", body)
            said(f"cluster quota {clusters}")
        elif known[project] != clusters:
            magnum._call("PATCH", f"/quotas/{project}/Cluster", json=body)

    def credentials(self) -> dict[str, str]:
        """Make kcloud-operator's application credentials; return their ids by name."""
        session = self.operators[catalog.TENANT]
        user = session.get_user_id()
        api = Api(session, f"{IDENTITY}/users/{user}")
        known = {item["name"]: item["id"] for item in api.get("/application_credentials")["application_credentials"]}
        for name, unrestricted in (("restricted", False), ("unrestricted", True)):
            if name not in known:
                body = {"name": name, "secret": self.secrets["appcred_secret"], "unrestricted": unrestricted}
                made = api.post("/application_credentials", {"application_credential": body})
                known[name] = made["application_credential"]["id"]
                said(f"application credential {name}")
        return known

    def run(self) -> dict[str, str]:
        """Do everything, side by side; return the application credentials' ids."""
        # Nova, Neutron and Magnum read their policies at the first request that needs one, and take an admin for nobody in
        # those that run beside it. Quotas need one of each, in which nobody else asks.
        self.quotas()
        with ThreadPoolExecutor(4) as pool:
            credentials = pool.submit(self.credentials)
            rest = [pool.submit(task) for task in (self.flavors, self.images, self.network, self.keypairs)]
            for future in rest:
                future.result()
            return credentials.result()


def clouds(secrets: dict[str, str], credentials: dict[str, str], more: Iterable[Magnum] = ()) -> Json:
    """Return the content of clouds.yaml: each cloud, and again for every Magnum beside the cloud's own."""

    def cloud(user: str, password: str, project: str) -> Json:
        auth = {
            "auth_url": IDENTITY,
            "username": user,
            "password": password,
            "project_name": project,
            "user_domain_name": "Default",
            "project_domain_name": "Default",
        }
        return {"auth": auth, "region_name": catalog.REGION, "identity_api_version": "3"}

    def credential(name: str) -> Json:
        auth = {
            "auth_url": IDENTITY,
            "application_credential_id": credentials[name],
            "application_credential_secret": secrets["appcred_secret"],
        }
        return {"auth_type": "v3applicationcredential", "auth": auth, "region_name": catalog.REGION}

    operator = secrets["operator_password"]
    own = {
        "devcloud": cloud(catalog.OPERATORS[catalog.TENANT], operator, catalog.TENANT),
        "devcloud-tenant-b": cloud(catalog.OPERATORS[catalog.OTHER_TENANT], operator, catalog.OTHER_TENANT),
        "devcloud-admin": cloud("admin", secrets["admin_password"], "admin"),
        "devcloud-appcred": credential("restricted"),
        "devcloud-appcred-unrestricted": credential("unrestricted"),
    }
    again = {
        magnum.cloud(name): {**settings, OVERRIDE: magnum.root} for magnum in more for name, settings in own.items()
    }
    return {"clouds": {**own, **again}}


def main(stage: str, *releases: str) -> None:
    """Run one stage, for these Magnums too."""
    state = Path(os.environ["DEVCLOUD_STATE"])
    secrets = json.loads((state / "secrets.json").read_text())
    if stage == "identity":
        seed_identity(secrets)
    else:
        more = parse(releases)
        text = yaml.safe_dump(clouds(secrets, Seeder(secrets, more).run(), more), sort_keys=False)
        write_private(state / "clouds.yaml", text)


if __name__ == "__main__":
    main(*sys.argv[1:])
