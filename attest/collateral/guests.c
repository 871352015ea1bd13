/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Guests of the bag: items that a peer sent along with its evidence, there for one verification. Arrays only grow at their ends, so what was
 * added between two moments is a range; taking it out closes the gap and keeps what was fetched later.
 */
#include "attest/collateral/collateral_internal.h"

#include <stdlib.h>

void collateral_guests_begin(struct collateral *c, struct collateral_guests *g)
{
	*g = (struct collateral_guests){ .certs = { c->cert_count },
					 .crls = { c->crl_count },
					 .jsons = { c->json_count },
					 .bytes = c->bytes };
	c->guests = true;
}

void collateral_guests_added(struct collateral *c, struct collateral_guests *g)
{
	g->certs[1] = c->cert_count;
	g->crls[1] = c->crl_count;
	g->jsons[1] = c->json_count;
	g->bytes = c->bytes - g->bytes;
	c->guests = false;
}

/* Elements [range[0], range[1]) out of an array; the new count. */
static size_t close_gap(void *array, size_t size, const size_t range[2], size_t count)
{
	memmove((char *)array + range[0] * size, (char *)array + range[1] * size,
		(count - range[1]) * size);
	return count - (range[1] - range[0]);
}

void collateral_guests_remove(struct collateral *c, const struct collateral_guests *g)
{
	for (size_t i = g->certs[0]; i < g->certs[1]; i++)
		X509_free(c->certs[i]);
	for (size_t i = g->crls[0]; i < g->crls[1]; i++) {
		X509_CRL_free(c->crls[i]->crl);
		free(c->crls[i]);
	}
	for (size_t i = g->jsons[0]; i < g->jsons[1]; i++)
		intel_json_free(c->jsons[i]);
	if (g->certs[0] < g->certs[1]) {
		close_gap(c->cert_hashes, sizeof(*c->cert_hashes), g->certs, c->cert_count);
		c->cert_count = close_gap(c->certs, sizeof(*c->certs), g->certs, c->cert_count);
	}
	if (g->crls[0] < g->crls[1])
		c->crl_count = close_gap(c->crls, sizeof(*c->crls), g->crls, c->crl_count);
	if (g->jsons[0] < g->jsons[1])
		c->json_count = close_gap(c->jsons, sizeof(*c->jsons), g->jsons, c->json_count);
	c->bytes -= g->bytes;
}
