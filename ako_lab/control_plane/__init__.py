"""A real Kubernetes control plane on loopback: built once from its Go modules, started in seconds, thrown away.

`ControlPlane` runs etcd, kube-apiserver and kube-controller-manager with certificates and RBAC; `BinaryCache` finds
or builds the three programs. Nothing here is needed at run time of the controller: it serves tests, the demo's
`--cluster` option and anyone who wants a cluster without nodes.
"""
