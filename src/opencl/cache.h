/*
 * Compiled kernels, kept between runs in $UNBLEND_CACHE_DIR, $XDG_CACHE_HOME/unblend or
 * ~/.cache/unblend. UNBLEND_NO_CACHE=1 turns it off.
 *
 * A file is 8 bytes of magic, the payload's length (64 bit, little endian), its SHA-256, and the
 * payload, so that a damaged binary never reaches the driver. Trouble with the cache is not an
 * error: it is logged in detail, and the kernels are built from source.
 */
#ifndef OPENCL_CACHE_H
#define OPENCL_CACHE_H

#include <stdbool.h>
#include <stddef.h>

enum { CACHE_KEY_SIZE = 65 }; /* SHA-256 in hexadecimal, and the final zero */

bool cache_is_on(void);

/* The key of everything that a binary depends on. */
void cache_key(const char *const *parts, size_t count, char key[CACHE_KEY_SIZE]);

/* Whether the binary is there and whole; *bytes is then released with free(). */
bool cache_load(const char *key, unsigned char **bytes, size_t *length);
void cache_store(const char *key, const unsigned char *bytes, size_t length);

#endif
