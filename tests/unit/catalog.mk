# Unit tests of core/catalog: see the pattern at the top of Makefile.am.
