"""Unknown activation IDs, and how an administrator teaches them; plugins and their state."""

import uuid

from administrator import FAILED, USAGE, Administrator, documented
from host import OFFICE2013, Host, Machine, plugin_path

STANDARD = "b322da9c-a2e2-4058-9e4e-f59a6970bd69"


def test_an_unknown_id_is_listed_learned_and_counts_at_once(new_host):
    """Asked for three times: 0xC004F042, listed with how often; learned: the very next request counts for the product, the list
    is empty, the edition stands under the product; after a restart too."""
    host = new_host()
    host.certify("office2013")
    admin = Administrator(host)
    machines = [Machine(f"pc-{n}") for n in range(6)]
    assert admin.ok("products", "--unknown") == "Every activation ID asked for is known.\n"
    for machine in machines[:3]:
        a = host.activate(machine, STANDARD)
        assert a.status == 422 and a.code == "0xC004F042" and STANDARD in a.json["detail"], a
    unknown, = admin.items("products", "--unknown")
    assert (unknown["activation_id"], unknown["requests"]) == (STANDARD, 3)
    text = admin.ok("products", "--unknown")
    assert STANDARD in text and "musterctl products learn ID --as PRODUCT" in text
    assert admin.ok("products", "learn", STANDARD.upper(), "--as", "office2013", "--title", "Office Standard") \
        == f"Activation ID {STANDARD} now belongs to office2013.\n"
    for n, machine in enumerate(machines[:4], 1):
        a = host.activate(machine, STANDARD)
        assert a.status == 202 and a.json["count"] == n and a.json["product"] == "office2013", a
    assert admin.items("products", "--unknown") == []
    host.kill()
    host.start()
    assert admin.items("products", "--unknown") == []
    a = host.activate(machines[4], STANDARD)
    assert a.status == 200 and a.json["count"] == 5 and a.json["activation_id"] == OFFICE2013, a
    assert host.activate(machines[5], OFFICE2013).json["count"] == 6
    product = next(p for p in admin.items("products") if p["product"] == "office2013")
    edition = next(e for e in product["editions"] if e["activation_id"] == STANDARD)
    assert (edition["title"], edition["learned"], edition["minimum_count"]) == ("Office Standard", True, 5)
    assert f"    edition {STANDARD} Office Standard (learned)\n" in admin.ok("products", "--verbose")
    assert [e["activation_id"] for e in admin.items("events") if e["id"] == 12290][-2:] == [STANDARD, OFFICE2013]
    assert admin.items("dlv", STANDARD)[0]["product"] == "office2013"
    row = next(j for j in admin.items("journal") if j["object"] == STANDARD)
    assert "office2013" in row["detail"] and "Office Standard" in row["detail"]


def test_an_id_may_be_learned_before_it_is_asked_for_and_given_to_another_product(new_host):
    """Learned in advance; learned again: it moves, and the machine counts where the ID now belongs."""
    host = new_host()
    host.certify("windows", "windows-server")
    admin = Administrator(host)
    admin.ok("products", "learn", STANDARD, "--as", "windows")
    assert host.activate(Machine(), STANDARD).json["minimum_count"] == 25
    admin.ok("products", "learn", STANDARD, "--as", "windows-server", "--title", "Server Standard")
    a = host.activate(Machine(), STANDARD)
    assert (a.json["product"], a.json["minimum_count"], a.json["count"]) == ("windows-server", 5, 2), a


def test_learning_what_is_wrong(new_host):
    """A built-in ID, an unknown product (with the nearest name's list), the nil UUID: refused with the reason, nothing learned."""
    host = new_host()
    admin = Administrator(host)
    assert "is already one of office2013" in admin.refused("products", "learn", OFFICE2013, "--as", "windows")
    assert 'there is no product "ofice2013"' in admin.refused("products", "learn", STANDARD, "--as", "ofice2013")
    assert "nil" in admin.refused("products", "learn", str(uuid.UUID(int=0)), "--as", "windows")
    assert "longer than 255" in admin.refused("products", "learn", STANDARD, "--as", "windows", "--title", "x" * 300)
    assert not any(e["learned"] for p in admin.items("products") for e in p["editions"])


def test_what_is_learned_while_the_configuration_has_a_fault_is_kept(new_host):
    """exit 1: kept, not in force, and why; mended and reloaded: in force."""
    host = new_host()
    host.certify("office2013")
    admin = Administrator(host)
    host.configure(host="activation_interval = 1min")
    said = admin.refused("products", "learn", STANDARD, "--as", "office2013")
    assert said.startswith(f"{STANDARD} is kept for office2013, but not in force until the next reload succeeds: ") and "1min is below 15min" in said
    assert host.activate(Machine(), STANDARD).code == "0xC004F042"
    host.configure()
    admin.ok("reload")
    assert host.activate(Machine(), STANDARD).json["product"] == "office2013"


def test_plugins_show_version_file_and_products(host):
    """All five, loaded, each with its file and how many products it brings."""
    admin = Administrator(host)
    items = {p["name"]: p for p in admin.items("plugins")}
    assert {n: p["state"] for n, p in items.items()} == dict.fromkeys(["office2013", "windows", "windows-server", "sql-embedded", "rds"], "loaded")
    for name, p in items.items():
        assert set(p) == documented("Plugin") and p["path"] == str(plugin_path(name)) and p["products"] >= 1 and p["version"] and p["reason"] is None
        assert f"{p['path']}" in admin.ok("plugins")


def test_a_refused_plugin_is_listed_with_its_reason(new_host):
    """required = no: the host starts with the rest; plugins and their JSON name the file and the fault."""
    host = new_host(start=False, plugins=("office2013",))
    missing = host.folder / "windows.so"
    host.configure(plugins=("office2013",), more=f"[plugin windows]\npath = {missing}\nrequired = no\n")
    host.start()
    admin = Administrator(host)
    items = {p["name"]: p for p in admin.items("plugins")}
    assert (items["office2013"]["state"], items["windows"]["state"]) == ("loaded", "refused")
    assert str(missing) in items["windows"]["reason"] and "No such file" in items["windows"]["reason"]
    assert f"\nwindows: {items['windows']['reason']}\n" in admin.ok("plugins")
