# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What requests and answers look like. Unknown keys are refused; numbers are not taken from texts."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

# Magnum's own rule for names of clusters; a template of Ansible or Jinja cannot be one
ClusterName = Annotated[str, StringConstraints(pattern=r"^[a-zA-Z][a-zA-Z0-9_.-]{0,241}$")]
# A new cluster is not called like an id: Magnum and the modules would take its name for one. Magnum reads ids with and without hyphens
_ID = re.compile(r"[0-9a-fA-F]{32}")


def no_id(name: str) -> str:
    """The name, unless it can be read as an id."""
    if _ID.fullmatch(name.replace("-", "")):
        raise ValueError("a name must not look like an id")
    return name


NewName = Annotated[ClusterName, AfterValidator(no_id)]
# Control characters (C0, DEL, C1) and the two line separators of Unicode: no text holds them, as they forge lines of logs and terminals.
# All patterns are classes of characters between ^ and $, which the engines of Rust and ECMAScript read alike. pydantic refuses lone
# surrogates before it looks at a pattern
CONTROL = r"\x00-\x1f\x7f-\x9f\u2028\u2029"
# Names and ids of what exists. Magnum takes nearly everything; braces only come from mistakes or attacks
REFERENCE = rf"^[^{CONTROL}/?#%\\{{}}]{{1,255}}$"
Reference = Annotated[str, StringConstraints(pattern=REFERENCE)]
Text = Annotated[str, StringConstraints(pattern=rf"^[^{CONTROL}]{{0,1024}}$")]
LabelName = Annotated[str, StringConstraints(pattern=r"^[a-zA-Z0-9][a-zA-Z0-9_./-]{0,254}$")]
Whole = Annotated[int, Field(ge=-(2**53), le=2**53)]
Labels = Annotated[dict[LabelName, Text | Whole | bool], Field(max_length=64)]
Amount = Annotated[float, Field(ge=0, le=1e15, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0, le=10**6)]


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


# --- requests


class ClusterRequest(Strict):
    """A cluster of an existing cluster template."""

    name: NewName
    cluster_template_id: Reference = Field(description="Name or id of a cluster template")
    node_count: Annotated[int, Field(ge=0, le=10_000)] | None = None
    master_count: Annotated[int, Field(ge=1, le=99)] | None = None
    keypair: Reference | None = None
    labels: Labels | None = {}


class ScaleRequest(Strict):
    """The number of nodes of one node group."""

    node_count: Annotated[int, Field(ge=0, le=10_000)]
    node_group: Reference | None = Field(default=None, description="`default-worker` where it is not given")
    expected_state: Annotated[str, StringConstraints(pattern=r"^sha256:[0-9a-f]{64}$")] | None = Field(
        default=None, description="`state_digest` of the cluster for which this was decided"
    )


class TemplateRequest(Strict):
    """A cluster template, by the options of the module `magnum_cluster_template`; Magnum's own names of them work, too."""

    name: Reference
    coe: Text | None = None
    image: Reference | None = None
    image_id: Reference | None = None
    keypair: Reference | None = None
    keypair_id: Reference | None = None
    external_network: Reference | None = None
    external_network_id: Reference | None = None
    fixed_network: Reference | None = None
    fixed_subnet: Reference | None = None
    network_driver: Text | None = None
    volume_driver: Text | None = None
    docker_storage_driver: Text | None = None
    docker_volume_size: Annotated[int, Field(ge=1, le=10**6)] | None = None
    dns_nameserver: Text | None = None
    server_type: Text | None = None
    flavor: Reference | None = None
    flavor_id: Reference | None = None
    master_flavor: Reference | None = None
    master_flavor_id: Reference | None = None
    labels: Labels | None = None
    floating_ip_enabled: bool | None = None
    master_lb_enabled: bool | None = None
    tls_disabled: bool | None = None
    registry_enabled: bool | None = None
    http_proxy: Text | None = None
    https_proxy: Text | None = None
    no_proxy: Text | None = None


class Accelerator(Strict):
    """What a workload needs of any kind of accelerator."""

    kind: Text
    count: Count | None = None
    models: Annotated[list[Text], Field(max_length=64)] | None = None
    share: Amount | None = None
    memory_gb: Amount | None = None


class CurrentPlacement(Strict):
    """Where a workload runs."""

    cluster: Reference
    node_group: Reference | None = None


Models = Text | Annotated[list[Text], Field(max_length=64)]


class WorkloadRequest(Strict):
    """A workload, as the option `workload` of the module `cluster_match` takes it. Numbers are those of one replica."""

    name: Annotated[str, StringConstraints(pattern=r"^[a-zA-Z][a-zA-Z0-9_.-]{0,62}$")] | None = None
    type: Annotated[str, StringConstraints(pattern=r"^[a-zA-Z][a-zA-Z0-9_.-]{0,62}$")] | None = None
    cpu_cores: Amount | None = None
    memory_gb: Amount | None = None
    gpu_required: bool | None = None
    gpu_count: Count | None = None
    gpu_model: Models | None = None
    gpu_memory_gb: Amount | None = None
    npu_required: bool | None = None
    npu_count: Count | None = None
    npu_model: Models | None = None
    npu_memory_gb: Amount | None = None
    accelerator_models: Annotated[list[Text], Field(max_length=64)] | None = None
    accelerator: Accelerator | None = None
    replicas: Annotated[int, Field(ge=1, le=10_000)] | None = None
    gang: bool | None = None
    isolation: Literal["none", "node", "cluster", "project"] | None = None
    tolerations: Annotated[list[Text], Field(max_length=64)] | None = None
    power_budget: Amount | None = Field(default=None, description="Watts of all replicas together")
    max_cost_per_hour: Amount | None = None
    latency_ms: Amount | None = None
    preferred_cluster_type: Text | None = None
    current_placement: CurrentPlacement | None = None
    priority: Annotated[int, Field(ge=-(10**6), le=10**6)] | None = None
    duration_h: Amount | None = None
    labels: Labels | None = None

    def plain(self) -> dict[str, Any]:
        """The option `workload`."""
        return self.model_dump(exclude_none=True)


class OptimalRequest(Strict):
    """A workload, and what a new cluster for it is called."""

    requirements: WorkloadRequest
    cluster_name: NewName | None = None


class OptimizeRequest(Strict):
    """Which clusters a consolidation looks at, and whether it changes them."""

    apply: bool = Field(default=False, description="Without it the job's result is a plan, and nothing is changed")
    cluster_names: Annotated[list[Reference], Field(max_length=1000)] | None = None


class CleanupRequest(Strict):
    """Whether a clean-up deletes what is idle. Which clusters may go is set by the site's variables."""

    apply: bool = Field(default=False, description="Without it the job's result is a plan, and nothing is deleted")


# The optimiser's own document, with the keys that `planning/optimizer.py` of the collection reads or notes as not counting.


def harmless(value: Any) -> Any:
    """Any JSON without control characters in its keys and texts, at most DEPTH levels deep. One error, however much is wrong."""
    level = [value]
    for _depth in range(DEPTH):
        if any(isinstance(entry, str) and HARMFUL.search(entry) for entry in level):
            raise ValueError("keys and texts must not hold control characters")
        level = [part for entry in level for part in _parts(entry)]
        if not level:
            return value
    raise ValueError(f"at most {DEPTH} levels are read")


def _parts(entry: Any) -> Iterable[Any]:
    if isinstance(entry, dict):
        return (*entry, *entry.values())
    return entry if isinstance(entry, list) else ()


HARMFUL = re.compile(rf"[{CONTROL}\ud800-\udfff]")
DEPTH = 16
# What nothing here decides on
Json = Annotated[Any, AfterValidator(harmless)]
Quantity = Text | Annotated[int, Field(ge=0, le=2**53)]
QUANTITY = "A quantity of Kubernetes, such as `64Gi`; without a unit it counts bytes"


class Device(Strict):
    """Accelerators of one kind."""

    count: Count | None = None
    type: Text | None = None
    memory: Quantity | None = Field(default=None, description=QUANTITY)


class Gpu(Device):
    compute: Json = None


class Npu(Device):
    precision: Json = None


class Requirements(Strict):
    """What one replica needs."""

    cpu: Text | Amount | None = Field(default=None, description="Cores, such as `4` or `500m`")
    memory: Quantity | None = Field(default=None, description=QUANTITY)
    storage: Json = None
    gpu: Gpu | None = None
    npu: Npu | None = None
    network: Json = None


class Toleration(Strict):
    key: Text | None = None
    operator: Text | None = None
    value: Text | None = None
    effect: Text | None = None
    tolerationSeconds: Whole | None = None


class Constraints(Strict):
    """Where it may run, and what it may cost."""

    maxCostPerHour: Amount | None = None
    maxExecutionTime: Text | Whole | None = Field(default=None, description="Such as `1h30m`")
    preferredClusters: Annotated[list[Reference], Field(max_length=1000)] | None = None
    forbiddenClusters: Annotated[list[Reference], Field(max_length=1000)] | None = None
    nodeSelectors: Annotated[dict[LabelName, Text], Field(max_length=64)] | None = None
    tolerations: Annotated[list[Toleration], Field(max_length=64)] | None = None
    affinity: Json = None


class OptimiserWorkload(Strict):
    """A workload in the optimiser's own form."""

    id: Annotated[str, StringConstraints(pattern=rf"^[^{CONTROL}]{{1,255}}$")]
    name: Text | None = None
    type: Text | None = None
    status: Json = None
    priority: Annotated[int, Field(ge=-(10**6), le=10**6)] | None = None
    labels: Labels | None = None
    annotations: Json = None
    requirements: Requirements
    constraints: Constraints | None = None
    metadata: Json = None
    createdAt: Json = None
    updatedAt: Json = None


# --- answers: the asker's keys, and ours beside


class Answer(BaseModel):
    model_config = ConfigDict(extra="allow")


class JobReference(BaseModel):
    id: str
    state: str
    url: str


class ClusterAnswer(Answer):
    id: str | None
    name: str
    status: str | None
    node_count: int | None
    master_count: int | None
    created_at: str | None
    labels: dict[str, Any]


class ClusterAccepted(ClusterAnswer):
    job: JobReference


class ClusterDetails(ClusterAnswer):
    updated_at: str | None
    api_address: str | None
    coe_version: str | None


class Scaled(Answer):
    cluster_id: str
    target_node_count: int
    timestamp: str
    job: JobReference


class Deleted(Answer):
    cluster_id: str
    timestamp: str
    job: JobReference


class ClusterStatus(Answer):
    cluster_id: str
    status: str | None
    timestamp: str


class ClusterMetrics(Answer):
    cluster_id: str
    metrics: dict[str, Any] | None
    timestamp: str


class ClusterCosts(Answer):
    cluster_id: str
    costs: dict[str, Any] | None
    timestamp: str


class AvailableCluster(Answer):
    id: str
    name: str
    workload_type: str | None
    available_cpu: float | None
    available_memory: float | None
    available_gpu: float | None
    utilization: float | None


class Available(Answer):
    clusters: list[AvailableCluster]
    total_count: int
    timestamp: str


class TemplateAnswer(Answer):
    id: str
    name: str


class Templates(Answer):
    templates: list[TemplateAnswer]
    count: int
    timestamp: str


class TemplateAccepted(Answer):
    id: str | None
    name: str
    timestamp: str
    job: JobReference


class Match(Answer):
    action: Literal["use_existing", "create_new", "none"]
    timestamp: str


class OptimalAccepted(Answer):
    recommendation: Match
    timestamp: str
    job: JobReference


class Accepted(Answer):
    timestamp: str
    job: JobReference


class CleanupAccepted(Accepted):
    message: str
    cleaned_clusters: list[str]


class Decision(Answer):
    id: str
    type: str
    status: str
    reason: str
    workloadId: str


class JobAnswer(Answer):
    id: str
    verb: str
    state: Literal["queued", "running", "succeeded", "failed"]
    created_at: str
    started_at: str | None
    finished_at: str | None
    answer: dict[str, Any]
    result: dict[str, Any] | None
    failure: dict[str, Any] | None
    events: list[dict[str, Any]]


class Jobs(Answer):
    jobs: list[Answer]
    count: int
    timestamp: str


class Health(Answer):
    status: Literal["ok", "unavailable"]


class ProblemAnswer(Answer):
    """RFC 9457, with a stable code, the reason and what to do."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    reason: str | None = None
    hint: str | None = None
    resource: str | None = None
