#include "opencl/tuning.h"

#include "base/error.h"
#include <string.h>

/* A class's values: what the others have no reason to differ in is written once. */
#define VALUES(vectors_, tile_)                                                                    \
    {                                                                                              \
        .vectors = (vectors_), .tile = (tile_), .winograd_channels = 16, .winograd_tiles = 16,     \
        .gradient_tiles = 32, .weight_chunks = 2, .fetch = 1, .rows = 64, .columns = 64,           \
        .depth = 16                                                                                \
    }

const tuning tuning_default = VALUES(2, 8);

/*
 * A register tile keeps tile * vectors sums, `vectors` weights and a value in registers. Each is 16
 * floats: 1 register of AVX-512, 2 of AVX2, 4 of SSE and NEON.
 *
 *   vectors  tile  registers            there are
 *   2        8     16 + 2 + 1 = 19      32 (AVX-512; 12 and 6 would fit as well)
 *   1        6     12 + 2 + 1 = 15      16 (AVX2; the value takes one: it is the same 16 times)
 *   1        4     16 + 4 + 1 = 21      32 (NEON; the 16 of SSE do not hold it, nor a tile of 3)
 *
 * Only the first class was measured; the others are reckoned from this table. GPUs: the tiled
 * kernels' sizes were chosen without one at hand.
 */
static const tuning_class classes[] = {
    {"cpu16", "CPU with vectors of 16 floats", true, 16, VALUES(2, 8)},
    {"cpu8", "CPU with vectors of 8 floats", true, 8, VALUES(1, 6)},
    {"cpu4", "CPU with vectors of 4 floats", true, 0, VALUES(1, 4)},
    {"gpu", "GPU", false, 0,
     VALUES(2, 8)}, /* vector kernels: only if device.kernels asks for them */
};

const tuning_class *tuning_class_of(bool cpu, unsigned vector_width)
{
    const tuning_class *c = classes;
    while (c->cpu != cpu || (cpu && vector_width < c->vector_width))
        c++;
    return c;
}

const tuning_class *tuning_class_named(const char *key)
{
    for (size_t i = 0; i < sizeof classes / sizeof *classes; i++)
        if (!strcmp(classes[i].key, key))
            return &classes[i];
    return NULL;
}

const char *const tuning_sections[TUNING_SECTIONS] = {"vector", "tiled", "xgemm", "xgemm_direct"};

/* CLBlast 1.5.3's names, in its order. */
enum { GEMMK, KREG, KWG, KWI, MDIMA, MDIMC, MWG, NDIMB, NDIMC, NWG, SA, SB, STRM, STRN, VWM, VWN };
enum { KWID, MDIMAD, MDIMCD, NDIMBD, NDIMCD, PADA, PADB, VWMD, VWND, WGD };

#define ROW(section, name, low, high, multiple, count, ...)                                        \
    {                                                                                              \
        section, #name, offsetof(tuning, name), low, high, multiple, count,                        \
        {                                                                                          \
            __VA_ARGS__                                                                            \
        }                                                                                          \
    }
#define VECTOR(name, low, high, multiple, count, ...)                                              \
    ROW(SECTION_VECTOR, name, low, high, multiple, count, __VA_ARGS__)
#define TILED(name, low, high, multiple, count, ...)                                               \
    ROW(SECTION_TILED, name, low, high, multiple, count, __VA_ARGS__)
#define XGEMM(name, low, high, ...)                                                                \
    {                                                                                              \
        SECTION_XGEMM, #name, offsetof(tuning, xgemm[name]), low, high, 1, 8,                      \
        {                                                                                          \
            __VA_ARGS__                                                                            \
        }                                                                                          \
    }
#define DIRECT(name, low, high, ...)                                                               \
    {                                                                                              \
        SECTION_XGEMM_DIRECT, #name, offsetof(tuning, xgemm_direct[name]), low, high, 1, 7,        \
        {                                                                                          \
            __VA_ARGS__                                                                            \
        }                                                                                          \
    }

const tunable tunables[TUNABLES] = {
    VECTOR(vectors, 1, 2, 1, 2, 1, 2),
    VECTOR(tile, 2, 16, 1, 4, 4, 6, 8, 12),
    VECTOR(winograd_channels, 0, 4096, 1, 4, 0, 16, 32, 64),
    VECTOR(winograd_tiles, 1, 256, 1, 3, 8, 16, 32),
    VECTOR(gradient_tiles, 1, 256, 1, 4, 8, 16, 32, 64),
    VECTOR(weight_chunks, 1, 64, 1, 4, 1, 2, 4, 8),
    VECTOR(fetch, 0, 1, 1, 2, 0, 1),
    TILED(rows, 16, 128, 16, 3, 32, 64, 128),
    TILED(columns, 16, 128, 16, 3, 32, 64, 128),
    TILED(depth, 4, 64, 1, 3, 8, 16, 32),
    /* A column is a set: small tiles, then larger ones, the seventh without local memory. */
    DIRECT(KWID, 1, 64, 2, 2, 2, 2, 2, 2, 8),
    DIRECT(MDIMAD, 1, 64, 8, 8, 8, 16, 16, 16, 8),
    DIRECT(MDIMCD, 1, 64, 8, 8, 8, 16, 16, 16, 8),
    DIRECT(NDIMBD, 1, 64, 8, 8, 8, 8, 16, 16, 8),
    DIRECT(NDIMCD, 1, 64, 8, 8, 8, 8, 16, 16, 8),
    DIRECT(PADA, 0, 1, 1, 1, 1, 1, 1, 1, 0),
    DIRECT(PADB, 0, 1, 1, 1, 1, 1, 1, 1, 0),
    DIRECT(VWMD, 1, 8, 1, 2, 4, 2, 1, 2, 4),
    DIRECT(VWND, 1, 8, 1, 2, 4, 2, 1, 2, 4),
    DIRECT(WGD, 1, 128, 8, 16, 32, 32, 16, 32, 64),
    XGEMM(GEMMK, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0),
    XGEMM(KREG, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1),
    XGEMM(KWG, 1, 256, 16, 32, 32, 16, 16, 32, 32, 16),
    XGEMM(KWI, 1, 64, 2, 2, 2, 2, 2, 2, 2, 2),
    XGEMM(MDIMA, 1, 64, 8, 8, 16, 16, 16, 16, 8, 16),
    XGEMM(MDIMC, 1, 64, 8, 8, 16, 16, 16, 16, 8, 8),
    XGEMM(MWG, 1, 256, 32, 64, 64, 64, 128, 128, 64, 128),
    XGEMM(NDIMB, 1, 64, 8, 8, 8, 16, 16, 8, 8, 8),
    XGEMM(NDIMC, 1, 64, 8, 8, 8, 16, 16, 8, 8, 16),
    XGEMM(NWG, 1, 256, 32, 64, 64, 64, 128, 64, 64, 64),
    XGEMM(SA, 0, 1, 1, 1, 1, 1, 1, 1, 0, 1),
    XGEMM(SB, 0, 1, 1, 1, 1, 1, 1, 1, 0, 1),
    XGEMM(STRM, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1),
    XGEMM(STRN, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1),
    XGEMM(VWM, 1, 8, 2, 4, 4, 2, 4, 4, 4, 4),
    XGEMM(VWN, 1, 8, 2, 4, 4, 2, 4, 4, 4, 4),
};

int tunable_value(const tunable *t, const tuning *from)
{
    return *(const int *)((const char *)from + t->offset);
}

void tunable_set(const tunable *t, tuning *to, int value)
{
    *(int *)((char *)to + t->offset) = value;
}

bool section_is_set(enum tuning_section s)
{
    return s == SECTION_XGEMM || s == SECTION_XGEMM_DIRECT;
}

bool tuning_has_set(const tuning *t, enum tuning_section s)
{
    static const tuning none = {0};
    return section_is_set(s) && !tuning_same(t, &none, s);
}

void tuning_copy(tuning *to, const tuning *from, enum tuning_section s)
{
    for (int i = 0; i < TUNABLES; i++)
        if (tunables[i].section == s)
            tunable_set(&tunables[i], to, tunable_value(&tunables[i], from));
}

bool tuning_same(const tuning *a, const tuning *b, enum tuning_section s)
{
    for (int i = 0; i < TUNABLES; i++)
        if (tunables[i].section == s &&
            tunable_value(&tunables[i], a) != tunable_value(&tunables[i], b))
            return false;
    return true;
}

/* ---- What is allowed ---- */

static int check_range(const tunable *t, int value)
{
    const char *section = tuning_sections[t->section];
    if (value < t->low || value > t->high)
        return fail(STATUS_RUNTIME, "%s.%s = %d: out of range (allowed: %d to %d)", section,
                    t->name, value, t->low, t->high);
    if (value % t->multiple)
        return fail(STATUS_RUNTIME, "%s.%s = %d: no multiple of %d", section, t->name, value,
                    t->multiple);
    return 0;
}

/* CLBlast's rules, for its kernel GEMMK = 0: whole % (a * b / c) == 0. */
enum { ONE = -1 };
typedef struct rule {
    int whole, a, b, c;
} rule;
static const rule xgemm_rules[] = {
    {MWG, MDIMC, VWM, ONE},     {NWG, NDIMC, VWN, ONE}, {MWG, MDIMA, VWM, ONE},
    {NWG, NDIMB, VWN, ONE},     {KWG, KWI, ONE, ONE},   {KWG, MDIMC, NDIMC, MDIMA},
    {KWG, MDIMC, NDIMC, NDIMB},
};
static const rule direct_rules[] = {
    {WGD, KWID, ONE, ONE},         {WGD, MDIMCD, VWMD, ONE}, {WGD, NDIMCD, VWND, ONE},
    {WGD, MDIMAD, VWMD, ONE},      {WGD, NDIMBD, VWND, ONE}, {WGD, MDIMCD, NDIMCD, MDIMAD},
    {WGD, MDIMCD, NDIMCD, NDIMBD},
};

static int part(const int *values, int index)
{
    return index == ONE ? 1 : values[index];
}

static bool fits(const int *values, rule r)
{
    int product = part(values, r.a) * part(values, r.b), by = part(values, r.c);
    return product % by == 0 && values[r.whole] % (product / by) == 0;
}

static int check_set(const tuning *t, enum tuning_section s)
{
    const int *values = s == SECTION_XGEMM ? t->xgemm : t->xgemm_direct;
    const rule *rules = s == SECTION_XGEMM ? xgemm_rules : direct_rules;
    size_t count = s == SECTION_XGEMM ? sizeof xgemm_rules / sizeof *xgemm_rules
                                      : sizeof direct_rules / sizeof *direct_rules;
    for (size_t i = 0; i < count; i++)
        if (!fits(values, rules[i]))
            return fail(STATUS_RUNTIME, "the parameters in [%s] do not fit together (rule %zu)",
                        tuning_sections[s], i + 1);
    return 0;
}

int tuning_check(const tuning *t)
{
    for (int i = 0; i < TUNABLES; i++) {
        enum tuning_section s = tunables[i].section;
        if ((!section_is_set(s) || tuning_has_set(t, s)) &&
            check_range(&tunables[i], tunable_value(&tunables[i], t)))
            return -1;
    }
    for (int s = SECTION_XGEMM; s <= SECTION_XGEMM_DIRECT; s++)
        if (tuning_has_set(t, s) && check_set(t, s))
            return -1;
    return 0;
}
