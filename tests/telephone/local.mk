# tests/telephone: keys, digits and slots by an independent implementation, compared with core/trust in both directions.
check_PROGRAMS += %D%/codes-tool
%C%_codes_tool_SOURCES = %D%/codes-tool.c
%C%_codes_tool_LDADD = $(trust_libs)
EXTRA_DIST += %D%/codes.py
PYTESTS += %D%/test_telephone.py
