"""Packs, keys and activation as an administrator types them, on a terminal and in scripts, against a fake admin socket."""

import json
import pathlib
import re
import subprocess

import pytest

from administrator import DONE, FAILED, LEFT, NO_HOST, USAGE, Administrator, run
from fake_host import CID, CONTACTS, IID, KEY, NUMBER, OFFICE, PACK_ID, WINDOWS, FakeHost, Refusal
from host import program
from terminal import CTRL_C, CTRL_D, Terminal


class Shown:
    """What Administrator wants of a host: its socket."""

    def __init__(self, fake):
        self.socket = fake.socket_path


@pytest.fixture
def fake(tmp_path):
    host = FakeHost(tmp_path / "admin.sock")
    yield host
    host.close()


@pytest.fixture
def admin(fake):
    return Administrator(Shown(fake))


@pytest.fixture
def ready(fake):
    """Pack and key are there, the activation is not."""
    fake.state.pack = fake.state.key = True
    return fake


@pytest.fixture
def sit(fake):
    """Sit down at a terminal and type musterctl with these words."""
    seats = []

    def start(*words, **options):
        seats.append(Terminal(program("musterctl"), "--socket", fake.socket_path, *words, **options))
        return seats[-1]

    yield start
    for seat in seats:
        seat.close()


def asked(fake, path):
    return [body for _, p, body in fake.state.asked if p == path]


@pytest.fixture
def files(tmp_path):
    for name, text in (("good.pack", "a.good.pack\n"), ("bad.pack", "x\n"), ("key.txt", KEY.lower() + "\r\n"), ("answer.json", "{}"), ("bad.json", "[]"), ("list.crl", "PEM"),
                       ("answer.pem", "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n")):
        (tmp_path / name).write_text(text)
    return tmp_path


# --- every verb in every form ---

def forms(files):
    return {"setup": None, "pack": ["install", str(files / "good.pack")], "ipk": ["--file", str(files / "key.txt"), "--yes"], "upk": [OFFICE, "--yes"], "keys": [],
            "ato": [], "dti": [], "atp": ["".join(CID)], "phone": None, "mak": ["ask"], "crl": ["install", str(files / "list.crl")], "rekey": ["--yes"], "audit": ["verify"]}


@pytest.mark.parametrize("verb", sorted(forms(pathlib.Path("/"))))
def test_a_verb_is_taken_as_administrators_type_it(ready, admin, files, verb):
    """/ipk, -ipk, ipk and IPK are the same; --json is one document before and behind the verb."""
    words = forms(files)[verb]
    ready.state.online = True
    for form in (verb, "/" + verb, "-" + verb, verb.upper()) if words is not None else ():
        assert admin.ok(form, *words).strip()
        ready.state.key = True
    for command in ([verb, *(words or []), "--json"], ["--json", verb, *(words or [])]):
        assert isinstance(json.loads(admin.ok(*command)), dict)
        ready.state.key = True


@pytest.mark.parametrize("verb", ["setup", "phone", "keys", "pack", "ato", "dti", "mak", "crl"])
def test_without_a_host_the_exit_code_is_3(verb):
    said = run(program("musterctl"), "--socket", "/nowhere/admin.sock", verb)
    assert said.status == NO_HOST and "/nowhere/admin.sock: there is no such socket. Is musterd running?" in said.err


# --- keys ---

def test_ipk_asks_without_showing_the_key(ready, sit):
    """The key is typed and never shown; the message is the one administrators know."""
    ready.state.key = False
    t = sit("ipk")
    t.expect("Product key (not shown): ")
    assert not t.echoes()
    t.type(KEY)
    text, status = t.rest()
    assert status == DONE and t.echoes()
    assert text == f"\nInstalled product key {KEY} successfully.\nNext: musterctl ato, or musterctl phone\n"
    assert asked(ready, "keys") == [{"key": KEY, "replace": False}]


@pytest.mark.parametrize("key", [CTRL_C, CTRL_D])
def test_ipk_may_be_left_and_the_terminal_echoes_again(ready, sit, key):
    t = sit("ipk")
    t.expect("Product key (not shown): ")
    assert not t.echoes()
    t.press(key)
    text, status = t.rest()
    assert status == LEFT and "nothing was installed; musterctl ipk asks again" in text and t.echoes()
    assert asked(ready, "keys") == []


def test_ipk_by_descriptor_by_file_and_as_administrators_type_it(fake, admin, files):
    """Lower case, spaces and line ends are taken; a key on the command line works and is warned of."""
    with open(files / "key.txt", "rb") as f:
        said = admin("ipk", "--key-fd", str(f.fileno()), pass_fds=(f.fileno(),))
    assert said.status == DONE and said.err == ""
    fake.state.key = False
    assert admin.ok("ipk", "--file", str(files / "key.txt")).startswith("Installed product key")
    fake.state.key = False
    said = admin("/ipk", KEY)
    assert said.status == DONE and "others on this machine can read a command line" in said.err
    fake.state.key = False
    said = admin("ipk", *KEY.split("-"))
    assert said.status == DONE
    assert all(body["key"] == KEY for body in asked(fake, "keys"))


@pytest.mark.parametrize("key, words", [
    ("ANC9X-P4XJN-VAG5Y-48SN1-FGXNU", "did you mean V?"), ("ANC9X-P4XJN-VAG5Y-48SN1-FGXN", "too short"), ("ANC9X-P4XJN-VAG5Y-48SN1-FGXRN", "a symbol is wrong or two are swapped"),
    ("BNC9X-P4XJN-VAG5Y-48SN1-FGXNR", "group 1, symbol 1")])
def test_a_mistyped_key_is_named_here_and_not_sent(fake, admin, key, words):
    """0xC004F050 with the place, before anything leaves the program; the key itself is in no message."""
    said = admin("ipk", key)
    assert said.status == FAILED and "0xC004F050: " in said.err and words in said.err and ".." not in said.err, said
    assert key not in said.err and "P4XJN" not in said.err
    assert fake.state.asked == []


def test_a_key_is_replaced_only_when_told_to(ready, admin, sit, files):
    """The host says what is there; on a terminal it is asked, in a script --yes says it."""
    said = admin("ipk", "--file", str(files / "key.txt"))
    assert said.status == USAGE and "another host key of office2013 is installed (...-FGXNR). Replace it? Say --yes" in said.err
    t = sit("ipk")
    t.answer("Product key (not shown): ", KEY)
    t.answer("another host key of office2013 is installed (...-FGXNR). Replace it? [y/N] ", "n")
    assert t.end() == USAGE
    t = sit("ipk")
    t.answer("Product key (not shown): ", KEY)
    t.answer("Replace it? [y/N] ", "y")
    assert t.rest() == (f"y\nInstalled product key {KEY} successfully.\nNext: musterctl ato, or musterctl phone\n", DONE)
    assert admin.ok("ipk", "--yes", "--file", str(files / "key.txt"))


def test_upk_names_what_it_removes(ready, admin, sit):
    t = sit("upk", OFFICE)
    t.answer(f"Remove the product key of {OFFICE}?", "n")
    assert t.end() == USAGE and ready.state.key
    t = sit("upk", str(NUMBER))
    t.answer("[y/N] ", "y")
    assert t.rest() == ("y\nUninstalled product key successfully.\n", DONE)
    assert admin.refused("upk", OFFICE, "--yes") == f"Error: Activation ID ({OFFICE}) not found."


def test_keys_show_five_characters_and_a_key_reader_the_whole(ready, admin):
    text = admin.ok("keys")
    assert "FGXNR" in text and KEY not in text and "not-activated" in text
    assert admin.ok("keys", "--whole", str(NUMBER)) == KEY + "\n"
    ready.state.key = False
    assert admin.ok("keys") == "No product key is installed; `musterctl ipk` installs one.\n"


# --- packs ---

def test_pack_install_says_what_came_and_what_is_missing(fake, admin, files):
    text = admin.ok("pack", "install", str(files / "good.pack"))
    assert text.startswith("Licence pack of Contoso installed: agreement A-1, issue 1, ends 11/22/2028")
    assert f"    host key {NUMBER}: office2013, 6 hosts, 10 activations\n" in text and "Missing: the key for office2013\n" in text
    assert "this is no licence pack" in admin.refused("pack", "install", str(files / "bad.pack"))
    assert PACK_ID in admin.ok("pack") and "Contoso" in admin.ok("pack", "list")
    fake.state.pack_keys_more = [{"kind": "S", "kind_text": "setup key", "number": 8, "generation": 1, "products": ["office2013"], "hosts": 0, "activations": 0}]
    assert admin.ok("pack").count("office2013") == 1, "a product is named once, however many keys are for it"
    assert "    Key 8, setup key, generation 1, for office2013\n" in admin.ok("pack", "show", PACK_ID), "no limits where the key has none"
    shown = admin.ok("pack", "show", PACK_ID)
    assert "    Germany: +49 30 5550100, Mon-Fri 8-18, https://issuer.test/activate\n" in shown and "Organisation: Contoso" in shown
    assert "there is no pack x" in admin.refused("pack", "show", "x")


# --- digits ---

def test_dti_shows_nine_numbered_groups_and_whom_to_call(ready, admin):
    text = admin.ok("dti")
    assert "Installation ID: " + "".join(IID) + "\n" in text
    for i, group in enumerate(IID):
        assert f"{i + 1}: {group}" in text
    assert "Germany: +49 30 5550100, Mon-Fri 8-18" in text and f"musterctl atp CONFIRMATION-ID {OFFICE}" in text
    admin.ok("dti", OFFICE, "--new")
    assert asked(ready, "installation-id") == [{"new": False}, {"activation_id": OFFICE, "new": True}]
    assert admin.refused("dti", PACK_ID) == f"Error: Activation ID ({PACK_ID}) not found."
    ready.state.key = False
    assert "0xC004F014: no product key is installed" in admin.refused("dti")


def test_dti_writes_the_request_as_picture_drawing_and_text(ready, admin, tmp_path):
    request = admin.json("dti")["request"]
    for name, begin in (("r.png", b"\x89PNG"), ("r.svg", b"<?xml"), ("r.txt", request.encode())):
        assert str(tmp_path / name) in admin.ok("dti", "--out", str(tmp_path / name))
        assert (tmp_path / name).read_bytes().startswith(begin)
    assert "must end in .png, .svg or .txt" in admin.refused("dti", "--out", str(tmp_path / "r.gif"), status=USAGE)


def test_dti_qr_on_a_terminal(ready, sit, admin):
    """Half blocks on a terminal with UTF-8 that is wide enough; otherwise the way out is said."""
    t = sit("dti", "--qr")
    text, status = t.rest()
    assert status == DONE and text.count("\x1b[40;97m") > 30 and "▀" in text and "█" in text
    text, status = sit("dti", "--qr", columns=60).rest()
    assert status == FAILED and re.search(r"needs \d+ columns and this terminal has 60: widen it, or --out FILE.png", text)
    text, status = sit("dti", "--qr", environment={"LC_ALL": "C"}).rest()
    assert status == FAILED and "does not show UTF-8: --out FILE.png" in text


@pytest.mark.parametrize("typed", [["".join(CID)], CID, ["-".join(CID)], [" ".join(CID), OFFICE], [*CID, OFFICE]])
def test_atp_takes_digits_in_every_spelling(ready, admin, typed):
    """The messages are those administrators know."""
    text = admin.ok("atp", *typed)
    assert text.startswith(f"Confirmation ID for product {OFFICE} deposited successfully.\nProduct activated successfully.\n")


@pytest.mark.parametrize("wrong, words", [
    (CID[:3] + ["042239"] + CID[4:], "group 4 is wrong"), (CID[:2] + [CID[4], CID[3], CID[2]] + CID[5:], "groups 3 and 5 seem to be swapped"),
    (CID[:7], "42 digits instead of 48"), (IID, "Installation ID")])
def test_atp_names_the_wrong_group_and_sends_nothing(ready, admin, wrong, words):
    said = admin("atp", " ".join(wrong))
    assert said.status == FAILED and "0xC004F02C: " in said.err and words in said.err and "Nothing was changed." in said.err, said
    assert asked(ready, "confirmation-id") == []


def test_atp_takes_an_answer_file(ready, admin, files):
    assert "office2013: Product activated successfully." in admin.ok("atp", "--file", str(files / "answer.pem"))
    assert "is no answer of an issuer" in admin.refused("atp", "--file", str(files / "good.pack"))
    assert "says by itself" in admin.refused("atp", OFFICE, "--file", str(files / "answer.pem"), status=USAGE)


def test_atp_on_a_terminal_asks_group_by_group(ready, sit):
    t = sit("atp")
    for i, group in enumerate(CID):
        t.answer(f"Group {i + 1} of 8: ", group)
    text, status = t.rest()
    assert status == DONE and f"Confirmation ID for product {OFFICE} deposited successfully.\nProduct activated successfully.\n" in text


# --- the telephone dialogue ---

def read_out(t):
    """Be read the nine groups; what was heard."""
    heard = []
    for i in range(9):
        t.expect(f"Group {i + 1} of 9:")
        digits = t.expect("\n")
        heard.append(re.sub(r"\D", "", digits))
        t.answer("q] ", "")
    return heard


def test_phone_leads_through_the_call(ready, sit):
    """Product, number to call, nine groups read out, a wrong group named, the message administrators know."""
    t = sit("phone")
    t.expect("Activation by telephone of Office 15, OfficeKMSHostVL_KMS_Host edition (office2013),\nproduct key ending in FGXNR.")
    t.expect("Germany: +49 30 5550100, Mon-Fri 8-18")
    assert read_out(t) == IID
    t.answer("Group 1 of 8: ", CID[0])
    t.answer("Group 2 of 8: ", CID[1][::-1])
    t.expect("Group 2 is mistyped or was misheard")
    t.answer("Group 2 of 8: ", IID[3])
    t.expect("473017 is group 4 of the Installation ID, which you read out")
    t.answer("Group 2 of 8: ", CID[1])
    t.answer("Group 3 of 8: ", "b")
    t.answer("Group 2 of 8 [575385]: ", "")
    t.answer("Group 3 of 8: ", " ".join(CID[2:]))
    text, status = t.rest()
    assert status == DONE and f"Confirmation ID for product {OFFICE} deposited successfully.\nProduct activated successfully.\n" in text
    assert asked(ready, "confirmation-id") == [{"activation_id": OFFICE, "confirmation_id": " ".join(CID)}]


@pytest.mark.parametrize("where", ["reading", "last group", "first entry", "last entry"])
@pytest.mark.parametrize("how", [CTRL_C, CTRL_D, "q\n"], ids=["Ctrl-C", "Ctrl-D", "q"])
def test_phone_may_be_left_anywhere(ready, sit, where, how):
    """Nothing was deposited, the Installation ID is the same, and it is said how to go on."""
    t = sit("phone")
    if where == "reading":
        t.expect("q] ")
    elif where == "last group":
        t.answer("q] ", "9")
        t.expect("[Enter: the answer, r, b, q] ")
    else:
        t.answer("q] ", "e")
        t.expect("Group 1 of 8: ")
        if where == "last entry":
            t.type(" ".join(CID[:7]))
            t.expect("Group 8 of 8: ")
    t.press(how)
    text, status = t.rest()
    assert status == LEFT and "Nothing was changed, and the Installation ID stays the same" in text and "musterctl phone" in text, text
    assert asked(ready, "confirmation-id") == [] and not ready.state.activated
    assert all(not body["new"] for body in asked(ready, "installation-id"))


def test_phone_goes_on_after_a_refusal(ready, sit):
    """Refused digits lead back to the group that was named, what was typed stays; any other refusal ends the call."""
    ready.state.refuse = [Refusal(422, "0xC004F02C", "group 4 is mistyped", field="group 4")]
    t = sit("phone")
    t.answer("q] ", "e")
    t.answer("Group 1 of 8: ", " ".join(CID))
    t.expect("group 4 is mistyped")
    t.answer("Group 4 of 8 [042293]: ", "042293")
    for i in range(5, 9):
        t.answer(f"Group {i} of 8 [{CID[i - 1]}]: ", "")
    text, status = t.rest()
    assert status == DONE and "Product activated successfully." in text
    ready.state.activated = False
    ready.state.refuse = [Refusal(422, "0xC004F015", "the pack has ended")]
    t = sit("phone")
    t.answer("q] ", "e")
    t.answer("Group 1 of 8: ", " ".join(CID))
    text, status = t.rest()
    assert status == FAILED and "0xC004F015: the pack has ended" in text


def test_phone_asks_which_key_where_several_wait(ready, sit):
    ready.state.windows_key = True
    t = sit("phone")
    t.expect("1  ending in FGXNR, for office2013")
    t.expect("2  ending in 00007, for windows")
    t.answer("Number (1-2), or q: ", "3")
    t.answer("Number (1-2), or q: ", "2")
    t.expect("Group 1 of 9:")
    t.press(CTRL_C)
    assert t.end() == LEFT
    assert asked(ready, "installation-id") == [{"new": False}, {"activation_id": WINDOWS, "new": False}]


def test_phone_asks_before_an_activated_host_spends_another_activation(ready, sit, admin):
    ready.state.activated = True
    t = sit("phone")
    t.answer("This host is activated with this key, until 11/22/2028 10:00:00 AM. Activate it anew? The issuer counts that as another activation. [y/N] ", "n")
    assert t.end() == USAGE and "Group 1" not in t.shown
    assert "Say --yes to go on" in admin.refused("phone", status=USAGE)
    t = sit("phone", "--yes")
    t.expect("Group 1 of 9:")
    t.press(CTRL_D)
    assert t.end() == LEFT


# --- setup ---

def test_setup_from_nothing_to_activated(fake, sit, files):
    """Every step says what is missing; wrong answers are told and asked again."""
    t = sit("setup")
    t.expect("1  office2013")
    t.expect("The licence pack is missing")
    t.answer("Number (1-2), or q: ", "1")
    t.expect("Step 2 of 5: the licence pack")
    t.answer("File of the licence pack", str(files / "nothing"))
    t.expect("No such file")
    t.answer("File of the licence pack", str(files / "bad.pack"))
    t.expect("this is no licence pack")
    t.answer("File of the licence pack", str(files / "good.pack"))
    t.expect("Step 3 of 5: the product key\nThe product key is missing")
    t.expect("Product key (not shown")
    assert not t.echoes()
    t.type("ANC9X")
    t.expect("too short")
    t.answer("Product key (not shown", KEY)
    t.expect(f"Installed product key {KEY} successfully.")
    t.expect("Step 4 of 5: activation\nThe activation is missing")
    t.answer("Number (1-3), or q: ", "1")
    t.expect("the issuer's service cannot be reached")
    t.answer("Number (1-3), or q: ", "2")
    t.expect("Germany: +49 30 5550100")
    t.answer("q] ", "e")
    t.answer("Group 1 of 8: ", " ".join(CID))
    t.expect("Product activated successfully.")
    t.expect("Step 5 of 5: check")
    text, status = t.rest()
    assert status == DONE and "License Status: Licensed" in text and "Nothing is missing for office2013." in text


def test_setup_is_taken_up_where_the_host_stands(fake, sit, admin, files):
    """Left at each step, by each way, and gone on with, in between by single verbs."""
    t = sit("setup", "office2013")
    t.expect("Step 2 of 5")
    t.press(CTRL_C)
    text, status = t.rest()
    assert status == LEFT and f"To go on: musterctl setup {OFFICE}" in text
    admin.ok("pack", "install", str(files / "good.pack"))
    t = sit("setup", OFFICE)
    t.expect("Step 3 of 5")
    t.expect("Product key (not shown")
    t.press(CTRL_D)
    assert t.end() == LEFT and not fake.state.key
    admin.ok("ipk", "--file", str(files / "key.txt"))
    t = sit("setup", OFFICE)
    t.expect("Step 4 of 5")
    t.answer("Number (1-3), or q: ", "q")
    assert t.end() == LEFT
    t = sit("setup", OFFICE)
    t.answer("Number (1-3), or q: ", "3")
    t.answer("Write the request to which file", str(files / "request.png"))
    t.answer("The issuer's answer", "")
    assert t.end() == LEFT and (files / "request.png").exists()
    t = sit("setup", OFFICE)
    t.answer("Number (1-3), or q: ", "3")
    t.answer("Write the request to which file", "")
    t.answer("The issuer's answer", str(files / "answer.pem"))
    text, status = t.rest()
    assert status == DONE and "Step 5 of 5: check" in text
    assert admin.ok("setup", OFFICE).count("Step ") == 1


def test_setup_says_what_is_missing_without_asking(fake, admin):
    """--json: product by product, with the verb that comes next."""
    steps = {item["product"]: item for item in admin.json("setup")["items"]}
    assert steps["office2013"]["step"] == "pack" and steps["office2013"]["command"] == "musterctl pack install FILE"
    fake.state.pack = True
    assert admin.json("setup", "office2013")["items"][0]["step"] == "key"
    fake.state.key = True
    assert admin.json("setup", OFFICE)["items"][0]["step"] == "activate"
    fake.state.activated = True
    assert admin.json("setup", OFFICE)["items"][0]["step"] == "done"
    assert 'there is no product "office2012"' in admin.refused("setup", "office2012", status=USAGE)


# --- online, counted keys, the rest ---

def test_ato_says_what_administrators_know(ready, admin):
    assert "M-143: the issuer's service cannot be reached" in admin.refused("ato")
    ready.state.online = True
    assert admin.ok("ato", OFFICE).startswith("office2013: Product activated successfully.\nThe certificate ends 11/22/2028")


def test_counted_activations_online_by_file_and_by_telephone(fake, admin, sit, files):
    assert "-".join(IID) in admin.ok("mak") and "wanted" in admin.ok("mak", "list")
    assert admin.ok("mak", "ask") == "1 confirmed, 0 refused; machines get it when they ask again.\nKey 7: 100 allowed, 3 used, 97 remaining\nKey 8: 5 allowed, 5 used, remaining unknown\n"
    assert admin.ok("mak", "export").startswith("muster-counted-request 1 ")
    assert "1 Installation IDs written to" in admin.ok("mak", "export", "--out", str(files / "out.txt"))
    assert (files / "out.txt").read_text() == admin.ok("mak", "export")
    assert "1 confirmed" in admin.ok("mak", "import", str(files / "answer.json"))
    assert "this answers nothing that was asked" in admin.refused("mak", "import", str(files / "bad.json"))
    t = sit("mak", "phone", *IID)
    t.expect("Activation by telephone of CAD")
    t.answer("q] ", "e")
    t.answer("Group 1 of 8: ", "".join(CID))
    assert t.rest()[1] == DONE and "The confirmation of pc-1 is recorded." in t.shown
    assert asked(fake, "counted/telephone")[-1] == {"installation_id": " ".join(IID), "confirmation_id": " ".join(CID)}
    t = sit("mak", "phone", *IID)
    t.expect("q] ")
    t.press(CTRL_C)
    assert t.rest()[1] == LEFT and "Nothing was recorded" in t.shown


def test_revocation_lists_rekey_and_audit(fake, admin, files):
    assert "Issuer main: list 4" in admin.ok("crl")
    assert admin.ok("crl", "install", str(files / "list.crl")) == "Revocation list 5 is installed.\n"
    assert admin.ok("rekey", "--yes") == "3 records are sealed under the new key.\n"
    assert admin.ok("audit", "head") == "412:9f2c\n"
    assert admin.ok("audit", "verify", "--expect", "412:9f2c") == "412 records, unbroken; head 412:9f2c.\n"
    assert "does not contain the head" in admin.refused("audit", "verify", "--expect", "1:00")


def test_text_of_others_cannot_steer_the_terminal(ready, admin, monkeypatch):
    """Control characters in what an issuer wrote are not printed."""
    CONTACTS[0]["hours"] = "\x1b]0;owned\x07Mon"
    try:
        text = admin.ok("dti")
    finally:
        CONTACTS[0]["hours"] = "Mon-Fri 8-18"
    assert "\x1b" not in text and "\x07" not in text and "Mon" in text


def test_a_piped_answer_is_taken_too(ready):
    """The dialogue reads lines from anywhere; the end of input leaves it."""
    done = subprocess.run([program("musterctl"), "--socket", ready.socket_path, "phone"], input="e\n" + "\n".join(CID) + "\n", capture_output=True, text=True, timeout=60)
    assert done.returncode == DONE and "Product activated successfully." in done.stdout
