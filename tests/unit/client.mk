# Unit tests of core/client: see the pattern at the top of Makefile.am.
