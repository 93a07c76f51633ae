"""musterctl's command line: every verb in every form, --json everywhere, exit codes, and what it says of wrong input."""

import json
import os
import re
import uuid

import pytest

from administrator import DENIED, DONE, FAILED, NO_HOST, USAGE, Administrator, documented, muster, run
from host import OFFICE2013, Machine, folder, plugin_path, program

CLIENT = "36f27b39-2fd5-440b-be67-a09996d27a38"
NOWHERE = "ffffffff-2fd5-440b-be67-a09996d27a38"


@pytest.fixture(scope="module")
def admin(host):
    """A certified host that one machine has asked, for a known and for an unknown product."""
    machine = Machine("pc-1", CLIENT)
    assert host.activate(machine, OFFICE2013).status == 202
    assert host.activate(machine, NOWHERE).status == 422
    return Administrator(host)


def verbs():
    text = run(program("musterctl"), "--help").out
    return [line.split()[0] for line in text.split("\n\n")[2].splitlines() if line[2] != " "]   # a long line goes on below


# Arguments that make each verb do something harmless; the act is repeatable.
ARGUMENTS = {
    "dlv": ["all"], "dli": ["all"], "xpr": ["all"], "products": [], "plugins": [], "clients": [], "events": [], "journal": [],
    "settings": [], "sprt": ["1688"], "sai": ["120"], "sri": ["10080"], "spri": [], "cpri": [], "status": [], "host": ["request"],
    "clock": ["accept", "--yes"], "backup": None, "reload": [], "explain": ["0xC004F038"], "plugin": ["check", str(plugin_path("sample"))],
    "access": [], "debt": [], "media": [],
}
# Of this process alone: the tests run more than once on one machine at the same time.
BACKUPS = f"/tmp/muster-test-backup-{os.getpid()}"
HOSTLESS = ("explain", "plugin", "cpky")
ARGUMENTS["cpky"] = []
# What it takes packs and keys for: tests/integration/test_activation_verbs.py; a medium: test_discover.py; a product with seats: test_access_admin.py.
# test_doctor.py, test_support_bundle.py; moving a host: test_state.py; the books: test_books_cli.py, test_export.py, test_import.py.
ELSEWHERE = {"doctor", "support-bundle", "organisations", "contacts", "agreements", "orders", "catalogue", "hosts", "request", "requests", "advise", "import", "export", "state", "setup", "pack", "ipk", "upk", "keys", "ato", "dti", "atp", "phone", "mak", "crl", "rekey", "audit", "discover", "seats"}


def arguments(verb):
    """A new folder for each backup; everything else can be done again."""
    if verb == "backup":
        return [f"{BACKUPS}-{uuid.uuid4()}"]
    return ARGUMENTS[verb]


@pytest.fixture
def clean_backups():
    import glob
    import shutil
    yield
    for path in glob.glob(f"{BACKUPS}-*"):
        shutil.rmtree(path, ignore_errors=True)


def test_this_file_knows_every_verb():
    """A verb that is added to musterctl must be added here."""
    assert set(verbs()) == set(ARGUMENTS) | ELSEWHERE


def here():
    return [verb for verb in verbs() if verb not in ELSEWHERE]


@pytest.mark.parametrize("verb", here())
def test_a_verb_is_taken_as_administrators_type_it(admin, verb, clean_backups):
    """/dlv, -dlv, dlv and DLV are the same verb: done, exit 0, nothing on the error stream, something said."""
    for form in (verb, "/" + verb, "-" + verb, verb.upper()):
        assert admin.ok(form, *arguments(verb)).strip()


@pytest.mark.parametrize("verb", here())
def test_json_is_json_for_every_verb(admin, verb, clean_backups):
    """--json before or behind the verb prints exactly one JSON document."""
    for words in ([verb, *arguments(verb), "--json"], ["--json", verb, *arguments(verb)]):
        assert isinstance(json.loads(admin.ok(*words)), (dict, list))


@pytest.mark.parametrize("words, name", [
    (["dlv", "all"], "Listing item"), (["products"], "Product"), (["plugins"], "Plugin"), (["clients"], "Client"),
    (["clients", CLIENT], "Client"), (["journal"], "Journal row"), (["products", "--unknown"], "Unknown"), (["settings"], "Setting")])
def test_objects_have_the_members_that_the_document_lists(admin, words, name):
    """docs/admin-api.md names every member that is served, and none that is not."""
    admin.ok("sai", "120")
    items = admin.items(*words)
    assert items
    for item in items:
        if name == "Listing item" and not item["service"]:
            assert set(item) | {"host", "requests"} == documented(name)
        else:
            assert set(item) == documented(name), item


def test_status_and_events_have_the_members_that_the_document_lists(admin):
    """Status is one object; events are requests (12290) or the host's own."""
    assert set(admin.json("status")) == documented("Status")
    for event in admin.items("events"):
        assert set(event) == documented("Event" if event["id"] == 12290 else "Host event"), event


@pytest.mark.parametrize("verb", verbs())
def test_help_of_a_verb_asks_no_host(verb):
    """`musterctl VERB --help` works where no host runs and shows an example."""
    said = run(program("musterctl"), "--socket", "/nowhere", verb, "--help")
    assert said.status == DONE and "Examples:\n" in said.out and said.err == ""
    for other in (["help", verb], [verb, "/?"], ["/" + verb, "-h"]):
        assert run(program("musterctl"), *other).out == said.out


@pytest.mark.parametrize("verb", [v for v in here() if v not in HOSTLESS])
def test_without_a_host_the_exit_code_is_3_and_the_socket_is_named(verb, clean_backups):
    said = run(program("musterctl"), "--socket", "/nowhere/admin.sock", verb, *arguments(verb))
    assert said.status == NO_HOST and said.out == "", said
    assert said.err.startswith("musterctl: /nowhere/admin.sock: there is no such socket. Is musterd running?")


def test_a_socket_that_nobody_answers(tmp_path):
    """A socket left behind by a host that was killed: exit 3, not the same words as for none."""
    import socket
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(str(tmp_path / "old"))
    said = run(program("musterctl"), "--socket", str(tmp_path / "old"), "status")
    assert said.status == NO_HOST and "nobody answers there" in said.err


def test_the_socket_may_be_named_by_the_environment(admin):
    """MUSTER_SOCKET, which --socket overrules."""
    import os
    environment = dict(os.environ, MUSTER_SOCKET=str(admin.host.socket))
    assert run(program("musterctl"), "status", env=environment).status == DONE
    assert run(program("musterctl"), "--socket", "/nowhere", "status", env=environment).status == NO_HOST


def test_explain_asks_nobody_and_takes_a_code_in_every_spelling():
    """0xC004F038 as logs print it, c004f038, F038 as administrators shorten it, M-112 and 112."""
    for spelling in ("0xC004F038", "c004f038", "F038"):
        said = run(program("musterctl"), "--socket", "/nowhere", "explain", spelling)
        assert said.status == DONE and said.out.startswith("0xC004F038  Count insufficient\n"), said
    for spelling in ("M-112", "m-112", "112"):
        assert run(program("musterctl"), "explain", spelling).out.startswith("M-112  ")
    # as it is copied from a log, and as scripts print it
    for spelling in ("(0xC004F038).", "-1073418184", "3221549112", "'C004F038'"):
        assert run(program("musterctl"), "explain", spelling).out.startswith("0xC004F038  "), spelling
    assert run(program("musterctl"), "explain", "12290").out.startswith("event 12290  Host: request received\n")
    explain = lambda *words: run(program("musterctl"), "explain", *words)
    assert explain("event", "12290").out == explain("12290").out
    # what events of success begin with; licensing statuses as listings and events have them
    for spelling in ("0x0", "0x00000000", "0"):
        assert explain(spelling).out.startswith("0x0  Success\n"), spelling
    for status, title in enumerate(("Unlicensed", "Licensed", "Initial grace period", "Additional grace period", "Non-genuine grace period", "Notification", "Extended grace period")):
        for words in ((title,), title.lower().split(), ("status", str(status)), (title + ".",)):
            assert explain(*words).out.startswith(f"status {status}  {title}\n") and "\nstatus" not in explain(*words).out, words
    # several codes, and words in one argument
    assert [one["code"] for one in explain("0xC004F038", "C020", "12290", "--json").json] == ["0xC004C020", "0xC004F038", "event 12290"]
    assert 'no code "0xC0DE0000" is known' in explain("0xC004F038", "0xC0DE0000").err
    assert explain("count insufficient").out == explain("0xC004F038").out
    # words; the codes of facts.md section 4, each
    found = run(program("musterctl"), "explain", "host", "over", "limit").out
    assert found.startswith("0xC004C008  Host key over its limit\n") and "0xC004F038" not in found
    for code in "F038 F039 F041 F042 F050 F051 F02C F014 F015 F06C F074 F009 F00F C003 C008 C020 C021".split():
        assert run(program("musterctl"), "explain", code).status == DONE, code
    for number in range(101, 166):
        if number != 129:
            assert run(program("musterctl"), "explain", f"M-{number}").status == DONE, number
    assert run(program("musterctl"), "explain", "no", "such", "words").status == FAILED
    every = run(program("musterctl"), "explain", "--all", "--json").json
    assert {"0xC004F041", "0xC004F06C", "M-119", "event 12288", "status 6", "0x0"} <= {code["code"] for code in every}
    assert all(set(code) == {"code", "title", "meaning", "action", "http"} and code["action"] for code in every)


WRONG_USAGE = [
    ([], None),
    (["dlw"], 'there is no verb "dlw"; did you mean dlv?'),
    (["ipk"], "there is no terminal to ask for the key: musterctl ipk --key-fd N, or --file FILE"),
    (["ipk", "--key-fd", "3", "--file", "x"], "one key at a time"),
    (["upk"], "which key? musterctl upk ACTIVATION-ID (`musterctl keys` lists them); all keys at once are never removed"),
    (["upk", "all"], "all keys at once are never removed"),
    (["upk", "office"], '"office" is no activation ID'),
    (["upk", OFFICE2013], "Say --yes to go on without being asked"),
    (["keys", "--whole", "x"], '--whole: "x" is not a number'),
    (["pack", "remove"], 'pack takes "install", "list" or "show", not "remove"'),
    (["pack", "install"], "which file? musterctl pack install FILE"),
    (["ato", "office"], '"office" is no activation ID'),
    (["dti", "--qr", "--json"], "either --qr or --json"),
    (["atp"], "which Confirmation ID? musterctl atp CONFIRMATION-ID, or --file ANSWER"),
    (["atp", "067447", "--file", "x"], "either a Confirmation ID or --file"),
    (["atp", OFFICE2013, "067447"], 'behind the activation ID stands "067447"'),
    (["media", "show"], 'media takes "list" or "remove NUMBER", not "show"'),
    (["media", "remove"], "which key? musterctl media remove NUMBER"),
    (["media", "remove", "EEEEE"], '"EEEEE" is no number of a stored key'),
    (["media", "remove", "4294967296"], '"4294967296" is no number of a stored key'),
    (["discover"], "discover needs more: musterctl discover PATH"),
    (["mak", "buy"], 'mak takes "list", "ask", "export", "import" or "phone", not "buy"'),
    (["mak", "ask", "more"], 'mak ask takes no "more"'),
    (["mak", "import"], "which file? musterctl mak import ANSWER"),
    (["mak", "phone"], "which machine? musterctl mak phone INSTALLATION-ID"),
    (["crl", "install"], "which file? musterctl crl install FILE"),
    (["crl", "make"], 'crl takes "show" or "install FILE", not "make"'),
    (["rekey"], "Say --yes to go on without being asked"),
    (["audit"], "audit needs more"),
    (["audit", "head", "--expect", "1:x"], "--expect goes with `audit verify`"),
    (["audit", "cut"], 'audit takes "verify" or "head", not "cut"'),
    (["rearm"], "type it with `muster`"),
    (["sdns"], "_muster._tcp by hand"),
    (["--bad", "dlv"], 'there is no option "--bad"'),
    (["dlv", "--json", "--json"], "--json is given twice"),
    (["-json", "dlv"], "options have two dashes: --json"),
    (["backup", ""], "which folder?"),
    (["host", "install", ""], "which file?"),
    (["dlv", "--follow"], "dlv does not take --follow"),
    (["dlv", "all", "more"], 'dlv takes no "more"'),
    (["dlv", "2e28138a"], '"2e28138a" is neither an activation ID nor "all"'),
    (["xpr", "2e28138a-847f-42bc-9752-61b03fff33cg"], "is neither an activation ID"),
    (["products", "forget"], 'products takes "learn", not "forget"'),
    (["products", "learn"], "products learn ACTIVATION-ID --as PRODUCT"),
    (["products", "learn", "123", "--as", "office2013"], '"123" is not an activation ID'),
    (["products", "--as", "office2013"], "--as and --title go with"),
    (["plugin", "test", "x.so"], 'plugin takes "new NAME", "check FILE" or "enable NAME", not "test"'),
    (["plugin", "test"], 'not "test"'),
    (["plugin", "check"], "which one? musterctl plugin check FILE"),
    (["plugin", "new"], "which one? musterctl plugin new NAME"),
    (["clients", "pc-1"], '"pc-1" is not a client ID'),
    (["clients", "forget", "pc-1", "--yes"], '"pc-1" is not a client ID'),
    (["clients", CLIENT, CLIENT], "clients takes one client ID"),
    (["clients", "forget", CLIENT], "Say --yes to go on without being asked"),
    (["clients", "--limit", "0"], '--limit: "0" is not a number from 1 to'),
    (["clients", "--after", "a&b"], '"a&b" is not a mark of this list'),
    (["events", "--tail", "x"], '--tail: "x" is not a number'),
    (["events", "--tail", "1", "--after", "1"], "either --tail or --after"),
    (["events", "--after", "x"], '--after: "x" is not a number'),
    (["events", "--follow", "--all"], "--follow goes with --tail or --after"),
    (["events", "--follow", "--after", "x"], '--after: "x" is not'),
    (["settings", "reset"], "musterctl settings reset NAME"),
    (["settings", "set", "port"], "musterctl settings reset NAME"),
    (["sai"], "sai needs more"),
    (["sai", "2h"], 'sai takes a whole number of minutes, not "2h"'),
    (["sri", "-5"], 'sri takes a whole number of minutes, not "-5"'),
    (["sprt", "http"], 'sprt takes a whole number, not "http"'),
    (["host"], "host needs more"),
    (["host", "renew"], 'host takes "request", "install" or "roots", not "renew"'),
    (["host", "roots"], "which file? musterctl host roots FILE"),
    (["host", "install"], "musterctl host install CERT"),
    (["host", "install", "x", "--out", "y"], "--out goes with"),
    (["host", "request", "x"], 'host request takes no "x"'),
    (["clock", "set"], 'clock takes "accept", not "set"'),
    (["clock", "accept"], "Say --yes to go on without being asked"),
    (["backup"], "backup needs more"),
    (["explain"], "which code?"),
    (["explain", "--all", "F038"], "either a code or --all"),
    (["status", "now"], 'status takes no "now"'),
]


@pytest.mark.parametrize("words, sentence", WRONG_USAGE, ids=[" ".join(w) or "nothing" for w, _ in WRONG_USAGE])
def test_wrong_usage_is_exit_2_and_says_what_is_wrong(admin, words, sentence):
    said = admin(*words)
    assert said.status == USAGE and said.out == "", said
    if sentence is None:
        assert said.err.startswith("Usage: musterctl")
    else:
        assert said.err.startswith("musterctl: ") and sentence in said.err, said


REFUSED = [
    (["dlv", NOWHERE], f"Error: Activation ID ({NOWHERE}) not found."),
    (["dli", NOWHERE], f"Error: Activation ID ({NOWHERE}) not found."),
    (["xpr", NOWHERE], f"Error: Activation ID ({NOWHERE}) not found."),
    (["clients", "--product", "office2012"], 'there is no product "office2012"'),
    (["clients", NOWHERE], f"no machine with client ID {NOWHERE} has reported in"),
    (["clients", "forget", NOWHERE, "--yes"], NOWHERE),
    (["products", "learn", NOWHERE, "--as", "office2012"], 'there is no product "office2012"'),
    (["products", "learn", OFFICE2013, "--as", "windows"], f"{OFFICE2013} is already one of office2013"),
    (["settings", "reset", "color"], 'there is no setting "color": port, activation_interval, renewal_interval, priority'),
    (["plugin", "check", "/nowhere/x.so"], "/nowhere/x.so: No such file"),
    (["host", "install", "/nowhere/host.pem"], "/nowhere/host.pem: No such file"),
    (["host", "install", "/dev/null"], "/dev/null"),
    (["host", "roots", "/nowhere/roots.jwt"], "/nowhere/roots.jwt: No such file"),
    (["atp", "--file", "/nowhere/answer.png"], "/nowhere/answer.png: No such file"),
    (["atp", "067447"], "0xC004F02C: The Confirmation ID is mistyped"),
    (["pack", "install", "/nowhere/x.pack"], "/nowhere/x.pack: No such file"),
    (["crl", "install", "/nowhere/x.crl"], "/nowhere/x.crl: No such file"),
    (["mak", "import", "/nowhere/answer.json"], "/nowhere/answer.json: No such file"),
    (["ipk", "--file", "/nowhere/key"], "/nowhere/key: No such file"),
    (["ipk", "--key-fd", "77"], "reading the key from file descriptor 77: Bad file descriptor"),
    (["host", "request", "--out", "/nowhere/host.csr"], "/nowhere/host.csr"),
    (["explain", "F999"], 'no code "F999" is known here'),
]


@pytest.mark.parametrize("words, sentence", REFUSED, ids=[" ".join(w) for w, _ in REFUSED])
def test_what_cannot_be_done_is_exit_1_with_the_reason(admin, words, sentence):
    assert sentence in admin.refused(*words)


def test_a_full_disk_or_closed_reader_is_not_success(admin):
    """Output that cannot be written is exit 1."""
    import os
    with open("/dev/full", "w") as full:
        import subprocess
        done = subprocess.run([program("musterctl"), "--socket", str(admin.host.socket), "dlv", "all"], stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == FAILED and "No space left" in done.stderr


def test_curl_can_do_what_musterctl_does(admin):
    """The admin API is open to scripts: method, path and role are checked, errors are problem documents with an action."""
    host = admin.host
    assert host.admin("GET", "/status").status == 200
    for method, path, value, status, code in (
            ("GET", "/nothing", None, 404, "M-105"), ("POST", "/status", {}, 405, "M-106"), ("GET", "/backup", None, 405, "M-106"),
            ("GET", "/events?limit=0", None, 400, "M-121"), ("GET", "/events?limit=1001", None, 400, "M-121"),
            ("GET", "/clients?after=x", None, 400, "M-121"), ("GET", "/clients/x", None, 400, "M-121"),
            ("GET", "/listing?id=x", None, 400, "M-121"), ("POST", "/settings", {"name": 5, "value": "1"}, 400, "M-121"),
            ("POST", "/settings", {"name": "port"}, 400, "M-121"), ("POST", "/backup", {"dir": "relative"}, 400, "M-121"),
            ("POST", "/clients/forget", {}, 400, "M-121"), ("POST", "/reload", [], 400, "M-101")):
        a = host.admin(method, path, value)
        assert (a.status, a.code) == (status, code), (path, a)
        assert a.headers["Content-Type"] == "application/problem+json" and a.json["title"] and a.json["action"], a
