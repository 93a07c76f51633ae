"""
An issuer in Python, for the client's tests: certificates by the rules of trust.md section 1, confirmations as statements, its service behind TLS; and
a host with a product of the counted model. Both say what a test tells them to. Independent of muster-issuer and musterd: only the documents are shared.
"""

import base64
import contextlib
import datetime
import hashlib
import http.server
import ipaddress
import json
import ssl
import sys
import threading
import time
import uuid

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

from host import SOURCE, base64url

sys.path.insert(0, str(SOURCE / "tests" / "telephone"))

import codes  # noqa: E402

DAY = datetime.timedelta(days=1)


def key_usage(*wanted):
    names = ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "key_cert_sign", "crl_sign",
             "encipher_only", "decipher_only")
    return x509.KeyUsage(**{name: name in wanted for name in names})


class Publisher:
    """Root, intermediate, statement signer and a TLS server's certificate."""

    def __init__(self, folder, issuer_id=None, name="publisher"):
        self.issuer_id = issuer_id or uuid.uuid4()
        self.folder = folder
        self.name = name
        now = datetime.datetime.utcnow().replace(microsecond=0)
        self.keys, self.certificates = {}, {}
        self.make("root", None, now, 7000, [x509.BasicConstraints(True, 1), key_usage("key_cert_sign", "crl_sign")],
                  san=[x509.UniformResourceIdentifier(f"urn:uuid:{self.issuer_id}")])
        self.make("intermediate", "root", now, 2000, [x509.BasicConstraints(True, 0), key_usage("key_cert_sign", "crl_sign")])
        self.make("statement", "intermediate", now, 1000, [x509.BasicConstraints(False, None), key_usage("digital_signature", "content_commitment"),
                                                           x509.ExtendedKeyUsage([ObjectIdentifier("1.3.6.1.5.5.7.3.36")])])
        self.make("tls", "intermediate", now, 300, [x509.BasicConstraints(False, None), key_usage("digital_signature"),
                                                    x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])],
                  san=[x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
        self.root = folder / f"{name}.pem"
        self.root.write_bytes(self.pem("root"))
        self.root.chmod(0o644)

    def make(self, name, issuer, now, days, extensions, san=None):
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"{self.name} {name}")])
        by = self.certificates[issuer].subject if issuer else subject
        b = x509.CertificateBuilder(by, subject, key.public_key(), x509.random_serial_number(), now - DAY, now + days * DAY)
        for e in extensions:
            b = b.add_extension(e, critical=True)
        b = b.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        if issuer:
            b = b.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.keys[issuer].public_key()), critical=False)
        if san:
            b = b.add_extension(x509.SubjectAlternativeName(san), critical=False)
        self.keys[name] = key
        self.certificates[name] = b.sign(self.keys[issuer or name], hashes.SHA256())

    def pem(self, *names):
        return b"".join(self.certificates[n].public_bytes(serialization.Encoding.PEM) for n in names)

    def der(self, name):
        return self.certificates[name].public_bytes(serialization.Encoding.DER)

    def statement(self, payload, typ="muster-confirmation+jwt", signer="statement", x5c=("statement", "intermediate")):
        """A compact JWS as trust.md section 2 has it."""
        iat = int(time.time())
        header = {"alg": "ES256", "typ": typ, "kid": base64url(hashlib.sha256(self.der(signer)).digest()),
                  "x5c": [base64.b64encode(self.der(n)).decode() for n in x5c]}
        body = {"iss": f"urn:uuid:{self.issuer_id}", "aud": typ, "iat": iat, "nbf": iat, **payload}
        signed = ".".join(base64url(json.dumps(part, separators=(",", ":")).encode()) for part in (header, body))
        r, s = utils.decode_dss_signature(self.keys[signer].sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
        return f"{signed}.{base64url(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"

    def confirmation(self, key, binding, products, coverage=None, **more):
        payload = {"ver": 1, "jti": f"urn:uuid:{uuid.uuid4()}", "binding": base64url(binding), "products": [f"urn:uuid:{p}" for p in products],
                   "key": {"kind": key.kind, "number": key.number, "partial": key.partial()}}
        if coverage:
            payload["coverage"] = {"start": coverage[0], "end": coverage[1]}
        return self.statement({**payload, **more.pop("payload", {})}, **more)

    def binding(self, hardware):
        """Of a machine whose --hardware is this."""
        return codes.binding_of_machine(self.issuer_id.bytes, codes.hardware_id(self.issuer_id.bytes, 0, hardware.encode()))

    def tls_context(self):
        path = self.folder / f"{self.name}-tls.pem"
        key = self.keys["tls"].private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        path.write_bytes(key + self.pem("tls", "intermediate"))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(path)
        return context


class Server:
    """Answers POST with what `answer(path, body)` returns: status and JSON. Keeps every body it got."""

    def __init__(self, answer, tls=None):
        self.seen = []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                outer.seen.append((self.path, body))
                status, value = answer(self.path, body)
                raw = json.dumps(value).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json" if status < 400 else "application/problem+json")
                self.send_header("Content-Length", str(len(raw)))
                self.end_headers()
                self.wfile.write(raw)

            def log_message(self, *arguments):
                pass

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.handle_error = lambda *arguments: None       # a client that does not believe the certificate
        if tls:
            self.http.socket = tls.wrap_socket(self.http.socket, server_side=True, do_handshake_on_connect=False)
        self.port = self.http.server_address[1]
        self.url = f"{'https' if tls else 'http'}://localhost:{self.port}"
        self.thread = threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.02})
        self.thread.start()

    def close(self):
        self.http.shutdown()
        self.thread.join()
        self.http.server_close()


@contextlib.contextmanager
def serving(answer, tls=None):
    server = Server(answer, tls)
    try:
        yield server
    finally:
        server.close()


def problem(status, code, detail):
    return status, {"status": status, "code": code, "title": "T", "detail": detail, "action": ""}


INTERVALS = {"activation_interval_minutes": 120, "renewal_interval_minutes": 10080, "rearm_max": 0, "time": "2026-11-22T10:00:00Z"}


def activated(product, confirmation, **more):
    """A host's 200 for a counted product."""
    return 200, {"result": "activated", "product": "contoso-mak", "activation_id": product, "confirmation": confirmation, "count": 0, "minimum_count": 0,
                 **INTERVALS, **more}


def pending(product, seconds=900):
    return 202, {"result": "pending", "code": "M-127", "title": "T", "detail": "Collected.", "action": "", "product": "contoso-mak", "activation_id": product,
                 "count": 0, "minimum_count": 0, "retry_after_seconds": seconds, **INTERVALS}
