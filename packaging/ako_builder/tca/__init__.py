"""Telco Cloud Automation from the builder's side: a client of its API and the commands `ako tca`."""
