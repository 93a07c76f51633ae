"""`ato` with the real issuer: activation online, what it costs, whom the host trusts, lost answers, crashes, and certificates that follow by themselves."""

import concurrent.futures
import contextlib
import datetime
import socket
import ssl
import threading
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

import licensed as world
from host import PATIENCE, Machine, eventually
from licensed import IDS, Licensed
from tls import Authority, key_pem, pem

CONTOSO = IDS["contoso"]
DAY = 86400


@pytest.fixture(scope="module")
def licensed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("licensed")
    folder.chmod(0o755)
    one = Licensed(folder)
    yield one
    one.stop()


@pytest.fixture
def key(licensed):
    return licensed.mint("host", "contoso")


def ready(new_host, licensed, key, **options):
    host = world.host(new_host, licensed, **options)
    host.admin_ok("POST", "/packs", {"pack": licensed.packed()})
    host.admin_ok("POST", "/keys", {"key": key})
    return host


def at(host, url):
    text = (host.folder / "muster.conf").read_text()
    (host.folder / "muster.conf").write_text(text.replace(text.split("url = ")[1].split("\n")[0], url))
    host.admin_ok("POST", "/reload", {})


def places(licensed, key):
    shown = licensed("--json", "key", "show", licensed.typed(key).number).json
    return shown["used_hosts"], shown["used"]


def ends(host):
    return host.admin_ok("GET", "/status")["certificates"][0]["ends_at"]


def test_ato(new_host, licensed, key):
    """From a key to leases in one act; asked again it spends nothing; the machine is granted a lease."""
    host = ready(new_host, licensed, key)
    assert host.activate(Machine(), CONTOSO).code == "0xC004F041"
    a = host.admin_ok("POST", "/activate", {})
    assert a["message"] == "Product activated successfully." and a["products"] == ["contoso"] and a["again"] is False
    assert a["hosts"] == {"used": 1, "allowed": 6} and a["activations"] == {"used": 1, "allowed": 10}
    assert host.activate(Machine(), CONTOSO).status == 200
    item = host.admin_ok("GET", "/keys")["items"][0]
    assert (item["state"], item["method"]) == ("activated", "online") and item["ends_at"] == a["ends_at"]
    assert host.admin_ok("POST", "/activate", {"activation_id": CONTOSO})["again"] is True
    assert places(licensed, key) == (1, 1)
    host.stop()
    host.start()
    assert host.activate(Machine(), CONTOSO).status == 200
    assert host.admin_ok("POST", "/audit/verify", {})


def test_lost_answer_costs_nothing(new_host, licensed, key):
    """The request is stored before it is sent and stays the same: cut off after it arrived, or killed, the host asks the same again."""
    relay = Cutter(licensed.service.port)
    host = ready(new_host, licensed, key, url=f"https://localhost:{relay.port}")
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        asked = pool.submit(host.admin, "POST", "/activate", {})
        eventually(lambda: places(licensed, key) == (1, 1), "the issuer has counted it")
        relay.cut()
        assert asked.result().code == "M-143"
    for n in range(6):
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(str(host.socket))
            s.sendall(b"POST /admin/v1/activate HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}")
            time.sleep(0.005 * n)
            host.process.kill()
            host.process.wait(timeout=PATIENCE)
        host.process = None
        host.start()
    relay.through = True
    for n in range(6):
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(str(host.socket))
            s.sendall(b"POST /admin/v1/activate HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}")
            time.sleep(0.012 * n)
            host.process.kill()
            host.process.wait(timeout=PATIENCE)
        host.process = None
        host.start()
    assert host.admin_ok("POST", "/activate", {})["again"] is True
    assert places(licensed, key) == (1, 1)
    assert host.activate(Machine(), CONTOSO).status == 200
    relay.close()


GREETING = 1500  # bytes that a client sends at most before its request: two greetings and Finished of TLS 1.3


class Cutter:
    """Before the issuer's port: lets a request through and keeps the answer to itself, until told to let all of it through."""

    def __init__(self, port):
        self.target, self.through, self.open = port, False, []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.one, args=(client,), daemon=True).start()

    def one(self, client):
        server, asked = socket.create_connection(("127.0.0.1", self.target)), [0]
        self.open.append(client)
        threading.Thread(target=self.pump, args=(client, server, asked, False), daemon=True).start()
        self.pump(server, client, asked, True)

    def pump(self, a, b, asked, back):
        try:
            while data := a.recv(65536):
                if not back:
                    asked[0] += len(data)
                elif asked[0] > GREETING and not self.through:
                    continue
                b.sendall(data)
        except OSError:
            pass

    def cut(self):
        for client in self.open:
            with contextlib.suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)
        self.open.clear()

    def close(self):
        self.listener.close()


def test_seven_hosts(new_host, licensed, key):
    """0xC004C008 for the seventh, with who holds the six; after `allow` it is activated; retired ones give their place back."""
    hosts = []
    for n in range(7):
        host = world.host(new_host, licensed, host=f"contact = https://h{n}.example.org")
        host.stop()
        host.hardware(f"machine-{n}")
        host.start()
        hosts.append(host)
    pack = licensed.packed()
    for n, host in enumerate(hosts):
        host.admin_ok("POST", "/packs", {"pack": pack})
        host.admin_ok("POST", "/keys", {"key": key})
        a = host.admin("POST", "/activate", {})
        assert (a.status == 200) == (n < 6), a
    assert a.status == 403 and a.code == "0xC004C008" and "test-host" in a.json["detail"], a
    licensed("allow", licensed.typed(key).number, "--hosts", "7", "--reason", "one more site")
    assert hosts[6].admin_ok("POST", "/activate", {})["hosts"] == {"used": 7, "allowed": 7}


def test_what_is_missing_is_named(new_host, licensed, key):
    host = world.host(new_host, licensed, url=False)
    assert host.admin("POST", "/activate", {}).status != 200
    host.admin_ok("POST", "/packs", {"pack": licensed.packed()})
    host.admin_ok("POST", "/keys", {"key": key})
    a = host.admin("POST", "/activate", {})
    assert a.code == "M-142" and "[issuer main] has no url" in a.json["detail"], a
    licensed("revoke", "key", licensed.typed(key).number, "--reason", "superseded")
    text = (host.folder / "muster.conf").read_text()
    (host.folder / "muster.conf").write_text(text.replace("[issuer main]\n", f"[issuer main]\nurl = {licensed.url}\n"))
    host.admin_ok("POST", "/reload", {})
    assert host.admin("POST", "/activate", {}).code == "0xC004C003"


# --- whom the host trusts ---

def answer_tls(context, answer=b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"):
    """A server that speaks TLS with this context and gives every request this answer; @return its socket, the requests that came."""
    listener, seen = socket.create_server(("127.0.0.1", 0)), []

    def serve():
        while True:
            try:
                raw, _ = listener.accept()
            except OSError:
                return
            try:
                with context.wrap_socket(raw, server_side=True) as s:
                    seen.append(s.recv(65536))
                    s.sendall(answer)
            except OSError:
                pass

    threading.Thread(target=serve, daemon=True).start()
    return listener, seen


def server_context(folder, stem, **versions):
    c = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    c.load_cert_chain(folder / f"{stem}.pem", folder / f"{stem}.key")
    for name, version in versions.items():
        setattr(c, name, version)
    return c


def test_only_the_pinned_root_is_trusted(new_host, licensed, key, tmp_path):
    """Another authority's certificate, the right one for another name, TLS 1.2, plain HTTP: nothing is sent to any of them."""
    host = ready(new_host, licensed, key)
    stranger = Authority(tmp_path)
    stranger.server(tmp_path, "server")
    listener, seen = answer_tls(server_context(tmp_path, "server"))
    at(host, f"https://localhost:{listener.getsockname()[1]}")
    a = host.admin("POST", "/activate", {})
    assert a.code == "M-143" and "does not lead to the issuer's pinned root" in a.json["detail"], a
    at(host, f"https://127.0.0.1:{licensed.service.port}")
    a = host.admin("POST", "/activate", {})
    assert a.code == "M-143" and "another address's" in a.json["detail"], a
    assert not seen
    with socket.create_server(("127.0.0.1", 0)) as plain:
        threading.Thread(target=lambda: plain.accept()[0].sendall(b"HTTP/1.1 200 OK\r\n\r\n"), daemon=True).start()
        at(host, f"https://localhost:{plain.getsockname()[1]}")
        assert host.admin("POST", "/activate", {}).code == "M-143"
    listener.close()
    assert places(licensed, key) == (0, 0)


def signed_by_issuer(licensed, folder, stem, usage, name="localhost"):
    """A server's files under the publisher's own intermediate, with this extended key usage (None: none)."""
    directory = licensed.publisher.dir
    parent = x509.load_pem_x509_certificate((directory / "intermediate-1.pem").read_bytes())
    parent_key = serialization.load_pem_private_key((directory / "intermediate-1.key").read_bytes(), None)
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.datetime.now(datetime.timezone.utc)
    b = (x509.CertificateBuilder().subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "server")])).issuer_name(parent.subject).public_key(key.public_key())
         .serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(hours=1)).not_valid_after(now + datetime.timedelta(days=30))
         .add_extension(x509.BasicConstraints(False, None), critical=True).add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False))
    if usage is not None:
        b = b.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
    (folder / f"{stem}.pem").write_text(pem(b.sign(parent_key, hashes.SHA256())) + pem(parent))
    (folder / f"{stem}.key").write_text(key_pem(key))


def test_a_certificate_of_the_issuer_that_is_not_for_servers(new_host, licensed, key, tmp_path):
    """Without serverAuth, or with another usage, it serves nobody; nor does TLS 1.2."""
    host = ready(new_host, licensed, key)
    for usage in (None, ExtendedKeyUsageOID.CLIENT_AUTH):
        signed_by_issuer(licensed, tmp_path, "server", usage)
        listener, seen = answer_tls(server_context(tmp_path, "server"))
        at(host, f"https://localhost:{listener.getsockname()[1]}")
        a = host.admin("POST", "/activate", {})
        assert a.code == "M-143" and ("serverAuth" in a.json["detail"] or "pinned root" in a.json["detail"]), a
        assert not seen
        listener.close()
    signed_by_issuer(licensed, tmp_path, "server", ExtendedKeyUsageOID.SERVER_AUTH)
    listener, seen = answer_tls(server_context(tmp_path, "server", maximum_version=ssl.TLSVersion.TLSv1_2))
    at(host, f"https://localhost:{listener.getsockname()[1]}")
    assert host.admin("POST", "/activate", {}).code == "M-143" and not seen
    listener.close()


@pytest.mark.parametrize("answer, words", [
    (b"200 OK\r\nContent-Length: 2\r\n\r\n{}", "no certificate that can be read"),
    (b"200 OK\r\nContent-Length: 4\r\n\r\n[1]\n", "not JSON"),
    (b"200 OK\r\nContent-Length: 19\r\n\r\n{\"chain\":\"nothing\"}", "no certificate that can be read"),
    (b"302 Found\r\nLocation: https://localhost:1/\r\nContent-Length: 0\r\n\r\n", "answered 302"),
    (b"500 No\r\nContent-Length: 2\r\n\r\n{}", "answered 500"),
    (b"403 No\r\nContent-Length: 34\r\n\r\n{\"code\":\"M-999\",\"detail\":\"a\\u0007\"}", "answered 403"),
    (b"200 OK\r\nContent-Length: 9000000\r\n\r\n" + b" " * 9000000, "larger than any"),
], ids=["empty", "array", "no-chain", "redirect", "fault", "unknown-code", "huge"])
def test_answers_that_are_none(new_host, licensed, key, tmp_path, answer, words):
    """A server that the issuer vouches for and that answers something else: nothing is taken, and the words say what came."""
    host = ready(new_host, licensed, key)
    signed_by_issuer(licensed, tmp_path, "server", ExtendedKeyUsageOID.SERVER_AUTH)
    listener, seen = answer_tls(server_context(tmp_path, "server"), b"HTTP/1.1 " + answer)
    at(host, f"https://localhost:{listener.getsockname()[1]}")
    a = host.admin("POST", "/activate", {})
    assert a.code == "M-143" and words in a.json["detail"], a
    assert len([s for s in seen if s.startswith(b"POST")]) == 1 and host.admin_ok("GET", "/keys")["items"][0]["state"] == "pending"
    listener.close()


# --- certificates that follow ---

def shifted(host, licensed, days, ask="/counted"):
    """Both clocks ahead; the issuer's service is started anew, as its certificate is made at the start."""
    licensed.publisher.shift(days)
    licensed.restart()
    text = (host.folder / "muster.conf").read_text()
    (host.folder / "muster.conf").write_text(text.replace(text.split("url = ")[1].split("\n")[0], licensed.url))


def test_renewed_by_itself(new_host, licensed, key):
    """730 days, renewed from the day 365 are left, by the host itself; nothing is spent; it is in the record of acts; later leases are not shortened."""
    host = ready(new_host, licensed, key)
    host.admin_ok("POST", "/activate", {})
    first = ends(host)
    try:
        host.stop()
        shifted(host, licensed, 300)
        host.shift(300 * DAY)
        host.start()
        host.admin("POST", "/clock/accept", {})
        assert ends(host) == first, "not yet"
        host.stop()
        shifted(host, licensed, 366)
        host.shift(366 * DAY)
        host.start()
        host.admin("POST", "/clock/accept", {})
        eventually(lambda: ends(host) != first, "it has renewed itself")
        assert places(licensed, key) == (1, 1)
        item = host.admin_ok("GET", "/keys")["items"][0]
        assert item["state"] == "activated" and item["ends_at"] == ends(host) > first
        assert any(line.startswith("musterd: renewed") or "renewed" in line for line in host.lines("renewed"))
    finally:
        licensed.publisher.shift(0)
        licensed.restart()


def test_renewal_that_fails_is_said_and_tried_again(new_host, licensed, key):
    host = ready(new_host, licensed, key)
    host.admin_ok("POST", "/activate", {})
    first = ends(host)
    try:
        host.stop()
        licensed.publisher.shift(400)
        host.shift(400 * DAY)
        licensed.stop()
        host.start()
        host.admin("POST", "/clock/accept", {})
        eventually(lambda: [x for x in host.lines("renewal") if "next try is tomorrow" in x], "it says so")
        shifted_now = licensed.publisher
        licensed.service = world.Service(shifted_now)
        licensed.url = f"https://localhost:{licensed.service.port}"
        at(host, licensed.url)
        host.shift(402 * DAY)
        host.admin("POST", "/clock/accept", {})
        licensed.publisher.shift(402)
        eventually(lambda: ends(host) != first, "the next day it works")
    finally:
        licensed.publisher.shift(0)
        licensed.restart()
