"""Error classes, by what to do next.

Whoever catches one needs no more than its class: the queue turns `RetryLater` and `Stale` into another try, `Refused`
into a status for the user, `Fatal` into the end of the process with a reason, and `Bug` into a loud log line that
keeps every other key running. The text is for people: one sentence saying what, where and what to do. Nobody decides
anything by looking at it; `ako_runtime.avi` maps the Avi Controller's answers to these classes in one table.
`UserError` belongs to the command line: bad input, exit code 2.
"""

from typing import Final

_LONGEST = 4096
"""Characters: what others wrote may be quoted in an error, and is remembered with its key."""


class AkoError(Exception):
    """Base of every error that this project raises on purpose; `reason` is a CamelCase word for conditions and
    metrics.
    """

    def __init__(self, message: str, *, reason: str = "") -> None:
        super().__init__(message if len(message) <= _LONGEST else f"{message[:_LONGEST]}…")
        self.reason = reason or type(self).__name__


class RetryLater(AkoError):  # noqa: N818 - named after the verdict, not after a mishap
    """The other side cannot do it now. Try again after `after` seconds, or after the queue's own back-off if None."""

    def __init__(self, message: str, *, after: float | None = None, reason: str = "") -> None:
        super().__init__(message, reason=reason)
        self.after = after


class Stale(AkoError):  # noqa: N818
    """What we know of an object is out of date: read it again, plan again."""


class Refused(AkoError):  # noqa: N818
    """The request is understood and refused: somebody must change something before trying again makes sense.

    `named` are the objects that the controller's answer names, those that stand in the way among them.
    """

    def __init__(self, message: str, *, reason: str = "", named: frozenset[str] = frozenset()) -> None:
        super().__init__(message, reason=reason)
        self.named = named


class Fatal(AkoError):  # noqa: N818
    """The process cannot do its work at all (wrong password, unusable settings)."""


class Bug(AkoError):  # noqa: N818
    """Something that cannot happen has happened; the key is set aside and the others go on."""


class UserError(AkoError):
    """Bad input on the command line or in a file that it names: one sentence, exit code 2."""


_DEPTH: Final = 10  # Libraries wrap an error three or four times; a chain that is longer is cut.


def cause_of(error: BaseException) -> str:
    """What went wrong below the HTTP libraries, in words for an operator, without their class names and URLs.

    The innermost error is the one that says it: an operating system's text, a certificate that was refused, or a server
    that hung up.
    """
    inner = error
    for _ in range(_DEPTH):
        wrapped = (inner.__cause__, getattr(inner, "reason", None), *inner.args, inner.__context__)
        deeper = next((item for item in wrapped if isinstance(item, BaseException)), None)
        if deeper is None:
            break
        inner = deeper
    if message := getattr(inner, "verify_message", ""):
        return f"its certificate is refused: {message}"
    if isinstance(inner, TimeoutError) or "Timeout" in type(inner).__name__:
        return "no answer in time"
    if isinstance(inner, ConnectionResetError) or type(inner).__name__ == "RemoteDisconnected":
        return "the connection was closed without an answer"
    if getattr(inner, "library", "") == "SSL":
        return f"TLS fails: {str(getattr(inner, 'reason', '')).replace('_', ' ').lower()}"
    if isinstance(inner, OSError) and inner.strerror:
        return inner.strerror.lower()
    return str(inner) or type(inner).__name__
