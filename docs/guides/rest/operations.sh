#!/usr/bin/env bash
# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Every operation of the gateway at $URL once, with $TOKEN of the role admin. It makes a cluster and deletes it.
set -euo pipefail

send() {
    curl -sS -X "$1" -H "Authorization: Bearer $TOKEN" -H "Content-Type: application/json" ${3:+-d "$3"} "$URL$2"
}

# ask METHOD PATH [BODY]: show the request and its answer
ask() {
    local body=${3:+" -d '$3'"}
    printf "\n\$ curl -X %s \$URL%s%s\n" "$1" "$2" "$body"
    answer=$(send "$@")
    python3 answer.py <<<"$answer"
}

# run METHOD PATH [BODY]: the same for an operation that queues a job, and wait for the job's end
run() {
    ask "$@"
    job=$(python3 answer.py job url <<<"$answer")
    while state=$(send GET "$job" | python3 answer.py state) && [[ $state == queued || $state == running ]]; do
        sleep 0.5
    done
    echo "the job has $state"
    [[ $state == succeeded ]] || { ask GET "$job"; exit 1; }
}

name=test-guide-rest
workload='{"type": "web", "cpu_cores": 1, "memory_gb": 2}'

ask GET /health
run POST /templates "{\"name\": \"$name\", \"coe\": \"kubernetes\", \"image\": \"ubuntu-capi\",
    \"flavor\": \"cpu.medium\", \"master_flavor\": \"cpu.medium\", \"external_network\": \"public\", \"network_driver\": \"calico\",
    \"docker_storage_driver\": \"overlay2\"}"
ask GET /templates
ask GET "/templates/$name"
run POST /clusters "{\"name\": \"$name\", \"cluster_template_id\": \"$name\", \"node_count\": 1, \"master_count\": 1,
    \"keypair\": \"kcloud-keypair\", \"labels\": {\"workload_type\": \"web\"}}"
ask GET "$job"
ask GET "/clusters?workload_type=web&limit=50"
ask GET "/clusters/$name"
run PUT "/clusters/$name/scale" '{"node_count": 2}'
ask GET "/clusters/$name/status"
ask GET "/clusters/$name/metrics"
ask GET "/clusters/$name/costs"
ask GET /clusters/available
ask POST /match/workload "$workload"
ask POST /match/workload '{"type": "ml_training", "gpu_required": true, "gpu_count": 1, "cpu_cores": 8, "memory_gb": 32,
    "power_budget": 1000}'
run POST /clusters/optimal "{\"requirements\": $workload}"
ask POST /api/v1/decisions '{"id": "w-1", "name": "shop", "type": "web", "priority": 100,
    "requirements": {"cpu": 1, "memory": "2Gi"}, "constraints": {"maxCostPerHour": 5}}'
run POST /optimize/clusters
run POST /cleanup/idle-clusters
run DELETE "/clusters/$name"
ask GET "/jobs?limit=2"
