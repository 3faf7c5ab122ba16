# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A certificate authority with real keys, for the tests of what it signs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

START = datetime(2026, 1, 1, tzinfo=UTC)
LIFE = timedelta(days=100)


class Authority:
    """A CA as Magnum has one for each cluster."""

    def __init__(self, start: datetime = START) -> None:
        self.start = start
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "ml")])
        self.pem = self._pem(self.name, self.key.public_key())

    def sign(self, request_pem: str) -> str:
        request = x509.load_pem_x509_csr(request_pem.encode())
        assert request.is_signature_valid
        return self._pem(request.subject, request.public_key())

    def _pem(self, subject: x509.Name, public_key: ec.EllipticCurvePublicKey) -> str:
        made = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(public_key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(self.start)
            .not_valid_after(self.start + LIFE)
            .sign(self.key, hashes.SHA256())
        )
        return made.public_bytes(serialization.Encoding.PEM).decode()
