"""The books on the command line: entries of every kind, keys beside those of the host, requests, advice."""

import json
import os
import re
import stat

import pytest

from administrator import DONE, FAILED, LEFT, USAGE, Administrator
from host import OFFICE2013, Machine, program
from terminal import CTRL_C, Terminal

KEY = "AAAAA-BBBBB-CCCCC-DDDDD-EEEEE"
OTHER = "FFFFF-GGGGG-HHHHH-JJJJJ-KKKKK"
SETUP = "SSSSS-TTTTT-VVVVV-WWWWW-XXXXX"


@pytest.fixture
def admin(new_host):
    return Administrator(new_host(plugins=("office2013", "windows", "windows-server", "sql-embedded")))


@pytest.fixture
def key_file(tmp_path):
    """A file with a whole key in it."""
    def make(key=KEY):
        path = tmp_path / f"{key[:5]}.key"
        path.write_text(key + "\n")
        return str(path)
    return make


@pytest.fixture
def sit(request):
    """A seat at a terminal before musterctl."""
    seats = []

    def make(admin, *words):
        seats.append(Terminal(program("musterctl"), "--socket", str(admin.host.socket), *words))
        return seats[-1]

    yield make
    for seat in seats:
        seat.close()


def sets(**fields):
    return [word for name, value in fields.items() for word in ("--set", f"{name}={value}")]


def add(admin, verb, *id_, **fields):
    return admin.json(verb, "add", *id_, *sets(**fields))


def add_key(admin, file, *id_, **fields):
    return admin.json("keys", "add", *id_, "--file", file, *sets(**fields))


def columns(text):
    """The cells of a table by their headings; headings are apart by two blanks or more where one has a blank in it."""
    lines = text.splitlines()
    starts = [m.start() for m in re.finditer(r"(?<!\S)\S+(?: \S+)*?(?=  |\s*$)", lines[0])]
    return lines[0], lines[1:], starts


def test_every_kind_is_added_listed_shown_changed_and_removed(admin):
    """One implementation for all kinds: each takes the same words."""
    kinds = {
        "contacts": {"name": "Licence Shop", "role": "seller", "telephone": "+49 30 1234567"},
        "organisations": {"name": "Contoso GmbH"},
        "agreements": {"programme": "Select", "license_ids": "V1234567,V7654321", "number": "7654321", "end": "2029-06-30"},
        "orders": {"number": "4711", "state": "submitted", "bought": "50"},
        "catalogue": {"name": "Office LTSC 2021 Standard", "category": "Office"},
        "requests": {"about": "mak-limit", "state": "draft", "needed": "50"},
        "hosts": {"host": "kms01.contoso.test", "activation_id": OFFICE2013, "taken_at": "2026-11-01T10:00:00Z"},
    }
    for verb, fields in kinds.items():
        entry = add(admin, verb, **fields)
        id_ = entry["id"]
        listed = [i for i in admin.items(verb, "list") if i["id"] == id_]
        assert len(listed) == 1, (verb, admin.items(verb))
        assert id_ in admin.ok(verb) and id_ in admin.ok(verb, "list")
        shown = admin.ok(verb, "show", id_)
        assert shown.startswith(f"ID: {id_}\n"), shown
        for value in fields.values():
            assert value.replace(",", ", ") in shown, (verb, value, shown)
        changed = admin.ok(verb, "set", id_, "--set", "note=seen" if verb != "hosts" else "priority=normal")
        assert changed.endswith(f"{id_} is changed.\n")
        assert "seen" in admin.ok(verb, "show", id_) or verb == "hosts"
        said = admin(verb, "remove", id_)
        assert said.status == USAGE and "Say --yes" in said.err
        assert admin.ok(verb, "remove", id_, "--yes").endswith(f"{id_} is removed.\n")
        assert id_ not in [i["id"] for i in admin.items(verb)]
        assert "M-117" in admin.refused(verb, "show", id_)


def test_an_empty_value_removes_and_lists_have_commas_in_their_items(admin):
    add(admin, "orders", "o1", number="1", state="submitted", products="Windows Server\\, Standard,Office", bought="5")
    entry = admin.json("orders", "show", "o1")
    assert entry["products"] == ["Windows Server, Standard", "Office"]
    assert "Products: Windows Server, Standard, Office\n" in admin.ok("orders", "show", "o1") and "Windows Server, Standard, Office" in admin.ok("orders")
    admin.ok("orders", "set", "o1", "--set", "bought=", "--set", "products=Office")
    entry = admin.json("orders", "show", "o1")
    assert entry["products"] == ["Office"] and entry.get("bought") is None


@pytest.mark.parametrize("words, sentence", [
    (["contacts", "add", "--set", "nmae=x"], "did you mean name?"),
    (["contacts", "add", "--set", "zzzzzz=x"], "they have name, role, telephone"),
    (["contacts", "add", "--set", "name"], "\"name\" is not FIELD=VALUE"),
    (["contacts", "add"], "what is known of it?"),
    (["contacts", "add", "--set", "name=x", "--set", "role=baker"], "role"),
    (["orders", "add", "--set", "number=1", "--set", "state=submitted", "--set", "date=2026-02-30"], "date"),
    (["orders", "add", "--set", "number=1", "--set", "state=submitted", "--set", "bought=many"], "bought"),
    (["contacts", "show"], "which one?"),
    (["contacts", "show", " "], "is neither an ID nor a name or number"),
    (["contacts", "show", "x" * 20000], "too long"),
    (["contacts", "add", "--set", "name=x", "--set", "name=y"], "name is given twice"),
    (["contacts", "add"], "contacts have name, role, telephone"),
    (["contact", "list"], "did you mean contacts?"),
    (["agreement"], "did you mean agreements?"),
    (["contacts", "burn"], "takes \"list\", \"show\", \"add\", \"set\" or \"remove\", not \"burn\""),
    (["contacts", "copy", "x"], "not \"copy\""),
    (["contacts", "list", "--yes"], "contacts list takes no --yes"),
    (["contacts", "--agreement", "x"], "does not take --agreement"),
    (["contacts", "set", "x"], "which one, and what?"),
    (["contacts", "set", "x", "asked"], "takes no \"asked\""),
    (["requests", "set", "x", "given"], "not \"given\""),
    (["contacts", "show", "x", "y"], "takes no \"y\""),
    (["hosts", "--kind", "x"], "does not take --kind"),
    (["keys", "add", "--set", f"key={KEY}"], "others on this machine can read a command line"),
    (["keys", "add", "--set", "kind=mak"], "there is no terminal to ask for the key"),
    (["keys", "copy", "x"], "where to?"),
    (["keys", "--text", "x"], "`keys` alone shows the keys of this host"),
    (["keys", "list", "--whole", "1"], "keys list takes no --whole"),
    (["keys", "steal"], "\"copy\" or \"export\", not \"steal\""),
])
def test_what_is_typed_wrong_is_said(admin, words, sentence):
    said = admin(*words)
    assert said.status == USAGE and said.out == "" and said.err.startswith("musterctl: "), said
    assert sentence in said.err and KEY not in said.err, said


def test_references_must_be_there_and_hold_what_they_refer_to(admin):
    add(admin, "organisations", "contoso", name="Contoso")
    add(admin, "organisations", "contoso-it", name="Contoso IT", parent="contoso")
    assert "nowhere" in admin.refused("organisations", "add", *sets(name="X", parent="nowhere"))
    assert "contoso-it" in admin.refused("organisations", "remove", "contoso", "--yes")
    shown = admin.ok("organisations", "show", "contoso")
    assert "Organisations below it:" in shown and "contoso-it" in shown


def test_an_agreement_shows_its_data_orders_and_keys(admin, key_file):
    add(admin, "agreements", "select", programme="Select", number="7654321", license_ids="V1")
    add(admin, "orders", "po1", number="4711", state="submitted", agreement="select", bought="50")
    key = add_key(admin, key_file(), kind="mak", products="Office LTSC 2021", agreement="select", allowed="100", used="40", bought="60")
    text = admin.ok("agreements", "show", "select")
    assert "Program: Select\n" in text and "Agreement Number: 7654321\n" in text
    orders, keys = text.split("\nOrders:\n")[1].split("\nKeys:\n")
    assert "4711" in orders and "50" in orders and key["id"] in keys
    whole = admin.json("agreements", "show", "select")
    assert [o["id"] for o in whole["orders"]] == ["po1"] and [k["id"] for k in whole["keys"]] == [key["id"]]
    assert KEY not in text and KEY not in json.dumps(whole)


def test_bought_allowed_and_used_are_three_columns(admin, key_file):
    add_key(admin, key_file(), kind="mak", products="Office LTSC 2021", bought="60", allowed="100", used="40")
    add_key(admin, key_file(OTHER), kind="mak", products="Visio", used="-1")
    text = admin.ok("keys", "list")
    head = text.splitlines()[0].split()
    assert head.index("BOUGHT") + 1 == head.index("ALLOWED") and head.index("ALLOWED") + 1 == head.index("USED")
    assert re.search(r"EEEEE.*\s60\s+100\s+40\b", text), text
    assert re.search(r"KKKKK.*\sunknown\b", text), text
    shown = admin.ok("keys", "show", "EEEEE")
    assert "Licenses Bought: 60\n" in shown and "Activations Allowed: 100\n" in shown and "Activations Used: 40\n" in shown
    assert "The whole key is kept" in shown and KEY not in shown + text


def test_more_used_than_allowed_is_taken_and_said(admin, tmp_path):
    """A vendor's portal shows such keys: never refused, and never without a remark."""
    remark = "doubtful: more activations were used than are allowed"
    add(admin, "keys", kind="mak", partial="EEEEE", products="Office", bought="5", allowed="10", used="10")
    assert "doubtful" not in admin.ok("keys", "list")
    admin.ok("keys", "set", "EEEEE", *sets(used="12"))
    add(admin, "orders", number="O-1", state="submitted")
    add(admin, "keys", kind="esu", partial="FFFFF", products="ESU", order="O-1", allowed="0", used="1")
    add(admin, "keys", kind="mak", partial="GGGGG", products="Windows", bought="1", allowed="-1", used="7")   # not known how many are allowed
    rows = {line.split()[0][:5]: line for line in admin.ok("keys", "list").splitlines()[1:]}
    assert rows["EEEEE"].endswith(remark) and rows["FFFFF"].endswith(f"not fulfilled yet; {remark}") and "doubtful" not in rows["GGGGG"], rows
    shown = admin.ok("keys", "show", "EEEEE")
    assert f"Remark: {remark}\n" in shown and "Licenses Bought: 5\nActivations Allowed: 10\nActivations Used: 12\n" in shown
    file = tmp_path / "keys.csv"
    file.write_text("Product\tKey Type\tPartial Key\tUsed/Total\nOffice\tMAK\tEEEEE\t13/10\nVisio\tMAK\tHHHHH\t2/1\n")
    said = admin("import", str(file))
    assert said.status == DONE and f"{file}:2: doubtful: more activations were used (13) than are allowed (10)" in said.err and f"{file}:3: doubtful: " in said.err, said
    assert admin.json("keys", "show", "EEEEE")["used"] == 13


def test_a_file_that_brings_one_of_the_numbers_is_held_against_the_other(admin, tmp_path):
    """What makes a key doubtful may stand in the books already."""
    add(admin, "keys", kind="mak", partial="EEEEE", products="Office", allowed="10", used="10")
    file = tmp_path / "keys.csv"
    file.write_text("Product\tKey Type\tPartial Key\tActivations Used\nOffice\tMAK\tEEEEE\t11\nVisio\tMAK\tFFFFF\t99\n")
    said = admin("import", str(file))
    assert said.status == DONE and f"{file}:2: doubtful: more activations were used (11) than are allowed (10)" in said.err and ":3: doubtful" not in said.err, said
    file.write_text("Product\tKey Type\tPartial Key\tActivations Allowed\nVisio\tMAK\tFFFFF\t98\n")
    assert f"{file}:2: doubtful: more activations were used (99) than are allowed (98)" in admin("import", str(file)).err


def test_an_ordered_key_is_not_usable_yet(admin, key_file):
    """facts.md section 5: an ESU key is visible early and unusable before its coverage starts, and before its order is fulfilled."""
    add(admin, "orders", "po1", number="4711", state="submitted")
    add_key(admin, key_file(), kind="esu", products="Windows 10 ESU", order="po1")
    add_key(admin, key_file(OTHER), kind="esu", products="Windows 10 ESU 2", coverage_start="2199-01-01")
    text = admin.ok("keys", "list")
    assert text.count("not usable: ") == 2, text
    assert "Remark: not usable: " in admin.ok("keys", "show", "EEEEE")
    admin.ok("orders", "set", "po1", "--set", "state=fulfilled")
    assert admin.ok("keys", "list").count("not usable: ") == 1


def test_keys_are_chosen_by_what_they_belong_to(admin, key_file):
    add(admin, "organisations", "contoso", name="Contoso")
    add(admin, "agreements", "select", programme="Select", number="1")
    add_key(admin, key_file(), kind="mak", products="Office LTSC 2021", organisations="contoso", license_ids="V1")
    add_key(admin, key_file(OTHER), kind="host", products="Windows Server 2022", agreement="select", license_ids="V2")
    chosen = lambda *words: {k["partial"] for k in admin.items("keys", "list", *words)}
    assert chosen() == {"EEEEE", "KKKKK"}
    assert chosen("--organisation", "contoso") == {"EEEEE"}
    assert chosen("--agreement", "select") == {"KKKKK"}
    assert chosen("--license-id", "V1") == {"EEEEE"} and chosen("--license-id", "V2") == {"KKKKK"}
    assert chosen("--product", "Windows Server 2022") == {"KKKKK"}
    assert chosen("--kind", "mak") == {"EEEEE"}
    assert chosen("--text", "ltsc office") == {"EEEEE"} and chosen("--text", "ltsc server") == set()
    add(admin, "catalogue", name="Office LTSC 2021", category="Office")
    add(admin, "catalogue", name="Visio, for those who draw: 100% & more", category="Office & more")
    assert [p["name"] for p in admin.items("catalogue", "--category", "Office & more")] == ["Visio, for those who draw: 100% & more"]
    assert [p["name"] for p in admin.items("catalogue", "--text", "100% draw &")] == ["Visio, for those who draw: 100% & more"]


def test_products_say_what_needs_no_key_and_what_marks_a_client(admin):
    add(admin, "catalogue", name="Office LTSC 2021", setup_key=SETUP)
    add(admin, "catalogue", name="Remote Desktop CAL", keyless="yes", rights="downgrade: own at least one unit")
    text = admin.ok("catalogue")
    assert SETUP in text and "needs no product key" in text
    assert "Rights: downgrade: own at least one unit\n" in admin.ok("catalogue", "show", [i for i in admin.items("catalogue") if i["name"] == "Remote Desktop CAL"][0]["id"])


def test_a_whole_key_is_copied_to_a_file_of_its_owner_or_shown_when_asked(admin, key_file, tmp_path):
    id_ = add_key(admin, key_file(), kind="mak", products="Office")["id"]
    out = tmp_path / "copy"
    said = admin("keys", "copy", "EEEEE", "--out", str(out))
    assert said.status == DONE and said.out == "" and str(out) in said.err and KEY not in said.err
    assert out.read_text() == KEY + "\n" and stat.S_IMODE(out.stat().st_mode) == 0o600
    before = len(admin.items("journal", "--all"))
    assert "is there already" in admin.refused("keys", "copy", id_, "--out", str(out))
    assert len(admin.items("journal", "--all")) == before, "nobody looked"
    assert admin.ok("keys", "copy", id_, "--out", "-") == KEY + "\n"
    journal = admin.items("journal", "--all")
    assert len(journal) == before + 1 and KEY not in json.dumps(journal)
    admin.ok("keys", "add", "--set", "kind=mak", "--set", "partial=ZZZZZ")
    assert "M-117" in admin.refused("keys", "copy", "ZZZZZ", "--out", "-")


def test_a_key_is_asked_for_without_showing_it(admin, sit):
    seat = sit(admin, "keys", "add", "--set", "kind=mak", "--set", "products=Office")
    seat.expect("Product key (not shown): ")
    assert not seat.echoes()
    seat.type(KEY)
    assert seat.rest()[1] == DONE and KEY not in seat.shown
    assert admin.ok("keys", "copy", "EEEEE", "--out", "-") == KEY + "\n"
    seat = sit(admin, "keys", "add", "--set", "kind=mak")
    seat.expect("Product key (not shown): ")
    seat.press(CTRL_C)
    assert seat.rest()[1] == LEFT


def test_removing_asks_and_takes_no_for_an_answer(admin, sit):
    add(admin, "contacts", "shop", name="Shop", role="seller")
    seat = sit(admin, "contacts", "remove", "shop")
    seat.answer("[y/N] ", "n")
    assert seat.rest()[1] == USAGE
    assert admin.items("contacts")
    seat = sit(admin, "contacts", "remove", "shop")
    seat.answer("[y/N] ", "y")
    assert seat.rest()[1] == DONE
    assert admin.items("contacts") == []


def test_keys_alone_are_those_of_the_host_as_before(admin, key_file):
    add_key(admin, key_file(), kind="mak", products="Office")
    assert admin.ok("keys") == "No product key is installed; `musterctl ipk` installs one.\n"
    assert admin.items("keys") == []


def test_a_host_shows_its_facts_and_its_history(admin):
    entry = add(admin, "hosts", host="kms01", activation_id=OFFICE2013, taken_at="2026-11-01T10:00:00Z", current_count="7", channel="host", partial="EEEEE")
    text = admin.ok("hosts", "show", entry["id"])
    assert "Host: kms01\n" in text and "Current Count: 7\n" in text and "Partial Product Key: EEEEE\n" in text
    assert isinstance(admin.json("hosts", "show", entry["id"])["history"], list)


# --- requests ---

WHOLE = dict(reference="V1", product="Office LTSC 2021 Standard", needed="50", reason="a new site")


def test_a_request_without_a_terminal_takes_its_fields_by_set(admin, tmp_path):
    out = tmp_path / "request.txt"
    said = admin("request", "mak-limit", *sets(authorization="A765", partial="EEEEE", **WHOLE), "--out", str(out))
    assert said.status == DONE and said.out == "", said
    text = out.read_text()
    for words in ("More activations of a multiple activation key", "V1", "A765", "EEEEE", "Office LTSC 2021 Standard", "50", "a new site"):
        assert words in text
    assert "an administrator of the agreement may make it" in said.err and "not in the books" in said.err
    kept = admin.items("requests")
    assert [(r["about"], r["state"], r["needed"]) for r in kept] == [("mak-limit", "draft", 50)]
    id_ = kept[0]["id"]
    assert f"musterctl requests set {id_} asked" in said.err
    admin.ok("requests", "set", id_, "asked")
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", admin.json("requests", "show", id_)["asked_on"])
    admin.ok("requests", "set", id_, "granted", "--set", "granted=40", "--set", "answered_on=2199-01-02")
    entry = admin.json("requests", "show", id_)
    assert (entry["state"], entry["granted"], entry["answered_on"]) == ("granted", 40, "2199-01-02")
    assert re.search(r"mak-limit\s+granted.*\s50\s+40\s", admin.ok("requests")), admin.ok("requests")


def test_what_a_request_misses_is_named_at_once(admin):
    said = admin("request", "mak-limit", *sets(product="Office"))
    assert said.status == USAGE and said.out == ""
    for field in ("reference", "authorization", "partial", "needed", "reason"):
        assert f"{field} (" in said.err, said
    assert "product (" not in said.err
    said = admin("request", "host-activations", *sets(product="Office"))
    assert "authorization" not in said.err and "partial (" not in said.err and said.status == USAGE
    assert admin.items("requests") == []
    assert "host-activations, mak-limit or kms-exception" in admin.refused("request", status=USAGE)
    assert "there is no request \"more\"" in admin.refused("request", "more", status=USAGE)
    assert "at least 1" in admin.refused("request", "host-activations", *sets(**{**WHOLE, "needed": "0"}), status=USAGE)


def test_a_request_fills_in_what_the_books_know(admin, key_file):
    add(admin, "organisations", "contoso", name="Contoso GmbH")
    add(admin, "agreements", "select", programme="Select", number="7654321", authorization="A765", organisation="contoso")
    add_key(admin, key_file(), kind="mak", products="Office LTSC 2021", agreement="select", allowed="100", used="99")
    answer = json.loads(admin.ok("request", "mak-limit", *sets(partial="EEEEE", needed="50", reason="a new site"), "--json"))
    entry = answer["request"]
    assert (entry["reference"], entry["authorization"], entry["product"], entry["agreement"]) == ("7654321", "A765", "Office LTSC 2021", "select")
    assert entry["key"] == admin.json("keys", "show", "EEEEE")["id"]
    assert "Contoso GmbH" in answer["text"] and "Select" in answer["text"] and answer["notes"] == []


def test_an_entry_is_named_by_its_name_too(admin):
    add(admin, "organisations", name="Example GmbH & Söhne")
    where = admin.json("organisations", "show", "Example GmbH & Söhne")["id"]
    add(admin, "agreements", name="A 1", programme="Select", number="1 2 3", organisation="Example GmbH & Söhne")
    assert admin.json("agreements", "show", "1 2 3")["organisation"] == where
    admin.ok("organisations", "set", "Example GmbH & Söhne", "--set", "note=x")
    assert admin.json("organisations", "show", where)["note"] == "x"
    assert "1 others" not in admin.refused("organisations", "remove", "Example GmbH & Söhne", "--yes")
    admin.ok("agreements", "remove", "A 1", "--yes")
    admin.ok("organisations", "remove", "Example GmbH & Söhne", "--yes")
    assert "there is no organisation \"Example GmbH & Söhne\"" in admin.refused("organisations", "show", "Example GmbH & Söhne")


@pytest.mark.parametrize("number", ["V/12 34", "a?b=c&d", "100% x", "%2F", "#1", "a+b", "//x/../y/", "ü/ß", "it's \"so\""])
def test_an_entry_is_found_by_a_number_of_any_characters(admin, number):
    """Numbers stand in the paths of requests: whatever is in them, show, set, remove, choosing, and naming one elsewhere take them."""
    add(admin, "agreements", "one", programme="Select", number=number, name="first")
    add(admin, "agreements", "two", programme="Select", number="other", name="second")
    assert admin.json("agreements", "show", number)["id"] == "one"
    admin.ok("agreements", "set", number, *sets(note="changed"))
    assert admin.json("agreements", "show", "one")["note"] == "changed"
    add(admin, "orders", "o", number="O", agreement=number, state="submitted")
    assert admin.json("orders", "show", "o")["agreement"] == "one"
    admin.ok("orders", "remove", "o", "--yes")
    admin.ok("agreements", "remove", number, "--yes")
    assert [e["id"] for e in admin.items("agreements", "list")] == ["two"]
    for gone in (number, "../etc", "..", "/"):
        assert f'M-117: there is no agreement "{gone}"' in admin.refused("agreements", "show", gone)
    for long in ("ü" * 120, "a" + "ü" * 120):   # one of them is cut within a character
        said = admin.refused("agreements", "show", long)
        assert "M-117: there is no agreement \"" in said and "ü" * 39 in said, said


def test_a_request_finds_the_agreement_of_the_keys_order(admin, key_file):
    """Also what is refused for it: the agreement stands with the order alone."""
    add(admin, "agreements", "a1", programme="Select", number="7654321", license_ids="L1")
    add(admin, "orders", "o1", number="O-1", agreement="a1", state="fulfilled")
    add_key(admin, key_file(), kind="mak", products="Office LTSC 2021", order="o1")
    fields = sets(partial="EEEEE", needed="50", reason="a new site", authorization="1")
    assert json.loads(admin.ok("request", "mak-limit", *fields, "--json"))["request"]["agreement"] == "a1"
    admin.ok("agreements", "set", "a1", "--set", "programme=Open License")
    assert "December 2021" in admin.refused("request", "mak-limit", *fields, *sets(reference="77"))


def test_open_license_is_refused_with_the_reason_and_open_value_advised(admin, key_file):
    add(admin, "agreements", "olp", programme="Open License", number="99")
    add(admin, "agreements", "ov", programme="Open Value", number="77")
    for words in (["--agreement", "olp"], sets(reference="99")):
        said = admin.refused("request", "host-activations", *words, *sets(product="P", needed="1", reason="r"))
        assert "December 2021" in said and "nothing was kept" in said
    assert admin.items("requests") == []
    said = admin("request", "kms-exception", "--agreement", "ov", *sets(product="P", needed="1", reason="r"))
    assert said.status == DONE and "a MAK is recommended; a host key is given by exception only" in said.err and "Subject: A host key by exception" in said.out
    assert "there is no agreement \"zz\"" in admin.refused("request", "kms-exception", "--agreement", "zz")


def test_a_request_is_a_dialogue_on_a_terminal(admin, key_file, sit):
    add(admin, "agreements", "select", programme="Select", number="7654321", authorization="A765")
    add_key(admin, key_file(), kind="mak", products="Office LTSC 2021", agreement="select")
    seat = sit(admin, "request", "mak-limit")
    seat.expect("Which key is it about?")
    seat.answer("Enter for none of these: ", "EEEEE")
    seat.answer("licence ID [7654321]: ", "")
    seat.answer("Authorisation number [A765]: ", "")
    seat.answer("version and edition [Office LTSC 2021]: ", "Office LTSC 2021 Standard")
    seat.answer("Last five characters of the key [EEEEE]: ", "")
    seat.answer("how many more activations: ", "")
    seat.answer("how many more activations: ", "some")
    seat.answer("how many more activations: ", "50")
    seat.answer("Business reason: ", "a new site")
    shown, status = seat.rest()
    assert status == DONE and "Office LTSC 2021 Standard" in shown
    assert [r["needed"] for r in admin.items("requests")] == [50]
    seat = sit(admin, "request", "host-activations")
    seat.answer("Enter for none of these: ", "q")
    assert seat.rest()[1] == LEFT
    assert len(admin.items("requests")) == 1


def test_a_request_says_what_does_not_go_together(admin, key_file):
    """The kind of the key and its last five, before anything else is asked for; nothing of it is kept."""
    add_key(admin, key_file(), kind="mak", products="Office LTSC 2021")
    add(admin, "keys", kind="host", partial="FFFFF", products="Windows Server 2022")
    assert "of kind host, not a MAK" in admin.refused("request", "mak-limit", *sets(key="FFFFF"), status=USAGE)
    assert "of kind mak, not a host key" in admin.refused("request", "host-activations", *sets(key="EEEEE"), status=USAGE)
    assert "ends in EEEEE, not in FFFFF" in admin.refused("request", "mak-limit", *sets(key="EEEEE", partial="FFFFF", authorization="A765", **WHOLE), status=USAGE)
    assert "musterctl request mak-limit" in admin.refused("request", "mak-limit", *sets(about="kms-exception", partial="EEEEE", authorization="A765", **WHOLE), status=USAGE)
    assert admin.items("requests") == []


def test_mistakes_in_the_dialogue_of_a_request_are_asked_again(admin, key_file, sit):
    add(admin, "agreements", "select", programme="Select", number="7654321", authorization="A765")
    add(admin, "agreements", "olp", programme="Open License", number="99")
    add_key(admin, key_file(), kind="mak", products="Office LTSC 2021", agreement="select")
    add(admin, "keys", kind="host", partial="FFFFF", products="Windows Server 2022")
    seat = sit(admin, "request", "mak-limit")
    seat.answer("Enter for none of these: ", "nosuch")
    seat.expect('there is no key "nosuch" in the books')
    seat.answer("Enter for none of these: ", "FFFFF")
    seat.expect("of kind host, not a MAK")
    seat.answer("Enter for none of these: ", "EEEEE")
    seat.answer("licence ID [7654321]: ", "")
    seat.answer("Authorisation number [A765]: ", "")
    seat.answer("version and edition [Office LTSC 2021]: ", "")
    seat.answer("Last five characters of the key [EEEEE]: ", "FFFFF")
    seat.expect("ends in EEEEE, not in FFFFF")
    seat.answer("Last five characters of the key [EEEEE]: ", "")
    seat.answer("how many more activations: ", "0")
    seat.expect("so at least 1")
    seat.answer("how many more activations: ", "50")
    seat.answer("Business reason: ", "a new site")
    assert seat.rest()[1] == DONE
    assert [(r["partial"], r["agreement"], r["needed"]) for r in admin.items("requests")] == [("EEEEE", "select", 50)]
    # what nobody would grant ends it
    seat = sit(admin, "request", "kms-exception")
    seat.answer("Enter for none of these: ", "olp")
    shown, status = seat.rest()
    assert status == FAILED and "December 2021" in shown and "nothing was kept" in shown


def test_a_value_of_several_lines(admin):
    admin.ok("organisations", "add", "lines", "--set", "name=Example", "--set", "note=first = 1\nsecond line\n\nfourth")
    assert admin.json("organisations", "show", "lines")["note"] == "first = 1\nsecond line\n\nfourth"
    assert "is not FIELD=VALUE" in admin.refused("organisations", "set", "lines", "--set", "note", "--set", "name=x", status=USAGE)
    assert "name" in admin.refused("organisations", "set", "lines", "--set", "name=two\nlines", status=USAGE)


# --- advice ---

def test_advice_has_the_products_own_numbers(admin):
    advise = lambda *words: {a["product"]: a for a in admin.items("advise", *words)}
    got = advise("--machines", "10")
    assert got["office2013"]["verdict"] == "host key" and got["windows"]["verdict"] == "MAK" and "sql-embedded" not in got
    assert got["office2013"]["minimum_count"] == 5 and got["windows"]["minimum_count"] == 25
    assert any("same count" in r for r in got["windows"]["reasons"])
    one = advise("--machines", "100", "--isolated", "3", "--product", "windows")
    assert list(one) == ["windows"] and (one["windows"]["verdict"], one["windows"]["by_host"], one["windows"]["by_mak"]) == ("both", 97, 3)
    text = admin.ok("advise", "--machines", "100", "--isolated", "3", "--product", "windows")
    assert text.splitlines()[0].endswith(": both, a host key and a MAK") and "  host key for 97, MAK for 3\n" in text
    # said once of products of which the same is true
    every = admin.ok("advise", "--machines", "10")
    assert len(every.split("\n\n")) == len({(a["verdict"], *a["reasons"]) for a in got.values()}) and all(f"({name})" in every for name in got), every
    add(admin, "agreements", "ov", programme="Open Value", number="77")
    assert advise("--machines", "100", "--agreement", "ov")["windows"]["verdict"] == "MAK"
    for words, sentence in (([], "how many machines?"), (["--machines", "0"], "not a number from 1"), (["--machines", "5", "--isolated", "6"], "a part of all")):
        assert sentence in admin.refused("advise", *words, status=USAGE)
    assert "no product \"zz\"" in admin.refused("advise", "--machines", "5", "--product", "zz")
