"""Host names of L4 virtual services (ako-behaviour 5.1).

`default` is `<service>.<namespace>.<domain>`, `flat` is `<service>-<namespace>.<domain>`, `disabled` is none. The
domain is `defaultDomain` if the cloud's DNS profile serves it, else the first served one in alphabetical order; a
cloud without DNS profile gives no names. A label that does not begin with a letter (RFC 1035) gets the prefix `s` or
`n`; a label that is too long by that, or by being flat, is cut to 63 characters.
"""

MAX_LABEL = 63


def domain_for(*, configured: str, served: tuple[str, ...]) -> str:
    """The domain in which names are made; empty if there is none."""
    if not served:
        return ""
    wanted = configured.strip(".")
    return wanted if wanted in served else min(served)


def auto_fqdn(namespace: str, service: str, *, mode: str, domain: str) -> str:
    """The generated name of a Service; empty if none is to be made."""
    if mode == "disabled" or not domain:
        return ""
    first, second = _label(service, "s"), _label(namespace, "n")
    if mode == "flat":
        return f"{first}-{second}"[:MAX_LABEL].rstrip("-") + f".{domain}"
    return f"{first}.{second}.{domain}"


def _label(text: str, prefix: str) -> str:
    return text if text[:1].isalpha() else f"{prefix}{text}"[:MAX_LABEL].rstrip("-")
