"""Files into the books of a real host: twice changes nothing, several rows of one key unite, what is refused names its line, whole keys stay whole and secret."""

import json
import os
import subprocess

import pytest

import event_log

from administrator import DONE, FAILED, Administrator
from host import PATIENCE, program

HEADINGS = "License ID\tOrganization\tProduct\tType\tProduct Key\tUsed/Total\tOSA Status\n"
WHOLE = "AAAAA-BBBBB-CCCCC-DDDDD-EEEEE"
PORTAL = HEADINGS + f"""V1234567\tExample GmbH\tWindows Server 2022, Standard\tVolume: KMS\t{WHOLE}\tN/A\tActive
V1234568\tExample Ltd\tWindows Server 2022, Standard\tVolume: KMS\t{WHOLE}\tN/A\tActive
V1234567\tExample GmbH\tOffice LTSC 2021\tMAK\tXXXXX-XXXXX-XXXXX-XXXXX-FFFFF\t12/1,050\tActive
V1234567\tExample GmbH\tWindows 7 ESU Year 2\tMAK\tGGGGG\t0/50\tActive
\tExample GmbH\tSQL Server 2019\t\tNo key required\t\t
"""


@pytest.fixture
def admin(new_host):
    return Administrator(new_host())


def put(admin, name, content, at=1795305600):
    path = admin.host.folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    os.utime(path, (at, at))
    return str(path)


def one(admin, *words):
    return admin.json("import", *words)["files"][0]


def take(admin, file):
    said = admin("import", file)
    assert said.status == DONE and "refused" not in said.err, said   # organisations that were only named have a note


def test_a_portal_export(admin):
    file = put(admin, "keys.csv", PORTAL)
    first = one(admin, file)
    assert first["committed"] and first["refused"] == 0, first
    assert {k: v["new"] for k, v in first["by_kind"].items()} == {"key": 3, "organisation": 2, "product": 1}, first
    items = {e["partial"]: e for e in admin.items("keys", "list")}
    host_key = items["EEEEE"]
    assert host_key["kind"] == "host" and sorted(host_key["license_ids"]) == ["V1234567", "V1234568"] and len(host_key["organisations"]) == 2 and host_key["whole"], host_key
    assert host_key["products"] == ["Windows Server 2022, Standard"]
    assert (items["FFFFF"]["used"], items["FFFFF"]["allowed"], items["FFFFF"]["as_of"]) == (12, 1050, "2026-11-22") and items["GGGGG"]["kind"] == "esu"
    assert any(e.get("keyless") and e["name"] == "SQL Server 2019" for e in admin.items("catalogue", "list"))
    assert WHOLE not in json.dumps(items) and WHOLE not in admin.host.logged() and WHOLE not in admin.ok("journal")
    again = one(admin, file)
    assert (again["new"], again["changed"], again["refused"]) == (0, 0, 0), again
    newer = one(admin, put(admin, "newer.csv", PORTAL.replace("12/1,050", "13/1,050"), 1795305600 + 86400))
    assert newer["new"] == 0 and newer["by_kind"]["key"]["changed"] >= 1, newer


def test_a_dry_run_changes_nothing(admin):
    file = put(admin, "keys.csv", PORTAL)
    dry = one(admin, "--dry-run", file)
    assert dry["dry_run"] and not dry["committed"] and dry["by_kind"]["key"]["new"] == 3, dry
    assert not [e for e in admin.items("keys", "list") if e.get("partial") == "EEEEE"] and admin.items("organisations", "list") == []
    assert one(admin, file)["by_kind"]["key"]["new"] == 3


def test_each_kind_of_spreadsheet(admin):
    organisations = "Organization;Parent;Notes\nExample Group;;all\nExample GmbH;Example Group;\n"
    agreements = "Program,Agreement Number,License ID,Organization,Start Date,End Date\nSelect,A-1,\"V1, V2\",Example GmbH,1/31/2026,1/31/2029\nOpen License,A-2,,,not yet,\n"
    orders = "Order Number,Order Date,Status,Agreement,Product,Quantity\n4711,2026-02-01,Completed,A-1,Office LTSC 2021,50\n4712,2026-03-01,Open,A-1,ESU,10\n"
    contacts = "Name,Role,Phone,E-Mail\nSeller AG,Reseller,+49 30 5550100,seller@example.test\n"
    catalogue = "Product,Category,No Key Needed\nOffice LTSC 2021,Office,\nRDS CAL,Servers,yes\n"
    for name, text, kind, n in (("organisations", organisations, "organisation", 2), ("contacts", contacts, "contact", 1), ("agreements", agreements, "agreement", 2), ("orders", orders, "order", 2),
                                ("catalogue", catalogue, "product", 2)):
        said = one(admin, put(admin, name + ".csv", text))
        assert said["type"] == "books" and said["refused"] == 0 and said["by_kind"][kind]["new"] == n, said
        if name == "agreements":
            assert [(m["line"], m["level"]) for m in said["messages"]] == [(3, "doubtful")] and said["doubtful"] == 1, said
        assert one(admin, put(admin, name + ".csv", text))["new"] == 0
    agreement = next(a for a in admin.items("agreements", "list") if a.get("number") == "A-1")
    assert sorted(agreement["license_ids"]) == ["V1", "V2"] and agreement["start"] == "2026-01-31"
    assert {o["number"]: o["state"] for o in admin.items("orders", "list")} == {"4711": "fulfilled", "4712": "submitted"}
    assert [c["role"] for c in admin.items("contacts", "list")] == ["seller"]


def test_a_refused_record_names_its_line(admin):
    file = put(admin, "orders.csv", "Order Number,Status,Order Date\n4711,Completed,2026-01-01\n4712,Zebra,2026-01-01\n4713,,2026-01-01\n")
    said = admin("import", file)
    assert said.status == FAILED and "1 new" in said.out and "2 refused" in said.out, said
    assert f"{file}:3: doubtful: " in said.err and f"{file}:3: refused: " in said.err and f"{file}:4: refused: " in said.err and "state" in said.err, said
    nothing = admin("import", put(admin, "bad.csv", "Order Number,Status\n4799,Zebra\n"))
    assert nothing.status == FAILED and "no record of it could be taken" in nothing.err and len(admin.items("orders", "list")) == 1


def test_export_and_import_give_the_same_again(admin, new_host):
    """Into an empty host and out again: identical but for the first line."""
    take(admin, put(admin, "keys.csv", PORTAL))
    take(admin, put(admin, "notes.csv", "Product,Partial Key,Type,Notes\n=1+1,HHHHH,MAK,\"-two\nlines, \"\"quoted\"\"\"\n"))
    other = Administrator(new_host())
    for what, form in (("books", "json"), ("keys", "json"), ("books", "csv"), ("keys", "csv")):
        here = admin.ok("export", what, "--format", form)
        said = one(other, put(other, f"{what}.{form}", here))
        assert said["refused"] == 0 and said["doubtful"] == 0, said
        there = other.ok("export", what, "--format", form)
        assert there.splitlines()[1:] == here.splitlines()[1:], what
        assert one(other, put(other, f"{what}.{form}", here))["changed"] == 0
    assert len(here.splitlines()) > 4


def test_whole_keys_travel_only_where_they_are_asked_for(admin, new_host):
    take(admin, put(admin, "keys.csv", PORTAL))
    assert WHOLE not in admin.ok("export", "keys") and WHOLE not in admin.ok("export", "books", "--format", "json")
    file = admin.host.folder / "whole.csv"
    admin.ok("export", "keys", "--with-keys", "--out", str(file))
    assert WHOLE in file.read_text()
    other = Administrator(new_host())
    assert one(other, str(file))["refused"] == 0
    assert next(e for e in other.items("keys", "list") if e["partial"] == "EEEEE")["whole"] is True
    files = [p for p in other.host.folder.rglob("*") if p.is_file() and WHOLE.encode() in p.read_bytes()]
    assert files == [], files


BARE = HEADINGS + """\t\tOffice LTSC 2024\tMAK\tHHHHH\t3/9\tActive
\t\tOffice LTSC 2024\tMAK\tJJJJJ-KKKKK-LLLLL-MMMMM-HHHHH\t1/9\tActive
\t\tOffice LTSC 2024\tMAK\tNNNNN-PPPPP-QQQQQ-RRRRR-HHHHH\t2/9\tActive
"""


def test_a_key_is_the_same_in_whatever_form_it_comes(admin, new_host):
    """Exports of keys with and without the whole ones, as cells and as JSON, said to be keys, books, or nothing: into the same books they change nothing, and lose nothing."""
    take(admin, put(admin, "keys.csv", PORTAL))
    take(admin, put(admin, "bare.csv", BARE))
    before = {e["id"]: e for e in admin.items("keys", "list")}
    other = Administrator(new_host())
    exports = [(form, words, admin.ok("export", "keys", "--format", form, *words)) for form in ("csv", "json") for words in ((), ("--with-keys",))]
    exports.append(("list", (), admin.ok("keys", "list", "--json")))
    for form, words, text in exports:
        for kind in ((), ("--kind", "keys"), ("--kind", "books")):
            said = one(admin, *kind, put(admin, f"again.{form}", text))
            assert (said["new"], said["changed"], said["refused"], said["same"]) == (0, 0, 0, len(before)), (form, words, kind, said)
            assert {e["id"]: e for e in admin.items("keys", "list")} == before, (form, words, kind)
            assert one(other, *kind, put(other, f"again.{form}", text))["refused"] == 0
            # the same entries elsewhere; the whole keys come with the forms that have them, and stay
            assert {e["id"] for e in other.items("keys", "list")} == set(before), (form, words, kind)
    assert {e["id"]: e for e in other.items("keys", "list")} == before
    for form, words, text in exports[:-1]:
        assert admin.ok("export", "keys", "--format", form, *words).splitlines()[1:] == text.splitlines()[1:], (form, words)


def test_what_a_key_belongs_to_is_never_mistaken_for_another(admin):
    """An export of keys names organisations, agreements and orders as people do, but not where a name, however it is written, or an ID, may mean another one."""
    for verb, id_, fields in (("organisations", "one", {"name": "two"}), ("organisations", "two", {"name": "one"}), ("organisations", "three", {"name": "Über GmbH"}),
                              ("organisations", "four", {"name": "über gmbh"}), ("organisations", "five", {"name": "Only GmbH"}),
                              ("agreements", "a1", {"number": "V-1", "programme": "Select"}), ("agreements", "a2", {"number": "V1", "programme": "Select"}),
                              ("agreements", "a3", {"number": "V3", "programme": "Select"}), ("agreements", "a4", {"name": "v 3", "number": "V4", "programme": "Select"}),
                              ("orders", "o1", {"number": "47-11", "state": "fulfilled"}), ("orders", "o2", {"number": "4711", "state": "fulfilled"})):
        admin.host.admin_ok("POST", f"/estate/{verb}/add", {"id": id_, "entry": fields})
    for i, (organisations, agreement, order) in enumerate(((["one", "four"], "a1", "o1"), (["two", "three"], "a2", "o2"), (["five"], "a3", None), (["five"], "a4", None))):
        entry = {"kind": "mak", "partial": f"EEEE{i}", "products": [f"P{i}"], "organisations": organisations, "agreement": agreement, **({"order": order} if order else {})}
        admin.host.admin_ok("POST", "/estate/keys/add", {"entry": entry})
    before = admin.items("keys", "list")
    for form in ("csv", "json"):
        text = admin.ok("export", "keys", "--format", form)
        said = one(admin, put(admin, f"keys.{form}", text))
        assert (said["new"], said["changed"], said["refused"], said["same"]) == (0, 0, 0, 4), said
        assert admin.items("keys", "list") == before and "Only GmbH" in text and "five" not in text


def test_a_drop_folder_of_a_real_host(admin):
    drop = admin.host.folder / "drop"
    drop.mkdir()
    for name, text in (("keys.csv", PORTAL), ("letter.txt", "dear reader\nnothing here\n")):
        (drop / name).write_text(text)
        os.utime(drop / name, (1795305600, 1795305600))
    said = admin("import", "--watch", str(drop), "--once")
    assert said.status == FAILED and said.err == "", said
    assert sorted(os.listdir(drop / "done")) == ["keys.csv", "keys.csv.log"] and sorted(os.listdir(drop / "failed")) == ["letter.txt", "letter.txt.log"]
    assert WHOLE not in (drop / "done" / "keys.csv.log").read_text()


def test_many_keys(admin):
    """A hundred thousand would be refused by name of the limit; ten thousand go in, and again without a change."""
    rows = "".join(f"V{i % 50:07}\tOrganisation {i % 20}\tProduct {i % 100}\tMAK\tXXXXX-XXXXX-XXXXX-XXXXX-{i:05}\t{i % 50}/50\tActive\n" for i in range(10000))
    file = put(admin, "many.csv", HEADINGS + rows)
    first = one(admin, file)
    assert first["by_kind"]["key"]["new"] == 10000 and first["by_kind"]["organisation"]["new"] == 20, first["by_kind"]
    again = one(admin, file)
    assert again["new"] == again["changed"] == 0, again["by_kind"]


def test_from_a_pipe_of_another_host(admin, new_host):
    take(admin, put(admin, "keys.csv", PORTAL))
    other = Administrator(new_host())
    done = subprocess.run([program("musterctl"), "--socket", str(other.host.socket), "import", "-"], input=admin.ok("export", "keys"), capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == DONE and "refused" not in done.stderr, done
    assert len(other.items("keys", "list")) == len(admin.items("keys", "list"))


@pytest.mark.parametrize("form", ["csv", "json"])
@pytest.mark.parametrize("what", ["events", "machines"])
def test_what_was_observed_travels(admin, new_host, what, form):
    """Events and machines exported by one host and imported by another are the same there, and again without a change."""
    log = admin.host.folder / "log.csv"
    event_log.write(log, event_log.export_csv(event_log.number(event_log.fleet(7, 300, machines=40, clones=2))))
    assert one(admin, str(log))["refused"] == 0
    here = admin.ok("export", what, "--observed", "--format", form)
    other = Administrator(new_host())
    file = put(other, f"{what}.{form}", here)
    first = one(other, file)
    assert first["type"] == what and first["refused"] == 0 and first["new"] == len(here.splitlines()) - 1, first
    assert one(other, file)["new"] == 0
    there = other.ok("export", what, "--observed", "--format", form)
    assert there.splitlines()[1:] == here.splitlines()[1:]
