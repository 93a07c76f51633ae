#include "core/catalog/exports.h"

#include <elf.h>
#include <link.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/base/file.h"

#define FILE_LIMIT (64U << 20)

typedef ElfW(Ehdr) header_t;
typedef ElfW(Shdr) section_t;
typedef ElfW(Sym) symbol_t;
typedef ElfW(Phdr) segment_t;

/** Copy @p n bytes from @p at: the file says where things are, and may lie. */
static bool take(const struct buf *b, uint64_t at, void *to, size_t n)
{
	if (at > b->n || n > b->n - at)
		return false;
	memcpy(to, b->p + at, n);
	return true;
}

static bool exported(const symbol_t *s)
{
	unsigned bind = s->st_info >> 4, visibility = s->st_other & 3U;

	return s->st_shndx != SHN_UNDEF && (bind == STB_GLOBAL || bind == STB_WEAK) && (visibility == STV_DEFAULT || visibility == STV_PROTECTED);
}

static int each_symbol(const struct buf *b, const section_t *table, const section_t *names, const char *path, void (*fn)(void *ctx, const char *symbol), void *ctx, struct muster_err *err)
{
	uint64_t count = table->sh_size / sizeof(symbol_t), i;
	symbol_t s;

	if (names->sh_offset > b->n || names->sh_size > b->n - names->sh_offset)
		return err_set(err, MUSTER_E_INVALID, "%s: the names of its symbols lie outside the file", path);
	for (i = 0; i < count; i++) {
		const char *text;

		if (!take(b, table->sh_offset + i * sizeof s, &s, sizeof s) || s.st_name >= names->sh_size)
			return err_set(err, MUSTER_E_INVALID, "%s: its table of symbols lies outside the file", path);
		text = (const char *)b->p + names->sh_offset + s.st_name;
		if (memchr(text, 0, names->sh_size - s.st_name) == NULL)
			return err_set(err, MUSTER_E_INVALID, "%s: the name of a symbol does not end", path);
		if (exported(&s))
			fn(ctx, text);
	}
	return MUSTER_OK;
}

static int find_table(const struct buf *b, const char *path, void (*fn)(void *ctx, const char *symbol), void *ctx, struct muster_err *err)
{
	section_t table, names;
	header_t h;
	unsigned i;

	if (!take(b, 0, &h, sizeof h) || memcmp(h.e_ident, ELFMAG, SELFMAG) != 0 || h.e_type != ET_DYN || h.e_shentsize != sizeof table)
		return err_set(err, MUSTER_E_INVALID, "%s: is not a shared object of this machine", path);
	for (i = 0; i < h.e_shnum; i++) {
		if (!take(b, h.e_shoff + (uint64_t)i * sizeof table, &table, sizeof table))
			break;
		if (table.sh_type == SHT_DYNSYM) {
			if (!take(b, h.e_shoff + (uint64_t)table.sh_link * sizeof names, &names, sizeof names))
				break;
			return each_symbol(b, &table, &names, path, fn, ctx, err);
		}
	}
	return err_set(err, MUSTER_E_INVALID, "%s: has no table of dynamic symbols", path);
}

/* Where the header says that the file ends at least: its program headers, what they load, and its sections. */
static uint64_t needed(int fd, const header_t *h)
{
	uint64_t end = h->e_phoff + (uint64_t)h->e_phnum * sizeof(segment_t), sections = h->e_shoff + (uint64_t)h->e_shnum * sizeof(section_t), to;
	segment_t s;

	if (sections > end)
		end = sections;
	for (unsigned i = 0; i < h->e_phnum; i++) {
		if (pread(fd, &s, sizeof s, (off_t)(h->e_phoff + i * sizeof s)) != (ssize_t)sizeof s)
			break;
		if ((s.p_type == PT_LOAD || s.p_type == PT_DYNAMIC) && (to = s.p_offset + s.p_filesz) > end)
			end = to;
	}
	return end;
}

int exports_check_whole(int fd, uint64_t size, const char *path, struct muster_err *err)
{
	header_t h;
	uint64_t end;

	if (pread(fd, &h, sizeof h, 0) != (ssize_t)sizeof h || h.e_ident[EI_CLASS] != (sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32) || h.e_phentsize != sizeof(segment_t))
		return MUSTER_OK;
	if ((end = needed(fd, &h)) > size)
		return err_set(err, MUSTER_E_INVALID, "%s: was cut short: it has %llu bytes of at least %llu; copy it again", path, (unsigned long long)size, (unsigned long long)end);
	return MUSTER_OK;
}

int exports_each(const char *path, void (*fn)(void *ctx, const char *symbol), void *ctx, struct muster_err *err)
{
	struct buf b;
	int r;

	buf_init(&b, FILE_LIMIT);
	if ((r = file_read(&b, path, FILE_LIMIT, err)) == MUSTER_OK)
		r = find_table(&b, path, fn, ctx, err);
	buf_fini(&b);
	return r;
}
