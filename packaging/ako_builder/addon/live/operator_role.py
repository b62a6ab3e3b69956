"""The role that ako-operator gives to the Avi users that it makes, one a cluster, as it should be on the controller.

An upgrade of the Avi Controller adds permissions to roles. ako-operator before TKG 2.5.2 cannot write a role that has
some it does not know: it stops making users, and new clusters get no AKO (the vendor's knowledge base, article 369176).
So whatever the role has beyond the operator's own list is told before an upgrade of TKG, and so is what it lacks. The
list is that of ako-operator's public sources, newest branch (certainty A).
"""

from collections.abc import Mapping
from typing import Final

ROLE: Final = "ako-essential-role"
_WRITE: Final = (
    "ANALYTICSPROFILE", "APPLICATIONPERSISTENCEPROFILE", "APPLICATIONPROFILE", "AUTOSCALE", "CUSTOMIPAMDNSPROFILE",
    "DNSPOLICY", "HEALTHMONITOR", "HTTPPOLICYSET", "IPAMDNSPROVIDERPROFILE", "L4POLICYSET", "NETWORK", "NETWORKPROFILE",
    "NETWORKSECURITYPOLICY", "PKIPROFILE", "POOL", "POOLGROUP", "SERVICEENGINEGROUP", "SSLKEYANDCERTIFICATE",
    "TRAFFICCLONEPROFILE", "VIRTUALSERVICE", "VRFCONTEXT", "VSDATASCRIPTSET",
)  # fmt: skip
_READ: Final = (
    "AUTHPROFILE", "CERTIFICATEMANAGEMENTPROFILE", "CLOUD", "CONTROLLER", "HARDWARESECURITYMODULEGROUP", "IPADDRGROUP",
    "PROTOCOLPARSER", "SSLPROFILE", "SSOPOLICY", "STRINGGROUP", "SYSTEMCONFIGURATION", "TENANT", "WAFPOLICY",
    "WAFPROFILE",
)  # fmt: skip
# Gone with Avi 30.2.1; older controllers have it.
_READ_ONCE: Final = ("PINGACCESSAGENT",)
_NONE: Final = (
    "ACTIONGROUPCONFIG", "ALERT", "ALERTCONFIG", "ALERTEMAILCONFIG", "ALERTSYSLOGCONFIG", "CONTROLLERSITE",
    "ERRORPAGEBODY", "ERRORPAGEPROFILE", "GSLB", "GSLBGEODBPROFILE", "GSLBSERVICE", "IMAGE", "INTERNAL", "NATPOLICY",
    "REBOOT", "ROLE", "SERVICEENGINE", "SNMPTRAPPROFILE", "TECHSUPPORT", "TRAFFIC_CAPTURE", "UPGRADE", "USER",
    "USER_CREDENTIAL", "WAFPOLICYPSMGROUP",
)  # fmt: skip
_LEVELS: Final = {"NO_ACCESS": 0, "READ_ACCESS": 1, "WRITE_ACCESS": 2}
_EXPECTED: Final[Mapping[str, int]] = {
    f"PERMISSION_{name}": level for level, names in enumerate((_NONE, (*_READ, *_READ_ONCE), _WRITE)) for name in names
}
KNOWN: Final = frozenset(_EXPECTED)
"""Every permission that ako-operator writes into the role, whatever the access."""


def extra_permissions(privileges: Mapping[str, str]) -> tuple[str, ...]:
    """Permissions of the role (by resource, with their access) that ako-operator does not know."""
    return tuple(sorted(set(privileges) - KNOWN))


def lacking_permissions(privileges: Mapping[str, str]) -> tuple[str, ...]:
    """Permissions that ako-operator gives and the role has not, or less of."""
    return tuple(
        sorted(
            name
            for name, level in _EXPECTED.items()
            if level > _LEVELS.get(privileges.get(name, ""), 0)
            and name not in {f"PERMISSION_{gone}" for gone in _READ_ONCE}
        )
    )
