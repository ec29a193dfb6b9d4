/* SPDX-License-Identifier: GPL-2.0 */
/*
 * axasctl: look at live guest physical address spaces.
 *
 * text.c     messages, sizes, addresses, JSON, the terminal
 * read.c     the module's files under debugfs
 * tree.c     dump --tree
 * show.c     info, list, stats, dump
 * resident.c what memory is there
 * layout.c   what map draws: areas cut into cells, and how full those are
 * svg.c      what pictures are made of: text, boxes, lines
 * picture.c  ... as a file
 * map.c      ... in the terminal, and as JSON
 * wait.c     from one look to the next
 * latency.c  how long faults took
 * watch.c    faults per second
 * cells.c    what heat draws: memory in cells, and what was written to them
 * heat.c     ... in the terminal, as JSON, CSV and SVG
 * axasctl.c  the command line
 *
 * What they share stands here. A file calls those above it in this list, never
 * one below.
 */
#ifndef AXAS_CTL_H
#define AXAS_CTL_H

#include <json-c/json.h>
#include <linux/axas.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define PAGE_SIZE	UINT64_C(4096)
#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#define NR_LEAVES	3
#define NR_LEVELS	5

/* What the command line asks for. */
struct request {
	uint64_t id;		/* 0: none given */
	bool json;
	const char *svg;
	const char *title;	/* NULL: the space's number */
	bool no_title;
	enum scale { SCALE_OWN, SCALE_COMMON, SCALE_LOG } scale;
	double width, font_size;	/* of the picture; a pixel is 1/96 inch */
	unsigned int count;	/* 0: for ever */
	double interval;	/* seconds */
	bool latency, tree, csv, used;
};

/* debugfs: stats */
struct figures {
	uint64_t id;
	char format[16];
	unsigned int gpa_bits, levels;
	uint64_t areas, resident;
	uint64_t leaves[NR_LEAVES];
	uint64_t tables[NR_LEVELS];	/* pages */
	uint64_t faults[AXAS_NR_FAULT_RESULTS];
	uint64_t base, length, features;
	int pid;
	char comm[32];
};

/* debugfs: areas; @end is exclusive */
struct area {
	uint64_t start, end;
	char prot[5], backend[16], memtype[8], max_leaf[4];
	uint64_t cookie, hpa;
	bool has_hpa;
	char flags[64];
};

/* debugfs: devices; on other buses than memory, @last is inclusive */
struct device {
	char bus[8];
	uint64_t first, last, cookie;
};

/* debugfs: table; a run of alike leaves, @end is exclusive */
struct run {
	uint64_t start, end;
	unsigned int leaf;		/* index into leaf_names */
	char prot[5], memtype[8], flags[64];
};

/* Entries in use; where it is, if that isn't kept from the reader. */
struct table {
	uint64_t start, hpa;
	unsigned int level;		/* 0 holds 4 KiB leaves */
	unsigned int entries, tables, leaves;
};

struct space {
	struct figures figures;
	struct area *areas;
	size_t nr_areas;
	struct device *devices;
	size_t nr_devices;
	struct run *runs;
	size_t nr_runs;
};

/* An area as a row of cells of one size, a power of two. */
struct bar {
	uint64_t start, end;
	uint64_t cell;
	unsigned int nr;
	uint64_t *mapped[NR_LEAVES];	/* bytes, by leaf size and cell */
	uint64_t total[NR_LEAVES];
};

/* How full a cell is: 0 empty, 1 less than 1/64, ... 7 from 1/2, 8 full */
#define NR_HEATS	9

extern const char * const leaf_names[NR_LEAVES];
extern const char * const heat_parts[NR_HEATS];

/* text.c */
_Noreturn __attribute__((format(printf, 1, 2))) void die(const char *fmt, ...);
void *xcalloc(size_t nr, size_t size);

struct size_text {
	char text[24];
};

struct size_text size_short(uint64_t bytes);
struct size_text size_long(uint64_t bytes);
struct size_text size_exact(uint64_t bytes);
struct size_text address(uint64_t gpa, unsigned int bits);

struct terminal {
	bool tty, utf8, colour;
	unsigned int columns, rows;
};

void look_at_terminal(struct terminal *t);
void print_colour(const struct terminal *t, const char *code);
void print_heats(const struct terminal *t, const unsigned char *heats,
		 unsigned int nr);
void print_legend(const struct terminal *t, const char *what);
void json_add_number(struct json_object *o, const char *key, uint64_t n);
void json_add_decimal(struct json_object *o, const char *key, double value);
void json_add_text(struct json_object *o, const char *key, const char *text);
void json_add_address(struct json_object *o, const char *key, uint64_t gpa);
void json_print(struct json_object *o);
struct json_object *json_words(const char *words);

/* read.c */
size_t list_spaces(uint64_t **ids);
bool space_ended(uint64_t id);
void check_space(uint64_t id);			/* it is alive, or die */
void read_figures(uint64_t id, struct figures *f);
bool try_figures(uint64_t id, struct figures *f);	/* false: it has ended */
void read_runs(struct space *s, void (*each)(const struct run *run, void *arg),
	       void *arg);
void read_tables(struct space *s, void (*each)(struct table *table, void *arg),
		 void *arg);
void read_space(uint64_t id, struct space *s);
void free_space(struct space *s);
FILE *open_table(uint64_t id);
_Noreturn void die_of_file(uint64_t id, const char *name, int err);
bool module_loaded(void);

/* tree.c, show.c, resident.c */
int show_tree(const struct request *req);
struct json_object *json_figures(const struct figures *f);
struct json_object *json_faults(const uint64_t *faults);
uint64_t table_pages(const struct figures *f);
int show_info(const struct request *req);
int show_list(const struct request *req);
int show_stats(const struct request *req);
int show_dump(const struct request *req);
int show_resident(const struct request *req);

/* layout.c */
void lay_bar(struct bar *b, const struct space *s, const struct area *a,
	     unsigned int max_cells);
void free_bar(struct bar *b);
uint64_t cell_start(const struct bar *b, unsigned int cell);
uint64_t cell_end(const struct bar *b, unsigned int cell);
unsigned int heat_class(uint64_t part, uint64_t room);
unsigned int heat(const struct bar *b, unsigned int cell, unsigned int leaf);
unsigned int heat_of_all(const struct bar *b, unsigned int cell);
uint64_t mapped_bytes(const struct bar *b);
uint64_t hole_before(const struct space *s, size_t area);
uint64_t covered(const struct space *s);
bool is_device(const struct area *a);

/* svg.c: @y grows while a picture is drawn between @left and @right */
struct svg {
	FILE *f;
	double width, font;
	double left, right, y;
};

/* Sizes of text in sizes of the font. */
#define SVG_TITLE	1.55
#define SVG_RANGE	1.09
#define SVG_TICK	0.88

void svg_escaped(FILE *f, const char *text);
double svg_text_width(const struct svg *svg, const char *class,
		      const char *text);
void svg_text(const struct svg *svg, double x, double y, const char *class,
	      const char *fmt, ...) __attribute__((format(printf, 5, 6)));
void svg_lines(struct svg *svg, const char *class, double height,
	       const char *text);
void svg_rect(const struct svg *svg, double x, double y, double w, double h,
	      const char *attributes);
void svg_line(const struct svg *svg, double x1, double y1, double x2, double y2,
	      const char *class);
void svg_swatch(const struct svg *svg, double x, double width,
		const char *fill);
void svg_write(const struct svg *svg, const char *path, const char *title,
	       const char *body);

/* wait.c */
void catch_signals(void);
bool is_stopped(void);
double now_seconds(void);
void wait_for(double seconds);

/* latency.c: faults by result, and by the power of two of the ns they took */
#define NR_LATENCIES	64

struct latency {
	uint64_t now[NR_LATENCIES][AXAS_NR_FAULT_RESULTS];
	uint64_t last[NR_LATENCIES][AXAS_NR_FAULT_RESULTS];
};

bool read_latency(struct latency *l, const char *line);
void keep_latency(struct latency *l);
unsigned int latency_lines(const struct latency *l);
void print_latency(const struct latency *l, const struct terminal *term);
struct json_object *json_latency(const struct latency *l);

/* picture.c: colours by leaf size and heat */
extern const char * const fills[NR_LEAVES][NR_HEATS];

const char *format_title(const struct figures *f);

/* cells.c: what heat draws */
struct cell {
	uint64_t start, end;
	uint64_t room;		/* bytes of it that areas have, or are shown */
	uint64_t written;	/* of those, or used, since the last list_written() */
};

struct tracked {
	int tracker, owner;	/* a pidfd of who has the space open, or -1 */
	bool used;		/* it is of what was used, not of what was written */
	uint64_t base, length;
	struct shown {
		uint64_t start, end;
	} *spans;
	size_t nr_spans;
	uint64_t cell;		/* size of one, a power of two */
	struct cell *cells;
	size_t nr;
	uint64_t written, elsewhere;	/* in cells, and where there is none */
};

void lay_cells(struct tracked *t, const struct space *s, size_t most);
void start_tracking(struct tracked *t, const struct figures *f);
bool is_apart(const struct tracked *t, size_t cell);
unsigned int cell_heat(const struct tracked *t, size_t cell, uint64_t written);
void list_written(struct tracked *t);
void stop_tracking(struct tracked *t);

/* picture.c, map.c, watch.c, heat.c */
void write_svg(const struct request *req, const struct space *s);
int show_map(const struct request *req);
int show_watch(const struct request *req);
int show_heat(const struct request *req);

#endif /* AXAS_CTL_H */
