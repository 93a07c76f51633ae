"""muster and libmuster against a real host: what a machine and an application see."""

import json
import os
import re
import shutil
import signal
import subprocess

import jwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from host import BUILD, OFFICE2010, OFFICE2013, PATIENCE, SOURCE, Machine, eventually, program
from tls import Authority

MUSTER = "muster"
CLOCKED = "tests/integration/muster-clock"
DAY = 86400


class Client:
    """A machine: a state folder, hardware of its own."""

    def __init__(self, folder, host, number=0, name=MUSTER):
        self.state = folder / f"machine{number}"
        self.host = host
        self.clock_file = folder / f"clock{number}"
        self.program = name
        self.number = number

    def command(self, *arguments, hosts=None):
        options = ["--state", self.state, "--issuer", self.host.issuer.root, "--hardware", f"hw{self.number}", "--name", f"pc-{self.number}"]
        for h in hosts if hosts is not None else [f"127.0.0.1:{self.host.port}"]:
            options += ["--host", h]
        return [program(self.program), *map(str, options), *map(str, arguments)]

    @property
    def environment(self):
        return dict(os.environ, MUSTER_TEST_CLOCK=str(self.clock_file), TZ="UTC")

    def run(self, *arguments, **more):
        return subprocess.run(self.command(*arguments, **more), capture_output=True, text=True, timeout=PATIENCE, env=self.environment)

    def json(self, *arguments, code=0, **more):
        done = self.run("--json", *arguments, **more)
        assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
        return json.loads(done.stdout)

    def shift(self, seconds):
        part = self.clock_file.with_suffix(".part")
        part.write_text(f"{int(seconds * 1000)}\n")
        part.rename(self.clock_file)

    def lease(self, product=OFFICE2013):
        return (self.state / "leases" / f"{product}.jws").read_text()


@pytest.fixture
def office(new_host, tmp_path):
    """A host certified for everything, and a function that makes machines of it."""
    host = new_host()
    host.certify()
    return host, lambda n=0, name=MUSTER: Client(tmp_path, host, n, name)


def test_fifth_machine(office):
    host, machine = office
    for n in range(4):
        a = machine(n).json("activate", "office2013", code=1)[0]
        assert (a["outcome"], a["code"], a["count"], a["minimum_count"]) == ("counted", "0xC004F038", n + 1, 5)
        assert a["expires_at"] is None
    a = machine(4).json("activate", "office2013")[0]
    assert (a["outcome"], a["count"], a["activation_id"]) == ("activated", 5, OFFICE2013)
    # the first four, asked for all that they know
    for n in range(4):
        assert machine(n).json("activate")[0]["outcome"] == "activated"
    s = machine(2).json("status")[0]
    assert s["valid"] and s["license_status"] == 1 and s["product"] == "office2013" and s["record"]
    assert s["host"] == f"http://127.0.0.1:{host.port}"


def activated(host, machine, n=9):
    for i in range(5):
        host.activate(Machine(name=f"m{i}"), OFFICE2013)
    m = machine(n) if not isinstance(machine, Client) else machine
    m.json("activate", OFFICE2013)
    return m


def test_words_for_people(office):
    host, machine = office
    m = activated(host, machine)
    done = m.run("status")
    assert done.returncode == 0
    assert "office2013 (2e28138a-847f-42bc-9752-61b03fff33cd)\n    License Status: Licensed\n    The lease ends: " in done.stdout
    assert "Kind: a record: it shows that this machine was counted, and licenses nothing" in done.stdout
    done = m.run("/xpr")
    assert done.returncode == 0 and "License Status: Licensed" in done.stdout
    assert m.run("verify").stdout.startswith(f"{OFFICE2013}: valid until ")


@pytest.mark.parametrize("product, exit_code, code, words", [
    (OFFICE2010, 2, "0xC004F042", "No product of this host has the activation ID"),
    ("sql-server", 2, "0xC004F014", "was not presented"),
])
def test_refusals(office, product, exit_code, code, words):
    host, machine = office
    a = machine().json("activate", product, code=exit_code)[0]
    assert a["outcome"] == "refused" and a["code"] == code and words in a["message"]


def test_product_names(office):
    host, machine = office
    done = machine().run("activate", "microsoft-365")
    assert done.returncode == 2 and "microsoft-365 is listed and never served: " in done.stderr
    done = machine().run("activate", "office1")
    assert done.returncode == 64 and "office1: no product of that name on any host" in done.stderr
    done = machine().run("activate", "Office 2013!")
    assert done.returncode == 64 and "neither an activation ID nor a product's name" in done.stderr


def test_host_not_activated(new_host, tmp_path):
    m = Client(tmp_path, new_host())
    a = m.json("activate", "office2013", code=2)[0]
    assert a["code"] == "0xC004F041"


def test_no_host(office, tmp_path):
    host, machine = office
    m = activated(host, machine)
    host.stop()
    a = m.json("activate", code=3)[0]
    assert a["outcome"] == "no_host" and a["code"] == "0xC004F074" and a["expires_at"] is not None
    # what was granted stays, and is verified without anybody
    assert m.json("status")[0]["valid"]
    fresh = Client(tmp_path, host, 77)
    assert fresh.run("activate", "office2013").returncode == 3
    assert fresh.run("activate", hosts=[]).returncode == 64
    done = fresh.run("activate", OFFICE2013, hosts=[])
    assert done.returncode == 3 and "no host is named: run `muster skms NAME[:PORT]`" in done.stdout


def test_hosts_kept(office):
    host, machine = office
    m = machine()
    done = m.run("/skms", f"127.0.0.1:1", f"127.0.0.1:{host.port}", hosts=[])
    assert done.returncode == 0, done.stderr
    assert m.json("activate", "office2013", code=1, hosts=[])[0]["host"] == f"http://127.0.0.1:{host.port}"
    assert m.run("ckms", hosts=[]).returncode == 0
    assert m.run("activate", OFFICE2013, hosts=[]).returncode == 3


def test_renewal(office):
    host, machine = office
    m = activated(host, machine(8, CLOCKED))
    first = m.lease()
    assert m.json("renew")[0]["outcome"] == "activated" and m.lease() == first
    m.json("activate")
    assert m.lease() != first


def test_expiry(office):
    host, machine = office
    m = activated(host, machine(8, CLOCKED))
    m.shift(180 * DAY - 60)
    assert m.json("status")[0]["valid"]
    m.shift(180 * DAY + 60)
    s = m.json("status", code=4)[0]
    assert not s["valid"] and s["license_status"] == 3 and s["reason"].startswith("the lease ended at ")
    assert m.run("verify").returncode == 4
    # so far from the host's clock it gets nothing, and is told so
    a = m.json("renew", code=2)[0]
    assert a["code"] == "0xC004F06C"
    # back at the right time it is asked for again, because a later one has been seen
    m.shift(0)
    assert m.json("status", code=4)[0]["reason"].startswith("clock set back: ")
    m.json("activate")
    assert m.json("status")[0]["valid"]


def test_clock_set_back(office):
    host, machine = office
    m = activated(host, machine(8, CLOCKED))
    m.shift(100 * DAY)
    assert m.json("status")[0]["valid"]
    m.shift(0)
    s = m.json("status", code=4)[0]
    assert s["reason"].startswith("clock set back: ") and s["license_status"] == 5
    assert m.json("renew")[0]["outcome"] == "activated"
    assert m.json("status")[0]["valid"]


def test_three_hours_behind(office):
    host, machine = office
    m = machine(8, CLOCKED)
    m.shift(-3 * 3600)
    activated(host, m)
    assert m.json("status")[0]["valid"]


def test_verify_elsewhere(office, tmp_path):
    """A lease file, the chain and the root: nothing else, and python3-jwt agrees."""
    host, machine = office
    m = activated(host, machine)
    lease = tmp_path / "lease.jws"
    lease.write_text(m.lease() + "\n")
    kid = jwt.get_unverified_header(m.lease())["kid"]
    chain = tmp_path / "chain.pem"
    chain.write_bytes(host.get(f"/v1/certificates?kid={kid}").body)
    host.stop()
    other = Client(tmp_path, host, 55)
    claims = other.json("--chain", chain, "verify", lease)
    assert claims["valid"] and claims["activation_id"] == OFFICE2013 and claims["record"]
    assert not other.state.exists()
    done = other.run("verify", lease)
    assert done.returncode == 4 and f"/v1/certificates?kid={kid}" in done.stderr
    assert m.run("verify", lease).returncode == 0
    signer = x509.load_pem_x509_certificate(chain.read_bytes())  # the first is the signer's
    key = signer.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    decoded = jwt.decode(m.lease(), key, algorithms=["ES256"], audience=f"urn:uuid:{OFFICE2013}", leeway=4 * 3600)
    assert decoded["sub"] == f"urn:uuid:{claims['client_id']}"
    lease.write_text(m.lease()[:-3] + ("AAA" if m.lease()[-3:] != "AAA" else "BBB"))
    done = other.run("--chain", chain, "verify", lease)
    assert done.returncode == 4 and "not valid: " in done.stderr


def test_release(office):
    host, machine = office
    m = activated(host, machine)
    done = m.run("release", "office2013")
    assert done.returncode == 0 and "The place was given back" in done.stdout
    assert m.run("status").returncode == 4
    assert m.run("release", "office2013").returncode in (5, 64)
    assert m.json("activate", "office2013")[0]["outcome"] == "activated"


def test_copied_folder(office, tmp_path):
    host, machine = office
    m = activated(host, machine(1))
    copy = machine(2)
    subprocess.run(["cp", "-a", m.state, copy.state], check=True)
    before = m.json("status")[0]["client_id"]
    s = copy.json("status", code=4)[0]
    assert s["reason"] == "the lease is for other hardware"
    assert copy.json("renew")[0]["client_id"] != before
    assert copy.json("status")[0]["valid"] and m.json("status")[0]["valid"]


def test_rearm_limit(new_host, tmp_path):
    host = new_host(more="[product office2013]\nrearm_max = 1\n")
    host.certify()
    m = Client(tmp_path, host)
    m.json("activate", "office2013", code=1)
    assert m.json("status", code=4)[0]["rearms_left"] == 1
    assert m.run("rearm").returncode == 0
    done = m.run("rearm")
    assert done.returncode == 2 and "as often as its products allow (1)" in done.stderr


def test_agent(office):
    """Renews by itself when the injected clock says so, and ends cleanly."""
    host, machine = office
    m = machine(8, CLOCKED)
    agent = subprocess.Popen(m.command("agent", "office2013"), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=m.environment)
    try:
        eventually(lambda: m.run("status").returncode == 4 and "0xC004F038" in m.run("status").stdout, "the agent was counted")
        second = m.run("agent")
        assert second.returncode == 5 and "an agent for this state folder is running already" in second.stderr
        for i in range(5):
            host.activate(Machine(name=f"m{i}"), OFFICE2013)
        m.shift(2 * 3600 * 1.2)
        eventually(lambda: m.run("status").returncode == 0, "the agent was activated")
        agent.send_signal(signal.SIGTERM)
        output = agent.communicate(timeout=PATIENCE)[0]
    finally:
        agent.kill()
        agent.wait()
    assert agent.returncode == 0, output
    lines = output.splitlines()
    expected = (r'muster: event id=12288 fields="', r'muster: event id=12289 fields="0xC004F038, 0x00000000, 0, 0, 1, ',
                r"muster: counted activation_id=\S+ code=0xC004F038 count=1 minimum_count=5 ", r'muster: event id=12288 fields="',
                r'muster: event id=12289 fields="0x0, 0x00000000, 1, 0, 6, ', r"muster: activated activation_id=\S+ code=0 ", r"muster: stopped by=signal$")
    assert len(lines) == len(expected), output
    for line, begin in zip(lines, expected):
        assert re.match(begin, line), output


def test_agent_once(office):
    host, machine = office
    assert machine().run("agent", "--once").returncode == 64
    assert machine().run("agent", "--once", "office2013").returncode == 1
    assert machine().run("agent", "--once").returncode == 1


@pytest.mark.parametrize("arguments, words", [
    ([], "no verb"), (["dance"], 'unknown verb "dance"'), (["release"], "An argument is missing"), (["rearm", "x"], 'too many arguments: "x"'),
    (["--port", "0", "status"], "--port"), (["--virtual", "perhaps", "status"], "neither yes nor no"), (["--timeout", "x", "status"], "--timeout"),
    (["--host", "a:b", "status"], "the port is not a number"), (["--nonsense", "status"], "nonsense"), (["--hardware", "", "status"], "--hardware"),
    (["verify", "--chain", "x"], "--chain goes with a lease file"),
])
def test_usage(arguments, words):
    done = subprocess.run([program(MUSTER), *arguments], capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 64 and words in done.stderr, done


def test_state_faults(office):
    host, machine = office
    m = machine()
    m.json("activate", "office2013", code=1)
    os.chmod(m.state, 0o755)
    done = m.run("status")
    assert done.returncode == 5 and f"chmod 700 {m.state}" in done.stderr
    os.chmod(m.state, 0o700)
    (m.state / "identity.json").write_text("{")
    done = m.run("activate")
    assert done.returncode == 5 and "identity.json is damaged" in done.stderr


def test_manual():
    """Every verb and option of --help is in muster(1), and nothing else is."""
    shown = subprocess.run([program(MUSTER), "--help"], capture_output=True, text=True, check=True).stdout
    page = (SOURCE / "docs" / "muster.1").read_text()
    verbs = set(re.findall(r"^  ([a-z]+) ", shown, re.M))
    assert verbs == set(re.findall(r"^\.It Cm (\w+)", page, re.M))
    options = set(re.findall(r"--([a-z]+)", shown))
    assert options == set(re.findall(r"Fl -([a-z]+)", page))
    for code in ("0", "1", "2", "3", "4", "5", "64"):
        assert re.search(rf"^\.It {code}$", page, re.M)


def test_library(office, tmp_path):
    """The example of libmuster(3), built as an application would be; the header as C99 and as C++."""
    host, machine = office
    page = (SOURCE / "docs" / "libmuster.3").read_text()
    example = page.split(".Bd -literal -offset indent\n")[1].split("\n.Ed")[0].replace("\\en", "\\n")
    example = example.replace('"/var/lib/example"', f'"{tmp_path}/state"').replace('"muster.example.org"', f'"127.0.0.1:{host.port}"')
    example = example.replace(".hardware_source = UINT32_MAX", f'.issuer = "{host.issuer.root}", .hardware_source = 0, .hardware = "app"')
    (tmp_path / "app.c").write_text(example + '\nint main(void)\n{\n\tputs(licensed() ? "licensed" : "not licensed");\n\treturn 0;\n}\n')
    build = ["cc", "-std=c99", "-pedantic", "-Wall", "-Wextra", "-Werror", f"-I{SOURCE}/include", tmp_path / "app.c",
             f"-L{BUILD}/.libs", "-lmuster", "-o", tmp_path / "app"]
    done = subprocess.run(list(map(str, build)), capture_output=True, text=True)
    if "libclang_rt" in done.stderr or "asan" in done.stderr or "ubsan" in done.stderr:
        pytest.skip("the library is built with a sanitizer; a plain program cannot link it")
    assert done.returncode == 0, done.stderr

    def run():
        return subprocess.run([tmp_path / "app"], capture_output=True, text=True, env=dict(os.environ, LD_LIBRARY_PATH=f"{BUILD}/.libs"))

    done = run()
    assert done.stdout == "not licensed\n" and "0xC004F038" in done.stderr, done
    for i in range(5):
        host.activate(Machine(name=f"m{i}"), OFFICE2013)
    subprocess.run([program(MUSTER), "--state", tmp_path / "state", "--issuer", host.issuer.root, "--host", f"127.0.0.1:{host.port}", "--hardware", "app", "activate"], check=True,
                   stdout=subprocess.DEVNULL)
    assert run().stdout == "licensed\n"
    (tmp_path / "h.cc").write_text("#include <muster/client.h>\nint main() { return muster_version() == nullptr; }\n")
    subprocess.run(["c++", "-std=c++17", "-pedantic", "-Wall", "-Wextra", "-Werror", f"-I{SOURCE}/include", "-fsyntax-only", tmp_path / "h.cc"], check=True)
    (tmp_path / "h.c").write_text("#include <muster/client.h>\nint one(void);\nint one(void) { return MUSTER_OK; }\n")
    subprocess.run(["cc", "-std=c99", "-pedantic", "-Wall", "-Wextra", "-Werror", f"-I{SOURCE}/include", "-fsyntax-only", tmp_path / "h.c"], check=True)


def test_symbols():
    """The shared library exports what its header declares, and nothing else."""
    exported = subprocess.run(["nm", "-D", "--defined-only", BUILD / ".libs" / "libmuster.so"], capture_output=True, text=True, check=True).stdout
    names = {line.split()[-1] for line in exported.splitlines()}
    header = (SOURCE / "include" / "muster" / "client.h").read_text()
    assert names == set(re.findall(r"MUSTER_API[^;]*?\b(muster_\w+)\(", header))


def events(done):
    """{id: [fields]} of what --verbose says."""
    found = re.findall(r"^muster: event (\d+): (.+)$", done.stderr, re.M)
    return {int(number): line.split(", ") for number, line in found}


def test_events_12288_and_12289_have_their_fields_in_order(office):
    """facts.md section 4: ten and eight fields, a comma and a blank between, the date padded."""
    host, machine = office
    one = machine()
    said = events(one.run("--verbose", "--virtual", "no", "activate", OFFICE2013))
    result, flags, server, client, date, virtual, status, minutes, product, minimum = said[12288]
    assert (result, flags, server, virtual, status, product, minimum) == (
        "0x0", "0x00000000", f"127.0.0.1:{host.port}", "0", "2", OFFICE2013, "5")
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", client)
    assert re.fullmatch(r"\d{4}/\d\d/\d\d \d\d:\d\d", date) and int(minutes) == 43200
    assert said[12289] == ["0xC004F038", "0x00000000", "0", "0", "1", "120", "10080", date]


def test_event_12288_says_why_nothing_came_of_a_question(office):
    """A refusal has the host's code, silence 0xC004F074; neither is an answer that was processed."""
    _, machine = office
    refused = events(machine().run("--verbose", "activate", "00000000-0000-4000-8000-00000000abcd"))
    assert refused[12288][0] == "0xC004F042" and 12289 not in refused
    silent = events(machine().run("--verbose", "activate", OFFICE2013, hosts=["127.0.0.1:1"]))
    assert silent[12288][0] == "0xC004F074" and silent[12288][-1] == "0" and 12289 not in silent


def test_nothing_is_said_without_being_asked(office):
    """Events go to standard error with --verbose only."""
    _, machine = office
    assert events(machine().run("activate", OFFICE2013)) == {}


def test_over_tls(new_host, tmp_path):
    """https:// hosts: certified by --ca or ca.pem in the state folder, else by the system's roots, which do not know this one; the lease is verified as ever."""
    authority = Authority(tmp_path)
    host = new_host(start=False)
    host.configure(host=f"listen_tls = 127.0.0.1:0\ntls_certificate = {host.folder}/server.pem\ntls_key = {host.folder}/server.key\n")
    authority.server(host.folder, "server")
    host.start()
    host.certify("office2013")
    for _ in range(4):
        host.activate(Machine(), OFFICE2013)
    url = "https://localhost:" + re.search(r"started .*listen_tls=\S*?:(\d+) ", host.logged()).group(1)
    client = Client(tmp_path, host)
    done = client.run("activate", OFFICE2013, hosts=[url])
    assert done.returncode == 3 and "certificate" in done.stdout
    a = client.json("activate", OFFICE2013, "--ca", authority.file, hosts=[url])[0]
    assert a["outcome"] == "activated" and a["host"] == url
    shutil.copy(authority.file, client.state / "ca.pem")
    assert client.json("activate", hosts=[url])[0]["outcome"] == "activated"
    assert client.json("release", OFFICE2013, hosts=[url])[0]["outcome"] == "released"
