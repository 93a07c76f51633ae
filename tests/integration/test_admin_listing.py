"""What an administrator reads of counts: dlv, dli, xpr and products, with live numbers (facts.md section 3)."""

import datetime
import pathlib
import re

import pytest

from administrator import Administrator, muster
from host import OFFICE2010, OFFICE2013, SOURCE, Machine, eventually, now_text

URLS = "use_license_url = https://activation.example.org/use\nvalidation_url = https://activation.example.org/validate?id=187557"
OFFICE2010_INI = f"""
[product office2010]
like = office2013
name = Office 2010
activation_id = {OFFICE2010}
pool = office2010
"""


def sample():
    """The published listing; only what its publication broke is mended: a wrapped URL and a blank line."""
    text = (pathlib.Path(SOURCE) / "tests/unit/data/dlv-office2013.txt").read_text()
    return text.replace("SLActiva\nteProduct", "SLActivateProduct").replace("of tolerance: 0\n\n", "of tolerance: 0\n")


def labels(block):
    """Lines without their values: what must be equal label for label, order and indentation included."""
    return [re.sub(r":.*", ":", line) if ":" in line else re.sub(r"(enabled|disabled)", "X", line) for line in block.splitlines()]


def blocks(text):
    """One block a product; each begins with Name:."""
    return [b for b in re.split(r"(?m)^(?=Name:)", text) if b]


def values(block):
    return dict(re.findall(r"(?m)^ *([^:\n]+):(?: (.*))?$", block))


def block_of(admin, activation_id):
    return admin.ok("dlv", activation_id)


def local(rfc3339, zone=datetime.timezone.utc):
    t = datetime.datetime.fromisoformat(rfc3339.replace("Z", "+00:00")).astimezone(zone)
    return f"{t.month}/{t.day}/{t.year} {t.hour % 12 or 12}:{t:%M:%S} {'AM' if t.hour < 12 else 'PM'}"


def scripted(host):
    """28 requests with every licence status s, s+1 times, from seven machines, three of them virtual; two more that fail."""
    for status in range(7):
        machine = Machine(f"pc-{status}", virtual=status > 3)
        for _ in range(status + 1):
            assert host.activate(machine, OFFICE2013, license_status=status).status in (200, 202)
    for status in (1, 6):
        a = host.activate(Machine(), OFFICE2013, license_status=status, time=now_text(5 * 3600))
        assert a.code == "0xC004F06C", a


def expected(admin):
    """The sample with this host's values in it."""
    status = admin.json("status")
    changes = {
        "Extended PID": "", "Installation ID": "", "Partial Product Key": "",
        "Use License URL": "https://activation.example.org/use", "Validation URL": "https://activation.example.org/validate?id=187557",
        "Remaining Windows rearm count": "1000", "Trusted time": local(status["ledger"]["last_commit"]), "Current count": "7",
        "Listening on Port": str(admin.host.port), "Total requests received": "30", "Failed requests received": "2",
        "Requests with License Status Unlicensed": "1", "Requests with License Status Licensed": "2",
        "Requests with License Status Initial grace period": "3",
        "Requests with License Status License expired or Hardware out of tolerance": "4",
        "Requests with License Status Non-genuine grace period": "5", "Requests with License Status Notification": "6",
    }
    text = sample().replace("DNS publishing enabled", "DNS publishing disabled")
    for label, value in changes.items():
        text, n = re.subn(rf"(?m)^( *){re.escape(label)}:.*$", lambda m: f"{m[1]}{label}:{' ' if value else ''}{value}", text)
        assert n == 1, label
    return text


def test_dlv_is_the_published_listing_with_live_numbers(new_host):
    """Label for label, character for character: counts, counters by licence status, issuer's URLs, Trusted time = last commit,
    DNS disabled; status 6 in the total only; the total includes the failed. The same after a stop and after a kill."""
    host = new_host(host=URLS)
    host.certify("office2013")
    scripted(host)
    admin = Administrator(host)
    assert admin.ok("dlv", OFFICE2013) == expected(admin)
    assert admin.ok("dlv") == expected(admin), "without an argument: what the host is certified for"
    for end in (host.stop, host.kill):
        end()
        host.start()
        assert admin.ok("dlv", OFFICE2013) == expected(admin)
        item, = admin.items("dlv", OFFICE2013)
        assert item["requests"] == {"total": 30, "failed": 2, "status": [1, 2, 3, 4, 5, 6, 7]}
        assert (item["host"]["current_count"], item["host"]["physical"], item["host"]["virtual"], item["host"]["cap"]) == (7, 4, 3, 10)


def test_virtual_and_physical_machines_count_alike_and_are_shown_apart(new_host):
    """`muster` machines, three virtual and two physical: the fifth is activated; products shows 2 and 3."""
    host = new_host()
    host.certify("office2013")
    admin = Administrator(host)
    codes = [muster(host, f"pc-{n}", "activate", "office2013", virtual=n > 2).status for n in range(1, 6)]
    assert codes == [1, 1, 1, 1, 0]
    row = next(line.split() for line in admin.ok("products").splitlines() if line.startswith("office2013"))
    assert row[:7] == ["office2013", "threshold", "office2013", "5", "5", "2", "3"]
    clients = {c["name"]: c["virtual"] for c in admin.items("clients")}
    assert clients == {f"pc-{n}": n > 2 for n in range(1, 6)}


def test_windows_and_windows_server_show_one_count_and_their_own_requests(new_host):
    """The shared pool: one Current count in both listings, requests apart; Office versions apart in everything."""
    host = new_host(products=OFFICE2010_INI)
    host.certify()
    admin = Administrator(host)
    for n in range(3):
        host.activate(Machine(), host.activation_id("windows"))
    for n in range(4):
        host.activate(Machine(), host.activation_id("windows-server"))
    host.activate(Machine(), OFFICE2010)
    seen = {i["product"]: (values(b)["Current count"], values(b)["Total requests received"])
            for i, b in zip(admin.items("dlv", "all"), blocks(admin.ok("dlv", "all"))) if i["service"]}
    assert seen == {"windows": ("7", "3"), "windows-server": ("7", "4"), "office2010": ("1", "1"), "office2013": ("0", "0")}


def test_dlv_all_is_one_block_a_product_without_stray_lines(host):
    """Blocks begin with Name:, are parted by one blank line; no wrapped line, no doubled blank line, no blank at a line's end.
    A product that is not counted has no host block."""
    admin = Administrator(host)
    text = admin.ok("dlv", "all")
    items = admin.items("dlv", "all")
    found = blocks(text)
    assert len(found) == len(items) > 5
    assert "\n\n\n" not in text and not re.search(r"(?m)[ \t]+$", text) and text.endswith("\n") and not text.endswith("\n\n")
    for item, block in zip(items, found):
        assert block.startswith(f"Name: {item['name']}\n")
        assert labels(block.strip("\n")) == (labels(sample()) if item["service"] else labels(sample())[:12]), item["product"]
    assert {i["product"] for i in items if not i["service"]} >= {"microsoft-365", "sql-server", "rds"}


def test_dli_is_the_summary(host):
    """Name, description, partial key, status, count and requests; nothing else."""
    text = Administrator(host).ok("dli", OFFICE2013)
    assert [line.split(":")[0] for line in text.splitlines()][:4] == ["Name", "Description", "Partial Product Key", "License Status"]
    assert "    Current count: " in text and "    Total requests received: " in text and "Activation ID" not in text


def test_dates_are_the_administrators_local_time(host):
    """Trusted time in another time zone, as M/D/YYYY h:mm:ss AM."""
    there = datetime.timezone(datetime.timedelta(hours=-11))
    admin = Administrator(host, {"TZ": "XYZ+11"})
    assert host.activate(Machine(), OFFICE2013).status in (200, 202)
    item, = admin.items("dlv", OFFICE2013)
    assert f"\nTrusted time: {local(item['trusted_time'], there)}\n" in admin.ok("dlv", OFFICE2013)


def test_an_activation_id_may_be_typed_in_any_case(host):
    admin = Administrator(host)
    assert admin.ok("dlv", OFFICE2013.upper()) == admin.ok("dlv", OFFICE2013)


def test_a_host_that_is_not_activated_lists_everything_as_unlicensed(new_host):
    """Before the certificate: dlv shows all products, Unlicensed; products names the next command; requests are counted and
    answered 0xC004F041 and the count stands in the listing."""
    host = new_host()
    admin = Administrator(host)
    assert len(blocks(admin.ok("dlv"))) == len(admin.items("products"))
    assert values(block_of(admin, OFFICE2013))["License Status"] == "Unlicensed"
    assert "The host is not activated for this product." in admin.ok("xpr", OFFICE2013)
    assert "Next: musterctl setup" in admin.ok("products")
    assert "not activated (musterctl setup)" in admin.ok("status")
    assert host.activate(Machine(), OFFICE2013).code == "0xC004F041"
    assert values(block_of(admin, OFFICE2013))["Current count"] == "1"
    host.certify("office2013")
    assert values(block_of(admin, OFFICE2013))["License Status"] == "Licensed"
    assert len(blocks(admin.ok("dlv"))) == 1
    assert ", activated" in admin.ok("status")


def test_xpr_says_when_the_certificate_ends(host):
    """The end that muster-issuer wrote into the certificate, in local time; for what is not served, that."""
    admin = Administrator(host)
    end = next(c["ends_at"] for c in admin.json("status")["certificates"])
    assert admin.ok("xpr", OFFICE2013) == f"Office 15, OfficeKMSHostVL_KMS_Host edition:\n    The host's certificate for this product ends {local(end)}\n"
    rds = admin.items("products")
    rds = next(p["activation_id"] for p in rds if p["product"] == "rds")
    assert "This product is listed and not served." in admin.ok("xpr", rds)


def test_products_verbose_says_where_from_and_why_not(host):
    """Numbers, the plugin, editions, the vendor's platforms with the update each needs, and the sentence of what is refused."""
    text = Administrator(host).ok("products", "--verbose")
    assert "office2013: Office 15, OfficeKMSHostVL_KMS_Host edition\n    from plugin office2013, issuer main\n" in text
    assert "    minimum count 5, validity 180 d, renewal 7 d, retry 2 h, window 30 d\n" in text
    assert "    leases are records, not licences\n" in text
    assert re.search(r"(?m)^    vendor's host platform: .*, needs KB\d+", text)
    assert re.search(r"(?ms)^microsoft-365: .*?^    \S[^\n]*\.$", text)


def test_products_of_a_file_name_the_file_and_line(new_host):
    """source: products.d/x.ini:LINE for a product that an INI file brought."""
    host = new_host(products=OFFICE2010_INI)
    product = next(p for p in Administrator(host).items("products") if p["product"] == "office2010")
    assert re.fullmatch(r".*test\.ini:2", product["source"]), product["source"]
    assert product["pool"] == "office2010" and product["minimum_count"] == 5 and not product["certified"]


def test_numbers_name_their_source(new_host):
    """dlv --json names where each number comes from: plugin, file, stored or default."""
    host = new_host(more="[product office2013]\nminimum_count = 3\nrenewal_interval = 3d\n")
    host.certify("office2013")
    admin = Administrator(host)
    item, = admin.items("dlv", OFFICE2013)
    assert item["sources"] == {"minimum_count": "file", "activation_interval": "default", "renewal_interval": "file", "port": "file"}
    assert item["host"]["minimum_count"] == 3 and item["host"]["renewal_interval_minutes"] == 3 * 1440
    admin.ok("sai", "30")
    item, = admin.items("dlv", OFFICE2013)
    assert item["sources"]["activation_interval"] == "stored" and item["host"]["activation_interval_minutes"] == 30


def test_failed_requests_are_counted_exactly_though_not_all_are_written(new_host):
    """60 refused requests at once: the log takes at most ten a second of them singly (n rows, or one row for many), the counter all;
    after a restart too. The events represent every one."""
    host = new_host()
    host.certify("office2013")
    admin = Administrator(host)
    machine, connection = Machine(), host.connection()
    for _ in range(60):
        assert host.activate(machine, OFFICE2013, connection, time=now_text(5 * 3600)).code == "0xC004F06C"
    connection.close()
    counted = lambda: admin.items("dlv", OFFICE2013)[0]["requests"]
    assert counted() == {"total": 60, "failed": 60, "status": [0] * 7}
    host.stop()
    host.start()
    assert counted() == {"total": 60, "failed": 60, "status": [0] * 7}
    events = [e for e in admin.items("events") if e["id"] == 12290]
    assert sum(e["requests"] for e in events) == 60 and len(events) < 40
    assert {e["record_line"].split(",")[0] for e in events} == {"0xC004F06C"}
    assert re.search(rf"(?m) 12290 office2013 +{max(e['requests'] for e in events)} 0xC004F06C,5,", admin.ok("events")), "the row says for how many"
    assert all(len(e["record_line"].split(",")) == 9 for e in events)
