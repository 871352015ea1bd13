#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Servers of Debian that the other tests leave out, each asked from inside its enclave. What is not installed is left out.
. "$(dirname "$0")/lib.sh"
PATH=$PATH:/usr/sbin
tried=0
have() { command -v "$1" >/dev/null && tried=$((tried + 1)); }
user=$(id -u)
[ "$user" = 0 ] && user=65534
# Runs a script with $port and $other set to free ports and `fetch URL` at hand.
inside() {
	enclave -u "$user" -e HOME=/tmp -v "$PWD:/mnt:ro" -- bash -c 'PATH=$PATH:/usr/sbin port='"$(free_port) other=$(free_port)"'
		mkdir /tmp/www
		echo data >/tmp/www/f
		files() { cd /tmp/www && exec python3 -m http.server "$1" --bind 127.0.0.1 >/dev/null 2>&1; }
		fetch() { for i in $(seq 500); do curl -sf "$1" && return; sleep 0.02; done; echo "no answer"; }
		'"$1" 2>&1
}
if have memcached; then
	expect "memcached" "STORED
VALUE a 0 5
hello
END" "$(inside 'memcached -l 127.0.0.1 -p $port -t 2 &
		for i in $(seq 500); do (exec 3<>/dev/tcp/127.0.0.1/$port) 2>/dev/null && break; sleep 0.02; done
		exec 3<>/dev/tcp/127.0.0.1/$port
		printf "set a 0 0 5\r\nhello\r\nget a\r\nquit\r\n" >&3
		tr -d "\r" <&3
		kill %1
		wait')"
fi
if have haproxy && have curl; then
	expect "haproxy" "data" "$(inside 'files $other &
		printf "%s\n" "defaults" " mode http" " timeout connect 9s" " timeout client 9s" " timeout server 9s" \
			"frontend f" " bind 127.0.0.1:$port" " default_backend b" "backend b" " server s 127.0.0.1:$other" >/tmp/cfg
		haproxy -W -f /tmp/cfg >/tmp/log 2>&1 &
		fetch http://127.0.0.1:$port/f
		kill %2
		wait %2
		kill %1')"
fi
if have lighttpd && have curl; then
	expect "lighttpd" "data" "$(inside 'printf "%s\n" "server.document-root = \"/tmp/www\"" "server.port = $port" \
			"server.bind = \"127.0.0.1\"" "server.max-worker = 2" >/tmp/cfg
		lighttpd -D -f /tmp/cfg 2>/dev/null &
		fetch http://127.0.0.1:$port/f
		kill %1
		wait')"
fi
if have apache2 && have curl; then
	expect "apache2" "data
cgi q=1
data" "$(inside 'mkdir /tmp/cgi
		printf "#!/bin/sh\necho\necho cgi \$QUERY_STRING\n" >/tmp/cgi/a
		chmod 755 /tmp/cgi/a
		modules=/usr/lib/apache2/modules
		cat >/tmp/cfg <<X
ServerRoot /etc/apache2
ServerName localhost
Listen 127.0.0.1:$port
PidFile /tmp/pid
Mutex file:/tmp default
LoadModule mpm_event_module $modules/mod_mpm_event.so
LoadModule authz_core_module $modules/mod_authz_core.so
LoadModule cgid_module $modules/mod_cgid.so
LoadModule alias_module $modules/mod_alias.so
ScriptSock /tmp/cgid.sock
ErrorLog /tmp/errors
DocumentRoot /tmp/www
ScriptAlias /cgi/ /tmp/cgi/
X
		apache2 -f /tmp/cfg -DFOREGROUND &
		fetch http://127.0.0.1:$port/f
		fetch "http://127.0.0.1:$port/cgi/a?q=1"
		apache2 -f /tmp/cfg -k graceful
		fetch http://127.0.0.1:$port/f
		kill %1
		wait')"
fi
[ $tried -gt 0 ] || skip "none of them is installed"
