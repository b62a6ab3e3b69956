"""Which time a package carries where `SOURCE_DATE_EPOCH` says none: one that its own content states.

Never the clock, and never the file system: the same content gives the same package tomorrow, and on another machine.
Our own chart has the date of its release. Somebody else's archive was packed at some time, which its newest file
says. A package that is signed again or converted keeps the release date of its manifest, or, where that is no time,
the newest time stamp of its members. What states no time at all gets the earliest one that a ZIP can say.
"""

import calendar
import datetime as dt
import os
import tarfile
import zlib
from collections.abc import Iterable
from pathlib import Path

from ako_builder.archive.container import Container
from ako_builder.archive.zip_fields import is_time
from ako_builder.archive.zip_records import LAST_ZIP_TIME, ZIP_EPOCH
from ako_builder.csar.chart_archive import opened_tar
from ako_builder.csar.check_package import layout
from ako_builder.release import Release
from ako_builder.times import source_date_epoch
from ako_runtime.errors import UserError

_MAX_CHART_FILES = 10_000
_RELEASE_DATES = ("vnf_release_date_time", "pnfd_release_date_time", "release_date_time")


def build_epoch(*, default: int = ZIP_EPOCH) -> int:
    """The time that everything built now carries: SOURCE_DATE_EPOCH, else what the content states."""
    epoch = source_date_epoch(os.environ, default=default)
    try:
        dt.datetime.fromtimestamp(epoch, dt.UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise UserError(f"SOURCE_DATE_EPOCH is {epoch}: too far in the future") from error
    return epoch


def chart_epoch(archive: Path, *, release: Release | None) -> int:
    """The time that a chart states: the release's, or that of the newest file in its archive."""
    if release is not None:
        return release.epoch
    try:
        with archive.open("rb") as stream, opened_tar(stream) as tar:
            return _newest(int(info.mtime) for info, _ in zip(tar, range(_MAX_CHART_FILES), strict=False))
    except (OSError, EOFError, zlib.error, tarfile.TarError, ValueError):
        return ZIP_EPOCH  # whoever reads the chart says what is wrong with it


def package_epoch(container: Container) -> int:
    """The time that a package states: its release date, else that of its newest member."""
    manifest = layout(container).manifest
    for name in _RELEASE_DATES:
        stated = manifest.metadata.get(name) if manifest is not None else None
        found = _stated_time(stated or "")
        if found is not None:
            return found
    return _newest(_dos_seconds(entry.stamp) for entry in container.entries.values() if is_time(entry.stamp))


def _newest(times: Iterable[int]) -> int:
    return max((time for time in times if ZIP_EPOCH <= time <= LAST_ZIP_TIME), default=ZIP_EPOCH)


def _stated_time(text: str) -> int | None:
    try:
        time = dt.datetime.fromisoformat(text.strip().upper())
    except ValueError:
        return None
    seconds = int((time if time.tzinfo else time.replace(tzinfo=dt.UTC)).timestamp())
    return seconds if ZIP_EPOCH <= seconds <= LAST_ZIP_TIME else None


def _dos_seconds(stamp: int) -> int:
    date, time = stamp >> 16, stamp & 0xFFFF
    day = (1980 + (date >> 9), date >> 5 & 15, date & 31)
    return calendar.timegm((*day, time >> 11, time >> 5 & 63, (time & 31) * 2, 0, 0, 0))
