"""Reading large files through the page cache itself: windows that are mapped, not copied.

A hash is so fast that copying the bytes to where it reads them takes a fifth of its time. A mapped window costs a
tenth of that. Mapping has one danger: where a file cannot be read, touching a page kills the process instead of
raising an error. So every window is populated by a call that answers with an error (`MADV_POPULATE_READ`, Linux 5.14),
after its length was checked against the file's; where the call does not exist, or the file
system maps nothing, files are read. What remains is a
file that somebody truncates in the millisecond while a window is read (docs/adr/0047).

What lies on a disk is asked for a few windows ahead, as the kernel does by itself only for reads.

A window is unmapped when the last view of it is gone, so a reader may keep some while it asks for the next; resident
memory is as many windows as are kept.
"""

import mmap
import os
from collections.abc import Iterator

MAPPED_FROM = 8 << 20
_WINDOW = 1 << 20
_AHEAD = 8 << 20
_POPULATE_READ = 22


def can_map(handle: int) -> bool:
    """Whether windows of this open file can be mapped and populated with an answer; some file systems cannot."""
    try:
        with mmap.mmap(handle, mmap.PAGESIZE, flags=mmap.MAP_SHARED, prot=mmap.PROT_READ) as page:
            page.madvise(_POPULATE_READ)
    except (OSError, ValueError):
        return False
    return True


def windows(handle: int, *, start: int, length: int) -> Iterator[memoryview]:
    """Views of `length` bytes of an open file from `start` on, one after the other.

    `OSError` if the file cannot be read or has become shorter.
    """
    stop = start + length
    os.posix_fadvise(handle, start, _AHEAD, os.POSIX_FADV_WILLNEED)
    while start < stop:
        aligned = start - start % mmap.ALLOCATIONGRANULARITY
        end = min(aligned + _WINDOW, stop)
        try:
            window = mmap.mmap(handle, end - aligned, flags=mmap.MAP_SHARED, prot=mmap.PROT_READ, offset=aligned)
        except ValueError as error:
            raise OSError(f"the file has become shorter ({error})") from error
        window.madvise(_POPULATE_READ)
        os.posix_fadvise(handle, aligned + _AHEAD, _WINDOW, os.POSIX_FADV_WILLNEED)
        yield memoryview(window)[start - aligned :]
        start = end
