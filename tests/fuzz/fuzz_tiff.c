/* A TIFF file, under libFuzzer (`make fuzz`). */
#include "decode_bytes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    decode_bytes(decode_tiff, data, size);
    return 0;
}
