"""Threshold activation through the front door: counts, minimums, pools, repeats, clones, releases (facts.md section 1)."""

import secrets
import uuid

import pytest

from host import Machine, OFFICE2010, OFFICE2013, base64url, claims_of, eventually, now_text

OFFICE2010_INI = f"""
[product office2010]
like = office2013
name = Office 2010
activation_id = {OFFICE2010}
application_id = 59a52881-a989-479d-af46-f275c6370663
pool = office2010
"""


def test_windows_24_are_counted_the_25th_and_then_all_are_activated(new_host):
    """24 Windows machines get 202 with the rising count; the 25th is activated by its own request, and then all are."""
    host = new_host()
    host.certify()
    windows = host.activation_id("windows")
    machines = [Machine(f"pc-{n}") for n in range(25)]
    for n, machine in enumerate(machines[:24], 1):
        a = host.activate(machine, windows)
        assert a.status == 202, a
        assert (a.json["result"], a.code, a.json["count"], a.json["minimum_count"]) == ("counted", "0xC004F038", n, 25)
        assert a.json["retry_after_seconds"] == 7200 and a.headers["Retry-After"] == "7200"
    a = host.activate(machines[24], windows)
    assert a.status == 200 and a.json["count"] == 25, a
    for machine in machines[:24]:
        a = host.activate(machine, windows)
        assert a.status == 200 and a.json["count"] == 25, a
    claims = claims_of(a.json["lease"])
    assert claims["sub"] == f"urn:uuid:{machines[23].client_id}" and claims["aud"] == f"urn:uuid:{windows}"
    assert claims["exp"] - claims["iat"] == 180 * 86400 and claims["cnt"] == 25 and claims["min"] == 25
    assert claims["record"] is True and a.json["record"] is True


def test_office_is_counted_at_4_and_activated_at_5(new_host):
    host = new_host()
    host.certify("office2013")
    for n in range(1, 5):
        a = host.activate(Machine(f"o-{n}"), OFFICE2013)
        assert a.status == 202 and a.json["count"] == n, a
    a = host.activate(Machine("o-5"), OFFICE2013)
    assert a.status == 200 and a.json["count"] == 5 and a.json["minimum_count"] == 5, a


def test_office_versions_count_apart(new_host):
    """Four machines of Office 2010 and four of 2013: neither reaches five; the fifth of one activates only that one."""
    host = new_host(products=OFFICE2010_INI)
    host.certify("office2013", "office2010")
    for n in range(1, 5):
        assert host.activate(Machine(), OFFICE2010).json["count"] == n
        assert host.activate(Machine(), OFFICE2013).json["count"] == n
    assert host.activate(Machine(), OFFICE2010).status == 200
    a = host.activate(Machine(), OFFICE2013)
    assert a.status == 200 and a.json["count"] == 5
    assert host.listing("office2010")["host"]["current_count"] == 5


def test_servers_and_clients_feed_one_count(new_host):
    """20 servers and 5 clients make 25 (facts.md section 1). The cap is 10 until the first client has asked; then the count of
    those that were beyond it is found again, and the 25th machine is activated."""
    host = new_host()
    host.certify("windows", "windows-server")
    windows, server = host.activation_id("windows"), host.activation_id("windows-server")
    for n in range(1, 21):
        a = host.activate(Machine(f"srv-{n}"), server)
        assert a.json["count"] == min(n, 10) and a.status == (200 if n >= 5 else 202), a
    assert host.activate(Machine("pc-21"), windows).status == 202
    assert host.listing("windows")["host"]["cap"] == 50
    eventually(lambda: host.listing("windows")["host"]["current_count"] == 21, "the machines beyond the old cap are counted")
    for n in range(22, 26):
        a = host.activate(Machine(f"pc-{n}"), windows)
        assert a.json["count"] == n, a
    assert a.json["count"] == 25 and a.status == 200, a
    assert host.listing("windows-server")["host"]["current_count"] == 25


def test_cap_in_a_server_only_network_is_10(new_host):
    host = new_host()
    host.certify("windows-server")
    server = host.activation_id("windows-server")
    counts = [host.activate(Machine(), server).json["count"] for _ in range(12)]
    assert counts == [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 10, 10]


def test_unknown_product_is_refused_counted_and_logged(new_host):
    host = new_host()
    unknown = str(uuid.uuid4())
    a = host.activate(Machine("stray"), unknown)
    assert a.status == 422 and a.code == "0xC004F042" and unknown in a.json["detail"], a
    event = host.events()[-1]
    assert event["result"] == "0xC004F042" and event["activation_id"] == unknown and event["name"] == "stray"
    found = eventually(lambda: [u for u in host.admin_ok("GET", "/products/unknown")["items"] if u["activation_id"] == unknown], "it is listed as unknown")
    assert found[0]["requests"] == 1


def test_not_certified_is_refused_yet_counted_and_logged(new_host):
    """Before the host is activated every client gets 0xC004F041, and is counted and logged all the same."""
    host = new_host()
    for n in range(1, 4):
        a = host.activate(Machine(f"m-{n}"), OFFICE2013)
        assert a.status == 503 and a.code == "0xC004F041" and "Retry-After" not in a.headers, a
    item = host.listing("office2013")
    assert item["host"]["current_count"] == 3 and item["requests"]["total"] == 3 and item["license_status_text"] == "Unlicensed"
    assert [e["result"] for e in host.events()] == ["0xC004F041"] * 3


def test_refused_products_say_why(new_host):
    """Products that are listed and never served say why; they have no activation ID to ask with. Products of every model are served."""
    host = new_host()
    host.certify("office2013")
    listed = {p["name"]: p for p in host.get("/v1/products").json["products"]}
    refused = [p for p in listed.values() if not p["served"]]
    assert {p["name"] for p in refused} == {"microsoft-365", "windows-esu"}
    assert all(len(p["reason"]) > 20 and "activation_id" not in p for p in refused)
    assert {p["model"] for p in listed.values() if p["served"]} >= {"threshold", "embedded", "access"}
    for name in ("sql-embedded", "rds"):
        assert any(p["plugin"] == name if "plugin" in p else p["source"] == f"plugin {name}" for p in host.products().values())


def test_repeat_by_nonce_is_the_same_answer_and_counts_nothing(new_host):
    host = new_host()
    host.certify("office2013")
    for _ in range(4):
        host.activate(Machine(), OFFICE2013)
    machine = Machine()
    nonce = base64url(secrets.token_bytes(16))
    first = host.activate(machine, OFFICE2013, nonce=nonce)
    again = host.activate(machine, OFFICE2013, nonce=nonce)
    assert first.status == again.status == 200
    assert claims_of(first.json["lease"]) == claims_of(again.json["lease"])
    assert first.json["count"] == again.json["count"] == 5
    assert host.listing("office2013")["requests"]["total"] == 5


def test_repeat_of_a_counted_request(new_host):
    host = new_host()
    host.certify("office2013")
    machine, nonce = Machine(), base64url(secrets.token_bytes(16))
    first = host.activate(machine, OFFICE2013, nonce=nonce)
    host.activate(Machine(), OFFICE2013)
    again = host.activate(machine, OFFICE2013, nonce=nonce)
    assert first.status == again.status == 202 and first.json["count"] == again.json["count"] == 1
    assert host.listing("office2013")["requests"]["total"] == 2


def test_clone_is_told_to_take_a_new_identity(new_host):
    """The same client ID on other hardware: 409, counted once, the owner undisturbed."""
    host = new_host()
    host.certify("office2013")
    owner = Machine("owner")
    assert host.activate(owner, OFFICE2013).json["count"] == 1
    clone = Machine("clone", client_id=owner.client_id)
    a = host.activate(clone, OFFICE2013)
    assert a.status == 409 and a.code == "M-112", a
    assert host.activate(owner, OFFICE2013).json["count"] == 1
    assert host.activate(Machine(), OFFICE2013).json["count"] == 2


def test_release_gives_the_place_back(new_host):
    """Six of six machines, one released: the count falls to five; repeating is harmless; a wrong secret is refused."""
    host = new_host()
    host.certify("office2013")
    machines = [Machine() for _ in range(6)]
    answers = [host.activate(m, OFFICE2013) for m in machines]
    lease = answers[5].json["lease"]
    wrong = host.post("/v1/release", {"lease": lease, "release": base64url(secrets.token_bytes(32))})
    assert wrong.status == 403 and wrong.code == "M-116", wrong
    secret = base64url(machines[5].release)
    a = host.post("/v1/release", {"lease": lease, "release": secret})
    assert a.status == 200 and a.json["result"] == "released" and a.json["product"] == "office2013", a
    eventually(lambda: host.listing("office2013")["host"]["current_count"] == 5, "the place is free")
    again = host.post("/v1/release", {"lease": lease, "release": secret})
    assert again.status == 200
    assert host.listing("office2013")["host"]["current_count"] == 5


def test_release_of_a_broken_lease(new_host):
    host = new_host()
    host.certify("office2013")
    machines = [Machine() for _ in range(5)]
    lease = [host.activate(m, OFFICE2013) for m in machines][4].json["lease"]
    head, payload, signature = lease.split(".")
    broken = f"{head}.{payload}.{'A' if signature[0] != 'A' else 'B'}{signature[1:]}"
    a = host.post("/v1/release", {"lease": broken, "release": base64url(machines[4].release)})
    assert a.status == 422 and a.code == "M-115", a
    a = host.post("/v1/release", {"lease": "x", "release": base64url(machines[4].release)})
    assert a.status == 422 and a.code == "M-115", a


def test_renewal_with_a_lease_of_ours(new_host):
    """A client that presents its lease is a known one; a lease that does not verify makes it nothing worse than a new one."""
    host = new_host(limits="new_clients_per_hour = 6\nloopback = yes")
    host.certify("office2013")
    machines = [Machine() for _ in range(6)]
    for m in machines:
        a = host.activate(m, OFFICE2013)
    a = host.activate(machines[5], OFFICE2013, lease=a.json["lease"])
    assert a.status == 200, a
    assert host.activate(machines[5], OFFICE2013, lease="nonsense").status == 200
    late = host.activate(Machine(), OFFICE2013)
    assert late.status == 429 and late.code == "M-108" and int(late.headers["Retry-After"]) == late.json["retry_after_seconds"] > 0, late


@pytest.mark.parametrize("hours, status", [(-3, 202), (3, 202), (-5, 422), (5, 422)])
def test_client_clock(new_host, hours, status):
    """Three hours behind or ahead is within the four hours; five is not, and the answer shows the host's clock."""
    host = new_host()
    host.certify("office2013")
    a = host.activate(Machine(), OFFICE2013, time=now_text(hours * 3600))
    assert a.status == status, a
    if status == 422:
        assert a.code == "0xC004F06C" and a.json["time"].endswith("Z")
        assert host.listing("office2013")["requests"]["failed"] == 1


def test_many_clients_skewed_the_same_way_accuse_the_host(new_host):
    """ledger.md section 2: one machine's clock is that machine's fault; when most differ the same way, the host's is named."""
    host = new_host()
    host.certify("office2013")
    first = host.activate(Machine(), OFFICE2013, time=now_text(5 * 3600))
    assert first.code == "0xC004F06C" and "the host's clock that is wrong" not in first.json["detail"], first
    assert not host.lines("clock-suspect")
    for _ in range(32):
        last = host.activate(Machine(), OFFICE2013, time=now_text(5 * 3600))
    assert last.code == "0xC004F06C" and "probably the host's clock that is wrong" in last.json["detail"], last
    assert len(host.lines("clock-suspect")) == 1, host.logged()


def test_virtual_and_physical_count_alike_and_are_shown_apart(new_host):
    host = new_host()
    host.certify("office2013")
    for virtual in (True, True, False):
        host.activate(Machine(virtual=virtual), OFFICE2013)
    shown = host.listing("office2013")["host"]
    assert (shown["current_count"], shown["virtual"], shown["physical"]) == (3, 2, 1)


def test_counters_survive_a_restart(new_host):
    host = new_host()
    host.certify("office2013")
    for status in (0, 1, 1, 2, 6):
        host.activate(Machine(), OFFICE2013, license_status=status)
    before = host.listing("office2013")
    assert before["requests"]["status"] == [1, 2, 1, 0, 0, 0, 1] and before["requests"]["total"] == 5
    assert host.stop() == 0
    host.start()
    after = host.listing("office2013")
    assert after["requests"] == before["requests"] and after["host"]["current_count"] == 5
    assert after["license_status_text"] == "Licensed"


def test_thousand_machines_six_released_count_stays_at_the_cap(new_host):
    """A fleet of 1,000 of which six release: the count stays 10, so new machines are still activated."""
    host = new_host(limits="new_clients_per_hour = 100000")
    host.certify("office2013")
    connection = host.connection()
    kept = []
    for n in range(1000):
        m = Machine(f"m-{n}")
        a = host.activate(m, OFFICE2013, connection)
        assert a.json["count"] == min(n + 1, 10)
        kept = (kept + [(m, a)])[-6:]
    for m, a in kept:
        assert host.post("/v1/release", {"lease": a.json["lease"], "release": base64url(m.release)}, connection).status == 200
    connection.close()
    eventually(lambda: host.admin_ok("GET", "/status")["ledger"]["fold_seq"] >= 1006, "releases are folded")
    eventually(lambda: host.listing("office2013")["host"]["current_count"] == 10, "the pool is refilled")
    a = host.activate(Machine(), OFFICE2013)
    assert a.status == 200 and a.json["count"] == 10, a
