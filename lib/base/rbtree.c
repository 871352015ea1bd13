/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Red-black tree. Invariants: (1) the root is black; (2) a red node has no red child; (3) all paths from a node down
 * to a leaf pass the same number of black nodes. A NULL child is a black leaf.
 */
#include "lib/base/rbtree.h"

static inline bool is_red(const struct rb_node *n)
{
	return n && n->red;
}

/* Puts `to` (may be NULL) where `from` hangs. */
static void replace_child(struct rb_tree *tree, struct rb_node *from, struct rb_node *to)
{
	struct rb_node *parent = from->parent;

	if (!parent)
		tree->root = to;
	else if (parent->left == from)
		parent->left = to;
	else
		parent->right = to;
	if (to)
		to->parent = parent;
}

static void rotate_left(struct rb_tree *tree, struct rb_node *n)
{
	struct rb_node *up = n->right;

	n->right = up->left;
	if (n->right)
		n->right->parent = n;
	replace_child(tree, n, up);
	up->left = n;
	n->parent = up;
}

static void rotate_right(struct rb_tree *tree, struct rb_node *n)
{
	struct rb_node *up = n->left;

	n->left = up->right;
	if (n->left)
		n->left->parent = n;
	replace_child(tree, n, up);
	up->right = n;
	n->parent = up;
}

void rb_insert(struct rb_tree *tree, struct rb_node *n, struct rb_node *parent,
	       struct rb_node **link)
{
	n->parent = parent;
	n->left = n->right = NULL;
	n->red = 1;
	*link = n;
	while ((parent = n->parent) && parent->red) {
		struct rb_node *grand = parent->parent;
		bool left = grand->left == parent;
		struct rb_node *uncle = left ? grand->right : grand->left;

		if (is_red(uncle)) {
			parent->red = uncle->red = 0;
			grand->red = 1;
			n = grand;
			continue;
		}
		if (left) {
			if (parent->right == n) {
				rotate_left(tree, parent);
				parent = n;
			}
			rotate_right(tree, grand);
		} else {
			if (parent->left == n) {
				rotate_right(tree, parent);
				parent = n;
			}
			rotate_left(tree, grand);
		}
		parent->red = 0;
		grand->red = 1;
		break;
	}
	tree->root->red = 0;
}

/* The paths through `n` (child of `parent`, may be NULL) are one black node short. */
static void remove_fixup(struct rb_tree *tree, struct rb_node *n, struct rb_node *parent)
{
	while (parent && !is_red(n)) {
		bool left = parent->left == n;
		struct rb_node *sibling = left ? parent->right : parent->left;

		if (sibling->red) {
			sibling->red = 0;
			parent->red = 1;
			if (left)
				rotate_left(tree, parent);
			else
				rotate_right(tree, parent);
			sibling = left ? parent->right : parent->left;
		}
		if (!is_red(sibling->left) && !is_red(sibling->right)) {
			sibling->red = 1;
			n = parent;
			parent = n->parent;
			continue;
		}
		if (left) {
			if (!is_red(sibling->right)) {
				sibling->left->red = 0;
				sibling->red = 1;
				rotate_right(tree, sibling);
				sibling = parent->right;
			}
			sibling->red = parent->red;
			parent->red = 0;
			sibling->right->red = 0;
			rotate_left(tree, parent);
		} else {
			if (!is_red(sibling->left)) {
				sibling->right->red = 0;
				sibling->red = 1;
				rotate_left(tree, sibling);
				sibling = parent->left;
			}
			sibling->red = parent->red;
			parent->red = 0;
			sibling->left->red = 0;
			rotate_right(tree, parent);
		}
		return;
	}
	if (n)
		n->red = 0;
}

void rb_remove(struct rb_tree *tree, struct rb_node *n)
{
	struct rb_node *child, *parent;
	uintptr_t red;

	if (n->left && n->right) {
		struct rb_node *next = n->right;

		while (next->left)
			next = next->left;
		child = next->right;
		red = next->red;
		if (next->parent == n) {
			parent = next;
		} else {
			parent = next->parent;
			replace_child(tree, next, child);
			next->right = n->right;
			next->right->parent = next;
		}
		replace_child(tree, n, next);
		next->left = n->left;
		next->left->parent = next;
		next->red = n->red;
	} else {
		child = n->left ? n->left : n->right;
		parent = n->parent;
		red = n->red;
		replace_child(tree, n, child);
	}
	if (!red)
		remove_fixup(tree, child, parent);
	n->parent = n->left = n->right = NULL;
}

struct rb_node *rb_first(const struct rb_tree *tree)
{
	struct rb_node *n = tree->root;

	while (n && n->left)
		n = n->left;
	return n;
}

struct rb_node *rb_last(const struct rb_tree *tree)
{
	struct rb_node *n = tree->root;

	while (n && n->right)
		n = n->right;
	return n;
}

struct rb_node *rb_next(const struct rb_node *n)
{
	struct rb_node *next = n->right;

	if (next) {
		while (next->left)
			next = next->left;
		return next;
	}
	while ((next = n->parent) && next->right == n)
		n = next;
	return next;
}

struct rb_node *rb_prev(const struct rb_node *n)
{
	struct rb_node *prev = n->left;

	if (prev) {
		while (prev->right)
			prev = prev->right;
		return prev;
	}
	while ((prev = n->parent) && prev->left == n)
		n = prev;
	return prev;
}
