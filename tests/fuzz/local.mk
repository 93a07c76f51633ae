# tests/fuzz: see the patterns at the top of Makefile.am.
