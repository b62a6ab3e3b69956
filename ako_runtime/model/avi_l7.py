"""Desired Avi objects of layer 7: pool groups, HTTP policies, data scripts, certificates.

The same rules as in `ako_runtime.model.avi`: exactly the fields that we manage, `UNSET` is not sent, `defaults` is what
the controller assumes. The private key of a certificate is written and never read back (the controller answers
`<sensitive>`), so it is `write_only`: a changed key shows by its changed certificate.
"""

from collections.abc import Mapping
from typing import ClassVar

from msgspec import UNSET, UnsetType

from ako_runtime.model.avi import AviObject, FailAction, PathMatch, PortMatch
from ako_runtime.model.avi_struct import AviStruct
from ako_runtime.model.checksum import Checksum
from ako_runtime.model.refs import Ref
from ako_runtime.settings.values import SecretText


class PoolGroupMember(AviStruct, frozen=True, kw_only=True):
    """A pool with its share of the traffic (0: takes no new connections)."""

    defaults: ClassVar[Mapping[str, object]] = {"ratio": 1}

    pool_ref: Ref
    ratio: int | UnsetType = UNSET
    priority_label: str | UnsetType = UNSET


class PoolGroup(AviObject, frozen=True, kw_only=True):
    """Pools that share the requests of one path, or pools that a script chooses by label."""

    kind: ClassVar[str] = "poolgroup"
    defaults: ClassVar[Mapping[str, object]] = {"implicit_priority_labels": False, "fail_action": FailAction()}

    cloud_config_cksum: Checksum | UnsetType = UNSET
    cloud_ref: Ref | UnsetType = UNSET
    fail_action: FailAction | UnsetType = UNSET
    implicit_priority_labels: bool | UnsetType = UNSET
    members: tuple[PoolGroupMember, ...] | UnsetType = UNSET


class KeyValue(AviStruct, frozen=True, kw_only=True):
    """An entry of a string group."""

    key: str


class StringGroup(AviObject, frozen=True, kw_only=True):
    """Texts that rules compare with. Carries no `created_by`: a marker of this name says whose it is."""

    kind: ClassVar[str] = "stringgroup"
    defaults: ClassVar[Mapping[str, object]] = {"longest_match": False, "type": "SG_TYPE_STRING"}

    type: str | UnsetType = UNSET
    longest_match: bool | UnsetType = UNSET
    kv: tuple[KeyValue, ...] = ()


class HostHeaderMatch(AviStruct, frozen=True, kw_only=True):
    """Hosts of a request."""

    match_criteria: str
    value: tuple[str, ...] = ()


class RequestMatch(AviStruct, frozen=True, kw_only=True):
    """What an HTTP rule applies to."""

    host_hdr: HostHeaderMatch | UnsetType = UNSET
    path: PathMatch | UnsetType = UNSET
    vs_port: PortMatch | UnsetType = UNSET


class SwitchingAction(AviStruct, frozen=True, kw_only=True):
    """Where a request goes."""

    action: str
    pool_group_ref: Ref | UnsetType = UNSET
    pool_ref: Ref | UnsetType = UNSET


class UriToken(AviStruct, frozen=True, kw_only=True):
    """A piece of a path."""

    type: str
    str_value: str | UnsetType = UNSET


class UriParam(AviStruct, frozen=True, kw_only=True):
    """A path, put together from pieces."""

    type: str
    tokens: tuple[UriToken, ...] = ()


class RedirectAction(AviStruct, frozen=True, kw_only=True):
    """Where a client is sent instead."""

    defaults: ClassVar[Mapping[str, object]] = {"status_code": "HTTP_REDIRECT_STATUS_CODE_302"}

    protocol: str
    port: int
    status_code: str | UnsetType = UNSET
    path: UriParam | UnsetType = UNSET


class RequestRule(AviStruct, frozen=True, kw_only=True):
    """A rule, in order of its index."""

    defaults: ClassVar[Mapping[str, object]] = {"enable": True}

    name: str
    index: int
    enable: bool | UnsetType = UNSET
    match: RequestMatch | UnsetType = UNSET
    switching_action: SwitchingAction | UnsetType = UNSET
    redirect_action: RedirectAction | UnsetType = UNSET
    hdr_action: "tuple[HeaderAction, ...] | UnsetType" = UNSET


class RequestPolicy(AviStruct, frozen=True, kw_only=True):
    """Rules for requests."""

    rules: tuple[RequestRule, ...] | UnsetType = UNSET


class HeaderValue(AviStruct, frozen=True, kw_only=True):
    """What a header says."""

    val: str


class HeaderData(AviStruct, frozen=True, kw_only=True):
    """A header."""

    name: str
    value: HeaderValue


class HeaderAction(AviStruct, frozen=True, kw_only=True):
    """What is done to a header."""

    action: str
    hdr: HeaderData


class ResponseRule(AviStruct, frozen=True, kw_only=True):
    """A rule for answers, in order of its index."""

    defaults: ClassVar[Mapping[str, object]] = {"enable": True}

    name: str
    index: int
    enable: bool | UnsetType = UNSET
    hdr_action: tuple[HeaderAction, ...] = ()


class ResponsePolicy(AviStruct, frozen=True, kw_only=True):
    """Rules for answers."""

    rules: tuple[ResponseRule, ...] = ()


class SecurityPolicy(AviStruct, frozen=True, kw_only=True):
    """Sent without rules, as the official AKO does."""


class HTTPPolicySet(AviObject, frozen=True, kw_only=True):
    """Rules of a virtual service."""

    kind: ClassVar[str] = "httppolicyset"

    cloud_config_cksum: Checksum | UnsetType = UNSET
    http_request_policy: RequestPolicy | UnsetType = UNSET
    http_response_policy: ResponsePolicy | UnsetType = UNSET
    http_security_policy: SecurityPolicy | UnsetType = UNSET


class DataScript(AviStruct, frozen=True, kw_only=True):
    """A script and its event."""

    evt: str
    script: str


class VSDataScriptSet(AviObject, frozen=True, kw_only=True):
    """Scripts of a virtual service, and the pool groups that they name."""

    kind: ClassVar[str] = "vsdatascriptset"

    datascript: tuple[DataScript, ...] = ()
    pool_group_refs: tuple[Ref, ...] | UnsetType = UNSET
    protocol_parser_refs: tuple[Ref, ...] | UnsetType = UNSET


class Certificate(AviStruct, frozen=True, kw_only=True):
    """A chain in PEM."""

    certificate: str


class SSLKeyAndCertificate(AviObject, frozen=True, kw_only=True):
    """A certificate with its private key."""

    kind: ClassVar[str] = "sslkeyandcertificate"
    write_only: ClassVar[frozenset[str]] = frozenset({"key"})
    # Without a certificate: stays as it is.
    kept: ClassVar[frozenset[str]] = frozenset({"certificate", "key"})

    type: str
    certificate: Certificate | UnsetType = UNSET
    key: SecretText | UnsetType = UNSET


class PKIProfile(AviObject, frozen=True, kw_only=True):
    """Authorities that the certificate of a server must come from."""

    kind: ClassVar[str] = "pkiprofile"
    defaults: ClassVar[Mapping[str, object]] = {"crl_check": True}

    ca_certs: tuple[Certificate, ...] = ()
    crl_check: bool | UnsetType = UNSET
