"""A simulated Avi Controller: the REST API that clients of the product use, on loopback, in this process."""

from ako_lab.avi_controller.config import LabConfig
from ako_lab.avi_controller.evidence import LoggedRequest
from ako_lab.avi_controller.faults import Fault
from ako_lab.avi_controller.lab import AviLab

__all__ = ["AviLab", "Fault", "LabConfig", "LoggedRequest"]
