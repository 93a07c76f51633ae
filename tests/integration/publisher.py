"""A publisher's issuer, its service, and hosts and machines that the tests play with tests/telephone/codes.py."""

import base64
import hashlib
import http.client
import json
import os
import pathlib
import signal
import ssl
import subprocess
import sys
import time
import uuid

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.x509.oid import NameOID

import openapi

SOURCE = pathlib.Path(os.environ["top_srcdir"])
BUILD = pathlib.Path(os.environ["top_builddir"])
sys.path.insert(0, str(SOURCE / "tests" / "telephone"))
import codes  # noqa: E402

API = SOURCE / "docs" / "issuer-api.yaml"
OFFICE = "2e28138a-847f-42bc-9752-61b03fff33cd"
PROGRAM = BUILD / "tests" / "integration" / "muster-issuer-clock"
ABSENT = object()


class Said:
    def __init__(self, done):
        self.code, self.out, self.err = done.returncode, done.stdout, done.stderr

    def __repr__(self):
        return f"exit {self.code}\n{self.out}\n{self.err}"

    @property
    def json(self):
        return json.loads(self.out)


class Publisher:
    """DIR of an issuer without a passphrase."""

    def __init__(self, folder, algorithm="es256"):
        self.folder, self.dir, self.clock = folder, folder / "issuer", folder / "clock"
        self.clock.write_text("0")
        self.agreements, self.agreement_of = 0, {}
        self.environment = dict(os.environ, MUSTER_TEST_CLOCK=str(self.clock))
        done = self("init", "--name", "Example Software", "--algorithm", algorithm, "--no-passphrase")
        assert done.code == 0, done
        root = x509.load_pem_x509_certificate((self.dir / "issuer.pem").read_bytes())
        urn = root.extensions.get_extension_for_class(x509.SubjectAlternativeName).value.get_values_for_type(x509.UniformResourceIdentifier)[0]
        self.issuer_id = uuid.UUID(urn.removeprefix("urn:uuid:")).bytes

    def __call__(self, *arguments, stdin=None, extra=None):
        command = [PROGRAM, "--dir", self.dir, *map(str, arguments)]
        return Said(subprocess.run(command, capture_output=True, text=True, input=stdin, timeout=120, env={**self.environment, **(extra or {})}))

    def shift(self, days):
        """The publisher's clock to the system's plus so many days."""
        part = self.folder / "clock.part"   # whole at every moment: a service reads it all the time
        part.write_text(str(int(days * 86400000)))
        part.rename(self.clock)

    def advance(self, days):
        self.shift(int(self.clock.read_text()) / 86400000 + days)

    def no_midnight(self):
        """What is counted by the day (UTC) is not to begin anew in the middle of a test: a midnight that is near is passed now."""
        left = 86400 - self.now % 86400
        if left < 600:
            self.advance((left + 1) / 86400)

    @property
    def now(self):
        return int(time.time()) + int(self.clock.read_text()) // 1000

    def day(self, ahead):
        """A date as commands take it."""
        return time.strftime("%Y-%m-%d", time.gmtime(self.now + ahead * 86400))

    def done(self, *arguments):
        said = self(*arguments)
        assert said.code == 0, said
        return said

    def mint(self, kind="host", hosts=6, activations=10, start=None):
        """A key with an agreement and a licence pack of its own, as the host that typed it derives it."""
        if not self.agreements:
            self.done("product", "add", "office2013", "--activation-id", OFFICE, "--title", "Office 2013")
        self.agreements += 1
        agreement = f"EA-{self.agreements}"
        self.done("agreement", "add", agreement, "--programme", "open", "--organisation", "example", "--name", "Example GmbH")
        extra = ["--hosts", hosts] if kind == "host" else ["--coverage-start", start, "--coverage-end", "2100-01-01"] if start else []
        minted = self.done("--json", "key", "mint", "--kind", kind, "--agreement", agreement, "--products", "office2013", "--activations", activations, *extra).json
        key = codes.Key.parse(minted["key"]).under(self.issuer_id)
        self.agreement_of[key.key.number] = agreement
        self.pack(key)
        return key

    def pack(self, key):
        """The next pack of its agreement: its payload."""
        token = self.done("pack", "create", "--agreement", self.agreement_of[key.key.number]).out.strip()
        return json.loads(unb64(token.split(".")[1]))

    def slot_secret(self, key, iid, answer):
        """What the digits unlock: 16 bytes, different for every slot."""
        return key.open(iid, codes.ConfirmationID.parse(answer["confirmation_id"]))

    def telephone(self, iid, *arguments):
        return self("--json", "confirm", iid.text(), *arguments)


def machine(n):
    return hashlib.sha256(b"machine %d" % n).digest()[:10]


class Host:
    """A host's own key and its certificate request."""

    def __init__(self, name="host"):
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.binding = os.urandom(10)
        csr = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])).sign(self.key, hashes.SHA256())
        self.request = csr.public_bytes(serialization.Encoding.PEM).decode()
        self.der = csr.public_bytes(serialization.Encoding.DER)

    def short(self, iid):
        return f"MUSTER1:{iid.text('')}:{b64(self.der)}"

    def sign(self, chain, claims, typ="muster-state+jwt", key=None):
        kid = b64(hashlib.sha256(leaf(chain).public_bytes(serialization.Encoding.DER)).digest())
        signed = b64(json.dumps({"alg": "ES256", "typ": typ, "kid": kid}).encode()) + "." + b64(json.dumps(claims).encode())
        r, s = utils.decode_dss_signature((key or self.key).sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
        return signed + "." + b64(r.to_bytes(32, "big") + s.to_bytes(32, "big"))

    def renewal(self, chain, new, now, audit="12:00112233445566778899aabbccddeeff", **changes):
        claims = {"aud": "muster-state+jwt", "iat": now, "jti": str(uuid.uuid4()), "request": b64(hashlib.sha256(new.request.encode()).digest()), "audit": audit}
        claims = {k: v for k, v in {**claims, **changes}.items() if v is not ABSENT}
        return {"renewal": self.sign(chain, claims), "chain": chain, "request": new.request}


def b64(raw):
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def leaf(chain):
    return x509.load_pem_x509_certificate(chain.encode())


def same_key(chain, host):
    return leaf(chain).public_key().public_numbers() == host.key.public_key().public_numbers()


def verifies(publisher, chain):
    path = publisher.folder / "chain.pem"
    path.write_text(chain)
    done = subprocess.run(["openssl", "verify", "-x509_strict", "-attime", str(publisher.now), "-CAfile", publisher.dir / "issuer.pem", "-untrusted", path, path], capture_output=True, text=True)
    return done.returncode == 0


def unb64(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class Answer:
    def __init__(self, response):
        self.status, self.headers, self.body = response.status, response.headers, response.read()

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def code(self):
        return self.json.get("code")

    def __repr__(self):
        return f"{self.status} {self.body[:2000]}"


class Service:
    """`muster-issuer serve` on a free port of loopback."""

    def __init__(self, publisher, name="localhost", extra=None):
        self.publisher, self.name = publisher, name
        self.log = open(publisher.folder / "service.log", "ab")
        self.process = subprocess.Popen([PROGRAM, "--dir", publisher.dir, "serve", "--listen", "127.0.0.1:0", "--name", name], stdout=subprocess.PIPE, stderr=self.log, text=True,
                                        env={**publisher.environment, **(extra or {})})
        line = self.process.stdout.readline()
        assert line.startswith("Listening on 127.0.0.1:"), (line, (publisher.folder / "service.log").read_text())
        self.port = int(line.rsplit(":", 1)[1])
        self.context = ssl.create_default_context(cafile=publisher.dir / "issuer.pem")

    def ask(self, method, path, body=None, headers=None, check=True, raw=None):
        """None: the connection ended without an answer."""
        connection = http.client.HTTPSConnection("localhost", self.port, timeout=120, context=self.context)
        data = raw if raw is not None else None if body is None else json.dumps(body).encode()
        try:
            connection.request(method, path, body=data, headers={**({"Content-Type": "application/json"} if data is not None else {}), **(headers or {})})
            answer = Answer(connection.getresponse())
        except (ConnectionError, http.client.HTTPException, ssl.SSLError):
            return None
        finally:
            connection.close()
        if check:
            openapi.check(API, method, path, answer)
        return answer

    def activate(self, key, host, attempt=0, generation=1, name=None, iid=None, **more):
        iid = iid or key.installation_id(generation, attempt, host.binding)
        body = {"installation_id": iid.text(""), "request": host.request}
        return self.ask("POST", "/v1/host/activate", body | more | ({"name": name} if name else {}))

    def counted(self, ids, batch=None, **more):
        return self.ask("POST", "/v1/counted/activate", {"id": batch or str(uuid.uuid4()), "installation_ids": ids, **more})

    def stop(self, how=signal.SIGTERM):
        if self.process.poll() is None:
            self.process.send_signal(how)
        code = self.process.wait(timeout=60)
        self.process.stdout.close()
        self.log.close()
        return code
