"""What was observed: events and machines imported through the admin API, what they show, and how they count."""

import contextlib
import datetime
import os
import sqlite3
import stat
import uuid

import pytest

from administrator import Administrator, documented
from host import Machine, eventually, now_text

DAY = 86400
OFFICE = "2e28138a-847f-42bc-9752-61b03fff33cd"
UNKNOWN = "68531fb9-5511-4989-97be-d11a0f55633f"


def text(at):
    return datetime.datetime.fromtimestamp(at, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def now():
    return int(datetime.datetime.now(datetime.timezone.utc).timestamp())


def client(n):
    return str(uuid.UUID(int=0xabc0000000000000 << 64 | n))


def event(n, at, host="kms1.example.org", name=None, activation_id=OFFICE, logged=True, **changes):
    """One request as a reader of files gives it."""
    made = {"line": 1, "id": 12290, "host": host, "logged_at": text(at) if logged else None, "record": None, "result": "0x0", "minimum_count": 5,
            "name": name or f"pc-{n}.example.org", "client_id": client(n), "at": text(at - at % 60), "virtual": False, "license_status": 1, "minutes_left": 259200,
            "activation_id": activation_id}
    made.update(changes)
    return made


class Import:
    """One import, as musterctl does it."""

    def __init__(self, host, type_="events", name="export.csv", dry_run=False):
        self.host = host
        self.id = host.admin_ok("POST", "/import/begin", {"name": name, "type": type_, "dry_run": dry_run})["import"]

    def records(self, records):
        said = []
        for i in range(0, len(records), 5000):
            said.append(self.host.admin_ok("POST", "/import/records", {"import": self.id, "records": records[i:i + 5000]}))
        return said

    def end(self, commit=True):
        return self.host.admin_ok("POST", "/import/end", {"import": self.id, "commit": commit})


def take(host, records, type_="events", **options):
    run = Import(host, type_, **options)
    run.records(records)
    return run.end()


def sums(said):
    return {k: said[k] for k in ("new", "changed", "same", "skipped", "refused", "doubtful")}


def pages(host, path):
    items, after = [], ""
    while True:
        page = host.admin_ok("GET", f"{path}{'&' if '?' in path else '?'}limit=7{after}")
        items += page["items"]
        if page["next"] is None:
            return items
        after = f"&after={page['next']}"


def machines(host, query=""):
    return pages(host, f"/observed/machines{query}")


def findings(host):
    said = host.admin_ok("GET", "/observed/findings?limit=1000")
    assert said["more"] is False
    return said["items"]


def product(host, name="office2013"):
    return next(p for p in host.products() if p["product"] == name)


@pytest.fixture
def office(new_host):
    return new_host(plugins=("office2013",), clock=True)


def test_an_import_twice_or_overlapping_changes_nothing(office):
    """Events are known by what they say; the sums are exact, of a dry run too."""
    begin = now() - 20 * DAY
    first = [event(i % 40, begin + 3600 * i) for i in range(120)]
    second = first[60:] + [event(i % 40, begin + 3600 * i) for i in range(120, 180)]
    dry = take(office, first + first[:5], dry_run=True)
    assert sums(dry) == {"new": 120, "changed": 0, "same": 0, "skipped": 5, "refused": 0, "doubtful": 0} and dry["committed"] is False and dry["dry_run"] is True
    assert machines(office) == [] and pages(office, "/observed/events") == []
    assert sums(take(office, first + first[:5])) == sums(dry)
    before = machines(office), pages(office, "/observed/events")
    assert len(before[0]) == 40 and len(before[1]) == 120 and set(before[0][0]) == documented("Observed machine")
    assert all(m["requests"] == 3 for m in before[0])
    assert sums(take(office, first)) == {"new": 0, "changed": 0, "same": 120, "skipped": 0, "refused": 0, "doubtful": 0}
    assert (machines(office), pages(office, "/observed/events")) == before
    assert sums(take(office, second)) == {"new": 60, "changed": 0, "same": 60, "skipped": 0, "refused": 0, "doubtful": 0}
    after = machines(office)
    assert sum(m["requests"] for m in after) == 180 and len(after) == 40
    times = [e["logged_at"] for e in pages(office, "/observed/events")]
    assert times == sorted(times) and len(times) == 180
