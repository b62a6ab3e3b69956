"""Names of layer 7 objects (ako-behaviour 5.4, 5.5, 5.7; observed a9 to a15).

Shared virtual services keep readable names in every mode; the rest is hashed in EVH mode. Paths that are regular
expressions have characters that the controller takes in no name: pools of such a host are hashed in every mode. Several
backends of one path by one Ingress would have one name in SNI mode: the first has the official name, the others add
Service and port.
"""

import msgspec
from msgspec import Struct

from ako_runtime.model.names import DEDICATED, MAX_NAME_LENGTH, Namer, sha1_hex
from ako_runtime.translate.ingress.hosts import Backend, Host, Path


class IngressNamer(Struct, frozen=True, kw_only=True):
    """Names of one site; `infra` is empty or part of most names."""

    namer: Namer
    infra: str = ""
    dedicated: bool = False
    own_namespace: str = ""
    # The paths of the host are regular expressions.
    by_pattern: bool = False

    def of(self, host: Host) -> "IngressNamer":
        """Names of what hangs on the paths of a host."""
        chosen = host.rules.chosen
        if chosen is None or not chosen.host.use_regex:
            return self
        return msgspec.structs.replace(self, by_pattern=True)

    @property
    def _paths(self) -> Namer:
        return msgspec.structs.replace(self.namer, hashed=True) if self.by_pattern else self.namer

    @property
    def _lead(self) -> str:
        return f"{self.infra}-" if self.infra else ""

    def shared(self, suffix: str) -> str:
        """Shared virtual service, its VsVip, pool group, data script and redirects; `suffix` is number or namespace."""
        mode = "Shared-L7-EVH-" if self.namer.hashed else "Shared-L7-"
        own = f"{self.own_namespace}-" if self.own_namespace else ""
        return f"{self.namer.prefix}{own}{mode}{self._lead}{suffix}"

    def host(self, host: str) -> str:
        """Child virtual service, certificate, redirects of a child."""
        return self.namer.l7_host(host, infra=self.infra)

    def dedicated_host(self, host: str) -> str:
        """Virtual service and VsVip of one host."""
        return self.namer.l7_dedicated(host, infra=self.infra)

    def policy(self, namespace: str, host: str) -> str:
        """Routing of a host."""
        return self.namer.encoded(f"{self._lead}{namespace}-{host}")

    def group(self, host: str, path: Path) -> str:
        """Pool group of a path."""
        return self._paths.encoded(self._path_name(host, path, path.backends[0]) + self._tail)

    def pool(self, host: str, path: Path, backend: Backend) -> str:
        """Pool of a backend."""
        return self._paths.encoded(self.pool_text(host, path, backend))

    def pool_text(self, host: str, path: Path, backend: Backend) -> str:
        """The readable name of a pool, before it is hashed."""
        siblings = [one for one in path.backends if one.ingress == backend.ingress]
        text = self._path_name(host, path, backend)
        if self.namer.hashed:
            text += f"-{backend.service}"
            siblings = [one for one in siblings if one.service == backend.service]
        if siblings[0] is not backend:
            text += f"-{backend.port}" if self.namer.hashed else f"-{backend.service}-{backend.port}"
        return text + self._tail

    def pki_profile(self, host: str, path: Path, backend: Backend) -> str:
        """Authorities for one pool."""
        return self._paths.encoded(f"{self.pool_text(host, path, backend)}-pkiprofile")

    def string_group(self, creator: str, host: str, path: Path) -> str:
        """What a path that is a regular expression is compared with; named by who made it, unlike everything else."""
        return f"{creator}-{sha1_hex(host + path.key.text)}"

    def passthrough(self, suffix: str) -> str:
        """Virtual service for TLS passthrough, its VsVip and data script."""
        own = f"{self.own_namespace}-" if self.own_namespace else ""
        return f"{self.namer.prefix}{own}Shared-Passthrough-{self._lead}{suffix}"

    def passthrough_group(self, host: str) -> str:
        """Pool group of a host with passthrough."""
        return f"{self.namer.prefix}{self._lead}{host}"

    def passthrough_pool(self, host: str, backend: Backend) -> str:
        """Pool of a host with passthrough."""
        return f"{self.passthrough_group(host)}-{backend.service}"

    def insecure_pool(self, host: str, path: Path, backend: Backend) -> str:
        """Pool of an insecure host behind the script of a shared parent."""
        namespace, ingress = backend.ingress
        siblings = [one for one in path.backends if one.ingress == backend.ingress]
        tail = "" if siblings[0] is backend else f"-{backend.service}-{backend.port}"
        return f"{self.namer.prefix}{self._lead}{host}{_flat(path)}-{namespace}-{ingress}{tail}"

    def pools(self, host: str, path: Path, backend: Backend) -> frozenset[str]:
        """Every name that the pool of a backend may have behind a host, whatever TLS and rules say."""
        by_pattern = msgspec.structs.replace(self, by_pattern=True)
        found = {self.pool(host, path, backend), by_pattern.pool(host, path, backend)}
        scripted = not (self.dedicated or self.namer.hashed)
        return frozenset({*found, self.insecure_pool(host, path, backend)} if scripted else found)

    def header_rewrite(self, parent: str, host: str) -> str:
        """Policy set of a shared virtual service that brings further names of a host back to it."""
        name = f"{parent}--host-hdr-re-write--"
        return name + (host if len(name) + len(host) <= MAX_NAME_LENGTH else sha1_hex(host))

    def own_names(self, host: Host, *, through: bool) -> frozenset[str]:
        """Every name that only this host may have; `through` if TLS goes through to its pods."""
        found = {self.passthrough_group(host.name)} if through else self._names_of_host(host)
        for path in host.paths:
            for backend in path.backends:
                found |= self.backend_names(host, path, backend, through=through)
        return frozenset(found)

    def _names_of_host(self, host: Host) -> set[str]:
        """Names of what a host has whatever its paths are."""
        if self.dedicated:
            return {self.dedicated_host(host.name), self.host(host.name), self.policy(host.namespace, host.name)}
        if self._is_scripted(host):
            # Its pools hang on the parent.
            return set()
        return {self.host(host.name), self.policy(host.namespace, host.name)}

    def backend_names(self, host: Host, path: Path, backend: Backend, *, through: bool) -> set[str]:
        """Names of what is written for one backend of a path: pool, the group that it may lead, authorities."""
        if through:
            return {self.passthrough_pool(host.name, backend)}
        if self._is_scripted(host):
            pool = self.insecure_pool(host.name, path, backend)
            return {pool, f"{pool}-pkiprofile"} if self._has_authorities(host, path, backend) else {pool}
        own = self.of(host)
        found = {own.pool(host.name, path, backend)}
        if self._has_authorities(host, path, backend):
            found.add(own.pki_profile(host.name, path, backend))
        if backend is path.backends[0]:
            found.add(own.group(host.name, path))
        return found

    def _is_scripted(self, host: Host) -> bool:
        """Whether the host is nothing but pools from which the script of an SNI parent chooses."""
        return not (host.secure or self.dedicated or self.namer.hashed)

    def _has_authorities(self, host: Host, path: Path, backend: Backend) -> bool:
        chosen = host.rules.for_path(backend.ingress[0], path.key.text)
        tls = chosen.path.tls if chosen is not None else None
        return tls is not None and bool(tls.destination_ca)

    @property
    def _tail(self) -> str:
        return DEDICATED if self.dedicated else ""

    def _path_name(self, host: str, path: Path, backend: Backend) -> str:
        namespace, ingress = backend.ingress
        return f"{self._lead}{namespace}-{host}{_flat(path)}-{ingress}"


def _flat(path: Path) -> str:
    text = path.key.text.replace("/", "_")
    return f"{text}-{sha1_hex(f'{path.key.type} {path.key.text}')[:8]}" if path.twin else text
