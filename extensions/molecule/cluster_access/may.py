# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a cloud's credential may do to a cluster, by plain requests: ``may.py CLOUD CLUSTER`` prints the statuses."""

import json
import sys
import time

import openstack

HEADERS = {"OpenStack-API-Version": "container-infra 1.11"}


def main(cloud, cluster):
    connection = openstack.connect(cloud=cloud)
    magnum = connection.container_infrastructure_management

    def status(service, method, path, body=None):
        for _attempt in range(30):
            answer = service.request(path, method, json=body, headers=HEADERS, raise_exc=False)
            # Magnum stumbles over lists while a cluster goes.
            if answer.status_code != 400 or "master_count" not in answer.text:
                break
            time.sleep(1)
        return answer.status_code

    reported = {
        "look": status(magnum, "GET", f"/clusters/{cluster}"),
        # No such number: allowed, it is a 400, and changes nothing.
        "resize": status(magnum, "POST", f"/clusters/{cluster}/actions/resize", {"node_count": -1}),
        "delete": status(magnum, "DELETE", f"/clusters/{cluster}"),
        "sign": status(magnum, "POST", "/certificates", {"cluster_uuid": cluster, "csr": "x"}),
        "ca": status(magnum, "GET", f"/certificates/{cluster}"),
        "servers": status(connection.compute, "GET", "/servers"),
    }
    print(json.dumps(reported))


main(*sys.argv[1:])
