"""Certifying a host by request and certificate, reloading its configuration, and what status says (trust.md sections 1, 2)."""

import os
import re
import signal
import stat
import subprocess

import pytest

from administrator import FAILED, Administrator, muster, run
from host import OFFICE2010, OFFICE2013, Issuer, Machine, eventually, folder, plugin_path, program

OFFICE2010_INI = f"""
[product office2010]
like = office2013
name = Office 2010
activation_id = {OFFICE2010}
pool = office2010
"""


@pytest.fixture
def work(tmp_path):
    """certify(request, products, issuer): the path of a chain, made with muster-issuer as a publisher does."""
    def certify(issuer, request, *products, days=None):
        certify.made += 1
        chain = tmp_path / f"chain-{certify.made}.pem"
        (tmp_path / "products.txt").write_text("".join(f"{p}\n" for p in products))
        issuer.run("certify", str(request), "--products", str(tmp_path / "products.txt"), "--out", str(chain),
                   *(["--days", str(days)] if days else []))
        return str(chain)
    certify.folder, certify.made = tmp_path, 0
    return certify


@pytest.fixture(scope="module")
def stranger():
    """Another publisher."""
    with folder() as path:
        yield Issuer(path / "issuer")


def test_request_certify_install_in_the_words_administrators_know(new_host, work):
    """The whole way with the real programs: request to a file, muster-issuer, install; then machines are activated and `muster
    verify` accepts the lease with nothing but issuer.pem."""
    host = new_host()
    admin = Administrator(host)
    request = work.folder / "host.csr"
    said = admin.ok("host", "request", "--out", str(request))
    assert said.startswith(f"Certificate request written to {request}.\nNext, at the issuer: muster-issuer certify {request} ")
    assert request.read_text().startswith("-----BEGIN CERTIFICATE REQUEST-----\n")
    assert admin.ok("host", "request").startswith("-----BEGIN CERTIFICATE REQUEST-----\n")
    assert admin.json("host", "request")["request"].startswith("-----BEGIN CERTIFICATE REQUEST-----")
    windows = host.activation_id("windows")
    said = admin.ok("host", "install", work(host.issuer, request, OFFICE2013, windows))
    assert re.fullmatch(r"office2013: Product activated successfully\.\nwindows: Product activated successfully\.\n"
                        r"The certificate ends \d+/\d+/\d{4} \d+:\d\d:\d\d [AP]M\.\n", said), said
    assert {p["product"] for p in admin.items("products") if p["certified"]} == {"office2013", "windows"}
    certificate, = admin.json("status")["certificates"]
    assert certificate["products"] == ["office2013", "windows"] and certificate["warning"] is None
    assert [muster(host, f"pc-{n}", "activate", "office2013").status for n in range(5)] == [1, 1, 1, 1, 0]
    assert muster(host, "pc-4", "verify").status == 0


def test_installing_twice_changes_nothing_and_a_second_certificate_joins_the_first(new_host, work):
    """The same chain again: done. A chain for more products: both stand, the host serves all."""
    host = new_host()
    admin = Administrator(host)
    request = work.folder / "host.csr"
    admin.ok("host", "request", "--out", str(request))
    first = work(host.issuer, request, OFFICE2013)
    admin.ok("host", "install", first)
    admin.ok("host", "install", first)
    assert len(admin.json("status")["certificates"]) == 1
    admin.ok("host", "install", work(host.issuer, request, host.activation_id("windows")))
    assert sorted(sum((c["products"] for c in admin.json("status")["certificates"]), [])) == ["office2013", "windows"]
    assert {p["product"] for p in admin.items("products") if p["certified"]} == {"office2013", "windows"}


def test_wrong_certificates_are_refused_with_the_reason(new_host, stranger, work):
    """Another host's key, another publisher's issuer, a product this host has not, no certificate at all, half of one: each
    message says which; nothing is installed, no product becomes certified."""
    host, other = new_host(), new_host()
    admin = Administrator(host)
    mine, theirs = work.folder / "mine.csr", work.folder / "theirs.csr"
    sentence = admin.refused("host", "install", work(host.issuer, request_of(other, theirs), OFFICE2013))
    assert "this host has no key yet; make a request first" in sentence
    admin.ok("host", "request", "--out", str(mine))
    for chain, reason in (
            (work(host.issuer, theirs, OFFICE2013), "the certificate was made for another key"),
            (work(stranger, mine, OFFICE2013), "issuer main: the certificate chain does not verify under the pinned issuer"),
            (work(host.issuer, mine, OFFICE2013, OFFICE2010), f"names the activation ID {OFFICE2010}, which no product of this host has"),
            (write(work, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"), "certificate"),
            (write(work, "office2013\n"), "certificate"),
            (write(work, (work.folder / "mine.csr").read_text()), "certificate"),
            (write(work, open(host.issuer.root).read()), "certificate")):
        sentence = admin.refused("host", "install", chain)
        assert reason in sentence, sentence
    leaf = open(work(host.issuer, mine, OFFICE2013)).read().split("-----END CERTIFICATE-----\n")[0] + "-----END CERTIFICATE-----\n"
    assert admin.refused("host", "install", write(work, leaf))
    assert admin.refused("host", "install", write(work, "x" * 20000))
    assert not any(p["certified"] for p in admin.items("products")) and admin.json("status")["certificates"] == []
    assert [j["object"] for j in admin.items("journal")] == ["host"], "the request is the only act"


def request_of(host, path):
    Administrator(host).ok("host", "request", "--out", str(path))
    return path


def write(work, text):
    path = work.folder / "wrong.pem"
    path.write_text(text)
    return str(path)


def test_a_request_file_is_written_whole_or_not_at_all(new_host, work):
    """--out replaces an old request; a folder that cannot be written is named and nothing is left."""
    host = new_host()
    admin = Administrator(host)
    path = work.folder / "host.csr"
    path.write_text("old")
    admin.ok("host", "request", "--out", str(path))
    assert path.read_text().count("BEGIN CERTIFICATE REQUEST") == 1 and "old" not in path.read_text()
    admin.refused("host", "request", "--out", str(work.folder))
    assert sorted(f.name for f in work.folder.iterdir()) == ["host.csr"]


def test_a_short_certificate_is_warned_of(new_host, work):
    """A certificate shorter than the product's leases and 30 days: installed, with a warning then and in status."""
    host = new_host()
    admin = Administrator(host)
    request = request_of(host, work.folder / "host.csr")
    said = admin.ok("host", "install", work(host.issuer, request, OFFICE2013, days=100))
    assert "Warning: The certificate for office2013 ends " in said
    assert "Warning: The certificate for office2013 ends " in admin.ok("status")
    assert admin.items("dlv", OFFICE2013)[0]["license_status_text"] == "Licensed"


# --- reload ---

def test_reload_says_what_changed(new_host):
    """Numbers and texts of the host, limits, a product's own number, a product file that came and one that went; in force at once."""
    host = new_host()
    host.certify("office2013")
    admin = Administrator(host)
    assert admin.ok("reload") == "The configuration is in force.\n"
    host.configure(host="clock_skew = 2h\ncontact = mailto:help@example.org", limits="burst = 300",
                   more="[product office2013]\nminimum_count = 2\n", products=OFFICE2010_INI)
    said = admin.ok("reload")
    for line in ("changed [host] clock_skew: 14400 -> 7200", "changed [host] contact: (none) -> mailto:help@example.org", "changed [limits] burst: 200 -> 300"):
        assert f"{line}\n" in said, said
    assert re.search(r"(?m)^.*office2013.*minimum_count.*5.*2", said) and re.search(r"(?m)^.*added.*office2010|office2010.*added", said), said
    assert said.endswith("\nThe configuration is in force.\n")
    assert host.activate(Machine(), OFFICE2013).status == 202 and host.activate(Machine(), OFFICE2013).status == 200
    assert next(p for p in admin.items("products") if p["product"] == "office2013")["minimum_count"] == 2
    assert not next(p for p in admin.items("products") if p["product"] == "office2010")["certified"]
    host.configure()
    assert re.search(r"(?m)^.*(removed.*office2010|office2010.*removed)", admin.ok("reload"))
    assert host.activate(Machine(), OFFICE2010).code == "0xC004F042"


def test_what_needs_a_start_is_said(new_host):
    """A changed listen is named with "takes effect at the next start"; the old address goes on serving."""
    host = new_host()
    host.configure(listen="127.0.0.1:0, [::1]:0" if os.path.exists("/proc/net/if_inet6") else "127.0.0.2:0")
    said = Administrator(host).ok("reload")
    assert re.search(r"(?m)^changed \[host\] listen: .* \(takes effect at the next start\)$", said), said
    assert host.get("/healthz").status == 200


def test_a_wrong_configuration_is_refused_and_the_old_one_stays(new_host):
    """reload: exit 1 with the first fault's file and line; numbers, products and clients as before; SIGHUP the same; mended: taken."""
    host = new_host(more="[product office2013]\nminimum_count = 1\n")
    host.certify("office2013")
    admin = Administrator(host)
    before = admin.items("products")
    host.configure(host="activation_interval = 1min", more="[product office2013]\nminimum_count = 0\n")
    line = (host.folder / "muster.conf").read_text().splitlines().index("activation_interval = 1min") + 1
    sentence = admin.refused("reload")
    assert f"muster.conf:{line}: [host] activation_interval: 1min is below 15min" in sentence and "2 faults" in sentence, sentence
    assert admin.items("products") == before and host.activate(Machine(), OFFICE2013).status == 200
    host.process.send_signal(signal.SIGHUP)
    eventually(lambda: len(host.lines("reload_refused")) >= 2, "the daemon has refused the file again")
    assert admin.items("products") == before
    host.configure(more="[product office2013]\nminimum_count = 1\n", host="contact = mailto:a@example.org")
    assert "contact" in admin.ok("reload")


def test_a_reload_with_a_broken_plugin_keeps_the_old_set(new_host):
    """A plugin whose file is gone: refused by name, the loaded ones go on."""
    host = new_host()
    host.certify("office2013")
    admin = Administrator(host)
    missing = host.folder / "none.so"
    host.configure(plugins=("office2013",), more=f"[plugin windows]\npath = {missing}\n")
    assert str(missing) in admin.refused("reload")
    assert {p["state"] for p in admin.items("plugins")} == {"loaded"} and len(admin.items("plugins")) == 5


# --- status ---

def test_status_is_the_host_at_one_glance(host):
    """Name, version, where it listens, certificates with their end, ledger, disk; JSON and text from the same."""
    admin = Administrator(host)
    host.activate(Machine(), OFFICE2013)
    eventually(lambda: admin.json("status")["ledger"]["log_bytes"], "the state thread has measured the files")
    s = admin.json("status")
    version = run(program("musterd"), "--version").out.split()[1]
    assert (s["name"], s["version"], s["state"], s["activated"], s["listen"]) == ("test-host", version, "ready", True, [f"127.0.0.1:{host.port}"])
    assert s["host_id"] == s["ledger"]["id"] and s["ledger"]["last_seq"] >= 1 and s["ledger"]["last_commit"]
    assert s["disk"]["free"] > s["disk"]["floor"] > 0 and s["disk"]["low"] is False and s["clock"] == {"held": False, "reason": None}
    text = admin.ok("status")
    assert text.startswith(f"Host test-host, version {version}: ready, activated\nListening on 127.0.0.1:{host.port}\nCertificate ")
    assert s["certificates"][0]["kid"] in text and f"Ledger {s['host_id']}: event " in text and "\nDisk: " in text
