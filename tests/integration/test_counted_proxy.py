"""Counted keys from mint to machine: muster-issuer, a host that asks for many (proxy), and muster; by network, by file and by telephone digits."""

import re

import pytest

import publisher
from host import Host, eventually
from test_counted_client import PRODUCT, Machine, RealIssuer, codes, new_key

PRODUCTS = f"""[product contoso-mak]
name = Contoso MAK
model = counted
activation_id = {PRODUCT}
application_id = 0ff1ce15-a989-479d-af46-f275c6370663
requires = windows_version = 22H2
"""
FACT = ["--fact", "windows_version=22H2"]


class Site:
    """An issuer with a product and its keys, and a host that has pinned it."""

    def __init__(self, folder, activations=3):
        folder.chmod(0o755)
        self.folder = folder
        self.real = publisher.Publisher(folder)
        self.real.done("product", "add", "contoso-mak", "--activation-id", PRODUCT, "--title", "Contoso MAK")
        self.real.done("agreement", "add", "EA-1", "--programme", "enterprise", "--organisation", "example", "--name", "Example GmbH")
        minted = self.real.done("--json", "key", "mint", "--kind", "mak", "--agreement", "EA-1", "--products", "contoso-mak", "--activations", activations).json
        self.key = codes.Key.parse(minted["key"])
        self.pack = self.real.done("pack", "create", "--agreement", "EA-1").out.strip()
        self.service = self.host = None

    def start(self, online=True):
        issuer = RealIssuer(self.real)
        self.host = Host(self.folder / "host", issuer, products=PRODUCTS, plugins=())
        if online:
            self.service = publisher.Service(self.real)
            config = self.host.folder / "muster.conf"
            config.write_text(config.read_text().replace(f"roots = {issuer.root}\n", f"roots = {issuer.root}\nurl = https://localhost:{self.service.port}\nproxy = ask\n"))
        self.host.start()
        assert self.host.admin("POST", "/keys", {"key": self.key.text()}).status != 200      # the pack is missing
        self.host.admin_ok("POST", "/packs", {"pack": self.pack})
        self.host.admin_ok("POST", "/keys", {"key": self.key.text()})
        return self

    def machine(self, number):
        return Machine(self.folder, RealIssuer(self.real), f"http://127.0.0.1:{self.host.port}", number)

    def close(self):
        try:
            if self.host:
                self.host.close()
        finally:
            if self.service:
                assert self.service.stop() == 0


@pytest.fixture
def new_site(tmp_path):
    made = []

    def make(online=True, **options):
        made.append(Site(tmp_path, **options))
        return made[-1].start(online)

    yield make
    for site in made:
        site.close()


def used(site):
    return next(k for k in site.host.admin_ok("GET", "/keys")["items"] if k["number"] == site.key.number)


def test_proxy(new_site):
    """Three machines, one question to the issuer; wiped ones get theirs again and spend nothing; the fourth is over the limit."""
    site = new_site()
    machines = [site.machine(n) for n in range(3)]
    a = machines[0].activate(site.key, code=2)
    assert a["code"] == "M-140" and "windows_version" in a["message"]
    for m in machines:
        a = m.activate(site.key, *FACT, code=1)
        assert (a["outcome"], a["code"]) == ("pending", "M-127")
    assert site.host.admin("POST", "/counted/ask").status == 200
    for m in machines:
        a = eventually(lambda m=m: next(iter([x for x in m.run_json("activate", PRODUCT) if x["outcome"] == "activated"]), None), "the host has the confirmation")
        assert a["perpetual"] and (a["allowed"], a["used"]) == (3, 3)
        s = m.json("status")[0]
        assert s["valid"] and s["perpetual"] and s["product"] == "contoso-mak" and s["partial_key"] == site.key.partial()
    again = site.machine(0)
    again.state = site.folder / "wiped"
    a = again.activate(site.key, *FACT)
    assert a["perpetual"] and a["used"] == 3
    fourth = site.machine(4)
    assert fourth.activate(site.key, *FACT, code=1)["outcome"] == "pending"
    site.host.admin("POST", "/counted/ask")
    a = eventually(lambda: next(iter([x for x in fourth.run_json("activate", PRODUCT) if x["outcome"] == "refused"]), None), "the issuer has refused")
    assert a["code"] == "0xC004C020"
    # no key and no secret of it in anything the host wrote for people
    assert site.key.text() not in site.host.logged()


def test_wrong_keys(new_site):
    """A key the host does not know, and none at all."""
    site = new_site(online=False)
    m = site.machine(0)
    assert m.activate(new_key(), *FACT, code=2)["code"] == "0xC004F050"
    m.json("upk", PRODUCT)
    assert m.json("activate", PRODUCT, code=2)[0]["code"] == "0xC004F014"
    # the right number, another secret
    other = codes.Key("1", bytes(11), site.key.number)
    assert m.activate(other, *FACT, code=2)["code"] == "0xC004F050"


def test_by_file(new_site):
    """A host without a connection: export, confirm --batch, import; the machine comes by again."""
    site = new_site(online=False)
    machines = [site.machine(n) for n in range(2)]
    for m in machines:
        assert m.activate(site.key, *FACT, code=1)["outcome"] == "pending"
    exported = eventually(lambda: next(iter([e for e in [site.host.admin_ok("POST", "/counted/export")] if e["count"] == 2]), None), "both requests wait")
    ids = [line for line in exported["text"].splitlines()[1:] if not line.startswith("#")]
    want = [site.key.under(site.real.issuer_id).installation_id(0, 0, codes.binding_of_machine(site.real.issuer_id, codes.hardware_id(site.real.issuer_id, 0, m.hardware.encode())))
            for m in machines]
    assert {codes.InstallationID.parse(i).binding for i in ids} == {w.binding for w in want}
    assert "pc" not in re.sub(r"^#.*$", "", exported["text"], flags=re.M)
    batch = site.folder / "batch"
    batch.write_text(exported["text"])
    answer = site.folder / "answer"
    site.real.done("confirm", "--batch", batch, "--out", answer)
    site.host.admin_ok("POST", "/counted/import", {"answer": answer.read_text()})
    for m in machines:
        assert m.json("activate", PRODUCT)[0]["perpetual"]


def test_by_telephone(new_site):
    """Digits read out for one machine: the host records them and answers with leases, marked; the same digits for another machine are refused."""
    site = new_site(online=False)
    request, products, chain = (site.folder / name for name in ("host.csr", "products", "chain.pem"))
    request.write_text(site.host.admin_ok("POST", "/host/request", {"name": "test-host"})["request"])
    products.write_text(PRODUCT + "\n")
    site.real.done("certify", request, "--products", products, "--out", chain)
    site.host.admin_ok("POST", "/host/install", {"chain": chain.read_text()})
    machines = [site.machine(n) for n in range(2)]
    ids = []
    for m in machines:
        assert m.activate(site.key, *FACT, code=1)["outcome"] == "pending"
        ids.append(m.json("dti", PRODUCT)["installation_id"])
    # what is read out names the host's pack, too; a machine by itself knows none
    read_out = [" ".join(site.host.admin_ok("POST", "/counted/telephone", {"installation_id": i})["groups"]) for i in ids]
    assert [codes.InstallationID.parse(r).binding for r in read_out] == [codes.InstallationID.parse(i).binding for i in ids]
    digits = site.real.done("--json", "confirm", read_out[0]).json["confirmation_id"]
    assert site.host.admin("POST", "/counted/telephone", {"installation_id": read_out[1], "confirmation_id": digits}).status == 422
    site.host.admin_ok("POST", "/counted/telephone", {"installation_id": read_out[0], "confirmation_id": digits})
    m = machines[0]
    a = m.json("activate", PRODUCT)[0]
    assert (a["outcome"], a["perpetual"]) == ("activated", False)
    s = m.json("status")[0]
    assert s["valid"] and s["telephone"] and not s["perpetual"] and s["key_kept"]
    assert "confirmed by telephone" in m.run("status").stdout
    assert machines[1].json("activate", PRODUCT, code=1)[0]["outcome"] == "pending"
