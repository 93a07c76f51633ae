"""muster-issuer's books as a publisher keeps them: products, keys, packs, limits, revocation, rotation, backup, audit; and what is refused."""

import base64
import csv
import io
import json
import os
import re
import shutil
import sqlite3
import subprocess
import uuid

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import NameOID

from publisher import BUILD, OFFICE, PROGRAM, Host, Publisher, codes, machine, verifies

ESU = "98ebfe73-2084-4c97-932c-c0cd1643bea7"
PASSPHRASE = "correct horse battery"


@pytest.fixture(scope="module")
def publisher(tmp_path_factory):
    p = Publisher(tmp_path_factory.mktemp("publisher"))
    for arguments in (
        ("product", "add", "office2013", "--activation-id", OFFICE, "--title", "Office 2013"),
        ("product", "add", "esu", "--activation-id", ESU, "--title", "Extended updates, first year", "--coverage-start", "2025-10-15", "--coverage-end", "2026-10-14"),
        ("agreement", "add", "EA-4711", "--programme", "enterprise", "--organisation", "example", "--name", "Example GmbH", "--license-id", "L-1"),
        ("contact", "set", "Germany", "--telephone", "+49 30 5550100", "--hours", "Mo-Fr 8-18"),
        ("contact", "service", "https://activation.example.com"),
    ):
        done = p(*arguments)
        assert done.code == 0, done
    return p


def agreement(publisher, number):
    done = publisher("--json", "agreement", "add", number, "--programme", "open", "--organisation", "example")
    assert done.code == 0, done
    return number


def mint(publisher, number, kind="host", products="office2013", *more):
    done = publisher("--json", "key", "mint", "--kind", kind, "--agreement", number, "--products", products, *more)
    assert done.code == 0, done
    return done.json


def create(publisher, number, tmp_path, *more):
    """A pack as file and, read without checking anything, its payload."""
    out = tmp_path / f"{uuid.uuid4()}.pack"
    done = publisher("--json", "pack", "create", "--agreement", number, "--out", out, *more)
    assert done.code == 0, done
    text = out.read_text()
    assert text.count("\n") == 1 and text.endswith("\n")
    return out, json.loads(unb64(text.split(".")[1])), done.json


def unb64(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def issuer_events(publisher):
    return [row["event"] for row in publisher("--json", "audit").json]


def test_from_key_to_digits(publisher, tmp_path):
    """A key, its pack, an Installation ID from it: the Confirmation ID opens a slot of the pack, whose certificate verifies and signs leases only."""
    number = agreement(publisher, "EA-flow")
    minted = mint(publisher, number)
    key = codes.Key.parse(minted["key"]).under(publisher.issuer_id)
    assert key.key.number == minted["number"] and minted["partial"] == key.key.partial() and minted["hosts"] == 6 and minted["activations"] == 10
    path, pack, shown = create(publisher, number, tmp_path)
    (k,) = pack["keys"]
    pack_id = uuid.UUID(pack["jti"].removeprefix("urn:uuid:")).bytes
    assert pack["iss"] == f"urn:uuid:{uuid.UUID(bytes=publisher.issuer_id)}" and pack["issue"] == 1 and pack["organisation"]["name"] == "Example GmbH"
    assert k["number"] == minted["number"] and k["generation"] == 1 and len(k["slots"]) == 6 * 10 + 20
    assert unb64(k["verifier"]) == key.verifier(pack_id)
    assert "BEGIN X509 CRL" in pack["crl"]
    assert [c["telephone"] for c in shown["contacts"]] == ["+49 30 5550100"] and shown["service"] == "https://activation.example.com"
    iid = key.installation_id(1, 0, machine(1))
    answer = publisher.telephone(iid, "--name", "kms1").json
    secret = key.open(iid, codes.ConfirmationID.parse(answer["confirmation_id"]))
    slot = key.slot(pack_id, 1, 0, secret)
    opened = slot.open(unb64(k["slots"][0]))
    pkcs8, der = opened
    certificate = x509.load_der_x509_certificate(der)
    private = serialization.load_der_private_key(pkcs8, None)
    assert private.public_key().public_numbers() == certificate.public_key().public_numbers()
    assert certificate.subject.get_attributes_for_oid(NameOID.SERIAL_NUMBER)[0].value == f"{minted['number']}-1-0"
    uris = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value.get_values_for_type(x509.UniformResourceIdentifier)
    assert uris == [f"urn:uuid:{OFFICE}"]
    chain = certificate.public_bytes(serialization.Encoding.PEM).decode() + (publisher.dir / "intermediate-1.pem").read_text()
    assert verifies(publisher, chain)
    with pytest.raises(codes.Refused):
        key.slot(pack_id, 1, 1, secret).open(unb64(k["slots"][1]))
    # the digits' words are in the books
    (row,) = [r for r in publisher("--json", "list", "confirmations").json if r["number"] == minted["number"]]
    assert row["method"] == "telephone" and row["name"] == "kms1" and row["slot"] == 0
    (holder,) = publisher("--json", "key", "show", minted["number"]).json["holders"]
    assert holder["name"] == "kms1" and holder["activations"] == 1


def test_next_pack(publisher, tmp_path):
    """Another pack is another issue and generation with other slots, and has what was minted meanwhile."""
    number = agreement(publisher, "EA-next")
    first = mint(publisher, number, "host", "office2013", "--hosts", 2, "--activations", 3)
    _, one, _ = create(publisher, number, tmp_path)
    mak = mint(publisher, number, "mak", "office2013", "--activations", 30)
    embedded = mint(publisher, number, "embedded")
    _, two, shown = create(publisher, number, tmp_path)
    assert (one["issue"], two["issue"]) == (1, 2) and one["jti"] != two["jti"]
    keys = {k["number"]: k for k in two["keys"]}
    assert keys[first["number"]]["generation"] == 2 and len(keys[first["number"]]["slots"]) == 26
    assert not set(one["keys"][0]["slots"]) & set(keys[first["number"]]["slots"])
    assert keys[mak["number"]]["generation"] == 1 and "slots" not in keys[mak["number"]]
    finders = keys[mak["number"]]["finders"]
    assert len(finders) == 50 if isinstance(finders, list) else len(unb64(finders)) == 50 * 16
    assert "proof_key" in keys[embedded["number"]] and "proof_key" not in keys[mak["number"]]
    listed = {k["number"]: k for k in shown["keys"]}
    assert listed[mak["number"]]["finders"] == 50 and listed[embedded["number"]]["slots"] == 0
    # digits made with the former pack are void, and said to be
    key = codes.Key.parse(first["key"]).under(publisher.issuer_id)
    old = publisher.telephone(key.installation_id(1, 0, machine(1)))
    assert old.code == 1 and "pack" in old.err
    assert publisher.telephone(key.installation_id(2, 0, machine(1))).code == 0
    # a key that is revoked is in no further pack
    assert publisher("revoke", first["number"], "--reason", "superseded").code == 0
    _, three, _ = create(publisher, number, tmp_path)
    assert first["number"] not in [k["number"] for k in three["keys"]]
    assert {k["generation"] for k in three["keys"] if k["number"] == embedded["number"]} == {1}
    rows = publisher("--json", "pack", "list", "--agreement", number).json
    assert [r["issue"] for r in rows] == [1, 2, 3]


def test_pack_show(publisher, tmp_path):
    number = agreement(publisher, "EA-show")
    mint(publisher, number)
    path, pack, shown = create(publisher, number, tmp_path)
    for which in (path, shown["pack_id"], number):
        done = publisher("--json", "pack", "show", which)
        assert done.json == shown, which
    again = tmp_path / "again.pack"
    assert publisher("pack", "show", number, "--out", again).code == 0 and again.read_bytes() == path.read_bytes()
    text = publisher("pack", "show", path).out
    assert "Agreement: EA-show (open), issue 1" in text and "6 hosts, 10 activations each" in text
    out = publisher("pack", "create", "--agreement", number).out
    assert out.count(".") == 2 and out.endswith("\n")
    bad = tmp_path / "bad.pack"
    bad.write_text(path.read_text()[:-40])
    done = publisher("pack", "show", bad)
    assert done.code == 1 and done.out == "" and done.err.startswith("muster-issuer: ")
    assert "neither a file" in publisher("pack", "show", "EA-none").err
    # an existing file is not overwritten, and then no pack is made
    done = publisher("pack", "create", "--agreement", number, "--out", path)
    assert done.code == 1 and "is there already; no pack was made" in done.err
    assert len(publisher("--json", "pack", "list", "--agreement", number).json) == 2


def test_keys_are_shown_whole_only_on_request(publisher):
    number = agreement(publisher, "EA-whole")
    minted = mint(publisher, number)
    whole = minted["key"]
    looks = issuer_events(publisher).count("key-shown")
    for arguments in (("key", "list"), ("key", "show", minted["number"]), ("list", "keys"), ("show", "key", minted["number"]), ("export",), ("audit",),
                      ("export", "keys", "--format", "csv")):
        for json_too in ((), ("--json",)):
            done = publisher(*json_too, *arguments)
            assert done.code == 0 and whole not in done.out and whole.replace("-", "") not in done.out, arguments
    assert issuer_events(publisher).count("key-shown") == looks
    assert f"Product key: {whole}\n" in publisher("key", "show", minted["number"], "--whole").out
    assert publisher("--json", "key", "show", minted["number"], "--whole").json["key"] == whole
    assert issuer_events(publisher).count("key-shown") == looks + 2
    # nor do the books hold it
    for name in ("books.db", "books.db-wal"):
        if (publisher.dir / name).exists():
            raw = (publisher.dir / name).read_bytes()
            assert whole.encode() not in raw and whole.replace("-", "").encode() not in raw


def test_kinds_and_limits_of_keys(publisher):
    number = agreement(publisher, "EA-kinds")
    for kind, more, want in (
        ("host", (), {"hosts": 6, "activations": 10}), ("mak", ("--activations", 300), {"hosts": 0, "activations": 300}), ("setup", (), {"hosts": 0, "activations": 0}),
        ("embedded", (), {}), ("access", (), {}),
    ):
        k = mint(publisher, number, kind, "office2013", *more)
        assert k["kind"] == kind and {n: k[n] for n in want} == want and k["state"] == "active" and k["generation"] == 0
    k = mint(publisher, number, "esu-mak", "esu", "--activations", 5)
    assert k["coverage_start"] == "2025-10-15T00:00:00Z" and k["coverage_end"] == "2026-10-14T00:00:00Z"
    k = mint(publisher, number, "esu-mak", "esu", "--activations", 5, "--coverage-start", "2027-01-01", "--coverage-end", "2028-01-01T12:00:00Z")
    assert k["coverage_start"] == "2027-01-01T00:00:00Z" and k["coverage_end"] == "2028-01-01T12:00:00Z"
    numbers = [k["number"] for k in publisher("--json", "key", "list", "--agreement", number).json]
    assert len(set(numbers)) == 7 and max(numbers) < 2**30


@pytest.mark.parametrize("arguments, message", [
    (("key", "mint", "--kind", "mak", "--agreement", "EA-4711", "--products", "office2013"), "--activations N"),
    (("key", "mint", "--kind", "mak", "--agreement", "EA-4711", "--products", "office2013", "--activations", "5", "--hosts", "2"), "has no --hosts"),
    (("key", "mint", "--kind", "setup", "--agreement", "EA-4711", "--products", "office2013", "--activations", "5"), "counts no --activations"),
    (("key", "mint", "--kind", "host", "--agreement", "EA-4711", "--products", "office2013", "--hosts", "101"), "mint two keys"),
    (("key", "mint", "--kind", "host", "--agreement", "EA-9", "--products", "office2013"), "no agreement EA-9"),
    (("key", "mint", "--kind", "host", "--agreement", "EA-4711", "--products", "office2013,sql"), "no product sql"),
    (("key", "mint", "--kind", "host", "--agreement", "EA-4711", "--products", "office2013,office2013"), "names office2013 twice"),
    (("key", "mint", "--kind", "host", "--agreement", "EA-4711", "--products", "office2013,"), "list of names"),
    (("key", "mint", "--kind", "host", "--agreement", "EA-4711", "--products", "office2013", "--coverage-start", "2026-01-01"), "only an ESU MAK"),
    (("key", "mint", "--kind", "esu-mak", "--agreement", "EA-4711", "--products", "office2013", "--activations", "5"), "give the product office2013 a coverage"),
    (("key", "mint", "--kind", "esu-mak", "--agreement", "EA-4711", "--products", "esu", "--activations", "5", "--coverage-start", "2027-01-01", "--coverage-end", "2026-01-01"),
     "--coverage-end is not after"),
    (("key", "show", "0x12"), "is not a key's number"), (("key", "show", "4294967296"), "is not a key's number"), (("key", "show", "5"), "no key has the number 5"),
    (("product", "add", "office2013", "--activation-id", OFFICE, "--title", "x"), "change it with --replace"),
    (("product", "add", "other", "--activation-id", OFFICE, "--title", "x"), "the product office2013's"),
    (("product", "add", "office2013", "--activation-id", str(uuid.uuid4()), "--title", "x"), "another product is called office2013"),
    (("product", "add", "x", "--activation-id", "123", "--title", "x"), "not an activation ID"),
    (("product", "add", "a b", "--activation-id", OFFICE, "--title", "x"), "letters, digits"),
    (("product", "add", "x", "--activation-id", OFFICE, "--title", "a\nb"), "control character"),
    (("product", "add", "x", "--activation-id", OFFICE, "--title", "x" * 256), "at most 255"),
    (("product", "add", "x", "--activation-id", str(uuid.uuid4()), "--title", "x", "--coverage-start", "2026-01-02", "--coverage-end", "2026-01-02"), "not after"),
    (("agreement", "add", "EA-4711", "--programme", "x", "--organisation", "example"), "in the books already"),
    (("agreement", "add", "EA-5", "--programme", "x", "--organisation", "nobody"), "name it with --name"),
    (("contact", "set", "Mars"), "say how to reach you"), (("contact", "remove", "Mars"), "no contact for Mars"),
    (("contact", "service", "http://activation.example.com"), "begins with https://"),
    (("pack", "create", "--agreement", "EA-9"), "no agreement EA-9"),
    (("pack", "create", "--agreement", "EA-4711"), "has no active key"),
    (("pack", "create", "--agreement", "EA-4711", "--host-binding", "00"), "20 hexadecimal digits"),
    (("allow", "5", "--reason", "x"), "say what to allow"), (("allow", "5", "--hosts", "7", "--reason", "x"), "no key has the number 5"),
    (("revoke", "5", "--reason", "because"), "one of key-compromise"), (("revoke", "5", "--reason", "superseded"), "no key has the number 5"),
    (("revoke", "root", "5", "--reason", "superseded"), "cannot be revoked"), (("revoke", "certificate", "99", "--reason", "superseded"), "no certificate has"),
    (("show", "moon", "5"), "cannot be shown"), (("show", "agreement", "EA-9"), "no agreement EA-9"),
    (("export", "keys"), "--format csv"), (("export", "--format", "csv"), "say which"), (("export", "moon", "--format", "csv"), "say which"),
    (("export", "keys", "--format", "csv", "--with-keys"), "only under a passphrase"),
    (("backup", "/nonexistent/books.db"), "No such file"), (("audit", "verify", "--expect", "x"), "SEQ:HASH"), (("roots", "switch"), "roots announce"),
])
def test_refusals(publisher, arguments, message):
    """Each wrong input has its sentence, and leaves nothing in the books."""
    before = len(publisher("--json", "audit").json)
    done = publisher(*arguments)
    assert done.code == 1 and message in done.err and done.out == "", done
    assert len(publisher("--json", "audit").json) == before


@pytest.mark.parametrize("arguments, message", [
    (("key",), "say what to do: key mint, key list, key show"), (("key", "bogus"), "say what to do: key mint"), (("pack",), "pack create"),
    (("key", "mint", "--kind", "oem", "--agreement", "a", "--products", "p"), "one of host|mak"), (("key", "mint", "--kind", "host", "--agreement", "a"), "needs --products"),
    (("key", "mint", "--kind", "host", "--agreement", "a", "--products", "p", "--hosts", "0"), "1 to 1000"),
    (("product", "add", "x", "--activation-id", OFFICE, "--title", "x", "--coverage-start", "15.10.2025"), "a date like"),
    (("allow", "5", "--hosts", "7"), "needs --reason"), (("revoke", "5"), "needs --reason"), (("list", "moon"), "usage:"), (("crl", "x"), "usage:"),
    (("product", "add", "x", "--activation-id", OFFICE, "--title", ""), "--title is empty"),
])
def test_usage(publisher, arguments, message):
    done = publisher(*arguments)
    assert done.code == 2 and message in done.err and done.out == "", done


def test_allow_and_retire(publisher, tmp_path):
    """The seventh host after `allow`; a retired host gives its place back, and its certificate is on the next list."""
    number = agreement(publisher, "EA-allow")
    minted = mint(publisher, number, "host", "office2013", "--hosts", 1, "--activations", 2)
    key = codes.Key.parse(minted["key"]).under(publisher.issuer_id)
    create(publisher, number, tmp_path)
    assert publisher.telephone(key.installation_id(1, 0, machine(1)), "--name", "one").code == 0
    assert publisher.telephone(key.installation_id(1, 0, machine(2)), "--name", "two").code == 1
    lower = publisher("allow", minted["number"], "--activations", 1, "--reason", "x")
    assert lower.code == 1 and "only raised" in lower.err
    assert publisher("--json", "allow", minted["number"], "--hosts", 2, "--reason", "a second site").json["hosts"] == 2
    assert publisher.telephone(key.installation_id(1, 0, machine(2)), "--name", "two").code == 0
    assert publisher.telephone(key.installation_id(1, 0, machine(3)), "--name", "three").code == 1
    before = publisher("--json", "crl").json
    said = publisher("retire", minted["number"], "nobody")
    assert said.code == 1 and f'no host "nobody" holds a place of the key {minted["number"]}' in said.err
    said = publisher("retire", "1", "nobody")
    assert said.code == 1 and "no key has the number 1" in said.err
    assert publisher("retire", minted["number"], "one", "--reason", "scrapped").code == 0
    after = publisher("--json", "crl").json
    assert after["number"] == before["number"] + 1 and after["revoked"] == before["revoked"] + 1
    assert publisher.telephone(key.installation_id(1, 0, machine(3)), "--name", "three").code == 0
    assert [h["retired"] for h in publisher("--json", "key", "show", minted["number"]).json["holders"]] == [True, False, False]
    # by binding too
    assert publisher("retire", minted["number"], machine(2).hex()).code == 0
    details = [row["detail"] for row in publisher("--json", "audit").json if row["object"] == str(minted["number"])]
    assert any("reason: a second site" in d for d in details) and any("reason: scrapped" in d for d in details)


def test_revoked_certificates(publisher, tmp_path):
    """What is on the list is what openssl reads there."""
    host = Host()
    (tmp_path / "host.csr").write_text(host.request)
    (tmp_path / "products").write_text(OFFICE + "\n")
    entry = publisher("--json", "certify", tmp_path / "host.csr", "--products", tmp_path / "products").json
    assert publisher("revoke", "certificate", entry["number"], "--reason", "superseded").code == 0
    twice = publisher("revoke", "certificate", "--reason", "cessation", "--", entry["kid"])
    assert twice.code == 1 and "revoked already" in twice.err
    assert publisher("revoke", "certificate", entry["serial"], "--reason", "key-compromise").code == 0
    shown = publisher("--json", "show", entry["number"]).json
    assert shown["reason"] == "key-compromise" and shown["revoked"]
    out = tmp_path / "list.pem"
    assert publisher("crl", "--out", out).code == 0
    text = subprocess.run(["openssl", "crl", "-in", out, "-noout", "-text"], capture_output=True, text=True, check=True).stdout
    assert entry["serial"].upper() in text and "Key Compromise" in text
    assert (publisher.dir / "crl.pem").read_text() == out.read_text()


def test_agreements_products_contacts(publisher):
    assert publisher("product", "list").out.splitlines()[0].split() == ["NAME", "ACTIVATION", "ID", "TITLE", "COVERAGE", "FROM", "TO"]
    assert {p["name"] for p in publisher("--json", "product", "list").json} >= {"office2013", "esu"}
    done = publisher("--json", "product", "add", "office2013", "--activation-id", OFFICE, "--title", "Office 2013", "--replace")
    assert done.code == 0 and done.json["title"] == "Office 2013"
    (ea,) = [a for a in publisher("--json", "agreement", "list").json if a["number"] == "EA-4711"]
    assert ea["organisation"] == {"id": "example", "name": "Example GmbH"} and ea["license_id"] == "L-1"
    assert publisher("--json", "show", "agreement", "EA-4711").json == ea
    assert "Organisation: Example GmbH (example)" in publisher("show", "agreement", "EA-4711").out
    assert publisher("contact", "set", "France", "--email", "a@example.fr").code == 0
    assert [c["region"] for c in publisher("--json", "contact", "list").json] == ["France", "Germany"]
    assert publisher("contact", "remove", "France").code == 0
    assert [c["region"] for c in publisher("--json", "list", "contacts").json] == ["Germany"]
    assert publisher("--json", "contact", "service").json == {"service": "https://activation.example.com"}


def test_export(publisher, tmp_path):
    number = agreement(publisher, "EA-export")
    minted = mint(publisher, number)
    done = publisher("export")
    everything = json.loads(done.out)
    assert set(everything) == {"version", "exported", "issuer", "products", "agreements", "contacts", "keys", "packs", "confirmations", "certificates"}
    assert minted["number"] in [k["number"] for k in everything["keys"]] and "key" not in everything["keys"][0]
    rows = list(csv.DictReader(io.StringIO(publisher("export", "keys", "--format", "csv").out)))
    assert str(minted["number"]) in [r["number"] for r in rows] and rows[0]["kind"] in ("host", "mak", "setup", "embedded", "access", "esu-mak")
    # what a spreadsheet would run as a formula
    assert publisher("contact", "set", "=1+1", "--web", "https://example.com").code == 0
    assert "\"'=1+1\"" in publisher("export", "contacts", "--format", "csv").out
    assert publisher("contact", "remove", "=1+1").code == 0
    awkward = ["+1", "-x", "@SUM(A1)", "\uff1d1+1", "\uff0b1", "\uff0d1", "\uff20x", "'=1", "''@x", "plain", "'quoted'", "x=1"]   # control characters are refused when they are typed
    for name in awkward:
        assert publisher("contact", "set", "--web", "https://example.com", "--", name).code == 0, name
    rows = csv.DictReader(io.StringIO(publisher("export", "contacts", "--format", "csv").out))
    cells = {r["name" if "name" in r else "region"] for r in rows}
    assert cells >= {name if name in ("plain", "'quoted'", "x=1") else "'" + name for name in awkward}, cells
    for name in awkward:
        assert publisher("contact", "remove", "--", name).code == 0, name
    out = tmp_path / "all.json"
    assert publisher("export", "--out", out).code == 0 and json.loads(out.read_text())["version"] == 1
    assert publisher("export", "--out", out).code == 1
    # with keys: nothing readable without the passphrase, and recorded
    (tmp_path / "credentials").mkdir()
    word = tmp_path / "credentials" / "passphrase"
    word.write_text(PASSPHRASE)
    word.chmod(0o400)
    done = publisher("export", "--with-keys", extra={"CREDENTIALS_DIRECTORY": str(word.parent)})
    assert done.code == 0 and minted["key"] not in done.out and set(json.loads(done.out)) == {"version", "wrapped_key", "sealed"}, done
    assert issuer_events(publisher)[-1] == "exported"
    sealed = tmp_path / "sealed.json"
    sealed.write_text(done.out)
    opened = publisher("export", "open", sealed, extra={"CREDENTIALS_DIRECTORY": str(word.parent)})
    assert minted["key"] in [k["key"] for k in json.loads(opened.out)["keys"]], opened
    sealed.write_text(done.out.replace('"sealed": "', '"sealed": "A'))
    assert publisher("export", "open", sealed, extra={"CREDENTIALS_DIRECTORY": str(word.parent)}).code == 1
    assert "no export made with" in publisher("export", "open", out, extra={"CREDENTIALS_DIRECTORY": str(word.parent)}).err
    word.chmod(0o444)
    done = publisher("export", "--with-keys", extra={"CREDENTIALS_DIRECTORY": str(word.parent)})
    assert done.code == 1 and "chmod 400" in done.err


def test_backup_and_audit(publisher, tmp_path):
    """The trail is whole; a tail that was cut, and a backup put back, are noticed with the head that was written down."""
    copy = tmp_path / "books.db"
    assert publisher("backup", copy).code == 0 and copy.stat().st_mode & 0o777 == 0o600
    again = publisher("backup", copy)
    assert again.code == 1 and "is there already" in again.err
    agreement(publisher, "EA-after-the-backup")
    good = publisher("--json", "audit", "verify").json
    rows = publisher("--json", "audit").json
    assert good["good"] is True and good["rows"] == len(rows) and good["head"] == f"{rows[-1]['seq']}:{rows[-1]['hash']}"
    assert [r["seq"] for r in rows] == list(range(1, len(rows) + 1))
    assert publisher("audit", "verify", "--expect", good["head"]).code == 0
    other = f"{rows[-1]['seq']}:{'00' * 32}"
    assert "was rewritten" in publisher("audit", "verify", "--expect", other).err
    books = publisher.dir / "books.db"
    kept = books.read_bytes()
    try:
        books.write_bytes(copy.read_bytes())
        cut = publisher("audit", "verify", "--expect", good["head"])
        assert cut.code == 1 and "tail was cut off" in cut.err, cut
        assert publisher("audit", "verify").code == 0
        db = sqlite3.connect(books)
        db.execute("DROP TRIGGER journal_written")
        db.execute("UPDATE journal SET detail = 'nothing' WHERE seq = 3")
        db.commit()
        db.close()
        changed = publisher("audit", "verify")
        assert changed.code == 1 and "changed in row 3" in changed.err
    finally:
        books.write_bytes(kept)
    assert publisher("audit", "verify", "--expect", good["head"]).code == 0


def test_stolen_signer(tmp_path):
    """The issuer's own signer is revoked: it is on the list, another one signs, and what the first signed is refused where the list is known."""
    p = Publisher(tmp_path)
    key = p.mint()
    def signers():
        return sorted(f.name for f in p.dir.glob("statement-*.pem"))
    assert signers() == ["statement-1.pem"]
    serial = x509.load_pem_x509_certificate((p.dir / "statement-1.pem").read_bytes()).serial_number
    for wrong in ("statement-9", "statement-x", "statement-1x"):
        assert p("revoke", "certificate", wrong, "--reason", "key-compromise").code == 1
    assert signers() == ["statement-1.pem"]
    assert p("revoke", "certificate", "statement-1", "--reason", "superseded").code == 0
    assert signers() == ["statement-1.pem", "statement-2.pem"]
    # again for a harder reason: no third signer
    assert p("revoke", "certificate", "statement-1", "--reason", "key-compromise").code == 0
    assert p("revoke", "certificate", "statement-1", "--reason", "key-compromise").code == 1
    assert signers() == ["statement-1.pem", "statement-2.pem"]
    crl = x509.load_pem_x509_crl(p("--json", "crl").json["crl"].encode())
    assert crl.get_revoked_certificate_by_serial_number(serial) is not None
    token = p.done("pack", "create", "--agreement", p.agreement_of[key.key.number]).out.strip()
    x5c = json.loads(base64.urlsafe_b64decode(token.split(".")[0] + "=="))["x5c"]
    assert base64.b64decode(x5c[0]) == x509.load_pem_x509_certificate((p.dir / "statement-2.pem").read_bytes()).public_bytes(serialization.Encoding.DER)


def test_revocations_after_a_restore(publisher, tmp_path):
    """Restored books learn from the list that was made before what was revoked since; what they do not know at all stays on it, list after list."""
    (tmp_path / "products").write_text(OFFICE + "\n")
    entries, numbers = [], []
    for n in range(2):
        (tmp_path / "host.csr").write_text(Host().request)
        entries.append(publisher("--json", "certify", tmp_path / "host.csr", "--products", tmp_path / "products").json)
        if n == 0:
            assert publisher("backup", tmp_path / "books").code == 0
    for entry, reason in zip(entries, ("superseded", "key-compromise")):
        assert publisher("revoke", "certificate", entry["serial"], "--reason", reason).code == 0
    numbers.append(publisher("--json", "crl").json["number"])
    for name in ("books.db", "books.db-wal", "books.db-shm"):
        (publisher.dir / name).unlink(missing_ok=True)
    shutil.copy(tmp_path / "books", publisher.dir / "books.db")
    for n in range(2):
        made = publisher("--json", "crl").json
        numbers.append(made["number"])
        (tmp_path / "list.pem").write_text(made["crl"])
        text = subprocess.run(["openssl", "crl", "-in", tmp_path / "list.pem", "-noout", "-text"], capture_output=True, text=True, check=True).stdout
        assert all(entry["serial"].upper() in text for entry in entries) and "Superseded" in text and "Key Compromise" in text, text
    assert numbers == sorted(set(numbers))
    assert publisher("--json", "show", entries[0]["number"]).json["reason"] == "superseded"


def test_packs_after_a_restore(publisher, tmp_path):
    """A pack that restored books forgot keeps its issue and generation: the next has others, and digits for the forgotten one are refused, not answered wrongly."""
    number = agreement(publisher, "EA-restored")
    minted = mint(publisher, number)
    key = codes.Key.parse(minted["key"]).under(publisher.issuer_id)
    create(publisher, number, tmp_path)
    copy = tmp_path / "books.db"
    assert publisher("backup", copy).code == 0
    _, forgotten, _ = create(publisher, number, tmp_path)
    for name in ("books.db-wal", "books.db-shm"):
        (publisher.dir / name).unlink(missing_ok=True)
    (publisher.dir / "books.db").write_bytes(copy.read_bytes())
    with open(publisher.dir / "packs.log", "a") as log:
        log.write('{"agreement":"EA-rest')   # cut off by a crash
    _, fresh, _ = create(publisher, number, tmp_path)
    assert (forgotten["issue"], fresh["issue"]) == (2, 3) and [k["generation"] for k in forgotten["keys"] + fresh["keys"]] == [2, 3]
    assert publisher.telephone(key.installation_id(2, 0, machine(1))).code == 1
    assert publisher.telephone(key.installation_id(3, 0, machine(1))).code == 0
    assert create(publisher, number, tmp_path)[1]["issue"] == 4


def test_lost_books(tmp_path):
    """Books that are gone are not made anew: that would forget who holds what."""
    p = Publisher(tmp_path)
    (p.dir / "books.db").rename(tmp_path / "books.db")
    done = p("list")
    assert done.code == 1 and "last backup" in done.err and not (p.dir / "books.db").exists()
    (tmp_path / "books.db").rename(p.dir / "books.db")
    assert p("list").code == 0


def test_lost_data_key(tmp_path):
    p = Publisher(tmp_path)
    assert p("product", "add", "office2013", "--activation-id", OFFICE, "--title", "Office").code == 0
    assert p("agreement", "add", "A", "--programme", "x", "--organisation", "o", "--name", "O").code == 0
    mint(p, "A")
    (p.dir / "books.key").unlink()
    done = p("pack", "create", "--agreement", "A")
    assert done.code == 1 and "books.key is missing" in done.err
    assert p("key", "list").code == 0   # what needs no secret goes on


def test_rotation_of_the_root(tmp_path):
    """Announced under the former root; after the switch packs come under the new one, and certificates of before still verify."""
    p = Publisher(tmp_path)
    assert p("product", "add", "office2013", "--activation-id", OFFICE, "--title", "Office").code == 0
    assert p("agreement", "add", "A", "--programme", "x", "--organisation", "o", "--name", "O").code == 0
    mint(p, "A")
    old, _, _ = create(p, "A", tmp_path)
    pinned = (p.dir / "issuer.pem").read_text()
    out = tmp_path / "roots.jwt"
    assert p("roots", "announce", "--name", "Example Software G2", "--out", out).code == 0
    header = json.loads(unb64(out.read_text().split(".")[0]))
    assert header["typ"] == "muster-roots+jwt" and (p.dir / "roots.jwt").read_text() == out.read_text()
    assert (p.dir / "issuer.pem").read_text().count("BEGIN") == 2 and (p.dir / "issuer.pem").read_text().startswith(pinned)
    assert p("roots", "announce", "--out", tmp_path / "again.jwt").code == 0 and (p.dir / "issuer.pem").read_text().count("BEGIN") == 2
    done = p("--json", "roots", "switch")
    assert done.code == 0 and done.json["root"]["name"] == "Example Software G2" and done.json["intermediate"]["number"] == 2, done
    assert p("pack", "show", old).code == 0
    new, _, _ = create(p, "A", tmp_path)
    signer = x509.load_der_x509_certificate(base64.b64decode(json.loads(unb64(new.read_text().split(".")[0]))["x5c"][1]))
    assert signer.issuer.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value == "Example Software G2"
    assert p("roots", "switch").code == 1
    assert p("intermediate").code == 0   # with the new root's key, which is root.key now


def with_passphrases(directory, *arguments, **given):
    """The program with passphrases on descriptors, by option."""
    fds, more = [], []
    for option, text in given.items():
        r, w = os.pipe()
        os.write(w, text.encode() + b"\n")
        os.close(w)
        fds.append(r)
        more += ["--" + option.replace("_", "-"), str(r)]
    try:
        return subprocess.run([BUILD / "muster-issuer", "--dir", directory, *map(str, arguments), *more], capture_output=True, text=True, pass_fds=fds, timeout=60,
                              start_new_session=True)
    finally:
        for fd in fds:
            os.close(fd)


def test_passphrase(tmp_path):
    """One passphrase for all keys; changed for all at once; from a credentials folder; never from the command line, and asked for only when it is needed."""
    d = tmp_path / "issuer"
    assert with_passphrases(d, "init", "--name", "Example", passphrase_fd=PASSPHRASE).returncode == 0
    for arguments in (("product", "add", "office2013", "--activation-id", OFFICE, "--title", "Office"),
                      ("agreement", "add", "A", "--programme", "x", "--organisation", "o", "--name", "O"), ("key", "list"), ("audit", "verify")):
        done = with_passphrases(d, *arguments)
        assert done.returncode == 0, done.stderr
    order = ("key", "mint", "--kind", "host", "--agreement", "A", "--products", "office2013")
    nobody = with_passphrases(d, *order)
    assert nobody.returncode == 1 and "--passphrase-fd" in nobody.stderr and "CREDENTIALS_DIRECTORY" in nobody.stderr and nobody.stdout == ""
    wrong = with_passphrases(d, *order, passphrase_fd="incorrect horse")
    assert wrong.returncode == 1 and "passphrase" in wrong.stderr and wrong.stdout == ""
    key = with_passphrases(d, *order, passphrase_fd=PASSPHRASE)
    assert re.fullmatch(r"A[0-9A-Z]{4}(-[0-9A-Z]{5}){4}\n", key.stdout), key.stderr
    short = with_passphrases(d, "passphrase", "change", passphrase_fd=PASSPHRASE, new_passphrase_fd="short")
    assert short.returncode == 1 and "12" in short.stderr
    done = with_passphrases(d, "passphrase", "change", passphrase_fd=PASSPHRASE, new_passphrase_fd="staple battery horse")
    assert done.returncode == 0, done.stderr
    assert not list(d.glob("*.rewrapped"))
    assert with_passphrases(d, "pack", "create", "--agreement", "A", passphrase_fd=PASSPHRASE).returncode == 1
    done = with_passphrases(d, "pack", "create", "--agreement", "A", passphrase_fd="staple battery horse")
    assert done.returncode == 0, done.stderr
    (number,) = [k["number"] for k in json.loads(with_passphrases(d, "--json", "key", "list").stdout)]
    done = with_passphrases(d, "key", "show", number, "--whole", passphrase_fd="staple battery horse")
    assert key.stdout.strip() in done.stdout
    assert PASSPHRASE not in done.stdout + done.stderr


def test_two_writers(publisher):
    """Commands at the same time wait for each other; every act is there, and the trail has no gap."""
    before = len(publisher("--json", "audit").json)
    running = [subprocess.Popen([PROGRAM, "--dir", publisher.dir, "contact", "set", f"Region {n}", "--telephone", str(n)], env=publisher.environment, stdout=subprocess.DEVNULL)
               for n in range(8)]
    assert [p.wait(60) for p in running] == [0] * 8
    assert publisher("audit", "verify").code == 0 and len(publisher("--json", "audit").json) == before + 8
    for n in range(8):
        assert publisher("contact", "remove", f"Region {n}").code == 0


def test_every_command_has_help_with_examples(publisher):
    text = publisher("--help").out
    names = re.findall(r"(?m)^  ([a-z]+(?: [a-z]+)?) {2,}\S", text.split("Commands:")[1].split("Options:")[0])
    assert len(names) > 30 and {"key mint", "pack create", "confirm", "serve"} <= set(names)
    for name in names:
        own = publisher(*name.split(), "--help")
        assert own.code == 0 and f"Examples:\n  muster-issuer --dir /srv/issuer {name}" in own.out, name
    with open(os.environ["top_srcdir"] + "/docs/muster-issuer.1", encoding="utf-8") as page:
        manual = page.read()
    for name in names:
        assert f".Ss {name}\n" in manual, name
        for option in re.findall(r"--([a-z][a-z-]+)", publisher(*name.split(), "--help").out.split("\n\n")[0]):
            assert f"-{option}" in manual, (name, option)
