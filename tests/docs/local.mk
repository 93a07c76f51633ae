# What documents say against what programs do.
PYTESTS += %D%/test_manuals.py
PYTESTS += %D%/test_verify.py
