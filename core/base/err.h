/** Errors: the one way of filling a struct muster_err. */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <muster/types.h>

#define PRINTF_LIKE(f, a) __attribute__((format(printf, f, a)))

/** Fill @p err (may be NULL) with @p result and a message; cut at MUSTER_ERR_MAX on a character boundary. @return @p result. */
int err_set(struct muster_err *err, int result, const char *fmt, ...) PRINTF_LIKE(3, 4);

/** As err_set(), with a code for people (core/base/codes.h). */
int err_code(struct muster_err *err, int result, uint32_t code, const char *fmt, ...) PRINTF_LIKE(4, 5);

/** As err_set() with MUSTER_E_IO (MUSTER_E_DENIED for EACCES/EPERM, MUSTER_E_NOT_FOUND for ENOENT); appends ": strerror(errnum)". */
int err_errno(struct muster_err *err, int errnum, const char *fmt, ...) PRINTF_LIKE(3, 4);

/** "out of memory". @return MUSTER_E_NOMEM. */
int err_nomem(struct muster_err *err);

/** Put "context: " before the message already in @p err. @return err->result, or @p result when @p err is NULL. */
int err_prefix(struct muster_err *err, int result, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* Checkers see one file at a time; without this they follow paths on which a function that reports an error returns 0. */
#if defined(__clang_analyzer__) || defined(MUSTER_ANALYZER)
#define err_set(err, result, ...) (err_set(err, result, __VA_ARGS__), (result))
#define err_code(err, result, ...) (err_code(err, result, __VA_ARGS__), (result))
#define err_errno(err, ...) (err_errno(err, __VA_ARGS__), MUSTER_E_IO)
#define err_nomem(err) (err_nomem(err), MUSTER_E_NOMEM)
#endif

/** Programmer errors stop the program, in release builds too. Never for outside input. */
#define MUSTER_ASSERT(x) ((x) ? (void)0 : err_assert_failed(#x, __FILE__, __LINE__))
_Noreturn void err_assert_failed(const char *expression, const char *file, int line);

#endif
