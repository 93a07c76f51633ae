# tests/integration: see the patterns at the top of Makefile.am.
