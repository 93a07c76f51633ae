"""muster with access licences, seats and embedded keys: against a host in Python that says what docs/protocol.md says."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from fake_models import CAD, RDS, SQL, ModelsHost, user_hash
from host import PATIENCE, eventually, program

DAY = 86400
KEY = "B7XWM-KQ2RT-9DHVC-4GYPF-J3M8K"


class Machine:
    def __init__(self, folder, host, number=0, url=None):
        self.state, self.host, self.url = folder / f"machine{number}", host, url or host.url
        self.number = number
        self.clock_file = folder / f"clock{number}"

    def command(self, *arguments):
        options = ["--state", self.state, "--issuer", self.host.root, "--hardware", f"hw{self.number}", "--name", f"pc-{self.number}", "--host", self.url]
        return [program("tests/integration/muster-clock"), *map(str, options), *map(str, arguments)]

    @property
    def environment(self):
        return dict(os.environ, MUSTER_TEST_CLOCK=str(self.clock_file), TZ="UTC")

    def run(self, *arguments, **more):
        return subprocess.run(self.command(*arguments), capture_output=True, text=True, timeout=PATIENCE, env=self.environment, **more)

    def start(self, *arguments):
        return subprocess.Popen(self.command(*arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=self.environment)

    def json(self, *arguments, code=0):
        done = self.run("--json", *arguments)
        assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
        return json.loads(done.stdout)

    def shift(self, seconds):
        part = self.clock_file.with_suffix(".part")
        part.write_text(f"{int(seconds * 1000)}\n")
        part.rename(self.clock_file)

    def beats(self, host, seconds):
        """Both clocks go on, and the seat's lease is renewed; what the host has granted is not yet what the machine has."""
        lease = self.state / "leases" / f"{CAD}.jws"
        before = lease.read_text()
        host.shift = seconds
        self.shift(seconds)
        eventually(lambda: lease.read_text() != before, "a heartbeat")

    def cad(self):
        return self.json("status", CAD)[0]


@pytest.fixture
def host(tmp_path):
    with ModelsHost(tmp_path) as h:
        yield h


@pytest.fixture
def machine(host, tmp_path):
    return lambda n=0, url=None: Machine(tmp_path, host, n, url)


def test_access_device(host, machine):
    m = machine()
    a = m.json("activate", "rds", "--device", "--version", "2016")[0]
    assert a["outcome"] == "activated" and a["access"] == {"per": "device", "kind": "temporary", "version": "2016"} and a["grace_seconds"] == 120 * DAY
    assert host.seen[-1]["access"] == {"per": "device", "version": "2016"}
    # the wish is kept: the agent and a plain renewal ask for the same
    m.shift(2 * DAY)
    host.shift = 2 * DAY
    a = m.json("agent", "--once")[0]
    assert a["access"]["kind"] == "permanent" and host.seen[-1]["access"] == {"per": "device", "version": "2016"} and host.seen[-1]["lease"]
    done = m.run("status")
    assert "    Access licence: per device, version 2016, permanent\n" in done.stdout
    # nothing free, and refused versions: what is held stays
    host.free = 0
    a = m.json("activate", "rds", "--version=2019", code=2)[0]
    assert a["code"] == "M-145" and a["expires_at"] and m.json("status")[0]["valid"]
    a = m.json("activate", "rds", "--version", "2025", code=2)[0]
    assert a["code"] == "M-146" and m.json("status")[0]["wanted_version"] == "2025"
    a = m.json("release", "rds", code=2)[0]
    assert a["code"] == "M-154" and m.json("status")[0]["valid"]


def test_access_users(host, machine):
    """Users of a session host: each has his own, the machine has its own, and looking shows all of them."""
    m = machine()
    for user in ("anna", "björn"):
        a = m.json("activate", "rds", "--user", user)[0]
        assert a["outcome"] == "activated" and a["access"]["per"] == "user" and host.seen[-1]["access"] == {"per": "user", "user": user}
    assert {s["user"] for s in m.json("status")} == {"anna", "björn"}
    assert m.json("status", "rds", "--user", "anna")[0]["valid"]
    done = m.run("status", "rds", "--user", "carl")
    assert done.returncode == 4 and "nothing has been asked for carl" in done.stderr
    m.json("activate", "rds")
    shown = m.json("status", "rds")
    assert [s["user"] for s in shown][0] is None and len(shown) == 3 and all(s["valid"] for s in shown)
    assert len({s["client_id"] for s in shown}) == 1
    assert m.run("verify").stdout.count(": valid until ") == 3
    # the lease says whose it is, also to whoever has only the file
    leases = sorted(p for p in (m.state / "leases").iterdir() if p.name.startswith(f"{RDS}.") and len(p.name) > 45)
    assert {m.json("verify", p)["user_hash"] for p in leases} == {user_hash("anna"), user_hash("björn")}
    assert m.json("verify", m.state / "leases" / f"{RDS}.jws")["user_hash"] is None
    # signing in extends; the agent renews the machine's alone
    m.shift(2 * DAY)
    host.shift = 2 * DAY
    before = len(host.seen)
    assert len(m.json("agent", "--once")) == 1 and len(host.seen) == before + 1 and "access" not in host.seen[-1]
    assert m.json("renew", "--user", "anna")[0]["outcome"] == "activated" and host.seen[-1]["access"]["user"] == "anna"
    # what has no licences per user says what to leave out
    done = m.run("activate", "cad", "--user", "anna")
    assert done.returncode != 0 and "what is not licensed per user is asked for without a user" in done.stdout, done
    # one moved into another's place does not count
    leases[0].write_bytes(leases[1].read_bytes())
    assert sum(s["valid"] for s in m.json("status", code=4)) == 2


@pytest.mark.parametrize("arguments, words", [
    (["activate", "rds", "--user", "a", "--device"], "--device or --user"), (["activate", "rds", "--user", ""], "no user is named"),
    (["activate", "rds", "--user", "a\tb"], "no control characters"), (["agent", "--user", "a"], "agent is not about users"),
    (["status", "--version", "2019"], "--version VERSION goes with activate and run"), (["renew", "--device"], "--device goes with activate and run"),
    (["renew", "--wait"], "--wait goes with activate and run"), (["activate", "cad", "--wait=soon"], "not a number of seconds"),
    (["activate", "cad", "--wait", "--no-queue"], "--wait waits in the queue"), (["run", "cad"], "An argument is missing"),
    (["--json", "run", "cad", "--", "true"], "no --json"), (["run"], "An argument is missing"),
    (["run", "--", "true"], "for which product?"), (["run", "cad", "rds", "--", "true"], 'no "rds"'),
])
def test_usage(host, machine, arguments, words):
    done = machine().run(*arguments)
    assert done.returncode == 64 and words in done.stderr, done
    assert host.seen == []


def test_version_option(host, machine):
    """Alone it is the program's. With a verb it wants a version, behind the verb: nobody takes the program's version for an answer."""
    done = machine().run("--version")
    assert done.returncode == 0 and done.stdout.startswith("muster "), done
    for arguments in (["activate", "rds", "--version"], ["--version", "2019", "activate", "rds"], ["--version", "activate", "rds"]):
        done = machine().run(*arguments)
        assert done.returncode == 64 and "goes behind the verb" in done.stderr and done.stdout == "", done
    assert host.seen == []


def test_grace(host, machine):
    """120 days without any licence server, counted from the first question."""
    m = machine(0, "127.0.0.1:9")
    m.json("activate", RDS, "--device", code=3)
    for day, status in ((0, 2), (60, 2), (119, 2), (120, 5), (200, 5)):
        m.shift(day * DAY + 60)
        s = m.json("status", code=4)[0]
        assert (s["license_status"], s["grace_seconds"]) == (status, 120 * DAY), day
        if day == 60:
            m.json("rearm")
    # a product of another model: 30 days, as ever
    other = machine(1, "127.0.0.1:9")
    other.json("activate", CAD, code=3)
    other.shift(31 * DAY)
    assert other.json("status", code=4)[0]["license_status"] == 5


def test_seats(host, machine):
    """One seat, two machines: queue, release, the next in it."""
    first, second = machine(0), machine(1)
    a = first.json("activate", "cad")[0]
    assert a["outcome"] == "activated" and a["seats"] == 1 and a["position"] is None
    a = second.json("activate", "cad", code=1)[0]
    assert (a["outcome"], a["code"], a["position"], a["seats"], a["expires_at"]) == ("queued", "M-149", 1, 1, None)
    done = second.run("status")
    assert done.returncode == 4 and "    Place in the queue: 1\n" in done.stdout and "    Seats taken: 1 of 1\n" in done.stdout
    assert second.json("activate", "cad", "--no-queue", code=2)[0]["code"] == "M-150" and host.seen[-1]["queue"] is False
    assert second.json("activate", "cad", "--wait=1", code=1)[0]["outcome"] == "queued"
    assert first.json("release", "cad")[0]["outcome"] == "released"
    assert second.json("activate", "cad")[0]["outcome"] == "activated"
    # without heartbeat the seat is gone with its lease
    second.shift(46)
    assert second.json("status", code=4)[0]["license_status"] == 5


def test_agent_heartbeat(host, machine):
    """Moved clocks instead of waiting: the agent renews when the signed lease says, and the seat outlives its lease many times."""
    m = machine()
    m.json("activate", "cad")
    agent = m.start("agent")
    try:
        for n in range(1, 6):
            m.beats(host, n * 25)
        assert len(host.seen) >= 6
        assert m.cad()["valid"] and all(s["client_id"] == host.seen[0]["client_id"] for s in host.seen)
    finally:
        agent.send_signal(signal.SIGTERM)
        log = agent.communicate(timeout=PATIENCE)[1]
    assert agent.returncode == 0
    # heartbeats are no news
    assert log.count("muster: activated activation_id=") == 1 and log.count("id=12288") >= 5, log


def test_wait(host, machine):
    host.retry = 30
    first, second = machine(0), machine(1)
    first.json("activate", "cad")
    waiting = second.start("activate", "cad", "--wait")
    eventually(lambda: host.waiting, "a place in the queue")
    first.json("release", "cad")
    second.shift(31)
    host.shift = 31
    out, err = waiting.communicate(timeout=PATIENCE)
    assert waiting.returncode == 0 and "cad until" in out and "waiting for a seat: place 1 in the queue, 1 seats" in err


# -- muster run --


def test_run(host, machine):
    m = machine()
    done = m.run("run", "cad", "--", sys.executable, "-c", "import sys; print(sys.argv[1:]); sys.exit(7)", "--json", "/status", "-x")
    assert done.returncode == 7 and done.stdout == "['--json', '/status', '-x']\n" and done.stderr == "", done
    assert len(host.released) == 1 and host.out == {}
    # nothing is left that an agent would ask for
    assert m.run("status").returncode == 4 and m.run("agent", "--once").returncode == 64
    done = m.run("run", "cad", "--", "sh", "-c", "kill -9 $$")
    assert done.returncode == 137 and len(host.released) == 2
    assert m.run("run", "cad", "--", "/nonexistent/program").returncode == 127
    assert m.run("run", "cad", "--", "/etc/passwd").returncode == 126
    assert len(host.released) == 4 and host.out == {}


def test_run_without_seat(host, machine, tmp_path):
    machine(1).json("activate", "cad")
    m = machine(0)
    done = m.run("run", "cad", "--", "touch", tmp_path / "started")
    assert done.returncode == 125 and "M-150" in done.stderr and "--wait" in done.stderr and not (tmp_path / "started").exists()
    assert host.waiting == [] and host.seen[-1]["queue"] is False
    done = m.run("run", "cad", "--no-queue", "--", "touch", tmp_path / "started")
    assert done.returncode == 125 and "M-150" in done.stderr
    assert m.run("run", "nothing-such", "--", "true").returncode == 125
    assert m.run("agent", "--once").returncode == 64       # nothing is asked for any more
    waiting = m.start("run", "cad", "--wait", "--", "touch", tmp_path / "started")
    eventually(lambda: "place" in waiting.stderr.readline(), "a place in the queue")
    machine(1).json("release", "cad")
    m.shift(31)
    host.shift = 31
    waiting.communicate(timeout=PATIENCE)
    assert waiting.returncode == 0 and (tmp_path / "started").exists() and host.out == {}


def test_a_place_is_given_back(host, machine):
    """Released while it waits: the place is the next one's at once. A place that the machine has for itself is not given up by a run that does not wait."""
    machine(1).json("activate", "cad")
    m = machine(0)
    m.json("activate", "cad", code=1)
    place, = host.waiting
    assert m.run("run", "cad", "--", "true").returncode == 125 and host.waiting == [place]
    m.json("release", "cad")
    assert host.waiting == [] and host.seen[-1]["queue"] is False and m.run("status").returncode == 4
    # a seat that gets free just then is not kept either
    m.json("activate", "cad", code=1)
    machine(1).json("release", "cad")
    m.json("release", "cad")
    assert host.out == {} and host.waiting == [] and len(host.released) == 2
    # nobody hears it: the place lapses, and the machine forgets
    machine(1).json("activate", "cad")
    m.json("activate", "cad", code=1)
    alone = Machine(m.state.parent, host, url="http://127.0.0.1:1")
    assert alone.json("release", "cad")[0]["outcome"] == "released"
    assert len(host.waiting) == 1


def test_run_heartbeats(host, machine):
    """The seat is kept as long as the command runs; when it is lost that is said, and the command goes on."""
    m = machine()
    run = m.start("run", "cad", "--", "sh", "-c", "trap 'exit 3' TERM; echo ready; while :; do sleep 0.1; done")
    try:
        assert run.stdout.readline() == "ready\n"
        for n in range(1, 5):
            m.beats(host, n * 25)
        assert m.cad()["valid"]
        host.refuse = (403, "M-153", "Taken back.")
        host.shift = 4 * 25 + 50
        m.shift(4 * 25 + 50)
        eventually(lambda: "the seat is lost" in run.stderr.readline(), "the loss is said")
        assert run.poll() is None
    finally:
        run.send_signal(signal.SIGTERM)
        run.communicate(timeout=PATIENCE)
    assert run.returncode == 3


def test_run_shared(host, machine):
    """Two on one machine share its seat; the last one gives it back. One that was held before stays."""
    m = machine()
    run = [m.start("run", "cad", "--", "sh", "-c", "echo ready; exec sleep 300") for _ in range(2)]
    for r in run:
        assert r.stdout.readline() == "ready\n"
    assert len(host.out) == 1
    for n, r in enumerate(run):
        r.send_signal(signal.SIGTERM)
        r.communicate(timeout=PATIENCE)
        assert r.returncode == 128 + signal.SIGTERM
        assert len(host.released) == n
    m.json("activate", "cad")
    assert m.run("run", "cad", "--", "true").returncode == 0
    assert len(host.released) == 1 and len(host.out) == 1 and m.cad()["valid"]


def test_run_killed(host, machine):
    """Killed with its seat: the agent gives back what nobody uses instead of keeping it alive."""
    m = machine()
    run = m.start("run", "cad", "--", "sh", "-c", "echo ready; exec sleep 60")
    assert run.stdout.readline() == "ready\n"
    run.kill()
    run.wait(timeout=PATIENCE)
    assert len(host.out) == 1 and m.cad()["valid"]
    done = m.run("agent", "--once")
    assert done.returncode == 0 and "the seat of a command that is gone" in done.stderr and host.out == {}
    # the next run goes on with it, too
    run = m.start("run", "cad", "--", "sh", "-c", "echo ready; exec sleep 60")
    assert run.stdout.readline() == "ready\n"
    run.kill()
    run.wait(timeout=PATIENCE)
    assert m.run("run", "cad", "--", "true").returncode == 0 and host.out == {} and len(host.released) == 2


def test_embedded(host, machine, tmp_path):
    host.embedded.append(KEY)
    m = machine()
    (tmp_path / "key").write_text(KEY.lower().replace("-", " ") + "\n")
    assert m.json("activate", "sql", "--key-file", tmp_path / "key")[0]["outcome"] == "activated"
    s = m.json("status", "sql")[0]
    assert s["valid"] and s["partial_key"] == KEY[-5:] and s["key_kept"]
    everything = b"".join(p.read_bytes() for p in m.state.rglob("*") if p.is_file()) + json.dumps(host.seen).encode()
    assert KEY.encode() not in everything and KEY.replace("-", "").encode() not in everything
    # renewals prove it again
    m.shift(8 * DAY)
    host.shift = 8 * DAY
    assert m.json("renew", "sql")[0]["outcome"] == "activated" and host.seen[-1]["key"]["kind"] == "E"
    (tmp_path / "key").write_text(KEY[:-1] + "P\n")
    a = m.json("activate", "sql", "--key-file", tmp_path / "key", code=2)[0]
    assert a["code"] == "0xC004F050" and m.json("status", "sql")[0]["valid"]
