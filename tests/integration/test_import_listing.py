"""Listings of dli and dlv through the front door: what they make of hosts, keys, activation IDs and history, and what is doubted in them.

The three samples are published ones (tests/unit/data). Every other listing here is written by this file in the same form; its keys' last five characters are invented."""

import json
import os
import pathlib
import resource
import time

import pytest

from administrator import DONE, FAILED, Administrator
from host import OFFICE2013, SOURCE, program

SAMPLES = pathlib.Path(SOURCE) / "tests" / "unit" / "data"
WINDOWS = "55c92734-d682-4d71-983e-d6ec3f16059f"
OFFICE = "0ff1ce15-a989-479d-af46-f275c6370663"
SERVER_ID = "11111111-1111-4111-8111-111111111111"
CLIENT_ID = "22222222-2222-4222-8222-222222222222"
PLUGINS = ("office2013", "windows", "windows-server")
SANITIZED = b"__asan_init" in pathlib.Path(program("musterctl")).read_bytes()


def sample(name):
    return (SAMPLES / name).read_text()


def block(name="Windows(R), ServerStandard edition", description="Windows(R) Operating System, VOLUME_KMS_WS22 channel", activation_id=SERVER_ID, application_id=WINDOWS,
          pid="06401-00206-500-000001-03-1033-20348.0000-0102026", partial="AAAA1", status="Licensed", at="11/1/2026 9:00:00 AM", count=None, total=None, more=""):
    """One block of dlv."""
    text = f"Name: {name}\nDescription: {description}\n"
    for label, value in (("Activation ID", activation_id), ("Application ID", application_id), ("Extended PID", pid), ("Partial Product Key", partial), ("License Status", status),
                         ("Trusted time", at)):
        if value is not None:
            text += f"{label}: {value}\n"
    if count is not None:
        text += f"\nKey Management Service is enabled on this machine\n    Current count: {count}\n    Listening on Port: 1688\n    DNS publishing enabled\n    KMS priority: Normal\n"
    if total is not None:
        text += f"\nKey Management Service cumulative requests received from clients\n    Total requests received: {total}\n    Failed requests received: 0\n"
    return text + more + "\n"


class Books:
    """An administrator who imports listings."""

    def __init__(self, host):
        self.host, self.admin, self.count = host, Administrator(host), 0

    def take(self, text, *options, name=None, encoding="utf-8", status=DONE):
        self.count += 1
        path = self.host.folder / (name or f"listing{self.count}.txt")
        path.write_bytes(text.replace("\n", "\r\n").encode(encoding))
        os.utime(path, (1790000000, 1790000000))  # 2026-09-21
        said = self.admin("import", str(path), *options, "--json")
        assert said.status == status, said.out + said.err
        return json.loads(said.out)

    def hosts(self):
        return {(e["host"], e["activation_id"]): e for e in self.admin.items("hosts", "list")}

    def one(self):
        (entry,) = self.hosts().values()
        return entry

    def keys(self):
        keys = [e for e in self.admin.items("keys", "list") if "partial" in e]
        assert len({k["partial"] for k in keys}) == len(keys), keys
        return {k["partial"]: k for k in keys}

    def history(self, **query):
        query = "&".join(f"{k}={v}" for k, v in query.items())
        return self.host.admin_ok("GET", f"/observed/history?{query}")["items"]


def files(said):
    return said["files"] if "files" in said else [said]


def sums(said):
    (one,) = files(said)
    return one


def texts(said, level):
    return [m["text"] for m in sums(said)["messages"] if m["level"] == level]


def numbers(said):
    one = sums(said)
    return tuple(one[k] for k in ("new", "changed", "same", "skipped", "refused", "doubtful"))


@pytest.fixture
def books(new_host):
    return Books(new_host(plugins=PLUGINS, clock=True))


def test_the_published_samples(books):
    said = books.take(sample("dlv-office2013.txt"), "--host", "KMS01")
    assert numbers(said) == (2, 0, 0, 0, 0, 0), said
    said = books.take(sample("dli-server2008r2-host.txt"), name="kms02.example.org.txt")
    assert numbers(said)[0] == 2 and any("kms02.example.org" in t for t in texts(said, "note")), said
    said = books.take(sample("dli-windows7-client.txt"), "--host", "pc-1", "--at", "2009-05-01")
    assert numbers(said) == (2, 0, 0, 0, 0, 0), said
    hosts = {e["host"]: e for e in books.hosts().values()}
    assert set(hosts) == {"kms01", "kms02.example.org", "pc-1"}
    office = hosts["kms01"]
    assert office["activation_id"] == OFFICE2013 and office["application_id"] == OFFICE and office["channel"] == "host" and office["taken_at"] == "2013-04-09T09:58:33Z"
    assert (office["current_count"], office["total"], office["port"], office["rearms"], office["enabled"]) == (0, 0, 1688, 1000, True)
    assert "doubts" not in office and "updates" not in office
    server = hosts["kms02.example.org"]
    assert (server["current_count"], server["total"], server["licensed"], server["partial"]) == (2, 826, 826, "PYWKV")
    assert server["taken_at"] == "2026-09-21T14:13:20Z"
    client = hosts["pc-1"]
    assert (client["channel"], client["minutes_left"], client["activated_by"]) == ("client", 243720, "emeronb10-rc3.sppvltest.net:1688")
    assert client["client_id"] == "2ffcfc30-6a6a-49ec-92b8-f6150c7df211" and client["taken_at"] == "2009-05-01T00:00:00Z"
    keys = books.keys()
    assert {p: (k["kind"], k["hosts"]) for p, k in keys.items()} == {"KDQ2G": ("host", ["kms01"]), "PYWKV": ("host", ["kms02.example.org"]), "DVQ7P": ("setup", ["pc-1"])}


def test_the_same_again_changes_nothing(books):
    text = block(count=7, total=100) + "Computer: KMS09\n" + block(pid="06401-00206-500-000002-03-1033-20348.0000-0112026", partial="AAAA2", count=60)
    first = books.take(text, "--host", "KMS01")
    assert numbers(first)[:2] == (4, 0)
    hosts, keys, history = books.hosts(), books.keys(), books.history()
    again = books.take(text, "--host", "KMS01")
    assert numbers(again)[:5] == (0, 0, 4, 0, 0) and sums(again)["learned"] == [], again
    assert (books.hosts(), books.keys(), books.history()) == (hosts, keys, history)
    assert len(history) == 2


def test_all_blocks_teach_their_activation_ids(books):
    """A whole `dlv all`, in UTF-16 as PowerShell writes it: ten blocks, most of them not in use."""
    ids = [f"3333333{i}-3333-4333-8333-333333333333" for i in range(10)]
    names = ["Windows(R), ServerStandard edition", "Windows(R), ServerDatacenter edition", "Windows(R), Enterprise edition", "Windows(R), Education edition",
             "Office 15, OfficeProPlusVL_KMS_Client edition", "Office 16, Office16ProPlusVL_KMS_Client edition", "Windows(R), Enterprise edition", "Acme Suite, Standard edition",
             "Windows(R) 7, Client-ESU-Year1 add-on for Enterprise", "Windows(R), ServerStandard edition"]
    channels = ["VOLUME_KMS_WS22", "VOLUME_KMSCLIENT", "VOLUME_KMSCLIENT", "VOLUME_KMSCLIENT", "VOLUME_KMSCLIENT", "VOLUME_KMSCLIENT", "VOLUME_MAK", "VOLUME_KMSCLIENT",
                "VOLUME_MAK", "RETAIL"]
    text = "Software licensing service version: 10.0.20348.1\n\n"
    for i, (name, channel) in enumerate(zip(names, channels)):
        application = OFFICE if "Office" in name else WINDOWS if "Windows" in name else None
        used = i == 0
        text += block(name, f"{name.split(',')[0]}, {channel} channel", ids[i], application, pid="06401-00206-500-000001-03-1033-20348.0000-0102026" if used else None,
                      partial="AAAA1" if used else None, status="Licensed" if used else None, count=5 if used else None, at=None if i else "11/1/2026 9:00:00 AM",
                      more="" if used else "This license is not in use.\n")
    said = books.take(text, "--host", "KMS01", encoding="utf-16")
    learned = {e["activation_id"]: e["product"] for e in sums(said)["learned"]}
    assert learned == {ids[0]: "windows-server", ids[1]: "windows-server", ids[2]: "windows", ids[3]: "windows", ids[4]: "office2013"}, said
    assert numbers(said)[:2] == (2, 0) and any("not in use" in t for t in texts(said, "note"))
    teach = [t for t in texts(said, "note") if "products learn" in t]
    assert len(teach) == 2 and any(ids[5] in t for t in teach) and any(ids[7] in t and "Acme Suite" in t for t in teach), teach
    assert list(books.hosts()) == [("kms01", ids[0])]
    editions = {e["activation_id"]: (p["product"], e["learned"]) for p in books.admin.items("products") for e in p["editions"]}
    for id_, product in learned.items():
        assert editions[id_] == (product, True)
    assert numbers(books.take(text, "--host", "KMS01"))[:2] == (0, 0)
    # taught by hand, as the note says
    books.admin.ok("products", "learn", ids[5], "--as", "office2013")
    said = books.take(text, "--host", "KMS01")
    assert sums(said)["learned"] == [] and not any(ids[5] in t for t in texts(said, "note"))


MORE = """
[product office2016]
like          = office2013
name          = Office 2016
description   = Office 2016, VOLUME_KMS channel
activation_id = 98ebfe73-2084-4c97-932c-c0cd1643bea7
pool          = office2016
[product windows-server-2019]
like          = windows-server
name          = Windows Server 2019, volume editions
activation_id = 55555555-0000-4000-8000-000000000001
"""


def test_an_activation_id_is_learned_only_where_one_product_is_meant(new_host):
    """Two products of one family: the year in the name decides, and where there is none nobody guesses. Generations of Office are told apart."""
    books = Books(new_host(plugins=PLUGINS, clock=True, products=MORE))
    blocks = [("Windows(R), ServerStandard edition", WINDOWS, None), ("Windows Server 2019, ServerStandard edition", WINDOWS, "windows-server-2019"),
              ("Office 16, Office16ProPlusVL_KMS_Client edition", OFFICE, "office2016"), ("Office 15, OfficeStandardVL_KMS_Client edition", OFFICE, "office2013"),
              ("Office 19, Office19Standard2019VL_KMS_Client_AE edition", OFFICE, None), ("Office 15, of another application", WINDOWS, None), ("Windows(R), Enterprise edition", WINDOWS, "windows"),
              ("Office 2016", OFFICE, "office2016")]
    text = "".join(block(name, f"{name}, VOLUME_KMSCLIENT channel", f"6666666{i}-6666-4666-8666-666666666666", application, pid=None, partial=None, status=None,
                         more="This license is not in use.\n") for i, (name, application, _) in enumerate(blocks))
    said = books.take(text, "--host", "KMS01")
    learned = {e["activation_id"]: e["product"] for e in sums(said)["learned"]}
    assert learned == {f"6666666{i}-6666-4666-8666-666666666666": product for i, (_, _, product) in enumerate(blocks) if product is not None}
    assert len([t for t in texts(said, "note") if "products learn" in t]) == 3


def test_several_hosts_in_one_file(books):
    text = ("C:\\>cscript //nologo slmgr.vbs KMS01 /dlv all\n" + block() +
            "C:\\>cscript //nologo slmgr.vbs KMS02.example.org administrator secret /dlv\n" + block(pid="06401-00206-500-000002-03-1033-20348.0000-0112026") +
            "Computer: KMS03\n" + block(pid="06401-00206-500-000003-03-1033-20348.0000-0122026") +
            "C:\\>cscript //nologo slmgr.vbs /dlv\n" + block(pid="06401-00206-500-000004-03-1033-20348.0000-0132026"))
    said = books.take(text, "--host", "KMS04")
    assert numbers(said) == (5, 3, 0, 0, 0, 0), said  # four hosts and one key, which was seen on three more
    assert {h for h, _ in books.hosts()} == {"kms01", "kms02.example.org", "kms03", "kms04"}
    assert books.keys()["AAAA1"]["hosts"] == ["kms01", "kms02.example.org", "kms03", "kms04"]
    assert "secret" not in json.dumps(books.admin.items("hosts", "list"))


def test_code_pages(books):
    text = block(name="Windows(R), Größe edition")
    assert numbers(books.take(text, "--host", "a", "--code-page", "850", encoding="cp850"))[0] == 2
    assert numbers(books.take(text, "--host", "b", encoding="utf-16-be"))[0] == 1
    said = books.take(text, "--host", "c", encoding="cp1252")
    assert any("--code-page" in t for t in texts(said, "note"))
    assert {e["name"] for e in books.hosts().values()} == {"Windows(R), Größe edition"}


def test_an_older_listing_is_history(books):
    """What is newer stays; both are in the history, in the order of time."""
    books.take(block(count=30, total=300, at="11/10/2026 9:00:00 AM"), "--host", "KMS01")
    said = books.take(block(count=20, total=200, at="11/3/2026 9:00:00 AM", status="Notification", partial="BBBB2"), "--host", "KMS01")
    assert any("history only" in t for t in texts(said, "note"))
    assert sums(said)["by_kind"]["history"] == {"new": 1, "changed": 0, "same": 0, "skipped": 0}
    entry = books.one()
    assert (entry["current_count"], entry["total"], entry["license_status"], entry["partial"]) == (30, 300, "Licensed", "AAAA1")
    assert set(books.keys()) == {"AAAA1", "BBBB2"}
    said = books.take(block(count=20, total=200, at="11/3/2026 9:00:00 AM", status="Notification", partial="BBBB2"), "--host", "KMS01")
    assert numbers(said)[:2] == (0, 0) and sums(said)["by_kind"]["history"]["same"] == 1
    # a newer one replaces everything it lists, and what it lists no more goes
    said = books.take(block(count=None, at="11/17/2026 9:00:00 AM", partial=None, status="Unlicensed"), "--host", "kms01")
    entry = books.one()
    assert entry["license_status"] == "Unlicensed" and "current_count" not in entry and "partial" not in entry and entry["taken_at"] == "2026-11-17T09:00:00Z"
    items = books.history(host="KMS01", activation_id=SERVER_ID)
    assert [(i["taken_at"], i["current_count"], i["total"], i["partial"]) for i in items] == [
        ("2026-11-03T09:00:00Z", 20, 200, "BBBB2"), ("2026-11-10T09:00:00Z", 30, 300, "AAAA1"), ("2026-11-17T09:00:00Z", None, None, None)]
    assert books.history(host="other") == [] and len(books.history()) == 3 and books.history(activation_id=CLIENT_ID) == []
    assert books.history(activation_id=SERVER_ID) == items


def test_doubtful_values_are_taken_and_flagged(books):
    text = ("Computer: KMS01\n" + block(count=51) + "Computer: KMS02\n" + block() +
            "Computer: KMS03\n" + block("Office 15, OfficeKMSHostVL_KMS_Host edition", "Office 15, VOLUME_KMS channel", OFFICE2013, "0ff1ce16-a989-479d-af46-f275c6370663",
                                        "05426-00206-234-001162-03-1033-9200.0000-0992013", "KDQ2G", count=11, more="Activation interval: 5 minutes\n"))
    said = books.take(text)
    hosts = {e["host"]: e.get("doubts", []) for e in books.hosts().values()}
    assert [d for d in hosts["kms01"] if "a count of 51 is over the cap of 50" in d] and len(hosts["kms01"]) == 1, hosts
    assert len(hosts["kms02"]) == 1 and "is listed for kms01 too" in hosts["kms02"][0], hosts
    assert len(hosts["kms03"]) == 4, hosts
    for part in ("0ff1ce16-a989-479d-af46-f275c6370663 does not exist", "outside of 15 to 43200", "over the cap of 10", f"office2013 has {OFFICE}"):
        assert any(part in d for d in hosts["kms03"]), (part, hosts)
    assert numbers(said)[5] == 6 and len(texts(said, "doubtful")) == 6 and all(t.startswith("kms0") for t in texts(said, "doubtful"))
    # doubts are of one listing: a better one has none
    books.take("Computer: KMS01\n" + block(count=50, at="11/2/2026 9:00:00 AM"))
    assert "doubts" not in {e["host"]: e for e in books.hosts().values()}["kms01"]
    assert "doubts" in books.admin.json("hosts", "show", [e["id"] for e in books.hosts().values() if e["host"] == "kms03"][0])


def test_listings_in_the_time_of_a_place(books):
    """Winter, summer, the hour that comes twice (the file's time tells which, or nobody), and one that no clock showed."""
    def taken(at, *options):
        said = books.take(block(at=at), "--host", "KMS01", "--time-zone", "Europe/Berlin", *options)
        return max(i["taken_at"] for i in books.history()), [t for t in texts(said, "note") if "time zone" in t], [d for d in books.one().get("doubts", []) if "time zone" in d]

    assert taken("1/15/2025 9:00:00 AM") == ("2025-01-15T08:00:00Z", [], [])
    at, notes, doubts = taken("3/30/2025 2:30:00 AM")
    assert at == "2025-03-30T01:30:00Z" and not notes and len(doubts) == 1 and "was never shown by a clock" in doubts[0], (notes, doubts)
    assert taken("7/15/2025 9:00:00 AM") == ("2025-07-15T07:00:00Z", [], [])
    at, notes, _ = taken("10/26/2025 2:20:00 AM")
    assert at == "2025-10-26T00:20:00Z" and len(notes) == 1 and "was shown twice" in notes[0], notes
    assert taken("10/26/2025 2:30:00 AM", "--at", "2025-10-26T01:31:00Z")[:2] == ("2025-10-26T01:30:00Z", [])


def test_a_listing_of_the_future_is_doubted(books):
    books.take(block(at="11/1/2099 9:00:00 AM"), "--host", "KMS01")
    assert any("still to come" in d for d in books.one()["doubts"])


def test_updates_that_the_system_needs(books):
    """The catalog's platforms against the build in the extended PID: Office on 2008 R2 or 7, and which of them another block of the same machine tells."""
    office = block("Office 15, OfficeKMSHostVL_KMS_Host edition", "Office 15, VOLUME_KMS channel", OFFICE2013, OFFICE, "05426-00206-234-001162-03-1033-7601.0000-0992013", "KDQ2G", count=3)
    said = books.take(office, "--host", "KMS01")
    assert books.one()["updates"] == ["Windows Server 2008 R2, as host of office2013, needs KB2757817", "Windows 7, volume editions, as host of office2013, needs KB2757817"]
    assert any("KB2757817" in t for t in texts(said, "note"))
    server = block("Windows Server(R), ServerEnterprise edition", "Windows Operating System - Windows Server(R), VOLUME_KMS_C channel", pid="55041-00168-305-000001-03-1033-7601.0000-1002013")
    books.take(server + office.replace("11/1/2026", "11/2/2026"), "--host", "KMS01")
    assert books.hosts()["kms01", OFFICE2013]["updates"] == ["Windows Server 2008 R2, as host of office2013, needs KB2757817"]
    said = books.take(block(pid="06401-00206-500-000002-03-1033-17763.0000-0102026"), "--host", "KMS07")
    assert books.hosts()["kms07", SERVER_ID]["updates"] == ["Windows Server 2019, as host of windows-server, needs KB5034768 or a later cumulative update"]


def test_a_summary_finds_its_activation_id(books):
    """dli lists none: that of an earlier dlv of the machine, of the same name anywhere, else one made from the name until a dlv tells."""
    name, description = "Windows Server(R), ServerEnterprise edition", "Windows Operating System - Windows Server(R), VOLUME_KMS_C channel"
    dli = block(name, description, None, None, None, "AAAA1", at=None, count=9)
    said = books.take(dli, "--host", "KMS01", "--at", "2026-10-01")
    assert any("the one of windows-server" in t for t in texts(said, "note"))
    made = books.one()["activation_id"]
    assert made == {p["product"]: p["activation_id"] for p in books.admin.items("products")}["windows-server"]
    assert numbers(books.take(dli, "--host", "KMS01", "--at", "2026-10-01"))[:3] == (0, 0, 2)
    books.take(block(name, description, count=10), "--host", "KMS01")
    assert list(books.hosts()) == [("kms01", SERVER_ID)]
    books.take(dli, "--host", "KMS01", "--at", "2026-11-03")
    entry = books.one()
    assert (entry["activation_id"], entry["current_count"], entry["application_id"], entry["taken_at"]) == (SERVER_ID, 9, WINDOWS, "2026-11-03T00:00:00Z")
    books.take(dli, "--host", "KMS02", "--at", "2026-11-03")
    assert ("kms02", SERVER_ID) in books.hosts()
    # of no product that is known: from the name
    said = books.take(block("Acme Suite", "Acme Suite, VOLUME_KMS channel", None, None, None, "AAAA9", at=None), "--host", "KMS03", "--at", "2026-11-03")
    assert any("made from its name" in t for t in texts(said, "note"))
    (acme,) = [id_ for host, id_ in books.hosts() if host == "kms03"]
    assert acme[14] == "5"
    books.take(block("Acme Suite", "Acme Suite, VOLUME_KMS channel", CLIENT_ID, "99999999-9999-4999-8999-999999999999", None, "AAAA9"), "--host", "KMS03")
    assert [id_ for host, id_ in books.hosts() if host == "kms03"] == [CLIENT_ID]


def test_keys_meet_those_of_the_books(books):
    """A key that is in the books already gets the host, and keeps what the books call it."""
    books.admin.ok("keys", "add", "--set", "kind=host", "--set", "partial=AAAA1", "--set", "products=Windows Server 2022 KMS", "--set", "note=from the portal")
    books.take(block(), "--host", "KMS01")
    key = books.keys()["AAAA1"]
    assert (key["products"], key["hosts"], key["note"]) == (["Windows Server 2022 KMS", "Windows(R), ServerStandard edition"], ["kms01"], "from the portal")
    books.take(block(), "--host", "KMS02")
    assert books.keys()["AAAA1"]["hosts"] == ["kms01", "kms02"]
    said = books.take(block(description="Windows(R) Operating System, VOLUME_MAK channel", activation_id=CLIENT_ID, pid=None), "--host", "PC-1")
    assert any("is a host key in the books, and is listed as a mak key" in t for t in texts(said, "doubtful")), said
    assert books.keys()["AAAA1"]["kind"] == "host"


def test_what_is_not_taken_is_said_with_its_line(books):
    said = books.take("\n\n" + "Name: Windows(R)\nBeschreibung: x\nLicense Status: Licensed\nLicense Status: x\n\n" + block(), "--kind", "listing", "--host", "KMS01", status=FAILED)
    refused = [m for m in sums(said)["messages"] if m["level"] == "refused"]
    assert len(refused) == 1 and refused[0]["line"] == 3 and "labels are read in English" in refused[0]["text"]
    assert len(books.hosts()) == 1
    said = books.take(block(), name="a listing.txt", status=FAILED)  # a name that is no machine's, and nothing else to take
    refused = [m for m in sums(said)["messages"] if m["level"] == "refused"]
    assert len(refused) == 1 and refused[0]["line"] == 1 and "--host NAME" in refused[0]["text"]


def test_hostile_listings(books):
    """NUL bytes, half a UTF-16 pair, a line of 200 MiB in the middle: named with the line, the rest is taken, memory stays small."""
    text = block() + "X\n" + "Computer: KMS02\n" + block(pid="06401-00206-500-000002-03-1033-20348.0000-0112026")
    path = books.host.folder / "hostile.txt"
    before, after = text.encode().replace(b"AAAA1", b"AA\0A1", 1).split(b"X\n")
    with open(path, "wb") as out:
        out.write(before)
        for _ in range(200):
            out.write(b"X" * (1 << 20))
        out.write(b"\n" + after)
    limit = None if SANITIZED else lambda: resource.setrlimit(resource.RLIMIT_AS, (256 << 20, 256 << 20))
    said = books.admin("import", str(path), "--host", "KMS01", "--json", preexec_fn=limit)
    assert said.status == DONE, said
    doubtful = {(m["line"], m["text"]) for m in sums(said.json)["messages"] if m["level"] == "doubtful"}
    assert any(line == 6 and "NUL byte" in t for line, t in doubtful) and any("more than 1048576 bytes" in t for _, t in doubtful), doubtful
    hosts = {e["host"]: e for e in books.hosts().values()}
    assert set(hosts) == {"kms01", "kms02"} and any("not five letters" in d for d in hosts["kms01"]["doubts"]) and "partial" not in hosts["kms01"]
    path.write_bytes(b"\xff\xfe" + block().encode("utf-16-le").replace("Standard".encode("utf-16-le"), b"\x3d\xd8") + b"!")
    said = books.admin("import", str(path), "--host", "KMS03", "--json")
    assert said.status == DONE, said
    doubtful = {(m["line"], m["text"]) for m in sums(said.json)["messages"] if m["level"] == "doubtful"}
    assert any(line == 1 and "half a UTF-16 pair" in t for line, t in doubtful) and any("at the end" in t for _, t in doubtful), doubtful
    assert books.hosts()["kms03", SERVER_ID]["name"] == "Windows(R), Server\ufffd edition"


def test_a_dry_run_keeps_nothing(books):
    said = books.take(block(), "--host", "KMS01", "--dry-run")
    assert numbers(said)[0] == 2 and len(sums(said)["learned"]) == 1
    assert books.hosts() == {} and books.keys() == {} and books.history() == []
    assert all(not e["learned"] for p in books.admin.items("products") for e in p["editions"])


def test_our_own_listing_round_trip(books, new_host):
    """`musterctl dlv all` of a real host is read as it was."""
    host = new_host(plugins=PLUGINS)
    host.certify("office2013")
    text = Administrator(host).ok("dlv", "all")
    listed = {i["name"]: i for i in host.admin_ok("GET", "/listing?id=all")["items"]}
    said = books.take(text, "--host", "muster.example.org")
    assert numbers(said)[4:] == (0, 0), said
    for entry in books.hosts().values():
        item = listed[entry["name"]]
        assert entry["activation_id"] == item["activation_id"] or item["activation_id"] is None  # listed, never served
        assert (entry["name"], entry["description"], entry["license_status"], entry.get("application_id")) == (item["name"], item["description"], item["license_status_text"], item["application_id"])
        if "host" in item:
            assert (entry["current_count"], entry["port"], entry["enabled"]) == tuple(item["host"][k] for k in ("current_count", "port", "enabled"))
            assert (entry["total"], entry["failed"], entry["unlicensed"], entry["notification"]) == (item["requests"]["total"], item["requests"]["failed"], *[item["requests"]["status"][i] for i in (0, 5)])
    assert {e["name"] for e in books.hosts().values()} == set(listed)


def test_ten_thousand_blocks(books):
    """Two thousand machines, five products each, in one file: within seconds, and the second time nothing changes."""
    text = "".join(f"Computer: PC-{m:04}\n" + "".join(block(f"Product {p}", f"Product {p}, VOLUME_KMSCLIENT channel", f"4444444{p}-4444-4444-8444-444444444444", None,
                   f"06401-00206-500-{m:06}-03-1033-20348.0000-0102026", f"PPPP{p}", at="11/1/2026 9:00:00 AM") for p in range(5)) for m in range(2000))
    begun = time.monotonic()
    said = books.take(text)
    took = time.monotonic() - begun
    assert sums(said)["by_kind"]["host"]["new"] == 10000 and sums(said)["refused"] == 0
    assert took < 60, took
    assert all(len(k["hosts"]) == 256 for k in books.keys().values())
    assert any("further ones are in the list of hosts only" in t for t in texts(said, "note"))
    again = books.take(text)
    assert numbers(again)[:2] == (0, 0)
    print(f"10,000 blocks: {took:.1f} s")
