"""The manual pages against the programs they describe."""
import os
import re
import subprocess

import pytest

SOURCE = os.environ["top_srcdir"]
BUILD = os.environ["top_builddir"]


def run(*arguments):
    return subprocess.run(arguments, capture_output=True, text=True, timeout=60)


def verbs():
    text = run(f"{BUILD}/musterctl", "--help").stdout
    block = text.split("\n\n")[2]
    return [line.split()[0] for line in block.splitlines()]


def manual_rows():
    """verb -> (role, sentence) from the table in musterctl(1)."""
    rows = {}
    with open(f"{SOURCE}/docs/musterctl.1", encoding="utf-8") as page:
        for line in page:
            match = re.fullmatch(r"\.It (.+?) Ta (.+?) Ta (.+)\n", line)
            if match and not match[1].startswith("Sy"):
                rows[match[1]] = (match[2], match[3])
    return rows


def test_there_are_verbs():
    assert "dlv" in verbs() and len(verbs()) > 15


@pytest.mark.parametrize("verb", verbs())
def test_every_verb_is_in_the_manual_with_its_role_and_sentence(verb):
    text = run(f"{BUILD}/musterctl", verb, "--help").stdout
    sentence, role = re.search(r"\n\n(.+)\. Smallest role: (.+)\.\n", text).groups()
    assert manual_rows()[verb] == (role, sentence)


def test_the_manual_has_no_verb_the_program_lacks():
    assert {row.split()[0] for row in manual_rows()} == set(verbs())


@pytest.mark.parametrize("verb", verbs())
def test_every_verb_has_an_example(verb):
    text = run(f"{BUILD}/musterctl", verb, "--help").stdout
    assert f"  musterctl " in text.split("Examples:\n")[1]
