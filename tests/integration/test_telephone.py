"""From nothing to a host activated by telephone digits only: the issuer's and the host's administrators at two terminals that share nothing but a voice."""

import os
import re
import subprocess

import pytest

from administrator import DONE, FAILED, LEFT, Administrator
from host import OFFICE2013, PATIENCE, Host, Issuer, Machine, folder, program
from terminal import CTRL_C, CTRL_D, Terminal

WINDOWS_SERVER = "windows-server"
CONTACT = ("Germany", "+49 30 5550100", "Mon-Fri 8-18")


class Publisher(Issuer):
    """An issuer with an agreement, its contact and a host key for each product; it runs no service."""

    def __init__(self, path):
        super().__init__(path)
        self.keys = {}
        self.run("contact", "set", CONTACT[0], "--telephone", CONTACT[1], "--hours", CONTACT[2])
        self.run("agreement", "add", "EA-4711", "--programme", "Enterprise Agreement", "--organisation", "contoso", "--name", "Contoso")

    def sell(self, product, activation_id):
        self.run("product", "add", product, "--activation-id", activation_id, "--title", product)
        said = self.run("key", "mint", "--kind", "host", "--agreement", "EA-4711", "--products", product, "--hosts", "10", "--activations", "3")
        self.keys[product] = re.search(r"\b(?:[0-9A-Z]{5}-){4}[0-9A-Z]{5}\b", said)[0]

    def pack(self):
        """The newest pack; a new one, which voids the digits of the one before, only when a key came."""
        path = self.folder.parent / f"{len(self.keys)}.pack"
        if not path.exists():
            self.run("pack", "create", "--agreement", "EA-4711", "--out", str(path))
        return path

    def confirm(self, groups):
        """What the issuer's operator answers on the telephone, from the command line."""
        return confirmation_in(self.run("confirm", " ".join(groups)))

    def operator(self):
        """Somebody who sits down at the issuer and waits for a call."""
        return Terminal(program("muster-issuer"), "--dir", str(self.folder), "confirm", "--name", "kms1.contoso.test")


def confirmation_in(text):
    """The eight groups of what the issuer says."""
    return re.search(r"\b\d{6}(?:[ -]\d{6}){7}\b", text)[0].replace("-", " ").split()


def heard_at(t):
    """The nine groups, as the dialogue reads them out one at a time; then it asks for the answer."""
    groups = []
    for i in range(9):
        t.expect(f"Group {i + 1} of 9:")
        groups.append(re.sub(r"\D", "", t.expect("\n")))
        t.answer("q] ", "")
    return groups


def wrong(group, place=0):
    return group[:place] + str((int(group[place]) + 1) % 10) + group[place + 1:]


@pytest.fixture(scope="module")
def publisher():
    with folder() as path:
        one = Publisher(path / "issuer")
        one.sell("office2013", OFFICE2013)
        yield one


@pytest.fixture
def new_machine(new_host, publisher):
    """A host on hardware of its own."""
    count = iter(range(1000))

    def make():
        host = new_host(start=False, issuer=publisher, clock=True)
        host.hardware(f"{os.urandom(8).hex()}-{next(count)}")
        return host.start()

    return make


@pytest.fixture
def sit():
    """Sit down at the terminal of a host and type musterctl with these words."""
    seats = []

    def start(host, *words):
        seats.append(Terminal(program("musterctl"), "--socket", str(host.socket), *words))
        return seats[-1]

    yield start
    for seat in seats:
        seat.close()


def prepared(publisher, host, *products):
    """Pack and keys by single verbs."""
    admin = Administrator(host)
    admin.ok("pack", "install", str(publisher.pack()))
    for product in products or ("office2013",):
        key = host.folder / "key"
        key.write_text(publisher.keys[product] + "\n")
        admin.ok("ipk", "--file", str(key))
        key.unlink()
    return admin


def test_from_nothing_to_activated_by_digits_only(new_host, publisher, sit):
    """`musterctl setup` at one terminal, `muster-issuer confirm` at another; wrong digits are named on both sides, both are left and gone on with, and
    in the end the fifth machine is activated. The host has no address of the issuer, the issuer runs no service."""
    host = new_host(issuer=publisher)
    admin = Administrator(host)
    assert host.activate(Machine(), OFFICE2013).code == "0xC004F041"

    # The pack and the key came by post. The key is mistyped once, and is never shown.
    t = sit(host, "setup")
    t.expect("1  office2013")
    t.answer("Number (1-3), or q: ", "1")
    t.answer("File of the licence pack", str(publisher.pack()))
    t.expect("Licence pack of Contoso installed")
    t.expect("Step 3 of 5: the product key")
    t.expect("Product key (not shown")
    key = publisher.keys["office2013"]
    t.type(key[:-1] + ("0" if key[-1] != "0" else "2"))
    t.expect("0xC004F050: ")
    t.expect("Product key (not shown")
    t.type(key)
    t.expect("Installed product key ")
    t.expect(" successfully.")
    assert key[:17] not in t.shown
    t.expect("Step 4 of 5: activation")

    # By telephone; the administrator is called away after three groups.
    t.answer("Number (1-3), or q: ", "2")
    t.expect(f"{CONTACT[0]}: {CONTACT[1]}, {CONTACT[2]}")
    for _ in range(3):
        t.answer("q] ", "")
    t.expect("Group 4 of 9:")
    t.press(CTRL_C)
    text, status = t.rest()
    assert status == LEFT and "To go on: musterctl setup" in text
    assert "The host is not activated for this product." in admin.ok("xpr", OFFICE2013)

    # Another day: the same step, the same Installation ID.
    shown = admin.json("dti")["groups"]
    t = sit(host, "setup", "office2013")
    t.expect("Step 4 of 5: activation")
    t.answer("Number (1-3), or q: ", "2")
    groups = heard_at(t)
    assert groups == shown

    # The operator mishears the third group, is told so, and has it repeated.
    with publisher.operator() as operator:
        for i, group in enumerate(groups):
            operator.expect(f"Group {i + 1}: ")
            if i == 2:
                operator.type(wrong(group, 4))
                operator.expect("Group 3 is mistyped")
                operator.expect("Group 3: ")
            operator.type(group)
        said, status = operator.rest()
        assert status == DONE, said
    answer = confirmation_in(said)

    # The administrator mishears the fifth, types a group that was read out, and gets on.
    for i, group in enumerate(answer):
        t.expect(f"Group {i + 1} of 8: ")
        if i == 4:
            t.type(wrong(group, 2))
            t.expect("Group 5 is mistyped or was misheard")
            t.answer("Group 5 of 8: ", groups[0])
            t.expect(f"{groups[0]} is group 1 of the Installation ID")
            t.expect("Group 5 of 8: ")
        t.type(group)
    t.expect("Confirmation ID for product ")
    t.expect(" deposited successfully.\nProduct activated successfully.\n")
    t.expect("Step 5 of 5: check")
    text, status = t.rest()
    assert status == DONE and "License Status: Licensed" in text

    # What an administrator looks at afterwards, and what machines get.
    listing = dict(line.split(": ", 1) for line in admin.ok("dlv", OFFICE2013).splitlines() if ": " in line)
    assert listing["License Status"] == "Licensed" and listing["Partial Product Key"] == key[-5:] and listing["Installation ID"] == "".join(groups)
    assert listing["Extended PID"]
    item, = admin.items("keys")
    assert item["state"] == "activated" and item["method"] == "telephone" and item["partial"] == key[-5:]
    answers = [host.activate(Machine(f"pc-{i}"), OFFICE2013) for i in range(5)]
    assert answers[-1].status == 200 and answers[-1].json["result"] == "activated"
    assert "Step 5 of 5: check" in admin.ok("setup", "office2013")


def test_the_same_digits_a_second_time_and_on_another_host(new_machine, publisher, sit):
    """Each refusal has its own sentence, nothing changes, and the dialogue stays open for the right digits."""
    first = new_machine()
    admin = prepared(publisher, first)
    groups = admin.json("dti")["groups"]
    answer = publisher.confirm(groups)
    assert publisher.confirm(groups) == answer  # the same again, nothing counted
    assert "deposited successfully.\nProduct activated successfully." in admin.ok("atp", "".join(answer), OFFICE2013)
    assert "already used on" in admin.refused("atp", "".join(answer))

    second = new_machine()
    other = prepared(publisher, second)
    t = sit(second, "phone")
    t.answer("q] ", "e")
    t.answer("Group 1 of 8: ", " ".join(answer))
    t.expect("was not made for the Installation ID shown on")
    t.expect("Group 1 of 8 [")
    t.press(CTRL_D)
    assert t.rest()[1] == LEFT
    assert other.items("keys")[0]["state"] != "activated"
    # One Installation ID is answered once; a new one gets a new answer.
    renewed = admin.json("dti")["groups"]
    assert renewed != groups


def test_digits_of_another_product(new_machine, publisher, sit):
    """A Confirmation ID for one product typed for another: named, and refused."""
    host = new_machine()
    if WINDOWS_SERVER not in publisher.keys:
        publisher.sell(WINDOWS_SERVER, host.activation_id(WINDOWS_SERVER))
    admin = prepared(publisher, host, "office2013", WINDOWS_SERVER)
    server = host.activation_id(WINDOWS_SERVER)
    office = publisher.confirm(admin.json("dti", OFFICE2013)["groups"])
    admin.json("dti", server)
    assert "belongs to office2013" in admin.refused("atp", "".join(office), server)
    # Which one is meant must be said where several wait.
    assert OFFICE2013 in admin.refused("dti") or "office2013" in admin.refused("dti")
    t = sit(host, "phone")
    t.expect("Several product keys wait for activation:")
    t.expect("for office2013")
    t.answer("Number (1-2), or q: ", "1")
    t.answer("q] ", "e")
    t.answer("Group 1 of 8: ", " ".join(office))
    assert t.rest()[1] == DONE
    states = {item["product"]: item["state"] for item in admin.items("keys")}
    assert states["office2013"] == "activated" and states[WINDOWS_SERVER] != "activated"


def test_every_wrong_group_is_named_by_both_programs(new_machine, publisher):
    """At the host and at the issuer; nothing reaches the host's state or the issuer's books."""
    host = new_machine()
    admin = prepared(publisher, host)
    groups = admin.json("dti")["groups"]
    for i in range(9):
        bad = groups[:i] + [wrong(groups[i], i % 6)] + groups[i + 1:]
        done = subprocess.run([program("muster-issuer"), "--dir", str(publisher.folder), "confirm", " ".join(bad)], capture_output=True, text=True, timeout=PATIENCE)
        assert done.returncode == FAILED and f"group {i + 1} is wrong" in done.stderr, done.stderr
    answer = publisher.confirm(groups)
    for i in range(8):
        assert f"group {i + 1} is wrong" in admin.refused("atp", " ".join(answer[:i] + [wrong(answer[i], i % 6)] + answer[i + 1:]))
    assert "groups 2 and 7 seem to be swapped" in admin.refused("atp", " ".join([answer[0], answer[6], *answer[2:6], answer[1], answer[7]]))
    assert admin.items("keys")[0]["state"] != "activated"
    assert "Product activated successfully." in admin.ok("atp", *answer)


def test_a_request_as_picture_or_text_is_answered_for_the_hosts_own_key(new_machine, publisher, tmp_path, sit):
    """The request leaves as text or QR code, the answer comes back as PEM, as text, and as a picture; the host signs with its own key."""
    first = None
    for request, more, answer in ((".txt", [], ".pem"), (".txt", ["--text"], ".answer"), (".png", [], ".png")):
        host = new_machine()
        admin = prepared(publisher, host)
        asked, answered = tmp_path / f"request{answer}{request}", tmp_path / f"answer{answer}"
        t = sit(host, "setup", "office2013")
        t.answer("Number (1-3), or q: ", "3")
        t.answer("Write the request to which file", str(asked))
        t.answer("The issuer's answer", "")
        assert t.rest()[1] == LEFT  # the answer comes another day
        publisher.run("confirm", "--request", str(asked), *more, "--out", str(answered))
        assert answered.read_bytes().startswith({".pem": b"-----BEGIN", ".answer": b"MUSTER1A:", ".png": b"\x89PNG"}[answer])
        if first is not None:
            assert admin.refused("atp", "--file", str(first))  # another host's
        t = sit(host, "setup", "office2013")
        t.answer("Number (1-3), or q: ", "3")
        t.answer("Write the request to which file", "")
        t.answer("The issuer's answer", str(asked))
        t.expect("is a request and no answer")
        t.answer("Number (1-3), or q: ", "3")
        t.answer("Write the request to which file", "")
        t.answer("The issuer's answer", str(answered))
        text, status = t.rest()
        assert status == DONE and "Product activated successfully." in text and "Step 5 of 5: check" in text, text
        assert admin.items("keys")[0]["method"] == "file"
        first = first or answered
