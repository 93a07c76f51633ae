# Unit tests of core/config: see the pattern at the top of Makefile.am.
