/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A policy's text as plain nodes. JSON is read by jansson, YAML by libyaml's events; both give the
 * same tree, so that everything after it cannot tell them apart. A text that starts with '{' is
 * JSON. Refused in both: duplicate keys, nesting deeper than 16, more than 65,536 values, null,
 * numbers that are not integers, control characters.
 */
#include "attest/policy/language.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

struct node *policy_tree_node(struct policy_tree *tree, enum node_kind kind, unsigned line,
			      const char *text, size_t len)
{
	struct node *node;

	if (++tree->nodes > POLICY_NODES_MAX) {
		fail(tree->err, -E2BIG, "%s: more than %u values", tree->origin, POLICY_NODES_MAX);
		return NULL;
	}
	/* A folded or literal text of YAML ends with a line feed, which nobody means. */
	while (len && text[len - 1] == '\n')
		len--;
	for (size_t i = 0; i < len; i++) {
		if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f) {
			fail(tree->err, -EBADMSG, "%s:%u: a control character in a text",
			     tree->origin, line);
			return NULL;
		}
	}
	node = policy_alloc(&tree->arena, sizeof(*node));
	if (!node || !(node->text = policy_copy(&tree->arena, text, len))) {
		fail(tree->err, -ENOMEM, "%s: out of memory", tree->origin);
		return NULL;
	}
	node->kind = kind;
	node->line = line;
	return node;
}

static int node_grow(struct policy_tree *tree, struct node *node)
{
	size_t room = node->room ? node->room * 2 : 4;
	struct node **items = policy_alloc(&tree->arena, room * sizeof(*items));
	const char **keys = policy_alloc(&tree->arena, room * sizeof(*keys));

	if (!items || !keys)
		return fail(tree->err, -ENOMEM, "%s: out of memory", tree->origin);
	if (node->count) {
		memcpy(items, node->items, node->count * sizeof(*items));
		memcpy(keys, node->keys, node->count * sizeof(*keys));
	}
	node->items = items;
	node->keys = keys;
	node->room = room;
	return 0;
}

int policy_tree_add(struct policy_tree *tree, struct node *parent, const char *key,
		    struct node *child)
{
	int r;

	if (parent->kind == NODE_MAP) {
		if (parent->count >= POLICY_KEYS_MAX)
			return fail(tree->err, -E2BIG, "%s:%u: more than %u keys in one mapping",
				    tree->origin, parent->line, POLICY_KEYS_MAX);
		for (size_t i = 0; i < parent->count; i++)
			if (!strcmp(parent->keys[i], key))
				return fail(tree->err, -EBADMSG,
					    "%s:%u: the key \"%.64s\" is there twice", tree->origin,
					    child->line, key);
	}
	if (parent->count == parent->room && (r = node_grow(tree, parent)) < 0)
		return r;
	parent->items[parent->count] = child;
	parent->keys[parent->count] = key;
	parent->count++;
	return 0;
}

static struct node *json_node(struct policy_tree *tree, const json_t *json, unsigned depth);

static int json_children(struct policy_tree *tree, const json_t *json, struct node *node,
			 unsigned depth)
{
	struct node *child;
	int r;

	if (json_is_array(json)) {
		for (size_t i = 0; i < json_array_size(json); i++) {
			child = json_node(tree, json_array_get(json, i), depth + 1);
			if (!child)
				return -EBADMSG;
			if ((r = policy_tree_add(tree, node, NULL, child)) < 0)
				return r;
		}
		return 0;
	}
	/* jansson iterates in the order of the text. */
	for (void *at = json_object_iter((json_t *)(uintptr_t)json); at;
	     at = json_object_iter_next((json_t *)(uintptr_t)json, at)) {
		const char *text = json_object_iter_key(at);
		struct node *key = policy_tree_node(tree, NODE_TEXT, 0, text, strlen(text));

		child = key ? json_node(tree, json_object_iter_value(at), depth + 1) : NULL;
		if (!child)
			return -EBADMSG;
		if ((r = policy_tree_add(tree, node, key->text, child)) < 0)
			return r;
	}
	return 0;
}

static struct node *json_node(struct policy_tree *tree, const json_t *json, unsigned depth)
{
	struct node *node;
	char number[32];

	if (depth > POLICY_DEPTH_MAX) {
		fail(tree->err, -E2BIG, "%s: nested deeper than %u", tree->origin,
		     POLICY_DEPTH_MAX);
		return NULL;
	}
	switch (json_typeof(json)) {
	case JSON_STRING:
		return policy_tree_node(tree, NODE_TEXT, 0, json_string_value(json),
					json_string_length(json));
	case JSON_INTEGER:
		snprintf(number, sizeof(number), "%" JSON_INTEGER_FORMAT, json_integer_value(json));
		return policy_tree_node(tree, NODE_NUMBER, 0, number, strlen(number));
	case JSON_TRUE:
		return policy_tree_node(tree, NODE_WORD, 0, "true", 4);
	case JSON_FALSE:
		return policy_tree_node(tree, NODE_WORD, 0, "false", 5);
	case JSON_REAL:
		fail(tree->err, -EBADMSG, "%s: %g is not a whole number", tree->origin,
		     json_real_value(json));
		return NULL;
	case JSON_NULL:
		fail(tree->err, -EBADMSG, "%s: null means nothing here; leave the key out",
		     tree->origin);
		return NULL;
	case JSON_ARRAY:
	case JSON_OBJECT:
		break;
	}
	node = policy_tree_node(tree, json_is_array(json) ? NODE_LIST : NODE_MAP, 0, "", 0);
	if (!node || json_children(tree, json, node, depth) < 0)
		return NULL;
	return node;
}

static int tree_read_json(struct policy_tree *tree, const char *text, size_t size)
{
	json_error_t error;
	json_t *json;
	size_t values = 0;

	/* jansson takes some 250 bytes for "{}": bounded before it begins. */
	for (size_t i = 0; i < size; i++)
		values += text[i] == '{' || text[i] == '[' || text[i] == ',';
	if (values > POLICY_NODES_MAX)
		return fail(tree->err, -E2BIG, "%s: more than %u values", tree->origin,
			    POLICY_NODES_MAX);
	json = json_loadb(text, size, JSON_REJECT_DUPLICATES, &error);
	if (!json)
		return fail(tree->err, -EBADMSG, "%s:%d: not valid JSON: %s", tree->origin,
			    error.line, error.text);
	tree->root = json_node(tree, json, 1);
	json_decref(json);
	return tree->root ? 0 : -EBADMSG;
}

int policy_tree_parse(struct policy_tree *tree, const char *origin, const char *text, size_t size,
		      struct cattest_error *err)
{
	size_t start = 0;
	int r;

	*tree = (struct policy_tree){ .origin = origin, .err = err };
	if (size > POLICY_TEXT_MAX)
		return fail(err, -E2BIG, "%s: a policy may have 1 MiB, this has %zu bytes", origin,
			    size);
	while (start < size && strchr(" \t\r\n", text[start]) && text[start])
		start++;
	if (start == size)
		return fail(err, -EBADMSG, "%s: the policy is empty", origin);
	if (text[start] == '{')
		r = tree_read_json(tree, text, size);
	else
		r = policy_tree_read_yaml(tree, text, size);
	if (r < 0)
		return r;
	if (tree->root->kind != NODE_MAP)
		return fail(err, -EBADMSG,
			    "%s: a policy is a mapping with the keys version, name, types, require",
			    origin);
	return 0;
}

void policy_tree_done(struct policy_tree *tree)
{
	policy_release(&tree->arena);
}
