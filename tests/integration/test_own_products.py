"""A stranger's products on this host, without a line of core/ or plugins/ touched: a plugin built outside the tree with a product that counts
(two minimum counts in one pool), one with access licences that is not RDS, one with seats; and the same models as product files."""

import json
import os
import shutil
import subprocess

import pytest

from administrator import Administrator, run
from host import SOURCE, Machine, base64url, claims_of, folder, now_text, program
from licensed import Licensed

CAPTURE, CAPTURE_SCHOOL = "6a000000-0000-4000-8000-000000000001", "6a000000-0000-4000-8000-000000000002"
VAULT, FARM = "6a000000-0000-4000-8000-000000000003", "6a000000-0000-4000-8000-000000000004"
DAY = 86400

PLUGIN = """
#include <muster/plugin.h>

static const struct muster_pool pools[] = { { .name = "capture", .title = "Capture", .window_s = MUSTER_DAYS(10) } };
static const struct muster_edition schools[] = {
	{ .activation_id = MUSTER_UUID(0x6a000000, 0, 0x4000, 0x8000, 2), .title = "Capture for schools", .minimum_count = 2 },
};
static const struct muster_programme programmes[] = {
	{ .name = "Direct", .number = "customer number", .digits = 6, .hint = "The customer number of six digits stands on the invoice; the order number is another one." },
};
static const struct muster_access_version versions[] = {
	{ .name = "4", .title = "Vault 4", .generation = 4 },
	{ .name = "5", .title = "Vault 5", .generation = 5 },
};
static const struct muster_access_rules vault = {
	.size = sizeof(struct muster_access_rules), .temporary_s = MUSTER_DAYS(14), .permanent_min_s = MUSTER_DAYS(20), .permanent_max_s = MUSTER_DAYS(30), .renew_left_s = MUSTER_DAYS(3),
	.user_s = MUSTER_DAYS(10), .user_reassign_s = MUSTER_DAYS(20), .grace_s = MUSTER_DAYS(5), .revoke_percent = 50, .per = MUSTER_PER_DEVICE | MUSTER_PER_USER,
	.programmes = MUSTER_TABLE(programmes), .versions = MUSTER_TABLE(versions),
};
static const struct muster_seats_rules farm = { .size = sizeof(struct muster_seats_rules), .seats = 2, .lease_s = 600, .heartbeat_s = 60, .grace_s = 30, .queue_max = 5 };

static const struct muster_product products[] = {
	{ .name = "capture", .title = "Capture", .activation_id = MUSTER_UUID(0x6a000000, 0, 0x4000, 0x8000, 1), .application_id = MUSTER_UUID(0x6a000000, 0, 0x4000, 0x8000, 0x99),
	  .model = MUSTER_MODEL_THRESHOLD, .pool = "capture", .minimum_count = 4, .editions = MUSTER_TABLE(schools) },
	{ .name = "vault", .title = "Vault", .activation_id = MUSTER_UUID(0x6a000000, 0, 0x4000, 0x8000, 3), .application_id = MUSTER_UUID(0x6a000000, 0, 0x4000, 0x8000, 0x99),
	  .model = MUSTER_MODEL_ACCESS, .access = &vault },
	{ .name = "farm", .title = "Render Farm", .activation_id = MUSTER_UUID(0x6a000000, 0, 0x4000, 0x8000, 4), .application_id = MUSTER_UUID(0x6a000000, 0, 0x4000, 0x8000, 0x99),
	  .model = MUSTER_MODEL_SEATS, .seats = &farm },
};

MUSTER_PLUGIN(stranger) = {
	.magic = MUSTER_PLUGIN_MAGIC, .size = sizeof(struct muster_plugin), .abi_major = MUSTER_ABI_MAJOR, .abi_minor = MUSTER_ABI_MINOR,
	.name = "stranger", .version = "3.1", .license = "LicenseRef-Stranger", .pools = MUSTER_TABLE(pools), .products = MUSTER_TABLE(products),
};
"""

FILES = f"""
[product capture]
name = Capture
activation_id = {CAPTURE}
application_id = 6a000000-0000-4000-8000-000000000099
model = threshold
minimum_count = 4
pool = capture
window = 10d

[edition {CAPTURE_SCHOOL}]
product = capture
name = Capture for schools
minimum_count = 2

[product vault]
name = Vault
activation_id = {VAULT}
application_id = 6a000000-0000-4000-8000-000000000099
model = access
versions = 4, 5
per = device, user
temporary = 14d
permanent_min = 20d
permanent_max = 30d
renew_left = 3d
user_validity = 10d
user_reassign = 20d
grace = 5d
revoke_percent = 50

[product farm]
name = Render Farm
activation_id = {FARM}
application_id = 6a000000-0000-4000-8000-000000000099
model = seats
seats = 2
seat_lease = 10min
heartbeat = 60s
seat_grace = 30s
queue = 5
"""


@pytest.fixture(scope="module")
def stranger():
    """The plugin, built in a folder of its author's with the public header and nothing else, and checked as the author would."""
    with folder() as path:
        shutil.copytree(SOURCE / "include" / "muster", path / "include" / "muster")
        (path / "stranger.c").write_text(PLUGIN)
        subprocess.run([*os.environ.get("CC", "cc").split(), "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-fvisibility=hidden", "-Iinclude", "-Wl,-z,defs", "-Wl,-z,now",
                        "-o", "stranger.so", "stranger.c"], cwd=path, check=True)
        said = run(program("musterctl"), "plugin", "check", "stranger.so", cwd=path)
        assert said.status == 0 and said.out.endswith("stranger.so conforms.\n"), said
        yield path / "stranger.so"


@pytest.fixture(params=["plugin", "file"])
def host(request, new_host, stranger):
    """Beside a plugin of Muster's own: the stranger's three products, as a plugin or as a file, certified."""
    options = {"more": f"[plugin stranger]\npath = {stranger}\n"} if request.param == "plugin" else {"products": FILES}
    host = new_host(plugins=("office2013",), clock=True, limits="new_clients_per_hour = 100000", **options)
    host.certify("capture", "vault", "farm")
    return host


def test_one_pool_with_two_minimum_counts(host):
    """Two of the edition suffice for the edition; the product waits for four, and counts those of the edition with."""
    machines = [Machine(f"pc-{n}") for n in range(4)]
    assert host.activate(machines[0], CAPTURE_SCHOOL).status == 202
    a = host.activate(machines[1], CAPTURE)
    assert (a.status, a.json["count"], a.json["minimum_count"]) == (202, 2, 4), a
    a = host.activate(machines[0], CAPTURE_SCHOOL)
    assert (a.status, a.json["count"], a.json["minimum_count"], a.json["product"]) == (200, 2, 2, "capture"), a
    assert host.activate(machines[2], CAPTURE).status == 202
    a = host.activate(machines[3], CAPTURE)
    assert (a.status, a.json["count"]) == (200, 4), a
    # Silent for longer than the pool's ten days: they drop out.
    host.shift(11 * DAY)
    a = host.activate(Machine("late"), CAPTURE, time=now_text(11 * DAY))
    assert (a.status, a.json["count"]) == (202, 1), a


def lasts(claims, seconds):
    """Whole seconds of the moment when it was signed, a moment after it was decided."""
    return claims["exp"] - claims["iat"] in (seconds - 1, seconds)


def sign_in(host, machine, shift=0, **access):
    host.shift(shift)
    return host.activate(machine, VAULT, access=access, time=now_text(shift))


def test_access_licences_of_a_stranger(host):
    """Versions, temporary days, a user's licence beyond what was bought, grace: the stranger's numbers."""
    admin = Administrator(host)
    device = Machine("desk")
    a = sign_in(host, device, per="device", version="4")
    assert (a.status, a.json["access"]["kind"], a.json["grace_seconds"]) == (200, "temporary", 5 * DAY), a
    claims = claims_of(a.json["lease"])
    assert lasts(claims, 14 * DAY)
    assert sign_in(host, device, per="device", version="6").code == "M-146"
    assert sign_in(host, device, shift=15 * DAY, per="device", version="4").code == "M-145"
    a = sign_in(host, device, shift=15 * DAY, per="user", user="anna", version="5")
    assert a.status == 200 and a.json["access"]["kind"] == "user" and a.json["over"] is True, a
    claims = claims_of(a.json["lease"])
    assert lasts(claims, 10 * DAY) and claims["usr"]
    rows = {(v["version"], v["per"]): v for p in admin.json("access", "--product", "vault")["products"] for v in p["versions"]}
    assert rows["5", "user"]["over"] == 1, rows


def test_a_licence_server_of_a_stranger(new_host, stranger, tmp_path):
    """The publisher's own issuer, programme and number: activated online without a product key, its licences are given out; half of a version may be taken back."""
    tmp_path.chmod(0o755)
    publisher = Licensed(tmp_path)
    try:
        publisher("product", "add", "vault", "--activation-id", VAULT, "--title", "Vault")
        publisher("agreement", "add", "654321", "--programme", "Direct", "--organisation", "example")
        publisher("key", "mint", "--kind", "access", "--agreement", "654321", "--products", "vault")
        pack, licenses = tmp_path / "pack", tmp_path / "licenses"
        publisher("pack", "create", "--agreement", "654321", "--out", pack)
        host = new_host(start=False, issuer=publisher, plugins=(), more=f"[plugin stranger]\npath = {stranger}\n[product vault]\nissuer = main\n", clock=True)
        conf = host.folder / "muster.conf"
        conf.write_text(conf.read_text().replace(f"roots = {publisher.root}\n", f"roots = {publisher.root}\nurl = {publisher.url}\n"))
        host.start()
        admin = Administrator(host)
        admin.ok("pack", "install", str(pack))
        said = admin("access", "activate", "vault", "--programme", "Direct", "--number", "4711", "--online")
        assert said.status != 0 and "stands on the invoice" in said.err, said   # the programme's hint
        digits = admin.json("access", "activate", "vault", "--programme", "Direct", "--number", "654321")["server_id"]
        publisher("cal", "create", "--agreement", "654321", "--products", "vault", "--per", "device", "--license-version", "5", "--licenses", "2", "--server", "".join(digits),
                  "--out", licenses)
        assert "activated successfully" in admin.ok("access", "activate", "vault", "--programme", "Direct", "--number", "654321", "--online")
        desks = [Machine(f"desk-{n}") for n in range(3)]
        for desk in desks[:2]:
            assert sign_in(host, desk, per="device", version="4").json["access"]["kind"] == "temporary"
            a = sign_in(host, desk, per="device", version="4")   # a newer licence serves an older host
            assert a.json["access"] == {"per": "device", "version": "5", "kind": "permanent"}, a
            claims = claims_of(a.json["lease"])
            assert 20 * DAY - 1 <= claims["exp"] - claims["iat"] <= 30 * DAY
        assert sign_in(host, desks[2], per="device", version="5").json["access"]["kind"] == "temporary"
        assert sign_in(host, desks[2], shift=15 * DAY, per="device", version="5").code == "M-145"
        admin.ok("access", "revoke", desks[0].client_id, "--product", "vault", "--reason", "sold")
        assert sign_in(host, desks[2], shift=15 * DAY, per="device", version="5").json["access"]["kind"] == "permanent"
        assert "50 %" in admin.refused("access", "revoke", desks[1].client_id, "--product", "vault", "--reason", "sold")
    finally:
        publisher.stop()


def test_seats_of_a_stranger(host):
    """Two at once, a queue, a release that lets the first in the queue have it."""
    a, b, c, d = (Machine(f"node-{n}") for n in range(4))
    got = host.activate(a, FARM)
    assert (got.status, got.json["count"], got.json["seats"]) == (200, 1, 2), got
    claims = claims_of(got.json["lease"])
    assert lasts(claims, 600) and claims["renew"] == 60
    assert host.activate(b, FARM).status == 200
    for position, machine in ((1, c), (2, d)):
        waits = host.activate(machine, FARM)
        assert (waits.status, waits.json["result"], waits.json["position"]) == (202, "queued", position), waits
    released = host.post("/v1/release", {"lease": got.json["lease"], "release": base64url(a.release)})
    assert released.status == 200, released
    assert host.activate(d, FARM).json.get("position") == 2   # does not overtake
    assert host.activate(c, FARM).status == 200
    assert host.activate(d, FARM).json["position"] == 1
    assert host.activate(Machine("node-9"), FARM, queue=False).code == "M-150"


def test_they_stand_beside_the_others(host):
    """Listed with their models; the certificates name them; Muster's own are served as ever."""
    products = host.products()
    assert {n: products[n]["model"] for n in ("capture", "vault", "farm", "office2013")} == {"capture": "threshold", "vault": "access", "farm": "seats", "office2013": "threshold"}
    assert all(products[n]["served"] and products[n]["certified"] and not products[n]["record"] for n in ("capture", "vault", "farm"))
    assert [e["minimum_count"] for e in products["capture"]["editions"]] == [4, 2]
    listed = json.loads(host.get("/v1/products").body)["products"]
    assert {p["name"] for p in listed} >= {"capture", "vault", "farm", "office2013"}


def test_nothing_of_the_tree_knows_them():
    """Neither core/ nor plugins/ names what these tests bring."""
    found = subprocess.run(["grep", "-rlE", f"{CAPTURE}|{VAULT}|{FARM}|6a000000", str(SOURCE / "core"), str(SOURCE / "plugins")], capture_output=True, text=True)
    assert found.stdout == "" and found.returncode == 1
