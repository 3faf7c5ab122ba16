# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Kubernetes API as small as kubectl can live with, on loopback, over mutual TLS with a cluster's CA.

Run as ``api_server.py CLOUD CLUSTER SCRATCH KUBECONFIG kubectl-arguments...``: has Magnum sign a server's certificate for
127.0.0.1, serves, runs kubectl against itself, and prints what came of it as JSON. It trusts the CA that Magnum has now.
Needs nothing of the collection.
"""

import json
import pathlib
import ssl
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from typing import ClassVar

import openstack
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa

HEADERS = {"OpenStack-API-Version": "container-infra 1.11"}
NODE = {
    "apiVersion": "v1",
    "kind": "Node",
    "metadata": {"name": "proof-node", "creationTimestamp": "2026-01-01T00:00:00Z", "labels": {}},
    "spec": {},
    "status": {"conditions": [{"type": "Ready", "status": "True"}], "nodeInfo": {"kubeletVersion": "v1.30.0"}},
}
ANSWERS = {
    "/api": {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []},
    "/apis": {"kind": "APIGroupList", "apiVersion": "v1", "groups": []},
    "/api/v1": {
        "kind": "APIResourceList",
        "groupVersion": "v1",
        "resources": [
            {
                "name": "nodes",
                "singularName": "node",
                "namespaced": False,
                "kind": "Node",
                "verbs": ["get", "list"],
                "shortNames": ["no"],
            }
        ],
    },
    "/api/v1/nodes": {"kind": "NodeList", "apiVersion": "v1", "metadata": {"resourceVersion": "1"}, "items": [NODE]},
}


class Handler(BaseHTTPRequestHandler):
    """Who got here has a certificate of the CA; what it says is kept."""

    seen: ClassVar[set[str]] = set()

    def do_GET(self):
        subject = self.connection.getpeercert()["subject"]
        Handler.seen.add("/".join(sorted(f"{key}={value}" for part in subject for key, value in part)))
        found = ANSWERS.get(self.path.split("?")[0])
        body = json.dumps(found or {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 404}).encode()
        self.send_response(200 if found else 404)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_args):
        """Nothing on stderr."""


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_args):
        """A client that TLS refuses is what is tested."""


def server_certificate(connection, cluster, folder):
    """The cluster's CA, and a server's certificate and key, as files."""
    magnum = connection.container_infrastructure_management
    found = magnum.get(f"/clusters/{cluster}", headers=HEADERS).json()
    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    request = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(name)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = request.public_bytes(serialization.Encoding.PEM).decode()
    # Another of these changes nothing: a conductor that is busy with other clusters' keys may need longer than its API waits
    patient = {"headers": HEADERS, "status_code_retries": 5, "retriable_status_codes": [500, 503, 504]}
    signed = magnum.post("/certificates", json={"cluster_uuid": found["uuid"], "csr": pem}, **patient).json()
    ca = magnum.get(f"/certificates/{found['uuid']}", **patient).json()
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "server.pem").write_bytes(private + signed["pem"].encode())
    (folder / "ca.pem").write_text(ca["pem"])


def main(cloud, cluster, scratch, kubeconfig, *arguments):
    folder = pathlib.Path(scratch)
    server_certificate(openstack.connect(cloud=cloud), cluster, folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem")
    context.load_verify_locations(folder / "ca.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    server = Server(("127.0.0.1", 0), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    command = [
        "kubectl",
        "--server",
        f"https://127.0.0.1:{server.server_address[1]}",
        "--cache-dir",
        str(folder / "cache"),
    ]
    done = subprocess.run(
        [*command, "--kubeconfig", kubeconfig, "--request-timeout", "20s", *arguments],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    server.shutdown()
    print(json.dumps({"rc": done.returncode, "out": done.stdout, "error": done.stderr, "seen": sorted(Handler.seen)}))


main(*sys.argv[1:])
