"""Real daemons for tests: musterd on a free loopback port in a temporary folder, an issuer, and machines that report in.

Nothing here knows the program's insides: it talks to it as clients and administrators do.
"""

import base64
import contextlib
import datetime
import hashlib
import http.client
import json
import os
import pathlib
import re
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid

import openapi

BUILD = pathlib.Path(os.environ.get("top_builddir", "build")).resolve()
SOURCE = pathlib.Path(os.environ.get("top_srcdir", ".")).resolve()
PATIENCE = 60  # seconds until something that must happen has not: a sanitizer on a busy machine is slow

OFFICE2010 = "bfe7a195-4f8f-4f0b-a622-cf13c7d16864"
OFFICE2013 = "2e28138a-847f-42bc-9752-61b03fff33cd"


def program(name):
    return str(BUILD / name)


def eventually(check, what, patience=PATIENCE):
    """Wait until check() is true; the tests' only waiting."""
    end = time.monotonic() + patience
    while True:
        got = check()
        if got:
            return got
        assert time.monotonic() < end, f"has not happened within {patience} s: {what}"
        time.sleep(0.02)


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def code(self):
        return self.json.get("code")

    def __repr__(self):
        return f"<{self.status} {self.body[:400]!r}>"


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("muster", timeout=PATIENCE)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self.path))


class Issuer:
    """A publisher's issuer, its keys without a passphrase."""

    def __init__(self, folder, env=None):
        self.folder = pathlib.Path(folder)
        self.env = env
        self.run("init", "--name", "Test Issuer", "--no-passphrase")
        # Handed out, as a publisher would: the issuer's own folder is its alone.
        self.root = self.folder.parent / "issuer.pem"
        shutil.copy(self.folder / "issuer.pem", self.root)
        os.chmod(self.root, 0o644)

    def run(self, *arguments):
        done = subprocess.run([program("muster-issuer"), "--dir", str(self.folder), *arguments], capture_output=True, text=True, timeout=PATIENCE)
        assert done.returncode == 0, done.stderr + done.stdout
        return done.stdout

    def certify(self, request, products):
        """A chain for a request (PEM), for these activation IDs."""
        with tempfile.TemporaryDirectory() as t:
            t = pathlib.Path(t)
            (t / "host.csr").write_text(request)
            (t / "products").write_text("\n".join(products) + "\n")
            self.run("certify", str(t / "host.csr"), "--products", str(t / "products"), "--out", str(t / "host.pem"))
            return (t / "host.pem").read_text()


PLUGINS = ("office2013", "windows", "windows-server", "sql-embedded", "rds")


def plugin_path(name):
    return BUILD / "plugins" / name / ".libs" / (name + ".so")


class Host:
    """One musterd. Its folder holds muster.conf, products.d, state and log."""

    def __init__(self, folder, issuer, limits="", host="", more="", products="", plugins=PLUGINS, clock=False):
        self.folder = pathlib.Path(folder)
        self.issuer = issuer
        self.clock_file = self.folder / "clock" if clock else None
        self.process = None
        self.port = None
        self.log = self.folder / "log"
        (self.folder / "products.d").mkdir(parents=True, exist_ok=True)
        os.chmod(self.folder, 0o755)
        self.configure(limits, host, more, products, plugins)
        if clock:
            self.shift(0)

    def configure(self, limits="", host="", more="", products="", plugins=PLUGINS, listen="127.0.0.1:0"):
        text = f"[host]\nname = test-host\nlisten = {listen}\nstate = {self.folder}/state\nproducts_dir = {self.folder}/products.d\n{host}\n"
        if limits:
            text += f"[limits]\n{limits}\n"
        text += f"[issuer main]\nroots = {self.issuer.root}\n"
        for name in plugins:
            text += f"[plugin {name}]\npath = {plugin_path(name)}\n"
            if name in more_plugin_options:
                text += more_plugin_options[name]
        text += more
        (self.folder / "muster.conf").write_text(text)
        os.chmod(self.folder / "muster.conf", 0o644)
        path = self.folder / "products.d" / "test.ini"
        path.write_text(products)
        os.chmod(path, 0o644)

    def shift(self, seconds):
        """Move the injected clock to the system's plus so many seconds."""
        part = self.folder / "clock.part"
        part.write_text(f"{int(seconds * 1000)}\n")
        part.rename(self.clock_file)

    def hardware(self, value):
        """Another machine, from the next start on; only with clock=True."""
        (self.folder / "hardware").write_text(value)

    # --- the process ---

    def start(self, ready=True, prefix=(), env=None):
        name = "tests/integration/musterd-clock" if self.clock_file else "musterd"
        environment = dict(os.environ, **(env or {}))
        if self.clock_file:
            environment["MUSTER_TEST_CLOCK"] = str(self.clock_file)
        if (self.folder / "hardware").exists():
            environment["MUSTER_TEST_HARDWARE"] = str(self.folder / "hardware")
        with open(self.log, "ab") as log:
            self.begun = log.tell()
            self.process = subprocess.Popen([*prefix, program(name), "--foreground", "--config", str(self.folder / "muster.conf")],
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment)
        if ready:
            found = eventually(lambda: self.process.poll() is not None or self.started(), "the daemon has started")
            assert self.process.poll() is None, self.logged()
            assert found
        return self

    def started(self):
        found = re.search(r"started .*listen=\S*?:(\d+)[, ]", self.logged())
        if found:
            self.port = int(found.group(1))
        return found is not None

    def logged(self):
        """What this run has logged."""
        with open(self.log, "rb") as log:
            log.seek(self.begun)
            return log.read().decode(errors="replace")

    def lines(self, event):
        return [line for line in self.logged().splitlines() if re.match(rf"\S+: {re.escape(event)}( |$)", line)]

    def stop(self):
        """SIGTERM; the exit status."""
        if self.process is None:
            return None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(timeout=PATIENCE)
        self.process = None
        return status

    def kill(self):
        self.process.kill()
        self.process.wait(timeout=PATIENCE)
        self.process = None

    def close(self):
        """End it as an administrator would; a sanitizer's word is a failure, whatever the test was about."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(timeout=PATIENCE)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(timeout=PATIENCE)
                raise
        self.process = None
        if self.log.exists():
            log = self.log.read_text(errors="replace")
            assert not re.search(r"(Address|Leak|Thread|UndefinedBehavior)Sanitizer|runtime error:|this must never happen", log), log[-20000:]

    # --- asking it ---

    def connection(self):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)

    def ask(self, method, path, body=None, headers=None, connection=None):
        c = connection or self.connection()
        try:
            c.request(method, path, body=body, headers=headers or {})
            a = c.getresponse()
            answer = Answer(a.status, a.headers, a.read())
        finally:
            if connection is None:
                c.close()
        # Every answer of every test is one that the protocol's description allows.
        openapi.check(SOURCE / "docs" / "openapi.yaml", method, path, answer)
        return answer

    def get(self, path):
        return self.ask("GET", path)

    def post(self, path, value, connection=None):
        return self.ask("POST", path, json.dumps(value), {"Content-Type": "application/json"}, connection)

    def raw(self, data, shut=False, patience=PATIENCE):
        """Send bytes, return everything that comes until the host closes (or says nothing for so long)."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE) as s:
            s.sendall(data)
            if shut:
                s.shutdown(socket.SHUT_WR)
            s.settimeout(patience)
            got = b""
            with contextlib.suppress(ConnectionResetError, *([TimeoutError] if patience < PATIENCE else [])):
                while True:
                    part = s.recv(65536)
                    if not part:
                        break
                    got += part
            return got

    @property
    def socket(self):
        return self.folder / "state" / "admin.sock"

    def admin(self, method, path, value=None):
        c = UnixConnection(self.socket)
        try:
            c.request(method, "/admin/v1" + path, body=None if value is None else json.dumps(value))
            a = c.getresponse()
            return Answer(a.status, a.headers, a.read())
        finally:
            c.close()

    def admin_ok(self, method, path, value=None):
        a = self.admin(method, path, value)
        assert a.status == 200, a
        return a.json

    def products(self):
        return {p["product"]: p for p in self.admin_ok("GET", "/products")["items"]}

    def listing(self, product):
        return {p["product"]: p for p in self.admin_ok("GET", "/listing?id=all")["items"]}[product]

    def events(self, requests=True):
        """All events, or the requests among them."""
        after, all_ = 0, []
        while True:
            page = self.admin_ok("GET", f"/events?limit=1000&after={after}")
            all_ += page["items"]
            if page["next"] is None:
                return [e for e in all_ if not requests or e["id"] == 12290]
            after = page["next"]

    def certify(self, *products):
        """Certify the host for these products (names), or for all that can be served."""
        known = self.products()
        ids = [known[p]["activation_id"] for p in products] or [p["activation_id"] for p in known.values() if p["served"] and p["activation_id"]]
        request = self.admin_ok("POST", "/host/request", {"name": "test-host"})["request"]
        return self.admin_ok("POST", "/host/install", {"chain": self.issuer.certify(request, ids)})

    # --- machines ---

    def activation_id(self, product):
        return self.products()[product]["activation_id"]

    def activate(self, machine, activation_id, connection=None, /, **changes):
        return self.post("/v1/activate", machine.request(activation_id, **changes), connection)


more_plugin_options = {}


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def now_text(shift=0.0):
    return (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=shift)).strftime("%Y-%m-%dT%H:%M:%SZ")


class Machine:
    def __init__(self, name="pc", client_id=None, hardware=None, virtual=False):
        self.name = name
        self.client_id = client_id or str(uuid.uuid4())
        self.hardware = hardware or "00" + secrets.token_hex(31)
        self.virtual = virtual
        self.release = secrets.token_bytes(32)

    def request(self, activation_id, /, **changes):
        body = {
            "activation_id": activation_id,
            "client_id": self.client_id,
            "machine": {"name": self.name, "hardware_id": self.hardware, "virtual": self.virtual, "os": "linux"},
            "license_status": 2,
            "minutes_left": 43200,
            "time": now_text(),
            "nonce": base64url(secrets.token_bytes(16)),
            "release_hash": base64url(hashlib.sha256(b"muster release v1\0" + self.release).digest()),
        }
        for name, value in changes.items():
            if value is ...:
                body.pop(name, None)
            else:
                body[name] = value
        return body


def claims_of(lease):
    """Claims of a lease, unverified: for looking, not for believing."""
    payload = lease.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))


@contextlib.contextmanager
def folder():
    """A temporary folder that a daemon trusts: not below one that others can write to, except /tmp itself."""
    path = tempfile.mkdtemp(prefix="muster-test-")
    os.chmod(path, 0o755)
    try:
        yield pathlib.Path(path)
    finally:
        shutil.rmtree(path, ignore_errors=True)
