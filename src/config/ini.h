/*
 * INI text, read strictly. iniparser does the reading, but it lets much pass and misreads some of
 * it, so a scan of ours goes first and refuses, with file and line: unknown sections and keys,
 * duplicates, keys outside a section, lines that are too long or continued, bytes that are not
 * text, and quotes left open. quoting.h says how values are written.
 *
 *     ini *file;
 *     if (ini_read(&file, text, length, "unet.ini")) ...
 *     for (size_t i = 0; i < key_count; i++)
 *         if (ini_line(file, i)) use(ini_value(file, i));
 *     ini_free(file);
 */
#ifndef CONFIG_INI_H
#define CONFIG_INI_H

#include <stddef.h>

typedef struct ini ini;

enum { INI_LINE_LIMIT = 1000 }; /* bytes; iniparser's own is 1022 */

/* origin stands for the file in messages. */
int ini_read(ini **out, const char *text, size_t length, const char *origin);
void ini_free(ini *file);

/* STATUS_USAGE, with line and column, for bytes that are not text and lines that are too long or
 * continued. */
int ini_check_bytes(const char *text, size_t length, const char *origin);

/* For the i-th row of the key table: the line that sets it (0: none does), and the value there,
 * without quotes and escapes, which lives as long as file. */
int ini_line(const ini *file, size_t i);
const char *ini_value(const ini *file, size_t i);

#endif
