#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A Go 1.19 binary: goroutines, os/exec, net/http, timers, async preemption.
. "$(dirname "$0")/lib.sh"
need go
cat >main.go <<'E'
package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"sync"
	"syscall"
	"time"
)

func main() {
	var wg sync.WaitGroup
	var mu sync.Mutex
	sum := 0
	for i := 0; i < 100; i++ {
		wg.Add(1)
		go func(i int) { defer wg.Done(); runtime.Gosched(); mu.Lock(); sum += i; mu.Unlock() }(i)
	}
	wg.Wait()
	fmt.Println("goroutines", sum)
	out, err := exec.Command("/bin/sh", "-c", "echo sub; exit 3").Output()
	fmt.Printf("exec %q %v\n", out, err)
	_, err = exec.Command("/no/such").Output()
	fmt.Println(err)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	go http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "answer") }))
	for i := 0; i < 50; i++ {
		r, err := http.Get("http://" + l.Addr().String() + "/")
		if err != nil {
			panic(err)
		}
		b, _ := io.ReadAll(r.Body)
		r.Body.Close()
		if string(b) != "answer" {
			panic(string(b))
		}
	}
	fmt.Println("http ok")
	go func() { // never yields: only async preemption by signals gets past it
		for {
		}
	}()
	time.Sleep(20 * time.Millisecond)
	runtime.GC()
	fmt.Println("preempted")
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGUSR1)
	syscall.Kill(os.Getpid(), syscall.SIGUSR1)
	fmt.Println(<-c)
	select {
	case <-time.After(10 * time.Millisecond):
		fmt.Println("timer")
	}
	r, w, _ := os.Pipe()
	go func() { w.Write([]byte("pipe")); w.Close() }()
	b, _ := io.ReadAll(r)
	fmt.Println(string(b))
}
E
GOCACHE=$PWD/cache GO111MODULE=off go build -o prog main.go || fail "go build"
native=$(./prog) || fail "natively"
out=$(enclave -v "$PWD:/w" -- /w/prog 2>&1)
expect "go" "$native" "$out"
