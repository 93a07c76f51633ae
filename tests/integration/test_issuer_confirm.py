"""muster-issuer confirm and restore: what an operator at the telephone does, and what must not happen."""

import json
import os
import pty
import select
import shutil
import subprocess
import uuid

import pytest
from cryptography import x509

from publisher import PROGRAM, Host, Publisher, codes, machine, same_key, unb64, verifies


@pytest.fixture(scope="module")
def publisher(tmp_path_factory):
    return Publisher(tmp_path_factory.mktemp("publisher"))


def test_digits(publisher):
    """Digits unlock a slot; the same Installation ID gets the same ones; the next attempt another slot."""
    key = publisher.mint()
    pack = publisher.pack(key)
    iid = key.installation_id(2, 0, machine(1))
    first = publisher.telephone(iid, "--name", "kms1")
    assert first.code == 0, first
    a = first.json
    assert a["hosts"] == {"used": 1, "allowed": 6} and a["activations"] == {"used": 1, "allowed": 10} and a["again"] is False and a["key"] == key.key.number
    assert a["partial"] == key.key.partial()
    again = publisher.telephone(iid).json
    assert again["again"] is True and again["confirmation_id"] == a["confirmation_id"] and again["activations"]["used"] == 1
    second = key.installation_id(2, 1, machine(1))
    b = publisher.telephone(second).json
    assert b["activations"]["used"] == 2
    # they open slots 0 and 1 of the pack, and no other
    for n, (i, answer) in enumerate(((iid, a), (second, b))):
        secret, opened = publisher.slot_secret(key, i, answer), []
        for slot, box in enumerate(pack["keys"][0]["slots"]):
            try:
                opened.append((slot, key.slot(uuid.UUID(pack["jti"].removeprefix("urn:uuid:")).bytes, 2, slot, secret).open(unb64(box))))
            except ValueError:
                continue
        assert [slot for slot, _ in opened] == [n]
        assert x509.load_der_x509_certificate(opened[0][1][1]).not_valid_after.strftime("%Y-%m-%dT%H:%M:%SZ") == answer["ends_at"]
    void = publisher.telephone(key.installation_id(1, 2, machine(1)))
    assert void.code == 1 and "a newer pack (2) has replaced it" in void.err, void
    old = publisher.telephone(key.installation_id(2, 0, machine(1)))
    assert old.code == 0 and old.json["again"] is True
    text = publisher("confirm", iid.text(""))
    assert text.code == 0 and f"    {a['confirmation_id']}\n" in text.out and "nothing was counted" in text.out, text


def test_limits(publisher):
    """The seventh host is told who holds the six; the eleventh activation of one host is refused."""
    key = publisher.mint()
    for n in range(6):
        assert publisher.telephone(key.installation_id(1, 0, machine(n)), "--name", f"kms{n}").code == 0
    seventh = publisher.telephone(key.installation_id(1, 0, machine(6)))
    assert seventh.code == 1 and seventh.out == "" and f"all 6 hosts of the key ending in {key.key.partial()} are taken: kms0 since 2" in seventh.err, seventh
    assert all(f"kms{n} since" in seventh.err for n in range(6))
    for attempt in range(1, 10):
        assert publisher.telephone(key.installation_id(1, attempt, machine(0))).code == 0
    eleventh = publisher.telephone(key.installation_id(1, 10, machine(0)))
    assert eleventh.code == 1 and "this host was activated 10 times" in eleventh.err, eleventh
    older = publisher.telephone(key.installation_id(1, 3, machine(0)))
    assert older.code == 0 and older.json["again"] is True
    skipped = key.installation_id(1, 20, machine(1))
    assert publisher.telephone(skipped).code == 0
    lower = publisher.telephone(key.installation_id(1, 19, machine(1)))
    assert lower.code == 1 and "older than one of the same host" in lower.err, lower


def test_mistyped(publisher):
    """Nothing mistyped reaches the books; the group is named."""
    key = publisher.mint()
    digits = key.installation_id(1, 0, machine(1)).text("")
    groups = [digits[i:i + 6] for i in range(0, 54, 6)]
    wrong = groups.copy()
    wrong[3] = wrong[3][:2] + str((int(wrong[3][2]) + 1) % 10) + wrong[3][3:]
    said = publisher("confirm", "-".join(wrong))
    assert said.code == 1 and "group 4" in said.err.lower(), said
    swapped = groups.copy()
    swapped[1], swapped[4] = swapped[4], swapped[1]
    said = publisher("confirm", "-".join(swapped))
    assert said.code == 1 and "swapped" in said.err, said
    assert publisher("confirm", digits[:-6]).code == 1
    # the wrong ones were not counted as wrong tags: the key is as free as before
    for _ in range(12):
        assert publisher("confirm", "-".join(wrong)).code == 1
    assert publisher("confirm", digits).code == 0


def forged(key, n):
    """Right groups, wrong tag: what a stranger can make who knows the number."""
    iid = key.installation_id(1, 0, machine(1000 + n))
    return codes.InstallationID(iid.value ^ 1)


def test_wrong_tags(publisher):
    """A stranger's Installation IDs count nothing; after ten in a day an operator must decide, with a reason; a year of them burns no place."""
    publisher.no_midnight()
    key, n = publisher.mint(hosts=2), 0
    right = key.installation_id(1, 0, machine(1))
    for day in range(3):
        for i in range(10):
            said = publisher.telephone(forged(key, n := n + 1))
            assert said.code == 1 and f"was not made with the key ending in {key.key.partial()}" in said.err and f"today: {i + 1})" in said.err, said
        said = publisher.telephone(right)
        assert said.code == 1 and "10 Installation IDs of today" in said.err and "--override" in said.err, said
        said = publisher.telephone(forged(key, n := n + 1), "--override", "wrong all the same")
        assert said.code == 1 and "was not made with" in said.err, said
        said = publisher.telephone(right, "--override", "the administrator called from the known number")
        assert said.code == 0 and said.json["hosts"] == {"used": 1, "allowed": 2} and said.json["again"] is (day > 0), said
        publisher.advance(1)
        assert publisher.telephone(right).code == 0
    for _ in range(12):
        publisher.advance(30)
        assert publisher.telephone(forged(key, n := n + 1)).code == 1
    said = publisher.telephone(key.installation_id(1, 0, machine(2)))
    assert said.code == 0 and said.json["hosts"] == {"used": 2, "allowed": 2}, said
    assert publisher("confirm", right.text(""), "--override", "").code == 2


def test_unknown_key(publisher):
    other = codes.Key("A", os.urandom(11)[:0] + (b"\0" * 11), 12345).under(publisher.issuer_id)
    said = publisher.telephone(other.installation_id(1, 0, machine(1)))
    assert said.code == 1 and "no product key with the number" in said.err, said


def test_coverage(publisher):
    """An ESU key before its coverage starts: refused with the date, nothing counted; on that day it works."""
    publisher.no_midnight()
    start = publisher.day(3)
    key = publisher.mint("esu-mak", activations=5, start=start)
    iid = key.installation_id(1, 0, machine(1))
    said = publisher.telephone(iid)
    assert said.code == 1 and f"cannot be used before {start}, when its coverage starts" in said.err, said
    publisher.advance(3)
    said = publisher.telephone(iid)
    assert said.code == 0 and said.json["activations"] == {"used": 1, "allowed": 5}, said


def test_dialogue(publisher):
    """On a terminal: group by group; a mistyped one is named and asked for again; given up, nothing is recorded."""
    key = publisher.mint()
    iid = key.installation_id(1, 0, machine(1))
    groups = iid.text().split()

    def talk(lines):
        pid, fd = pty.fork()
        if pid == 0:
            os.execve(PROGRAM, [str(PROGRAM), "--dir", str(publisher.dir), "confirm"], publisher.environment)
        out = b""
        for prompt, line in lines:
            while prompt.encode() not in out[out.rfind(b"\n> ") + 1:].split(b"\x00")[-1]:
                assert select.select([fd], [], [], 60)[0], out
                out += os.read(fd, 4096)
            os.write(fd, line.encode() + b"\n" if line != "\x04" else b"\x04")
            out += b"\x00"   # what follows is new
        while True:
            try:
                part = os.read(fd, 4096)
            except OSError:
                break
            if not part:
                break
            out += part
        os.close(fd)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), out.decode().replace("\x00", "")

    code, text = talk([("Group 1: ", groups[0]), ("Group 2: ", "\x04")])
    assert code == 1 and "given up at group 2; nothing was recorded" in text, text
    wrong = groups[3][:-1] + str((int(groups[3][-1]) + 1) % 10)
    code, text = talk([("Group 1: ", groups[0]), ("Group 2: ", groups[1] + " " + groups[2] + wrong), ("Group 4: ", "12"), ("Group 4: ", groups[3]), ("Group 5: ", "-".join(groups[4:])),
                       ("Name of the host", "kms7")])
    assert code == 0 and f"Group 4 is mistyped ({wrong})" in text and "A group is six digits" in text, text
    said = publisher.telephone(iid)
    assert said.json["again"] is True and said.json["confirmation_id"] in text and said.json["hosts"]["used"] == 1


def test_request(publisher, tmp_path):
    """A request as text or PEM: the host's own key is certified; digits and certificate of one Installation ID count once."""
    key, host = publisher.mint(), Host()
    iid = key.installation_id(1, 0, host.binding)
    (tmp_path / "short").write_text(host.short(iid) + "\n")
    (tmp_path / "long").write_text(f"# request of kms1\n{iid.text()}\n{host.request}")
    said = publisher("confirm", "--request", tmp_path / "short", "--out", tmp_path / "host.pem", "--name", "kms1")
    assert said.code == 0 and "1 of 6 hosts" in said.out, said
    chain = (tmp_path / "host.pem").read_text()
    assert same_key(chain, host) and verifies(publisher, chain)
    again = publisher("confirm", "--request", tmp_path / "short", "--text")
    assert again.code == 0 and again.out.startswith("MUSTER1A:") and "nothing was counted" in again.err, again
    der = subprocess.run(["openssl", "x509", "-in", tmp_path / "host.pem", "-outform", "der"], check=True, capture_output=True).stdout
    assert unb64(again.out.strip().removeprefix("MUSTER1A:")).startswith(der)
    # the same request as PEM is the same request
    same = publisher("confirm", "--request", tmp_path / "long")
    assert same.code == 0 and same.out == chain, same
    other = Host()
    (tmp_path / "other").write_text(f"{iid.text()}\n{other.request}")
    said = publisher("confirm", "--request", tmp_path / "other")
    assert said.code == 1 and "answered for another certificate request" in said.err and said.out == "", said
    digits = publisher.telephone(iid)
    assert digits.code == 0 and digits.json["again"] is True and digits.json["activations"]["used"] == 1
    said = publisher("confirm", "--request", "-", stdin=f"{key.installation_id(1, 1, host.binding).text()}\n{other.request}")
    assert said.code == 0 and same_key(said.out, other) and "activated 2 of 10 times" in said.err, said


@pytest.mark.parametrize("text, message", [
    ("", "neither a request as text"), ("MUSTER1:123", "second colon"), ("MUSTER1:147878:!!!", "base64url"), ("MUSTER1:147878:AAAA", "0xC004F02C|digits|Installation ID"),
    ("-----BEGIN CERTIFICATE REQUEST-----\nAA\n-----END CERTIFICATE REQUEST-----\n", "no Installation ID beside it"), ("x" * 40000, "not a request"),
])
def test_bad_requests(publisher, tmp_path, text, message):
    (tmp_path / "r").write_text(text)
    said = publisher("confirm", "--request", tmp_path / "r")
    assert said.code == 1 and said.out == "" and any(m in said.err for m in message.split("|")), said


def batch(ids, name=None):
    return f"muster-counted-request 1 {name or uuid.uuid4()}\n# machines\n" + "".join(f"{i.text()}\n" for i in ids)


def test_batch(publisher, tmp_path):
    """300 machines by file, and the same file again; another file with the same machines does not count them again; the 301st is refused."""
    key = publisher.mint("mak", activations=300)
    ids = [key.installation_id(1, 0, machine(n)) for n in range(300)]
    (tmp_path / "ask").write_text(batch(ids))
    said = publisher("confirm", "--batch", tmp_path / "ask", "--out", tmp_path / "answer")
    assert said.code == 0 and "300 confirmed, 0 refused." in said.out and f"Key number {key.key.number}: 300 of 300 used." in said.out, said
    answer = json.loads((tmp_path / "answer").read_text())
    assert [r["installation_id"] for r in answer["results"]] == [i.text() for i in ids]
    assert answer["keys"] == [{"number": key.key.number, "allowed": 300, "used": 300, "remaining": 0}]
    again = publisher("confirm", "--batch", tmp_path / "ask")
    assert again.code == 0 and json.loads(again.out) == answer
    (tmp_path / "other").write_text(batch([key.installation_id(1, 7, machine(n)) for n in range(100)] + [key.installation_id(1, 0, machine(999))]))
    said = publisher("confirm", "--batch", tmp_path / "other")
    other = json.loads(said.out)
    assert other["keys"][0]["used"] == 300 and other["results"][100]["code"] == "0xC004C020" and "300 machines of the 300" in other["results"][100]["detail"]

    def jti(result):
        return json.loads(unb64(result["confirmation"].split(".")[1]))["jti"]

    assert [jti(r) for r in other["results"][:100]] == [jti(r) for r in answer["results"][:100]] and len({jti(r) for r in answer["results"]}) == 300
    # by telephone, too: the machine's slot, still counted once
    said = publisher.telephone(ids[5])
    assert said.code == 0 and said.json["again"] is True and said.json["activations"] == {"used": 300, "allowed": 300}
    # a wrong line is named before anything is done; an ID is not used twice
    lines = (tmp_path / "ask").read_text().splitlines()
    (tmp_path / "bad").write_text("\n".join(lines[:4] + [lines[4][:-1]]))
    said = publisher("confirm", "--batch", tmp_path / "bad")
    assert said.code == 1 and f"{tmp_path / 'bad'}:5: " in said.err, said
    (tmp_path / "bad").write_text(lines[0] + "\n" + lines[3])
    said = publisher("confirm", "--batch", tmp_path / "bad")
    assert said.code == 1 and "another request" in said.err, said
    (tmp_path / "bad").write_text("something else\n")
    assert "not a request of `musterctl mak export`" in publisher("confirm", "--batch", tmp_path / "bad").err


def test_restore(publisher, tmp_path):
    """Yesterday's books with today's confirmations.log: nothing is revealed before `restore`; then no slot twice, nothing counted twice."""
    key, mak, host = publisher.mint(), publisher.mint("mak", activations=10), Host()
    ids = [key.installation_id(1, 0, machine(n)) for n in range(4)]
    first = publisher.telephone(ids[0]).json
    shutil.copytree(publisher.dir, tmp_path / "yesterday")
    given = [first] + [publisher.telephone(i).json for i in ids[1:]]
    online = key.installation_id(1, 0, host.binding)
    chain = publisher("confirm", "--request", "-", stdin=host.short(online)).out
    assert publisher.telephone(mak.installation_id(1, 0, machine(1))).json["activations"]["used"] == 1
    for name in ("books.db", "books.db-wal", "books.db-shm"):
        (publisher.dir / name).unlink(missing_ok=True)
    for name in ("books.db", "books.db-wal", "books.db-shm"):
        if (tmp_path / "yesterday" / name).exists():
            shutil.copy(tmp_path / "yesterday" / name, publisher.dir / name)
    for i in ids + [key.installation_id(1, 0, machine(9))]:
        said = publisher.telephone(i)
        assert said.code == 1 and said.out == "" and "muster-issuer restore" in said.err, said
    log = publisher.dir / "confirmations.log"
    kept = log.read_bytes()
    (tmp_path / "log").write_bytes(kept)
    log.unlink()
    said = publisher("restore")
    assert said.code == 1 and "confirmations.log is missing" in said.err, said
    shutil.copy(tmp_path / "log", log)
    os.chmod(log, 0o600)
    done = publisher("restore")
    assert done.code == 0 and "Replayed 5 lines of confirmations.log: 5 confirmations, 1 certificates." in done.out, done
    for i, before in zip(ids, given):
        again = publisher.telephone(i).json
        assert again["again"] is True and again["confirmation_id"] == before["confirmation_id"] and again["hosts"]["used"] == 5
    fresh = publisher.telephone(key.installation_id(1, 0, machine(9))).json
    assert fresh["again"] is False
    secrets = [publisher.slot_secret(key, i, a) for i, a in zip(ids, given)]
    assert publisher.slot_secret(key, key.installation_id(1, 0, machine(9)), fresh) not in secrets
    assert publisher("confirm", "--request", "-", stdin=host.short(online)).out == chain
    assert publisher.telephone(mak.installation_id(1, 0, machine(1))).json["again"] is True
    assert "nothing to replay" in publisher("restore").out


def test_log_lost(tmp_path):
    """Without any copy of the log: a new one begins, the old pack's slots are void, a new pack works."""
    publisher = Publisher(tmp_path)
    key = publisher.mint()
    given = publisher.telephone(key.installation_id(1, 0, machine(1))).json
    (publisher.dir / "confirmations.log").unlink()
    assert "restore --log-lost" in publisher.telephone(key.installation_id(1, 1, machine(1))).err
    lost = publisher("restore", "--log-lost", "--reason", "disk and copy failed, ticket 4711")
    assert lost.code == 0 and "1 key needs a new licence pack" in lost.out, lost
    assert "a newer pack (2)" in publisher.telephone(key.installation_id(1, 1, machine(1))).err
    again = publisher.telephone(key.installation_id(1, 0, machine(1))).json
    assert again["again"] is True and again["confirmation_id"] == given["confirmation_id"]
    assert publisher.pack(key)["keys"][0]["generation"] == 3
    assert publisher.telephone(key.installation_id(3, 1, machine(1))).json["activations"]["used"] == 2


@pytest.mark.parametrize("arguments, message", [
    (["confirm", "1", "--batch", "f"], "one of"), (["confirm", "--batch", "f", "--request", "g"], "one of"), (["confirm", "1", "--out", "f"], "--out goes with"),
    (["confirm", "1", "--text"], "--text goes with"), (["confirm", "--batch", "f", "--override", "x"], "not for a batch"), (["serve"], "serve needs --listen"),
    (["restore", "x"], "usage:"), (["restore", "--log-lost"], "go together"),
])
def test_usage(publisher, arguments, message):
    said = publisher(*arguments)
    assert said.code == 2 and message in said.err and said.out == "", said
