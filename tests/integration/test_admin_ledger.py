"""Machines, the journal, backups and the host's clock, as administrators look after them (ledger.md section 2)."""

import concurrent.futures
import os
import shutil
import stat
import threading
import uuid

import pytest

from administrator import FAILED, USAGE, Administrator, muster, run
from host import OFFICE2013, Host, Machine, UnixConnection, eventually, folder, program

CLIENTS = 1250  # more than a page of 1000


# --- machines ---

@pytest.fixture(scope="module")
def fleet(issuer):
    """A host with more machines than a page; its administrator and the machines' client IDs."""
    with folder() as path:
        host = Host(path / "host", issuer, limits="new_clients_per_hour = 1000000\nnew_clients_per_day = 1000000").start()
        host.certify("office2013", "windows")
        machines = [Machine(f"pc-{n}") for n in range(CLIENTS)]

        def report(some):
            connection = host.connection()
            for machine in some:
                assert host.activate(machine, OFFICE2013, connection).status in (200, 202)
            connection.close()

        with concurrent.futures.ThreadPoolExecutor(10) as pool:
            list(pool.map(report, [machines[n::10] for n in range(10)]))
        ids = [machine.client_id for machine in machines]
        yield Administrator(host), ids
        host.close()


def test_clients_are_paged_with_nothing_missing_or_twice(fleet):
    """--all walks pages of 1000 and holds every machine once; without it 1000 and a note; --limit and --after of the answer go on."""
    admin, ids = fleet
    every = admin.items("clients", "--all")
    assert len(every) == CLIENTS and {c["client_id"] for c in every} == set(ids)
    said = admin("clients")
    assert said.status == 0 and len(said.out.splitlines()) == 1001 and said.err.startswith("There are more: ")
    first = admin.host.admin_ok("GET", "/clients?limit=700")
    rest = admin.json("clients", "--after", first["next"], "--all")
    assert [c["client_id"] for c in first["items"] + rest["items"]] == [c["client_id"] for c in every] and rest["more"] is False
    part = admin.json("clients", "--limit", "3")
    assert len(part["items"]) == 3 and part["more"] is True
    assert admin.items("clients", "--limit", "2", "--after", part["next"]) == every[3:5] and admin.json("clients", "--all")["next"] is None


def test_clients_of_a_product(fleet):
    """--product keeps the machines of one; a known product that nobody asked for has none."""
    admin, ids = fleet
    windows = Machine("win-1")
    admin.host.activate(windows, admin.host.activation_id("windows"))
    assert [c["client_id"] for c in admin.items("clients", "--product", "windows")] == [windows.client_id]
    assert len(admin.items("clients", "--product", "office2013", "--all")) == CLIENTS
    assert admin.items("clients", "--product", "rds") == []


def test_one_machine_with_all_its_products(host):
    """First and last seen, requests, last result, address, hardware, virtual; one row a product; known at once, without waiting for a fold."""
    admin = Administrator(host)
    machine = Machine("two-products", virtual=True)
    for _ in range(3):
        host.activate(machine, OFFICE2013, license_status=5, minutes_left=77)
    host.activate(machine, host.activation_id("windows-server"))
    rows = {c["product"]: c for c in admin.items("clients", machine.client_id.upper())}
    assert set(rows) == {"office2013", "windows-server"}
    row = rows["office2013"]
    assert (row["name"], row["requests"], row["virtual"], row["license_status"], row["minutes_left"]) == ("two-products", 3, True, 5, 77)
    assert (row["address"], row["hardware_id"], row["clone"], row["released"]) == ("127.0.0.1", machine.hardware, False, False)
    assert row["first_seen"] <= row["last_seen"] and row["result"] in ("0x0", "0xC004F038")
    text = admin.ok("clients", machine.client_id)
    assert text.count(machine.client_id) == 2 and "two-products" in text


def test_forget_takes_a_machine_out_of_the_count(new_host):
    """The count falls by one and the machine leaves the list; it counts again when it asks again; the fleet behind it moves up."""
    host = new_host()
    host.certify("office2013")
    admin = Administrator(host)
    machines = [Machine(f"pc-{n}") for n in range(6)]
    for machine in machines:
        host.activate(machine, OFFICE2013)
    assert host.listing("office2013")["host"]["current_count"] == 6
    gone = machines[2].client_id
    assert admin.ok("clients", "forget", gone, "--yes") == f"Machine {gone} is forgotten.\n"
    assert host.listing("office2013")["host"]["current_count"] == 5
    assert gone not in {c["client_id"] for c in admin.items("clients") if not c["forgotten"]}
    host.kill()
    host.start()
    eventually(lambda: host.listing("office2013")["host"]["current_count"] == 5, "the pool is filled again after the start")
    a = host.activate(machines[2], OFFICE2013)
    assert a.status == 200 and a.json["count"] == 6, a
    assert admin.json("clients", "forget", gone, "--yes")["client_id"] == gone
    many = [Machine(f"more-{n}") for n in range(10)]
    for machine in many:
        host.activate(machine, OFFICE2013)
    for machine in many[:3]:
        admin.ok("clients", "forget", machine.client_id, "--yes")
    assert host.listing("office2013")["host"]["current_count"] == 10, "15 machines less 3 is more than the cap"


# --- the journal ---

def test_every_act_is_in_the_journal_with_who_and_what(new_host, tmp_path):
    """All acts of musterctl, in order, each with its actor; questions are not acts; nothing refused is there; it survives a restart."""
    host = new_host()
    admin = Administrator(host)
    machine = Machine()
    learned = str(uuid.uuid4())
    admin.refused("sai", "60")  # not activated: no act
    admin.ok("host", "request", "--out", str(tmp_path / "host.csr"))
    chain = host.issuer.certify((tmp_path / "host.csr").read_text(), [OFFICE2013])
    (tmp_path / "host.pem").write_text(chain)
    admin.ok("host", "install", str(tmp_path / "host.pem"))
    host.activate(machine, OFFICE2013)
    admin.ok("sai", "60")
    admin.ok("settings", "reset", "activation_interval")
    admin.ok("cpri")
    admin.ok("products", "learn", learned, "--as", "office2013")
    admin.ok("clients", "forget", machine.client_id, "--yes")
    admin.ok("clock", "accept", "--yes")
    admin.ok("backup", str(host.folder / "backup"))
    admin.ok("reload")
    admin.refused("backup", str(host.folder / "backup"))
    for question in (["dlv", "all"], ["events"], ["settings"], ["journal"]):
        admin.ok(*question)

    def rows():
        return [(j["action"], j["object"], j["detail"]) for j in admin.items("journal")]

    before = rows()
    objects = [o for _, o, _ in before]
    assert objects[:9] == ["host", "host", "host.activation_interval", "host.activation_interval", "host.priority", learned,
                           machine.client_id, "clock", "backup"]
    details = [d for _, _, d in before]
    assert "60min" in details[2] and "low" in details[4] and "office2013" in details[5] and str(host.folder / "backup") in details[8]
    assert all(isinstance(a, str) and a for a, _, _ in before)
    assert len({a for a, _, _ in before}) >= 8, "each kind of act has a word of its own"
    import pwd
    who = f"{os.getuid()} {pwd.getpwuid(os.getuid()).pw_name}"
    assert {j["actor"] for j in admin.items("journal")} == {who}
    seqs = [j["seq"] for j in admin.items("journal")]
    assert seqs == list(range(1, len(seqs) + 1))
    text = admin.ok("journal")
    assert learned in text and who in text and before[0][0] in text
    host.stop()
    host.start()
    assert rows() == before


def test_the_journal_is_paged(host):
    """1100 acts: --all has each once; --after and --limit."""
    admin = Administrator(host)
    acts = 1100
    connection = UnixConnection(host.socket)
    for n in range(acts):
        connection.request("POST", "/admin/v1/settings", body=f'{{"name":"activation_interval","value":"{15 + n % 100}min"}}')
        answer = connection.getresponse()
        assert answer.status == 200 and answer.read()
    connection.close()
    seqs = [j["seq"] for j in admin.items("journal", "--all")]
    assert len(seqs) >= acts and seqs == list(range(1, len(seqs) + 1))
    assert len(admin.items("journal")) == 1000
    assert [j["seq"] for j in admin.items("journal", "--after", "5", "--limit", "3")] == [6, 7, 8]
    admin.ok("settings", "reset", "activation_interval")


# --- backup ---

def test_a_backup_made_under_load_is_opened_by_a_second_host(new_host):
    """While three writers ask: the copy is whole, and a second musterd on it knows every machine acknowledged before it began, the
    settings, the learned IDs and the counters; what came later is not half there."""
    host = new_host(limits="new_clients_per_hour = 1000000\nnew_clients_per_day = 1000000")
    host.certify("office2013")
    admin = Administrator(host)
    learned = str(uuid.uuid4())
    admin.ok("products", "learn", learned, "--as", "office2013", "--title", "Learned")
    admin.ok("sai", "33")
    stop, lock, acknowledged = threading.Event(), threading.Lock(), []

    def writer():
        connection = host.connection()
        while not stop.is_set():
            machine = Machine("pc")
            assert host.activate(machine, OFFICE2013, connection).status in (200, 202)
            with lock:
                acknowledged.append(machine.client_id)
        connection.close()

    writers = [threading.Thread(target=writer) for _ in range(3)]
    for w in writers:
        w.start()
    try:
        eventually(lambda: len(acknowledged) > 100, "machines report in")
        with lock:
            before = set(acknowledged)
        copy = host.folder / "backup-1"
        assert admin.ok("backup", str(copy)) == f"The ledger is copied to {copy}.\n"
    finally:
        stop.set()
        for w in writers:
            w.join()
    assert len(acknowledged) > len(before), "requests went on meanwhile"
    assert not (host.folder / "backup-1.part").exists()
    assert stat.S_IMODE(copy.stat().st_mode) == 0o700 and all(stat.S_IMODE(f.stat().st_mode) & 0o077 == 0 for f in copy.iterdir())

    second = new_host(start=False)
    shutil.copytree(copy, second.folder / "state")
    os.chmod(second.folder / "state", 0o700)
    second.start()
    other = Administrator(second)
    known = {c["client_id"] for c in other.items("clients", "--all")}
    assert before <= known <= set(acknowledged)
    item, = other.items("dlv", OFFICE2013)
    assert item["requests"]["total"] == len(known) and item["host"]["current_count"] == 10
    assert next(s for s in other.items("settings") if s["name"] == "activation_interval")["source"] == "stored"
    assert any(e["activation_id"] == learned for p in other.items("products") for e in p["editions"])
    assert "copied" in " ".join(j["detail"] for j in other.items("journal")) or str(copy) in " ".join(j["detail"] for j in other.items("journal"))
    assert second.activate(Machine(), OFFICE2013).code == "0xC004F041", "keys and certificates are not in a backup"
    second.certify("office2013")
    assert second.activate(Machine(), OFFICE2013).status == 200


def test_a_backup_never_goes_into_an_existing_folder(new_host):
    """Refused with the folder's name, whatever is in it; nothing in it is touched. A parent that does not exist: said."""
    host = new_host()
    admin = Administrator(host)
    (host.folder / "mine").mkdir()
    (host.folder / "mine" / "letter").write_text("dear")
    sentence = admin.refused("backup", str(host.folder / "mine"))
    assert f"{host.folder}/mine is there already: a backup goes into a new folder" in sentence
    assert [f.name for f in (host.folder / "mine").iterdir()] == ["letter"]
    (host.folder / "file").write_text("x")
    assert "is there already" in admin.refused("backup", str(host.folder / "file"))
    assert f"{host.folder}/none/backup" in admin.refused("backup", str(host.folder / "none" / "backup"))


def test_a_relative_backup_folder_is_the_callers(new_host):
    """musterctl makes the path absolute from where it was called, not from where the daemon runs."""
    host = new_host()
    said = Administrator(host)("backup", "here", cwd=host.folder)
    assert said.status == 0 and (host.folder / "here").is_dir(), said


# --- the clock ---

def jump(host, wall, boot=0):
    """Move the wall clock alone: a jump, not time that passes."""
    part = host.folder / "clock.part"
    part.write_text(f"{int(wall * 1000)} {int(boot * 1000)}\n")
    part.rename(host.clock_file)


def test_a_clock_set_back_is_accepted_by_an_administrator(new_host):
    """Three hours back: no grants (0xC004F06C), /readyz fails, status says why and what to do; `clock accept`: grants again, journal
    row with who, also after a restart."""
    host = new_host(clock=True)
    host.certify("office2013")
    admin = Administrator(host)
    for n in range(5):
        host.activate(Machine(), OFFICE2013)
    assert host.activate(Machine(), OFFICE2013).status == 200
    jump(host, -3 * 3600)
    a = eventually(lambda: (lambda a: a if a.status != 200 else None)(host.activate(Machine(), OFFICE2013)), "the jump is noticed")
    assert a.code == "0xC004F06C", a
    assert host.get("/readyz").status == 503
    status = admin.json("status")
    assert status["clock"]["held"] is True and "musterctl clock accept" in status["clock"]["reason"] and status["state"] == "not ready"
    assert "Clock: the host's clock is" in admin.ok("status")
    assert "Say --yes" in admin.refused("clock", "accept", status=USAGE)
    assert admin.ok("clock", "accept", "--yes") == "The present clock is taken as right.\n"
    assert admin.json("status")["clock"]["held"] is False and host.get("/readyz").status == 200
    assert host.activate(Machine(), OFFICE2013).status == 200
    row = admin.items("journal")[-1]
    assert row["object"] == "clock" and "behind the latest event" in row["detail"]
    host.stop()
    host.start()
    assert admin.json("status")["clock"]["held"] is False
    assert host.activate(Machine(), OFFICE2013).status == 200


def test_a_clock_that_jumped_ahead_is_held_until_accepted(new_host):
    """Two days ahead while running: nothing granted until it is set right or accepted; nobody drops out of the count by it."""
    host = new_host(clock=True)
    host.certify("office2013")
    admin = Administrator(host)
    for n in range(6):
        host.activate(Machine(), OFFICE2013)
    jump(host, 2 * 86400)
    a = eventually(lambda: (lambda a: a if a.status != 200 else None)(host.activate(Machine(), OFFICE2013)), "the jump is noticed")
    assert a.code == "0xC004F06C", a
    assert "jumped 2 days ahead" in admin.json("status")["clock"]["reason"]
    assert host.listing("office2013")["host"]["current_count"] >= 6
    admin.ok("clock", "accept", "--yes")
    from host import now_text
    assert host.activate(Machine(), OFFICE2013, time=now_text(2 * 86400)).status == 200


def test_accepting_a_clock_that_is_right_changes_nothing(host):
    """It is an act all the same: journaled, and says so."""
    admin = Administrator(host)
    before = host.listing("office2013")["host"]["current_count"]
    assert "T" in admin.json("clock", "accept", "--yes")["time"]
    assert host.listing("office2013")["host"]["current_count"] == before
    assert "nothing was held" in admin.items("journal", "--all")[-1]["detail"]
