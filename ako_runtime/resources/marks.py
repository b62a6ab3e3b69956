"""Annotations that we write to objects, for AMKO and for users, and that translation never reads there."""

HOST_MAP = "ako.vmware.com/host-fqdn-vs-uuid-map"
CLUSTER_UUID = "ako.vmware.com/controller-cluster-uuid"
TENANT = "ako.vmware.com/tenant-name"
"""On a Namespace it is read, and says the tenant of what is in it."""

SHOWN = frozenset({HOST_MAP, CLUSTER_UUID})
"""By these it is known that we, or the official AKO, wrote to an object."""

INGRESS_PROBLEM = "ako.vmware.com/ingress-problem"
"""An Ingress has no conditions; what is wrong with it is said in an annotation (and an Event)."""

INGRESS_MARKS = frozenset({HOST_MAP, CLUSTER_UUID, TENANT, INGRESS_PROBLEM})
