"""musterctl discover on real folders and real ISO images: every encoding, layout and version; hostile media are refused with a sentence."""

import base64
import json
import os
import socket

import pytest

import media
from administrator import FAILED, USAGE, Administrator, documented
from host import Host, Machine, folder
from media import ADVICE, ENCODINGS, KEY, MASKED, OTHER_KEY, TOOLS, VERSIONS


@pytest.fixture(scope="module")
def admin(host):
    return Administrator(host)


def finds(admin, path, *words):
    return admin.json("discover", str(path), *words)["finds"]


def refused(admin, path):
    """The sentence of a medium that is refused; nothing of a key in it."""
    said = admin.refused("discover", str(path))
    assert said.startswith(f"{path}") and KEY not in said, said
    return said[len(str(path)):].lstrip(": ")


# ---- sound media ----

@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("product", VERSIONS)
def test_every_version_in_every_encoding_and_layout(admin, tmp_path, product, encoding):
    """As a folder and as an image: product, portal's sentence, masked key; the key itself nowhere."""
    _, folders, _, portal = VERSIONS[product]
    medium = media.sql(tmp_path / "DATA", product, folders, encoding)
    iso = media.image(medium, tmp_path / "image.bin", "-J", "-R")
    title = next(p["title"] for p in admin.items("products") if p["product"] == product)
    for path, kind in ((medium, "folder"), (iso, "image")):
        said = admin("discover", str(path), "--json")
        assert said.status == 0 and said.err == "" and KEY not in said.out, said
        answer = said.json
        assert (answer["kind"], answer["name"], answer["label"]) == (kind, path.name, "SQLDATA" if kind == "image" else "")
        assert sorted(f["path"] for f in answer["finds"]) == sorted(f"{where}/DefaultSetup.ini" for where in folders)
        for f in answer["finds"]:
            assert set(f) == documented("Find")
            assert (f["product"], f["title"], f["encoding"], f["section"]) == (product, title, ENCODINGS[encoding][1], VERSIONS[product][0])
            assert (f["masked"], f["partial"], f["has_key"], f["portal"], f["advice"], f["note"], f["fits"]) == (MASKED, "EEEEE", True, portal, ADVICE, None, [])


@pytest.mark.parametrize("tool, options", [(t, o) for t, all_ in TOOLS.items() for o in all_], ids=lambda v: " ".join(v) if isinstance(v, tuple) else v)
def test_images_of_every_tool_and_naming(admin, tmp_path, tool, options):
    """Joliet, Rock Ridge, both, plain names; what makes it an image is its content."""
    iso = media.image(media.sql(tmp_path / "files", "sql-server-2017"), tmp_path / "no-extension", *options, tool=tool)
    found, = finds(admin, iso)
    assert (found["product"], found["masked"], found["path"].lower()) == ("sql-server-2017", MASKED, "x64/defaultsetup.ini")


def test_a_file_under_two_names_in_an_image(admin, tmp_path):
    """x86 and x64 share their bytes, as tools write them that keep hard links; another name of a file elsewhere too."""
    medium = media.sql(tmp_path / "m", "sql-server-2016")
    (medium / "x86").mkdir()
    os.link(medium / "x64" / "DefaultSetup.ini", medium / "x86" / "DefaultSetup.ini")
    iso = media.image(medium, tmp_path / "both.iso", "-R", "-J", "-cache-inodes")
    assert sorted((f["path"], f["masked"]) for f in finds(admin, iso)) == [("x64/DefaultSetup.ini", MASKED), ("x86/DefaultSetup.ini", MASKED)]
    (medium / "x86" / "DefaultSetup.ini").unlink()
    (medium / "0first").mkdir()
    os.link(medium / "x64" / "DefaultSetup.ini", medium / "0first" / "a.ini")
    iso = media.image(medium, tmp_path / "elsewhere.iso", "-R", "-J", "-cache-inodes")
    assert [(f["path"], f["masked"]) for f in finds(admin, iso)] == [("x64/DefaultSetup.ini", MASKED)]


def test_what_is_printed(admin, tmp_path):
    """Words for people, the edition by the medium's name, and never the key."""
    media.sql(tmp_path / "SQLServer2022_enterprise_x64", "sql-server-2022", encoding="utf-16le without")
    assert admin.ok("discover", str(tmp_path / "SQLServer2022_enterprise_x64")) == (
        "Folder SQLServer2022_enterprise_x64\n\n"
        "x64/DefaultSetup.ini  (UTF-16LE)\n"
        "    Product:  SQL Server 2022 (sql-server-2022)\n"
        "    Edition:  Enterprise\n"
        "    Portal:   On the medium, and shown in the portal too.\n"
        "    Key:      *****-*****-*****-*****-EEEEE\n"
        f"    Advice:   {ADVICE}\n")


def test_names_without_regard_to_case_and_the_image_s_label(admin, tmp_path):
    medium = media.write(tmp_path / "x", {"X64/dEFAULTsETUP.INI": media.setup_ini("options")})
    iso = media.image(medium, tmp_path / "backup.iso", "-J", "-R", label="SQL2014_STANDARD")
    answer = admin.json("discover", str(iso))
    assert answer["label"] == "SQL2014_STANDARD"
    found, = answer["finds"]
    assert (found["path"], found["product"], found["edition"]) == ("X64/dEFAULTsETUP.INI", "sql-server-2014", "Standard")
    assert admin.ok("discover", str(iso)).startswith("Image backup.iso, volume SQL2014_STANDARD\n")


def test_a_medium_that_does_not_tell(admin, tmp_path):
    """The file alone: the line for that, and --as; two that fit: none, until --as says which."""
    later = media.write(tmp_path / "later", {"x64/DefaultSetup.ini": media.setup_ini("OPTIONS")})
    old = media.write(tmp_path / "old", {"x86/DefaultSetup.ini": media.setup_ini("SQLSERVER2008")})
    found, = finds(admin, later)
    assert found["product"] == "sql-server" and "--as PRODUCT says which" in found["note"] and "sql-server-2022" in found["fits"]
    found, = finds(admin, later, "--as", "sql-server-2022")
    assert (found["product"], found["note"], found["portal"]) == ("sql-server-2022", None, media.PORTAL_TOO)
    found, = finds(admin, old)
    assert (found["product"], found["masked"], found["fits"]) == (None, MASKED, ["sql-server-2008", "sql-server-2008-r2"])
    assert "Note:     The medium does not tell which product it is: sql-server-2008, sql-server-2008-r2. --as PRODUCT says which.\n" in admin.ok("discover", str(old))
    assert finds(admin, old, "--as", "sql-server-2008-r2")[0]["product"] == "sql-server-2008-r2"
    assert 'there is no product "sql-2008"' in admin.refused("discover", str(old), "--as", "sql-2008")
    assert "its key lies on no medium" in admin.refused("discover", str(old), "--as", "windows")


def test_files_without_a_key(admin, tmp_path):
    """No PID, another shape, UTF-16 with the high byte first: the file is shown with why, exit 1."""
    for name, content, note in (("empty", b"", "The file holds no PID that setup reads"), ("none", b"[OPTIONS]\r\nFEATURES=SQL\r\n", "The file holds no PID that setup reads"),
                                ("other", b"[SETUP]\r\nPID=" + KEY.encode(), "The file holds no PID that setup reads"), ("shape", b"[OPTIONS]\r\nPID=12345\r\n", "PID is there, and what it says is not of the shape"),
                                ("be", b"\xfe\xff" + media.setup_ini("OPTIONS").encode("utf-16-be"), "The file is UTF-16 with the high byte first, which setup does not read")):
        medium = media.write(tmp_path / name, {"x64/DefaultSetup.ini": content})
        said = admin("discover", str(medium))
        assert said.status == FAILED and said.err == f"musterctl: {medium}: no key was found\n" and f"    Note:     {note}" in said.out and KEY not in said.out, said


def test_two_keys_on_one_medium(admin, tmp_path):
    medium = media.sql(tmp_path / "m")
    media.write(medium, {"x86/DefaultSetup.ini": media.setup_ini("OPTIONS", OTHER_KEY)})
    assert {f["path"]: f["partial"] for f in finds(admin, medium)} == {"x64/DefaultSetup.ini": "EEEEE", "x86/DefaultSetup.ini": "JJJJJ"}


def test_no_medium(admin, tmp_path):
    """What is no medium at all, and one without any of the files."""
    (tmp_path / "empty").mkdir()
    absent = "no file is there that may hold a key (x64/DefaultSetup.ini and the like); "
    assert refused(admin, tmp_path / "empty") == absent + "name the medium's top folder, or its ISO image"
    # One folder too deep, the file itself; a medium whose version is told, and that has no key.
    medium = media.sql(tmp_path / "medium", "sql-server-2022")
    assert refused(admin, medium / "x64") == absent + "name the medium's top folder, or its ISO image"
    assert refused(admin, medium / INI) == "is neither a folder nor an ISO 9660 image; name the medium's top folder, or its image"
    (medium / INI).unlink()
    for path in (medium, media.image(medium, tmp_path / "keyless.iso", "-J")):
        said = admin("discover", str(path), "--json")
        assert said.status == FAILED and said.json["finds"] == [] and said.err == f"musterctl: {path}: {absent}a medium without one asks for a key during installation\n", said
    assert admin.refused("discover", str(tmp_path / "absent")) == f"cannot open {tmp_path}/absent: No such file or directory"
    (tmp_path / "text").write_text(media.setup_ini("OPTIONS"))
    assert refused(admin, tmp_path / "text") == "is neither a folder nor an ISO 9660 image; name the medium's top folder, or its image"
    (tmp_path / "nothing").touch()
    assert refused(admin, tmp_path / "nothing") == "is neither a folder nor an ISO 9660 image; name the medium's top folder, or its image"
    assert refused(admin, "/dev/null") == "is neither a folder nor a file; mount it, and name the folder"
    assert "the path is empty" in admin.refused("discover", "", status=USAGE)
    assert "discover needs more" in admin.refused("discover", status=USAGE)
    os.mkfifo(tmp_path / "fifo")
    assert refused(admin, tmp_path / "fifo") == "is neither a folder nor a file; mount it, and name the folder"


def test_a_udf_image_is_named_as_such(admin, tmp_path):
    """UDF alone; UDF beside an ISO file system that has a note to read only."""
    udf = bytearray(40 * media.SECTOR)
    for n, word in enumerate((b"BEA01", b"NSR02", b"TEA01")):
        udf[(16 + n) * media.SECTOR + 1:(16 + n) * media.SECTOR + 6] = word
    (tmp_path / "udf").write_bytes(bytes(udf))
    assert refused(admin, tmp_path / "udf") == "has a UDF file system alone, which is not read here; mount it, and name the folder"
    too = "the image has a UDF file system too, which is not read here: mount it, and name the folder"
    bridge = media.image(media.write(tmp_path / "readme", {"readme.txt": "UDF"}), tmp_path / "bridge", "-udf")
    assert refused(admin, bridge) == "no file is there that may hold a key (x64/DefaultSetup.ini and the like); " + too
    # The ISO part tells the version and no more, or is none that can be read.
    telling = media.image(media.write(tmp_path / "telling", {"MediaInfo.xml": media.media_info("16.0.1000.6")}), tmp_path / "told", "-udf")
    said = admin("discover", str(telling))
    assert said.status == FAILED and said.err.endswith(too + "\n"), said
    stub = bytearray(bridge.read_bytes())
    assert stub[16 * media.SECTOR + 1:16 * media.SECTOR + 6] == b"CD001"
    stub[16 * media.SECTOR + 156] = 0   # the root folder's record
    (tmp_path / "stub").write_bytes(stub)
    assert "the image is damaged, or was cut short" in (said := refused(admin, tmp_path / "stub")) and said.endswith("; " + too), said


# ---- hostile folders ----

INI = "x64/DefaultSetup.ini"


def test_hostile_folders(admin, tmp_path):
    """Huge and sparse files, links, other kinds of file, names that differ in case only: the medium is refused, and the sentence names the file."""
    secret = media.write(tmp_path / "elsewhere", {"DefaultSetup.ini": media.setup_ini("OPTIONS"), "secret.ini": media.setup_ini("OPTIONS")})

    def medium(name):
        path = tmp_path / name
        (path / "x64").mkdir(parents=True)
        return path

    def link(name, target, at=INI):
        path = medium(name)
        if at == "x64":
            (path / "x64").rmdir()
        (path / at).symlink_to(target)
        return path

    big = medium("big")
    (big / INI).write_bytes(b"[OPTIONS]\n" + b"x" * (1 << 20))
    assert refused(admin, big) == f"{INI} has 1048586 bytes; a file that holds a key, or tells a version, has at most 1048576"
    (big / INI).write_bytes(b"x" * ((1 << 20) - 60) + b"\n[OPTIONS]\nPID=" + KEY.encode() + b"\n")
    assert finds(admin, big)[0]["masked"] == MASKED  # just not too large
    giant = medium("giant")
    media.sparse(giant / INI, 1 << 42)
    assert "has 4398046511104 bytes" in refused(admin, giant)
    for path, shown in ((link("out", secret / "DefaultSetup.ini"), f'{INI} is a link to "{secret}/DefaultSetup.ini"'),
                        (link("up", "../../elsewhere/DefaultSetup.ini"), f'{INI} is a link to "../../elsewhere/DefaultSetup.ini"'),
                        (link("loop", "DefaultSetup.ini"), f'{INI} is a link to "DefaultSetup.ini"'),
                        (link("loop2", "x64", "x64"), 'x64 is a link to "x64"'),
                        (link("folder", str(secret), "x64"), f'x64 is a link to "{secret}"'),
                        (link("root", "..", "x64"), 'x64 is a link to ".."'),
                        (link("proc", "/proc/self/environ"), f'{INI} is a link to "/proc/self/environ"'),
                        (link("dangling", "nowhere"), f'{INI} is a link to "nowhere"')):
        assert refused(admin, path) == f"{shown}; links on a medium are not followed, for they may lead out of it"
    fifo = medium("fifo")
    os.mkfifo(fifo / INI)
    assert refused(admin, fifo) == f"{INI} is a FIFO and not a file"
    sock = medium("socket")
    with socket.socket(socket.AF_UNIX) as s:
        here = os.getcwd()
        os.chdir(sock / "x64")
        s.bind("DefaultSetup.ini")
        os.chdir(here)
        assert refused(admin, sock) == f"{INI} is a socket and not a file"
    folder = medium("folder-there")
    (folder / INI).mkdir()
    assert refused(admin, folder) == f"{INI} is a folder and not a file"
    twice = medium("twice")
    for name in ("DefaultSetup.ini", "DEFAULTSETUP.INI"):
        (twice / "x64" / name).write_text(media.setup_ini("OPTIONS"))
    assert "which are one name to setup; which of them it would read cannot be told" in refused(admin, twice)
    folders = medium("twice-x64")
    (folders / "X64").mkdir()
    assert refused(admin, folders).startswith("there are both ")


def test_a_device_in_place_of_the_file(admin, tmp_path):
    (tmp_path / "x64").mkdir()
    try:
        os.mknod(tmp_path / INI, 0o600 | 0o020000, os.makedev(1, 5))
    except PermissionError:
        pytest.skip("making a device needs root")
    assert refused(admin, tmp_path) == f"{INI} is a device and not a file"


def test_names_of_files_cannot_forge_output(admin, tmp_path):
    """Control characters in a link's target, in the folder's name and in a label are not printed."""
    medium = tmp_path / "medium\x1b[2J\n"
    (medium / "x64").mkdir(parents=True)
    (medium / INI).symlink_to("a\x1b]0;b\nc")
    said = admin("discover", str(medium))
    assert said.status == FAILED and 'is a link to "a?]0;b?c"' in said.err
    (medium / INI).unlink()
    media.write(medium, {INI: media.setup_ini("OPTIONS")})
    assert "Folder medium?[2J?\n" in admin.ok("discover", str(medium))


def test_many_entries(admin, tmp_path):
    """A folder with more entries than any medium has: given up."""
    (tmp_path / "many").mkdir()
    for n in range(30000):
        os.close(os.open(tmp_path / "many" / f"{n:06}", os.O_CREAT | os.O_WRONLY))
    assert refused(admin, tmp_path / "many") == "more than 100000 files and folders: no installation medium has so many"


# ---- hostile images ----

def test_links_in_images(admin, tmp_path):
    """Rock Ridge links: the file, and the folder it should be in."""
    for name, at, target in (("a", INI, "/etc/passwd"), ("b", "x64", "../.."), ("c", INI, "DefaultSetup.ini")):
        medium = tmp_path / name
        (medium / os.path.dirname(at)).mkdir(parents=True, exist_ok=True)
        (medium / at).symlink_to(target)
        iso = media.image(medium, tmp_path / f"{name}.iso", "-R")
        assert refused(admin, iso) == f'{at} is a link to "{target}"; links on a medium are not followed, for they may lead out of it'


def test_other_kinds_of_file_in_images(admin, tmp_path):
    medium = tmp_path / "m"
    (medium / "x64").mkdir(parents=True)
    os.mkfifo(medium / INI)
    assert refused(admin, media.image(medium, tmp_path / "fifo.iso", "-R")) == f"{INI} is a FIFO and not a file"
    (medium / INI).unlink()
    (medium / INI).mkdir()
    assert refused(admin, media.image(medium, tmp_path / "folder.iso", "-R")) == f"{INI} is a folder and not a file"


def test_huge_files_in_images(admin, tmp_path):
    medium = media.sql(tmp_path / "m")
    (medium / INI).write_bytes(b"x" * ((1 << 20) + 1))
    assert "has 1048577 bytes; a file that holds a key" in refused(admin, media.image(medium, tmp_path / "big.iso", "-R"))


def test_truncated_images(admin, tmp_path):
    """Cut anywhere: a sentence, never half of a file taken for a whole one."""
    iso = media.image(media.sql(tmp_path / "m"), tmp_path / "whole.iso", "-R", "-J")
    whole = iso.read_bytes()
    cut = tmp_path / "cut.iso"
    for n in (0, 1, 32768, 34816, 36864, len(whole) // 2, len(whole) - 150 * 2048 - 1, len(whole) - 1):
        cut.write_bytes(whole[:n])
        said = refused(admin, cut)
        assert "was cut short" in said or "is neither a folder nor an ISO 9660 image" in said, (n, said)
    # The descriptor lies about it: libarchive meets the end.
    for n in (19 * 2048, 24 * 2048, len(whole) // 3):
        lying = bytearray(whole[:n])
        for at in (16 * 2048, 17 * 2048):
            if lying[at + 1:at + 6] == b"CD001":
                lying[at + 80:at + 88] = media.both(n // 2048, 4)
        cut.write_bytes(lying)
        said = admin("discover", str(cut))
        assert said.status == FAILED and ("damaged, or was cut short" in said.err or "no file is there" in said.err), (n, said)


def root(*records):
    return {20: [*media.dots(20, 20), *records]}


def test_handmade_images(admin, tmp_path):
    """Built byte by byte: a sound one, then folders in a circle, `..` and absolute names, one name twice, sizes that lie, a bomb of entries."""
    ini = media.setup_ini("OPTIONS").encode()
    file = media.record(b"DEFAULTSETUP.INI;1", 30, len(ini))
    x64 = media.record(b"X64", 21, media.SECTOR, True)
    sound = media.handmade(tmp_path / "sound", {**root(x64), 21: [*media.dots(21, 20), file]}, {30: ini})
    assert [(f["path"], f["masked"]) for f in finds(admin, sound)] == [("X64/DEFAULTSETUP.INI", MASKED)]
    twice = media.handmade(tmp_path / "twice", {**root(x64), 21: [*media.dots(21, 20), file, media.record(b"DefaultSetup.ini;1", 31, len(ini))]}, {30: ini, 31: ini})
    assert "which are one name to setup" in refused(admin, twice)
    circle = media.handmade(tmp_path / "circle", {**root(x64), 21: [*media.dots(21, 20), media.record(b"DEEPER", 21, media.SECTOR, True), media.record(b"UP", 20, media.SECTOR, True)]}, {30: ini})
    said = refused(admin, circle)
    assert "damaged" in said or "deep" in said or "no file is there" in said, said
    up = media.handmade(tmp_path / "up", {**root(media.record(b"..", 21, media.SECTOR, True)), 21: [*media.dots(21, 20), file]}, {30: ini})
    said = refused(admin, up)  # libarchive takes the dots away
    assert 'a name with ".."' in said or "no file is there" in said, said
    slash = media.handmade(tmp_path / "slash", root(media.record(b"X64/../X64/DEFAULTSETUP.INI;1", 30, len(ini))), {30: ini})
    assert 'a name with ".."' in refused(admin, slash)
    absolute = media.handmade(tmp_path / "absolute", root(media.record(b"/X64/DEFAULTSETUP.INI;1", 30, len(ini))), {30: ini})
    assert "an absolute name" in refused(admin, absolute)
    lies = media.handmade(tmp_path / "lies", {**root(x64), 21: [*media.dots(21, 20), media.record(b"DEFAULTSETUP.INI;1", 30, 0xffffffff)]}, {30: ini})
    assert "bytes; a file that holds a key" in refused(admin, lies) or "damaged" in refused(admin, lies)
    beyond = media.handmade(tmp_path / "beyond", {**root(x64), 21: [*media.dots(21, 20), media.record(b"DEFAULTSETUP.INI;1", 0xfffffff0, 100)]}, {30: ini})
    said = refused(admin, beyond)
    assert "damaged" in said or "no file is there" in said, said


def test_image_bombs(admin, tmp_path):
    """A terabyte that is sparse; a folder that claims gigabytes; folders nested beyond any tool's limit; a hundred thousand entries."""
    assert refused(admin, media.sparse(tmp_path / "tera", 1 << 40)) == "has 1099511627776 bytes: no installation medium is larger than 64 GiB"
    claims = media.handmade(tmp_path / "claims", root(media.record(b"X64", 30, 0xfffff000, True)), {30: b""}, sectors=1 << 21)
    media.sparse(claims, 1 << 32)
    said = refused(admin, claims)
    assert "64 MiB of it would have to be read" in said or "damaged" in said, said
    full = b"".join(media.record(b"%08X" % n, 0, 0) for n in range(44))
    many = media.handmade(tmp_path / "many", root(media.record(b"X64", 30, 2048 * 3000, True)), {30: b"", 3030: b""}, sectors=3031)
    data = bytearray(many.read_bytes())
    for n in range(3000):
        data[(30 + n) * 2048:(30 + n) * 2048 + len(full)] = full
    many.write_bytes(data)
    assert refused(admin, many) == "more than 100000 files and folders: no installation medium has so many"
    deep = {20: [*media.dots(20, 20), media.record(b"D", 21, media.SECTOR, True)]}
    for n in range(21, 80):
        deep[n] = [*media.dots(n, n - 1), media.record(b"D", n + 1, media.SECTOR, True)]
    deep[80] = media.dots(80, 79)
    said = refused(admin, media.handmade(tmp_path / "deep", deep, {}))
    assert said == "folders lie more than 32 deep in each other"


# ---- the host's side ----

def test_what_the_host_looks_for(host, admin):
    answer = host.admin_ok("GET", "/media")
    assert answer["paths"] == ["x64/DefaultSetup.ini", "x86/DefaultSetup.ini", "ia64/DefaultSetup.ini", "MediaInfo.xml"] and answer["file_max"] == 1 << 20
    products = {p["product"]: p for p in answer["products"]}
    assert set(products) == {*VERSIONS, "sql-server"}
    assert {"path": "MediaInfo.xml", "text": 'Id="BaselineVersion" Value="15.0.', "edition": None} in products["sql-server-2019"]["marks"]
    assert products["sql-server-2019"]["media"][0] == {"path": INI, "section": "OPTIONS", "key": "PID", "note": ADVICE}


def inspect(host, **body):
    return host.admin("POST", "/media/inspect", body)


def file(data, path=INI):
    return {"path": path, "data": base64.b64encode(data).decode()}


def test_what_the_host_refuses(host):
    """Bodies that are not what is described, each with its sentence; nothing of a key in any answer."""
    ini = media.setup_ini("OPTIONS").encode()
    for body, sentence in (({}, "files must be an array"), ({"files": {}}, "files must be an array"), ({"files": [1]}, "each has path and data"), ({"files": [{"path": INI}]}, "each has path and data"),
                           ({"files": [{"path": INI, "data": 5}]}, "each has path and data"), ({"files": [{"path": "", "data": ""}]}, "a path has 1 to 255 bytes"),
                           ({"files": [{"path": "x" * 256, "data": ""}]}, "a path has 1 to 255 bytes"), ({"files": [{"path": "a\nb", "data": ""}]}, "a path has 1 to 255 bytes"),
                           *[({"files": [{"path": INI, "data": d}]}, "data is not base64") for d in ("A", "AAA", "A===", "====", "AA=A", "AAA_", "AAAA\n", "AAAA====")],
                           ({"files": [file(b"x" * ((1 << 20) + 1))]}, "a file has at most 1048576 bytes"), ({"files": [file(b"", f"{n}") for n in range(257)]}, "at most 256 files"),
                           ({"files": [], "label": 5}, "label must be a string"), ({"files": [], "label": "x" * 256}, "label is longer than 255 bytes"),
                           ({"files": [file(b"[OPTIONS]\n" + b"PID=x\n" * 65)]}, "more than 64 keys"), ({"files": [file(ini)], "as": "nobody"}, "there is no product")):
        a = inspect(host, **body)
        assert a.status in (400, 404, 422) and sentence in a.json["detail"], (body if len(str(body)) < 500 else sentence, a)
        assert KEY.encode() not in a.body
    assert inspect(host, files=[]).json["finds"] == []
    a = inspect(host, files=[file(ini, "X64/defaultsetup.ini")], label="SQL2019")
    assert a.json["finds"][0]["product"] == "sql-server-2019" and KEY.encode() not in a.body
    assert KEY not in host.logged()
    big = host.admin("POST", "/media/inspect", {"files": [file(b"x" * (1 << 20), f"{n}") for n in range(5)]})
    assert big.status == 413 or big.code == "M-103" or "longer" in big.json["detail"], big


# ---- storing ----

@pytest.fixture(scope="module")
def keeper(issuer):
    """A certified host of its own, whose stored keys the tests below share."""
    with folder() as path:
        one = Host(path / "host", issuer, limits="new_clients_per_hour = 1000000").start()
        one.certify()
        yield one
        one.close()


def ask(host, product, key):
    return host.activate(Machine("db-1"), host.activation_id(product), key=key)


def test_nothing_is_stored_without_being_told_to(keeper, tmp_path):
    admin = Administrator(keeper)
    medium = media.sql(tmp_path / "m", key="NNNNN-NNNNN-NNNNN-NNNNN-NNNNN")
    assert [f["state"] for f in finds(admin, medium)] == ["found"]
    assert not any(k["partial"] == "NNNNN" for k in admin.items("media"))


def test_a_stored_key_is_recognised(keeper, tmp_path):
    """Stored once, sealed, in the journal, shown by its end; a machine that shows it is granted, one with another key is not; removed, it is not known."""
    admin = Administrator(keeper)
    medium = media.sql(tmp_path / "SQLServer2019_enterprise", folders=("x64", "x86"), encoding="utf-16le with mark")
    iso = media.image(medium, tmp_path / "SQLServer2019_enterprise.iso", "-J", "-R", label="SQL2019")
    assert ask(keeper, "sql-server-2019", KEY).code == "0xC004F050"
    said = admin.ok("discover", str(iso), "--store")
    assert "    Stored:   sealed on the host, number " in said and "    Stored:   this key was stored before\n" in said and KEY not in said
    stored, = admin.items("media")
    assert set(stored) == documented("Stored key")
    assert (stored["product"], stored["edition"], stored["partial"], stored["label"], stored["path"]) == ("sql-server-2019", "Enterprise", "EEEEE", "SQL2019", "x64/DefaultSetup.ini")
    assert stored["stored_at"].endswith("Z") and "EEEEE" in admin.ok("media")
    assert {f["state"] for f in finds(admin, medium, "--store")} == {"known"}
    for text in (json.dumps(admin.items("journal")), keeper.logged()):
        assert KEY not in text
    assert any("EEEEE" in j["detail"] and j["object"] == "sql-server-2019" for j in admin.items("journal"))
    for name in ("state.db", "log.db", "state.db-wal", "log.db-wal"):
        file = keeper.folder / "state" / name
        assert not file.exists() or KEY.encode() not in file.read_bytes()
    a = ask(keeper, "sql-server-2019", KEY)
    assert a.status == 200 and a.json["lease"], a
    a = ask(keeper, "sql-server-2019", OTHER_KEY)
    assert a.code == "0xC004F050" and "musterctl discover PATH --store" in a.json["detail"], a
    a = ask(keeper, "sql-server-2017", KEY)
    assert a.code == "0xC004F050" and "SQL Server 2019" in a.json["detail"], a
    keeper.kill()
    keeper.start()
    assert ask(keeper, "sql-server-2019", KEY).status == 200
    # The product leaves with its plugin and comes back: so does its key.
    keeper.configure(limits="new_clients_per_hour = 1000000", plugins=("office2013",))
    admin.ok("reload")
    assert [k["number"] for k in admin.items("media")] == [stored["number"]]
    keeper.configure(limits="new_clients_per_hour = 1000000")
    admin.ok("reload")
    assert ask(keeper, "sql-server-2019", KEY).status == 200
    assert admin.ok("media", "remove", str(stored["number"]), "--yes") == "The key of sql-server-2019 ending in EEEEE is removed.\n"
    assert ask(keeper, "sql-server-2019", KEY).code == "0xC004F050" and admin.items("media") == []
    assert "No key of a medium is stored" in admin.ok("media")
    assert "no key with the number" in admin.refused("media", "remove", str(stored["number"]), "--yes")


def test_what_cannot_be_stored(keeper, tmp_path):
    """The medium does not tell which product: not stored, and why; with --as it is."""
    admin = Administrator(keeper)
    old = media.write(tmp_path / "old", {INI: media.setup_ini("SQLSERVER2008", "PPPPP-PPPPP-PPPPP-PPPPP-PPPPP")})
    said = admin("discover", str(old), "--store")
    assert said.status == FAILED and said.err == f"musterctl: {old}: 1 of the keys could not be stored\n", said
    assert "    Not kept: The medium does not tell which product the key is of.\n" in said.out
    found, = finds(admin, old, "--store", "--as", "sql-server-2008-r2")
    assert (found["state"], found["reason"]) == ("stored", None) and isinstance(found["number"], int)


def test_a_key_stored_by_hand(keeper):
    """POST media/keys: the shape is checked, the key comes back masked."""
    body = {"product": "sql-server-2016", "key": "qqqqq-qqqqq-qqqqq-qqqqq-qqqqq", "label": "from the portal"}
    a = keeper.admin("POST", "/media/keys", body)
    assert a.status == 200 and set(a.json) == documented("Stored key") and a.json["partial"] == "QQQQQ" and b"QQQQQ-QQQQQ" not in a.body, a
    assert keeper.admin("POST", "/media/keys", body).code == "M-130"
    for change, sentence in (({"key": "QQQQQ"}, "five groups of five"), ({"key": None}, "key is missing"), ({"product": "windows"}, "has no keys on its media"), ({"product": "x"}, 'no product "x"'),
                             ({"label": "x" * 256}, "label is longer than 255 bytes")):
        a = keeper.admin("POST", "/media/keys", {**body, **change})
        assert a.status in (400, 404, 422) and sentence in a.json["detail"], a
    for number in (None, -1, "1", 1 << 40):
        assert "number must be a stored key's number" in keeper.admin("POST", "/media/keys/remove", {"number": number}).json["detail"]
    assert inspect(keeper, files=[], store=1).json["detail"] == "store must be true or false"
