"""Each role sees of the estate's books what it may and nothing else: real users, by primary and by supplementary group, straight at the socket and with musterctl."""

import json
import re
import subprocess
import sys
import uuid

import pytest

from administrator import DENIED, DONE
from host import PATIENCE
from test_admin_roles import WHO, as_, groups, people, rank, shared  # noqa: F401

WHOLE, SETUP = "AAAAA-BBBBB-CCCCC-DDDDD-EEEEE", "SSSSS-SSSSS-SSSSS-SSSSS-SSSSS"
LISTING = {"line": 1, "host": "KMS01", "taken_at": "2026-11-01T10:00:00Z", "entry": {"name": "Office", "activation_id": "2e28138a-847f-42bc-9752-61b03fff33cd"}}
EVENT = {"line": 1, "id": 12290, "host": "KMS01", "logged_at": "2026-11-01T10:00:00.000Z", "record": 1, "result": "0x0", "minimum_count": 5, "name": "pc-1",
         "client_id": "36f27b39-2fd5-440b-be67-a09996d27a38", "at": "2026-11-01T10:00:00Z", "virtual": False, "license_status": 2, "minutes_left": 100,
         "activation_id": "2e28138a-847f-42bc-9752-61b03fff33cd"}

# Of everybody's routes that issue reading; what follows from them has rows of its own below.
ROUTES = [
    ("GET", "/estate/kinds", None, "viewer"), ("GET", "/estate/organisations", None, "viewer"), ("GET", "/estate/contacts", None, "viewer"), ("GET", "/estate/agreements", None, "viewer"),
    ("GET", "/estate/orders", None, "viewer"), ("GET", "/estate/catalogue", None, "viewer"), ("GET", "/estate/keys", None, "viewer"), ("GET", "/estate/requests", None, "viewer"),
    ("GET", "/estate/hosts", None, "viewer"), ("GET", "/estate/keys/EEEEE", None, "viewer"), ("GET", "/estate/agreements/v1", None, "viewer"), ("GET", "/estate/keys?text=office", None, "viewer"),
    ("POST", "/estate/keys/whole", {"id": "EEEEE"}, "key reader"), ("POST", "/estate/exported", {"type": "keys"}, "key reader"),
    ("POST", "/estate/organisations/add", {"entry": {"name": "{unique}"}}, "administrator"), ("POST", "/estate/keys/add", {"entry": {"kind": "mak", "partial": "ZZZZZ", "products": ["{unique}"]}}, "administrator"),
    ("POST", "/estate/organisations/change", {"id": "example", "entry": {"note": "{unique}"}}, "administrator"),
    ("POST", "/estate/keys/change", {"id": "EEEEE", "entry": {"used": 1}}, "administrator"), ("POST", "/estate/requests/add", {"entry": {"about": "mak-limit", "state": "draft", "reason": "{unique}"}}, "administrator"),
    ("GET", "/observed/machines", None, "viewer"), ("GET", "/observed/events", None, "viewer"), ("GET", "/observed/pools", None, "viewer"), ("GET", "/observed/findings", None, "viewer"),
    ("GET", "/observed/history", None, "viewer"), ("GET", "/doctor", None, "viewer"), ("GET", "/configuration", None, "administrator"),
]

# What moves a whole host: not asked as an administrator here, test_state does.
MOVING = [("POST", f"/state/{word}", {}) for word in ("export/begin", "export/read", "export/end", "import/begin", "import/data", "import/check", "import/end")]

ASK = """
import http.client, json, socket, sys
class Unix(http.client.HTTPConnection):
    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(sys.argv[1])
answers = []
for method, path, body in json.load(sys.stdin):
    c = Unix("muster")
    c.request(method, "/admin/v1" + path, body=None if body is None else json.dumps(body))
    a = c.getresponse()
    answers.append([a.status, a.read().decode()])
    c.close()
print(json.dumps(answers))
"""


def ask(person, shared, *questions):
    """[status, text] of each, asked as this person."""
    done = subprocess.run([sys.executable, "-c", ASK, str(shared.socket)], input=json.dumps(questions), capture_output=True, text=True, timeout=PATIENCE, cwd="/",
                          user=person.uid, group=person.gid, extra_groups=person.groups)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def filled(shared):
    add = lambda what, **entry: shared.admin_ok("POST", f"/estate/{what}/add", {"entry": entry})
    add("contacts", name="Seller", role="seller", telephone="+49 123")
    add("organisations", name="Example")
    add("agreements", number="V1", programme="Open Value", organisation="example")
    add("orders", number="O1", agreement="v1", state="submitted")
    add("catalogue", name="Office LTSC", setup_key=SETUP)
    add("catalogue", name="RDS CAL", keyless=True)
    add("keys", kind="mak", key=WHOLE, products=["Office LTSC"], agreement="v1", order="o1", bought=5, allowed=6, used=1, note="nobody's business")
    return shared


def filled_in(body):
    return json.loads(json.dumps(body).replace("{unique}", uuid.uuid4().hex))


@pytest.mark.parametrize("who", WHO)
def test_every_route_of_the_books_against_every_role(filled, people, who):
    person = people[who]
    questions = [(method, path, filled_in(body)) for method, path, body, _ in ROUTES]
    for (method, path, _, smallest), (status, text) in zip(ROUTES, ask(person, filled, *questions)):
        if rank(person.role) >= rank(smallest):
            assert status == 200, (method, path, text)
            assert (WHOLE in text) == (path == "/estate/keys/whole"), (method, path)
        else:
            assert status == 403 and json.loads(text)["code"] == "M-119", (method, path, text)
            # Nothing of the books comes with a refusal.
            assert set(json.loads(text)) <= {"type", "title", "status", "detail", "code", "action", "instance"} and "Office LTSC" not in text and "EEEEE" not in text


@pytest.mark.parametrize("who", WHO)
def test_imports_are_the_administrators(filled, people, who):
    """One after the other: who may not begin one cannot go on with another's either."""
    person = people[who]
    for type_, record in (("listing", LISTING), ("events", EVENT), ("keys", {"line": 2, "kind": "key", "id": None, "entry": {"kind": "mak", "partial": "QQQQQ", "products": ["P"]}})):
        (status, text), = ask(person, filled, ("POST", "/import/begin", {"name": "f", "type": type_, "dry_run": True}))
        if person.role != "administrator":
            assert status == 403
            begun = filled.admin_ok("POST", "/import/begin", {"name": "f", "type": type_, "dry_run": True})["import"]
            answers = ask(person, filled, ("POST", "/import/records", {"import": begun, "records": [record]}), ("POST", "/import/end", {"import": begun, "commit": True}))
            assert [a[0] for a in answers] == [403, 403]
            assert filled.admin_ok("POST", "/import/end", {"import": begun, "commit": False})["new"] == 0
            continue
        assert status == 200, text
        begun = json.loads(text)["import"]
        (status, text), (ended, end) = ask(person, filled, ("POST", "/import/records", {"import": begun, "records": [record]}), ("POST", "/import/end", {"import": begun, "commit": True}))
        assert status == 200 and ended == 200 and json.loads(end)["committed"] is False, (type_, text, end)


@pytest.mark.parametrize("who", WHO)
def test_what_musterctl_shows_each_of_them(filled, people, who):
    """Lists and shows for viewers, setup keys included; the whole key for key readers; acts for administrators."""
    person = people[who]
    ctl = lambda *words: as_(person, filled.ctl, "--socket", filled.socket, *words)
    may = lambda role: rank(person.role) >= rank(role)
    for words, shown in ((["keys", "list"], "EEEEE"), (["keys", "show", "EEEEE"], "Activations Allowed: 6"), (["agreements", "show", "v1"], "O1"), (["catalogue", "list"], SETUP),
                         (["catalogue", "list", "--text", "rds cal"], "needs no product key"), (["contacts", "list"], "+49 123"), (["keys", "list", "--json"], "partial"), (["export", "keys"], "EEEEE")):
        said = ctl(*words)
        assert said.status == (DONE if may("viewer") else DENIED) and (shown in said.out) == may("viewer") and WHOLE not in said.out + said.err, (words, said)
    for words in (["keys", "copy", "EEEEE", "--out", "-"], ["export", "keys", "--with-keys"]):
        said = ctl(*words)
        assert said.status == (DONE if may("key reader") else DENIED) and (WHOLE in said.out) == may("key reader") and WHOLE not in said.err, (words, said)
    for words in (["keys", "set", "EEEEE", "--set", "used=2"], ["orders", "set", "o1", "--set", f"note={uuid.uuid4().hex}"], ["organisations", "add", "--set", f"name={uuid.uuid4().hex}"]):
        said = ctl(*words)
        assert said.status == (DONE if may("administrator") else DENIED), (words, said)


@pytest.mark.parametrize("who", [w for w in WHO if "administrator" not in w and "all three" not in w])
def test_moving_a_host_is_the_administrators(filled, people, who):
    for (_, path, _), (status, text) in zip(MOVING, ask(people[who], filled, *MOVING)):
        assert status == 403 and json.loads(text)["code"] == "M-119", (path, text)


def test_the_journal_tells_who_saw_a_whole_key(filled, people):
    person = people["key reader by supplementary group"]
    ask(person, filled, ("POST", "/estate/keys/whole", {"id": "EEEEE"}))
    rows = [r for r in filled.admin_ok("GET", "/journal?limit=1000")["items"] if r["action"] == "key shown"]
    assert rows[-1]["actor"] == f"{person.uid} {person.name}" and re.fullmatch(r"EEEEE-[0-9a-f]{6}", rows[-1]["object"]) and WHOLE not in json.dumps(rows)
