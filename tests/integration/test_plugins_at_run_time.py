"""Plugins that fail while the host serves: crashes and who is blamed for them, faults and slow answers, counters."""

import http.client
import os
import re
import signal
import threading

import pytest

from administrator import Administrator, documented
from host import BUILD, OFFICE2013, Machine, eventually

CRASHER = "21000000-0000-4000-8000-000000000001"
COPY = "21000000-0000-4000-8000-00000000000a"
PATH = BUILD / "tests" / "plugins" / ".libs" / "crasher.so"
# A sanitizer takes these signals itself and reports them, which would be a failure of the test; here they are what is tested.
QUIET = {"ASAN_OPTIONS": "handle_segv=0:handle_sigbus=0:handle_sigfpe=0:handle_sigill=0:handle_abort=0:detect_leaks=0",
         "UBSAN_OPTIONS": "handle_segv=0:handle_sigbus=0:handle_sigfpe=0:handle_sigill=0:handle_abort=0",
         "TSAN_OPTIONS": "handle_segv=0:handle_sigbus=0:handle_sigfpe=0:handle_sigill=0:handle_abort=0"}
COPIED = f"[product crasher-copy]\nlike = crasher\nname = Copy\nactivation_id = {COPY}\n"


def start(host):
    return host.start(env=QUIET)


@pytest.fixture
def crashing(new_host):
    """A host of two plugins and a copy of the second one's product, certified for all of them."""
    host = new_host(start=False, plugins=("office2013",), more=f"[plugin crasher]\npath = {PATH}\n", products=COPIED)
    start(host)
    host.certify("office2013", "crasher", "crasher-copy")
    return host


def plugin(host, name="crasher"):
    return next(p for p in host.admin_ok("GET", "/plugins")["items"] if p["name"] == name)


def acts(host):
    return [(j["action"], j["object"], j["actor"]) for j in Administrator(host).items("journal") if j["action"].startswith("plugin")]


@pytest.mark.parametrize("how, word", [("segv", "Segmentation fault"), ("bus", "Bus error"), ("fpe", "Floating point exception"), ("ill", "Illegal instruction"),
                                       ("abort", "Aborted"), ("stack", "Segmentation fault"), ("exit", "it ended the process")])
def test_a_plugin_that_took_the_host_down_is_kept_off_until_it_is_enabled(crashing, how, word):
    """The process dies of the plugin's own signal. The next one serves the rest, says why in log, journal and `plugins`, and leaves copies of
    the plugin's products out; so does the one after it; enabled, everything is as it was."""
    host = crashing
    admin = Administrator(host)
    assert host.activate(Machine("well"), CRASHER).status == 200
    with pytest.raises((http.client.HTTPException, OSError)):
        host.activate(Machine(how), CRASHER)
    status = host.process.wait(timeout=60)
    host.process = None
    if how == "exit":
        assert status == 0
    else:
        assert status == -{"segv": signal.SIGSEGV, "bus": signal.SIGBUS, "fpe": signal.SIGFPE, "ill": signal.SIGILL, "abort": signal.SIGABRT, "stack": signal.SIGSEGV}[how]
    for run in (1, 2):
        start(host)
        assert host.activate(Machine("other"), OFFICE2013).status == 202
        for product in (CRASHER, COPY):
            a = host.activate(Machine("well"), product)
            assert (a.status, a.code) == (422, "0xC004F042"), a
        row = plugin(host)
        assert row["state"] == "off"
        assert re.fullmatch(rf"kept off since it took the host down \({re.escape(word)}, in request_check, \d{{4}}-\d\d-\d\dT\d\d:\d\d:\d\dZ\); "
                            r"have its author look at it, then: musterctl plugin enable crasher", row["reason"]), row
        assert len(host.lines("plugin-crashed")) == (run == 1)
        assert "crasher-copy] like: no product that is loaded is called crasher; left out with the plugin that is kept off" in host.logged()
        eventually(lambda: acts(host) == [("plugin switched off", "crasher", "host")], "the journal has it, once")
        admin.ok("reload")   # changes nothing
        assert plugin(host)["state"] == "off"
        if run == 1:
            host.stop()
    assert admin.ok("plugin", "enable", "crasher") == "The plugin crasher is enabled.\nadded plugin crasher 1\nadded crasher\nadded crasher-copy\n"
    assert plugin(host)["state"] == "loaded"
    assert host.activate(Machine("well"), CRASHER).status == 200 and host.activate(Machine("well"), COPY).status == 200
    assert [a[0] for a in acts(host)] == ["plugin switched off", "plugin enabled"]
    host.stop()
    start(host)
    assert plugin(host)["state"] == "loaded" and not host.lines("plugin-crashed")


@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT])
def test_an_end_from_outside_in_the_middle_of_a_call_blames_nobody(crashing, sent):
    """kill -9, and a fatal signal that somebody else sends, while a thread is inside the plugin."""
    host = crashing
    asking = threading.Thread(target=lambda: pytest.raises((http.client.HTTPException, OSError), host.activate, Machine("wait"), CRASHER))
    asking.start()
    eventually(lambda: "message=\"waiting\"" in host.logged(), "a thread is inside the plugin")
    os.kill(host.process.pid, sent)
    assert host.process.wait(timeout=60) == -sent
    host.process = None
    asking.join()
    start(host)
    assert plugin(host)["state"] == "loaded" and not host.lines("plugin-crashed") and acts(host) == []
    assert not (host.folder / "state" / "plugins.off").exists()
    assert host.activate(Machine("well"), CRASHER).status == 200


def test_files_that_were_damaged_blame_nobody(crashing):
    """A page and a list full of nonsense: the host starts with every plugin."""
    host = crashing
    host.stop()
    page = host.folder / "state" / "plugins.page"
    page.write_bytes(page.read_bytes()[:16] + os.urandom(70000))
    (host.folder / "state" / "plugins.off").write_text("crasher\nCRASHER 4 11 1\n../x 4 11 1\ncrasher 99 11 1\ncrasher 4 0 1\n" + "x" * 2000)
    start(host)
    assert plugin(host)["state"] == "loaded"


@pytest.mark.parametrize("name, counter, reason", [("fail", "faults", "request_check failed"), ("slow", "slow", r"request_check took \d+ ms, more than 50")])
def test_three_faults_or_slow_answers_in_a_minute_switch_a_plugin_off(crashing, name, counter, reason):
    """The third one does; log and journal say so, other products are served; enabled it works again, its counters go on."""
    host = crashing
    admin = Administrator(host)
    for n in range(3):
        assert plugin(host)["state"] == "loaded", n
        host.activate(Machine(name), CRASHER)
    row = plugin(host)
    assert row["state"] == "off" and "after repeated faults" in row["reason"]
    assert re.search(rf"plugin-off plugin=crasher reason=\"{reason}, the third time within a minute\"", host.logged())
    eventually(lambda: acts(host) == [("plugin switched off", "crasher", "host")], "the journal has it")
    a = host.activate(Machine("well"), CRASHER)
    assert a.code == "M-125" and "switched off after repeated faults" in a.json["detail"]
    assert host.activate(Machine("well"), OFFICE2013).status == 202
    assert admin.ok("plugin", "enable", "crasher") == "The plugin crasher is enabled.\n"
    assert host.activate(Machine("well"), CRASHER).status == 200
    assert plugin(host)["counters"][counter] == 3
    assert [a[0] for a in acts(host)] == ["plugin switched off", "plugin enabled"]


def test_counters_of_each_plugin(crashing):
    """Calls, refusals, faults, slow answers and the longest one: in JSON and in plugins --verbose, over a reload."""
    host = crashing
    admin = Administrator(host)
    before = plugin(host)["counters"]
    assert set(plugin(host)) == documented("Plugin")
    for name in ("well", "refuse", "refuse", "fail", "slow"):
        host.activate(Machine(name), CRASHER)
    admin.ok("reload")
    k = plugin(host)["counters"]
    # one start more, of the reload
    assert {n: k[n] - before[n] for n in ("calls", "refusals", "faults", "slow")} == {"calls": 6, "refusals": 2, "faults": 1, "slow": 1}
    assert 60000 <= k["longest_us"] < 60000000
    text = admin.ok("plugins", "--verbose")
    assert text.splitlines()[0].split() == ["PLUGIN", "VERSION", "STATE", "PRODUCTS", "CALLS", "REFUSALS", "FAULTS", "SLOW", "LONGEST", "FILE"]
    row = next(line.split() for line in text.splitlines() if line.startswith("crasher "))
    assert row[4:8] == [str(k["calls"]), "2", "1", "1"] and row[9:] == ["ms", str(PATH)]
    assert plugin(host, "office2013")["counters"] == {"calls": 0, "refusals": 0, "faults": 0, "slow": 0, "longest_us": 0}


def test_enabling_what_is_not_off(crashing):
    """Not there, working, off by configuration, refused: each with its own sentence."""
    host = crashing
    admin = Administrator(host)
    assert 'there is no plugin "nobody"; `musterctl plugins` lists them' in admin.refused("plugin", "enable", "nobody")
    assert "the plugin crasher is not off" in admin.refused("plugin", "enable", "crasher")
    host.configure(plugins=(), more=f"[plugin crasher]\npath = {PATH}\nenabled = no\n[plugin office2013]\npath = {host.folder}/office2013.so\nrequired = no\n")
    admin.ok("reload")
    assert "the plugin crasher is switched off by the configuration: set enabled = yes in [plugin crasher] and reload" in admin.refused("plugin", "enable", "crasher")
    assert "the plugin office2013 is refused by the host, and enabling it changes nothing; `musterctl plugins` says why" in admin.refused("plugin", "enable", "office2013")
