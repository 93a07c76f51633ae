"""How a host's secrets and its record of acts lie at rest: through musterctl, across restarts."""

import hmac
import os
import re
import shutil
import sqlite3
import stat
import subprocess

from administrator import DONE, FAILED, Administrator


def head(admin):
    said = admin("audit", "head")
    assert said.status == DONE, said
    return said.out.strip()


def key_file(host):
    return host.folder / "state" / "secret" / "host-key"


def test_the_hosts_key_never_lies_in_plain_text(new_host):
    """A certified host grants; its key is encrypted, the key file readable for nobody else; a plain key of an earlier version is written again."""
    host = new_host()
    host.certify()
    pem = host.folder / "state" / "host" / "key.pem"
    assert pem.read_text().startswith("-----BEGIN ENCRYPTED PRIVATE KEY-----")
    assert stat.S_IMODE(key_file(host).stat().st_mode) == 0o600 and key_file(host).stat().st_size == 32
    assert stat.S_IMODE(key_file(host).parent.stat().st_mode) == 0o700

    # as an earlier version left it; the passphrase is the documented subkey of the key file
    extracted = hmac.digest(bytes(32), key_file(host).read_bytes(), "sha256")
    passphrase = hmac.digest(extracted, b"muster host key passphrase v1\0\x01", "sha256").hex()
    host.stop()
    plain = subprocess.run(["openssl", "pkcs8", "-in", pem, "-passin", "stdin"], input=passphrase, capture_output=True, text=True, check=True).stdout
    assert plain.startswith("-----BEGIN PRIVATE KEY-----")
    pem.write_text(plain)
    host.start()
    assert pem.read_text().startswith("-----BEGIN ENCRYPTED PRIVATE KEY-----")
    assert Administrator(host).json("status")["activated"] is True


def test_rekey(new_host):
    """Another key file takes the place of the first; the host goes on, also after a restart; the first one alone opens it no more."""
    host = new_host()
    host.certify()
    admin = Administrator(host)
    before = key_file(host).read_bytes()
    said = admin("rekey", "--yes")
    assert said.status == DONE, said
    assert re.search(r"new one \([0-9a-f]{16}\)", said.out)
    after = key_file(host).read_bytes()
    assert after != before and not key_file(host).with_name("host-key.next").exists()
    host.stop()
    host.start()
    assert admin.json("status")["activated"] is True
    assert "rekeyed" in admin("journal").out
    assert admin("audit", "verify").status == DONE


def test_audit(new_host, tmp_path):
    """A head noted is found again; a tail cut off is noticed at the next start, by the verb, and against the head that was noted."""
    host = new_host()
    admin = Administrator(host)
    for number in range(5):
        assert admin("reload").status == DONE, number
    noted = head(admin)
    assert re.fullmatch(r"\d+:[0-9a-f]{64}", noted)
    said = admin("audit", "verify", "--expect", noted)
    assert said.status == DONE and "as expected" in said.out, said
    assert admin("audit", "verify", "--expect", f"{int(noted.split(':')[0])}:{'0' * 64}").status == FAILED
    copy = tmp_path / "copy"
    assert admin("backup", str(copy)).status == DONE
    assert (copy / "audit.head").is_file() and not (copy / "secret").exists()

    host.stop()
    with sqlite3.connect(host.folder / "state" / "state.db") as db:
        db.execute("DELETE FROM journal WHERE seq > 2")
    db.close()
    host.start()
    said = admin("audit", "verify")
    assert said.status == FAILED and "The end of the record of acts is missing" in said.err, said
    assert "M-128" in said.err, said

    # the copy is whole, with the key file of its host
    host.stop()
    state = host.folder / "state"
    for name in ("log.db", "state.db", "audit.head"):
        for old in state.glob(name + "*"):
            old.unlink()
        shutil.copy(copy / name, state / name)
        os.chmod(state / name, 0o600)
    host.start()
    said = admin("audit", "verify", "--expect", noted)
    assert said.status == DONE, said
