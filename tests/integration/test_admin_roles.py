"""Who may do what: the tables of musterctl(1) and docs/admin-api.md are what the host enforces, for real users by primary and by
supplementary group (design.md section 10)."""

import collections
import json
import os
import pathlib
import pwd
import re
import shutil
import subprocess
import sys
import uuid

import pytest

import media
from administrator import DENIED, DONE, FAILED, LEFT, NO_HOST, Said, run
from host import OFFICE2013, PATIENCE, SOURCE, Host, Machine, folder, plugin_path, program

RANK = ["none", "viewer", "key reader", "administrator"]
CLIENT = "36f27b39-2fd5-440b-be67-a09996d27a38"
CAD = "[product cad]\nname = CAD\nactivation_id = 33333333-0000-4000-8000-000000000001\napplication_id = 33333333-0000-4000-8000-00000000000a\nmodel = seats\nseats = 2\n"
LEARNED = "b322da9c-a2e2-4058-9e4e-f59a6970bd69"

Person = collections.namedtuple("Person", "name role uid gid groups")


class SharedHost(Host):
    """Its admin socket lies where others may reach it."""

    @property
    def socket(self):
        return self.folder / "run" / "admin.sock"


def tool(*command):
    done = run(*command)
    assert done.status == 0, done


@pytest.fixture(scope="module")
def groups():
    """Three groups named for this test alone; gone afterwards."""
    if os.geteuid() != 0 or not shutil.which("useradd"):
        pytest.skip("making users and groups takes root and useradd")
    names = {role: f"mt{os.getpid()}{role[0]}" for role in RANK[1:]}
    made = []
    try:
        for name in names.values():
            tool("groupadd", name)
            made.append(name)
        yield names
    finally:
        for name in made:
            run("groupdel", name)


@pytest.fixture(scope="module")
def people(groups):
    """For each role a user who has it by primary group and one by supplementary group, one with all groups, one with none."""
    made = []

    def user(word, role, primary, supplementary):
        name = f"mt{os.getpid()}u{len(made)}"
        tool("useradd", "--no-create-home", "--no-user-group", "--shell", "/usr/sbin/nologin", "--gid", primary, *(["--groups", ",".join(supplementary)] if supplementary else []), name)
        made.append(name)
        p = pwd.getpwnam(name)
        return word, Person(name, role, p.pw_uid, p.pw_gid, os.getgrouplist(name, p.pw_gid))

    try:
        all_ = [user("none", "none", "nogroup", [])]
        for role in RANK[1:]:
            all_.append(user(f"{role} by primary group", role, groups[role], []))
            all_.append(user(f"{role} by supplementary group", role, "nogroup", [groups[role]]))
        all_.append(user("in all three groups", "administrator", groups["viewer"], [groups["key reader"], groups["administrator"]]))
        yield dict(all_)
    finally:
        for name in made:
            run("userdel", name)


WHO = ["none"] + [f"{role} by {how} group" for role in RANK[1:] for how in ("primary", "supplementary")] + ["in all three groups"]


@pytest.fixture(scope="module")
def shared(issuer, groups):
    """A certified host with these groups, a musterctl that everybody may run and a plugin that everybody may read."""
    with folder() as path:
        host = SharedHost(path / "host", issuer)
        host.configure(host=f"admin_socket = {host.socket}\n" + "\n".join(
            f"{key} = {groups[role]}" for key, role in (("view_group", "viewer"), ("keys_group", "key reader"), ("admin_group", "administrator"))), products=CAD)
        host.start()
        host.certify("office2013")
        host.activate(Machine("pc", CLIENT), OFFICE2013)
        host.ctl = path / "musterctl"
        shutil.copy(program("musterctl"), host.ctl)
        os.chmod(host.ctl, 0o755)
        host.plugin = path / "windows.so"
        shutil.copy(plugin_path("windows"), host.plugin)
        os.chmod(host.plugin, 0o644)
        host.file = path / "file"   # whatever a verb reads: a key, a pack that is none
        host.file.write_text("ANC9X-P4XJN-VAG5Y-48SN1-FGXNR\n")
        os.chmod(host.file, 0o644)
        host.medium = media.sql(path / "medium")
        host.books = path / "books.json"
        host.books.write_text('{"export":"books","version":1}\n{"kind":"contact","id":"shop","entry":{"name":"Shop","role":"seller"}}\n')
        os.chmod(host.books, 0o644)
        host.open = path / "open"   # a folder where everybody may write
        host.open.mkdir()
        os.chmod(host.open, 0o1777)
        yield host
        host.close()


def as_(person, *command, **options):
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, timeout=PATIENCE, stdin=subprocess.DEVNULL, cwd="/",
                          user=person.uid, group=person.gid, extra_groups=person.groups, **options)
    return Said(done.returncode, done.stdout, done.stderr)


def manual():
    """verb -> smallest role, as musterctl(1) has it."""
    text = (pathlib.Path(SOURCE) / "docs" / "musterctl.1").read_text(encoding="utf-8")
    rows = re.findall(r"(?m)^\.It (.+?) Ta (.+?) Ta .+$", text)
    return {verb: role for verb, role in rows if not verb.startswith("Sy")}


def command(verb, host):
    """Words for a row of the table, and what they end with for who may."""
    fixed = {"dlv": "all", "dli": "all", "xpr": "all", "sprt": "1688", "sai": "60", "sri": "1440", "clock": "accept --yes", "explain": "F038",
             "host": "request", "products learn": f"{LEARNED} --as office2013", "clients forget": f"{CLIENT} --yes", "settings reset": "activation_interval",
             "upk": f"{OFFICE2013} --yes", "keys --whole": "1", "atp": "067447575385379640042293105403554957948930580855", "rekey": "--yes", "audit": "verify",
             "mak phone": "147878182305808326473017624939417546203540884046980984", "plugin enable": "windows", "media remove": "1 --yes",
             "access add": "--product rds --per device --of 2019 --licenses 5", "access remove": "00112233445566778899aabbccddeeff --yes",
             "access activate": "rds --programme Select --number 7654321 --online", "access id": "rds",
             "access revoke": f"{CLIENT} --product rds --reason test", "access reassign": "alice bob --product rds --reason test",
             "keys set": "NONE --set used=1", "keys remove": "NONE --yes", "keys copy": "NONE --out -",
             "organisations set": "none --set note=x", "organisations remove": "none --yes", "advise": "--machines 10", "export": "books",
             "seats release": f"{CLIENT} --product cad --reason test", "seats add": "--product cad --licenses 5", "seats remove": "00112233445566778899aabbccddeeff --yes"}
    if verb in ("organisations add", "keys add", "request"):   # another one each time
        fixed[verb] = {"organisations add": "--set name=", "keys add": "--set kind=mak --set partial=EEEEE --set products=",
                       "request": "host-activations --set reference=1 --set product=p --set needed=1 --set reason="}[verb] + uuid.uuid4().hex
    if verb == "backup":
        return ["backup", str(host.folder / f"backup-{uuid.uuid4()}")]
    if verb == "state":
        return [verb, "export", str(host.open / f"{uuid.uuid4()}.state")]
    if verb == "support-bundle":
        return [verb, "--out", str(host.open / f"{uuid.uuid4()}.tar.gz")]
    if verb == "plugin":
        return ["plugin", "check", str(host.plugin)]
    if verb in ("pack install", "crl install", "mak import"):
        return [*verb.split(), str(host.file)]
    if verb == "import":
        return ["import", str(host.books)]
    if verb.startswith("discover"):
        return ["discover", str(host.medium), *verb.split()[1:]]
    if verb == "ipk":
        return ["ipk", "--file", str(host.file)]
    if verb == "export --with-keys":
        return ["export", "keys", "--with-keys"]
    return (verb + " " + fixed.get(verb, "")).split()


# On a host without packs and keys the role lets these through and something else does not: there is nothing to activate, the file is no pack.
REFUSED_HERE = {"setup", "pack install", "ipk", "upk", "keys --whole", "ato", "dti", "atp", "phone", "mak ask", "mak export", "mak import", "mak phone", "crl install", "plugin enable", "media remove",
                # No agreement is known, nothing was entered, nobody holds anything, and seats come in packs only.
                "access activate", "access id",
                "keys set", "keys remove", "keys copy", "organisations set", "organisations remove",
                "access remove", "access revoke", "access reassign", "seats release", "seats add", "seats remove"}

# They look at the products before they act: who may not even look is told so.
LOOK_FIRST = {"access activate", "access id", "access add", "access revoke", "access reassign", "seats release", "seats add", "discover --store", "request", "export --with-keys"}


def rank(role):
    return 0 if role == "anyone" else RANK.index(role)


@pytest.mark.parametrize("who", WHO)
def test_the_table_of_the_manual_is_what_the_host_enforces(shared, people, who):
    """Every verb as this person: done if the role suffices, else exit 4 and M-119 with both roles named, and nothing printed."""
    person = people[who]
    for verb, smallest in manual().items():
        shared.activate(Machine("pc", CLIENT), OFFICE2013)  # somebody to forget
        if verb == "settings reset":
            assert shared.admin("POST", "/settings", {"name": "activation_interval", "value": "60min"}).status == 200
        said = as_(person, shared.ctl, "--socket", shared.socket, *command(verb, shared))
        if verb == "doctor":   # exit codes of its own, for who watches: one machine is fewer than five
            told = "office2013: 1 of 5 machines" if rank(person.role) >= rank(smallest) else f"MUSTER UNKNOWN - M-119: This needs the role {smallest}; yours is {person.role}."
            assert said.status == (2 if rank(person.role) >= rank(smallest) else 3) and told in said.out and said.err == "", said
        elif rank(person.role) >= rank(smallest) and verb in REFUSED_HERE:
            assert said.status in (FAILED, LEFT) and "M-119" not in said.err, (verb, said)
        elif rank(person.role) >= rank(smallest):
            assert said.status == DONE and said.out, (verb, said)
        else:
            assert said.status == DENIED and said.out == "", (verb, said)
            needed = "viewer" if person.role == "none" and verb in LOOK_FIRST else smallest
            assert f"M-119: This needs the role {needed}; yours is {person.role}." in said.err, (verb, said)


def test_key_readers_and_viewers_change_nothing(shared, people):
    """What they tried above left no act but that whole keys were looked at: every other row of the journal is root's or an administrator's."""
    allowed = {"root"} | {p.name for p in people.values() if p.role == "administrator"}
    journal = shared.admin_ok("GET", "/journal?limit=1000")["items"]
    readers = {p.name for p in people.values() if p.role in ("key reader", "administrator")}
    looked = {j["actor"].split(" ", 1)[1] for j in journal if j["action"] == "keys exported"}
    assert looked == readers, looked
    actors = {j["actor"].split(" ", 1)[1] for j in journal if j["action"] != "keys exported"}
    assert "root" in actors and actors <= allowed, actors


ASK = """
import http.client, json, socket, sys
class Unix(http.client.HTTPConnection):
    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(sys.argv[1])
answers = []
for method, path in json.loads(sys.argv[2]):
    c = Unix("muster")
    c.request(method, path, body="{}" if method == "POST" else None)
    a = c.getresponse()
    answers.append([a.status, json.loads(a.read()).get("code")])
    c.close()
print(json.dumps(answers))
"""


def routes():
    """(method, path, smallest role) as docs/admin-api.md has them."""
    text = (pathlib.Path(SOURCE) / "docs" / "admin-api.md").read_text(encoding="utf-8")
    rows = re.findall(r"(?m)^\| (GET|POST) (/admin/v1\S*) \| (.+?) \|", text)
    return [(m, p.split("?")[0].replace("UUID", CLIENT), role) for m, p, role in rows]


@pytest.mark.parametrize("who", WHO)
def test_the_table_of_the_admin_api_is_what_the_host_enforces(shared, people, who):
    """Every path straight at the socket, without musterctl: 403 and M-119 exactly where the role is too small."""
    person = people[who]
    table = routes()
    assert len(table) >= 19
    said = as_(person, sys.executable, "-c", ASK, shared.socket, json.dumps([(m, p) for m, p, _ in table]))
    assert said.status == 0, said
    for (method, path, smallest), (status, code) in zip(table, json.loads(said.out)):
        assert ((status, code) == (403, "M-119")) == (rank(person.role) < rank(smallest)), (method, path, status, code)


def test_a_new_member_has_the_role_at_once(shared, groups, people):
    """A user who is added to a group needs no new session for it: the group database is asked too."""
    person = people["none"]
    status = lambda: as_(person, shared.ctl, "--socket", shared.socket, "status").status
    assert status() == DENIED
    tool("usermod", "--append", "--groups", groups["viewer"], person.name)
    try:
        assert status() == DONE
    finally:
        tool("gpasswd", "--delete", person.name, groups["viewer"])
    assert status() == DENIED


def test_a_socket_out_of_reach_is_a_role_too_small(issuer, people):
    """Where no group exists the socket is the daemon's own: others get exit 4 and what to do, not "no host"."""
    with folder() as path:
        host = SharedHost(path / "host", issuer)
        host.configure(host=f"admin_socket = {host.socket}\nview_group = mt-no-such-v\nkeys_group = mt-no-such-k\nadmin_group = mt-no-such-a")
        host.start()
        try:
            ctl = path / "musterctl"
            shutil.copy(program("musterctl"), ctl)
            os.chmod(ctl, 0o755)
            for person in people.values():
                said = as_(person, ctl, "--socket", host.socket, "status")
                assert said.status == DENIED and "you may not use this socket" in said.err, said
            assert as_(people["none"], ctl, "--socket", host.folder / "run" / "other.sock", "status").status == NO_HOST
            assert as_(people["none"], ctl, "--socket", host.folder / "state" / "admin.sock", "status").status == DENIED
        finally:
            host.close()


def test_the_daemons_own_user_is_an_administrator(issuer, people, groups):
    """A daemon that has given up root: its own user may do everything, a backup goes where that user may write, and not elsewhere."""
    with folder() as path:
        person = people["none"]
        host = SharedHost(path / "host", issuer)
        host.configure(host=f"admin_socket = {host.socket}\nuser = {person.name}\n" + "\n".join(
            f"{key} = {groups[role]}" for key, role in (("view_group", "viewer"), ("keys_group", "key reader"), ("admin_group", "administrator"))))
        host.start()
        try:
            host.certify("office2013")
            ctl = path / "musterctl"
            shutil.copy(program("musterctl"), ctl)
            os.chmod(ctl, 0o755)
            assert as_(person, ctl, "--socket", host.socket, "sai", "60").status == DONE
            assert as_(people["viewer by primary group"], ctl, "--socket", host.socket, "sai", "60").status == DENIED
            said = as_(person, ctl, "--socket", host.socket, "backup", path / "backup")
            assert said.status == FAILED and f"{path}/backup" in said.err and "Permission denied" in said.err, said
            (path / "open").mkdir()
            os.chown(path / "open", person.uid, person.gid)
            assert as_(person, ctl, "--socket", host.socket, "backup", path / "open" / "backup").status == DONE
            assert (path / "open" / "backup").stat().st_uid == person.uid
        finally:
            host.close()
