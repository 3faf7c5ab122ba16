# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An inventory of the clusters of a project."""

from __future__ import annotations

DOCUMENTATION = r"""
name: magnum
short_description: Inventory of the clusters of OpenStack Magnum
version_added: 0.2.0
author:
  - kcloud.infrastructure contributors (@kcloud)
description:
  - Makes a host of each Magnum cluster of the project, and, when asked, of each of their servers.
  - The configuration is a YAML file whose name ends in C(magnum.yml) or C(magnum.yaml).
  - By default the clusters take one request. O(gather) and O(hosts) say what is read beside it.
  - A cluster that Magnum cannot show, because it is being removed and has lost its node groups, is left out.
  - Clusters are in the group C(magnum_clusters), which connects to them by V(local) with the Python that runs Ansible, so that the
    modules of this collection work on them. Change C(ansible_connection) and C(ansible_python_interpreter) in C(group_vars).
  - Clusters are also in the groups C(status_*), C(health_*), C(type_*) and C(accelerator_*), such as C(status_create_complete),
    C(health_unknown), C(type_gpu_intensive) and C(accelerator_a100). The type is the label C(kcloud_type).
  - Servers are in the groups C(magnum_servers) and C(cluster_*), such as C(cluster_train). Where the names of two clusters would make
    one group, the group's name has the cluster's id in it.
  - Every host has every variable. A variable that does not apply is none or empty.
  - Text that a cluster's owner chose is never evaluated as a template.
  - Ansible warns of an inventory that cannot be read, and goes on without it. Set E(ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED) to
    V(true) to have it fail. AWX does so itself.
options:
  plugin:
    description: The name of this plugin.
    type: str
    required: true
    choices: [kcloud.infrastructure.magnum]
  hosts:
    description:
      - What becomes a host.
      - V(servers) takes the requests of O(gather=node_groups), one more for the project's servers, one for its floating IPs, one or two
        for each cluster that has a Heat stack, and one for each node group whose servers the project cannot see. Magnum's addresses
        stand for these.
      - The C(ansible_host) of a server is its last address, a floating one where it has one.
    type: list
    elements: str
    choices: [clusters, servers]
    default: [clusters]
  gather:
    description:
      - What to read beside the list of clusters.
      - V(flavors) takes one request, and finds the accelerators of a cluster by the flavor of its group C(default-worker), and of its
        other groups where they are read too. Without it only the labels C(gpu_enabled), C(npu_enabled), C(accelerator),
        C(accelerator_type), C(gpu_type) and C(npu_type) tell of accelerators.
      - V(node_groups) takes one request a cluster. V(node_group_details) takes one more a node group, and also reads its bounds,
        labels and addresses. Without both C(magnum_node_groups) is none.
    type: list
    elements: str
    choices: [flavors, node_groups, node_group_details]
    default: []
  flavor_map:
    description: What flavors have, by name, where their extra specs do not say it, as
      O(kcloud.infrastructure.cluster_match#module:flavor_map).
    type: dict
    default: {}
  hostnames:
    description:
      - How a host is named. The first entry that is not empty counts; the id is the last resort.
      - An entry is a variable with or without its prefix, such as V(name) or V(magnum_name), a Jinja expression such as
        V(magnum_labels.team ~ '-' ~ magnum_name), or a template such as V("{{ magnum_name }}.example.org").
      - V({), V(}), V(%) and V(#) in what comes out become V(_), so that no name is a template where it is used.
      - Magnum allows several clusters of one name. Each host whose name another one has too gets its id appended, and a warning says so.
        Only a cluster that stays keeps its name beside others of that name that are being deleted.
    type: list
    elements: str
    default: [name]
  include_filters:
    description:
      - Only clusters that fit one of these filters. All clusters when empty.
      - A filter is a dictionary. A cluster fits when it fits every key. Keys are V(names), V(ids), V(types), V(status), V(health) and
        V(labels), each but the last with a text or a list of texts.
      - Values are patterns such as V(team-a-*) or V(UPDATE_*). A status is also given by the end as V(FAILED) or by the action as
        V(DELETE). The case of a status and of a health does not count. The health before Magnum has looked is V(UNKNOWN).
    type: list
    elements: dict
    default: []
  exclude_filters:
    description: No clusters that fit one of these filters, as O(include_filters).
    type: list
    elements: dict
    default: []
  hostvars_prefix:
    description: What the names of variables begin with. Without it V(name) would be a variable, which Ansible reserves.
    type: str
    default: magnum_
  hostvars_suffix:
    description: What the names of variables end in.
    type: str
    default: ""
  fail_on_errors:
    description:
      - Whether the inventory fails when something that O(gather) or O(hosts) asks for cannot be read.
      - With V(false) it warns, the cluster is there without node groups and servers, and nothing is written to the cache. The list of
        clusters itself must always be readable.
    type: bool
    default: true
extends_documentation_fragment:
  - kcloud.infrastructure.auth
  - kcloud.infrastructure.magnum
  - ansible.builtin.constructed
  - ansible.builtin.inventory_cache
requirements:
  - python-magnumclient >= 4.5
  - python-heatclient >= 4.0, for servers of clusters that have a Heat stack
notes:
  - Values of O(cloud), O(auth), O(auth_type), O(region_name), O(ca_cert), O(client_cert) and O(client_key) can be templates, such as
    V("{{ lookup('ansible.builtin.env', 'OS_PASSWORD'\) }}").
seealso:
  - module: kcloud.infrastructure.magnum_cluster_info
"""

EXAMPLES = r"""
# clusters.magnum.yml: every cluster of the project that the environment names by OS_CLOUD or the other OS_* variables
plugin: kcloud.infrastructure.magnum

---
# team-a.magnum.yml: the clusters of a team that do not fail, with the accelerators of all their nodes, grouped by team and type
plugin: kcloud.infrastructure.magnum
cloud: devcloud
gather: [flavors, node_groups]
include_filters:
  - names: team-a-*
  - labels:
      team: a
exclude_filters:
  - status: FAILED
keyed_groups:
  - key: magnum_labels.team
    prefix: team
    default_value: nobody
groups:
  large: magnum_node_count > 10
compose:
  console: "'https://console.example.org/clusters/' ~ magnum_id"
strict: true

---
# servers.magnum.yml: the servers of all clusters, to log in to, kept for an hour
plugin: kcloud.infrastructure.magnum
hosts: [servers]
gather: [flavors]
hostnames:
  - "{{ magnum_cluster_name }}.{{ magnum_name }}"
compose:
  ansible_user: "'core'"
cache: true
cache_plugin: ansible.builtin.jsonfile
cache_connection: ~/.cache/ansible/magnum
cache_timeout: 3600
"""

import contextlib
import hashlib
import json
import os
import re
from typing import Any

from ansible.errors import AnsibleError, AnsibleParserError
from ansible.module_utils.basic import AnsibleFallbackNotFound, env_fallback
from ansible.plugins.inventory import BaseInventoryPlugin, Cacheable, Constructable
from ansible.utils.unsafe_proxy import wrap_var
from ansible.vars.reserved import get_reserved_names
from ansible_collections.kcloud.infrastructure.plugins.module_utils.cloud import AUTH_ARGUMENT_SPEC, configuration
from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import InvalidRequest, KcloudError
from ansible_collections.kcloud.infrastructure.plugins.plugin_utils.inventory_hosts import (
    CLUSTERS,
    EVERY,
    SERVERS,
    VARIABLES,
    Entry,
    decorated,
    doubled,
    entries,
    read_filters,
    unique_names,
)
from ansible_collections.kcloud.infrastructure.plugins.plugin_utils.inventory_source import (
    Question,
    read_source,
    require_libraries,
)

try:
    # ansible-core 2.19 evaluates only templates that are marked so; before it evaluated every one that is not marked unsafe
    from ansible.template import trust_as_template
except ImportError:

    def trust_as_template(value):
        return value


# How the modules of this collection reach a cluster: on this machine, by the Python that runs Ansible and has the libraries
GROUP_VARIABLES = {
    "ansible_connection": trust_as_template("local"),
    "ansible_python_interpreter": trust_as_template("{{ ansible_playbook_python }}"),
}
TEMPLATED = ("cloud", "auth", "auth_type", "region_name", "ca_cert", "client_cert", "client_key")
# Says which cloud and project was read, without a secret; part of the key of what a cache holds
SECRET = re.compile(r"secret|passw|token|key|passcode", re.IGNORECASE)
# Braces, or the header by which a text sets delimiters of its own
MAY_BE_TEMPLATE = re.compile(r"[{}]|#jinja2", re.IGNORECASE)
NAME = re.compile(r"[A-Za-z_]\w*")
# AWX stores names and hands them back without marks: none may then be a template, or the start of one
IN_TEMPLATES = re.compile(r"[{}%#]")
# What a cloud's configuration says of where and as whom to ask, beside `auth`
WHERE = re.compile(r"(auth_type|region_name|interface|endpoint_override)$")


def harmless(value: Any) -> Any:
    """The same data, in which no text is evaluated as a template.

    Only a text that may be one is marked as unsafe. ansible-inventory writes each mark, with ansible-core 2.19 also of texts
    that are not marked as templates, and AWX takes the marks for a part of the value.
    """
    if isinstance(value, dict):
        return {key: harmless(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [harmless(inner) for inner in value]
    if not isinstance(value, str):
        return value
    return wrap_var(value) if MAY_BE_TEMPLATE.search(value) else trust_as_template(str(value))


def without_secrets(value: Any) -> Any:
    """The same data without the values of keys that hold secrets."""
    if isinstance(value, dict):
        return {str(key): without_secrets(inner) for key, inner in value.items() if not SECRET.search(str(key))}
    return value


class InventoryModule(BaseInventoryPlugin, Constructable, Cacheable):
    """Reads, or takes from the cache, then builds hosts and groups anew."""

    NAME = "kcloud.infrastructure.magnum"

    def verify_file(self, path: str) -> bool:
        return super().verify_file(path) and path.endswith(("magnum.yml", "magnum.yaml"))

    def parse(self, inventory: Any, loader: Any, path: str, cache: bool = True) -> None:
        super().parse(inventory, loader, path)
        config = self._read_config_data(path)
        try:
            self._check_variable_names()
            raw = self._raw(path, self._params(config), cache)
            found = entries(raw, self.get_option("hosts"), self.get_option("flavor_map"))
        except KcloudError as error:
            raise AnsibleParserError(error.sentence()) from None
        self._add(found)

    # --- what is asked

    def _params(self, config: dict[str, Any]) -> dict[str, Any]:
        """The options of the way into the cloud, as modules take them."""
        params = {name: self.get_option(name) for name in (*AUTH_ARGUMENT_SPEC, "api_version")}
        for name in TEMPLATED:
            params[name] = self.templar.template(params[name])
        given = set(config)
        if not given & {"interface", "endpoint_type"}:
            function, names = AUTH_ARGUMENT_SPEC["interface"]["fallback"]
            with contextlib.suppress(AnsibleFallbackNotFound):
                params["interface"] = function(*names)
        if "api_version" not in given:
            with contextlib.suppress(AnsibleFallbackNotFound):
                params["api_version"] = env_fallback("MAGNUM_API_VERSION")
        return params

    def _check_variable_names(self) -> None:
        """Every variable gets a name that Ansible can use and does not need itself.

        :raises InvalidRequest: prefix and suffix make another.
        """
        prefix, suffix = self.get_option("hostvars_prefix"), self.get_option("hostvars_suffix")
        reserved = get_reserved_names()
        for name in decorated(VARIABLES, prefix, suffix):
            if name in reserved or not NAME.fullmatch(name):
                why = "Ansible reserves" if name in reserved else "is not a name of a variable"
                raise InvalidRequest(
                    f"Failed to read options 'hostvars_prefix' ({prefix!r}) and 'hostvars_suffix' ({suffix!r}): they make the "
                    f"variable '{name}', which {why}",
                    resource="hostvars_prefix",
                    hint="Use letters, digits and '_', such as 'magnum_'",
                )

    def _raw(self, path: str, params: dict[str, Any], cache: bool) -> dict[str, Any]:
        """What hosts are built from, out of the cache where it is there and wanted."""
        question = Question(
            include=read_filters(self.get_option("include_filters"), "include_filters"),
            exclude=read_filters(self.get_option("exclude_filters"), "exclude_filters"),
            gather=frozenset(self.get_option("gather")),
            servers=SERVERS in self.get_option("hosts"),
            fail_on_errors=self.get_option("fail_on_errors"),
        )
        require_libraries(question)
        kept = self.get_option("cache")
        key = f"{self.get_cache_key(path)}_{self._digest(params, question)}"
        if cache and kept:
            with contextlib.suppress(KeyError):
                return self._cache[key]
        raw, problems = read_source(params, question)
        for problem in problems:
            self.display.warning(problem)
        if kept and not problems:
            self._cache[key] = raw
        return raw

    def _digest(self, params: dict[str, Any], question: Question) -> str:
        """Differs where another cloud, project or question would be read, so that no cache answers for it."""
        found = configuration(params)
        cloud = {name: value for name, value in found.items() if name == "auth" or WHERE.search(name)}
        environment = {name: value for name, value in os.environ.items() if name.startswith("OS_")}
        asked = [
            without_secrets(params),
            without_secrets(environment),
            without_secrets(cloud),
            sorted(question.gather),
            question.servers,
        ]
        asked += [repr(question.include), repr(question.exclude)]
        return hashlib.sha256(json.dumps(asked, sort_keys=True, default=str).encode()).hexdigest()[:16]

    # --- what is built

    def _add(self, found: list[Entry]) -> None:
        prefix, suffix = self.get_option("hostvars_prefix"), self.get_option("hostvars_suffix")
        variables = [harmless(decorated(entry.variables, prefix, suffix)) for entry in found]
        wanted = [(self._wanted_name(entry, own), entry) for entry, own in zip(found, variables, strict=True)]
        for name in doubled(wanted):
            self.display.warning(
                f"More than one host would be called '{name}': each has its id appended. Rename one, or set 'hostnames'"
            )
        for kind in self.get_option("hosts"):
            self.inventory.add_group(EVERY[kind])
        if CLUSTERS in self.get_option("hosts"):
            for name, value in GROUP_VARIABLES.items():
                self.inventory.set_variable(EVERY[CLUSTERS], name, value)
        names = unique_names(wanted)
        try:
            for name, entry, own in zip(names, found, variables, strict=True):
                self._add_host(name, entry, own)
        except AnsibleError:
            # Ansible may go on after a failure: then without any of the hosts, and not with the first of them
            for name in names:
                host = self.inventory.get_host(name)
                if host is not None:
                    self.inventory.remove_host(host)
            raise

    def _add_host(self, name: str, entry: Entry, own: dict[str, Any]) -> None:
        self.inventory.add_host(name)
        for group in entry.groups:
            self.inventory.add_child(self.inventory.add_group(group), name)
        for variable, value in own.items():
            self.inventory.set_variable(name, variable, value)
        if entry.kind == SERVERS:
            self.inventory.set_variable(name, "ansible_host", harmless((entry.variables["addresses"] or [name])[-1]))
        strict = self.get_option("strict")
        self._set_composite_vars(self.get_option("compose"), own, name, strict=strict)
        composed = self.inventory.get_host(name).vars
        for variable in composed.keys() & (self.get_option("compose") or {}).keys():
            self.inventory.set_variable(name, variable, harmless(composed[variable]))
        self._add_host_to_composed_groups(self.get_option("groups"), own, name, strict=strict)
        self._add_host_to_keyed_groups(self.get_option("keyed_groups"), own, name, strict=strict)

    def _wanted_name(self, entry: Entry, own: dict[str, Any]) -> str:
        """The first name that ``hostnames`` give, before it is made unique, without what makes templates."""
        known = {**harmless(dict(entry.variables)), **own}
        for hostname in self.get_option("hostnames"):
            name = str(self._evaluated(hostname, known, entry) or "").strip()
            if name:
                return IN_TEMPLATES.sub("_", name)
        return entry.variables["id"]

    def _evaluated(self, hostname: str, known: dict[str, Any], entry: Entry) -> Any:
        if NAME.fullmatch(hostname):
            if hostname not in known:
                hint = f"Use one of: {', '.join(VARIABLES)}"
                raise AnsibleParserError(
                    f"Failed to read option 'hostnames': '{hostname}' is not a variable. Fix: {hint}"
                )
            return known[hostname]
        try:
            if "{{" not in hostname and "{%" not in hostname:
                return self._compose(hostname, known)
            self.templar.available_variables = known
            return self.templar.template(hostname)
        except AnsibleError as error:
            if self.get_option("strict"):
                called = f"{entry.variables['kind']} '{entry.variables['name']}'"
                raise AnsibleParserError(
                    f"Failed to name the host of {called} by '{hostname}' of option 'hostnames': {error}"
                ) from None
        return None
