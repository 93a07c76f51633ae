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
    return [line.split()[0] for line in block.splitlines() if line[2] != " "]   # a long usage has its sentence on the next line


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


@pytest.mark.parametrize("verb", verbs())
def test_every_option_of_a_verb_is_in_the_manual(verb):
    text = run(f"{BUILD}/musterctl", verb, "--help").stdout
    options = re.findall(r"(?m)^  --([a-z]+)", text.split("Examples:\n")[0])
    with open(f"{SOURCE}/docs/musterctl.1", encoding="utf-8") as page:
        manual = page.read()
    for option in options:
        assert re.search(rf"\bFl -{option}\b", manual), f"{verb} --{option}"


def test_the_admin_api_document_has_every_route_and_its_role():
    """docs/admin-api.md against the daemon's table of routes, both ways."""
    roles = {"ROLE_VIEWER": "viewer", "ROLE_KEYS": "key reader", "ROLE_ADMINISTRATOR": "administrator"}
    with open(f"{SOURCE}/core/service/admin.c", encoding="utf-8") as source:
        served = {("POST" if post == "true" else "GET", path.rstrip("/"), roles[role])
                  for path, post, role in re.findall(r'\{ "(/admin/v1/[^"]+)", (true|false), (ROLE_\w+),', source.read())}
    with open(f"{SOURCE}/docs/admin-api.md", encoding="utf-8") as page:
        written = {(m, p.split("?")[0].removesuffix("/UUID").removesuffix("/ID").replace("/KIND", "/*"), role) for m, p, role in re.findall(r"(?m)^\| (GET|POST) (/admin/v1\S*) \| (.+?) \|", page.read())}
    assert len(served) > 15 and served == written
