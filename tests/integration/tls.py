"""Certificates of servers for tests: an authority of this run, and what it signs. Nothing is a fixture, so nothing expires."""

import datetime
import ipaddress
import os
import ssl

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

DAY = datetime.timedelta(days=1)


def name(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def pem(certificate):
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def key_pem(key):
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode()


class Authority:
    def __init__(self, folder, common_name="Test TLS authority"):
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = name(common_name)
        self.certificate = self.sign(self.name, self.key.public_key(), ca=True)
        self.file = folder / "authority.pem"
        self.file.write_text(pem(self.certificate))

    def sign(self, subject, public, ca=False, names=(), addresses=(), days=30, usage=ExtendedKeyUsageOID.SERVER_AUTH):
        now = datetime.datetime.now(datetime.timezone.utc)
        b = (x509.CertificateBuilder().subject_name(subject).issuer_name(self.name).public_key(public).serial_number(x509.random_serial_number())
             .not_valid_before(now - DAY).not_valid_after(now + days * DAY).add_extension(x509.BasicConstraints(ca, None), critical=True))
        if not ca:
            alternatives = [x509.DNSName(n) for n in names] + [x509.IPAddress(ipaddress.ip_address(a)) for a in addresses]
            b = b.add_extension(x509.SubjectAlternativeName(alternatives), critical=False).add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        return b.sign(self.key, hashes.SHA256())

    def server(self, folder, stem, addresses=("127.0.0.1",), names=("localhost",), **how):
        """Files STEM.pem and STEM.key; @return certificate."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self.sign(name("server"), key.public_key(), names=names, addresses=addresses, **how)
        (folder / f"{stem}.pem").write_text(pem(certificate) + pem(self.certificate))
        (folder / f"{stem}.key").write_text(key_pem(key))
        os.chmod(folder / f"{stem}.key", 0o600)
        return certificate

    def context(self, **versions):
        c = ssl.create_default_context(cafile=str(self.file))
        for which, version in versions.items():
            setattr(c, which, version)
        return c
