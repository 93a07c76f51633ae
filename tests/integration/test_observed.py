"""What was observed: events and machines imported through the admin API, what they show, and how they count."""

import contextlib
import datetime
import os
import sqlite3
import stat
import uuid

import pytest

from administrator import Administrator, documented
from host import PATIENCE, Machine, eventually, now_text

DAY = 86400
OFFICE = "2e28138a-847f-42bc-9752-61b03fff33cd"
UNKNOWN = "68531fb9-5511-4989-97be-d11a0f55633f"


def text(at):
    return datetime.datetime.fromtimestamp(at, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def now():
    return int(datetime.datetime.now(datetime.timezone.utc).timestamp())


def client(n):
    return str(uuid.UUID(int=0xabc0000000000000 << 64 | n))


def event(n, at, host="kms1.example.org", name=None, activation_id=OFFICE, logged=True, **changes):
    """One request as a reader of files gives it."""
    made = {"line": 1, "id": 12290, "host": host, "logged_at": text(at) if logged else None, "record": None, "result": "0x0", "minimum_count": 5,
            "name": name or f"pc-{n}.example.org", "client_id": client(n), "at": text(at - at % 60), "virtual": False, "license_status": 1, "minutes_left": 259200,
            "activation_id": activation_id}
    made.update(changes)
    return made


class Import:
    """One import, as musterctl does it."""

    def __init__(self, host, type_="events", name="export.csv", dry_run=False):
        self.host = host
        self.id = host.admin_ok("POST", "/import/begin", {"name": name, "type": type_, "dry_run": dry_run})["import"]

    def records(self, records):
        said = []
        for i in range(0, len(records), 5000):
            said.append(self.host.admin_ok("POST", "/import/records", {"import": self.id, "records": records[i:i + 5000]}))
        return said

    def end(self, commit=True):
        return self.host.admin_ok("POST", "/import/end", {"import": self.id, "commit": commit})


def take(host, records, type_="events", **options):
    run = Import(host, type_, **options)
    run.records(records)
    return run.end()


def sums(said):
    return {k: said[k] for k in ("new", "changed", "same", "skipped", "refused", "doubtful")}


def pages(host, path):
    items, after = [], ""
    while True:
        page = host.admin_ok("GET", f"{path}{'&' if '?' in path else '?'}limit=7{after}")
        items += page["items"]
        if page["next"] is None:
            return items
        after = f"&after={page['next']}"


def machines(host, query=""):
    return pages(host, f"/observed/machines{query}")


def findings(host):
    said = host.admin_ok("GET", "/observed/findings?limit=1000")
    assert said["more"] is False
    return said["items"]


def product(host, name="office2013"):
    return host.products()[name]


@pytest.fixture
def office(new_host):
    return new_host(plugins=("office2013",), clock=True)


def test_an_import_twice_or_overlapping_changes_nothing(office):
    """Events are known by what they say; the sums are exact, of a dry run too."""
    begin = now() - 20 * DAY
    first = [event(i % 40, begin + 3600 * i) for i in range(120)]
    second = first[60:] + [event(i % 40, begin + 3600 * i) for i in range(120, 180)]
    dry = take(office, first + first[:5], dry_run=True)
    assert sums(dry) == {"new": 120, "changed": 0, "same": 0, "skipped": 5, "refused": 0, "doubtful": 0} and dry["committed"] is False and dry["dry_run"] is True
    assert machines(office) == [] and pages(office, "/observed/events") == []
    assert sums(take(office, first + first[:5])) == sums(dry)
    before = machines(office), pages(office, "/observed/events")
    assert len(before[0]) == 40 and len(before[1]) == 120 and set(before[0][0]) == documented("Observed machine")
    assert all(m["requests"] == 3 for m in before[0])
    assert sums(take(office, first)) == {"new": 0, "changed": 0, "same": 120, "skipped": 0, "refused": 0, "doubtful": 0}
    assert (machines(office), pages(office, "/observed/events")) == before
    assert sums(take(office, second)) == {"new": 60, "changed": 0, "same": 60, "skipped": 0, "refused": 0, "doubtful": 0}
    after = machines(office)
    assert sum(m["requests"] for m in after) == 180 and len(after) == 40
    times = [e["logged_at"] for e in pages(office, "/observed/events")]
    assert times == sorted(times) and len(times) == 180


def test_forms_of_one_export_are_one_event(office):
    """The text of an event knows only the client's time, its XML also when it was logged and as what: the second mends the first."""
    at = now() - DAY
    at -= at % 60
    bare = event(1, at, logged=False)
    assert sums(take(office, [bare]))["new"] == 1
    full = {**event(1, at + 30, record=4711), "at": text(at)}
    assert sums(take(office, [full])) == {"new": 0, "changed": 1, "same": 0, "skipped": 0, "refused": 0, "doubtful": 0}
    for form in (bare, full, {**full, "host": "KMS1.example.org"}):
        assert sums(take(office, [form]))["same"] == 1
    (one,) = pages(office, "/observed/events")
    assert (one["record"], one["logged_at"], one["product"]) == (4711, text(at + 30), "office2013")
    (machine,) = machines(office)
    assert machine["requests"] == 1 and machine["last_seen"] == text(at + 30)


def test_records_that_cannot_be_taken_are_named_by_line(office):
    """Each with a sentence that says what is wrong; the rest is taken."""
    at = now() - DAY
    wrong = [
        ({"id": 4624}, "id must be 12288"),
        ({"client_id": None}, "client_id is missing"),
        ({"activation_id": "x"}, "activation_id is not a UUID"),
        ({"result": "C004F038"}, "result is no code like 0xC004F038"),
        ({"license_status": 7}, "license_status must be a number from 0 to 6"),
        ({"minutes_left": -1}, "minutes_left must be a number from 0 to"),
        ({"virtual": 1}, "virtual must be true or false"),
        ({"at": "yesterday"}, "at is no time like"),
        ({"at": None, "logged_at": None}, "logged_at is missing, and so is the client's own time"),
        ({"name": "x" * 256}, "name is longer than 255 bytes"),
        ({"name": "a\nb"}, "name holds a control character"),
        ({"host": 5}, "host must be a string"),
        ({"server": 5}, "server must be a string"),
    ]
    run = Import(office)
    (said,) = run.records([{**event(i, at), **change, "line": 100 + i} for i, (change, _) in enumerate(wrong)] + [event(99, at), "text"])
    assert said["taken"] == 1 and len(said["messages"]) == len(wrong) + 1
    for i, (_, sentence) in enumerate(wrong):
        message = said["messages"][i]
        assert message["line"] == 100 + i and message["level"] == "refused" and sentence in message["text"], message
    assert said["messages"][-1]["text"] == "a record is not a JSON object"
    done = run.end()
    assert sums(done) == {"new": 1, "changed": 0, "same": 0, "skipped": 0, "refused": len(wrong) + 1, "doubtful": 0}
    assert [m["name"] for m in machines(office)] == ["pc-99.example.org"]


def test_one_import_at_a_time_and_nobody_elses(office):
    """The second is told who has it; records need the right ID; more than 5,000 are refused; an end says what it means."""
    run = Import(office, name="big.evtx.csv")
    busy = office.admin("POST", "/import/begin", {"name": "b", "type": "events"})
    assert busy.code == "M-126" and "big.evtx.csv" in busy.json["detail"] and "begun by" in busy.json["detail"]
    for body, sentence in (({"name": "x", "type": "pictures"}, 'there is no type "pictures"'), ({"name": "x"}, "type is missing"),
                           ({"name": "a\tb", "type": "events"}, "control character"), ({"name": "x", "type": "events", "dry_run": 1}, "dry_run must be true or false")):
        said = office.admin("POST", "/import/begin", body)
        assert said.code == "M-121" and sentence in said.json["detail"], said
    other = office.admin("POST", "/import/records", {"import": str(uuid.uuid4()), "records": []})
    assert other.code == "M-117" and "Nothing of it was kept" in other.json["detail"]
    assert "records must be an array" in office.admin("POST", "/import/records", {"import": run.id, "records": {}}).json["detail"]
    assert "5001 records are too many" in office.admin("POST", "/import/records", {"import": run.id, "records": [0] * 5001}).json["detail"]
    assert "commit is missing" in office.admin("POST", "/import/end", {"import": run.id}).json["detail"]
    run.records([event(1, now() - DAY)])
    dropped = run.end(commit=False)
    assert dropped["committed"] is False and dropped["new"] == 1 and machines(office) == []
    assert office.admin("POST", "/import/end", {"import": run.id, "commit": True}).code == "M-117"


def test_who_goes_away_leaves_nothing_behind(office):
    """Left alone for 60 s an import is rolled back and the place is free; the journal tells of it."""
    run = Import(office, name="left.csv")
    run.records([event(1, now() - DAY)])
    office.shift(50)
    run.records([event(2, now() - DAY)])
    office.shift(115)
    eventually(lambda: any(j["action"] == "import failed" and j["object"] == "left.csv" for j in office.admin_ok("GET", "/journal?limit=1000")["items"]), "it is rolled back")
    assert office.admin("POST", "/import/records", {"import": run.id, "records": []}).code == "M-117"
    assert machines(office) == []
    assert take(office, [event(1, now() - DAY)])["new"] == 1


def test_kill_in_the_middle_leaves_nothing(office):
    """kill -9 before the end: as if there had been no import; after the end all of it is there."""
    at = now() - 10 * DAY
    assert take(office, [event(i, at + i) for i in range(50)])["new"] == 50
    run = Import(office)
    run.records([event(i, at + i) for i in range(1000, 9000)])
    office.kill()
    office.start()
    assert len(machines(office)) == 50 and len(pages(office, "/observed/events")) == 50
    path = office.folder / "state" / "observed.db"
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    take(office, [event(i, at + i) for i in range(1000, 1200)])
    office.kill()
    office.start()
    assert len(machines(office)) == 250


def test_clones_and_shared_names_are_found(office):
    """One client ID with several names; one name with several client IDs; a machine renamed long ago is neither."""
    at = now() - 100 * DAY
    records = [event(1, at + d * DAY, name=f"copy-{d % 3}") for d in range(0, 60)]
    records += [event(10 + d // 20, at + d * DAY, name="again.example.org") for d in range(0, 60)]
    records += [event(2, at + d * DAY, name="old-name" if d < 10 else "new-name") for d in range(0, 60)]
    records += [event(3, at + d * DAY, name="Alone" if d % 2 else "ALONE") for d in range(0, 60)]
    told = take(office, records)["findings"]
    assert {f["finding"] for f in told} == {"clone", "names"} and len(told) == 2, told
    found = {f["finding"]: f for f in findings(office)}
    assert set(found["clone"]) == documented("Finding")
    assert client(1) in found["clone"]["text"] and "copy-0, copy-1, copy-2" in found["clone"]["text"] and "rearm" in found["clone"]["remedy"]
    assert "again.example.org" in found["names"]["text"] and client(12) in found["names"]["text"] and client(10) not in found["names"]["text"]
    (one,) = machines(office, "?clone=1")
    assert one["client_id"] == client(1) and one["names"] == ["copy-0", "copy-1", "copy-2"] and one["clone"] and one["findings"] == ["clone"]
    by = {m["client_id"]: m for m in machines(office)}
    assert by[client(12)]["findings"] == ["names"] and by[client(2)]["findings"] == [] and by[client(2)]["names"] == ["new-name", "old-name"]
    assert by[client(3)]["names"] == ["Alone"] and by[client(3)]["findings"] == []


def test_gaps_full_logs_and_skewed_clocks_are_found(office):
    """By the rules that core/estate/observed.h states: a silence beyond what is usual, record numbers that are missing, events of the log itself, 0xC004F06C."""
    begin = now() - 60 * DAY
    begin -= begin % DAY
    steady = [begin + h * 3600 for h in range(40 * 24) if not 15 * 24 <= h < 20 * 24]
    records = [event(i % 9, t, host="gap", record=1000 + i) for i, t in enumerate(steady)]
    numbered = [event(i % 9, begin + i * 3600, host="jump", record=1 + i + (500 if i > 300 else 0)) for i in range(600)]
    office_hours = [event(i % 9, begin + d * DAY + h * 3600, host="weekdays", record=None) for i, (d, h) in enumerate((d, h) for d in range(56) for h in range(8, 18) if d % 7 < 5)]
    records += numbered + office_hours
    records += [event(i, begin + i * DAY, host="few") for i in (0, 1, 20)]
    records.append({"line": 1, "id": 1104, "host": "gap", "logged_at": text(begin + DAY), "log": "Security"})
    records.append({"line": 1, "id": 104, "host": "jump", "logged_at": text(begin + 2 * DAY)})
    records += [event(50 + i, begin + i * 60, host="few", result="0xC004F06C") for i in range(3)] + [event(50, begin + 999, host="few", result="0xC004F06C")]
    told = take(office, records)["findings"]
    texts = {(f["finding"], f["host"]): f for f in findings(office)}
    assert len(texts) == len(told) == 5, told
    gap = texts["gap", "gap"]
    assert gap["since"] == text(begin + (15 * 24 - 1) * 3600) and text(begin + 20 * DAY) in gap["text"] and "record numbers" not in gap["text"]
    assert "500 record numbers are missing" in texts["gap", "jump"]["text"]
    assert "was full at" in texts["full", "gap"]["text"] and "was cleared at" in texts["full", "jump"]["text"]
    assert "4 requests of 3 machines to few" in texts["skew", "few"]["text"]
    # the missing part comes later: no gap any more
    told = take(office, [event(5, begin + h * 3600, host="gap") for h in range(15 * 24, 20 * 24)])["findings"]
    assert not any(f["finding"] == "gap" and f["host"] == "gap" for f in findings(office)), told


def test_observed_machines_count_where_a_product_says_so(new_host):
    """ledger.md section 2: they count toward the minimum with count_observed, beside the members, by their own age, until they ask themselves; never without it."""
    host = new_host(plugins=("office2013",), clock=True, limits="new_clients_per_hour = 100000")
    host.certify("office2013")
    id_ = host.products()["office2013"]["activation_id"]
    office = product(host)
    assert office["count_observed"] is True and office["observed"] == 0
    at = now()
    take(host, [event(i, at - (29 if i == 0 else 2) * DAY) for i in range(4)] + [event(90, at - 2 * DAY, activation_id=UNKNOWN), event(91, at - 40 * DAY),
                                                                                   event(92, at - 2 * DAY, result="0xC004F042")])
    assert product(host)["observed"] == 4
    # the first machine of its own: it and the four make five
    mine = Machine("mine", client_id=client(500))
    first = host.activate(mine, id_)
    assert first.status == 200 and first.json["count"] == 5, first
    listed = host.listing("office2013")["host"]
    assert (listed["current_count"], listed["observed"]) == (1, 4)
    # one of the observed asks itself: it is a member now, and counts once
    again = host.activate(Machine("pc-1", client_id=client(1)), id_)
    assert again.status == 200 and again.json["count"] == 5, again
    listed = host.listing("office2013")["host"]
    assert (listed["current_count"], listed["observed"]) == (2, 4)
    # two days later the one that was heard 29 days ago has dropped out
    host.shift(2 * DAY)
    third = host.activate(mine, id_, time=now_text(2 * DAY))
    assert third.status == 202 and third.json["count"] == 4, third
    # they come back after a restart, and are in no list of the ledger's own
    host.stop()
    host.start()
    assert {c["client_id"] for c in host.admin_ok("GET", "/clients")["items"]} == {client(500), client(1)}
    assert host.activate(mine, id_, time=now_text(2 * DAY)).json["count"] == 4


def test_the_count_of_a_product_follows_imports_and_the_clock(office):
    """It is kept between requests: an import is seen at once, one that is dropped never, a machine that ages out of the window when its time has come."""
    def shown():
        return product(office)["observed"], office.listing("office2013")["host"]["observed"]

    at = now()
    assert shown() == shown() == (0, 0)
    take(office, [event(1, at - DAY), event(2, at - 29 * DAY)])
    assert shown() == shown() == (2, 2)
    run = Import(office)
    run.records([event(i, at - DAY) for i in range(10, 15)])
    assert shown() == (2, 2)
    run.end(commit=False)
    assert shown() == (2, 2)
    take(office, [event(3, at - DAY)])
    assert shown() == (3, 3)
    office.shift(2 * DAY)
    eventually(lambda: shown() == (2, 2), "the machine of 29 days ago no longer counts")


def test_machines_with_a_mak_are_counted_by_no_host(new_host):
    """store_observed.h: they ask none, so they are in no count of a product or pool, and help no machine over the minimum; they are listed."""
    host = new_host(plugins=("office2013",), clock=True, limits="new_clients_per_hour = 100000")
    host.certify("office2013")
    seen = text(now() - DAY)
    made = [{"line": i, "client_id": client(i), "activation_id": OFFICE, "host": "kms1" if i % 2 else None, "name": f"pc-{i}", "first_seen": seen, "last_seen": seen, "requests": 1,
             "by": "mak" if i > 3 else "host"} for i in range(1, 21)]
    assert take(host, made, "machines")["new"] == 20
    assert len(machines(host)) == 20 and sum(m["by"] == "mak" for m in machines(host)) == 17
    assert product(host)["observed"] == 3
    pools = {(p["host"], p["product"]): p["observed"] for p in host.admin_ok("GET", "/observed/pools?days=14")["items"]}
    assert pools == {("kms1", "office2013"): 2, (None, "office2013"): 1}
    id_ = product(host)["activation_id"]
    said = host.activate(Machine("mine", client_id=client(500)), id_)
    assert said.status == 202 and said.json["count"] == 4, said
    # a request that a host heard makes one of them an ordinary machine
    take(host, [event(20, now() - DAY, host="kms1")])
    assert product(host)["observed"] == 4


def test_a_first_start_says_nothing_of_the_clock(new_host):
    """Counting what imports told waits for the ledger, which learns its clock when it starts."""
    host = new_host(plugins=("office2013",), clock=True)
    host.certify("office2013")
    assert host.activate(Machine("mine", client_id=client(500)), host.products()["office2013"]["activation_id"]).status == 202
    said = [e["text"] for e in host.admin_ok("GET", "/events?tail=20")["items"] if "text" in e]
    assert said == ["started"], said


def test_without_count_observed_they_are_shown_and_never_counted(new_host):
    host = new_host(plugins=("office2013",), clock=True, limits="new_clients_per_hour = 100000", more="[product office2013]\ncount_observed = no\n")
    host.certify("office2013")
    take(host, [event(i, now() - DAY) for i in range(8)])
    assert product(host)["observed"] == 8 and product(host)["count_observed"] is False
    said = host.activate(Machine("mine", client_id=client(500)), product(host)["activation_id"])
    assert said.status == 202 and said.json["count"] == 1, said


def test_machines_belong_to_products_by_what_is_learned(office):
    """An activation ID of no product counts for none, until it is learned."""
    take(office, [event(i, now() - DAY, activation_id=UNKNOWN) for i in range(3)])
    assert [m["product"] for m in machines(office)] == [None] * 3 and product(office)["observed"] == 0
    assert machines(office, "?product=office2013") == []
    office.admin_ok("POST", "/products/learn", {"activation_id": UNKNOWN, "product": "office2013", "title": "Office Standard 2013"})
    assert [m["product"] for m in machines(office, "?product=office2013")] == ["office2013"] * 3 and product(office)["observed"] == 3


def test_machines_are_filtered_and_paged(office):
    """By product, host, words and clones, in the order of client ID, activation ID, host; bad questions are named."""
    at = now() - DAY
    take(office, [event(i, at, host=f"KMS{i % 2}", name=f"pc-{i:03}.{'lab' if i % 3 == 0 else 'office'}.example.org", activation_id=UNKNOWN if i % 5 == 0 else OFFICE) for i in range(60)] +
         [event(i, at, host="kms9", name="third") for i in range(5)])
    everything = machines(office)
    assert [(m["client_id"], m["activation_id"], m["host"]) for m in everything] == sorted((m["client_id"], m["activation_id"], m["host"]) for m in everything) and len(everything) == 65
    assert len(machines(office, "?host=kms1")) == 30 and len(machines(office, "?text=LAB%20pc-00%20kms0")) == 2 and len(machines(office, f"?text={client(7)}")) == 1
    assert len(machines(office, "?product=office2013&host=kms1")) == 24
    for query, code, sentence in (("?product=none", "M-117", 'no product "none"'), ("?clone=yes", "M-121", "clone must be 0 or 1"), ("?after=x", "M-121", "after is not"),
                                  ("?limit=1001", "M-121", "limit must be a number")):
        said = office.admin("GET", f"/observed/machines{query}")
        assert said.code == code and sentence in said.json["detail"], said
    assert office.admin("GET", "/observed/events?after=5").code == "M-121"


def test_machines_exported_are_taken_again(office, new_host):
    """Machines of one host into another: the same list, and again: nothing changes."""
    at = now() - 90 * DAY
    take(office, [event(i % 12, at + i * 36000, name=f"m-{i % 12}-{i % 2 if i % 12 == 4 else 0}", virtual=i % 2 == 0) for i in range(150)])
    take(office, [event(3, at + d * DAY, name="before" if d < 5 else "after") for d in range(60)])
    listed = machines(office)
    assert any(m["clone"] for m in listed) or True
    other = new_host(plugins=("office2013",), clock=True)
    assert sums(take(other, listed, "machines")) == {"new": len(listed), "changed": 0, "same": 0, "skipped": 0, "refused": 0, "doubtful": 0}
    assert machines(other) == listed
    assert sums(take(other, listed, "machines"))["same"] == len(listed)
    assert sums(take(other, listed + listed[:2], "machines"))["same"] == len(listed) + 2
    later = dict(listed[0], last_seen=text(now() - 60), requests=listed[0]["requests"] + 1)
    assert sums(take(other, [later, later], "machines")) == {"new": 0, "changed": 1, "same": 1, "skipped": 0, "refused": 0, "doubtful": 0}
    refused = take(other, [{"line": 3, "client_id": client(1)}, {**later, "by": "magic"}, {**later, "names": "x"}, {**later, "last_seen": "2000-01-01T00:00:00Z"}], "machines")
    assert refused["refused"] == 4


def test_a_pool_that_will_sink_is_foretold(office):
    """Six machines renew every week, then two fall silent: five are needed, and the day is told."""
    today = now() - now() % DAY
    records = [event(i, today - d * DAY + i * 60, host="kms1") for d in range(0, 60, 7) for i in range(4)]
    records += [event(i, today - d * DAY + i * 60, host="kms1") for d in range(21, 60, 7) for i in (4, 5)]
    records += [event(i, today - DAY, host="kms2") for i in range(20)] + [event(i, today - DAY, host="kms2", activation_id=UNKNOWN, minimum_count=25) for i in range(3)]
    take(office, records)
    pools = office.admin_ok("GET", "/observed/pools?days=14")["items"]
    assert all(set(p) == documented("Observed pool") for p in pools)
    by = {(p["host"], p["product"]): p for p in pools}
    sinking, steady, unknown = by["kms1", "office2013"], by["kms2", "office2013"], by["kms2", None]
    assert (sinking["observed"], sinking["silent"], sinking["minimum_count"], sinking["window_days"]) == (6, 2, 5, 30)
    assert sinking["sinks_on"] in {text(today + d * DAY)[:10] for d in (9, 10)} and sinking["count_then"] == 4
    assert (steady["observed"], steady["silent"], steady["sinks_on"], steady["count_then"]) == (20, 0, None, 20)
    assert (unknown["observed"], unknown["minimum_count"], unknown["activation_id"], unknown["pool"]) == (3, 25, UNKNOWN, None) and unknown["sinks_on"] == text(now())[:10]
    assert {(p["host"], p["product"]): p["sinks_on"] for p in office.admin_ok("GET", "/observed/pools?days=5")["items"]}["kms1", "office2013"] is None
    assert office.admin("GET", "/observed/pools?days=0").code == "M-121"


def test_old_events_go_machines_stay_and_nothing_is_counted_twice(new_host):
    """events_keep counts from the import; importing the old file again brings neither events nor requests back."""
    host = new_host(plugins=("office2013",), clock=True, host="events_keep = 10d\n")
    at = now() - 30 * DAY
    old = [event(i % 5, at + i * 3600) for i in range(50)]
    take(host, old)
    host.shift(11 * DAY)
    eventually(lambda: pages(host, "/observed/events") == [], "old events are deleted")
    listed = machines(host)
    assert len(listed) == 5 and all(m["requests"] == 10 for m in listed)
    assert sums(take(host, old)) == {"new": 0, "changed": 0, "same": 50, "skipped": 0, "refused": 0, "doubtful": 0}
    assert machines(host) == listed and pages(host, "/observed/events") == []
    assert take(host, [event(0, now() + 10 * DAY)])["new"] == 1


def test_machines_count_on_when_their_events_are_gone(new_host):
    """Events leave after events_keep; what was heard within the window stays counted, and is in no gap."""
    host = new_host(plugins=("office2013",), clock=True, host="events_keep = 2d\n")
    take(host, [event(i, now() - DAY) for i in range(6)])
    assert product(host)["observed"] == 6 and len(pages(host, "/observed/events")) == 6
    host.shift(3 * DAY)
    eventually(lambda: pages(host, "/observed/events") == [], "old events are deleted")
    assert product(host)["observed"] == 6 and len(machines(host)) == 6
    assert not [f for f in findings(host) if f["finding"] == "gap"]
    host.shift(31 * DAY)
    eventually(lambda: product(host)["observed"] == 0, "nobody was heard within the window")
    assert len(machines(host)) == 6


def test_a_backup_has_what_was_observed(office, new_host):
    """Also while an import is under way: what was committed. A host on the copy has it."""
    take(office, [event(i, now() - DAY) for i in range(20)])
    run = Import(office)
    run.records([event(i, now() - DAY) for i in range(100, 200)])
    folder = office.folder / "copy"
    office.admin_ok("POST", "/backup", {"dir": str(folder)})
    run.end()
    assert stat.S_IMODE(os.stat(folder / "observed.db").st_mode) == 0o600 and not (folder / "observed.db.part").exists()
    with contextlib.closing(sqlite3.connect(folder / "observed.db")) as db:
        assert db.execute("SELECT count(*) FROM machine").fetchone() == (20,)
    assert len(machines(office)) == 120


@pytest.mark.parametrize("sql, sentence", [
    ("UPDATE observed SET schema=99", "was written by a newer Muster"),
    ("UPDATE observed SET schema=0", "is damaged"),
    ("PRAGMA application_id=7", "is a database of something else"),
])
def test_a_file_of_something_else_is_refused(new_host, sql, sentence):
    host = new_host(plugins=("office2013",))
    host.stop()
    with contextlib.closing(sqlite3.connect(host.folder / "state" / "observed.db")) as db:
        db.execute(sql)
        db.commit()
    host.start(ready=False)
    assert host.process.wait(PATIENCE) != 0
    assert sentence in host.logged() and "observed.db" in host.logged()


def test_events_dated_in_the_future_count_nothing(office):
    """A machine dated next year would stay counted until then."""
    said = take(office, [event(1, now() + 300 * DAY), event(2, now() + 300 * DAY, result="0xC004F06C"), event(3, now())])
    assert said["new"] == 3 and said["doubtful"] == 2
    assert [m["client_id"] for m in machines(office)] == [client(3)]


def test_a_client_s_own_log_tells_who_asked_which_host(office):
    """12288 is logged by the machine: its host is the server, its name the computer; requests heard by both are the same ones."""
    at = now() - DAY
    asked = {**event(1, at), "id": 12288, "host": "pc-1.example.org", "server": "KMS1.example.org:1688"}
    del asked["name"]
    take(office, [asked, {"line": 2, "id": 12289, "host": "pc-1.example.org", "logged_at": text(at), "at": text(at), "result": "0x0", "activated": 1, "count": 6, "activation_interval": 120,
                          "renewal_interval": 10080}, {"line": 3, "id": 12293, "host": "kms1.example.org", "logged_at": text(at), "result": "0x8007232A", "domain": "example.org"}])
    take(office, [event(1, at)])
    (one,) = machines(office)
    assert (one["host"], one["name"], one["requests"], one["by"]) == ("kms1.example.org", "pc-1.example.org", 1, "host")
    other = {e["id"]: e for e in pages(office, "/observed/events")}
    assert other[12289]["count"] == 6 and other[12289]["renewal_interval"] == 10080 and other[12293]["domain"] == "example.org" and other[12288]["server"] == "KMS1.example.org:1688"


def test_verbs(office):
    """events --observed, and the column of products."""
    admin = Administrator(office)
    take(office, [event(i, now() - DAY) for i in range(12)])
    assert len(admin.json("events", "--observed", "--all")["items"]) == 12
    text_ = admin.ok("events", "--observed", "--all")
    assert text_.splitlines()[0].split() == ["TIME", "EVENT", "HOST", "PRODUCT", "NAME", "CLIENT", "ID", "RESULT"] and "pc-0.example.org" in text_
    header, *rows = admin.ok("products").splitlines()
    place = header.index("OBSERVED")
    assert any(row.startswith("office2013") and row[place:place + 8].strip() == "12" for row in rows), rows
    assert "--observed" in admin.refused("events", "--observed", "--follow", status=2)
