"""Revocation lists on a real host, made here by another implementation: kept by number, served, heeded by the host and by machines."""

import base64
import datetime
import json

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.serialization import Encoding

from host import Issuer, Machine, OFFICE2013, base64url
from test_muster import Client

COMPROMISE, CESSATION, SUPERSEDED = x509.ReasonFlags.key_compromise, x509.ReasonFlags.cessation_of_operation, x509.ReasonFlags.superseded


def utcnow():
    return datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None, microsecond=0)


def make_list(issuer, number, revoked=(), at=None, days=30):
    """PEM as docs/protocol.md section 10 says; revoked: (certificate, reason, date)."""
    at = at or utcnow()
    mid = x509.load_pem_x509_certificate((issuer.folder / "intermediate-1.pem").read_bytes())
    key = serialization.load_pem_private_key((issuer.folder / "intermediate-1.key").read_bytes(), None)
    builder = x509.CertificateRevocationListBuilder().issuer_name(mid.subject).last_update(at).next_update(at + datetime.timedelta(days=days))
    builder = builder.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(mid.public_key()), False).add_extension(x509.CRLNumber(number), False)
    for cert, reason, when in revoked:
        row = x509.RevokedCertificateBuilder().serial_number(cert.serial_number).revocation_date(when)
        if reason is not None:
            row = row.add_extension(x509.CRLReason(reason), False)
        builder = builder.add_revoked_certificate(row.build())
    return (builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM) + mid.public_bytes(Encoding.PEM)).decode()


def signer_of(host, kid=None):
    chain = host.get("/v1/certificates" + (f"?kid={kid}" if kid else "")).body.decode()
    return x509.load_pem_x509_certificate(chain.encode())


def kid_of(lease):
    head = lease.split(".")[0]
    return json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))["kid"]


def lease_of(host):
    for _ in range(5):
        machine = Machine()
        a = host.activate(machine, OFFICE2013)
    assert a.status == 200, a
    return machine, a.json["lease"]


def install(host, pem):
    return host.admin("POST", "/crl", {"crl": pem})


def test_kept_by_number(new_host):
    """The highest number is kept, over a restart too, and served as it came; what is not a list of this issuer's is refused with its sentence."""
    host = new_host()
    host.certify("office2013")
    assert host.get("/v1/crl").status == 404
    assert host.admin_ok("GET", "/crl") == {"items": []}
    pem = make_list(host.issuer, 5)
    a = install(host, pem)
    assert a.status == 200 and a.json["issuer"] == "main" and a.json["number"] == 5 and a.json["revoked"] == 0 and a.json["stale"] is False, a
    issuer_id = host.get("/v1/host").json["issuers"][0]["issuer_id"]
    for path in ("/v1/crl", f"/v1/crl?issuer={issuer_id}"):
        a = host.get(path)
        assert a.status == 200 and a.headers["Content-Type"] == "application/x-pem-file" and a.body.decode() == pem
    assert host.get("/v1/crl?issuer=2e28138a-847f-42bc-9752-61b03fff33cd").status == 404
    # once more is no change; lower, and another of the same number, are refused
    assert install(host, pem.replace("\n", "\r\n")).status == 200
    for number in (4, 5):
        a = install(host, make_list(host.issuer, number, [(signer_of(host), COMPROMISE, utcnow())]))
        assert a.status != 200 and f"the revocation list has the number {number}; this host knows number 5 of the issuer main already" in a.json["detail"], a
    a = install(host, pem[:100] + ("A" if pem[100] != "A" else "B") + pem[101:])
    assert a.status != 200 and a.json["detail"].startswith("the revocation list"), a
    a = install(host, "-----BEGIN nothing-----\n")
    assert a.status != 200 and "the revocation list is not readable as PEM" in a.json["detail"], a
    host.stop()
    host.start()
    assert host.get("/v1/crl").body.decode() == pem
    (item,) = host.admin_ok("GET", "/crl")["items"]
    assert item["number"] == 5
    rows = [r for r in host.admin_ok("GET", "/journal?limit=1000")["items"] if "revocation list" in (r["detail"] or "")]
    assert len(rows) == 1 and "revocation list 5, 0 certificates" in rows[0]["detail"], rows


@pytest.mark.parametrize("reason,ends", [(COMPROMISE, True), (None, True), (CESSATION, False), (SUPERSEDED, False)], ids=["compromise", "none", "cessation", "superseded"])
def test_revoked_host(new_host, reason, ends):
    """A listed host stops granting at once and says why; what it granted ends by the reason; with a new certificate it goes on."""
    host = new_host()
    host.certify("office2013")
    machine, lease = lease_of(host)
    host.admin_ok("POST", "/crl", {"crl": make_list(host.issuer, 1, [(signer_of(host), reason, utcnow() + datetime.timedelta(seconds=5))])})
    a = host.activate(machine, OFFICE2013)
    assert a.status == 503 and a.code == "0xC004F041" and "The issuer revoked this host's certificate for the product" in a.json["detail"], a
    assert host.products()["office2013"]["certified"] is False
    assert host.listing("office2013")["license_status_text"] == "Unlicensed"
    status = host.admin_ok("GET", "/status")
    assert any("revoked this host's certificate for office2013" in w for w in status["warnings"]), status["warnings"]
    assert status["certificates"][0]["warning"] == "revoked: signs nothing"
    assert "certificate-revoked" in host.logged()
    # the chain is served on, for leases that live
    assert host.get(f"/v1/certificates?kid={kid_of(lease)}").status == 200
    # what the host itself thinks of the old lease: giving it back with its secret
    a = host.post("/v1/release", {"lease": lease, "release": base64url(machine.release)})
    assert (a.status, a.code) == (422, "M-115") if ends else a.status == 200, a
    if ends:
        assert "the certificate of the host that signed the lease was revoked" in a.json["detail"], a
    # and over a restart
    host.stop()
    host.start()
    assert host.activate(machine, OFFICE2013).code == "0xC004F041"
    host.certify("office2013")
    a = host.activate(machine, OFFICE2013)
    assert a.status == 200 and kid_of(a.json["lease"]) != kid_of(lease)


def test_machine(new_host, tmp_path):
    """muster fetches the list with its lease and keeps it; a lease that the stolen key signed is given up, offline too."""
    host = new_host()
    host.certify("office2013")
    lease_of(host)
    client = Client(tmp_path, host)
    client.json("activate", OFFICE2013)
    (status,) = client.json("status", OFFICE2013)
    assert status["valid"] is True and status["crl"] is None
    assert "Revocation list: none known" in client.run("status", OFFICE2013).stdout
    old, chains = client.lease(), {p: p.read_text() for p in (client.state / "chains").glob("*.pem")}
    pem = make_list(host.issuer, 7, [(signer_of(host), COMPROMISE, utcnow())])
    host.admin_ok("POST", "/crl", {"crl": pem})
    host.certify("office2013")
    client.json("activate", OFFICE2013)
    (status,) = client.json("status", OFFICE2013)
    assert status["valid"] is True and status["crl"]["number"] == 7 and status["crl"]["stale"] is False
    assert (client.state / "crl.pem").read_text() == pem
    (client.state / "leases" / f"{OFFICE2013}.jws").write_text(old)
    for path, text in chains.items():
        path.write_text(text)
    host.stop()
    out = client.run("--json", "status", OFFICE2013).stdout
    (status,) = json.loads(out)
    assert status["valid"] is False
    assert "the certificate of the host that signed the lease was revoked" in status["reason"], status


def test_from_the_issuer(new_host, tmp_path):
    """muster-issuer revokes a certificate and makes the list; the host takes the file; its numbers rise, and another host of the issuer is not concerned."""
    host, other = new_host(), new_host()
    host.certify("office2013")
    other.certify("office2013")
    kid = host.admin_ok("GET", "/status")["certificates"][0]["kid"]
    host.issuer.run("revoke", "certificate", kid, "--reason", "key-compromise")
    numbers = []
    for n in range(2):
        host.issuer.run("crl", "--out", str(tmp_path / f"{n}.crl"))
        numbers.append(install(host, (tmp_path / f"{n}.crl").read_text()).json["number"])
    assert numbers[1] == numbers[0] + 1
    assert install(other, (tmp_path / "1.crl").read_text()).status == 200
    a = host.activate(Machine(), OFFICE2013)
    assert a.code == "0xC004F041" and "(key-compromise)" in a.json["detail"], a
    assert lease_of(other)
    # an independent reader agrees about what the file says
    entry = x509.load_pem_x509_crl((tmp_path / "1.crl").read_bytes()).get_revoked_certificate_by_serial_number(signer_of(host, kid).serial_number)
    assert entry.extensions.get_extension_for_class(x509.CRLReason).value.reason == COMPROMISE


def test_new_root(new_host, tmp_path):
    """muster-issuer announces a root; the host learns it under the old one, and takes a certificate made under the new one, over a restart too."""
    issuer = Issuer(tmp_path / "issuer")
    host = new_host(issuer=issuer)
    host.certify("office2013")
    issuer.run("roots", "announce", "--out", str(tmp_path / "roots.jwt"))
    issuer.run("roots", "switch")
    request = host.admin_ok("POST", "/host/request", {"name": "host"})["request"]
    chain = issuer.certify(request, [OFFICE2013])
    a = host.admin("POST", "/host/install", {"chain": chain})
    assert a.status != 200 and "does not verify under the pinned issuer" in a.json["detail"], a
    token = (tmp_path / "roots.jwt").read_text()
    assert host.admin_ok("POST", "/host/roots", {"roots": token}) == {"issuer": "main", "added": 1}
    assert host.admin_ok("POST", "/host/roots", {"roots": token}) == {"issuer": "main", "added": 0}
    host.admin_ok("POST", "/host/install", {"chain": chain})
    a = host.admin("POST", "/host/roots", {"roots": token[:-9] + "A" + token[-8:]})
    assert a.status != 200 and "the announcement of roots" in a.json["detail"], a
    host.stop()
    host.start()
    assert len(host.admin_ok("GET", "/status")["certificates"]) == 2
    assert any("roots announced" == r["action"] for r in host.admin_ok("GET", "/journal?limit=1000")["items"])
