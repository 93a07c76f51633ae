# Unit tests of core/service: see the pattern at the top of Makefile.am.
