"""Fixtures: an issuer for the whole run, hosts that are stopped whatever happens."""

import sys
import pathlib

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from host import Host, Issuer, folder  # noqa: E402


@pytest.fixture(scope="session")
def issuer():
    with folder() as path:
        yield Issuer(path / "issuer")


@pytest.fixture
def new_host(issuer):
    """A function that makes (and starts) a host; all are ended afterwards."""
    made = []

    with folder() as path:

        def make(start=True, name=None, issuer=issuer, **options):
            host = Host(path / (name or f"host{len(made)}"), issuer, **options)
            made.append(host)
            if start:
                host.start()
            return host

        yield make
        for host in made:
            host.close()


@pytest.fixture(scope="module")
def host(issuer):
    """One host for the tests of a file that do not disturb each other, certified for everything it serves."""
    with folder() as path:
        one = Host(path / "host", issuer, limits="new_clients_per_hour = 1000000").start()
        one.certify()
        yield one
        one.close()
