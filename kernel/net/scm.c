/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files and credentials in AF_UNIX messages. A struct scm is the files of one message; it holds a reference on each.
 * While it waits in a queue it is "in flight": its files count against the sender's RLIMIT_NOFILE, and the AF_UNIX
 * sockets among them are known to the collector, which frees sockets that only messages of each other keep alive.
 *
 * gc_lock guards in_flight, file, flight_link and the gc_ fields of all sockets, the list of sockets in flight and the
 * users' counts; it comes before any socket's lock and is never held when files are released.
 *
 * The collector: a socket is a candidate if all references on its file are in flight. Those that some queue of a
 * non-candidate holds, and all that their queues hold in turn, are reachable; the rest is garbage, and its messages
 * lose their files. A message between queue and landing counts as held from outside, so nothing in use is taken.
 * Releasing a file may release more sockets with more files: files are put one after the other by the outermost
 * scm_free of each task (struct drain), so that chains of any length use no stack.
 */
#include <asm/errno.h>
#include <asm/resource.h>
#include <linux/capability.h>

#include "kernel/mm/kmalloc.h"
#include "kernel/net/unix.h"
#include "lib/base/string.h"

struct scm_user {
	struct list link;
	uint32_t uid;
	uint64_t count; /* files in flight */
};

struct drain {
	struct list link;
	struct task *task;
	struct scm *scms; /* to be released */
};

static struct mutex gc_lock, drain_lock;
static struct list sockets_in_flight = LIST_INIT(sockets_in_flight);
static struct list users = LIST_INIT(users);
static struct list drains = LIST_INIT(drains); /* drain_lock: tasks that release files now */

/* --- in ---------------------------------------------------------------------------------------------------------- */

static int check_credentials(const struct user_credentials *c)
{
	const struct cred *own = current()->cred;
	struct process *p;

	if (c->pid != current_process()->pid) {
		if (!capable(CAP_SYS_ADMIN))
			return -EPERM;
		p = process_find(c->pid);
		if (!p)
			return -ESRCH;
		process_put(p);
	}
	if (c->uid != own->uid && c->uid != own->euid && c->uid != own->suid &&
	    !capable(CAP_SETUID))
		return -EPERM;
	if (c->gid != own->gid && c->gid != own->egid && c->gid != own->sgid &&
	    !capable(CAP_SETGID))
		return -EPERM;
	return c->uid == ~0u || c->gid == ~0u ? -EINVAL : 0;
}

static int add_files(struct scm **scm, const int *fds, size_t count, size_t room)
{
	if (!count)
		return 0;
	if (count > SCM_MAX_FDS || (*scm && count > SCM_MAX_FDS - (*scm)->count))
		return -EINVAL;
	if (!*scm) {
		*scm = kzalloc(sizeof(**scm) +
			       MIN(room, (size_t)SCM_MAX_FDS) * sizeof(struct file *));
		if (!*scm)
			return -ENOMEM;
	}
	while (count--) {
		struct file *f = fd_get_path(*fds++);

		if (!f)
			return -EBADF;
		(*scm)->files[(*scm)->count++] = f;
	}
	return 0;
}

int scm_parse(const struct send_args *a, struct scm **ret_scm,
	      struct user_credentials *ret_credentials, bool *ret_has_credentials)
{
	struct control_cursor c = { a->control, a->control_size };
	const unsigned char *data;
	struct control_header h;
	struct scm *scm = NULL;
	int error;

	while ((error = control_next(&c, &h, &data)) > 0) {
		error = 0;
		if (h.level == SOL_SOCKET && h.type == SCM_RIGHTS) {
			error = add_files(&scm, (const int *)(const void *)data,
					  (h.size - sizeof(h)) / sizeof(int),
					  a->control_size / sizeof(int));
		} else if (h.level == SOL_SOCKET && h.type == SCM_CREDENTIALS) {
			error = -EINVAL;
			if (h.size != CONTROL_SIZE(sizeof(*ret_credentials)))
				break;
			memcpy(ret_credentials, data, sizeof(*ret_credentials));
			error = check_credentials(ret_credentials);
			*ret_has_credentials = true;
		} else if (h.level == SOL_SOCKET) {
			error = -EINVAL;
		}
		if (error)
			break;
	}
	if (error) {
		scm_free(scm);
		return error;
	}
	*ret_scm = scm;
	return 0;
}

struct scm *scm_duplicate(struct scm *scm)
{
	struct scm *copy = kmalloc(sizeof(*copy) + scm->count * sizeof(struct file *));

	if (!copy)
		return NULL;
	copy->next = NULL;
	copy->user = NULL;
	copy->count = scm->count;
	for (unsigned int i = 0; i < scm->count; i++)
		copy->files[i] = file_get(scm->files[i]);
	return copy;
}

void scm_peek_barrier(void)
{
	/* A collector that runs now counted before these references were taken: let it finish. */
	mutex_lock(&gc_lock);
	mutex_unlock(&gc_lock);
}

/* --- in flight --------------------------------------------------------------------------------------------------- */

static struct unix_socket *unix_socket_of(const struct file *f)
{
	struct socket *s = f->ops->is_socket ? socket_of_file(f) : NULL;

	return s && s->family == AF_UNIX ? unix_of(s) : NULL;
}

/* gc_lock held. */
static struct scm_user *user_find(uint32_t uid)
{
	struct scm_user *u;

	list_for_each(u, &users, link)
		if (u->uid == uid)
			return u;
	u = kmalloc(sizeof(*u));
	if (!u)
		return NULL;
	u->uid = uid;
	u->count = 0;
	list_add(&users, &u->link);
	return u;
}

static void user_drop(struct scm_user *u)
{
	if (u->count)
		return;
	list_remove(&u->link);
	kfree(u);
}

static int take_off(struct scm *scm, bool unlimited)
{
	uint64_t limit = current_process()->limits[RLIMIT_NOFILE].current;
	struct scm_user *user;
	int error = 0;

	mutex_lock(&gc_lock);
	user = user_find(current()->cred->uid);
	if (!user) {
		error = -ENOMEM;
	} else if (user->count > limit && !unlimited) {
		error = -ETOOMANYREFS;
	} else {
		user->count += scm->count;
		scm->user = user;
		for (unsigned int i = 0; i < scm->count; i++) {
			struct unix_socket *s = unix_socket_of(scm->files[i]);

			if (!s)
				continue;
			s->file = scm->files[i];
			if (!s->in_flight++)
				list_add(&sockets_in_flight, &s->flight_link);
		}
	}
	mutex_unlock(&gc_lock);
	return error;
}

int scm_take_off(struct scm *scm)
{
	bool unlimited = capable(CAP_SYS_RESOURCE) || capable(CAP_SYS_ADMIN);
	int error = take_off(scm, unlimited);

	if (error != -ETOOMANYREFS)
		return error;
	scm_collect();
	return take_off(scm, unlimited);
}

void scm_land(struct scm *scm)
{
	if (!scm->user)
		return;
	mutex_lock(&gc_lock);
	for (unsigned int i = 0; i < scm->count; i++) {
		struct unix_socket *s = unix_socket_of(scm->files[i]);

		if (s && !--s->in_flight)
			list_remove(&s->flight_link);
	}
	scm->user->count -= scm->count;
	user_drop(scm->user);
	scm->user = NULL;
	mutex_unlock(&gc_lock);
}

void scm_free(struct scm *scm)
{
	struct drain own = { .task = current(), .scms = scm }, *d;
	struct scm *next;

	if (!scm)
		return;
	scm->next = NULL;
	mutex_lock(&drain_lock);
	list_for_each(d, &drains, link) {
		if (d->task != own.task)
			continue;
		/* Inside a release that this task's own scm_free makes: leave it to that one. */
		scm->next = d->scms;
		d->scms = scm;
		mutex_unlock(&drain_lock);
		return;
	}
	list_add(&drains, &own.link);
	mutex_unlock(&drain_lock);
	while ((next = own.scms)) {
		own.scms = next->next;
		for (unsigned int i = 0; i < next->count; i++)
			file_put(next->files[i]);
		kfree(next);
	}
	mutex_lock(&drain_lock);
	list_remove(&own.link);
	mutex_unlock(&drain_lock);
}

void scm_free_queued(struct scm *scms)
{
	struct scm *scm;

	while ((scm = scms)) {
		scms = scm->next;
		scm_land(scm);
		scm_free(scm);
	}
}

/* --- out --------------------------------------------------------------------------------------------------------- */

static int deliver_files(struct receive_args *a, struct scm *scm)
{
	struct control_header h = { .level = SOL_SOCKET, .type = SCM_RIGHTS };
	size_t room = a->control_left > sizeof(h) ? (a->control_left - sizeof(h)) / sizeof(int) : 0,
	       space;
	unsigned int count = (unsigned int)MIN(room, (size_t)scm->count), done;
	bool cloexec = a->flags & MSG_CMSG_CLOEXEC;

	for (done = 0; done < count; done++) {
		int fd = fd_alloc(scm->files[done], 0, cloexec);

		if (fd < 0)
			break;
		if (put_user(fd, uptr_add(a->control, sizeof(h) + done * sizeof(int)))) {
			if (fd_close(fd))
				return -EFAULT;
			break;
		}
	}
	if (done < scm->count)
		a->result_flags |= MSG_CTRUNC;
	if (!done)
		return 0;
	h.size = CONTROL_SIZE(done * sizeof(int));
	space = MIN(CONTROL_SPACE(done * sizeof(int)), a->control_left);
	if (copy_out(a->control, &h, sizeof(h)))
		return -EFAULT;
	a->control = uptr_add(a->control, space);
	a->control_left -= space;
	return 0;
}

int scm_deliver(struct receive_args *a, const struct user_credentials *credentials, struct scm *scm)
{
	int error = 0;

	if (credentials)
		error = control_put(a, SOL_SOCKET, SCM_CREDENTIALS, credentials,
				    sizeof(*credentials));
	if (!error && scm)
		error = deliver_files(a, scm);
	scm_free(scm);
	return error;
}

/* --- collector ----------------------------------------------------------------------------------------------------- */

typedef void scan_func(struct scm **scm, void *argument);

static void scan_own_queue(struct unix_socket *u, scan_func *fn, void *argument)
{
	struct unix_message *m;
	struct unix_record *r;

	list_for_each(m, &u->messages, link)
		if (m->scm)
			fn(&m->scm, argument);
	list_for_each(r, &u->records, link)
		if (r->scm)
			fn(&r->scm, argument);
}

/* All that waits in u, or in connections it has not accepted yet. gc_lock held. */
static void scan(struct unix_socket *u, scan_func *fn, void *argument)
{
	struct unix_socket *child;

	mutex_lock(&u->lock);
	scan_own_queue(u, fn, argument);
	list_for_each(child, &u->backlog, backlog_link) {
		mutex_lock(&child->lock);
		scan_own_queue(child, fn, argument);
		mutex_unlock(&child->lock);
	}
	mutex_unlock(&u->lock);
}

static void scan_count(struct scm **scm, void *argument)
{
	(void)argument;
	for (unsigned int i = 0; i < (*scm)->count; i++) {
		struct unix_socket *s = unix_socket_of((*scm)->files[i]);

		if (s && s->gc_candidate)
			s->gc_left--;
	}
}

/* argument: list of sockets found reachable, still to be scanned. */
static void scan_reach(struct scm **scm, void *argument)
{
	struct list *reached = argument;

	for (unsigned int i = 0; i < (*scm)->count; i++) {
		struct unix_socket *s = unix_socket_of((*scm)->files[i]);

		if (!s || !s->gc_candidate)
			continue;
		s->gc_candidate = false;
		list_remove(&s->gc_link);
		list_add_tail(reached, &s->gc_link);
	}
}

static void scan_take(struct scm **scm, void *argument)
{
	struct scm **taken = argument;

	(*scm)->next = *taken;
	*taken = *scm;
	*scm = NULL;
}

void scm_collect(void)
{
	struct list candidates = LIST_INIT(candidates), reached = LIST_INIT(reached);
	struct scm *garbage = NULL;
	struct unix_socket *u, *next;

	if (likely(__atomic_load_n(&sockets_in_flight.next, __ATOMIC_RELAXED) ==
		   &sockets_in_flight))
		return;
	mutex_lock(&gc_lock);
	list_for_each(u, &sockets_in_flight, flight_link) {
		u->gc_candidate = __atomic_load_n(&u->file->refs.v, __ATOMIC_ACQUIRE) ==
				  u->in_flight;
		u->gc_left = u->in_flight;
		if (u->gc_candidate)
			list_add_tail(&candidates, &u->gc_link);
	}
	list_for_each(u, &candidates, gc_link)
		scan(u, scan_count, NULL);
	list_for_each_safe(u, next, &candidates, gc_link) {
		if (!u->gc_left)
			continue;
		u->gc_candidate = false;
		list_remove(&u->gc_link);
		list_add_tail(&reached, &u->gc_link);
	}
	while (!list_empty(&reached)) {
		u = list_first(&reached, struct unix_socket, gc_link);
		list_remove(&u->gc_link);
		scan(u, scan_reach, &reached);
	}
	while (!list_empty(&candidates)) {
		u = list_first(&candidates, struct unix_socket, gc_link);
		list_remove(&u->gc_link);
		u->gc_candidate = false;
		scan(u, scan_take, &garbage);
	}
	mutex_unlock(&gc_lock);
	scm_free_queued(garbage);
}
