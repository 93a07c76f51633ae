# Unit tests of core/trust: see the pattern at the top of Makefile.am.
