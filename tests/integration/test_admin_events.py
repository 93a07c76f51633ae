"""Events as administrators read them: the nine fields of 12290, tail, after, follow, paging (facts.md section 4)."""

import concurrent.futures
import json
import re
import signal
import threading

import pytest

from administrator import NO_HOST, Administrator, documented, muster
from host import OFFICE2013, PATIENCE, Machine, eventually, now_text

UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
MANY = 2300  # more than two pages of 1000


@pytest.fixture(scope="module")
def busy(issuer):
    """A host with more events than two pages hold; its administrator."""
    from host import Host, folder
    with folder() as path:
        host = Host(path / "host", issuer, limits="new_clients_per_hour = 1000000").start()
        host.certify("office2013")
        flood(host, MANY, writers=10)
        yield Administrator(host)
        host.close()


def flood(host, n, writers=1):
    """n requests of a few machines over one connection for each writer."""
    def write(share):
        connection = host.connection()
        machines = [Machine(f"pc-{i}") for i in range(20)]
        for i in range(share):
            assert host.activate(machines[i % len(machines)], OFFICE2013, connection).status in (200, 202)
        connection.close()

    with concurrent.futures.ThreadPoolExecutor(writers) as pool:
        list(pool.map(write, [n // writers] * writers))


def records(text):
    """The last column of `events`, of those rows that stand for one request."""
    return re.findall(r"(?m) 12290 office2013 +1 (.+)$", text)


def test_12290_has_its_nine_fields_in_their_order(new_host):
    """HRESULT, minimum count, machine name, CMID, yyyy/M/d H:mm unpadded, VM, licensing status, minutes to expiry, activation ID;
    commas only, no spaces but the date's. The same line in the listing and in JSON, beside the same values as members."""
    host = new_host()
    host.certify("office2013")
    admin = Administrator(host)
    for n in range(1, 6):
        machine = Machine(f"pc-{n}", virtual=n % 2 == 0)
        host.activate(machine, OFFICE2013, license_status=n, minutes_left=1000 + n, time=now_text())
    events = [e for e in admin.items("events") if e["id"] == 12290]
    assert len(events) == 5
    for n, event in enumerate(events, 1):
        fields = event["record_line"].split(",")
        assert len(fields) == 9
        assert fields[0] == ("0x0" if n == 5 else "0xC004F038") == event["result"]
        assert fields[1] == "5" == str(event["minimum_count"])
        assert fields[2] == f"pc-{n}" == event["name"]
        assert fields[3] == event["client_id"] and re.fullmatch(UUID, fields[3])
        assert re.fullmatch(r"\d{4}/[1-9]\d?/[1-9]\d? (0|[1-9]\d?):\d\d", fields[4]), fields[4]
        assert fields[5] == ("1" if n % 2 == 0 else "0") == str(int(event["virtual"]))
        assert fields[6] == str(n) == str(event["license_status"])
        assert fields[7] == str(1000 + n) == str(event["minutes_left"])
        assert fields[8] == OFFICE2013 == event["activation_id"]
    assert records(admin.ok("events")) == [e["record_line"] for e in events]


def test_12290_dates_are_not_padded_and_names_cannot_shift_the_fields(new_host):
    """3 o'clock on the fourth of February 2026 is 2026/2/4 3:05; commas and blanks of a name become underscores in the record,
    and stay in the JSON member."""
    host = new_host()
    host.certify("office2013")
    machine = Machine("a b,c,0x0")
    a = host.activate(machine, OFFICE2013, time="2026-02-04T03:05:59Z", minutes_left=...)
    assert a.code == "0xC004F06C"  # far from the host's clock, and logged all the same
    event = next(e for e in Administrator(host).items("events") if e["id"] == 12290)
    assert event["record_line"] == f"0xC004F06C,5,a_b_c_0x0,{machine.client_id},2026/2/4 3:05,0,2,0,{OFFICE2013}"
    assert event["name"] == "a b,c,0x0" and event["minutes_left"] is None


def test_refusals_are_events_with_their_code(new_host):
    """An unknown activation ID is an event with 0xC004F042 and that ID; a host that is not activated writes 0xC004F041."""
    host = new_host()
    admin = Administrator(host)
    unknown = "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee"
    host.activate(Machine("stranger"), unknown)
    host.activate(Machine("early"), OFFICE2013)
    seen = {e["name"]: (e["result"], e["activation_id"], e["product"], e["record_line"].split(",")[0]) for e in admin.items("events") if e["id"] == 12290}
    assert seen["stranger"] == ("0xC004F042", unknown, "", "0xC004F042")
    assert seen["early"] == ("0xC004F041", OFFICE2013, "office2013", "0xC004F041")


def test_what_is_granted_beyond_the_policy_is_marked_as_debt(new_host):
    """policy = advise: below the minimum count a lease is given all the same; event and machine say debt, until the count is there."""
    host = new_host(more="[product office2013]\nminimum_count = 2\npolicy = advise\n")
    admin = Administrator(host)
    first, second = Machine("first"), Machine("second")
    assert host.activate(first, OFFICE2013).code == "0xC004F041", "without a certificate no policy helps"
    host.certify("office2013")
    a = host.activate(first, OFFICE2013)
    assert a.status == 200 and a.json["count"] == 1 and a.json["minimum_count"] == 2, a
    assert admin.items("clients", first.client_id)[0]["debt"] is True
    assert host.activate(second, OFFICE2013).status == 200
    assert host.activate(first, OFFICE2013).status == 200
    events = [e for e in admin.items("events") if e["id"] == 12290]
    assert [(e["result"], e["debt"]) for e in events] == [("0xC004F041", False), ("0x0", True), ("0x0", False), ("0x0", False)]
    assert records(admin.ok("events")) == [e["record_line"] + (" (debt)" if e["debt"] else "") for e in events]
    assert admin.items("clients", first.client_id)[0]["debt"] is False


def test_musters_own_codes_stand_as_hresults_and_can_be_explained(new_host):
    """A clone (M-112): the record begins with 0xA0000070, the JSON member says M-112, explain takes both."""
    host = new_host()
    host.certify("office2013")
    admin = Administrator(host)
    first = Machine("first")
    host.activate(first, OFFICE2013)
    assert host.activate(Machine("clone", client_id=first.client_id), OFFICE2013).code == "M-112"
    event = admin.items("events")[-1]
    assert event["result"] == "M-112" and event["record_line"].startswith("0xA0000070,5,clone,")
    assert admin.ok("explain", "0xA0000070") == admin.ok("explain", "M-112")
    assert admin.items("clients", first.client_id)[0]["clone"] is True
    assert re.search(rf"(?m)^{first.client_id} .* clone$", admin.ok("clients"))


def test_a_release_is_no_request_for_activation(new_host):
    """`muster release`: the machine leaves the count, clients shows it as released, the event has no 12290 and no counter moves."""
    host = new_host()
    host.certify("office2013")
    admin = Administrator(host)
    assert [muster(host, f"pc-{n}", "activate", "office2013").status for n in range(6)] == [1, 1, 1, 1, 0, 0]
    total = admin.items("dlv", OFFICE2013)[0]["requests"]
    assert muster(host, "pc-5", "release", "office2013").status == 0
    event = admin.items("events")[-1]
    assert (event["id"], event["record_line"], event["release"]) == (None, None, True) and set(event) == documented("Event")
    assert f" released by {event['client_id']}\n" in admin.ok("events")
    client, = admin.items("clients", event["client_id"])
    assert client["name"] == "pc-5" and client["released"] is True
    eventually(lambda: host.listing("office2013")["host"]["current_count"] == 5, "the place is given back")
    assert admin.items("dlv", OFFICE2013)[0]["requests"] == total


def test_host_events_stand_between_the_requests(new_host):
    """A start is an event of the host, in order, also after a restart; it has no number of its own unless it is 12291 or 12292."""
    host = new_host()
    host.certify("office2013")
    admin = Administrator(host)
    host.activate(Machine(), OFFICE2013)
    host.stop()
    host.start()
    host.activate(Machine(), OFFICE2013)
    events = admin.items("events")
    assert [e["id"] for e in events].count(12290) == 2
    starts = [e for e in events if e["id"] is None]
    assert len(starts) >= 2 and all(set(e) == documented("Host event") and e["text"] for e in starts)
    assert [e["seq"] for e in events] == sorted(e["seq"] for e in events)


def test_a_long_list_is_paged_with_nothing_missing_or_twice(busy):
    """--all walks pages of 1000: every request once, in order; the same in text under one heading."""
    every = busy.json("events", "--all")
    seqs = [e["seq"] for e in every["items"]]
    assert len([e for e in every["items"] if e["id"] == 12290]) >= MANY and every["more"] is False
    assert seqs == sorted(set(seqs)) and seqs[-1] - seqs[0] == len(seqs) - 1
    text = busy.ok("events", "--all")
    assert text.count("RECORD") == 1 and text.startswith("SEQ") or text.lstrip().startswith("SEQ")
    assert records(text) == [e["record_line"] for e in every["items"] if e["id"] == 12290]


def test_a_list_says_that_it_goes_on(busy):
    """Without --all or --limit 1000 rows, then a note on the error stream how to go on; with --limit exactly so many."""
    said = busy("events")
    assert said.status == 0 and len(said.out.splitlines()) == 1001
    assert said.err.startswith("There are more: --all prints them all")
    page = busy.json("events", "--limit", "1100")
    assert len(page["items"]) == 1100 and page["more"] is True
    rest = busy.json("events", "--after", str(page["items"][-1]["seq"]), "--all")
    assert rest["items"][0]["seq"] == page["items"][-1]["seq"] + 1 and rest["more"] is False
    assert len(busy.items("events", "--limit", "1")) == 1


def test_tail_is_the_last_rows(busy):
    """--tail N: the N newest in order, N beyond a page too; --tail of more than there is: all."""
    newest = busy.items("events", "--all")[-1]["seq"]
    for n in (1, 20, 1500):
        seqs = [e["seq"] for e in busy.items("events", "--tail", str(n), "--all")]
        assert seqs == list(range(newest - n + 1, newest + 1))
    assert busy.items("events", "--tail", "20")[-1]["seq"] == newest
    assert len(busy.items("events", "--tail", "1000000", "--all")) == len(busy.items("events", "--all"))


def test_pages_read_while_requests_come_in(busy):
    """A list that grows while it is walked: everything that was there is in it once."""
    before = busy.items("events", "--all")[-1]["seq"]
    writer = threading.Thread(target=flood, args=(busy.host, 300))
    writer.start()
    seen = [e["seq"] for e in busy.items("events", "--all")]
    writer.join()
    assert seen == list(range(1, seen[-1] + 1)) and seen[-1] >= before
    assert [e["seq"] for e in busy.items("events", "--all")][-1] >= before + 300


def test_follow_prints_each_event_once_while_requests_come_in(busy):
    """--follow --json: one document a line, from the given place on, complete and in order, with three writers; ends by interrupt."""
    start = busy.items("events", "--tail", "1")[0]["seq"]
    process = busy.start("events", "--follow", "--after", str(start), "--json")
    writers = [threading.Thread(target=flood, args=(busy.host, 100)) for _ in range(3)]
    for w in writers:
        w.start()
    seen = []
    while len([e for e in seen if e["id"] == 12290]) < 300:
        seen.append(json.loads(process.stdout.readline()))
    for w in writers:
        w.join()
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=PATIENCE) == -signal.SIGINT and process.stderr.read() == ""
    assert [e["seq"] for e in seen] == list(range(start + 1, start + 1 + len(seen)))


def test_follow_begins_with_now_or_with_a_tail_and_ends_with_the_host(new_host):
    """Without a place only what comes; with --tail the last ones first; when the host stops: exit 3 and why."""
    host = new_host()
    host.certify("office2013")
    admin = Administrator(host)
    host.activate(Machine("old"), OFFICE2013)
    followers = {"tail": admin.start("events", "--follow", "--tail", "1"), "now": admin.start("events", "--follow")}
    assert "old" in followers["tail"].stdout.readline()
    # Whether the second one listens already cannot be seen: ask until it says something.
    lines = []
    reader = threading.Thread(target=lambda: lines.append(followers["now"].stdout.readline()))
    reader.start()
    eventually(lambda: host.activate(Machine("new"), OFFICE2013) and lines, "the follower prints a request")
    reader.join()
    assert ",new," in lines[0] and "old" not in lines[0]
    assert host.stop() == 0
    for f in followers.values():
        assert f.wait(timeout=PATIENCE) == NO_HOST
        assert "the host has stopped" in f.stderr.read()
