"""How clients are led to TLS: with which status plain requests are redirected, and for how long they remember (HSTS).

The official AKO redirects with 302 and knows no HSTS; two annotations of the Ingress say more. The oldest Ingress of a
host that has one decides. A wrong value is told, and what applies without the annotation applies.
"""

import re
from collections.abc import Iterable

from msgspec import UNSET, Struct, UnsetType

from ako_runtime.model import avi_l7
from ako_runtime.model.names import name_in_set
from ako_runtime.resources.ingress_annotations import HSTS, REDIRECT_CODE
from ako_runtime.resources.networking import Ingress

_CODES = ("301", "302", "307")
_HSTS = re.compile(r"(\d{1,9})(; ?includeSubDomains)?(; ?preload)?")


class Transport(Struct, frozen=True, kw_only=True):
    """What applies to a host; `hsts` is the value of the header, empty for none."""

    redirect: str = "302"
    hsts: str = ""

    @property
    def status_code(self) -> str:
        """The redirect as the controller names it."""
        return f"HTTP_REDIRECT_STATUS_CODE_{self.redirect}"


DEFAULT = Transport()


def transport_of(ingresses: Iterable[Ingress]) -> tuple[Transport, tuple[tuple[Ingress, str, str], ...]]:
    """What the Ingresses of a host (oldest first) say, and about which, field and text, there is something to tell."""
    values: dict[str, str] = {}
    wrong = []
    for ingress in ingresses:
        for key, problem in ((REDIRECT_CODE, _code_problem), (HSTS, _hsts_problem)):
            text = ingress.metadata.annotations.get(key)
            if text is None or key in values:
                continue
            said = problem(text.strip())
            if said:
                wrong.append((ingress, key, f"{key} is '{text}'; {said}"))
            else:
                values[key] = text.strip()
    found = _HSTS.fullmatch(values.get(HSTS, ""))
    header = f"max-age={values[HSTS]}" if found else ""
    return Transport(redirect=values.get(REDIRECT_CODE, DEFAULT.redirect), hsts=header), tuple(wrong)


def response_policy(name: str, transport: Transport, *, secure: bool) -> avi_l7.ResponsePolicy | UnsetType:
    """The rule that adds the header to every answer over TLS."""
    if not (secure and transport.hsts):
        return UNSET
    header = avi_l7.HeaderData(name="Strict-Transport-Security", value=avi_l7.HeaderValue(val=transport.hsts))
    action = avi_l7.HeaderAction(action="HTTP_REPLACE_HDR", hdr=header)
    return avi_l7.ResponsePolicy(
        rules=(avi_l7.ResponseRule(name=name_in_set(name, "hsts"), index=0, enable=True, hdr_action=(action,)),)
    )


def _code_problem(text: str) -> str:
    return "" if text in _CODES else f"write one of {', '.join(_CODES)}"


def _hsts_problem(text: str) -> str:
    return "" if _HSTS.fullmatch(text) else "write seconds, such as 31536000, or 31536000; includeSubDomains"
