"""Counted keys (MAK, ESU MAK): a host asks the real issuer for machines; proof instead of keys; files, digits, crashes, the rules of ESU."""

import concurrent.futures
import datetime
import json
import socket
import time

import pytest

import licensed as world
from host import PATIENCE, claims_of, eventually
from licensed import FACTS, IDS, Licensed, Machine, Relay, forms, wiped
from publisher import codes

MAK = IDS["contoso-mak"]


@pytest.fixture(scope="module")
def licensed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("licensed")
    folder.chmod(0o755)
    one = Licensed(folder)
    yield one
    one.stop()


@pytest.fixture
def mak(licensed):
    return licensed.mint("mak", "contoso-mak", activations=400)


def install(host, licensed, *keys):
    host.admin_ok("POST", "/packs", {"pack": licensed.packed()})
    for key in keys:
        host.admin_ok("POST", "/keys", {"key": key})


def waiting(host, state=None):
    items, after = [], ""
    while True:
        page = host.admin_ok("GET", f"/counted?limit=1000{after}")
        items += page["items"]
        if page["next"] is None:
            return [i for i in items if state is None or i["state"] == state]
        after = f"&after={page['next']}"


def all_ask(machines, connection_to, **changes):
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        return list(pool.map(lambda m: connection_to.activate(m, MAK, **changes), machines))


def test_three_hundred_machines_in_one_request(new_host, licensed, mak):
    """300 machines wait, are asked for at once, and are handed their confirmations. 100 of them are wiped and get theirs again, under new client IDs: the issuer's
    count has not moved. Nothing of a key passes on the client port."""
    host = world.host(new_host, licensed, limits="new_clients_per_hour = 100000")
    install(host, licensed, mak)
    relay = Relay(host.port)
    port, host.port = host.port, relay.port
    try:
        machines = [Machine(licensed, mak, n) for n in range(300)]
        answers = all_ask(machines, host)
        assert {(a.status, a.code) for a in answers} == {(202, "M-127")}
        assert answers[0].json["result"] == "pending" and answers[0].json["retry_after_seconds"] == 900
        assert len(waiting(host, "wanted")) == 300
        told = host.admin_ok("POST", "/counted/ask", {})
        assert (told["confirmed"], told["refused"], told["not_taken"], told["requests"]) == (300, 0, 0, 1)
        assert licensed.used(mak) == 300
        answers = all_ask(machines, host)
        assert {a.status for a in answers} == {200}
        for m, a in zip(machines, answers):
            stated = claims_of(a.json["confirmation"])
            assert stated["binding"] == codes_binding(licensed, m) and "lease" not in a.json and "expires_at" not in a.json
        assert (answers[0].json["allowed"], answers[0].json["used"], answers[0].json["remaining"]) == (400, 300, 100)
        again = all_ask([wiped(m) for m in machines[:100]], host)
        assert [a.json["confirmation"] for a in again] == [a.json["confirmation"] for a in answers[:100]]
        told = host.admin_ok("POST", "/counted/ask", {})
        assert told["requests"] == 0 and licensed.used(mak) == 300
    finally:
        host.port = port
        relay.close()
    kept = bytes(relay.kept)
    assert kept.count(b"POST /v1/activate") == 700 and kept.count(b'"proof"') == 700
    for name, form in forms(licensed, mak).items():
        assert form not in kept, f"the key passed in the clear: {name}"
    # Every request is in the ledger, and in nobody's count.
    events = host.events()
    assert len(events) == 700 and [sum(e["result"] == r for e in events) for r in ("0xA000007F", "0x0")] == [300, 400] or {e["result"] for e in events} == {"M-127", "0x0"}
    item = [k for k in host.admin_ok("GET", "/keys")["items"] if k["partial"] == mak[-5:]][0]
    assert (item["allowed"], item["used"], item["remaining"]) == (400, 300, 100)


def codes_binding(licensed, machine):
    import base64
    raw = codes.binding_of_machine(licensed.publisher.issuer_id, bytes.fromhex(machine.hardware))
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def test_proof_is_checked(new_host, licensed, mak):
    """No key, no hardware, another machine's proof, a key that is not here, one of another product, a whole key: each refused with its code, and nothing is wanted."""
    host = world.host(new_host, licensed)
    assert host.activate(Machine(licensed, mak, 1), MAK).code == "0xC004F014", "no such key here"
    other = licensed.mint("mak", "contoso-mak,esu-1", activations=1)
    install(host, licensed, mak)
    assert host.activate(Machine(licensed, mak, 1), MAK, key=...).code == "0xC004F014"
    a = host.activate(Machine(licensed, mak, 1), MAK, proof=b"\1" * 32)
    assert a.status == 422 and a.code == "0xC004F050", a
    foreign = Machine(licensed, mak, 2).request(MAK)["key"]
    assert host.activate(Machine(licensed, mak, 1), MAK, key=foreign).code == "0xC004F050"
    assert host.activate(Machine(licensed, other, 1), MAK).code == "0xC004F050", "the key is not installed"
    kind = Machine(licensed, mak, 1)
    body = kind.request(MAK)
    body["key"]["kind"] = "Z"
    assert host.post("/v1/activate", body).code == "0xC004F050"
    body = kind.request(MAK)
    del body["machine"]["hardware_id"]
    assert host.post("/v1/activate", body).code == "M-102"
    a = host.activate(Machine(licensed, mak, 1), MAK, key=mak)
    assert a.code == "M-102" and "proven, never sent" in a.json["detail"]
    assert waiting(host) == []
    assert {e["result"] for e in host.events()} == {"0xC004F014", "0xC004F050", "M-102"}


def test_over_the_limit_and_after_allow(new_host, licensed):
    """0xC004C020 for the machine beyond, for which nothing is spent; after `allow` it is confirmed without being installed anew."""
    key = licensed.mint("mak", "contoso-mak", activations=2)
    host = world.host(new_host, licensed)
    install(host, licensed, key)
    machines = [Machine(licensed, key, n) for n in range(3)]
    all_ask(machines, host)
    told = host.admin_ok("POST", "/counted/ask", {})
    assert (told["confirmed"], told["refused"]) == (2, 1)
    answers = all_ask(machines, host)
    assert sorted(a.status for a in answers) == [200, 200, 403]
    assert [a.code for a in answers if a.status == 403] == ["0xC004C020"]
    refused = waiting(host, "refused")
    assert len(refused) == 1 and refused[0]["code"] == "0xC004C020" and refused[0]["detail"]
    licensed("allow", licensed.typed(key).number, "--activations", "3", "--reason", "bought one more")
    assert host.admin_ok("POST", "/counted/ask", {})["confirmed"] == 1
    assert {a.status for a in all_ask(machines, host)} == {200}
    assert licensed.used(key) == 3


def test_a_new_pack_raises_what_is_allowed(new_host, licensed):
    """`allow` at the issuer and a new pack: the installed key shows its new limit at once."""
    key = licensed.mint("mak", "contoso-mak", activations=5)
    host = world.host(new_host, licensed)
    install(host, licensed, key)
    number = licensed.typed(key).number
    allowed = lambda: next(k["allowed"] for k in host.admin_ok("GET", "/keys")["items"] if k["number"] == number)
    assert allowed() == 5
    licensed("allow", number, "--activations", "300", "--reason", "more machines")
    host.admin_ok("POST", "/packs", {"pack": licensed.packed()})
    assert allowed() == 300


def test_blocked_key(new_host, licensed):
    key = licensed.mint("mak", "contoso-mak", activations=5)
    host = world.host(new_host, licensed)
    install(host, licensed, key)
    first, second = Machine(licensed, key, 1), Machine(licensed, key, 2)
    host.activate(first, MAK)
    host.admin_ok("POST", "/counted/ask", {})
    licensed("revoke", "key", licensed.typed(key).number, "--reason", "superseded")
    host.activate(second, MAK)
    host.admin_ok("POST", "/counted/ask", {})
    assert host.activate(second, MAK).code == "0xC004C003"
    assert host.activate(wiped(first), MAK).status == 200, "what was confirmed stays"


def test_by_itself(new_host, licensed, mak):
    """proxy = auto: a minute after the first machine everything that waits is asked for, without an administrator."""
    host = world.host(new_host, licensed, proxy="auto")
    install(host, licensed, mak)
    m = Machine(licensed, mak, 1)
    before = licensed.used(mak)
    assert host.activate(m, MAK).status == 202
    host.shift(61)
    eventually(lambda: waiting(host, "confirmed"), "it is asked by itself")
    assert host.activate(m, MAK, time=shifted(61)).status == 200 and licensed.used(mak) == before + 1


def shifted(seconds):
    return (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def test_by_file(new_host, licensed, mak, tmp_path):
    """A host without a way to its issuer: what waits as a file without keys and names, the answer imported; the same file again gives the same; foreign answers are refused."""
    host = world.host(new_host, licensed, url=False)
    install(host, licensed, mak)
    machines = [Machine(licensed, mak, 1000 + n) for n in range(5)]
    all_ask(machines, host)
    a = host.admin("POST", "/counted/ask", {})
    assert a.code == "M-142", a
    exported = host.admin_ok("POST", "/counted/export", {})
    text = exported["text"]
    assert exported["count"] == 5 and text.startswith("muster-counted-request 1 ") and mak[:5] not in text and "pc-" not in text
    assert host.admin_ok("POST", "/counted/export", {})["text"] == text, "the same while nothing changes"
    (tmp_path / "request").write_text(text)
    before = licensed.used(mak)
    answers = []
    for n in range(2):
        licensed("confirm", "--batch", tmp_path / "request", "--out", tmp_path / f"answer{n}")
        answers.append((tmp_path / f"answer{n}").read_text())
    assert licensed.used(mak) == before + 5
    assert [r["installation_id"] for r in json.loads(answers[0])["results"]] == [r["installation_id"] for r in json.loads(answers[1])["results"]]
    for bad in ("{}", "no json", json.dumps({**json.loads(answers[0]), "id": "11111111-2222-4333-8444-555555555555"})):
        assert host.admin("POST", "/counted/import", {"answer": bad}).code == "M-144"
    spoilt = json.loads(answers[0])
    for r in spoilt["results"]:
        r["confirmation"] = r["confirmation"][:-6] + "AAAAAA"
    assert host.admin_ok("POST", "/counted/import", {"answer": json.dumps(spoilt)})["not_taken"] == 5
    mixed = json.loads(answers[0])
    c = [r["confirmation"] for r in mixed["results"]]
    for r, other in zip(mixed["results"], c[1:] + c[:1]):
        r["confirmation"] = other
    assert host.admin_ok("POST", "/counted/import", {"answer": json.dumps(mixed)})["not_taken"] == 5, "each is its own machine's"
    for answer in answers:
        assert host.admin_ok("POST", "/counted/import", {"answer": answer})["confirmed"] == 5
    assert {a.status for a in all_ask(machines, host)} == {200}


def test_by_telephone(new_host, licensed):
    """One machine by digits: its activation is marked so, and it holds a lease of this host instead of a statement."""
    key = licensed.mint("mak", "contoso-mak", activations=5)
    host = world.host(new_host, licensed, url=False)
    install(host, licensed, key)
    host.certify("contoso-mak")
    m = Machine(licensed, key, 1)
    assert host.activate(m, MAK).status == 202
    waits = waiting(host)[0]
    shown = host.admin_ok("POST", "/counted/telephone", {"installation_id": waits["installation_id"]})
    assert " ".join(shown["groups"]) == waits["installation_id"] and shown["contacts"][0]["telephone"] == "+49 30 123456"
    said = licensed("--json", "confirm", waits["installation_id"]).json["confirmation_id"]
    wrong = said.replace(said[0], str((int(said[0]) + 1) % 10), 1)
    a = host.admin("POST", "/counted/telephone", {"installation_id": waits["installation_id"], "confirmation_id": wrong})
    assert a.code == "0xC004F02C" and a.json["field"] == "group 1", a
    host.admin_ok("POST", "/counted/telephone", {"installation_id": waits["installation_id"], "confirmation_id": said})
    a = host.activate(m, MAK)
    assert a.status == 200 and a.json["assurance"] == "telephone" and claims_of(a.json["lease"])["aud"] == f"urn:uuid:{MAK}"
    assert host.activate(wiped(m), MAK).json["assurance"] == "telephone"
    assert [i["state"] for i in waiting(host)] == ["telephone"]
    assert host.admin("POST", "/counted/telephone", {"installation_id": waits["installation_id"], "confirmation_id": said}).status == 409


# --- ESU ---

def day(days):
    return (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=days)).strftime("%Y-%m-%d")


def test_esu(new_host, licensed):
    """Unusable before its coverage begins, with the date; prerequisites as the product says; year 2 only after year 1, which may have been confirmed long ago."""
    first = licensed.mint("esu-mak", "esu-1", activations=9, coverage_start=day(-1), coverage_end=day(400))
    second = licensed.mint("esu-mak", "esu-2", activations=9, coverage_start=day(2), coverage_end=day(400))
    host = world.host(new_host, licensed)
    install(host, licensed, first, second)
    one, two = Machine(licensed, first, 1), Machine(licensed, second, 1)
    products = {p["name"]: p for p in host.get("/v1/products").json["products"]}
    assert products["esu-1"]["facts"] == [{"name": "version", "value": "22H2"}, {"name": "update"}] and products["esu-1"]["served"]
    a = host.activate(two, IDS["esu-2"], facts=FACTS)
    assert a.status == 422 and a.code == "0xC004F042" and day(2) in a.json["detail"], a
    for facts, named in ((None, "version"), ({"version": "21H2", "update": True}, "22H2"), ({"version": "22H2"}, "update"), ({"version": "22H2", "update": False}, "update")):
        a = host.activate(one, IDS["esu-1"], facts=facts)
        assert a.status == 422 and a.code == "M-140" and named in a.json["detail"], a
    host.shift(3 * 86400)
    licensed.publisher.advance(3)
    licensed.restart()
    try:
        text = (host.folder / "muster.conf").read_text()
        a = host.activate(two, IDS["esu-2"], facts=FACTS, time=shifted(3 * 86400))
        assert a.status == 422 and a.code == "M-141" and "year 1" in a.json["detail"], a
        assert host.activate(one, IDS["esu-1"], facts=FACTS, time=shifted(3 * 86400)).status == 202
        (host.folder / "muster.conf").write_text(text.replace("https://localhost:" + text.split("https://localhost:")[1].split("\n")[0], licensed.url))
        host.admin_ok("POST", "/reload", {})
        host.admin_ok("POST", "/counted/ask", {})
        assert host.activate(one, IDS["esu-1"], facts=FACTS, time=shifted(3 * 86400)).status == 200
        assert host.activate(wiped(one), IDS["esu-1"], time=shifted(3 * 86400)).status == 200, "installed anew, before its updates"
        host.admin_ok("POST", "/keys/remove", {"number": licensed.typed(first).number})
        assert host.activate(two, IDS["esu-2"], facts=FACTS, time=shifted(3 * 86400)).status == 202, "the year counts, though its key is gone"
    finally:
        licensed.publisher.advance(-3)
        licensed.restart()


# --- crashes ---

def test_killed_at_any_point_spends_nothing_twice(new_host, licensed):
    """kill -9 while batches are asked and applied, many times: at the end each machine has one confirmation, and the issuer counted each once."""
    key = licensed.mint("mak", "contoso-mak", activations=500)
    host = world.host(new_host, licensed)
    install(host, licensed, key)
    machines = []
    for n in range(8):
        more = [Machine(licensed, key, 5000 + 20 * n + i) for i in range(20)]
        assert {a.status for a in all_ask(more, host)} <= {200, 202}
        machines += more
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(str(host.socket))
            s.sendall(b"POST /admin/v1/counted/ask HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}")
            time.sleep(0.004 * n)   # wherever it is: the point is another one each time
            host.process.kill()
            host.process.wait(timeout=PATIENCE)
        host.process = None
        host.start()
    host.admin_ok("POST", "/counted/ask", {})
    assert {a.status for a in all_ask(machines, host)} == {200}
    assert licensed.used(key) == len(machines) == len(waiting(host, "confirmed"))


def test_answer_lost_on_the_way(new_host, licensed, mak):
    """The issuer's answer never arrives: the batch stays open, is asked again under its ID, and nothing is spent twice."""
    cut = socket.create_server(("127.0.0.1", 0))
    host = world.host(new_host, licensed, url=f"https://localhost:{cut.getsockname()[1]}")
    install(host, licensed, mak)
    m = Machine(licensed, mak, 1)
    host.activate(m, MAK)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        asked = pool.submit(host.admin, "POST", "/counted/ask", {})
        cut.accept()[0].close()
        assert asked.result().code == "M-143"
    cut.close()
    before = licensed.used(mak)
    text = (host.folder / "muster.conf").read_text()
    (host.folder / "muster.conf").write_text(text.replace(text.split("url = ")[1].split("\n")[0], licensed.url))
    host.admin_ok("POST", "/reload", {})
    assert host.admin_ok("POST", "/counted/ask", {})["confirmed"] == 1
    assert licensed.used(mak) == before + 1 and host.activate(m, MAK).status == 200
