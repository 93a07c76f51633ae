"""Moving a host: state export and import between real daemons (docs/estate.md, "Moving a host"; trust.md section 11)."""

import base64
import hashlib
import json
import os
import re
import signal
import stat
import threading
import time

import pytest

from administrator import FAILED, LEFT, USAGE, Administrator, muster
from host import OFFICE2013, Machine, Host, claims_of, eventually, now_text
from terminal import Terminal
from host import program

PASSPHRASE = "correct horse battery"
CAD = "22222222-0000-4000-8000-000000000001"
RDS = "068385ca-c2db-55ea-b58f-f7282036c0dd"
PRODUCTS = f"""
[product acme-cad]
name = Acme CAD
activation_id = {CAD}
application_id = 22222222-0000-4000-8000-00000000000a
model = seats
record = yes
issuer = main
"""
LIMITS = "new_clients_per_hour = 1000000"


@pytest.fixture
def pair(new_host):
    """Two certified hosts and their administrators: the old one, and the one that is to replace it."""
    def make(**options):
        options.setdefault("limits", LIMITS)
        options.setdefault("products", PRODUCTS)
        a, b = new_host(**options), new_host(**options)
        for host in (a, b):
            host.certify()
        return a, b, Administrator(a), Administrator(b)
    return make


def report(host, machines, product=OFFICE2013):
    return [host.activate(m, product) for m in machines]


def fleet(n, name="pc"):
    return [Machine(f"{name}-{i}") for i in range(n)]


def count(host, product="office2013"):
    return host.listing(product)["host"]["current_count"]


def total(host, product="office2013"):
    return host.listing(product)["requests"]["total"]


def clients(host):
    """By client ID and product, how many requests."""
    after, found = "", {}
    while True:
        page = host.admin_ok("GET", f"/clients?limit=1000{after}")
        for c in page["items"]:
            assert (c["client_id"], c["product"]) not in found
            found[c["client_id"], c["product"]] = c["requests"]
        if page["next"] is None:
            return found
        after = "&after=" + page["next"]


def export(administrator, path, *more):
    return administrator.json("state", "export", str(path), *more)


def take(administrator, path, *more):
    return administrator.json("state", "import", str(path), *more)


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_move(pair, tmp_path):
    """A replacement host begins where the old one ended."""
    a, b, admin_a, admin_b = pair()
    file = tmp_path / "state"
    machines = fleet(7)
    report(a, machines)
    got = report(a, machines[:3])
    lease = got[0].json["lease"]
    before = dict(clients(a))
    done = export(admin_a, file)
    assert done["counts"]["clients"] == 7 and done["signed"] and not done["retired"]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600 and file.stat().st_uid == os.geteuid()
    assert [p.name for p in tmp_path.iterdir()] == ["state"]
    # The host goes on.
    assert a.activate(Machine("later"), OFFICE2013).status == 200
    dry = take(admin_b, file, "--dry-run")
    assert dry["counts"]["clients"] == 7 and "done" not in dry and clients(b) == {} and count(b) == 0
    done = take(admin_b, file)
    assert done["committed"] and done["signed"] and done["issuer"] == "main" and done["host"] == "test-host"
    assert clients(b) == before and count(b) == 7 and total(b) == 10
    assert done["instance"] == a.admin_ok("GET", "/status")["host_id"]
    # The first machine that asks there is activated, with the count that was.
    new = b.activate(Machine("new"), OFFICE2013)
    assert new.status == 200 and new.json["count"] == 8, new
    # A lease of the old host is renewed as one of the own, and raises no alarm.
    renewed = b.activate(machines[0], OFFICE2013, lease=lease)
    assert renewed.status == 200 and renewed.json["count"] == 8
    assert not b.lines("ledger-rolled-back"), b.logged()
    # All of it is there after a restart, the chain of the old host too.
    b.stop()
    b.start()
    assert count(b) == 8 and total(b) == 12
    renewed = b.activate(machines[1], OFFICE2013, lease=got[1].json["lease"])
    assert renewed.status == 200 and not b.lines("ledger-rolled-back")
    acts = [j["action"] for j in b.admin_ok("GET", "/journal?limit=1000")["items"]]
    assert acts.count("state imported") == 1
    assert [j["action"] for j in a.admin_ok("GET", "/journal?limit=1000")["items"]].count("state exported") == 1
    assert admin_b.json("audit", "verify")["ok"]


def test_lease_of_the_old_host_is_known(pair, tmp_path):
    """Whoever presents one is nobody new for the limits, whatever host granted it."""
    a, b, admin_a, admin_b = pair(limits="new_clients_per_hour = 2\nloopback = yes")
    file = tmp_path / "state"
    machines = fleet(2)
    a.stop()
    a.configure(limits=LIMITS, products=PRODUCTS)
    a.start()
    machines = fleet(6)
    leases = [x.json.get("lease") for x in report(a, machines)]
    leases = [x.json["lease"] for x in report(a, machines)]
    # Not in the file: granted before, reported after the export's end would be the same.
    export(admin_a, file)
    take(admin_b, file)
    late = Machine("late")
    lease = a.activate(late, OFFICE2013).json["lease"]
    assert [b.activate(m, OFFICE2013).status for m in fleet(3, "stranger")] == [200, 200, 429]
    assert b.activate(late, OFFICE2013).status == 429
    assert b.activate(late, OFFICE2013, lease=lease).status == 200
    assert b.activate(machines[0], OFFICE2013, lease=leases[0]).status == 200
    assert not b.lines("ledger-rolled-back")


def test_twice_merged_and_back(pair, new_host, tmp_path):
    a, b, admin_a, admin_b = pair()
    c = new_host(limits=LIMITS, products=PRODUCTS)
    c.certify()
    admin_c = Administrator(c)
    shared, only_a, only_b = fleet(3, "shared"), fleet(4, "a"), fleet(5, "b")
    report(a, shared + only_a)
    report(b, shared + only_b)
    files = [tmp_path / x for x in ("a", "b", "c")]
    export(admin_a, files[0])
    export(admin_b, files[1])
    take(admin_c, files[0])
    assert (count(c), total(c)) == (7, 7)
    take(admin_c, files[1])
    assert count(c) == 10 and len(clients(c)) == 12 and total(c) == 15  # the pool's cap is 10
    state = clients(c)
    assert {state[m.client_id, "office2013"] for m in shared} == {2}
    # Again, in another order; and by way of each other, there and back.
    for file in (files[1], files[0], files[0]):
        take(admin_c, file)
    take(admin_b, files[0])
    export(admin_b, files[1], "--yes")
    export(admin_c, files[2])
    take(admin_c, files[1])
    take(admin_a, files[2])
    take(admin_a, files[1])
    export(admin_a, files[0], "--yes")
    take(admin_c, files[0])
    take(admin_b, files[0])
    for host in (a, b, c):
        assert clients(host) == state and total(host) == 15 and count(host) == 10
    # What comes after counts on top, once.
    report(a, shared[:1])
    export(admin_a, files[0], "--yes")
    for administrator in (admin_c, admin_c, admin_b):
        take(administrator, files[0])
    assert clients(c)[shared[0].client_id, "office2013"] == 3 and total(c) == 16 == total(b)
    assert "already" in take(admin_c, files[0])["notes"][0]


def test_retire(pair, tmp_path):
    a, b, admin_a, admin_b = pair()
    file = tmp_path / "state"
    machines = fleet(6)
    report(a, machines)
    granted = a.activate(machines[0], OFFICE2013)
    # Without --yes and a terminal it is asked, and not done.
    said = admin_a("state", "export", str(file), "--retire")
    assert said.status == USAGE and "stops for good" in said.err and not file.exists()
    assert a.get("/readyz").status == 200
    out = admin_a.ok("state", "export", str(file), "--retire", "--yes")
    assert "retired" in out
    for again in range(2):
        for product in (OFFICE2013, CAD):
            refused = a.activate(machines[1], product)
            assert refused.status == 503 and refused.code == "M-161" and "Retry-After" not in refused.headers, refused
        released = a.post("/v1/release", {"lease": granted.json["lease"], "release": base64.urlsafe_b64encode(machines[0].release).rstrip(b"=").decode()})
        assert released.status == 503 and released.code == "M-161", released
        ready = a.get("/readyz")
        assert ready.status == 503 and ready.code == "M-161" and "retired" in ready.json["detail"], ready
        status = a.admin_ok("GET", "/status")
        assert status["state"] == "retired" and not status["activated"] and any("retired" in w for w in status["warnings"])
        assert a.listing("office2013")["license_status"] == 0
        assert "retired" in admin_a("dlv").err
        doctor = admin_a("doctor")
        assert doctor.status == 2 and "retired" in doctor.out, doctor
        a.stop()
        a.start()
    assert [j["action"] for j in a.admin_ok("GET", "/journal?limit=1000")["items"]].count("host retired") == 1
    # It can be read out again, but never retired again, nor does it take anything over.
    assert export(admin_a, tmp_path / "again")["counts"]["clients"] == 6
    assert "M-161" in admin_a.refused("state", "export", str(tmp_path / "more"), "--retire", "--yes")
    done = take(admin_b, file)
    assert done["retires"] and count(b) == 6
    export(admin_b, tmp_path / "b")
    assert "M-161" in admin_a.refused("state", "import", str(tmp_path / "b"))
    # A machine of libmuster's goes to the host that replaces it.
    moved = muster(b, "real", "activate", OFFICE2013)
    assert moved.status == 0, moved


def test_nothing_is_lost_while_it_retires(pair, tmp_path):
    """Machines go on asking until the very end: whoever was answered is in the file."""
    a, b, admin_a, admin_b = pair()
    answered, stop = [], threading.Event()

    def ask(k):
        c = a.connection()
        i = 0
        while not stop.is_set():
            m = Machine(f"m-{k}-{i}")
            got = a.activate(m, OFFICE2013, c)
            if got.status in (200, 202):
                answered.append(m.client_id)
            elif got.code == "M-161":
                return
            else:
                assert got.code == "M-163", got
            i += 1

    threads = [threading.Thread(target=ask, args=(k,)) for k in range(4)]
    for t in threads:
        t.start()
    eventually(lambda: len(answered) > 200, "machines report in")
    file = tmp_path / "state"
    export(admin_a, file, "--retire", "--yes")
    for t in threads:
        t.join(60)
    stop.set()
    take(admin_b, file)
    assert {c for c, _ in clients(b)} == set(answered)
    assert total(b) == len(answered)


def test_given_up(pair, tmp_path):
    """An export that retires and ends before its file is written leaves a host that goes on."""
    a, _, admin_a, _ = pair()
    report(a, fleet(3))
    begun = a.admin_ok("POST", "/state/export/begin", {"retire": True})
    assert a.activate(Machine(), OFFICE2013).code == "M-163"
    assert a.get("/readyz").code == "M-163"
    assert a.admin("POST", "/state/export/begin", {}).code == "M-126"
    assert a.admin("POST", "/state/export/end", {"export": begun["export"], "commit": True}).code == "M-121"  # not read to its end
    a.admin_ok("POST", "/state/export/end", {"export": begun["export"], "commit": False})
    assert a.activate(Machine(), OFFICE2013).status == 202 and a.get("/readyz").status == 200
    # Where it cannot be written nothing happens either.
    said = admin_a("state", "export", str(tmp_path / "no" / "folder"), "--retire", "--yes")
    assert said.status == FAILED and "cannot be written" in said.err
    assert a.activate(Machine(), OFFICE2013).status == 200
    (tmp_path / "there").write_text("mine")
    said = admin_a("state", "export", str(tmp_path / "there"))
    assert said.status == USAGE and "--yes" in said.err and (tmp_path / "there").read_text() == "mine"


def changed(path, how):
    other = path.with_name("changed")
    other.write_bytes(how(path.read_bytes()))
    return other


def test_wrong_files(pair, new_host, tmp_path):
    """Each is refused by a sentence, and nothing is done."""
    a, b, admin_a, admin_b = pair()
    report(a, fleet(6))
    file = tmp_path / "state"
    export(admin_a, file)
    whole = file.read_bytes()
    rows = whole.split(b"\n")
    client = next(i for i, r in enumerate(rows) if r.startswith(b'{"client"'))
    empty = tmp_path / "empty"
    empty.write_bytes(b"")
    cases = [
        (lambda x: b"", "empty"),
        (lambda x: x[:-40], "cut off"),
        (lambda x: b"\n".join(rows[:-2]) + b"\n", "cut off"),
        (lambda x: b"\n".join(rows[:client + 2]) + b"\n", "cut off"),
        (lambda x: x[:len(x) // 2], "cut off"),
        (lambda x: x.replace(b'"status":2', b'"status":1', 1), "changed after it was written"),
        (lambda x: b"\n".join(rows[:client] + rows[client + 1:]), "changed after it was written"),
        (lambda x: b"\n".join(rows[:client] + [rows[client]] + rows[client:]), "comes twice"),
        (lambda x: x + b"{}\n", "behind the manifest"),
        (lambda x: x.replace(b'"first":', b'"first":-', 1), f"line {client + 1}: first is not a number"),
        (lambda x: x.replace(b'"by":[[1,', b'"by":[[9,', 1), "by is not a number"),
        (lambda x: x.replace(b'{"muster_state":1', b'{"muster_state":2', 1), "version 2"),
        (lambda x: re.sub(rb'"largest_minimum":\d+', b'"largest_minimum":100001', x, count=1), "largest_minimum is not a number from 0 to 100000"),
        (lambda x: b"PK\x03\x04" + x, "no state file"),
        (lambda x: b"\xff\xfe" + x, "no text"),
        (lambda x: b"\0" * 100, "no text"),
        (lambda x: b"x" * (10 << 20), "line of more than"),
        (lambda x: b"hello\n" + x, "no state file"),
        (lambda x: re.sub(rb'"manifest":"[^.]*\.', b'"manifest":"e30.', x), "signature is not right"),
        (lambda x: re.sub(rb'"chains":\[(\[[^]]*\])', rb'"chains":[\1,\1', x), "not those that it was signed with"),
        (lambda x: x.replace(b'"end":{', b'"end":{"a":1,').replace(b'"manifest"', b'"manifesto"'), "no manifest"),
    ]
    for how, why in cases:
        sentence = admin_b.refused("state", "import", str(changed(file, how)))
        assert why in sentence and "M-162" in sentence, (why, sentence)
    assert "very host" in admin_a.refused("state", "import", str(file))
    # An unsigned one made of it.
    end = json.loads(rows[-2])["end"]
    part = end["manifest"].split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    plain = changed(file, lambda x: b"\n".join(rows[:-2]) + b"\n" + json.dumps({"end": {"unsigned": claims}}).encode() + b"\n")
    assert "not signed" in admin_b.refused("state", "import", str(plain))
    assert clients(b) == {} and count(b) == 0 and total(b) == 0
    assert [j["action"] for j in b.admin_ok("GET", "/journal?limit=1000")["items"]].count("state imported") == 0
    assert not [p for p in (b.folder / "state").iterdir() if "import" in p.name]
    # The one that was not touched is taken.
    take(admin_b, file)
    assert count(b) == 6


def test_foreign_issuer(pair, new_host, tmp_path, issuer):
    """A file that a host of another issuer has signed."""
    from host import Issuer

    (tmp_path / "other").mkdir()
    os.chmod(tmp_path, 0o755)
    other = Issuer(tmp_path / "other" / "issuer")
    a, b, _, admin_b = pair()
    stranger = new_host(issuer=other, limits=LIMITS)
    stranger.certify()
    report(stranger, fleet(6))
    export(Administrator(stranger), tmp_path / "state")
    assert "does not know" in admin_b.refused("state", "import", str(tmp_path / "state"))
    assert clients(b) == {}


def test_not_activated(new_host, tmp_path):
    """A host without a certificate signs nothing: written only when that is said, taken only when that is said."""
    a, b = new_host(limits=LIMITS), new_host(limits=LIMITS)
    admin_a, admin_b = Administrator(a), Administrator(b)
    report(a, fleet(3))
    file = tmp_path / "state"
    said = admin_a("state", "export", str(file))
    assert said.status == USAGE and "not activated" in said.err and not file.exists()
    assert not export(admin_a, file, "--yes")["signed"]
    sentence = admin_b.refused("state", "import", str(file))
    assert "not signed" in sentence and "--yes" in sentence
    done = take(admin_b, file, "--yes")
    assert not done["signed"] and count(b) in (0, 3) and len(clients(b)) == 3


def test_killed_while_importing(pair, tmp_path):
    """kill -9 in the middle, at several moments: done again it is as if done once."""
    a, b, admin_a, admin_b = pair()
    c = a.connection()
    machines = fleet(1500)
    for m in machines:
        a.activate(m, OFFICE2013, c)
    file = tmp_path / "state"
    export(admin_a, file)
    b.stop()
    for delay in (0.0, 0.02, 0.05, 0.1, 0.2):
        b.start()
        process = admin_b.start("state", "import", str(file))
        time.sleep(delay)
        b.kill()
        process.communicate(timeout=60)
    b.start()
    assert not [p for p in (b.folder / "state").iterdir() if p.name.startswith("import")]
    take(admin_b, file)
    take(admin_b, file)
    assert clients(b) == {(m.client_id, "office2013"): 1 for m in machines}
    assert total(b) == 1500 and count(b) == 10
    assert admin_b.json("audit", "verify")["ok"]


def test_holdings_settings_and_books(pair, tmp_path):
    """Seats are obligations: more than there is here is debt. Settings that are here stay. Entries of the books travel, the newer one stays."""
    a, b, admin_a, admin_b = pair()
    machines = fleet(4)
    admin_a.ok("seats", "add", "--product", "acme-cad", "--licenses", "4", "--note", "order 1")
    assert [x.status for x in report(a, machines, CAD)] == [200] * 4
    admin_a.ok("sai", "60")
    admin_a.ok("sri", "2880")
    admin_b.ok("sri", "4320")
    file = tmp_path / "state"
    assert export(admin_a, file)["counts"]["holdings"] == 4
    done = take(admin_b, file)
    assert done["done"]["holdings"] == 4 and done["done"]["settings"] == 1 and done["done"]["settings_kept"] == 1
    assert any("stays" in n for n in done["notes"])
    seats = b.admin_ok("GET", "/holdings?product=acme-cad")["products"][0]["seats"]
    assert seats["bought"] == 0 and seats["over"] == 4, seats
    debt = b.admin_ok("GET", "/debt")["items"]
    assert [(d["product"], d["debt"]) for d in debt] == [("acme-cad", 4)]
    # Bought here they are no debt any more, and nobody has lost his.
    admin_b.ok("seats", "add", "--product", "acme-cad", "--licenses", "4")
    assert b.admin_ok("GET", "/holdings?product=acme-cad")["products"][0]["seats"]["over"] == 0
    assert b.activate(machines[0], CAD).status == 200
    assert b.activate(Machine("fifth"), CAD, queue=False).code == "M-150"
    listing = b.listing("office2013")["host"]
    assert (listing["activation_interval_minutes"], listing["renewal_interval_minutes"]) == (60, 4320)
    assert take(admin_b, file)["done"]["holdings"] == 0


def test_unknown_product(pair, new_host, tmp_path):
    """What this host has no product for is kept, and counts once it has."""
    a, _, admin_a, _ = pair()
    machines = fleet(6)
    report(a, machines)
    b = new_host(limits=LIMITS, plugins=("rds",))
    b.certify()
    admin_b = Administrator(b)
    file = tmp_path / "state"
    export(admin_a, file)
    done = take(admin_b, file)
    assert any("office2013" in n for n in done["notes"]), done
    b.stop()
    b.configure(limits=LIMITS)
    b.start()
    assert count(b) == 6 and total(b) == 6
    # A name that is another product here.
    c = new_host(limits=LIMITS, plugins=(), products="[product office2013]\nname = Mine\nactivation_id = 33333333-0000-4000-8000-000000000001\n"
                 "application_id = 33333333-0000-4000-8000-00000000000a\nmodel = threshold\nminimum_count = 1\nissuer = main\n")
    assert "another product's name" in Administrator(c).refused("state", "import", str(file))
    assert clients(c) == {}


def test_no_secrets(pair, tmp_path):
    """Never a private key, a certificate's file, the key file or a pending ID; names of columns are no numbers of the state."""
    a, _, admin_a, _ = pair()
    report(a, fleet(3))
    file = tmp_path / "state"
    export(admin_a, file)
    text = file.read_text()
    assert "BEGIN" not in text and "PRIVATE" not in text
    kinds = {next(iter(line)) for line in lines(file)}
    assert kinds <= {"muster_state", "client", "counter", "edition", "setting", "holder", "record", "end"}, kinds
    head, *rows, end = lines(file)
    assert head["instance"] == a.admin_ok("GET", "/status")["host_id"]
    product = {r["p"] for r in rows if "client" in r and "by" in r}
    assert {head["products"][p - 1]["name"] for p in product} == {"office2013"}
    part = end["end"]["manifest"].split(".")
    header = json.loads(base64.urlsafe_b64decode(part[0] + "=="))
    assert header["typ"] == "muster-state+jwt"


def test_roles(pair, tmp_path):
    """Every route needs an administrator: docs/admin-api.md says so, and the table of routes is compared with it; here only that arguments are looked at."""
    a, _, admin_a, _ = pair()
    for path, body in (("/state/export/read", {"export": "x"}), ("/state/export/end", {"export": "x"}), ("/state/import/data", {"import": "x", "data": ""}),
                       ("/state/import/check", {"import": "x"}), ("/state/import/end", {"import": "x"})):
        assert a.admin("POST", path, body).code == "M-117"
    assert a.admin("POST", "/state/import/begin", {}).code == "M-121"
    assert a.admin("POST", "/state/export/begin", {"retire": 1}).code == "M-121"
    assert a.admin("POST", "/state/export/begin", {"passphrase": "short"}).code == "M-121"
    for words in (("state", "export"), ("state", "import"), ("state", "move", "x"), ("state", "export", "x", "--passphrase-fd", "3"), ("state", "import", "x", "--retire"),
                  ("state", "export", "x", "--dry-run")):
        assert admin_a(*words).status == USAGE


def test_access_licences_are_obligations(pair, tmp_path):
    """Devices keep what they hold; the new host's licences are its own, and what is beyond them is debt. On two hosts a device holds one licence."""
    a, b, admin_a, admin_b = pair()
    admin_a.ok("access", "add", "--product", "rds", "--per", "device", "--of", "2019", "--licenses", "3")
    machines = fleet(3)
    wanted = {"per": "device", "version": "2019"}
    for _ in range(2):
        assert [a.activate(m, RDS, access=wanted).status for m in machines] == [200] * 3
    held = {h["client_id"]: h["state"] for h in a.admin_ok("GET", "/holdings/holders?product=rds")["items"]}
    assert set(held.values()) == {"permanent"}, held
    assert b.activate(machines[0], RDS, access=wanted).json["access"]["kind"] == "temporary"
    file = tmp_path / "state"
    export(admin_a, file)
    take(admin_b, file)
    take(admin_b, file)
    assert {h["client_id"]: h["state"] for h in b.admin_ok("GET", "/holdings/holders?product=rds")["items"]} == held
    version = next(v for v in b.admin_ok("GET", "/holdings?product=rds")["products"][0]["versions"] if v["version"] == "2019" and v["per"] == "device")
    assert version["bought"] == 0 and version["over"] == 3, version
    assert ("rds", 3) in [(d["product"], d["debt"]) for d in b.admin_ok("GET", "/debt")["items"]]
    admin_b.ok("access", "add", "--product", "rds", "--per", "device", "--of", "2019", "--licenses", "3")
    version = next(v for v in b.admin_ok("GET", "/holdings?product=rds")["products"][0]["versions"] if v["version"] == "2019" and v["per"] == "device")
    assert version["over"] == 0


@pytest.fixture(scope="module")
def licensed(tmp_path_factory):
    from licensed import Licensed

    folder = tmp_path_factory.mktemp("licensed")
    folder.chmod(0o755)
    one = Licensed(folder)
    yield one
    one.stop()


def test_keys_and_confirmations(new_host, licensed, tmp_path):
    """Confirmations travel always, product keys and whole keys of the books under the passphrase only; in the file neither is to be found in any form."""
    import licensed as world

    a, b = world.host(new_host, licensed), world.host(new_host, licensed)
    admin_a, admin_b = Administrator(a), Administrator(b)
    mak = licensed.mint("mak", "contoso-mak", activations=40)
    a.admin_ok("POST", "/packs", {"pack": licensed.packed()})
    a.admin_ok("POST", "/keys", {"key": mak})
    machines = [world.Machine(licensed, mak, n) for n in range(5)]
    product = world.IDS["contoso-mak"]
    assert {a.activate(m, product).code for m in machines} == {"M-127"}
    assert a.admin_ok("POST", "/counted/ask", {})["confirmed"] == 5
    confirmed = [a.activate(m, product).json["confirmation"] for m in machines]
    invented = "AAAAA-BBBBB-CCCCC-DDDDD-EEEEE"
    entry = a.admin_ok("POST", "/estate/keys/add", {"entry": {"products": ["Office"], "kind": "mak", "key": invented}})
    secret = tmp_path / "passphrase"
    secret.write_text(PASSPHRASE + "\n")
    file, plain = tmp_path / "state", tmp_path / "plain"

    def with_keys(administrator, *words, status=0, passphrase=secret):
        fd = os.open(passphrase, os.O_RDONLY)
        said = administrator("state", *words, "--with-keys", "--passphrase-fd", str(fd), "--json", pass_fds=(fd,))
        os.close(fd)
        assert said.status == status, said
        return said

    short = tmp_path / "short"
    short.write_text("too short\n")
    assert "12 characters" in with_keys(admin_a, "export", str(file), status=USAGE, passphrase=short).err and not file.exists()
    done = with_keys(admin_a, "export", str(file), "--yes").json
    assert done["counts"]["keys"] == 1 and done["counts"]["secrets"] == 1 and done["counts"]["records"] >= 6
    export(admin_a, plain, "--yes")
    for path in (file, plain):
        content = path.read_bytes()
        for name, form in world.forms(licensed, mak).items():
            assert form not in content, name
        assert invented.encode() not in content and b"AAAAABBBBB" not in content and PASSPHRASE.encode() not in content
    assert "sealed" not in plain.read_text() and "passphrase" not in plain.read_text()
    assert "product keys" in [j["detail"] for j in a.admin_ok("GET", "/journal?limit=1000")["items"] if j["action"] == "state exported"][0]

    # Without the keys: the entry says no more that its whole key is here.
    c = world.host(new_host, licensed)
    admin_c = Administrator(c)
    take(admin_c, plain, "--yes")
    assert not c.admin_ok("GET", f"/estate/keys/{entry['id']}").get("whole")
    assert c.admin("POST", "/estate/keys/whole", {"id": entry["id"]}).code == "M-117"
    noted = take(admin_c, file, "--yes")
    assert any("stay there" in n for n in noted["notes"]) and noted["done"]["secrets"] == 0

    wrong = tmp_path / "wrong"
    wrong.write_text("another passphrase\n")
    assert "M-162" in with_keys(admin_b, "import", str(file), "--yes", status=FAILED, passphrase=wrong).err
    assert clients(b) == {} and b.admin_ok("GET", "/keys")["items"] == []
    # No pack yet: the key is left, and a note says so; with it the same file installs it.
    done = with_keys(admin_b, "import", str(file), "--yes").json
    assert done["done"]["keys"] == 0 and done["done"]["keys_left"] == 1 and done["done"]["secrets"] == 1 and any(mak[-5:] in n for n in done["notes"])
    b.admin_ok("POST", "/packs", {"pack": licensed.packed()})
    done = with_keys(admin_b, "import", str(file), "--yes").json
    assert done["done"]["keys"] == 1 and done["done"]["secrets"] == 0
    assert b.admin_ok("POST", "/estate/keys/whole", {"id": entry["id"]})["key"] == invented
    assert b.admin_ok("POST", "/keys/whole", {"number": licensed.typed(mak).number})["key"] == mak
    # Whoever was confirmed is, without the issuer.
    used = licensed.used(mak)
    assert [b.activate(m, product).json["confirmation"] for m in machines] == confirmed
    assert licensed.used(mak) == used
    with_keys(admin_c, "import", str(file), "--yes")
    assert c.admin_ok("GET", f"/estate/keys/{entry['id']}")["whole"]
    # An older file without keys takes none away.
    take(admin_c, plain, "--yes")
    assert c.admin_ok("POST", "/estate/keys/whole", {"id": entry["id"]})["key"] == invented


def unsigned(path, id_, how, kind=None):
    """The same file with one record changed, and with hash and length that fit: as somebody would write it who has no key to sign it with."""
    rows = path.read_bytes().split(b"\n")[:-1]
    at = next(i for i, r in enumerate(rows) if r.startswith(b'{"record"') and json.loads(r)["id"] == id_.encode().hex())
    row = json.loads(rows[at])
    data = json.loads(row["data"])
    how(data)
    row["data"] = json.dumps(data)
    row["record"] = kind or row["record"]
    rows[at] = json.dumps(row).encode()
    part = json.loads(rows[-1])["end"]["manifest"].split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    body = b"".join(r + b"\n" for r in rows[:-1])
    claims.update(sha256=hashlib.sha256(body).hexdigest(), bytes=len(body))
    other = path.with_name("unsigned")
    other.write_bytes(body + json.dumps({"end": {"unsigned": claims}}).encode() + b"\n")
    return other


def test_books(pair, tmp_path):
    """Entries of the books: new ones come, of two the one written last stays."""
    a, b, admin_a, admin_b = pair()
    a.admin_ok("POST", "/estate/organisations/add", {"id": "contoso", "entry": {"name": "Contoso"}})
    for i in range(300):
        a.admin_ok("POST", "/estate/organisations/add", {"id": f"c-{i:03}", "entry": {"name": f"Person {i}"}})
    b.admin_ok("POST", "/estate/organisations/add", {"id": "c-100", "entry": {"name": "Somebody"}})
    b.admin_ok("POST", "/estate/organisations/add", {"id": "a-own", "entry": {"name": "Own"}})
    file = tmp_path / "state"
    export(admin_a, file)
    done = take(admin_b, file)["done"]
    assert (done["records_new"], done["records_changed"]) == (300, 0)  # what was written here last stays
    assert b.admin_ok("GET", "/estate/organisations/c-100")["name"] == "Somebody"
    a.admin_ok("POST", "/estate/organisations/change", {"id": "c-100", "entry": {"name": "Person 100, moved"}})
    export(admin_a, file, "--yes")
    done = take(admin_b, file)["done"]
    assert (done["records_new"], done["records_changed"]) == (0, 1)
    assert b.admin_ok("GET", "/estate/organisations/c-100")["name"] == "Person 100, moved"
    assert b.admin_ok("GET", "/estate/organisations/a-own")["name"] == "Own"
    # What no rule of the books would take is found before anything changes, and a whole key that lies open never comes in.
    for how, why in [
        (lambda d: d.update(name=5), "organisation contoso: "),
        (lambda d: d.update(parent=["x"]), "organisation contoso: "),
        (lambda d: d.clear(), "organisation contoso: "),
    ]:
        sentence = admin_b.refused("state", "import", str(unsigned(file, "contoso", how)), "--yes")
        assert why in sentence and "M-162" in sentence, sentence
    key = {"key": "AAAAA-BBBBB-CCCCC-DDDDD-EEEEE", "partial": "EEEEE", "kind": "mak", "name": "open"}
    sentence = admin_b.refused("state", "import", str(unsigned(file, "c-000", lambda d: (d.clear(), d.update(key)), "estate-key")), "--yes")
    assert "not sealed" in sentence and "AAAAA" not in sentence, sentence
    assert b.admin_ok("GET", "/estate/organisations/contoso")["name"] == "Contoso"
