"""A licence server from nothing: activated by programme and number, online, by file, by telephone with 35 digits; licences bound to it, and only to it."""

import re

import pytest

import licensed as world
from administrator import DONE, FAILED, USAGE, Administrator
from host import Machine, program
from licensed import Licensed
from publisher import Publisher as Issuer
from publisher import PROGRAM, codes, machine
from terminal import Terminal

RDS = "068385ca-c2db-55ea-b58f-f7282036c0dd"
DAY = 86400
PRODUCTS = "[product rds]\nissuer = main\n"


class Publisher(Licensed):
    """Agreements of several programmes, each with its access key and pack."""

    def __init__(self, folder):
        super().__init__(folder)
        self.count = self.servers = 0
        self("product", "add", "rds", "--activation-id", RDS, "--title", "RDS access licences")

    def agreement(self, programme, number, *more):
        """@return the path of its pack."""
        self("agreement", "add", number, "--programme", programme, "--organisation", "example")
        self("key", "mint", "--kind", "access", "--agreement", number, "--products", "rds", *more)
        return self.pack_of(number)

    def pack_of(self, number, *more):
        self.count += 1
        path = self.publisher.folder / f"pack-{self.count}"
        self("pack", "create", "--agreement", number, "--out", path, *more)
        return path

    def licenses(self, agreement, server, n, per="device", version="2019", *more):
        self.count += 1
        path = self.publisher.folder / f"licenses-{self.count}"
        self("cal", "create", "--agreement", agreement, "--products", "rds", "--per", per, "--license-version", version, "--licenses", n, "--server", server,
             "--out", path, *more)
        return path


@pytest.fixture(scope="module")
def publisher(tmp_path_factory):
    folder = tmp_path_factory.mktemp("publisher")
    folder.chmod(0o755)
    one = Publisher(folder)
    yield one
    one.stop()


@pytest.fixture
def server(new_host, publisher):
    """A host of RDS that nothing was given yet; @return it and its administrator."""
    def make(**options):
        publisher.servers += 1
        host = new_host(start=False, issuer=publisher, plugins=("rds",), more=PRODUCTS, clock=True, **options)
        text = (host.folder / "muster.conf").read_text()
        (host.folder / "muster.conf").write_text(text.replace(f"roots = {publisher.root}\n", f"roots = {publisher.root}\nurl = {publisher.url}\n"))
        host.hardware(f"licence server {publisher.servers}")
        return host.start(), Administrator(host)
    return make


def state(host):
    return [(k["kind"], k["state"], k["method"]) for k in host.admin_ok("GET", "/keys")["items"]]


def bound(host):
    """Licences by what they are per and version: of packs that count here."""
    found = {}
    for pack in host.admin_ok("GET", "/packs")["items"]:
        for key in pack["keys"]:
            if key["access"] and pack["host"] != "another":
                what = (key["access"]["per"], key["access"]["version"])
                found[what] = found.get(what, 0) + key["access"]["licenses"]
    return found


def test_online(server, publisher):
    """Nothing → activated; the licences bought meanwhile come with the activation, later ones with a file."""
    host, admin = server()
    assert next(p for p in host.admin_ok("GET", "/products")["items"] if p["product"] == "rds")["command"] == "musterctl access activate"
    pack = publisher.agreement("Select", "7654321")
    said = admin("access", "activate", "rds", "--programme", "Select", "--number", "7654321", "--online")
    assert said.status == FAILED and "no licence pack" in said.err and "musterctl pack install" in said.err
    assert "musterctl access activate rds" in admin.ok("pack", "install", str(pack))
    digits = admin.json("access", "activate", "rds", "--programme", "select", "--number", "765-4321")["server_id"]
    assert [len(g) for g in digits] == [5] * 7 and state(host) == [("5", "pending", None)]
    publisher.licenses("7654321", "".join(digits), 50)
    publisher.licenses("7654321", " ".join(digits), 20, "user")
    out = admin.ok("access", "activate", "rds", "--programme", "Select", "--number", "7654321", "--online")
    assert "activated successfully" in out and state(host) == [("5", "activated", "online")]
    assert bound(host) == {("device", "2019"): 50, ("user", "2019"): 20}
    versions = {(v["per"], v["version"]): v for p in admin.json("access")["products"] if p["product"] == "rds" for v in p["versions"]}
    assert versions[("device", "2019")]["bought"] == versions[("device", "2019")]["free"] == 50 and versions[("user", "2019")]["bought"] == 20
    # a renewal brings what was licensed since
    binding = publisher("--json", "cal", "list", "--agreement", "7654321").json[0]["host"]
    more = publisher.licenses("7654321", binding, 5, "device", "2016")
    assert "5 licences per device, version 2016" in admin.ok("pack", "install", str(more))
    assert bound(host) == {("device", "2019"): 50, ("user", "2019"): 20, ("device", "2016"): 5}
    # whose licences end with the pack: its own end is shown beside that of the coverage
    rows = admin.ok("access", "packs").splitlines()
    assert "COVERAGE ENDS PACK ENDS AGREEMENT" in " ".join(rows[0].split())
    ends, = {p["ends_at"] for p in admin.json("pack")["items"] if any((k["access"] or {}).get("version") == "2016" for k in p["keys"])}
    assert any("2016" in row and f"{ends[5:7]}/{ends[8:10]}/{ends[:4]}" in row for row in rows), (ends, rows)
    assert admin("pack", "install", str(pack)).status == 0      # what activates it is a line of its own: the same again
    host.stop()
    host.start()
    assert bound(host) == {("device", "2019"): 50, ("user", "2019"): 20, ("device", "2016"): 5}
    assert host.activate(Machine(), RDS).code != "0xC004F041"   # certified: whatever the model says now
    rows = publisher("--json", "cal", "list").json
    assert sorted(r["access"]["licenses"] for r in rows if r["agreement"] == "7654321") == [5, 20, 50]


def server_id(host):
    return host.admin_ok("POST", "/installation-id", {"activation_id": RDS})["server_id"]


def test_telephone(server, publisher):
    """Programme, number and 35 digits are read out; the answer is a Confirmation ID. Wrong groups are named, what belongs to another number is not taken."""
    host, admin = server()
    admin.ok("pack", "install", str(publisher.agreement("Open Value", "V1234567")))
    admin.ok("access", "activate", "rds", "--programme", "Open Value", "--number", "v1234567")
    shown = admin.ok("access", "id", "rds")
    groups = re.findall(r"\d: (\d{5})", shown)
    assert len(groups) == 7 and groups == server_id(host)
    call = ("--json", "confirm", "--programme", "Open Value", "--number", "V 1234567")
    wrong = list(groups)
    wrong[2] = wrong[2][:4] + str((int(wrong[2][4]) + 1) % 10)
    said = publisher.publisher(*call, " ".join(wrong))
    assert said.code != 0 and "group 3 is wrong" in said.err
    swapped = [groups[i] for i in (0, 1, 4, 3, 2, 5, 6)]
    if groups[2] != groups[4]:
        assert "groups 3 and 5 seem to be swapped" in publisher.publisher(*call, " ".join(swapped)).err
    other = publisher.publisher("confirm", "--programme", "Select", "--number", "V1234567", " ".join(groups))
    assert other.code != 0 and "another programme" in other.err
    none = publisher.publisher("confirm", "--programme", "Open Value", "--number", "V0000000", " ".join(groups))
    assert none.code != 0 and "no access key with this programme and number" in none.err
    answer = publisher(*call, "--name", "ls1.example.com", " ".join(groups)).json
    assert publisher(*call, " ".join(groups)).json["again"] is True
    out = admin.ok("atp", answer["confirmation_id"])
    assert "deposited successfully" in out and state(host) == [("5", "activated", "telephone")]
    # from now on it has a name
    licenses = publisher.licenses("V1234567", "ls1.example.com", 10)
    admin.ok("pack", "install", str(licenses))
    assert bound(host) == {("device", "2019"): 10}
    # another attempt, another ID; the used answer does not work again
    assert server_id(host) != groups
    assert "already used" in admin.refused("atp", answer["confirmation_id"])


def test_two_people_on_the_telephone(server, publisher):
    """`access activate --phone` on one end, `confirm --programme` on the other: group by group, a wrong one asked for again."""
    host, admin = server()
    admin.ok("pack", "install", str(publisher.agreement("Open License", "AUTH-77")))
    here = Terminal(program("musterctl"), "--socket", str(host.socket), "access", "activate", "rds", "--programme", "Open License", "--number", "AUTH-77", "--phone")
    there = Terminal(str(PROGRAM), "--dir", str(publisher.publisher.dir), "confirm", "--programme", "Open License", "--number", "auth77", "--name", "ls-phone",
                     environment=publisher.publisher.environment)
    try:
        here.expect("the programme Open License")
        here.expect("Read these 7 groups out")
        there.expect("seven groups of five digits")
        for n in range(1, 8):
            here.expect(f"Group {n} of 7:   ")
            group = "".join(here.expect("\n").split())
            there.expect(f"Group {n}: ")
            if n == 3:
                there.type(group[:4] + str((int(group[4]) + 1) % 10))
                there.expect("Group 3 is mistyped")
                there.expect("Group 3: ")
            there.type(group)
            here.type("")
        there.expect("Confirmation ID:")
        there.expect("\n\n")
        answer = there.expect("\n").split()
        assert len(answer) == 8
        here.expect("Group 1 of 8: ")
        here.type(" ".join(answer))
        here.expect("deposited successfully")
    finally:
        here.close()
        there.close()
    assert state(host) == [("5", "activated", "telephone")]


def test_python_reads_the_digits(server, publisher):
    """The independent implementation makes the same 35 digits from programme and number."""
    host, admin = server()
    admin.ok("pack", "install", str(publisher.agreement("Enterprise", "2222222")))
    admin.ok("access", "activate", "rds", "--programme", "Enterprise", "--number", "2222222")
    shown = host.admin_ok("POST", "/installation-id", {"activation_id": RDS})
    iid = codes.InstallationID.parse("".join(shown["groups"]))
    key = codes.Key.of_agreement(publisher.publisher.issuer_id, iid.number, "Enterprise", "2222222").under(publisher.publisher.issuer_id)
    assert key.proves(iid)
    assert key.server_id(iid.generation, iid.attempt, iid.binding).text().split() == shown["server_id"]


def test_file(server, publisher):
    """The request as a file to the issuer, its answer back; licences as a file."""
    host, admin = server()
    admin.ok("pack", "install", str(publisher.agreement("Campus", "3333333")))
    request, answer = publisher.publisher.folder / "request.txt", publisher.publisher.folder / "answer.pem"
    out = admin.ok("access", "activate", "rds", "--programme", "Campus", "--number", "3333333", "--out", str(request))
    assert "muster-issuer confirm --request" in out
    publisher("confirm", "--request", request, "--name", "ls-file", "--out", answer)
    admin.ok("atp", "--file", str(answer))
    assert state(host) == [("5", "activated", "file")]
    admin.ok("pack", "install", str(publisher.licenses("3333333", "ls-file", 3, "user", "2022")))
    assert bound(host) == {("user", "2022"): 3}


def test_wrong_numbers(server, publisher):
    """Shape, the agreement's own number, another programme: each with its hint."""
    host, admin = server()
    admin.ok("pack", "install", str(publisher.agreement("MPSA", "4100012345", "--account", "0005556667")))
    def refused(programme, number, code="0xC004F050"):
        answer = host.admin("POST", "/access/activate", {"product": "rds", "programme": programme, "number": number})
        assert answer.code == code, answer
        return answer.json["detail"]
    assert "number of the agreement itself" in refused("MPSA", "4100012345") and "purchasing account number, not the MPSA agreement number" in refused("MPSA", "4100012345")
    assert "its programme is MPSA" in refused("Open Value", "0005556667")
    assert "enrolment number, which has 7 digits" in refused("Select", "0005556667")
    assert ". ." not in refused("Select", "0005556667") and "35 digits are a licence server ID" in publisher.publisher("confirm", " ".join(["12345"] * 7)).err
    assert "number of the agreement itself" in refused("Open License", "4100012345") and "purchasing account number" in refused("Open License", "4100012345")
    assert "which has 25 characters" in refused("retail pack", "12345") and "licence code" in refused("retail pack", "12345")
    assert "no installed licence pack" in refused("MPSA", "0005556668")
    assert "knows no programme of this name; it knows: Select" in refused("Selekt", "7654321", "M-121")
    assert "1 to 63 characters" in refused("Open Value", " - ")
    assert host.admin("POST", "/access/activate", {"product": "nothing", "programme": "MPSA", "number": "1"}).code == "M-117"
    assert state(host) == []
    admin.ok("access", "activate", "rds", "--programme", "mpsa", "--number", "0005556667", "--online")
    assert state(host) == [("5", "activated", "online")]
    said = publisher.publisher("confirm", "--programme", "MPSA", "--number", "4100012345", " ".join(server_id(host)))
    assert said.code != 0 and "number of the agreement itself" in said.err


def test_programme_the_product_does_not_know(server, publisher):
    """An agreement that the issuer has entered under a name of its own: said as what it is."""
    host, admin = server()
    admin.ok("pack", "install", str(publisher.agreement("open-value", "V7654321")))
    assert "is called open-value, which rds does not know" in admin.refused("access", "activate", "rds", "--programme", "Open Value", "--number", "V7654321")


def test_retail_code(server, publisher):
    """A licence code is a key of its own."""
    host, admin = server()
    publisher("agreement", "add", "BOX-1", "--programme", "retail pack", "--organisation", "example")
    code = publisher("key", "mint", "--kind", "access", "--retail", "--agreement", "BOX-1", "--products", "rds").out.strip()
    assert code.startswith("5")
    admin.ok("pack", "install", str(publisher.pack_of("BOX-1")))
    wrong = code[:-1] + ("0" if code[-1] != "0" else "1")
    assert "mistyped" in admin.refused("access", "activate", "rds", "--programme", "retail pack", "--number", wrong)
    said = admin("access", "activate", "rds", "--programme", "retail pack", "--number", code)
    assert said.status == DONE and "others on this machine can read a command line" in said.err and code not in said.out + said.err
    file = host.folder / "code"
    file.write_text(code + "\n")
    assert admin("access", "activate", "rds", "--programme", "retail pack", "--file", str(file), "--number", code).status == USAGE
    assert "no terminal to ask for the key" in admin("access", "activate", "rds", "--programme", "retail pack").err
    said = admin("access", "activate", "rds", "--programme", "retail pack", "--file", str(file), "--online")
    assert said.status == DONE and said.err == "", said
    assert state(host) == [("5", "activated", "online")]


def test_version_the_product_does_not_have(server, publisher):
    """Said when the pack is installed, for the report has no row of it."""
    host, admin = server()
    assert "which agreement: musterctl access activate rds" in admin.refused("access", "id", "rds")
    admin.ok("pack", "install", str(publisher.agreement("Select", "8383838")))
    admin.ok("access", "activate", "rds", "--programme", "Select", "--number", "8383838")
    digits = "".join(server_id(host))
    assert "Warning" not in admin.ok("pack", "install", str(publisher.licenses("8383838", digits, 5)))
    assert "Warning: rds has no version 1999 here, so 7 licences of it count for nothing" in admin.ok("pack", "install", str(publisher.licenses("8383838", digits, 7, "device", "1999")))
    assert bound(host)[("device", "2019")] == 5


def test_bound_to_one(server, publisher):
    """Licences of one server are refused by another, and do not count on a copy of it."""
    host, admin = server()
    pack = publisher.agreement("Service Provider", "4444444")
    admin.ok("pack", "install", str(pack))
    admin.ok("access", "activate", "rds", "--programme", "Service Provider", "--number", "4444444")
    licenses = publisher.licenses("4444444", "".join(server_id(host)), 50)
    admin.ok("pack", "install", str(licenses))
    assert bound(host) == {("device", "2019"): 50}
    host.stop()
    host.hardware("another machine")
    host.start()
    assert bound(host) == {}                                    # the same state on other hardware
    assert "another" in [p["host"] for p in host.admin_ok("GET", "/packs")["items"]]
    second, other = server()
    second.stop()
    second.hardware("a second licence server")
    second.start()
    other.ok("pack", "install", str(pack))
    assert "made for another host" in other.refused("pack", "install", str(licenses))
    assert bound(second) == {}


def test_supersession_and_end(server, publisher):
    """A newer issue replaces the older one of its line, an older one is refused; licences end with their coverage and with their pack."""
    host, admin = server()
    admin.ok("pack", "install", str(publisher.agreement("Multi-Year Open", "M-5")))
    admin.ok("access", "activate", "rds", "--programme", "Multi-Year Open", "--number", "M-5", "--online")
    binding = "".join(server_id(host))
    first = publisher.licenses("M-5", binding, 10)
    second = publisher.licenses("M-5", binding, 5, "device", "2019", "--coverage-start", publisher.publisher.day(0), "--coverage-end", publisher.publisher.day(30))
    admin.ok("pack", "install", str(second))
    assert bound(host) == {("device", "2019"): 15}
    assert "issue" in admin.refused("pack", "install", str(first))
    newer = publisher.pack_of("M-5")
    admin.ok("pack", "install", str(newer))                     # the activation's line
    assert bound(host) == {("device", "2019"): 15} and state(host) == [("5", "activated", "online")]


def test_refused_at_the_issuer(publisher):
    """What cannot be licensed, said before anything is in the books."""
    publisher.agreement("Open Subscription", "S-1")
    def refused(*arguments):
        said = publisher.publisher("cal", "create", "--agreement", "S-1", "--products", "rds", *arguments)
        assert said.code != 0
        return said.err
    before = len(publisher("--json", "cal", "list").json)
    assert "--license-version" in refused("--per", "device", "--licenses", "5", "--server", "0" * 20)
    assert "--server" in refused("--per", "user", "--license-version", "2019", "--licenses", "5")
    assert "seats have no" in refused("--per", "seat", "--license-version", "2019", "--licenses", "5")
    assert "small letters" in refused("--per", "device", "--license-version", "2019 R2", "--licenses", "5", "--server", "0" * 20)
    assert "--licenses" in refused("--per", "device", "--license-version", "2019", "--licenses", "0", "--server", "0" * 20)
    assert "no licence server" in refused("--per", "device", "--license-version", "2019", "--licenses", "5", "--server", "nobody")
    assert "digits" in refused("--per", "device", "--license-version", "2019", "--licenses", "5", "--server", "12345")
    assert len(publisher("--json", "cal", "list").json) == before
    seats = publisher.publisher("--json", "cal", "create", "--agreement", "S-1", "--products", "rds", "--per", "seat", "--licenses", "5", "--out", publisher.publisher.folder / "seats")
    assert seats.code == 0 and seats.json["keys"][0]["access"] == {"per": "seat", "version": None, "licenses": 5}


def test_books_keep_what_licence_servers_got(tmp_path):
    """Books put back from a backup, exports, limits, revocation: as for host keys. The licence server is this test's own."""
    issuer = Issuer(tmp_path)
    issuer.done("product", "add", "rds", "--activation-id", RDS, "--title", "RDS")
    issuer.done("agreement", "add", "A-1", "--programme", "Select", "--organisation", "example", "--name", "Example GmbH")
    minted = issuer.done("--json", "key", "mint", "--kind", "access", "--agreement", "A-1", "--account", "76-54321", "--products", "rds", "--hosts", 1, "--activations", 2).json
    assert minted["account"] == "76-54321" and minted["access"] is None and (minted["hosts"], minted["activations"]) == (1, 2)
    key = codes.Key.of_agreement(issuer.issuer_id, minted["number"], "Select", "7654321")
    assert codes.Key.parse(minted["key"]) == key            # it follows from what is typed
    issuer.done("pack", "create", "--agreement", "A-1")
    ours = key.under(issuer.issuer_id)
    binding = machine(1)
    # a machine whose five bits of tag tell the two generations of the key apart: of 32 machines one would be confirmed as generation 2
    other = next(m for m in map(machine, range(2, 1000)) if ours.server_tag(1, 0, m) != ours.server_tag(2, 0, m))

    def confirm(attempt, host=binding, generation=1, *more):
        return issuer("--json", "confirm", "--programme", "select", "--number", "765 4321", ours.server_id(generation, attempt, host).text(), *more)

    backup = tmp_path / "books.db"
    issuer.done("backup", backup)
    first = confirm(0, binding, 1, "--name", "ls1").json
    assert first["again"] is False and first["hosts"] == {"used": 1, "allowed": 1}
    issuer.done("cal", "create", "--agreement", "A-1", "--products", "rds", "--per", "user", "--license-version", "2019", "--licenses", 9, "--server", "ls1")
    (issuer.dir / "books.db").write_bytes(backup.read_bytes())
    for name in ("books.db-wal", "books.db-shm"):
        (issuer.dir / name).unlink(missing_ok=True)
    issuer.done("restore")
    again = confirm(0).json
    assert again["confirmation_id"] == first["confirmation_id"] and again["again"] is True
    second = confirm(1).json
    assert second["confirmation_id"] != first["confirmation_id"] and second["activations"] == {"used": 2, "allowed": 2}
    assert confirm(0).json["again"] is True
    assert "which allows 2 for each host" in confirm(2).err and "all 1 hosts of the key" in confirm(0, other).err
    issuer.done("allow", minted["number"], "--hosts", 2, "--reason", "a second site")
    issuer.done("pack", "create", "--agreement", "A-1")
    assert "newer pack" in confirm(0, other).err
    assert confirm(0, other, 2).code == 0
    # licences after the books forgot those of before: the issue still rises
    issues = [issuer.done("--json", "cal", "create", "--agreement", "A-1", "--products", "rds", "--per", "device", "--license-version", "2019", "--licenses", n, "--server", binding.hex(),
                          "--out", tmp_path / f"cal-{n}").json for n in (1, 2)]
    assert issues[1]["issue"] > issues[0]["issue"] and sorted(k["access"]["licenses"] for k in issues[1]["keys"]) == [1, 2] and issues[1]["host"] == binding.hex()
    exported = issuer.done("export").json
    assert {(k["kind"], k["access"]["licenses"] if k["access"] else 0) for k in exported["keys"]} == {("access", 0), ("access", 1), ("access", 2)}
    assert sum(p["licenses"] for p in exported["packs"]) == 2 and "7654321" not in str(exported["packs"])
    assert issuer.done("export", "keys", "--format", "csv").out.startswith("number")
    # taken back: gone from the next pack, and the key from the list
    issuer.done("revoke", issues[0]["keys"][0]["number"], "--reason", "cessation")
    remade = issuer.done("--json", "pack", "create", "--agreement", "A-1", "--host-binding", binding.hex(), "--out", tmp_path / "remade").json
    assert [k["access"]["licenses"] for k in remade["keys"]] == [2]
    issuer.done("revoke", minted["number"], "--reason", "key-compromise")
    assert "was revoked" in confirm(3).err
    serial = issuer.done("crl", "--out", tmp_path / "crl.pem")
    assert serial.code == 0 and issuer.done("audit", "verify").code == 0


def test_wrong_server_ids_end_the_day(tmp_path):
    """Ten that were made with another key: nothing more today, but an operator may."""
    issuer = Issuer(tmp_path)
    issuer.done("product", "add", "rds", "--activation-id", RDS, "--title", "RDS")
    issuer.done("agreement", "add", "A-1", "--programme", "Select", "--organisation", "example", "--name", "Example GmbH")
    minted = issuer.done("--json", "key", "mint", "--kind", "access", "--agreement", "A-1", "--account", "1234567", "--products", "rds").json
    issuer.done("pack", "create", "--agreement", "A-1")
    ours = codes.Key.parse(minted["key"]).under(issuer.issuer_id)
    right = ours.server_id(1, 0, machine(1))
    wrong = [codes.ServerID(right.value ^ n) for n in range(1, 12)]
    ask = ("confirm", "--programme", "Select", "--number", "1234567")
    for n, one in enumerate(wrong):
        said = issuer(*ask, one.text())
        assert said.code != 0 and ("another number" in said.err if n < 10 else "nothing more is confirmed" in said.err), (n, said)
    assert "nothing more is confirmed" in issuer(*ask, right.text()).err
    assert issuer(*ask, right.text(), "--override", "read out twice, the administrator is known").code == 0


def test_renewal_brings_licences(server, publisher):
    """Renewed by itself in its last year, at no cost; the licences come along. The last one here: the publisher's clock does not go back."""
    host, admin = server()
    pack = publisher.agreement("School", "1111111")
    admin.ok("pack", "install", str(pack))
    admin.ok("access", "activate", "rds", "--programme", "School", "--number", "1111111", "--online")
    publisher.licenses("1111111", "".join(server_id(host)), 7)
    assert bound(host) == {}
    host.stop()
    publisher.publisher.advance(370)
    publisher.restart()                                         # its certificate is made at its start
    text = (host.folder / "muster.conf").read_text()
    (host.folder / "muster.conf").write_text(text.replace(text.split("url = ")[1].split("\n")[0], publisher.url))
    host.shift(370 * DAY)
    host.start()
    world.hosts.eventually(lambda: bound(host) == {("device", "2019"): 7}, "the renewal has brought the licences")
    assert [k["used"] for k in publisher("--json", "key", "list", "--agreement", "1111111").json if k["hosts"]] == [1]
