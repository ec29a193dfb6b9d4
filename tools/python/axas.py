# SPDX-License-Identifier: MIT
"""Guest physical address spaces: the calls of libaxas for Python.

    with axas.create() as space:
        space.map(0, 64 << 20)
        space.write(0x1000, b"hello")
        with space.window(0, 64 << 20) as ram:
            assert ram[0x1000:0x1005] == b"hello"

Addresses and lengths are in bytes. A call that fails raises OSError with the errno
that axas(3) has for it; what isn't a number, or fits no field, is a TypeError or an
OverflowError and never gets to the kernel. A Device, Space, RamFile or Tracker
has a descriptor, which close() or the end of a with statement closes; any thread may call
it. AXAS_LIBRARY in the environment names another library than libaxas.so.0.
"""
import ctypes
import enum
import errno
import functools
import mmap
import operator
import os

# ---- what <linux/axas.h> enumerates ----


class Format(enum.IntEnum):
    HOST = 0
    EPT = 1
    S2 = 2
    AMD = 3
    MODULE = 16


class Prot(enum.IntFlag):
    READ = 1 << 0
    WRITE = 1 << 1
    EXEC = 1 << 2
    EXEC_USER = 1 << 3


class MemType(enum.IntEnum):
    WB = 0
    WT = 1
    WP = 2
    NC = 3
    UC = 4
    DEVICE = 5


class Feature(enum.IntFlag):
    EXEC_ONLY = 1 << 0
    AD = 1 << 1
    FWB = 1 << 2
    LPA2 = 1 << 3
    EXEC_USER = 1 << 4


class Backend(enum.IntEnum):
    LINEAR = 1
    ALLOC = 2
    DEVICE = 3
    ALIAS = 4
    MODULE = 16


class MapFlags(enum.IntFlag):
    POPULATE = 1 << 0
    IGNORE_PAT = 1 << 1
    NODE = 1 << 2
    REPLACE = 1 << 3
    ROM = 1 << 4
    BIND = 1 << 5
    INTERLEAVE = 1 << 6
    WHOLE = 1 << 7


class RamFlags(enum.IntFlag):
    PIN = 1 << 0


class MoveFlags(enum.IntFlag):
    EXCHANGE = 1 << 0


class CollapseFlags(enum.IntFlag):
    COPY = 1 << 0


class FaultResult(enum.IntEnum):
    RESOLVED = 0
    SPURIOUS = 1
    NO_AREA = 2
    DENIED = 3
    NO_MEMORY = 4
    INVALID = 5
    DEVICE = 6
    POISONED = 7


class Bus(enum.IntEnum):
    MEMORY = 0
    PORT = 1
    SYSREG = 2


class TranslateState(enum.IntEnum):
    MAPPED = 0
    LAZY = 1
    NO_AREA = 2
    INVALID = 3
    DEVICE = 4
    POISONED = 5


class TranslateFlags(enum.IntFlag):
    ACCESSED = 1 << 0
    DIRTY = 1 << 1
    IGNORE_PAT = 1 << 2


class ProbeKind(enum.IntEnum):
    MAPPED = 0
    TRANSLATION = 1
    PERMISSION = 2
    MISCONFIGURED = 3
    ACCESS_FLAG = 4
    ADDRESS_SIZE = 5


class TrackWhat(enum.IntFlag):
    WRITTEN = 1 << 0
    ACCESSED = 1 << 1


class TrackFlags(enum.IntFlag):
    BY_FLAGS = 1 << 0


class DirtyFlags(enum.IntFlag):
    PEEK = 1 << 0
    PUT = 1 << 1


RW = Prot.READ | Prot.WRITE
RWX = RW | Prot.EXEC

# ---- its structures: tools/tests compares them with the header ----


class _Structure(ctypes.Structure):
    """Unlike ctypes' own, it takes no field that it doesn't have, nor cuts a number."""

    def __init__(self, **values):
        super().__init__()
        for name, value in values.items():
            if name not in self.names():
                raise TypeError(f"{type(self).__name__} has no field '{name}'")
            setattr(self, name, value)

    @classmethod
    def names(cls):
        return [name for name, _ in cls._fields_]

    def __setattr__(self, name, value):
        value = operator.index(value)
        super().__setattr__(name, value)
        if getattr(self, name) != value:
            raise OverflowError(f"{name} can't be {value:#x}")

    def __repr__(self):
        values = ((name, getattr(self, name)) for name in self.names())
        return f"{type(self).__name__}(" + ", ".join(
            f"{name}={list(v) if isinstance(v, ctypes.Array) else repr(v)}"
            for name, v in values) + ")"


def _fields(text):
    """The fields of "u32 size flags, u64 gpa leaves*3": a type, its names, their numbers."""
    types = {"u8": ctypes.c_uint8, "u16": ctypes.c_uint16, "u32": ctypes.c_uint32,
             "u64": ctypes.c_uint64, "s32": ctypes.c_int32, "char": ctypes.c_char}
    for part in text.split(","):
        kind, *names = part.split()
        for name in names:
            name, _, number = name.partition("*")
            yield name, types[kind] * int(number) if number else types[kind]


class Info(_Structure):
    _fields_ = list(_fields("u32 size flags format formats, u64 leaf_sizes gpa_bits, "
                            "u32 features memtypes hpa_bits default_gpa_bits, "
                            "u64 control_bits, char name*16"))


class Create(_Structure):
    _fields_ = list(_fields("u32 size flags format gpa_bits, u64 base length, "
                            "u32 features reserved"))


class Map(_Structure):
    _fields_ = list(_fields("u32 size flags, u64 gpa length hpa, "
                            "u32 backend prot memtype node, u64 max_leaf cookie offset, "
                            "s32 fd, u32 nodes"))


class FaultEntry(_Structure):
    _fields_ = list(_fields("u64 gpa, u16 access, u8 width bus, u32 result, "
                            "u64 cookie offset"))


class TranslateEntry(_Structure):
    _fields_ = list(_fields("u64 gpa hpa leaf_size limit, u32 state prot memtype flags"))


class Stats(_Structure):
    _fields_ = list(_fields("u32 size flags, u64 areas resident leaves*3 tables*5, "
                            "u32 format gpa_bits levels features, "
                            "u64 base length faults*8"))


class Probe(_Structure):
    _fields_ = list(_fields("u32 size flags, u64 gpa, u32 access kind, u64 hpa, "
                            "u32 level memtype, u64 raw"))


class Root(_Structure):
    _fields_ = list(_fields("u32 size flags format levels, u64 root control vtcr"))


class AreaEntry(_Structure):
    _fields_ = list(_fields("u64 gpa length hpa cookie max_leaf, "
                            "u32 backend prot memtype flags node nodes"))


class Discard(_Structure):
    _fields_ = list(_fields("u32 size flags, u64 gpa length freed pinned"))


class Collapse(_Structure):
    _fields_ = list(_fields("u32 size flags, u64 gpa length done joined"))


class NextEntry(_Structure):
    _fields_ = list(_fields("u64 gpa length"))


# ---- the library ----


_INT = ctypes.c_int
_U32 = ctypes.c_uint32
_U64 = ctypes.c_uint64
_SIZE = ctypes.c_size_t
_TEXT = ctypes.c_char_p
_PTR = ctypes.c_void_p
_RANGE = (_INT, _U64, _U64)

# What each function returns and takes, as in axas.h.
_FUNCTIONS = {
    "axas_areas_begin": (_INT, _INT, _U64, _PTR),
    "axas_areas_end": (None, _PTR),
    "axas_areas_next": (_INT, _PTR, _PTR),
    "axas_clear": (_INT, _INT),
    "axas_collapse": (_INT, *_RANGE, _U32, _PTR),
    "axas_create": (_INT, _INT, _PTR),
    "axas_device_add": (_INT, _INT, _U32, _U64, _U64, _U64),
    "axas_device_del": (_INT, _INT, _U32, _U64, _U64),
    "axas_dirty": (_INT, _INT, _PTR, _PTR, _U32, _PTR, ctypes.c_uint),
    "axas_dirty_put": (_INT, _INT, _PTR, ctypes.c_uint),
    "axas_discard": (_INT, *_RANGE, _PTR),
    "axas_faults": (_INT, _INT, _PTR, ctypes.c_uint),
    "axas_format_number": (_INT, _INT, _TEXT),
    "axas_id": (ctypes.c_int64, _INT),
    "axas_info": (_INT, _INT, _U32, _PTR),
    "axas_map": (_INT, _INT, _PTR),
    "axas_move": (_INT, _INT, _U64, _U64, _U64, _U32),
    "axas_next": (_INT, _INT, _PTR, _PTR, _PTR, ctypes.c_uint),
    "axas_open": (_INT, _TEXT),
    "axas_populate": (_INT, *_RANGE, _PTR),
    "axas_probe": (_INT, _INT, _U64, _U32, _PTR),
    "axas_protect": (_INT, *_RANGE, _U32),
    "axas_ram_file": (_INT, *_RANGE, _U32, _U32),
    "axas_read": (_INT, _INT, _U64, _PTR, _SIZE),
    "axas_resize": (_INT, *_RANGE),
    "axas_root": (_INT, _INT, _PTR),
    "axas_stats": (_INT, _INT, _PTR),
    "axas_track": (_INT, *_RANGE, _U32, _U32, _U64),
    "axas_translations": (_INT, _INT, _PTR, ctypes.c_uint),
    "axas_unmap": (_INT, *_RANGE),
    "axas_write": (_INT, _INT, _U64, _TEXT, _SIZE),
}


@functools.lru_cache(maxsize=None)
def _library():
    library = ctypes.CDLL(os.environ.get("AXAS_LIBRARY", "libaxas.so.0"))
    for name, (result, *arguments) in _FUNCTIONS.items():
        function = getattr(library, name)
        function.restype = result
        function.argtypes = arguments
    return library


def _fits(kind, value):
    """An argument of this type: ctypes would cut a number that doesn't fit."""
    if kind in (_TEXT, _PTR):
        return value
    number = kind(operator.index(value))
    if number.value != value:
        raise OverflowError(f"an argument can't be {value:#x}")
    return number


def _try(name, *arguments):
    """What a function of the library returns."""
    function = getattr(_library(), name)
    return function(*map(_fits, function.argtypes, arguments))


def _check(result, **more):
    """A result that is no error. The exception has what a call did before it failed."""
    if result >= 0:
        return result
    error = OSError(-result, os.strerror(-result))
    for name, value in more.items():
        setattr(error, name, value)
    raise error


def _call(name, *arguments):
    return _check(_try(name, *arguments))


def _named(kind, number):
    """A member of an enumeration; a number, if a newer module has more of them."""
    try:
        return kind(number)
    except ValueError:
        return number


class _File:
    """A descriptor, and a with statement that closes it."""

    def __init__(self, fd):
        self._fd = fd

    def fileno(self):
        """The descriptor."""
        if self._fd is None:
            raise ValueError("it is closed")
        return self._fd

    def close(self):
        """Close the descriptor; once more does nothing."""
        fd, self._fd = self._fd, None
        if fd is not None:
            os.close(fd)

    def detach(self):
        """Give the descriptor to the caller, who closes it."""
        fd, self._fd = self.fileno(), None
        return fd

    def __enter__(self):
        self.fileno()
        return self

    def __exit__(self, *_):
        self.close()

    def __del__(self):
        if getattr(self, "_fd", None) is not None:
            self.close()


class Device(_File):
    """/dev/axas, or the node at @path."""

    def __init__(self, path="/dev/axas"):
        super().__init__(_call("axas_open", os.fsencode(path)))

    def info(self, format=Format.HOST):
        """What the module can do: an Info."""
        info = Info()
        _call("axas_info", self.fileno(), format, ctypes.byref(info))
        return info

    def format_number(self, name):
        """The number of the format that has this name."""
        return _call("axas_format_number", self.fileno(), name.encode())

    def create(self, **how):
        """Make a Space: format, gpa_bits, base, length, features, all 0 unless given."""
        create = Create(**how)
        return Space(_call("axas_create", self.fileno(), ctypes.byref(create)))


def create(path="/dev/axas", **how):
    """Make a Space, as Device.create()."""
    with Device(path) as device:
        return device.create(**how)


class _Memory(_File):
    """Guest memory as a file; offsets of a space's are GPAs."""

    def read(self, offset, length):
        """Copy out, all or an error: bytes."""
        data = ctypes.create_string_buffer(operator.index(length))
        _call("axas_read", self.fileno(), offset, data, length)
        return data.raw

    def write(self, offset, data):
        """Copy in, all or an error."""
        data = bytes(memoryview(data))
        _call("axas_write", self.fileno(), offset, data, len(data))

    def window(self, offset, length, write=True):
        """Guest memory in this process: an mmap.mmap, which is a buffer.

        A touch where there is no memory, or no right, is no exception: it ends the
        process by SIGBUS. Beyond the end of the memory it is a ValueError.
        """
        if not length:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        return mmap.mmap(self.fileno(), length, flags=mmap.MAP_SHARED, offset=offset,
                         prot=mmap.PROT_READ | (mmap.PROT_WRITE if write else 0))


class RamFile(_Memory):
    """A range of a space as a file, for programs that have files as memory.

    With pass_fds=[ram.fileno()] of subprocess a child has it at the same number,
    that is as /proc/self/fd/NUMBER.
    """


class Tracker(_File):
    """What is written in a range of a space; select.poll() knows its descriptor."""

    def __init__(self, fd, gpa, length):
        super().__init__(fd)
        self.gpa, self.length = gpa, length

    def dirty(self, gpa=None, length=None, flags=0):
        """List what was written since it was listed last, of all unless said: (gpa, length).

        It is read behind the listing. With DirtyFlags.PEEK all is listed again.
        """
        gpa = self.gpa if gpa is None else gpa
        length = self.gpa + self.length - gpa if length is None else length
        at, left = _fits(_U64, gpa), _fits(_U64, length)
        entries = (NextEntry * 256)()
        while left.value:
            n = _call("axas_dirty", self.fileno(), ctypes.byref(at), ctypes.byref(left),
                      flags, entries, len(entries))
            yield from [(entry.gpa, entry.length) for entry in entries[:n]]

    def put(self, runs):
        """Have runs, each (gpa, length), listed again."""
        entries = [NextEntry(gpa=gpa, length=length) for gpa, length in runs]
        _call("axas_dirty_put", self.fileno(), (NextEntry * len(entries))(*entries),
              len(entries))


class Space(_Memory):
    """A guest physical address space, of a descriptor that it closes."""

    @property
    def id(self):
        """The number that debugfs and the tracepoints know the space by."""
        return _call("axas_id", self.fileno())

    def map(self, gpa, length, prot=RWX, backend=Backend.ALLOC, **how):
        """Make an area: flags, hpa, memtype, node, max_leaf, cookie and so on, 0 unless given."""
        area = Map(gpa=gpa, length=length, prot=prot, backend=backend, **how)
        _call("axas_map", self.fileno(), ctypes.byref(area))

    def map_device(self, gpa, length, cookie=0):
        """Make an area whose accesses the caller emulates."""
        self.map(gpa, length, RW, Backend.DEVICE, cookie=cookie)

    def map_alias(self, gpa, length, source, offset=0, prot=RW):
        """Make an area of memory that another space, or a RAM file, has at an offset."""
        self.map(gpa, length, prot, Backend.ALIAS, fd=source.fileno(), offset=offset)

    def unmap(self, gpa, length):
        """Take a range out of the space."""
        _call("axas_unmap", self.fileno(), gpa, length)

    def protect(self, gpa, length, prot):
        """Change permissions."""
        _call("axas_protect", self.fileno(), gpa, length, prot)

    def resize(self, gpa, length):
        """Move the end of the area that begins at gpa."""
        _call("axas_resize", self.fileno(), gpa, length)

    def move(self, source, target, length, flags=0):
        """Take memory to another place of the space."""
        _call("axas_move", self.fileno(), source, target, length, flags)

    def discard(self, gpa, length):
        """Give back memory and keep the areas: a Discard says how much is free."""
        discard = Discard()
        _call("axas_discard", self.fileno(), gpa, length, ctypes.byref(discard))
        return discard

    def populate(self, gpa, length):
        """Bring in memory. An exception has how far it came, in bytes, as done."""
        done = ctypes.c_uint64()
        result = _try("axas_populate", self.fileno(), gpa, length, ctypes.byref(done))
        _check(result, done=done.value)

    def collapse(self, gpa, length, flags=0):
        """Make larger leaves: a Collapse. An exception has how far it came as done."""
        collapse = Collapse()
        result = _try("axas_collapse", self.fileno(), gpa, length, flags,
                      ctypes.byref(collapse))
        _check(result, done=collapse.done)
        return collapse

    def next(self, gpa=None, length=None):
        """List what memory is there, in the whole space if nothing is said: (gpa, length)."""
        if gpa is None or length is None:
            stats = self.stats()
            gpa = stats.base if gpa is None else gpa
            length = stats.base + stats.length - gpa if length is None else length
        at, left = _fits(_U64, gpa), _fits(_U64, length)
        entries = (NextEntry * 256)()
        while left.value:
            n = _call("axas_next", self.fileno(), ctypes.byref(at), ctypes.byref(left),
                      entries, len(entries))
            yield from [(entry.gpa, entry.length) for entry in entries[:n]]

    def track(self, gpa, length, what=TrackWhat.WRITTEN, flags=0, threshold=0):
        """Make a Tracker of a range, which notices what is written, or used, from now on."""
        return Tracker(_call("axas_track", self.fileno(), gpa, length, what, flags, threshold),
                       gpa, length)

    def ram_file(self, gpa, length, prot=RW, flags=0):
        """Make a RamFile of a range."""
        return RamFile(_call("axas_ram_file", self.fileno(), gpa, length, prot, flags))

    def clear(self):
        """Unmap everything."""
        _call("axas_clear", self.fileno())

    def _all(self, name, entries):
        """A call on an array, again behind what it has done until all is."""
        size = ctypes.sizeof(entries) // max(1, len(entries))
        done = 0
        while done < len(entries):
            done += _call(name, self.fileno(), ctypes.byref(entries, done * size),
                          len(entries) - done)
        return list(entries)

    def faults(self, entries):
        """Resolve nested page faults, each a FaultEntry: a list of what became of them."""
        entries = list(entries)
        return self._all("axas_faults", (FaultEntry * len(entries))(*entries))

    def fault(self, gpa, access):
        """Resolve one nested page fault: a FaultResult."""
        entry, = self.faults([FaultEntry(gpa=gpa, access=access)])
        return _named(FaultResult, entry.result)

    def translations(self, gpas):
        """Look addresses up without touching them: a list of TranslateEntry."""
        entries = [TranslateEntry(gpa=gpa) for gpa in gpas]
        return self._all("axas_translations", (TranslateEntry * len(entries))(*entries))

    def translate(self, gpa):
        """Look one address up: a TranslateEntry."""
        return self.translations([gpa])[0]

    def stats(self):
        """The space's figures: a Stats."""
        stats = Stats()
        _call("axas_stats", self.fileno(), ctypes.byref(stats))
        return stats

    def probe(self, gpa, access):
        """Let the CPU walk the table: a Probe."""
        probe = Probe()
        _call("axas_probe", self.fileno(), gpa, access, ctypes.byref(probe))
        return probe

    def root(self):
        """What makes a CPU use the table: a Root."""
        root = Root()
        _call("axas_root", self.fileno(), ctypes.byref(root))
        return root

    def areas(self, start=0):
        """List the areas from start on: AreaEntry."""
        walk = ctypes.c_void_p()
        _call("axas_areas_begin", self.fileno(), start, ctypes.byref(walk))
        try:
            areas = [AreaEntry()]
            while _call("axas_areas_next", walk, ctypes.byref(areas[-1])):
                areas.append(AreaEntry())
            return areas[:-1]
        finally:
            _try("axas_areas_end", walk)

    def device_add(self, bus, first, last, cookie=0):
        """Register ports or system registers, from first to last."""
        _call("axas_device_add", self.fileno(), bus, first, last, cookie)

    def device_del(self, bus, first, last):
        """Take back what device_add() has registered."""
        _call("axas_device_del", self.fileno(), bus, first, last)
