"""Host names of L4 virtual services (ako-behaviour 5.1).

`default` is `<service>.<namespace>.<domain>`, `flat` is `<service>-<namespace>.<domain>`, `disabled` is none. The
domain is `defaultDomain` if the cloud's DNS profile serves it, else the first served one in alphabetical order; a
cloud without DNS profile gives no names. A label that does not begin with a letter (RFC 1035) gets the prefix `s` or
`n`; a label that is too long by that is cut to 63 characters. The label of the flat form is shortened at the Service;
only where the namespace leaves no room for it, that is shortened first.
"""

MAX_LABEL = 63
_NAMESPACE_SHARE = 48
"""Characters of a namespace beside a Service whose name would also fill the label."""


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
        return f"{_flat_label(first, second)}.{domain}"
    return f"{first}.{second}.{domain}"


def _flat_label(service: str, namespace: str) -> str:
    """Service and namespace as one label; the lengths are those of the official AKO."""
    if len(service) + len(namespace) + 1 <= MAX_LABEL:
        return f"{service}-{namespace}"
    if len(namespace) + 1 >= MAX_LABEL:
        room = MAX_LABEL - len(service) - 1
        namespace = namespace[: room if room > 0 else _NAMESPACE_SHARE].rstrip("-")
    return f"{service[: MAX_LABEL - len(namespace) - 1]}-{namespace}"


def _label(text: str, prefix: str) -> str:
    return text if text[:1].isalpha() else f"{prefix}{text}"[:MAX_LABEL].rstrip("-")
