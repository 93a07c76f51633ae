# tests/abi: see the patterns at the top of Makefile.am.
