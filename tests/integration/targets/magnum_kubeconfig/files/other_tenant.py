# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a tenant of another project gets of a cluster: ``other_tenant.py CLOUD OTHER CLUSTER``, statuses as JSON."""

import json
import sys
import time

import openstack

HEADERS = {"OpenStack-API-Version": "container-infra 1.11"}
# Any text: a request for a cluster that one may not see never gets as far as being read.
REQUEST = "no request at all"


def clusters(magnum):
    """The list of clusters; Magnum stumbles over it while another one comes or goes."""
    for _attempt in range(60):
        answer = magnum.get("/clusters", headers=HEADERS, raise_exc=False)
        if answer.status_code != 400:
            break
        time.sleep(1)
    answer.raise_for_status()
    return answer.json()["clusters"]


def main(cloud, other, name):
    owner = openstack.connect(cloud=cloud)
    stranger = openstack.connect(cloud=other)
    uuid = owner.container_infrastructure_management.get(f"/clusters/{name}", headers=HEADERS).json()["uuid"]
    magnum = stranger.container_infrastructure_management
    asked = {
        "see": magnum.get(f"/clusters/{uuid}", headers=HEADERS, raise_exc=False),
        "see_by_name": magnum.get(f"/clusters/{name}", headers=HEADERS, raise_exc=False),
        "read_ca": magnum.get(f"/certificates/{uuid}", headers=HEADERS, raise_exc=False),
        "rotate_ca": magnum.patch(f"/certificates/{uuid}", headers=HEADERS, raise_exc=False),
        "sign": magnum.post(
            "/certificates", json={"cluster_uuid": uuid, "csr": REQUEST}, headers=HEADERS, raise_exc=False
        ),
    }
    listed = [cluster["uuid"] for cluster in clusters(magnum)]
    answers = {key: {"status": answer.status_code, "text": answer.text} for key, answer in asked.items()}
    print(json.dumps({"uuid": uuid, "listed": uuid in listed, **answers}))


main(*sys.argv[1:])
