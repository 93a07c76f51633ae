"""listen_tls: the same service behind TLS, its certificate swapped without a stop, and everything that may be wrong with the files."""

import http.client
import json
import os
import re
import shutil
import socket
import ssl
import warnings

import pytest

from host import Answer, Machine, OFFICE2013, PATIENCE, eventually
from test_daemon import refused
from tls import Authority, pem


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


def settings(folder, listen="127.0.0.1:0"):
    return f"listen_tls = {listen}\ntls_certificate = {folder}/server.pem\ntls_key = {folder}/server.key\n"


@pytest.fixture
def new_tls_host(new_host, authority):
    def make(start=True, listen="127.0.0.1:0", host="", **options):
        one = new_host(start=False, **options)
        one.configure(options.get("limits", ""), settings(one.folder, listen) + host)
        authority.server(one.folder, "server")
        return one.start() if start else one

    return make


def tls_port(host):
    return int(re.search(r"started .*listen_tls=\S*?:(\d+) ", host.logged()).group(1))


def connect(host, authority, port=None, **versions):
    return http.client.HTTPSConnection("127.0.0.1", port or tls_port(host), timeout=PATIENCE, context=authority.context(**versions))


def ask(connection, method, path, value=None):
    connection.request(method, path, None if value is None else json.dumps(value), {} if value is None else {"Content-Type": "application/json"})
    a = connection.getresponse()
    return Answer(a.status, a.headers, a.read())


def shown(host, authority):
    """The certificate that a new connection is shown."""
    c = connect(host, authority)
    c.connect()
    der = c.sock.getpeercert(binary_form=True)
    c.close()
    return ssl.DER_cert_to_PEM_cert(der)


def test_a_machine_is_activated_over_tls(new_tls_host, authority):
    """The same requests, the same count, both ports; TLS 1.2 and 1.3, nothing older."""
    host = new_tls_host()
    host.certify("office2013")
    for n in range(5):
        port = connect(host, authority, maximum_version=ssl.TLSVersion.TLSv1_2 if n % 2 else ssl.TLSVersion.TLSv1_3)
        a = ask(port, "POST", "/v1/activate", Machine().request(OFFICE2013))
        assert port.sock.version() == ("TLSv1.2" if n % 2 else "TLSv1.3")
        port.close()
    assert a.status == 200 and a.json["result"] == "activated"
    assert host.activate(Machine(), OFFICE2013).status == 200
    with warnings.catch_warnings(), pytest.raises((ssl.SSLError, ConnectionResetError)):
        warnings.simplefilter("ignore", DeprecationWarning)
        connect(host, authority, minimum_version=ssl.TLSVersion.TLSv1, maximum_version=ssl.TLSVersion.TLSv1_1).connect()
    s = host.admin_ok("GET", "/status")
    assert s["listen"] == [f"127.0.0.1:{host.port}"] and s["listen_tls"] == [f"127.0.0.1:{tls_port(host)}"]


def test_each_port_speaks_its_own_language(new_tls_host, authority):
    """Plain HTTP on the TLS port and TLS on the other are closed at once, and the log says which port is meant."""
    host = new_tls_host(clock=True)
    with socket.create_connection(("127.0.0.1", tls_port(host)), timeout=PATIENCE) as s:
        s.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert s.recv(100) == b""
    assert "use https://" in host.lines("not_http")[0]
    host.shift(3601)
    with pytest.raises((ssl.SSLError, ConnectionResetError)):
        connect(host, authority, port=host.port).connect()
    assert "listen_tls" in host.lines("not_http")[1]


def test_networks_and_rates_hold_over_tls_too(new_tls_host, authority):
    host = new_tls_host(limits="requests_per_second = 1\nburst = 5\nloopback = yes", clock=True)
    c = connect(host, authority)
    # one a second comes back meanwhile, so it is the sixth on a fast machine and a later one on a slow one
    first = [ask(c, "GET", "/v1/host").status for _ in range(5)]
    eventually(lambda: ask(c, "GET", "/v1/host").status == 429, "the bucket is empty")
    assert first == [200] * 5
    host.configure("", settings(host.folder) + "networks = 10.0.0.0/8\n")
    host.admin_ok("POST", "/reload", {})
    assert ask(c, "GET", "/v1/host").code == "M-124"
    c.close()


def test_a_handshake_that_does_not_end_is_ended(new_tls_host, authority):
    """As a request's head that is never finished: the deadline counts from the first byte."""
    host = new_tls_host(limits="deadline = 300ms\nqueue_age = 100ms")
    with socket.create_connection(("127.0.0.1", tls_port(host)), timeout=PATIENCE) as s:
        s.sendall(bytes.fromhex("16030102000100"))
        assert s.recv(100) == b""
    c = connect(host, authority)
    assert ask(c, "GET", "/healthz").status == 200
    c.close()


def test_a_new_certificate_is_taken_without_a_stop(new_tls_host, authority):
    """After a reload new connections are shown the new one, open ones go on; a faulty one changes nothing and says why."""
    host = new_tls_host()
    first = shown(host, authority)
    open_ = connect(host, authority)
    assert ask(open_, "GET", "/healthz").status == 200
    second = pem(authority.server(host.folder, "server"))
    assert shown(host, authority) == first, "not before it is told"
    told = host.admin_ok("POST", "/reload", {})
    assert "TLS certificate" in json.dumps(told)
    assert shown(host, authority) == second
    assert ask(open_, "GET", "/healthz").status == 200
    open_.close()
    assert "TLS certificate" not in json.dumps(host.admin_ok("POST", "/reload", {})), "it has not changed"
    authority.server(host.folder, "other")
    shutil.copy(host.folder / "other.key", host.folder / "server.key")
    a = host.admin("POST", "/reload", {})
    assert a.status != 200 and "is not the key of the first certificate" in a.json["detail"], a
    assert shown(host, authority) == second


def test_a_certificate_that_ends_soon_is_reported(new_tls_host, authority):
    host = new_tls_host()
    assert not any("TLS" in w for w in host.admin_ok("GET", "/status")["warnings"])
    authority.server(host.folder, "server", days=3)
    host.admin_ok("POST", "/reload", {})
    assert any("TLS server's certificate ends" in w for w in host.admin_ok("GET", "/status")["warnings"])


def not_a_key(folder):
    (folder / "server.key").write_text("no key\n")


def other_key(folder):
    (folder / "server.key").write_bytes((folder / "other.key").read_bytes())


@pytest.mark.parametrize("spoil, words", [
    (lambda f: (f / "server.pem").unlink(), "tls_certificate"),
    (lambda f: (f / "server.key").unlink(), "tls_key"),
    (lambda f: (f / "server.pem").write_text("nothing\n"), "holds no certificate"),
    (not_a_key, "holds no private key"),
    (lambda f: os.chmod(f / "server.key", 0o644), "may be read or changed by others"),
    (other_key, "is not the key of the first certificate"),
], ids=["no-certificate", "no-key", "not-a-certificate", "not-a-key", "open-key", "other-key"])
def test_faulty_files_are_refused_at_the_start(new_tls_host, authority, spoil, words):
    host = new_tls_host(start=False)
    authority.server(host.folder, "other")
    spoil(host.folder)
    assert words in refused(host)


def test_a_listener_without_its_files_is_refused(new_host):
    host = new_host(start=False)
    host.configure(host="listen_tls = 127.0.0.1:0\n")
    refused(host, 3)
    log = host.logged()
    assert "tls_certificate: the key is missing" in log and "tls_key: the key is missing" in log


def test_whole_key_over_tls_is_no_exposure(new_host, authority):
    """What gets 403 and a warning in clear from another machine's address passes over TLS."""
    host = new_host(start=False)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        try:
            s.connect(("192.0.2.1", 9))
            own = s.getsockname()[0]
        except OSError:
            pytest.skip("this machine has no address but loopback")
    host.configure("", settings(host.folder, f"{own}:0"), listen=f"{own}:0")
    authority.server(host.folder, "server", addresses=(own,))
    host.start()
    body = Machine().request(OFFICE2013, key="ANC9X-P4XJN-VAG5Y-48SN1-FGXNR")
    over = http.client.HTTPSConnection(own, tls_port(host), timeout=PATIENCE, context=authority.context())
    assert ask(over, "POST", "/v1/activate", body).code != "M-123"
    over.close()
    assert not host.lines("key_exposed")
    clear = http.client.HTTPConnection(own, host.port, timeout=PATIENCE)
    assert ask(clear, "POST", "/v1/activate", body).code == "M-123"
    clear.close()
    eventually(lambda: host.lines("key_exposed"), "it is reported")
