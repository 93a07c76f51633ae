"""The admin socket: roles by real users and groups, lists and pages, following, settings and their source."""

import http.client
import json
import os
import pathlib
import subprocess
import sys
import threading

import pytest

from host import Machine, OFFICE2013, PATIENCE, UnixConnection, eventually, folder, program

root_only = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")

VIEW = ["/status", "/listing", "/listing?id=all", "/products", "/products/unknown", "/plugins", "/clients", "/events", "/journal", "/settings"]
ACTS = ["/products/learn", "/clients/forget", "/settings", "/settings/reset", "/backup", "/clock/accept", "/reload", "/host/request", "/host/install"]

ASK = """
import os, socket, sys, json
path, uid, gid, groups = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), json.loads(sys.argv[4])
os.setgroups(groups); os.setgid(gid); os.setuid(uid)
out = []
for method, url in json.loads(sys.stdin.read()):
    s = socket.socket(socket.AF_UNIX)
    try:
        s.connect(path)
    except PermissionError:
        out.append(["refused by mode", ""])
        continue
    s.sendall(f"{method} /admin/v1{url} HTTP/1.0\\r\\nContent-Length: 0\\r\\n\\r\\n".encode())
    got = b"".join(iter(lambda: s.recv(65536), b""))
    out.append([int(got.split(b" ")[1]), got.split(b"\\r\\n\\r\\n", 1)[1].decode()])
print(json.dumps(out))
"""


def ask_as(host, socket_path, uid, gid, groups, questions):
    done = subprocess.run([sys.executable, "-c", ASK, str(socket_path), str(uid), str(gid), json.dumps(groups)], input=json.dumps(questions),
                          capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture
def groups():
    """Three groups and four users made for the test and removed after it."""
    names = ["mt-admin", "mt-keys", "mt-view"]
    made = []
    try:
        for name in names:
            subprocess.run(["groupadd", name], check=True, timeout=PATIENCE)
            made.append(name)
        import grp
        yield {name: grp.getgrnam(name).gr_gid for name in names}
    finally:
        for name in made:
            subprocess.run(["groupdel", name], timeout=PATIENCE)


@root_only
def test_roles_by_groups(new_host, groups):
    """No group: 403 M-119 for all; viewer: questions only; key reader: the same; administrator: acts too. Supplementary groups count."""
    with folder() as run:
        host = new_host(host=f"admin_socket = {run}/admin.sock\nadmin_group = mt-admin\nkeys_group = mt-keys\nview_group = mt-view")
        path = run / "admin.sock"
        host_socket = path
        questions = [["GET", v] for v in VIEW] + [["POST", a] for a in ACTS if a != "/reload"] + [["GET", "/nothing"], ["PUT", "/status"]]
        nobody, stranger = 65534, 54321

        for a, _ in ask_as(host, host_socket, stranger, stranger, [], questions[:len(VIEW) + len(ACTS) - 1]):
            assert a == 403
        answers = ask_as(host, host_socket, stranger, stranger, [], [["GET", "/status"]])
        assert json.loads(answers[0][1])["code"] == "M-119" and "viewer" in json.loads(answers[0][1])["detail"]
        for gid, supplementary in ((groups["mt-view"], []), (nobody, [groups["mt-view"]]), (nobody, [groups["mt-keys"]])):
            answers = ask_as(host, host_socket, stranger, gid, supplementary, questions)
            assert [a for a, _ in answers[:len(VIEW)]] == [200] * len(VIEW), answers
            for status, body in answers[len(VIEW):len(VIEW) + len(ACTS) - 1]:
                assert status == 403 and "administrator" in json.loads(body)["detail"], body
            assert [a for a, _ in answers[-2:]] == [404, 405]
        answers = ask_as(host, host_socket, stranger, nobody, [7, groups["mt-admin"]], questions + [["POST", "/reload"], ["POST", "/host/request"], ["POST", "/clock/accept"]])
        assert all(a != 403 for a, _ in answers), answers
        assert [a for a, _ in answers[-3:]] == [200, 200, 200]
        assert any(j["actor"].startswith(f"{stranger} ") and j["action"] == "clock accepted" for j in _journal(host, path))


def _journal(host, path):
    c = UnixConnection(path)
    c.request("GET", "/admin/v1/journal")
    rows = json.loads(c.getresponse().read())["items"]
    c.close()
    return rows


@root_only
def test_mode_of_the_socket(new_host, groups):
    """One group that exists: 0660 and that group; none: 0660; several: 0666, the credentials decide."""
    import stat
    for names, mode, group in ((("mt-admin", "x1", "x2"), 0o660, "mt-admin"), (("x1", "x2", "x3"), 0o660, None), (("mt-admin", "mt-keys", "mt-view"), 0o666, None)):
        host = new_host(host="admin_group = %s\nkeys_group = %s\nview_group = %s" % names)
        st = host.socket.stat()
        assert stat.S_IMODE(st.st_mode) == mode
        if group:
            assert st.st_gid == groups[group]
        host.stop()


@root_only
def test_strangers_do_not_take_the_places_of_administrators(new_host, groups):
    """Where the mode lets everybody connect, those without a role hold eight connections at most; administrators get through."""
    import socket
    with folder() as run:
        host = new_host(host=f"admin_socket = {run}/admin.sock\nadmin_group = mt-admin\nkeys_group = mt-keys\nview_group = mt-view")
        code = ("import os, socket, sys\nos.setgroups([]); os.setgid(54321); os.setuid(54321)\n"
                "held = [socket.socket(socket.AF_UNIX) for _ in range(40)]\n"
                "for s in held: s.settimeout(60); s.connect(sys.argv[1])\n"
                "print(sum(1 for s in held[8:] if s.recv(1) == b''), flush=True)\nsys.stdin.read()\n")
        child = subprocess.Popen([sys.executable, "-c", code, str(run / "admin.sock")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        try:
            assert int(child.stdout.readline()) == 32
            with socket.socket(socket.AF_UNIX) as s:
                s.settimeout(PATIENCE)
                s.connect(str(run / "admin.sock"))
                s.sendall(b"GET /admin/v1/status HTTP/1.0\r\n\r\n")
                assert b" 200 OK" in s.recv(100)
        finally:
            child.stdin.close()
            child.wait(timeout=PATIENCE)
            child.stdout.close()

def test_bad_arguments_are_named(host):
    for path, code in (("/clients?limit=0", "M-121"), ("/clients?limit=1001", "M-121"), ("/clients?limit=x", "M-121"), ("/clients?after=x", "M-121"),
                       ("/clients?product=nothing", "M-117"), ("/clients/x", "M-121"), ("/clients/00000000-0000-4000-8000-000000000000", "M-117"),
                       ("/events?after=-1", "M-121"), ("/events?tail=x", "M-121"), ("/listing?id=x", "M-121"), ("/listing?id=00000000-0000-4000-8000-000000000000", "M-117")):
        a = host.admin("GET", path)
        assert a.status in (400, 404) and a.code == code, (path, a)
    for path, value, code in (("/settings", {}, "M-121"), ("/settings", {"name": "colour", "value": "1"}, "M-120"), ("/settings", {"name": 5}, "M-121"),
                              ("/settings", {"name": "port", "value": "0"}, "M-120"), ("/settings", {"name": "activation_interval", "value": "5min"}, "M-120"),
                              ("/settings", {"name": "priority", "value": "high"}, "M-120"), ("/backup", {"dir": "relative"}, "M-121"), ("/backup", {}, "M-121"),
                              ("/products/learn", {"activation_id": "x", "product": "office2013"}, "M-121"), ("/clients/forget", {}, "M-121"),
                              ("/products/learn", {"activation_id": "11111111-1111-4111-8111-111111111111", "product": "nothing"}, "M-117"),
                              ("/products/learn", {"activation_id": OFFICE2013, "product": "windows"}, "M-121"),
                              ("/host/install", {"chain": "no certificate"}, "M-121")):
        a = host.admin("POST", path, value)
        assert a.code == code and a.json["detail"], (path, value, a)


def test_body_that_is_not_json(host):
    c = UnixConnection(host.socket)
    for body in ("{", "[]", '{"a":1,"a":2}', "x" * 70000):
        c.request("POST", "/admin/v1/settings", body=body)
        a = c.getresponse()
        assert a.status in (400, 413) and json.loads(a.read())["code"] in ("M-101", "M-104")
    c.close()


def test_settings_need_an_activated_host(new_host):
    """Before the host is activated port, intervals and priority cannot be changed (facts.md section 1)."""
    host = new_host()
    for path, value in (("/settings", {"name": "activation_interval", "value": "120"}), ("/settings/reset", {"name": "port"})):
        a = host.admin("POST", path, value)
        assert a.status == 503 and a.code == "0xC004F041", a


def test_stored_settings_win_and_are_named(new_host):
    host = new_host(host="renewal_interval = 5d")
    host.certify("office2013")
    found = {s["name"]: s for s in host.admin_ok("GET", "/settings")["items"]}
    assert found["activation_interval"]["source"] == "default" and found["activation_interval"]["value"] == "120min"
    assert found["renewal_interval"]["source"] == "file" and found["renewal_interval"]["place"].endswith("muster.conf:6")
    host.admin_ok("POST", "/settings", {"name": "activation_interval", "value": "30"})
    host.admin_ok("POST", "/settings", {"name": "renewal_interval", "value": "2d"})
    host.admin_ok("POST", "/settings", {"name": "priority", "value": "low"})
    a = host.activate(Machine(), OFFICE2013).json
    assert a["activation_interval_minutes"] == 30 and a["retry_after_seconds"] == 1800 and a["renewal_interval_minutes"] == 2880
    for _ in range(2):
        item = host.listing("office2013")
        assert item["sources"] == {"minimum_count": "plugin", "activation_interval": "stored", "renewal_interval": "stored", "port": "file"}
        assert item["host"]["activation_interval_minutes"] == 30 and item["host"]["priority"] == "low"
        host.stop()
        host.start()
    nice = pathlib.Path(f"/proc/{host.process.pid}/stat").read_text().rsplit(")", 1)[1].split()[16]
    assert nice == "10"
    host.admin_ok("POST", "/settings/reset", {"name": "activation_interval"})
    assert host.activate(Machine(), OFFICE2013).json["activation_interval_minutes"] == 120
    assert {j["action"] for j in host.admin_ok("GET", "/journal")["items"]} >= {"setting", "setting reset", "certificate installed"}


def test_stored_port_is_used_at_the_next_start(new_host):
    import socket
    host = new_host()
    host.certify("office2013")
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    a = host.admin_ok("POST", "/settings", {"name": "port", "value": str(port)})
    assert "next start" in a["note"]
    assert any(str(port) in w for w in host.admin_ok("GET", "/status")["warnings"])
    host.stop()
    host.start()
    assert host.port == port and host.get("/healthz").status == 200
    assert host.listing("office2013")["host"]["port"] == port and host.listing("office2013")["sources"]["port"] == "stored"


def test_clients_by_pages(new_host):
    host = new_host()
    machines = sorted(str(Machine().client_id) for _ in range(25))
    for m in machines:
        host.activate(Machine("page", client_id=m), OFFICE2013)
    seen, after = [], ""
    while True:
        page = host.admin_ok("GET", f"/clients?product=office2013&limit=7{after}")
        seen += [c["client_id"] for c in page["items"]]
        assert page["as_of"]
        if page["next"] is None:
            break
        after = "&after=" + page["next"]
    assert seen == machines
    one = host.admin_ok("GET", f"/clients/{machines[3]}")["items"]
    assert len(one) == 1 and one[0]["name"] == "page" and one[0]["product"] == "office2013" and one[0]["address"] == "127.0.0.1"
    assert one[0]["result"] == "0xC004F041" and one[0]["minutes_left"] == 43200


def test_forget_frees_the_place(new_host):
    host = new_host()
    machine = Machine()
    host.activate(machine, OFFICE2013)
    host.activate(Machine(), OFFICE2013)
    host.admin_ok("POST", "/clients/forget", {"client_id": machine.client_id})
    eventually(lambda: host.listing("office2013")["host"]["current_count"] == 1, "the count falls")
    a = host.admin("POST", "/clients/forget", {"client_id": "00000000-0000-4000-8000-000000000000"})
    assert a.status == 404 and a.code == "M-117", a


def test_events_have_the_record_line(new_host):
    """Event 12290: nine fields in their order, no spaces (facts.md section 4)."""
    host = new_host()
    host.certify("office2013")
    machine = Machine("pc,17", virtual=True)
    host.activate(machine, OFFICE2013)
    event = host.events()[-1]
    fields = event["record_line"].split(",")
    assert len(fields) == 9 and " " not in event["record_line"].replace(fields[4], "")
    assert fields[0] == "0xC004F038" and fields[1] == "5" and fields[3] == machine.client_id and fields[5:8] == ["1", "2", "43200"] and fields[8] == OFFICE2013
    assert event["id"] == 12290 and event["product"] == "office2013" and event["count"] == 1
    host_events = [e for e in host.events(requests=False) if e["id"] is None]
    assert host_events and host_events[0]["text"]


def test_events_by_pages_and_tail(new_host):
    host = new_host()
    for _ in range(12):
        host.activate(Machine(), OFFICE2013)
    assert [e["seq"] for e in host.admin_ok("GET", "/events?tail=3")["items"]] == [e["seq"] for e in host.events(requests=False)[-3:]]
    page = host.admin_ok("GET", "/events?limit=5")
    assert len(page["items"]) == 5 and page["next"] == str(page["items"][-1]["seq"])


def test_following_events(new_host):
    """Chunked, one JSON object a line, kept open; ends when the host stops; a follower that leaves harms nobody."""
    host = new_host()
    gone = UnixConnection(host.socket)
    gone.request("GET", "/admin/v1/events?follow=1")
    gone.close()
    host.activate(Machine("before"), OFFICE2013)
    c = UnixConnection(host.socket)
    c.request("GET", "/admin/v1/events?follow=1&tail=2")
    a = c.getresponse()
    assert a.status == 200 and a.headers["Content-Type"] == "application/x-ndjson" and a.headers["Transfer-Encoding"] == "chunked"

    def next_request():
        while True:
            event = json.loads(a.readline())
            if event["id"] == 12290:
                return event["name"]

    assert next_request() == "before"
    for n in range(3):
        host.activate(Machine(f"live-{n}"), OFFICE2013)
        assert next_request() == f"live-{n}"
    stopper = threading.Thread(target=host.stop)
    stopper.start()
    rest = a.read()
    stopper.join()
    c.close()
    assert all(json.loads(line)["id"] is None for line in rest.splitlines())


def test_learned_edition_counts_at_once(new_host):
    host = new_host()
    host.certify("windows")
    unknown = "3f4a1f0e-6a5b-4a6e-9a7d-2b9f5f1c0d11"
    assert host.activate(Machine(), unknown).code == "0xC004F042"
    host.admin_ok("POST", "/products/learn", {"activation_id": unknown, "product": "windows", "title": "Windows 11 Enterprise"})
    a = host.activate(Machine(), unknown)
    assert a.status == 202 and a.json["product"] == "windows", a
    assert any(e["activation_id"] == unknown and e["learned"] for e in host.products()["windows"]["editions"])
    eventually(lambda: not host.admin_ok("GET", "/products/unknown")["items"], "it is unknown no longer")
    host.stop()
    host.start()
    assert host.activate(Machine(), unknown).json["count"] == 2


def test_backup(new_host, tmp_path):
    host = new_host()
    host.activate(Machine(), OFFICE2013)
    host.admin_ok("POST", "/backup", {"dir": str(tmp_path / "copy")})
    assert {p.name for p in (tmp_path / "copy").iterdir()} >= {"log.db", "state.db"}
    a = host.admin("POST", "/backup", {"dir": str(tmp_path / "copy")})
    assert a.status == 400 and "copy" in a.json["detail"], a


def test_plugins_and_products_are_listed(host):
    plugins = {p["name"]: p for p in host.admin_ok("GET", "/plugins")["items"]}
    assert set(plugins) == {"office2013", "windows", "windows-server", "sql-embedded", "rds"}
    assert all(p["state"] == "loaded" and p["reason"] is None and p["products"] >= 1 for p in plugins.values())
    office = host.products()["office2013"]
    assert office["certified"] and office["served"] and office["source"] == "plugin office2013" and office["platforms"] and office["command"] is None
    assert any(p["refused"] and not p["served"] and p["not_served_reason"] for p in host.products().values())


def test_musterctl_prints_the_listing(host):
    done = subprocess.run([program("musterctl"), "--socket", str(host.socket), "/dlv", OFFICE2013], capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0, done
    labels = [line.split(":")[0] for line in done.stdout.splitlines() if ":" in line]
    assert labels[:5] == ["Name", "Description", "Activation ID", "Application ID", "Extended PID"] and "License Status: Licensed" in done.stdout
    assert f"    Listening on Port: {host.port}" in done.stdout
