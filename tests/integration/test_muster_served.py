"""muster with access licences, seats and embedded keys against musterd: what a machine and its users see."""

import json
import signal

import pytest

from administrator import Administrator
from host import eventually
from licensed import Licensed
from test_muster_models import Machine

DAY = 86400
FOREIGN = "B7XWM-KQ2RT-9DHVC-4GYPF-J3M8K"
ID = "44444444-0000-4000-8000-0000000000{:02x}"
COMMON = "application_id = 44444444-0000-4000-8000-00000000000a"
PRODUCTS = f"""
[product cad]
name = CAD
activation_id = {ID.format(1)}
{COMMON}
model = seats
seats = 1
seat_lease = 60s
heartbeat = 20s
seat_grace = 5s
queue = 5

[product term]
name = Terminal
activation_id = {ID.format(2)}
{COMMON}
model = access
versions = 2016, 2019
record = yes

[product tool]
name = Tool
activation_id = {ID.format(3)}
{COMMON}
model = embedded
"""


class Desk(Machine):
    """A machine whose clock and its host's move together."""

    def __init__(self, folder, host, number=0):
        self.root = host.issuer.root
        super().__init__(folder, self, number, f"127.0.0.1:{host.port}")


def move(seconds, host, *machines):
    host.shift(seconds)
    for m in machines:
        m.shift(seconds)


@pytest.fixture
def served(new_host, tmp_path):
    host = new_host(products=PRODUCTS, clock=True)
    host.certify("cad", "term", "tool")
    return host, lambda n=0: Desk(tmp_path, host, n)


def test_seat(served):
    """Granted, queued, released, the next in the queue; heartbeats keep it, silence ends it."""
    host, desk = served
    a, b = desk(0), desk(1)
    got = a.json("activate", "cad")[0]
    assert (got["outcome"], got["count"], got["seats"]) == ("activated", 1, 1)
    got = b.json("activate", "cad", code=1)[0]
    assert (got["outcome"], got["code"], got["position"], got["seats"]) == ("queued", "M-149", 1, 1)
    assert b.json("activate", "cad", "--no-queue", code=2)[0]["code"] == "M-150"
    for n in range(1, 6):
        move(n * 25, host, a, b)
        assert a.json("renew", "cad")[0]["outcome"] == "activated"
    assert a.json("release", "cad")[0]["outcome"] == "released"
    assert b.json("activate", "cad")[0]["outcome"] == "activated"
    move(6 * 25 + 70, host, a, b)
    assert b.json("status", "cad", code=4)[0]["license_status"] == 5
    assert a.json("activate", "cad")[0]["outcome"] == "activated"


def test_run(served):
    host, desk = served
    a, b = desk(0), desk(1)
    run = a.start("run", "cad", "--", "sh", "-c", "echo ready; exec sleep 300")
    assert run.stdout.readline() == "ready\n"
    waiting = b.start("run", "cad", "--wait", "--", "echo", "mine")
    assert "place 1 in the queue" in waiting.stderr.readline()
    run.send_signal(signal.SIGTERM)
    run.communicate(timeout=60)
    # the one who waits asks when it was told to
    move(31, host, b)
    assert waiting.communicate(timeout=60)[0] == "mine\n" and waiting.returncode == 0
    assert Administrator(host).items("seats", "list", "--product", "cad") == []


def test_seat_taken_back(served):
    """An administrator takes the seat back: the command goes on and is told, and the seat goes to another machine when its lease is over."""
    host, desk = served
    a, b = desk(0), desk(1)
    run = a.start("run", "cad", "--", "sh", "-c", "echo ready; exec sleep 300")
    try:
        assert run.stdout.readline() == "ready\n"
        client = a.json("status", "cad")[0]["client_id"]
        Administrator(host).ok("seats", "release", client, "--product", "cad", "--reason", "night work is over", "--yes")
        move(25, host, a, b)
        eventually(lambda: json.loads((a.state / "products" / f"{ID.format(1)}.json").read_text())["code"] == 153, "a heartbeat that is refused")
        assert a.json("status", "cad")[0]["valid"]
        move(65, host, a, b)
        assert "the seat is lost" in run.stderr.readline()
        assert run.poll() is None
        assert b.json("activate", "cad")[0]["outcome"] == "activated"
    finally:
        run.send_signal(signal.SIGTERM)
        run.communicate(timeout=60)


def test_access(served):
    """A device's temporary licence, its second sign-in, and users beside it."""
    host, desk = served
    m = desk()
    got = m.json("activate", "term", "--device", "--version", "2016")[0]
    assert got["access"]["per"] == "device" and got["access"]["kind"] == "temporary" and got["grace_seconds"] == 120 * DAY
    # nothing has been bought: the temporary licence stays as it is, and ends after 90 days
    again = m.json("activate", "term")[0]
    assert again["expires_at"] == got["expires_at"] and again["access"]["kind"] == "temporary"
    for user in ("anna", "bert"):
        his = m.json("activate", "term", "--user", user)[0]
        assert his["access"] == {"per": "user", "kind": "user", "version": "2019"} and his["over"]
    shown = m.json("status", "term")
    assert [s["user"] for s in shown if s["user"] is None] == [None] and {s["user"] for s in shown} == {None, "anna", "bert"} and all(s["valid"] for s in shown)
    assert m.json("activate", "term", "--version", "2030", code=2)[0]["code"] == "M-146"
    assert m.json("release", "term", "--user", "anna", code=2)[0]["code"] == "M-154"
    m.json("activate", "term", "--version", "2016")
    move(61 * DAY, host, m)
    assert m.json("status", "term", "--user", "anna", code=4)[0]["license_status"] == 3
    move(91 * DAY, host, m)
    assert m.json("activate", "term", code=2)[0]["code"] == "M-145"
    assert m.json("activate", "term", "--user", "anna")[0]["outcome"] == "activated"


def test_embedded(new_host, tmp_path):
    """A key of the issuer's, known to the host by its licence pack; a wrong one; another vendor's that nobody stored."""
    publisher = Licensed(tmp_path)
    try:
        publisher("product", "add", "tool", "--activation-id", ID.format(3), "--title", "Tool")
        key, other = publisher.mint("embedded", "tool"), publisher.mint("embedded", "contoso")
        host = new_host(issuer=publisher, plugins=(), products=PRODUCTS + f"""
[product contoso]
name = Contoso
activation_id = 11111111-0000-4000-8000-000000000001
{COMMON}
model = embedded
""", clock=True)
        host.admin_ok("POST", "/packs", {"pack": publisher.packed()})
        host.certify("tool")
        m = Desk(tmp_path, host)
        assert m.json("activate", "tool", code=2)[0]["code"] == "0xC004F014"
        for wrong in (other, FOREIGN):
            (tmp_path / "key").write_text(wrong + "\n")
            got = m.json("activate", "tool", "--key-file", tmp_path / "key", code=2)[0]
            assert got["code"] == "0xC004F050", got
        # another vendor's, once an administrator has stored it from its medium
        host.admin_ok("POST", "/media/keys", {"product": "tool", "key": FOREIGN})
        assert m.json("activate", "tool", "--key-file", tmp_path / "key")[0]["outcome"] == "activated"
        assert m.json("status", "tool")[0]["partial_key"] == FOREIGN[-5:]
        (tmp_path / "key").write_text(key.lower() + "\n")
        assert m.json("activate", "tool", "--key-file", tmp_path / "key")[0]["outcome"] == "activated"
        assert m.json("status", "tool")[0]["partial_key"] == key[-5:]
        move(8 * DAY, host, m)
        assert m.json("renew", "tool")[0]["outcome"] == "activated"
    finally:
        publisher.stop()
