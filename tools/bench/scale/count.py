#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""count.py SYMBOLS CONSOLE LINES - what the plugin has counted, by whose it is

SYMBOLS is the kernel's System.map, CONSOLE what axas-scale and /proc/kallsyms have
printed in the guest, LINES the plugin's file. Prints rows for report.py, and
AXB-shared|what|CPUs|subject|lines per fault|whose. Fails if the plugin hasn't
counted exactly what check_plugin() in axas-scale.c did.
"""
import bisect
import collections
import sys

KERNEL_HALF = 0xffffffff00000000
STRUCT_PAGES = range(0xffffea0000000000, 0xffffeb0000000000)
IMAGE = range(0xffffffff80000000, 0xffffffffa0000000)
ROWS = ('disjoint', 'same2m', 'mapper')
CLEARS = ('clear_page', 'clear_highpage')
NAMED = 3       # functions of those that write a line, to say whose it is
SHOWN = 6       # owners of a window


class Symbols:
    def __init__(self, system_map, console):
        text, data = [], []
        with open(system_map) as lines:
            for line in lines:
                self.add(text, data, line.split())
        with open(console, errors='replace') as lines:
            for line in lines:
                if line.startswith('AXS-sym '):
                    self.add(text, data, line.split()[1:])
        self.text, self.data = sorted(text), sorted(data)

    @staticmethod
    def add(text, data, words):
        address, kind, name = int(words[0], 16), words[1], ''.join(words[2:4])
        if kind in 'tTwW':
            text.append((address, name))
        elif kind in 'dDbB':
            data.append((address, name))

    @staticmethod
    def find(table, address):
        at = bisect.bisect(table, (address, '\x7f')) - 1
        return table[at][1] if at >= 0 else '?'

    def function(self, pc):
        return self.find(self.text, KERNEL_HALF | pc)

    def variable(self, line):
        """What is static and lies in this line, or begins in it."""
        return self.find(self.data, line + 63)


class Line:
    def __init__(self, words, symbols):
        self.address = int(words[0], 16)
        self.cpus, self.visits, self.moves, self.writes, self.atomics = map(int, words[1:6])
        self.writers = frozenset(symbols.function(int(pc, 16)) for pc in words[7:])

    def of_rcu(self, symbols):
        """Where a reader says that an interrupt took its CPU away: the interrupts'."""
        return self.address in IMAGE and symbols.variable(self.address) == 'rcu_state'

    def is_alike(self, alike):
        """
        The page allocator's own; or a page that another CPU had, which came through
        the allocator and is cleared.
        """
        return all(name in alike or name.startswith(CLEARS) for name in self.writers)

    def owner(self, symbols):
        names = sorted(self.writers)
        by = ', '.join(names[:NAMED]) + (', ...' if len(names) > NAMED else '')
        if self.address in STRUCT_PAGES:
            return 'struct page: ' + by
        if self.address in IMAGE:
            return '%s: %s' % (symbols.variable(self.address), by)
        return by


class Window:
    def __init__(self, words):
        (self.cpus, self.calls, self.instructions, self.stores, self.atomics,
         self.sleeps) = map(int, words)
        self.lines = []

    def told(self, words):
        self.what, self.subject, cpus, faults = words
        self.asked, self.faults = int(cpus), int(faults)


def read_windows(console, plugin, symbols):
    windows = []
    with open(plugin) as lines:
        for words in map(str.split, lines):
            if words[0] == 'window':
                windows.append(Window(words[2:]))
                # Its lines come after it.
            else:
                windows[-1].lines.append(Line(words[1:], symbols))
    with open(console, errors='replace') as lines:
        said = [line.strip().split('|')[1:] for line in lines if line.startswith('AXS|')]
    if not said or said[-1][0] != 'end' or len(said) != len(windows) + 1:
        sys.exit('count.py: %d windows, and the guest speaks of %d' %
                 (len(windows), len(said) - 1))
    for window, words in zip(windows, said):
        window.told(words)
    return windows


def check(window):
    """
    Nothing but one line of all, written twice a turn; eight instructions a turn, and
    one more every other turn, after which it is another CPU's.
    """
    turns = window.faults
    one = [line for line in window.lines if line.address == int(window.subject, 16) & ~63]
    line = one[0] if one else None
    found = (len(window.lines), line and (line.cpus, line.visits, line.writes, line.atomics),
             window.calls, window.instructions, window.stores, window.atomics)
    shared = window.asked > 1
    wanted = (int(shared), (window.asked, turns, 2 * turns, turns) if shared else None,
              turns, 17 * turns // 2, 3 * turns, turns)
    if found != wanted:
        sys.exit('count.py: the plugin counts wrong: %s, not %s' % (found, wanted))
    # When each begins and ends, and when QEMU's clock makes it go on, is chance.
    if shared and not 0.3 * turns < line.moves < 0.6 * turns:
        sys.exit('count.py: %d moves in %d turns' % (line.moves, turns))


class Rows:
    def __init__(self):
        self.values = {}

    def note(self, name, window, value):
        key = '%s_%s_%d' % (name, window.what, window.asked), window.subject, window.faults
        self.values.setdefault(key, []).append(str(value))

    def print(self):
        for (row, subject, faults), values in self.values.items():
            print('AXB|%s|%s|%d|%s' % (row, subject, faults, ' '.join(values)))


def moves(lines):
    return sum(line.moves for line in lines)


def report(windows, symbols):
    alike = set()       # what the page allocator shares
    for window in windows:
        if window.subject == 'floor':
            alike.update(*(line.writers for line in window.lines))
    rows, owners = Rows(), {}
    for window in windows:
        if window.what not in ROWS:
            continue
        added = [line for line in window.lines
                 if not line.is_alike(alike) and not line.of_rcu(symbols)]
        rows.note('n_insn', window, window.instructions)
        rows.note('n_atomic', window, window.atomics)
        rows.note('n_sleep', window, window.sleeps)
        rows.note('n_shared', window, moves(window.lines))
        rows.note('n_added', window, moves(added))
        found = owners.setdefault((window.what, window.asked, window.subject),
                                  collections.Counter())
        found['faults'] += window.faults
        for line in window.lines:
            found['page allocator' if line.is_alike(alike) else
                  line.owner(symbols)] += line.moves
    rows.print()
    for (what, cpus, subject), found in owners.items():
        faults = found.pop('faults')
        for owner, n in found.most_common(SHOWN):
            if not n:
                break
            print('AXB-shared|%s|%d|%s|%.4f|%s' % (what, cpus, subject, n / faults, owner))


def main():
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    system_map, console, plugin = sys.argv[1:]
    symbols = Symbols(system_map, console)
    windows = read_windows(console, plugin, symbols)
    for window in windows:
        if window.what == 'check':
            check(window)
    report(windows, symbols)
    print('AXB|end|0|0|0')


if __name__ == '__main__':
    main()
