"""Machines through the front door: products with embedded keys, access licences and seats, with restarts and kills in between."""

import contextlib
import datetime
import hashlib
import re
import sqlite3
import subprocess
import uuid

import pytest

from host import PATIENCE, Machine, base64url, claims_of, now_text, program
from licensed import Licensed, forms
from publisher import codes

APPLICATION = "application_id = 33333333-0000-4000-8000-00000000000a"
ID = "33333333-0000-4000-8000-0000000000{:02x}"
CAL, CAD, MEDIUM, OTHER = (ID.format(n) for n in range(1, 5))
DAY = 86400


def product(name, activation_id, model, *keys):
    return "\n".join([f"[product {name}]", f"name = {name}", f"activation_id = {activation_id}", APPLICATION, f"model = {model}", "issuer = main", *keys, "", ""])


NUMBERS = ("temporary = 90d", "permanent_min = 52d", "permanent_max = 89d", "renew_left = 7d", "user_validity = 60d", "user_reassign = 90d", "grace = 120d",
           "revoke_percent = 20")
ACCESS = product("cal", CAL, "access", "versions = 2016, 2019, 2022", "server_version = 2019", *NUMBERS)
SEATS = product("cad", CAD, "seats", "seats = 2", "seat_lease = 20min", "heartbeat = 1min", "seat_grace = 5min", "queue = 2")
EMBEDDED = product("setup", MEDIUM, "embedded", "medium = x64/Setup.ini [OPTIONS] PID") + product("viewer", OTHER, "embedded", "medium = x86/Viewer.ini [OPTIONS] PID")


@pytest.fixture(scope="module")
def licensed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("licensed")
    folder.chmod(0o755)
    one = Licensed(folder)
    for name, activation_id in (("cal", CAL), ("cad", CAD), ("setup", MEDIUM), ("viewer", OTHER)):
        one("product", "add", name, "--activation-id", activation_id, "--title", name)
    yield one
    one.stop()


@pytest.fixture
def make(new_host, licensed):
    """A host with these products, certified for them, on hardware that the test knows."""

    def start(products, **options):
        one = new_host(start=False, issuer=licensed, plugins=(), products=products, clock=True, **options)
        one.hardware("the host")
        one.start()
        one.shifted = 0
        names = re.findall(r"\[product (\S+)\]", products)
        known = one.products()
        chain = licensed.certify(one.admin_ok("POST", "/host/request", {"name": "test-host"})["request"], [known[n]["activation_id"] for n in names])
        one.admin_ok("POST", "/host/install", {"chain": chain})
        return one

    return start


def ask(host, machine, activation_id, **changes):
    return host.activate(machine, activation_id, time=now_text(host.shifted), **changes)


def later(host, seconds, restart=False):
    """The clock goes on; with a restart also by days, a month at a time: a host that was silent for longer lets nothing go back for a day."""
    if not restart:
        host.shifted += seconds
        host.shift(host.shifted)
        return
    while seconds > 0:
        step = min(seconds, 30 * DAY)
        seconds -= step
        assert host.stop() == 0
        host.shifted += step
        host.shift(host.shifted)
        host.start()


def seconds(rfc3339):
    return datetime.datetime.strptime(rfc3339, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=datetime.timezone.utc).timestamp()


def pack(host, licensed, per, licenses, version=None):
    """Licences for this very host, installed."""
    path = licensed.publisher.folder / "cal"
    path.unlink(missing_ok=True)
    binding = codes.binding_of_host(licensed.publisher.issuer_id, 1, b"the host").hex()
    licensed("cal", "create", "--agreement", "EA-1", "--products", "cad" if per == "seat" else "cal", "--per", per, *(["--license-version", version] if version else []),
             "--licenses", str(licenses), *([] if per == "seat" else ["--server", binding]), "--out", path)
    host.admin_ok("POST", "/packs", {"pack": path.read_text()})


# ---- access ----

def test_devices(make, licensed):
    """Temporary, then permanent if one is free; over-allocation does not happen; what ends comes back. All of it also after kills and restarts."""
    host = make(ACCESS)
    a, b, c = Machine("a"), Machine("b"), Machine("c")
    wanted = {"version": "2016"}
    first = ask(host, a, CAL, access=wanted)
    assert first.status == 200 and first.json["access"] == {"per": "device", "version": "2016", "kind": "temporary"}, first
    assert first.json["grace_seconds"] == 120 * DAY and "over" not in first.json and first.json["count"] == 0
    lease = claims_of(first.json["lease"])
    assert lease["exp"] == seconds(first.json["expires_at"]) and abs(lease["exp"] - lease["iat"] - 90 * DAY) <= 2 and "usr" not in lease
    # The second sign-in without a free licence changes nothing.
    again = ask(host, a, CAL, access=wanted)
    assert again.json["access"]["kind"] == "temporary" and again.json["expires_at"] == first.json["expires_at"]
    host.kill()
    host.start()
    assert ask(host, a, CAL, access=wanted).json["expires_at"] == first.json["expires_at"]
    pack(host, licensed, "device", 2, "2019")
    permanent = ask(host, a, CAL, access=wanted)
    assert permanent.json["access"] == {"per": "device", "version": "2019", "kind": "permanent"} and permanent.json["count"] == 1, permanent
    life = seconds(permanent.json["expires_at"]) - claims_of(permanent.json["lease"])["iat"]
    assert 52 * DAY - 2 <= life <= 89 * DAY + 2
    for machine in (b, c):
        assert ask(host, machine, CAL, access=wanted).json["access"]["kind"] == "temporary"
    assert ask(host, b, CAL, access=wanted).json["count"] == 2
    assert ask(host, c, CAL, access=wanted).json["access"]["kind"] == "temporary"
    host.kill()
    host.start()
    same = ask(host, a, CAL, access=wanted)
    assert same.json["expires_at"] == permanent.json["expires_at"] and same.json["access"]["version"] == "2019"
    # A newcomer has its temporary one; c has had its own.
    later(host, 46 * DAY, restart=True)
    for machine in (a, b):
        assert ask(host, machine, CAL, access=wanted).json["access"]["kind"] == "permanent"
    later(host, 45 * DAY, restart=True)
    later(host, 60)
    states = [ask(host, m, CAL, access=wanted) for m in (a, b, c)]
    granted = [s for s in states if s.status == 200]
    assert all(s.json["access"]["kind"] == "permanent" for s in granted) and 1 <= len(granted) <= 2
    assert all(s.code == "M-145" and s.json["grace_seconds"] == 120 * DAY for s in states if s.status != 200)
    # Those of nobody come back by themselves: nobody asked for 120 days.
    later(host, 120 * DAY, restart=True)
    states = [ask(host, m, CAL, access=wanted) for m in (c, b, a)]
    assert [s.status for s in states] == [200, 200, 403] and states[2].code == "M-145", states


def test_versions_and_ways(make):
    host = make(ACCESS)
    listed = host.get("/v1/products").json["products"][0]
    assert listed["access"] == {"per": ["device", "user"], "versions": ["2016", "2019", "2022"], "grace_seconds": 120 * DAY} and listed["model"] == "access" and listed["served"]
    assert ask(host, Machine(), CAL).json["access"]["version"] == "2019"
    for version in ("2022", "2030"):
        a = ask(host, Machine(), CAL, access={"version": version})
        assert a.status == 422 and a.code == "M-146" and a.json["grace_seconds"] == 120 * DAY, a
    a = ask(host, Machine(), CAL, access={"per": "user", "version": "2016"})
    assert a.status == 422 and a.code == "M-148", a
    for access, field in (("x", "access"), ({"per": "seat"}, "access.per"), ({"per": 1}, "access.per"), ({"user": ""}, "access.user"), ({"user": "u" * 256}, "access.user"),
                          ({"user": "a\nb"}, "access.user"), ({"version": 2019}, "access.version"), ({"version": "v" * 64}, "access.version")):
        a = ask(host, Machine(), CAL, access=access)
        assert a.status == 400 and a.code == "M-102" and a.json["field"] == field, (access, a)
    # What another model does not know it ignores, what is wrong is wrong everywhere.
    host.configure(products=ACCESS + product("own", OTHER, "threshold", "minimum_count = 1"), plugins=())
    host.admin_ok("POST", "/reload", {})
    a = ask(host, Machine(), OTHER, access={"per": "user", "user": "x"}, queue=False)
    assert a.code == "0xC004F041"
    assert ask(host, Machine(), OTHER, queue="yes").json["field"] == "queue"


def test_users(make, licensed):
    """Granted whatever was bought; beyond it is a breach that is told."""
    host = make(ACCESS)
    pack(host, licensed, "user", 1, "2019")
    names = ["EXAMPLE\\anna", "bernd", "Çiğdem"]
    pc = Machine("terminal")
    answers = [ask(host, pc, CAL, access={"per": "user", "user": name, "version": "2019"}) for name in names]
    for name, a in zip(names, answers):
        assert a.status == 200 and a.json["access"] == {"per": "user", "version": "2019", "kind": "user"}, a
        lease = claims_of(a.json["lease"])
        assert lease["usr"] == base64url(hashlib.sha256(b"muster user v1\0" + name.encode()).digest()) and abs(lease["exp"] - lease["iat"] - 60 * DAY) <= 2
    assert [a.json.get("over", False) for a in answers] == [False, True, True]
    assert [e["debt"] for e in host.events()] == [False, True, True]
    host.kill()
    host.start()
    again = ask(host, Machine("elsewhere"), CAL, access={"per": "user", "user": names[1], "version": "2019"})
    assert again.json["over"] and again.json["count"] == answers[2].json["count"]


def test_a_machine_returns_no_access_licence(make):
    host = make(ACCESS)
    a = Machine("a")
    lease = ask(host, a, CAL).json["lease"]
    r = host.post("/v1/release", {"lease": lease, "release": base64url(a.release)})
    assert r.status == 409 and r.code == "M-154" and r.json["grace_seconds"] == 120 * DAY, r


# ---- seats ----

def give_back(host, machine, answer):
    return host.post("/v1/release", {"lease": answer.json["lease"], "release": base64url(machine.release)})


def test_seats(make):
    host = make(SEATS, host="expose = counts")
    a, b, c, d, e = (Machine(n) for n in "abcde")
    listed = host.get("/v1/products").json["products"][0]
    assert listed["model"] == "seats" and listed["served"] and listed["seats"] == 2
    first = ask(host, a, CAD)
    lease = claims_of(first.json["lease"])
    assert (lease["renew"], lease["exp"] - lease["iat"], lease["cnt"], lease["min"]) == (60, 1200, 1, 0)
    assert (first.json["seats"], first.json["count"], first.json["minimum_count"], first.json["renewal_interval_minutes"]) == (2, 1, 0, 1)
    second = ask(host, b, CAD)
    assert second.json["count"] == 2
    # A heartbeat extends and takes no other seat; also under another nonce, also after a kill.
    host.kill()
    host.start()
    later(host, 60)
    beat = ask(host, a, CAD, lease=first.json["lease"])
    assert beat.json["count"] == 2 and seconds(beat.json["expires_at"]) >= seconds(first.json["expires_at"]) + 59
    # All are taken: a queue of two, in its order.
    assert ask(host, c, CAD, queue=False).code == "M-150"
    waiting = ask(host, c, CAD)
    assert waiting.status == 202 and waiting.json["result"] == "queued" and waiting.code == "M-149" and waiting.json["position"] == 1 and waiting.json["seats"] == 2, waiting
    assert int(waiting.headers["Retry-After"]) == waiting.json["retry_after_seconds"] and 30 <= waiting.json["retry_after_seconds"] <= 900
    assert ask(host, d, CAD).json["position"] == 2
    assert ask(host, c, CAD).json["position"] == 1
    full = ask(host, e, CAD)
    assert full.status == 409 and full.code == "M-150" and int(full.headers["Retry-After"]) == full.json["retry_after_seconds"], full
    # A seat that is given back is the first one's, whoever asks meanwhile; the secret must fit.
    assert host.post("/v1/release", {"lease": second.json["lease"], "release": base64url(bytes(32))}).code == "M-116"
    assert ask(host, d, CAD).status == 202
    assert give_back(host, b, second).json["result"] == "released"
    assert ask(host, e, CAD).status != 200 and ask(host, d, CAD).status == 202
    assert ask(host, c, CAD).json["count"] == 2
    # Giving back twice is harmless, and gives no other one's seat away.
    assert give_back(host, b, second).status == 200
    assert ask(host, d, CAD).json["position"] == 1
    assert [e["name"] for e in host.events(requests=False) if e.get("release")] == [""]


def test_seats_come_back(make):
    """A lease that is over is kept for its holder for the grace, then the seat is free; nobody has to ask for that."""
    host = make(SEATS)
    a, b, c = (Machine(n) for n in "abc")
    for m in (a, b):
        assert ask(host, m, CAD).status == 200
    later(host, 21 * 60)
    assert ask(host, c, CAD, queue=False).code == "M-150"
    assert ask(host, a, CAD).json["count"] == 2   # within its grace
    later(host, 5 * 60)
    # b's is gone, and so after a restart.
    assert host.stop() == 0
    host.start()
    assert ask(host, c, CAD).json["count"] == 2
    assert ask(host, b, CAD, queue=False).code == "M-150"


def test_seats_of_a_pack(make, licensed):
    host = make(SEATS.replace("seats = 2\n", ""), host="expose = counts")
    assert ask(host, Machine(), CAD).code == "M-150"
    pack(host, licensed, "seat", 3)
    assert [ask(host, Machine(), CAD, queue=False).status for _ in range(4)] == [200, 200, 200, 409]
    assert host.get("/v1/products").json["products"][0]["seats"] == 3
    # The administrator's number is a cap.
    host.configure(products=SEATS, plugins=(), host="expose = counts")
    host.admin_ok("POST", "/reload", {})
    assert host.get("/v1/products").json["products"][0]["seats"] == 2


def test_advise(make):
    """Debt instead of a refusal: granted, told, in the event."""
    host = make(SEATS + "policy = advise\n")
    answers = [ask(host, Machine(), CAD) for _ in range(3)]
    assert [a.status for a in answers] == [200] * 3 and [a.json.get("over", False) for a in answers] == [False, False, True]
    assert answers[2].json["count"] == 3 and answers[2].json["seats"] == 2
    assert [e["debt"] for e in host.events()] == [False, False, True]


def test_reservations(make):
    """One seat of two is the lab's. Nobody else takes it; who has it uses it up, also after a kill."""
    host = make(SEATS, more="\n[reservation lab]\nproduct = cad\ncount = 1\nfor = name:lab-*\n")
    a, b, lab, lab2 = Machine("a"), Machine("b"), Machine("lab-1"), Machine("lab-2")
    assert ask(host, a, CAD).status == 200
    refused = ask(host, b, CAD, queue=False)
    assert refused.status == 403 and refused.code == "M-152", refused
    taken = ask(host, lab, CAD)
    assert taken.status == 200
    # Used up: the lab's second machine is like any other. Also after a restart.
    assert give_back(host, a, ask(host, a, CAD)).status == 200
    host.kill()
    host.start()
    assert ask(host, lab2, CAD).status == 200
    assert ask(host, b, CAD, queue=False).code == "M-150"
    assert give_back(host, lab, ask(host, lab, CAD)).status == 200
    assert give_back(host, lab2, ask(host, lab2, CAD)).status == 200
    assert ask(host, b, CAD).status == 200
    assert ask(host, a, CAD, queue=False).code == "M-152"


def test_nothing_is_taken_by_who_is_refused(make):
    """A wrong clock, other hardware under the lease's ID, a host that is not activated: no seat is taken."""
    host = make(SEATS)
    a, b = Machine("a"), Machine("b")
    wrong = host.activate(a, CAD, time=now_text(5 * 3600))
    assert wrong.status == 422 and wrong.code == "0xC004F06C" and "minutes" in wrong.json["detail"], wrong
    granted = ask(host, a, CAD)
    assert granted.json["count"] == 1
    copy = Machine("copy", client_id=a.client_id)
    clone = ask(host, copy, CAD, lease=granted.json["lease"])
    assert clone.status == 409 and clone.code == "M-112", clone
    # Without the lease too, as long as the owner holds the seat.
    assert ask(host, copy, CAD).code == "M-112"
    assert ask(host, b, CAD).json["count"] == 2


def test_a_host_without_a_certificate_gives_nothing_out(new_host):
    host = new_host(products=SEATS + ACCESS + EMBEDDED, plugins=())
    for activation_id in (CAD, CAL):
        for _ in range(3):
            a = host.activate(Machine(), activation_id)
            assert a.status == 503 and a.code == "0xC004F041", a
    host.certify()
    assert host.activate(Machine(), CAD).json["count"] == 1
    assert host.activate(Machine(), CAL).json["access"]["kind"] == "temporary"


def test_one_seat_for_many_at_once(make):
    """Never more out than there are, whatever asks at the same time."""
    import concurrent.futures
    host = make(SEATS.replace("seats = 2", "seats = 7"))
    machines = [Machine(f"m-{n}") for n in range(60)]
    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda m: ask(host, m, CAD, queue=False), machines))
    assert sorted(a.json["count"] for a in answers if a.status == 200) == list(range(1, 8))
    assert {a.code for a in answers if a.status != 200} == {"M-150"}


# ---- embedded ----

def prove(licensed, machine, activation_id, key, changed=b""):
    """`key` as a client sends it: the proof under a nonce of its own."""
    nonce = uuid.uuid4().bytes
    proof = licensed.under(key).proof(uuid.UUID(activation_id).bytes, uuid.UUID(machine.client_id).bytes, bytes.fromhex(machine.hardware), nonce + changed)
    return {"nonce": base64url(nonce), "key": {"kind": key[0], "number": licensed.typed(key).number, "proof": base64url(proof)}}


@pytest.fixture(scope="module")
def keys(licensed):
    return {name: licensed.mint("embedded", name) for name in ("setup", "viewer")}


def test_an_embedded_key_of_a_pack(make, licensed, keys):
    host = make(EMBEDDED)
    pc = Machine("pc")
    sentences = {}

    def refused(name, key, code="0xC004F050", **changes):
        a = ask(host, pc, MEDIUM, **(key if "nonce" in key else {"key": key["key"]} if "key" in key else {}), **changes)
        assert a.status in (400, 403, 422) and a.code == code, (name, a)
        sentences[name] = a.json["detail"]

    refused("not here", prove(licensed, pc, MEDIUM, keys["setup"]))
    assert "musterctl discover PATH --store" in sentences["not here"]
    host.admin_ok("POST", "/packs", {"pack": licensed.packed()})
    granted = ask(host, pc, MEDIUM, **prove(licensed, pc, MEDIUM, keys["setup"]))
    assert granted.status == 200 and granted.json["count"] == 0 and granted.json["minimum_count"] == 0 and "lease" in granted.json, granted
    assert claims_of(granted.json["lease"])["exp"] - claims_of(granted.json["lease"])["iat"] == 180 * DAY
    refused("no key", {}, code="0xC004F014")
    refused("wrong proof", prove(licensed, pc, MEDIUM, keys["setup"], b"x"))
    refused("of another product", prove(licensed, pc, MEDIUM, keys["viewer"]))
    assert "viewer" in sentences["of another product"]
    mak = licensed.mint("mak", "contoso-mak", activations=5)
    refused("of another kind", prove(licensed, pc, MEDIUM, mak))
    assert "MAK" in sentences["of another kind"]
    # Whole keys: over loopback.
    assert ask(host, pc, MEDIUM, key=keys["setup"].lower()).status == 200
    refused("whole, of another kind", {"key": mak})
    refused("whole, of another product", {"key": keys["viewer"]})
    own = licensed.typed(keys["setup"])
    refused("whole, with the number of another", {"key": codes.Key(own.kind, bytes(1) + own.secret[:0:-1], own.number).text()})
    refused("whole, unknown", {"key": "ABCDE-FGHJK-MNPQR-TVWXY-23467"})
    assert "well formed" in sentences["whole, unknown"]
    refused("whole, of no shape", {"key": "not a key"})
    refused("whole, far too long", {"key": "A" * 65})
    # What a proof and a whole key may be wrong in alike is said alike; everything else in words of its own.
    same = {"whole, unknown": "not here", "whole, of another product": "of another product", "whole, far too long": "whole, of no shape"}
    assert all(sentences[a] == sentences[b] for a, b in same.items())
    assert len({s for n, s in sentences.items() if n not in same}) == len(sentences) - len(same) and "shape" in sentences["whole, of no shape"]
    assert not any(part in s for s in sentences.values() for part in (mak, keys["setup"], keys["viewer"], "ABCDE", "23467"))
    # Recorded, and known after a kill; the release changes nothing but the record.
    host.kill()
    with contextlib.closing(sqlite3.connect(host.folder / "state" / "state.db")) as db:
        rows = db.execute("SELECT name, number FROM holding").fetchall()
    assert rows == [("pc", licensed.typed(keys["setup"]).number)]
    # Nothing of a whole key is kept.
    kept = b"".join(p.read_bytes() for p in (host.folder / "state").rglob("*") if p.is_file()) + host.log.read_bytes()
    for name, form in forms(licensed, keys["setup"]).items():
        assert form not in kept, name
    host.start()
    assert ask(host, pc, MEDIUM, **prove(licensed, pc, MEDIUM, keys["setup"])).status == 200
    assert give_back(host, pc, granted).status == 200


def test_a_whole_key_in_clear_is_refused(make, keys):
    """Only over loopback, a Unix socket or TLS; the suite of plain connections has the rest (test_requests.py)."""
    host = make(EMBEDDED)
    a = ask(host, Machine(), MEDIUM, key=keys["viewer"])
    assert a.code == "0xC004F050" and keys["viewer"] not in a.body.decode() and keys["viewer"][:5] not in a.body.decode()


FOREIGN = {"setup": "BCDFG-HJKMP-QRTVW-XY234-67892", "viewer": "TVWXY-23467-89BCD-FGHJK-MPQRT"}


def prove_foreign(licensed, machine, activation_id, key):
    """As above, of a key that lies on a medium."""
    nonce, issuer_id = uuid.uuid4().bytes, licensed.publisher.issuer_id
    told = uuid.UUID(activation_id).bytes + uuid.UUID(machine.client_id).bytes + bytes.fromhex(machine.hardware) + bytes([len(nonce)]) + nonce
    proof = codes.sha256_hmac(codes.foreign_proof_key(issuer_id, key), told)
    return {"nonce": base64url(nonce), "key": {"kind": "E", "number": codes.foreign_number(issuer_id, key), "proof": base64url(proof)}}


def test_a_key_stored_from_a_medium(make, licensed):
    """Recognised by proof and whole, on this product only, after restarts and under a new key file; sealed at rest; gone when it is removed."""
    host = make(EMBEDDED)
    pc = Machine("pc")
    asked = lambda key, activation_id=MEDIUM: ask(host, pc, activation_id, **prove_foreign(licensed, pc, activation_id, key))
    a = asked(FOREIGN["setup"])
    assert a.code == "0xC004F050" and "musterctl discover PATH --store" in a.json["detail"], a
    for name, key in FOREIGN.items():
        stored = host.admin_ok("POST", "/media/keys", {"product": name, "edition": None, "key": key, "path": "x64/Setup.ini", "label": "DISC"})
        assert stored["number"] == codes.foreign_number(licensed.publisher.issuer_id, key) and stored["partial"] == key[-5:]
    again = host.admin("POST", "/media/keys", {"product": "setup", "key": FOREIGN["setup"], "path": "x64/Setup.ini", "label": "DISC"})
    assert again.status == 409 and again.code == "M-130", again
    for key in ("BCDFG-HJKMP-QRTVW-XY234-6789", "BCDFG", "", 5, None):
        wrong = host.admin("POST", "/media/keys", {"product": "setup", "key": key, "path": "x", "label": "y"})
        assert wrong.status in (400, 422) and "BCDFG" not in wrong.body.decode(), wrong

    def recognised():
        assert asked(FOREIGN["setup"]).status == 200
        assert ask(host, pc, MEDIUM, key=" " + FOREIGN["setup"].lower() + " ").status == 200
        for a in (asked(FOREIGN["viewer"]), ask(host, pc, MEDIUM, key=FOREIGN["viewer"])):
            assert a.code == "0xC004F050" and "one of viewer, not of setup" in a.json["detail"] and FOREIGN["viewer"][-5:] in a.json["detail"], a
        assert asked(FOREIGN["viewer"], OTHER).status == 200

    recognised()
    host.kill()
    host.start()
    recognised()
    host.admin_ok("POST", "/rekey", {})
    assert host.stop() == 0
    kept = b"".join(p.read_bytes() for p in (host.folder / "state").rglob("*") if p.is_file()) + host.log.read_bytes()
    for key in FOREIGN.values():
        for form in (key.encode(), key.lower().encode(), key.replace("-", "").encode(), key[:-6].encode()):
            assert form not in kept
    host.start()
    recognised()
    listed = host.admin_ok("GET", "/media/keys")
    assert FOREIGN["setup"][-5:] in str(listed) and FOREIGN["setup"][:5] not in str(listed)
    host.admin_ok("POST", "/media/keys/remove", {"number": codes.foreign_number(licensed.publisher.issuer_id, FOREIGN["setup"])})
    assert asked(FOREIGN["setup"]).code == "0xC004F050" and asked(FOREIGN["viewer"], OTHER).status == 200


def test_an_administrator_takes_a_seat_back(make):
    """The lease held is good to its end and not renewed; then the seat is free without grace."""
    host = make(SEATS)
    a, b, c = (Machine(n) for n in "abc")
    held = [ask(host, m, CAD) for m in (a, b)]
    taken = host.admin_ok("POST", "/holdings/take-back", {"product": "cad", "holder": a.client_id, "reason": "the workshop needs it"})
    assert taken["holder"] == a.client_id, taken
    host.kill()
    host.start()
    refused = ask(host, a, CAD, lease=held[0].json["lease"])
    assert refused.status == 403 and refused.code == "M-153", refused
    assert ask(host, c, CAD).status == 202
    later(host, 10 * 60)
    assert ask(host, b, CAD).status == 200
    later(host, 10 * 60 + 5)
    assert ask(host, c, CAD).json["count"] == 2
    journal = host.admin_ok("GET", "/journal?limit=1000")["items"]
    assert [j for j in journal if "the workshop needs it" in str(j)], journal


# ---- who is new ----

def test_invented_machines(make, licensed, keys):
    """[limits] hold for the three models: what is new is held up, whoever holds something never is, and a reload takes other numbers."""
    products = SEATS.replace("seats = 2", "seats = 3").replace("queue = 2", "queue = 9") + ACCESS + EMBEDDED
    host = make(products, limits="new_clients_per_hour = 5\nnew_clients_per_day = 1000\nloopback = yes")
    host.admin_ok("POST", "/packs", {"pack": licensed.packed()})

    def held_up(a, sentence):
        assert a.status == 429 and a.code == "M-108" and sentence in a.json["detail"], a
        assert int(a.headers["Retry-After"]) == a.json["retry_after_seconds"] > 3000, a

    machines = [Machine(f"m-{n}") for n in range(5)]
    first = [ask(host, m, CAD) for m in machines]
    assert [a.status for a in first] == [200, 200, 200, 202, 202]
    for _ in range(3):
        held_up(ask(host, Machine(), CAD), "this address has reported 5 new client IDs within an hour")
    # A wrong key is that, and uses nothing up; nor does asking again, giving back and taking again.
    pc = Machine("pc")
    assert ask(host, pc, MEDIUM, **prove(licensed, pc, MEDIUM, keys["setup"], b"x")).code == "0xC004F050"
    assert ask(host, machines[0], CAD, lease=first[0].json["lease"]).status == 200
    assert give_back(host, machines[1], first[1]).status == 200
    assert ask(host, machines[3], CAD).status == 200 and ask(host, machines[4], CAD).json["position"] == 1
    assert ask(host, machines[1], CAD).json["position"] == 2
    held_up(ask(host, pc, MEDIUM, **prove(licensed, pc, MEDIUM, keys["setup"])), "([limits] new_clients_per_hour)")
    held_up(ask(host, machines[0], CAL), "new client IDs and users within an hour")
    held_up(ask(host, machines[0], CAL, access={"per": "user", "user": "anna"}), "users")
    report = {p["product"]: p for p in host.admin_ok("GET", "/holdings")["products"]}
    assert report["cad"]["seats"]["issued"] == 3 and report["cad"]["seats"]["waiting"] == 2 and report["setup"]["presented"] == 0
    assert all(v["issued"] == v["temporary"] == v["over"] == 0 for v in report["cal"]["versions"])

    host.configure(products=products, plugins=(), limits="new_clients_per_hour = 1000\nnew_clients_per_day = 3\nloopback = yes")
    host.admin_ok("POST", "/reload", {})
    # Per product: one address or many, so many a day. Anna is the same one for whoever names her.
    users = [{"access": {"per": "user", "user": name}} for name in ("anna", "ben", "carl", "dora")]
    assert [ask(host, Machine(), CAL, **u).status for u in users] == [200, 200, 200, 429]
    held_up(ask(host, machines[0], CAL), "a day")
    assert all(ask(host, Machine(), CAL, **u).status == 200 for u in users[:3])
    granted = [ask(host, m, MEDIUM, **prove(licensed, m, MEDIUM, keys["setup"])) for m in machines]
    assert [a.status for a in granted] == [200, 200, 200, 429, 429]
    held_up(granted[3], "3 new client IDs were counted of setup within a day")
    assert ask(host, machines[2], MEDIUM, **prove(licensed, machines[2], MEDIUM, keys["setup"])).status == 200


# ---- the real client ----

def muster(host, state, *words):
    return subprocess.run([program("muster"), "--state", str(host.folder / state), "--hardware", state, "--name", state, "--issuer", str(host.issuer.root),
                           "--host", f"127.0.0.1:{host.port}", *words], capture_output=True, text=True, timeout=PATIENCE, stdin=subprocess.DEVNULL)


def test_muster_against_the_host(make, licensed):
    """libmuster takes what this host gives: seats with a heartbeat below 15 minutes, a user's licence with its claim, a key from a medium."""
    host = make(SEATS + ACCESS + EMBEDDED)
    for state, code in (("one", 0), ("two", 0), ("three", 1)):
        done = muster(host, state, "activate", "cad")
        assert done.returncode == code, (state, done)
    assert "place 1" in done.stdout.lower(), done
    assert muster(host, "one", "release", "cad").returncode == 0
    assert muster(host, "three", "activate", "cad").returncode == 0
    done = muster(host, "one", "activate", "cal", "--version", "2016")
    assert done.returncode == 0, done
    done = muster(host, "one", "activate", "cal", "--user", "EXAMPLE\\anna", "--version", "2016")
    assert done.returncode == 0, done
    assert muster(host, "one", "verify").returncode == 0
    done = muster(host, "one", "release", "cal")
    assert done.returncode == 2 and "M-154" in done.stdout + done.stderr, done
    path = host.folder / "key"
    path.write_text(FOREIGN["setup"] + "\n")
    done = muster(host, "one", "activate", "setup", "--key-file", str(path))
    assert done.returncode == 2 and "not known on this host" in done.stdout + done.stderr, done
    host.admin_ok("POST", "/media/keys", {"product": "setup", "key": FOREIGN["setup"], "path": "x64/Setup.ini", "label": "DISC"})
    assert muster(host, "one", "activate", "setup", "--key-file", str(path)).returncode == 0
    assert muster(host, "one", "renew").returncode == 0
