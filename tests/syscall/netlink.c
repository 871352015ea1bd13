/* SPDX-License-Identifier: Apache-2.0 */
/* AF_NETLINK: what getifaddrs and ip(8) need of NETLINK_ROUTE. */
#include <arpa/inet.h>
#include <ifaddrs.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <poll.h>
#include <sys/socket.h>

#include "tests/syscall/test.h"

static struct sockaddr_nl own(int fd)
{
	struct sockaddr_nl a;
	socklen_t len = sizeof(a);

	EXPECT_OK(getsockname(fd, (struct sockaddr *)&a, &len));
	EXPECT_EQ(len, sizeof(a));
	EXPECT_EQ(a.nl_family, AF_NETLINK);
	return a;
}

static int opened(void)
{
	struct sockaddr_nl a = { .nl_family = AF_NETLINK };
	int fd = (int)EXPECT_OK(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));

	EXPECT_OK(bind(fd, (struct sockaddr *)&a, sizeof(a)));
	return fd;
}

static void ask(int fd, int type, int flags)
{
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	struct {
		struct nlmsghdr h;
		struct rtgenmsg g;
	} r;

	memset(&r, 0, sizeof(r));
	r.h.nlmsg_len = sizeof(r);
	r.h.nlmsg_type = (uint16_t)type;
	r.h.nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
	r.h.nlmsg_seq = 42;
	r.g.rtgen_family = AF_UNSPEC;
	EXPECT_EQ(sendto(fd, &r, sizeof(r), 0, (struct sockaddr *)&kernel, sizeof(kernel)),
		  sizeof(r));
}

/* Counts the answers of this type until NLMSG_DONE. */
static int answers(int fd, int type, void (*look)(struct nlmsghdr *h))
{
	static char buf[65536];
	uint32_t port = own(fd).nl_pid;
	int count = 0;

	for (;;) {
		struct sockaddr_nl from;
		struct iovec iov = { buf, sizeof(buf) };
		struct msghdr m = { .msg_name = &from,
				    .msg_namelen = sizeof(from),
				    .msg_iov = &iov,
				    .msg_iovlen = 1 };
		ssize_t left = EXPECT_OK(recvmsg(fd, &m, 0));

		EXPECT_EQ(m.msg_flags & MSG_TRUNC, 0);
		EXPECT_EQ(m.msg_namelen, sizeof(from));
		EXPECT_EQ(from.nl_pid, 0);
		for (struct nlmsghdr *h = (void *)buf; NLMSG_OK(h, left); h = NLMSG_NEXT(h, left)) {
			EXPECT_EQ(h->nlmsg_pid, port);
			EXPECT_EQ(h->nlmsg_seq, 42);
			if (h->nlmsg_type == NLMSG_DONE)
				return count;
			EXPECT_EQ(h->nlmsg_type, type);
			if (look)
				look(h);
			count++;
		}
	}
}

/* Behind the message there may be anything: ip(8) sends its whole buffer. */
TEST(sendto, netlink_looks_no_further_than_sense)
{
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	struct {
		struct nlmsghdr h;
		struct rtgenmsg g;
		char zeros[120];
	} r;
	int fd = opened();

	memset(&r, 0, sizeof(r));
	r.h.nlmsg_len = NLMSG_LENGTH(sizeof(r.g));
	r.h.nlmsg_type = RTM_GETADDR;
	r.h.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	r.h.nlmsg_seq = 42;
	EXPECT_EQ(sendto(fd, &r, sizeof(r), 0, (struct sockaddr *)&kernel, sizeof(kernel)),
		  sizeof(r));
	EXPECT(answers(fd, RTM_NEWADDR, NULL) > 0);
	EXPECT_EQ(send(fd, r.zeros, sizeof(r.zeros), 0), sizeof(r.zeros));
	EXPECT_EQ(send(fd, r.zeros, 3, 0), 3);
	EXPECT_ERR(recv(fd, &r, sizeof(r), MSG_DONTWAIT), EAGAIN);
}

static int seen_loopback;

static void look_link(struct nlmsghdr *h)
{
	struct ifinfomsg *i = NLMSG_DATA(h);

	if (i->ifi_flags & IFF_LOOPBACK)
		seen_loopback = i->ifi_index;
}

TEST(socket, netlink_errors)
{
	EXPECT_ERR(socket(AF_NETLINK, SOCK_STREAM, NETLINK_ROUTE), ESOCKTNOSUPPORT);
	EXPECT_ERR(socket(AF_NETLINK, SOCK_RAW, 99), EPROTONOSUPPORT);
}

TEST(bind, netlink_port)
{
	struct sockaddr_nl a = { .nl_family = AF_NETLINK };
	int fd = opened();

	EXPECT(own(fd).nl_pid != 0);
	EXPECT_EQ(own(fd).nl_groups, 0);
	a.nl_family = AF_INET;
	EXPECT_ERR(bind(fd, (struct sockaddr *)&a, sizeof(a)), EINVAL);
	EXPECT_ERR(bind(fd, (struct sockaddr *)&a, 4), EINVAL);
}

TEST(bind, netlink_chosen_port)
{
	struct sockaddr_nl a = { .nl_family = AF_NETLINK,
				 .nl_pid = (uint32_t)getpid() | 0x40000000 };
	int fd = (int)EXPECT_OK(socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE));

	EXPECT_OK(bind(fd, (struct sockaddr *)&a, sizeof(a)));
	EXPECT_EQ(own(fd).nl_pid, a.nl_pid);
	ask(fd, RTM_GETLINK, NLM_F_DUMP);
	EXPECT(answers(fd, RTM_NEWLINK, NULL) > 0);
}

TEST(recvmsg, netlink_links)
{
	int fd = opened();

	ask(fd, RTM_GETLINK, NLM_F_DUMP);
	EXPECT(answers(fd, RTM_NEWLINK, look_link) > 0);
	EXPECT_EQ(seen_loopback, if_nametoindex("lo"));
}

TEST(recvmsg, netlink_addresses_and_routes)
{
	int fd = opened();

	ask(fd, RTM_GETADDR, NLM_F_DUMP);
	EXPECT(answers(fd, RTM_NEWADDR, NULL) > 0);
	ask(fd, RTM_GETROUTE, NLM_F_DUMP);
	EXPECT(answers(fd, RTM_NEWROUTE, NULL) >= 0);
}

TEST(recvmsg, netlink_sizes)
{
	int fd = opened();
	char b[16];
	struct iovec iov = { b, sizeof(b) };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t whole;

	EXPECT_ERR(recv(fd, b, sizeof(b), MSG_DONTWAIT), EAGAIN);
	ask(fd, RTM_GETLINK, NLM_F_DUMP);
	whole = EXPECT_OK(recvmsg(fd, &m, MSG_PEEK | MSG_TRUNC));
	EXPECT(whole > 16);
	EXPECT_EQ(m.msg_flags & MSG_TRUNC, MSG_TRUNC);
	EXPECT_EQ(recv(fd, b, 0, MSG_PEEK | MSG_TRUNC), whole);
	EXPECT_EQ(recv(fd, b, sizeof(b), 0), 16);
}

TEST(sendto, netlink_without_bind)
{
	int fd = (int)EXPECT_OK(socket(AF_NETLINK, SOCK_DGRAM, NETLINK_ROUTE));
	struct pollfd p = { .fd = fd, .events = POLLIN };

	ask(fd, RTM_GETLINK, NLM_F_DUMP);
	EXPECT_EQ(poll(&p, 1, 5000), 1);
	EXPECT(answers(fd, RTM_NEWLINK, NULL) > 0);
	EXPECT(own(fd).nl_pid != 0);
}

TEST(setsockopt, netlink)
{
	int fd = opened(), on = 1;

	EXPECT_OK(setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof(on)));
	EXPECT_OK(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &on, sizeof(on)));
	EXPECT_ERR(setsockopt(fd, SOL_NETLINK, 9999, &on, sizeof(on)), ENOPROTOOPT);
}

TEST(getsockopt, netlink)
{
	socklen_t len = sizeof(int);
	int fd = opened(), value = 0;

	EXPECT_OK(getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &value, &len));
	EXPECT_EQ(value, NETLINK_ROUTE);
	EXPECT_OK(getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &value, &len));
	EXPECT_EQ(value, AF_NETLINK);
}

TEST(socket, getifaddrs_finds_loopback)
{
	struct ifaddrs *list, *i;
	int found = 0;

	EXPECT_OK(getifaddrs(&list));
	for (i = list; i; i = i->ifa_next) {
		struct sockaddr_in *a = (void *)i->ifa_addr;

		if (a && a->sin_family == AF_INET && a->sin_addr.s_addr == htonl(INADDR_LOOPBACK)) {
			EXPECT_STR(i->ifa_name, "lo");
			EXPECT(i->ifa_flags & IFF_UP);
			found = 1;
		}
	}
	freeifaddrs(list);
	EXPECT(found);
}

TEST_MAIN
