# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prometheus behind TLS on a loopback port: the server's certificate is checked, and a client's is shown."""

from __future__ import annotations

import ipaddress
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import KcloudError
from ansible_collections.kcloud.infrastructure.plugins.module_utils.telemetry.sources.prometheus import (
    Prometheus,
    Server,
)
from ansible_collections.kcloud.infrastructure.tests.unit.plugins.module_utils.telemetry.test_prometheus import (
    Scripted,
    serving,
    vector,
)

pytest.importorskip("cryptography")
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

NOW = datetime.now(UTC)


class Site:
    """A CA with files in a folder: ``ca.pem``, and certificate and key of each name that is asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.write("ca", self.key, authority=True)

    def write(self, name: str, key: ec.EllipticCurvePrivateKey, *, authority: bool = False) -> None:
        subject, issuer = (x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)]) for text in (name, "ca"))
        address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
        made = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(NOW - timedelta(hours=1))
            .not_valid_after(NOW + timedelta(hours=1))
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
            .add_extension(address, critical=False)
            .sign(self.key, hashes.SHA256())
        )
        (self.folder / f"{name}.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
        plain = serialization.NoEncryption()
        form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
        (self.folder / f"{name}.key").write_bytes(key.private_bytes(*form))

    def path(self, name: str) -> str:
        """A file of the folder, made where it is not there yet."""
        if not (self.folder / name).exists():
            self.write(name.rpartition(".")[0], ec.generate_private_key(ec.SECP256R1()))
        return str(self.folder / name)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    return Site(tmp_path)


@contextmanager
def behind_tls(site: Site, *, wants_client: bool) -> Iterator[Scripted]:
    """A server that answers every query; where it wants one, only to clients with a certificate of this CA."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(site.path("server.pem"), site.path("server.key"))
    if wants_client:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(site.path("ca.pem"))
    with serving((200, vector(({"node": "n"}, "1")))) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        server.handle_error = lambda *_args: None  # type: ignore[method-assign] - refused handshakes are what is tested
        yield server


def api(server: Scripted, **more: Any) -> Prometheus:
    return Prometheus(
        Server("a", server.url.replace("http:", "https:"), timeout=5, **more), sleep=lambda _seconds: None
    )


def test_a_client_certificate_is_shown(site: Site) -> None:
    shown = {"client_cert": site.path("client.pem"), "client_key": site.path("client.key")}
    with behind_tls(site, wants_client=True) as server:
        assert len(api(server, ca_cert=site.path("ca.pem"), **shown).at("up", 7200)) == 1
        for wrong in ({}, _of_another_ca(site)):
            with pytest.raises(KcloudError) as caught:
                api(server, ca_cert=site.path("ca.pem"), **wrong).at("up", 7200)
            assert caught.value.code == "METRICS_UNREACHABLE"
    assert len(server.asked) == 1


def _of_another_ca(site: Site) -> dict[str, str]:
    (site.folder / "other").mkdir()
    other = Site(site.folder / "other")
    return {"client_cert": other.path("client.pem"), "client_key": other.path("client.key")}


def test_the_server_s_certificate_is_checked(site: Site) -> None:
    with behind_tls(site, wants_client=False) as server:
        with pytest.raises(KcloudError) as caught:
            api(server, token="secret").at("up", 7200)
        assert caught.value.code == "METRICS_UNREACHABLE"
        assert "certificate verify failed" in str(caught.value.reason).lower()
        assert server.asked == [], "the token must not reach a server that is not known"
        assert len(api(server, ca_cert=site.path("ca.pem"), token="secret").at("up", 7200)) == 1
        assert len(api(server, validate_certs=False).at("up", 7200)) == 1
