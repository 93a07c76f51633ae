"""The daemon's life: start and its refusals, reload, stop under load, kill -9 under load, sockets from the service manager."""

import concurrent.futures
import os
import pathlib
import pwd
import random
import secrets
import signal
import socket
import stat
import subprocess
import threading
import time

import pytest

from host import BUILD, Machine, OFFICE2013, PATIENCE, base64url, claims_of, eventually, plugin_path, program

ROUNDS = int(os.environ.get("MUSTER_KILL_ROUNDS", "3"))
root_only = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


def run(*arguments, **options):
    return subprocess.run([program("musterd"), *arguments], capture_output=True, text=True, timeout=PATIENCE, **options)


# --- command line ---

def test_help_and_version():
    done = run("--help")
    assert done.returncode == 0 and "--dump-config" in done.stdout and done.stderr == ""
    done = run("--version")
    assert done.returncode == 0 and done.stdout.startswith("musterd ")


@pytest.mark.parametrize("arguments", [["--wrong"], ["extra"], ["--check", "--dump-config"], ["--config"]])
def test_wrong_usage(arguments):
    done = run(*arguments)
    assert done.returncode == 2 and "musterd" in done.stderr and done.stdout == ""


def test_check_and_dump(new_host):
    host = new_host(start=False)
    done = run("--check", "--config", str(host.folder / "muster.conf"))
    assert done.returncode == 0 and "5 plugins" in done.stdout, done
    assert not (host.folder / "state").exists(), "checking makes nothing"
    done = run("--dump-config", "--config", str(host.folder / "muster.conf"))
    assert done.returncode == 0 and "name = test-host" in done.stdout, done
    with open(host.folder / "muster.conf", "a") as f:
        f.write("[product office2013]\nminimum_count = 0\nwrong = 1\n")
    done = run("--check", "--config", str(host.folder / "muster.conf"))
    assert done.returncode == 3 and done.stderr.count("muster.conf:") >= 2 and "minimum_count" in done.stderr and "wrong" in done.stderr, done


@pytest.mark.parametrize("content, said", [(None, "put the issuer's root certificate there"), ("", "the issuer's root file is empty")])
def test_check_reads_the_roots(new_host, content, said):
    host = new_host(start=False)
    file, roots = host.folder / "muster.conf", host.folder / "other.pem"
    file.write_text(file.read_text().replace(f"roots = {host.issuer.root}", f"roots = {roots}"))
    if content is not None:
        roots.write_text(content)
    done = run("--check", "--config", str(file))
    assert done.returncode == 3 and "good" not in done.stdout and "[issuer main]: " in done.stderr, done
    assert str(roots) in done.stderr and said in done.stderr, done


def test_config_that_is_not_there():
    done = run("--config", "/nowhere/muster.conf")
    assert done.returncode == 3 and "/nowhere/muster.conf" in done.stderr and "--config" in done.stderr and "id=12291" in done.stderr, done


# --- refusals at start ---

def refused(host, status=None):
    """Start a host that must not start; its last words."""
    host.start(ready=False)
    got = host.process.wait(timeout=PATIENCE)
    assert got != 0 and (status is None or got == status), host.logged()
    lines = host.lines("start_failed")
    assert len(lines) == 1 and "id=12291" in lines[0], host.logged()
    return lines[0]


def test_port_in_use_names_its_holder(new_host):
    first = new_host()
    second = new_host(start=False)
    second.configure(listen=f"127.0.0.1:{first.port}")
    words = refused(second)
    # musterd forbids core dumps (builds for sanitizers do not), and then only root may look which sockets it holds.
    may_look = os.access(f"/proc/{first.process.pid}/fd", os.R_OK)
    assert may_look or os.geteuid() != 0
    holder = f"musterd (process {first.process.pid})" if may_look else "another process"
    assert f"port {first.port} is in use by {holder}" in words, words


def test_state_in_use_names_its_holder(new_host):
    first = new_host()
    second = new_host(start=False)
    conf = second.folder / "muster.conf"
    conf.write_text(conf.read_text().replace(str(second.folder / "state"), str(first.folder / "state")))
    words = refused(second)
    assert str(first.process.pid) in words, words
    assert first.admin("GET", "/status").status == 200, "the first one is not disturbed"


def test_unsafe_configuration_is_refused(new_host):
    host = new_host(start=False)
    os.chmod(host.folder / "muster.conf", 0o666)
    words = refused(host)
    assert "muster.conf" in words and "chmod" in words, words


def test_unsafe_state_folder_is_refused(new_host):
    host = new_host()
    host.stop()
    os.chmod(host.folder / "state", 0o777)
    words = refused(host)
    assert "state" in words and "chmod" in words, words


@pytest.mark.parametrize("name", ["log.db", "state.db"])
def test_unsafe_database_is_refused(new_host, name):
    host = new_host()
    host.stop()
    os.chmod(host.folder / "state" / name, 0o666)
    assert name in refused(host)


def test_unsafe_host_key_is_refused(new_host):
    host = new_host()
    host.certify("office2013")
    host.stop()
    os.chmod(host.folder / "state" / "host" / "key.pem", 0o644)
    assert "key.pem" in refused(host)


def test_bad_configuration_says_all_faults(new_host):
    host = new_host(start=False)
    with open(host.folder / "muster.conf", "a") as f:
        f.write("[product office2013]\nminimum_count = 0\n[nonsense]\nx = 1\n")
    refused(host, 3)
    assert len(host.lines("configuration")) >= 2 and all("muster.conf:" in line for line in host.lines("configuration"))


def test_admin_socket_that_is_a_file(new_host):
    host = new_host(start=False)
    (host.folder / "state").mkdir(mode=0o700)
    (host.folder / "state" / "admin.sock").write_text("precious")
    assert "is not a socket" in refused(host)
    assert (host.folder / "state" / "admin.sock").read_text() == "precious"


def test_stale_admin_socket_is_replaced(new_host):
    host = new_host()
    host.kill()
    assert host.socket.exists()
    host.start()
    assert host.admin("GET", "/status").status == 200
    host.stop()
    assert not host.socket.exists()


# --- who it runs as ---

@root_only
def test_root_without_a_user_warns_and_runs(new_host):
    host = new_host()
    assert len(host.lines("runs_as_root")) == 1


@root_only
def test_gives_up_root(new_host):
    """Started as root with a user: the process and its files are the user's, and it cannot go back."""
    host = new_host(host="user = nobody")
    host.certify("office2013")
    nobody = pwd.getpwnam("nobody").pw_uid
    status = pathlib.Path(f"/proc/{host.process.pid}/status").read_text()
    assert f"Uid:\t{nobody}\t{nobody}\t{nobody}\t{nobody}" in status, status
    assert "CapEff:\t0000000000000000" in status
    for path in (host.folder / "state").rglob("*"):
        assert path.lstat().st_uid == nobody, path
        if stat.S_ISREG(path.lstat().st_mode) and not path.name.startswith("chain-"):
            assert path.lstat().st_mode & 0o077 == 0, path
    assert host.activate(Machine(), OFFICE2013).status == 202
    with open(host.folder / "muster.conf", "a") as f:
        f.write("[product office2013]\nminimum_count = 1\n")
    assert host.admin_ok("POST", "/reload", {})["changes"]
    assert host.activate(Machine(), OFFICE2013).status == 200
    assert host.stop() == 0
    host.start()
    assert host.listing("office2013")["host"]["current_count"] == 2


def test_unknown_user_is_refused(new_host):
    host = new_host(start=False, host="user = muster-nobody-such")
    words = refused(host)
    assert "muster-nobody-such" in words and "adduser" in words


# --- sockets ---

def test_every_address(new_host):
    """":0" listens on IPv4, and on IPv6 where the machine has it; a machine without IPv6 works."""
    host = new_host(start=False)
    host.configure(listen=":0")
    host.start()
    assert host.get("/healthz").status == 200


def test_two_listeners(new_host):
    host = new_host(start=False)
    host.configure(listen="127.0.0.1:0, 127.0.0.2:0")
    host.start()
    for text in host.admin_ok("GET", "/status")["listen"]:
        address, port = text.rsplit(":", 1)
        with socket.create_connection((address, int(port)), timeout=PATIENCE) as s:
            s.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            assert s.recv(100).startswith(b"HTTP/1.1 200 ")


def test_address_that_is_not_this_machines(new_host):
    host = new_host(start=False)
    host.configure(listen="192.0.2.1:1688")
    assert "no such address" in refused(host)


def with_sockets(tmp, unix=False):
    """A program that hands sockets over as the service manager does (sd_listen_fds(3)), and the port."""
    tcp = socket.socket()
    tcp.bind(("127.0.0.1", 0))
    tcp.listen(100)
    launcher = tmp / "launcher.py"
    launcher.write_text(
        "import os, sys\n"
        "n = int(sys.argv[1])\n"
        "os.environ['LISTEN_PID'] = str(os.getpid())\nos.environ['LISTEN_FDS'] = str(n)\n"
        "os.execv(sys.argv[2], sys.argv[2:])\n")
    return tcp, launcher


def test_sockets_of_the_service_manager(new_host, tmp_path):
    """Socket activation and the readiness message: what waits in the inherited socket is served, READY=1 comes after."""
    host = new_host(start=False)
    tcp, launcher = with_sockets(tmp_path)
    notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    notify.bind(str(tmp_path / "notify"))
    notify.settimeout(PATIENCE)
    early = socket.create_connection(tcp.getsockname(), timeout=PATIENCE)
    early.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    with open(host.log, "ab") as log:
        host.begun = log.tell()
        host.process = subprocess.Popen(
            ["/usr/bin/env", "python3", str(launcher), "1", program("musterd"), "--foreground", "--config", str(host.folder / "muster.conf")],
            stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=dict(os.environ, NOTIFY_SOCKET=str(tmp_path / "notify")),
            preexec_fn=lambda: os.dup2(tcp.fileno(), 3), pass_fds=(3,))
    assert b"READY=1" in notify.recv(4096), host.logged()
    assert early.recv(100).startswith(b"HTTP/1.1 200 ")
    early.close()
    host.process.send_signal(signal.SIGHUP)
    assert b"RELOADING=1" in notify.recv(4096)
    assert b"READY=1" in notify.recv(4096)
    assert host.stop() == 0
    assert b"STOPPING=1" in notify.recv(4096)
    # The socket is the service manager's: it goes on collecting for the next start.
    socket.create_connection(tcp.getsockname(), timeout=PATIENCE).close()
    tcp.close()
    notify.close()


# --- reload ---

def test_good_reload_says_what_changed_and_holds(new_host):
    host = new_host()
    host.certify("office2013")
    assert host.activate(Machine(), OFFICE2013).json["minimum_count"] == 5
    host.configure(more="[product office2013]\nminimum_count = 2\n", host="expose = counts", products="""
[product mine]
name = My own product
activation_id = 6f1d2c2e-8f4f-4bde-9d52-0d3a2f3a7b11
application_id = 6f1d2c2e-8f4f-4bde-9d52-0d3a2f3a7b12
model = threshold
minimum_count = 1
""")
    changes = host.admin_ok("POST", "/reload", {})["changes"]
    assert any("mine" in c and "added" in c for c in changes), changes
    assert any("office2013" in c and "minimum_count" in c and "5 -> 2" in c for c in changes), changes
    assert any("expose" in c for c in changes), changes
    a = host.activate(Machine(), OFFICE2013)
    assert a.status == 200 and a.json["minimum_count"] == 2, a
    a = host.activate(Machine(), "6f1d2c2e-8f4f-4bde-9d52-0d3a2f3a7b11")
    assert a.status == 503 and a.code == "0xC004F041", "a new product counts at once and activates after the host is certified for it"
    assert "pools" in host.get("/v1/host").json
    host.certify("mine")
    assert host.activate(Machine(), "6f1d2c2e-8f4f-4bde-9d52-0d3a2f3a7b11").status == 200


def test_sighup_with_a_bad_configuration_keeps_the_old_one(new_host):
    host = new_host()
    host.certify("office2013")
    (host.folder / "products.d" / "test.ini").write_text("[product mine]\nname = broken\n")
    host.process.send_signal(signal.SIGHUP)
    eventually(lambda: host.lines("reload_refused"), "the reload is refused")
    assert any("test.ini:1" in line for line in host.lines("configuration") + host.lines("catalog") + host.lines("reload_refused")), host.logged()
    assert host.activate(Machine(), OFFICE2013).status == 202
    a = host.admin("POST", "/reload", {})
    assert a.status == 400 and "test.ini" in a.json["detail"], a
    assert "mine" not in host.products()
    (host.folder / "products.d" / "test.ini").write_text("")
    host.process.send_signal(signal.SIGHUP)
    eventually(lambda: host.lines("reload_done"), "the reload is done")


def test_removed_product_leaves_its_leases(new_host):
    """Removed product: requests get 0xC004F042, its pool and counters stay (plugin.md)."""
    ini = "[product mine]\nname = Mine\nactivation_id = 6f1d2c2e-8f4f-4bde-9d52-0d3a2f3a7b11\napplication_id = 6f1d2c2e-8f4f-4bde-9d52-0d3a2f3a7b12\nmodel = threshold\nminimum_count = 1\n"
    host = new_host(products=ini)
    host.certify("mine")
    assert host.activate(Machine(), "6f1d2c2e-8f4f-4bde-9d52-0d3a2f3a7b11").json["count"] == 1
    (host.folder / "products.d" / "test.ini").write_text("")
    assert any("removed" in c and "mine" in c for c in host.admin_ok("POST", "/reload", {})["changes"])
    assert host.activate(Machine(), "6f1d2c2e-8f4f-4bde-9d52-0d3a2f3a7b11").code == "0xC004F042"
    (host.folder / "products.d" / "test.ini").write_text(ini)
    host.admin_ok("POST", "/reload", {})
    assert host.activate(Machine(), "6f1d2c2e-8f4f-4bde-9d52-0d3a2f3a7b11").json["count"] == 2


def test_reload_under_load(new_host):
    """Reloads while machines report in: every request is answered as one of the two configurations says."""
    host = new_host(limits="new_clients_per_hour = 1000000")
    host.certify("office2013")
    stop = threading.Event()
    bad = []

    def client():
        c = host.connection()
        while not stop.is_set():
            a = host.activate(Machine(), OFFICE2013, c)
            if a.status not in (200, 202, 503) or a.json.get("minimum_count", 5) not in (5, 7):
                bad.append(a)
        c.close()

    threads = [threading.Thread(target=client) for _ in range(4)]
    for t in threads:
        t.start()
    for n in range(10):
        host.configure(more=f"[product office2013]\nminimum_count = {7 if n % 2 == 0 else 5}\n", limits="new_clients_per_hour = 1000000")
        host.admin_ok("POST", "/reload", {})
    stop.set()
    for t in threads:
        t.join()
    assert not bad, bad[:3]


# --- stopping ---

class Load:
    """Machines that report in from several threads; remembers what was acknowledged."""

    def __init__(self, host, threads=8):
        self.host = host
        self.acknowledged = {}
        self.refused = []
        self.sent = []
        self.lock = threading.Lock()
        self.stopped = threading.Event()
        self.threads = [threading.Thread(target=self.client) for _ in range(threads)]
        for t in self.threads:
            t.start()

    def client(self):
        c = None
        while not self.stopped.is_set():
            machine, nonce = Machine(), base64url(secrets.token_bytes(16))
            with self.lock:
                self.sent.append((machine, nonce))
            try:
                c = c or self.host.connection()
                a = self.host.activate(machine, OFFICE2013, c, nonce=nonce)
            except (OSError, Exception) as e:
                if isinstance(e, AssertionError):
                    raise
                if c is not None:
                    c.close()
                c = None
                self.stopped.wait(0.01)
                continue
            with self.lock:
                if a.status in (200, 202):
                    self.acknowledged[nonce] = (machine, a)
                else:
                    self.refused.append(a)
        if c is not None:
            c.close()

    def enough(self, n):
        eventually(lambda: len(self.acknowledged) >= n, f"{n} requests are acknowledged")

    def stop(self):
        self.stopped.set()
        for t in self.threads:
            t.join()


def check_kept(host, load):
    """Every acknowledged request is in the log once, with the seq its lease names; the counts are right."""
    events = host.events()
    by_client = {}
    for e in events:
        by_client.setdefault(e["client_id"], []).append(e)
    for machine, a in load.acknowledged.values():
        found = by_client.get(machine.client_id, [])
        assert len(found) == 1, (machine.client_id, a, found)
        if a.status == 200:
            assert claims_of(a.json["lease"])["jti"].endswith(f".{found[0]['seq']}")
            assert found[0]["result"] == "0x0"
    assert len(events) <= len(load.sent)
    total = host.listing("office2013")["requests"]["total"]
    assert total == len(events)
    assert host.listing("office2013")["host"]["current_count"] == min(10, len(by_client))


def test_sigterm_under_load(new_host):
    """The queue is committed and answered; exit 0 within ten seconds; everything acknowledged is there after a restart."""
    host = new_host(limits="new_clients_per_hour = 10000000")
    host.certify("office2013")
    load = Load(host)
    load.enough(200)
    begun = time.monotonic()
    assert host.stop() == 0
    took = time.monotonic() - begun
    load.stop()
    assert took < 10, took
    assert "still wait" not in host.logged()
    assert {a.code for a in load.refused} <= {"M-109", "M-111"}
    host.start()
    check_kept(host, load)


def test_sigterm_while_a_client_trickles(new_host):
    host = new_host()
    with socket.create_connection(("127.0.0.1", host.port), timeout=PATIENCE) as s:
        s.sendall(b"POST /v1/activate HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n{")
        host.get("/healthz")
        begun = time.monotonic()
        assert host.stop() == 0
        assert time.monotonic() - begun < 8, "who has not finished asking is not waited for as long as who waits for an answer"


def test_kill_under_load(new_host):
    """kill -9 at random moments: every acknowledged activation is there, none twice for one nonce, counts right."""
    host = new_host(limits="new_clients_per_hour = 10000000")
    host.certify("office2013")
    load = Load(host, threads=6)
    chance = random.Random()
    for n in range(ROUNDS):
        before = len(load.acknowledged)
        eventually(lambda: len(load.acknowledged) >= before + chance.randrange(1, 300), "requests are acknowledged")
        time.sleep(chance.random() / 50)
        port = host.port
        host.kill()
        host.configure(listen=f"127.0.0.1:{port}", limits="new_clients_per_hour = 10000000")
        host.start()
    load.stop()
    # Whose answer was lost asks again with the same nonce: recorded once, whichever way it went.
    lost = [(m, nonce) for m, nonce in load.sent if nonce not in load.acknowledged][:200]
    for machine, nonce in lost:
        a = host.activate(machine, OFFICE2013, nonce=nonce)
        assert a.status in (200, 202), a
        load.acknowledged[nonce] = (machine, a)
    check_kept(host, load)
