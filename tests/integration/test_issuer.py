"""muster-issuer as a publisher uses it."""
import json
import os
import pathlib
import pty
import re
import subprocess
import termios
import time

import pytest

BUILD = pathlib.Path(os.environ["top_builddir"])
ISSUER = BUILD / "muster-issuer"
OFFICE = "2e28138a-847f-42bc-9752-61b03fff33cd"
PASSPHRASE = "correct horse battery"


def run(*arguments, passphrase=None, stdin=None, session=False):
    """The program with a passphrase on a descriptor of its own; `session`: without a terminal."""
    fds = []
    if passphrase is not None:
        r, w = os.pipe()
        os.write(w, passphrase.encode() + b"\n")
        os.close(w)
        fds = [r]
        arguments = (*arguments, "--passphrase-fd", str(r))
    try:
        return subprocess.run([ISSUER, *map(str, arguments)], capture_output=True, text=True, input=stdin, pass_fds=fds, timeout=60,
                              start_new_session=session)
    finally:
        for fd in fds:
            os.close(fd)


@pytest.fixture(scope="module")
def issuer(tmp_path_factory):
    folder = tmp_path_factory.mktemp("issuer") / "dir"
    done = run("--dir", folder, "init", "--name", "Example Software", passphrase=PASSPHRASE)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    folder = tmp_path_factory.mktemp("plain") / "dir"
    done = run("--dir", folder, "--json", "init", "--name", "Example Software", "--algorithm", "ed25519", "--no-passphrase")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["algorithm"] == "ed25519"
    return folder


@pytest.fixture
def request_file(tmp_path):
    subprocess.run(["openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", tmp_path / "host.key", "-out",
                    tmp_path / "host.csr", "-subj", "/CN=evil", "-addext", "subjectAltName=URI:urn:uuid:00000000-0000-4000-8000-000000000000",
                    "-addext", "basicConstraints=critical,CA:TRUE"], check=True, capture_output=True)
    return tmp_path / "host.csr"


@pytest.fixture
def products(tmp_path):
    (tmp_path / "products.txt").write_text(f"# what they bought\n{OFFICE}  # Office\n")
    return tmp_path / "products.txt"


def test_certify(issuer, request_file, products, tmp_path):
    out = tmp_path / "host.pem"
    done = run("certify", request_file, "--products", products, "--out", out, "--dir", issuer, "--subject", "Example GmbH, host 1", passphrase=PASSPHRASE)
    assert done.returncode == 0, done.stderr
    assert f"musterctl host install {out}" in done.stdout
    check = subprocess.run(["openssl", "verify", "-x509_strict", "-CAfile", issuer / "issuer.pem", "-untrusted", out, out], capture_output=True, text=True)
    assert check.returncode == 0 and check.stdout.strip() == f"{out}: OK", check.stderr
    text = subprocess.run(["openssl", "x509", "-in", out, "-noout", "-subject", "-ext", "keyUsage,basicConstraints,subjectAltName,extendedKeyUsage"],
                          capture_output=True, text=True, check=True).stdout
    # nothing of the request but its key
    assert "evil" not in text and "CA:FALSE" in text and "00000000-0000-4000" not in text
    assert f"URI:urn:uuid:{OFFICE}" in text and "Extended" not in text and re.search(r"Key Usage: critical\s+Digital Signature$", text, re.M)
    assert "Example GmbH, host 1" in text
    # not overwritten, and nothing certified
    before = len(json.loads(run("--dir", issuer, "--json", "list").stdout))
    again = run("--dir", issuer, "certify", request_file, "--products", products, "--out", out, passphrase=PASSPHRASE)
    assert again.returncode == 1 and "is there already" in again.stderr
    assert len(json.loads(run("--dir", issuer, "--json", "list").stdout)) == before


def test_encrypted_keys(issuer, request_file, products):
    for name in ("root.key", "intermediate-1.key"):
        assert (issuer / name).stat().st_mode & 0o7777 == 0o600
        text = subprocess.run(["openssl", "asn1parse", "-in", issuer / name], capture_output=True, text=True, check=True).stdout
        assert ":scrypt" in text and "aes-256-cbc" in text and ":4000" in text
    wrong = run("--dir", issuer, "certify", request_file, "--products", products, passphrase="incorrect horse")
    assert wrong.returncode == 1 and wrong.stderr.endswith("wrong passphrase\n") and wrong.stdout == ""
    nobody = run("--dir", issuer, "certify", request_file, "--products", products, stdin="", session=True)
    assert nobody.returncode == 1 and "--passphrase-fd" in nobody.stderr


def test_terminal_prompt_without_echo(tmp_path):
    """init asks twice on the terminal and shows nothing of the answer."""
    pid, fd = pty.fork()
    if pid == 0:
        os.execv(ISSUER, [str(ISSUER), "--dir", str(tmp_path / "dir"), "init", "--name", "Example"])
    seen = b""
    for word in (b"12 characters): ", b"Verifying - "):
        while word not in seen:
            seen += os.read(fd, 1024)
        seen = seen.split(word)[-1] if word == b"Verifying - " else seen
        # The question stands before the echo is off; nobody types that fast, but a test does.
        deadline = time.monotonic() + 60
        while termios.tcgetattr(fd)[3] & termios.ECHO and time.monotonic() < deadline:
            time.sleep(0.001)
        os.write(fd, PASSPHRASE.encode() + b"\n")
    try:
        while True:
            more = os.read(fd, 1024)
            if not more:
                break
            seen += more
    except OSError:   # the terminal is gone: the program has ended
        pass
    os.close(fd)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0, seen
    assert PASSPHRASE.encode() not in seen
    assert b"ENCRYPTED" in (tmp_path / "dir/root.key").read_bytes()


def test_to_standard_output_and_json(plain, request_file, products):
    done = run("--dir", plain, "certify", "-", "--products", products, stdin=request_file.read_text())
    assert done.returncode == 0 and done.stdout.startswith("-----BEGIN CERTIFICATE-----") and done.stdout.count("BEGIN") == 2
    done = run("--dir", plain, "--json", "certify", request_file, "--products", products, "--days", "30")
    entry = json.loads(done.stdout)
    assert entry["products"] == [OFFICE] and entry["chain"].count("BEGIN") == 2 and len(entry["kid"]) == 43
    rows = json.loads(run("--dir", plain, "--json", "list").stdout)
    assert [r["number"] for r in rows] == list(range(1, len(rows) + 1)) and "chain" not in rows[0]
    shown = run("--dir", plain, "show", "--", entry["kid"]).stdout
    assert f"Product: {OFFICE}\n" in shown and entry["chain"] in shown
    assert json.loads(run("--dir", plain, "--json", "show", entry["number"]).stdout) == entry
    assert run("--dir", plain, "show", "nothing").returncode == 1
    assert json.loads(run("--dir", plain, "--json", "show").stdout)["intermediate"]["number"] == 1
    empty = run("--dir", plain, "list", "keys")
    assert empty.returncode == 0 and empty.stdout == "" and "there is nothing to list yet" in empty.stderr
    assert json.loads(run("--dir", plain, "--json", "list", "keys").stdout) == []
    assert run("--dir", plain, "list").stdout.splitlines()[0].split() == ["NUMBER", "ISSUED", "ENDS", "PRODUCTS", "SUBJECT", "KID"]


def test_never_overwritten(plain):
    before = {f.name: f.read_bytes() for f in plain.iterdir()}
    done = run("--dir", plain, "init", "--name", "Other", "--no-passphrase")
    assert done.returncode == 1 and "holds an issuer already" in done.stderr
    # said before a passphrase is asked for; so is a name that is too long
    done = run("--dir", plain, "init", "--name", "Other", "--passphrase-fd", "99")
    assert done.returncode == 1 and "holds an issuer already" in done.stderr
    done = run("--dir", plain / "other", "init", "--name", "x" * 49, "--passphrase-fd", "99")
    assert done.returncode == 1 and "has 49 characters" in done.stderr and not (plain / "other").exists()
    assert {f.name: f.read_bytes() for f in plain.iterdir() if f.name != "lock"} == {k: v for k, v in before.items() if k != "lock"}


def test_root_key_offline(plain, request_file, products, tmp_path):
    os.rename(plain / "root.key", tmp_path / "root.key")
    assert run("--dir", plain, "certify", request_file, "--products", products).returncode == 0
    missing = run("--dir", plain, "intermediate")
    assert missing.returncode == 1 and "--root-key" in missing.stderr
    assert run("--dir", plain, "intermediate", "--root-key", tmp_path / "root.key").returncode == 0
    done = run("--dir", plain, "--json", "certify", request_file, "--products", products)
    entry = json.loads(done.stdout)
    assert entry["intermediate"] == 2
    (tmp_path / "chain.pem").write_text(entry["chain"])
    check = subprocess.run(["openssl", "verify", "-x509_strict", "-CAfile", plain / "issuer.pem", "-untrusted", tmp_path / "chain.pem", tmp_path / "chain.pem"],
                           capture_output=True, text=True)
    assert check.returncode == 0, check.stderr


@pytest.mark.parametrize("text, message", [
    ("office2013\n", ':1: "office2013" is not an activation ID'),
    (f"{OFFICE}\n\n{OFFICE}\n", f":3: {OFFICE} stands in line 1 already"),
    ("# nothing\n", ":1: there is no activation ID"),
])
def test_products_file(plain, request_file, tmp_path, text, message):
    (tmp_path / "p.txt").write_text(text)
    done = run("--dir", plain, "certify", request_file, "--products", tmp_path / "p.txt")
    assert done.returncode == 1 and f"{tmp_path / 'p.txt'}{message}" in done.stderr and done.stdout == ""


def test_requests(plain, products, tmp_path):
    (tmp_path / "junk").write_text("junk")
    (tmp_path / "big").write_text("x" * 20000)
    (tmp_path / "certificate").write_text((plain / "issuer.pem").read_text())
    subprocess.run(["openssl", "req", "-new", "-newkey", "rsa:2048", "-nodes", "-keyout", tmp_path / "k", "-out", tmp_path / "rsa", "-subj", "/CN=x"],
                   check=True, capture_output=True)
    for name, message in (("junk", "not PEM"), ("big", "larger than"), ("certificate", "not a certificate request"), ("rsa", "neither P-256 nor Ed25519"),
                          ("none", "No such file")):
        done = run("--dir", plain, "certify", tmp_path / name, "--products", products)
        assert done.returncode == 1 and message in done.stderr and done.stdout == "", (name, done.stderr)


@pytest.mark.parametrize("arguments, message", [
    ([], "say what to do"), (["bogus"], 'unknown command "bogus"'), (["--bogus"], "unknown option --bogus"), (["--dir"], "--dir needs a value"),
    (["init", "--name", "x"], "--dir DIR"), (["--dir", "d", "init"], "init needs --name"), (["--dir", "d", "list", "--days", "3"], "list has no option --days"),
    (["--dir", "d", "init", "--name", "x", "--algorithm", "rsa"], "es256"), (["--dir", "d", "certify", "--products", "p"], "usage:"),
    (["--dir", "d", "certify", "r"], "certify needs --products"), (["--dir", "d", "certify", "r", "--products", "p", "--days", "731"], "2 to 730"),
    (["--dir", "d", "certify", "r", "--products", "p", "--days", "1"], "2 to 730"), (["--dir", "d", "certify", "r", "--products", "p", "--days", "3x"], "2 to 730"),
    (["--dir", "d", "--dir", "e", "list"], "given twice"), (["--dir", "d", "init", "--name", "x", "--passphrase", "secret"], "unknown option"),
    (["--dir", "d", "init", "--name", "x", "--passphrase-fd", "-1"], "file descriptor"),
    (["--dir", "d", "init", "--name", "x", "--passphrase-fd", "3", "--no-passphrase"], "exclude each other"), (["--dir", "d", "list", "x"], "usage:"),
])
def test_usage(arguments, message):
    done = run(*arguments)
    assert done.returncode == 2 and message in done.stderr and done.stdout == "", done.stderr


def test_help_has_examples():
    text = run("--help").stdout
    for command in ("init", "certify", "intermediate", "list", "show"):
        assert f"\n  {command} " in text
        own = run(command, "--help")
        assert own.returncode == 0 and "Examples:\n  muster-issuer --dir" in own.stdout
    assert run("--version").stdout.startswith("muster-issuer ")
