"""muster-bench(1) and the help of each verb name the same options: neither can be changed alone."""

import os
import pathlib
import re
import subprocess

import pytest

from host import program

MANUAL = pathlib.Path(os.environ["top_srcdir"]) / "docs" / "muster-bench.1"
VERBS = ("load", "suite", "limits", "verify", "fleet")


def section(verb):
    return MANUAL.read_text(encoding="utf-8").split(f".Ss {verb}\n")[1].split("\n.S")[0]


def options_of_manual(verb):
    """Of the lines that describe options; what a sentence mentions does not count."""
    lines = [line for line in section(verb).splitlines() if line.startswith((".It Fl", ".Fl -minimum"))]
    return set(re.findall(r"\bFl -([a-z-]+)", "\n".join(lines)))


def options_of_help(verb):
    done = subprocess.run([program("muster-bench"), verb, "--help"], capture_output=True, text=True, timeout=60, check=True)
    return set(re.findall(r"^  --([a-z-]+)", done.stdout, flags=re.M)) - {"help"}


@pytest.mark.parametrize("verb", VERBS)
def test_options(verb):
    assert options_of_manual(verb) == options_of_help(verb)


def test_verbs():
    done = subprocess.run([program("muster-bench"), "--help"], capture_output=True, text=True, timeout=60, check=True)
    assert tuple(re.findall(r"^  ([a-z]+) +[a-z]", done.stdout.split("Verbs:")[1].split("muster-bench VERB")[0], flags=re.M)) == VERBS
    assert tuple(re.findall(r"^\.Ss ([a-z]+)$", MANUAL.read_text(encoding="utf-8"), flags=re.M)) == VERBS
