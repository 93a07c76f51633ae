"""musterctl support-bundle: what is in it, what never is, what is left out for lack of a role, and the anonymised form."""

import base64
import json
import re
import tarfile

import pytest

import licensed as world
from administrator import DENIED, DONE, FAILED, NO_HOST, USAGE, Administrator
from host import Machine
from licensed import Licensed
from test_admin_roles import as_, groups, people, shared  # noqa: F401

KEY_OF_A_VENDOR = "AAAAA-BBBBB-CCCCC-DDDDD-EEEEE"


def read(path):
    """name -> text, and all bytes of it unpacked."""
    with tarfile.open(path, "r:gz") as tar:
        members = tar.getmembers()
        assert all(m.isfile() and m.name.startswith("muster-support/") and (m.uid, m.gid, m.mode) == (0, 0, 0o644) for m in members), members
        texts = {m.name.removeprefix("muster-support/"): tar.extractfile(m).read().decode() for m in members}
    return texts, "".join(texts.values())


@pytest.fixture(scope="module")
def licensed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("licensed")
    folder.chmod(0o755)
    one = Licensed(folder)
    yield one
    one.stop()


@pytest.fixture
def used(new_host, licensed, tmp_path):
    """A host with a pack and keys, machines that asked, and secrets in every place that has some. Host, administrator, secrets, names."""
    keys = [licensed.mint("host", "contoso"), licensed.mint("mak", "contoso-mak", activations=10)]
    host = world.host(new_host, licensed)
    admin = Administrator(host)
    host.admin_ok("POST", "/packs", {"pack": licensed.packed()})
    for key in keys:
        host.admin_ok("POST", "/keys", {"key": key})
    admin.ok("ato")
    text = (host.folder / "muster.conf").read_text()
    (host.folder / "muster.conf").write_text(text.replace("proxy = ask\n", "proxy = ask\nweb_proxy = http://proxyuser:proxyword@proxy.example.org:3128\n"))
    admin.ok("reload")
    machines = [Machine(f"desktop-of-alice-{n}") for n in range(3)]
    for m in machines:
        assert host.activate(m, world.IDS["contoso"]).status == 200
    mak = world.Machine(licensed, keys[1], 1)
    host.activate(mak, world.IDS["contoso-mak"])
    admin.ok("keys", "--whole", str(licensed.typed(keys[0]).number))
    host.admin("POST", "/keys", {"key": KEY_OF_A_VENDOR})
    secrets = [*keys, KEY_OF_A_VENDOR, "proxyuser", "proxyword", "PRIVATE KEY"]
    secrets += [k.replace("-", "") for k in keys]
    raw = (host.folder / "state" / "secret" / "host-key").read_bytes()
    secrets += [raw.hex(), base64.b64encode(raw).decode().rstrip("="), base64.urlsafe_b64encode(raw).decode().rstrip("=")]
    pem = (host.folder / "state" / "host" / "key.pem").read_text()
    secrets += [line for line in pem.splitlines() if not line.startswith("-")]
    for m in machines:
        secrets += [base64.urlsafe_b64encode(m.release).decode().rstrip("="), m.release.hex()]
    names = [*(m.name for m in machines), *(m.client_id for m in machines), *(m.hardware for m in machines), mak.client_id, "test-host", "Example GmbH", "EA-1", str(host.folder), "127.0.0.1",
             "proxy.example.org"]
    return host, admin, secrets, names


def test_all_of_it_and_no_secret(used, tmp_path):
    host, admin, secrets, names = used
    out = tmp_path / "bundle.tar.gz"
    said = admin("support-bundle", "--out", str(out))
    assert said.status == DONE and said.err == "", said
    assert said.out.startswith(f"Written to {out}. It holds no keys")
    assert out.stat().st_mode & 0o777 == 0o600
    texts, everything = read(out)
    assert list(texts)[:9] == ["README.txt", "status.json", "versions.json", "doctor.json", "doctor.txt", "listing.json", "listing.txt", "products.json", "plugins.json"], list(texts)
    assert set(texts) >= {"settings.json", "events.jsonl", "journal.jsonl", "muster.conf"}
    for secret in secrets:
        assert secret not in everything, secret
    # it is of use
    assert "desktop-of-alice-1" in texts["events.jsonl"] and len(texts["events.jsonl"].splitlines()) == len(host.events(requests=False))
    assert [json.loads(line)["seq"] for line in texts["journal.jsonl"].splitlines()] == sorted(json.loads(line)["seq"] for line in texts["journal.jsonl"].splitlines())
    assert json.loads(texts["doctor.json"])["checks"][0]["check"] == "activated" and "VERDICT" in texts["doctor.txt"]
    assert json.loads(texts["versions.json"])["musterd"] == json.loads(texts["status.json"])["version"]
    assert "Name: Contoso" in texts["listing.txt"] and "Current count: 2" in texts["listing.txt"]
    assert "[issuer main]" in texts["muster.conf"] and "web_proxy = http://(left out)@proxy.example.org:3128" in texts["muster.conf"]
    for name in texts:
        assert name == "README.txt" or f"  {name}\n" in texts["README.txt"], name
    # nothing is overwritten, and what fails leaves nothing behind
    before = out.read_bytes()
    assert "is there already" in admin.refused("support-bundle", "--out", str(out)) and out.read_bytes() == before
    assert admin("support-bundle", "--out", str(tmp_path / "no" / "such" / "x.tar.gz")).status == FAILED
    assert admin("support-bundle", "--out", "").status == USAGE
    # without --out: here
    said = admin("support-bundle", cwd=tmp_path)
    assert re.match(r"Written to muster-support-\d{8}-\d{6}\.tar\.gz\.", said.out), said
    told = json.loads(admin("support-bundle", "--out", str(tmp_path / "b.tar.gz"), "--json").out)
    assert told["file"].endswith("b.tar.gz") and told["anonymised"] is False
    host.stop()
    said = admin("support-bundle", "--out", str(tmp_path / "none.tar.gz"))
    assert said.status == NO_HOST and not (tmp_path / "none.tar.gz").exists()


def test_anonymised(used, tmp_path):
    """No name, ID or address; the same value has the same mask within a bundle and another one in the next; verdicts, counts and products are told."""
    host, admin, secrets, names = used
    bundles = []
    for n in range(2):
        out = tmp_path / f"{n}.tar.gz"
        said = admin("support-bundle", "--anonymise", "--out", str(out))
        assert said.status == DONE, said
        assert "configuration: it names machines" in said.out
        texts, everything = read(out)
        for secret in (*secrets, *names):
            assert secret not in everything, secret
        assert "muster.conf" not in texts and "\nconfiguration: it names" in texts["README.txt"]
        bundles.append(texts)
    checks = {c["check"]: c for c in json.loads(bundles[0]["doctor.json"])["checks"]}
    real = {c["check"]: c for c in json.loads(admin("doctor", "--json").out)["checks"]}
    assert {n: c["verdict"] for n, c in checks.items()} == {n: c["verdict"] for n, c in real.items()}
    assert checks["counts"]["reason"] == real["counts"]["reason"] and checks["counts"]["measures"] == real["counts"]["measures"]
    assert checks["port"]["reason"].startswith("x-")
    assert "Name: Contoso\n" in bundles[0]["listing.txt"] and "Current count: 2" in bundles[0]["listing.txt"]
    ids = [[json.loads(line)["client_id"] for line in b["events.jsonl"].splitlines() if json.loads(line).get("client_id")] for b in bundles]
    assert len(ids[0]) >= 4 and len(set(ids[0])) == 4 and not set(ids[0]) & set(ids[1])


def test_with_a_smaller_role(shared, people):
    """A viewer gets all but the configuration, and is told so; who has no role gets nothing."""
    out = shared.open / "viewer.tar.gz"
    said = as_(people["viewer by primary group"], shared.ctl, "--socket", shared.socket, "support-bundle", "--out", out)
    assert said.status == DONE and "\nconfiguration: M-119: This needs the role administrator; yours is viewer." in said.out, said
    texts, everything = read(out)
    assert "muster.conf" not in texts and "configuration: M-119" in texts["README.txt"] and "events.jsonl" in texts
    said = as_(people["none"], shared.ctl, "--socket", shared.socket, "support-bundle", "--out", shared.open / "none.tar.gz")
    assert said.status == DENIED and not (shared.open / "none.tar.gz").exists()
