/* SPDX-License-Identifier: Apache-2.0 */
/*
 * YAML as far as a policy may use it: one document of mappings, lists and scalars, UTF-8. Refused:
 * anchors and aliases (a text means what it shows, and cannot grow when read), tags (no types but
 * ours), keys that are not plain or quoted text, nulls. libyaml's events are followed with a stack
 * of our own, 16 deep; nothing is recursive.
 */
#include "attest/policy/language.h"

#include <errno.h>
#include <string.h>
#include <yaml.h>

struct frame {
	struct node *node;
	const char *key; /* of a mapping, once it was read */
};

struct walk {
	struct policy_tree *tree;
	struct frame stack[POLICY_DEPTH_MAX];
	size_t depth;
	bool done;
};

static unsigned event_line(const yaml_event_t *event)
{
	return (unsigned)event->start_mark.line + 1;
}

static int refuse(struct walk *w, const yaml_event_t *event, const char *why)
{
	return fail(w->tree->err, -EBADMSG, "%s:%u: %s", w->tree->origin, event_line(event), why);
}

/* A value is complete or begins: into its parent. */
static int place(struct walk *w, const yaml_event_t *event, struct node *node)
{
	struct frame *top = w->depth ? &w->stack[w->depth - 1] : NULL;
	const char *key;

	if (!top) {
		w->tree->root = node;
		return 0;
	}
	if (top->node->kind == NODE_MAP && !top->key) {
		if (node->kind == NODE_LIST || node->kind == NODE_MAP)
			return refuse(w, event, "a key must be a text");
		top->key = node->text;
		return 0;
	}
	key = top->key;
	top->key = NULL;
	return policy_tree_add(w->tree, top->node, key, node);
}

static int scalar(struct walk *w, const yaml_event_t *event)
{
	const char *text = (const char *)event->data.scalar.value;
	size_t len = event->data.scalar.length;
	bool plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	struct node *node;

	if (event->data.scalar.anchor)
		return refuse(w, event, "anchors (&) are not allowed in a policy");
	if (event->data.scalar.tag)
		return refuse(w, event, "tags (!) are not allowed in a policy");
	if (plain && (!len || !strcmp(text, "~") || !strcmp(text, "null") ||
		      !strcmp(text, "Null") || !strcmp(text, "NULL")))
		return refuse(w, event, "a value is missing (null means nothing here)");
	node = policy_tree_node(w->tree, plain ? NODE_WORD : NODE_TEXT, event_line(event), text,
				len);
	return node ? place(w, event, node) : -EBADMSG;
}

static int open_container(struct walk *w, const yaml_event_t *event, enum node_kind kind,
			  bool anchor, bool tag)
{
	struct node *node;
	int r;

	if (anchor)
		return refuse(w, event, "anchors (&) are not allowed in a policy");
	if (tag)
		return refuse(w, event, "tags (!) are not allowed in a policy");
	if (w->depth == POLICY_DEPTH_MAX)
		return fail(w->tree->err, -E2BIG, "%s:%u: nested deeper than %u", w->tree->origin,
			    event_line(event), POLICY_DEPTH_MAX);
	node = policy_tree_node(w->tree, kind, event_line(event), "", 0);
	if (!node)
		return -EBADMSG;
	r = place(w, event, node);
	if (r < 0)
		return r;
	w->stack[w->depth++] = (struct frame){ .node = node };
	return 0;
}

static int follow(struct walk *w, const yaml_event_t *event)
{
	switch (event->type) {
	case YAML_NO_EVENT:
	case YAML_STREAM_START_EVENT:
	case YAML_DOCUMENT_END_EVENT:
		return 0;
	case YAML_DOCUMENT_START_EVENT:
		if (w->tree->root)
			return refuse(w, event, "a second document: a policy is one document");
		if (event->data.document_start.tag_directives.start !=
		    event->data.document_start.tag_directives.end)
			return refuse(w, event, "tags (!) are not allowed in a policy");
		return 0;
	case YAML_STREAM_END_EVENT:
		w->done = true;
		return w->tree->root ? 0 : refuse(w, event, "the policy is empty");
	case YAML_ALIAS_EVENT:
		return refuse(w, event, "aliases (*) are not allowed in a policy");
	case YAML_SCALAR_EVENT:
		return scalar(w, event);
	case YAML_SEQUENCE_START_EVENT:
		return open_container(w, event, NODE_LIST, event->data.sequence_start.anchor,
				      event->data.sequence_start.tag);
	case YAML_MAPPING_START_EVENT:
		return open_container(w, event, NODE_MAP, event->data.mapping_start.anchor,
				      event->data.mapping_start.tag);
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		w->depth--;
		return 0;
	}
	return refuse(w, event, "unexpected YAML");
}

int policy_tree_read_yaml(struct policy_tree *tree, const char *text, size_t size)
{
	struct walk walk = { .tree = tree };
	yaml_parser_t parser;
	yaml_event_t event;
	int r = 0;

	if (!yaml_parser_initialize(&parser))
		return fail(tree->err, -ENOMEM, "%s: out of memory", tree->origin);
	/* Else a byte order mark would choose UTF-16. */
	yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&parser, (const unsigned char *)text, size);
	while (!r && !walk.done) {
		if (!yaml_parser_parse(&parser, &event)) {
			size_t line = parser.problem_mark.line ? parser.problem_mark.line
							       : parser.context_mark.line;

			r = fail(tree->err, parser.error == YAML_MEMORY_ERROR ? -ENOMEM : -EBADMSG,
				 "%s:%zu: not valid YAML: %s", tree->origin, line + 1,
				 parser.problem ? parser.problem : "unreadable");
			break;
		}
		r = follow(&walk, &event);
		yaml_event_delete(&event);
	}
	yaml_parser_delete(&parser);
	return r;
}
