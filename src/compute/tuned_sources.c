#include "compute/tuned_sources.h"

#include "base/memory.h"
#include "compute/tunables.h"
#include "opencl/cache.h"
#include "opencl/source.h"
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_part_of_word(char c)
{
    return isalnum((unsigned char)c) || c == '_';
}

static bool has_word(const char *text, const char *word)
{
    size_t length = strlen(word);
    for (const char *at = text; (at = strstr(at, word)); at += length)
        if ((at == text || !is_part_of_word(at[-1])) && !is_part_of_word(at[length]))
            return true;
    return false;
}

static bool is_tuned(const char *source)
{
    for (int i = 0; i < TUNABLES; i++)
        if (tunables[i].macro && has_word(source, tunables[i].macro))
            return true;
    return false;
}

int tuned_sources_hash(char digits[TUNED_SOURCES_DIGITS + 1])
{
    char **sources, key[CACHE_KEY_SIZE];
    size_t count, tuned = 0;
    if (sources_expand(&sources, &count))
        return -1;
    const char **texts = allocate(count, sizeof *texts);
    if (texts) {
        for (size_t i = 0; i < count; i++)
            if (is_tuned(sources[i]))
                texts[tuned++] = sources[i];
        cache_key(texts, tuned, key);
        snprintf(digits, TUNED_SOURCES_DIGITS + 1, "%.*s", TUNED_SOURCES_DIGITS, key);
    }
    int result = texts ? 0 : -1;
    free(texts);
    sources_free(sources, count);
    return result;
}
