"""Requests of every shape: wrong, huge, chunked, pipelined, slow, abandoned, broken, not HTTP; limits and overload."""

import concurrent.futures
import json
import random
import re
import secrets
import socket
import uuid

import pytest

from host import Machine, OFFICE2013, PATIENCE, base64url, eventually, now_text

# --- members: each change, and the member the answer names ---

MEMBERS = [
    ("activation_id", ..., "activation_id"), ("activation_id", 7, "activation_id"), ("activation_id", "2e28138a", "activation_id"),
    ("activation_id", "00000000-0000-0000-0000-000000000000", "activation_id"), ("activation_id", "2e28138a-847f-42bc-9752-61b03fff33cd ", "activation_id"),
    ("client_id", ..., "client_id"), ("client_id", [], "client_id"), ("client_id", "x" * 36, "client_id"),
    ("machine", ..., "machine"), ("machine", "pc", "machine"), ("machine", [], "machine"),
    ("machine", {"name": 1}, "machine.name"), ("machine", {"name": ""}, "machine.name"), ("machine", {"name": "x" * 256}, "machine.name"),
    ("machine", {"name": "a\nb"}, "machine.name"), ("machine", {"virtual": 1}, "machine.virtual"), ("machine", {"virtual": "yes"}, "machine.virtual"),
    ("machine", {"hardware_id": "00"}, "machine.hardware_id"), ("machine", {"hardware_id": "g" * 64}, "machine.hardware_id"),
    ("machine", {"hardware_id": "04" + "0" * 62}, "machine.hardware_id"), ("machine", {"hardware_id": 5}, "machine.hardware_id"),
    ("machine", {"os": "x" * 65}, "machine.os"), ("machine", {"os": {}}, "machine.os"),
    ("license_status", ..., "license_status"), ("license_status", 7, "license_status"), ("license_status", -1, "license_status"),
    ("license_status", 2.0, "license_status"), ("license_status", "2", "license_status"), ("license_status", True, "license_status"),
    ("minutes_left", -1, "minutes_left"), ("minutes_left", 2**31, "minutes_left"), ("minutes_left", 1.5, "minutes_left"),
    ("time", ..., "time"), ("time", 5, "time"), ("time", "yesterday", "time"), ("time", "2026-13-01T00:00:00Z", "time"), ("time", "2026-11-22T10:00:00", "time"),
    ("nonce", ..., "nonce"), ("nonce", "AAAA", "nonce"), ("nonce", "A" * 21 + "=", "nonce"), ("nonce", "A" * 87, "nonce"), ("nonce", "A" * 21 + "B", "nonce"), ("nonce", 1, "nonce"),
    ("release_hash", "AAAA", "release_hash"), ("release_hash", 5, "release_hash"), ("release_hash", "A" * 44, "release_hash"),
    ("key", 5, "key"), ("key", {}, "key.kind"), ("key", {"kind": "12"}, "key.kind"), ("key", {"kind": "1"}, "key.number"),
    ("key", {"kind": "1", "number": -1}, "key.number"), ("key", {"kind": "1", "number": 2**30}, "key.number"),
    ("key", {"kind": "1", "number": 1}, "key.proof"), ("key", {"kind": "1", "number": 1, "proof": "AA"}, "key.proof"),
    ("lease", 5, "lease"), ("lease", "", "lease"), ("lease", "x" * 4097, "lease"),
]


@pytest.mark.parametrize("member, value, field", MEMBERS, ids=[f"{m}-{i}" for i, (m, _, _) in enumerate(MEMBERS)])
def test_wrong_member_is_refused_by_name(host, member, value, field):
    before = len(host.events())
    a = host.activate(Machine(), OFFICE2013, **{member: value})
    assert a.status == 400 and a.code == "M-102" and a.json["field"] == field and field in a.json["detail"], a
    assert len(host.events()) == before, "nothing of it was recorded"


def test_null_is_absent_unknown_is_ignored(host):
    a = host.activate(Machine(), OFFICE2013, minutes_left=None, release_hash=None, key=None, lease=None, colour="blue", more={"a": [1, {}]})
    assert a.status in (200, 202), a
    a = host.activate(Machine(), OFFICE2013, time=None)
    assert a.status == 400 and a.json["field"] == "time"


@pytest.mark.parametrize("body", [
    b"", b" ", b"{", b"[]", b'"x"', b"5", b"null", b"{}x", b"\xff\xfe", b'{"a":1,"a":2}', b'{"a":"\xff"}', b"[" * 17 + b"]" * 17, b'{"a":' * 20 + b"1" + b"}" * 20,
    b'{"activation_id":"\\u0000"}', b"\x00", b'{"a":1e999}', b"{'a':1}",
], ids=range(17))
def test_body_that_is_not_one_object(host, body):
    a = host.ask("POST", "/v1/activate", body, {"Content-Type": "application/json"})
    assert a.status == 400 and a.code == "M-101", a


def test_depth_of_16_is_allowed(host):
    deep = json.loads("[" * 14 + "]" * 14)
    assert host.activate(Machine(), OFFICE2013, more=deep).status in (200, 202)


@pytest.mark.parametrize("type_, good", [
    ("application/json", True), ("application/json; charset=utf-8", True), ('APPLICATION/JSON ;charset="UTF-8"', True),
    ("application/json; charset=latin1", False), ("text/plain", False), ("application/jsonx", False), ("application/json;", False), (None, False),
])
def test_content_type(host, type_, good):
    a = host.ask("POST", "/v1/activate", json.dumps(Machine().request(OFFICE2013)), {"Content-Type": type_} if type_ else {})
    assert (a.status in (200, 202)) == good, a
    if not good:
        assert a.status == 415 and a.code == "M-103"


@pytest.mark.parametrize("method, path, status, allow", [
    ("GET", "/v1/activate", 405, "POST"), ("OPTIONS", "/v1/activate", 405, "POST"), ("DELETE", "/v1/host", 405, "GET, HEAD"), ("POST", "/healthz", 405, "GET, HEAD"),
    ("GET", "/v1/activate/", 404, None), ("GET", "/", 404, None), ("GET", "/V1/host", 404, None), ("PUT", "/nothing", 404, None), ("GET", "/v1/hosts", 404, None),
    ("HEAD", "/v1/host", 200, None), ("HEAD", "/healthz", 200, None), ("GET", "/healthz?x=1", 200, None),
])
def test_paths_and_methods(host, method, path, status, allow):
    a = host.ask(method, path)
    assert a.status == status and a.headers.get("Allow") == allow, a
    if status >= 400:
        assert a.code == {405: "M-106", 404: "M-105"}[status]


def test_body_at_the_limit_and_above(host):
    body = Machine().request(OFFICE2013)
    room = 16384 - len(json.dumps(dict(body, padding="")))
    assert host.post("/v1/activate", dict(body, padding="x" * room)).status in (200, 202)
    body = Machine().request(OFFICE2013)
    a = host.post("/v1/activate", dict(body, padding="x" * (room + 1)))
    assert a.status == 413 and a.code == "M-104", a


def chunks(data, size=1000):
    out = b"".join(b"%x\r\n%s\r\n" % (len(data[i:i + size]), data[i:i + size]) for i in range(0, len(data), size))
    return out + b"0\r\n\r\n"


def head(path="/v1/activate", more="", method="POST"):
    return f"{method} {path} HTTP/1.1\r\nHost: muster\r\nContent-Type: application/json\r\n{more}\r\n".encode()


def test_chunked_body_is_taken(host):
    body = json.dumps(Machine().request(OFFICE2013)).encode()
    got = host.raw(head(more="Transfer-Encoding: chunked\r\nConnection: close\r\n") + chunks(body, 7))
    assert re.match(rb"HTTP/1.1 20[02] ", got), got


def test_chunked_body_above_the_limit(host):
    got = host.raw(head(more="Transfer-Encoding: chunked\r\nConnection: close\r\n") + chunks(b"x" * 40000))
    assert got.startswith(b"HTTP/1.1 413 ") and b"M-104" in got, got


def test_endless_chunked_body_is_cut_off(host):
    """A body without an end is read for a megabyte at most."""
    sent = 0
    with socket.create_connection(("127.0.0.1", host.port), timeout=PATIENCE) as s:
        s.sendall(head(more="Transfer-Encoding: chunked\r\n"))
        with pytest.raises((ConnectionResetError, BrokenPipeError)):
            while sent < 1 << 26:
                s.sendall(b"1000\r\n" + b"x" * 4096 + b"\r\n")
                sent += 4096
    assert sent < 1 << 26
    assert host.get("/healthz").status == 200


def test_pipelined_requests_are_answered_in_order(host):
    machines = [Machine() for _ in range(5)]
    data = b""
    for n, m in enumerate(machines):
        body = json.dumps(m.request(OFFICE2013)).encode()
        data += head(more=f"Content-Length: {len(body)}\r\n{'Connection: close' if n == 4 else 'Connection: keep-alive'}\r\n") + body
    got = host.raw(data)
    counts = [int(n) for n in re.findall(rb'"count":(\d+)', got)]
    assert got.count(b"HTTP/1.1 20") == 5 and counts == sorted(counts), got


def test_huge_head(host):
    got = host.raw(b"GET /healthz HTTP/1.1\r\nHost: muster\r\nX-Filler: " + b"x" * 20000 + b"\r\n\r\n")
    assert re.match(rb"HTTP/1.1 4(31|13|00) ", got), got[:200]
    assert host.get("/healthz").status == 200


@pytest.mark.parametrize("data", [
    b"GET /healthz\r\n\r\n", b"GET  /healthz HTTP/1.1\r\n\r\n", b"GET /healthz HTTP/9.9\r\nHost: x\r\n\r\n", b"GET /healthz HTTP/1.1\r\n\r\n",
    b"POST /v1/activate HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n", b"POST /v1/activate HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n",
    b"POST /v1/activate HTTP/1.1\r\nHost: x\r\nContent-Length: abc\r\n\r\n", b"POST /v1/activate HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"GET /healthz HTTP/1.1\r\nHost: x\r\nBroken\r\n\r\n", b"\r\n\r\n\r\n", b"A" * 5000,
], ids=range(11))
def test_broken_requests_harm_nobody(host, data):
    host.raw(data, shut=True, patience=0.3)
    assert host.get("/healthz").status == 200


def test_abandoned_requests_harm_nobody(host):
    """Hang up after the head, within the body, and before the answer."""
    body = json.dumps(Machine().request(OFFICE2013)).encode()
    whole = head(more=f"Content-Length: {len(body)}\r\n") + body
    for cut in (10, len(whole) - len(body), len(whole) - 5, len(whole)):
        for _ in range(5):
            with socket.create_connection(("127.0.0.1", host.port), timeout=PATIENCE) as s:
                s.sendall(whole[:cut])
    assert host.get("/healthz").status == 200


def test_abandoned_after_sending_stays_recorded(new_host):
    """A client that hangs up meanwhile stays recorded (design.md section 3)."""
    host = new_host()
    body = json.dumps(Machine("gone").request(OFFICE2013)).encode()
    with socket.create_connection(("127.0.0.1", host.port), timeout=PATIENCE) as s:
        s.sendall(head(more=f"Content-Length: {len(body)}\r\n") + body)
    eventually(lambda: [e for e in host.events() if e["name"] == "gone"], "the request is recorded")


# --- time: the clock is injected ---

def test_slow_body_gets_408_and_the_connection_is_closed(new_host):
    host = new_host(clock=True)
    with socket.create_connection(("127.0.0.1", host.port), timeout=PATIENCE) as s:
        s.sendall(head(more="Content-Length: 100\r\n") + b"{")
        assert host.get("/healthz").status == 200  # it has been read by now, or will be within the deadline
        host.shift(11)
        got = b""
        while True:
            part = s.recv(4096)
            if not part:
                break
            got += part
    status, rest = got.split(b"\r\n", 1)
    fields, body = rest.split(b"\r\n\r\n", 1)
    assert status == b"HTTP/1.1 408 Request Timeout" and b"Connection: close" in fields, got
    assert int(re.search(rb"Content-Length: (\d+)", fields).group(1)) == len(body)
    assert json.loads(body)["code"] == "M-118" and json.loads(body)["status"] == 408


def test_slow_head_is_closed(new_host):
    host = new_host(clock=True)
    with socket.create_connection(("127.0.0.1", host.port), timeout=PATIENCE) as s:
        s.sendall(b"GET /healthz HTTP/1.1\r\nHost: mus")
        assert host.get("/healthz").status == 200
        host.shift(11)
        assert s.recv(100) == b""


def test_silent_connection_between_requests_is_closed(new_host):
    host = new_host(clock=True)
    c = host.connection()
    assert host.ask("GET", "/healthz", connection=c).status == 200
    host.shift(20)
    assert host.ask("GET", "/healthz", connection=c).status == 200
    host.shift(60)
    assert c.sock.recv(100) == b""
    c.close()


# --- not HTTP ---

def test_not_http_is_closed_at_once_and_reported_once_an_hour(new_host):
    host = new_host(clock=True)
    rpc = bytes.fromhex("05000b0310000000a000000002000000d016d016")
    tls = bytes.fromhex("16030100c8010000c40303") + secrets.token_bytes(32)
    for data in (rpc, rpc, tls, b"\x00\x01\x02\x03", b"lower case\r\n\r\n"):
        assert host.raw(data) == b""
    assert len(host.lines("not_http")) == 1 and "remote procedure call" in host.lines("not_http")[0]
    host.shift(3601)
    assert host.raw(tls) == b""
    assert len(host.lines("not_http")) == 2 and "TLS greeting" in host.lines("not_http")[1] and "total=6" in host.lines("not_http")[1]
    assert any("not HTTP" in w for w in host.admin_ok("GET", "/status")["warnings"])


# --- limits ---

def test_rate_limit_of_an_address(new_host):
    """A bucket of 5, one a second: then 429 with Retry-After; time fills it again; health is never limited."""
    host = new_host(limits="requests_per_second = 1\nburst = 5\nloopback = yes", clock=True)
    assert [host.get("/v1/host").status for _ in range(5)] == [200] * 5
    # Time goes on meanwhile: the 6th on a fast machine, a later one on a slow one.
    refused = eventually(lambda: [a for a in [host.get("/v1/host")] if a.status == 429], "the bucket is empty")[0]
    assert refused.code == "M-107" and refused.headers["Retry-After"] == "1"
    assert host.get("/healthz").status == 200 and host.get("/readyz").status == 200
    host.shift(3)
    assert host.get("/v1/host").status == 200
    assert len(host.lines("rate_limited")) == 1


def test_loopback_is_exempt_from_the_rate_limit(new_host):
    host = new_host(limits="requests_per_second = 1\nburst = 1")
    assert [host.get("/v1/host").status for _ in range(5)] == [200] * 5


def test_networks(new_host):
    host = new_host(host="networks = 10.0.0.0/8, 2001:db8::/32")
    a = host.get("/v1/host")
    assert a.status == 403 and a.code == "M-124", a
    assert host.activate(Machine(), OFFICE2013).code == "M-124"
    assert host.get("/healthz").status == 200
    assert host.events() == []


def test_whole_key_over_loopback_is_taken_elsewhere_not(new_host):
    """A whole product key may come over loopback; an address that others can listen to gets 403 and a warning in the log."""
    host = new_host()
    key = "ANC9X-P4XJN-VAG5Y-48SN1-FGXNR"
    assert host.activate(Machine(), OFFICE2013, key=key).code != "M-123"
    own = [a[4][0] for a in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET) if not a[4][0].startswith("127.")]
    if not own:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            try:
                s.connect(("192.0.2.1", 9))
                own = [s.getsockname()[0]]
            except OSError:
                pytest.skip("this machine has no address but loopback")
    host.stop()
    host.configure(listen=f"{own[0]}:0")
    host.start()
    with socket.create_connection((own[0], host.port), timeout=PATIENCE) as s:
        body = json.dumps(Machine().request(OFFICE2013, key=key)).encode()
        s.sendall(head(more=f"Content-Length: {len(body)}\r\nConnection: close\r\n") + body)
        got = b"".join(iter(lambda: s.recv(4096), b""))
    assert got.startswith(b"HTTP/1.1 403 ") and b"M-123" in got, got
    assert len(host.lines("key_exposed")) == 1 and key not in host.logged()


def test_overload_is_answered_503_with_a_spread_retry_after(new_host):
    """More at once than the queue takes: some get 503, spread over 1 to 10 s, and what was not acknowledged was not recorded."""
    host = new_host(limits="queue = 1\nnew_clients_per_hour = 1000000")
    host.certify("office2013")

    def one(_):
        return host.activate(Machine(), OFFICE2013)

    answers = []
    with concurrent.futures.ThreadPoolExecutor(48) as pool:
        for _ in range(40):
            answers += pool.map(one, range(96))
            refused = [a for a in answers if a.status == 503]
            if len({a.headers["Retry-After"] for a in refused}) >= 3:
                break
    good = [a for a in answers if a.status in (200, 202)]
    assert len(good) + len(refused) == len(answers)
    assert {a.code for a in refused} == {"M-109"}
    waits = {int(a.headers["Retry-After"]) for a in refused}
    assert len(waits) >= 3 and min(waits) >= 1 and max(waits) <= 10, waits
    assert len(host.events()) == len(good)
    assert host.listing("office2013")["requests"]["total"] == len(good)
    assert host.lines("overloaded")


def test_many_connections_at_once(host):
    open_ = [socket.create_connection(("127.0.0.1", host.port), timeout=PATIENCE) for _ in range(200)]
    for s in open_:
        s.sendall(b"GET /healthz HTTP/1.1\r\nHost: muster\r\n\r\n")
    for s in open_:
        assert s.recv(4096).startswith(b"HTTP/1.1 200 ")
        s.close()


def test_random_bytes_never_disturb(host):
    """Mutations of a good request: any answer or none, never a grant for what was not asked, and the host lives on."""
    body = json.dumps(Machine().request(str(uuid.uuid4()), time=now_text(), nonce=base64url(b"n" * 16))).encode()
    whole = bytearray(head(more=f"Content-Length: {len(body)}\r\nConnection: close\r\n") + body)
    chance = random.Random(20261122)
    for _ in range(200):
        data = bytearray(whole)
        for _ in range(chance.randrange(1, 6)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        assert b'"result":"activated"' not in host.raw(bytes(data), shut=True, patience=0.3)
    assert host.get("/healthz").status == 200
