"""A simulated Telco Cloud Automation: onboarding, life cycle and sessions as its clients see them.

What is known of the real product comes with a grade (`endpoints.py`): A the vendor's documentation or code, B a client
of somebody else that works, C derived, D guessed. What is only guessed answers behind a switch. Nothing here is a
promise of what a TCA does; it is what a client can be tried against.
"""

from ako_lab.tca.config import TcaConfig
from ako_lab.tca.lab import TcaLab

__all__ = ["TcaConfig", "TcaLab"]
