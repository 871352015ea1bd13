#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The JVM: keys made by keytool under each collector; with a compiler there, threads, sockets, children, faults caught as exceptions.
. "$(dirname "$0")/lib.sh"
need java keytool
for collector in Serial Parallel G1 Z; do
	out=$(enclave -- sh -c "keytool -J-XX:+Use${collector}GC -J-Xmx200m -genkeypair -keyalg EC -alias a -dname CN=x -storepass secret1 -keystore /tmp/k 2>/dev/null &&
		keytool -J-XX:+Use${collector}GC -J-Xmx200m -list -storepass secret1 -keystore /tmp/k" 2>&1 | grep -c PrivateKeyEntry)
	expect "keytool, $collector collector" 1 "$out"
done
java --list-modules | grep -q '^jdk.compiler' || exit 0
cat >All.java <<'EOF'
import java.io.*;
import java.net.*;
import java.nio.file.*;
import java.util.*;
import java.util.concurrent.*;

public class All {
	static int deep(int i) { return deep(i + 1) + 1; }

	public static void main(String[] a) throws Exception {
		ExecutorService pool = Executors.newFixedThreadPool(4);
		List<Future<Long>> results = new ArrayList<>();
		for (int t = 0; t < 8; t++) {
			final int k = t;
			results.add(pool.submit(() -> {
				long s = 0;
				List<byte[]> garbage = new ArrayList<>();
				for (int i = 0; i < 2000; i++) {
					garbage.add(new byte[10000]);
					if (garbage.size() > 100)
						garbage.clear();
					s += i * k;
				}
				return s;
			}));
		}
		long sum = 0;
		for (Future<Long> f : results)
			sum += f.get();
		pool.shutdown();
		System.out.println(sum);
		ServerSocket server = new ServerSocket(0);
		new Thread(() -> {
			try (Socket c = server.accept()) {
				c.getOutputStream().write("hello\n".getBytes());
			} catch (IOException e) {
				e.printStackTrace();
			}
		}).start();
		Socket s = new Socket("127.0.0.1", server.getLocalPort());
		System.out.println(new BufferedReader(new InputStreamReader(s.getInputStream())).readLine());
		Process p = new ProcessBuilder("sh", "-c", "echo child; exit 3").start();
		System.out.println(new String(p.getInputStream().readAllBytes()).trim() + p.waitFor());
		try {
			Object o = null;
			o.hashCode();
		} catch (NullPointerException e) {
			System.out.println("null");
		}
		try {
			deep(0);
		} catch (StackOverflowError e) {
			System.out.println("deep");
		}
		Files.write(Path.of("/tmp/x"), "file".getBytes());
		System.out.println(new String(Files.readAllBytes(Path.of("/tmp/x"))));
	}
}
EOF
expect "a program" "55972000
hello
child3
null
deep
file" "$(enclave -v "$PWD:/mnt:ro" -w /mnt -- java -Xmx200m All.java 2>&1)"
