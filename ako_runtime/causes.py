"""What went wrong below the HTTP libraries, for people."""

from typing import Final

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
    if isinstance(inner, OSError) and inner.strerror:
        return inner.strerror.lower()
    return str(inner) or type(inner).__name__
