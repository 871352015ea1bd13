/* SPDX-License-Identifier: Apache-2.0 */
/* Random insertions and removals; order and the red-black invariants are checked after each. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/rbtree.c"

#define COUNT 300

struct item {
	struct rb_node node;
	int key;
	bool in;
};
static struct item items[COUNT];
static struct rb_tree tree;

void panic(const char *format, ...)
{
	(void)format;
	abort();
}

#define CHECK(c)                                                                 \
	do {                                                                     \
		if (!(c)) {                                                      \
			printf("%s:%d: not true: %s\n", __FILE__, __LINE__, #c); \
			exit(1);                                                 \
		}                                                                \
	} while (0)

static int black_height(const struct rb_node *n)
{
	int left, right;

	if (!n)
		return 1;
	CHECK(!n->left || n->left->parent == n);
	CHECK(!n->right || n->right->parent == n);
	CHECK(!n->red || (!is_red(n->left) && !is_red(n->right)));
	left = black_height(n->left);
	right = black_height(n->right);
	CHECK(left == right);
	return left + !n->red;
}

static void insert(struct item *i)
{
	struct rb_node **link = &tree.root, *parent = NULL;

	while (*link) {
		parent = *link;
		link = i->key < rb_entry(parent, struct item, node)->key ? &parent->left
									 : &parent->right;
	}
	rb_insert(&tree, &i->node, parent, link);
}

static void check_order(void)
{
	struct rb_node *n = rb_first(&tree), *back = rb_last(&tree);

	for (int i = 0; i < COUNT; i++) {
		if (!items[i].in)
			continue;
		CHECK(n == &items[i].node);
		n = rb_next(n);
	}
	CHECK(!n);
	for (int i = COUNT - 1; i >= 0; i--) {
		if (!items[i].in)
			continue;
		CHECK(back == &items[i].node);
		back = rb_prev(back);
	}
	CHECK(!back);
}

int main(void)
{
	for (int i = 0; i < COUNT; i++)
		items[i].key = i;
	for (int round = 0; round < 20000; round++) {
		struct item *i = &items[rand() % COUNT];

		if (i->in)
			rb_remove(&tree, &i->node);
		else
			insert(i);
		i->in = !i->in;
		CHECK(!is_red(tree.root));
		black_height(tree.root);
		if (round % 10 == 0)
			check_order();
	}
	return 0;
}
