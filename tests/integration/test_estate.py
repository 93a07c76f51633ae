"""The estate's books over the admin socket: entries of every kind, what belongs to them, whole keys sealed, acts side by side."""

import datetime
import json
import pathlib
import sqlite3
import threading

import pytest

import licensed as world

WHOLE = "AAAAA-BBBBB-CCCCC-DDDDD-EEEEE"
OTHER = "FFFFF-GGGGG-HHHHH-JJJJJ-KKKKK"


@pytest.fixture
def books(new_host):
    return Books(new_host(clock=True))


class Books:
    """The entries of a host, by the admin API."""

    def __init__(self, host):
        self.host = host

    def add(self, kind, id=None, /, **entry):
        return self.host.admin_ok("POST", f"/estate/{kind}/add", {"id": id, "entry": entry})

    def change(self, kind, id, /, **entry):
        return self.host.admin_ok("POST", f"/estate/{kind}/change", {"id": id, "entry": entry})

    def remove(self, kind, id):
        return self.host.admin_ok("POST", f"/estate/{kind}/remove", {"id": id})

    def refused(self, act, kind, body, code="M-121"):
        answer = self.host.admin("POST", f"/estate/{kind}/{act}", body)
        assert answer.status >= 400 and answer.code == code, answer
        return answer.json["detail"]

    def show(self, kind, id):
        return self.host.admin_ok("GET", f"/estate/{kind}/{id}")

    def list(self, kind, query=""):
        items, after = [], None
        while True:
            page = self.host.admin_ok("GET", f"/estate/{kind}?limit=1000{query}" + (f"&after={after}" if after else ""))
            items += page["items"]
            if page["next"] is None:
                return items
            after = page["next"]

    def ids(self, kind, query=""):
        return [item["id"] for item in self.list(kind, query)]

    def journal(self, action):
        return [row for row in self.host.admin_ok("GET", "/journal?limit=1000")["items"] if row["action"] == action]

    def imported(self, records, type="books", dry_run=False):
        begun = self.host.admin_ok("POST", "/import/begin", {"name": "test", "type": type, "dry_run": dry_run})["import"]
        told = self.host.admin_ok("POST", "/import/records", {"import": begun, "records": records})
        end = self.host.admin_ok("POST", "/import/end", {"import": begun, "commit": not dry_run})
        end["messages"] = told["messages"] + end["messages"]
        return end


def record(kind, id=None, line=1, /, **entry):
    return {"line": line, "kind": kind, "id": id, "entry": entry}


def day(ahead):
    return (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=ahead)).date().isoformat()


def estate(books):
    """An owner with two children, an agreement, its orders, keys."""
    books.add("contacts", name="Seller AG", role="seller", telephone="+49 1")
    books.add("organisations", name="Example Group", contacts=["seller-ag"])
    books.add("organisations", name="Example GmbH", parent="example-group")
    books.add("organisations", name="Example Ltd", parent="Example Group")
    books.add("agreements", number="V1234567", programme="Open Value", license_ids=["55667788"], organisation="example-group", contacts=["seller-ag"], end="2027-12-31")
    books.add("orders", number="O-1", agreement="V1234567", seller="seller-ag", bought=50, state="fulfilled", products=["Office LTSC"])
    books.add("orders", number="O-2", agreement="v1234567", state="submitted", products=["Windows Server 2012 ESU year 3"])
    books.add("keys", kind="mak", key=WHOLE, products=["Office LTSC"], order="O-1", organisations=["example-group"], bought=50, allowed=60, used=12)
    books.add("keys", kind="host", partial="KDQ2G", products=["Windows Server"], license_ids=["55667788"], organisations=["example-ltd"])
    books.add("keys", kind="esu", products=["Windows Server 2012 ESU year 3"], order="O-2", coverage_start=day(30), coverage_end=day(395))
    books.add("keys", kind="mak", partial="ZZZZZ", products=["Visio"])


def test_the_table_of_kinds_builds_forms(books):
    kinds = {k["kind"]: k for k in books.host.admin_ok("GET", "/estate/kinds")["items"]}
    assert set(kinds) == {"organisation", "contact", "agreement", "order", "product", "key", "request", "host"}
    fields = {f["name"]: f for f in kinds["key"]["fields"]}
    assert fields["key"]["type"] == "key" and fields["coverage_start"]["type"] == "date" and fields["organisations"] == fields["organisations"] | {"type": "reference", "of": "organisation", "list": True}
    assert fields["kind"]["choices"] == ["host", "mak", "esu", "setup", "embedded", "retail", "other"] and "last five" in fields["partial"]["synonyms"]
    for field in fields.values():
        assert set(field) == {"name", "type", "required", "list", "max", "of", "choices", "heading", "synonyms", "doc"}


def test_an_agreement_gives_its_data_its_orders_and_all_keys(books):
    estate(books)
    shown = books.show("agreements", "V1234567")
    assert shown["id"] == "v1234567" and shown["programme"] == "Open Value" and shown["license_ids"] == ["55667788"] and shown["organisation"] == "example-group"
    assert [o["number"] for o in shown["orders"]] == ["O-1", "O-2"]
    # By its order, by a licence ID, by an order that is not fulfilled; not the one of no agreement.
    assert {k.get("partial") for k in shown["keys"]} == {"EEEEE", "KDQ2G", None}
    assert shown["contact_entries"][0]["telephone"] == "+49 1" and "advice" not in shown
    for name in ("v1234567", "V1234", "55667788", "V-123 4567"):
        assert books.show("agreements", name.replace(" ", "%20"))["id"] == "v1234567"
    assert {k["id"] for k in books.list("keys", "&agreement=55667788")} == {k["id"] for k in shown["keys"]}


def test_keys_of_parents_and_children(books):
    estate(books)
    assert [o["id"] for o in books.show("organisations", "example-group")["children"]] == ["example-gmbh", "example-ltd"]
    # The parent's key serves its children; a child's is listed with the parent's, and not with its sibling's.
    assert {k["partial"] for k in books.list("keys", "&organisations=example-group")} == {"EEEEE", "KDQ2G"}
    assert {k["partial"] for k in books.list("keys", "&organisations=example-gmbh")} == {"EEEEE"}
    assert {k["partial"] for k in books.show("organisations", "Example%20Ltd")["keys"]} == {"EEEEE", "KDQ2G"}
    detail = books.refused("change", "organisations", {"id": "example-group", "entry": {"parent": "example-ltd"}})
    assert "would be its own parent, by way of others" in detail


def test_an_ordered_key_is_not_usable_before_its_order_is_fulfilled_and_its_coverage_begins(books):
    estate(books)
    esu, = books.list("keys", "&kind=esu")
    assert esu["usable"] is False and esu["why_not"] == "its order o-2 is submitted and not fulfilled yet"
    books.change("orders", "o-2", state="fulfilled")
    esu, = books.list("keys", "&kind=esu")
    assert esu["usable"] is False and esu["why_not"] == f"its coverage begins on {esu['coverage_start']}"
    books.host.shift(31 * 86400)
    assert books.show("keys", esu["id"])["usable"] is True
    books.change("orders", "o-2", state="canceled")
    assert books.show("keys", esu["id"])["why_not"] == "its order o-2 was cancelled"
    assert books.show("keys", "EEEEE")["usable"] is True


def test_three_numbers_side_by_side(books):
    estate(books)
    key = books.show("keys", "EEEEE")
    assert (key["bought"], key["allowed"], key["used"]) == (50, 60, 12)
    books.change("keys", "EEEEE", used=-1, bought=None)
    key = books.show("keys", "EEEEE")
    assert (key.get("bought"), key["allowed"], key["used"]) == (None, 60, -1)
    rows = books.journal("entry changed")
    assert rows[-1]["object"] == f"key {key['id']}" and rows[-1]["detail"] == "changed: bought 50 -> none; used 12 -> -1"


def test_products_with_category_free_text_setup_keys_and_rights(books):
    books.add("catalogue", name="Office LTSC Professional Plus 2021", category="Office", serves="office2021", setup_key="aaaaa—bbbbb—ccccc—ddddd—eeeee", rights="downgrade to 2019")
    books.add("catalogue", name="Remote Desktop Services", category="Servers", keyless=True)
    office, = books.list("catalogue", "&category=office&text=ltsc%20PLUS")
    assert office["setup_key"] == WHOLE and office["source"] == "catalogue"
    listed = {p["id"]: p for p in books.list("catalogue")}
    # What the host itself counts, once each: an entry that serves it stands for it.
    assert "host:office2013" in listed and "host:office2021" not in listed
    assert listed["host:office2013"]["source"] == "host" and listed["host:office2013"]["keyless"] is False
    own = {p["product"]: p for p in books.host.admin_ok("GET", "/products")["items"]}
    if "office2021" in own:
        assert own["office2021"]["activation_id"] in office["activation_ids"]
    assert {p["name"] for p in books.list("catalogue", "&keyless=yes") if p["source"] == "catalogue"} == {"Remote Desktop Services"}
    assert books.show("catalogue", "host:office2013")["name"]
    books.add("agreements", number="OL-1", programme="Open License")
    books.add("keys", kind="mak", partial="EEEEE", products=["Office LTSC Professional Plus 2021"], agreement="OL-1")
    key = books.show("keys", "EEEEE")
    assert key["rights"] == [{"product": "Office LTSC Professional Plus 2021", "rights": "downgrade to 2019"}] and "at least one unit" in key["advice"][0]
    assert "at least one unit" in books.show("agreements", "OL-1")["advice"][0] and "December 2021" in books.show("agreements", "OL-1")["advice"][1]
    assert [k["partial"] for k in books.show("catalogue", office["id"])["keys"]] == ["EEEEE"]
    assert "of this host's plugins" in books.refused("change", "catalogue", {"id": "host:office2013", "entry": {"note": "x"}})


def test_what_is_refused_says_where_and_what_to_do(books):
    estate(books)
    assert "did you mean products?" in books.refused("add", "keys", {"entry": {"kind": "mak", "product": ["x"]}})
    assert "key: order names the order \"O-9\", which there is not; `musterctl orders list`" in books.refused("add", "keys", {"entry": {"kind": "mak", "partial": "AAAAA", "order": "O-9"}}, "M-117")
    assert "is there already; to change it: musterctl organisations set example-gmbh" in books.refused("add", "organisations", {"entry": {"name": "example  GMBH"}})
    assert "id takes letters" in books.refused("add", "organisations", {"id": "a/b", "entry": {"name": "x"}})
    assert "there is no organisation \"nobody\"" in books.refused("change", "organisations", {"id": "nobody", "entry": {"name": "x"}}, "M-117")
    assert "may be any of 2 organisations (example-gmbh, example-group" in books.refused("change", "organisations", {"id": "example-g", "entry": {"note": "x"}})
    assert "entry is missing" in books.refused("add", "organisations", {})
    assert "name is missing" in books.refused("change", "organisations", {"id": "example-gmbh", "entry": {"name": None}})
    said = books.refused("remove", "organisations", {"id": "example-group"})
    assert "referred to by 4 others" in said and "organisation example-gmbh" in said and "change or remove these first" in said
    assert books.host.admin("GET", "/estate/nothing").code == books.host.admin("GET", "/estate/nothing/x").code
    assert "there are no entries of a kind \"nothing\"" in books.host.admin("GET", "/estate/nothing").json["detail"]
    assert "has no field \"colour\"" in books.host.admin("GET", "/estate/keys?colour=red").json["detail"]
    assert "whole keys are not looked for" in books.host.admin("GET", f"/estate/keys?key={WHOLE}").json["detail"]
    assert books.host.admin("GET", "/estate/keys?limit=0").code == "M-121"
    assert books.host.admin("POST", "/estate/keys", {}).status == 405


def test_an_entry_has_a_limit_and_names_it(books):
    assert "note is 4001 bytes long; it takes at most 4000" in books.refused("add", "organisations", {"entry": {"name": "x", "note": "n" * 4001}})
    assert "hosts holds more than 256 values" in books.refused("add", "keys", {"entry": {"kind": "mak", "partial": "AAAAA", "hosts": [f"h{i}" for i in range(257)]}})
    assert "at most 65536 are kept" in books.refused("add", "keys", {"entry": {
        "kind": "mak", "partial": "AAAAA", "hosts": [f"{i:0250d}" for i in range(256)], "products": [f"{i:0200d}" for i in range(20)]}})


def files(host):
    for path in pathlib.Path(host.folder).rglob("*"):
        if path.is_file():
            yield path


def nowhere(host, *keys):
    for path in files(host):
        data = path.read_bytes()
        for key in keys:
            assert key.encode() not in data and key.replace("-", "").encode() not in data, (key, path)


def test_whole_keys_are_sealed_shown_to_the_journal_first_and_go_with_their_entry(books):
    estate(books)
    key = books.show("keys", "EEEEE")
    assert key["whole"] is True and "key" not in key
    answer = books.host.admin_ok("POST", "/estate/keys/whole", {"id": "EEEEE"})
    assert answer == {"id": key["id"], "key": WHOLE}
    row = books.journal("key shown")[-1]
    assert row["object"] == key["id"] and row["detail"] == "the whole key ...-EEEEE"
    assert books.host.admin("POST", "/estate/keys/whole", {"id": "ZZZZZ"}).code == "M-117"
    assert WHOLE not in json.dumps([books.host.admin_ok("GET", f"/estate/{k}?limit=1000") for k in ("keys", "agreements", "organisations", "catalogue")])
    assert WHOLE not in json.dumps(books.host.admin_ok("GET", "/journal?limit=1000"))
    # Another key in its place: the last five follow.
    books.change("keys", key["id"], key=OTHER.lower())
    assert books.show("keys", key["id"])["partial"] == "KKKKK"
    assert books.host.admin_ok("POST", "/estate/keys/whole", {"id": key["id"]})["key"] == OTHER
    assert "its whole key is kept, and ends in KKKKK" in books.refused("change", "keys", {"id": key["id"], "entry": {"partial": "AAAAA"}})
    books.change("keys", key["id"], key=None)
    assert books.show("keys", key["id"])["whole"] is False
    assert books.host.admin("POST", "/estate/keys/whole", {"id": key["id"]}).code == "M-117"
    books.change("keys", key["id"], key=OTHER)
    backup = pathlib.Path(books.host.folder) / "backup"
    books.host.admin_ok("POST", "/backup", {"dir": str(backup)})
    nowhere(books.host, WHOLE, OTHER)
    secrets = lambda: sqlite3.connect(f"file:{backup}/state.db?mode=ro", uri=True).execute("SELECT count(*) FROM record WHERE kind = 'estate-secret'").fetchone()[0]
    assert secrets() == 1
    books.remove("keys", key["id"])
    assert books.host.admin("POST", "/estate/keys/whole", {"id": key["id"]}).code == "M-117"
    backup = pathlib.Path(books.host.folder) / "backup2"
    books.host.admin_ok("POST", "/backup", {"dir": str(backup)})
    assert secrets() == 0
    assert "whole key" not in books.host.logged()


@pytest.mark.parametrize("body", [
    {"entry": {"kind": "mak", "key": "AAAAA-BBBBB-CCCCC-DDDDD-EEEE"}}, {"entry": {"kind": "mak", "key": WHOLE, "partial": "QQQQQ"}}, {"entry": {"kind": WHOLE}},
    {"entry": {"kind": "mak", "note": f"it is {WHOLE}"}}, {"entry": {"kind": "mak", WHOLE: 1}}, {"id": WHOLE, "entry": {"kind": "mak", "partial": "AAAAA", "used": WHOLE}},
    {"entry": {"kind": "mak", "partial": "AAAAA", "order": WHOLE}}, {"entry": {"kind": "mak", "products": [WHOLE]}}, {"entry": {"kind": "mak", "coverage_start": WHOLE, "partial": "AAAAA"}}])
def test_no_refusal_quotes_a_key(books, body):
    said = books.refused("add", "keys", body)
    assert "AAAAA-BBBBB" not in said and "AAAAA-BBBBB" not in books.host.logged()


def test_a_new_key_file_seals_them_anew(books):
    estate(books)
    before = (pathlib.Path(books.host.folder) / "state/secret/host-key").read_bytes()
    told = books.host.admin_ok("POST", "/rekey", {})
    assert told["records"] == 1
    assert (pathlib.Path(books.host.folder) / "state/secret/host-key").read_bytes() != before
    books.host.stop()
    books.host.start()
    assert books.host.admin_ok("POST", "/estate/keys/whole", {"id": "EEEEE"})["key"] == WHOLE


def test_two_administrators_change_one_entry(books):
    """Each changes a field of its own, many times: none is lost, every act is in the journal once."""
    books.add("organisations", name="Shared")
    books.add("contacts", name="C", role="other")
    rounds, failed = 40, []

    def change(field, values):
        for i in range(rounds):
            answer = books.host.admin("POST", "/estate/organisations/change", {"id": "shared", "entry": {field: values(i)}})
            if answer.status != 200:
                failed.append(answer)

    workers = [threading.Thread(target=change, args=("note", lambda i: f"note {i}")), threading.Thread(target=change, args=("contacts", lambda i: ["c"] if i % 2 else []))]
    for w in workers:
        w.start()
    for w in workers:
        w.join()
    assert not failed
    entry = books.show("organisations", "shared")
    assert entry["note"] == f"note {rounds - 1}" and entry["contacts"] == ["c"]
    rows = [r["detail"] for r in books.journal("entry changed")]
    assert rows.count("changed: note") == rounds and rows.count("changed: contacts") == rounds - 1   # the first emptied what was empty


def test_an_import_and_an_act_on_the_same_entry(books):
    """Who changes it while an import is under way wins; the import says that it is to be done again, and nothing of it was written."""
    books.add("organisations", name="One", note="before")
    begun = books.host.admin_ok("POST", "/import/begin", {"name": "f", "type": "books", "dry_run": False})["import"]
    books.host.admin_ok("POST", "/import/records", {"import": begun, "records": [record("organisation", "one", name="One", note="imported"), record("organisation", None, name="Two")]})
    books.change("organisations", "one", note="by hand")
    answer = books.host.admin("POST", "/import/end", {"import": begun, "commit": True})
    assert answer.code == "M-126" and "the organisation one was changed by somebody else meanwhile: nothing was written; do it again" in answer.json["detail"]
    assert books.ids("organisations") == ["one"] and books.show("organisations", "one")["note"] == "by hand"
    # What it refers to is removed meanwhile.
    begun = books.host.admin_ok("POST", "/import/begin", {"name": "f", "type": "books", "dry_run": False})["import"]
    books.host.admin_ok("POST", "/import/records", {"import": begun, "records": [record("organisation", None, name="Child", parent="one")]})
    books.remove("organisations", "one")
    answer = books.host.admin("POST", "/import/end", {"import": begun, "commit": True})
    assert answer.code == "M-126" and "was removed by somebody else meanwhile" in answer.json["detail"] and books.ids("organisations") == []


KEYS = [record("key", None, 2, kind="MAK", key=WHOLE, products=["Office LTSC"], organisations=["Example GmbH"], agreement="V-1", allowed=50, used=1),
        record("key", None, 3, kind="mak", partial="KDQ2G", products=["Visio"], organisations=["example gmbh", "Example Ltd"], order="4711"),
        record("key", None, 4, kind="esu", products=["ESU year 3"], order="4712", license_ids=["99"]),
        record("key", None, 5, kind="mak", partial="AAAA", products=["x"]),
        record("key", None, 6, kind="mak", partial="QQQQQ", products=["y"], allowed=2, used=3),
        record("key", None, 7, kind="mak", partial="QQQQQ", products=["y"], allowed=2, used=3),
        {"line": 8, "kind": "thing", "entry": {}}, {"line": 9, "kind": "key"}]


def test_an_import_is_idempotent_and_names_what_it_made(books):
    dry = books.imported(KEYS, "keys", dry_run=True)
    assert books.ids("keys") == [] and dry["committed"] is False
    told = books.imported(KEYS, "keys")
    assert {k: told[k] for k in ("new", "changed", "same", "skipped", "refused", "doubtful")} == {k: dry[k] for k in ("new", "changed", "same", "skipped", "refused", "doubtful")}
    assert (told["new"], told["changed"], told["same"], told["skipped"], told["refused"], told["doubtful"]) == (4 + 2 + 1 + 2, 0, 0, 1, 3, 2)
    assert told["by_kind"]["organisation"]["new"] == 2 and told["by_kind"]["order"]["new"] == 2 and told["by_kind"]["agreement"]["new"] == 1
    lines = {m["line"]: m for m in told["messages"] if m["level"] != "note"}
    assert lines[5]["text"] == "key: partial takes the last five letters and digits of a product key" and lines[6]["text"].startswith("more activations were used (3) than are allowed (2)")
    assert "the organisation example-gmbh was only named in this file" in json.dumps(told["messages"])
    assert set(books.ids("organisations")) == {"example-gmbh", "example-ltd"}
    # The order of a key that has come is fulfilled, that of one that has not is not.
    assert {o["number"]: o["state"] for o in books.list("orders")} == {"4711": "fulfilled", "4712": "submitted"}
    before = [books.list(k) for k in ("keys", "organisations", "orders", "agreements")]
    again = books.imported(KEYS, "keys")
    assert (again["new"], again["changed"], again["same"], again["skipped"], again["refused"]) == (0, 0, 4, 1, 3)
    assert [books.list(k) for k in ("keys", "organisations", "orders", "agreements")] == before
    assert books.host.admin_ok("POST", "/estate/keys/whole", {"id": "EEEEE"})["key"] == WHOLE
    nowhere(books.host, WHOLE)


def test_the_same_last_five_may_be_another_key(books):
    first, second = "AAAAA-AAAAA-AAAAA-AAAAA-EEEEE", "BBBBB-BBBBB-BBBBB-BBBBB-EEEEE"
    for _ in range(2):
        books.imported([record("key", None, 1, kind="mak", key=first, products=["P"]), record("key", None, 2, kind="mak", key=second, products=["P"]),
                        record("key", None, 3, kind="mak", key=first, products=["Q"])], "keys")
        found = books.list("keys")
        assert len(found) == 2
        assert {books.host.admin_ok("POST", "/estate/keys/whole", {"id": k["id"]})["key"] for k in found} == {first, second}
        assert sorted(k["products"] for k in found) == [["P"], ["P", "Q"]]
    assert "may be any of 2 keys" in books.host.admin("GET", "/estate/keys/EEEEE").json["detail"]
    # Read from the machine where it is installed, under another name of the product.
    books.imported([record("key", None, 1, kind="mak", partial="VVVVV", products=["Visio LTSC"], license_ids=["1"])], "keys")
    books.imported([record("key", None, 1, kind="mak", partial="VVVVV", products=["Visio 21, VisioPro2021VL_MAK"], hosts=["pc-1"])], "books")
    visio, = books.list("keys", "&partial=vvvvv")
    assert visio["license_ids"] == ["1"] and visio["hosts"] == ["pc-1"] and len(visio["products"]) == 2


def test_a_removed_host_takes_its_history_along(books):
    id_ = "2e28138a-847f-42bc-9752-61b03fff33cd"
    for day_, count in ((1, 5), (2, 7)):
        books.imported([{"line": 1, "host": "KMS01", "taken_at": f"2026-11-0{day_}T10:00:00Z", "entry": {
            "name": "Office 15, OfficeKMSHostVL_KMS_Host edition", "description": "Office 15, VOLUME_KMS channel", "activation_id": id_, "current_count": count}}], "listing")
    books.imported([{"line": 1, "host": "KMS02", "taken_at": "2026-11-01T10:00:00Z", "entry": {"name": "x", "activation_id": id_, "current_count": 1}}], "listing")
    history = lambda: [(h["host"], h["current_count"]) for h in books.host.admin_ok("GET", "/observed/history")["items"]]
    assert sorted(history()) == [("kms01", 5), ("kms01", 7), ("kms02", 1)]
    entry, = books.list("hosts", "&host=kms01")
    assert entry["current_count"] == 7
    books.remove("hosts", entry["id"])
    assert history() == [("kms02", 1)] and len(books.list("hosts")) == 1


def test_references_forward_in_a_file(books):
    """A row may refer to what comes further down, by ID."""
    told = books.imported([record("organisation", "b", name="Child", parent="a", contacts=["k"]), record("organisation", "a", name="Parent"), record("contact", "k", name="K", role="seller")])
    assert told["new"] == 3 and told["refused"] == 0 and books.show("organisations", "b")["parent"] == "a"
    assert books.imported([record("organisation", "b", name="Child", parent="a", contacts=["k"])])["same"] == 1
    told = books.imported([record("organisation", "a", name="Parent", parent="b")])
    assert told["refused"] == 1 and "would be its own parent" in told["messages"][0]["text"]


def test_pages_of_many(books):
    """Ten thousand entries, in pages, in the order of IDs; filters over all of them."""
    begun = books.host.admin_ok("POST", "/import/begin", {"name": "many", "type": "keys", "dry_run": False})["import"]
    for start in range(0, 10000, 2500):
        books.host.admin_ok("POST", "/import/records", {"import": begun, "records": [
            record("key", f"k{i:05}", i, kind="mak", partial=f"{i:05}", products=[f"Product {i % 10}"], used=i) for i in range(start, start + 2500)]})
    assert books.host.admin_ok("POST", "/import/end", {"import": begun, "commit": True})["new"] == 10000
    assert books.ids("keys") == [f"k{i:05}" for i in range(10000)]
    page = books.host.admin_ok("GET", "/estate/keys?limit=3&after=k00004")
    assert [k["id"] for k in page["items"]] == ["k00005", "k00006", "k00007"] and page["next"] == "k00007"
    assert len(books.list("keys", "&products=product%207")) == 1000
    assert books.ids("keys", "&text=9999%20product%209") == ["k09999"]
    assert books.host.admin_ok("GET", "/estate/keys?limit=1000&after=k09999")["items"] == []


def test_keys_that_this_host_uses_are_listed_too(new_host, tmp_path):
    """Installed keys beside those of the books; one that is in the books is one item."""
    tmp_path.chmod(0o755)
    licensed = world.Licensed(tmp_path)
    try:
        mak, host_key = licensed.mint("mak", "contoso-mak", activations=400), licensed.mint("host", "contoso-host") if "contoso-host" in world.IDS else None
        books = Books(world.host(new_host, licensed))
        books.host.admin_ok("POST", "/packs", {"pack": licensed.packed()})
        books.host.admin_ok("POST", "/keys", {"key": mak})
        number = books.host.admin_ok("GET", "/keys")["items"][0]["number"]
        books.add("keys", "a-first", kind="mak", partial="QQQQQ")
        books.add("keys", "z-last", kind="mak", partial="QQQQR", products=["Z"])
        assert books.ids("keys") == ["a-first", f"installed-{number}", "z-last"]
        assert [books.host.admin_ok("GET", f"/estate/keys?limit=1&after={a}")["items"][0]["id"] for a in ("a-first", f"installed-{number}")] == [f"installed-{number}", "z-last"]
        item = books.show("keys", f"installed-{number}")
        assert item["partial"] == mak[-5:] and item["kind"] == "mak" and item["installed"] == {"number": number, "state": item["installed"]["state"]} and item["allowed"] == 400
        assert books.host.admin_ok("POST", "/estate/keys/whole", {"id": f"installed-{number}"}) == {"id": f"installed-{number}", "key": mak}
        assert "upk" in books.refused("remove", "keys", {"id": f"installed-{number}"}) and host_key is None
        books.add("keys", "m-mine", kind="mak", partial=mak[-5:], products=["contoso-mak"])
        assert books.ids("keys") == ["a-first", "m-mine", "z-last"]
        assert books.show("keys", "m-mine")["installed"]["number"] == number
    finally:
        licensed.stop()
