# Unit tests of core/issuer: see the pattern at the top of Makefile.am.
