"""muster-bench fleet: small fleets over months, every answer of the real engine compared with the model; what it says and how it ends."""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time

import pytest

# Fleets over months take as long as they do: in ./check --full, which sets this.
pytestmark = pytest.mark.skipif(not os.environ.get("MUSTER_EXHAUSTIVE"), reason="run with MUSTER_EXHAUSTIVE=1, as ./check --full does")
BENCH = pathlib.Path(os.environ["top_builddir"]) / "muster-bench"
# Every behaviour of the table, often enough to be seen in a small fleet.
ALL = ["--machines", "300", "--days", "400", "--clones", "0.05", "--releases", "0.2", "--moved", "0.5", "--away", "0.3", "--skewed", "0.03", "--lost", "0.01",
       "--outages", "6", "--restarts", "4", "--disk-full", "2", "--keep", "90"]


@pytest.fixture(scope="module")
def memory():
    """A place for temporary folders where a commit costs nothing, if there is one."""
    path = pathlib.Path(tempfile.mkdtemp(prefix="fleet-", dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None))
    yield path
    left = list(path.iterdir())
    shutil.rmtree(path)
    assert left == [], "temporary folders are gone"


def fleet(folder, *arguments, code=0):
    done = subprocess.run([BENCH, "fleet", *map(str, arguments)], capture_output=True, text=True, timeout=300, env={**os.environ, "TMPDIR": str(folder)})
    assert done.returncode == code, (done.returncode, done.stdout[-2000:], done.stderr[-2000:])
    return done


def simulated(o):
    """Without what was measured of the machine it ran on."""
    if isinstance(o, dict):
        return {k: simulated(v) for k, v in o.items() if k != "measured"}
    return [simulated(v) for v in o] if isinstance(o, list) else o


@pytest.fixture(scope="module")
def year(memory):
    return json.loads(fleet(memory, *ALL, "--json").stdout)


def test_every_answer_is_right(year):
    assert year["wrong"] == 0 and year["differences"] == []


def test_every_behaviour_was_there(year):
    total = year["total"]
    for what in ("granted", "counted_only", "refused_other_hardware", "refused_clock", "refused_disk_full", "releases", "repeats", "host_away", "answers_lost",
                 "new_client_ids_on_advice", "left"):
        assert total[what] > 0, what
    assert total["appeared"] > 300, "successors came"
    assert year["measured"]["restarts_as_after_kill"] >= 1 and year["measured"]["restarts_in_good_order"] >= 1


def test_numbers_fit_together(year):
    total, books, months = year["total"], year["books"], year["months"]
    assert len(months) == 14 and [m["month"] for m in months] == list(range(1, 15))
    for what in total:
        if what != "longest_without_lease_seconds":
            assert sum(m[what] for m in months) == total[what], what
    assert total["requests"] == total["granted"] + total["counted_only"] + total["refused_other_hardware"] + total["refused_clock"] + total["releases"] + total["repeats"]
    # Repeats are counted once, releases not at all.
    assert sum(books["requests_by_status"]) == total["granted"] + total["counted_only"]
    assert books["requests_failed"] == total["refused_other_hardware"] + total["refused_clock"]
    # Windows: 25 machines, at most twice as many are told.
    assert books["count"] == books["cap"] == 50
    assert months[-1]["alive"] == total["appeared"] - total["left"]
    assert all(m["licensed"] <= m["alive"] and m["counted"] > 50 for m in months)
    # Each machine asks about once a week, and some every two hours.
    assert total["granted"] > 300 * 40
    # Events of 90 days are kept: the first whole day of them is 311.
    assert books["first_event_day"] == 311 and 0 < books["events"] < total["requests"] / 2


def test_nobody_waits_long(year):
    """Above the threshold a machine that asks is licensed, unless its clock is wrong (at most 21 days) or it must take a new ID (after 30)."""
    assert year["total"]["longest_without_lease_seconds"] < 31 * 86400


def test_same_seed_same_run(year, memory):
    assert simulated(json.loads(fleet(memory, *ALL, "--json").stdout)) == simulated(year)


def test_other_seed_other_run(year, memory):
    assert simulated(json.loads(fleet(memory, *ALL, "--json", "--seed", "2").stdout)) != simulated(year)


@pytest.mark.parametrize("arguments", [
    ["--long-outage", "200"], ["--long-outage", "40", "--clones", "0.2", "--product", "office", "--restarts", "12"],
    ["--product", "office", "--machines", "8", "--silent", "0.5", "--days", "700"], ["--machines", "1", "--minimum", "1"],
], ids=["leases end", "ageing stands still", "near the threshold", "alone"])
def test_other_fleets(memory, arguments):
    answer = json.loads(fleet(memory, "--machines", "200", "--json", *arguments).stdout)
    assert answer["wrong"] == 0
    if arguments == ["--long-outage", "200"]:
        # Before the outage nearly all held a lease; while it lasted all of them ended.
        assert min(m["licensed"] for m in answer["months"]) == 0 and answer["months"][2]["licensed"] > 190 and answer["months"][-1]["licensed"] > 190


def test_wrong_answer_is_found(memory):
    done = fleet(memory, "--machines", "50", "--days", "60", "--falsify", "400", code=1)
    assert done.stdout.count("WRONG: day ") == 1 and "expected " in done.stdout and "1 difference " in done.stderr
    answer = json.loads(fleet(memory, "--machines", "50", "--days", "60", "--falsify", "400", "--json", code=1).stdout)
    assert answer["wrong"] == 1 and len(answer["differences"]) == 1


def test_folder_is_kept_and_only_a_new_one_taken(tmp_path):
    folder = tmp_path / "work" / "fleet"
    fleet(tmp_path, "--machines", "30", "--days", "10", "--dir", folder)
    assert (folder / "state" / "log.db").exists() and not list(folder.glob("state/*.killed"))
    done = fleet(tmp_path, "--machines", "30", "--days", "10", "--dir", folder, code=2)
    assert "is not empty" in done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted(tmp_path, number):
    with subprocess.Popen([BENCH, "fleet", "--machines", "100k"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          env={**os.environ, "TMPDIR": str(tmp_path)}) as process:
        until = time.monotonic() + 60
        while not list(tmp_path.glob("*/state/log.db-wal")) and time.monotonic() < until:
            time.sleep(0.05)
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 2 and "interrupted on day" in err and out == ""
    assert list(tmp_path.iterdir()) == [], "nothing is left behind"


@pytest.mark.parametrize("arguments, words", [
    (["--machines", "0"], "--machines"), (["--silent", "2"], "--silent"), (["--product", "solaris"], "solaris"), (["--bogus"], "--help"), (["x"], '"x"'),
])
def test_usage(tmp_path, arguments, words):
    assert words in fleet(tmp_path, *arguments, code=64).stderr


def test_help(tmp_path):
    text = fleet(tmp_path, "--help").stdout
    assert "Examples:" in text and "--long-outage DAYS" in text and max(map(len, text.splitlines())) <= 150
