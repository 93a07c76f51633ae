"""A host with products of the models access, seats and embedded, for the client's tests: what docs/protocol.md says, in the fewest lines, with an issuer of
its own (fake_publisher). It keeps little: who has a seat until when, who waits, who holds a licence. What the real host decides is tested with it."""

import base64
import hashlib
import hmac
import http.server
import json
import threading
import time
import uuid

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils

from fake_publisher import INTERVALS, Publisher, key_usage, problem
from host import base64url

import datetime

RDS = "0b6f5a2e-3c4d-4e5f-8a9b-1c2d3e4f5a6b"
CAD = "1c7a6b3f-4d5e-4f60-9bac-2d3e4f5a6b7c"
SQL = "2d8b7c40-5e6f-4071-acbd-3e4f5a6b7c8d"
DAY = 86400


def unb64(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def user_hash(name):
    return base64url(hashlib.sha256(b"muster user v1\0" + name.encode()).digest())


def hkdf(salt, key, info):
    return hmac.new(hmac.new(salt, key, hashlib.sha256).digest(), info + b"\1", hashlib.sha256).digest()


class ModelsHost:
    def __init__(self, folder, seats=1, lease=45, renew=20, retry=30):
        self.issuer = Publisher(folder)
        now = datetime.datetime.utcnow().replace(microsecond=0)
        self.issuer.make("host", "intermediate", now, 300, [x509.BasicConstraints(False, None), key_usage("digital_signature")],
                         san=[x509.UniformResourceIdentifier(f"urn:uuid:{p}") for p in (RDS, CAD, SQL)])
        self.root = self.issuer.root
        self.kid = base64url(hashlib.sha256(self.issuer.der("host")).digest())
        self.seats, self.lease, self.renew, self.retry = seats, lease, renew, retry
        self.out, self.waiting = {}, []           # seats: client -> end; clients in their order
        self.licenses = {}                        # access: user or client -> times asked
        self.free = 10                            # access: permanent ones
        self.embedded = []                        # keys, as on the medium
        self.refuse = None                        # (status, code, detail), to every question
        self.shift = 0                            # s: of the clock
        self.seen, self.released = [], []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def give(self, status, body, kind=None):
                raw = body if isinstance(body, bytes) else json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Type", kind or ("application/json" if status < 400 else "application/problem+json"))
                self.send_header("Content-Length", str(len(raw)))
                self.end_headers()
                self.wfile.write(raw)

            def do_GET(self):
                with outer.lock:
                    if self.path == f"/v1/certificates?kid={outer.kid}":
                        self.give(200, outer.issuer.pem("host", "intermediate"), "application/pem-certificate-chain")
                    elif self.path == "/v1/products":
                        self.give(200, {"products": outer.products()})
                    else:
                        self.give(*problem(404, "M-117", "Nothing there."))

            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                with outer.lock:
                    self.give(*(outer.activate(body) if self.path == "/v1/activate" else outer.release(body)))

            def log_message(self, *arguments):
                pass

        self.lock = threading.Lock()
        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.handle_error = lambda *arguments: None
        self.http.daemon_threads = True
        self.port = self.http.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.thread = threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.02})
        self.thread.start()

    def close(self):
        self.http.shutdown()
        self.thread.join()
        self.http.server_close()

    def __enter__(self):
        return self

    def __exit__(self, *what):
        self.close()

    def now(self):
        return int(time.time()) + self.shift

    def products(self):
        rows = [("rds", RDS, "access", {"access": {"per": ["device", "user"], "versions": ["2016", "2019"], "grace_seconds": 120 * DAY}}),
                ("cad", CAD, "seats", {"seats": self.seats}), ("sql", SQL, "embedded", {})]
        return [{"name": n, "title": n, "activation_id": i, "model": m, "served": True, "certified": True, **more} for n, i, m, more in rows]

    def sign(self, body, product, end, renew, **more):
        now = self.now()
        claims = {"iss": f"urn:uuid:{self.issuer.issuer_id}", "sub": f"urn:uuid:{body['client_id']}", "aud": f"urn:uuid:{product}", "iat": now, "nbf": now, "exp": end,
                  "jti": f"fake.{uuid.uuid4()}", "nonce": body["nonce"], "hw": body["machine"]["hardware_id"], "rel": body["release_hash"], "cnt": 1, "min": 0,
                  "renew": renew, **more}
        header = {"alg": "ES256", "typ": "muster-lease+jwt", "kid": self.kid}
        signed = ".".join(base64url(json.dumps(part, separators=(",", ":")).encode()) for part in (header, claims))
        r, s = utils.decode_dss_signature(self.issuer.keys["host"].sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
        return f"{signed}.{base64url(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"

    def granted(self, body, name, product, end, renew, count=1, claims=None, **more):
        return 200, {"result": "activated", "product": name, "activation_id": product, "lease": self.sign(body, product, end, renew, **(claims or {})), "count": count,
                     "minimum_count": 0, "expires_at": "2027-01-01T00:00:00Z", **INTERVALS, **more}

    def activate(self, body):
        self.seen.append(body)
        if self.refuse:
            return problem(*self.refuse)
        return {RDS: self.access, CAD: self.seat, SQL: self.key}[body["activation_id"]](body)

    def access(self, body):
        wish = body.get("access", {})
        version, per, user = wish.get("version", "2019"), wish.get("per", "device"), wish.get("user")
        if version not in ("2016", "2019"):
            return problem(422, "M-146", f"Version {version} is newer than this licence server.")
        who = f"user {user}" if per == "user" else body["client_id"]
        first = who not in self.licenses
        self.licenses[who] = self.licenses.get(who, 0) + 1
        if per == "user":
            return self.granted(body, "rds", RDS, self.now() + 60 * DAY, DAY, claims={"usr": user_hash(user)}, access={"per": "user", "version": version, "kind": "user"})
        if not first and self.free == 0:
            status, answer = problem(403, "M-145", "No licence is free.")
            return status, {**answer, "grace_seconds": 120 * DAY}
        days, kind = (90, "temporary") if first else (60, "permanent")
        return self.granted(body, "rds", RDS, self.now() + days * DAY, DAY, access={"per": "device", "version": version, "kind": kind}, grace_seconds=120 * DAY)

    def seat(self, body):
        client, now = body["client_id"], self.now()
        self.out = {c: end for c, end in self.out.items() if end > now}
        ahead = self.waiting.index(client) if client in self.waiting else len(self.waiting)
        if client in self.out or len(self.out) + ahead < self.seats:
            self.out[client] = now + self.lease
            if client in self.waiting:
                self.waiting.remove(client)
            return self.granted(body, "cad", CAD, self.out[client], self.renew, count=len(self.out), seats=self.seats)
        if body.get("queue") is False:
            if client in self.waiting:
                self.waiting.remove(client)
            return problem(403, "M-150", "All seats are taken.")
        if client not in self.waiting:
            self.waiting.append(client)
        return 202, {"result": "queued", "code": "M-149", "title": "T", "detail": "All seats are taken.", "action": "", "product": "cad", "activation_id": CAD,
                     "count": len(self.out), "minimum_count": 0, "position": self.waiting.index(client) + 1, "seats": self.seats, "retry_after_seconds": self.retry, **INTERVALS}

    def key(self, body):
        issuer = self.issuer.issuer_id.bytes
        proof = body.get("key")
        for known in self.embedded:
            number = int.from_bytes(hashlib.sha256(b"muster foreign key v1\0" + issuer + known.encode()).digest()[:4], "big") >> 2
            key = hkdf(issuer, known.encode(), b"muster foreign proof key v1")
            nonce = unb64(body["nonce"])
            text = uuid.UUID(SQL).bytes + uuid.UUID(body["client_id"]).bytes + bytes.fromhex(body["machine"]["hardware_id"]) + bytes([len(nonce)]) + nonce
            if proof == {"kind": "E", "number": number, "proof": base64url(hmac.new(key, text, hashlib.sha256).digest())}:
                return self.granted(body, "sql", SQL, self.now() + 180 * DAY, 7 * DAY)
        return problem(422, "0xC004F050", "That key is not known here: find it on the medium.")

    def release(self, body):
        payload = json.loads(unb64(body["lease"].split(".")[1]))
        client, product = payload["sub"][9:], payload["aud"][9:]
        if base64url(hashlib.sha256(b"muster release v1\0" + unb64(body["release"])).digest()) != payload["rel"]:
            return problem(403, "M-116", "Not the secret.")
        if product == RDS:
            return problem(403, "M-154", "It ends by itself.")
        self.released.append(client)
        self.out.pop(client, None)
        return 200, {"result": "released", "product": "cad", "time": "2026-11-22T10:00:00Z"}
