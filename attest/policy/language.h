/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The policy language inside: a text becomes a tree of plain nodes (tree.c, yaml.c), the tree
 * becomes rules with typed values (compile.c, value.c), the rules are looked over for what cannot
 * be meant (lint.c), and only then is there a policy. What a claim or an evidence type may be is
 * vocabulary.c; what holds unless the policy relaxes it by name is implicit.c. Everything of a
 * policy lives in its arena and is never changed after the parse, so a policy may be used by many
 * threads.
 */
#pragma once

#include "attest/core/appraisal.h"
#include "attest/policy/policy.h"

#include <stdio.h>

/* Bounds: of a text that people write and review, generously. */
#define POLICY_TEXT_MAX (1u << 20)
#define POLICY_DEPTH_MAX 16
#define POLICY_NODES_MAX 65536u
#define POLICY_RULES_MAX 4096u /* tests, those of a reference counted at each use */
#define POLICY_TOP_MAX 512u    /* rules of `require`: each is a check */
#define POLICY_LIST_MAX 4096u
#define POLICY_KEYS_MAX 1024u
#define POLICY_VALUES_MAX 16384u
#define POLICY_NAME_MAX 64

/* --- arena.c: memory that is freed at once --- */
struct policy_arena {
	struct policy_block *blocks;
};
/* Zeroed; NULL: out of memory. */
void *policy_alloc(struct policy_arena *arena, size_t size);
char *policy_copy(struct policy_arena *arena, const char *text, size_t len);
char *policy_format(struct policy_arena *arena, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void policy_release(struct policy_arena *arena);

/* --- tree.c, yaml.c: the text as plain nodes, the same for both forms --- */
enum node_kind {
	NODE_TEXT = 1, /* a quoted string */
	NODE_WORD,     /* a plain YAML scalar; true and false of JSON */
	NODE_NUMBER,   /* an integer of JSON */
	NODE_LIST,
	NODE_MAP,
};

struct node {
	enum node_kind kind;
	unsigned line; /* 0: not known (JSON) */
	const char *text;
	size_t count, room;
	struct node **items; /* LIST; MAP: the values */
	const char **keys;   /* MAP */
};
struct policy_tree {
	struct policy_arena arena;
	const char *origin;
	struct cattest_error *err;
	struct node *root;
	size_t nodes;
};
/* 0, or -EBADMSG, -E2BIG, -ENOMEM with a message. done() in every case. */
int policy_tree_parse(struct policy_tree *tree, const char *origin, const char *text, size_t size,
		      struct cattest_error *err);
void policy_tree_done(struct policy_tree *tree);
/* For the two readers: a node of the tree, and putting it into its parent (key for maps). */
struct node *policy_tree_node(struct policy_tree *tree, enum node_kind kind, unsigned line,
			      const char *text, size_t len);
int policy_tree_add(struct policy_tree *tree, struct node *parent, const char *key,
		    struct node *child);
int policy_tree_read_yaml(struct policy_tree *tree, const char *text, size_t size);

/* --- vocabulary.c: what can be said --- */
enum policy_type {
	TYPE_SGX = 1 << 0,
	TYPE_TDX = 1 << 1,
	TYPE_SNP = 1 << 2,
	TYPE_AZURE_SNP = 1 << 3,
	TYPE_AZURE_TDX = 1 << 4,
	TYPE_NITRO = 1 << 5,
	TYPE_TPM = 1 << 6,
	TYPE_HV = 1 << 7,
	TYPE_SIM = 1 << 8,
	TYPE_AZURE_QUOTE = 1 << 9,
	TYPE_CERTIFICATE = 1 << 10, /* holds evidence of another type */
	TYPE_ALL = (1 << 11) - 1,
};
#define TYPES_INTEL (TYPE_SGX | TYPE_TDX | TYPE_AZURE_TDX) /* state tcb.status */
#define TYPES_TD (TYPE_TDX | TYPE_AZURE_TDX)
#define TYPES_SEV (TYPE_SNP | TYPE_AZURE_SNP)
#define TYPES_TPM (TYPE_TPM | TYPE_HV | TYPE_AZURE_SNP | TYPE_AZURE_TDX | TYPE_AZURE_QUOTE)
#define TYPE_COUNT 11

const char *policy_type_name(unsigned bit_index); /* NULL: no more */
unsigned policy_type_bit(const char *name);	  /* 0: no such type */
/* The types, of all, that can state the claim. */
unsigned policy_claim_types(const char *claim);
/* NULL: no such claim. For a family, ret_claim->name is the family's. */
const struct cattest_claim_name *policy_claim_lookup(const char *name);
bool policy_size_fits(const char *claim, size_t size);
/* Sizes in words: "32 bytes (64 hex digits)"; "" if any size is possible. */
void policy_size_words(const char *claim, char *buffer, size_t room);
uint64_t policy_claim_maximum(const char *claim);
/* NULL-ended list of the strings that the claim can be; NULL: any. */
const char *const *policy_claim_strings(const char *claim);
/* Whether the claim says which program runs, or who signed it. */
bool policy_claim_is_identity(const char *claim);
/* The policy_nearest of the candidates, or NULL if none is near. */
const char *policy_nearest(const char *word, const char *const *candidates, size_t count);
const char *policy_nearest_claim(const char *word);

/* --- rules --- */
struct policy_value {
	enum cattest_claim_type type; /* STRINGS claims have STRING values */
	uint64_t number;	      /* UINT, BOOL, TIME; seconds of not_older_than */
	const uint8_t *bytes;
	size_t size;
	const char *string;
};

enum policy_op {
	OP_EQUALS = 1,
	OP_IN,
	OP_PREFIX,
	OP_MASK, /* values[0] the mask, values[1] what is expected under it */
	OP_AT_LEAST,
	OP_AT_MOST,
	OP_NOT_OLDER_THAN,
	OP_CONTAINS,  /* every one of values is in the list */
	OP_SUBSET_OF, /* the list holds nothing else than values */
	OP_EXISTS,
};

enum rule_kind { RULE_CLAIM = 1, RULE_ALL, RULE_ANY, RULE_NOT, RULE_REFERENCE };

struct policy_rule {
	enum rule_kind kind;
	unsigned types; /* applies to; top level only, else TYPE_ALL */
	unsigned line;
	const char *step;     /* "policy.NAME"; top level only */
	const char *expected; /* in words */
	/* CLAIM */
	const char *claim;
	enum cattest_claim_type type;
	enum policy_op op;
	struct policy_value *values;
	size_t value_count;
	/* ALL, ANY, NOT */
	struct policy_rule **rules;
	size_t rule_count;
	/* REFERENCE: any of these */
	struct policy_reference **references;
	size_t reference_count;
};

struct policy_reference {
	const char *name, *source;
	struct policy_rule all; /* RULE_ALL over the set's claims */
	bool used;
};

struct cattest_policy {
	struct policy_arena arena;
	const char *name, *description;
	unsigned types;
	unsigned allow; /* policy_allow_bit()s */
	struct policy_reference *references;
	size_t reference_count;
	struct policy_rule **require;
	size_t require_count;
	uint8_t digest[32];
};

/* Where a message points to: "origin:line: require[2].claim: ". */
struct compiler {
	struct cattest_policy *policy;
	const char *origin;
	struct cattest_error *err;
	char path[256];
	size_t rules, values;
};
int policy_bad(struct compiler *c, unsigned line, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* compile.c */
int policy_compile(struct compiler *c, const struct node *root);
const struct node *policy_map_get(const struct node *map, const char *key); /* NULL: no such key */
/*
 * operators.c. A test of a claim by its name; then its operator from a mapping, or from a plain
 * value of a reference set.
 */
int policy_claim_rule(struct compiler *c, struct policy_rule *rule, const char *name,
		      unsigned line);
int policy_operator(struct compiler *c, struct policy_rule *rule, const struct node *map,
		    bool negated);
int policy_plain_value(struct compiler *c, struct policy_rule *rule, const struct node *node);
bool policy_operator_known(const char *word);
/* value.c: a node as a value for an operator of a claim. `type` is the claim's. */
int policy_value_parse(struct compiler *c, const char *claim, enum cattest_claim_type type,
		       const struct node *node, struct policy_value *ret_value);
int policy_duration_parse(struct compiler *c, const struct node *node,
			  struct policy_value *ret_value);
int policy_value_compare_size(struct compiler *c, const char *claim, size_t size, unsigned line);
bool policy_value_equal(const struct policy_value *a, const struct policy_value *b);
/* The claim's value, or the value of a rule, as people read it; returns buffer. */
char *policy_claim_value_text(const struct cattest_claim *claim, char *buffer, size_t room);
char *policy_value_text(const struct policy_value *value, char *buffer, size_t room);
/* lint.c: what cannot be meant. */
int policy_lint(struct compiler *c);
/* Whether every way to pass the rule goes through a test of a claim that `wanted` accepts. */
bool policy_rule_pins(const struct policy_rule *rule,
		      bool (*wanted)(const struct policy_rule *leaf));
bool policy_leaf_pins_freshness(const struct policy_rule *leaf);

/* words.c */
void policy_rule_print(FILE *out, const struct policy_rule *rule,
		       size_t most);		 /* lists: the first `most` values */
int policy_words(struct cattest_policy *policy); /* fills in every top rule's `expected` */

/* evaluate.c: three-valued, so that what is not stated can never make a rule pass. */
enum truth { TRUTH_FALSE = 0, TRUTH_UNKNOWN, TRUTH_TRUE };
enum truth policy_leaf_truth(const struct policy_rule *leaf, const struct cattest_claim *claim,
			     int64_t now);
unsigned policy_present_types(const struct appraisal *a, unsigned *ret_outer);
/*
 * Whether the claim is absent for want of something that may still be given (collateral, an event
 * log).
 */
bool policy_claim_is_undecided(const struct appraisal *a, const char *claim);
/* The rules that apply to evidence of these types. */
static inline bool rule_applies(const struct policy_rule *rule, unsigned present)
{
	return (rule->types & present) != 0;
}

/* implicit.c */
struct implicit_rule {
	const char *step;	       /* "policy.debug" */
	const char *allow;	       /* the word that relaxes it */
	unsigned types;		       /* applies to */
	const char *meaning, *relaxed; /* in words, for explain */
	/* The claim that is looked at and what it must be; NULL: not by a claim alone. */
	const char *claim;
	enum cattest_claim_type type;
	uint64_t number;    /* UINT, BOOL */
	const char *string; /* STRING: must be this, or with a '!' before it, anything else */
	bool absent_is_good;
};
extern const struct implicit_rule policy_implicit_rules[]; /* the last one's step is NULL */
/* Words of `allow`, NULL-ended. */
extern const char *const policy_allow_words[];
unsigned policy_allow_bit(const char *word); /* 0: no such word */
bool policy_implicit_relaxed(const struct cattest_policy *policy, const struct implicit_rule *rule);
/* The rule's test of its claim, absent (NULL) included. */
enum truth policy_implicit_truth(const struct implicit_rule *rule,
				 const struct cattest_claim *claim);
void policy_implicit_evaluate(struct appraisal *a, const struct cattest_policy *policy,
			      unsigned present);
