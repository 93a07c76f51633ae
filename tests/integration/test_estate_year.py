"""A year of an estate of three hosts (estate_year.py says by which rules), read from its listings and event logs: who is activated by what, which machines are clones,
which pool will sink under its threshold. What is expected is computed by the test's own books of that year, never taken from what the program says."""

import datetime

import pytest

import estate_year
from administrator import Administrator
from estate_year import DAY, KMS_A, KMS_B, KMS_C, MAK, OFFICE, OFFICE_HOST, SERVER, WINDOW, WINDOWS, WINDOWS_HOST, Year
from host import Host, folder

UTC = datetime.timezone.utc
PRODUCT = {WINDOWS: "windows", SERVER: "windows-server", OFFICE: "office2013"}


def text(at):
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Told:
    """The year as the host was told it: everything imported once, in the order in which it was exported."""

    def __init__(self, path, issuer):
        # The injected clock stands at the next noon, where no rule changes anything for half a day: tests may take their time.
        now = datetime.datetime.now(UTC)
        self.end = now.replace(hour=12, minute=0, second=0, microsecond=0) + (DAY if now.hour >= 12 else datetime.timedelta())
        self.year = Year(self.end)
        self.host = Host(path / "host", issuer, plugins=("office2013", "windows", "windows-server"), clock=True)
        self.host.shift((self.end - now).total_seconds())
        self.host.start()
        self.host.certify()
        self.admin = Administrator(self.host)
        (path / "files").mkdir()
        self.listings = self.year.write_listings(path / "files")
        self.logs = self.year.write_logs(path / "files")
        self.first = self.imported()

    def imported(self):
        said = self.admin("import", "--json", "--utc-offset", "+00:00", *map(str, self.listings + self.logs))
        assert said.status == 0, said
        return said.json["files"]

    def machines(self):
        return {(m["client_id"], m["activation_id"], m["host"]): m for m in self.admin.items("clients", "--observed", "--all")}


@pytest.fixture(scope="module")
def told(issuer):
    with folder() as path:
        one = Told(path, issuer)
        yield one
        one.host.close()


def test_everything_is_taken_once(told):
    """Every event that was logged, once, although exports overlap; nothing refused or doubtful; a second time nothing is new or changed."""
    assert all(f["outcome"] == "imported" and f["refused"] == 0 and f["doubtful"] == 0 for f in told.first), told.first
    assert sum(f["new"] for f in told.first if f["type"] == "events") == told.year.distinct_events()
    assert all(f["changed"] == 0 for f in told.first if f["type"] == "events")
    before = told.machines()
    again = told.imported()
    assert all(f["new"] == 0 and f["changed"] == 0 for f in again), again
    assert told.machines() == before


def test_activation_ids_are_learned(told):
    """The listings taught which product each of the clients' activation IDs is of; Office's host ID was known."""
    learned = {l["activation_id"]: l["product"] for f in told.first for l in f.get("learned", [])}
    assert learned == {WINDOWS: "windows", SERVER: "windows-server", OFFICE: "office2013", WINDOWS_HOST: "windows-server"}
    products = told.host.products()
    for activation_id, product in PRODUCT.items():
        assert activation_id in {e["activation_id"] for e in products[product]["editions"]}


def test_who_is_activated_by_which_host(told):
    """Every machine with its host, product, first and last time, requests and last status, as the books have them."""
    books, got = told.year.logged(), told.machines()
    by_host = {k: m for k, m in got.items() if m["by"] == "host"}
    assert set(by_host) == set(books)
    for key, row in books.items():
        m = by_host[key]
        assert m["product"] == PRODUCT[key[1]], m
        assert (m["first_seen"], m["last_seen"], m["requests"]) == (text(row["first"]), text(row["last"]), row["requests"]), (m, row)
        assert (m["name"], m["license_status"], m["virtual"], m["result"]) == (row["name"], row["status"], row["virtual"], "0x0" if row["granted"] else estate_year.COUNT_LOW), (m, row)


def test_who_is_activated_by_a_mak(told):
    """Five machines were given one: their listings say so, and no host has heard of them since."""
    machines = told.year.pcs[20:25]
    with_mak = {h["host"]: h for h in told.admin.items("hosts", "list", "--all") if h.get("channel") == "mak"}
    assert set(with_mak) == {m.name for m in machines}
    assert all(h["activation_id"] == MAK and h["partial"] == "CCCCC" for h in with_mak.values()), with_mak
    last = {m["name"]: m["last_seen"] for m in told.machines().values() if m["host"] == KMS_A}
    for m in machines:
        assert last[m.name] == text(max(a.at for a in told.year.asked if a.machine is m)) and last[m.name] < text(told.year.day(250))


def test_which_machines_are_clones(told):
    clones = told.year.clones()
    assert len(clones) == 1 and len(next(iter(clones.values()))) == 3   # rule 5
    got = {m["client_id"]: set(m["names"]) for m in told.machines().values() if m["clone"]}
    assert got == clones
    (finding,) = [f for f in told.host.admin_ok("GET", "/observed/findings?limit=1000")["items"] if f["finding"] == "clone"]
    for client, names in clones.items():
        assert client in finding["text"] and all(n in finding["text"] for n in names)
    shown = told.admin.ok("clients", "--observed", "--all", "--host", KMS_A)
    assert sum("clone" in line for line in shown.splitlines()) == 1


def test_a_machine_that_was_installed_anew(told):
    """Rule 10: its name has two client IDs, both heard within a month, so it counts twice."""
    pc = told.year.pcs[10]
    clients = {str(a.client) for a in told.year.asked if a.machine is pc}
    assert len(clients) == 2
    found = [f for f in told.host.admin_ok("GET", "/observed/findings?limit=1000")["items"] if f["finding"] == "names" and pc.name in f["text"]]
    assert len(found) == 1 and all(c in found[0]["text"] for c in clients), found


def test_what_was_not_logged(told):
    """Rule 10: one gap, of kms-b, between the last request before the log was full and the first behind; and the event that says so. No other log has one."""
    items = told.host.admin_ok("GET", "/observed/findings?limit=1000")["items"]
    mine = [a.at for a in told.year.asked if a.machine.host == KMS_B and a.number]
    lost_from, lost_to = (told.year.day(d) for d in estate_year.LOST)
    (gap,) = [f for f in items if f["finding"] == "gap"]
    assert gap["host"] == KMS_B and text(max(t for t in mine if t < lost_from)) in gap["text"] and text(min(t for t in mine if t >= lost_to)) in gap["text"], gap
    (full,) = [f for f in items if f["finding"] == "full"]
    assert full["host"] == KMS_B and text(lost_from) in full["text"], full


def test_which_pool_will_sink(told):
    """Of three hosts one has too few machines within 14 days if those who are silent stay silent: which, when, how many are left."""
    books = {host: told.year.sinks(host) for host in (KMS_A, KMS_B, KMS_C)}
    assert [h for h, s in books.items() if s] == [KMS_C]
    day, left, silent = books[KMS_C]
    assert 0 < day <= 14
    pools = told.host.admin_ok("GET", "/observed/pools?days=14")["items"]
    got = {(p["host"], p["product"]): p for p in pools}
    assert set(got) == {(KMS_A, "windows"), (KMS_A, "windows-server"), (KMS_B, "office2013"), (KMS_C, "office2013")}
    for (host, product), p in got.items():
        heard = {a.client for a in told.year.asked if a.machine.host == host and a.number and told.end - a.at < WINDOW}
        assert (p["observed"], p["minimum_count"]) == (len(heard), 25 if product == "windows" else 5), p
        assert (p["listed"], p["listed_at"]) == (told.year.count(host, told.end), text(told.end)), p
        if host != KMS_C:
            assert p["sinks_on"] is None, p
    sinking = got[KMS_C, "office2013"]
    assert (sinking["sinks_on"], sinking["count_then"], sinking["silent"]) == ((told.end + day * DAY).strftime("%Y-%m-%d"), left, silent), sinking
    # a day earlier it is not told yet
    assert all(p["sinks_on"] is None for p in told.host.admin_ok("GET", f"/observed/pools?days={day - 1}")["items"])


def test_doctor_tells_which_pool_will_sink(told):
    day, left, _ = told.year.sinks(KMS_C)
    said = told.admin("doctor", "forecast", "--json")
    assert said.status == 1, said    # warning, as Nagios counts
    (check,) = [c for c in said.json["checks"] if c["check"] == "forecast"]
    assert check["verdict"] == "warning", check
    text_of = str(check)
    assert KMS_C in text_of and (told.end + day * DAY).strftime("%Y-%m-%d") in text_of and f"{left} of 5" in text_of, check
    assert KMS_A not in text_of and KMS_B not in text_of, check
    shown = told.admin("doctor", "forecast")
    assert shown.status == 1 and KMS_C in shown.out and (told.end + day * DAY).strftime("%Y-%m-%d") in shown.out, shown


def test_doctor_tells_what_imports_show(told):
    """The clone, the gap and the full log are findings of the whole doctor too."""
    said = told.admin("doctor", "--json")
    assert said.status in (1, 2), said
    everything = str(said.json)
    (client,) = told.year.clones()
    assert client in everything and KMS_B in everything, said


def test_products_count_what_was_observed(told):
    """Each product with the distinct machines of the last 30 days, over all hosts."""
    products = {p["product"]: p for p in told.admin.items("products")}
    for edition, product in PRODUCT.items():
        heard = {a.client for a in told.year.asked if a.machine.edition == edition and a.number and told.end - a.at < WINDOW}
        assert products[product]["observed"] == len(heard), products[product]


def test_how_the_counts_went(told):
    """The history of listings: every count and total of every host as the books have it."""
    for host, activation_id in ((KMS_A, WINDOWS_HOST), (KMS_B, OFFICE_HOST), (KMS_C, OFFICE_HOST)):
        days = [at for at in told.year.listing_days() if told.year.totals(host, at)["total"] > 0]
        books = [(text(at), told.year.count(host, at), told.year.totals(host, at)["total"]) for at in days]
        items = told.host.admin_ok("GET", f"/observed/history?host={host}&activation_id={activation_id}")["items"]
        assert sorted((i["taken_at"], i["current_count"], i["total"]) for i in items) == books, host


def test_the_hosts_as_they_are_now(told):
    """Each host's entry is what its last listing said."""
    hosts = {(h["host"], h["activation_id"]): h for h in told.admin.items("hosts", "list", "--all") if h.get("channel") == "host"}
    assert set(hosts) == {(KMS_A, WINDOWS_HOST), (KMS_B, OFFICE_HOST), (KMS_C, OFFICE_HOST)}
    for (host, _), h in hosts.items():
        totals = told.year.totals(host, told.end)
        assert (h["current_count"], h["total"], h["licensed"], h["initial_grace"], h["taken_at"]) == (
            told.year.count(host, told.end), totals["total"], totals["licensed"], totals["initial_grace"], text(told.end)), h
