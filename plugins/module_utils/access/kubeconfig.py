# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Kubeconfigs: keys and requests made locally, one file that holds all, reused until it must be renewed.

Pure but for the randomness of keys and for ``read_file`` and ``write_file``. What can be shown of a kubeconfig is a
``Summary``: fingerprint, subject, expiry, server. Never a key, never PEM.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from ansible_collections.kcloud.infrastructure.plugins.module_utils import private_file
from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import InvalidRequest

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.x509 import Certificate

# Kubeconfigs have a place for what other programs note in them; by this, files written here are known from all others.
MARK = "kcloud.infrastructure"


@dataclass(frozen=True)
class Identity:
    """Who the bearer is to Kubernetes: the certificate's common name is the user, its organisations are the groups."""

    user: str
    groups: tuple[str, ...] = ()


@dataclass(frozen=True)
class Summary:
    """What may be shown of a kubeconfig. Times are ISO 8601 in UTC, fingerprints SHA-256 in hex."""

    cluster: str
    cluster_id: str
    server: str
    user: str
    groups: tuple[str, ...]
    fingerprint: str
    ca_fingerprint: str
    not_before: str
    not_after: str

    def as_result(self) -> dict[str, Any]:
        return {**asdict(self), "groups": list(self.groups)}

    def renewal(self, renew_before: timedelta) -> datetime:
        """When it is to be renewed: so long before its end, but not in the first half of its life.

        Without the half, a cloud that signs for less than ``renew_before`` would be asked for a new one on each run.
        """
        start, end = datetime.fromisoformat(self.not_before), datetime.fromisoformat(self.not_after)
        return max(end - renew_before, start + (end - start) / 2)


class NotOurs(ValueError):
    """Not a kubeconfig that was written here; the text quotes nothing of it."""


def new_key() -> EllipticCurvePrivateKey:
    """A private key (P-256, which every Kubernetes takes and which is made at once)."""
    from cryptography.hazmat.primitives.asymmetric import ec

    return ec.generate_private_key(ec.SECP256R1())


def signing_request(key: EllipticCurvePrivateKey, identity: Identity) -> str:
    """The request for a client certificate, as PEM."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    names = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group) for group in identity.groups]
    request = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(x509.Name([*names, x509.NameAttribute(NameOID.COMMON_NAME, identity.user)]))
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )
    return request.public_bytes(serialization.Encoding.PEM).decode()


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def document(
    cluster: str,
    cluster_id: str,
    server: str,
    ca_pem: str,
    identity: Identity,
    certificate_pem: str,
    key: EllipticCurvePrivateKey,
) -> dict[str, Any]:
    """A kubeconfig with everything in it; ``cluster`` also names its context.

    :raises NotOurs: the certificate is not the CA's, not of this key, or not of this identity.
    """
    from cryptography.hazmat.primitives import serialization

    key_pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    user = f"{identity.user}@{cluster}"
    mark = {"name": MARK, "extension": {"cluster": cluster, "cluster_id": cluster_id}}
    made = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {
                "name": cluster,
                "cluster": {"server": server, "certificate-authority-data": _encoded(ca_pem), "extensions": [mark]},
            },
        ],
        "users": [
            {
                "name": user,
                "user": {
                    "client-certificate-data": _encoded(certificate_pem),
                    "client-key-data": _encoded(key_pem),
                },
            },
        ],
        "contexts": [{"name": cluster, "context": {"cluster": cluster, "user": user}}],
        "current-context": cluster,
    }
    got = summary(made)
    if (got.user, got.groups) != (identity.user, tuple(sorted(identity.groups))):
        raise NotOurs("the certificate is for another user than the requested one")
    return made


def summary(config: Any) -> Summary:
    """What may be shown of a kubeconfig that was written here.

    :raises NotOurs: it is not one, or its parts do not belong together.
    """
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization
    from cryptography.x509.oid import NameOID

    try:
        (entry,), (bearer,), (_context,) = config["clusters"], config["users"], config["contexts"]
        cluster, user = entry["cluster"], bearer["user"]
        (mark,) = (note["extension"] for note in cluster["extensions"] if note["name"] == MARK)
        certificate = _certificate(base64.b64decode(user["client-certificate-data"]))
        key = serialization.load_pem_private_key(base64.b64decode(user["client-key-data"]), None)
        ca = _certificate(base64.b64decode(cluster["certificate-authority-data"]))
        names, name_id, server = str(mark["cluster"]), str(mark["cluster_id"]), str(cluster["server"])
    except (LookupError, TypeError, ValueError, AttributeError, UnsupportedAlgorithm) as error:
        # Some of these quote what they stumbled over, which may be a key.
        raise NotOurs("this module did not write it") from error
    if key.public_key() != certificate.public_key():
        raise NotOurs("its key does not fit its certificate")
    try:
        certificate.verify_directly_issued_by(ca)
    except (ValueError, TypeError, InvalidSignature) as error:
        raise NotOurs("its certificate is not signed by its CA") from error
    subject = certificate.subject.get_attributes_for_oid
    return Summary(
        cluster=names,
        cluster_id=name_id,
        server=server,
        user="".join(str(name.value) for name in subject(NameOID.COMMON_NAME)[:1]),
        groups=tuple(sorted(str(name.value) for name in subject(NameOID.ORGANIZATION_NAME))),
        fingerprint=fingerprint(certificate),
        ca_fingerprint=fingerprint(ca),
        not_before=certificate.not_valid_before_utc.isoformat(),
        not_after=certificate.not_valid_after_utc.isoformat(),
    )


def _certificate(pem: bytes) -> Certificate:
    from cryptography import x509

    return x509.load_pem_x509_certificate(pem)


def fingerprint(certificate: Certificate | str) -> str:
    """SHA-256 of a certificate, in hex.

    :raises ValueError: a text that is not PEM.
    """
    from cryptography.hazmat.primitives import hashes

    found = _certificate(certificate.encode()) if isinstance(certificate, str) else certificate
    return found.fingerprint(hashes.SHA256()).hex()


def not_after(pem: str) -> str:
    """The end of a certificate's life, ISO 8601 in UTC."""
    return _certificate(pem.encode()).not_valid_after_utc.isoformat()


def why_renew(
    found: Summary | None,
    identity: Identity,
    cluster_id: str,
    server: str,
    ca_fingerprint: str,
    *,
    now: datetime,
    renew_before: timedelta,
) -> str | None:
    """Why the kubeconfig at hand will not do; None when it does."""
    if found is None:
        return "there is none"
    if found.cluster_id != cluster_id:
        return "the cluster was made anew"
    if found.ca_fingerprint != ca_fingerprint:
        return "the cluster has a new CA"
    if found.server != server:
        return f"the API has moved from {found.server}"
    if (found.user, found.groups) != (identity.user, tuple(sorted(identity.groups))):
        return f"it is for {found.user} of {', '.join(found.groups) or 'no group'}"
    if found.renewal(renew_before) <= now:
        return f"it ends at {found.not_after}"
    return None


def read_file(path: str) -> Summary | None:
    """What may be shown of the kubeconfig at ``path``; None when there is none.

    :raises InvalidRequest: something else is there, which is neither overwritten nor removed.
    """
    import yaml

    private_file.check_path(path)
    try:
        with open(path, encoding="utf-8") as stream:
            return summary(yaml.safe_load(stream))
    except FileNotFoundError:
        return None
    except (ValueError, yaml.YAMLError, OSError) as error:
        # The parser's words may quote the file, and the file may hold a key.
        reason = str(error) if isinstance(error, NotOurs) else getattr(error, "strerror", None) or "it is not YAML"
        raise InvalidRequest(
            f"Failed to use option 'path': '{path}' holds something else than a kubeconfig of ours",
            resource=path,
            reason=reason,
            hint="Give another path, or move the file away; it was not changed",
        ) from None


def write_file(path: str, config: Mapping[str, Any]) -> None:
    """Write the kubeconfig at once and whole, readable by its owner alone; missing folders are made 0700.

    :raises KcloudError: the file system refuses.
    """
    private_file.write_yaml(path, config, "kubeconfig")


def remove_file(path: str) -> None:
    """Remove the kubeconfig.

    :raises KcloudError: the file system refuses.
    """
    private_file.remove(path, "kubeconfig")


def utc_now() -> datetime:
    """The time, with its zone."""
    return datetime.now(UTC)


def lead_time(days: int) -> timedelta:
    """The time before its end at which a certificate is renewed.

    :raises InvalidRequest: a time after its end.
    """
    if days < 0:
        raise InvalidRequest(
            f"Failed to read option 'renew_before': {days} days is after the end",
            resource="renew_before",
            hint="Give days, 0 or more",
        )
    return timedelta(days=min(days, 100_000))


def identity_of(user: str, groups: Sequence[str]) -> Identity:
    """Who is asked for, checked.

    :raises InvalidRequest: an empty name, or one that a certificate cannot carry.
    """
    for option, value in (("user", user), *(("groups", group) for group in groups)):
        if not 1 <= len(value) <= 64:
            raise InvalidRequest(
                f"Failed to read option '{option}': '{value}' has {len(value)} characters",
                resource=option,
                hint="A certificate carries names of 1 to 64 characters",
            )
    return Identity(user, tuple(sorted(set(groups))))
