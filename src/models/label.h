/* Names of layers: "encoder1/conv2" behind the prefix of a stage. */
#ifndef MODELS_LABEL_H
#define MODELS_LABEL_H

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

/* As long as a layer's name may be. */
typedef struct label {
    char text[64];
} label;

/* The prefix, then the rest as by printf(). */
__attribute__((format(printf, 2, 3))) static inline label label_of(const char *prefix,
                                                                   const char *format, ...)
{
    label l;
    va_list values;
    int used = snprintf(l.text, sizeof l.text, "%s", prefix);
    assert(used >= 0 && (size_t)used < sizeof l.text);
    va_start(values, format);
    int length = vsnprintf(l.text + used, sizeof l.text - (size_t)used, format, values);
    va_end(values);
    assert(length >= 0 && (size_t)(used + length) < sizeof l.text);
    (void)length;
    return l;
}

#endif
