"""Hosts that are entitled by what a real issuer makes: key, licence pack, digits or a file; never connected to it."""

import json
import re

import pytest

from host import OFFICE2013, Host, Issuer, Machine, claims_of, folder

AGREEMENT = "V1234567"


class Books:
    """An issuer with one agreement, one host key for Office 2013 and one for Windows Server."""

    def __init__(self, path):
        self.path = path
        self.issuer = Issuer(path / "issuer")
        run = self.issuer.run
        run("product", "add", "office2013", "--activation-id", OFFICE2013, "--title", "Office 2013")
        run("agreement", "add", AGREEMENT, "--programme", "Open Value", "--organisation", "org-1", "--name", "Example Works")
        run("contact", "set", "Germany", "--telephone", "+49 800 1", "--web", "https://example.org/phone")
        self.packs = 0

    def mint(self, *options, kind="host", products="office2013"):
        said = self.issuer.run("--json", "key", "mint", "--kind", kind, "--agreement", AGREEMENT, "--products", products, *options)
        made = json.loads(said)
        return made["key"], made["number"]

    def pack(self):
        self.packs += 1
        path = self.path / f"pack{self.packs}"
        self.issuer.run("pack", "create", "--agreement", AGREEMENT, "--out", str(path))
        return path.read_text()

    def confirm(self, groups, *options):
        """The Confirmation ID as the operator reads it out; a refusal raises with what was said."""
        return json.loads(self.issuer.run("--json", "confirm", " ".join(groups), *options))


@pytest.fixture(scope="module")
def books():
    with folder() as path:
        made = Books(path)
        made.key, made.number = made.mint()
        made.token = made.pack()
        yield made


@pytest.fixture
def host_of(books):
    """A function that makes the host that stands on this hardware."""
    made = []
    with folder() as path:

        def make(hardware, **options):
            host = Host(path / f"host{len(made)}", books.issuer, clock=True, **options)
            host.hardware(hardware)
            made.append(host)
            return host.start()

        yield make
        for host in made:
            host.close()


def entitle(host, books):
    host.admin_ok("POST", "/packs", {"pack": books.token})
    return host.admin_ok("POST", "/keys", {"key": books.key})


def groups_of(host, **body):
    return host.admin_ok("POST", "/installation-id", body)["groups"]


def deposit(host, digits):
    return host.admin_ok("POST", "/confirmation-id", {"confirmation_id": digits})


def activate(host, books, name):
    """One activation of this host by telephone."""
    return deposit(host, books.confirm(groups_of(host, new=True), "--name", name)["confirmation_id"])


def refused(host, method, path, body, status, code, part):
    said = host.admin(method, path, body)
    assert said.status == status and said.code == code and part in said.json["detail"], said
    return said.json


def test_from_nothing_to_clients_activated_by_digits(books, host_of):
    """Pack, key, 54 digits out, 48 digits in: five machines get leases. Nobody was connected to anybody."""
    host = host_of("machine A")
    office = host.activation_id("office2013")
    machines = [Machine(f"pc{i}") for i in range(6)]
    assert host.activate(machines[0], office).status in (202, 503)
    refused(host, "POST", "/keys", {"key": books.key}, 422, "0xC004F015", "the licence pack of this host key is missing")
    refused(host, "POST", "/installation-id", {}, 422, "0xC004F014", "begin with musterctl pack install")
    installed = host.admin_ok("POST", "/packs", {"pack": books.token})
    assert installed["missing"] == ["host key for office2013"] and installed["pack"]["organisation"] == "Example Works"
    refused(host, "POST", "/installation-id", {}, 422, "0xC004F014", "no host key: install it")
    key = host.admin_ok("POST", "/keys", {"key": books.key.lower().replace("-", " ")})
    assert re.fullmatch(r"Installed product key \S+ successfully\.", key["message"]) and key["key"]["partial"] == books.key[-5:]
    shown = host.admin_ok("POST", "/installation-id", {"activation_id": office})
    assert len(shown["groups"]) == 9 and shown["contacts"][0]["telephone"] == "+49 800 1"
    assert groups_of(host) == shown["groups"]
    answer = books.confirm(shown["groups"], "--name", "kms-a")
    wrong = answer["confirmation_id"].replace(" ", "")
    wrong = wrong[:20] + str((int(wrong[20]) + 1) % 10) + wrong[21:]
    assert refused(host, "POST", "/confirmation-id", {"confirmation_id": wrong}, 422, "0xC004F02C", "group 4")["field"] == "group 4"
    done = deposit(host, answer["confirmation_id"])
    assert done["products"] == ["office2013"] and "deposited successfully" in done["message"]
    refused(host, "POST", "/confirmation-id", {"confirmation_id": answer["confirmation_id"]}, 409, "M-133", "already used on")
    answers = [host.activate(m, office) for m in machines]
    assert [a.status for a in answers[-2:]] == [200, 200]
    assert claims_of(answers[-1].json["lease"])["aud"] == f"urn:uuid:{OFFICE2013}"
    item = host.listing("office2013")
    assert item["license_status"] == 1 and item["partial_product_key"] == books.key[-5:] and item["installation_id"] == "".join(shown["groups"])
    assert item["validation_url"] == "https://example.org/phone" and item["extended_pid"].startswith("MUSTA-")
    # it is all there after kill -9, and the client's key is in no file or log
    host.kill()
    host.start()
    assert host.activate(Machine("pc9"), office).status == 200
    assert host.admin_ok("GET", "/keys")["items"][0]["state"] == "activated"
    for file in [*host.folder.rglob("*"), host.log]:
        assert not file.is_file() or books.key.encode() not in file.read_bytes(), file
    acts = [row["action"] for row in host.admin_ok("GET", "/journal")["items"]]
    assert [a for a in acts if a in ("pack installed", "key installed", "Installation ID made", "activated")] == \
        ["pack installed", "key installed", "Installation ID made", "activated"]


def test_seventh_host_and_eleventh_activation_are_refused_until_allowed(books, host_of):
    """The issuer counts hosts by their binding, and activations of each; `allow` and `retire` make room."""
    key, number = books.key, books.number
    books.key, books.number = books.mint("--hosts", "2", "--activations", "3")
    books.token = books.pack()
    try:
        one, two, three = (host_of(f"machine {n}") for n in "123")
        for host in (one, two, three):
            entitle(host, books)
        activate(one, books, "kms1")
        activate(two, books, "kms2")
        with pytest.raises(AssertionError, match=r"(?s)kms1.*kms2"):
            activate(three, books, "kms3")
        activate(one, books, "kms1")
        activate(one, books, "kms1")
        with pytest.raises(AssertionError, match="was activated 3 times"):
            activate(one, books, "kms1")
        books.issuer.run("allow", str(books.number), "--activations", "4", "--reason", "one more")
        activate(one, books, "kms1")
        books.issuer.run("retire", str(books.number), "kms2", "--reason", "scrapped")
        activate(three, books, "kms3")
    finally:
        books.key, books.number = key, number


def test_the_same_digits_elsewhere_are_refused(books, host_of):
    """On another host, and once more here after the next ID was shown."""
    a, b = host_of("machine X"), host_of("machine Y")
    for host in (a, b):
        host.admin_ok("POST", "/packs", {"pack": books.token})
        host.admin_ok("POST", "/keys", {"key": books.key})
    answer = books.confirm(groups_of(a), "--name", "kms-x")["confirmation_id"]
    groups_of(b)
    refused(b, "POST", "/confirmation-id", {"confirmation_id": answer}, 422, "M-135", "was not made for the Installation ID shown on")
    deposit(a, answer)
    office = a.activation_id("office2013")
    groups_of(a)
    refused(a, "POST", "/confirmation-id", {"confirmation_id": answer, "activation_id": office}, 409, "M-133", "already used on")


def test_an_answer_as_file_certifies_the_hosts_own_key(books, host_of):
    """The request text of `dti`, answered with a certificate: no slot is spent, the key is marked activated."""
    host = host_of("machine F")
    entitle(host, books)
    request = host.admin_ok("POST", "/installation-id", {})["request"]
    assert re.fullmatch(r"MUSTER1:\d{54}:[A-Za-z0-9_-]+", request)
    path = books.path / "request"
    path.write_text(request + "\n")
    chain = books.issuer.run("confirm", "--request", str(path), "--name", "kms-f")
    done = host.admin_ok("POST", "/host/install", {"chain": chain})
    assert done["products"] == ["office2013"] and done["key_activated"]
    key = host.admin_ok("GET", "/keys")["items"][0]
    assert (key["state"], key["method"]) == ("activated", "file")
    host.stop()
    host.start()
    assert host.admin_ok("GET", "/status")["activated"]


def test_another_machine_under_the_same_state_grants_nothing(books, host_of):
    """0xC004F00F until it is activated anew; the listing says Unlicensed."""
    host = host_of("machine M")
    entitle(host, books)
    activate(host, books, "kms-m")
    office = host.activation_id("office2013")
    assert host.activate(Machine(), office).status == 202
    host.stop()
    host.hardware("machine N")
    host.start()
    said = host.activate(Machine(), office)
    assert (said.status, said.code) == (503, "0xC004F00F"), said
    assert host.listing("office2013")["license_status"] == 0 and host.lines("activation-moved")
    activate(host, books, "kms-n")
    assert host.activate(Machine(), office).status == 202


def test_a_removed_key_grants_no_more(books, host_of):
    """`upk` names one key; its certificate signs no more, also after a restart; the whole key is shown and written down."""
    host = host_of("machine R")
    entitle(host, books)
    activate(host, books, "kms-r")
    office = host.activation_id("office2013")
    assert host.admin_ok("POST", "/keys/whole", {"number": host.admin_ok("GET", "/keys")["items"][0]["number"]}) == {"key": books.key}
    refused(host, "POST", "/keys/remove", {}, 400, "M-121", "all are never removed at once")
    host.admin_ok("POST", "/keys/remove", {"activation_id": office})
    for _ in range(2):
        assert not host.admin_ok("GET", "/status")["activated"]
        assert host.admin_ok("GET", "/keys")["items"] == []
        host.stop()
        host.start()
    assert "key shown" in [row["action"] for row in host.admin_ok("GET", "/journal")["items"]]


def test_older_issue_and_foreign_pack_are_refused(books, host_of):
    """A pack goes forward only; one of an issuer that is not pinned is nothing."""
    host = host_of("machine P")
    old = books.token
    books.token = books.pack()
    entitle(host, books)
    refused(host, "POST", "/packs", {"pack": old}, 409, "M-131", "is installed")
    with folder() as path:
        stranger = Books(path)
        stranger.mint()
        refused(host, "POST", "/packs", {"pack": stranger.pack()}, 422, "M-139", "")
    token = books.token.strip()
    refused(host, "POST", "/packs", {"pack": token[:-10] + ("A" if token[-10] != "A" else "B") + token[-9:]}, 422, "M-139", "")
    refused(host, "POST", "/packs", {"pack": token[:5000]}, 422, "M-139", "")
