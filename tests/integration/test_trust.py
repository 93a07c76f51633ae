"""Leases and certificates as others see them: openssl, python3-jwt, an injected clock, libmuster three hours behind."""

import base64
import datetime
import hashlib
import json
import os
import re
import subprocess

import jwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from host import Machine, OFFICE2013, PATIENCE, Host, Issuer, claims_of, eventually, folder, now_text, program

DAY = 86400


def activated(host, shift=0):
    """A lease of Office, after enough machines."""
    for _ in range(5):
        machine = Machine()
        a = host.activate(machine, OFFICE2013, time=now_text(shift))
    assert a.status == 200, a
    return machine, a.json["lease"]


def kid_of(lease):
    head = lease.split(".")[0]
    return json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))["kid"]


def split_pem(text):
    return re.findall(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----\n?", text, re.S)


def test_lease_is_accepted_by_jwt_with_a_key_that_openssl_verifies(new_host, tmp_path):
    """A chain that `openssl verify` accepts up to issuer.pem; with its key python3-jwt accepts the lease (leeway 4 h)."""
    host = new_host()
    host.certify("office2013", "windows")
    machine, lease = activated(host)
    a = host.get(f"/v1/certificates?kid={kid_of(lease)}")
    assert a.status == 200 and a.headers["Content-Type"] == "application/pem-certificate-chain"
    chain = split_pem(a.body.decode())
    assert len(chain) == 2
    (tmp_path / "signer.pem").write_text(chain[0])
    (tmp_path / "intermediate.pem").write_text(chain[1])
    done = subprocess.run(["openssl", "verify", "-x509_strict", "-CAfile", str(host.issuer.root), "-untrusted", str(tmp_path / "intermediate.pem"), str(tmp_path / "signer.pem")],
                          capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0 and done.stdout.strip().endswith("OK"), done
    signer = x509.load_pem_x509_certificate(chain[0].encode())
    assert base64.urlsafe_b64encode(hashlib.sha256(signer.public_bytes(Encoding.DER)).digest()).rstrip(b"=").decode() == kid_of(lease)
    names = signer.extensions.get_extension_for_class(x509.SubjectAlternativeName).value.get_values_for_type(x509.UniformResourceIdentifier)
    claims = jwt.decode(lease, signer.public_key(), algorithms=["ES256"], audience=f"urn:uuid:{OFFICE2013}", leeway=4 * 3600,
                        issuer=f"urn:uuid:{host.get('/v1/host').json['issuers'][0]['issuer_id']}")
    assert claims["aud"] in names and len(names) == 2
    assert claims["sub"] == f"urn:uuid:{machine.client_id}"
    assert claims["hw"] == machine.hardware
    assert claims["jti"].startswith(host.get("/v1/host").json["host_id"] + ".")
    assert claims["nbf"] == claims["iat"] and claims["renew"] == 7 * DAY
    with pytest.raises(jwt.InvalidSignatureError):
        jwt.decode(lease[:-8] + ("A" if lease[-8] != "A" else "B") + lease[-7:], signer.public_key(), algorithms=["ES256"], audience=f"urn:uuid:{OFFICE2013}")


def test_certificates_are_served_by_kid_and_all(new_host):
    host = new_host()
    a = host.get("/v1/certificates")
    assert a.status == 404 and a.code == "M-117"
    host.certify("office2013")
    host.certify("office2013", "windows")
    everything = split_pem(host.get("/v1/certificates").body.decode())
    assert len(everything) == 4
    kids = {c["kid"] for c in host.admin_ok("GET", "/status")["certificates"]}
    assert len(kids) == 2
    for kid in kids:
        assert len(split_pem(host.get(f"/v1/certificates?kid={kid}").body.decode())) == 2
    assert host.get("/v1/certificates?kid=short").json["field"] == "kid"
    assert host.get("/v1/certificates?kid=" + "A" * 43).status == 404
    assert host.get("/v1/crl").status == 404
    assert host.get("/v1/crl?issuer=x").status == 400


def test_end_of_a_host_certificate(new_host):
    """From day 520 a warning (12292); leases end with the certificate; under a day left nobody is activated; a successor ends it all."""
    host = new_host(clock=True)
    host.certify("office2013")
    activated(host)
    end = datetime.datetime.fromisoformat(host.listing("office2013")["ends_at"].replace("Z", "+00:00")).timestamp()
    now = datetime.datetime.now(datetime.timezone.utc).timestamp()
    assert 729 * DAY < end - now <= 730 * DAY

    # 100 days before the end: leases of 180 days are shortened, and administrators are told.
    shift = end - now - 100 * DAY
    host.shift(shift)
    _, lease = activated(host, shift)
    claims = claims_of(lease)
    assert claims["exp"] == end and 99 * DAY < claims["exp"] - claims["iat"] <= 100 * DAY
    eventually(lambda: [line for line in host.lines("renewal") if "id=12292" in line and "office2013" in line], "event 12292")
    assert any("office2013" in w for w in host.admin_ok("GET", "/status")["warnings"])

    # Twelve hours before the end.
    shift = end - now - DAY / 2
    host.shift(shift)
    a = host.activate(Machine(), OFFICE2013, time=now_text(shift))
    assert a.status == 503 and a.code == "0xC004F041", a
    assert host.listing("office2013")["license_status_text"] == "Unlicensed"

    # After the end; the chain is served no longer, and a successor ends it all.
    shift = end - now + DAY
    host.shift(shift)
    assert host.get("/v1/certificates").status == 404


def test_successor_takes_over(new_host):
    """Two certificates: the longest living signs; leases under the older one live on and are known on renewal."""
    host = new_host()
    host.certify("office2013")
    machine, lease = activated(host)
    host.certify("office2013")
    a = host.activate(machine, OFFICE2013, lease=lease)
    assert a.status == 200
    assert host.get(f"/v1/certificates?kid={kid_of(lease)}").status == 200


def test_certificate_of_another_issuer_or_product_is_refused(new_host):
    host = new_host()
    request = host.admin_ok("POST", "/host/request", {})["request"]
    with folder() as path:
        other = Issuer(path / "other")
        a = host.admin("POST", "/host/install", {"chain": other.certify(request, [OFFICE2013])})
        assert a.status == 400 and a.code == "M-121", a
    a = host.admin("POST", "/host/install", {"chain": host.issuer.certify(request, ["11111111-1111-4111-8111-111111111111"])})
    assert a.status == 400 and "11111111-1111-4111-8111-111111111111" in a.json["detail"], a
    with folder() as path:
        second = Host(path / "second", host.issuer).start()
        try:
            theirs = second.admin_ok("POST", "/host/request", {})["request"]
        finally:
            second.close()
    a = host.admin("POST", "/host/install", {"chain": host.issuer.certify(theirs, [OFFICE2013])})
    assert a.status == 400 and "key" in a.json["detail"], a
    assert host.activate(Machine(), OFFICE2013).code == "0xC004F041"


@pytest.mark.parametrize("hours", [-3, 3])
def test_muster_three_hours_apart(new_host, hours):
    """A client whose clock is three hours behind (or ahead) is activated, verifies its lease and keeps it."""
    host = new_host(more="[product office2013]\nminimum_count = 1\n")
    host.certify("office2013")
    with folder() as path:
        (path / "clock").write_text(f"{hours * 3600 * 1000}\n")
        env = dict(os.environ, MUSTER_TEST_CLOCK=str(path / "clock"))
        common = [program("tests/integration/muster-clock"), "--state", str(path / "m"), "--issuer", str(host.issuer.root), "--hardware", "hw", "--host", f"127.0.0.1:{host.port}"]
        done = subprocess.run([*common, "activate", OFFICE2013], capture_output=True, text=True, timeout=PATIENCE, env=env)
        assert done.returncode == 0, done
        done = subprocess.run([*common, "status", OFFICE2013], capture_output=True, text=True, timeout=PATIENCE, env=env)
        assert done.returncode == 0 and "Licensed" in done.stdout, done


def test_clock_that_went_back_grants_nothing_until_accepted(new_host):
    """Host: now < latest event − 5 min: no grants, 0xC004F06C; `clock accept` (audited) ends it (trust.md section 11)."""
    host = new_host(clock=True, more="[product office2013]\nminimum_count = 1\n")
    host.certify("office2013")
    host.shift(3600)
    assert host.activate(Machine(), OFFICE2013, time=now_text(3600)).status == 200
    host.stop()
    host.shift(0)
    host.start()
    a = host.activate(Machine(), OFFICE2013)
    assert a.status == 422 and a.code == "0xC004F06C", a
    assert host.get("/readyz").status == 503
    assert host.admin_ok("GET", "/status")["clock"]["held"]
    host.admin_ok("POST", "/clock/accept", {})
    assert host.activate(Machine(), OFFICE2013).status == 200
    assert host.get("/readyz").status == 200
    assert host.admin_ok("GET", "/journal")["items"][-1]["action"] == "clock accepted"
