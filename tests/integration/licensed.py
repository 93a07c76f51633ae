"""A publisher with an agreement, keys and packs as its administrators make them, hosts that know its service, and a relay that records what passes."""

import base64
import re
import socket
import threading
import uuid

import host as hosts
from publisher import Publisher, Service, codes

PRODUCTS = """
[product contoso]
name = Contoso
activation_id = 11111111-0000-4000-8000-000000000001
application_id = 11111111-0000-4000-8000-00000000000a
model = threshold
minimum_count = 1
issuer = main

[product contoso-mak]
name = Contoso, counted
activation_id = 11111111-0000-4000-8000-000000000002
application_id = 11111111-0000-4000-8000-00000000000a
model = counted
issuer = main

[product esu-1]
name = Contoso, extended year 1
activation_id = 11111111-0000-4000-8000-000000000011
application_id = 11111111-0000-4000-8000-00000000000a
model = counted
family = contoso-esu
generation = 1
requires = version = 22H2, update
issuer = main

[product esu-2]
like = esu-1
name = Contoso, extended year 2
activation_id = 11111111-0000-4000-8000-000000000012
generation = 2
issuer = main
"""
IDS = {m.group(1): m.group(2) for m in re.finditer(r"\[product (\S+)\][^\[]*?activation_id = (\S+)", PRODUCTS)}
FACTS = {"version": "22H2", "update": True}


class Licensed:
    """The publisher, its service at `url`, and the pack that its last key() has made."""

    def __init__(self, folder):
        self.publisher = Publisher(folder)
        self.root = folder / "root.pem"
        self.root.write_bytes((self.publisher.dir / "issuer.pem").read_bytes())
        self.root.chmod(0o644)
        self.pack = None
        for name, id_ in IDS.items():
            self("product", "add", name, "--activation-id", id_, "--title", name)
        self("agreement", "add", "EA-1", "--programme", "enterprise", "--organisation", "example", "--name", "Example GmbH")
        self("contact", "set", "Germany", "--telephone", "+49 30 123456")
        self.service = Service(self.publisher)
        self.url = f"https://localhost:{self.service.port}"

    def __call__(self, *arguments):
        done = self.publisher(*arguments)
        assert done.code == 0, (arguments, done)
        return done

    def restart(self, **options):
        self.service.stop()
        self.service = Service(self.publisher, **options)
        self.url = f"https://localhost:{self.service.port}"

    def stop(self):
        assert self.service.stop() == 0

    def mint(self, kind, products, **options):
        extra = [x for name, value in options.items() for x in ("--" + name.replace("_", "-"), value)]
        text = self("key", "mint", "--kind", kind, "--agreement", "EA-1", "--products", products, *extra).out
        return re.search(r"[0-9A-Z]{5}(-[0-9A-Z]{5}){4}", text).group(0)

    def packed(self):
        """The next pack of the agreement, with every key minted so far."""
        path = self.publisher.folder / "pack"
        path.unlink(missing_ok=True)
        self("pack", "create", "--agreement", "EA-1", "--out", path)
        self.pack = path.read_text()
        return self.pack

    def certify(self, request, products):
        """A chain for a host that has no key: these activation IDs."""
        for name, text in (("csr", request), ("ids", "\n".join(products) + "\n")):
            (self.publisher.folder / name).write_text(text)
        (self.publisher.folder / "chain").unlink(missing_ok=True)
        self("certify", self.publisher.folder / "csr", "--products", self.publisher.folder / "ids", "--out", self.publisher.folder / "chain")
        return (self.publisher.folder / "chain").read_text()

    def used(self, key):
        """Activations the books have for this key."""
        return self.publisher("--json", "key", "show", self.typed(key).number).json["used"]

    def typed(self, key):
        return codes.Key.parse(key)

    def under(self, key):
        return codes.Key.parse(key).under(self.publisher.issuer_id)


class Machine(hosts.Machine):
    """One with a counted key: its proof, nothing else."""

    def __init__(self, licensed, key, number, **options):
        super().__init__(f"pc-{number}", **options)
        self.licensed, self.key = licensed, key
        self.hardware = codes.hardware_id(licensed.publisher.issuer_id, 0, f"machine {number}".encode()).hex()

    def request(self, activation_id, /, facts=None, proof=None, **changes):
        body = super().request(activation_id, **changes)
        nonce = base64.urlsafe_b64decode(body["nonce"] + "==")
        k = self.licensed.under(self.key)
        made = k.proof(uuid.UUID(activation_id).bytes, uuid.UUID(self.client_id).bytes, bytes.fromhex(self.hardware), nonce)
        if "key" not in changes:
            body["key"] = {"kind": self.key[0], "number": k.key.number, "proof": base64.urlsafe_b64encode(proof or made).rstrip(b"=").decode()}
        if facts is not None:
            body["machine"]["facts"] = facts
        return body


def wiped(machine):
    """The same machine, installed anew: another client ID and name, the same hardware."""
    again = Machine.__new__(Machine)
    again.__dict__.update(machine.__dict__)
    again.client_id, again.name = str(uuid.uuid4()), machine.name + "-new"
    return again


def host(new_host, licensed, url=True, proxy="ask", **options):
    one = new_host(start=False, issuer=licensed, plugins=(), products=PRODUCTS, clock=True, **options)
    text = (one.folder / "muster.conf").read_text()
    more = f"url = {licensed.url if url is True else url}\nproxy = {proxy}\n" if url else ""
    (one.folder / "muster.conf").write_text(text.replace(f"roots = {licensed.root}\n", f"roots = {licensed.root}\n{more}"))
    return one.start()


class Relay:
    """A TCP relay before a port that keeps every byte of both directions."""

    def __init__(self, port):
        self.target, self.kept, self.lock = port, bytearray(), threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self.target))
            for a, b in ((client, server), (server, client)):
                threading.Thread(target=self.pump, args=(a, b), daemon=True).start()

    def pump(self, a, b):
        try:
            while data := a.recv(65536):
                with self.lock:
                    self.kept += data
                b.sendall(data)
            b.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def close(self):
        self.listener.close()


def forms(licensed, key):
    """Everything that a key looks like: as text, its secret and what is derived from it, raw, in hexadecimal and in every base64."""
    parsed = licensed.typed(key)
    secrets = {"secret": parsed.secret, "prk": licensed.under(key).prk}
    found = {"text": key.encode(), "text without dashes": key.replace("-", "").encode(), "all but the last group": key[:-6].encode()}
    for name, raw in secrets.items():
        found[name] = raw
        found[name + ", hexadecimal"] = raw.hex().encode()
        found[name + ", HEXADECIMAL"] = raw.hex().upper().encode()
        for shift in range(3):
            # What is in base64 whatever stands before it: without the characters that its neighbours share.
            for encode in (base64.b64encode, base64.urlsafe_b64encode):
                found[f"{name}, {encode.__name__}, shifted by {shift}"] = encode(bytes(shift) + raw)[4 if shift else 0:][: (len(raw) - 3) * 4 // 3]
    return found
