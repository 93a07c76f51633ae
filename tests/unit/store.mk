# Unit tests of core/store: see the pattern at the top of Makefile.am.
