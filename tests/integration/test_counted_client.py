"""muster with a product key: proof instead of the key, confirmations held for good, the issuer asked directly, hosts behind TLS, the way by file."""

import base64
import hashlib
import json
import os
import pty
import random
import subprocess
import sys
import time
import uuid

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils

import publisher
from fake_publisher import Publisher, activated, pending, problem, serving
from host import PATIENCE, SOURCE, program

sys.path.insert(0, str(SOURCE / "tests" / "telephone"))

import codes  # noqa: E402

PRODUCT = "5f3c1d52-7c1e-4b7a-9d58-6a3f0e2b9c11"
OTHER = "98ebfe73-2084-4c97-932c-c0cd1643bea7"
DAY = 86400


class Machine:
    def __init__(self, folder, issuer, host=None, number=0):
        self.state, self.issuer, self.host = folder / f"machine{number}", issuer, host
        self.hardware = f"hw{number}"
        self.clock_file = folder / f"clock{number}"

    def command(self, *arguments):
        options = ["--state", self.state, "--issuer", self.issuer.root, "--hardware", self.hardware, "--name", "pc"]
        if self.host:
            options += ["--host", self.host]
        return [program("tests/integration/muster-clock"), *map(str, options), *map(str, arguments)]

    @property
    def environment(self):
        return dict(os.environ, MUSTER_TEST_CLOCK=str(self.clock_file), TZ="UTC")

    def run(self, *arguments, key=None):
        return subprocess.run(self.command(*arguments), input=key and key + "\n", capture_output=True, text=True, timeout=PATIENCE, env=self.environment)

    def json(self, *arguments, code=0, **more):
        done = self.run("--json", *arguments, **more)
        assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
        return json.loads(done.stdout)

    def run_json(self, *arguments):
        """Whatever the exit status."""
        return json.loads(self.run("--json", *arguments).stdout)

    def activate(self, key, *arguments, code=0):
        return self.json("activate", PRODUCT, "--key-fd", "0", *arguments, key=key.text(), code=code)[0]

    def shift(self, seconds):
        part = self.clock_file.with_suffix(".part")
        part.write_text(f"{int(seconds * 1000)}\n")
        part.rename(self.clock_file)

    def files(self):
        return b"".join(p.read_bytes() for p in self.state.rglob("*") if p.is_file())


def new_key(kind="1"):
    key = codes.Key.random(random.SystemRandom())
    return codes.Key(kind, key.secret, key.number)


@pytest.fixture(scope="module")
def issuer(tmp_path_factory):
    return Publisher(tmp_path_factory.mktemp("issuer"))


@pytest.fixture
def key():
    return new_key()


def confirm(issuer, key, hardware="hw0", products=(PRODUCT,), **more):
    return issuer.confirmation(key, issuer.binding(hardware), products, **more)


def test_proof_and_confirmation(issuer, key, tmp_path):
    """The host sees the proof of the key and the facts; the confirmation is kept for good and nothing of the key; nobody is asked again."""
    answers = [pending(PRODUCT), activated(PRODUCT, confirm(issuer, key), allowed=500, used=301, remaining=199)]
    with serving(lambda path, body: answers.pop(0)) as host:
        m = Machine(tmp_path, issuer, host.url)
        a = m.activate(key, "--fact", "update-kb123=true", "--fact", "build=19045", "--fact", "edition=pro", code=1)
        assert (a["outcome"], a["code"], a["perpetual"]) == ("pending", "M-127", False)
        path, body = host.seen[0]
        assert path == "/v1/activate" and set(body["key"]) == {"kind", "number", "proof"} and body["key"]["kind"] == "1" and body["key"]["number"] == key.number
        hw = codes.hardware_id(issuer.issuer_id.bytes, 0, b"hw0")
        nonce = base64.urlsafe_b64decode(body["nonce"] + "=")
        want = key.under(issuer.issuer_id.bytes).proof(uuid.UUID(PRODUCT).bytes, uuid.UUID(body["client_id"]).bytes, hw, nonce)
        assert base64.urlsafe_b64decode(body["key"]["proof"] + "=") == want and body["machine"]["hardware_id"] == hw.hex()
        facts = body["machine"]["facts"]
        assert facts["update-kb123"] is True and facts["build"] == 19045 and facts["edition"] == "pro" and "os.kernel" in facts
        assert (m.state / "keys" / f"{PRODUCT}.json").stat().st_mode & 0o777 == 0o600
        assert key.text().encode() not in m.files() and key.secret.hex().encode() not in m.files()
        # the agent asks again by itself, when the host said
        assert m.json("renew", code=1)[0]["outcome"] == "pending" and len(host.seen) == 1
        m.shift(901 + 90)
        a = m.json("agent", "--once")[0]
        assert (a["outcome"], a["perpetual"], a["expires_at"], a["next_at"], a["remaining"]) == ("activated", True, None, None, 199)
        assert host.seen[1][1]["nonce"] != body["nonce"]
        assert not (m.state / "keys" / f"{PRODUCT}.json").exists()
        s = m.json("status")[0]
        assert s["valid"] and s["perpetual"] and s["license_status"] == 1 and s["partial_key"] == key.partial() and s["expires_at"] is None
        assert m.run("verify").stdout == f"{PRODUCT}: valid for good on this machine\n"
        # years later, by renewal and by hand
        m.shift(9 * 365 * DAY)
        for verb in ("renew", "activate"):
            assert m.json(verb)[0]["outcome"] == "activated"
        assert m.json("status")[0]["valid"] and len(host.seen) == 2


def test_perpetual_stays(issuer, key, tmp_path):
    """Release is refused with its reason, rearm keeps it; on other hardware it does not hold; the same machine anew gets it again."""
    with serving(lambda path, body: activated(PRODUCT, confirm(issuer, key))) as host:
        m = Machine(tmp_path, issuer, host.url)
        m.activate(key)
        a = m.json("release", PRODUCT, code=2)[0]
        assert (a["outcome"], a["code"]) == ("refused", "M-147") and "belongs to this machine's hardware" in a["message"]
        first = m.json("status")[0]["client_id"]
        m.json("rearm")
        s = m.json("status")[0]
        assert s["valid"] and s["perpetual"] and s["client_id"] != first
        assert m.json("renew")[0]["outcome"] == "activated" and len(host.seen) == 1
        m.hardware = "hw1"
        s = m.json("status", code=4)[0]
        assert not s["valid"] and not s["perpetual"] and "for other hardware" in s["reason"]
        m.hardware = "hw0"
        assert m.json("status")[0]["valid"]
        # wiped: a new client ID, the same hardware
        again = Machine(tmp_path, issuer, host.url, 0)
        again.state = tmp_path / "wiped"
        assert again.activate(key)["perpetual"]
        assert host.seen[1][1]["client_id"] != host.seen[0][1]["client_id"]
        assert host.seen[1][1]["machine"]["hardware_id"] == host.seen[0][1]["machine"]["hardware_id"]


def test_unbelieved(issuer, key, tmp_path):
    """A confirmation that is not this machine's, this product's, this issuer's, or changed anywhere is not kept, and says why."""
    stranger = Publisher(tmp_path, name="stranger")
    impostor = Publisher(tmp_path, issuer.issuer_id, name="impostor")
    good = confirm(issuer, key)
    head, body, signature = good.split(".")
    cases = [
        (confirm(issuer, key, "hw1"), "for other hardware"),
        (confirm(issuer, key, products=[OTHER]), "for another product"),
        (confirm(stranger, key), "not believed"),
        (confirm(impostor, key), "not believed"),
        (confirm(issuer, key, typ="muster-pack+jwt"), "not believed"),
        (confirm(issuer, key, payload={"exp": 1}), "not believed"),
        (confirm(issuer, key, payload={"extra": 1}), "not believed"),
        (f"{head}.{body}.{signature[:-4]}AAAA", "not believed"),
        (f"{head}.{body}", "not believed"),
        (good[:-1], "not believed"),
        ("x" * 16385, "1 to 16384 characters"),
        ("", "1 to 16384 characters"),
    ]
    wanted = []
    with serving(lambda path, body: activated(PRODUCT, wanted[-1])) as host:
        for n, (token, says) in enumerate(cases):
            wanted.append(token)
            m = Machine(tmp_path, issuer, host.url, 0)
            m.state = tmp_path / f"case{n}"
            a = m.activate(key, code=3)
            assert a["outcome"] == "no_host" and says in a["message"], (n, a["message"])
            assert not list((m.state / "confirmations").iterdir()) and (m.state / "keys" / f"{PRODUCT}.json").exists()


def test_kept_file_changed(issuer, key, tmp_path):
    """The confirmation on disk is verified each time: one changed character and it does not count."""
    with serving(lambda path, body: activated(PRODUCT, confirm(issuer, key))) as host:
        m = Machine(tmp_path, issuer, host.url)
        m.activate(key)
    path = m.state / "confirmations" / f"{PRODUCT}.jws"
    token = path.read_text()
    for at in random.Random(7).sample(range(len(token)), 12):
        path.write_text(token[:at] + ("A" if token[at] != "A" else "B") + token[at + 1:])
        assert not m.json("status", code=4)[0]["valid"], at
    path.write_text(token + "\n")
    assert m.json("status")[0]["valid"]


def test_coverage(issuer, tmp_path):
    """An ESU key counts within its coverage only, by a clock that was not set back; meanwhile nobody is asked."""
    key, now = new_key("Z"), int(time.time())
    with serving(lambda path, body: activated(PRODUCT, confirm(issuer, key, coverage=(now + 10 * DAY, now + 375 * DAY)))) as host:
        m = Machine(tmp_path, issuer, host.url)
        m.activate(key)
        s = m.json("status", code=4)[0]
        assert s["perpetual"] and not s["valid"] and "the coverage of this key begins" in s["reason"] and s["license_status"] == 0
        assert m.json("renew", code=2)[0]["code"] == "M-155"
        m.shift(11 * DAY)
        s = m.json("status")[0]
        assert s["valid"] and s["license_status"] == 1 and s["state_ends_at"] == s["coverage_end"]
        m.shift(376 * DAY)
        s = m.json("status", code=4)[0]
        assert "the coverage of this key ended" in s["reason"] and s["license_status"] == 5
        assert len(host.seen) == 1


def test_refusals(issuer, key, tmp_path):
    """What the host says reaches people; the proof stays for the next question; upk removes it."""
    answer = [problem(422, "0xC004F050", "The proof of the key is wrong.")]
    with serving(lambda path, body: answer[0]) as host:
        m = Machine(tmp_path, issuer, host.url)
        a = m.activate(key, code=2)
        assert (a["outcome"], a["code"]) == ("refused", "0xC004F050")
        assert m.json("status", code=4)[0]["key_kept"]
        answer[0] = problem(403, "0xC004C020", "500 of 500 are used.")
        assert "500 of 500 are used." in m.json("activate", code=2)[0]["message"] and "key" in host.seen[-1][1]
        m.json("upk", PRODUCT)
        answer[0] = problem(403, "0xC004F014", "No key was sent.")
        m.json("activate", code=2)
        assert "key" not in host.seen[-1][1] and "facts" not in host.seen[-1][1]["machine"]


def test_mistyped_keys(issuer, key, tmp_path):
    """A wrong key never leaves: the group is named, the key is not repeated; a host key is told where it belongs."""
    with serving(lambda path, body: pytest.fail("asked")) as host:
        m = Machine(tmp_path, issuer, host.url)
        text = key.text()
        wrong = text[:-1] + ("0" if text[-1] != "0" else "2")
        for typed, says in ((wrong, ""), ("U" + text[1:], "did you mean V"), (text[:-2], ""), ("", "no key was given"), ("x" * 300, "longer"),
                            (new_key("A").text(), "musterctl ipk"), (new_key("5").text(), "musterctl ipk")):
            done = m.run("activate", PRODUCT, "--key-fd", "0", key=typed or " ".strip())
            assert done.returncode == 64 and says in done.stderr, (typed, done.stderr)
            assert not typed or typed not in done.stderr
        assert m.run("activate", PRODUCT, "--key-fd", "0", "--issuer-url", "https://localhost", key=new_key("S").text()).returncode == 64
        assert m.run("activate", PRODUCT, "--key-fd", "0", "--issuer-url", "http://localhost", key=text).returncode == 64
        for arguments in (["activate", "--key-fd", "0"], ["status", "--key-fd", "0"], ["activate", PRODUCT, "--issuer-url", "https://x"], ["renew", "--fact", "a=b"],
                          ["activate", PRODUCT, "--key-fd", "0", "--ask-key"], ["activate", PRODUCT, "--key-fd", "x"], ["activate", PRODUCT, "--fact", "a"]):
            assert m.run(*arguments, key=text).returncode == 64, arguments
        assert host.seen == []


def test_terminal(issuer, key, tmp_path):
    """Asked for on a terminal, the key is not shown, and the terminal shows again what is typed afterwards."""
    with serving(lambda path, body: activated(PRODUCT, confirm(issuer, key))) as host:
        m = Machine(tmp_path, issuer, host.url)
        pid, terminal = pty.fork()
        if pid == 0:
            os.execve("/bin/sh", ["sh", "-c", '"$@"; stty -a', "sh", *m.command("activate", PRODUCT, "--ask-key")], m.environment)
        shown = b""
        while b"Product key: " not in shown:
            shown += os.read(terminal, 4096)
        os.write(terminal, key.text().encode() + b"\n")
        try:
            while part := os.read(terminal, 4096):
                shown += part
        except OSError:
            pass
        os.close(terminal)
        assert os.waitpid(pid, 0)[1] == 0
        text = shown.decode()
        assert "Product activated successfully" in text and key.text() not in text and " echo " in text, text


def test_telephone_lease_is_shown(issuer, key, tmp_path):
    """The key option with a file; a lease instead of a confirmation without a believable lease is a fault of the host."""
    (tmp_path / "key").write_text(key.text().lower().replace("-", " ") + "\n")
    answer = {**activated(PRODUCT, "x")[1], "lease": "x.y.z", "expires_at": "2027-01-01T00:00:00Z", "assurance": "telephone"}
    with serving(lambda path, body: (200, answer)) as host:
        m = Machine(tmp_path, issuer, host.url)
        done = m.run("activate", PRODUCT, "--key-file", tmp_path / "key")
        assert done.returncode == 3 and "both a lease and a confirmation" in done.stdout
        del answer["confirmation"]
        assert "the lease is not believed" in m.run("activate", PRODUCT).stdout


# ---- the issuer itself ----

def service(issuer, key, products=(PRODUCT,), seen=None):
    """POST /v1/counted/activate: reads the Installation ID with the key it knows, as an issuer does."""
    def answer(path, body):
        assert path == "/v1/counted/activate" and set(body) == {"id", "installation_ids"} and uuid.UUID(body["id"]).version == 4
        rows = []
        for digits in body["installation_ids"]:
            iid = codes.InstallationID.parse(digits)
            if key.under(issuer.issuer_id.bytes).proves(iid):
                assert (iid.generation, iid.attempt) == (0, 0)
                rows.append({"installation_id": digits, "confirmation": issuer.confirmation(key, iid.binding, products)})
            else:
                rows.append({"installation_id": digits, "code": "0xC004F050", "detail": "The key is not one of this issuer."})
        return 200, {"id": body["id"], "results": rows, "keys": [{"number": key.number, "allowed": 10, "used": 3, "remaining": 7}]}
    return answer


def test_independent(issuer, key, tmp_path):
    """The machine asks the issuer with its own Installation ID; the key stays here; the answer is believed by the pinned root and the name."""
    with serving(service(issuer, key), issuer.tls_context()) as s:
        m = Machine(tmp_path, issuer)
        a = m.activate(key, "--issuer-url", s.url)
        assert (a["outcome"], a["perpetual"], a["remaining"], a["host"]) == ("activated", True, 7, s.url)
        assert key.text().replace("-", "") not in json.dumps(s.seen).replace("-", "")
        assert m.json("status")[0]["perpetual"] and not (m.state / "keys" / f"{PRODUCT}.json").exists()
        # another key: the issuer does not know it
        other = Machine(tmp_path, issuer, number=1)
        a = other.activate(new_key(), "--issuer-url", s.url, code=2)
        assert a["code"] == "0xC004F050" and "not one of this issuer" in a["message"]
        # by address: its name is in the certificate too
        assert Machine(tmp_path, issuer, number=2).activate(key, "--issuer-url", f"https://127.0.0.1:{s.port}")["perpetual"]


def test_independent_distrust(issuer, key, tmp_path):
    """A service with another issuer's certificate, or another name, is not asked; the question stays to be asked again under the same ID."""
    stranger = Publisher(tmp_path, name="stranger")
    refuse = []
    with serving(service(issuer, key), stranger.tls_context()) as s:
        m = Machine(tmp_path, issuer)
        a = m.activate(key, "--issuer-url", s.url, code=3)
        assert a["outcome"] == "no_host" and s.seen == [] and "certificate" in a["message"]
    with serving(lambda path, body: problem(503, "M-111", "stopping") if not refuse else service(issuer, key)(path, body), issuer.tls_context()) as s:
        a = m.activate(key, "--issuer-url", s.url, code=2)
        assert a["code"] == "M-111"
        refuse.append(1)
        # by the agent, later, without the key
        m.shift(200)
        assert m.json("renew")[0]["perpetual"]
        assert s.seen[0][1] == s.seen[1][1]


@pytest.mark.parametrize("value", [[], {}, {"results": 1}, {"results": []}, {"results": [{"installation_id": "1", "confirmation": "x"}]},
                                   {"results": [{"installation_id": 5}]}])
def test_independent_odd_answers(issuer, key, tmp_path, value):
    with serving(lambda path, body: (200, value), issuer.tls_context()) as s:
        m = Machine(tmp_path, issuer)
        assert m.activate(key, "--issuer-url", s.url, code=3)["outcome"] == "no_host"


# ---- by file ----

def test_by_file(issuer, key, tmp_path):
    """A machine without any network: its Installation ID goes out, the issuer's answer comes in."""
    m, other = Machine(tmp_path, issuer), Machine(tmp_path, issuer, number=1)
    assert m.run("dti", PRODUCT).returncode == 2
    digits = m.json("dti", PRODUCT, "--key-fd", "0", key=key.text())["installation_id"]
    assert digits == key.under(issuer.issuer_id.bytes).installation_id(0, 0, issuer.binding("hw0")).text()
    assert digits == m.json("dti", PRODUCT)["installation_id"]
    strange = other.json("dti", PRODUCT, "--key-fd", "0", key=key.text())["installation_id"]
    file = tmp_path / "answer.json"
    answer = service(issuer, key)("/v1/counted/activate", {"id": str(uuid.uuid4()), "installation_ids": [strange.replace(" ", "")]})[1]
    file.write_text(json.dumps(answer))
    done = m.run("import", PRODUCT, file)
    assert done.returncode == 2 and "not an issuer's answer for this machine" in done.stderr
    answer = service(issuer, key)("/v1/counted/activate", {"id": str(uuid.uuid4()), "installation_ids": [strange.replace(" ", ""), digits.replace(" ", "")]})[1]
    file.write_text(json.dumps(answer) + "\n")
    assert m.json("import", PRODUCT, file)["perpetual"]
    assert m.json("status")[0]["valid"]
    # the token alone
    file.write_text(answer["results"][0]["confirmation"] + "\n")
    done = m.run("verify", file)
    assert done.returncode == 0 and done.stdout.startswith("The confirmation is valid") and key.partial() in done.stdout
    assert m.json("verify", file)["activation_id"] == PRODUCT
    (tmp_path / "short").write_text(answer["results"][0]["confirmation"][:-1])
    assert m.json("verify", tmp_path / "short", code=4)["valid"] is False
    assert m.run("import", PRODUCT, file).returncode == 2
    assert other.json("import", PRODUCT, file)["perpetual"]
    answer["results"][1] = {"installation_id": digits, "code": "0xC004C020", "detail": "Nothing is left."}
    file.write_text(json.dumps(answer))
    m.json("dti", PRODUCT, "--key-fd", "0", key=key.text())
    done = m.run("import", PRODUCT, file)
    assert done.returncode == 2 and "Nothing is left." in done.stderr and m.json("status")[0]["valid"]


# ---- hosts behind TLS ----

def test_https_host(issuer, key, tmp_path):
    """--ca and STATE/ca.pem say whom to believe; the pinned issuer is not asked about hosts' names; others are not believed."""
    stranger = Publisher(tmp_path, name="site")
    with serving(lambda path, body: activated(PRODUCT, confirm(issuer, key)), stranger.tls_context()) as host:
        m = Machine(tmp_path, issuer, host.url)
        a = m.activate(key, code=3)
        assert "certificate" in a["message"] and host.seen == []
        assert "certificate" in m.json("activate", "--ca", issuer.root, code=3)[0]["message"]
        done = m.run("activate", "--ca", tmp_path / "none.pem")
        assert "none.pem" in done.stdout + done.stderr and host.seen == []
        ca = m.state / "ca.pem"
        ca.write_bytes(stranger.root.read_bytes())
        ca.chmod(0o666)
        done = m.run("activate")
        assert "can be changed by others" in done.stdout + done.stderr and host.seen == []
        ca.chmod(0o644)
        assert m.json("activate")[0]["perpetual"]
        again = Machine(tmp_path, issuer, host.url, 0)
        again.state = tmp_path / "again"
        assert again.activate(key, "--ca", stranger.root)["perpetual"]


# ---- muster-issuer ----

class RealIssuer:
    """What a machine pins of a real issuer."""

    def __init__(self, real):
        self.real, self.root = real, real.dir / "issuer.pem"


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    folder = tmp_path_factory.mktemp("real")
    folder.chmod(0o755)
    return publisher.Publisher(folder)


def read_confirmation(token):
    """Claims of a statement whose signature is its own signer's; chains are compared elsewhere."""
    head, body, signature = (base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)) for part in token.split("."))
    header = json.loads(head)
    assert set(header) == {"alg", "typ", "kid", "x5c"} and header["typ"] == "muster-confirmation+jwt" and header["alg"] == "ES256"
    signer = x509.load_der_x509_certificate(base64.b64decode(header["x5c"][0]))
    assert header["kid"] == publisher.b64(hashlib.sha256(base64.b64decode(header["x5c"][0])).digest())
    r, s = (int.from_bytes(signature[i:i + 32], "big") for i in (0, 32))
    signer.public_key().verify(utils.encode_dss_signature(r, s), token.rpartition(".")[0].encode(), ec.ECDSA(hashes.SHA256()))
    return json.loads(body)


def at_real(m, key, *arguments, code=0):
    return m.json("activate", publisher.OFFICE, "--key-fd", "0", *arguments, key=key.text(), code=code)[0]


def test_real_service(real, tmp_path):
    """muster and muster-issuer serve: activated for good, the same machine anew spends nothing, another spends the last, the third is refused."""
    mak = real.mint("mak", activations=2)
    service = publisher.Service(real)
    try:
        url = f"https://localhost:{service.port}"
        machines = [Machine(tmp_path, RealIssuer(real), number=n) for n in range(3)]
        a = at_real(machines[0], mak.key, "--issuer-url", url)
        assert a["perpetual"] and (a["allowed"], a["used"], a["remaining"]) == (2, 1, 1)
        assert machines[0].json("status")[0]["partial_key"] == mak.key.partial()
        machines[0].state = tmp_path / "anew"
        assert at_real(machines[0], mak.key, "--issuer-url", url)["remaining"] == 1
        assert at_real(machines[1], mak.key, "--issuer-url", url)["remaining"] == 0
        a = at_real(machines[2], mak.key, "--issuer-url", url, code=2)
        assert a["code"] == "0xC004C020", a
        # a host key is refused before anything is asked, a key that this issuer never made by the issuer
        assert machines[2].run("activate", publisher.OFFICE, "--key-fd", "0", "--issuer-url", url, key=new_key("A").text()).returncode == 64
        assert at_real(machines[2], new_key(), "--issuer-url", url, code=2)["outcome"] == "refused"
        # the issuer's certificate is for localhost
        a = at_real(machines[2], mak.key, "--issuer-url", f"https://127.0.0.1:{service.port}", code=3)
        assert "127.0.0.1" in a["message"]
    finally:
        assert service.stop() == 0


def test_real_batch_file(real, tmp_path):
    """Without any network: dti of two machines, confirm --batch at the issuer, import."""
    mak = real.mint("mak", activations=2)
    machines = [Machine(tmp_path, RealIssuer(real), number=n) for n in range(2)]
    ids = [m.json("dti", publisher.OFFICE, "--key-fd", "0", key=mak.key.text())["installation_id"] for m in machines]
    batch, answer = tmp_path / "batch", tmp_path / "answer"
    batch.write_text(f"muster-counted-request 1 {uuid.uuid4()}\n# two machines\n" + "".join(i.replace(" ", "") + "\n" for i in ids))
    done = real("confirm", "--batch", batch, "--out", answer)
    assert done.code == 0, done
    rows = {row["installation_id"].replace(" ", ""): row for row in json.loads(answer.read_text())["results"]}
    for m, iid in zip(machines, ids, strict=True):
        claims = read_confirmation(rows[iid.replace(" ", "")]["confirmation"])
        hw = codes.hardware_id(real.issuer_id, 0, m.hardware.encode())
        assert base64.urlsafe_b64decode(claims["binding"] + "==") == codes.binding_of_machine(real.issuer_id, hw)
        assert claims["key"] == {"kind": "1", "number": mak.key.number, "partial": mak.key.partial()} and claims["products"] == [f"urn:uuid:{publisher.OFFICE}"]
        assert claims["iss"] == f"urn:uuid:{uuid.UUID(bytes=real.issuer_id)}" and "exp" not in claims
        assert m.json("import", publisher.OFFICE, answer)["perpetual"]
        assert m.json("status")[0]["valid"]
    assert "for good, on this machine" in machines[0].run("status").stdout


def test_real_esu(tmp_path):
    """An ESU key of a real issuer: both ends of its coverage are stated, and muster holds to them."""
    tmp_path.chmod(0o755)
    real = publisher.Publisher(tmp_path)
    for command in (["product", "add", "esu1", "--activation-id", PRODUCT, "--title", "ESU year 1"],
                    ["agreement", "add", "EA-1", "--programme", "enterprise", "--organisation", "example", "--name", "Example GmbH"]):
        assert real(*command).code == 0, command
    mint = ["key", "mint", "--kind", "esu-mak", "--agreement", "EA-1", "--products", "esu1", "--activations", "3", "--coverage-start"]
    today = time.strftime("%Y-%m-%d", time.gmtime(time.time() - DAY))
    done = real(*mint, today)
    assert done.code == 1 and "--coverage-end" in done.err
    done = real(*mint, today, "--coverage-end", time.strftime("%Y-%m-%d", time.gmtime(time.time() + 365 * DAY)))
    assert done.code == 0, done
    key = codes.Key.parse(done.out.strip())
    assert real("pack", "create", "--agreement", "EA-1", "--out", tmp_path / "pack").code == 0
    service = publisher.Service(real)
    try:
        m = Machine(tmp_path, RealIssuer(real))
        a = m.json("activate", PRODUCT, "--key-fd", "0", "--issuer-url", f"https://localhost:{service.port}", key=key.text())[0]
        assert a["perpetual"] and "for its coverage" in a["message"]
    finally:
        assert service.stop() == 0
    assert m.json("status")[0]["valid"]
    m.shift(366 * DAY)
    assert "ended" in m.json("status", code=4)[0]["reason"]
