/* SPDX-License-Identifier: Apache-2.0 */
/* Put in front of every kernel file: without it each extern object would go through a GOT. */
#pragma GCC visibility push(hidden)
