#define _GNU_SOURCE /* memmem */
#include "base/identify.h"

#include "base/files.h"
#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { START = 512 }; /* bytes that are looked at */

typedef struct start {
    const unsigned char *bytes;
    size_t length;
} start;

static bool is_one_of(unsigned char byte, const char *set)
{
    return byte && strchr(set, byte);
}

/* ---- By bytes at a known place ---- */

#define SPOILT                                                                                     \
    "a PNG spoilt by a transfer as text (line ends or upper bits were changed): copy it again, "   \
    "as "                                                                                          \
    "binary"
#define AS_UTF_8 "binary data that a program took for text and wrote as UTF-8: copy it again"

typedef struct magic {
    size_t offset;
    const char *bytes;
    size_t length;
    const char *name;
} magic;

#define MAGIC(offset, bytes, name)                                                                 \
    {                                                                                              \
        offset, bytes, sizeof bytes - 1, name                                                      \
    }
static const magic pictures[] = {
    MAGIC(0, "\x89PNG\r\n\x1a\n", "a picture (PNG)"),
    MAGIC(0, "\xff\xd8\xff", "a picture (JPEG)"),
    MAGIC(0, "GIF8", "a picture (GIF)"),
    MAGIC(0, "II*\0", "a picture (TIFF)"),
    MAGIC(0, "MM\0*", "a picture (TIFF)"),
    MAGIC(0, "II+\0", "a picture (TIFF)"),
    MAGIC(0, "MM\0+", "a picture (TIFF)"),
    MAGIC(8, "WEBP", "a picture (WebP)"),
    MAGIC(4, "ftypavif", "a picture (AVIF)"),
    MAGIC(4, "ftypavis", "a picture (AVIF)"),
    MAGIC(4, "ftyphe", "a picture (HEIC, as telephones make them)"),
    MAGIC(4, "ftypmif1", "a picture (HEIC, as telephones make them)"),
    MAGIC(4, "ftypmsf1", "a picture (HEIC, as telephones make them)"),
    MAGIC(4, "JXL ", "a picture (JPEG XL)"),
    MAGIC(0, "\xff\x0a", "a picture (JPEG XL)"),
    MAGIC(4, "jP  ", "a picture (JPEG 2000)"),
    MAGIC(0, "\xff\x4f\xff\x51", "a picture (JPEG 2000)"),
    MAGIC(0, "8BPS", "a picture (Photoshop)"),
    MAGIC(0, "\0\0\1\0", "a picture (an icon)"),
    MAGIC(0, "qoif", "a picture (QOI)"),
    MAGIC(0, "%!PS", "a PostScript file"),
    MAGIC(0, "%PDF", "a PDF"),
};
static const magic others[] = {
    MAGIC(0, "\x89HDF\r\n\x1a\n", "an HDF5 file, such as Keras' .h5"),
    MAGIC(0, "GGUF", "a GGUF file"),
    MAGIC(4, "TFL3", "a TensorFlow Lite file"),
    MAGIC(0, "\x93NUMPY", "a NumPy array (.npy)"),
    MAGIC(0, "\x80\x02\x8a\x0al\xfc\x9c\x46\xf9", "a PyTorch file (of before 1.6)"),
    MAGIC(0, "\x80\x02", "a Python pickle"),
    MAGIC(0, "\x80\x03", "a Python pickle"),
    MAGIC(0, "\x80\x04", "a Python pickle"),
    MAGIC(0, "\x80\x05", "a Python pickle"),
    MAGIC(4, "ftyp", "a film"),
    MAGIC(0, "\x1f\x8b", "packed with gzip; unpack it first"),
    MAGIC(0, "BZh", "packed with bzip2; unpack it first"),
    MAGIC(0, "\xfd\x37zXZ", "packed with xz; unpack it first"),
    MAGIC(0, "\x28\xb5\x2f\xfd", "packed with zstd; unpack it first"),
    MAGIC(0, "7z\xbc\xaf", "a 7z archive"),
    MAGIC(257, "ustar", "a tar archive"),
    MAGIC(0, "\x7f\x45LF", "a program (ELF)"),
    MAGIC(0, "version https://git-lfs.github.com/spec/",
          "a git-lfs pointer in place of the file (`git lfs pull` brings it)"),
    MAGIC(0, "\xef\xbf\xbd", AS_UTF_8),
    MAGIC(0, "\xc2\x89PNG", AS_UTF_8),
    MAGIC(0, "\xc3\xbf\xc3\x98", AS_UTF_8),
    MAGIC(0, "\x89PNG", SPOILT),
    MAGIC(0, "\tPNG", SPOILT),
    MAGIC(0, "?PNG", SPOILT),
    MAGIC(0, "PNG\r", SPOILT),
    MAGIC(0, "PNG\n", SPOILT),
};
#undef MAGIC
#define COUNT(list) (sizeof(list) / sizeof *(list))

static const char *by_magic(start s, const magic *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (s.length >= list[i].offset + list[i].length &&
            !memcmp(s.bytes + list[i].offset, list[i].bytes, list[i].length))
            return list[i].name;
    return NULL;
}

/* Too short a start to be in the lists. */
static const char *by_letters(start s)
{
    if (s.length > 9 && !memcmp(s.bytes, "BM", 2) && !memcmp(s.bytes + 6, "\0\0\0\0", 4))
        return "a picture (BMP)";
    if (s.length < 3 || s.bytes[0] != 'P' || !isspace(s.bytes[2]))
        return NULL;
    switch (s.bytes[1]) {
    case '1':
    case '4':
        return "a picture (PBM, black and white)";
    case '2':
    case '3':
    case '5':
    case '6':
        return "a picture (PGM or PPM)";
    case '7':
        return "a picture (PAM)";
    case 'F':
    case 'f':
        return "a picture (PFM, floating point)";
    }
    return NULL;
}

/* Bytes of a copy that was cut short, or never begun. */
static const char *by_damage(start s)
{
    if (s.length < 8 && !memcmp(s.bytes, "\x89PNG\r\n\x1a\n", s.length))
        return "a PNG cut short within its first 8 bytes";
    for (size_t i = 0; i < s.length; i++)
        if (s.bytes[i])
            return NULL;
    return "only zero bytes where its header should be; perhaps a copy was cut short";
}

/* ---- Containers ---- */

static bool ends_with(const char *name, const char *ending)
{
    size_t length = strlen(name), tail = strlen(ending);
    return length >= tail && !strcasecmp(name + length - tail, ending);
}

/* A zip, by the name of its first entry, or by its own. */
static const char *by_zip(start s, const char *path)
{
    char name[128] = "";
    if (s.length < 30 || memcmp(s.bytes, "PK\3\4", 4))
        return NULL;
    size_t length = s.bytes[26] + ((size_t)s.bytes[27] << 8);
    if (length < sizeof name && 30 + length <= s.length)
        memcpy(name, s.bytes + 30, length);
    if (ends_with(name, "/data.pkl") || ends_with(path, ".pt") || ends_with(path, ".pth") ||
        ends_with(path, ".ckpt"))
        return "a PyTorch file";
    if (ends_with(name, ".npy") || ends_with(path, ".npz"))
        return "NumPy arrays (.npz)";
    if (!strcmp(name, "metadata.json") || !strcmp(name, "config.json") || ends_with(path, ".keras"))
        return "a Keras file";
    return "a zip archive";
}

/* Protocol buffers have no magic. Both begin with a version, field 1, and then say who made them
 * (ONNX: a text) or go on with the graph. */
static const char *by_protobuf(start s, const char *path)
{
    bool versioned = s.length > 4 && s.bytes[0] == 0x08 && s.bytes[1] < 0x40 && s.bytes[2] > 0x08 &&
                     s.bytes[2] % 8 == 2;
    if (ends_with(path, ".pb") && s.length && (versioned || s.bytes[0] == 0x0A))
        return "a TensorFlow graph";
    return versioned ? "an ONNX file" : NULL;
}

/* ---- Texts ---- */

/* Behind blanks, line ends and the mark that some editors put first. */
static start skip_blanks(start s)
{
    if (s.length >= 3 && !memcmp(s.bytes, "\xef\xbb\xbf", 3))
        s = (start){s.bytes + 3, s.length - 3};
    while (s.length && is_one_of(*s.bytes, " \t\r\n"))
        s = (start){s.bytes + 1, s.length - 1};
    return s;
}

static bool begins(start s, const char *text)
{
    size_t length = strlen(text);
    return s.length >= length && !strncasecmp((const char *)s.bytes, text, length);
}

static const char *by_picture(start s)
{
    start text = skip_blanks(s);
    if (begins(text, "<svg") || begins(text, "<!doctype svg") ||
        (begins(text, "<?xml") && memmem(text.bytes, text.length, "<svg", 4)))
        return "a picture (SVG)";
    const char *name = by_magic(s, pictures, COUNT(pictures));
    return name ? name : by_letters(s);
}

/* "[name]" */
static bool is_section(start s)
{
    size_t i = 1;
    while (i < s.length && (isalpha(s.bytes[i]) || is_one_of(s.bytes[i], " \t_.-")))
        i++;
    return i > 1 && i < s.length && s.bytes[0] == '[' && s.bytes[i] == ']';
}

/* An INI file begins with comments and then a section, if with anything. */
static bool is_ini(start s)
{
    while ((s = skip_blanks(s)).length && is_one_of(*s.bytes, ";#")) {
        const unsigned char *end = memchr(s.bytes, '\n', s.length);
        if (!end)
            return true;
        s = (start){end, s.length - (size_t)(end - s.bytes)};
    }
    return is_section(s);
}

static const char *by_text(start s)
{
    start text = skip_blanks(s);
    if (begins(text, "<!doctype html") || begins(text, "<html"))
        return "an HTML page, perhaps in place of a download";
    if (begins(text, "<?xml"))
        return "an XML text";
    return begins(text, "{") ? "a JSON text" : NULL;
}

static bool is_text(start s)
{
    for (size_t i = 0; i < s.length; i++)
        if (s.bytes[i] < ' ' && !is_one_of(s.bytes[i], "\t\r\n\f"))
            return false;
    return true;
}

/* ---- All of it ---- */

/* A length in 8 bytes, of which the upper ones are zero, and JSON. */
static bool is_safetensors(start s)
{
    return s.length > 8 && !memcmp(s.bytes + 4, "\0\0\0\0", 4) && s.bytes[8] == '{';
}

file_kind bytes_identify(const unsigned char *bytes, size_t length, const char *path)
{
    start s = {bytes, length};
    if (!length)
        return (file_kind){FILE_UNKNOWN, NULL};
    if (is_safetensors(s))
        return (file_kind){FILE_SAFETENSORS, "a safetensors file"};
    if (is_ini(s))
        return (file_kind){FILE_INI, "a config"};
    const char *name = by_damage(s);
    if (!name && (name = by_picture(s)))
        return (file_kind){FILE_PICTURE, name};
    if (!name)
        name = by_magic(s, others, COUNT(others));
    if (!name)
        name = by_zip(s, path);
    if (!name)
        name = by_text(s);
    if (!name)
        name = by_protobuf(s, path);
    if (name)
        return (file_kind){FILE_OTHER, name};
    return is_text(s) ? (file_kind){FILE_TEXT, "a text"}
                      : (file_kind){FILE_BINARY, "a file of unknown bytes"};
}

static file_kind identify_directory(const char *path)
{
    char *graph = path_join(path, "saved_model.pb");
    bool tensorflow = graph && file_exists(graph);
    free(graph);
    return (file_kind){FILE_DIRECTORY, tensorflow ? "a TensorFlow SavedModel" : "a directory"};
}

file_kind file_identify(const char *path)
{
    unsigned char bytes[START];
    if (directory_exists(path))
        return identify_directory(path);
    FILE *in = file_exists(path) ? fopen(path, "rb") : NULL;
    if (!in)
        return (file_kind){FILE_UNKNOWN, NULL};
    size_t length = fread(bytes, 1, sizeof bytes, in);
    bool whole = !ferror(in);
    fclose(in);
    return whole ? bytes_identify(bytes, length, path) : (file_kind){FILE_UNKNOWN, NULL};
}
