"""A drop folder: what is put there is imported and moves to done/ or failed/ beside a log; against a fake admin socket."""

import json
import os
import shutil
import signal
import subprocess

import pytest

from administrator import DENIED as EXIT_DENIED
from administrator import DONE, FAILED, NO_HOST, Administrator
from fake_import import BUSY, DENIED, FakeHost
from host import PATIENCE, eventually, folder, program
from test_import import HEADINGS, ROW, keys


class Drop:
    """The folder, and who watches it."""

    def __init__(self, host, path):
        self.host, self.path, self.process = host, path, None
        path.mkdir()

    def put(self, name, content, age=60):
        """A file that nobody has written to for so long."""
        path = self.path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        os.utime(path, (path.stat().st_mtime - age,) * 2)
        return path

    def once(self, *words):
        return self.host.administrator()("import", "--watch", str(self.path), "--once", *words)

    def start(self, *words):
        self.process = self.host.administrator().start("import", "--watch", str(self.path), *words)
        eventually(lambda: (self.path / "failed").is_dir(), "the folder is watched")
        return self

    def line(self):
        return self.process.stdout.readline()

    def stop(self, how=signal.SIGTERM):
        self.process.send_signal(how)
        out, err = self.process.communicate(timeout=PATIENCE)
        assert "Sanitizer" not in err, err
        return self.process.returncode, out, err

    def names(self, where):
        return sorted(os.listdir(self.path / where))

    def here(self):
        return sorted(n for n in os.listdir(self.path) if n not in ("done", "failed"))


@pytest.fixture
def host():
    with folder() as path:
        one = FakeHost(path / "admin.sock")
        one.folder = path
        yield one
        one.close()


@pytest.fixture
def drop(host):
    one = Drop(host, host.folder / "drop")
    yield one
    if one.process is not None and one.process.poll() is None:
        one.process.kill()
        one.process.communicate()


def test_once_takes_what_is_there(host, drop):
    drop.put("a.csv", keys(3))
    drop.put("b.txt", "a letter\nto nobody\n")
    drop.put(".hidden.csv", keys(1))
    drop.put("c.csv.part", keys(1))
    (drop.path / "sub").mkdir()
    (drop.path / "sub" / "d.csv").write_text(keys(1))
    outside = host.folder / "outside.csv"
    outside.write_text(keys(1))
    (drop.path / "link.csv").symlink_to(outside)
    os.mkfifo(drop.path / "pipe")
    host.books.refuse = lambda r: "not liked" if r["line"] == 3 else None
    said = drop.once()
    assert said.status == FAILED and said.err == "", said
    done, failed = said.out.splitlines()
    assert done == "a.csv: done: tab-separated keys, 3 records: 2 new, 0 changed, 0 same, 1 refused"
    assert failed.startswith("b.txt: failed: nothing here recognises this")
    assert drop.names("done") == ["a.csv", "a.csv.log"] and drop.names("failed") == ["b.txt", "b.txt.log"]
    assert drop.here() == [".hidden.csv", "c.csv.part", "link.csv", "pipe", "sub"] and outside.exists()
    log = (drop.path / "done" / "a.csv.log").read_text().splitlines()
    assert log[0].endswith(f"Z {done}") and log[1] == "a.csv:3: refused: not liked"
    assert "nothing here recognises this" in (drop.path / "failed" / "b.txt.log").read_text()
    again = drop.once()
    assert again.status == DONE and again.out == "" and len(host.books.begun) == 1


def test_nothing_in_done_is_ever_replaced(host, drop):
    for n in (1, 2, 3):
        drop.put("keys.csv", keys(n))
        assert drop.once().status == DONE
    names = drop.names("done")
    assert len(names) == 6 and "keys.csv" in names and "keys.csv.log" in names
    assert sorted((drop.path / "done" / n).read_text().count("\n") for n in names if not n.endswith(".log")) == [2, 3, 4]
    assert all(n + ".log" in names for n in names if not n.endswith(".log"))
    assert all(n.startswith("keys-20") and n.endswith(".csv") for n in names if n != "keys.csv" and not n.endswith(".log"))


def test_names_of_any_length_and_kind(host, drop):
    names = ["x" * 251 + ".csv", "n" * 255, "Schlüssel & mehr.csv", "new\nline.csv", os.fsdecode(b"latin-\xfc.csv")]
    for n in names:
        drop.put(n, keys(1))
    said = drop.once()
    assert said.status == DONE and said.out.count("\n") == len(names), said
    assert {b["name"] for b in host.books.begun} >= {"new line.csv", "latin-?.csv", "Schlüssel & mehr.csv"}
    done = drop.names("done")
    assert drop.here() == [] and len(done) == 2 * len(names) and all(len(os.fsencode(n)) <= 255 for n in done)


def test_what_is_being_written_is_waited_for(host, drop):
    """A file that is open is left alone while others are taken; closed, it is taken whole."""
    drop.start()
    with open(drop.path / "slow.csv", "w") as slow:
        slow.write(keys(2))
        slow.flush()
        (drop.path / "quick.csv").write_text(keys(1))
        assert drop.line().startswith("quick.csv: done: ")
        (drop.path / "second.csv").write_text(keys(1))
        assert drop.line().startswith("second.csv: done: ")
        assert drop.here() == ["slow.csv"]
        slow.write(ROW.format(2, 2))
    assert drop.line().startswith("slow.csv: done: tab-separated keys, 3 records")
    part = host.folder / "moved.csv"
    part.write_text(keys(4))
    part.rename(drop.path / "moved.csv")
    assert drop.line().startswith("moved.csv: done: tab-separated keys, 4 records")
    status, out, err = drop.stop()
    assert (status, out, err) == (DONE, "", "") and drop.here() == []


@pytest.mark.skipif(os.geteuid() != 0, reason="writing as another user takes root")
def test_another_users_file_is_waited_for_too(host, drop):
    """Who may not ask whether somebody has a file open still knows that it was made here and never closed; whatever time it bears."""
    ctl = host.folder / "musterctl"
    shutil.copy(program("musterctl"), ctl)
    os.chmod(ctl, 0o755)
    os.chmod(host.socket_path, 0o777)
    os.chown(drop.path, 65534, 65534)
    drop.process = subprocess.Popen([str(ctl), "--socket", host.socket_path, "import", "--watch", str(drop.path)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                    stderr=subprocess.PIPE, text=True, cwd="/", user=65534, group=65534, extra_groups=[])
    eventually(lambda: (drop.path / "failed").is_dir() or drop.process.poll() is not None, "the folder is watched")
    with open(drop.path / "a.csv", "w") as slow:
        slow.write(keys(2))
        slow.flush()
        (drop.path / "first.csv").write_text(keys(1))
        assert drop.line().startswith("first.csv: done: ")
        os.utime(drop.path / "a.csv", (0, 0))
        (drop.path / "second.csv").write_text(keys(1))
        assert drop.line().startswith("second.csv: done: ")
        assert drop.here() == ["a.csv"]
        slow.write(ROW.format(2, 2))
    assert drop.line().startswith("a.csv: done: tab-separated keys, 3 records")
    # a second name for a file that nobody writes to is taken as well
    (host.folder / "linked").write_text(keys(4))
    os.link(host.folder / "linked", drop.path / "linked.csv")
    assert drop.line().startswith("linked.csv: done: tab-separated keys, 4 records")
    status, out, err = drop.stop()
    assert (status, out, err) == (DONE, "", "") and drop.here() == []


def test_what_grows_while_it_is_read_is_read_again(host, drop):
    """Nothing goes to done/ unread: somebody adds to the file while the host has not answered yet."""
    host.books.hold.clear()
    drop.start()
    file = drop.path / "a.csv"
    file.write_text(keys(12000))
    assert host.books.waiting.wait(PATIENCE)
    with open(file, "a") as more:
        more.write(ROW.format(13000, 13000) * 6000)
    host.books.hold.set()
    assert "18000 records" in drop.line().replace(",", "")
    status, out, err = drop.stop()
    assert (status, out, err) == (DONE, "", "") and drop.here() == [] and drop.names("done") == ["a.csv", "a.csv.log"]
    assert (drop.path / "done" / "a.csv").read_text().count("\n") == 18001


def test_once_tells_of_refused_records(host, drop):
    host.books.refuse = lambda r: "not liked" if r["line"] == 3 else None
    drop.put("a.csv", keys(3))
    said = drop.once()
    assert said.status == FAILED and "1 refused" in said.out and drop.names("done") == ["a.csv", "a.csv.log"], said


def test_a_stop_in_the_middle_leaves_the_file(host, drop):
    host.books.hold.clear()
    drop.start()
    (drop.path / "a.csv").write_text(keys(12000))
    assert host.books.waiting.wait(PATIENCE)
    drop.process.send_signal(signal.SIGTERM)
    host.books.hold.set()
    out, err = drop.process.communicate(timeout=PATIENCE)
    assert drop.process.returncode == DONE and out == "", (out, err)
    assert host.books.ended == [False] and drop.here() == ["a.csv"] and drop.names("done") == drop.names("failed") == []


def test_files_wait_for_the_host(host, drop):
    host.books.stop["begin"] = [BUSY]
    drop.start()
    (drop.path / "a.csv").write_text(keys(1))
    assert "a.csv waits: " in drop.process.stderr.readline()
    assert drop.line().startswith("a.csv: done: ")
    assert drop.stop()[0] == DONE
    nobody = subprocess.run([program("musterctl"), "--socket", str(host.folder / "none"), "import", "--watch", str(drop.path), "--once"], capture_output=True, text=True, timeout=PATIENCE)
    assert nobody.returncode == DONE and nobody.stderr == ""   # nothing to do: nobody is needed
    drop.put("b.csv", keys(1))
    nobody = subprocess.run([program("musterctl"), "--socket", str(host.folder / "none"), "import", "--watch", str(drop.path), "--once"], capture_output=True, text=True, timeout=PATIENCE)
    assert nobody.returncode == NO_HOST and "b.csv waits: " in nobody.stderr and drop.here() == ["b.csv"]
    host.books.stop["begin"] = [DENIED]
    assert drop.once().status == EXIT_DENIED and drop.here() == ["b.csv"]


def test_json_is_one_object_a_file(drop):
    drop.put("a.csv", keys(2))
    drop.put("b.csv", "x")
    first, second = [json.loads(line) for line in drop.once("--json").out.splitlines()]
    assert (first["file"], first["outcome"], first["moved_to"], first["new"]) == ("a.csv", "imported", "done/a.csv", 2)
    assert (second["outcome"], second["moved_to"]) == ("failed", "failed/b.csv") and second["error"]


def test_options_hold_for_every_file(host, drop):
    drop.put("a.csv", "Vertrag;Artikel\n1;Office\n")
    said = drop.once("--kind", "keys", "--map", "Vertrag=license_ids", "--map", "Artikel=products")
    assert said.status == DONE and host.books.records[0]["entry"]["license_ids"] == ["1"], said


def test_folders_that_cannot_be_watched(host, drop):
    admin = host.administrator()
    assert "No such file" in admin.refused("import", "--watch", str(host.folder / "none"))
    assert "Not a directory" in admin.refused("import", "--watch", str(drop.put("a.csv", keys(1))))
    assert "goes with neither files" in admin.refused("import", "--watch", str(drop.path), "x.csv", status=2)
    drop.start()
    assert "another musterctl watches this folder" in drop.once().err
    drop.stop(signal.SIGINT)
    for name in ("done", "failed"):
        for file in (drop.path / name).iterdir():
            file.unlink()
    (drop.path / "done").rmdir()
    (drop.path / "done").symlink_to(host.folder)
    assert "done must be a folder, and no link to one" in drop.once().err


def test_the_folder_goes_away(host, drop):
    drop.start()
    drop.path.rename(host.folder / "elsewhere")
    out, err = drop.process.communicate(timeout=PATIENCE)
    assert drop.process.returncode == FAILED and "was removed or renamed" in err


def test_a_file_that_cannot_be_moved_ends_it(host, drop):
    """Otherwise it would be imported again and again."""
    if os.geteuid() == 0:
        pytest.skip("root may move everything")
    drop.put("a.csv", keys(1))
    (drop.path / "done").mkdir(mode=0o500)
    assert "files cannot be moved there" in drop.once().err and not host.books.begun
