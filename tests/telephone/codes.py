"""
Product keys, Installation IDs, Confirmation IDs and activation slots, once more: written from the published layout alone
(docs/protocol.md section 9), in another language and by other means than core/trust (big integers and tables instead
of bit fiddling), so that a mistake in either shows.

Needs Python's standard library and python3-cryptography (AES-GCM).
"""

import dataclasses
import hashlib
import hmac

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM


class Refused(ValueError):
    """Not what it should be. `kind`: foreign, count, kind, check (keys); foreign, count, other, mistyped, swapped, range,
    version (digits); box (slots). Groups count from 1; 0: no certain one."""

    def __init__(self, kind, group=0, other=0):
        super().__init__(f"{kind} {group} {other}")
        self.kind, self.group, self.other = kind, group, other


def sha256_hmac(key, *parts):
    return hmac.new(key, b"".join(parts), hashlib.sha256).digest()


def hkdf_expand(prk, info, length):
    out, block, n = b"", b"", 1
    while len(out) < length:
        block = sha256_hmac(prk, block, info, bytes([n]))
        out, n = out + block, n + 1
    return out[:length]


# ---- product keys ----

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
KINDS = "A1ZES5"
SEPARATORS = " \t\n\r\u00a0-\u2010\u2011\u2012\u2013\u2014\u2015\u2212"
NUMBER_MAX = 2**30 - 1


def _powers():
    """a**0 … a**30 in GF(32) = GF(2)[x]/(x^5+x^2+1), a = x."""
    out, value = [], 1
    for _ in range(31):
        out.append(value)
        value <<= 1
        if value & 32:
            value ^= 0b100101
    return out


POWER = _powers()
LOGARITHM = {value: exponent for exponent, value in enumerate(POWER)}


def gf_times(x, y):
    return POWER[(LOGARITHM[x] + LOGARITHM[y]) % 31] if x and y else 0


def check_sum(symbols):
    total = 0
    for place, symbol in enumerate(symbols):
        total ^= gf_times(POWER[place % 31], symbol)
    return total


@dataclasses.dataclass(frozen=True)
class Key:
    kind: str
    secret: bytes
    number: int

    @classmethod
    def random(cls, rng):
        return cls(rng.choice(KINDS), rng.getrandbits(85).to_bytes(11, "big"), rng.getrandbits(30))

    @classmethod
    def of_agreement(cls, issuer_id, number, programme, agreement):
        """The access key that follows from a programme and the number it asks for."""
        small = "".join(c.lower() if "A" <= c <= "Z" else c for c in programme)
        plain = "".join(c.upper() if "a" <= c <= "z" else c for c in agreement if c not in SEPARATORS)
        mac = sha256_hmac(issuer_id, b"muster agreement key v1\0", small.encode(), b"\0", plain.encode())
        return cls("5", (int.from_bytes(mac[:11], "big") & 2**85 - 1).to_bytes(11, "big"), number)

    @classmethod
    def parse(cls, text):
        symbols = []
        for character in text:
            if character in SEPARATORS:
                continue
            if "a" <= character <= "z":
                character = character.upper()
            character = {"O": "0", "I": "1", "L": "1"}.get(character, character)
            if character not in ALPHABET:
                raise Refused("foreign", len(symbols) // 5 + 1)
            symbols.append(ALPHABET.index(character))
        if len(symbols) != 25:
            raise Refused("count")
        kind = ALPHABET[symbols[0]]
        if kind not in KINDS:
            raise Refused("kind")
        if check_sum(symbols) != 1:
            raise Refused("check")
        value = 0
        for symbol in symbols[1:24]:
            value = value << 5 | symbol
        return cls(kind, (value >> 30).to_bytes(11, "big"), value & NUMBER_MAX)

    def symbols(self):
        value = int.from_bytes(self.secret, "big") << 30 | self.number
        out = [ALPHABET.index(self.kind)] + [value >> 5 * (22 - i) & 31 for i in range(23)]
        # The last one makes the sum 1: c = (1 + sum of the others) / a**24.
        out.append(gf_times(check_sum(out) ^ 1, POWER[(31 - 24) % 31]))
        return "".join(ALPHABET[s] for s in out)

    def text(self):
        symbols = self.symbols()
        return "-".join(symbols[i:i + 5] for i in range(0, 25, 5))

    def partial(self):
        return self.symbols()[20:]

    def under(self, issuer_id):
        """The key at its issuer: everything derived from it."""
        return Derived(self, sha256_hmac(issuer_id, self.secret, self.kind.encode(), self.number.to_bytes(4, "big")))


@dataclasses.dataclass(frozen=True)
class Derived:
    key: Key
    prk: bytes

    def k(self, label, context=b"", length=32):
        return hkdf_expand(self.prk, label.encode() + b"\0" + context, length)

    def verifier(self, pack_id):
        return self.k("muster key verifier v1", pack_id)

    def proof_key(self):
        return self.k("muster proof key v1")

    def proof(self, activation_id, client_id, hardware_id, nonce):
        return sha256_hmac(self.proof_key(), activation_id, client_id, hardware_id, bytes([len(nonce)]), nonce)

    # Installation IDs

    def tag(self, body):
        return int.from_bytes(sha256_hmac(self.k("muster iid v1"), body.to_bytes(16, "big")), "big") >> 256 - 22

    def installation_id(self, generation, attempt, binding):
        body = 1
        for bits, value in ((30, self.key.number), (6, generation), (8, attempt), (80, int.from_bytes(binding, "big"))):
            body = body << bits | value
        return InstallationID(body << 22 | self.tag(body))

    def proves(self, iid):
        return iid.number == self.key.number and iid.value & 2**22 - 1 == self.tag(iid.value >> 22)

    # Licence server IDs

    def server_tag(self, generation, attempt, binding):
        return sha256_hmac(self.k("muster server id v1"), bytes([generation, attempt]), binding)[0] // 8

    def server_id(self, generation, attempt, binding):
        tag = self.server_tag(generation, attempt, binding)
        return ServerID((int.from_bytes(binding, "big") * 256 + attempt) * 32 + tag)

    # Confirmation IDs

    def mask(self, iid):
        return int.from_bytes(self.k("muster cid v1", iid.value.to_bytes(19, "big"), 16), "big")

    def confirmation_id(self, iid, slot_secret):
        return ConfirmationID(1 << 128 | int.from_bytes(slot_secret, "big") ^ self.mask(iid))

    def open(self, iid, cid):
        return (cid.value & 2**128 - 1 ^ self.mask(iid)).to_bytes(16, "big")

    # Slots

    def slot(self, pack_id, generation, slot, slot_secret):
        prk = sha256_hmac(pack_id, slot_secret, self.k("muster slot key v1"))
        name = self.key.number.to_bytes(4, "big") + bytes([generation])
        okm = hkdf_expand(prk, b"muster slot v1\0" + name + slot.to_bytes(2, "big"), 60)
        return Slot(b"muster slot box v1\0" + pack_id + name, slot, okm[:16], okm[16:48], okm[48:])


# ---- keys of another vendor ----

def foreign_number(issuer_id, text):
    return int.from_bytes(hashlib.sha256(b"muster foreign key v1\0" + issuer_id + text.encode()).digest(), "big") >> 256 - 30


def foreign_proof_key(issuer_id, text):
    return hkdf_expand(sha256_hmac(issuer_id, text.encode()), b"muster foreign proof key v1", 32)


# ---- digits ----

# The quasigroup of order 10 of H. M. Damm's thesis (2004): 572 has check digit 4.
DAMM = ["0317598642", "7092154863", "4206871359", "1750983426", "6123045978",
        "3674209581", "5869720134", "8945362017", "9438617205", "2581436790"]


def damm(start, digits):
    state = start
    for digit in digits:
        state = int(DAMM[state][int(digit)])
    return str(state)


class Digits:
    """Groups of five digits and their check, most significant first."""
    groups = bits = version = version_bits = 0

    @staticmethod
    def start(group):
        raise NotImplementedError

    @staticmethod
    def other():
        """The other kind of ID, for which this one may be taken."""
        raise NotImplementedError

    def __init__(self, value):
        self.value = value

    def plain(self):
        digits = f"{self.value:0{5 * self.groups}d}"
        five = [digits[i:i + 5] for i in range(0, len(digits), 5)]
        return [group + damm(self.start(i), group) for i, group in enumerate(five)]

    def text(self, separator=" "):
        return separator.join(self.plain())

    def __eq__(self, other):
        return type(self) is type(other) and self.value == other.value

    @classmethod
    def parse(cls, text):
        digits = ""
        for character in text:
            if character in "0123456789":
                digits += character
            elif character not in SEPARATORS:
                group = len(digits) // 6 + 1
                raise Refused("foreign", group if group <= cls.groups else 0)
        groups = [digits[i:i + 6] for i in range(0, len(digits), 6)]
        if len(digits) != 6 * cls.groups:
            other = cls.other()
            raise Refused("other" if len(digits) == 6 * other.groups and not other.wrong_groups(groups) else "count")
        cls.check_groups(groups)
        value = int("".join(digits[i:i + 5] for i in range(0, len(digits), 6)))
        if value >> cls.bits:
            raise Refused("range")
        if value >> cls.bits - cls.version_bits != cls.version:
            raise Refused("version")
        return cls(value)

    @classmethod
    def wrong_groups(cls, groups):
        return [i for i, group in enumerate(groups) if damm(cls.start(i), group[:5]) != group[5]]

    @classmethod
    def check_groups(cls, groups):
        wrong = cls.wrong_groups(groups)
        if len(wrong) == 2:
            a, b = wrong
            if damm(cls.start(b), groups[a][:5]) == groups[a][5] and damm(cls.start(a), groups[b][:5]) == groups[b][5]:
                raise Refused("swapped", a + 1, b + 1)
        if wrong:
            raise Refused("mistyped", wrong[0] + 1)


class InstallationID(Digits):
    groups, bits, version, version_bits = 9, 149, 1, 3

    @staticmethod
    def start(group):
        return group

    @staticmethod
    def other():
        return ConfirmationID

    def field(self, low, bits):
        return self.value >> low & 2**bits - 1

    number = property(lambda self: self.field(116, 30))
    generation = property(lambda self: self.field(110, 6))
    attempt = property(lambda self: self.field(102, 8))
    binding = property(lambda self: self.field(22, 80).to_bytes(10, "big"))


class ConfirmationID(Digits):
    groups, bits, version, version_bits = 8, 132, 1, 4

    @staticmethod
    def start(group):
        return 9 - group

    @staticmethod
    def other():
        return InstallationID


class ServerID:
    """35 digits of a licence server: seven groups of four and their check."""

    def __init__(self, value):
        self.value = value

    binding = property(lambda self: (self.value >> 13).to_bytes(10, "big"))
    attempt = property(lambda self: self.value // 32 % 256)
    tag = property(lambda self: self.value % 32)

    def __eq__(self, other):
        return type(self) is type(other) and self.value == other.value

    def text(self, separator=" "):
        digits = str(self.value).rjust(28, "0")
        fours = [digits[i:i + 4] for i in range(0, 28, 4)]
        return separator.join(four + damm(i, four) for i, four in enumerate(fours))

    @classmethod
    def parse(cls, text):
        digits = ""
        for character in text:
            if character in "0123456789":
                digits += character
            elif character not in SEPARATORS:
                raise Refused("foreign", len(digits) // 5 + 1 if len(digits) < 35 else 0)
        if len(digits) != 35:
            for other in (InstallationID, ConfirmationID):
                try:
                    other.parse(text)
                except Refused:
                    continue
                raise Refused("other")
            raise Refused("count")
        groups = [digits[i:i + 5] for i in range(0, 35, 5)]
        wrong = [i for i, g in enumerate(groups) if damm(i, g[:4]) != g[4]]
        if len(wrong) == 2 and damm(wrong[0], groups[wrong[1]][:4]) == groups[wrong[1]][4] and damm(wrong[1], groups[wrong[0]][:4]) == groups[wrong[0]][4]:
            raise Refused("swapped", wrong[0] + 1, wrong[1] + 1)
        if wrong:
            raise Refused("mistyped", wrong[0] + 1)
        value = int("".join(g[:4] for g in groups))
        if value >= 2**93:
            raise Refused("range")
        return cls(value)


# ---- machines ----

def binding_of_host(issuer_id, source, value):
    return sha256_hmac(issuer_id, b"muster host binding v1\0", bytes([source]), value)[:10]


def binding_of_machine(issuer_id, hardware_id):
    return sha256_hmac(issuer_id, b"muster machine binding v1\0", hardware_id)[:10]


def hardware_id(issuer_id, source, value):
    return bytes([source]) + sha256_hmac(issuer_id, b"muster hardware v1\0", bytes([source]), value)[1:]


# ---- slots ----

@dataclasses.dataclass(frozen=True)
class Slot:
    aad: bytes
    number: int
    finder: bytes
    key: bytes
    nonce: bytes

    def seal(self, pkcs8, certificate):
        plain = b"\1" + len(pkcs8).to_bytes(2, "big") + pkcs8 + len(certificate).to_bytes(2, "big") + certificate
        head = b"MSLT\1\1" + self.number.to_bytes(2, "big") + self.finder + (len(plain) + 16).to_bytes(4, "big")
        return head + AESGCM(self.key).encrypt(self.nonce, plain, self.aad + head)

    def open(self, box):
        head, sealed = box[:28], box[28:]
        if len(head) < 28 or head[:6] != b"MSLT\1\1" or int.from_bytes(head[24:], "big") != len(sealed):
            raise Refused("box")
        if head[6:8] != self.number.to_bytes(2, "big") or head[8:24] != self.finder:
            raise Refused("box")
        try:
            plain = AESGCM(self.key).decrypt(self.nonce, sealed, self.aad + head)
        except InvalidTag:
            raise Refused("box") from None
        n = int.from_bytes(plain[1:3], "big")
        pkcs8, rest = plain[3:3 + n], plain[3 + n:]
        m = int.from_bytes(rest[:2], "big")
        if plain[0] != 1 or len(pkcs8) != n or len(rest) != 2 + m or not (1 <= n <= 4096 and 1 <= m <= 4096):
            raise Refused("box")
        return pkcs8, rest[2:]
