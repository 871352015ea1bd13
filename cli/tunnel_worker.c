/* SPDX-License-Identifier: Apache-2.0 */
/* The tunnel's workers: they collect and verify evidence, and hand the pair back through a queue and an eventfd. */
#include "cli/tunnel.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

void queue_put(struct pair_queue *q, struct pair *p)
{
	if (!q->last)
		q->last = &q->first;
	p->queue_next = NULL;
	*q->last = p;
	q->last = &p->queue_next;
}

struct pair *queue_take(struct pair_queue *q)
{
	struct pair *p = q->first;

	if (p) {
		q->first = p->queue_next;
		if (!q->first)
			q->last = &q->first;
	}
	return p;
}

static void *worker(void *context)
{
	struct tunnel *t = context;
	const uint64_t one = 1;
	struct pair *p;

	pthread_mutex_lock(&t->lock);
	while (!t->end_workers) {
		p = queue_take(&t->todo);
		if (!p) {
			pthread_cond_wait(&t->work, &t->lock);
			continue;
		}
		pthread_mutex_unlock(&t->lock);
		ctls_work(p->connection);
		pthread_mutex_lock(&t->lock);
		queue_put(&t->done, p);
		if (write(t->wake, &one, sizeof(one)) < 0)
			continue; /* full: it is awake */
	}
	pthread_mutex_unlock(&t->lock);
	return NULL;
}

int workers_start(struct tunnel *t, struct error *err)
{
	sigset_t all, before;
	int rc = 0;

	/* Signals are for the loop. */
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	pthread_mutex_init(&t->lock, NULL);
	pthread_cond_init(&t->work, NULL);
	for (int i = 0; i < TUNNEL_WORKERS && !rc; i++)
		rc = pthread_create(&t->workers[i], NULL, worker, t);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return rc ? fail(err, "threads cannot be started: %s", strerror(rc)) : 0;
}

void workers_end(struct tunnel *t)
{
	pthread_mutex_lock(&t->lock);
	t->end_workers = true;
	pthread_cond_broadcast(&t->work);
	pthread_mutex_unlock(&t->lock);
	for (int i = 0; i < TUNNEL_WORKERS; i++)
		pthread_join(t->workers[i], NULL);
}

void workers_give(struct tunnel *t, struct pair *p)
{
	pthread_mutex_lock(&t->lock);
	queue_put(&t->todo, p);
	pthread_cond_signal(&t->work);
	pthread_mutex_unlock(&t->lock);
}

struct pair *workers_back(struct tunnel *t)
{
	struct pair *p;

	pthread_mutex_lock(&t->lock);
	p = queue_take(&t->done);
	pthread_mutex_unlock(&t->lock);
	return p;
}
