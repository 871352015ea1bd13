/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tests of claims: which operator may be asked of which type of claim, and its values. What
 * could never match, or would always, is an error here.
 */
#include "attest/policy/language.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const struct comparison {
	const char *word;
	enum policy_op op;
	unsigned types; /* bit 1 << claim type */
	bool list;	/* a list of values */
} operators[] = {
#define T(type) (1u << CATTEST_##type)
	{ "equals", OP_EQUALS, T(BYTES) | T(UINT) | T(STRING) | T(BOOL) | T(TIME), false },
	{ "in", OP_IN, T(BYTES) | T(UINT) | T(STRING), true },
	{ "prefix", OP_PREFIX, T(BYTES) | T(STRING), false },
	{ "mask", OP_MASK, T(BYTES) | T(UINT), false },
	{ "at_least", OP_AT_LEAST, T(UINT) | T(TIME), false },
	{ "at_most", OP_AT_MOST, T(UINT) | T(TIME), false },
	{ "not_older_than", OP_NOT_OLDER_THAN, T(TIME), false },
	{ "contains", OP_CONTAINS, T(STRINGS), true },
	{ "subset_of", OP_SUBSET_OF, T(STRINGS), true },
	{ "exists", OP_EXISTS, ~0u, false },
#undef T
};
#define OPERATORS (sizeof(operators) / sizeof(*operators))

static const struct comparison *operator_find(const char *word)
{
	for (size_t i = 0; i < OPERATORS; i++)
		if (!strcmp(operators[i].word, word))
			return &operators[i];
	return NULL;
}

static const char *type_words(enum cattest_claim_type type)
{
	static const char *const words[] = {
		"", "bytes", "a number", "a text", "true or false", "a time", "a list of texts"
	};

	return words[type];
}

bool policy_operator_known(const char *word)
{
	return operator_find(word) != NULL;
}

/* What may be asked of a claim of this type, as a list in words. */
static void operator_words(enum cattest_claim_type type, char *buffer, size_t room)
{
	size_t len = 0;

	for (size_t i = 0; i < OPERATORS && len < room; i++)
		if (operators[i].types & 1u << type)
			len += (size_t)snprintf(buffer + len, room - len, "%s%s", len ? ", " : "",
						operators[i].word);
}

static int exact_value(struct compiler *c, struct policy_rule *rule, const struct node *node,
		       struct policy_value *value)
{
	int r = policy_value_parse(c, rule->claim, rule->type, node, value);

	if (!r && rule->type == CATTEST_BYTES)
		r = policy_value_compare_size(c, rule->claim, value->size, node->line);
	return r;
}

static int value_order(const void *a, const void *b)
{
	return strcmp(((const struct policy_value *)a)->string,
		      ((const struct policy_value *)b)->string);
}

static int list_values(struct compiler *c, struct policy_rule *rule, const struct node *node)
{
	const struct node *single[1] = { node };
	const struct node *const *items =
		node->kind == NODE_LIST ? (const struct node *const *)node->items : single;
	size_t count = node->kind == NODE_LIST ? node->count : 1;
	int r;

	if (node->kind != NODE_LIST && rule->op != OP_CONTAINS)
		return policy_bad(c, node->line, "a list of values is expected: [...]");
	/* That no advisory may apply is worth saying; an empty list to choose from is a mistake. */
	if (!count && rule->op != OP_SUBSET_OF)
		return policy_bad(c, node->line, "an empty list can never match");
	if (count > (rule->op == OP_CONTAINS ? 64 : POLICY_LIST_MAX))
		return policy_bad(c, node->line, "a list of more than %u values",
				  rule->op == OP_CONTAINS ? 64 : POLICY_LIST_MAX);
	rule->values = policy_alloc(&c->policy->arena, (count + 1) * sizeof(*rule->values));
	if (!rule->values)
		return policy_bad(c, node->line, "out of memory");
	for (size_t i = 0; i < count; i++) {
		if ((r = exact_value(c, rule, items[i], &rule->values[i])) < 0)
			return r;
		for (size_t k = 0; k < i; k++)
			if (policy_value_equal(&rule->values[i], &rule->values[k]))
				return policy_bad(c, items[i]->line, "\"%.64s\" is there twice",
						  items[i]->text);
	}
	rule->value_count = count;
	/* Searched for each string of a list that the evidence makes as long as it likes. */
	if (rule->op == OP_SUBSET_OF)
		qsort(rule->values, count, sizeof(*rule->values), value_order);
	return 0;
}

static int mask_values(struct compiler *c, struct policy_rule *rule, const struct node *mask,
		       const struct node *equals)
{
	struct policy_value *v = rule->values;
	bool outside = false, nothing = true;
	int r;

	if ((r = exact_value(c, rule, mask, &v[0])) < 0 ||
	    (r = exact_value(c, rule, equals, &v[1])) < 0)
		return r;
	rule->value_count = 2;
	if (rule->type == CATTEST_UINT) {
		outside = (v[1].number & ~v[0].number) != 0;
		nothing = !v[0].number;
	} else if (v[0].size != v[1].size) {
		return policy_bad(c, equals->line,
				  "mask and equals differ in length: %zu and %zu bytes", v[0].size,
				  v[1].size);
	}
	for (size_t i = 0; rule->type == CATTEST_BYTES && i < v[0].size; i++) {
		outside |= (v[1].bytes[i] & ~v[0].bytes[i]) != 0;
		nothing &= !v[0].bytes[i];
	}
	if (nothing)
		return policy_bad(c, mask->line, "the mask is zero: nothing would be looked at");
	if (outside)
		return policy_bad(c, equals->line,
				  "equals has bits outside of the mask: it can never match");
	return 0;
}

static int prefix_value(struct compiler *c, struct policy_rule *rule, const struct node *node)
{
	int r;
	char words[128];
	const char *const *strings = policy_claim_strings(rule->claim);

	/* Not one of the known strings, but the start of one. */
	if (strings && node->kind != NODE_LIST && node->kind != NODE_MAP)
		return policy_bad(c, node->line, "%s is one of a few known words: use in or equals",
				  rule->claim);
	r = policy_value_parse(c, rule->claim, rule->type, node, &rule->values[0]);
	policy_size_words(rule->claim, words, sizeof(words));
	for (size_t longer = rule->values[0].size; !r && rule->type == CATTEST_BYTES && *words;
	     longer++) {
		if (policy_size_fits(rule->claim, longer))
			break;
		if (longer > rule->values[0].size + 64)
			return policy_bad(c, node->line, "%s has %s, the prefix has %zu",
					  rule->claim, words, rule->values[0].size);
	}
	return r;
}

static int operand(struct compiler *c, struct policy_rule *rule, const struct node *node)
{
	rule->values = policy_alloc(&c->policy->arena, 2 * sizeof(*rule->values));
	if (!rule->values)
		return policy_bad(c, node->line, "out of memory");
	rule->value_count = 1;
	switch (rule->op) {
	case OP_EQUALS:
	case OP_AT_LEAST:
	case OP_AT_MOST:
		return exact_value(c, rule, node, &rule->values[0]);
	case OP_PREFIX:
		return prefix_value(c, rule, node);
	case OP_NOT_OLDER_THAN:
		return policy_duration_parse(c, node, &rule->values[0]);
	case OP_EXISTS:
		rule->value_count = 0;
		if (node->kind != NODE_WORD || strcmp(node->text, "true") != 0)
			return policy_bad(
				c, node->line,
				"only \"exists: true\" can be asked: what is not stated proves nothing");
		return 0;
	case OP_IN:
	case OP_CONTAINS:
	case OP_SUBSET_OF:
	case OP_MASK:
		break;
	}
	return list_values(c, rule, node);
}

/*
 * Revoked keys may be anyone's: no platform whose keys are can be trusted, so it is no answer that
 * a policy could accept.
 */
static int no_revoked(struct compiler *c, const struct policy_rule *rule, bool negated,
		      unsigned line)
{
	if (negated || strncmp(rule->claim, "tcb.", 4) != 0 ||
	    (rule->op != OP_EQUALS && rule->op != OP_IN))
		return 0;
	for (size_t i = 0; i < rule->value_count; i++)
		if (rule->type == CATTEST_STRING && !strcmp(rule->values[i].string, "Revoked"))
			return policy_bad(
				c, line,
				"Revoked cannot be accepted: the platform's keys may be known to others");
	return 0;
}

int policy_operator(struct compiler *c, struct policy_rule *rule, const struct node *map,
		    bool negated)
{
	const struct node *mask = policy_map_get(map, "mask"),
			  *equals = policy_map_get(map, "equals"), *found = NULL;
	const struct comparison *op = NULL;
	size_t count = 0;
	char words[128];
	int r;

	for (size_t i = 0; i < map->count; i++) {
		const struct comparison *this = operator_find(map->keys[i]);

		if (!this)
			continue;
		count++;
		if (!op || this->op == OP_MASK) {
			op = this;
			found = map->items[i];
		}
	}
	operator_words(rule->type, words, sizeof(words));
	if (!op)
		return policy_bad(c, map->line,
				  "%s is not compared with anything: one of %s is missing",
				  rule->claim, words);
	if (mask && !equals)
		return policy_bad(c, mask->line, "mask needs equals: the value of the masked bits");
	if (count > (mask ? 2 : 1))
		return policy_bad(c, map->line,
				  "several operators in one rule: write a rule for each");
	if (!(op->types & 1u << rule->type))
		return policy_bad(c, found->line,
				  "%s is %s: it cannot be compared with \"%s\" (use one of %s)",
				  rule->claim, type_words(rule->type), op->word, words);
	rule->op = op->op;
	if (op->op == OP_MASK) {
		rule->values = policy_alloc(&c->policy->arena, 2 * sizeof(*rule->values));
		r = rule->values ? mask_values(c, rule, mask, equals)
				 : policy_bad(c, map->line, "out of memory");
	} else {
		r = operand(c, rule, found);
	}
	if (!r && rule->op == OP_EXISTS && negated)
		return policy_bad(
			c, map->line,
			"a \"not\" over exists can never pass: what is not stated proves nothing");
	return r < 0 ? r : no_revoked(c, rule, negated, map->line);
}

int policy_claim_rule(struct compiler *c, struct policy_rule *rule, const char *name, unsigned line)
{
	const struct cattest_claim_name *known = policy_claim_lookup(name);
	const char *near;

	if (++c->rules > POLICY_RULES_MAX)
		return policy_bad(c, line, "more than %u rules", POLICY_RULES_MAX);
	if (!known) {
		near = policy_nearest_claim(name);
		return policy_bad(c, line, "no claim is called \"%.64s\"%s%s%s", name,
				  near ? " (did you mean \"" : "", near ? near : "",
				  near ? "\"?)" : "");
	}
	*rule = (struct policy_rule){
		.kind = RULE_CLAIM, .types = TYPE_ALL, .line = line, .type = known->type
	};
	rule->claim = policy_copy(&c->policy->arena, name, strlen(name));
	return rule->claim ? 0 : policy_bad(c, line, "out of memory");
}

int policy_plain_value(struct compiler *c, struct policy_rule *rule, const struct node *node)
{
	int r;

	if (rule->type == CATTEST_STRINGS)
		return policy_bad(
			c, node->line,
			"%s is a list of texts: write {contains: ...} or {subset_of: ...}",
			rule->claim);
	if (node->kind == NODE_LIST && rule->type != CATTEST_BYTES && rule->type != CATTEST_UINT &&
	    rule->type != CATTEST_STRING)
		return policy_bad(c, node->line, "%s is %s: a list of values makes no sense",
				  rule->claim, type_words(rule->type));
	rule->op = node->kind == NODE_LIST ? OP_IN : OP_EQUALS;
	r = operand(c, rule, node);
	return r < 0 ? r : no_revoked(c, rule, false, node->line);
}
