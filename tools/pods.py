# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run the workloads of deploy/kubernetes on this machine, in the image that was built, against the cloud at hand.

    python -m tools.pods                       every workload of the development overlay
    python -m tools.pods kcloud-gateway ...    some of them
    python -m tools.pods --overlay production  of another overlay, with the PostgreSQL that KCLOUD_GATEWAY_DATABASE names

Each runs as its manifest says: its arguments, environment and volumes, as its user, without any capability or new
privilege, on a read-only root. Jobs must end well; the others must pass their startup probe and serve. What is not as in a
cluster: the network is this machine's, so servers listen on loopback, and the Secrets are made here.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import os
import secrets
import socket
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tools import image
from tools.places import CLOUDS_YAML, ROOT
from tools.pod_uses import USES

Document = dict[str, Any]
USER = 1000
# One pod: mounts over the image's root, which is then read-only, and the program without privileges
ENTER = """
set -eu
root=$1; volumes=$2; shift 2
mount --make-rprivate /
mount --bind "$root" "$root"
while IFS='|' read -r source target rights; do
  mkdir -p "$root$target"
  mount --bind "$source" "$root$target"
  test "$rights" = rw || mount -o remount,bind,ro "$root$target"
done <"$volumes"
# As a kubelet does
for file in /etc/hosts /etc/resolv.conf; do
  touch "$root$file"
  mount --bind "$file" "$root$file"
done
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount -o remount,bind,ro "$root"
exec chroot "$root" /usr/bin/setpriv --reuid=1000 --regid=1000 --clear-groups --no-new-privs \\
  --bounding-set=-all --inh-caps=-all -- "$@"
"""
RUN = """
mkdir -p /tmp/run/project && cp -rL /etc/kcloud/inventory /tmp/run/ && cd /tmp/run
echo '- import_playbook: kcloud.infrastructure.verify_openstack' >project/site.yml
exec ansible-runner run . -p site.yml
"""
CREDENTIALS = r"""
find / -xdev -type f \( -name 'clouds.y*ml' -o -name 'pip.conf' -size +0 \) \
  -not -path '*/tests/*' -not -path '/etc/openstack/*' 2>/dev/null | wc -l
"""
# Programs that no manifest starts, in the pod of the CronJob that verifies, each with what it must print
MORE = {
    "ansible-core": ("ansible --version", "ansible [core 2.18."),
    "ansible-runner": (RUN, "failed=0"),
    "read-only root": ("touch /opt/kcloud/x /runner/x 2>&1 | grep -c 'Read-only file system'", "2"),
    "no credential in the image": (CREDENTIALS, "0"),
}


@dataclass(frozen=True)
class Pod:
    """What a manifest says of one workload's pod."""

    name: str
    kind: str
    specification: Document

    @property
    def container(self) -> Document:
        """Its only container."""
        (container,) = self.specification["containers"]
        return container


@dataclass(frozen=True)
class Place:
    """Where pods run: the image's root, a folder for volumes, the Secrets and the ConfigMaps by name."""

    root: Path
    folder: Path
    secrets: Mapping[str, Mapping[str, str]]
    settings: Mapping[str, Mapping[str, str]]
    # What lets in to all servers
    token: str
    overrides: Mapping[str, str] = field(default_factory=dict)


def rendered(environment: str) -> list[Document]:
    """The objects of an overlay."""
    command = ["kubectl", "kustomize", str(ROOT / "deploy/kubernetes/overlays" / environment)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    return list(yaml.safe_load_all(done.stdout))


def pods(objects: Sequence[Document]) -> list[Pod]:
    """The pods of all workloads."""
    found = []
    for one in objects:
        if one["kind"] in ("Deployment", "Job", "CronJob"):
            spec = one["spec"]["jobTemplate"]["spec"] if one["kind"] == "CronJob" else one["spec"]
            found.append(Pod(one["metadata"]["name"], one["kind"], spec["template"]["spec"]))
    return found


def clouds_for_pods(document: str, cloud: str) -> str:
    """A clouds.yaml with one cloud of another, under the name that the manifests use."""
    return yaml.safe_dump({"clouds": {"kcloud": yaml.safe_load(document)["clouds"][cloud]}})


def tokens_for(token: str) -> Document:
    """The gateway's file of tokens, which lets one in for everything."""
    digest = hashlib.sha256(token.encode()).hexdigest()
    entry = {"name": "check", "sha256": digest, "role": "admin", "tenant": "kcloud"}
    return {"tenants": {"kcloud": {"cloud": "kcloud"}}, "tokens": [entry]}


def write(path: Path, text: str) -> None:
    """A file of a volume, that the pods' group can read."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    os.chown(path, 0, USER)
    path.chmod(0o440)


def volume_folder(pod: Pod, volume: Document, place: Place) -> Path:
    """A folder with what a volume of the pod has in it; those that can be written belong to the pods' user."""
    if "persistentVolumeClaim" in volume:
        folder = place.folder / "claims" / volume["persistentVolumeClaim"]["claimName"]
    else:
        folder = place.folder / pod.name / volume["name"]
    folder.mkdir(parents=True, exist_ok=True)
    if "secret" in volume:
        files = place.secrets[volume["secret"]["secretName"]]
    elif "configMap" in volume:
        data = place.settings[volume["configMap"]["name"]]
        items = volume["configMap"].get("items") or [{"key": key, "path": key} for key in data]
        files = {item["path"]: data[item["key"]] for item in items}
    else:
        files = {}
        os.chown(folder, USER, USER)
    for name, text in files.items():
        write(folder / name, text)
    return folder


def environment_of(pod: Pod, place: Place) -> dict[str, str]:
    """The environment variables of the pod's container."""
    values: dict[str, str] = {}
    for source in pod.container.get("envFrom", []):
        values |= place.settings[source["configMapRef"]["name"]]
    for one in pod.container.get("env", []):
        reference = one.get("valueFrom", {}).get("secretKeyRef")
        values[one["name"]] = place.secrets[reference["name"]][reference["key"]] if reference else one["value"]
    return {**values, **{name: value for name, value in place.overrides.items() if name in values}}


def command_of(pod: Pod, place: Place, program: Sequence[str]) -> list[str]:
    """The command line that runs a program as the pod's container."""
    volumes = {volume["name"]: volume_folder(pod, volume, place) for volume in pod.specification["volumes"]}
    lines = [
        f"{volumes[mount['name']]}|{mount['mountPath']}|{'ro' if mount.get('readOnly') else 'rw'}"
        for mount in pod.container["volumeMounts"]
    ]
    listed = place.folder / f"{pod.name}.volumes"
    listed.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    variables = [f"{name}={value}" for name, value in environment_of(pod, place).items()]
    path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    entered = ["unshare", "--mount", "sh", "-c", ENTER, "sh", str(place.root), str(listed)]
    return [*entered, "/usr/bin/env", "-i", path, *variables, *image.ENTRYPOINT, *program]


def probed(probe: Document, container: Document) -> bool:
    """Whether a probe of the container passes now."""
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    asked = probe.get("httpGet") or probe["tcpSocket"]
    port = ports[asked["port"]]
    try:
        if "httpGet" in probe:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{asked['path']}", timeout=5) as answer:
                return 200 <= answer.status < 400
        with socket.create_connection(("127.0.0.1", port), timeout=5):
            return True
    except OSError:
        return False


def serves(pod: Pod, place: Place) -> tuple[bool, str]:
    """Start what serves, wait for its startup probe, use it, and end it: whether that went well, and what it printed."""
    container, probe = pod.container, pod.container["startupProbe"]
    if probed(probe, container):
        return False, f"the port of {pod.name} is taken on this machine"
    log = place.folder / f"{pod.name}.log"
    with log.open("wb") as output:
        command = command_of(pod, place, container["args"])
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    try:
        for _attempt in range(probe["failureThreshold"]):
            if process.poll() is not None:
                break
            if probed(probe, container):
                address = f"http://127.0.0.1:{container['ports'][0]['containerPort']}"
                complaint = USES[pod.name](address, place.token, log)
                return not complaint, f"{log.read_text(encoding='utf-8', errors='replace')}\n{complaint}"
            time.sleep(probe["periodSeconds"])
        return False, log.read_text(encoding="utf-8", errors="replace")
    finally:
        process.terminate()
        process.wait(30)


def ends(pod: Pod, place: Place, program: Sequence[str], wanted: str) -> tuple[bool, str]:
    """Run a program to its end: whether it ended well and printed what it must, and all that it printed."""
    done = subprocess.run(
        command_of(pod, place, program),
        check=False,
        text=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    return done.returncode == 0 and wanted in done.stdout, done.stdout


def works(pod: Pod, place: Place) -> tuple[bool, str]:
    """Whether the pod does what its kind must, and what it printed."""
    if pod.kind == "Deployment":
        return serves(pod, place)
    return ends(pod, place, pod.container["args"], "failed=0")


@contextlib.contextmanager
def place_for(objects: Sequence[Document], cloud: str) -> Iterator[Place]:
    """Everything that the pods need, while the block runs."""
    settings = {one["metadata"]["name"]: dict(one["data"]) for one in objects if one["kind"] == "ConfigMap"}
    for data in settings.values():
        if "events.yml" in data:
            data["events.yml"] = "kcloud_events_host: 127.0.0.1\n"
    token = secrets.token_urlsafe(32)
    made = {
        "kcloud-clouds": {"clouds.yaml": clouds_for_pods(CLOUDS_YAML.read_text(encoding="utf-8"), cloud)},
        "kcloud-gateway-tokens": {"tokens.yml": yaml.safe_dump(tokens_for(token))},
        "kcloud-events": {"token": token},
        "kcloud-gateway-database": {"url": os.environ.get("KCLOUD_GATEWAY_DATABASE", "")},
    }
    with image.container() as container, tempfile.TemporaryDirectory(prefix="kcloud-pods-") as folder:
        Path(folder).chmod(0o711)
        root = Path(image.buildah("mount", container))
        try:
            yield Place(root, Path(folder), made, settings, token, {"KCLOUD_GATEWAY_HOST": "127.0.0.1"})
        finally:
            image.buildah("umount", container)


def main() -> None:
    """Parse the command line, run the pods, print a table and what the failed ones printed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", nargs="*", help="names of workloads; all when empty")
    parser.add_argument("--cloud", default=os.environ.get("OS_CLOUD", "devcloud"), help="a name of clouds.yaml")
    parser.add_argument("--overlay", default="development", help="a folder of deploy/kubernetes/overlays")
    arguments = parser.parse_args()
    image.need("kubectl", "unshare", "buildah")
    objects = rendered(arguments.overlay)
    known = {pod.name: pod for pod in pods(objects)}
    unknown = sorted(set(arguments.name) - set(known) - set(MORE))
    if unknown:
        raise SystemExit(f"Failed to find {unknown[0]}: the workloads are {', '.join([*known, *MORE])}")
    passed, wrong = 0, 0
    with place_for(objects, arguments.cloud) as place:
        for name in arguments.name or [*MORE, *known]:
            began = time.monotonic()
            if name in MORE:
                script, wanted = MORE[name]
                good, output = ends(known["kcloud-verify-openstack"], place, ["sh", "-c", script], wanted)
            else:
                good, output = works(known[name], place)
            passed, wrong = passed + good, wrong + (not good)
            print(f"{'ok' if good else 'FAILED':8} {name:30} {time.monotonic() - began:6.1f} s", flush=True)
            if not good:
                print(output[-6000:])
    print(f"{passed} passed, {wrong} failed")
    raise SystemExit(int(wrong > 0))


if __name__ == "__main__":
    main()
