/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Red-black tree, intrusive. The user walks down to find the place of a new node (the order is the user's), then
 * links it. Not locked.
 */
#pragma once

#include "lib/base/types.h"

struct rb_node {
	struct rb_node *parent, *left, *right;
	uintptr_t red;
};

struct rb_tree {
	struct rb_node *root;
};

/* Link `n` under `parent` at `*link` (which is &tree->root, or a child link of `parent`), then rebalance. */
void rb_insert(struct rb_tree *tree, struct rb_node *n, struct rb_node *parent,
	       struct rb_node **link);
void rb_remove(struct rb_tree *tree, struct rb_node *n);
struct rb_node *rb_first(const struct rb_tree *tree);
struct rb_node *rb_last(const struct rb_tree *tree);
struct rb_node *rb_next(const struct rb_node *n);
struct rb_node *rb_prev(const struct rb_node *n);

#define rb_entry(p, type, member) container_of(p, type, member)
