# tests/refusals: see the patterns at the top of Makefile.am.
