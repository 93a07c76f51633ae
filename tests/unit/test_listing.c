/* The listings against the published samples (facts.md section 3), label for label. */
#include "tests/unit/unit.h"

#include <string.h>

#include "core/base/file.h"
#include "core/cli/listing.h"

static char *read_sample(const char *name)
{
	struct muster_err err;
	struct buf text;
	char path[512];

	snprintf(path, sizeof(path), "%s/tests/unit/data/%s", getenv("top_srcdir") != NULL ? getenv("top_srcdir") : ".", name);
	buf_init(&text, 65536);
	ck_assert_msg(file_read(&text, path, 65536, &err) == MUSTER_OK, "%s", err.message);
	return buf_take(&text);
}

/* Replace the first @p from by @p to. */
static char *mend(char *text, const char *from, const char *to)
{
	char *at = strstr(text, from), *out = malloc(strlen(text) + strlen(to) + 1);

	ck_assert_ptr_nonnull(at);
	sprintf(out, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
	free(text);
	return out;
}

static char *print(void (*fn)(FILE *, const json_t *), const char *json)
{
	char *text = NULL;
	size_t n = 0;
	FILE *f = open_memstream(&text, &n);
	json_error_t why;
	json_t *item = json_loads(json, 0, &why);

	ck_assert_msg(item != NULL, "%s", why.text);
	fn(f, item);
	fclose(f);
	json_decref(item);
	return text;
}

/* The published listing comes out of its values; only what its publication broke differs: a wrapped URL and a blank line. */
START_TEST(test_listing_details)
{
	char *sample = read_sample("dlv-office2013.txt"), *text;

	sample = mend(sample, "SLActiva\nteProduct", "SLActivateProduct");
	sample = mend(sample, "of tolerance: 0\n\n", "of tolerance: 0\n");
	setenv("TZ", "UTC", 1);
	text = print(listing_details,
	             "{\"name\":\"Office 15, OfficeKMSHostVL_KMS_Host edition\",\"description\":\"Office 15, VOLUME_KMS channel\","
	             "\"activation_id\":\"2e28138a-847f-42bc-9752-61b03fff33cd\",\"application_id\":\"0ff1ce15-a989-479d-af46-f275c6370663\","
	             "\"extended_pid\":\"05426-00206-234-001162-03-1033-9200.0000-0992013\",\"installation_id\":\"020650770493837252929082195773527024195725809211989214\","
	             "\"use_license_url\":\"https://activation.sls.microsoft.com/SLActivateProduct/SLActivateProduct.asmx?configextension=o14\","
	             "\"validation_url\":\"https://go.microsoft.com/fwlink/?LinkID=187557\",\"partial_product_key\":\"KDQ2G\",\"license_status_text\":\"Licensed\","
	             "\"remaining_rearm_count\":1000,\"trusted_time\":\"2013-04-09T09:58:33Z\",\"service\":true,"
	             "\"host\":{\"enabled\":true,\"current_count\":0,\"port\":1688,\"dns_publishing\":true,\"priority\":\"normal\"},"
	             "\"requests\":{\"total\":0,\"failed\":0,\"status\":[0,0,0,0,0,0,0]}}");
	ck_assert_str_eq(text, sample);
	free(text);
	free(sample);
}
END_TEST

START_TEST(test_listing_summary)
{
	char *sample = read_sample("dli-server2008r2-host.txt"), *text;

	/* the sample's own indentation of this heading is one blank; dlv-office2013.txt has none */
	sample = mend(sample, "\n Key Management", "\nKey Management");
	text = print(listing_summary,
	             "{\"name\":\"Windows Server(R), ServerEnterprise edition\",\"description\":\"Windows Operating System - Windows Server(R), VOLUME_KMS_C channel\","
	             "\"partial_product_key\":\"PYWKV\",\"license_status_text\":\"Licensed\","
	             "\"host\":{\"enabled\":true,\"current_count\":2,\"port\":1688,\"dns_publishing\":true,\"priority\":\"normal\"},"
	             "\"requests\":{\"total\":826,\"failed\":0,\"status\":[0,826,0,0,0,0,0]}}");
	for (char *a = strstr(sample, "    Key"); a != NULL; a = NULL) /* and it indents the first heading by four */
		memmove(a, a + 4, strlen(a + 4) + 1);
	ck_assert_str_eq(text, sample);
	free(text);
	free(sample);
}
END_TEST

/* Labels without a source stay empty and leave no blank behind the colon; a product that is not counted has no host block. */
START_TEST(test_listing_empty)
{
	char *text = print(listing_details, "{\"name\":\"x\",\"license_status_text\":\"Unlicensed\",\"host\":null,\"requests\":null}");

	ck_assert_ptr_nonnull(strstr(text, "\nExtended PID:\nInstallation ID:\n"));
	ck_assert_ptr_nonnull(strstr(text, "\nTrusted time:\n"));
	ck_assert_ptr_null(strstr(text, "Key Management Service"));
	ck_assert_ptr_null(strstr(text, "\n\n"));
	free(text);
}
END_TEST

START_TEST(test_listing_expiry)
{
	char *text;

	setenv("TZ", "UTC", 1);
	text = print(listing_expiry, "{\"name\":\"Office 15\",\"service\":true,\"ends_at\":\"2028-11-21T13:00:00Z\"}");
	ck_assert_str_eq(text, "Office 15:\n    The host's certificate for this product ends 11/21/2028 1:00:00 PM\n");
	free(text);
	text = print(listing_expiry, "{\"name\":\"Office 15\",\"service\":true,\"ends_at\":null}");
	ck_assert_str_eq(text, "Office 15:\n    The host is not activated for this product.\n");
	free(text);
}
END_TEST

UNIT_MAIN("listing", test_listing_details, test_listing_summary, test_listing_empty, test_listing_expiry)
