/* SPDX-License-Identifier: MIT */
/*
 * axas-migrate: move a running guest's memory to another process.
 *
 * util.c         messages, time, a checksum of a page
 * wire.c         what goes over the socket
 * guest.c        the guest at the source: another process, or threads that write
 * send.c         the source
 * receive.c      the destination
 * axas-migrate.c the command line
 *
 * What they share stands here. A file calls those above it in this list, never
 * one below.
 */
#ifndef AXAS_MIGRATE_H
#define AXAS_MIGRATE_H

#include <axas.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define PAGE_SIZE	4096U
#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
/* Bytes that are sent before the other side has to say that it has them. */
#define BATCH		(UINT64_C(4) << 20)
#define MAX_RUNS	256
/* Bytes that one message carries at most. */
#define CHUNK		(256 * PAGE_SIZE)
#define MAX_AREAS	65536

struct options {
	bool receive;
	const char *path;	/* of the socket */
	bool json;
	/* source */
	pid_t pid;		/* whose space is moved; 0: a guest of our own */
	const char *stop;	/* command that stops the guest; NULL: SIGSTOP */
	unsigned int threads, rate;	/* writes per second, of all */
	uint64_t size;
	unsigned int rounds;
	double downtime, retry;	/* seconds */
	/* destination */
	const char *then;
	uint64_t cut;		/* bytes after which the connection ends, once */
};

/* util.c */
extern void (*before_death)(void);
_Noreturn void die(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void progress(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void progress_end(void);
void catch_signals(void);
void check_signals(void);
double now(void);
void *xalloc(size_t size);
uint64_t checksum(const void *page);
bool is_zero(const void *page);

/*
 * wire.c: messages go from the source to the destination but for those that answer.
 * Numbers are as the machine has them: both are of one kind.
 */
enum message_type {
	MSG_HELLO = 1,	/* @count: version, @gpa: session; struct hello follows */
	MSG_WELCOME,	/* answer; @count: whether the session is known */
	MSG_AREAS,	/* @count: struct axas_area_entry follow */
	MSG_DATA,	/* @length bytes follow */
	MSG_ZERO,	/* all of it is zero */
	MSG_SYNC,	/* @gpa: number, for the answer */
	MSG_ACK,	/* answer: all before that MSG_SYNC is in its place */
	MSG_CHECK,	/* @count: whether checksums follow, else nothing is there */
	MSG_FINISH,	/* give areas their rights, and say what was compared */
	MSG_RESULT,	/* answer; @gpa: pages compared, @length: unequal, @count: areas */
	MSG_BYE,
};

#define VERSION_OF_WIRE	1

struct message {
	uint32_t type, count;
	uint64_t gpa, length;
};

struct hello {
	char format[16];
	uint32_t gpa_bits, features;
	uint64_t base, length;
};

int listen_at(const char *path);
int connect_to(const char *path);
bool put(int fd, const void *data, size_t size);
bool get(int fd, void *data, size_t size);
bool put_message(int fd, enum message_type type, uint32_t count, uint64_t gpa,
		 uint64_t length);

/* guest.c */
struct guest {
	const struct options *options;
	int dev, space;
	bool stopped;
};

void find_guest(struct guest *g, const struct options *o);
void stop_guest(struct guest *g);
void let_go(struct guest *g);

/* send.c, receive.c: what the program exits with */
int send_guest(const struct options *o);
int receive_guest(const struct options *o);

#endif /* AXAS_MIGRATE_H */
