"""What leaves the books: forms, selections, whole keys, anonymised, a page at a time; and that an empty Muster that reads it says the same."""

import csv
import http.server
import io
import json
import os
import pathlib
import re
import resource
import signal
import socketserver
import stat
import subprocess
import threading
import uuid

import pytest

from administrator import DONE, FAILED, LEFT, NO_HOST, USAGE, Administrator
from host import OFFICE2013, PATIENCE, SOURCE, Machine, eventually, now_text, program

KEY = "AAAAA-BBBBB-CCCCC-DDDDD-EEEEE"
OTHER = "FFFFF-GGGGG-HHHHH-JJJJJ-KKKKK"
PLUGINS = ("office2013", "windows", "windows-server")
WINDOWS_SERVER = "windows-server"
# One line of text that tries everything: separators, quotes, what a spreadsheet calculates, what looks marked already, other alphabets.
AWKWARD = ["=1+1", "+49 30", "-x", "@SUM(A1)", "'=x", "''@x", "a\"b\" c", "a,b;c", "a\\,b\\\\c", "Grüße – 東京 🗝", "'", "\"", "x'=y", "null", "yes", "0", "a  b"]


def sets(**fields):
    return [word for name, value in fields.items() for word in ("--set", f"{name}={value}")]


@pytest.fixture
def admin(new_host):
    return Administrator(new_host(plugins=PLUGINS))


@pytest.fixture
def another(new_host):
    """An empty Muster with the same products."""
    return lambda: Administrator(new_host(plugins=PLUGINS))


def put(admin, verb, id_, **entry):
    """An entry with values that no command line would carry."""
    return admin.host.admin_ok("POST", f"/estate/{verb}/add", {"id": id_, "entry": entry})


def body(text, form):
    """An export without the line that says when and where."""
    return text if form == "csv" else text.split("\n", 1)[1]


def rows_of(text, form, separator=","):
    if form == "json":
        return [json.loads(line) for line in text.splitlines()[1:]]
    return list(csv.DictReader(io.StringIO(text), delimiter=separator))


def fill_books(admin):
    put(admin, "contacts", "shop", name="Licence Shop", role="seller", telephone="+49 30 1234567", email="shop@example.org")
    put(admin, "organisations", "z-parent", name="=Parent, \"Inc\"")
    put(admin, "organisations", "a-child", name="Child\\, of, z", parent="z-parent", contacts=["shop"], note="first\n=second\tthird\n\nfifth")
    put(admin, "agreements", "select", programme="Select", number="=7654321", license_ids=["V1", "@V2", "V,3"], organisation="a-child", start="2026-07-01", end="2029-06-30")
    put(admin, "orders", "po1", number="-4711", state="submitted", agreement="select", seller="shop", products=["Windows Server, Standard", "+Office"], bought=50)
    put(admin, "catalogue", "office", name="Office LTSC 2021", category="Office", setup_key="SSSSS-TTTTT-VVVVV-WWWWW-XXXXX", keyless=False, rights="downgrade\nre-imaging")
    put(admin, "catalogue", "sql", name="SQL Server 2019", keyless=True)
    put(admin, "keys", "k1", kind="mak", key=KEY, products=["Office LTSC 2021", "a,b"], organisations=["a-child", "z-parent"], agreement="select", order="po1", bought=60, allowed=100, used=40,
        license_ids=["V1"], hosts=["pc,1"], osa_status="'=fine", as_of="2026-11-01")
    put(admin, "keys", "k2", kind="esu", partial="ZZZZZ", products=["Windows 10 ESU"], used=-1, coverage_start="2026-10-01", coverage_end="2027-09-30")
    put(admin, "requests", "r1", about="mak-limit", state="asked", key="k1", agreement="select", needed=5, reason="-because\n\"so\"", asked_on="2026-11-01")
    put(admin, "hosts", "h1", host="kms01.example.org", activation_id=OFFICE2013, taken_at="2026-11-01T10:00:00Z", current_count=7, channel="host", enabled=True, dns_publishing=False, doubts=["a, b"])
    for i, text in enumerate(AWKWARD):
        put(admin, "contacts", f"awkward{i:02}", name=text, role="other", region=text, note=text + "\n" + text)


def machine(i, host="kms01", activation_id=OFFICE2013, **more):
    return {"client_id": str(uuid.UUID(int=i + (1 << 100))), "activation_id": activation_id, "host": host, "name": f"pc-{i}", "names": [f"pc-{i}"], "first_seen": "2026-11-01T10:00:00Z",
            "last_seen": "2026-11-20T10:00:00Z", "requests": 3 + i, "result": "0x0", "license_status": 1, "minutes_left": 100 + i, "virtual": i % 2 == 0, "by": "host", **more}


def jsonl(path, type_, rows):
    path.write_text("\n".join(json.dumps(r, ensure_ascii=False) for r in [{"export": type_, "version": 1, "host": "elsewhere", "at": "2026-11-21T00:00:00Z"}, *rows]) + "\n", encoding="utf-8")
    return str(path)


def fill_machines(admin, tmp_path):
    """Observed ones with awkward names, and three that this host heard itself, one of them for two products."""
    rows = [machine(i, name=text, names=[text, f"other {text}"]) for i, text in enumerate(AWKWARD)]
    rows += [machine(100, host="kms02"), machine(100, host="kms01", minutes_left=None, virtual=None, result=None, license_status=None, by="mak", names=["pc-100", "old,name"])]
    rows += [machine(200, name="own-1", names=["own-1"])]   # one that another host heard too
    done = admin("import", jsonl(tmp_path / "machines.json", "machines", rows))
    assert done.status == DONE, done
    heard(admin)
    return len(rows)


def heard(admin):
    server = admin.host.activation_id(WINDOWS_SERVER)
    for i, name in enumerate(("own-1", "own-2,=x", "Eigener – 3")):
        m = Machine(name, str(uuid.UUID(int=i * 7 + (1 << 100) + 200)), virtual=i == 1)
        admin.host.activate(m, OFFICE2013)
        if i == 0:
            admin.host.activate(m, server)
    eventually(lambda: len(admin.items("clients")) == 4, "the machines are folded")


def event(i, **more):
    return {"id": 12290, "host": "kms01", "logged_at": f"2026-11-{1 + i % 20:02}T10:00:00.500Z" if i % 3 else f"2026-11-{1 + i % 20:02}T10:00:00Z", "record": 1000 + i, "result": "0xC004F038",
            "minimum_count": 5, "name": f"pc-{i}", "client_id": str(uuid.UUID(int=i + (1 << 100))), "at": f"2026-11-{1 + i % 20:02}T09:59:00Z", "virtual": i % 2 == 0, "license_status": 2,
            "minutes_left": 43200, "activation_id": OFFICE2013, **more}


def fill_events(admin, tmp_path):
    rows = [event(i, name=text) for i, text in enumerate(AWKWARD)]
    rows += [{"id": 12293, "host": "kms01", "logged_at": "2026-11-03T10:00:00Z", "record": 2, "result": "0x8007232A", "domain": "example.org"},
             {"id": 12288, "host": "pc-7", "logged_at": "2026-11-04T10:00:00Z", "record": 3, "result": "0x0", "server": "kms01:1688", "client_id": str(uuid.UUID(int=77)), "at": "2026-11-04T09:00:00Z",
              "virtual": False, "license_status": 2, "minutes_left": 5, "activation_id": OFFICE2013, "minimum_count": 5}]
    done = admin("import", jsonl(tmp_path / "events.json", "events", rows))
    assert done.status == DONE, done
    heard(admin)
    return len(rows)


# --- out, in, out ---

@pytest.mark.parametrize("form", ["csv", "json"])
@pytest.mark.parametrize("what", ["keys", "machines", "events", "books"])
def test_an_empty_muster_that_reads_an_export_exports_the_same(admin, another, tmp_path, what, form):
    if what in ("keys", "books"):
        fill_books(admin)
    elif what == "machines":
        fill_machines(admin, tmp_path)
    else:
        fill_events(admin, tmp_path)
    first = admin.ok("export", what, "--format", form)
    assert len(first.splitlines()) > 2
    path = tmp_path / f"export.{form}"
    assert admin("export", what, "--format", form, "--out", str(path)).status == DONE
    assert body(path.read_text(encoding="utf-8"), form) == body(first, form)
    other = another()
    said = other("import", str(path))
    assert said.status == DONE and "refused" not in said.err, said
    again = other.ok("export", what, "--format", form)
    assert body(again, form) == body(first, form)
    before = other.items("journal", "--all")
    assert other("import", str(path)).status == DONE
    assert body(other.ok("export", what, "--format", form), form) == body(first, form), "twice is once"
    assert KEY not in first and KEY not in json.dumps(before)


@pytest.mark.parametrize("form", ["csv", "json"])
def test_a_name_that_another_host_knows_stays_there(admin, another, tmp_path, form):
    """The published samples: a client's own record of a request has no name of it, the host's has."""
    for sample in ("event-12288.txt", "event-12290.txt"):
        assert admin("import", str(SOURCE / "tests" / "fuzz" / "corpus" / "events_text" / sample)).status == DONE
    first = admin.ok("export", "machines", "--format", form)
    assert sorted(r.get("name" if form == "json" else "Name") or "" for r in rows_of(first, form)) == ["", "<KMS Client name>"]
    path = tmp_path / f"machines.{form}"
    path.write_text(first)
    other = another()
    other("import", str(path))
    assert body(other.ok("export", "machines", "--format", form), form) == body(first, form)


@pytest.mark.parametrize("form", ["csv", "json"])
def test_whole_keys_go_along_when_asked_and_come_back(admin, another, tmp_path, form):
    fill_books(admin)
    path = tmp_path / "keys"
    said = admin("export", "keys", "--with-keys", "--format", form, "--out", str(path))
    assert said.status == DONE and said.out == "", said
    assert stat.S_IMODE(path.stat().st_mode) == 0o600 and path.read_text().count(KEY) == 1
    journal = [j for j in admin.items("journal", "--all") if "export" in (j["action"] + j["detail"]).lower()]
    assert journal and KEY not in json.dumps(journal)
    other = another()
    assert other("import", str(path)).status == DONE
    assert other.ok("keys", "copy", "EEEEE", "--out", "-") == KEY + "\n"
    assert body(other.ok("export", "keys", "--with-keys", "--format", form), form) == body(path.read_text(), form)


# --- forms ---

def test_keys_have_the_portals_form(admin):
    fill_books(admin)
    text = admin.ok("export", "keys")
    head = text.splitlines()[0].split("\t")
    assert {"Product", "License ID", "Organization", "Key Type", "Partial Product Key", "OSA Status"} <= set(head) and "Product Key" not in head
    keys = {r["Partial Product Key"]: r for r in rows_of(text, "csv", "\t")}
    assert keys["EEEEE"]["Product"] == "Office LTSC 2021,a\\,b" and keys["EEEEE"]["Organization"] == "Child\\\\\\, of\\, z,=Parent\\, \"Inc\""
    assert (keys["EEEEE"]["Licenses Bought"], keys["EEEEE"]["Activations Allowed"], keys["EEEEE"]["Activations Used"]) == ("60", "100", "40")
    assert keys["EEEEE"]["Agreement"] == "'=7654321" and keys["EEEEE"]["OSA Status"] == "''=fine"
    assert keys["ZZZZZ"]["Activations Used"] == "-1"


def test_nothing_in_a_table_of_cells_is_calculated(admin, tmp_path):
    """Every cell of every delimited export: none begins as a formula does, negative numbers apart."""
    fill_books(admin)
    fill_machines(admin, tmp_path)
    for what, separator in (("keys", "\t"), ("books", ","), ("machines", ",")):
        for row in csv.reader(io.StringIO(admin.ok("export", what)), delimiter=separator):
            assert not [cell for cell in row if re.match(r"[=+@\t\r]|-(?!\d+$)", cell)], row


def test_json_says_first_what_it_is(admin):
    fill_books(admin)
    for what in ("keys", "books", "machines", "events"):
        head = json.loads(admin.ok("export", what, "--json").splitlines()[0])
        assert set(head) == {"export", "version", "host", "at"} and (head["export"], head["version"], head["host"]) == (what, 1, "test-host")
    rows = rows_of(admin.ok("export", "books", "--format", "json"), "json")
    assert all(set(r) == {"kind", "id", "entry"} for r in rows)
    ids = [r["id"] for r in rows]
    assert ids.index("z-parent") < ids.index("a-child") < ids.index("select") < ids.index("po1") < ids.index("k1") < ids.index("r1"), ids
    assert admin.ok("export", "books", "--format", "json").splitlines()[1:] == admin.ok("export", "books", "--json").splitlines()[1:]


def test_tables_are_for_the_screen(admin, tmp_path):
    fill_books(admin)
    text = admin.ok("export", "keys", "--format", "table")
    assert "Activations Allowed" in text.splitlines()[0] and re.search(r"\s60\s+100\s+40\s", text)
    assert "a table is for the screen" in admin.refused("export", "keys", "--format", "table", "--out", str(tmp_path / "x"), status=USAGE)


def test_keys_are_selected(admin):
    fill_books(admin)
    chosen = lambda *words: [r["ID"] for r in rows_of(admin.ok("export", "keys", *words), "csv", "\t")]
    assert chosen() == ["k1", "k2"] and chosen("k2") == ["k2"] and chosen("ZZZZZ", "EEEEE", "k1") == ["k1", "k2"]
    assert chosen("--license-id", "V1") == ["k1"] and chosen("--agreement", "select") == ["k1"] and chosen("--license-id", "none") == []
    assert chosen("--organisation", "z-parent") == ["k1"] and chosen("--kind", "esu") == ["k2"]
    assert admin.ok("keys", "export", "k2").splitlines()[1:] == admin.ok("export", "keys", "k2").splitlines()[1:]
    assert [r["kind"] for r in rows_of(admin.ok("export", "books", "agreements", "orders", "--json"), "json")] == ["agreement", "order"]


@pytest.mark.parametrize("words, sentence", [
    ([], "what? musterctl export keys, machines, events or books"),
    (["leases"], "not \"leases\""),
    (["keys", "--observed"], "export keys takes no --observed"),
    (["machines", "--with-keys"], "export machines takes no --with-keys"),
    (["machines", "pc-1"], "\"pc-1\" is not a client ID"),
    (["keys", "--with-keys", "--anonymise"], "exclude each other"),
    (["keys", "k1", "--license-id", "V1"], "either keys by their IDs or by what they have in common"),
    (["keys", "--format", "xml"], "not csv, json or table"),
    (["keys", "--format", "csv", "--json"], "either --json or --format csv"),
    (["books", "leases"], "\"leases\" is no kind of entry"),
])
def test_what_is_typed_wrong_is_said(admin, words, sentence):
    assert sentence in admin.refused("export", *words, status=USAGE)


def test_a_file_appears_when_it_is_whole(admin, tmp_path):
    fill_books(admin)
    path = tmp_path / "books.csv"
    path.write_text("before")
    assert "M-117" in admin.refused("export", "keys", "nokey", "--out", str(path), "--yes")
    assert path.read_text() == "before" and not (tmp_path / "books.csv.partial").exists()
    (tmp_path / "books.csv.partial").write_text("")
    assert "another export writes it" in admin.refused("export", "books", "--out", str(path), "--yes")
    (tmp_path / "books.csv.partial").unlink()
    path.unlink()
    assert admin.ok("export", "books", "--out", str(path)) == "" and path.read_text().startswith("kind,id,")
    path.write_text("somebody's own\n")
    assert "is there already" in admin.refused("export", "books", "--out", str(path), status=USAGE) and path.read_text() == "somebody's own\n"
    assert admin.ok("export", "books", "--out", str(path), "--yes") == "" and path.read_text().startswith("kind,id,")
    assert "No such file" in admin.refused("export", "books", "--out", str(tmp_path / "none" / "books.csv"))
    with open("/dev/full", "w", encoding="utf-8") as full:
        said = subprocess.run([program("musterctl"), "--socket", str(admin.host.socket), "export", "books"], stdout=full, stderr=subprocess.PIPE, text=True, timeout=PATIENCE)
    assert said.returncode == FAILED and "No space left" in said.stderr, said


# --- machines and events of both ---

def test_machines_of_this_host_and_of_others_stand_in_one_order(admin, tmp_path):
    observed = fill_machines(admin, tmp_path)
    rows = rows_of(admin.ok("export", "machines", "--json"), "json")
    assert len(rows) == observed + 4
    assert [(r["client_id"], r["activation_id"], r["host"]) for r in rows] == sorted((r["client_id"], r["activation_id"], r["host"]) for r in rows)
    own = [r for r in rows if r["host"] == "test-host"]
    assert sorted((r["name"], r["product"]) for r in own) == sorted([("own-1", "office2013"), ("own-1", "windows-server"), ("own-2,=x", "office2013"), ("Eigener – 3", "office2013")])
    assert all(r["by"] == "host" and r["requests"] == 1 for r in own) and [r["virtual"] for r in own if r["name"].startswith("own-2")] == [True]
    assert len(rows_of(admin.ok("export", "machines", "--observed", "--json"), "json")) == observed
    assert {r["host"] for r in rows_of(admin.ok("export", "machines", "--host", "kms02", "--json"), "json")} == {"kms02"}
    assert {r["product"] for r in rows_of(admin.ok("export", "machines", "--product", "windows-server", "--json"), "json")} == {"windows-server"}
    one = own[0]["client_id"]
    assert {r["client_id"] for r in rows_of(admin.ok("export", "machines", one, "--json"), "json")} == {one}


def test_a_clone_that_this_host_found_stays_one(admin, another, tmp_path):
    """One client ID on two machines of the same name: only their hardware tells, and that does not travel."""
    one = Machine("image", str(uuid.UUID(int=5)))
    admin.host.activate(one, OFFICE2013)
    admin.host.activate(Machine("image", one.client_id), OFFICE2013)
    eventually(lambda: [c["clone"] for c in admin.items("clients")] == [True], "the clone is folded")
    first = admin.ok("export", "machines", "--json")
    assert [r["clone"] for r in rows_of(first, "json")] == [True]
    path = tmp_path / "machines.json"
    path.write_text(first)
    other = another()
    assert other("import", str(path)).status == DONE
    assert body(other.ok("export", "machines", "--json"), "json") == body(first, "json")


def test_its_own_export_read_by_the_same_host_doubles_nothing(admin, tmp_path):
    heard(admin)
    path = tmp_path / "machines.json"
    admin.ok("export", "machines", "--format", "json", "--out", str(path))
    assert admin("import", str(path)).status == DONE
    assert body(admin.ok("export", "machines", "--json"), "json") == body(path.read_text(), "json")


def test_events_of_this_host_and_of_others_stand_in_the_order_of_time(admin, tmp_path):
    observed = fill_events(admin, tmp_path)
    rows = rows_of(admin.ok("export", "events", "--json"), "json")
    own = [r for r in rows if r["host"] == "test-host"]
    assert len(rows) - len(own) == observed and [r["id"] for r in own].count(12290) == 4
    when = [re.sub(r"(?<=:\d\d)Z", ".000Z", r["logged_at"]) for r in rows]
    assert when == sorted(when)
    request = [r for r in own if r["id"] == 12290][0]
    assert request["result"] == "0xC004F041" or request["result"].startswith("0x")
    assert {"minimum_count", "name", "client_id", "at", "virtual", "license_status", "activation_id", "product", "record"} <= set(request)
    assert len(rows_of(admin.ok("export", "events", "--observed", "--json"), "json")) == observed
    assert {r["host"] for r in rows_of(admin.ok("export", "events", "--host", "pc-7", "--json"), "json")} == {"pc-7"}


# --- anonymised ---

def test_an_anonymised_export_names_nobody_and_can_be_read(admin, another, tmp_path):
    fill_books(admin)
    fill_machines(admin, tmp_path)
    secret = ["Contoso", "Licence Shop", "a-child", "z-parent", "kms01", "kms02", "test-host", "pc-1", "own-1", "4711", "7654321", "EEEEE", "ZZZZZ", "shop", "1234567", "because", "Eigener", "V1",
              str(uuid.UUID(int=1 << 100))[:18]]
    for what in ("books", "keys", "machines"):
        for form in ("csv", "json"):
            text = admin.ok("export", what, "--anonymise", "--format", form)
            assert [s for s in secret if re.search(rf"(?<!\w){re.escape(s)}(?!\w)", text)] == [], what   # not in the middle of a mask's digits
            assert "Office" in text or what == "machines"
            path = tmp_path / f"{what}.{form}"
            path.write_text(text, encoding="utf-8")
            other = another()
            said = other("import", str(path))
            assert said.status == DONE and "refused" not in said.err, said
            assert len(body(other.ok("export", what, "--format", form), form).splitlines()) == len(body(text, form).splitlines())
    rows = rows_of(admin.ok("export", "books", "--anonymise", "--json"), "json")
    ids = {r["id"] for r in rows}
    child = [r for r in rows if r["kind"] == "organisation" and "parent" in r["entry"]][0]
    assert child["entry"]["parent"] in ids and set(child["entry"]["contacts"]) <= ids
    assert json.loads(admin.ok("export", "books", "--anonymise", "--json").splitlines()[0])["anonymised"] is True
    one, two = (admin.ok("export", "machines", "--anonymise", "--json").splitlines() for _ in range(2))
    assert one[1:] != two[1:] and len(one) == len(two), "another key each time"


# --- a page at a time ---

class Endless(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    """A host with as many observed machines as asked for."""
    daemon_threads = True

    def __init__(self, path, pages):
        super().__init__(str(path), Pages)
        self.pages = pages
        self.hangs_at, self.hung, self.goes_on = None, threading.Event(), threading.Event()
        self.last = lambda: None   # called before the page after the last one is answered
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def get_request(self):
        request, _ = super().get_request()
        return request, ("admin", 0)


class Pages(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        path, _, query = self.path.partition("?")
        after = re.search(r"after=(\d+)", query)
        n = int(after[1]) if after else 0
        if n == self.server.hangs_at:
            self.server.hung.set()
            self.server.goes_on.wait(PATIENCE)
        if path == "/admin/v1/status":
            answer = {"name": "endless"}
        elif path == "/admin/v1/observed/machines" and n < self.server.pages:
            answer = {"items": [machine(n * 1000 + i) for i in range(1000)], "next": str(n + 1)}
        else:
            self.server.last()
            answer = {"items": [], "next": None}
        text = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        pass


def peak_of(tmp_path, pages):
    """KiB at most of an export of so many thousand machines."""
    server = Endless(tmp_path / f"admin{pages}.sock", pages)
    out = tmp_path / f"out{pages}"
    running, peak = threading.Event(), []

    def look():
        """Of the program alone: what wait4() tells of a child is at least what this program had when it started it."""
        assert running.wait(PATIENCE)
        peak.append(int(re.search(r"VmHWM:\s+(\d+)", pathlib.Path(f"/proc/{process.pid}/status").read_text())[1]))

    server.last = look
    process = subprocess.Popen([program("musterctl"), "--socket", server.server_address, "export", "machines", "--format", "json", "--out", str(out)], stdin=subprocess.DEVNULL,
                               env={**os.environ, "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=1"})   # what a sanitizer keeps back is not the program's
    running.set()
    process.wait(timeout=8 * PATIENCE)
    server.shutdown()
    server.server_close()
    assert process.returncode == DONE
    with open(out, encoding="utf-8") as lines:
        assert sum(1 for _ in lines) == pages * 1000 + 1
    return max(peak)


def test_memory_does_not_grow_with_the_machines(tmp_path):
    few, many = peak_of(tmp_path, 5), peak_of(tmp_path, 80)
    assert many < few + 4096, (few, many)


def test_a_host_that_goes_away_in_the_middle_leaves_nothing_behind(tmp_path):
    server = Endless(tmp_path / "admin.sock", 1 << 30)
    out = tmp_path / "out"
    process = subprocess.Popen([program("musterctl"), "--socket", server.server_address, "export", "machines", "--out", str(out)], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    eventually(lambda: (tmp_path / "out.partial").exists() and (tmp_path / "out.partial").stat().st_size > 0, "rows are written")
    server.shutdown()
    server.server_close()
    os.unlink(tmp_path / "admin.sock")
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == NO_HOST and "musterctl: " in err, err
    assert list(tmp_path.iterdir()) == []


def test_ctrl_c_leaves_nothing_behind(tmp_path):
    server = Endless(tmp_path / "admin.sock", 1 << 30)
    out = tmp_path / "out"
    process = subprocess.Popen([program("musterctl"), "--socket", server.server_address, "export", "machines", "--out", str(out)], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    eventually(lambda: (tmp_path / "out.partial").exists() and (tmp_path / "out.partial").stat().st_size > 0, "rows are written")
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=PATIENCE)
    server.shutdown()
    server.server_close()
    assert process.returncode == LEFT and "interrupted: nothing was written" in err and err.count("\n") == 1, (process.returncode, err)
    assert [p.name for p in tmp_path.iterdir()] == ["admin.sock"]


def test_a_second_signal_does_not_wait_for_the_host_and_leaves_nothing_either(tmp_path):
    server = Endless(tmp_path / "admin.sock", 1 << 30)
    server.hangs_at = 3
    process = subprocess.Popen([program("musterctl"), "--socket", server.server_address, "export", "machines", "--observed", "--out", str(tmp_path / "out")], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    assert server.hung.wait(PATIENCE)
    eventually(lambda: (tmp_path / "out.partial").exists() and (tmp_path / "out.partial").stat().st_size > 0, "rows are written")
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=PATIENCE)
    server.goes_on.set()
    server.shutdown()
    server.server_close()
    assert process.returncode in (128 + signal.SIGINT, 128 + signal.SIGTERM)
    assert [p.name for p in tmp_path.iterdir()] == ["admin.sock"]


def limited(admin, *words):
    """No file over so many bytes: as on a disk that is full."""
    return subprocess.run([program("musterctl"), "--socket", str(admin.host.socket), *words], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE,
                          preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (16, 16)))


@pytest.mark.parametrize("words", [["export", "books"], ["export", "keys", "--with-keys"], ["keys", "copy", "k1"], ["state", "export", "--yes"], ["support-bundle"]], ids=lambda w: w[0])
def test_what_cannot_be_written_whole_leaves_nothing_behind(admin, tmp_path, words):
    fill_books(admin)
    out = tmp_path / "folder" / "out"
    out.parent.mkdir()
    said = limited(admin, *words, *([str(out)] if words[0] == "state" else ["--out", str(out)]))
    assert said.returncode == FAILED and "File too large" in said.stderr, said
    assert list(out.parent.iterdir()) == []
