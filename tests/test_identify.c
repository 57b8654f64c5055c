/* Files by how they start, and what commands say of those that they cannot use. */
#include "scratch.h"

#include "base/identify.h"
#include "config/settings.h"
#include "exchange/safetensors.h"
#include "models/model_file.h"
#include "search/space.h"

#define START(text) text, sizeof text - 1

static const struct {
    const char *bytes;
    size_t length;
    const char *path, *name;
    enum file_type type;
} files[] = {
    {START("PK\3\4\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\20\0\0\0archive/data.pkl\x80\2"),
     "m.bin", "a PyTorch file", FILE_OTHER},
    {START("PK\3\4\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x7\0\0\0version3"), "m.PT",
     "a PyTorch file", FILE_OTHER},
    {START("PK\3\4\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\xd\0\0\0metadata.json{}"), "m",
     "a Keras file", FILE_OTHER},
    {START("PK\3\4\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\5\0\0\0other"), "m.keras",
     "a Keras file", FILE_OTHER},
    {START("PK\3\4\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x9\0\0\0arr_0.npy\x93NUMPY"), "m",
     "NumPy arrays (.npz)", FILE_OTHER},
    {START("PK\3\4\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\xff\xff\0\0a.txt"), "m.zip",
     "a zip archive", FILE_OTHER},
    {START("PK\3\4"), "m.zip", "a file of unknown bytes", FILE_BINARY},
    {START("\x89HDF\r\n\x1a\n\0\0\0"), "m.h5", "an HDF5 file, such as Keras' .h5", FILE_OTHER},
    {START("\x08\x07\x12\x07pytorch\x1a\x05"), "m.onnx", "an ONNX file", FILE_OTHER},
    {START("\x08\x01\x12\xf0\x10\x0a\x0f"), "saved_model.pb", "a TensorFlow graph", FILE_OTHER},
    {START("\x0a\x20\x0a\x05input"), "frozen.pb", "a TensorFlow graph", FILE_OTHER},
    {START("\x1c\0\0\0TFL3\x14"), "m.tflite", "a TensorFlow Lite file", FILE_OTHER},
    {START("GGUF\3\0\0\0"), "m.gguf", "a GGUF file", FILE_OTHER},
    {START("\x93NUMPY\1\0"), "m.npy", "a NumPy array (.npy)", FILE_OTHER},
    {START("\x80\x02\x8a\x0al\xfc\x9c\x46\xf9 j"), "old.pth", "a PyTorch file (of before 1.6)",
     FILE_OTHER},
    {START("\x80\x04\x95\x10"), "m.pkl", "a Python pickle", FILE_OTHER},
    {START("\x89PNG\r\n\x1a\n"), "a.safetensors", "a picture (PNG)", FILE_PICTURE},
    {START("\xff\xd8\xff\xe0"), "a.jpg", "a picture (JPEG)", FILE_PICTURE},
    {START("P5\n28 28\n255\n"), "a.pgm", "a picture (PGM or PPM)", FILE_PICTURE},
    {START("\x1f\x8b\x08\0"), "m.gz", "packed with gzip; unpack it first", FILE_OTHER},
    {START("<!DOCTYPE html>\n"), "m", "an HTML page, perhaps in place of a download", FILE_OTHER},
    {START("\n\n  <HTML>\n"), "m", "an HTML page, perhaps in place of a download", FILE_OTHER},
    {START("version https://git-lfs.github.com/spec/v1\noid"), "m",
     "a git-lfs pointer in place of the file (`git lfs pull` brings it)", FILE_OTHER},
    {START("{\"a\": 1}"), "config.json", "a JSON text", FILE_OTHER},
    {START("\2\0\0\0\0\0\0\0{}"), "m", "a safetensors file", FILE_SAFETENSORS},
    {START("\xef\xbb\xbf; mine\n\n# and\n [model] ; x\n"), "c", "a config", FILE_INI},
    {START("[model]\nfilters = 3\0\n"), "c", "a config", FILE_INI},
    {START("[1, 2]\n"), "c", "a text", FILE_TEXT},
    {START("filters = 3\n"), "c", "a text", FILE_TEXT},
    {START("P\0 "), "c", "a file of unknown bytes", FILE_BINARY},
    {START("\1\2\3"), "c", "a file of unknown bytes", FILE_BINARY},
    {START(""), "c", NULL, FILE_UNKNOWN},
};
enum { FILES = sizeof files / sizeof *files };

static void files_are_known_by_their_start(void **state)
{
    (void)state;
    for (size_t i = 0; i < FILES; i++) {
        file_kind kind =
            bytes_identify((const unsigned char *)files[i].bytes, files[i].length, files[i].path);
        if (kind.type != files[i].type || !kind.name != !files[i].name ||
            (kind.name && strcmp(kind.name, files[i].name)))
            fail_msg("%s, no. %zu: \"%s\" (%d) instead of \"%s\" (%d)", files[i].path, i, kind.name,
                     kind.type, files[i].name, files[i].type);
    }
}

/* Cut anywhere, in a block of just that length, so that reading beyond it is noticed. */
static void cut_files_are_no_danger(void **state)
{
    (void)state;
    for (size_t i = 0; i < FILES; i++) {
        for (size_t length = 0; length < files[i].length; length++) {
            unsigned char *cut = malloc(length ? length : 1);
            memcpy(cut, files[i].bytes, length);
            file_kind kind = bytes_identify(cut, length, files[i].path);
            assert_int_equal(!kind.name, kind.type == FILE_UNKNOWN);
            free(cut);
        }
    }
}

static void files_that_cannot_be_read_are_unknown(void **state)
{
    (void)state;
    assert_int_equal(file_identify(scratch_path("missing")).type, FILE_UNKNOWN);
    assert_int_equal(file_identify("/dev/null").type, FILE_UNKNOWN);
    assert_int_equal(file_identify(scratch).type, FILE_DIRECTORY);
}

static void the_wrong_file_is_named(void **state)
{
    (void)state;
    for (size_t i = 0; i < FILES; i++) {
        if (files[i].type != FILE_OTHER)
            continue;
        const char *path = scratch_file(files[i].path, files[i].bytes, files[i].length);
        model_file model;
        settings *s = NULL;
        space *searched = NULL;
        assert_int_equal(model_open(path, NULL, 0, &model), -1);
        assert_error(STATUS_DATA, path, files[i].name);
        assert_null(model.settings);
        assert_null(model.tensors);
        assert_int_equal(settings_load(&s, path, NULL, 0), -1);
        assert_error(STATUS_USAGE, files[i].name, "and a config, an INI file, is needed here");
        assert_int_equal(space_load(&searched, path, NULL, 0), -1);
        assert_error(STATUS_USAGE, files[i].name, "and a space, an INI file, is needed here");
        unlink(path);
    }
}

static void models_and_configs_are_told_apart(void **state)
{
    (void)state;
    static const char ini[] = "[model]\nfilters = 2\n";
    const struct stored_text checkpoint = {"format", "unblend checkpoint 1"};
    model_file model;
    settings *s = NULL;
    const char *config = scratch_file("config.ini", START(ini));
    assert_int_equal(model_open(config, NULL, 0, &model), -1);
    assert_error(STATUS_DATA, "config.ini: a config, and a model is needed", "`unblend train`");
    assert_int_equal(safetensors_write(scratch_path("stored"), NULL, 0, &checkpoint, 1), 0);
    assert_int_equal(settings_load(&s, scratch_path("stored"), NULL, 0), -1);
    assert_error(STATUS_USAGE, "stored: a model", "take models");
    assert_int_equal(model_open(scratch_path("stored"), NULL, 0, &model), -1);
    assert_error(STATUS_DATA, "a checkpoint of a training", "model.safetensors");
    assert_int_equal(settings_load(&s, scratch, NULL, 0), -1);
    assert_error(STATUS_USAGE, "a directory; the config in it is", "/config.ini");
    assert_int_equal(model_open(scratch, NULL, 0, &model), -1);
    assert_error(STATUS_DATA, scratch, "a directory");
    scratch_file("saved_model.pb", "", 0);
    assert_int_equal(model_open(scratch, NULL, 0, &model), -1);
    assert_error(STATUS_DATA, scratch, "a TensorFlow SavedModel");
    scratch_file("model.safetensors", "", 0);
    assert_int_equal(model_open(scratch, NULL, 0, &model), -1);
    assert_error(STATUS_DATA, "a directory; the model in it is", "/model.safetensors");
    assert_int_equal(model_open(scratch_file("text", START("hello")), NULL, 0, &model), -1);
    assert_error(STATUS_DATA, "text: a text; unblend reads its own", ".safetensors");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_are_known_by_their_start),
        cmocka_unit_test(cut_files_are_no_danger),
        cmocka_unit_test(files_that_cannot_be_read_are_unknown),
        cmocka_unit_test(the_wrong_file_is_named),
        cmocka_unit_test(models_and_configs_are_told_apart),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
