"""An administrator for tests: musterctl against a host of host.py, and muster as a machine."""

import json
import os
import pathlib
import re
import subprocess

from host import PATIENCE, SOURCE, program

DONE, FAILED, USAGE, NO_HOST, DENIED, LEFT = range(6)  # exit codes of musterctl(1)


class Said:
    """What a command said."""

    def __init__(self, status, out, err):
        self.status, self.out, self.err = status, out, err

    @property
    def json(self):
        return json.loads(self.out)

    def __repr__(self):
        return f"<exit {self.status}>\n{self.out}\n{self.err}"


def run(*command, **options):
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, stdin=subprocess.DEVNULL, **options)
    return Said(done.returncode, done.stdout, done.stderr)


class Administrator:
    """Types verbs at one host."""

    def __init__(self, host, environment=None):
        self.host = host
        self.environment = {**os.environ, "TZ": "UTC", "LC_ALL": "C.UTF-8", **(environment or {})}
        self.environment.pop("MUSTER_SOCKET", None)

    def __call__(self, *words, **options):
        """Whatever comes of it."""
        return run(program("musterctl"), "--socket", str(self.host.socket), *words, env=self.environment, **options)

    def ok(self, *words):
        """Must end 0 without a complaint; what was printed."""
        said = self(*words)
        assert said.status == DONE and said.err == "", said
        return said.out

    def json(self, *words):
        return json.loads(self.ok(*words, "--json"))

    def items(self, *words):
        return self.json(*words)["items"]

    def refused(self, *words, status=FAILED):
        """Must end with this status, print nothing, and say why; the sentence."""
        said = self(*words)
        assert said.status == status and said.out == "", said
        assert said.err.startswith("musterctl: ") and said.err.count("\n") == 1, said
        return said.err[len("musterctl: "):-1]

    def start(self, *words):
        """A verb that stays: its process."""
        return subprocess.Popen([program("musterctl"), "--socket", str(self.host.socket), *words], stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=self.environment)


def muster(host, machine, *words, virtual=False):
    """A simulated machine of this name, with a state folder of its own beside the host's."""
    return run(program("muster"), "--state", str(host.folder / "machines" / machine), "--hardware", machine, "--name", machine,
               "--virtual", "yes" if virtual else "no", "--issuer", str(host.issuer.root), "--host", f"127.0.0.1:{host.port}", *words)


def documented(name):
    """Members of an object as docs/admin-api.md lists them: from "Name: `{...}`" or from the JSON block."""
    text = (pathlib.Path(SOURCE) / "docs" / "admin-api.md").read_text(encoding="utf-8")
    found = re.search(rf"^{name}\b[^\n`]*: `(\{{.*\}})`", text, re.M) or re.search(rf"^{name}\b[^\n]*:\n```json\n(.*?)```", text, re.M | re.S)
    assert found, f"docs/admin-api.md does not describe {name}"
    depth, names = 0, set()
    for token in re.finditer(r'"((?:[^"\\]|\\.)*)"(\s*:)?|[{}\[\]]', found[1]):
        if token[0] in "{[":
            depth += 1
        elif token[0] in "}]":
            depth -= 1
        elif depth == 1 and (token[2] or found[1][token.end():].lstrip()[:1] in ",}"):
            previous = found[1][:token.start()].rstrip()[-1:]
            if previous in "{,":
                names.add(token[1])
    return names
