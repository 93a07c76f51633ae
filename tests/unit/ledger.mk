# Unit tests of core/ledger: see the pattern at the top of Makefile.am.
