"""The mail server is spoken to over TLS, and only if it is who it says."""

import ipaddress
import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from amtsbus.postgres import Database
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from notifications.sender import MAIL_SERVER_AWAY
from prometheus_client import REGISTRY

from ..facts import PERSON, fact, postal_address
from ..towns import Post, Sending, email_states, happen, until, wants_email


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate for 127.0.0.1 that only those trust who are told to; its key lies in the same file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "post.test")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path / "post.pem"
    file.write_bytes(
        certificate.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return file


async def test_an_e_mail_goes_out_over_tls_to_a_server_that_is_trusted_and_to_no_other(
    database: Database, sending: Callable[..., Sending], certificate: Path
) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    await wants_email(database, "anna@example.org")
    await happen(database, "registration.postal-address-changed.v1", postal_address(), subject=PERSON)
    await happen(database, "permits.fee-noticed.v1", fact("permits.fee-noticed.v1"))
    async with Post(tls=context).open() as post:
        MAIL_SERVER_AWAY.set(0)
        distrustful = sending(smtp_port=post.port, smtp_starttls=True)
        await until(lambda: REGISTRY.get_sample_value("notifications_mail_server_away") == 1)
        await distrustful.stop()
        assert post.accepted == []
        assert await email_states(database) == {"queued": 1}
        sending(smtp_port=post.port, smtp_starttls=True, smtp_ca_file=certificate)
        await until(lambda: post.accepted)
    assert post.accepted[0].recipient == "anna@example.org"
