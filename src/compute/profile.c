#define _POSIX_C_SOURCE 200809L
#include "compute/profile.h"

#include "base/error.h"
#include "base/files.h"
#include "base/ini.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/number.h"
#include "base/xdg.h"
#include "compute/tunables.h"
#include "compute/tuned_sources.h"
#include "opencl/cache.h"
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SIZE_LIMIT = 1 << 16, TEXT_SIZE = 128, SLUG_LIMIT = 60 };

/* ---- The place ---- */

static char *directory_of_profiles(void)
{
    static const xdg_place place = {"profiles", "UNBLEND_PROFILE_DIR", "XDG_CONFIG_HOME",
                                    "unblend/profiles", ".config/unblend/profiles"};
    return xdg_directory(&place);
}

/* "portable-computing-language-cpu-haswell"; what the limit cuts off is in the hash. */
static void slug_of(const device_info *info, char slug[SLUG_LIMIT + 1])
{
    char text[sizeof info->platform + sizeof info->name];
    size_t length = 0;
    snprintf(text, sizeof text, "%s-%s", info->platform, info->name);
    for (const char *c = text; *c && length < SLUG_LIMIT; c++) {
        if (isalnum((unsigned char)*c) && (unsigned char)*c < 128)
            slug[length++] = (char)tolower((unsigned char)*c);
        else if (length && slug[length - 1] != '-')
            slug[length++] = '-';
    }
    slug[length] = '\0';
}

char *profile_path(const device_info *info)
{
    char slug[SLUG_LIMIT + 1], key[CACHE_KEY_SIZE];
    const char *const names[] = {info->platform, info->name};
    char *directory = directory_of_profiles();
    if (!directory)
        return NULL;
    slug_of(info, slug);
    cache_key(names, 2, key);
    char *path = format_text("%s/%s-%.8s.ini", directory, slug, key);
    free(directory);
    return path;
}

int profile_prepare(const char *path)
{
    char *directory = copy_text(path), *slash = directory ? strrchr(directory, '/') : NULL;
    int result = directory ? 0 : -1;
    if (slash) {
        *slash = '\0';
        result = directory_make(directory);
        if (!result && access(directory, W_OK))
            result =
                fail(STATUS_RUNTIME, "%s: cannot be written to: %s", directory, strerror(errno));
    }
    free(directory);
    return result;
}

/* ---- What a profile is for ---- */

/* The lines of [profile]. Each must be what it is here and now. */
enum { FORMAT, PLATFORM, DEVICE, DRIVER, KERNELS, FACTS };
static const char *const fact_names[FACTS] = {"format", "platform", "device", "driver", "kernels"};
typedef struct facts {
    char texts[FACTS][TEXT_SIZE];
} facts;

/* As a line of an INI file can hold it. */
static void copy_line(char to[TEXT_SIZE], const char *text)
{
    snprintf(to, TEXT_SIZE, "%s", text);
    for (char *c = to; *c; c++)
        if (iscntrl((unsigned char)*c))
            *c = ' ';
    for (size_t end = strlen(to); end && strchr(" \\", to[end - 1]); end--)
        to[end - 1] = '\0'; /* reading cuts blanks too, and a backslash would continue the line */
}

static int facts_of(const device_info *info, facts *out)
{
    snprintf(out->texts[FORMAT], TEXT_SIZE, "1");
    copy_line(out->texts[PLATFORM], info->platform);
    copy_line(out->texts[DEVICE], info->name);
    copy_line(out->texts[DRIVER], info->driver);
    return tuned_sources_hash(out->texts[KERNELS]);
}

/* ---- Reading ---- */

typedef struct reader {
    const char *path;
    facts wanted;        /* what the device is */
    unsigned facts;      /* bits of the facts read */
    bool seen[TUNABLES]; /* rows of the table read */
    tuning values;
} reader;

static bool is_profile(const char *section)
{
    return !strcmp(section, "profile");
}

static int find_fact(const char *name)
{
    int i = 0;
    while (i < FACTS && strcmp(name, fact_names[i]))
        i++;
    return i;
}

static int find_tunable(const char *section, const char *name)
{
    int i = 0;
    while (i < TUNABLES && (strcmp(section, tuning_sections[tunables[i].section]) ||
                            strcmp(name, tunables[i].name)))
        i++;
    return i;
}

static int accept_section(const char *section, const char *where)
{
    if (is_profile(section))
        return 0;
    for (int s = 0; s < TUNING_SECTIONS; s++)
        if (!strcmp(section, tuning_sections[s]))
            return 0;
    return fail(STATUS_RUNTIME, "%s: unknown section %.80s", where, section);
}

/* Names of devices may have any character, so facts have neither quotes nor comments. */
static int accept_key(const char *section, const char *name, const char *where, ini_key *out)
{
    int fact = is_profile(section) ? find_fact(name) : FACTS;
    int row = is_profile(section) ? TUNABLES : find_tunable(section, name);
    if (fact == FACTS && row == TUNABLES)
        return fail(STATUS_RUNTIME, "%s: unknown key %.80s", where, name);
    *out =
        (ini_key){.name = fact < FACTS ? fact_names[fact] : tunables[row].name, .verbatim = true};
    return 0;
}

static int read_fact(reader *r, const ini_entry *e)
{
    int fact = find_fact(e->name);
    const char *wanted = r->wanted.texts[fact];
    r->facts |= 1u << fact;
    return strcmp(e->value, wanted) ? fail(STATUS_RUNTIME, "%s: made for %s %.80s, this is %.80s",
                                           r->path, e->name, e->value, wanted)
                                    : 0;
}

static int read_value(reader *r, const ini_entry *e)
{
    int row = find_tunable(e->section, e->name);
    long value;
    r->seen[row] = true;
    if (number_whole(e->value, INT_MIN, INT_MAX, &value) != NUMBER_OK)
        return fail(STATUS_RUNTIME, "%s:%d: not a whole number: %.80s", r->path, e->line, e->value);
    tunable_set(&tunables[row], &r->values, (int)value);
    return 0;
}

/* Of CLBlast's sections all values are there or none. */
static int check_whole(const reader *r)
{
    for (int i = 0; i < FACTS; i++)
        if (!(r->facts & 1u << i))
            return fail(STATUS_RUNTIME, "%s: [profile] lacks %s", r->path, fact_names[i]);
    for (int i = 0; i < TUNABLES; i++)
        for (int k = 0; k < TUNABLES; k++)
            if (section_is_clblast(tunables[i].section) &&
                tunables[k].section == tunables[i].section && r->seen[k] && !r->seen[i])
                return fail(STATUS_RUNTIME, "%s: [%s] lacks %s", r->path,
                            tuning_sections[tunables[i].section], tunables[i].name);
    return tuning_check(&r->values) ? fail_while("%s", r->path) : 0;
}

static int read_text(reader *r, const char *text, size_t length)
{
    static const ini_grammar grammar = {STATUS_RUNTIME, "profile", accept_section, accept_key};
    ini *file;
    if (ini_read(&file, text, length, r->path, &grammar))
        return -1;
    int result = 0;
    for (size_t i = 0; i < file->count && !result; i++) {
        const ini_entry *e = &file->entries[i];
        if (e->name)
            result = is_profile(e->section) ? read_fact(r, e) : read_value(r, e);
    }
    ini_free(file);
    return result ? -1 : check_whole(r);
}

int profile_read(const char *path, const device_info *info, tuning *out)
{
    reader r = {.path = path, .values = device_class(info)->values};
    unsigned char *bytes = NULL;
    size_t length;
    if (file_read(path, SIZE_LIMIT, STATUS_RUNTIME, &bytes, &length))
        return -1;
    int result = facts_of(info, &r.wanted) || read_text(&r, (char *)bytes, length) ? -1 : 0;
    if (!result)
        *out = r.values;
    free(bytes);
    return result;
}

void profile_warn(void)
{
    log_warning("%s; the defaults are used, and `unblend tune` makes a new profile",
                error_message());
    error_clear();
}

char *profile_find(const device_info *info, tuning *out)
{
    *out = device_class(info)->values;
    char *path = profile_path(info);
    if (!path) {
        error_clear();
        return NULL;
    }
    bool there;
    int result = file_look(path, STATUS_RUNTIME, &there);
    if (!result && there && !profile_read(path, info, out))
        return path;
    if (result || there)
        profile_warn();
    free(path);
    return NULL;
}

/* ---- Writing ---- */

static void write_values(const tuning *t, FILE *out)
{
    for (int s = 0; s < TUNING_SECTIONS; s++) {
        if (section_is_clblast(s) && !tuning_overrides(t, s))
            continue;
        fprintf(out, "\n[%s]\n", tuning_sections[s]);
        for (int i = 0; i < TUNABLES; i++)
            if ((int)tunables[i].section == s)
                fprintf(out, "%s = %d\n", tunables[i].name, tunable_value(&tunables[i], t));
    }
}

int profile_write(const char *path, const device_info *info, const tuning *t)
{
    facts f = {0};
    char *text = NULL;
    size_t length = 0;
    if (facts_of(info, &f) || profile_prepare(path))
        return -1;
    FILE *out = open_memstream(&text, &length);
    if (!out)
        return fail(STATUS_MEMORY, "out of memory: the text of a profile");
    fputs(
        "; Written by `unblend tune`: what ran fastest on this device. Without this file it runs\n"
        "; with its class's defaults.\n[profile]\n",
        out);
    for (int i = 0; i < FACTS; i++)
        fprintf(out, "%s = %s\n", fact_names[i], f.texts[i]);
    write_values(t, out);
    int result = fclose(out) ? fail(STATUS_MEMORY, "out of memory: the text of a profile")
                             : file_write_atomic(path, text, length);
    free(text);
    return result;
}
