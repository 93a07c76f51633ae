"""GENERATED: a year of an estate that does not exist, for tests. Listings and event logs of three hosts, from the rules below and nothing else; and the books that a
test keeps of the same year by itself: whom each host counts and when, what was logged and exported, what is lost.

The rules (the year ends at `end`; a day is counted from its beginning):

1.  Counting is facts.md section 1: a client that asks is counted, then the host compares; whoever was heard within 30 days counts; a granted machine asks again after a
    week (10080 minutes), a refused one after two hours (120 minutes), each with up to a quarter of an hour of delay drawn from the seed. Nothing else is random.
2.  kms-a serves Windows: 90 PCs (minimum count 25) and 12 servers (minimum count 5) in one pool. They join one every hour from the first day on, servers first.
3.  kms-b serves Office on 40 of these PCs, under client IDs of their own (minimum count 5). They join one every hour from day 2 on.
4.  kms-c serves Office in a branch: 8 PCs join one a day from day 100 on. Four of them fall silent in the last month: they ask for the last time 18.5, 20.5, 24.5 and
    26.5 days before the end (what they would have asked later they do not). The other four ask to the end.
5.  pc-000 … pc-002 are copies of one image: from day 200 on pc-001 and pc-002 ask with the client ID of pc-000.
6.  pc-010 was installed anew on day 350: from then on it has another client ID under its old name.
7.  pc-020 … pc-024 were given a MAK on day 250: from then on they ask no host; a dlv listing of each is taken on day 251.
8.  pc-030 … pc-034 were thrown away on day 300.
9.  Every third PC is virtual.
10. kms-b's log was full from day 150 to day 171: what was asked then was granted and counted, and was not logged. The event 1104 says so on day 150.
11. Each host's listing is taken on the first moment of every 30th day, and at the end.
12. kms-a's log is exported as XML four times, each time with the two weeks before; kms-b's as CSV by PowerShell at the end, and once more half a year before; kms-c's as text by
    wevtutil at the end. pc-003's own log (12288 and 12289 of its Windows) is exported at the end.
"""

import dataclasses
import datetime
import heapq
import random
import uuid

import event_log as log

DAY = datetime.timedelta(days=1)
WINDOW = 30 * DAY
WINDOWS, SERVER, OFFICE = (f"aaaaaaaa-000{n}-4000-8000-000000000000" for n in (1, 2, 3))       # clients' activation IDs, invented
WINDOWS_HOST, MAK = (f"aaaaaaaa-000{n}-4000-8000-000000000000" for n in (4, 5))
OFFICE_HOST = "2e28138a-847f-42bc-9752-61b03fff33cd"                                             # facts.md section 8
WINDOWS_APPLICATION = "55c92734-d682-4d71-983e-d6ec3f16059f"
OFFICE_APPLICATION = "0ff1ce15-a989-479d-af46-f275c6370663"
KMS_A, KMS_B, KMS_C = (f"kms-{x}.generated.example" for x in "abc")
MINIMUM = {WINDOWS: 25, SERVER: 5, OFFICE: 5}
CAP = {KMS_A: 50, KMS_B: 10, KMS_C: 10}          # twice the largest minimum count a pool was asked with
COUNT_LOW = "0xC004F038"
SILENT = (18.5, 20.5, 24.5, 26.5)
LOST = (150, 171)


@dataclasses.dataclass
class Machine:
    name: str
    host: str
    edition: str
    joins: datetime.datetime
    client: uuid.UUID
    virtual: bool = False
    leaves: datetime.datetime = None             # asks no more from then on
    changes: tuple = ()                          # (when, another client ID)
    last: datetime.datetime = None               # the last time it asks, exactly

    def client_at(self, at):
        found = self.client
        for when, client in self.changes:
            if at >= when:
                found = client
        return found


@dataclasses.dataclass
class Asked:
    """One request as it was, logged or not."""
    at: datetime.datetime
    machine: Machine
    client: uuid.UUID
    status: int
    minutes: int
    granted: bool
    count: int
    number: int = 0                              # in the host's log; 0 not logged

    @property
    def event(self):
        m = self.machine
        e = log.asked(self.at, m.name, self.client, m.edition, minimum=MINIMUM[m.edition], status=self.status, minutes=self.minutes, virtual=m.virtual,
                      result="0x0" if self.granted else COUNT_LOW, computer=m.host)
        e.number = self.number
        return e


class Year:
    """The year, and the books of it."""

    def __init__(self, end, seed=1):
        self.end = end
        self.begin = end - 365 * DAY
        self.draw = random.Random(seed)
        self.machines = self.make()
        self.asked = self.live()
        self.number_logs()

    def day(self, n):
        return self.begin + n * DAY

    def client(self):
        return uuid.UUID(int=self.draw.getrandbits(128), version=4)

    def make(self):
        hour = DAY / 24
        servers = [Machine(f"srv-{i:02}.generated.example", KMS_A, SERVER, self.begin + i * hour, self.client()) for i in range(12)]
        pcs = [Machine(f"pc-{i:03}.generated.example", KMS_A, WINDOWS, self.begin + (12 + i) * hour, self.client(), virtual=i % 3 == 0) for i in range(90)]
        office = [Machine(pcs[i].name, KMS_B, OFFICE, self.day(2) + i * hour, self.client(), virtual=pcs[i].virtual) for i in range(40)]
        branch = [Machine(f"branch-{i}.generated.example", KMS_C, OFFICE, self.day(100 + i), self.client(), virtual=i % 3 == 0) for i in range(8)]
        for copy in pcs[1:3]:
            copy.changes = ((self.day(200), pcs[0].client),)
        pcs[10].changes = ((self.day(350), self.client()),)
        for pc in pcs[20:25]:
            pc.leaves = self.day(250)
        for pc in pcs[30:35] + office[30:35]:
            pc.leaves = self.day(300)
        for m, days in zip(branch, SILENT):
            m.last = self.end - days * DAY
        self.pcs = pcs
        return servers + pcs + office + branch

    def live(self):
        """Everybody asks in the order of time; each host counts for itself."""
        pools = {KMS_A: {}, KMS_B: {}, KMS_C: {}}
        granted, asked = set(), []
        due = [(m.joins, i) for i, m in enumerate(self.machines)]
        heapq.heapify(due)
        while due:
            at, i = heapq.heappop(due)
            m = self.machines[i]
            if m.last and m.last - DAY < at < m.last:
                heapq.heappush(due, (m.last, i))         # rule 4: not now but then
                continue
            if at >= self.end or (m.leaves and at >= m.leaves) or (m.last and at > m.last):
                continue
            client, pool = m.client_at(at), pools[m.host]
            pool[client] = at
            count = sum(at - then < WINDOW for then in pool.values())
            enough = count >= MINIMUM[m.edition]
            known = (i, client) in granted
            asked.append(Asked(at, m, client, 1 if known else 2, 249120 if known else 43200, enough, min(count, CAP[m.host])))
            if enough:
                granted.add((i, client))
            again = at + datetime.timedelta(minutes=10080 if enough else 120, seconds=self.draw.randrange(900))
            if m.last and at < m.last < again:
                again = m.last
            heapq.heappush(due, (again, i))
        return asked

    def lost(self, a):
        return a.machine.host == KMS_B and self.day(LOST[0]) <= a.at < self.day(LOST[1])

    def number_logs(self):
        for host in (KMS_A, KMS_B, KMS_C):
            n = 0
            for a in self.asked:
                if a.machine.host == host and not self.lost(a):
                    n += 1
                    a.number = n

    # ---- what is exported ----

    def events(self, host, since=None, until=None):
        return [a.event for a in self.asked if a.machine.host == host and a.number and (since is None or a.at >= since) and (until is None or a.at < until)]

    def own_log(self):
        """pc-003's: 12288 of each request, 12289 of each answer."""
        events = []
        for a in self.asked:
            if a.machine is self.pcs[3]:
                events.append(log.sent(a.at, f"{KMS_A}:1688", a.client, a.machine.edition, minimum=MINIMUM[a.machine.edition], status=a.status, minutes=a.minutes,
                                       virtual=a.machine.virtual, result="0x0" if a.granted else COUNT_LOW, computer=a.machine.name))
                events.append(log.answered(a.at, a.count, activated=a.granted, result="0x00000000" if a.granted else COUNT_LOW, computer=a.machine.name))
        return log.number(events)

    def write_logs(self, folder):
        """The files of rule 12 in the order in which they were exported."""
        files = []
        for quarter in range(1, 5):
            until = self.begin + quarter * 365 * DAY / 4
            since = self.begin + (quarter - 1) * 365 * DAY / 4 - 14 * DAY
            files.append(log.write(folder / f"kms-a-{quarter}.xml", log.xml(self.events(KMS_A, since, until), layout="string" if quarter % 2 else "elements")))
        full = log.full(self.day(LOST[0]), computer=KMS_B)
        for n, until in ((1, self.begin + 183 * DAY), (2, self.end)):
            events = self.events(KMS_B, None, until)
            full.number = 0
            at = next(i for i, e in enumerate(events) if e.logged >= full.logged)
            files.append(log.write(folder / f"kms-b-{n}.csv", log.export_csv([*events[:at], full, *events[at:]]), "utf-16" if n == 1 else "utf-8"))
        files.append(log.write(folder / "kms-c.txt", log.wevtutil_text(self.events(KMS_C), zone="Z")))
        files.append(log.write(folder / "pc-003.xml", log.xml(self.own_log(), None)))
        return files

    def listing_days(self):
        return [self.day(n) for n in range(30, 365, 30)] + [self.end]

    def count(self, host, at):
        """How many the host counts at a time, as its listing says it."""
        heard = {a.client for a in self.asked if a.machine.host == host and at - WINDOW < a.at < at}
        return min(len(heard), CAP[host])

    def totals(self, host, at):
        mine = [a for a in self.asked if a.machine.host == host and a.at < at]
        return {"total": len(mine), "failed": 0, "initial_grace": sum(a.status == 2 for a in mine), "licensed": sum(a.status == 1 for a in mine)}

    def host_listing(self, host, at):
        windows = host == KMS_A
        number = {KMS_A: 1, KMS_B: 2, KMS_C: 3}[host]
        totals = self.totals(host, at)
        return "\n".join([
            f"Computer: {host}", "",
            "Name: Windows(R), ServerStandard edition" if windows else "Name: Office 15, OfficeKMSHostVL_KMS_Host edition",
            "Description: Windows(R) Operating System, VOLUME_KMS_WS12 channel" if windows else "Description: Office 15, VOLUME_KMS channel",
            f"Activation ID: {WINDOWS_HOST if windows else OFFICE_HOST}",
            f"Application ID: {WINDOWS_APPLICATION if windows else OFFICE_APPLICATION}",
            f"Extended PID: 05426-00206-{number:03}-{number:06}-03-1033-9200.0000-0992013",
            f"Partial Product Key: AAAA{'ABC'[number - 1]}", "License Status: Licensed", "Remaining Windows rearm count: 1000", f"Trusted time: {log.american(at)}", "",
            "Key Management Service is enabled on this machine", f"    Current count: {self.count(host, at)}", "    Listening on Port: 1688", "    DNS publishing enabled",
            "    KMS priority: Normal", "", "Key Management Service cumulative requests received from clients",
            f"    Total requests received: {totals['total']}", f"    Failed requests received: {totals['failed']}", "    Requests with License Status Unlicensed: 0",
            f"    Requests with License Status Licensed: {totals['licensed']}", f"    Requests with License Status Initial grace period: {totals['initial_grace']}",
            "    Requests with License Status License expired or Hardware out of tolerance: 0", "    Requests with License Status Non-genuine grace period: 0",
            "    Requests with License Status Notification: 0", ""])

    def client_listing(self, m, at, name, description, edition, host):
        return "\n".join([
            f"Computer: {m.name}", "", f"Name: {name}", f"Description: {description}", f"Activation ID: {edition}",
            f"Application ID: {OFFICE_APPLICATION if edition == OFFICE else WINDOWS_APPLICATION}", "Partial Product Key: BBBBB", "License Status: Licensed",
            "Volume activation expiration: 249120 minute(s) (173 day(s))", "Remaining Windows rearm count: 1000", f"Trusted time: {log.american(at)}", "",
            "Key Management Service client information", f"    Client Machine ID (CMID): {m.client_at(at)}", f"    KMS machine name from DNS: {host}:1688",
            "    Activation interval: 120 minutes", "    Renewal interval: 10080 minutes", "    KMS host caching is enabled", ""])

    def mak_listing(self, m, at):
        return "\n".join([f"Computer: {m.name}", "", "Name: Windows(R), Enterprise edition", "Description: Windows(R) Operating System, VOLUME_MAK channel", f"Activation ID: {MAK}",
                          f"Application ID: {WINDOWS_APPLICATION}", "Partial Product Key: CCCCC", "License Status: Licensed", "Remaining Windows rearm count: 1000",
                          f"Trusted time: {log.american(at)}", ""])

    def write_listings(self, folder):
        """One file a day of listing; one with the clients' own, one with those of the machines that have a MAK."""
        files = []
        for n, at in enumerate(self.listing_days()):
            files.append(log.write(folder / f"listing-{n:02}.txt", ["\n".join(self.host_listing(h, at) for h in (KMS_A, KMS_B, KMS_C) if self.totals(h, at)["total"] > 0)]))
        at, server = self.day(200), self.machines[0]
        clients = [self.client_listing(self.pcs[5], at, "Windows(R), Enterprise edition", "Windows(R) Operating System, VOLUME_KMSCLIENT channel", WINDOWS, KMS_A),
                   self.client_listing(server, at, "Windows(R), ServerStandard edition", "Windows(R) Operating System, VOLUME_KMSCLIENT channel", SERVER, KMS_A)]
        office = next(m for m in self.machines if m.edition == OFFICE and m.name == self.pcs[5].name)
        clients.append(self.client_listing(office, at, "Office 15, OfficeProPlusVL_KMS_Client edition", "Office 15, VOLUME_KMSCLIENT channel", OFFICE, KMS_B))
        files.append(log.write(folder / "clients.txt", ["\n".join(clients)]))
        files.append(log.write(folder / "mak.txt", ["\n".join(self.mak_listing(m, self.day(251)) for m in self.pcs[20:25])]))
        return files

    # ---- the books: what must be found again ----

    def logged(self):
        """Of what was logged and exported: (client, edition, host) -> first, last, how often, and what was said last."""
        rows = {}
        for a in self.asked:
            if not a.number:
                continue
            row = rows.setdefault((str(a.client), a.machine.edition, a.machine.host), {"first": a.at, "requests": 0, "names": set()})
            row["requests"] += 1
            row["names"].add(a.machine.name)
            row.update(last=a.at, name=a.machine.name, status=a.status, virtual=a.machine.virtual, granted=a.granted)
        return rows

    def distinct_events(self):
        return sum(a.number > 0 for a in self.asked) + 1 + 2 * sum(a.machine is self.pcs[3] for a in self.asked)

    def clones(self):
        """Client IDs that several names had."""
        names = {}
        for a in self.asked:
            if a.number:
                names.setdefault(str(a.client), set()).add(a.machine.name)
        return {client: n for client, n in names.items() if len(n) > 1}

    def sinks(self, host, days=14):
        """The first of so many days on which fewer than the minimum count are left if who is silent stays silent: (days, left then, silent), or None.

        Silent: heard within the window, and not in the eight days before the host's latest request (a granted machine asks every seven).
        """
        last = {}
        for a in self.asked:
            if a.machine.host == host and a.number:
                last[a.client] = a.at
        minimum = min(MINIMUM[a.machine.edition] for a in self.asked if a.machine.host == host)
        heard = {c: t for c, t in last.items() if self.end - t < WINDOW}
        silent = {c for c, t in heard.items() if max(last.values()) - t > 8 * DAY}
        for day in range(days + 1):
            left = sum(c not in silent or self.end + day * DAY - t < WINDOW for c, t in heard.items())
            if left < minimum:
                return day, left, len(silent)
        return None
