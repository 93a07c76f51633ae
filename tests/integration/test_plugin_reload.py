"""Plugins that come and go while the host serves: a new file and a reload, and the digest that pins a file."""

import hashlib
import os
import shutil
import threading

from administrator import Administrator
from host import BUILD, OFFICE2013, Machine, eventually, plugin_path

CRASHER = "21000000-0000-4000-8000-000000000001"
NEW = BUILD / "tests" / "plugins" / ".libs" / "crasher.so"   # a plugin the host has never seen


def put(host, name, path):
    """As an administrator installs one: whole, and only then under its name."""
    part = host.folder / (name + ".part")
    shutil.copy(path, part)
    os.chmod(part, 0o755)
    part.rename(host.folder / (name + ".so"))
    return host.folder / (name + ".so")


def test_a_new_plugin_is_loaded_without_dropping_a_connection(new_host):
    """Four kept-alive connections ask all the time; a plugin is put beside the others, named, and loaded by reload. No answer fails, no
    connection is made anew, and the very next request for its product is served."""
    host = new_host(plugins=("office2013",), limits="new_clients_per_hour = 1000000")
    host.certify("office2013")
    admin = Administrator(host)
    ending, failures, answered = threading.Event(), [], [0, 0, 0, 0]

    def ask(n):
        connection = host.connection()
        connection.connect()
        mine = connection.sock
        machine = Machine(f"pc-{n}")
        try:
            while not ending.is_set():
                a = host.activate(machine, OFFICE2013, connection)
                if a.status not in (200, 202) or connection.sock is not mine:
                    failures.append((n, a, "the connection was closed" if connection.sock is not mine else ""))
                    return
                answered[n] += 1
        except Exception as e:
            failures.append((n, e))
        finally:
            connection.close()

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(4)]
    for t in threads:
        t.start()
    try:
        eventually(lambda: failures or min(answered) > 3, "all four ask")
        path = put(host, "crasher", NEW)
        more = f"[plugin crasher]\npath = {path}\n"
        host.configure(plugins=("office2013",), limits="new_clients_per_hour = 1000000", more=more)
        assert admin.ok("reload") == "added plugin crasher 1\nadded crasher\nThe configuration is in force.\n"
        assert host.activate(Machine("well"), CRASHER).code == "0xC004F041"   # counted; the host is not certified for it yet
        before = list(answered)
        eventually(lambda: failures or all(a > b + 3 for a, b in zip(answered, before)), "all four are still asking")
        # and away again
        host.configure(plugins=("office2013",), limits="new_clients_per_hour = 1000000")
        assert admin.ok("reload") == "removed plugin crasher\nremoved crasher\nThe configuration is in force.\n"
        assert host.activate(Machine("well"), CRASHER).code == "0xC004F042"
        before = list(answered)
        eventually(lambda: failures or all(a > b + 3 for a, b in zip(answered, before)), "all four are still asking")
    finally:
        ending.set()
        for t in threads:
            t.join()
    assert failures == []


def test_a_file_that_changed_is_named_and_the_old_one_goes_on(new_host):
    """Without a restart the loaded code stays, and the reload says so."""
    host = new_host(start=False, plugins=())
    path = put(host, "crasher", NEW)
    host.configure(plugins=(), more=f"[plugin crasher]\npath = {path}\n")
    host.start()
    put(host, "crasher", NEW)
    Administrator(host).ok("reload")
    assert f"{path}: the file has changed on disk; the host goes on with the one it loaded: restart to load the new one" in host.logged()
    assert host.products()["crasher"]["served"]


def test_the_digest_of_a_file_is_checked_where_it_is_configured(new_host):
    """The right digest, in either case of letters: loaded. Another: refused with both, at a reload and at the start; without: not looked at."""
    digest = hashlib.sha256(plugin_path("office2013").read_bytes()).hexdigest()
    section = f"[plugin office2013]\npath = {plugin_path('office2013')}\nrequired = no\nsha256 = "
    host = new_host(plugins=(), more=section + digest + "\n")
    admin = Administrator(host)
    state = lambda: admin.items("plugins")[0]   # noqa: E731
    assert state()["state"] == "loaded"
    host.configure(plugins=(), more=section + digest.upper() + "\n")
    admin.ok("reload")
    assert state()["state"] == "loaded"
    wrong = ("0" if digest[0] != "0" else "1") + digest[1:]
    host.configure(plugins=(), more=section + wrong + "\n")
    expected = f"{plugin_path('office2013')}: its SHA-256 is {digest}, and [plugin office2013] sha256 says {wrong}; install the right file or correct the digest"
    assert f"refused plugin office2013: {expected}\n" in admin.ok("reload")
    assert (state()["state"], state()["reason"]) == ("refused", expected)
    host.stop()
    host.configure(plugins=(), more=section.replace("required = no\n", "") + wrong + "\n")
    host.start(ready=False)
    assert host.process.wait(timeout=60) == 3 and expected in host.logged()
    host.process = None
    host.configure(plugins=(), more=section.replace("sha256 = ", ""))
    host.start()
    assert state()["state"] == "loaded"
