/* SPDX-License-Identifier: MIT */
/* Boot services: console, pages, files, memory map (UEFI 2.10, chapter 7 and
 * section 13.5). */
#include "firmware.h"

#include "hv/string.h"

#include <efi.h>

static EFI_SYSTEM_TABLE *system_table;
static EFI_BOOT_SERVICES *boot;
static EFI_HANDLE self;

static EFI_GUID loaded_image_guid = LOADED_IMAGE_PROTOCOL;
static EFI_GUID file_system_guid = SIMPLE_FILE_SYSTEM_PROTOCOL;
static EFI_GUID file_info_guid = EFI_FILE_INFO_ID;

#define HIGHEST 0xffffffffull
#define PAGES(bytes) (((uint64_t)(bytes) + HV_PAGE_MASK) >> HV_PAGE_SHIFT)

void fw_init(void *image, void *st)
{
    self = image;
    system_table = st;
    boot = system_table->BootServices;
    /* Reading from a slow stick may take longer than the firmware's five
     * minutes. Without a watchdog there is none to switch off. */
    (void)boot->SetWatchdogTimer(0, 0, 0, NULL);
}

uint64_t fw_system_table(void)
{
    return (uintptr_t)system_table;
}

/* ---- console ---- */

#define LINE_BYTES 256

static void put_text(const char *s)
{
    CHAR16 wide[LINE_BYTES];
    uint32_t n = 0;

    if (!system_table->ConOut) /* no screen and no serial line */
        return;
    for (; s[n] != '\0' && n < LINE_BYTES - 1; n++)
        wide[n] = (CHAR16)(uint8_t)s[n];
    wide[n] = 0;
    (void)system_table->ConOut->OutputString(system_table->ConOut, wide);
}

void fw_say(const char *fmt, ...)
{
    char line[LINE_BYTES];
    va_list ap;

    va_start(ap, fmt);
    (void)hv_vsnprintf(line, sizeof(line), fmt, ap);
    va_end(ap);
    put_text("ringside: ");
    put_text(line);
    put_text("\r\n");
}

void fw_wait(void)
{
    SIMPLE_INPUT_INTERFACE *in = system_table->ConIn;
    EFI_INPUT_KEY key;

    /* Keys from before do not count; first, so that none that answers is lost. */
    if (in)
        (void)in->Reset(in, FALSE);
    fw_say("back to the firmware in ten seconds, or with a key");
    for (uint32_t tenths = 0; tenths < 100; tenths++) {
        if (in && in->ReadKeyStroke(in, &key) == EFI_SUCCESS)
            return;
        (void)boot->Stall(100000);
    }
}

/* ---- memory ---- */

/* Everything that was allocated, for fw_release_all(). The pages of a claim are
 * neighbours and share a run. What has no place here stays taken. */
static struct run {
    uint64_t base, pages;
} runs[256];
static uint32_t nr_runs;

static void remember(uint64_t base, uint64_t pages)
{
    struct run *last = nr_runs > 0 ? &runs[nr_runs - 1] : NULL;

    if (last && last->base + (last->pages << HV_PAGE_SHIFT) == base)
        last->pages += pages;
    else if (nr_runs < HV_ARRAY_SIZE(runs))
        runs[nr_runs++] = (struct run){base, pages};
}

void *fw_alloc(uint32_t bytes)
{
    EFI_PHYSICAL_ADDRESS at = HIGHEST;

    /* As code: the page of the handover is executed where the firmware forbids
     * that for data. */
    if (boot->AllocatePages(AllocateMaxAddress, EfiLoaderCode,
                            (UINTN)PAGES(bytes), &at) != EFI_SUCCESS)
        return NULL;
    remember(at, PAGES(bytes));
    return (void *)(uintptr_t)at;
}

static bool claim(uint64_t base, uint64_t pages)
{
    EFI_PHYSICAL_ADDRESS at = base;

    if (boot->AllocatePages(AllocateAddress, EfiLoaderData, (UINTN)pages, &at) !=
        EFI_SUCCESS)
        return false;
    remember(base, pages);
    return true;
}

void fw_claim(uint32_t base, uint32_t bytes)
{
    uint64_t first = base & ~HV_PAGE_MASK;
    uint64_t pages = PAGES((uint64_t)base + bytes - first);

    if (claim(first, pages))
        return;
    for (uint64_t i = 0; i < pages; i++)
        (void)claim(first + (i << HV_PAGE_SHIFT), 1);
}

void fw_release_all(void)
{
    while (nr_runs > 0) {
        const struct run r = runs[--nr_runs];

        for (uint64_t i = 0; i < r.pages; i++)
            (void)boot->FreePages(r.base + (i << HV_PAGE_SHIFT), 1);
    }
}

/* ---- files ---- */

static EFI_FILE_HANDLE open_root(void)
{
    EFI_LOADED_IMAGE *image;
    EFI_FILE_IO_INTERFACE *volume;
    EFI_FILE_HANDLE root;
    void *p;

    if (boot->HandleProtocol(self, &loaded_image_guid, &p) != EFI_SUCCESS)
        return NULL;
    image = p;
    if (boot->HandleProtocol(image->DeviceHandle, &file_system_guid, &p) !=
        EFI_SUCCESS)
        return NULL;
    volume = p;
    return volume->OpenVolume(volume, &root) == EFI_SUCCESS ? root : NULL;
}

static EFI_STATUS open_path(EFI_FILE_HANDLE *file, const char *path)
{
    CHAR16 wide[LINE_BYTES];
    EFI_FILE_HANDLE root = open_root();
    EFI_STATUS status;
    uint32_t n = 0;

    if (!root)
        return EFI_NO_MEDIA;
    for (; path[n] != '\0' && n < LINE_BYTES - 1; n++)
        wide[n] = path[n] == '/' ? L'\\' : (CHAR16)(uint8_t)path[n];
    wide[n] = 0;
    status = root->Open(root, file, wide, EFI_FILE_MODE_READ, 0);
    (void)root->Close(root);
    return status;
}

/* NULL and the size, or why the file is of no use. */
static const char *file_size(EFI_FILE_HANDLE file, uint32_t max, uint32_t *bytes)
{
    union {
        EFI_FILE_INFO info;
        uint8_t room[sizeof(EFI_FILE_INFO) + 2 * LINE_BYTES];
    } u;
    UINTN n = sizeof(u);

    if (file->GetInfo(file, &file_info_guid, &n, &u) != EFI_SUCCESS)
        return "its size is not to be had";
    if ((u.info.Attribute & EFI_FILE_DIRECTORY) != 0)
        return "it is a directory";
    if (u.info.FileSize == 0)
        return "it is empty";
    if (u.info.FileSize > max)
        return "it is too large";
    *bytes = (uint32_t)u.info.FileSize;
    return NULL;
}

static const char *read_all(EFI_FILE_HANDLE file, uint32_t max, struct fw_file *f)
{
    const char *why = file_size(file, max, &f->bytes);

    if (why)
        return why;
    f->data = fw_alloc(f->bytes);
    if (!f->data)
        return "it is too large for the memory that is free below 4 GiB";
    for (uint32_t have = 0; have < f->bytes;) {
        UINTN n = f->bytes - have;

        if (file->Read(file, &n, f->data + have) != EFI_SUCCESS || n == 0)
            return "it cannot be read to its end";
        have += (uint32_t)n;
    }
    return NULL;
}

static const char *open_fault(EFI_STATUS status)
{
    if (status == EFI_NO_MEDIA)
        return "the loader was not started from a volume with files";
    return status == EFI_NOT_FOUND ? "there is no such file"
                                   : "it cannot be opened";
}

bool fw_read_file(struct fw_file *f, const char *path, uint32_t max)
{
    EFI_FILE_HANDLE file;
    EFI_STATUS status = open_path(&file, path);
    const char *why = status == EFI_SUCCESS ? NULL : open_fault(status);

    if (!why) {
        why = read_all(file, max, f);
        (void)file->Close(file);
    }
    if (why)
        fw_say("%s: %s", path, why);
    return !why;
}

/* ---- memory map ---- */

/* Allocating the buffer splits entries, so do other drivers' timers. */
#define MAP_SLACK 64u

uint32_t fw_map_room(void)
{
    UINTN bytes = 0, key, step = 0;
    UINT32 version;

    if (boot->GetMemoryMap(&bytes, NULL, &key, &step, &version) !=
            EFI_BUFFER_TOO_SMALL ||
        bytes > HV_MIB(1) || step > HV_KIB(1))
        return 0;
    return (uint32_t)(bytes + MAP_SLACK * step);
}

bool fw_get_map(struct info_map *map, uint32_t room, uint64_t *key)
{
    UINTN bytes = room, now, step = 0;
    UINT32 version;

    if (boot->GetMemoryMap(&bytes, (EFI_MEMORY_DESCRIPTOR *)(uintptr_t)map->p, &now,
                           &step, &version) != EFI_SUCCESS)
        return false;
    map->bytes = (uint32_t)bytes;
    map->step = (uint32_t)step;
    *key = now;
    return true;
}

enum leave_answer fw_exit(uint64_t key)
{
    EFI_STATUS status = boot->ExitBootServices(self, (UINTN)key);

    if (status == EFI_SUCCESS)
        return LEAVE_DONE;
    return status == EFI_INVALID_PARAMETER ? LEAVE_STALE : LEAVE_BROKEN;
}
