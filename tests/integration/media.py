"""Installation media for tests: folders and real ISO images, sound ones and hostile ones. No public sample of DefaultSetup.ini exists: contents are
made from its published description, and every key is one that visibly is none."""

import os
import pathlib
import shutil
import struct
import subprocess

import pytest

from host import PATIENCE

KEY = "AAAAA-BBBBB-CCCCC-DDDDD-EEEEE"
OTHER_KEY = "FFFFF-GGGGG-HHHHH-IIIII-JJJJJ"
MASKED = "*****-*****-*****-*****-EEEEE"
MEDIUM_ONLY = "On the medium only; the portal says that this product needs no product key."
PORTAL_TOO = "On the medium, and shown in the portal too."
ADVICE = "Delete the file from the installed machine so that the key does not stay behind."

# product -> section, folders, the medium's own baseline version, what the portal says
VERSIONS = {
    "sql-server-2008": ("SQLSERVER2008", ("x64", "x86", "ia64"), "10.0.1600.22", MEDIUM_ONLY),
    "sql-server-2008-r2": ("SQLSERVER2008", ("x64", "x86", "ia64"), "10.50.1600.1", MEDIUM_ONLY),
    "sql-server-2012": ("OPTIONS", ("x64", "x86"), "11.0.2100.60", MEDIUM_ONLY),
    "sql-server-2014": ("OPTIONS", ("x64", "x86"), "12.0.2000.8", MEDIUM_ONLY),
    "sql-server-2016": ("OPTIONS", ("x64", "x86"), "13.0.1601.5", MEDIUM_ONLY),
    "sql-server-2017": ("OPTIONS", ("x64", "x86"), "14.0.1000.169", MEDIUM_ONLY),
    "sql-server-2019": ("OPTIONS", ("x64", "x86"), "15.0.2000.5", MEDIUM_ONLY),
    "sql-server-2022": ("OPTIONS", ("x64", "x86"), "16.0.1000.6", PORTAL_TOO),
}
# name -> how to write it, what it is called
ENCODINGS = {
    "ascii": (lambda t: t.encode("ascii"), "ASCII"),
    "utf-8 with mark": (lambda t: b"\xef\xbb\xbf" + t.encode(), "UTF-8"),
    "utf-16le with mark": (lambda t: b"\xff\xfe" + t.encode("utf-16-le"), "UTF-16LE"),
    "utf-16le without": (lambda t: t.encode("utf-16-le"), "UTF-16LE"),
}


def setup_ini(section, key=KEY):
    return f';SQL Server Configuration File\r\n[{section}]\r\nPCUSOURCE=".\\PCUSOURCE"\r\nPID="{key}"\r\nFEATURES=SQL\r\n'


def media_info(version):
    return f'<?xml version="1.0" encoding="utf-8"?>\r\n<MediaInfo>\r\n  <Properties>\r\n    <Property Id="BaselineVersion" Value="{version}" />\r\n  </Properties>\r\n</MediaInfo>\r\n'


def write(folder, files):
    """Files of a medium: path -> bytes or text."""
    for path, content in files.items():
        file = pathlib.Path(folder) / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.encode() if isinstance(content, str) else content)
    return pathlib.Path(folder)


def sql(folder, product="sql-server-2019", folders=("x64",), encoding="ascii", key=KEY):
    """A medium of this version as its publisher lays it out."""
    section, _, version, _ = VERSIONS[product]
    files = {f"{where}/DefaultSetup.ini": ENCODINGS[encoding][0](setup_ini(section, key)) for where in folders}
    return write(folder, {**files, "MediaInfo.xml": media_info(version), "setup.exe": b"MZ" + b"\0" * 5000, "x64/setup/sql_engine.msi": b"\0" * 70000, "1033_ENU_LP/readme.htm": "<p>"})


TOOLS = {
    # Joliet and Rock Ridge, each alone, and plain ISO 9660 names
    "genisoimage": (("-J", "-R"), ("-J",), ("-R",), ("-iso-level", "3", "-relaxed-filenames", "-allow-lowercase")),
    "xorriso": (("-J", "-R"), ("-J",), ()),
}


def image(folder, file, *options, tool="genisoimage", label="SQLDATA"):
    """A real image of a folder."""
    if shutil.which(tool) is None:
        pytest.skip(f"{tool} is not installed")
    command = [tool] if tool == "genisoimage" else ["xorriso", "-as", "mkisofs"]
    done = subprocess.run([*command, "-quiet", "-V", label, *options, "-o", str(file), str(folder)], capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr
    return pathlib.Path(file)


SECTOR = 2048


def both(value, size):
    """A number as ISO 9660 has it: both byte orders."""
    return value.to_bytes(size, "little") + value.to_bytes(size, "big")


def record(name, sector, size, folder=False):
    """A directory record; @name bytes as they stand in it."""
    pad = b"" if len(name) % 2 else b"\0"
    body = both(sector, 4) + both(size, 4) + bytes((126, 11, 22, 10, 0, 0, 0)) + bytes((2 if folder else 0, 0, 0)) + both(1, 2) + bytes((len(name),)) + name + pad
    return bytes((len(body) + 2, 0)) + body


def descriptor(root, sectors, label=b"HOSTILE"):
    d = bytearray(SECTOR)
    d[0:7] = b"\x01CD001\x01"
    d[8:40] = b" " * 32
    d[40:72] = label.ljust(32)
    d[80:88] = both(sectors, 4)
    d[120:124] = d[124:128] = both(1, 2)
    d[128:132] = both(SECTOR, 2)
    d[132:140] = both(10, 4)
    d[140:144] = struct.pack("<I", 19)
    d[148:152] = struct.pack(">I", 19)
    d[156:190] = root
    d[190:813] = b" " * 623
    d[813:881] = b"0" * 16 + b"\0" + b"0" * 16 + b"\0" + b"0" * 16 + b"\0" + b"0" * 16 + b"\0"
    d[881] = 1
    return bytes(d)


def handmade(file, folders, contents, sectors=None, length=None):
    """An image as no tool writes it. @folders: sector -> list of records; @contents: sector -> bytes; the root is at 20."""
    end = max([*folders, *contents]) + 1
    data = bytearray(SECTOR * end)
    data[16 * SECTOR:17 * SECTOR] = descriptor(record(b"\0", 20, SECTOR, True), sectors or end)
    data[17 * SECTOR:17 * SECTOR + 7] = b"\xffCD001\x01"
    path_table = bytes((1, 0)) + struct.pack("<IH", 20, 1) + b"\0\0"
    data[19 * SECTOR:19 * SECTOR + len(path_table)] = path_table
    for sector, records in folders.items():
        text = b"".join(records)
        data[sector * SECTOR:sector * SECTOR + len(text)] = text
    for sector, content in contents.items():
        data[sector * SECTOR:sector * SECTOR + len(content)] = content
    pathlib.Path(file).write_bytes(bytes(data[:length]))
    return pathlib.Path(file)


def dots(sector, parent):
    return [record(b"\0", sector, SECTOR, True), record(b"\1", parent, SECTOR, True)]


def sparse(file, size):
    with open(file, "r+b" if os.path.exists(file) else "wb") as f:
        f.truncate(size)
    return pathlib.Path(file)
