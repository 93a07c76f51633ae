/** Verdicts of checks in the manner of Nagios plugins: what doctor of musterctl and of muster say, and the exit codes that belong to it. Pure. */
#ifndef BASE_VERDICT_H
#define BASE_VERDICT_H

/** The exit code of a run whose worst verdict it is. */
enum verdict { VERDICT_OK = 0, VERDICT_WARNING = 1, VERDICT_CRITICAL = 2, VERDICT_UNKNOWN = 3 };

/** "ok", "warning", "critical", "unknown": as JSON has it. */
const char *verdict_word(enum verdict v);
/** "OK", "WARNING", …: as plugins print it. */
const char *verdict_shout(enum verdict v);
/** The word's verdict; VERDICT_UNKNOWN for any other word and for NULL. */
enum verdict verdict_find(const char *word);
/** The one to be told: critical before warning before unknown before ok. */
enum verdict verdict_worse(enum verdict a, enum verdict b);

#endif
