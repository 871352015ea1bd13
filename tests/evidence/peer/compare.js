// SPDX-License-Identifier: Apache-2.0
/*
 * Reads the cases of tests/evidence/quote_cases.c, gives each quote to Phala's dcap-qvl (a verifier in JavaScript, independent of ours) and compares.
 * Where the two differ, a rule below must say why, and each rule must be needed: a difference without a reason is a failure, and so is a reason
 * without a difference, except where which bytes matter depends on random signatures.
 *   node compare.js CASES FOLDER-WITH-node_modules
 */
'use strict';
const fs = require('fs');
const path = require('path');
const { QuoteVerifier } = require(path.join(process.argv[3], 'node_modules/@phala/dcap-qvl/src/verify.js'));

/* what: the case's name, or "change in MEMBER". ours, peer: "ok STATUS", "refused WHY", "undecided" */
const rules = [
	{ what: /^SGX v[45]$/, ours: /^ok/, peer: /must have version 3/, why: "it knows SGX quotes of version 3 only; Intel's QVL has 4 and 5" },
	{ what: /^TCB info v2$/, ours: /^ok/, peer: /decode TcbInfo/, why: 'it knows TCB infos of version 3 only' },
	{ what: /1\.5 extended$/, ours: /^ok/, peer: /decode quote/, why: 'it does not know TD reports 1.5 extended (body type 4)' },
	{ what: /^(TCB info|QE identity) without a date$/, ours: /^undecided/, peer: /^ok/, why: 'it compares the time with no number, which is never later' },
	{ what: /^TCB info of an unknown version$/, ours: /^undecided/, peer: /^ok/, why: 'it asks for version 3 or later of what only 3 is known' },
	{ what: /^another PCE$/, ours: /pceid/, peer: /^ok/, why: "it does not compare PCEIDs; Intel's QVL does" },
	{ what: /of another name$/, ours: /\.(name|signer)$/, peer: /^ok/, why: 'it does not look at the names of certificates; Intel\'s QVL does' },
	{ what: /^CRLs expired$/, ours: /dates/, peer: /^ok/, why: 'it does not look at the dates of revocation lists, nor at their signatures' },
	{ what: /^QE report data with a rest$/, ours: /qe\.binding/, peer: /^ok/, why: 'it compares the first half of the report data' },
	{ what: /^platform and QE$/, ours: /^ok OutOfDate/, peer: /^ok/, why: "it merges other statuses of a QE than Intel's QVL (4.1.2.9.10: not up to date is out of date)" },
	{ what: /^TD v5, QE lower$/, ours: /^ok OutOfDateConfigurationNeeded/, peer: /^ok OutOfDate$/, why: 'the same: later versions of it converge as we do' },
	{ what: /, module lower$/, ours: /OutOfDate|tcb\.status/, peer: /^ok OutOfDate$/, why: "it does not know the identities of TDX modules: it counts the module's SVN as a component" },
	{ what: /, relaunch$/, ours: /^ok TDRelaunchAdvised/, peer: /^ok/, why: 'it does not know TEE_TCB_SVN2' },
	{ what: /^change in quote$/, random: true, ours: /dcap\.pck\.certificate/, peer: /^ok/, why: 'it skips what is no certificate in the chain of the quote' },
	{ what: /^change in quote$/, random: true, ours: /certification data type 6/, peer: /^ok/, why: 'it does not look at the outer type of certification data, which nothing signs' },
	{ what: /^change in qe_identity_issuer_chain$/, random: true, ours: /^ok/, peer: /^refused/, why: 'the root at its end: ours is the pinned one, and the signer was verified for the TCB info' },
];

function der(pem) {
	return Buffer.from(/-----BEGIN CERTIFICATE-----([^-]*)/.exec(pem)[1].replace(/\s/g, ''), 'base64');
}

function flipped(bytes, at, bits) {
	const copy = Buffer.from(bytes);
	copy[at] ^= bits;
	return copy;
}

function judged(root, quote, collateral, now) {
	try {
		return 'ok ' + QuoteVerifier.newWithRootCa(root).verify(quote, collateral, now).status;
	} catch (e) {
		return 'refused ' + e.message;
	}
}

let base, count = 0, agreed = 0, failed = 0;
for (const line of fs.readFileSync(process.argv[2], 'utf8').trim().split('\n')) {
	const c = JSON.parse(line);
	if (c.quote)
		base = { quote: Buffer.from(c.quote, 'base64'), collateral: c.collateral, root: der(c.root), now: c.now };
	let { quote, collateral } = base;
	if (c.in === 'quote')
		quote = flipped(quote, c.at, c.xor);
	else if (c.in)
		collateral = { ...collateral, [c.in]: flipped(collateral[c.in], c.at, c.xor).toString() };

	const what = c.name || 'change in ' + c.in;
	const ours = c.verdict === 'trusted' ? 'ok ' + c.status : (c.verdict === 'error' ? 'refused' : c.verdict) + ' ' + c.step;
	const peer = judged(base.root, quote, collateral, base.now);
	count++;
	if (ours.startsWith('ok') ? ours === peer : !peer.startsWith('ok')) {
		agreed++;
		continue;
	}
	const rule = rules.find((r) => r.what.test(what) && r.ours.test(ours) && r.peer.test(peer));
	if (rule) {
		rule.used = (rule.used || 0) + 1;
	} else {
		failed++;
		console.log(`FAIL ${what}${c.in ? ' at ' + c.at : ''}: ours: ${ours}; the other: ${peer}`);
	}
}
for (const rule of rules) {
	if (!rule.used && !rule.random) {
		failed++;
		console.log(`FAIL no case needs the rule ${rule.what}: ${rule.why}`);
	} else {
		console.log(`${rule.used || 0} differ: ${rule.why}`);
	}
}
console.log(`${count} quotes, ${agreed} verdicts the same, ${failed} unexplained`);
process.exit(failed || count < 500 ? 1 : 0);
