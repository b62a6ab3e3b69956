"""Metrics, in a registry of their own; names and labels are part of the interface (docs/reference/metrics.md).

Label values are bounded: kinds, verbs, codes and verdicts, never names of objects.
"""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


class Metrics:
    """Every metric of the runtime."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.reconciles = Histogram(
            "ako_reconcile_seconds",
            "From taking a key off the queue to the end of its last write.",
            ["stack", "verdict"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.avi_requests = Counter(
            "ako_avi_requests_total",
            "Requests to the Avi Controller.",
            ["type", "method", "code"],
            registry=self.registry,
        )
        self.in_flight = Gauge(
            "ako_avi_requests_in_flight", "Requests to the Avi Controller under way.", registry=self.registry
        )
        self.retries = Counter(
            "ako_retries_total", "Keys that were put back, by reason.", ["reason"], registry=self.registry
        )
        self.queue_depth = Gauge("ako_queue_depth", "Keys waiting.", registry=self.registry)
        self.queue_age = Gauge("ako_queue_oldest_seconds", "Age of the key that waits longest.", registry=self.registry)
        self.owned = Gauge("ako_owned_objects", "Objects of ours on the controller.", ["type"], registry=self.registry)
        self.drift = Counter(
            "ako_drift_total", "Stacks whose objects somebody else had changed.", registry=self.registry
        )
        self.status_writes = Counter(
            "ako_kube_writes_total", "Writes to the Kubernetes API.", ["resource", "code"], registry=self.registry
        )
        self.watch_lag = Gauge(
            "ako_watch_lag_seconds",
            "Seconds since the API server last sent a list, an event or a bookmark of the kind.",
            ["resource"],
            registry=self.registry,
        )
        self.name_taken = Gauge(
            "ako_cluster_name_taken", "1 while the cluster name belongs to another cluster.", registry=self.registry
        )
        self.held_deletions = Gauge(
            "ako_held_deletions", "Virtual services whose deletion waits for an answer.", registry=self.registry
        )
        self.leader = Gauge("ako_leader", "1 while this replica may write.", registry=self.registry)
        self.undecodable = Counter(
            "ako_undecodable_total", "Objects that did not decode.", ["resource"], registry=self.registry
        )
        self.thread_failures = Counter(
            "ako_thread_failures_total",
            "Surprises in threads that must go on; the work began anew.",
            ["thread"],
            registry=self.registry,
        )
        self.log_lines_dropped = Counter(
            "ako_log_lines_dropped_total",
            "Log lines that nobody took in time.",
            registry=self.registry,
        )
