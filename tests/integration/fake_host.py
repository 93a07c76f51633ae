"""The admin socket of a host that does not exist: answers as docs/admin-api.md describes them, with digits of trust-vectors.json.

For the dialogues' own tests: each state of a host is there at once, and the acts asked for can be counted. What the real host says is tested with it.
"""

import http.server
import json
import socketserver
import threading

OFFICE = "2e28138a-847f-42bc-9752-61b03fff33cd"
WINDOWS = "11111111-2222-5333-8444-555555555555"
KEY = "ANC9X-P4XJN-VAG5Y-48SN1-FGXNR"
NUMBER = 706200501
IID = "147878 182305 808326 473017 624939 417546 203540 884046 980984".split()
CID = "067447 575385 379640 042293 105403 554957 948930 580855".split()
PACK_ID = "3ceaaf30-8142-c8ea-91d9-3080f9b439fc"
CONTACTS = [{"region": "Germany", "telephone": "+49 30 5550100", "hours": "Mon-Fri 8-18", "web": "https://issuer.test/activate", "email": ""},
            {"region": "Everywhere else", "telephone": "+1 555 0100", "hours": "", "web": "", "email": "keys@issuer.test"}]


class Refusal(Exception):
    def __init__(self, status, code, detail, field=None, action="Do something about it."):
        self.status = status
        self.body = {"status": status, "code": code, "title": "Refused", "detail": detail, "action": action}
        if field:
            self.body["field"] = field


def product(name, activation_id, title, certified):
    return {"product": name, "title": title, "description": title, "activation_id": activation_id, "application_id": "0ff1ce15-a989-479d-af46-f275c6370663",
            "model": "threshold", "pool": name, "minimum_count": 5, "certified": certified, "issuer": "main", "served": True, "refused": None, "not_served_reason": None}


class State:
    """What the host knows; tests set it and look at it."""

    def __init__(self):
        self.pack = self.key = self.activated = self.online = False
        self.pack_keys_more = []
        self.windows_key = False
        self.refuse = []          # refusals of the next confirmation IDs
        self.asked = []           # (method, path, body)
        self.attempt = 0

    def products(self, _):
        return {"items": [product("office2013", OFFICE, "Office 15, OfficeKMSHostVL_KMS_Host edition", self.activated),
                          product("windows", WINDOWS, "Windows client", False)]}

    def pack_item(self):
        return {"pack_id": PACK_ID, "organisation": "Contoso", "agreement": "A-1", "programme": "Volume", "license_id": "L-1", "issue": 1, "issued_at": "2026-11-22T10:00:00Z",
                "ends_at": "2028-11-22T10:00:00Z", "issuer": "main", "service": "https://issuer.test/",
                "keys": [{"kind": "A", "kind_text": "host key", "number": NUMBER, "generation": 1, "products": ["office2013"], "hosts": 6, "activations": 10,
                          "coverage_start": None, "coverage_end": None}, *self.pack_keys_more], "contacts": CONTACTS}

    def packs(self, _):
        return {"items": [self.pack_item()] if self.pack else []}

    def pack_install(self, body):
        if body["pack"].strip() != "a.good.pack":
            raise Refusal(422, "M-130", "this is no licence pack")
        self.pack = True
        return {"pack": self.pack_item(), "warnings": [], "missing": [] if self.key else ["the key for office2013"]}

    def key_item(self):
        state = "activated" if self.activated else "not-activated" if self.pack else "pack-missing"
        return {"number": NUMBER, "kind": "A", "kind_text": "host key", "partial": KEY[-5:], "product": "office2013" if self.pack else None, "products": ["office2013"] if self.pack else [], "pack_id": PACK_ID if self.pack else None,
                "installed_at": "2026-11-22T10:00:00Z", "state": state, "activated_at": None, "ends_at": "2028-11-22T10:00:00Z" if self.activated else None,
                "method": "telephone" if self.activated else None, "allowed": None, "used": None, "remaining": None}

    def keys(self, _):
        items = [self.key_item()] if self.key else []
        if self.windows_key:
            items.append({**self.key_item(), "number": 7, "partial": "00007", "product": "windows", "products": ["windows"], "state": "not-activated"})
        return {"items": items}

    def key_install(self, body):
        if body["key"] != KEY:
            raise Refusal(422, "0xC004F050", "no pack of this host has this key")
        if self.key and not body["replace"]:
            raise Refusal(409, "M-130", "another host key of office2013 is installed (...-FGXNR)")
        self.key = True
        return {"key": self.key_item(), "message": f"Installed product key {KEY} successfully.", "next": "Next: musterctl ato, or musterctl phone"}

    def key_remove(self, body):
        if not self.key or body not in ({"activation_id": OFFICE}, {"number": NUMBER}):
            raise Refusal(404, "M-117", "no such key")
        self.key = False
        return {"key": self.key_item()}

    def key_whole(self, body):
        return {"key": KEY} if body == {"number": NUMBER} else self.nothing()

    def nothing(self):
        raise Refusal(404, "M-117", "nothing of the kind")

    def installation_id(self, body):
        if not self.key:
            raise Refusal(422, "0xC004F014", "no product key is installed")
        if self.windows_key and "activation_id" not in body:
            raise Refusal(422, "M-136", f"name one of the installed keys by its product's activation ID: {OFFICE} {WINDOWS}")
        if body.get("activation_id", OFFICE) not in (OFFICE, WINDOWS):
            raise Refusal(404, "M-117", "no such product")
        self.attempt += body["new"]
        return {"product": "office2013", "title": "Office 15, OfficeKMSHostVL_KMS_Host edition", "activation_id": OFFICE, "number": NUMBER, "partial": KEY[-5:], "groups": IID,
                "attempt": self.attempt, "made_at": "2026-11-22T10:00:00Z", "contacts": CONTACTS, "request": "MUSTER1:" + "".join(IID) + ":" + "Ab-_" * 85}

    def confirmation_id(self, body):
        if self.refuse:
            raise self.refuse.pop(0)
        if body["confirmation_id"].replace(" ", "").replace("-", "") != "".join(CID):
            raise Refusal(422, "M-135", "The Confirmation ID was not made for the Installation ID shown on 11/22/2026.")
        self.activated = True
        return {"products": ["office2013"], "ends_at": "2028-11-22T10:00:00Z", "message": f"Confirmation ID for product {OFFICE} deposited successfully."}

    def activate(self, _):
        if not self.online:
            raise Refusal(502, "M-143", "the issuer's service cannot be reached")
        self.activated = True
        return {"products": ["office2013"], "ends_at": "2028-11-22T10:00:00Z", "message": "Product activated successfully.", "again": False}

    def host_install(self, body):
        if "BEGIN CERTIFICATE" not in body["chain"]:
            raise Refusal(422, "M-121", "no chain")
        self.activated = True
        return {"products": ["office2013"], "ends_at": "2028-11-22T10:00:00Z", "warnings": [], "kid": "x"}

    def listing(self, _):
        return {"items": [{"product": "office2013", "name": "Office 15, OfficeKMSHostVL_KMS_Host edition", "description": "Office 15, VOLUME_KMS channel", "activation_id": OFFICE,
                           "partial_product_key": KEY[-5:], "license_status_text": "Licensed", "ends_at": "2028-11-22T10:00:00Z", "service": True,
                           "host": {"enabled": True, "current_count": 0, "port": 1688, "dns_publishing": False, "priority": "normal"},
                           "requests": {"total": 0, "failed": 0, "status": [0] * 7}}]}

    def counted(self, _):
        return {"items": [{"installation_id": "-".join(IID), "product": "cad", "number": 7, "machine": "b3ee11c65a964f729fcb", "state": "wanted", "wanted_at": "2026-11-22T10:00:00Z", "code": None, "detail": None}], "next": None}

    def counted_ask(self, _):
        return {"confirmed": 1, "refused": 0, "not_taken": 0, "keys": [{"number": 7, "allowed": 100, "used": 3, "remaining": 97}, {"number": 8, "allowed": 5, "used": 5, "remaining": -1}]}

    def counted_export(self, _):
        return {"text": "muster-counted-request 1 " + PACK_ID + "\n" + "".join(IID) + "\n", "count": 1}

    def counted_import(self, body):
        if not body["answer"].startswith("{"):
            raise Refusal(422, "M-144", "this answers nothing that was asked")
        return self.counted_ask(None)

    def counted_telephone(self, body):
        if "confirmation_id" not in body:
            return {"product": "cad", "title": "CAD", "activation_id": OFFICE, "partial": "00007", "groups": IID, "contacts": CONTACTS}
        self.confirmation_id(body)
        return {"message": "The confirmation of pc-1 is recorded."}

    def crl(self, _):
        return {"items": [{"issuer": "main", "number": 4, "made_at": "2026-11-22T10:00:00Z", "next_at": "2026-12-22T10:00:00Z", "revoked": 1}]}

    def crl_install(self, body):
        return {"number": 5}

    def rekey(self, _):
        return {"message": "3 records are sealed under the new key."}

    def audit_head(self, _):
        return {"head": "412:9f2c"}

    def audit_verify(self, body):
        if body.get("expect", "412:9f2c") != "412:9f2c":
            raise Refusal(422, "M-139", "the trail does not contain the head that was noted")
        return {"message": "412 records, unbroken; head 412:9f2c."}


ROUTES = {("GET", "products"): State.products, ("GET", "packs"): State.packs, ("POST", "packs"): State.pack_install, ("GET", "keys"): State.keys, ("POST", "keys"): State.key_install,
          ("POST", "keys/remove"): State.key_remove, ("POST", "keys/whole"): State.key_whole, ("POST", "installation-id"): State.installation_id,
          ("POST", "confirmation-id"): State.confirmation_id, ("POST", "activate"): State.activate, ("POST", "host/install"): State.host_install, ("GET", "listing"): State.listing,
          ("GET", "counted"): State.counted, ("POST", "counted/ask"): State.counted_ask, ("POST", "counted/export"): State.counted_export,
          ("POST", "counted/import"): State.counted_import, ("POST", "counted/telephone"): State.counted_telephone, ("GET", "crl"): State.crl, ("POST", "crl"): State.crl_install,
          ("POST", "rekey"): State.rekey, ("GET", "audit/head"): State.audit_head, ("POST", "audit/verify"): State.audit_verify}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def serve(self):
        length = int(self.headers.get("Content-Length", 0))
        body = json.loads(self.rfile.read(length)) if length else None
        path = self.path.removeprefix("/admin/v1/").split("?")[0]
        status, answer = 200, None
        self.server.state.asked.append((self.command, path, body))
        try:
            answer = ROUTES[self.command, path](self.server.state, body)
        except Refusal as why:
            status, answer = why.status, why.body
        text = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json" if status == 200 else "application/problem+json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_POST = serve

    def log_message(self, *_):
        pass


class FakeHost(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True

    def __init__(self, path):
        super().__init__(str(path), Handler)
        self.socket_path = str(path)
        self.state = State()
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def get_request(self):
        request, _ = super().get_request()
        return request, ("local", 0)

    def close(self):
        self.shutdown()
        self.server_close()
