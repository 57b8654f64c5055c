#include "opencl/cache.h"

#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/xdg.h"
#include <sha2.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static const char magic[8] = "UBKERN\0\1"; /* the last byte is the format's version */
enum { LENGTH_AT = 8, DIGEST_AT = 16, HEADER_SIZE = 48, BINARY_LIMIT = 256 << 20 };

static void digest_of(const unsigned char *bytes, size_t length,
                      uint8_t digest[SHA256_DIGEST_LENGTH])
{
    SHA2_CTX sha;
    SHA256Init(&sha);
    SHA256Update(&sha, bytes, length);
    SHA256Final(digest, &sha);
}

void cache_key(const char *const *parts, size_t count, char key[CACHE_KEY_SIZE])
{
    SHA2_CTX sha;
    SHA256Init(&sha);
    SHA256Update(&sha, (const uint8_t *)magic, sizeof magic);
    for (size_t i = 0; i < count; i++) /* each with its final zero, which keeps them apart */
        SHA256Update(&sha, (const uint8_t *)parts[i], strlen(parts[i]) + 1);
    SHA256End(&sha, key);
}

bool cache_is_on(void)
{
    const char *off = getenv("UNBLEND_NO_CACHE");
    return !off || !*off || !strcmp(off, "0");
}

/* NULL without a message if the cache is off or has no place. */
static char *cache_directory(void)
{
    static const xdg_place place = {"compiled kernels", "UNBLEND_CACHE_DIR", "XDG_CACHE_HOME",
                                    "unblend", ".cache/unblend"};
    char *directory = cache_is_on() ? xdg_directory(&place) : NULL;
    if (!directory)
        error_clear();
    return directory;
}

static char *cache_path(const char *key)
{
    char *directory = cache_directory();
    char *path = directory ? format_text("%s/%s.bin", directory, key) : NULL;
    free(directory);
    return path;
}

static uint64_t read_length(const unsigned char *file)
{
    uint64_t length = 0;
    for (int i = 7; i >= 0; i--)
        length = length << 8 | file[LENGTH_AT + i];
    return length;
}

static bool is_whole(const unsigned char *file, size_t length)
{
    uint8_t digest[SHA256_DIGEST_LENGTH];
    if (length <= HEADER_SIZE || memcmp(file, magic, sizeof magic) ||
        read_length(file) != length - HEADER_SIZE)
        return false;
    digest_of(file + HEADER_SIZE, length - HEADER_SIZE, digest);
    return !memcmp(file + DIGEST_AT, digest, sizeof digest);
}

bool cache_load(const char *key, unsigned char **bytes, size_t *length)
{
    unsigned char *file = NULL;
    size_t file_length = 0;
    bool loaded = false;
    char *path = cache_path(key);
    bool there;
    if (!path)
        goto done;
    int result = file_look(path, STATUS_RUNTIME, &there);
    if (!result && !there)
        goto done;
    if (result || file_read(path, BINARY_LIMIT, STATUS_RUNTIME, &file, &file_length)) {
        log_detail("kernel cache: %s", error_message());
        error_clear();
        goto done;
    }
    if (!is_whole(file, file_length)) {
        log_detail("kernel cache: %s is damaged; it will be replaced", path);
        goto done;
    }
    *length = file_length - HEADER_SIZE;
    memmove(file, file + HEADER_SIZE, *length);
    *bytes = file;
    file = NULL;
    loaded = true;
done:
    free(file);
    free(path);
    return loaded;
}

static int write_file(const char *path, const unsigned char *bytes, size_t length)
{
    unsigned char *file = allocate(HEADER_SIZE + length, 1);
    if (!file)
        return -1;
    memcpy(file, magic, sizeof magic);
    for (int i = 0; i < 8; i++)
        file[LENGTH_AT + i] = (unsigned char)((uint64_t)length >> (8 * i));
    digest_of(bytes, length, file + DIGEST_AT);
    memcpy(file + HEADER_SIZE, bytes, length);
    int result = file_write_atomic(path, file, HEADER_SIZE + length);
    free(file);
    return result;
}

void cache_store(const char *key, const unsigned char *bytes, size_t length)
{
    char *directory = cache_directory(), *path = cache_path(key);
    if (directory && path && (directory_make(directory) || write_file(path, bytes, length))) {
        log_detail("kernel cache: not kept: %s", error_message());
        error_clear();
    }
    free(directory);
    free(path);
}
