"""Times that builds write: seconds since 1970, given from outside, never read from a clock."""

import datetime as dt
from collections.abc import Mapping

from ako_builder.archive.zip_records import ZIP_EPOCH
from ako_runtime.errors import UserError


def source_date_epoch(environ: Mapping[str, str], *, default: int = ZIP_EPOCH) -> int:
    """Seconds since 1970 that every time stamp of a build says."""
    text = environ.get("SOURCE_DATE_EPOCH")
    if text is None:
        return default
    if not text.isascii() or not text.isdigit():
        raise UserError(f"SOURCE_DATE_EPOCH is {text!r}: give whole seconds since 1970-01-01, or unset it")
    return int(text)


def rfc3339(time: int | dt.datetime) -> str:
    """A time (seconds since 1970, or an aware one) as RFC 3339 writes it, in UTC and whole seconds."""
    aware = dt.datetime.fromtimestamp(time, dt.UTC) if isinstance(time, int) else time.astimezone(dt.UTC)
    return aware.strftime("%Y-%m-%dT%H:%M:%SZ")
