# tests/fuzz: one target for every parser. fuzz_NAME.c defines LLVMFuzzerTestOneInput() (tests/fuzz/fuzz.h) and has its corpus in
# tests/fuzz/corpus/NAME/. Without --enable-fuzzers it is linked with replay.c and `make check` replays the corpus, with changes;
# with --enable-fuzzers (clang) it is a libFuzzer program: tests/fuzz/fuzz_ini -max_total_time=60 ../tests/fuzz/corpus/ini
# A target is four lines (fuzz_targets, _SOURCES, _LDADD, _LDFLAGS):
fuzz_targets =
if FUZZERS
fuzz_main = %D%/fuzz.h
fuzz_ldflags = $(LDFLAGS_PROGRAM) $(FUZZ_LDFLAGS)
else
fuzz_main = %D%/fuzz.h %D%/replay.c
fuzz_ldflags = $(LDFLAGS_PROGRAM)
TESTS += $(fuzz_targets)
endif
check_PROGRAMS += $(fuzz_targets)
EXTRA_DIST += %D%/corpus

fuzz_targets += %D%/fuzz_claims
%C%_fuzz_claims_SOURCES = %D%/fuzz_claims.c $(fuzz_main)
%C%_fuzz_claims_LDADD = $(catalog_libs)
%C%_fuzz_claims_LDFLAGS = $(fuzz_ldflags)

fuzz_targets += %D%/fuzz_ini
%C%_fuzz_ini_SOURCES = %D%/fuzz_ini.c $(fuzz_main)
%C%_fuzz_ini_LDADD = $(config_libs)
%C%_fuzz_ini_LDFLAGS = $(fuzz_ldflags)

fuzz_targets += %D%/fuzz_lease
%C%_fuzz_lease_SOURCES = %D%/fuzz_lease.c $(fuzz_main)
%C%_fuzz_lease_LDADD = $(trust_libs)
%C%_fuzz_lease_LDFLAGS = $(fuzz_ldflags)

fuzz_targets += %D%/fuzz_observed
%C%_fuzz_observed_SOURCES = %D%/fuzz_observed.c $(fuzz_main)
%C%_fuzz_observed_LDADD = $(estate_libs) $(ledger_libs) $(trust_libs) $(config_libs) $(store_libs)
%C%_fuzz_observed_LDFLAGS = $(fuzz_ldflags)

fuzz_targets += %D%/fuzz_uuid
%C%_fuzz_uuid_SOURCES = %D%/fuzz_uuid.c $(fuzz_main)
%C%_fuzz_uuid_LDADD = $(base_libs)
%C%_fuzz_uuid_LDFLAGS = $(fuzz_ldflags)

fuzz_targets += %D%/fuzz_request
%C%_fuzz_request_SOURCES = %D%/fuzz_request.c $(fuzz_main)
%C%_fuzz_request_LDADD = $(trust_libs)
%C%_fuzz_request_LDFLAGS = $(fuzz_ldflags)
fuzz_targets += %D%/fuzz_medium
%C%_fuzz_medium_SOURCES = %D%/fuzz_medium.c $(fuzz_main)
%C%_fuzz_medium_LDADD = $(catalog_libs)
%C%_fuzz_medium_LDFLAGS = $(fuzz_ldflags)

fuzz_targets += %D%/fuzz_body
%C%_fuzz_body_SOURCES = %D%/fuzz_body.c $(fuzz_main)
%C%_fuzz_body_LDADD = $(service_libs)
%C%_fuzz_body_LDFLAGS = $(fuzz_ldflags)

fuzz_targets += %D%/fuzz_answer
%C%_fuzz_answer_SOURCES = %D%/fuzz_answer.c $(fuzz_main)
%C%_fuzz_answer_LDADD = $(client_libs)
%C%_fuzz_answer_LDFLAGS = $(fuzz_ldflags)

fuzz_targets += %D%/fuzz_record
%C%_fuzz_record_SOURCES = %D%/fuzz_record.c $(fuzz_main)
%C%_fuzz_record_LDADD = $(bench_libs)
%C%_fuzz_record_LDFLAGS = $(fuzz_ldflags)

fuzz_targets += %D%/fuzz_product_key
%C%_fuzz_product_key_SOURCES = %D%/fuzz_product_key.c $(fuzz_main)
%C%_fuzz_product_key_LDADD = $(trust_libs)
%C%_fuzz_product_key_LDFLAGS = $(fuzz_ldflags)

fuzz_targets += %D%/fuzz_digits
%C%_fuzz_digits_SOURCES = %D%/fuzz_digits.c $(fuzz_main)
%C%_fuzz_digits_LDADD = $(trust_libs)
%C%_fuzz_digits_LDFLAGS = $(fuzz_ldflags)

fuzz_targets += %D%/fuzz_slot
%C%_fuzz_slot_SOURCES = %D%/fuzz_slot.c $(fuzz_main)
%C%_fuzz_slot_LDADD = $(trust_libs)
%C%_fuzz_slot_LDFLAGS = $(fuzz_ldflags)

fuzz_targets += %D%/fuzz_seal
%C%_fuzz_seal_SOURCES = %D%/fuzz_seal.c $(fuzz_main)
%C%_fuzz_seal_LDADD = $(trust_libs)
%C%_fuzz_seal_LDFLAGS = $(fuzz_ldflags)
# what is signed by an issuer made at the start
check_LTLIBRARIES += %D%/libfuzzissuer.la
%C%_libfuzzissuer_la_SOURCES = %D%/fuzz_issuer.c %D%/fuzz_issuer.h
fuzz_targets += %D%/fuzz_crl
%C%_fuzz_crl_SOURCES = %D%/fuzz_crl.c $(fuzz_main)
%C%_fuzz_crl_LDADD = %D%/libfuzzissuer.la $(trust_libs)
%C%_fuzz_crl_LDFLAGS = $(fuzz_ldflags)
fuzz_targets += %D%/fuzz_pack
%C%_fuzz_pack_SOURCES = %D%/fuzz_pack.c $(fuzz_main)
%C%_fuzz_pack_LDADD = %D%/libfuzzissuer.la $(trust_libs)
%C%_fuzz_pack_LDFLAGS = $(fuzz_ldflags)
fuzz_targets += %D%/fuzz_statement
%C%_fuzz_statement_SOURCES = %D%/fuzz_statement.c $(fuzz_main)
%C%_fuzz_statement_LDADD = %D%/libfuzzissuer.la $(trust_libs)
%C%_fuzz_statement_LDFLAGS = $(fuzz_ldflags)

fuzz_targets += %D%/fuzz_answer_chain
%C%_fuzz_answer_chain_SOURCES = %D%/fuzz_answer_chain.c $(fuzz_main)
%C%_fuzz_answer_chain_LDADD = $(cli_libs)
%C%_fuzz_answer_chain_LDFLAGS = $(fuzz_ldflags)

fuzz_targets += %D%/fuzz_dialogue
%C%_fuzz_dialogue_SOURCES = %D%/fuzz_dialogue.c $(fuzz_main)
%C%_fuzz_dialogue_LDADD = $(cli_libs)
%C%_fuzz_dialogue_LDFLAGS = $(fuzz_ldflags)

fuzz_targets += %D%/fuzz_issuer_request
%C%_fuzz_issuer_request_SOURCES = %D%/fuzz_issuer_request.c $(fuzz_main)
%C%_fuzz_issuer_request_LDADD = $(issuer_libs)
%C%_fuzz_issuer_request_LDFLAGS = $(fuzz_ldflags)

fuzz_targets += %D%/fuzz_issuer_answer
%C%_fuzz_issuer_answer_SOURCES = %D%/fuzz_issuer_answer.c $(fuzz_main)
%C%_fuzz_issuer_answer_LDADD = $(activation_libs) $(trust_libs) $(JANSSON_LIBS)
%C%_fuzz_issuer_answer_LDFLAGS = $(fuzz_ldflags)

fuzz_targets += %D%/fuzz_image
%C%_fuzz_image_SOURCES = %D%/fuzz_image.c $(fuzz_main)
%C%_fuzz_image_LDADD = $(exchange_libs)
%C%_fuzz_image_LDFLAGS = $(fuzz_ldflags)

fuzz_targets += %D%/fuzz_events_text
%C%_fuzz_events_text_SOURCES = %D%/fuzz_events_text.c %D%/fuzz_events.h $(fuzz_main)
%C%_fuzz_events_text_LDADD = $(exchange_libs) $(JANSSON_LIBS)
%C%_fuzz_events_text_LDFLAGS = $(fuzz_ldflags)

fuzz_targets += %D%/fuzz_events_csv
%C%_fuzz_events_csv_SOURCES = %D%/fuzz_events_csv.c %D%/fuzz_events.h $(fuzz_main)
%C%_fuzz_events_csv_LDADD = $(exchange_libs) $(JANSSON_LIBS)
%C%_fuzz_events_csv_LDFLAGS = $(fuzz_ldflags)

fuzz_targets += %D%/fuzz_events_xml
%C%_fuzz_events_xml_SOURCES = %D%/fuzz_events_xml.c %D%/fuzz_events.h $(fuzz_main)
%C%_fuzz_events_xml_LDADD = $(exchange_libs) $(JANSSON_LIBS)
%C%_fuzz_events_xml_LDFLAGS = $(fuzz_ldflags)

fuzz_targets += %D%/fuzz_text
%C%_fuzz_text_SOURCES = %D%/fuzz_text.c $(fuzz_main)
%C%_fuzz_text_LDADD = $(exchange_libs) $(JANSSON_LIBS)
%C%_fuzz_text_LDFLAGS = $(fuzz_ldflags)

fuzz_targets += %D%/fuzz_listing
%C%_fuzz_listing_SOURCES = %D%/fuzz_listing.c $(fuzz_main)
%C%_fuzz_listing_LDADD = $(exchange_libs) $(JANSSON_LIBS)
%C%_fuzz_listing_LDFLAGS = $(fuzz_ldflags)
fuzz_targets += %D%/fuzz_entry
%C%_fuzz_entry_SOURCES = %D%/fuzz_entry.c $(fuzz_main)
%C%_fuzz_entry_LDADD = $(estatekinds_libs)
%C%_fuzz_entry_LDFLAGS = $(fuzz_ldflags)

fuzz_targets += %D%/fuzz_table
%C%_fuzz_table_SOURCES = %D%/fuzz_table.c %D%/fuzz_import.h $(fuzz_main)
%C%_fuzz_table_LDADD = $(exchange_libs) $(JANSSON_LIBS)
%C%_fuzz_table_LDFLAGS = $(fuzz_ldflags)

fuzz_targets += %D%/fuzz_json
%C%_fuzz_json_SOURCES = %D%/fuzz_json.c %D%/fuzz_import.h $(fuzz_main)
%C%_fuzz_json_LDADD = $(exchange_libs) $(JANSSON_LIBS)
%C%_fuzz_json_LDFLAGS = $(fuzz_ldflags)

fuzz_targets += %D%/fuzz_state_file
%C%_fuzz_state_file_SOURCES = %D%/fuzz_state_file.c $(fuzz_main)
%C%_fuzz_state_file_LDADD = $(service_libs)
%C%_fuzz_state_file_LDFLAGS = $(fuzz_ldflags)
