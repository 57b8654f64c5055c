#include "convert/found.h"

#include "base/error.h"
#include "base/log.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void found_say(found *f, const char *key, const char *format, ...)
{
    char value[64];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(value, sizeof value, format, arguments);
    va_end(arguments);
    snprintf(f->texts[f->count++], sizeof f->texts[0], "%s=%s", key, value);
}

void found_say_truth(found *f, const char *key, bool value)
{
    found_say(f, key, "%s", value ? "true" : "false");
}

int found_say_sources(found *f, long sources, const char *path)
{
    static const char *const more[] = {"", ", third", ", third, fourth"};
    if (sources < SOURCES_MIN || sources > SOURCES_MAX)
        return fail(STATUS_DATA, "%s: has %ld outputs; unblend supports %d to %d sources", path,
                    sources, SOURCES_MIN, SOURCES_MAX);
    if (sources > 2)
        found_say(f, "data.sources", "mnist, fashion-mnist%s", more[sources - 2]);
    return 0;
}

void found_say_size(found *f, long tokens)
{
    enum { HALVINGS = 3 };
    long side = 0;
    while (side * side < tokens)
        side++;
    f->size_unknown = !tokens || side * side != tokens;
    if (!f->size_unknown)
        found_say(f, "data.size", "%ldx%ld", side << HALVINGS, side << HALVINGS);
}

int found_settings(const found *f, settings **out, const char *path, const char *const *overrides,
                   size_t count)
{
    const char *texts[FOUND_MAX];
    settings *inferred;
    for (size_t i = 0; i < f->count; i++)
        texts[i] = f->texts[i];
    if (settings_load(&inferred, NULL, texts, f->count)) {
        static const char origin[] = "--set: "; /* which the user did not give */
        const char *why = strstr(error_message(), origin);
        return fail(STATUS_DATA, "%s: not a supported network: %s", path,
                    why ? why + strlen(origin) : error_message());
    }
    int result = settings_derive(out, inferred, overrides, count, false);
    settings_free(inferred);
    return result;
}

/* Whether one of the overrides is of the key. */
static bool is_given(const char *const *overrides, size_t count, const char *key)
{
    size_t length = strlen(key);
    for (size_t i = 0; i < count; i++)
        if (!strncmp(overrides[i], key, length) && overrides[i][length] == '=')
            return true;
    return false;
}

void found_warn(const found *f, const settings *s, const char *path, const char *const *overrides,
                size_t count, const char *hint)
{
    struct image_format size = s->data.mixture.format;
    if (f->activation_unknown && !is_given(overrides, count, "model.activation"))
        log_warning(
            "%s does not contain the activation; assuming %s (%s --set model.activation=...)", path,
            s->stages[0].activation, hint);
    if (f->size_unknown && !is_given(overrides, count, "data.size"))
        log_warning(
            "%s does not contain the picture size; assuming %d x %d (%s --set data.size=...)", path,
            size.height, size.width, hint);
}
