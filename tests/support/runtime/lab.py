"""The real runtime against both lab servers, all in this process, over real sockets.

Tests wait for facts (`lab.until(...)`), and look at the controller's request log for what was *not* sent.
"""

import json
import threading
from contextlib import contextmanager

from ako_lab.avi_controller import AviLab, LabConfig
from ako_lab.kube_api import KubeLab
from ako_runtime.app import App
from ako_runtime.config import Place, load_settings
from ako_runtime.kube.connection import connect
from ako_runtime.observe.logs import LogLevel, configure_logs

NAMESPACE = "avi-system"
DEFAULTS = {
    "clusterName": "cluster-a",
    "cloudName": "Default-Cloud",
    "logLevel": "WARN",
    "disableStaticRouteSync": "true",
    "tlsSecretsScope": "cluster",
    "vipNetworkList": json.dumps([{"networkName": "vip-network", "cidr": "10.10.0.0/24"}]),
    "holdoffMilliseconds": "1",
}
WRITES = ("POST", "PUT", "PATCH", "DELETE")


def is_record(request):
    """Whether a write is one of the string group that says whose the cluster's name is."""
    return request.path.startswith("/api/stringgroup") and "ako-cluster-identity." in str(request.body)


class RuntimeLab:
    """Two servers and any number of runtimes."""

    def __init__(self, avi, kube, kubeconfig):
        self.avi = avi
        self.kube = kube
        self.kubeconfig = kubeconfig

    def configure(self, namespace=NAMESPACE, **settings):
        """Write ConfigMap and Secret as the chart would."""
        self.kube.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
        data = DEFAULTS | {"controllerIP": self.avi.host} | settings
        self.kube.apply(
            {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": {"name": "avi-k8s-config", "namespace": namespace},
                "data": data,
            }
        )
        self.kube.apply(
            {
                "apiVersion": "v1",
                "kind": "Secret",
                "metadata": {"name": "avi-secret", "namespace": namespace},
                "stringData": {"username": self.avi.username, "password": self.avi.password},
            }
        )

    def settings(self):
        """What a start would read now, for a start that finds the API server in trouble."""
        return load_settings(connect(kubeconfig=str(self.kubeconfig)), NAMESPACE, {})

    @contextmanager
    def running(self, pod="ako-0", settings=None, namespace=NAMESPACE, **place):
        """A runtime until the end of the block; stops it cleanly and fails if it ended by itself."""
        connection = connect(kubeconfig=str(self.kubeconfig), agent=agent_of(pod))
        settings = settings or load_settings(connection, namespace, {})
        level = LogLevel(settings.log_level)
        configure_logs(level, readable=True)
        app = App(
            connection=connection,
            settings=settings,
            place=Place(namespace=namespace, pod=pod, api_port=0, **place),
            log_level=level,
        )
        failures = []

        def run():
            try:
                app.run()
            except Exception as error:
                failures.append(error)

        thread = threading.Thread(target=run, name=f"app-{pod}")
        thread.start()
        try:
            yield app
        except TimeoutError as error:
            # What did not come is explained by what went wrong in the runtime, if something did.
            if failures:
                raise failures[0] from error
            raise TimeoutError(f"{error}; the runtime says {app.status()}") from error
        finally:
            app.stop()
            thread.join(30)
            assert not thread.is_alive()
        assert not failures, failures

    def names(self, kind):
        """Names of our objects on the controller."""
        return {document["name"] for document in self.avi.objects(kind) if document["name"].startswith("cluster-a--")}

    def members(self, pool):
        """Members of a pool as `address:port`, enabled ones only."""
        found = [document for document in self.avi.objects("pool") if document["name"] == pool]
        return {
            f"{server['ip']['addr']}:{server['port']}"
            for document in found
            for server in document.get("servers", ())
            if server.get("enabled", True)
        }

    def writes(self, since=0, *, records=False):
        """Writes on the controller, as `METHOD kind`; log-ins are none.

        The record of the cluster is written beside everything else, at a time of its own: with `records` it counts.
        """
        return [
            f"{one.method} {one.path.split('/')[2]}"
            for one in self.avi.requests(since=since)
            if one.method in WRITES and one.path.startswith("/api/") and (records or not is_record(one))
        ]

    def mark(self):
        """A place in the controller's request log."""
        log = self.avi.requests()
        return log[-1].sequence if log else 0

    def until(self, fact, timeout=60.0):
        """Wait until `fact(lab)` holds, looking again after every request that the controller answers."""
        self.avi.wait_for(lambda _avi: fact(self), timeout=timeout)

    def address(self, name, namespace="default"):
        """Addresses in the status of a Service."""
        status = self.kube.read("services", name, namespace).get("status", {})
        return [entry.get("ip") for entry in status.get("loadBalancer", {}).get("ingress") or ()]

    def until_address(self, name, namespace="default", timeout=60.0):
        """Wait for a Service to show an address, and return it."""
        self.kube.wait_for(lambda _kube: self.address(name, namespace), timeout=timeout)
        return self.address(name, namespace)


def worked_off(app):
    """Whether the runtime leads and has worked off everything that it found: the orphans are looked for last."""
    labels = {"stack": "orphans", "verdict": "done"}
    return bool(app.metrics.registry.get_sample_value("ako_reconcile_seconds_count", labels)) and app.idle


def agent_of(pod):
    """How one runtime names itself to the API server, so that a fault can meet it alone."""
    return f"ako-toolkit ({pod})"


@contextmanager
def runtime_lab(tmp_path, controller=None, **settings):
    """Both servers, configured; no runtime yet."""
    with AviLab(controller or LabConfig()) as avi, KubeLab() as kube:
        kubeconfig = tmp_path / "kubeconfig"
        kube.write_kubeconfig(kubeconfig)
        lab = RuntimeLab(avi, kube, kubeconfig)
        lab.configure(**settings)
        yield lab


def service(name, ports=(80,), namespace="default", protocol="TCP", **annotations):
    """A LoadBalancer Service without selector (its slices are given)."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": namespace, "annotations": annotations},
        "spec": {
            "type": "LoadBalancer",
            "ports": [{"name": f"p{port}", "port": port, "protocol": protocol} for port in ports],
        },
    }


def endpoints(name, *addresses, ports=(80,), namespace="default", protocol="TCP"):
    """The EndpointSlice of a Service."""
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": f"{name}-1",
            "namespace": namespace,
            "labels": {"kubernetes.io/service-name": name},
        },
        "addressType": "IPv4",
        "endpoints": [{"addresses": [address], "conditions": {"ready": True}} for address in addresses],
        "ports": [{"name": f"p{port}", "port": port + 8000, "protocol": protocol} for port in ports],
    }


def node(name, address, *networks, ready=None):
    """A Node with its pod networks; it says whether it is ready if `ready` does."""
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name},
        "spec": {"podCIDR": networks[0], "podCIDRs": list(networks)} if networks else {},
        "status": {
            "addresses": [{"type": "InternalIP", "address": address}],
            "conditions": [] if ready is None else [{"type": "Ready", "status": ready}],
        },
    }
