#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Node.js: an HTTP server and its client, a worker thread, child processes, file watching, a cluster of two workers.
. "$(dirname "$0")/lib.sh"
need node
cat >all.js <<'EOF'
const { Worker } = require('worker_threads');
const http = require('http'), cp = require('child_process'), fs = require('fs');
const server = http.createServer((q, r) => r.end('you asked for ' + q.url));
const work = 'const { parentPort } = require("worker_threads");' +
	'let x = 0; for (let i = 0; i < 1e6; i++) x += i; parentPort.postMessage(x)';
server.listen(0, '127.0.0.1', () => {
	http.get({ port: server.address().port, path: '/x', host: '127.0.0.1' }, r => {
		r.on('data', d => console.log('' + d));
		r.on('end', () => {
			server.close();
			console.log(cp.execSync('echo child').toString().trim());
			console.log(cp.spawnSync('sh', ['-c', 'exit 3']).status);
			const w = new Worker(work, { eval: true });
			w.on('message', m => console.log(m));
			w.on('exit', () => {
				const f = fs.watch('/tmp', (e, name) => {
					console.log(name);
					f.close();
				});
				fs.writeFileSync('/tmp/seen', 'y');
			});
		});
	});
});
EOF
cat >cluster.js <<'EOF'
const cluster = require('cluster'), http = require('http');
const port = +process.argv[2];
if (cluster.isPrimary) {
	let up = 0, done = 0;
	for (let i = 0; i < 2; i++) cluster.fork();
	cluster.on('listening', () => {
		if (++up < 2) return;
		for (let i = 0; i < 20; i++)
			http.get({ port, host: '127.0.0.1', agent: false }, r => {
				r.resume();
				r.on('end', () => {
					if (++done < 20) return;
					console.log('20 answers');
					for (const k in cluster.workers) cluster.workers[k].kill();
				});
			});
	});
	cluster.on('exit', w => console.log('ended', w.process.signalCode));
} else {
	http.createServer((q, r) => r.end('x')).listen(port, '127.0.0.1');
}
EOF
run() { enclave -v "$PWD:/mnt:ro" -w /mnt -- node "$@" 2>&1; }
expect "server, child, worker, watch" "you asked for /x
child
3
499999500000
seen" "$(run all.js)"
expect "cluster" "20 answers
ended SIGTERM
ended SIGTERM" "$(run cluster.js "$(free_port)")"
