"""musterctl import: what is sent, in which portions, what is said of each line, and what hostile files cost; against a fake admin socket.

What the books make of it is tested with real hosts in test_import_books.py.
"""

import gzip
import io
import json
import os
import pathlib
import resource
import signal
import subprocess
import types
import zipfile

import pytest

from administrator import DENIED as EXIT_DENIED
from administrator import DONE, FAILED, LEFT, NO_HOST, USAGE, Administrator
from fake_import import BUSY, DENIED, FakeHost
from host import PATIENCE, folder, program
from terminal import Terminal

HEADINGS = "License ID\tOrganization\tProduct\tType\tProduct Key\tUsed/Total\tOSA Status\n"
ROW = "V{0:07}\tExample GmbH\tProduct {0}\tMAK\tXXXXX-XXXXX-XXXXX-XXXXX-{0:05}\t{1}/50\tActive\n"
KEY = "AAAAA-BBBBB-CCCCC-DDDDD-EEEEE"
BODY_MAX = 8 << 20
SANITIZED = b"__asan_init" in pathlib.Path(program("musterctl")).read_bytes()


@pytest.fixture
def host():
    with folder() as path:
        one = FakeHost(path / "admin.sock")
        one.folder = path
        yield one
        one.close()


@pytest.fixture
def admin(host):
    return host.administrator()


def keys(n, first=0):
    return HEADINGS + "".join(ROW.format(i, i % 50) for i in range(first, first + n))


def put(host, name, content):
    path = host.folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return str(path)


# ---- what is sent ----

def test_a_file_goes_in_portions_and_is_one_transaction(host, admin):
    file = put(host, "keys.csv", keys(12000))
    out = admin.ok("import", file)
    assert out == f"{file}: tab-separated keys, 12000 records: 12000 new, 0 changed, 0 same\n"
    assert [len(b) for b in host.books.batches] == [5000, 5000, 2000]
    assert host.books.begun == [{"name": "keys.csv", "type": "keys", "dry_run": False}] and host.books.ended == [True]
    assert host.books.records[7] == {"kind": "key", "id": None, "line": 9, "entry": {
        "license_ids": ["V0000007"], "organisations": ["Example GmbH"], "products": ["Product 7"], "partial": "00007", "used": 7, "allowed": 50, "osa_status": "Active", "kind": "mak",
        "as_of": host.books.records[7]["entry"]["as_of"]}}


def test_portions_stay_below_what_the_route_takes(host, admin):
    big = "Product\tPartial Key\tNotes\n" + "".join(f"Product {i}\t{i:05}\t\"{'lots of text ' * 300}\"\n" for i in range(5000))
    admin.ok("import", put(host, "big.csv", big))
    assert len(host.books.records) == 5000 and len(host.books.batches) > 4
    assert all(len(json.dumps(b)) < BODY_MAX for b in host.books.batches)


def test_dry_run_and_json(host, admin):
    said = admin.json("import", "--dry-run", put(host, "keys.csv", keys(3)))
    one, = said["files"]
    assert host.books.begun[0]["dry_run"] is True and host.books.ended == [True]
    assert (one["outcome"], one["type"], one["form"], one["new"], one["committed"], one["refused"], one["messages"], one["error"]) == \
        ("imported", "keys", "tab-separated keys", 3, False, 0, [], None)
    assert "(dry run: nothing was changed)" in admin.ok("import", "--dry-run", put(host, "keys.csv", keys(3)))


def test_standard_input(host, admin):
    done = subprocess.run([program("musterctl"), "--socket", host.socket_path, "import", "-"], input=keys(2), capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == DONE and done.stderr == "" and done.stdout.startswith("-: tab-separated keys, 2 records"), done
    assert host.books.begun[0]["name"] == "(standard input)"
    assert "read once" in admin.refused("import", "-", "-", status=USAGE)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252", "cp850"])
def test_encodings(host, admin, encoding):
    text = keys(20).replace("Example GmbH", "Käse & Söhne Übersee")
    file = put(host, "keys.csv", text.encode(encoding))
    page = ["--code-page", encoding[2:]] if encoding.startswith("cp") else []
    assert admin("import", *page, file).status == DONE
    assert {r["entry"]["organisations"][0] for r in host.books.records} == {"Käse & Söhne Übersee"} and len(host.books.records) == 20


def test_map_kind_and_what_is_wrong_with_them(host, admin):
    file = put(host, "liste.csv", "Vertrag;Artikel;Farbe\n4711;Office;rot\n")
    said = admin("import", file)
    assert said.status == FAILED and said.out == "" and not host.books.begun
    assert '"Vertrag", "Artikel", "Farbe"' in said.err and "license_ids" in said.err and "--map" in said.err, said
    said = admin("import", "--map", "Vertrag=license_ids", "--map", "artikel=products", file)
    assert said.status == DONE and host.books.records[0]["entry"] == {"license_ids": ["4711"], "products": ["Office"], "kind": "other"}, said
    assert said.err == f'{file}:1: note: a column is passed over, because no field of keys is called so: "Farbe"; --map "Farbe=FIELD" takes one\n'
    said = admin("import", "--kind", "agreements", "--map", "Vertrag=license_ids", "--map", "Artikel=programme", file)
    assert said.status == DONE and host.books.begun[-1]["type"] == "books" and host.books.records[-1]["kind"] == "agreement", said
    assert "there is no field \"licence\"" in admin("import", "--map", "Vertrag=licence", file).err
    assert "there is no kind \"zebra\"" in admin.refused("import", "--kind", "zebra", file, status=USAGE)
    listing = put(host, "dlv.txt", "Name: Office\nDescription: Office, VOLUME_KMS channel\n")
    assert "nothing in it can be read as what --kind says; its first line is \"Name: Office\"" in admin.refused("import", "--kind", "events", listing, status=FAILED)
    assert "HEADING=FIELD" in admin.refused("import", "--map", "Vertrag", file, status=USAGE)
    assert "--at" in admin.refused("import", "--at", "yesterday", file, status=USAGE)
    assert "--utc-offset" in admin.refused("import", "--utc-offset", "1h", file, status=USAGE)
    assert "--once goes with --watch" in admin.refused("import", "--once", file, status=USAGE)
    assert "import needs more" in admin.refused("import", status=USAGE)


def test_own_exports_and_lists_as_json(host, admin):
    books = '{"export":"books","version":1,"host":"a"}\n{"kind":"organisation","id":"o-1","entry":{"name":"A"}}\n{"kind":"key","id":"k-1","entry":{"kind":"mak"}}\n'
    assert "export of books as JSON, 2 records" in admin.ok("import", put(host, "books.json", books))
    assert host.books.begun[-1]["type"] == "books" and [r["id"] for r in host.books.records] == ["o-1", "k-1"]
    page = json.dumps({"items": [{"id": "EEEEE-1", "products": ["Office"], "partial": "EEEEE", "kind": "mak", "whole": True, "usable": True}], "more": False, "next": None}, indent=1)
    assert "keys as JSON, 1 record:" in admin.ok("import", put(host, "list.json", page))
    assert host.books.records[-1]["entry"] == {"products": ["Office"], "partial": "EEEEE", "kind": "mak"}
    machines = "Client ID,Activation ID,Host,Names,First Seen,Last Seen\n36f27b39-2fd5-440b-be67-a09996d27a38,bfe7a195-4f8f-4f0b-a622-cf13c7d16864,kms1,\"pc1,pc2\",2026-01-01T00:00:00Z,2026-02-01T00:00:00Z\n"
    assert "comma-separated machines, 1 record:" in admin.ok("import", put(host, "machines.csv", machines))
    assert host.books.begun[-1]["type"] == "machines" and host.books.records[-1]["names"] == ["pc1", "pc2"]


# ---- what is said ----

def test_each_record_not_taken_has_its_line(host, admin):
    host.books.refuse = lambda r: "this one is not liked" if r["line"] == 4 else None
    file = put(host, "keys.csv", keys(5) + "\t\t\tMAK\t\t1/2\t\nV1\tA\tOffice\tZebra\t" + KEY + "x\tmany\t\n")
    said = admin("import", file)
    assert said.status == FAILED, said   # the others are in the books; a script sees that it is not all
    assert said.out == f"{file}: tab-separated keys, 6 records: 5 new, 0 changed, 0 same, 2 refused, 3 doubtful\n"
    lines = said.err.splitlines()
    assert f"{file}:4: refused: this one is not liked" in lines and f"{file}:7: refused: the row names neither a product nor a key" in lines
    assert [x.split(": ")[1] for x in lines if x.startswith(f"{file}:8:")] == ["doubtful"] * 3 and "AAAAA" not in said.err


def test_nothing_taken_is_a_failure_and_rolled_back(host, admin):
    host.books.refuse = lambda r: "no"
    file = put(host, "keys.csv", keys(2))
    said = admin("import", file)
    assert said.status == FAILED and said.out == "" and f"musterctl: {file}: no record of it could be taken\n" in said.err, said
    assert host.books.ended == [False]


def test_messages_are_limited_and_what_is_left_out_is_counted(host, admin):
    file = put(host, "keys.csv", keys(1) + "\t\t\tMAK\t\t1/2\t\n" * 10100)
    said = admin("import", file)
    assert said.status == FAILED and said.err.count("\n") == 10000 and "    100 more messages are not told one by one\n" in said.out and "10100 refused" in said.out
    one, = admin("import", file, "--json").json["files"]
    assert one["outcome"] == "imported" and one["refused"] == 10100
    assert len(one["messages"]) == 10000 and one["more_messages"] == 100


def test_several_files_are_several_transactions(host, admin):
    good, bad, other = put(host, "a.csv", keys(2)), put(host, "b.txt", "this is a letter\nto nobody\n"), put(host, "c.csv", keys(3))
    said = admin("import", good, bad, other)
    assert said.status == FAILED and said.out.count("\n") == 2 and f"musterctl: {bad}: nothing here recognises this; its first line is \"this is a letter\"" in said.err, said
    assert host.books.ended == [True, True] and [len(b) for b in host.books.batches] == [2, 3]
    assert [f["outcome"] for f in json.loads(admin("import", "--json", good, bad).out)["files"]] == ["imported", "failed"]


@pytest.mark.parametrize("name,content,part", [
    ("keys.zip", "zip", "ZIP"), ("picture.png", b"\x89PNG\r\n\x1a\n" + bytes(100), "PNG"), ("keys.csv.gz", gzip.compress(b"x" * 100), "gzip"), ("empty.csv", b"", "empty")])
def test_files_given_by_mistake(host, admin, name, content, part):
    if content == "zip":
        content = io.BytesIO()
        with zipfile.ZipFile(content, "w") as z:
            z.writestr("keys.csv", keys(1))
        content = content.getvalue()
    sentence = admin.refused("import", put(host, name, content))
    assert part.lower() in sentence.lower() and name in sentence and not host.books.begun


def test_folders_and_files_that_are_not_there(host, admin):
    assert f"musterctl import --watch {host.folder} --once" in admin.refused("import", str(host.folder))
    assert "No such file" in admin.refused("import", str(host.folder / "none"))
    assert not host.books.begun


def test_the_host_says_no(host, admin):
    a, b = put(host, "a.csv", keys(2)), put(host, "b.csv", keys(2))
    host.books.stop["begin"] = [DENIED]
    said = admin("import", a, b)
    assert said.status == EXIT_DENIED and "yours is viewer" in said.err and "1 more file was not tried" in said.err and not host.books.begun
    host.books.stop["begin"] = [BUSY]
    said = admin("import", a, b)
    assert said.status == FAILED and "another import is under way" in said.err and not host.books.begun
    host.books.stop["records"] = [BUSY]
    assert admin("import", a).status == FAILED and host.books.ended == [False]
    assert Administrator(types.SimpleNamespace(socket=host.folder / "nobody"))("import", a, b).status == NO_HOST


def test_books_that_changed_meanwhile_are_looked_at_again(host, admin):
    host.books.stop["end"] = [BUSY]
    out = admin.ok("import", put(host, "keys.csv", keys(2)))
    assert "2 new" in out and len(host.books.begun) == 2 and host.books.ended == [True]
    host.books.stop["end"] = [BUSY] * 3
    assert admin("import", put(host, "keys.csv", keys(2))).status == FAILED and len(host.books.begun) == 5


def test_ctrl_c_leaves_nothing(host, admin):
    host.books.hold.clear()
    process = admin.start("import", put(host, "keys.csv", keys(12000)), put(host, "more.csv", keys(1)))
    assert host.books.waiting.wait(PATIENCE)
    process.send_signal(signal.SIGINT)
    host.books.hold.set()
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == LEFT and out == "" and "interrupted: nothing of it was imported" in err and "1 more file was not tried" in err, err
    assert host.books.ended == [False] and len(host.books.begun) == 1


def test_progress_on_a_terminal_only(host):
    """A long file tells how far it is; short ones, and output that is no terminal's, stay quiet."""
    path = host.folder / "pipe"
    os.mkfifo(path)
    with Terminal(program("musterctl"), "--socket", host.socket_path, "import", str(path)) as t:
        n, write = 0, os.open(path, os.O_WRONLY)
        os.write(write, HEADINGS.encode())
        while " MB, " not in t.shown:
            os.write(write, keys(100, n % 90000)[len(HEADINGS):].encode())  # five digits at most: a message a line would fill the terminal while nobody reads it
            n += 100
            t.read(0)
        os.close(write)
        t.expect(f"{path}: tab-separated keys, {n} records: {n} new")
        assert "\r\x1b[Kpipe  " in t.shown and t.end() == DONE, t.shown
    assert "\r" not in host.administrator().ok("import", put(host, "keys.csv", keys(100)))


def memory(pid):
    """What a process has in memory that it may write to."""
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", 0) as mem:
        for line in maps:
            where, rights = line.split()[:2]
            if rights.startswith("rw") and "[v" not in line:
                start, end = (int(x, 16) for x in where.split("-"))
                mem.seek(start)
                try:
                    yield mem.read(end - start)
                except OSError:
                    pass


@pytest.mark.skipif(SANITIZED, reason="a sanitizer keeps what was freed")
@pytest.mark.parametrize("form", ["table", "json"])
def test_whole_keys_do_not_stay_in_memory(host, admin, form):
    """While the host commits, nothing of a key that was sent is left."""
    lines = [f"Office {i}\tAAAAA-BBBBB-CCCCC-DDDDD-{i:05}\tMAK\n" for i in range(3000)]
    if form == "json":
        lines = ['{"export":"keys","version":1}\n'] + [json.dumps({"kind": "key", "entry": {"kind": "mak", "key": f"AAAAA-BBBBB-CCCCC-DDDDD-{i:05}"}}) + "\n" for i in range(3000)]
    file = put(host, "keys.csv", ("" if form == "json" else "Product\tProduct Key\tType\n") + "".join(lines))
    host.books.hold_end.clear()
    process = admin.start("import", file)
    assert host.books.ending.wait(PATIENCE)
    left = sum(part.count(b"AAAAA-BBBBB-CCCCC-DDDDD-") for part in memory(process.pid))
    host.books.hold_end.set()
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == DONE and "3000 new" in out and host.books.records[5]["entry"]["key"].startswith("AAAAA-BBBBB"), err
    assert left == 0


# ---- hostile files: bounded memory ----

def limited(*words):
    """Under a sanitizer there is no limit to be set; then the files are small."""
    def limit():
        if not SANITIZED:
            resource.setrlimit(resource.RLIMIT_AS, (256 << 20, 256 << 20))
    done = subprocess.run(words, capture_output=True, text=True, timeout=PATIENCE * 5, preexec_fn=limit, stdin=subprocess.DEVNULL, env={**os.environ, "LC_ALL": "C.UTF-8"})
    assert done.returncode in (DONE, FAILED), done
    return done


def write_hostile(path, what):
    small = 20 if SANITIZED else 1
    with open(path, "wb") as f:
        f.write(HEADINGS.encode())
        if what == "long line":
            for _ in range(200 // small):
                f.write(b"x" * (1 << 20))
        elif what == "long quoted cell":
            f.write(b'"')
            for _ in range(200 // small):
                f.write((b"y" * 1023 + b"\n") * 1024)
        elif what == "tiny fields in one line":
            f.write(b"a\t" * (10000000 // small))
        elif what == "tiny fields":
            for _ in range(10000000 // 500 // small):
                f.write(b"a\t" * 500 + b"\n")
        elif what == "separators":
            f.write(b"\t\n" * (10000000 // small))
        elif what == "NUL bytes":
            f.write(bytes((50 << 20) // small))
        f.write(b"\nV1\tA\tOffice\tMAK\tEEEEE\t1/2\t\n")


@pytest.mark.parametrize("what", ["long line", "long quoted cell", "tiny fields in one line", "tiny fields", "separators", "NUL bytes"])
def test_hostile_tables(host, what):
    path = host.folder / "keys.csv"
    write_hostile(path, what)
    done = limited(program("musterctl"), "--socket", host.socket_path, "import", str(path))
    assert "Sanitizer" not in done.stderr and "out of memory" not in done.stderr, done.stderr[-2000:]
    # the good row at the end is reached, unless the file is no text
    assert what == "NUL bytes" or [r for r in host.books.records if r["entry"].get("partial") == "EEEEE"], done.stderr[-2000:]
    if what in ("long line", "tiny fields in one line"):
        assert f"{path}:2: refused: the row has " + ("a line longer than a megabyte" if what == "long line" or not SANITIZED else "more than 512 cells") in done.stderr
    if what == "tiny fields":
        assert done.stderr.count("the row has more cells than there are headings") + done.stderr.count("more than 512 cells") > 0


def test_half_a_pair(host, admin):
    file = put(host, "keys.csv", keys(3).replace("Product 1", "Product \ud800").encode("utf-16-le", "surrogatepass"))
    said = admin("import", file)
    assert said.status == DONE and "half a UTF-16 pair" in said.err and host.books.records[1]["entry"]["products"] == ["Product \ufffd"], said


@pytest.mark.parametrize("what", ["one object", "one string", "brackets", "array of numbers"])
def test_hostile_json(host, what):
    path, small = host.folder / "books.json", 20 if SANITIZED else 1
    with open(path, "wb") as f:
        f.write(b'[{"kind":"organisation","entry":{"name":"A"}},')
        if what == "one object":
            f.write(b"{" + b",".join(b'"a%d":1' % i for i in range(5000000 // small)) + b"},")
        elif what == "one string":
            f.write(b'{"a":"')
            for _ in range(200 // small):
                f.write(b"x" * (1 << 20))
            f.write(b'"},')
        elif what == "brackets":
            f.write(b"[" * (10000000 // small))
        else:
            f.write(b"1," * (10000000 // small))
        f.write(b'{"kind":"organisation","entry":{"name":"B"}}]')
    done = limited(program("musterctl"), "--socket", host.socket_path, "import", str(path))
    assert "Sanitizer" not in done.stderr and "out of memory" not in done.stderr, done.stderr[-2000:]
    if what == "brackets":
        assert done.returncode == FAILED and "nested more than" in done.stderr
    else:
        assert [r["entry"]["name"] for r in host.books.records] == ["A", "B"], done.stderr[-2000:]
