"""Who may claim a product, and what happens beyond what there is: allow-lists, reservations, policy = enforce | advise, for every model."""

from administrator import Administrator
from host import Machine

APPLICATION = "application_id = 22222222-0000-4000-8000-00000000000a"
IN_FORCE = "The configuration is in force.\n"
ID = "22222222-0000-4000-8000-0000000000{:02x}"


def product(name, number, model, *keys):
    return "\n".join([f"[product {name}]", f"name = {name}", f"activation_id = {ID.format(number)}", APPLICATION, f"model = {model}", *keys, "", ""])


def test_an_allow_list_decides_before_anything_is_counted(new_host):
    """By client ID, by name and by network; who is not named gets M-151, is in no count and no pool, and is seen in events as failed."""
    known = Machine("elsewhere")
    host = new_host(products=product("own", 1, "threshold", "minimum_count = 2", f"allow = client:{known.client_id.upper()}, name:PC-*.example.org"))
    host.certify("own")
    admin = Administrator(host)
    stranger = Machine("kiosk")
    a = host.activate(stranger, ID.format(1))
    assert a.status == 403 and a.code == "M-151" and "own" in a.json["detail"], a
    # Counted: neither the stranger nor what follows it.
    assert host.activate(known, ID.format(1)).json["count"] == 1
    assert host.activate(Machine("pc-17.other.org"), ID.format(1)).code == "M-151"
    a = host.activate(Machine("pc-17.EXAMPLE.org"), ID.format(1))
    assert a.status == 200 and a.json["count"] == 2, a
    assert [e["result"] for e in host.events()] == ["M-151", "0xC004F038", "M-151", "0x0"]
    assert host.listing("own")["requests"]["failed"] == 2
    assert f"    allowed only: client:{known.client_id}, name:PC-*.example.org\n" in admin.ok("products", "--verbose")
    assert "M-151" in admin.ok("explain", "M-151")


def test_networks_and_reload(new_host):
    """Networks name peers by address. What a reload changes holds from then on, and the reload says so."""
    make = lambda allow: product("own", 1, "threshold", "minimum_count = 1", *([f"allow = {allow}"] if allow else []))
    host = new_host(products=make("10.0.0.0/8, 2001:db8::/32"))
    host.certify("own")
    admin = Administrator(host)
    machine = Machine()
    assert host.activate(machine, ID.format(1)).code == "M-151"
    host.configure(products=make("127.0.0.0/8"))
    assert admin.ok("reload") == "changed own: allow 10.0.0.0/8, 2001:db8::/32 -> 127.0.0.0/8\n" + IN_FORCE
    assert host.activate(machine, ID.format(1)).status == 200
    host.configure(products=make("192.0.2.0/24"))
    admin.ok("reload")
    # Nothing is taken away; a renewal is refused.
    assert host.activate(machine, ID.format(1)).code == "M-151"
    host.configure(products=make(""))
    assert admin.ok("reload") == "changed own: allow 192.0.2.0/24 -> everybody\n" + IN_FORCE
    assert host.activate(machine, ID.format(1)).status == 200


def test_an_allow_list_of_a_counted_product(new_host):
    """Before the key is looked at: M-151, not the key's refusal."""
    host = new_host(products=product("mak", 2, "counted", "allow = name:lab-*"))
    assert host.activate(Machine("pc"), ID.format(2)).code == "M-151"
    assert host.activate(Machine("lab-1"), ID.format(2)).code not in ("M-151", None)


def test_what_is_wrong_keeps_the_old_configuration(new_host):
    """A reload with a fault names file and line and changes nothing."""
    host = new_host(products=product("own", 1, "threshold", "minimum_count = 1"))
    admin = Administrator(host)
    host.configure(products=product("own", 1, "threshold", "minimum_count = 1", "allow = name:pc-[0-9]"))
    assert "products.d/test.ini:7: [product own] allow: 'name:pc-[0-9]' is not a pattern" in admin.refused("reload")
    host.configure(products=product("own", 1, "counted", "policy = advise"))
    assert "products.d/test.ini:6: [product own] policy: advise is not possible" in admin.refused("reload")
    host.configure(products=product("cad", 1, "seats", "seats = 2"), more="[reservation lab]\nproduct = cad\ncount = 3\nfor = name:lab-*\n")
    said = admin.refused("reload")
    assert "[reservation lab] count: 3 is more than the 2 seats of cad" in said and "muster.conf:" in said
    host.configure(products=product("own", 1, "threshold", "minimum_count = 1"))
    assert admin.ok("reload") == IN_FORCE


def test_advise_of_the_threshold_model(new_host):
    """Enforced: 0xC004F038 below the minimum count. Advised: granted at once, marked as debt in the event and on the machine."""
    make = lambda policy: product("own", 1, "threshold", "minimum_count = 3", f"policy = {policy}")
    host = new_host(products=make("enforce"))
    host.certify("own")
    admin = Administrator(host)
    first, second = Machine("one"), Machine("two")
    assert host.activate(first, ID.format(1)).code == "0xC004F038"
    host.configure(products=make("advise"))
    assert admin.ok("reload") == "changed own: policy enforce -> advise\n" + IN_FORCE
    a = host.activate(second, ID.format(1))
    assert a.status == 200 and (a.json["count"], a.json["minimum_count"]) == (2, 3), a
    assert [e["debt"] for e in host.events()] == [False, True]
    assert "    policy advise: what exceeds is granted and booked as debt\n" in admin.ok("products", "--verbose")
    assert host.activate(Machine("three"), ID.format(1)).status == 200
    assert [e["debt"] for e in host.events()] == [False, True, False]
