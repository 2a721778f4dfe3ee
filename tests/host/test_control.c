/* SPDX-License-Identifier: MIT */
/* The verbs about guests: a wish is judged at once, and granted by the guest's owner when
 * it reads its mail; none is lost because a guest is being built or is leaving. */
#include "fake.h"
#include "test.h"

#include "hv/console.h"
#include "hv/control.h"
#include "hv/main.h"

struct list guest_list = {&guest_list, &guest_list};
static struct guest web;
static uint32_t destroyed, created, paused, resumed;

struct guest *guest_find(const char *name)
{
    return !list_is_empty(&guest_list) && strcmp(name, "web") == 0 ? &web : NULL;
}

struct guest *guest_create(const struct guest_config *c)
{
    created++;
    return strcmp(c->name, "large") == 0 ? NULL : &web;
}

void guest_destroy(struct guest *g)
{
    g->state = GUEST_LEAVING;
    destroyed++;
}

void guest_set_paused(struct guest *g, bool wish)
{
    paused += wish && g->state == GUEST_RUNNING;
    resumed += !wish && g->state == GUEST_PAUSED;
}

void console_attach(struct guest *g)
{
    (void)g;
}

const struct guest_config *hv_configured(uint32_t i)
{
    return i < fake_guests_added ? &fake_guest_configs[i] : NULL;
}

static void set_up(enum guest_state state)
{
    memset(&web, 0, sizeof(web));
    list_init(&guest_list);
    list_add_tail(&guest_list, &web.link);
    mail_init(&web.wish.mail, control_grant);
    web.state = state;
}

TEST(control_touches_a_guest_by_mail_only)
{
    set_up(GUEST_RUNNING);
    EXPECT_EQ(control_destroy("web"), CONTROL_OK);
    EXPECT_EQ(web.end, END_NONE);
    mail_read();
    EXPECT_EQ(web.end, END_KILLED);
    EXPECT_EQ(web.after, AFTER_NOTHING);
    set_up(GUEST_RUNNING);
    EXPECT_EQ(control_pause("web"), CONTROL_OK);
    EXPECT_EQ(paused, 0u);
    mail_read();
    EXPECT_EQ(paused, 1u);
}

TEST(control_pause_while_it_is_being_built_is_kept)
{
    set_up(GUEST_BUILDING);
    EXPECT_EQ(control_resume("web"), CONTROL_NOT_PAUSED);
    EXPECT_EQ(control_pause("web"), CONTROL_OK);
    EXPECT_EQ(control_pause("web"), CONTROL_PAUSED);
    mail_read();
    EXPECT_EQ(paused, 0u);
    EXPECT(web.wish.paused); /* the end of the building looks at it */
    EXPECT_EQ(control_resume("web"), CONTROL_OK);
    mail_read();
    EXPECT(!web.wish.paused);
}

/* The last wish before the owner reads counts. */
TEST(control_pause_and_resume_at_once_is_neither)
{
    set_up(GUEST_RUNNING);
    EXPECT_EQ(control_pause("web"), CONTROL_OK);
    EXPECT_EQ(control_resume("web"), CONTROL_OK);
    mail_read();
    EXPECT_EQ(paused + resumed, 0u);
}

TEST(control_says_what_a_guest_is)
{
    set_up(GUEST_LEAVING);
    web.end = END_CRASH;
    EXPECT_EQ(control_pause("web"), CONTROL_LEAVING);
    EXPECT_EQ(control_destroy("web"), CONTROL_LEAVING);
    EXPECT_EQ(control_start("web"), CONTROL_LEAVING);
    EXPECT_STR(control_text(CONTROL_LEAVING), "is leaving");
    web.state = GUEST_ENDED;
    EXPECT_EQ(control_resume("web"), CONTROL_ENDED);
    EXPECT_EQ(control_start("web"), CONTROL_IS_THERE);
    EXPECT_EQ(control_pause("db"), CONTROL_NO_SUCH_GUEST);
    EXPECT_EQ(control_attach("db"), CONTROL_NO_SUCH_GUEST);
    for (enum control_result r = CONTROL_OK; r <= CONTROL_NOT_PAUSED; r++)
        EXPECT(control_text(r) != NULL);
}

/* On its way out it can be given another life, and that can be taken again. */
TEST(control_of_a_leaving_guest_changes_what_comes_after)
{
    set_up(GUEST_LEAVING);
    web.end = END_POWEROFF;
    EXPECT_EQ(control_restart("web"), CONTROL_OK);
    mail_read();
    EXPECT_EQ(web.after, AFTER_RESTART);
    EXPECT_EQ(control_restart("web"), CONTROL_LEAVING);
    EXPECT_EQ(control_destroy("web"), CONTROL_OK);
    mail_read();
    EXPECT_EQ(web.after, AFTER_NOTHING);
    EXPECT_EQ(web.end, END_POWEROFF); /* the first end is the one that counts */
    EXPECT_EQ(destroyed, 0u);
}

TEST(control_of_a_kept_guest)
{
    set_up(GUEST_ENDED);
    web.end = END_CRASH;
    EXPECT_EQ(control_restart("web"), CONTROL_OK);
    mail_read();
    EXPECT_EQ(web.end, END_REBOOT);
    EXPECT(web.state != GUEST_ENDED); /* it ends once more */
    set_up(GUEST_ENDED);
    web.end = END_CRASH;
    EXPECT_EQ(control_destroy("web"), CONTROL_OK);
    mail_read();
    EXPECT_EQ(destroyed, 1u);
}

TEST(control_starts_what_is_configured_and_not_there)
{
    (void)snprintf(fake_guest_configs[0].name, sizeof(fake_guest_configs[0].name), "web");
    (void)snprintf(fake_guest_configs[1].name, sizeof(fake_guest_configs[1].name), "large");
    fake_guests_added = 2;
    EXPECT_EQ(control_start("web"), CONTROL_OK);
    EXPECT_EQ(created, 1u);
    EXPECT_EQ(control_start("large"), CONTROL_NOT_STARTED);
    EXPECT_EQ(control_start("db"), CONTROL_NOT_CONFIGURED);
    EXPECT_EQ(created, 2u);
}
