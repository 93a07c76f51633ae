# What documents say against what programs do.
PYTESTS += %D%/test_manuals.py
