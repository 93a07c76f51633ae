"""What an author types before a host sees anything: plugin new, plugin check of objects and of product files."""

import json
import os
import re
import shutil

import pytest

from administrator import DONE, FAILED, USAGE, run
from host import BUILD, Issuer, folder, plugin_path, program

BAD = BUILD / "tests" / "refusals" / ".libs"
MISBEHAVING = BUILD / "tests" / "plugins" / ".libs"


@pytest.fixture
def place():
    """A folder a host would trust, and where commands are typed."""
    with folder() as path:
        yield path


def musterctl(place, *words):
    return run(program("musterctl"), *map(str, words), cwd=place, env={**os.environ, "LC_ALL": "C.UTF-8"})


# ---- plugin check FILE.so ----

# Each wrong in one way: whose file is copied, what the copy is called, what the report must say.
BROKEN = [
    ("bad_plugins", "bad-magic", "its magic is 0x12345678, not 0x4d55504c; the object is no struct muster_plugin"),
    ("bad_plugins", "bad-size", "its size is 24, less than the 144 of ABI 1.0; set it to sizeof(struct muster_plugin)"),
    ("bad_plugins", "old-major", "built for ABI 0.2, which came before 1.0 and was not frozen; build it anew with this host's muster/plugin.h"),
    ("bad_plugins", "newer-minor", "built for the newer ABI 1.1, and this host has 1.0; update the host, or rebuild the plugin"),
    ("bad_plugins", "other-name", "it calls itself somebody-else; file, section and name must be the same"),
    ("bad_plugins", "nobody", "does not export nobody_LTX_muster_plugin; define it with MUSTER_PLUGIN"),
    ("bad_plugins", "id-twice", "products row 2 (id-two): activation ID 10000000-0000-4000-8000-000000000001 is used twice"),
    ("bad_plugins", "zero-minimum", "products row 1 (zero-minimum): minimum_count is 0; the threshold model takes 1 to 100000"),
    ("bad_plugins", "access-versions", "access versions: there is none; name at least one, the newest with the highest generation"),
    ("bad_plugins", "seats-heartbeat", "seats: heartbeat_s is 400; 0 for a quarter of lease_s, or 20 to half of it, 300 seconds"),
    ("bad_plugins", "mark-path", "marks row 1: path must be a relative one with '/' and without '..'"),
    ("bad_plugins", "option-overlap", "options row 2 (n): its member overlaps that of flag"),
    ("bad_plugins", "start-fault", "start() answered -3: the moon is full"),
    ("unresolved", "unresolved", "cannot be loaded: undefined symbol: muster_no_such_function"),
    ("rude", "rude", r"it crashed (Segmentation fault) in request_check"),
    ("leaving", "leaving", "it ended the process in request_check"),
    ("moody", "moody", "request_check answers request 0 for moody differently the second time"),
    ("slow", "slow", "request_check takes more than 50 ms for slow"),
    ("single", "single", "start() answered -9: only one of me"),
    ("loud", "loud", "it exports loud_helper besides loud_LTX_muster_plugin"),
]


def test_each_broken_plugin_has_a_message_of_its_own():
    assert len(BROKEN) >= 12 and len({b[2] for b in BROKEN}) == len(BROKEN)


@pytest.mark.parametrize("made, name, says", BROKEN, ids=[b[1] for b in BROKEN])
def test_a_broken_plugin_is_reported(place, made, name, says):
    """Exit 1, FAILED with the sentence, the file named; the same in JSON."""
    file = place / f"{name}.so"
    shutil.copy((BAD if made in ("bad_plugins", "unresolved") else MISBEHAVING) / f"{made}.so", file)
    os.chmod(file, 0o755)
    said = musterctl(place, "plugin", "check", file.name)
    if made == "rude":   # a sanitizer ends the process instead
        assert re.search(r"       it (crashed \(Segmentation fault\)|ended the process) in request_check, in the check after \"", said.out), said
    else:
        assert f"{says}" in said.out, said
    assert said.status == FAILED and "FAILED" in said.out, said
    assert re.search(rf"^musterctl: {re.escape(str(file))}: [1-9]\d* of the checks failed$", said.err, re.M), said
    report = musterctl(place, "plugin", "check", file.name, "--json")
    answer = json.loads(report.out)
    assert report.status == FAILED and answer["passed"] is False and answer["file"] == str(file)
    failed = [c for c in answer["checks"] if not c["passed"]]
    assert failed and (made == "rude" or says in " ".join(c["detail"] for c in failed)), answer


def test_what_is_no_plugin_at_all(place):
    """A text, an unsafe mode, another suffix, nothing there."""
    (place / "text.so").write_text("#!/bin/sh\n")
    assert "is not a shared object; build it with -shared" in musterctl(place, "plugin", "check", "text.so").out
    shutil.copy(plugin_path("office2013"), place / "office2013.so")
    os.chmod(place / "office2013.so", 0o777)
    assert f"chmod go-w {place}/office2013.so" in musterctl(place, "plugin", "check", "office2013.so").out
    shutil.copy(plugin_path("office2013"), place / "office2013.txt")
    assert "is called neither NAME.so, as a plugin, nor NAME.ini, as a product file" in musterctl(place, "plugin", "check", "office2013.txt").err
    said = musterctl(place, "plugin", "check", "absent.so")
    assert said.status == FAILED and said.err == "musterctl: absent.so: No such file or directory\n"


# ---- plugin check FILE.ini ----

GOOD = """[product writer]
name = Writer
activation_id = 0b0c6f0e-5d0f-4a55-9f4e-2c8f7a0d5a11
application_id = 5a3f2c1b-8a07-4a43-8f0e-6f7ad1f0c9aa
model = threshold
minimum_count = 3
pool = writer
"""

# A good file in which one line is another: the lines of the report.
FAULTS = [
    ("minimum_count = 3", "minimum_count = none", "writer.ini:6: [product writer] minimum_count: "),
    ("minimum_count = 3", "minimum_count = 0", "writer.ini:6: [product writer] minimum_count: "),
    ("minimum_count = 3", "minimum_cuont = 3", "writer.ini:6: [product writer] minimum_cuont: "),
    ("model = threshold", "model = thresold", "[product writer] model: "),
    ("name = Writer", "", "[product writer] name: the key is missing"),
    ("activation_id = 0b0c6f0e-5d0f-4a55-9f4e-2c8f7a0d5a11", "activation_id = 0b0c6f0e", "writer.ini:3: [product writer] activation_id: "),
    ("application_id = 5a3f2c1b-8a07-4a43-8f0e-6f7ad1f0c9aa", "", "[product writer] application_id: the key is missing"),
    ("pool = writer", "pool = Our Writer", "writer.ini:7: [product writer] pool: "),
    ("pool = writer", "validity = 90", "writer.ini:7: [product writer] validity: "),
    ("[product writer]", "[produkt writer]", "writer.ini:1: [produkt writer]"),
    ("pool = writer", "issuer = nobody", "writer.ini:7: [product writer] issuer: there is no [issuer nobody] section"),
    ("pool = writer", "like = office2013", "writer.ini:"),
]


@pytest.mark.parametrize("line, other, says", FAULTS, ids=[f[1].replace(" ", "") or f"no-{f[0].split()[0]}" for f in FAULTS])
def test_a_product_file_is_judged_line_by_line(place, line, other, says):
    assert line in GOOD
    (place / "writer.ini").write_text(GOOD.replace(line, other))
    said = musterctl(place, "plugin", "check", "writer.ini")
    assert said.status == FAILED and re.search(r"^FAILED (sections, keys and values|products)$", said.out, re.M) and says in said.out, said
    assert "add --config /etc/muster/muster.conf" in said.out
    answer = json.loads(musterctl(place, "plugin", "check", "writer.ini", "--json").out)
    assert answer["passed"] is False and any(says in c["detail"] for c in answer["checks"] if not c["passed"]), answer


def test_every_fault_of_a_file_is_listed(place):
    (place / "writer.ini").write_text(GOOD.replace("minimum_count = 3", "minimum_count = x").replace("pool = writer", "pool = A B"))
    out = musterctl(place, "plugin", "check", "writer.ini").out
    assert "writer.ini:6: " in out and "writer.ini:7: " in out and out.count("FAILED") == 2


def test_a_good_product_file_is_shown_as_the_host_takes_it(place):
    (place / "writer.ini").write_text(GOOD)
    os.chmod(place / "writer.ini", 0o666)   # on an author's desk this is no fault; where a host reads it, it is
    said = musterctl(place, "plugin", "check", "writer.ini")
    assert (said.status, said.err) == (DONE, ""), said
    assert said.out == "ok     sections, keys and values\nok     product writer: threshold, minimum count 3, pool writer\nok     products\nwriter.ini is good.\n"
    (place / "empty.ini").write_text("\n")
    assert "the file brings neither a product nor an edition" in musterctl(place, "plugin", "check", "empty.ini").out
    said = musterctl(place, "plugin", "check", "absent.ini")
    assert said.status == FAILED and said.err == "musterctl: absent.ini: No such file or directory\n"


def test_a_product_file_against_a_hosts_configuration(place):
    """Copies of plugins' products, clashes with other files, and a new edition of a file that is there already."""
    issuer = Issuer(place / "issuer")
    (place / "products.d").mkdir()
    conf = place / "muster.conf"
    conf.write_text(f"[host]\nstate = {place}/state\nproducts_dir = {place}/products.d\n[issuer main]\nroots = {issuer.root}\n[plugin office2013]\npath = {plugin_path('office2013')}\n")
    (place / "products.d" / "writer.ini").write_text(GOOD)
    for file in (conf, place / "products.d" / "writer.ini"):
        os.chmod(file, 0o644)
    copy = place / "copy.ini"
    copy.write_text("[product office-next]\nlike = office2013\nname = Office Next\nactivation_id = 0b0c6f0e-5d0f-4a55-9f4e-2c8f7a0d5a12\npool = office-next\n")
    assert "like: no product is called office2013" in musterctl(place, "plugin", "check", "copy.ini").out
    said = musterctl(place, "plugin", "check", "copy.ini", "--config", conf)
    assert said.status == DONE and "ok     product office-next: threshold, minimum count 5, pool office-next\n" in said.out, said
    copy.write_text(copy.read_text().replace("5a12", "5a11"))
    said = musterctl(place, "plugin", "check", "copy.ini", "--config", conf)
    assert said.status == FAILED and "activation_id: the activation ID is already that of [product writer], products.d/writer.ini:1" in said.out and "Only this file was read" not in said.out, said
    copy.write_text(copy.read_text().replace("office2013", "offcie2013").replace("5a11", "5a12"))
    assert "(did you mean office2013?)" in musterctl(place, "plugin", "check", "copy.ini", "--config", conf).out
    # The file's next version stands in for the one the host has.
    (place / "writer.ini").write_text(GOOD.replace("minimum_count = 3", "minimum_count = 7"))
    said = musterctl(place, "plugin", "check", "writer.ini", "--config", conf)
    assert said.status == DONE and "minimum count 7" in said.out, said
    # Nothing was made: neither a state folder nor anything else.
    assert not (place / "state").exists()


def test_a_configuration_whose_plugin_crashes_is_a_result(place):
    """The plugins of the configuration are started in the check's own process."""
    shutil.copy(BAD / "bad_plugins.so", place / "start-fault.so")
    os.chmod(place / "start-fault.so", 0o755)
    conf = place / "muster.conf"
    conf.write_text(f"[host]\nstate = {place}/state\n[plugin start-fault]\npath = {place}/start-fault.so\n")
    os.chmod(conf, 0o644)
    (place / "writer.ini").write_text(GOOD)
    said = musterctl(place, "plugin", "check", "writer.ini", "--config", conf)
    assert said.status == FAILED and "plugin start-fault is refused" in said.out and "the moon is full" in said.out, said


# ---- plugin new ----

def test_a_new_plugin_never_overwrites(place):
    said = musterctl(place, "plugin", "new", "our-writer")
    assert said.status == DONE and said.out == "Written into our-writer: our-writer.c, Makefile, README.md\nNext: cd our-writer && make check\n", said
    made = place / "our-writer"
    text = (made / "our-writer.c").read_text()
    assert "MUSTER_PLUGIN(our_writer) = {" in text and '.name = "our-writer"' in text and "@" not in re.sub(r"`[^`]*`", "", text)
    assert len((made / "Makefile").read_text().splitlines()) == 5
    assert "check:" in (made / "Makefile").read_text() and "@" not in (made / "README.md").read_text()
    for gone in ("our-writer.c", "Makefile"):
        (made / gone).unlink()
        before = {p.name: p.read_bytes() for p in made.iterdir()}
        said = musterctl(place, "plugin", "new", "our-writer")
        assert said.status == FAILED and "is there already; nothing was written" in said.err, said
        assert {p.name: p.read_bytes() for p in made.iterdir()} == before
    said = musterctl(place, "plugin", "new", "other", "--dir", "deep/er", "--json")
    answer = json.loads(said.out)
    assert answer["files"] == ["other.c", "Makefile", "README.md"] and answer["folder"] == "deep/er"
    ids = re.findall(r"MUSTER_UUID\((.*?)\)", (place / "deep" / "er" / "other.c").read_text())
    assert len(set(ids)) == 2 and ids[0] not in text
    assert answer["activation_id"] in (place / "deep" / "er" / "README.md").read_text()


@pytest.mark.parametrize("words", [("new", "Our Writer"), ("new", "../writer"), ("new", "x" * 64), ("new", "writer", "--dir", ""), ("make", "writer"),
                                   ("check", "a.ini", "--dir", "x"), ("new", "writer", "--config", "x"), ("check", "a.so", "--config", "x")])
def test_wrong_words(place, words):
    said = musterctl(place, "plugin", *words)
    assert said.status == USAGE and said.out == "" and list(place.iterdir()) == [], said
