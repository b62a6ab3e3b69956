"""A simulated Service Engine: what stands on the simulated controller becomes listeners with real traffic.

`feed` reads the controller and nothing else; `compile` gives its objects their meaning, as a neutral model (`model`);
`envoy` says the model in Envoy's words; `engine` runs Envoy; `service_engine` joins them. `place` is where the
addresses are: a network namespace of its own, or the loopback addresses of this machine.
"""

from ako_lab.service_engine.binary import envoy_binary, why_not
from ako_lab.service_engine.place import Loopback, Namespace, Place, best_place
from ako_lab.service_engine.requests import Assumptions
from ako_lab.service_engine.service_engine import ServiceEngine

__all__ = ["Assumptions", "Loopback", "Namespace", "Place", "ServiceEngine", "best_place", "envoy_binary", "why_not"]
