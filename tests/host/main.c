/* SPDX-License-Identifier: MIT */
/* Runs the registered tests of one program and prints, as its last line,
 * "# host: P passed, F failed".  Arguments: names (or parts) of tests to run;
 * -n runs them in this process, for a debugger. */
#include "test.h"

#include <stdarg.h>
#include <sys/wait.h>
#include <unistd.h>

#define TEST_SECONDS 120

jmp_buf test_panic_jump;
bool test_panic_wanted;

static struct test_case *first, **last = &first;
static uint32_t failures; /* of the running test */
static const struct test_case *running;

enum { EXIT_OK, EXIT_FAILED, EXIT_SKIPPED };

/* A unit and the weak fake that it replaces both define their globals. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "detect_odr_violation=0:detect_leaks=0";
}

void test_register(struct test_case *t)
{
    *last = t;
    last = &t->next;
}

void test_fail(const char *file, int line, const char *fmt, ...)
{
    va_list ap;

    if (failures++ > 20)
        return;
    printf("%s:%d: %s: ", file, line, running ? running->name : "");
    va_start(ap, fmt);
    vprintf(fmt, ap);
    va_end(ap);
    printf("\n");
}

void test_check_eq(const char *file, int line, const char *a_text,
                   const char *b_text, unsigned long long a,
                   unsigned long long b)
{
    if (a != b)
        test_fail(file, line, "%s is 0x%llx, %s is 0x%llx", a_text, a, b_text, b);
}

void test_check_str(const char *file, int line, const char *a_text,
                    const char *a, const char *b)
{
    if (strcmp(a, b) != 0)
        test_fail(file, line, "%s is \"%s\", not \"%s\"", a_text, a, b);
}

void test_abort(void)
{
    fflush(stdout);
    _exit(EXIT_FAILED);
}

void test_skip(const char *why)
{
    printf("%s: skipped: %s\n", running->name, why);
    fflush(stdout);
    _exit(EXIT_SKIPPED);
}

uint32_t test_random(struct test_rng *r)
{
    /* splitmix64 */
    uint64_t z = r->state += 0x9e3779b97f4a7c15ull;

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return (uint32_t)(z >> 32);
}

uint32_t test_random_below(struct test_rng *r, uint32_t n)
{
    return (uint32_t)(((uint64_t)test_random(r) * n) >> 32);
}

/* True if it passed. */
static bool run_here(const struct test_case *t)
{
    failures = 0;
    running = t;
    t->run();
    return failures == 0;
}

static bool run_apart(const struct test_case *t)
{
    int status = 0;
    pid_t pid;

    fflush(stdout);
    pid = fork();
    if (pid == 0) {
        bool ok;

        alarm(TEST_SECONDS);
        ok = run_here(t);
        fflush(stdout);
        _exit(ok ? EXIT_OK : EXIT_FAILED);
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid) {
        printf("%s: cannot be run\n", t->name);
        return false;
    }
    if (WIFSIGNALED(status))
        printf("%s: %s: ended by signal %d\n", t->file, t->name,
               WTERMSIG(status));
    else if (WEXITSTATUS(status) > EXIT_SKIPPED)
        printf("%s: %s: exit status %d\n", t->file, t->name,
               WEXITSTATUS(status));
    return WIFEXITED(status) && (WEXITSTATUS(status) == EXIT_OK ||
                                 WEXITSTATUS(status) == EXIT_SKIPPED);
}

static bool is_chosen(const struct test_case *t, char **args, int n)
{
    bool any = false;

    for (int i = 1; i < n; i++) {
        if (args[i][0] == '-')
            continue;
        any = true;
        if (strstr(t->name, args[i]))
            return true;
    }
    return !any;
}

int main(int argc, char **argv)
{
    bool here = argc > 1 && strcmp(argv[1], "-n") == 0;
    uint32_t passed = 0, failed = 0;

    for (const struct test_case *t = first; t; t = t->next) {
        if (!is_chosen(t, argv, argc))
            continue;
        if (here ? run_here(t) : run_apart(t)) {
            passed++;
        } else {
            printf("FAILED %s\n", t->name);
            failed++;
        }
    }
    printf("# host: %u passed, %u failed\n", passed, failed);
    return failed != 0;
}
