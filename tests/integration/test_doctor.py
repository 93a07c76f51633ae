"""musterctl doctor and muster doctor through the front door: each check brought to its verdicts, exit codes and the plugin's line."""

import datetime
import http.server
import json
import os
import re
import socketserver
import sqlite3
import subprocess
import threading

import pytest

import administrator
import licensed as world
import test_observed as observed
from administrator import NO_HOST, Administrator
from host import OFFICE2013, SOURCE, Machine, base64url, eventually, now_text, program
from licensed import Licensed
from terminal import Terminal
from test_crl import make_list, install as install_list, utcnow
from test_muster import CLOCKED, Client
from test_plugins_at_run_time import CRASHER, PATH as CRASHER_PATH, QUIET
from tls import Authority

DAY = 86400
OK, WARNING, CRITICAL, UNKNOWN = range(4)
WORDS = ("ok", "warning", "critical", "unknown")


class Doctor(Administrator):
    def check(self, name, verdict, words="", code=None):
        """This check alone: exit code, verdict, what its reason says; the check."""
        said = self("doctor", name, "--json")
        assert said.err == "", said
        one, = said.json["checks"]
        assert (one["check"], one["verdict"], said.status, said.json["verdict"]) == (name, WORDS[verdict], verdict, WORDS[verdict]), one
        assert words in one["reason"], one
        assert (one["remedy"] is None) == (verdict == OK), one
        if code is not None:
            assert one["code"] == code, one
        return one


def office(host, n, shift=0, first=0):
    for i in range(first, first + n):
        a = host.activate(Machine(f"pc-{i}"), OFFICE2013, time=now_text(shift))
        assert a.status in (200, 202), a


def test_a_new_host_and_its_line(new_host):
    """Not activated: critical. Activated: all is well. The first line is a plugin's; no host is 3, on standard output."""
    host = new_host(clock=True)
    admin = Doctor(host)
    admin.check("activated", CRITICAL, "the host is not activated", "0xC004F041")
    said = admin("doctor")
    assert said.status == CRITICAL and said.err == "", said
    first, *rest = said.out.splitlines()
    assert re.match(r"MUSTER CRITICAL - 1 of \d+ checks: activated: the host is not activated for any of its \d+ products: every machine is refused \| activated_products=0;;1:;0; ", first), first
    assert [line.split()[0] for line in rest].count("CRITICAL") == 1
    host.certify()
    office(host, 6)
    said = admin("doctor")
    assert said.status == OK, said
    first, *rest = said.out.splitlines()
    count = len(rest)
    line, measures = first.split(" | ")
    assert line == f"MUSTER OK - {count} checks" and count > 18
    assert "office2013=6;;5:;0;10" in measures.split(), measures
    for measure in measures.split():
        assert re.fullmatch(r"[\w-]+=\d+(s|B)?;[\d:]*;[\d:]*;0;\d*", measure), measure
    assert all(line.startswith("OK ") for line in rest)
    # every check by its name, and nothing else
    names = [c["check"] for c in json.loads(admin("doctor", "--json").out)["checks"]]
    for name in names:
        admin.check(name, OK)
    manual = (SOURCE / "docs" / "musterctl.1").read_text()
    told = re.search(r"compared with the program by tests/integration/test_doctor.py\n(.*?)\n\.El", manual, re.S)[1]
    assert re.findall(r"(?m)^\.It Cm (\S+)", told) == names
    for wrong in (("no-such",), ("counts", "no-such"), ("--limit", "3"), ("--no-such",), ("--json", "--json"), ("",)):
        said = admin("doctor", *wrong)
        assert said.status == UNKNOWN, said
    assert "there is no check" in admin("doctor", "no-such").out
    host.stop()
    said = admin("doctor")
    assert said.status == UNKNOWN and said.out.startswith("MUSTER UNKNOWN - ") and "Is musterd running?" in said.out, said
    said = admin("doctor", "--json")
    assert said.status == UNKNOWN and said.json["verdict"] == "unknown" and said.json["checks"] == [] and "Is musterd running?" in said.json["reason"] and said.err == "", said
    assert admin("status").status == NO_HOST


def test_on_a_terminal(new_host):
    host = new_host()
    screen = Terminal(program("musterctl"), "--socket", str(host.socket), "doctor", columns=72)
    assert screen.end() == CRITICAL
    text = screen.shown
    lines = text.splitlines()
    assert lines[0].split() == ["VERDICT", "CHECK", "REASON"], text
    assert re.search(r"(?m)^CRITICAL  activated      the host is not activated", text), text
    assert "-> Activate the host: musterctl setup" in text and "0xC004F041" in text
    assert all(len(line) <= 72 for line in lines), text


def test_counts_marks_and_forecast(new_host):
    host = new_host(clock=True)
    host.certify("office2013")
    admin = Doctor(host)
    admin.check("counts", OK, "no product with a minimum count has been asked for")
    office(host, 4)
    one = admin.check("counts", CRITICAL, "office2013: 4 of 5 machines; no new one is activated", "0xC004F038")
    assert one["measures"] == [{"label": "office2013", "value": 4, "unit": "", "warning": "", "critical": "5:", "max": 10}]
    office(host, 1, first=4)
    admin.check("counts", OK, "1 product at or above")
    admin.check("low-water", OK, "no product has a low-water mark")
    host.configure(more="[product office2013]\nlow_water = 6\n")
    assert "changed office2013: low_water 0 -> 6" in admin.ok("reload")
    admin.check("low-water", WARNING, "office2013: 5 machines, below your mark of 6", "M-164")
    office(host, 1, first=5)
    admin.check("low-water", OK)
    host.configure(more="[product office2013]\nlow_water = 11\n")
    admin.ok("reload")
    admin.check("low-water", WARNING, "above the 10 that are ever counted")
    # policy = advise: granted all the same
    host.configure(more="[product office2013]\nminimum_count = 8\npolicy = advise\n[doctor]\nforecast = 20d\n")
    assert "[doctor] forecast" in admin.ok("reload")
    admin.check("counts", WARNING, "office2013: 6 of 8 machines; they are activated as debt")
    host.configure()
    admin.ok("reload")
    # two weeks without a word: not yet silent long enough to be gone within 14 days; then they are
    admin.check("forecast", OK, "within 14 days")
    host.shift(14 * DAY)
    admin.check("forecast", OK)
    host.shift(17 * DAY)
    one = admin.check("forecast", WARNING, "office2013: 6 machines are silent; if they stay so, 0 of 5 are left on ", "M-164")
    office(host, 2, shift=17 * DAY, first=6)
    admin.check("forecast", WARNING, "office2013: 6 machines are silent; if they stay so, 2 of 5 are left on ")
    office(host, 5, shift=17 * DAY, first=8)
    admin.check("forecast", OK)
    # what was forecast: gone
    host.shift(50 * DAY)
    admin.check("counts", CRITICAL, "no machine has reported within its window")
    admin.check("forecast", OK)


def test_idle(new_host):
    host = new_host(clock=True, more="[doctor]\nidle = 2h\n")
    host.certify("office2013")
    admin = Doctor(host)
    admin.check("idle", OK, "no request yet")
    host.shift(7200 + 60)
    admin.check("idle", WARNING, "no machine has asked for 2 hours (limit 2 hours); none ever has")
    office(host, 1, shift=7260)
    admin.check("idle", OK, "the last request was 0 minutes ago")
    host.shift(7260 + 7000)
    admin.check("idle", OK)
    host.shift(3 * DAY)
    one = admin.check("idle", WARNING, "no machine has asked for 2 days (limit 2 hours)")
    assert one["measures"][0]["warning"] == "7200" and one["measures"][0]["value"] > 2 * DAY
    # over a restart it is known when somebody asked last
    host.stop()
    host.start()
    admin.check("idle", WARNING, "for 2 days")
    host.configure(more="[doctor]\nidle = 0s\n")
    admin.ok("reload")
    admin.check("idle", OK, "not looked at")


def test_certificates_and_the_clock(new_host, tmp_path):
    host = new_host(clock=True)
    host.certify("office2013")
    admin = Doctor(host)
    left = admin.check("certificates", OK)["measures"][0]["value"]
    host.shift((left - 29) * DAY)
    admin.check("certificates", WARNING, "the certificate for office2013 ends in ")
    host.shift((left - 5) * DAY)
    admin.check("certificates", CRITICAL, "the certificate for office2013 ends in ")
    host.shift((left + 1) * DAY)
    admin.check("certificates", CRITICAL, "the certificate for office2013 ended on ", "0xC004F041")
    admin.check("activated", CRITICAL, "not activated")
    # back to where it was: no longer believed
    admin.check("clock", OK)
    office_shift = (left - 40) * DAY
    host.shift(office_shift)
    admin.check("clock", CRITICAL, code="0xC004F06C")
    admin.ok("clock", "accept", "--yes")
    admin.check("clock", OK)


def test_the_port_and_the_tls_certificate(new_host, tmp_path):
    authority = Authority(tmp_path)
    host = new_host(start=False)
    authority.server(host.folder, "tls", days=20)
    tls = f"listen_tls = 127.0.0.1:0\ntls_certificate = {host.folder}/tls.pem\ntls_key = {host.folder}/tls.key"
    host.configure(host=tls)
    host.start()
    admin = Doctor(host)
    one = admin.check("port", OK)
    assert re.fullmatch(r"127\.0\.0\.1:\d+, 127\.0\.0\.1:\d+ with TLS answer", one["reason"]), one
    admin.check("certificates", WARNING, "the TLS server's certificate ends in ")
    authority.server(host.folder, "tls", days=3)
    admin.ok("reload")
    admin.check("certificates", CRITICAL, "the TLS server's certificate ends in ")


class Statuses(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    """An admin socket whose host says that it listens wherever a test wants."""

    def __init__(self, folder, listen, listen_tls=()):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                text = json.dumps({"listen": listen, "listen_tls": list(listen_tls)} if self.path.endswith("/status") else {"verdict": "ok", "checks": []}).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def address_string(self):
                return "unix"

            def log_message(self, *_):
                pass

        self.socket_path = folder / "admin.sock"
        super().__init__(str(self.socket_path), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()


@pytest.mark.parametrize("kind", ["nobody", "one of two", "another program", "nowhere", "every address"])
def test_the_port_is_not_reached(new_host, tmp_path, kind):
    """What the host says against what answers there."""
    host = new_host()
    well, dead = f"127.0.0.1:{host.port}", "127.0.0.1:1"
    listens, verdict, words = {"nobody": ([dead], CRITICAL, dead), "one of two": ([well, dead], WARNING, dead), "another program": ([], CRITICAL, "no healthy host"),
                               "nowhere": ([], CRITICAL, "listens nowhere"), "every address": ([f"0.0.0.0:{host.port}"], OK, f"0.0.0.0:{host.port} answers")}[kind]
    other = http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler)
    other.RequestHandlerClass.log_message = lambda *_: None
    threading.Thread(target=other.serve_forever, daemon=True).start()
    if kind == "another program":
        listens = [f"127.0.0.1:{other.server_port}"]
    try:
        with Statuses(tmp_path, listens) as fake:
            said = administrator.run(program("musterctl"), "--socket", str(fake.socket_path), "doctor", "port", "--json")
        one, = said.json["checks"]
        assert (one["verdict"], said.status) == (WORDS[verdict], verdict) and words in one["reason"], one
    finally:
        other.shutdown()
        other.server_close()


def test_duplicates_unknown_and_debt(new_host):
    products = "[product cad]\nname = CAD\nactivation_id = 33333333-0000-4000-8000-000000000003\napplication_id = 33333333-0000-4000-8000-00000000000a\n" \
               "model = seats\nseats = 1\npolicy = advise\n"
    host = new_host(products=products)
    host.certify("office2013", "cad")
    admin = Doctor(host)
    for name in ("duplicates", "unknown", "debt"):
        admin.check(name, OK)
    first = Machine("original")
    clone = Machine("copy", client_id=first.client_id)
    host.activate(first, OFFICE2013)
    assert host.activate(clone, OFFICE2013).code == "M-112"
    eventually(lambda: admin("doctor", "duplicates").status == WARNING, "the fold has noticed the clone")
    admin.check("duplicates", WARNING, "1 client ID is used by more than one machine", "M-112")
    host.activate(Machine(), "11111111-2222-4333-8444-555555555555")
    admin.check("unknown", WARNING, "machines asked for 1 activation ID")
    for name in ("a", "b"):
        assert host.activate(Machine(name), "33333333-0000-4000-8000-000000000003").status == 200
    admin.check("debt", WARNING, "cad: 2 seats used, 1 there")


@pytest.fixture(scope="module")
def licensed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("licensed")
    folder.chmod(0o755)
    one = Licensed(folder)
    yield one
    one.stop()


def test_keys_packs_and_coverage(new_host, licensed):
    """A counted key near its end, a pack and a coverage that end: with the host's clock where that is so."""
    key = licensed.mint("mak", "contoso-mak", activations=10)
    esu = licensed.mint("esu-mak", "esu-1", activations=9, coverage_start=licensed.publisher.day(-1), coverage_end=licensed.publisher.day(100))
    host = world.host(new_host, licensed)
    admin = Doctor(host)
    host.admin_ok("POST", "/packs", {"pack": licensed.packed()})
    for one in (key, esu):
        host.admin_ok("POST", "/keys", {"key": one})
    admin.check("coverage", OK, "1 with an end")
    packs = host.admin_ok("GET", "/packs")["items"]
    admin.check("keys", OK)
    machines = [world.Machine(licensed, key, n) for n in range(10)]
    for i, m in enumerate(machines):
        host.activate(m, world.IDS["contoso-mak"])
        if i == 8:
            host.admin_ok("POST", "/counted/ask", {})
            admin.check("keys", WARNING, "9 of 10 activations are used", "0xC004C020")
    host.admin_ok("POST", "/counted/ask", {})
    admin.check("keys", CRITICAL, "all 10 activations are used", "0xC004C020")
    for days, verdict in ((75, WARNING), (97, CRITICAL), (103, CRITICAL), (140, OK)):
        host.shift(days * DAY)
        admin.check("coverage", verdict)
    ends = datetime.datetime.fromisoformat(packs[0]["ends_at"].replace("Z", "+00:00"))
    left = (ends - datetime.datetime.now(datetime.timezone.utc)).days
    for days, verdict, words in ((left - 20, WARNING, "the licence pack of agreement EA-1"), (left - 5, CRITICAL, "ends in"), (left + 2, CRITICAL, "ended on"), (left + 40, OK, "")):
        host.shift(days * DAY)
        admin.check("packs", verdict, words)


def test_revocation_lists(new_host):
    host = new_host(clock=True)
    host.certify("office2013")
    admin = Doctor(host)
    assert install_list(host, make_list(host.issuer, 3, days=10)).status == 200
    admin.check("revocation", OK)
    host.shift(11 * DAY)
    admin.check("revocation", WARNING, "the revocation list of issuer main should have been replaced on ")


def test_plugins(new_host):
    """One that is refused is a warning; one that took the host down is critical; one that is switched off on purpose is neither."""
    host = new_host(start=False, plugins=("office2013",), more=f"[plugin crasher]\npath = {CRASHER_PATH}\n[plugin nobody]\npath = /nowhere/nobody.so\nrequired = no\n"
                    "[plugin rds]\nenabled = no\n")
    host.start(env=QUIET)
    host.certify("office2013", "crasher")
    admin = Doctor(host)
    admin.check("plugins", WARNING, "nobody is refused: ", "M-125")
    with pytest.raises(Exception):
        host.activate(Machine("abort"), CRASHER)
    host.process.wait(timeout=60)
    host.process = None
    host.start(env=QUIET)
    admin.check("plugins", CRITICAL, "crasher is switched off: kept off since it took the host down", "M-125")
    admin("plugin", "enable", "crasher")
    host.configure(plugins=("office2013",), more="[plugin rds]\nenabled = no\n")
    admin.ok("reload")
    admin.check("plugins", OK, "1 loaded")


def test_disk(new_host):
    """min_free moves the floor to where this machine's disk is."""
    host = new_host()
    admin = Doctor(host)
    free = admin.check("disk", OK)["measures"][0]["value"]
    host.configure(host=f"min_free = {free * 7 // 10}")
    admin.ok("reload")
    eventually(lambda: admin("doctor", "disk").status == WARNING, "the floor is looked at")
    admin.check("disk", WARNING, "no request is taken")
    host.configure(host=f"min_free = {free * 2}")
    admin.ok("reload")
    eventually(lambda: admin("doctor", "disk").status == CRITICAL, "the floor is looked at")
    admin.check("disk", CRITICAL, "requests are answered 503", "M-110")
    # one fault, one critical check
    admin.check("ledger", OK)


def test_the_record_of_acts(new_host):
    host = new_host()
    admin = Doctor(host)
    for _ in range(4):
        admin.ok("reload")
    admin.check("audit", OK)
    admin("audit", "head")
    host.stop()
    with sqlite3.connect(host.folder / "state" / "state.db") as db:
        db.execute("DELETE FROM journal WHERE seq > 2")
    db.close()
    host.start()
    admin.check("audit", CRITICAL, "The end of the record of acts is missing", "M-128")


# --- on a client ---

def client_check(machine, name, verdict, words="", code=None, **how):
    said = machine.run("--json", "doctor", **how)
    assert said.stderr == "", said
    answer = json.loads(said.stdout)
    one = next(c for c in answer["checks"] if c["check"] == name)
    assert one["verdict"] == WORDS[verdict], answer
    assert words in one["reason"], one
    assert said.returncode == WORDS.index(answer["verdict"])
    assert (one["remedy"] is None) == (verdict == OK), one
    if code is not None:
        assert one["code"] == code, one
    return answer


@pytest.fixture
def machines(new_host, tmp_path):
    host = new_host(clock=True)
    host.certify()
    return host, lambda n=0: Client(tmp_path, host, n, CLOCKED)


def test_a_machine(machines):
    """Nothing asked yet; counted in grace; activated; not renewed for long; expired."""
    host, machine = machines
    one = machine(0)
    client_check(one, "state", CRITICAL, "there is no folder")
    client_check(one, "lease", UNKNOWN)
    assert one.run("doctor", "--no-such").returncode == UNKNOWN and one.run("status", "--no-such").returncode == 64
    assert one.run("run", "office2013", "--no-such", "--", "doctor").returncode == 64
    assert not one.state.exists()
    one.shift(0)
    one.json("activate", OFFICE2013, code=1)
    client_check(one, "lease", WARNING, "is not activated")
    client_check(one, "grace", WARNING, "the grace period ends")
    for n in range(1, 5):
        machine(n).shift(0)
        machine(n).run("activate", OFFICE2013)
    one.json("activate", OFFICE2013)
    answer = client_check(one, "lease", OK, "1 product activated; office2013 until ")
    assert answer["verdict"] == "ok", answer
    said = one.run("doctor")
    assert said.returncode == OK and said.stdout.splitlines()[0] == f"MUSTER CLIENT OK - {len(answer['checks'])} checks", said
    manual = (SOURCE / "docs" / "muster.1").read_text()
    told = re.search(r"compared with the program by tests/integration/test_doctor.py\n(.*?)\n\.El", manual, re.S)[1]
    assert re.findall(r"(?m)^\.It Em (\S+)", told) == [c["check"] for c in answer["checks"]]
    # renewals fail for long
    host.shift(10 * DAY)
    one.shift(10 * DAY)
    client_check(one, "lease", WARNING, "renewal has been due since")
    client_check(one, "agent", WARNING, "no agent runs, and a renewal is overdue")
    host.shift(175 * DAY)
    one.shift(175 * DAY)
    client_check(one, "lease", CRITICAL, "renewal has been due since")
    host.shift(185 * DAY)
    one.shift(185 * DAY)
    answer = client_check(one, "lease", WARNING, "is not activated")   # 30 days of grace, as status 3
    client_check(one, "grace", WARNING)
    one.shift(205 * DAY)
    client_check(one, "grace", CRITICAL)
    one.shift(300 * DAY)
    client_check(one, "lease", CRITICAL, "is not activated", "0xC004F009")
    client_check(one, "grace", OK)


def test_a_machine_and_its_hosts(machines):
    host, machine = machines
    one = machine(0)
    one.shift(0)
    one.json("activate", OFFICE2013, code=1)
    client_check(one, "hosts", OK, "1 of 1 answer")
    client_check(one, "hosts", CRITICAL, "no host is named", "0xC004F074", hosts=[])
    client_check(one, "hosts", CRITICAL, "127.0.0.1:1", "0xC004F074", hosts=["127.0.0.1:1"])
    client_check(one, "hosts", WARNING, "127.0.0.1:1", hosts=["127.0.0.1:1", f"127.0.0.1:{host.port}"])
    # clocks: the host's is ahead, then the machine's own goes back
    client_check(one, "clock", OK)
    host.shift(600)
    client_check(one, "clock", WARNING, "is 10 minutes ahead", "0xC004F06C")
    host.shift(5 * 3600)
    client_check(one, "clock", CRITICAL, "ahead")
    host.shift(0)
    for n in range(1, 5):
        machine(n).shift(0)
        machine(n).run("activate", OFFICE2013)
    one.json("activate", OFFICE2013)
    one.json("status")
    one.shift(-5 * 3600)
    client_check(one, "clock", CRITICAL, "the clock was set back by", hosts=[])


def test_a_machine_and_its_folder(machines):
    host, machine = machines
    one = machine(0)
    one.shift(0)
    one.json("activate", OFFICE2013, code=1)
    client_check(one, "identity", OK, "client ID ")
    os.chmod(one.state, 0o755)
    client_check(one, "state", CRITICAL, "can be used by others")
    client_check(one, "identity", UNKNOWN)
    os.chmod(one.state, 0o700)
    # the folder of an image on another machine
    one.number = 77
    client_check(one, "identity", WARNING, "was made on other hardware", "0xC004F00F")
    one.number = 0
    (one.state / "identity.json").write_text("{")
    client_check(one, "identity", CRITICAL, "damaged")
    (one.state / "identity.json").unlink()
    os.rename(one.host.issuer.root, str(one.host.issuer.root) + ".away")
    try:
        client_check(one, "state", CRITICAL, "issuer's root")
        client_check(one, "lease", UNKNOWN)
    finally:
        os.rename(str(one.host.issuer.root) + ".away", one.host.issuer.root)


def test_an_agent_is_seen(machines):
    host, machine = machines
    one = machine(0)
    one.shift(0)
    one.json("activate", OFFICE2013, code=1)
    client_check(one, "agent", OK, "none runs")
    agent = subprocess.Popen(one.command("agent"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=one.environment)
    try:
        eventually(lambda: "an agent runs" in one.run("doctor").stdout, "the agent is seen")
        client_check(one, "agent", OK, "an agent runs and renews")
    finally:
        agent.terminate()
        agent.wait(timeout=60)
    client_check(one, "agent", OK, "none runs")


# --- what the books and imports say ---

def test_the_books(new_host):
    """Keys near their allowance, coverage that ends, setup keys that are not noted: of entries, by the host's clock."""
    host = new_host(clock=True)
    admin = Doctor(host)
    day = lambda n: (utcnow() + datetime.timedelta(days=n)).strftime("%Y-%m-%d")
    admin.ok("keys", "add", "--set", "kind=mak", "--set", "partial=EEEEE", "--set", "products=Office 2019 Standard", "--set", "allowed=100", "--set", "used=89", "--set", "bought=120")
    admin.ok("keys", "add", "--set", "kind=host", "--set", "partial=FFFFF", "--set", "products=Windows 11", "--set", "allowed=60", "--set", "used=-1")
    admin.ok("keys", "add", "--set", "kind=esu", "--set", "partial=GGGGG", "--set", "products=Windows 10 ESU", "--set", f"coverage_start={day(0)}", "--set", f"coverage_end={day(60)}")
    admin.check("keys", OK, "1 key below 90 %")
    admin.check("coverage", OK, "1 with an end")
    mak = next(k["id"] for k in admin.items("keys", "list") if k.get("partial") == "EEEEE")
    admin.ok("keys", "set", mak, "--set", "used=95")
    admin.check("keys", WARNING, "the MAK -EEEEE (Office 2019 Standard) in the books: 95 of 100 activations are used", "0xC004C020")
    admin.ok("keys", "set", mak, "--set", "used=100")
    admin.check("keys", CRITICAL, "all 100 activations are used", "0xC004C020")
    for shift, verdict in ((31, WARNING), (55, CRITICAL), (62, CRITICAL), (95, OK)):
        host.shift(shift * DAY)
        admin.check("coverage", verdict, "" if verdict == OK else "the ESU MAK -GGGGG (Windows 10 ESU) in the books ")
    admin.check("setup-keys", OK)
    admin.ok("catalogue", "add", "--set", "name=Windows 11")
    one = admin.check("setup-keys", WARNING, "Windows 11: no setup key is noted", "M-165")
    product = re.search(r"catalogue set (\S+) ", one["remedy"])[1]
    admin.ok("catalogue", "set", product, "--set", "setup_key=AAAAA-BBBBB-CCCCC-DDDDD-EEEEE")
    admin.check("setup-keys", OK)
    # only a MAK is there for it: no machine is marked by a setup key
    admin.ok("catalogue", "add", "--set", "name=Office 2019 Standard")
    admin.check("setup-keys", OK)
    admin.ok("catalogue", "add", "--set", "name=RDS", "--set", "keyless=yes")
    admin.check("setup-keys", OK)
    admin.ok("catalogue", "add", "--set", "name=Visio")
    admin.check("setup-keys", WARNING, "Visio: no setup key is noted", "M-165")


def test_imported_hosts(new_host):
    """A pool of another host that will sink, one that has sunk as its listing says, clones, a log with a gap: from what was imported."""
    host = new_host()
    admin = Doctor(host)
    for name in ("forecast", "duplicates", "findings"):
        admin.check(name, OK)
    now = observed.now()
    # six machines that ask every week; four of them have been silent for 20 days
    records = [observed.event(n, now - 7 * DAY * week - n * 600) for n in range(1, 7) for week in range(6) if n <= 2 or week >= 3]
    observed.take(host, sorted(records, key=lambda r: r["logged_at"]))
    pools = host.admin_ok("GET", "/observed/pools")["items"]
    one = admin.check("forecast", WARNING, "office2013 on kms1.example.org: 4 machines are silent; if they stay so, 2 of 5 are left on ", "M-164")
    assert pools[0]["sinks_on"] in one["reason"], (pools, one)
    # the events of a week tell too little of a host: nothing is made of them
    observed.take(host, [observed.event(n, now - n * 600, host="kms2.example.org") for n in range(1, 4)])
    assert "kms2" not in admin.check("forecast", WARNING)["reason"]
    # unless it lists as few itself
    entry = {"host": "kms3.example.org", "activation_id": OFFICE2013, "channel": "host", "current_count": 3, "taken_at": observed.text(now - DAY), "name": "Office",
             "description": "VOLUME_KMS channel", "license_status": "Notification"}
    observed.take(host, [{"line": 1, "host": "kms3.example.org", "taken_at": observed.text(now - DAY), "entry": entry, "doubts": ["the count is a copy"], "updates": []}], "listing")
    found = [d["reason"] for d in json.loads(admin("doctor", "forecast", "--json").out)["checks"][0]["details"]]
    assert any("office2013 on kms3.example.org: 3 of 5 machines as listed on " in d for d in found), found
    one = admin.check("findings", WARNING, "the listing of kms3.example.org: the count is a copy")
    assert "kms3.example.org lists office2013 as Notification on " in one["reason"], one
    # one client ID, several names at the same time
    observed.take(host, [observed.event(50, now - DAY * d - k, name=f"copy-{k}.example.org") for d in range(5, 0, -1) for k in range(3)])
    admin.check("duplicates", WARNING, "copy-", "M-112")
    # whoever asks for another check does not wait for these
    assert len(json.loads(admin("doctor", "disk", "--json").out)["checks"]) == 1
