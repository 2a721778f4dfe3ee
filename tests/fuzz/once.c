/* SPDX-License-Identifier: MIT */
/* Runs a fuzz target once over each file of the folders (or files) given:
 * how `make check` uses the corpora, without libFuzzer. */
#include "hv/types.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MAX_BYTES (1u << 20)

static unsigned inputs;

static void run_file(const char *path)
{
    FILE *f = fopen(path, "rb");
    uint8_t *whole = malloc(MAX_BYTES), *exact;
    size_t n;

    if (!f || !whole) {
        printf("%s: cannot be read\n", path);
        exit(1);
    }
    n = fread(whole, 1, MAX_BYTES, f);
    fclose(f);
    /* Of its exact size, so that the sanitizer sees a byte too far. */
    exact = malloc(n ? n : 1);
    memcpy(exact, whole, n);
    free(whole);
    (void)LLVMFuzzerTestOneInput(exact, n);
    free(exact);
    inputs++;
}

static void run_folder(const char *path)
{
    DIR *d = opendir(path);
    const struct dirent *e;
    char name[1024];

    while (d && (e = readdir(d)) != NULL) {
        if (e->d_name[0] == '.')
            continue;
        (void)snprintf(name, sizeof(name), "%s/%s", path, e->d_name);
        run_file(name);
    }
    if (d)
        closedir(d);
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        struct stat st;

        if (stat(argv[i], &st) != 0)
            continue;
        if (S_ISDIR(st.st_mode))
            run_folder(argv[i]);
        else
            run_file(argv[i]);
    }
    (void)LLVMFuzzerTestOneInput((const uint8_t *)"", 0);
    printf("%u inputs\n# host: 1 passed, 0 failed\n", inputs);
    return 0;
}
