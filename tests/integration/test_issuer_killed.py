"""
`muster-issuer confirm` killed at every write, sync and truncation from its start to its end (kill_point.c; at every fifth unless MUSTER_FAULTS says all:
tests/unit/test_books_killed has those of the books): asked again it gives one answer, no slot twice,
nothing counted twice; and the books of the beginning with the log that grew through all of it give every answer once more.
"""

import os
import shutil

from publisher import BUILD, Host, Publisher, machine, same_key

STRIDE = 1 if os.environ.get("MUSTER_FAULTS") else 5
MODULE = BUILD / "tests" / "integration" / ".libs" / "kill-point.so"


def at(round_):
    """The environment of a program that dies at the point of this round."""
    n = 1 + (round_ - 1) * STRIDE
    asan = os.environ.get("ASAN_OPTIONS", "")
    return {"LD_PRELOAD": str(MODULE), "MUSTER_TEST_KILL_AT": str(n), "ASAN_OPTIONS": f"{asan}:verify_asan_link_order=0" if asan else "verify_asan_link_order=0"}


def books(folder):
    return [folder / f"books.db{suffix}" for suffix in ("", "-wal", "-shm")]


def restore(publisher, saved):
    for path in books(publisher.dir):
        path.unlink(missing_ok=True)
    for path in books(saved):
        if path.exists():
            shutil.copy(path, publisher.dir)
    assert publisher("restore").code == 0


def test_digits(tmp_path):
    publisher = Publisher(tmp_path)
    key = publisher.mint("mak", activations=600)
    shutil.copytree(publisher.dir, tmp_path / "saved")
    given, n = {}, 0
    while True:
        n += 1
        iid = key.installation_id(1, 0, machine(n))
        killed = publisher("--json", "confirm", iid.text(), extra=at(n))
        assert killed.code in (0, -9), (n, killed)
        answer = publisher.telephone(iid)
        assert answer.code == 0 and answer.json["activations"]["used"] == n, (n, answer)
        assert killed.out in ("", answer.out.replace('"again": true', '"again": false')), (n, killed, answer)
        given[n] = answer.json["confirmation_id"]
        if killed.code == 0:
            break
    assert n * STRIDE > 50
    secrets = {publisher.slot_secret(key, key.installation_id(1, 0, machine(i)), {"confirmation_id": digits}) for i, digits in given.items()}
    assert len(secrets) == n
    restore(publisher, tmp_path / "saved")
    for i in range(1, n + 1):
        again = publisher.telephone(key.installation_id(1, 0, machine(i))).json
        assert again["again"] is True and again["confirmation_id"] == given[i] and again["activations"]["used"] == n, i


def test_request(tmp_path):
    publisher = Publisher(tmp_path)
    key = publisher.mint(hosts=300, activations=1)
    shutil.copytree(publisher.dir, tmp_path / "saved")
    given, n = [], 0
    while True:
        n += 1
        host = Host()
        text = host.short(key.installation_id(1, 0, host.binding))
        killed = publisher("confirm", "--request", "-", stdin=text, extra=at(n))
        assert killed.code in (0, -9), (n, killed)
        answer = publisher("confirm", "--request", "-", stdin=text)
        assert answer.code == 0 and same_key(answer.out, host) and f"{n} of 300 hosts, this one activated 1 of 1 times" in answer.err, (n, answer)
        assert killed.out in ("", answer.out), (n, killed, answer)
        given.append((text, answer.out))
        if killed.code == 0:
            break
    assert n * STRIDE > 50
    restore(publisher, tmp_path / "saved")
    for text, chain in given:
        assert publisher("confirm", "--request", "-", stdin=text).out == chain
