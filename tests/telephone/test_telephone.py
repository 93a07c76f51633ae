"""
The C code and an independent implementation agree: what one makes the other reads, what one refuses the other refuses, on thousands of random flows.

The seed of a run is printed when something differs; MUSTER_SEED=N repeats it, MUSTER_FLOWS=N takes another number of flows (1000; 5000 in ./check --full).
"""

import json
import os
import pathlib
import random
import subprocess
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

import codes  # noqa: E402

TOP = pathlib.Path(os.environ.get("top_srcdir", pathlib.Path(__file__).parents[2]))
TOOL = pathlib.Path(os.environ.get("top_builddir", ".")) / "tests/telephone/codes-tool"
SEED = int(os.environ.get("MUSTER_SEED") or random.SystemRandom().getrandbits(48))
FLOWS = int(os.environ.get("MUSTER_FLOWS") or (5000 if os.environ.get("MUSTER_EXHAUSTIVE") else 1000))


def ask(questions):
    """Answers of the C code, one a question, as lists of fields. A string goes as it is, bytes in hexadecimal."""
    lines = ["\t".join(f.hex() if isinstance(f, bytes) else str(f) for f in q) for q in questions]
    p = subprocess.run([TOOL], input="\n".join(lines) + "\n", capture_output=True, text=True, encoding="utf-8", check=False)
    assert p.returncode == 0, p.stderr
    answers = [line.split("\t") for line in p.stdout.splitlines()]
    assert len(answers) == len(questions)
    return answers


def random_bytes(rng, n):
    return bytes(rng.getrandbits(8) for _ in range(n))


class Flow:
    """One key at one issuer, one host and one machine under it, one slot."""

    def __init__(self, rng):
        self.issuer, self.pack = random_bytes(rng, 16), random_bytes(rng, 16)
        self.key = codes.Key.random(rng)
        if rng.random() < 0.05:    # the corners of the fields
            self.key = codes.Key(self.key.kind, rng.choice([bytes(11), (2**85 - 1).to_bytes(11, "big")]), rng.choice([0, codes.NUMBER_MAX]))
        self.derived = self.key.under(self.issuer)
        self.source, self.value = rng.randrange(4), random_bytes(rng, rng.randint(1, 40))
        self.generation, self.attempt = rng.choice([0, 1, 63, rng.randrange(64)]), rng.choice([0, 255, rng.randrange(256)])
        self.slot_number, self.secret = rng.choice([0, 65535, rng.randrange(65536)]), random_bytes(rng, 16)
        self.binding = codes.binding_of_host(self.issuer, self.source, self.value)
        self.iid = self.derived.installation_id(self.generation, self.attempt, self.binding)
        self.cid = self.derived.confirmation_id(self.iid, self.secret)
        self.slot = self.derived.slot(self.pack, self.generation, self.slot_number, self.secret)
        self.pkcs8, self.certificate = random_bytes(rng, rng.randint(1, 200)), random_bytes(rng, rng.randint(1, 500))
        self.nonce = random_bytes(rng, rng.randint(16, 64))
        self.at = (self.issuer, self.key.text())
        self.in_pack = self.at + (self.pack, self.generation, self.slot_number, self.secret)


@pytest.fixture(scope="module")
def flows():
    print(f"MUSTER_SEED={SEED}, {FLOWS} flows")
    rng = random.Random(SEED)
    return [Flow(rng) for _ in range(FLOWS)]


def agree(questions, expected):
    for question, want, got in zip(questions, expected, ask(questions), strict=True):
        want = [f.hex() if isinstance(f, bytes) else str(f) for f in want]
        assert got == want, f"MUSTER_SEED={SEED}: {question}"


def test_vectors():
    """The independent implementation makes every value of the published flow."""
    v = json.loads((TOP / "tests/vectors/trust-vectors.json").read_text())
    raw = {k: bytes.fromhex(x) for k, x in v.items() if isinstance(x, str) and len(x) % 2 == 0 and set(x) <= set("0123456789abcdef")}
    key = codes.Key.parse(v["key"])
    assert (key.kind, key.number, key.secret, key.text()) == (v["kind"], v["number"], raw["key_secret"], v["key"])
    d = key.under(raw["issuer_id"])
    assert d.prk == raw["prk_key"] and d.verifier(raw["pack_id"]) == raw["verifier"]
    assert d.k("muster iid v1") == raw["iid_key"] and d.k("muster slot key v1") == raw["slot_key"]
    binding = codes.binding_of_host(raw["issuer_id"], raw["host_identity"][0], raw["host_identity"][1:])
    assert binding == raw["host_binding"]
    iid = d.installation_id(v["generation"], v["attempt"], binding)
    assert iid.text() == v["iid"] and iid.value.to_bytes(19, "big") == raw["iid_hex"] and codes.InstallationID.parse(v["iid"]) == iid
    assert d.mask(iid).to_bytes(16, "big") == raw["cid_mask"]
    cid = d.confirmation_id(iid, raw["slot_secret"])
    assert cid.text() == v["cid"] and cid.value.to_bytes(17, "big") == raw["cid_hex"]
    assert d.open(iid, codes.ConfirmationID.parse(v["cid"])) == raw["slot_secret"]
    slot = d.slot(raw["pack_id"], v["generation"], v["slot"], raw["slot_secret"])
    assert (slot.finder, slot.key, slot.nonce) == (raw["finder"], raw["gcm_key"], raw["gcm_nonce"])
    assert slot.seal(raw["pkcs8"], raw["certificate"]) == raw["box"] and slot.open(raw["box"]) == (raw["pkcs8"], raw["certificate"])


def test_python_makes_c_reads(flows):
    """Keys, Installation IDs, Confirmation IDs and boxes made here are read there, and what is derived is the same."""
    agree([("key", f.key.text()) for f in flows],
          [("ok", f.key.kind, f.key.number, f.key.text(), f.key.partial(), f.key.secret) for f in flows])
    hw = [codes.hardware_id(f.issuer, f.source, f.value) for f in flows]
    agree([("machine", f.issuer, f.source, f.value) for f in flows],
          [("ok", h, f.binding, codes.binding_of_machine(f.issuer, h)) for f, h in zip(flows, hw, strict=True)])
    agree([("derive", *f.at, f.pack, f.pack, f.issuer, h, f.nonce) for f, h in zip(flows, hw, strict=True)],
          [("ok", f.derived.verifier(f.pack), f.derived.proof_key(), f.derived.proof(f.pack, f.issuer, h, f.nonce)) for f, h in zip(flows, hw, strict=True)])
    agree([("read-iid", *f.at, f.iid.text()) for f in flows],
          [("ok", f.key.number, f.generation, f.attempt, f.binding, "proves") for f in flows])
    agree([("read-cid", *f.at, f.iid.text(), f.cid.text()) for f in flows], [("ok", f.secret) for f in flows])
    agree([("open", *f.in_pack, f.slot.seal(f.pkcs8, f.certificate)) for f in flows], [("ok", f.pkcs8, f.certificate) for f in flows])


def test_c_makes_python_reads(flows):
    """The other way: what C makes is read here, and is what would have been made here."""
    minted = [codes.Key.parse(a[1]) for a in ask([("mint", f.key.kind, f.key.number) for f in flows])]
    for f, key in zip(flows, minted, strict=True):
        assert (key.kind, key.number) == (f.key.kind, f.key.number) and key.secret != f.key.secret, f"MUSTER_SEED={SEED}"
    assert len({key.secret for key in minted}) == len(minted)
    derived = [key.under(f.issuer) for f, key in zip(flows, minted, strict=True)]
    pairs = list(zip(flows, derived, strict=True))
    iids = [codes.InstallationID.parse(a[1]) for a in ask([("iid", f.issuer, d.key.text(), f.generation, f.attempt, f.binding) for f, d in pairs])]
    cids = [codes.ConfirmationID.parse(a[1])
            for a in ask([("cid", f.issuer, d.key.text(), i.text(), f.secret) for (f, d), i in zip(pairs, iids, strict=True)])]
    boxes = ask([("seal", f.issuer, d.key.text(), *f.in_pack[2:], f.pkcs8, f.certificate) for f, d in pairs])
    for (f, d), iid, cid, box in zip(pairs, iids, cids, boxes, strict=True):
        where = f"MUSTER_SEED={SEED}: {f.at}"
        assert d.proves(iid) and iid == d.installation_id(f.generation, f.attempt, f.binding), where
        assert d.open(iid, cid) == f.secret, where
        slot = d.slot(f.pack, f.generation, f.slot_number, f.secret)
        assert box[1] == slot.finder.hex() and slot.open(bytes.fromhex(box[2])) == (f.pkcs8, f.certificate), where


def typed(rng, text):
    """The same, as people type it: other separators, lower case, letters that look like digits."""
    out = ""
    for character in text:
        if character in "- ":
            out += rng.choice(["-", " ", "", "\u2013", "\u2212", "\u00a0", "- "])
            continue
        if character == "0" and text.count("-") == 4:
            character = rng.choice("0Oo")
        elif character == "1" and text.count("-") == 4:
            character = rng.choice("1IiLl")
        out += rng.choice([character, character.lower()])
    return out


def spoil(rng, text, alphabet):
    """One mistake, or two."""
    symbols = list(text)
    places = [i for i, s in enumerate(symbols) if s not in "- "]
    for _ in range(rng.choice([1, 1, 1, 2])):
        i = rng.choice(places)
        what = rng.randrange(6)
        if what == 0:                                  # another symbol
            symbols[i] = rng.choice(alphabet)
        elif what == 1:                                # two symbols swapped
            j = rng.choice(places)
            symbols[i], symbols[j] = symbols[j], symbols[i]
        elif what == 2:                                # one too many, one too few
            symbols[i] = rng.choice(["", symbols[i] * 2])
        elif what == 3:                                # a foreign one
            symbols[i] = rng.choice("uU?é٣0\u2014")
        else:                                          # two groups swapped
            groups = "".join(symbols).replace("-", " ").split(" ")
            a, b = rng.randrange(len(groups)), rng.randrange(len(groups))
            groups[a], groups[b] = groups[b], groups[a]
            symbols = list(" ".join(groups))
            places = [k for k, s in enumerate(symbols) if s not in "- "]
    return "".join(symbols)


def verdict(parse, text):
    try:
        return parse(text)
    except codes.Refused as refused:
        return refused


def test_as_people_type(flows):
    """Separators, case and look-alikes mean the same on both sides."""
    rng = random.Random(SEED + 1)
    keys, iids, cids = ([typed(rng, text) for text in column] for column in
                        ([f.key.text() for f in flows], [f.iid.text() for f in flows], [f.cid.text() for f in flows]))
    for f, key, iid, cid in zip(flows, keys, iids, cids, strict=True):
        assert codes.Key.parse(key) == f.key and codes.InstallationID.parse(iid) == f.iid and codes.ConfirmationID.parse(cid) == f.cid
    agree([("key", t.replace("\t", " ")) for t in keys], [("ok", f.key.kind, f.key.number, f.key.text(), f.key.partial(), f.key.secret) for f in flows])
    agree([("read-iid", *f.at, t) for f, t in zip(flows, iids, strict=True)],
          [("ok", f.key.number, f.generation, f.attempt, f.binding, "proves") for f in flows])
    agree([("read-cid", *f.at, f.iid.text(), t) for f, t in zip(flows, cids, strict=True)], [("ok", f.secret) for f in flows])


def same_fault(want, got, where):
    assert got[0] == "no" and got[1] == want.kind, f"{where}: {want} here, {got} there"
    if want.kind in ("mistyped", "swapped", "foreign"):
        assert (int(got[2]), int(got[3])) == (want.group, want.other), f"{where}: {want} here, {got} there"


def test_mistakes(flows):
    """Wrong keys and digits are refused by both alike, for the same reason; and a wrong digit alone is never taken."""
    rng = random.Random(SEED + 2)
    refused = {}
    for name, text, alphabet, parse, question in (
            ("key", lambda f: f.key.text(), codes.ALPHABET, codes.Key.parse, lambda f, t: ("key", t)),
            ("iid", lambda f: f.iid.text(), "0123456789", codes.InstallationID.parse, lambda f, t: ("read-iid", *f.at, t)),
            ("cid", lambda f: f.cid.text(), "0123456789", codes.ConfirmationID.parse, lambda f, t: ("read-cid", *f.at, f.iid.text(), t)),
            # the other ID where this one belongs
            ("iid", lambda f: f.cid.text(), "0123456789", codes.InstallationID.parse, lambda f, t: ("read-iid", *f.at, t)),
            ("cid", lambda f: f.iid.text(), "0123456789", codes.ConfirmationID.parse, lambda f, t: ("read-cid", *f.at, f.iid.text(), t))):
        texts = [spoil(rng, text(f), alphabet) for f in flows]
        for f, t, got in zip(flows, texts, ask([question(f, t) for f, t in zip(flows, texts, strict=True)]), strict=True):
            want, where = verdict(parse, t), f"MUSTER_SEED={SEED}: {name} {t!r}"
            if not isinstance(want, codes.Refused):
                assert got[0] == "ok", f"{where}: taken here, {got} there"
            elif name == "key":
                assert got[0] == "no", f"{where}: {want} here, {got} there"
            else:
                same_fault(want, got, where)
                refused[want.kind] = refused.get(want.kind, 0) + 1
    assert set(refused) >= {"foreign", "count", "other", "mistyped", "swapped"}, refused


def test_range_and_version(flows):
    """Numbers of the right form that are too large, or of another version."""
    rng = random.Random(SEED + 3)
    for cls, command in ((codes.InstallationID, "read-iid"), (codes.ConfirmationID, "read-cid")):
        room = 10 ** (5 * cls.groups)
        values = [rng.choice([rng.randrange(1 << cls.bits, room), (1 << cls.bits) + rng.randrange(2), room - 1,
                              rng.randrange(1 << cls.bits), (1 << cls.bits) - 1, rng.randrange(1 << cls.bits - cls.version_bits)]) for _ in flows]
        for f, value, got in zip(flows, values, ask([(command, *f.at, *([f.iid.text()] if command == "read-cid" else []), cls(v).text())
                                                     for f, v in zip(flows, values, strict=True)]), strict=True):
            want = verdict(cls.parse, cls(value).text())
            if isinstance(want, codes.Refused):
                same_fault(want, got, f"MUSTER_SEED={SEED}: {value}")
            else:
                assert got[0] == "ok" and want.value == value


def changed(rng, flow):
    """Its Installation ID with one bit changed. By chance one in four million has the right tag (22 bits) all the same: that one is passed over."""
    while True:
        other = codes.InstallationID(flow.iid.value ^ 1 << rng.randrange(146))
        if other.value & 2**22 - 1 != flow.derived.tag(other.value >> 22):
            return other


def test_used_for_another(flows):
    """Right digits for another host, another key, another attempt, another slot: nothing opens on either side."""
    rng = random.Random(SEED + 4)
    others = flows[1:] + flows[:1]
    questions, expected, opens = [], [], []
    for f, other in zip(flows, others, strict=True):
        stranger = changed(rng, f)
        assert not f.derived.proves(stranger)
        questions.append(("read-iid", *f.at, stranger.text()))
        expected.append(("ok", stranger.number, stranger.generation, stranger.attempt, stranger.binding, "foreign"))
        wrong = f.derived.open(other.iid, f.cid)                                     # deposited on another host
        assert wrong != f.secret
        questions.append(("read-cid", *f.at, other.iid.text(), f.cid.text()))
        expected.append(("ok", wrong))
        box = bytearray(f.slot.seal(f.pkcs8, f.certificate))
        pack, generation, slot, secret = right = f.in_pack[2:]
        pack, generation, slot, secret = rng.choice([(pack, generation, slot, wrong), (other.pack, generation, slot, secret),
                                                     (pack, generation ^ 1, slot, secret), (pack, generation, slot ^ 1, secret), right])
        if (pack, generation, slot, secret) == right:
            box[rng.randrange(len(box))] ^= 1 << rng.randrange(8)
        with pytest.raises(codes.Refused):
            f.derived.slot(pack, generation, slot, secret).open(bytes(box))
        opens.append(("open", *f.at, pack, generation, slot, secret, bytes(box)))
    agree(questions, expected)
    for question, got in zip(opens, ask(opens), strict=True):
        assert got[0] == "no", f"MUSTER_SEED={SEED}: {question}"


PROGRAMMES = ["Select", "Open Value", "MPSA", "retail pack", "Größe", "ÉCOLE", "x", "A" * 255]


class Server:
    """A licence server: its key from programme and number, its ID."""

    def __init__(self, rng, flow):
        self.issuer, self.binding, self.generation, self.attempt = flow.issuer, flow.binding, flow.generation, flow.attempt
        self.programme = rng.choice(PROGRAMMES)
        self.agreement = "".join(rng.choice("0123456789abcXYZ./é") for _ in range(rng.randint(1, 30)))
        self.number = flow.key.number
        self.key = codes.Key.of_agreement(self.issuer, self.number, self.programme, self.agreement)
        self.id = self.key.under(self.issuer).server_id(self.generation, self.attempt, self.binding)
        self.at = (self.issuer, self.key.text())


def servers(flows):
    rng = random.Random(SEED + 5)
    return rng, [Server(rng, f) for f in flows]


def test_agreement_keys(flows):
    """The same key from programme and number on both sides, however the number is typed; vendors' keys get the same number and proof key."""
    rng, those = servers(flows)
    agree([("agreement", s.issuer, s.number, s.programme, s.agreement) for s in those], [("ok", s.key.text()) for s in those])
    loose = [("agreement", s.issuer, s.number, "".join(rng.choice([c, c.swapcase()]) if c.isascii() else c for c in s.programme),
              "".join(rng.choice([c, c.swapcase()] if c.isascii() else [c]) + rng.choice(["", "", " ", "-", "\u2013"]) for c in s.agreement)) for s in those]
    agree(loose, [("ok", s.key.text()) for s in those])
    for text in ("", "-", "1" * 256):
        assert ask([("agreement", bytes(16), 1, "Select", text)])[0][0] == "no"
    vendor = ["-".join("".join(rng.choice("BCDFGHJKMPQRTVWXY2346789") for _ in range(5)) for _ in range(5)) for _ in flows]
    agree([("foreign", f.issuer, v) for f, v in zip(flows, vendor, strict=True)],
          [("ok", codes.foreign_number(f.issuer, v), codes.foreign_proof_key(f.issuer, v)) for f, v in zip(flows, vendor, strict=True)])
    assert all(a[0] == "no" for a in ask([("foreign", bytes(16), v.lower()) for v in vendor[:50]] + [("foreign", bytes(16), v[:-1]) for v in vendor[:50]]))


def test_server_ids(flows):
    """35 digits: made and read alike on both sides, as people type them, with one mistake or two, and out of range."""
    rng, those = servers(flows)
    agree([("server", *s.at, s.generation, s.attempt, s.binding) for s in those], [("ok", s.id.text()) for s in those])
    texts = [typed(rng, s.id.text()) for s in those]
    agree([("read-server", *s.at, s.generation, t) for s, t in zip(those, texts, strict=True)], [("ok", s.attempt, s.binding, "fits") for s in those])
    refused = {}
    mixed = [rng.choice([s.id.text(), f.iid.text(), f.cid.text()]) for s, f in zip(those, flows, strict=True)]
    for text in ([spoil(rng, s.id.text(), "0123456789") for s in those], mixed, [codes.ServerID(rng.randrange(2**93, 10**28)).text() for _ in those]):
        for s, t, got in zip(those, text, ask([("read-server", *s.at, s.generation, t) for s, t in zip(those, text, strict=True)]), strict=True):
            want, where = verdict(codes.ServerID.parse, t), f"MUSTER_SEED={SEED}: {t!r}"
            if isinstance(want, codes.Refused):
                same_fault(want, got, where)
                refused[want.kind] = refused.get(want.kind, 0) + 1
            else:
                fits = want.tag == s.key.under(s.issuer).server_tag(s.generation, want.attempt, want.binding)
                assert got == ["ok", str(want.attempt), want.binding.hex(), "fits" if fits else "foreign"], where
    assert set(refused) >= {"foreign", "count", "other", "mistyped", "swapped", "range"}, refused


def test_server_id_of_another_key(flows):
    """The tag tells most other keys and generations, not all: one in 32 fits, as the document says."""
    _, those = servers(flows)
    others = those[1:] + those[:1]
    answers = ask([("read-server", o.issuer, o.key.text(), s.generation, s.id.text()) for s, o in zip(those, others, strict=True)])
    fits = sum(a[3] == "fits" for a in answers)
    assert fits < len(those) / 32 * 2 + 20
