"""Administrators and what is given out: reports, lists, licences entered by hand, taking back and reassigning with a reason, seats, debt."""

import json
import os
import uuid

import pytest

from administrator import FAILED, USAGE, Administrator, documented
from host import Machine, now_text

DAY = 86400
RDS = "068385ca-c2db-55ea-b58f-f7282036c0dd"
CAD = "33333333-0000-4000-8000-000000000001"
CAM = "33333333-0000-4000-8000-000000000002"
APPLICATION = "33333333-0000-4000-8000-00000000000a"
SEATS = f"""
[product cad]
name = CAD
activation_id = {CAD}
application_id = {APPLICATION}
model = seats
seats = 2
queue = 1
"""


class Desk(Machine):
    """One that signs in to session hosts, or starts a program."""

    def __init__(self, host, name="desk", shift=0):
        super().__init__(name)
        self.host, self.shift = host, shift

    def sign_in(self, id_=RDS, shift=0, **changes):
        return self.host.activate(self, id_, time=now_text(shift), **changes)

    def device(self, version="2019", shift=0):
        return self.sign_in(access={"per": "device", "version": version}, shift=shift)

    def user(self, name, version="2019", shift=0):
        return self.sign_in(access={"per": "user", "user": name, "version": version}, shift=shift)


def line(admin, version="2019", per="device", product="rds"):
    found = [v for p in admin.json("access", "--product", product)["products"] for v in p["versions"] if (v["version"], v["per"]) == (version, per)]
    return found[0] if found else None


@pytest.fixture
def rds(new_host):
    host = new_host(plugins=("rds",), clock=True, limits="new_clients_per_hour = 100000")
    host.certify("rds")
    return host, Administrator(host)


def enter(admin, licenses, version="2019", per="device", note="order 4711"):
    said = admin.json("access", "add", "--per", per, "--of", version, "--licenses", str(licenses), "--note", note)
    assert said["licenses"] == licenses and said["id"]
    return said["id"]


def test_licences_entered_by_hand_are_given_out_and_reported(rds):
    """bought, issued, temporary, free of a version; list and packs say who and whence; removing an entry leaves debt and cuts nobody off."""
    host, admin = rds
    a, b = Desk(host, "desk-a"), Desk(host, "desk-b")
    assert a.device().json["access"]["kind"] == "temporary"
    id_ = enter(admin, 1)
    assert b.device().json["access"]["kind"] == "temporary"
    assert b.device().json["access"]["kind"] == "permanent"
    got = line(admin)
    assert (got["bought"], got["issued"], got["temporary"], got["over"], got["revoked"], got["free"]) == (1, 1, 1, 0, 0, 0), got
    text = admin.ok("access")
    assert text.splitlines()[0].split() == ["PRODUCT", "VERSION", "PER", "BOUGHT", "ISSUED", "TEMPORARY", "OVER", "REVOKED", "REVOCABLE", "FREE", "RESERVED"]
    assert any(row.split()[:5] == ["rds", "2019", "device", "1", "1"] for row in text.splitlines()), text
    held = {i["client_id"]: i for i in admin.items("access", "list")}
    assert held[b.client_id]["state"] == "permanent" and held[a.client_id]["state"] == "temporary"
    assert all(set(i) == documented("Holder") for i in held.values())
    assert "desk-b" in admin.ok("access", "list", "--product", "rds")
    text = admin.ok("access", "packs")
    assert id_ in text and "order 4711" in text and "entered" in text
    assert "Nothing exceeds what there is.\n" == admin.ok("debt")
    assert "nobody" in admin.refused("access", "remove", id_, status=USAGE)
    admin.ok("access", "remove", id_, "--yes")
    assert "no" in admin.refused("access", "remove", id_, "--yes")
    debt, = admin.items("debt")
    assert (debt["product"], debt["what"], debt["version"], debt["available"], debt["used"], debt["debt"]) == ("rds", "licenses", "2019", 0, 1, 1), debt
    assert set(debt) == documented("Debt")
    assert "More is given out than there is" in admin.ok("access") and "licences 2019 per device" in admin.ok("debt")
    # What was granted is not taken away.
    assert b.device().status == 200
    rows = [j["action"] for j in admin.items("journal")]
    assert "licences entered" in rows and "entered licences removed" in rows


def test_revoking_up_to_a_fifth_with_a_reason(rds):
    """10 licences: two may be taken back at a time, the third is refused with the numbers; the licence is free at once, the reason in the journal."""
    host, admin = rds
    enter(admin, 10)
    desks = [Desk(host, f"desk-{n}") for n in range(4)]
    for d in desks:
        d.device()
        assert d.device().json["access"]["kind"] == "permanent"
    assert line(admin)["revocable"] == 2
    said = admin.json("access", "revoke", desks[0].client_id, "--reason", "scrapped: \"rack 7\"")
    assert (said["product"], said["holder"], said["version"]) == ("rds", desks[0].client_id, "2019")
    admin.ok("access", "revoke", desks[1].client_id, "--reason", "sold", "--product", "rds", "--of", "2019")
    got = line(admin)
    assert (got["issued"], got["revoked"], got["revocable"], got["free"]) == (2, 2, 0, 8), got
    assert "20 %" in admin.refused("access", "revoke", desks[2].client_id, "--reason", "sold")
    row = next(j for j in admin.items("journal") if desks[0].client_id in j["object"])
    assert row["action"] == "licence taken back" and "scrapped: \"rack 7\"" in row["detail"] and row["actor"].startswith(f"{os.getuid()} "), row
    assert "scrapped" in admin.ok("journal")
    # Not until what it was granted is over.
    assert desks[0].device().code == "M-153"
    assert "holds no licence" in admin.refused("access", "revoke", str(uuid.uuid4()), "--reason", "x")


def test_users_beyond_the_number_are_a_breach_and_reassigned_after_90_days(rds):
    """Granted and shown as debt under enforce too; before 90 days a licence stays with its user, whose sign-ins in between do not put the day off."""
    host, admin = rds
    enter(admin, 1, per="user")
    d = Desk(host)
    assert d.user("alice").status == 200
    a = d.user("bob")
    assert a.status == 200 and a.json["over"] is True, a
    assert line(admin, per="user")["over"] == 1
    debt, = admin.items("debt")
    assert (debt["policy"], debt["per"], debt["debt"]) == ("enforce", "user", 1), debt
    assert "M-" in admin.refused("access", "reassign", "alice", "carol", "--reason", "left")
    host.shift(50 * DAY)
    assert d.user("alice", shift=50 * DAY).status == 200
    host.shift(91 * DAY)
    said = admin.json("access", "reassign", "alice", "carol", "--reason", "alice has left")
    assert (said["from"], said["to"]) == ("alice", "carol")
    assert [i["holder"] for i in admin.items("access", "list")].count("carol") == 1
    row = next(j for j in admin.items("journal") if j["action"] == "licence reassigned")
    assert "alice has left" in row["detail"]


@pytest.fixture
def cad(new_host):
    host = new_host(plugins=(), products=SEATS, clock=True)
    host.certify("cad")
    return host, Administrator(host)


def test_seats_are_listed_released_and_waited_for(cad):
    """Two seats: overview, holders, queue. Taken back: the machine is refused with M-153, the seat is the next one's when its lease is over; the reason is in the journal."""
    host, admin = cad
    a, b, c = (Desk(host, name) for name in ("cad-a", "cad-b", "cad-c"))
    assert a.sign_in(CAD).status == 200 and b.sign_in(CAD).status == 200
    assert c.sign_in(CAD).code == "M-149"
    seats = admin.json("seats")["products"][0]["seats"]
    assert (seats["bought"], seats["issued"], seats["free"], seats["waiting"]) == (2, 2, 0, 1), seats
    assert admin.ok("seats").splitlines()[1].split()[:4] == ["cad", "2", "2", "0"]
    assert admin.ok("seats", "report") == admin.ok("seats")
    asked = sorted((e for e in admin.items("events") if e.get("product") == "cad"), key=lambda e: e["seq"])
    assert [e["count"] for e in asked] == [1, 2, 2], asked   # seats out, also where a machine waits
    text = admin.ok("seats", "list")
    assert "cad-a" in text and c.client_id in text
    assert {i["holder"] for i in admin.items("seats", "list", "--product", "cad")} == {a.client_id, b.client_id}
    assert "it is not renewed" in admin.ok("seats", "release", a.client_id, "--reason", "left over the weekend")
    assert a.sign_in(CAD).code == "M-153"
    row = next(j for j in admin.items("journal") if j["action"] == "seat taken back")
    assert "left over the weekend" in row["detail"] and a.client_id in row["object"]
    assert "taken back already" in admin.refused("seats", "release", a.client_id, "--reason", "again")
    host.shift(3600 + 60)
    assert c.sign_in(CAD, shift=3660).status == 200
    assert "has no seat" in admin.refused("seats", "release", str(uuid.uuid4()), "--reason", "x")


def test_wrong_input(cad):
    """Usage is exit 2 with what to type; what the host refuses is exit 1 with its sentence. Nothing is written into the journal."""
    host, admin = cad
    before = len(admin.items("journal"))
    usage = [
        (("seats", "release"), "whose seat?"), (("seats", "release", "pc-1", "--reason", "x"), "whose seat?"), (("seats", "release", str(uuid.uuid4())), "--reason TEXT"),
        (("seats", "release", str(uuid.uuid4()), "--reason", ""), "--reason TEXT"), (("seats", "give"), 'not "give"'), (("seats", "list", "x"), 'no "x"'),
        (("access", "revoke", "x"), "which device?"), (("access", "reassign", "a"), "from whom to whom?"), (("access", "give"), 'not "give"'),
        (("access", "add", "--of", "2019", "--licenses", "1"), "--per"), (("access", "add", "--per", "device", "--licenses", "1"), "--of"),
        (("access", "add", "--per", "device", "--of", "2019"), "--licenses"), (("access", "add", "--per", "device", "--of", "2019", "--licenses", "0"), "not a number from 1"),
        (("access", "remove"), "which entry?"), (("access", "list", "--product", "Not A Name"), "not a product name"), (("debt", "--product", "&x=1"), "not a product name"),
        (("seats", "list", "--after", "a&b"), "no place of a list"), (("access", "list", "--per", "user"), "takes no --per"), (("access", "report", "--of", "1"), "takes no --of"),
    ]
    for words, sentence in usage:
        assert sentence in admin.refused(*words, status=USAGE), words
    refused = [
        (("access",), "no product of the access model"), (("access", "list"), "no product of the access model"), (("access", "--product", "cad"), "has no access licences"),
        (("seats", "--product", "none"), "there is no product"), (("debt", "--product", "none"), "there is no product"),
        (("seats", "add", "--licenses", "5"), "records"), (("access", "list", "--product", "none"), "there is no product"), (("access", "list", "--product", "cad"), "cad is of the seats model, not of the access model"),
    ]
    for words, sentence in refused:
        assert sentence in admin.refused(*words, status=FAILED), words
    for path, body in (
        ("take-back", {"product": "cad", "holder": str(uuid.uuid4())}), ("take-back", {"product": "cad", "holder": "x", "reason": " "}), ("take-back", {"holder": "x", "reason": "x"}),
        ("take-back", {"product": "cad", "holder": "x" * 300, "reason": "x"}), ("take-back", {"product": "cad", "holder": str(uuid.uuid4()), "reason": "a\nb"}),
        ("take-back", {"product": 1, "holder": "x", "reason": "x"}), ("reassign", {"product": "cad", "from": "a", "to": "b", "reason": "x"}), ("entered", {"product": "cad"}),
        ("entered/remove", {}), ("entered/remove", {"id": "zz"}), ("take-back", {"product": "cad", "holder": str(uuid.uuid4()), "reason": "x" * 401}),
    ):
        a = host.admin("POST", "/holdings/" + path, body)
        assert 400 <= a.status < 500 and a.json["detail"], (path, body, a)
    for query in ("", "?product=none", "?product=cad&limit=0", "?product=cad&after=zz"):
        assert 400 <= host.admin("GET", "/holdings/holders" + query).status < 500, query
    assert len(admin.items("journal")) == before


def test_no_seats_for_programs_is_an_empty_list(rds):
    """Report and list agree: nothing, and done; for people a sentence."""
    _, admin = rds
    for words in (("seats",), ("seats", "report")):
        assert admin.json(*words) == {"products": []}
        assert "no product of the seats model" in admin.refused(*words)
    assert admin.json("seats", "list") == {"items": [], "more": False, "next": None}
    assert "no product of the seats model" in admin.refused("seats", "list")
    assert "there is no product" in admin.refused("seats", "list", "--product", "none", "--json")


def test_the_verbs_keep_to_their_model(new_host):
    """A seat's verb takes back no licence and a licence's no seat, however right the ID is; lists of a product have that product's lines."""
    host = new_host(plugins=("rds",), products=SEATS, clock=True, limits="new_clients_per_hour = 100000")
    host.certify("rds", "cad")
    admin = Administrator(host)
    assert admin.ok("access", "packs").endswith("No licences are there: they come in licence packs (musterctl pack install FILE).\n")
    assert admin.ok("access", "list").endswith("Nobody holds an access licence of rds.\n") and admin.ok("seats", "list").endswith("Nobody has a seat of cad.\n")
    enter(admin, 10)
    desk, program = Desk(host, "desk"), Desk(host, "program")
    desk.device()
    assert desk.device().json["access"]["kind"] == "permanent" and program.sign_in(CAD).status == 200
    seats, access = "rds is of the access model, not of the seats model", "cad is of the seats model, not of the access model"
    for words, sentence in ((("seats", "release", desk.client_id, "--reason", "x", "--product", "rds"), seats), (("seats", "add", "--licenses", "1", "--product", "rds"), seats),
                            (("access", "revoke", program.client_id, "--reason", "x", "--product", "cad"), access),
                            (("access", "add", "--per", "device", "--of", "2019", "--licenses", "1", "--product", "cad"), access),
                            (("access", "reassign", "a", "b", "--reason", "x", "--product", "cad"), access)):
        assert sentence in admin.refused(*words), words
    assert [i["holder"] for i in admin.items("access", "list")] == [desk.client_id] and [i["holder"] for i in admin.items("seats", "list")] == [program.client_id]
    assert line(admin)["revoked"] == 0
    assert "order 4711" in admin.ok("access", "packs", "--product", "rds")
    assert "order 4711" not in (text := admin.ok("access", "packs", "--product", "cad")) and "No licences are there" in text
    assert [p["product"] for p in admin.json("access", "packs", "--product", "rds")["products"]] == ["rds"]


def test_several_products_must_be_named(new_host):
    host = new_host(plugins=(), products=SEATS + SEATS.replace("[product cad]", "[product cam]").replace(CAD, CAM))
    admin = Administrator(host)
    assert "which product? --product NAME, one of: cad, cam" in admin.refused("seats", "list", status=USAGE)
    assert [p["product"] for p in json.loads(admin.ok("seats", "--json"))["products"]] == ["cad", "cam"]
    assert admin.items("seats", "list", "--product", "cam") == []
