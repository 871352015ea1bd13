/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Options of AF_INET and AF_INET6 sockets. Those on the list go to the host's socket as they are, in a kernel copy of
 * bounded size; those that need a privilege are checked here first, as the host's process may have more than the
 * application. Everything else, packet filters above all, is -ENOPROTOOPT. No locks.
 */
#include <asm/errno.h>
#include <linux/capability.h>
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/tcp.h>
#include <linux/udp.h>

#include "kernel/host.h"
#include "kernel/net/inet.h"
#include "lib/base/string.h"

enum { GET = 1, SET = 2, BOTH = 3, ADMIN = 4 }; /* ADMIN: setting needs CAP_NET_ADMIN */

#define SOL_RAW_LEVEL 255

static unsigned int socket_access(int name)
{
	switch (name) {
	case SO_REUSEADDR:
	case SO_REUSEPORT:
	case SO_DONTROUTE:
	case SO_BROADCAST:
	case SO_SNDBUF:
	case SO_RCVBUF:
	case SO_KEEPALIVE:
	case SO_OOBINLINE:
	case SO_NO_CHECK:
	case SO_PRIORITY:
	case SO_LINGER:
	case SO_RCVLOWAT:
	case SO_TIMESTAMP_OLD:
	case SO_TIMESTAMPNS_OLD:
	case SO_TIMESTAMPING_OLD:
	case SO_TIMESTAMP_NEW:
	case SO_TIMESTAMPNS_NEW:
	case SO_TIMESTAMPING_NEW:
	case SO_RXQ_OVFL:
	case SO_PEEK_OFF:
	case SO_MAX_PACING_RATE:
	case SO_INCOMING_CPU:
		return BOTH;
	case SO_RCVTIMEO_OLD:
	case SO_SNDTIMEO_OLD:
	case SO_RCVTIMEO_NEW:
	case SO_SNDTIMEO_NEW:
		return SET;
	case SO_ERROR:
	case SO_ACCEPTCONN:
	case SO_SNDLOWAT:
	case SO_COOKIE:
	case SO_MEMINFO:
		return GET;
	case SO_SNDBUFFORCE:
	case SO_RCVBUFFORCE:
		return SET | ADMIN;
	case SO_MARK:
	case SO_BINDTODEVICE:
	case SO_BINDTOIFINDEX:
		return BOTH | ADMIN;
	default:
		return 0;
	}
}

static unsigned int tcp_access(int name)
{
	switch (name) {
	case TCP_NODELAY:
	case TCP_MAXSEG:
	case TCP_CORK:
	case TCP_KEEPIDLE:
	case TCP_KEEPINTVL:
	case TCP_KEEPCNT:
	case TCP_SYNCNT:
	case TCP_LINGER2:
	case TCP_DEFER_ACCEPT:
	case TCP_WINDOW_CLAMP:
	case TCP_QUICKACK:
	case TCP_CONGESTION:
	case TCP_THIN_LINEAR_TIMEOUTS:
	case TCP_USER_TIMEOUT:
	case TCP_FASTOPEN:
	case TCP_TIMESTAMP:
	case TCP_NOTSENT_LOWAT:
	case TCP_FASTOPEN_CONNECT:
	case TCP_FASTOPEN_NO_COOKIE:
	case TCP_INQ:
		return BOTH;
	case TCP_INFO:
		return GET;
	default:
		return 0;
	}
}

static unsigned int ip_access(int name)
{
	switch (name) {
	case IP_TOS:
	case IP_TTL:
	case IP_HDRINCL:
	case IP_PKTINFO:
	case IP_MTU_DISCOVER:
	case IP_RECVERR:
	case IP_RECVTTL:
	case IP_RECVTOS:
	case IP_FREEBIND:
	case IP_RECVORIGDSTADDR:
	case IP_BIND_ADDRESS_NO_PORT:
	case IP_RECVFRAGSIZE:
	case IP_MULTICAST_IF:
	case IP_MULTICAST_TTL:
	case IP_MULTICAST_LOOP:
	case IP_MULTICAST_ALL:
	case IP_UNICAST_IF:
		return BOTH;
	case IP_ADD_MEMBERSHIP:
	case IP_DROP_MEMBERSHIP:
	case IP_UNBLOCK_SOURCE:
	case IP_BLOCK_SOURCE:
	case IP_ADD_SOURCE_MEMBERSHIP:
	case IP_DROP_SOURCE_MEMBERSHIP:
	case MCAST_JOIN_GROUP:
	case MCAST_LEAVE_GROUP:
	case MCAST_JOIN_SOURCE_GROUP:
	case MCAST_LEAVE_SOURCE_GROUP:
	case MCAST_BLOCK_SOURCE:
	case MCAST_UNBLOCK_SOURCE:
		return SET;
	case IP_MTU:
		return GET;
	default:
		return 0;
	}
}

static unsigned int ipv6_access(int name)
{
	switch (name) {
	case IPV6_UNICAST_HOPS:
	case IPV6_MULTICAST_IF:
	case IPV6_MULTICAST_HOPS:
	case IPV6_MULTICAST_LOOP:
	case IPV6_MULTICAST_ALL:
	case IPV6_MTU_DISCOVER:
	case IPV6_MTU:
	case IPV6_RECVERR:
	case IPV6_V6ONLY:
	case IPV6_RECVPKTINFO:
	case IPV6_RECVHOPLIMIT:
	case IPV6_RECVTCLASS:
	case IPV6_TCLASS:
	case IPV6_DONTFRAG:
	case IPV6_AUTOFLOWLABEL:
	case IPV6_ADDR_PREFERENCES:
	case IPV6_FREEBIND:
	case IPV6_RECVFRAGSIZE:
	case IPV6_RECVORIGDSTADDR:
	case IPV6_UNICAST_IF:
		return BOTH;
	case IPV6_ADD_MEMBERSHIP:
	case IPV6_DROP_MEMBERSHIP:
	case MCAST_JOIN_GROUP:
	case MCAST_LEAVE_GROUP:
	case MCAST_JOIN_SOURCE_GROUP:
	case MCAST_LEAVE_SOURCE_GROUP:
	case MCAST_BLOCK_SOURCE:
	case MCAST_UNBLOCK_SOURCE:
		return SET;
	default:
		return 0;
	}
}

static unsigned int option_access(const struct socket *s, int level, int name)
{
	switch (level) {
	case SOL_SOCKET:
		return socket_access(name);
	case IPPROTO_TCP:
		return s->type == SOCK_STREAM ? tcp_access(name) : 0;
	case IPPROTO_IP:
		return ip_access(name);
	case IPPROTO_IPV6:
		return ipv6_access(name);
	case IPPROTO_UDP:
		return s->type == SOCK_DGRAM && (name == UDP_CORK || name == UDP_SEGMENT ||
						 name == UDP_GRO || name == UDP_NO_CHECK6_TX ||
						 name == UDP_NO_CHECK6_RX)
			       ? BOTH
			       : 0;
	case SOL_RAW_LEVEL:
		return s->type == SOCK_RAW && name == 1 /* ICMP_FILTER */ ? BOTH : 0;
	case IPPROTO_ICMPV6:
		return s->type == SOCK_RAW && name == 1 /* ICMPV6_FILTER */ ? BOTH : 0;
	default:
		return 0;
	}
}

int inet_set_option(struct socket *s, int level, int name, const void *value, unsigned int size)
{
	unsigned int access = option_access(s, level, name);

	if (level != SOL_SOCKET && level != IPPROTO_TCP && level != IPPROTO_IP &&
	    level != IPPROTO_IPV6 && level != IPPROTO_UDP && level != SOL_RAW_LEVEL &&
	    level != IPPROTO_ICMPV6)
		return -ENOPROTOOPT;
	if (!(access & SET))
		return -ENOPROTOOPT;
	if ((access & ADMIN) && !capable(CAP_NET_ADMIN))
		return -EPERM;
	return host_setsockopt(s->handle, level, name, value, size);
}

int inet_get_option(struct socket *s, int level, int name, void *value, unsigned int *size)
{
	/* A peer on the network has no identity; what the host would say is of no concern here. */
	static const struct user_credentials nobody = { 0, ~0u, ~0u };

	if (level == SOL_SOCKET && name == SO_PEERCRED) {
		*size = MIN(*size, (unsigned int)sizeof(nobody));
		memcpy(value, &nobody, *size);
		return 0;
	}
	if (!(option_access(s, level, name) & GET))
		return -ENOPROTOOPT;
	return host_getsockopt(s->handle, level, name, value, size);
}
