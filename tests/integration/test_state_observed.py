"""Moving a host that counts observed machines: what imports had brought travels with the state, and each machine counts once (docs/estate.md, "Moving a host")."""

import base64
import datetime
import json
import re

import pytest

import event_log
from administrator import Administrator
from host import OFFICE2013, Machine
from test_observed import DAY, client, event, machines, now, pages, take as bring, text

LIMITS = "new_clients_per_hour = 1000000"
UTC = datetime.timezone.utc


@pytest.fixture
def hosts(new_host):
    """So many certified hosts with a vendor's product, and their administrators."""
    def make(n):
        made = [new_host(plugins=("office2013",), limits=LIMITS) for _ in range(n)]
        for host in made:
            host.certify("office2013")
        return [(host, Administrator(host)) for host in made]
    return make


def seen(host):
    """Everything that is said of what was observed, but for forecasts, which ask the day."""
    pools = [{k: v for k, v in p.items() if k not in ("sinks_on", "count_then")} for p in host.admin_ok("GET", "/observed/pools")["items"]]
    doctor = next(c for c in host.admin_ok("GET", "/doctor")["checks"] if c["check"] == "findings")
    return {"machines": machines(host), "events": pages(host, "/observed/events"), "findings": host.admin_ok("GET", "/observed/findings?limit=1000")["items"],
            "pools": pools, "observed": {k: p["observed"] for k, p in host.products().items()}, "doctor": (doctor["verdict"], [d["reason"] for d in doctor["details"]])}


def log(path, seed, records, fleet, **options):
    """Weeks of a fleet's requests, the last one today."""
    start = datetime.datetime.now(UTC).replace(microsecond=0) - datetime.timedelta(days=25)
    events = event_log.fleet(seed, records, machines=fleet, start=start, edition=OFFICE2013, **options)
    events.append(event_log.full(start + datetime.timedelta(days=9), computer=events[0].computer))
    event_log.write(path, event_log.xml(event_log.number(events)))
    return path


def file_in(administrator, path):
    said = administrator("import", str(path))
    assert said.status == 0, said


def distinct(host):
    return len({m["client_id"] for m in machines(host)})


def state(administrator, path, *more):
    return administrator.json("state", "export", str(path), *more)


def take(administrator, path, *more):
    return administrator.json("state", "import", str(path), *more)


def test_what_was_observed_moves(hosts, tmp_path):
    """The replacement says of it what the old host said; again nothing changes."""
    (a, admin_a), (b, admin_b) = hosts(2)
    file_in(admin_a, log(tmp_path / "log.xml", 3, 150, 60, clones=3))
    # A week without a request; machines whose events nobody has any more, one a clone by its hardware; names that were given up, and a machine that was renamed.
    bring(a, [event(i % 5 + 100, now() - 24 * DAY + i * 3600, host="gap.example.org") for i in range(48) if not 20 < i < 47])
    bring(a, [event(200, now() - d * DAY, name="before" if d > 4 else "after") for d in (20, 12, 3)])
    old = {"client_id": client(300), "activation_id": OFFICE2013, "host": "old.example.org", "name": "one", "names": ["one"], "first_seen": text(now() - 9 * DAY),
           "last_seen": text(now() - 2 * DAY), "requests": 17, "result": "0x0", "by": "host"}
    bring(a, [{**old, "clone": True}, {**old, "client_id": client(301), "name": "now", "names": ["now", "then"]}], "machines")
    before = seen(a)
    kinds = {(f["finding"]) for f in before["findings"]}
    assert before["observed"]["office2013"] > 50 and {"clone", "full"} <= kinds, kinds
    file = tmp_path / "state"
    counts = state(admin_a, file)["counts"]
    assert (counts["machines"], counts["events"]) == (len(before["machines"]), len(before["events"]))
    assert "observed machines" in admin_a.ok("state", "export", str(tmp_path / "again"))
    dry = take(admin_b, file, "--dry-run")
    assert dry["counts"] == counts and machines(b) == []
    done = take(admin_b, file)
    assert done["notes"] == [] and (done["done"]["machines"], done["done"]["events"]) == (counts["machines"], counts["events"]), done
    assert seen(b) == before
    # The first machine of its own finds the others there.
    assert b.activate(Machine("mine"), OFFICE2013).status == 200
    for _ in range(2):
        done = take(admin_b, file)
        assert (done["done"]["machines"], done["done"]["events"]) == (0, 0)
        assert seen(b) == before
    b.stop()
    b.start()
    assert b.products()["office2013"]["observed"] == before["observed"]["office2013"]
    acts = [j["action"] for j in b.admin_ok("GET", "/journal?limit=1000")["items"]]
    assert acts.count("state imported") == 3


def test_there_and_back_and_merged(hosts, tmp_path):
    """Two hosts imported exports that overlap: each machine and event counts once, whichever way the files go."""
    (a, admin_a), (b, admin_b) = hosts(2)
    both = log(tmp_path / "both.xml", 4, 90, 40)
    for host, administrator, own in ((a, admin_a, 5), (b, admin_b, 6)):
        file_in(administrator, both)
        file_in(administrator, log(tmp_path / f"{own}.xml", own, 30, 20, prefix=f"own{own}", computer=f"kms{own}.generated.example"))
        assert distinct(host) == host.products()["office2013"]["observed"] == 60
    first, back = tmp_path / "a", tmp_path / "b"
    state(admin_a, first)
    done = take(admin_b, first)["done"]
    assert done["machines"] == 20 and done["events"] == 31, done
    assert distinct(b) == b.products()["office2013"]["observed"] == 80
    state(admin_b, back)
    done = take(admin_a, back)["done"]
    assert done["machines"] == 20 and done["events"] == 31, done
    assert machines(a) == machines(b) and sorted(map(str, pages(a, "/observed/events"))) == sorted(map(str, pages(b, "/observed/events")))
    for administrator, file in ((admin_b, first), (admin_a, back)):
        done = take(administrator, file)["done"]
        assert (done["machines"], done["events"]) == (0, 0), done
    assert a.products()["office2013"]["observed"] == b.products()["office2013"]["observed"] == 80


def test_an_import_under_way(hosts, tmp_path):
    """Nothing is taken over beside an import of the estate, nor is a host retired that is in the middle of one."""
    (a, admin_a), (b, admin_b) = hosts(2)
    assert a.activate(Machine("mine"), OFFICE2013).status == 202
    bring(a, [event(i, now() - DAY) for i in range(5)])
    file = tmp_path / "state"
    state(admin_a, file)
    for host in (a, b):
        host.other = host.admin_ok("POST", "/import/begin", {"name": "listing.txt", "type": "machines"})["import"]
    said = admin_b.refused("state", "import", str(file))
    assert "M-126" in said and "nothing was taken over" in said and "listing.txt" in said, said
    assert b.admin_ok("GET", "/clients")["items"] == [] and machines(b) == []
    assert "M-126" in admin_a.refused("state", "export", str(tmp_path / "retired"), "--retire", "--yes")
    assert a.activate(Machine("mine"), OFFICE2013).status in (200, 202)   # it goes on
    for host in (a, b):
        host.admin_ok("POST", "/import/end", {"import": host.other, "commit": False})
    assert take(admin_b, file)["done"]["events"] == 5 and len(machines(b)) == 5


def test_lines_that_are_wrong(hosts, tmp_path):
    """Every value of them is looked at before anything changes."""
    (a, admin_a), (b, admin_b) = hosts(2)
    bring(a, [event(i, now() - DAY) for i in range(2)])
    file = tmp_path / "state"
    state(admin_a, file)
    rows = file.read_bytes().split(b"\n")
    at = {kind: next(i for i, r in enumerate(rows) if r.startswith(b'{"%s"' % kind)) for kind in (b"event", b"machine")}
    for kind, old, new, why in ((b"event", rb'"id":12290', b'"id":12295', "event: id must be"), (b"event", rb'"client_id":"[^"]*"', b'"client_id":"x"', "event: client_id is not a UUID"),
                                (b"event", rb'"license_status":1', b'"license_status":7', "event: license_status must be a number"),
                                (b"event", rb'"host":"kms1', b'"host":"\\u0001', "event: host holds a control character"),
                                (b"event", rb'"event":\{.*\}', b'"event":[]}', "event is not an object"),
                                (b"machine", rb'"client_id":"[^"]*",', b"", "machine: client_id is missing"),
                                (b"machine", rb'"requests":1', b'"requests":-1', "machine: requests must be a number"),
                                (b"machine", rb'"last_seen":"[^"]*"', b'"last_seen":"2000-01-01T00:00:00Z"', "machine: last_seen is before first_seen"),
                                (b"machine", rb'"names":\[[^]]*\]', b'"names":5', "machine: names must be a list"),
                                (b"machine", rb'"virtual":false', b'"virtual":0', "machine: virtual must be true or false")):
        line = at[kind]
        broken = re.sub(old, new.replace(b"\\", b"\\\\"), rows[line], count=1)
        assert broken != rows[line], old
        (tmp_path / "broken").write_bytes(b"\n".join([*rows[:line], broken, *rows[line + 1:]]))
        said = admin_b.refused("state", "import", str(tmp_path / "broken"))
        assert "M-162" in said and f"line {line + 1}: {why}" in said, said
    # In another order, and one fewer than the manifest says.
    (tmp_path / "broken").write_bytes(b"\n".join([*rows[:at[b"event"]], rows[at[b"machine"]], *rows[at[b"event"]:]]))
    assert "events come behind machines" in admin_b.refused("state", "import", str(tmp_path / "broken"))
    (tmp_path / "broken").write_bytes(b"\n".join([*rows[:at[b"event"]], *rows[at[b"event"] + 1:]]))
    assert "changed after it was written" in admin_b.refused("state", "import", str(tmp_path / "broken"))
    assert machines(b) == [] and pages(b, "/observed/events") == []


def test_a_file_of_before(hosts, tmp_path):
    """One without these lines, whose manifest does not count them, is taken as ever."""
    (a, admin_a), (b, admin_b) = hosts(2)
    assert a.activate(Machine("mine"), OFFICE2013).status == 202
    file = tmp_path / "state"
    state(admin_a, file)
    end = json.loads(file.read_text().splitlines()[-1])["end"]
    part = end["manifest"].split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    assert "machines" not in claims["counts"] and "events" not in claims["counts"]
    done = take(admin_b, file)
    assert (done["done"]["machines"], done["done"]["events"]) == (0, 0) and len(b.admin_ok("GET", "/clients")["items"]) == 1


def test_nothing_is_changed_while_it_retires(hosts, tmp_path):
    """What an administrator changed behind the page that was read would be missing in the file: refused, until the export ends or is given up."""
    (a, _), (b, admin_b) = hosts(2)
    known = Machine("mine")
    assert a.activate(known, OFFICE2013).status == 202
    a.admin_ok("POST", "/estate/contacts/add", {"id": "one", "entry": {"name": "One", "role": "other"}})
    begun = a.admin_ok("POST", "/state/export/begin", {"retire": True})["export"]
    refused = {
        "/estate/contacts/add": {"id": "two", "entry": {"name": "Two", "role": "other"}}, "/estate/contacts/change": {"id": "one", "entry": {"name": "Other"}},
        "/estate/contacts/remove": {"id": "one"}, "/clients/forget": {"client_id": known.client_id}, "/settings": {"name": "activation_interval", "scope": "host", "value": "300"},
        "/products/learn": {"activation_id": client(1), "product": "office2013", "name": "New"}, "/import/begin": {"name": "x", "type": "events"}, "/state/import/begin": {"size": 1000},
    }
    for path, body in refused.items():
        said = a.admin("POST", path, body)
        assert said.status == 503 and said.code == "M-163" and "missing where" in said.json["detail"], (path, said)
    assert a.admin_ok("GET", "/estate/contacts")["items"][0]["name"] == "One"
    # Giving up, it takes them again.
    a.admin_ok("POST", "/state/export/end", {"export": begun, "commit": False})
    a.admin_ok("POST", "/estate/contacts/add", {"id": "two", "entry": {"name": "Two", "role": "other"}})
    # To its end: its own rows of the record of acts are written.
    file = tmp_path / "state"
    begun = a.admin_ok("POST", "/state/export/begin", {"retire": True, "passphrase": "correct horse battery"})["export"]
    with open(file, "w", encoding="utf-8") as out:
        done = False
        while not done:
            said = a.admin_ok("POST", "/state/export/read", {"export": begun})
            out.write(said["data"])
            done = said["done"]
    assert a.admin("POST", "/estate/contacts/remove", {"id": "one"}).code == "M-163"
    assert a.admin_ok("POST", "/state/export/end", {"export": begun, "commit": True, "file": "state"})["retired"]
    assert {"state exported", "host retired"} <= {j["action"] for j in a.admin_ok("GET", "/journal?limit=1000")["items"]}
    take(admin_b, file)
    assert [c["id"] for c in b.admin_ok("GET", "/estate/contacts")["items"]] == ["one", "two"]
