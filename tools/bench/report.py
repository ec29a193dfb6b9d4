#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""report.py RAW OUT - the table, the JSON and the plots of what bench.sh ran

Reads RAW/{native-*,calls-erms,calls-noerms,smp,scale-8,scale-64}.log, of which any
may be missing, and writes OUT/bench.txt (also printed), OUT/bench.json,
OUT/bench-GROUP.svg, and OUT/bench-peers.svg, which the documentation shows.
"""
import glob
import json
import math
import os
import re
import statistics
import sys

AXAS = ('ept', 's2', 'amd')

# Rows by group: key, what it says, which figure is its floor (the row's own
# "floor" unless given). One group is one plot, so its rows share a unit.
KERNEL_GROUPS = [
    ('range', 'Tables alone, a range of 4K entries, per entry', [
        ('map4k_new', 'map 256 MiB, tables new', None),
        ('map4k_present', 'map 256 MiB, tables present', None),
        ('unmap4k', 'unmap 256 MiB', None),
    ]),
    ('call', 'Tables alone, one page per call, per call', [
        ('map4k_call', 'map 4K', None),
        ('unmap4k_call', 'unmap 4K', None),
        ('map2m_call', 'map 2M', None),
        ('unmap2m_call', 'unmap 2M', None),
    ]),
    ('large', 'Tables alone, 1 GiB as 2M, per entry', [
        ('map2m', 'map 1 GiB', None),
        ('unmap2m', 'unmap 1 GiB', None),
    ]),
    ('lookup', 'Random lookup in 1 GiB (the loop itself is the floor)', [
        ('lookup4k', '4K, independent', None),
        ('lookup4k_dep', '4K, each depending on the last', None),
        ('lookup2m', '2M, independent', None),
        ('lookup2m_dep', '2M, each depending on the last', None),
    ]),
    ('fault', 'Faults and memory through the in-kernel API, per 4K page', [
        ('fault4k', 'fault, fresh pages', 'alloc'),
        ('fault4k_hot', 'fault, 128 hot pages', 'alloc_hot'),
        ('fault4k_batch', 'fault, 512 in a call', 'alloc'),
        ('eager4k', 'eager map', 'alloc'),
        ('protect4k', 'protect', None),
        ('space_unmap4k', 'unmap with free', 'alloc_free'),
        ('space_unmap4k_hot', 'unmap with free, 128 hot pages', 'alloc_hot_free'),
        ('destroy4k', 'destroy, populated', 'alloc_free'),
    ]),
    ('spurious', 'Spurious faults through the in-kernel API', [
        ('fault4k_spurious', 'one per call', None),
        ('fault4k_batch_spurious', '512 in a call', None),
    ]),
    ('fault2m', 'A 2M fault through the in-kernel API', [
        ('fault2m', 'fault', None),
    ]),
    ('area', 'Areas', [
        ('lazy_64m', 'lazy map of 64 MiB', None),
        ('lazy_64g', 'lazy map of 64 GiB', None),
        ('lazy_64t', 'lazy map of 64 TiB', None),
        ('beside_0', 'map and unmap a page beside no area', None),
        ('beside_100', '... beside 100 areas', None),
        ('beside_10000', '... beside 10,000 areas', None),
        ('split2m', 'split of a 2M leaf (unmap of a page in it)', None),
    ]),
    ('ranges', 'Memory that is there already', [
        ('populate4k', 'populate, per 4K page', 'alloc'),
        ('populate2m', 'populate with 2M frames, per frame', 'fault2m'),
        ('space_unmap2m', '... and unmap', 'alloc2m_free'),
        ('unmap_sparse', 'unmap of a page in each 2 MiB of 1 GiB, per page', 'alloc_free'),
        ('discard4k', 'discard, per 4K page', 'alloc_free'),
        ('protect_page', 'protect of a page', None),
        ('replace_page', 'replace of a page', None),
        ('move_1g', 'move of a dense GiB, without the grace period', None),
        ('split1g', 'protect of a page in a leaf of 1 GiB', None),
        ('join1g', '... and back, which joins it again', None),
        ('next_1t', 'next over an empty TiB', None),
        ('collapse2m', 'collapse of 2 MiB with a copy', None),
    ]),
    ('alloc', 'The page allocator, per page', [
        ('alloc', 'alloc zeroed, and a store', None),
        ('alloc_free', 'free', None),
        ('alloc_nozero', 'alloc, and a store', None),
        ('alloc_hot', 'alloc zeroed, and a store, 128 hot pages', None),
        ('alloc_hot_free', 'free, 128 hot pages', None),
        ('alloc_hot_nozero', 'alloc, and a store, 128 hot pages', None),
    ]),
    ('bytes', 'Bytes of tables', [
        ('lazy_64m_bytes', 'lazy map of 64 MiB', None),
        ('lazy_64g_bytes', 'lazy map of 64 GiB', None),
        ('lazy_64t_bytes', 'lazy map of 64 TiB', None),
        ('tables_1g', '1 GiB linear as 4K', None),
    ]),
]

CALL_GROUPS = [
    ('calls-fault', 'Fault on fresh memory, per 4K page', [
        ('u_fault_512', 'in batches of 512 (peers: whole range)', 'alloc'),
        ('u_fault_16', 'in batches of 16', 'alloc'),
        ('u_fault_1', 'one per call', 'alloc'),
        ('u_eager4k', 'eager map', 'alloc'),
        ('u_touch4k', 'first touch through mmap', 'alloc'),
        ('u_read4k', 'first read of what is there through mmap', None),
    ]),
    ('calls-spurious', 'Nothing left to do, per 4K page', [
        ('u_spurious_512', 'spurious fault, batches of 512', None),
        ('u_spurious_16', 'spurious fault, batches of 16', None),
        ('u_spurious_1', 'spurious fault, one per call', None),
        ('u_translate_512', 'translate, batches of 512', None),
        ('u_translate_1', 'translate, one per call', None),
    ]),
    ('calls-unmap', 'Unmap, per 4K page', [
        ('u_unmap4k', 'unmap with free (KVM: memslot deletion, frees nothing)', 'alloc_free'),
        ('u_unmap4k_window', 'unmap with free, mapped in a window', 'alloc_free'),
    ]),
    ('calls-2m', 'Per 2M page', [
        ('u_fault2m', 'fault (KVM: already populated)', 'fault2m'),
        ('u_unmap2m', 'unmap with free (KVM: memslot deletion)', None),
    ]),
    ('calls-guest', "From a guest's store to its next instruction", [
        ('u_guest_fault', 'fresh page, fault resolved in the kernel', 'alloc'),
        ('u_guest_fault_user', 'fresh page, fault injected by a monitor', 'alloc'),
        ('u_guest_store', 'page that is there', None),
        ('u_guest_out', 'no store, but an OUT: to user space and back', None),
    ]),
    ('calls-track', 'What was written, per 4K page', [
        ('u_track_write_512', 'first write to a tracked page, batches of 512', None),
        ('u_track_again_512', '... and once more', None),
        ('u_track_touch', 'first write through a window', None),
        ('u_track_runs', 'list and arm, runs of 512 in 1 GiB', None),
        ('u_track_scattered', 'list and arm, single pages in 1 GiB', None),
        ('u_track_64_of_64m', 'list and arm, 64 pages in 64 MiB', None),
        ('u_track_64_of_512g', 'list and arm, 64 pages in 512 GiB', None),
    ]),
    ('calls-arm', 'Begin to track, per call', [
        ('u_track_arm_64m', '64 MiB resident', None),
        ('u_track_arm_4g', '4 GiB resident', None),
    ]),
    ('calls-age', 'What was used of 1 GiB, per round', [
        ('u_age_some', 'list, 1 % was used', None),
        ('u_age_all', 'list, all of it was used', None),
    ]),
    ('calls-create', 'A descriptor with something behind it', [
        ('u_create', 'AXAS_CREATE, and close', None),
    ]),
    ('calls-file', '64 MiB in pieces of 1 MiB, per 4K page', [
        ('u_pread', 'pread', None),
        ('u_pwrite', 'pwrite', None),
    ]),
]

SMP_GROUPS = [
    ('smp', 'Two threads, time per fault (lower is better)', [
        ('u_smp_one', 'one thread', None),
        ('u_smp_disjoint', 'two threads, disjoint memory', None),
        ('u_smp_same2m', 'two threads, every other page of the same 2 MiB', None),
        ('u_smp_mapper', 'one thread, another maps and unmaps elsewhere', None),
    ]),
]

# The machines, by how many CPUs they have, and how many of those fault.
SCALE_CPUS = {8: (1, 2, 8), 64: (1, 64)}
SCALE_WHERE = (('disjoint', 'a GiB each'), ('same2m', 'all in the same 2 MiB'),
               ('mapper', 'a GiB each, one of them maps and unmaps'))


def scale_groups(counts):
    """The groups for runs with so many CPUs."""
    groups = []
    for name, title in (
            ('insn', 'Instructions per fault, a page per call'),
            ('atomic', 'Locked instructions per fault'),
            ('shared', 'Lines per fault that another CPU wrote last'),
            ('added', '... beside those that the page allocator shares')):
        rows = []
        for where, label in SCALE_WHERE:
            for n in counts:
                rows.append(('n_%s_%s_%d' % (name, where, n), '%d CPU%s, %s' % (n, 's'[:n > 1], label),
                             'n_%s_disjoint_%d' % (name, n) if where == 'same2m' else None))
        groups.append(('scale-' + name, title, rows))
    return groups


# peers.md: the Rust crate axaddrspace 0.3.0 in user space with a mock
# allocator on such a machine, ns. Not part of these runs.
ELSEWHERE = [
    ('map_linear 1 GiB in 4K entries, tables new, per entry', 5.4, 'map4k_new'),
    ('unmap linear 4K, per entry', 3.0, 'unmap4k'),
    ('map 2M, per entry', 6.3, 'map2m'),
    ('translate random 4K', 6.7, 'lookup4k'),
    ('translate random 4K, dependent', 21.5, 'lookup4k_dep'),
    ('translate random 2M', 1.9, 'lookup2m'),
    ('translate random 2M, dependent', 8.1, 'lookup2m_dep'),
    ('fault with zeroing', 475, 'fault4k'),
    ('map and unmap of a page beside no area', 34, 'beside_0'),
    ('... beside 100 areas', 210, 'beside_100'),
    ('... beside 10,000 areas', 16459, 'beside_10000'),
    ('lazy map of 64 GiB (writes every entry)', 98e6, 'lazy_64g'),
]


def quantile(values, q):
    values = sorted(values)
    at = q * (len(values) - 1)
    low = int(at)
    high = min(low + 1, len(values) - 1)
    return values[low] + (values[high] - values[low]) * (at - low)


class Figure:
    """All measurements of one row and subject, per unit."""

    def __init__(self, boots, fast):
        self.all = [v for boot in boots for v in boot]
        self.low = quantile(self.all, 0.1)
        self.high = quantile(self.all, 0.9)
        self.median = min(self.all) if fast else statistics.median(
            statistics.median(b) for b in boots)

    def spread(self):
        if not self.median:
            return ''
        return '%+.0f%%..%+.0f%%' % (100 * (self.low / self.median - 1),
                                     100 * (self.high / self.median - 1))

    def as_json(self):
        return {'median': self.median, 'p10': self.low, 'p90': self.high,
                'min': min(self.all), 'max': max(self.all), 'n': len(self.all)}


class Source:
    """One kind of run: its boots, and what they say about themselves."""

    def __init__(self, name, unit, files, rdtsc, fast):
        self.name, self.unit = name, unit
        self.about = {}
        boots = {}
        self.boots = len(files)
        self.shared = []
        for path in files:
            self.read(path, boots, rdtsc)
        self.figures = {}
        for (row, subject), values in boots.items():
            self.figures.setdefault(row, {})[subject] = Figure(values, fast)

    def read(self, path, boots, rdtsc):
        scale = 1.0
        rows = {}
        with open(path, errors='replace') as log:
            for line in log:
                if found := re.search(r'AXB-about\|(\w+)\|(.*)', line):
                    self.about.setdefault(found[1], []).append(found[2].strip())
                if line.startswith('AXB-shared|'):
                    self.shared.append(line.strip().split('|')[1:])
                found = re.search(r'AXB\|(\w+)\|([^|]+)\|(\d+)\|([\d ]+)', line)
                if not found or found[1] == 'end':
                    continue
                row, subject, units = found[1], found[2], int(found[3])
                ticks = [int(t) for t in found[4].split()]
                if row == 'tick_khz':
                    if rdtsc:
                        scale = 1e6 / ticks[0]
                    continue
                each = 1.0 if row.endswith('_bytes') or row == 'tables_1g' else scale
                rows[row, subject] = [t * each / units for t in ticks]
        for key, values in rows.items():
            boots.setdefault(key, []).append(values)

    def get(self, row, subject):
        figure = self.figures.get(row, {}).get(subject)
        return figure.median if figure else None

    def floor(self, row, floor):
        return self.get(floor or row, 'floor')


def number(value):
    if value is None:
        return '-'
    if value >= 1e6:
        return '%.3g' % value
    if value >= 100:
        return '%.0f' % value
    if value >= 10:
        return '%.1f' % value
    return '%.2f' % value


def ratio(a, b):
    return '%.2f' % (a / b) if a is not None and b else '-'


def unit_of(source, group):
    return 'bytes' if group[0] == 'bytes' else source.unit


def print_table(lines):
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    out = []
    for line in lines:
        cells = [line[0].ljust(widths[0])]
        cells += [c.rjust(w) for c, w in zip(line[1:-1], widths[1:-1])]
        out.append('  '.join(cells + [line[-1]]).rstrip())
    return out


def group_table(source, group):
    _, title, rows = group
    lines = [['%s [%s]' % (title, unit_of(source, group)), 'EPT', 'S2', 'AMD', 'floor',
              'EPT/floor', 'S2/floor', 'EPT/peer', 'S2/peer', 'AMD/EPT', 'spread EPT',
              'peers and variants']]
    for key, label, floor_key in rows:
        figures = source.figures.get(key, {})
        if not figures:
            continue
        floor = source.floor(key, floor_key)
        others = {s: f.median for s, f in figures.items()
                  if s not in AXAS and s != 'floor'}
        peers = {s: v for s, v in others.items() if is_peer(s) and
                 not (s.startswith('kvm-') and key.startswith(DOES_LESS.get(s, ())))}
        best = min(peers.values()) if peers else None
        ept, s2, amd = (source.get(key, f) for f in AXAS)
        lines.append([label, number(ept), number(s2), number(amd), number(floor),
                      ratio(ept, floor), ratio(s2, floor), ratio(ept, best),
                      ratio(s2, best), ratio(amd, ept),
                      figures.get('ept', next(iter(figures.values()))).spread(),
                      ', '.join('%s %s' % (s, number(v))
                                for s, v in sorted(others.items(), key=lambda i: i[1]))])
    return print_table(lines) if len(lines) > 1 else []


def shared_table(source, counts):
    """Whose the lines are, with the most CPUs."""
    lines = [['Lines per fault that another CPU wrote last, %d CPUs' % counts[-1], 'subject', '', '']]
    for where, label in SCALE_WHERE:
        for what, cpus, subject, each, owner in source.shared:
            if what == where and int(cpus) == counts[-1]:
                lines.append([label, subject, each, owner])
    return print_table(lines) if len(lines) > 1 else []


# Subjects that aren't someone's way to do the same, but parts of the floor.
VARIANTS = ('zeroed tables', 'unzeroed tables', 'unrolled loop', 'with free', 'ioctl')


# Beside these rows KVM does only part of the work: it allocates or frees no
# memory. It is shown, and isn't the best peer.
DOES_LESS = {'kvm-populated': ('u_fault', 'u_guest_fault', 'u_unmap', 'n_'), 'kvm-memfd': ('u_unmap',)}


def is_peer(subject):
    return subject not in VARIANTS


# ---- targets ----

class Targets:
    def __init__(self):
        self.lines = [['target', 'wanted', 'EPT', 'S2', 'AMD', 'verdict']]
        self.json = []
        self.missed = 0

    def add(self, what, wanted, values, at_least=False, formats=AXAS):
        """values: by format; a target is met if all of @formats meet it"""
        if any(values[f] is None for f in formats):
            self.lines.append([what, ''] + ['-' for _ in AXAS] + ['not measured'])
            return
        met = all(values[f] >= wanted if at_least else values[f] <= wanted
                  for f in formats)
        self.missed += not met
        self.lines.append([what, ('>= ' if at_least else '<= ') + '%.3g' % wanted] +
                          ['-' if values[f] is None else '%.3f' % values[f] for f in AXAS] +
                          ['met' if met else 'MISSED'])
        self.json.append({'target': what, 'wanted': wanted, 'at_least': at_least,
                          'measured': values, 'met': met})


def against(source, row, other_row, other):
    """axas over someone else's figure, by format"""
    if not source:
        return {f: None for f in AXAS}
    base = source.get(other_row, other)
    return {f: (source.get(row, f) / base
                if base and source.get(row, f) is not None else None)
            for f in AXAS}


def within(source, row, base_row, invert=False):
    """one figure of axas over another"""
    values = {}
    for f in AXAS:
        a = source.get(row, f) if source else None
        b = source.get(base_row, f) if source else None
        if a is None or b is None:
            values[f] = None
        elif not a and not b:
            values[f] = 1.0
        elif invert:
            values[f] = b / a
        else:
            values[f] = a / b if b else float('inf')
    return values


def track_targets(t, noerms):
    for row, label, peer, limit in (
            ('u_track_runs', 'list of runs / KVM_GET_DIRTY_LOG + CLEAR', 'kvm-log', 0.1),
            ('u_track_runs', "list of runs / KVM's dirty ring", 'kvm-ring', 0.25),
            ('u_track_scattered', 'list of pages / KVM_GET_DIRTY_LOG + CLEAR', 'kvm-log', 0.35)):
        t.add(label, limit, against(noerms, row, row, peer))
    t.add('list of 64 pages in 512 GiB / in 64 MiB', 1.1,
          within(noerms, 'u_track_64_of_512g', 'u_track_64_of_64m'))
    t.add('begin to track 4 GiB / 64 MiB (not S2)', 1.05,
          within(noerms, 'u_track_arm_4g', 'u_track_arm_64m'), formats=('ept', 'amd'))
    t.add('a round of ageing, 1 % used / all used', 0.05,
          within(noerms, 'u_age_some', 'u_age_all'))
    write, spurious = ({f: noerms.get(row, f) if noerms else None for f in AXAS}
                       for row in ('u_track_write_512', 'u_spurious_512'))
    t.add('first write, 512 / (1.5 spurious faults + 100)', 1,
          {f: write[f] / (1.5 * spurious[f] + 100)
           if write[f] is not None and spurious[f] is not None else None for f in AXAS})


def scale_targets(t, source, n):
    """No line of axas's own on disjoint memory, one entry's line in the same tables."""
    if n == max(SCALE_CPUS):
        t.add('instructions of a fault, %d CPUs / 1, disjoint' % n, 1.05,
              within(source, 'n_insn_disjoint_%d' % n, 'n_insn_disjoint_1'))
    for where, label, limit in (('disjoint', 'disjoint', 0.01),
                                ('mapper', 'beside a mapper', 0.01),
                                ('same2m', 'within one 2 MiB', 1.01)):
        t.add("shared lines per fault beside the allocator's, %d CPUs, %s" % (n, label), limit,
              {f: source.get('n_added_%s_%d' % (where, n), f) if source else None for f in AXAS})


# Instructions without erms: what it says, what is wanted, whose row over whose.
CALL_TARGETS = (
    ('fault ioctl, 512, insn without erms / floor', 1.2, 'u_fault_512', 'alloc', 'floor'),
    ('fault ioctl, 512 / MADV_POPULATE_WRITE', 0.4, 'u_fault_512', 'u_fault_512', 'populate'),
    ('fault ioctl, 512 / KVM on a memfd', 0.15, 'u_fault_512', 'u_fault_512', 'kvm-memfd'),
    ('fault ioctl, 1 / MADV_POPULATE_WRITE of a page', 0.6, 'u_fault_1', 'u_fault_1', 'populate'),
    ("spurious fault, 512 / KVM's second pass", 0.05,
     'u_spurious_512', 'u_spurious_512', 'kvm-populated'),
    ('eager map 4K / floor', 1.1, 'u_eager4k', 'alloc', 'floor'),
    ("unmap with free 4K / allocator's free", 1.25, 'u_unmap4k', 'alloc_free', 'floor'),
    ('unmap with free 2M / munmap', 0.5, 'u_unmap2m', 'u_unmap2m', 'munmap'),
    ('unmap mapped in a window / munmap', 0.6, 'u_unmap4k_window', 'u_unmap4k', 'munmap'),
    ('first touch through a window / anonymous memory', 1, 'u_touch4k', 'u_touch4k', 'mm'),
    ('first touch through a window / memfd', 1, 'u_touch4k', 'u_touch4k', 'memfd'),
    ("populate with 2M frames / allocator's order 9", 1.05, 'populate2m', 'fault2m', 'floor'),
    ("unmap of 2M frames / allocator's free of order 9", 1.05,
     'space_unmap2m', 'alloc2m_free', 'floor'),
    ("first write through a window / a shared file's write notification", 1.1,
     'u_track_touch', 'u_track_touch', 'write-notify'),
    ('split of a 2M leaf / a table and its entries', 1.5, 'split2m', 'split2m', 'floor'),
)


def targets(native, noerms, smp, scale):
    t = Targets()
    for row, label, limit in (('map4k_new', 'map range 4K, tables new', 1.5),
                              ('map4k_present', 'map range 4K, tables present', 1.15),
                              ('unmap4k', 'unmap range 4K, tables freed', 1.3)):
        t.add('%s / raw loop' % label, limit, against(native, row, row, 'floor'))
        if row == 'map4k_present':
            continue
        for peer in ('generic_pt', 'io-pgtable'):
            t.add('%s / %s' % (label, peer), 1, against(native, row, row, peer))
    for row, label in (('map4k_call', 'map a page per call'),
                       ('unmap4k_call', 'unmap a page per call')):
        for peer in ('generic_pt', 'io-pgtable'):
            t.add('%s / %s' % (label, peer), 1, against(native, row, row, peer))
    t.add('unmap a 2M leaf per call / io-pgtable', 1,
          against(native, 'unmap2m_call', 'unmap2m_call', 'io-pgtable'))
    t.add('unmap 1 GiB as 2M / io-pgtable', 0.7, against(native, 'unmap2m', 'unmap2m', 'io-pgtable'))
    for row, label in (('lookup4k', 'lookup 4K'), ('lookup2m', 'lookup 2M')):
        for peer in ('generic_pt', 'io-pgtable'):
            t.add('%s / %s' % (label, peer), 0.25, against(native, row, row, peer))
    t.add('in-kernel fault / hot zeroed alloc + store', 1.3,
          against(native, 'fault4k_hot', 'alloc_hot', 'floor'))
    for label, limit, row, other_row, other in CALL_TARGETS:
        t.add(label, limit, against(noerms, row, other_row, other))
    t.add('fault of a guest, in the kernel / KVM on fresh memory', 0.8,
          against(noerms, 'u_guest_fault', 'u_guest_fault', 'kvm'), formats=('amd',))
    track_targets(t, noerms)
    t.add('lazy map: time of 64 TiB / 64 MiB (same: 10 %)', 1.1,
          within(native, 'lazy_64t', 'lazy_64m'))
    t.add('lazy map: bytes of 64 TiB / 64 MiB', 1,
          within(native, 'lazy_64t_bytes', 'lazy_64m_bytes'))
    t.add('a page beside 10,000 areas / beside none', 1.5,
          within(native, 'beside_10000', 'beside_0'))
    t.add('2 threads / 1, disjoint', 1.85,
          within(smp, 'u_smp_disjoint', 'u_smp_one', invert=True), at_least=True)
    t.add('2 threads / 1, within one 2 MiB', 1.6,
          within(smp, 'u_smp_same2m', 'u_smp_one', invert=True), at_least=True)
    t.add('faults beside a mapper / alone', 0.9,
          within(smp, 'u_smp_mapper', 'u_smp_one', invert=True), at_least=True)
    for n, source in scale.items():
        scale_targets(t, source, n)
    t.add('bytes of tables / what the format demands', 1.01,
          against(native, 'tables_1g', 'tables_1g', 'floor'))
    return t


# ---- plots ----

COLOURS = {'ept': '#1f6f8b', 's2': '#4fb0c6', 'amd': '#6f9f5c', 'generic_pt': '#d98032',
           'io-pgtable': '#e8b44f', 'populate': '#8a8d91', 'mm': '#8a8d91',
           'munmap': '#8a8d91', 'memfd': '#b9bbbe', 'kvm-memfd': '#a34a5e',
           'kvm-gmem': '#c98a96', 'kvm-populated': '#7d4f8c', 'kvm': '#a34a5e', 'kvm-log': '#a34a5e',
           'kvm-ring': '#c98a96'}
NAMES = {'ept': 'axas EPT', 's2': 'axas stage 2', 'amd': 'axas AMD', 'populate': 'MADV_POPULATE_WRITE',
         'mm': 'anonymous memory', 'kvm': 'KVM, fresh memory', 'kvm-memfd': 'KVM, memfd',
         'kvm-gmem': 'KVM, guest_memfd', 'kvm-populated': 'KVM, populated',
         'kvm-log': "KVM's dirty log", 'kvm-ring': "KVM's dirty ring"}


def escape(text):
    return text.replace('&', '&amp;').replace('<', '&lt;')


def plot(path, source, group):
    _, title, rows = group
    clusters = []
    for key, label, floor_key in rows:
        figures = source.figures.get(key, {})
        bars = [(s, f) for s, f in figures.items() if s != 'floor' and is_peer(s)]
        bars.sort(key=lambda b: (b[0] not in AXAS, AXAS.index(b[0])
                                 if b[0] in AXAS else 0, b[1].median))
        floor = source.floor(key, floor_key)
        if bars or floor is not None:
            clusters.append((label, bars, floor))
    if not any(bars for _, bars, _ in clusters):
        return False

    top = max([f.high for _, bars, _ in clusters for _, f in bars] +
              [f for _, _, f in clusters if f])
    left, width, bar, y = 300, 420, 15, 62
    x = lambda v: left + width * v / (top or 1)
    body = []
    for label, bars, floor in clusters:
        start, texts = y, []
        body.append('<text x="%d" y="%d" text-anchor="end" class="row">%s</text>' %
                    (left - 8, y + 11, escape(label)))
        for subject, figure in bars:
            body.append('<rect x="%d" y="%d" width="%.1f" height="%d" fill="%s"/>' %
                        (left, y, max(x(figure.median) - left, 0.5), bar - 3,
                         COLOURS.get(subject, '#777')))
            body.append('<path d="M%.1f %d H%.1f" class="spread"/>' %
                        (x(figure.low), y + 6, x(figure.high)))
            texts.append('<text x="%.1f" y="%d" class="figure">%s  %s</text>' %
                         (x(max(figure.high, figure.median)) + 5, y + 10,
                          number(figure.median), escape(NAMES.get(subject, subject))))
            y += bar
        if not bars:
            y += bar
        if floor is not None:
            body.append('<path d="M%.1f %d V%d" class="floor"/>' %
                        (x(floor), start - 3, y))
            body.append('<text x="%.1f" y="%d" class="floor">floor %s</text>' %
                        (x(floor) + 3, y + 9, number(floor)))
            y += 12
        # Over the floor's line, which may run through them.
        body += texts
        y += 10
    head = ['<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" '
            'font-family="sans-serif" font-size="11">' % (left + width + 220, y + 6),
            '<style>.row{font-weight:bold}.spread{stroke:#222;stroke-width:1}'
            'path.floor{stroke:#c00;stroke-width:1.5;stroke-dasharray:4 2}'
            'text.floor{fill:#c00;font-size:9px}'
            '.figure{paint-order:stroke;stroke:white;stroke-width:4px}</style>',
            '<rect width="100%" height="100%" fill="white"/>',
            '<text x="10" y="20" font-size="15" font-weight="bold">%s</text>' %
            escape(title),
            '<text x="10" y="38" fill="#555">%s; %s; lower is better; '
            'the thin line is the 10th to the 90th percentile</text>' %
            (escape(source.name), escape(unit_of(source, group))),
            '<path d="M%d 52 V%d" stroke="#999"/>' % (left, y - 6)]
    with open(path, 'w') as out:
        out.write('\n'.join(head + body + ['</svg>']) + '\n')
    return True


# What of the targets is a comparison with somebody, not with a floor.
PEERS = ('generic_pt', 'io-pgtable', 'MADV_POPULATE_WRITE', 'KVM')


def plot_peers(path, rows):
    """rows: [what, {format: axas over the peer}]; how many times as long it takes"""
    left, width, bar, y, low, high = 330, 360, 13, 70, 0.5, 32
    x = lambda v: left + width * math.log(min(max(v, low), high) / low) / math.log(high / low)
    body, labels = [], []
    for what, values in rows:
        body.append('<text x="%d" y="%d" text-anchor="end">%s</text>' %
                    (left - 10, y + 13, escape(what.replace(' / ', ': '))))
        for f in AXAS:
            if values[f] is None:
                continue
            times = 1 / values[f]
            a, b = sorted((x(1), x(times)))
            body.append('<rect x="%.1f" y="%d" width="%.1f" height="%d" fill="%s"/>' %
                        (a, y, max(b - a, 1), bar - 3, COLOURS[f]))
            labels.append('<text x="%.1f" y="%d" class="figure">%.1f</text>' %
                          (b + 5, y + 9, times))
            y += bar
        y += 8
    head = ['<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" role="img" '
            'font-family="sans-serif" font-size="12">' % (left + width + 60, y + 8),
            '<!-- SPDX-License-Identifier: GPL-2.0 -->',
            '<title>How many times as long others take as axas</title>',
            '<style>.figure{font-size:10px;fill:#333}</style>',
            '<rect width="100%" height="100%" fill="white"/>',
            '<text x="10" y="22" font-size="15" font-weight="bold">'
            'How many times as long others take as axas</text>',
            '<text x="10" y="42" fill="#555">longer bars are better; '
            '<tspan fill="%s">EPT</tspan>, <tspan fill="%s">stage 2</tspan>, '
            '<tspan fill="%s">AMD</tspan></text>' % tuple(COLOURS[f] for f in AXAS)]
    for v in (0.5, 1, 2, 4, 8, 16, 32):
        head.append('<path d="M%.1f 60 V%d" stroke="%s"/><text x="%.1f" y="57" '
                    'text-anchor="middle" font-size="10" fill="#555">%g</text>' %
                    (x(v), y - 6, '#c00' if v == 1 else '#ddd', x(v), v))
    with open(path, 'w') as out:
        out.write('\n'.join(head + body + labels + ['</svg>']) + '\n')


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    raw, out = sys.argv[1:]

    def load(name, unit, pattern, rdtsc=False, fast=False):
        files = sorted(glob.glob(os.path.join(raw, pattern)))
        return Source(name, unit, files, rdtsc, fast) if files else None

    native = load('native, User Mode Linux', 'ns', 'native-*.log', rdtsc=True)
    noerms = load('instructions, without erms', 'insn', 'calls-noerms.log')
    erms = load('instructions, with erms', 'insn', 'calls-erms.log')
    # Whoever else uses the machine's CPUs makes two threads wait for each
    # other: the best repetition is one that was left alone.
    smp = load('two CPUs, QEMU, best of many', 'ns', 'smp.log', fast=True)
    scale = {n: load('counted while up to %d CPUs fault' % n, 'count', 'scale-%d.log' % n)
             for n in SCALE_CPUS}

    text = ['axas and its peers.  EPT, S2 and AMD are the formats of axas; /floor and /peer are',
            'ratios to the floor and to the best peer, of medians; spread is from the 10th to',
            'the 90th percentile.', '']
    result = {'sources': {}, 'elsewhere': [], 'targets': []}
    plots = []
    for source, tag, groups in ((native, 'native', KERNEL_GROUPS),
                                (noerms, 'insn', CALL_GROUPS + KERNEL_GROUPS),
                                (erms, 'insn-erms', CALL_GROUPS + [
                                    g for g in KERNEL_GROUPS
                                    if g[0] in ('fault', 'fault2m', 'alloc')]),
                                (smp, 'smp', SMP_GROUPS),
                                *((s, 'n%d' % n, scale_groups(SCALE_CPUS[n]))
                                  for n, s in scale.items())):
        if not source:
            continue
        head = '==== %s ====' % source.name
        about = '; '.join('%s %s' % (k, ', '.join(dict.fromkeys(v)))
                          for k, v in sorted(source.about.items()))
        text += [head, '%d boot(s); %s' % (source.boots, about), '']
        for group in groups:
            table = group_table(source, group)
            if table:
                text += table + ['']
            name = 'bench-%s.svg' % (group[0] if tag in group[0] else
                                     '%s-%s' % (tag, group[0]))
            if plot(os.path.join(out, name), source, group):
                plots.append(name)
        for n, s in scale.items():
            if s is source:
                text += shared_table(s, SCALE_CPUS[n]) + ['']
        result['sources'][tag] = {
            'name': source.name, 'unit': source.unit, 'boots': source.boots,
            'about': source.about,
            'rows': {row: {s: f.as_json() for s, f in subjects.items()}
                     for row, subjects in source.figures.items()},
        }

    text.append('==== taken elsewhere: the Rust crate axaddrspace 0.3.0, user space, '
                'mock allocator, frames not zeroed unless said (peers.md) ====')
    lines = [['operation [ns]', 'crate, elsewhere', 'EPT here', '']]
    for label, value, row in ELSEWHERE:
        here = native.get(row, 'ept') if native else None
        lines.append([label, number(value), number(here), ''])
        result['elsewhere'].append({'operation': label, 'ns': value, 'row': row})
    text += print_table(lines) + ['']

    t = targets(native, noerms, smp, scale)
    result['targets'] = t.json
    rows = [(j['target'], j['measured']) for j in t.json
            if any(p in j['target'].rsplit(' / ', 1)[-1] for p in PEERS)]
    if rows:
        plot_peers(os.path.join(out, 'bench-peers.svg'), rows)
        plots.append('bench-peers.svg')
    text += ['==== targets ====']
    text += print_table(t.lines)
    text.append('%d of %d targets missed' % (t.missed, len(t.json)))
    if smp:
        text.append('2 threads / 1, disjoint, of others: ' + ', '.join(
            '%s %.2f' % (s, smp.get('u_smp_one', s) / smp.get('u_smp_disjoint', s))
            for s in ('mm', 'kvm-populated') if smp.get('u_smp_disjoint', s)))
    text.append('')
    with open(os.path.join(out, 'bench.txt'), 'w') as f:
        f.write('\n'.join(text))
    with open(os.path.join(out, 'bench.json'), 'w') as f:
        json.dump(result, f, indent=1)
    print('\n'.join(text))
    print('bench: %s/bench.txt, bench.json and %d plots' % (out, len(plots)), file=sys.stderr)


if __name__ == '__main__':
    main()
