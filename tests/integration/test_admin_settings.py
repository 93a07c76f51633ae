"""Stored settings: they win over files, are named as the source, survive restart and reload, and reach the clients (facts.md sections 1, 2)."""

import re

import pytest

from administrator import FAILED, USAGE, Administrator, muster
from host import OFFICE2013, Machine

FILE = "activation_interval = 3h\nrenewal_interval = 5d"


def setting(admin, name):
    return next(s for s in admin.items("settings") if s["name"] == name)


def intervals(host):
    """What a client is told now: activation interval, renewal interval, in minutes."""
    a = host.activate(Machine(), OFFICE2013)
    assert a.status in (200, 202), a
    if a.status == 202:
        assert a.json["retry_after_seconds"] == a.json["activation_interval_minutes"] * 60 == int(a.headers["Retry-After"])
    return a.json["activation_interval_minutes"], a.json["renewal_interval_minutes"]


def test_without_any_the_defaults_hold_and_are_named(new_host):
    """2 h and 7 d, normal priority; port from the file's listen, with the line."""
    host = new_host()
    host.certify("office2013")
    admin = Administrator(host)
    assert intervals(host) == (120, 10080)
    assert [(s["name"], s["value"], s["source"]) for s in admin.items("settings")] == [
        ("port", str(host.port), "file"), ("activation_interval", "120min", "default"), ("renewal_interval", "10080min", "default"), ("priority", "normal", "default")]
    line = (host.folder / "muster.conf").read_text().splitlines().index("listen = 127.0.0.1:0") + 1
    assert setting(admin, "port")["place"] == f"muster.conf:{line}"


def test_a_stored_setting_wins_over_the_file_and_is_named_with_the_place(new_host):
    """`sai 30`: value and source in `settings`, the place in the file that it hides, the next answer to a client; after restart,
    kill and reload the same; reset: the file's value again."""
    host = new_host(host=FILE)
    host.certify("office2013")
    admin = Administrator(host)
    line = (host.folder / "muster.conf").read_text().splitlines().index("activation_interval = 3h") + 1
    assert intervals(host) == (180, 7200)
    assert setting(admin, "activation_interval") == {"name": "activation_interval", "value": "180min", "unit": "min", "source": "file",
                                                     "default": "180min", "place": f"muster.conf:{line}"}
    assert admin.ok("sai", "30") == "activation_interval is set: 30min.\n"
    assert admin.ok("sri", "1440") == "renewal_interval is set: 1440min.\n"

    def holds():
        assert intervals(host) == (30, 1440)
        assert setting(admin, "activation_interval") == {"name": "activation_interval", "value": "30min", "unit": "min", "source": "stored",
                                                         "default": "180min", "place": f"muster.conf:{line}"}
        row = next(r.split() for r in admin.ok("settings").splitlines() if r.startswith("activation_interval"))
        assert row == ["activation_interval", "30min", "stored", f"muster.conf:{line}", "180min"]

    holds()
    admin.ok("reload")
    holds()
    host.stop()
    host.start()
    holds()
    host.kill()
    host.start()
    holds()
    assert admin.ok("settings", "reset", "activation_interval") == "activation_interval is back to the file's value or the default: 180min.\n"
    assert intervals(host) == (180, 1440) and setting(admin, "activation_interval")["source"] == "file"


def test_a_stored_interval_wins_over_a_products_own(new_host):
    """plugin.md: stored ones win over files, those of a product too."""
    host = new_host(more="[product office2013]\nactivation_interval = 45min\nrenewal_interval = 3d\n")
    host.certify("office2013")
    admin = Administrator(host)
    assert intervals(host) == (45, 3 * 1440)
    admin.ok("sai", "15")
    assert intervals(host) == (15, 3 * 1440)
    admin.ok("settings", "reset", "activation_interval")
    assert intervals(host) == (45, 3 * 1440)


def test_a_machine_obeys_the_new_interval(new_host):
    """`muster` keeps what the host handed out: after `sai 15` it asks again in about 15 minutes (spread ±10 %)."""
    host = new_host()
    host.certify("office2013")
    Administrator(host).ok("sai", "15")
    said = muster(host, "pc-1", "activate", "office2013", "--json")
    assert said.status == 1, said
    import datetime
    told = re.search(r'"(?:next|asks_again|retry_at|next_at|due_at|due)[^"]*": "([^"]+Z)"', said.out)
    assert told, said.out
    wait = datetime.datetime.fromisoformat(told[1].replace("Z", "+00:00")) - datetime.datetime.now(datetime.timezone.utc)
    assert 13 * 60 <= wait.total_seconds() <= 17 * 60


@pytest.mark.parametrize("verb", ["sai", "sri"])
def test_bounds_are_named(host, verb):
    """15 minutes to 30 days, both ends allowed; beyond them exit 1 with the bounds in the message and nothing changed."""
    admin = Administrator(host)
    name = {"sai": "activation_interval", "sri": "renewal_interval"}[verb]
    for minutes in ("15", "43200"):
        admin.ok(verb, minutes)
        assert setting(admin, name)["value"] == f"{minutes}min"
    before = setting(admin, name)
    for minutes in ("14", "43201", "0", "999999999"):
        sentence = admin.refused(verb, minutes)
        assert "M-120" in sentence and name in sentence and "15min" in sentence and "30d" in sentence, sentence
    assert setting(admin, name) == before
    admin.ok("settings", "reset", name)


def test_ports_out_of_range(host):
    admin = Administrator(host)
    for port in ("0", "65536", "99999999"):
        assert "is not a number from 1 to 65535" in admin.refused("sprt", port)


def test_a_stored_port_is_taken_at_the_next_start(new_host):
    """sprt says that it needs a start, status warns until then, and then clients are served there and dlv shows it."""
    import socket
    host = new_host()
    host.certify("office2013")
    admin = Administrator(host)
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    assert admin.ok("sprt", str(port)) == f"port is set: {port}.\ntakes effect at the next start\n"
    assert f"Warning: Port {port} is stored and takes effect at the next start." in admin.ok("status")
    assert host.port != port and intervals(host)
    host.stop()
    host.start()
    assert host.port == port and intervals(host)
    assert f"    Listening on Port: {port}\n" in admin.ok("dlv", OFFICE2013)
    assert "Warning" not in admin.ok("status")
    assert setting(admin, "port")["source"] == "stored"


def test_priority_low_and_normal(new_host):
    """cpri: Low in dlv, and the daemon runs nicer after the next start; spri: Normal again."""
    import os
    host = new_host()
    host.certify("office2013")
    admin = Administrator(host)
    before = os.getpriority(os.PRIO_PROCESS, host.process.pid)
    assert "    KMS priority: Normal\n" in admin.ok("dlv", OFFICE2013)
    admin.ok("cpri")
    assert "    KMS priority: Low\n" in admin.ok("dlv", OFFICE2013) and setting(admin, "priority")["source"] == "stored"
    host.stop()
    host.start()
    assert "    KMS priority: Low\n" in admin.ok("dlv", OFFICE2013)
    assert os.getpriority(os.PRIO_PROCESS, host.process.pid) == max(before, 10)
    admin.ok("spri")
    assert "    KMS priority: Normal\n" in admin.ok("dlv", OFFICE2013)


@pytest.mark.parametrize("words", [["sprt", "1688"], ["sai", "120"], ["sri", "10080"], ["spri"], ["cpri"], ["settings", "reset", "port"]], ids=" ".join)
def test_refused_on_a_host_that_is_not_activated(unactivated, words):
    """Port, intervals and priority cannot be changed before activation: 0xC004F041, nothing stored, nothing journaled."""
    assert unactivated.refused(*words).startswith("0xC004F041: The host is not activated")
    assert {s["source"] for s in unactivated.items("settings")} <= {"file", "default"}
    assert unactivated.items("journal") == []


@pytest.fixture(scope="module")
def unactivated(issuer):
    from host import Host, folder
    with folder() as path:
        host = Host(path / "host", issuer).start()
        yield Administrator(host)
        host.close()


def test_reset_of_what_is_not_stored_says_so(host):
    admin = Administrator(host)
    assert "is not stored" in admin.refused("settings", "reset", "priority")
