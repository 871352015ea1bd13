/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From nodes to rules. Every key and every word is known or an error that names the place and,
 * where one is near, the word that was probably meant. Nothing is skipped: a key that were ignored
 * would be a rule that is not enforced.
 */
#include "attest/policy/language.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int policy_bad(struct compiler *c, unsigned line, const char *format, ...)
{
	char text[400], where[24] = "";
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (line)
		snprintf(where, sizeof(where), ":%u", line);
	return fail(c->err, -EBADMSG, "%s%s: %s%s%s", c->origin, where, c->path,
		    *c->path ? ": " : "", text);
}

/* Appends to the path; the length before it is what path_pop() needs. */
static size_t path_push(struct compiler *c, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
static size_t path_push(struct compiler *c, const char *format, ...)
{
	size_t len = strlen(c->path);
	va_list args;

	va_start(args, format);
	vsnprintf(c->path + len, sizeof(c->path) - len, format, args);
	va_end(args);
	return len;
}

static void path_pop(struct compiler *c, size_t len)
{
	c->path[len] = '\0';
}

const struct node *policy_map_get(const struct node *map, const char *key)
{
	for (size_t i = 0; i < map->count; i++)
		if (!strcmp(map->keys[i], key))
			return map->items[i];
	return NULL;
}

static int known_keys(struct compiler *c, const struct node *map, const char *const *keys,
		      size_t count)
{
	for (size_t i = 0; i < map->count; i++) {
		const char *near = policy_nearest(map->keys[i], keys, count);
		bool known = false;

		for (size_t k = 0; k < count && !known; k++)
			known = !strcmp(map->keys[i], keys[k]);
		if (!known)
			return policy_bad(c, map->items[i]->line, "unknown key \"%.64s\"%s%s%s",
					  map->keys[i], near ? " (did you mean \"" : "",
					  near ? near : "", near ? "\"?)" : "");
	}
	return 0;
}

static bool name_is_good(const char *name)
{
	size_t len = strlen(name);

	return len && len <= POLICY_NAME_MAX &&
	       strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-") ==
		       len;
}

static int name_parse(struct compiler *c, const struct node *node, const char **ret_name)
{
	if (node->kind == NODE_LIST || node->kind == NODE_MAP || !name_is_good(node->text))
		return policy_bad(c, node->line,
				  "a name is 1 to %u letters, digits, '.', '_' and '-'",
				  POLICY_NAME_MAX);
	*ret_name = policy_copy(&c->policy->arena, node->text, strlen(node->text));
	return *ret_name ? 0 : policy_bad(c, node->line, "out of memory");
}

static int types_parse(struct compiler *c, const struct node *node, unsigned *ret_types)
{
	const char *names[TYPE_COUNT];
	unsigned types = 0;

	for (unsigned i = 0; i < TYPE_COUNT; i++)
		names[i] = policy_type_name(i);
	if (node->kind != NODE_LIST || !node->count)
		return policy_bad(c, node->line,
				  "a list of evidence types is expected: [sgx-quote, ...]");
	for (size_t i = 0; i < node->count; i++) {
		const char *word = node->items[i]->text;
		const char *near = policy_nearest(word, names, TYPE_COUNT);
		unsigned bit = policy_type_bit(word);

		if (!bit)
			return policy_bad(c, node->items[i]->line,
					  "no evidence type is called \"%.64s\"%s%s%s", word,
					  near ? " (did you mean \"" : "", near ? near : "",
					  near ? "\"?)" : "");
		if (types & bit)
			return policy_bad(c, node->items[i]->line, "\"%s\" is there twice", word);
		types |= bit;
	}
	*ret_types = types;
	return 0;
}

static int allow_parse(struct compiler *c, const struct node *node)
{
	if (node->kind != NODE_LIST || !node->count)
		return policy_bad(c, node->line,
				  "a list of relaxations is expected (leave the key out for none)");
	for (size_t i = 0; i < node->count; i++) {
		const char *word = node->items[i]->text, *near;
		unsigned bit = policy_allow_bit(word);
		size_t count = 0;

		while (policy_allow_words[count])
			count++;
		near = policy_nearest(word, policy_allow_words, count);
		if (!bit)
			return policy_bad(c, node->items[i]->line,
					  "no relaxation is called \"%.64s\"%s%s%s", word,
					  near ? " (did you mean \"" : "", near ? near : "",
					  near ? "\"?)" : "");
		if (c->policy->allow & bit)
			return policy_bad(c, node->items[i]->line, "\"%s\" is there twice", word);
		c->policy->allow |= bit;
	}
	return 0;
}

/* --- Reference values --- */
static int reference_claim(struct compiler *c, struct policy_rule *rule, const char *name,
			   const struct node *node)
{
	static const char *const keys[] = { "equals",	 "in",	    "prefix",	      "mask",
					    "at_least",	 "at_most", "not_older_than", "contains",
					    "subset_of", "exists" };
	int r = policy_claim_rule(c, rule, name, node->line);

	if (r < 0)
		return r;
	if (node->kind == NODE_MAP) {
		r = known_keys(c, node, keys, sizeof(keys) / sizeof(*keys));
		return r < 0 ? r : policy_operator(c, rule, node, false);
	}
	return policy_plain_value(c, rule, node);
}

static int reference_compile(struct compiler *c, struct policy_reference *ref, const char *name,
			     const struct node *node)
{
	struct policy_arena *arena = &c->policy->arena;
	const struct node *source = node->kind == NODE_MAP ? policy_map_get(node, "source") : NULL;
	size_t mark;
	int r;

	if (!name_is_good(name))
		return policy_bad(c, node->line,
				  "a name is 1 to %u letters, digits, '.', '_' and '-'",
				  POLICY_NAME_MAX);
	if (node->kind != NODE_MAP)
		return policy_bad(
			c, node->line,
			"a set of reference values is a mapping: source, and a value for each claim");
	if (!source || source->kind == NODE_LIST || source->kind == NODE_MAP || !*source->text)
		return policy_bad(
			c, node->line,
			"\"source\" is missing: where the values come from (a build, a release, who)");
	if (node->count < 2)
		return policy_bad(c, node->line, "the set has no values");
	ref->name = policy_copy(arena, name, strlen(name));
	ref->source = policy_copy(arena, source->text, strlen(source->text));
	ref->all = (struct policy_rule){ .kind = RULE_ALL, .types = TYPE_ALL, .line = node->line };
	ref->all.rules = policy_alloc(arena, node->count * sizeof(*ref->all.rules));
	if (!ref->name || !ref->source || !ref->all.rules)
		return policy_bad(c, node->line, "out of memory");
	for (size_t i = 0; i < node->count; i++) {
		struct policy_rule *leaf;

		if (node->items[i] == source)
			continue;
		leaf = policy_alloc(arena, sizeof(*leaf));
		if (!leaf)
			return policy_bad(c, node->line, "out of memory");
		mark = path_push(c, ".%.64s", node->keys[i]);
		r = reference_claim(c, leaf, node->keys[i], node->items[i]);
		if (r < 0)
			return r;
		path_pop(c, mark);
		ref->all.rules[ref->all.rule_count++] = leaf;
	}
	return 0;
}

static int references_compile(struct compiler *c, const struct node *node)
{
	struct cattest_policy *p = c->policy;
	size_t mark;
	int r;

	if (node->kind != NODE_MAP || !node->count)
		return policy_bad(c, node->line,
				  "a mapping of names to sets of reference values is expected");
	p->references = policy_alloc(&p->arena, node->count * sizeof(*p->references));
	if (!p->references)
		return policy_bad(c, node->line, "out of memory");
	for (size_t i = 0; i < node->count; i++) {
		mark = path_push(c, ".%.64s", node->keys[i]);
		r = reference_compile(c, &p->references[i], node->keys[i], node->items[i]);
		if (r < 0)
			return r;
		path_pop(c, mark);
		p->reference_count++;
	}
	return 0;
}

static struct policy_reference *reference_find(struct compiler *c, const char *name)
{
	for (size_t i = 0; i < c->policy->reference_count; i++)
		if (!strcmp(c->policy->references[i].name, name))
			return &c->policy->references[i];
	return NULL;
}

static int reference_rule(struct compiler *c, struct policy_rule *rule, const struct node *node)
{
	const struct node *single[1] = { node };
	const struct node *const *items =
		node->kind == NODE_LIST ? (const struct node *const *)node->items : single;
	size_t count = node->kind == NODE_LIST ? node->count : 1;

	rule->kind = RULE_REFERENCE;
	if (!count || node->kind == NODE_MAP)
		return policy_bad(
			c, node->line,
			"the name of a set of references, or a list of names, is expected");
	rule->references =
		policy_alloc(&c->policy->arena, count * sizeof(struct policy_reference *));
	if (!rule->references)
		return policy_bad(c, node->line, "out of memory");
	if ((c->values += count) > POLICY_VALUES_MAX)
		return policy_bad(c, node->line, "more than %u values", POLICY_VALUES_MAX);
	for (size_t i = 0; i < count; i++) {
		struct policy_reference *ref = reference_find(c, items[i]->text);

		if (!ref)
			return policy_bad(c, items[i]->line,
					  "no set of references is called \"%.64s\"",
					  items[i]->text);
		for (size_t k = 0; k < i; k++)
			if (rule->references[k] == ref)
				return policy_bad(c, items[i]->line, "\"%s\" is there twice",
						  ref->name);
		c->rules += ref->all.rule_count;
		if (c->rules > POLICY_RULES_MAX)
			return policy_bad(
				c, node->line,
				"more than %u tests, those of references counted at each use",
				POLICY_RULES_MAX);
		ref->used = true;
		rule->references[i] = ref;
	}
	rule->reference_count = count;
	return 0;
}

/* --- Rules --- */
static int rule_compile(struct compiler *c, const struct node *node, bool top, bool negated,
			struct policy_rule **ret_rule);

static int rules_compile(struct compiler *c, struct policy_rule *rule, const struct node *list,
			 bool negated)
{
	int r;

	if (list->kind != NODE_LIST || !list->count)
		return policy_bad(c, list->line, "a list of rules is expected: [...]");
	rule->rules = policy_alloc(&c->policy->arena, list->count * sizeof(*rule->rules));
	if (!rule->rules)
		return policy_bad(c, list->line, "out of memory");
	for (size_t i = 0; i < list->count; i++) {
		size_t mark = path_push(c, "[%zu]", i);

		r = rule_compile(c, list->items[i], false, negated, &rule->rules[i]);
		if (r < 0)
			return r;
		path_pop(c, mark);
		rule->rule_count++;
	}
	return 0;
}

static int not_compile(struct compiler *c, struct policy_rule *rule, const struct node *node,
		       bool negated)
{
	int r;

	rule->kind = RULE_NOT;
	rule->rules = policy_alloc(&c->policy->arena, sizeof(*rule->rules));
	if (!rule->rules)
		return policy_bad(c, node->line, "out of memory");
	r = rule_compile(c, node, false, !negated, &rule->rules[0]);
	rule->rule_count = r < 0 ? 0 : 1;
	return r;
}

/* The keys that make a rule what it is: exactly one of them. */
static int rule_body(struct compiler *c, struct policy_rule *rule, const struct node *node,
		     bool negated)
{
	static const char *const kinds[] = { "claim", "all", "any", "not", "reference" };
	const struct node *body = NULL;
	const char *kind = NULL;
	size_t mark;
	int r;

	for (size_t i = 0; i < 5; i++) {
		const struct node *this = policy_map_get(node, kinds[i]);

		if (this && body)
			return policy_bad(c, node->line,
					  "\"%s\" and \"%s\" in one rule: write a rule for each",
					  kind, kinds[i]);
		if (this) {
			body = this;
			kind = kinds[i];
		}
	}
	if (!body)
		return policy_bad(c, node->line,
				  "a rule needs one of claim, all, any, not, reference");
	if (strcmp(kind, "claim") != 0)
		for (size_t i = 0; i < node->count; i++)
			if (policy_operator_known(node->keys[i]))
				return policy_bad(c, node->items[i]->line,
						  "\"%s\" belongs to a claim, not to \"%s\"",
						  node->keys[i], kind);
	if (!strcmp(kind, "claim")) {
		if (body->kind == NODE_LIST || body->kind == NODE_MAP)
			return policy_bad(c, body->line, "the name of one claim is expected");
		r = policy_claim_rule(c, rule, body->text, node->line);
		return r < 0 ? r : policy_operator(c, rule, node, negated);
	}
	if (++c->rules > POLICY_RULES_MAX)
		return policy_bad(c, node->line, "more than %u rules", POLICY_RULES_MAX);
	mark = path_push(c, ".%s", kind);
	if (!strcmp(kind, "not")) {
		r = not_compile(c, rule, body, negated);
	} else if (!strcmp(kind, "reference")) {
		r = reference_rule(c, rule, body);
	} else {
		rule->kind = !strcmp(kind, "all") ? RULE_ALL : RULE_ANY;
		r = rules_compile(c, rule, body, negated);
	}
	if (!r)
		path_pop(c, mark);
	return r;
}

static int rule_compile(struct compiler *c, const struct node *node, bool top, bool negated,
			struct policy_rule **ret_rule)
{
	static const char *const keys[] = { "claim",	 "all",	      "any",	 "not",
					    "reference", "equals",    "in",	 "prefix",
					    "mask",	 "at_least",  "at_most", "not_older_than",
					    "contains",	 "subset_of", "exists",	 "name",
					    "types" };
	struct policy_rule *rule = policy_alloc(&c->policy->arena, sizeof(*rule));
	int r;

	if (!rule)
		return policy_bad(c, node->line, "out of memory");
	if (node->kind != NODE_MAP)
		return policy_bad(c, node->line, "a rule is a mapping: {claim: ..., equals: ...}");
	if (!top && (policy_map_get(node, "name") || policy_map_get(node, "types")))
		return policy_bad(
			c, node->line,
			"name and types belong to the rules of \"require\" itself, not inside of them");
	if ((r = known_keys(c, node, keys, sizeof(keys) / sizeof(*keys))) < 0)
		return r;
	*rule = (struct policy_rule){ .types = TYPE_ALL, .line = node->line };
	if ((r = rule_body(c, rule, node, negated)) < 0)
		return r;
	*ret_rule = rule;
	return 0;
}

/* Whether another rule, one that always holds included, has the name already. */
static bool step_is_taken(const struct cattest_policy *policy, const char *step)
{
	for (size_t i = 0; i < policy->require_count; i++)
		if (!strcmp(policy->require[i]->step, step))
			return true;
	for (size_t i = 0; policy_implicit_rules[i].step; i++)
		if (!strcmp(policy_implicit_rules[i].step, step))
			return true;
	return false;
}

static int rule_name(struct compiler *c, struct policy_rule *rule, const struct node *node,
		     size_t index)
{
	const struct node *given = policy_map_get(node, "name");
	struct policy_arena *arena = &c->policy->arena;
	const char *name = NULL;
	int r;

	if (given) {
		if ((r = name_parse(c, given, &name)) < 0)
			return r;
		rule->step = policy_format(arena, "policy.%s", name);
		if (rule->step && step_is_taken(c->policy, rule->step))
			return policy_bad(c, given->line, "the name \"%s\" is taken", name);
	} else {
		if (rule->kind == RULE_CLAIM)
			name = rule->claim;
		else if (rule->kind == RULE_REFERENCE)
			name = rule->reference_count == 1 ? rule->references[0]->name : "reference";
		else
			name = "rule";
		rule->step = policy_format(arena,
					   rule->kind == RULE_CLAIM || rule->kind == RULE_REFERENCE
						   ? "policy.%s"
						   : "policy.%s-0",
					   name);
		for (size_t n = rule->kind == RULE_CLAIM || rule->kind == RULE_REFERENCE
					? 2
					: index + 1;
		     rule->step &&
		     (step_is_taken(c->policy, rule->step) || !strcmp(rule->step, "policy.rule-0"));
		     n++)
			rule->step = policy_format(arena, "policy.%s-%zu", name, n);
	}
	return rule->step ? 0 : policy_bad(c, node->line, "out of memory");
}

static int require_compile(struct compiler *c, const struct node *list)
{
	struct cattest_policy *p = c->policy;
	int r;

	if (list->kind != NODE_LIST || !list->count)
		return policy_bad(c, list->line,
				  "a list of rules is expected: nothing is trusted by default");
	if (list->count > POLICY_TOP_MAX)
		return policy_bad(c, list->line, "more than %u rules", POLICY_TOP_MAX);
	p->require = policy_alloc(&p->arena, list->count * sizeof(*p->require));
	if (!p->require)
		return policy_bad(c, list->line, "out of memory");
	for (size_t i = 0; i < list->count; i++) {
		const struct node *node = list->items[i], *types;
		struct policy_rule *rule;
		size_t mark = path_push(c, "[%zu]", i);

		if ((r = rule_compile(c, node, true, false, &rule)) < 0 ||
		    (r = rule_name(c, rule, node, i)) < 0)
			return r;
		types = policy_map_get(node, "types");
		if (types && (r = types_parse(c, types, &rule->types)) < 0)
			return r;
		if (types && (rule->types & ~p->types))
			return policy_bad(c, types->line,
					  "a type is listed here that the policy does not accept");
		path_pop(c, mark);
		p->require[p->require_count++] = rule;
	}
	return 0;
}

static int version_check(struct compiler *c, const struct node *node)
{
	if (!node)
		return policy_bad(c, 0, "the key \"version\" is missing (version: 1)");
	if (node->kind == NODE_TEXT || node->kind == NODE_LIST || node->kind == NODE_MAP ||
	    strcmp(node->text, "1") != 0)
		return policy_bad(c, node->line,
				  "version is the number 1; another is not known here");
	return 0;
}

static int description_parse(struct compiler *c, const struct node *node)
{
	if (node->kind == NODE_LIST || node->kind == NODE_MAP)
		return policy_bad(c, node->line, "description is a text");
	c->policy->description = policy_copy(&c->policy->arena, node->text, strlen(node->text));
	return c->policy->description ? 0 : policy_bad(c, node->line, "out of memory");
}

int policy_compile(struct compiler *c, const struct node *root)
{
	static const char *const keys[] = { "version", "name",	     "description", "types",
					    "allow",   "references", "require" };
	static const char *const needed[] = { "name", "types", "require" };
	const struct node *node;
	int r;

	if ((r = known_keys(c, root, keys, sizeof(keys) / sizeof(*keys))) < 0)
		return r;
	if ((r = version_check(c, policy_map_get(root, "version"))) < 0)
		return r;
	for (size_t i = 0; i < 3; i++)
		if (!policy_map_get(root, needed[i]))
			return policy_bad(c, 0, "the key \"%s\" is missing", needed[i]);
	/* In the order in which later ones need earlier ones. */
	for (size_t i = 1; i < 7; i++) {
		if (!(node = policy_map_get(root, keys[i])))
			continue;
		snprintf(c->path, sizeof(c->path), "%s", keys[i]);
		switch (i) {
		case 1:
			r = name_parse(c, node, &c->policy->name);
			break;
		case 2:
			r = description_parse(c, node);
			break;
		case 3:
			r = types_parse(c, node, &c->policy->types);
			break;
		case 4:
			r = allow_parse(c, node);
			break;
		case 5:
			r = references_compile(c, node);
			break;
		case 6:
			r = require_compile(c, node);
			break;
		}
		if (r < 0)
			return r;
	}
	c->path[0] = '\0';
	return 0;
}
