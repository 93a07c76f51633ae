# Unit tests of core/licensing: see the pattern at the top of Makefile.am.
