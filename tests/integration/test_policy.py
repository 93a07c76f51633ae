"""Who may claim a product, and what happens beyond what there is: allow-lists, reservations, policy = enforce | advise, for every model."""

from administrator import Administrator
from host import Machine, now_text

APPLICATION = "application_id = 22222222-0000-4000-8000-00000000000a"
DAY = 86400
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
    host.configure(products=product("own", 1, "threshold", "minimum_count = 1", "allow = name:pc-[0-9]", "policy = perhaps"))
    assert ": 2 faults, which musterd --check lists, the first: products.d/test.ini:7: " in admin.refused("reload")
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


# --- access licences and seats ---

ACCESS = ("versions = 2019, 2022", "record = yes")


class Desk(Machine):
    def __init__(self, host, name="desk"):
        super().__init__(name)
        self.host = host

    def seat(self, number=3, **changes):
        return self.host.activate(self, ID.format(number), **changes)

    def device(self, number=4, version="2022", shift=0):
        return self.host.activate(self, ID.format(number), time=now_text(shift), access={"per": "device", "version": version})

    def user(self, name, number=4):
        return self.host.activate(self, ID.format(number), access={"per": "user", "user": name, "version": "2022"})


def reservation(name, product_, count, claims):
    return f"[reservation {name}]\nproduct = {product_}\ncount = {count}\nfor = {claims}\n"


def test_allow_lists_of_the_other_models(new_host):
    """Seats, access licences and embedded keys: M-151 before anything is decided; nothing is held and nobody waits."""
    allow = "allow = name:lab-*"
    host = new_host(products=product("cad", 3, "seats", "seats = 1", "queue = 5", allow) + product("term", 4, "access", *ACCESS, allow) + product("tool", 5, "embedded", allow))
    host.certify("cad", "term", "tool")
    admin = Administrator(host)
    stranger, known = Desk(host, "kiosk"), Desk(host, "lab-1")
    assert stranger.seat().code == stranger.device().code == stranger.user("anna").code == stranger.seat(5).code == "M-151"
    assert admin.items("seats", "list", "--product", "cad") == [] == admin.items("access", "list", "--product", "term")
    assert known.seat().status == 200 and known.device().status == 200
    assert stranger.seat().code == "M-151"
    assert admin.json("seats", "--product", "cad")["products"][0]["seats"]["waiting"] == 0
    assert known.seat(5).code == "0xC004F014"   # no key: the model's own refusal


def test_seats_beyond_what_there_is(new_host):
    """enforce: a place in the queue or M-150. advise: granted over, shown as debt, which goes when seats come back."""
    make = lambda policy: product("cad", 3, "seats", "seats = 1", "queue = 1", f"policy = {policy}")
    host = new_host(products=make("enforce"))
    host.certify("cad")
    admin = Administrator(host)
    a, b, c = (Desk(host, name) for name in ("cad-a", "cad-b", "cad-c"))
    assert a.seat().status == 200
    assert (b.seat().code, c.seat().code) == ("M-149", "M-150")
    assert c.seat(queue=False).code == "M-150"
    assert admin.ok("debt") == "Nothing exceeds what there is.\n"
    host.configure(products=make("advise"))
    admin.ok("reload")
    for one in (b, c):
        got = one.seat()
        assert got.status == 200 and got.json["over"] is True, got
    debt, = admin.items("debt")
    assert (debt["product"], debt["model"], debt["policy"], debt["what"], debt["available"], debt["used"], debt["debt"]) == ("cad", "seats", "advise", "seats", 1, 3, 2), debt
    assert admin.ok("debt", "--product", "cad").splitlines()[1].split() == ["cad", "seats", "advise", "seats", "1", "3", "2"]
    assert [e["debt"] for e in host.events()][-2:] == [True, True]
    for one in (b, c):
        admin.ok("seats", "release", one.client_id, "--reason", "one is enough")


def test_devices_beyond_what_there_is(new_host):
    """enforce: the temporary licence once, the same again while it lasts, then M-145. advise: after the temporary one permanent beyond the number, as debt."""
    make = lambda policy: product("term", 4, "access", *ACCESS, f"policy = {policy}")
    host = new_host(products=make("enforce"), clock=True)
    host.certify("term")
    admin = Administrator(host)
    admin.ok("access", "add", "--per", "device", "--of", "2022", "--licenses", "1", "--product", "term")
    a, b = Desk(host, "a"), Desk(host, "b")
    for d in (a, b):
        assert d.device().status == 200
    assert a.device().json["access"]["kind"] == "permanent"
    assert b.device().json["access"]["kind"] == "temporary"
    host.shift(50 * DAY)
    assert a.device(shift=50 * DAY).json["access"]["kind"] == "permanent"
    host.shift(85 * DAY)
    assert a.device(shift=85 * DAY).json["access"]["kind"] == "permanent"
    host.shift(91 * DAY)
    assert b.device(shift=91 * DAY).code == "M-145"
    assert admin.items("debt") == []
    host.configure(products=make("advise"))
    admin.ok("reload")
    got = b.device(shift=91 * DAY)
    assert got.json["access"]["kind"] == "permanent" and got.json["over"] is True, got
    debt, = admin.items("debt")
    assert (debt["what"], debt["version"], debt["per"], debt["available"], debt["used"], debt["debt"]) == ("licenses", "2022", "device", 1, 2, 1), debt


def test_threshold_debt_is_shown_until_enough_machines_report_in(new_host):
    host = new_host(products=product("own", 1, "threshold", "minimum_count = 3", "policy = advise"))
    host.certify("own")
    admin = Administrator(host)
    assert admin.items("debt") == []
    for n in range(2):
        assert host.activate(Machine(f"pc-{n}"), ID.format(1)).status == 200
    debt, = admin.items("debt")
    assert (debt["what"], debt["available"], debt["used"], debt["debt"]) == ("machines", 3, 2, 1), debt
    assert "machines below the minimum count" in admin.ok("debt")
    host.activate(Machine("pc-3"), ID.format(1))
    assert admin.items("debt") == []


def test_reservations_hold_before_the_first_claim(new_host):
    """Three seats, two kept for the lab: the second stranger waits although two are free; the lab finds both; a third of the lab is served like all others."""
    cad = product("cad", 3, "seats", "seats = 3", "queue = 5")
    host = new_host(products=cad, more=reservation("lab", "cad", 2, "name:LAB-*"))
    host.certify("cad")
    admin = Administrator(host)
    assert Desk(host, "pc-1").seat().status == 200
    seats = admin.json("seats")["products"][0]["seats"]
    assert (seats["bought"], seats["free"], seats["reserved"]) == (3, 2, 2), seats
    stranger = Desk(host, "pc-2")
    # What is free is reserved for others: that, and not the queue's fullness, is what is said.
    assert stranger.seat(queue=False).code == "M-152"
    for name in ("lab-1", "lab-2"):
        assert Desk(host, name).seat().status == 200
    assert Desk(host, "lab-3").seat(queue=False).code == "M-150"
    seats = admin.json("seats")["products"][0]["seats"]
    assert (seats["free"], seats["reserved"]) == (0, 0), seats
    assert [row.split()[-1] for row in admin.ok("products").splitlines() if row.startswith(("PRODUCT", "cad"))] == ["POLICY", "reserved"]
    text = admin.ok("products", "--verbose")
    assert "    reservation lab: 2 for name:LAB-*\n" in text and "    seats 3, lease 1 h, heartbeat 15 min, grace 0 s, queue 5\n" in text


def test_reservations_by_reload_and_of_access_licences(new_host):
    """A reservation that a reload brings holds at the next claim; one that goes frees what it kept. Licences per device likewise."""
    term = product("term", 4, "access", *ACCESS)
    host = new_host(products=term)
    host.certify("term")
    admin = Administrator(host)
    admin.ok("access", "add", "--per", "device", "--of", "2022", "--licenses", "1", "--product", "term")
    a, b = Desk(host, "pc-1"), Desk(host, "vip-1")
    for d in (a, b):
        assert d.device().json["access"]["kind"] == "temporary"
    host.configure(products=term, more=reservation("vip", "term", 1, f"client:{b.client_id}"))
    assert admin.ok("reload") == "changed term: reservation vip 0 -> 1\n" + IN_FORCE
    assert a.device().json["access"]["kind"] == "temporary"
    host.configure(products=term)
    assert admin.ok("reload") == "changed term: reservation vip 1 -> 0\n" + IN_FORCE
    host.configure(products=term, more=reservation("vip", "term", 1, f"client:{b.client_id}"))
    admin.ok("reload")
    assert b.device().json["access"]["kind"] == "permanent"
    assert a.device().json["access"]["kind"] == "temporary"
