# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What Neutron itself says of networks and what connects them: nothing of the collection.

Run as ``neutron.py NAME...``; the answer is JSON.

- ``networks``: by name the ids of everything that belongs to it, its ranges, the routes of its router as the networks that
  they lead to by name, and which of the others' things it has in common.
- ``open``: who gets in where: ``source>target protocol ports``, for a source that has a route to the target, with a way back.
- ``other_tenant``: what the other tenant sees of all this, and what became of its attempts to use it.
"""

import ipaddress
import itertools
import json
import os
import sys

import openstack


def about(neutron, name):
    """One network with all that hangs on it."""
    (network,) = neutron.networks(name=name)
    subnets = list(neutron.subnets(network_id=network.id))
    interfaces = list(neutron.ports(network_id=network.id, device_owner="network:router_interface"))
    routers = [neutron.get_router(port.device_id) for port in interfaces]
    groups = list(neutron.security_groups(name=name))
    return {
        "network": network.id,
        "cidrs": [subnet.cidr for subnet in subnets],
        "routers": {router.id: router.routes for router in routers},
        "groups": {group.id: group.security_group_rules for group in groups},
    }


def reaches(source, target):
    """Whether a router of the source's network knows the way to the target's addresses, by a next hop at the target's router."""
    return any(route["destination"] in target["cidrs"] for routes in source["routers"].values() for route in routes)


def opened(found):
    """What is open between different networks."""
    result = []
    for (source, one), (target, other) in itertools.permutations(found.items(), 2):
        if not (reaches(one, other) and reaches(other, one)):
            continue
        for rule in itertools.chain(*other["groups"].values()):
            if rule["direction"] != "ingress" or rule["remote_group_id"] in other["groups"]:
                continue
            remote = ipaddress.ip_network(rule["remote_ip_prefix"] or "0.0.0.0/0")
            if any(remote.overlaps(ipaddress.ip_network(cidr)) for cidr in one["cidrs"]):
                ports = f"{rule['port_range_min']}-{rule['port_range_max']}"
                exactly = "" if str(remote) in one["cidrs"] else f" from {remote}"
                result.append(f"{source}>{target} {rule['protocol']} {ports}{exactly}")
    return sorted(result)


def in_common(found):
    """Things of one network that another one has too."""
    common = []
    for (name, one), (other_name, other) in itertools.combinations(found.items(), 2):
        pair = f"{name}, {other_name}"
        if one["network"] == other["network"]:
            common.append(f"{pair}: network")
        if any(ipaddress.ip_network(a).overlaps(ipaddress.ip_network(b)) for a in one["cidrs"] for b in other["cidrs"]):
            common.append(f"{pair}: addresses")
        if set(one["routers"]) & set(other["routers"]):
            common.append(f"{pair}: router")
        if set(one["groups"]) & set(other["groups"]):
            common.append(f"{pair}: security group")
        for mine, theirs in ((one, other), (other, one)):
            rules = itertools.chain(*mine["groups"].values())
            if {rule["remote_group_id"] for rule in rules} & set(theirs["groups"]):
                common.append(f"{pair}: security-group rule")
    return common


def attempts(found, cloud_name):
    """What the other tenant sees, and the answers to its attempts to use each thing."""
    neutron = openstack.connect(cloud=cloud_name).network
    ids = {
        kind: sorted(itertools.chain(*([one["network"]] if kind == "network" else one[kind] for one in found.values())))
        for kind in ("network", "routers", "groups")
    }
    seen = {
        thing.id for things in (neutron.networks(), neutron.routers(), neutron.security_groups()) for thing in things
    }
    mine = next(iter(neutron.security_groups()))
    answers = []
    for network in ids["network"]:
        answers.append(neutron.post("/ports", json={"port": {"network_id": network}}))
        answers.append(neutron.get(f"/networks/{network}"))
    for router in ids["routers"]:
        answers.append(neutron.put(f"/routers/{router}/add_extraroutes", json={"router": {"routes": []}}))
        answers.append(neutron.delete(f"/routers/{router}"))
    for group in ids["groups"]:
        rule = {"security_group_id": group, "direction": "ingress", "protocol": "tcp"}
        answers.append(neutron.post("/security-group-rules", json={"security_group_rule": rule}))
        answers.append(neutron.get(f"/security-groups/{group}"))
        rule = {"security_group_id": mine.id, "direction": "ingress", "remote_group_id": group}
        answers.append(neutron.post("/security-group-rules", json={"security_group_rule": rule}))
    return {
        "sees": sorted(seen & set(itertools.chain(*ids.values()))),
        "tried": len(answers),
        "allowed": [f"{answer.request.method} {answer.url}" for answer in answers if answer.status_code < 400],
    }


def main(names):
    neutron = openstack.connect().network
    found = {name: about(neutron, name) for name in names}
    others = os.environ.get("OTHER_CLOUD")
    print(
        json.dumps(
            {
                "networks": found,
                "open": opened(found),
                "in_common": in_common(found),
                "routes": sum(len(routes) for one in found.values() for routes in one["routers"].values()),
                "other_tenant": attempts(found, others) if others else None,
            }
        )
    )


main(sys.argv[1:])
