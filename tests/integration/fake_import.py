"""The import routes of a host that does not exist: what a musterctl sends is kept, and what it is answered a test says. With fake_host.py."""

import threading
import types

import fake_host
from administrator import Administrator
from fake_host import Refusal

ID = "0b6f7a3e-0000-4000-8000-000000000001"


class Books:
    """What was imported, and how."""

    def __init__(self):
        self.begun, self.batches, self.ended, self.open = [], [], [], []
        self.refuse = lambda record: None      # a sentence: this record is not taken
        self.stop = {}                         # "begin", "records", "end" -> Refusals to answer with, one after the other
        self.hold = threading.Event()          # cleared: records are answered only once it is set
        self.hold.set()
        self.waiting = threading.Event()       # somebody waits for that
        self.hold_end = threading.Event()      # the same for the end
        self.hold_end.set()
        self.ending = threading.Event()

    @property
    def records(self):
        return [r for b in self.batches for r in b]


def answer(books, step):
    if books.stop.get(step):
        raise books.stop[step].pop(0)


def begin(state, body):
    answer(state.books, "begin")
    state.books.begun.append(body)
    state.books.open, state.books.told = [], 0
    return {"import": ID}


def records(state, body):
    books = state.books
    books.waiting.set()
    assert books.hold.wait(60)
    answer(books, "records")
    assert body["import"] == ID
    refused = [{"line": r["line"], "level": "refused", "text": books.refuse(r)} for r in body["records"] if books.refuse(r)]
    if body["records"]:
        books.batches.append(body["records"])
    books.told += len(refused)
    books.open += [r for r in body["records"] if not books.refuse(r)]
    return {"taken": len(body["records"]) - len(refused), "messages": refused}


def end(state, body):
    books = state.books
    books.ending.set()
    assert books.hold_end.wait(60)
    answer(books, "end")
    books.ended.append(body["commit"])
    n, dry = len(books.open), books.begun[-1]["dry_run"]
    return {"import": ID, "committed": body["commit"] and not dry, "dry_run": dry, "new": n, "changed": 0, "same": 0, "skipped": 0, "refused": books.told, "doubtful": 0,
            "by_kind": {"key": {"new": n, "changed": 0, "same": 0, "skipped": 0}}, "learned": [], "findings": [], "messages": []}


fake_host.ROUTES.update({("POST", "import/begin"): begin, ("POST", "import/records"): records, ("POST", "import/end"): end})


class FakeHost(fake_host.FakeHost):
    def __init__(self, path):
        super().__init__(path)
        self.state.books = Books()

    @property
    def books(self):
        return self.state.books

    def administrator(self):
        return Administrator(types.SimpleNamespace(socket=self.socket_path))


BUSY = Refusal(503, "M-126", "another import is under way", action="Wait.")
DENIED = Refusal(403, "M-104", "This needs the role administrator; yours is viewer.", action="Ask.")
