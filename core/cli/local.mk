# core/cli: musterctl.
noinst_LTLIBRARIES += %D%/libcli.la
%C%_libcli_la_SOURCES = \
	%D%/acts.c %D%/acts.h \
	%D%/advise.c %D%/advise.h \
	%D%/answer_file.c %D%/answer_file.h \
	%D%/api.c %D%/api.h \
	%D%/cli.h %D%/main.c \
	%D%/dialogue.c %D%/dialogue.h \
	%D%/estate.c %D%/estate.h \
	%D%/export.c %D%/export.h %D%/export_books.c %D%/export_seen.c \
	%D%/holdings.c %D%/holdings.h \
	%D%/import.c %D%/import.h %D%/import_watch.c %D%/verbs_import.c \
	%D%/list.c %D%/list.h \
	%D%/listing.c %D%/listing.h \
	%D%/out_file.c %D%/out_file.h \
	%D%/phone.c %D%/setup.c \
	%D%/plugin.h %D%/plugin_file.c %D%/plugin_new.c \
	%D%/request_rules.c %D%/request_rules.h \
	%D%/setup_plan.c %D%/setup_plan.h \
	%D%/table.c %D%/table.h \
	%D%/term.c %D%/term.h \
	%D%/verbs.c %D%/verbs.h \
	%D%/support_mask.c %D%/support_mask.h \
	%D%/verdicts.c %D%/verdicts.h \
	%D%/verbs_access.c %D%/verbs_access_activate.c %D%/verbs_activate.c %D%/verbs_audit.c %D%/verbs_catalog.c %D%/verbs_counted.c %D%/verbs_discover.c %D%/verbs_doctor.c %D%/verbs_explain.c %D%/verbs_host.c \
	%D%/verbs_advise.c %D%/verbs_estate.c %D%/verbs_export.c %D%/verbs_request.c \
	%D%/verbs_keys.c %D%/verbs_listing.c %D%/verbs_observed.c %D%/verbs_pack.c %D%/verbs_plugin.c %D%/verbs_records.c %D%/verbs_seats.c %D%/verbs_settings.c %D%/verbs_state.c %D%/verbs_support.c
cli_libs = %D%/libcli.la $(exchange_libs) $(http_libs) $(catalog_libs) $(trust_libs) $(qr_libs) $(SMARTCOLS_LIBS)

# muster, the program on a machine to be activated: its own library, it shares nothing with musterctl.
noinst_LTLIBRARIES += %D%/libmustercli.la
%C%_libmustercli_la_SOURCES = %D%/muster_cli.h %D%/muster_main.c %D%/muster_agent.c %D%/muster_doctor.c %D%/muster_key.c %D%/muster_print.c %D%/muster_run.c %D%/muster_verbs.c %D%/verdicts.c %D%/verdicts.h
mcli_libs = %D%/libmustercli.la $(client_libs)
