"""The issuer's service: every answer is one that docs/issuer-api.yaml allows (publisher.Service.ask compares)."""

import concurrent.futures
import json
import select
import shutil
import signal
import socket
import sqlite3
import ssl
import uuid

import pytest
from cryptography import x509

from publisher import ABSENT, OFFICE, Host, Publisher, Service, codes, leaf, machine, same_key, unb64, verifies


@pytest.fixture(scope="module")
def publisher(tmp_path_factory):
    return Publisher(tmp_path_factory.mktemp("publisher"))


@pytest.fixture(scope="module")
def service(publisher):
    s = Service(publisher)
    yield s
    assert s.stop() == 0


def claims(token):
    return json.loads(unb64(token.split(".")[1]))


def test_activate(publisher, service):
    """The host's own key is certified; the same request again gets the same certificate and counts nothing."""
    key, host = publisher.mint(), Host()
    a = service.activate(key, host, name="kms1.example.com")
    assert a.status == 200, a
    got = a.json
    assert same_key(got["chain"], host) and verifies(publisher, got["chain"]) and got["products"] == [OFFICE] and got["again"] is False
    assert got["hosts"] == {"used": 1, "allowed": 6} and got["activations"] == {"used": 1, "allowed": 10} and got["pack"] is None and got["contacts"] == []
    assert "kms1.example.com" in leaf(got["chain"]).subject.rfc4514_string()
    b = service.activate(key, host).json
    assert b == {**got, "again": True}
    # the next attempt with another key counts one more of the ten
    other = Host()
    other.binding = host.binding
    c = service.activate(key, other, attempt=1).json
    assert same_key(c["chain"], other) and c["hosts"]["used"] == 1 and c["activations"]["used"] == 2
    # one Installation ID is not for two requests, one request not for two hosts
    third = Host()
    third.binding = host.binding
    d = service.activate(key, third, attempt=1)
    assert d.status == 422 and d.code == "0xC004F02C" and "another certificate request" in d.json["detail"], d
    stolen = Host()
    stolen.request = host.request
    d = service.activate(key, stolen)
    assert d.status == 422 and "another host" in d.json["detail"], d
    # an older attempt
    assert service.activate(key, third, attempt=5).status == 200
    fourth = Host()
    fourth.binding = host.binding
    d = service.activate(key, fourth, attempt=4)
    assert d.status == 422 and d.code == "0xC004F02C" and "older than" in d.json["detail"], d


def test_limits(publisher, service):
    """The seventh host: 0xC004C008 with who holds the six; the eleventh activation; telephone and online count together."""
    key = publisher.mint()
    hosts = [Host() for _ in range(7)]
    for n in range(3):
        assert service.activate(key, hosts[n], name=f"online{n}").status == 200
    for n in range(3, 6):
        assert publisher.telephone(key.installation_id(1, 0, hosts[n].binding), "--name", f"phone{n}").code == 0
    a = service.activate(key, hosts[6])
    assert a.status == 403 and a.code == "0xC004C008", a
    assert all(name in a.json["detail"] for name in ("online0", "online2", "phone3", "phone5")), a
    for attempt in range(1, 10):
        again = Host()
        again.binding = hosts[0].binding
        assert service.activate(key, again, attempt=attempt).status == 200
    again = Host()
    again.binding = hosts[0].binding
    a = service.activate(key, again, attempt=10)
    assert a.status == 403 and a.code == "0xC004C008" and "activated 10 times" in a.json["detail"], a
    # after `allow` both are accepted; a retired host's place is free, and the host itself counts anew
    publisher.done("allow", key.key.number, "--hosts", 7, "--activations", 11, "--reason", "two more sites")
    assert service.activate(key, again, attempt=10).json["activations"] == {"used": 11, "allowed": 11}
    assert service.activate(key, hosts[6], name="seventh").json["hosts"] == {"used": 7, "allowed": 7}
    eighth = Host()
    assert service.activate(key, eighth).code == "0xC004C008"
    publisher.done("retire", key.key.number, "phone4", "--reason", "scrapped")
    assert service.activate(key, eighth).json["hosts"]["used"] == 7
    a = service.activate(key, hosts[4])
    assert a.code == "0xC004F02C" and "was retired on" in a.json["detail"], a
    assert service.activate(key, hosts[4], attempt=1).code == "0xC004C008"


def test_long_names(publisher, service):
    """Who holds the places is told with names cut between characters, never within one."""
    key = publisher.mint(hosts=1)
    assert service.activate(key, Host(), name="a" + "ж" * 40).status == 200
    a = service.activate(key, Host())
    assert a.code == "0xC004C008" and "a" + "ж" * 29 + " since " in a.json["detail"], a


def renew(service, publisher, host, chain, new=None, **changes):
    new = new or Host()
    return new, service.ask("POST", "/v1/host/renew", host.renewal(chain, new, publisher.now, **changes))


def test_renew(publisher, service):
    """Signed with the present key: a certificate for the next one, none of the ten is spent; the same again is the same."""
    key, host = publisher.mint(), Host()
    chain = service.activate(key, host).json["chain"]
    new, a = renew(service, publisher, host, chain)
    assert a.status == 200 and same_key(a.json["chain"], new) and verifies(publisher, a.json["chain"]), a
    assert a.json["hosts"] == {"used": 1, "allowed": 6}
    _, b = renew(service, publisher, host, chain, new)
    assert b.json["chain"] == a.json["chain"] and b.json["again"] is True
    # and on from there
    newest, c = renew(service, publisher, new, a.json["chain"])
    assert c.status == 200 and same_key(c.json["chain"], newest)
    assert service.activate(key, host).json["activations"]["used"] == 1
    # what is not the present key's signature over this request, now
    stranger = Host()
    body = stranger.renewal(chain, new, publisher.now)
    d = service.ask("POST", "/v1/host/renew", body)
    assert d.status == 400 and "signature" in d.json["detail"].lower(), d
    good = host.renewal(chain, new, publisher.now)
    for change, word in (({"iat": publisher.now - 5 * 3600}, "four hours"), ({"iat": publisher.now + 5 * 3600}, "four hours"), ({"aud": "muster-lease+jwt"}, "aud"),
                         ({"jti": ABSENT}, "jti"), ({"request": "AAAA"}, "another certificate request"), ({"kid": "other"}, "kid"), ({"audit": "x"}, "SEQ:HASH"), ({"iat": "now"}, "four hours")):
        d = service.ask("POST", "/v1/host/renew", host.renewal(chain, new, publisher.now, **change))
        assert d.status in (400, 422) and word in d.json["detail"], (change, d)
    d = service.ask("POST", "/v1/host/renew", {**good, "request": stranger.request})
    assert d.status == 400 and "another certificate request" in d.json["detail"], d
    d = service.ask("POST", "/v1/host/renew", {**good, "renewal": host.sign(chain, claims(good["renewal"]), typ="muster-lease+jwt")})
    assert d.status == 400, d


def test_renew_other_issuer(publisher, service, tmp_path):
    """A chain of another issuer, and one that is in no books."""
    other = Publisher(tmp_path)
    key, host = other.mint(), Host()
    chain = other("confirm", "--request", "-", stdin=host.short(key.installation_id(1, 0, host.binding))).out
    _, a = renew(service, publisher, host, chain)
    assert a.status == 400 and "does not verify" in a.json["detail"], a
    (tmp_path / "request").write_text(host.request)
    (tmp_path / "products").write_text(OFFICE + "\n")
    certified = publisher("certify", tmp_path / "request", "--products", tmp_path / "products")
    assert certified.code == 0, certified
    _, a = renew(service, publisher, host, certified.out)
    assert a.status == 422 and a.code == "0xC004F050" and "not given to a host with a product key" in a.json["detail"], a


def test_audit_heads(publisher, service):
    """A host whose audit trail went back since its activation or its last renewal is reported; its renewal goes on."""
    key, host = publisher.mint(), Host()
    chain = service.activate(key, host, audit="6:0f1e2d3c4b5a69780f1e2d3c4b5a6978").json["chain"]
    log = publisher.folder / "service.log"
    for audit in ("7:00112233445566778899aabbccddeeff", "9:ffeeddccbbaa99887766554433221100"):
        assert renew(service, publisher, host, chain, audit=audit)[1].status == 200
        assert "audit_went_back" not in log.read_text()
    assert renew(service, publisher, host, chain, audit="6:0123456789abcdef0123456789abcdef")[1].status == 200
    assert "audit_went_back" in log.read_text() and host.binding.hex() in log.read_text()


def test_audit_heads_of_who_asks_for_machines(publisher, service):
    """The same for a host that asks for machines: its trail goes by its own random ID, through all its requests."""
    key = publisher.mint("mak", activations=9)
    log, host = publisher.folder / "service.log", str(uuid.uuid4())
    for n, audit in enumerate(("3:00112233445566778899aabbccddeeff", "5:ffeeddccbbaa99887766554433221100")):
        assert service.counted([key.installation_id(1, 0, machine(n)).text("")], host=host, audit=audit).status == 200
        assert f'audit_went_back host="host {host}"' not in log.read_text()
    assert service.counted([key.installation_id(1, 0, machine(2)).text("")], host=host, audit="4:0123456789abcdef0123456789abcdef").status == 200
    assert f'audit_went_back host="host {host}"' in log.read_text()
    assert service.counted([key.installation_id(1, 0, machine(3)).text("")], host="nobody", audit="4:0123456789abcdef0123456789abcdef").status == 400


def test_counted(publisher, service):
    """300 machines in one request, and the same again, and 100 of them wiped: the count does not move. Then 0xC004C020."""
    key = publisher.mint("mak", activations=300)
    ids = [key.installation_id(1, 0, machine(n)).text("") for n in range(300)]
    batch = str(uuid.uuid4())
    a = service.counted(ids, batch, audit="3:00112233445566778899aabbccddeeff")
    assert a.status == 200 and len(a.json["results"]) == 300 and a.json["id"] == batch
    assert a.json["keys"] == [{"number": key.key.number, "allowed": 300, "used": 300, "remaining": 0}]
    assert service.counted(ids, batch).body == a.body
    first = {r["installation_id"]: claims(r["confirmation"]) for r in a.json["results"]}
    assert len({c["jti"] for c in first.values()}) == 300
    # in another order, in a request of its own
    b = service.counted(ids[::-1])
    assert b.json["keys"][0]["used"] == 300 and all(claims(r["confirmation"])["jti"] == first[r["installation_id"]]["jti"] for r in b.json["results"])
    # 100 machines installed anew: the same hardware, a fresh attempt
    anew = [key.installation_id(1, 1, machine(n)).text("") for n in range(100)]
    c = service.counted(anew)
    assert c.json["keys"][0]["used"] == 300
    assert [claims(r["confirmation"])["jti"] for r in c.json["results"]] == [first[i]["jti"] for i in ids[:100]]
    d = service.counted([ids[0], key.installation_id(1, 0, machine(300)).text("")])
    assert "confirmation" in d.json["results"][0] and d.json["results"][1]["code"] == "0xC004C020", d
    e = service.counted(ids[:1], batch)
    assert e.status == 409 and e.code == "M-160", e


def test_counted_each_by_itself(publisher, service):
    """Wrong digits, a wrong tag, an unknown key, a host key: refused one by one; the others are confirmed."""
    key, host_key = publisher.mint("mak", activations=5), publisher.mint()
    good = key.installation_id(1, 0, machine(1)).text("")
    stranger = codes.Key("1", b"\0" * 11, 77).under(publisher.issuer_id)
    forged = codes.InstallationID(key.installation_id(1, 0, machine(2)).value ^ 1).text("")
    ids = [good[:-1] + str((int(good[-1]) + 1) % 10), forged, stranger.installation_id(1, 0, machine(3)).text(""), host_key.installation_id(1, 0, machine(4)).text(""), "x", good, good]
    a = service.counted(ids).json
    assert [r.get("code") for r in a["results"]] == ["0xC004F02C", "0xC004F02C", "0xC004F050", "0xC004F050", "0xC004F02C", None, None], a
    assert a["keys"] == [{"number": key.key.number, "allowed": 5, "used": 1, "remaining": 4}]


def test_strangers_leave_nothing(publisher, service):
    """A request without one ID of a key of this issuer is answered, and nothing of it is kept: who has no key cannot fill the disk."""
    stranger = codes.Key("1", b"\1" * 11, 78).under(publisher.issuer_id)
    books = sqlite3.connect(publisher.dir / "books.db")
    kept = [books.execute(f"SELECT count(*) FROM {table}").fetchone() for table in ("batch", "audit_head", "journal")]
    for ids in (["1" * 54], [stranger.installation_id(1, 0, machine(n)).text("") for n in range(500)]):
        a = service.counted(ids, audit="3:00112233445566778899aabbccddeeff")
        assert a.status == 200 and a.json["keys"] == [] and all("code" in r for r in a.json["results"]), a
    assert [books.execute(f"SELECT count(*) FROM {table}").fetchone() for table in ("batch", "audit_head", "journal")] == kept
    books.close()


def test_keys_unreadable(tmp_path):
    """When its keys cannot be read again, because the passphrase was changed or a file is damaged, the service goes on with those it has, and says so."""
    p = Publisher(tmp_path)
    key = p.mint("mak", activations=5)
    s = Service(p)
    try:
        (p.dir / "statement-1.key").write_text("damaged")
        p.advance(0.1)
        for _ in range(600):
            if "keys text=" in (p.folder / "service.log").read_text():
                break
            assert s.ask("GET", "/healthz").status == 200
            select.select([], [], [], 0.1)
        else:
            raise AssertionError((p.folder / "service.log").read_text())
        assert s.counted([key.installation_id(1, 0, machine(1)).text("")]).json["results"][0]["confirmation"]
    finally:
        assert s.stop() == 0


def test_deep(publisher, service):
    """Nested as deep as a body can be: refused, and the service goes on."""
    for levels, said in ((16, "not a UUID"), (17, "more than 16 levels")):
        a = service.ask("POST", "/v1/counted/activate", raw=b'{"id":"x","more":' + b"[" * (levels - 1) + b"]" * (levels - 1) + b"}", check=False)
        assert a.status in (400, 422) and said in a.json["detail"], a
    for deep in (b"[" * 2000, b"[" * 1000000, b'{"a":' * 2040, b'{"a":' * 170000):
        a = service.ask("POST", "/v1/counted/activate", raw=deep, check=False)
        assert a is not None and a.status == 400, a
    assert service.ask("GET", "/healthz").status == 200


def test_coverage(publisher, service):
    start = publisher.day(30)
    key = publisher.mint("esu-mak", activations=5, start=start)
    a = service.counted([key.installation_id(1, 0, machine(1)).text("")]).json
    assert a["results"][0]["code"] == "M-155" and f"cannot be used before {start}," in a["results"][0]["detail"] and a["keys"][0]["used"] == 0, a


def test_revoked(publisher, service):
    """Revoked: 0xC004C003 for what is new, the same again, a renewal; the list names the certificate."""
    key, host = publisher.mint(), Host()
    chain = service.activate(key, host).json["chain"]
    publisher.done("revoke", key.key.number, "--reason", "key-compromise")
    for a in (service.activate(key, host), service.activate(key, Host()), renew(service, publisher, host, chain)[1]):
        assert a.status == 403 and a.code == "0xC004C003", a
    mak = publisher.mint("mak", activations=5)
    ask = [mak.installation_id(1, 0, machine(1)).text("")]
    assert "confirmation" in service.counted(ask).json["results"][0]
    publisher.done("revoke", mak.key.number, "--reason", "unspecified")
    assert service.counted(ask).json["results"][0]["code"] == "0xC004C003"
    publisher.done("crl")
    crl = x509.load_pem_x509_crl(service.ask("GET", "/v1/crl").body)
    assert crl.get_revoked_certificate_by_serial_number(leaf(chain).serial_number) is not None
    # one certificate alone: the host gets another with its next request
    key, host = publisher.mint(), Host()
    got = service.activate(key, host).json
    publisher.done("revoke", "certificate", f"{leaf(got['chain']).serial_number:x}", "--reason", "superseded")
    a = service.activate(key, host)
    assert a.status == 403 and a.code == "0xC004C003" and "was revoked on 2" in a.json["detail"], a
    other = Host()
    other.binding = host.binding
    a = service.activate(key, other, attempt=1)
    assert a.status == 200 and a.json["crl"].startswith("-----BEGIN X509 CRL-----"), a


def test_newer_pack(publisher, service):
    """An Installation ID made with an older pack: the answer brings the newest."""
    key, host = publisher.mint(), Host()
    assert service.activate(key, host).json["pack"] is None
    newest = publisher.pack(key)
    publisher.done("contact", "set", "Germany", "--telephone", "+49 30 5550100")
    a = service.activate(key, Host()).json
    assert claims(a["pack"])["jti"] == newest["jti"] and a["contacts"] == [{"region": "Germany", "telephone": "+49 30 5550100"}]
    assert service.activate(key, Host(), generation=2).json["pack"] is None
    a = service.activate(key, Host(), generation=3)
    assert a.status == 403 and a.code == "M-157", a
    publisher.done("contact", "remove", "Germany")


def test_roots(publisher, service):
    publisher.done("roots", "announce")
    a = service.ask("GET", "/v1/roots")
    assert a.status == 200 and claims(a.body.decode())["aud"] == "muster-roots+jwt"


def test_wrong_tags(publisher, service):
    """Ten wrong ones in a day: nothing more online for this key until tomorrow, and nothing counted."""
    publisher.no_midnight()
    key, host = publisher.mint(), Host()
    for n in range(10):
        iid = codes.InstallationID(key.installation_id(1, 0, machine(n)).value ^ 1)
        a = service.activate(key, host, iid=iid)
        assert a.status == 422 and a.code == "0xC004F02C" and a.json["field"] == "installation_id", a
    a = service.activate(key, host)
    assert a.status == 403 and a.code == "M-159", a
    said = publisher.telephone(key.installation_id(1, 0, host.binding), "--override", "called back")
    assert said.code == 0 and said.json["hosts"]["used"] == 1
    publisher.advance(1)
    assert service.activate(key, host).json["hosts"]["used"] == 1


def test_wrong_tags_at_once(publisher, service):
    """Of many guesses at once ten are answered as guesses, as of many one after another; the others learn nothing, nor does a right one after them."""
    publisher.no_midnight()
    key, host = publisher.mint(), Host()
    guesses = [codes.InstallationID(key.installation_id(1, 0, machine(n)).value ^ 1) for n in range(30)]
    with concurrent.futures.ThreadPoolExecutor(15) as pool:
        answers = list(pool.map(lambda iid: service.activate(key, host, iid=iid).code, guesses))
    assert sorted(answers) == ["0xC004F02C"] * 10 + ["M-159"] * 20, answers
    assert service.activate(key, host).code == "M-159"


GOOD = {"installation_id": "1" * 54, "request": "x"}


@pytest.mark.parametrize("path, body, status, code, field", [
    ("/v1/host/activate", {}, 400, "M-102", "installation_id"), ("/v1/host/activate", {**GOOD, "installation_id": 5}, 400, "M-102", "installation_id"),
    ("/v1/host/activate", {**GOOD, "installation_id": "1" * 129}, 400, "M-102", "installation_id"), ("/v1/host/activate", {"installation_id": "1"}, 400, "M-102", "request"),
    ("/v1/host/activate", {**GOOD, "name": "x\ny"}, 400, "M-102", "name"), ("/v1/host/activate", {**GOOD, "name": "x" * 65}, 400, "M-102", "name"),
    ("/v1/host/activate", {**GOOD, "request": "x" * 16385}, 400, "M-102", "request"), ("/v1/host/activate", GOOD, 422, "0xC004F02C", "installation_id"),
    ("/v1/host/activate", [], 400, "M-101", None), ("/v1/host/renew", {}, 400, "M-102", "renewal"), ("/v1/host/renew", {"renewal": "x", "chain": "y", "request": "z"}, 400, "M-102", None),
    ("/v1/counted/activate", {}, 400, "M-102", "id"), ("/v1/counted/activate", {"id": "x", "installation_ids": []}, 400, "M-102", "id"),
    ("/v1/counted/activate", {"id": str(uuid.uuid4()), "installation_ids": []}, 400, "M-102", "installation_ids"),
    ("/v1/counted/activate", {"id": str(uuid.uuid4()), "installation_ids": [5]}, 400, "M-102", "installation_ids"),
    ("/v1/counted/activate", {"id": str(uuid.uuid4()), "installation_ids": ["1"] * 10001}, 400, "M-102", "installation_ids"),
    ("/v1/counted/activate", {"id": str(uuid.uuid4()), "installation_ids": ["1"], "audit": "x"}, 400, "M-102", "audit"),
])
def test_bodies(service, path, body, status, code, field):
    a = service.ask("POST", path, body)
    assert a.status == status and a.code == code and a.json.get("field") == field, a


def test_bad_request(publisher, service):
    """A certificate request that is none, or does not prove its key: refused, nothing counted."""
    key, host = publisher.mint(), Host()
    lines = host.request.splitlines()
    lines[-2] = lines[-2][:-6] + "AAAAAA"
    for bad in ("nonsense", host.request[:100], "\n".join(lines), host.request.replace("CERTIFICATE REQUEST", "CERTIFICATE")):
        wrong = Host()
        wrong.binding, wrong.request = host.binding, bad
        a = service.activate(key, wrong)
        assert a.status == 400 and a.code == "M-102" and a.json["field"] == "request", (bad, a)
    assert service.activate(key, host).json["activations"]["used"] == 1


def test_http(service):
    """Methods, types, sizes, paths."""
    assert service.ask("GET", "/healthz").json == {"status": "ok"}
    assert service.ask("HEAD", "/healthz").status == 200
    assert service.ask("GET", "/v1/contacts").json == {"contacts": []}
    assert service.ask("GET", "/nothing").code == "M-105"
    a = service.ask("GET", "/v1/host/activate")
    assert a.code == "M-106" and a.headers["Allow"] == "POST"
    a = service.ask("POST", "/healthz", {})
    assert a.code == "M-106" and a.headers["Allow"] == "GET, HEAD"
    assert service.ask("POST", "/v1/host/activate", GOOD, headers={"Content-Type": "text/plain"}).code == "M-103"
    assert service.ask("POST", "/v1/host/activate", raw=b"{", headers={"Content-Type": "application/json"}).code == "M-101"
    assert service.ask("POST", "/v1/host/activate", raw=b'{"installation_id":"1","installation_id":"2","request":"x"}', headers={"Content-Type": "application/json"}).code == "M-101"
    a = service.ask("POST", "/v1/host/activate", raw=b"x" * (2 << 20), headers={"Content-Type": "application/json"})
    assert a is None or a.code == "M-104"


def test_tls(publisher, service):
    """TLS 1.3 only; a P-256 certificate for the name and for nothing else; no plain HTTP."""
    with socket.create_connection(("127.0.0.1", service.port)) as raw, service.context.wrap_socket(raw, server_hostname="localhost") as tls:
        assert tls.version() == "TLSv1.3"
        names = tls.getpeercert()["subjectAltName"]
        assert names == (("DNS", "localhost"),)
    older = ssl.create_default_context(cafile=publisher.dir / "issuer.pem")
    older.maximum_version = ssl.TLSVersion.TLSv1_2
    with socket.create_connection(("127.0.0.1", service.port)) as raw, pytest.raises((ssl.SSLError, ConnectionError)):
        older.wrap_socket(raw, server_hostname="localhost")
    with socket.create_connection(("127.0.0.1", service.port)) as raw, pytest.raises(ssl.SSLCertVerificationError):
        service.context.wrap_socket(raw, server_hostname="other.example.com")
    with socket.create_connection(("127.0.0.1", service.port)) as raw, pytest.raises(ssl.SSLCertVerificationError):
        ssl.create_default_context().wrap_socket(raw, server_hostname="localhost")
    with socket.create_connection(("127.0.0.1", service.port)) as raw:
        raw.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert not raw.recv(100).startswith(b"HTTP/1.1 200")


def test_rate_of_ids(tmp_path):
    """A counted request costs by its IDs: of two with ten thousand, however wrong, the second waits."""
    p = Publisher(tmp_path)
    s = Service(p)
    try:
        a = s.counted(["0" * 54] * 10000)
        assert a.status == 200 and len(a.json["results"]) == 10000, a
        part = tmp_path / "clock.part"   # a clock that goes back gives no tokens, however long the machine took
        part.write_text("0 -3600000")
        part.rename(p.clock)
        b = s.counted(["0" * 54] * 10000)
        assert b.status == 429 and b.code == "M-107" and 1 <= int(b.json["retry_after_seconds"]) <= 5, b
    finally:
        assert s.stop() == 0


def test_rate(publisher, tmp_path):
    """More than the burst from one address: 429 with Retry-After. On a service of its own."""
    p = Publisher(tmp_path)
    s = Service(p)
    try:
        with socket.create_connection(("127.0.0.1", s.port)) as raw, s.context.wrap_socket(raw, server_hostname="localhost") as tls:
            tls.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n" * 300)
            got = b""
            while got.count(b"HTTP/1.1 ") < 300:
                part = tls.recv(65536)
                assert part, got[-500:]
                got += part
            assert b"HTTP/1.1 429" in got and b"Retry-After: " in got and b'"code":"M-107"' in got
    finally:
        assert s.stop() == 0


def test_many_at_once(publisher, service):
    """Twelve hosts at once for six places: six get one, each its own, and the six are right."""
    key = publisher.mint()
    hosts = [Host() for _ in range(12)]
    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda h: service.activate(key, h), hosts))
    granted = [a for a in answers if a.status == 200]
    assert len(granted) == 6 and {a.code for a in answers if a.status != 200} == {"0xC004C008"}
    assert sorted(a.json["hosts"]["used"] for a in granted) == [1, 2, 3, 4, 5, 6]
    mak = publisher.mint("mak", activations=100)
    ids = [mak.installation_id(1, 0, machine(n)).text("") for n in range(60)]
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda n: service.counted(ids[n * 5:n * 5 + 30]), range(6)))
    assert all("confirmation" in r for a in answers for r in a.json["results"])
    assert max(a.json["keys"][0]["used"] for a in answers) == 55


def test_killed(publisher, tmp_path):
    """kill -9 while hosts and machines ask; then again: the same answers, no place counted twice."""
    p = Publisher(tmp_path)
    key, mak = p.mint(), p.mint("mak", activations=40)
    hosts = [Host() for _ in range(6)]
    ids = [mak.installation_id(1, 0, machine(n)).text("") for n in range(40)]
    seen = {}
    for round_ in range(4):
        s = Service(p)
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            asked = [pool.submit(s.activate, key, h) for h in hosts] + [pool.submit(s.counted, ids[n:n + 10]) for n in range(0, 40, 10)]
            next(concurrent.futures.as_completed(asked))
            s.stop(signal.SIGKILL)
            for n, future in enumerate(asked[:6]):
                try:
                    a = future.result()
                except OSError:
                    continue
                if a is not None and a.status == 200:
                    assert seen.setdefault(n, a.json["chain"]) == a.json["chain"]
            for future in asked[6:]:
                try:
                    future.result()
                except OSError:
                    continue
    s = Service(p)
    for n, h in enumerate(hosts):
        a = s.activate(key, h)
        assert a.status == 200 and seen.setdefault(n, a.json["chain"]) == a.json["chain"] and a.json["activations"]["used"] == 1, a
    last = s.activate(key, hosts[0])
    assert last.json["hosts"]["used"] == 6
    assert s.counted(ids).json["keys"][0]["used"] == 40
    assert s.activate(key, Host()).code == "0xC004C008"
    assert s.stop() == 0


def test_restored(tmp_path):
    """Restored books under a running service: nothing is revealed and it is not healthy, until `restore`."""
    p = Publisher(tmp_path)
    key, hosts = p.mint(), [Host() for _ in range(4)]
    s = Service(p)
    chains = [s.activate(key, hosts[0]).json["chain"]]
    assert s.stop() == 0
    shutil.copy(p.dir / "books.db", tmp_path / "yesterday")
    s = Service(p)
    chains += [s.activate(key, h).json["chain"] for h in hosts[1:]]
    assert s.stop() == 0
    shutil.copy(tmp_path / "yesterday", p.dir / "books.db")
    s = Service(p)
    for h in hosts:
        a = s.activate(key, h)
        assert a.status == 503 and a.code == "M-156" and "Retry-After" in a.headers, a
    assert s.ask("GET", "/healthz").code == "M-156"
    assert p("restore").code == 0
    assert s.ask("GET", "/healthz").status == 200
    assert [s.activate(key, h).json["chain"] for h in hosts] == chains
    assert s.activate(key, hosts[0]).json["hosts"]["used"] == 4
    assert s.stop() == 0


def test_stop(publisher, tmp_path):
    """SIGTERM: idle connections are ended at once; a second service may then listen on the same books."""
    p = Publisher(tmp_path, "ed25519")
    s, t = Service(p), Service(p, "127.0.0.1")
    t.context.check_hostname = False
    for path in ("/v1/crl", "/v1/roots"):
        assert t.ask("GET", path).code == "M-117"
    with socket.create_connection(("127.0.0.1", s.port)) as raw, s.context.wrap_socket(raw, server_hostname="localhost") as tls:
        assert s.stop() == 0
        assert tls.recv(10) == b""
    key, host = p.mint(), Host()
    a = t.activate(key, host)
    assert a.status == 200 and verifies(p, a.json["chain"]), a
    assert t.stop(signal.SIGINT) == 0


def test_listen(publisher):
    for wrong, message in (("here", "ADDRESS:PORT"), ("127.0.0.1:x", "ADDRESS:PORT"), ("localhost:1", "not a numeric address"), ("127.0.0.1:65536", "ADDRESS:PORT"),
                           ("192.0.2.1:1", "cannot listen on")):
        said = publisher("serve", "--listen", wrong)
        assert said.code == 1 and message in said.err, said
    said = publisher("serve", "--listen", "127.0.0.1:0", "--name", "DNS:evil,IP:1")
    assert said.code == 1 and "neither a DNS name nor a numeric address" in said.err, said
