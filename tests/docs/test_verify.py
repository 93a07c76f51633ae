"""The programs in docs/verify.md, taken out of it and run: on the test vectors, on a lease of today, and on leases made wrong on purpose."""
import base64
import datetime
import hashlib
import importlib.util
import json
import os
import pathlib
import re
import shutil
import subprocess

import jwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

TOP = pathlib.Path(os.environ.get("top_srcdir", pathlib.Path(__file__).resolve().parents[2]))
BUILD = pathlib.Path(os.environ.get("top_builddir", TOP / "build"))
NODE = shutil.which("node") or shutil.which("nodejs")
# Go and Java are installed and tried by ./check --full (which sets this); MUSTER_EXHAUSTIVE=1 by hand does the same.
FULL = bool(os.environ.get("MUSTER_EXHAUSTIVE"))
NOW = 1795341600
DAY = 86400
PRODUCT = "2e28138a-847f-42bc-9752-61b03fff33cd"
CLIENT = "11111111-2222-4333-8444-555555555555"
ISSUER = "6f1d2c3b-4a59-4e78-8b16-0c2d4e6f8091"
HARDWARE = "00" + "ab" * 31


def block(language):
    (text,) = re.findall(rf"^```{language}\n(.*?)^```$", (TOP / "docs/verify.md").read_text(), re.S | re.M)
    return text


@pytest.fixture(scope="session")
def programs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("verify")
    (folder / "verify.py").write_text(block("python"))
    (folder / "verify.mjs").write_text(block("javascript"))
    (folder / "batch.mjs").write_text("""
import { readFileSync } from 'node:fs';
import { verify } from './verify.mjs';
console.log(JSON.stringify(JSON.parse(readFileSync(process.argv[2])).map((c) => {
  try {
    return { claims: verify(c.issuer_pem, c.chain_pem, c.lease, c.client_id, c.product_id, c.now, c.hardware_id ?? undefined, c.nonce ?? undefined, c.user ?? undefined) };
  } catch (e) {
    return { refused: `${e.constructor.name}: ${e.message}` };
  }
})));
""")
    return folder


def in_python(folder, cases):
    spec = importlib.util.spec_from_file_location("verify_md", folder / "verify.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    results = []
    for c in cases:
        try:
            results.append({"claims": module.verify(c["issuer_pem"], c["chain_pem"], c["lease"], c["client_id"], c["product_id"], c["now"],
                                                    c.get("hardware_id"), c.get("nonce"), c.get("crl_pem"), c.get("user"))})
        except module.Refused as why:
            results.append({"refused": f"Refused: {why}"})
    return results


def in_node(folder, cases):
    if NODE is None:
        pytest.skip("node is not installed")
    (folder / "cases.json").write_text(json.dumps(cases))
    done = subprocess.run([NODE, folder / "batch.mjs", folder / "cases.json"], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


GO_BATCH = """package main

import (
	"bufio"
	"encoding/base64"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// Before main: one case a line, fields in base64.
func init() {
	if len(os.Args) != 2 {
		return
	}
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 1<<20)
	for in.Scan() {
		var f []string
		for _, field := range strings.Split(in.Text(), " ") {
			raw, _ := base64.StdEncoding.DecodeString(field)
			f = append(f, string(raw))
		}
		now, _ := strconv.ParseInt(f[5], 10, 64)
		var crl []byte
		if f[9] != "" {
			crl = []byte(f[9])
		}
		claims, err := Verify([]byte(f[0]), []byte(f[1]), f[2], Asked{f[3], f[4], f[6], f[7], f[8]}, now, crl)
		text := claims
		if err != nil {
			text = []byte("Refused: " + err.Error())
		}
		fmt.Println(err == nil, base64.StdEncoding.EncodeToString(text))
	}
	os.Exit(0)
}
"""

JAVA_BATCH = """import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.Base64;

public final class Batch {
    static String field(String[] f, int i) {
        return i >= f.length || f[i].isEmpty() ? null : new String(Base64.getDecoder().decode(f[i]), StandardCharsets.UTF_8);
    }

    public static void main(String[] a) throws Exception {
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            String[] f = line.split(" ", -1);
            String text, lease = field(f, 2);
            boolean good = false;
            try {
                Verify.verify(field(f, 0), field(f, 1), lease == null ? "" : lease, field(f, 3), field(f, 4), Long.parseLong(field(f, 5)), field(f, 6), field(f, 7), field(f, 8), field(f, 9));
                good = true;
                text = new String(Base64.getUrlDecoder().decode(lease.split("[.]")[1]), StandardCharsets.UTF_8);
            } catch (Throwable e) {
                text = e.getClass().getSimpleName() + ": " + e.getMessage();
            }
            System.out.println(good + " " + Base64.getEncoder().encodeToString(text.getBytes(StandardCharsets.UTF_8)));
        }
    }
}
"""


def in_lines(command, cases):
    """A program that reads a case a line and answers with a line: true or false, and claims or why not."""
    members = ("issuer_pem", "chain_pem", "lease", "client_id", "product_id", "now", "hardware_id", "nonce", "user", "crl_pem")
    lines = [" ".join(base64.b64encode(str(c.get(m) if c.get(m) is not None else "").encode()).decode() for m in members) for c in cases]
    done = subprocess.run(command, input="\n".join(lines) + "\n", capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    results = [line.split(" ") for line in done.stdout.splitlines()]
    assert len(results) == len(cases)
    return [{"claims": json.loads(base64.b64decode(text))} if good == "true" else {"refused": base64.b64decode(text).decode()} for good, text in results]


def tool(name):
    if not FULL or shutil.which(name) is None:
        pytest.skip(f"{name} is tried by ./check --full only" if not FULL else f"{name} is not installed")


def in_go(folder, cases):
    tool("go")
    program = folder / "verify-go"
    if not program.exists():
        (folder / "verify.go").write_text(block("go"))
        (folder / "batch.go").write_text(GO_BATCH)
        done = subprocess.run(["go", "build", "-o", program, folder / "verify.go", folder / "batch.go"], capture_output=True, text=True, timeout=600,
                              env=dict(os.environ, GOCACHE=str(folder / "gocache"), GOPROXY="off", GOTOOLCHAIN="local", GOFLAGS=""))
        assert done.returncode == 0, done.stderr
    return in_lines([program, "batch"], cases)


def in_java(folder, cases):
    tool("javac")
    if not (folder / "Batch.class").exists():
        (folder / "Verify.java").write_text(block("java"))
        (folder / "Batch.java").write_text(JAVA_BATCH)
        done = subprocess.run(["javac", "-d", folder, folder / "Verify.java", folder / "Batch.java"], capture_output=True, text=True, timeout=600)
        assert done.returncode == 0, done.stderr
    return in_lines(["java", "-cp", folder, "Batch"], cases)


LANGUAGES = pytest.mark.parametrize("run", [in_python, in_node, in_go, in_java], ids=["python", "node", "go", "java"])
READS_LISTS = pytest.mark.parametrize("run", [in_python, in_go, in_java], ids=["python", "go", "java"])
ALGORITHMS = pytest.mark.parametrize("algorithm", ["es256", "ed25519"])


def vector(algorithm):
    return json.loads((TOP / f"tests/vectors/lease-{algorithm}.json").read_text())


def accepted(result):
    return "claims" in result


def refused(result):
    """Refused on purpose, not by an accident of the program."""
    return result.get("refused", "").startswith("Refused: ")


@LANGUAGES
@ALGORITHMS
def test_vectors(programs, run, algorithm):
    v = vector(algorithm)
    (result,) = run(programs, [v])
    assert accepted(result), result
    claims = result["claims"]
    assert claims["sub"] == "urn:uuid:" + v["client_id"] and claims["iss"] == "urn:uuid:" + v["issuer_id"] and claims["aud"] == "urn:uuid:" + v["product_id"]
    assert claims["hw"] == v["hardware_id"] and claims["nonce"] == v["nonce"] and claims["exp"] == v["expires"]
    # the words about `rel` and the hardware ID, in another implementation
    secret = base64.urlsafe_b64decode(v["release_secret"] + "=")
    assert base64.urlsafe_b64decode(claims["rel"] + "=") == hashlib.sha256(b"muster release v1\0" + secret).digest()


@ALGORITHMS
def test_command_line(programs, tmp_path, algorithm):
    v = vector(algorithm)
    (tmp_path / "issuer.pem").write_text(v["issuer_pem"])
    (tmp_path / "chain.pem").write_text(v["chain_pem"])
    (tmp_path / "lease.txt").write_text(v["lease"] + "\n")
    commands = [[os.environ.get("PYTHON", "/usr/bin/python3"), programs / "verify.py"]] + ([[NODE, programs / "verify.mjs"]] if NODE else [])
    if FULL and shutil.which("java"):
        (tmp_path / "Verify.java").write_text(block("java"))
        commands.append(["java", tmp_path / "Verify.java"])
    if FULL and shutil.which("go"):
        in_go(programs, [v])
        commands.append([programs / "verify-go"])
    for command in commands:
        arguments = [tmp_path / "issuer.pem", tmp_path / "chain.pem", tmp_path / "lease.txt", v["client_id"], v["product_id"]]
        done = subprocess.run([*command, *arguments, str(v["now"])], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["jti"].endswith(".17")
        done = subprocess.run([*command, *arguments, str(v["expires"])], capture_output=True, text=True)
        assert done.returncode == 1 and done.stderr.startswith("refused: the lease has ended"), done.stderr
    done = subprocess.run(["openssl", "verify", "-x509_strict", "-attime", str(v["now"]), "-CAfile", tmp_path / "issuer.pem", "-untrusted",
                           tmp_path / "chain.pem", tmp_path / "chain.pem"], capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout.strip().endswith("OK"), done.stderr


@LANGUAGES
@ALGORITHMS
def test_what_was_asked_for(programs, run, algorithm):
    v = vector(algorithm)
    other = vector("ed25519" if algorithm == "es256" else "es256")
    cases = [v, dict(v, hardware_id=None, nonce=None), dict(v, hardware_id="01" + v["hardware_id"][2:]),
             dict(v, now=NOW - 3 * 3600), dict(v, now=NOW - 4 * 3600), dict(v, now=v["expires"] - 1)]
    assert [accepted(r) for r in run(programs, cases)] == [True] * len(cases)
    wrong = [dict(v, client_id=CLIENT), dict(v, product_id=ISSUER), dict(v, hardware_id="00" * 32), dict(v, nonce="A" * 43),
             dict(v, now=v["expires"]), dict(v, now=NOW - 4 * 3600 - 1), dict(v, issuer_pem=other["issuer_pem"]), dict(v, chain_pem=other["chain_pem"]),
             dict(v, issuer_pem=other["issuer_pem"], chain_pem=other["chain_pem"]), dict(v, now=NOW - 25 * 3600)]
    results = run(programs, wrong)
    assert [refused(r) for r in results] == [True] * len(wrong), results


@LANGUAGES
@ALGORITHMS
def test_every_bit(programs, run, algorithm):
    """Every bit of every third character, and every prefix of every fifth length."""
    v = vector(algorithm)
    lease = v["lease"]
    cases = [dict(v, lease=lease[:i] + chr(ord(lease[i]) ^ 1 << bit) + lease[i + 1:]) for i in range(0, len(lease), 3) for bit in range(7)]
    cases += [dict(v, lease=lease[:i]) for i in range(0, len(lease), 5)]
    cases += [dict(v, lease=lease + tail) for tail in ("=", "==", "A", ".", "\n", " ")]
    results = run(programs, cases)
    assert all(refused(r) for r in results), [(c["lease"], r) for c, r in zip(cases, results) if not refused(r)][:3]


# -- leases made wrong on purpose, rightly signed --


def usage(*names):
    every = ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "key_cert_sign", "crl_sign",
             "encipher_only", "decipher_only")
    return x509.KeyUsage(**{n: n in names for n in every})


def certificate(name, key, issuer, issuer_key, begin, end, extensions, digest=hashes.SHA256()):
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    at = lambda s: datetime.datetime.fromtimestamp(s, datetime.timezone.utc)
    b = (x509.CertificateBuilder().subject_name(subject).issuer_name(issuer.subject if issuer else subject).public_key(key.public_key())
         .serial_number(x509.random_serial_number()).not_valid_before(at(begin)).not_valid_after(at(end)))
    for value, critical in extensions:
        b = b.add_extension(value, critical)
    return b.sign(issuer_key, None if isinstance(issuer_key, ed25519.Ed25519PrivateKey) else digest)


def san(*urns):
    return x509.SubjectAlternativeName([x509.UniformResourceIdentifier(u) for u in urns])


HOST = [(x509.BasicConstraints(False, None), True), (usage("digital_signature"), True), (san("urn:uuid:" + PRODUCT), False)]
MIDDLE = [(x509.BasicConstraints(True, 0), True), (usage("key_cert_sign", "crl_sign"), True)]
ROOT = [(x509.BasicConstraints(True, 1), True), (usage("key_cert_sign", "crl_sign"), True), (san("urn:uuid:" + ISSUER), False)]


def change(extensions, value, critical=None):
    """Replace the extension of the same kind."""
    return [(value, c if critical is None else critical) if type(e) is type(value) else (e, c) for e, c in extensions]


def without(extensions, kind):
    return [(e, c) for e, c in extensions if not isinstance(e, kind)]


def pem(*certs):
    return "".join(c.public_bytes(serialization.Encoding.PEM).decode() for c in certs)


def b64(raw):
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def sign(key, header, payload):
    text = b64(header.encode()) + "." + b64(payload.encode())
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return text + "." + b64(key.sign(text.encode()))
    r, s = decode_dss_signature(key.sign(text.encode(), ec.ECDSA(hashes.SHA256())))
    return text + "." + b64(r.to_bytes(32, "big") + s.to_bytes(32, "big"))


def forge(host=HOST, middle=MIDDLE, root=ROOT, host_life=(-1, 730), middle_life=(-1, 2190), header=None, payload=None, host_digest=hashes.SHA256(), made=None):
    """A case; `made` is told intermediate, its key and host; `header` and `payload` are (old text, new text) of the JSON before it is signed."""
    make = lambda: ec.generate_private_key(ec.SECP256R1())
    root_key, middle_key, host_key = make(), make(), make()
    at = lambda days: NOW + days * DAY
    r = certificate("root", root_key, None, root_key, at(-1), at(7305), root)
    m = certificate("middle", middle_key, r, root_key, at(middle_life[0]), at(middle_life[1]), middle)
    h = certificate("host", host_key, m, middle_key, at(host_life[0]), at(host_life[1]), host, host_digest)
    kid = b64(hashlib.sha256(h.public_bytes(serialization.Encoding.DER)).digest())
    head = '{"alg":"ES256","typ":"muster-lease+jwt","kid":"%s"}' % kid
    claims = ('{"iss":"urn:uuid:%s","sub":"urn:uuid:%s","aud":"urn:uuid:%s","iat":%d,"nbf":%d,"exp":%d,"jti":"x.1","nonce":"paWlpaWlpaWlpaWlpaWlpQ",'
              '"hw":"%s","cnt":6,"min":5,"renew":604800}') % (ISSUER, CLIENT, PRODUCT, NOW, NOW, NOW + 180 * DAY, HARDWARE)
    for old, new in ([header] if header else []):
        assert old in head
        head = head.replace(old, new, 1)
    for old, new in ([payload] if payload else []):
        assert old in claims
        claims = claims.replace(old, new, 1)
    if made is not None:
        made.extend((m, middle_key, h))
    return {"issuer_pem": pem(r), "chain_pem": pem(h, m), "lease": sign(host_key, head, claims), "client_id": CLIENT, "product_id": PRODUCT, "now": NOW}


URN = "urn:uuid:" + PRODUCT
WRONG = {
    "usage of a statement signer": dict(host=change(HOST, usage("digital_signature", "content_commitment"))),
    "no usage": dict(host=without(HOST, x509.KeyUsage)),
    "usage not critical": dict(host=change(HOST, usage("digital_signature"), False)),
    "extended usage": dict(host=HOST + [(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False)]),
    "a CA signs": dict(host=change(HOST, x509.BasicConstraints(True, None))),
    "constraints missing": dict(host=without(HOST, x509.BasicConstraints)),
    "constraints not critical": dict(host=change(HOST, x509.BasicConstraints(False, None), False)),
    "no name": dict(host=without(HOST, x509.SubjectAlternativeName)),
    "a DNS name": dict(host=change(HOST, x509.SubjectAlternativeName([x509.UniformResourceIdentifier(URN), x509.DNSName("a.example")]))),
    "upper case": dict(host=change(HOST, san(URN.upper()))),
    "65 names": dict(host=change(HOST, san(URN, *(f"urn:uuid:00000000-0000-4000-8000-{i:012x}" for i in range(64))))),
    "another product": dict(host=change(HOST, san("urn:uuid:" + CLIENT))),
    "unknown critical extension": dict(host=HOST + [(x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.99999.1"), b"\x05\x00"), True)]),
    "SHA-384 in the certificate": dict(host_digest=hashes.SHA384()),
    "outlives its issuer": dict(host_life=(-1, 3000)),
    "issued too late": dict(middle_life=(-1200, 2190)),
    "over": dict(host_life=(-10, -1)),
    "not begun": dict(host_life=(1, 300)),
    "intermediate over": dict(middle_life=(-10, -1)),
    "intermediate without path length": dict(middle=change(MIDDLE, x509.BasicConstraints(True, None))),
    "intermediate signs too": dict(middle=change(MIDDLE, usage("key_cert_sign", "crl_sign", "digital_signature"))),
    "intermediate is none": dict(middle=change(MIDDLE, x509.BasicConstraints(False, None))),
    "root path length": dict(root=change(ROOT, x509.BasicConstraints(True, 0))),
    "root names another issuer": dict(root=change(ROOT, san("urn:uuid:" + CLIENT))),
    "root names nobody": dict(root=without(ROOT, x509.SubjectAlternativeName)),
    "alg none": dict(header=('"ES256"', '"none"')),
    "alg HS256": dict(header=('"ES256"', '"HS256"')),
    "alg EdDSA": dict(header=('"ES256"', '"EdDSA"')),
    "typ": dict(header=("muster-lease+jwt", "muster-pack+jwt")),
    "kid": dict(header=('"kid":"', '"kid":"A')),
    "header member": dict(header=('{"alg"', '{"jku":"https://evil.example/","alg"')),
    "header duplicate": dict(header=('{"alg"', '{"alg":"ES256","alg"')),
    "claim duplicate": dict(payload=('"cnt":6', '"cnt":6,"cnt":7')),
    "aud a list": dict(payload=(f'"aud":"{URN}"', f'"aud":["{URN}"]')),
    "times as fractions": dict(payload=(f'"iat":{NOW}', f'"iat":{NOW}.0')),
    "times as text": dict(payload=(f'"exp":{NOW + 180 * DAY}', f'"exp":"{NOW + 180 * DAY}"')),
    "no exp": dict(payload=(f'"exp":{NOW + 180 * DAY},', "")),
    "nbf": dict(payload=(f'"nbf":{NOW}', f'"nbf":{NOW - 1}')),
    "edn": dict(payload=('"cnt"', '"edn":5,"cnt"')),
    "not JSON": dict(payload=('"cnt":6', '"cnt":6,')),
}
RIGHT = {
    "usual": {},
    "two products": dict(host=change(HOST, san("urn:uuid:" + CLIENT, URN))),
    "an edition": dict(payload=('"cnt"', f'"edn":"urn:uuid:{CLIENT}","cnt"')),
    "64 names": dict(host=change(HOST, san(URN, *(f"urn:uuid:00000000-0000-4000-8000-{i:012x}" for i in range(63))))),
    "a later claim": dict(payload=('"cnt"', '"later":"x","cnt"')),
    "a long one": dict(payload=('"cnt"', '"later":"' + "\\n" * 1000 + '","cnt"')),
}


@LANGUAGES
def test_forged(programs, run):
    right = run(programs, [forge(**change) for change in RIGHT.values()])
    assert all(accepted(r) for r in right), dict(zip(RIGHT, right))
    wrong = run(programs, [forge(**change) for change in WRONG.values()])
    bad = {name: r for name, r in zip(WRONG, wrong) if not refused(r)}
    assert not bad, bad


def user_hash(name):
    return b64(hashlib.sha256(b"muster user v1\0" + name.encode()).digest())


@LANGUAGES
def test_users(programs, run):
    """Whose a user's access licence is: compared when a user is named."""
    his = forge(payload=('"cnt"', f'"usr":"{user_hash("EXAMPLE/björn")}","cnt"'))
    odd = forge(payload=('"cnt"', '"usr":5,"cnt"'))
    assert [accepted(r) for r in run(programs, [his, dict(his, user="EXAMPLE/björn"), forge()])] == [True] * 3
    wrong = run(programs, [dict(his, user="EXAMPLE/bjorn"), dict(his, user="example/björn"), dict(forge(), user="EXAMPLE/björn"), dict(odd, user="EXAMPLE/björn")])
    assert [refused(r) and "another user" in r["refused"] for r in wrong] == [True] * 4, wrong


REASON = x509.ReasonFlags
LISTS = {
    # what the list says of the lease's host: (reason, seconds after iat), None: another certificate; and whether the lease is taken
    "nobody": (None, True), "another": ("other", True),
    "stolen": ((REASON.key_compromise, 1), False), "no reason": ((None, 1), False), "on hold": ((REASON.certificate_hold, 1), False),
    "retired later": ((REASON.cessation_of_operation, 1), True), "retired before": ((REASON.cessation_of_operation, 0), False),
    "superseded later": ((REASON.superseded, 1), True), "moved later": ((REASON.affiliation_changed, 1), True), "moved before": ((REASON.affiliation_changed, -1), False),
}


def revocations(middle, key, entries, made=NOW):
    at = lambda s: datetime.datetime.fromtimestamp(s, datetime.timezone.utc)
    b = x509.CertificateRevocationListBuilder().issuer_name(middle.subject).last_update(at(made)).next_update(at(made + 30 * DAY)).add_extension(x509.CRLNumber(1), False)
    for serial, reason, when in entries:
        row = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(at(when))
        b = b.add_revoked_certificate((row.add_extension(x509.CRLReason(reason), False) if reason else row).build())
    return b.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode() + pem(middle)


def with_list(run, programs, case, text):
    return run(programs, [dict(case, crl_pem=text)])[0]


@READS_LISTS
@pytest.mark.parametrize("name", LISTS)
def test_revocation(programs, run, name):
    """Rule 11."""
    what, taken = LISTS[name]
    made = []
    case = forge(made=made)
    middle, key, host = made
    entries = [] if what is None else [(5, REASON.key_compromise, NOW)] if what == "other" else [(host.serial_number, what[0], NOW + what[1])]
    result = with_list(run, programs, case, revocations(middle, key, entries))
    assert accepted(result) if taken else refused(result) and "revoked" in result["refused"], result


@READS_LISTS
def test_revocation_lists_refused(programs, run):
    """A list of another issuer, of the host itself, of tomorrow, or under another intermediate's key says nothing."""
    made, other = [], []
    case = forge(made=made)
    forge(made=other)
    middle, key, host = made
    lists = [revocations(other[0], other[1], []), revocations(middle, other[1], []), revocations(middle, key, [], NOW + DAY), revocations(host, key, [])]
    assert all(refused(with_list(run, programs, case, text)) for text in lists)
    assert accepted(with_list(run, programs, case, revocations(middle, key, [], NOW - DAY // 2)))


@ALGORITHMS
def test_pyjwt_today(tmp_path, algorithm):
    """A lease of today: openssl accepts the chain, PyJWT the lease with 4 hours of leeway, with nothing of ours in between."""
    v = json.loads(subprocess.run([BUILD / "tests/vectors/make-lease", algorithm], capture_output=True, check=True).stdout)
    (tmp_path / "issuer.pem").write_text(v["issuer_pem"])
    (tmp_path / "chain.pem").write_text(v["chain_pem"])
    done = subprocess.run(["openssl", "verify", "-x509_strict", "-CAfile", tmp_path / "issuer.pem", "-untrusted", tmp_path / "chain.pem", tmp_path / "chain.pem"],
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    key = x509.load_pem_x509_certificate(v["chain_pem"].encode()).public_key()
    algorithms = ["ES256" if algorithm == "es256" else "EdDSA"]
    claims = jwt.decode(v["lease"], key, algorithms=algorithms, audience="urn:uuid:" + PRODUCT, issuer="urn:uuid:" + v["issuer_id"], leeway=4 * 3600)
    assert claims["sub"] == "urn:uuid:" + v["client_id"]
    with pytest.raises(jwt.InvalidAudienceError):
        jwt.decode(v["lease"], key, algorithms=algorithms, audience="urn:uuid:" + CLIENT, leeway=4 * 3600)
    with pytest.raises(jwt.InvalidSignatureError):
        jwt.decode(vector(algorithm)["lease"], key, algorithms=algorithms, audience="urn:uuid:" + PRODUCT, leeway=4 * 3600)
