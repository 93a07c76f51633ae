/**
 * Opening plugin files: trust of the file first, then symbol, magic, size, ABI and name, each before anything later is believed.
 *
 * Main thread only (libltdl). What was opened stays open until the process ends: leases, catalogs and threads may
 * point into it, so nothing is ever unloaded.
 */
#ifndef CATALOG_LOADER_H
#define CATALOG_LOADER_H

#include <muster/plugin.h>

struct loader_request {
	const char *path;    /**< absolute, …/NAME.so */
	const char *name;    /**< name of the section; must be the file's and the plugin's */
	const char *sha256;  /**< 64 hex digits the file must have, or NULL or "" */
	/** Told when the file on disk is not the one that was opened earlier; may be NULL. */
	void (*notice)(void *ctx, const char *message);
	void *ctx;
};

/**
 * @param[out] out The plugin's object: header checked, tables not yet. Never freed.
 * @return MUSTER_OK; MUSTER_E_DENIED unsafe file; MUSTER_E_NOT_FOUND; MUSTER_E_MISMATCH other digest than configured;
 *         MUSTER_E_INVALID not a plugin for this host; MUSTER_E_NOMEM.
 */
int loader_open(const struct muster_plugin **out, const struct loader_request *request, struct muster_err *err);

/** Header checks alone, for a plugin that came by another way (conformance of built-in objects, tests). */
int loader_check_header(const struct muster_plugin *p, const char *where, const char *name, struct muster_err *err);

/** "windows-server" → "windows_server_LTX_muster_plugin", as libltdl names it. */
void loader_symbol(char out[MUSTER_NAME_MAX + 32], const char *name);

#endif
