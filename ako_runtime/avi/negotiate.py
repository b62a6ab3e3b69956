"""First contact: which API version to speak. Nothing else is known of the controller yet."""

from ako_runtime.avi.client import AviClient
from ako_runtime.avi.credentials import Credentials
from ako_runtime.avi.endpoint import Access, Endpoint, connection_pool
from ako_runtime.avi.facts import api_version_for, controller_version
from ako_runtime.avi.login import Logins
from ako_runtime.avi.refusals import Refusals
from ako_runtime.avi.session import AviSession
from ako_runtime.settings import Settings


def credentials_of(settings: Settings) -> Credentials:
    """How to log in."""
    return Credentials(
        username=settings.username,
        password=settings.password,
        token=settings.auth_token,
        certificate_authority=settings.certificate_authority,
    )


# A controller refuses versions newer than its own, and speaks older ones: every supported controller speaks this.
_FIRST_CONTACT = "22.1.3"


def negotiated_endpoint(settings: Settings, *, refusals: Refusals | None = None) -> Endpoint:
    """The controller and the version to speak; raises RetryLater when it refuses us or does not answer, Fatal when it
    is too old.
    """
    credentials = credentials_of(settings)
    endpoint = Endpoint(host=settings.controller_host, tenant=settings.tenant_name, api_version=_FIRST_CONTACT)
    pool = connection_pool(endpoint, credentials, size=1)
    try:
        access = Access(endpoint=endpoint, credentials=lambda: credentials)
        logins = Logins(endpoint=endpoint, credentials=access.credentials, refusals=refusals)
        client = AviClient(session=AviSession(access=access, pool=pool, logins=logins), interned={})
        version = api_version_for(controller_version(client), configured=settings.controller_version)
    finally:
        pool.close()
    return Endpoint(host=endpoint.host, tenant=endpoint.tenant, api_version=version)
