# Unit tests of core/cli: see the pattern at the top of Makefile.am.
