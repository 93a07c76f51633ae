"""muster-bench as somebody types it: a real host under load, every answer checked; falsified records are found; nothing is left behind.

Rates are never looked at here: a slow machine is no fault.
"""

import json
import os
import pathlib
import signal
import sqlite3
import subprocess
import time

import pytest

from host import PATIENCE, program

# Whole runs under load take as long as they do: in ./check --full, which sets this.
whole = pytest.mark.skipif(not os.environ.get("MUSTER_EXHAUSTIVE"), reason="run with MUSTER_EXHAUSTIVE=1, as ./check --full does")
QUICK = ("--seconds", "0.5", "--no-limits", "--connections", "16")


def bench(*arguments, env=None):
    return subprocess.run([program("muster-bench"), *arguments], capture_output=True, text=True, timeout=8 * PATIENCE, env=dict(os.environ, **(env or {})))


def load(*arguments):
    done = bench("load", *QUICK, *arguments, "--json")
    assert done.returncode == 0, done.stderr + done.stdout
    return json.loads(done.stdout)


def musterds_below(folder):
    """Processes whose configuration lies below the folder."""
    found = []
    for entry in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = entry.read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue
        if any(word.startswith(str(folder)) for word in line) and "musterd" in line[0]:
            found.append(line)
    return found


@whole
@pytest.mark.parametrize("how", [(), ("--per-request",), ("--clients", "renewals"), ("--clients", "mixed", "--rate", "200"), ("--threads", "2", "--rate", "50%")],
                         ids=["kept-alive", "per-request", "renewals", "mixed-open-loop", "half-load"])
def test_load_answers_are_right(how):
    """Whatever the load is like: machines are activated, each lease verifies, each acknowledged activation is in the ledger."""
    told = load("--known", "1000", *how)
    assert told["answers"]["activated"] > 0
    assert set(told["answers"]["status"]) == {"200"}
    assert told["answers"]["malformed"] == 0
    assert told["verify"]["faults"] == 0
    assert told["verify"]["leases"] >= told["answers"]["activated"]
    assert told["host_cpu_us"] > 0 and told["rss_anon"]["peak"] > 0 and told["start_s"] > 0 and told["restart_s"] > 0
    if "renewals" in how:
        assert told["answers"]["renewed"] == told["answers"]["activated"]


@whole
def test_kill_under_load_loses_nothing():
    """After kill -9 in the middle of load the host starts again, and everything it had acknowledged is there."""
    told = load("--known", "1000", "--end", "kill")
    assert told["verify"]["faults"] == 0
    assert told["verify"]["acknowledged"] >= told["answers"]["activated"]


@whole
def test_overload_is_turned_away():
    """A host that is asked for far more than its queue takes says so with 503 and goes on activating."""
    told = load("--known", "0", "--rate", "1M", "--limit", "queue=16", "--burst")
    assert set(told["answers"]["status"]) <= {"200", "503"}
    assert told["answers"]["activated"] > 0
    assert told["answers"]["never_sent"] > 0
    assert told["verify"]["faults"] == 0


@whole
def test_limits_are_measured():
    done = bench("limits", "--seconds", "0.2", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert len(told) >= 4 and all(value > 0 for value in told.values())


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A work folder after a load; tests falsify copies of it."""
    path = tmp_path_factory.mktemp("bench") / "work"
    load("--known", "500", "--dir", str(path))
    return path


def copy_of(folder, tmp_path):
    copy = tmp_path / "work"
    subprocess.run(["cp", "-a", str(folder), str(copy)], check=True)
    return copy


def test_verify_says_that_all_is_right(folder):
    done = bench("verify", str(folder))
    assert done.returncode == 0, done.stderr + done.stdout
    assert "faults       0" in done.stdout


def test_verify_finds_a_flipped_bit(folder, tmp_path):
    """One bit of one recorded lease differs: exit status 1, and the machine is named."""
    work = copy_of(folder, tmp_path)
    data = bytearray((work / "record").read_bytes())
    at = data.find(b".eyJ")  # the first lease's payload
    data[at + 200] ^= 1
    (work / "record").write_bytes(data)
    done = bench("verify", str(work))
    assert done.returncode == 1, done.stdout
    assert "machine" in done.stdout


def test_verify_finds_a_lost_event(folder, tmp_path):
    """An acknowledged activation that the ledger lacks is what the whole program is for."""
    work = copy_of(folder, tmp_path)
    with sqlite3.connect(work / "state" / "log.db") as log:
        seq = log.execute("SELECT max(seq) FROM event WHERE flags & 1024 AND seq < (SELECT max(seq) FROM event)").fetchone()[0]
        log.execute("DELETE FROM event WHERE seq = ?", (seq,))
    done = bench("verify", str(work))
    assert done.returncode == 1, done.stdout
    assert str(seq) in done.stdout


def test_verify_refuses_a_cut_record(folder, tmp_path):
    work = copy_of(folder, tmp_path)
    data = (work / "record").read_bytes()
    (work / "record").write_bytes(data[:-5])
    done = bench("verify", str(work))
    assert done.returncode == 2
    assert "record" in done.stderr


@pytest.mark.parametrize("arguments, word", [
    ((), "no verb"),
    (("laod",), "did you mean load?"),
    (("load", "--seconds", "zero"), "--seconds"),
    (("load", "--connections", "1.5"), "whole number"),
    (("load", "--rate", "0"), "--rate"),
    (("load", "--rate", "-5%"), "--rate"),
    (("load", "--clients", "old"), "--clients"),
    (("load", "--end", "never"), "--end"),
    (("load", "--limit", "queue"), "KEY=VALUE"),
    (("load", "more"), "more"),
    (("load", "--threads", "9", "--connections", "3"), "--threads"),
    (("suite", "--only", "all"), "--list"),
    (("verify",), "verify"),
])
def test_wrong_usage_is_named(arguments, word):
    done = bench(*arguments)
    assert done.returncode == 64
    assert word in done.stderr and "--help" in done.stderr


@pytest.mark.parametrize("verb", [(), ("load",), ("suite",), ("limits",), ("verify",), ("fleet",)])
def test_help_has_examples(verb):
    done = bench(*verb, "--help")
    assert done.returncode == 0
    assert "Example" in done.stdout and "muster-bench" in done.stdout


def test_a_folder_of_others_is_left_alone(tmp_path):
    (tmp_path / "letter").write_text("mine")
    done = bench("load", *QUICK, "--dir", str(tmp_path))
    assert done.returncode == 2
    assert str(tmp_path) in done.stderr
    assert [entry.name for entry in tmp_path.iterdir()] == ["letter"]


def test_wrong_limit_is_the_hosts_to_name(tmp_path):
    """What the host refuses to start with is told in its own words."""
    done = bench("load", *QUICK, "--limit", "queue=none")
    assert done.returncode == 2
    assert "queue" in done.stderr


def test_no_host_program():
    done = bench("load", *QUICK, "--musterd", "/nowhere/musterd")
    assert done.returncode == 2
    assert "/nowhere/musterd" in done.stderr


def test_interrupted_run_leaves_nothing(tmp_path):
    """Ctrl-C in the middle of load: the host is gone, the temporary folder too, and the exit status says that it was not done."""
    process = subprocess.Popen([program("muster-bench"), "load", "--seconds", "600", "--no-limits", "--known", "0"], env=dict(os.environ, TMPDIR=str(tmp_path)),
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    end = time.monotonic() + PATIENCE
    while not musterds_below(tmp_path):
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < end
        time.sleep(0.05)
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 2
    assert "interrupted" in errors
    assert list(tmp_path.iterdir()) == []
    assert musterds_below(tmp_path) == []
