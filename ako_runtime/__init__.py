"""The controller: watches Kubernetes, programs an Avi Controller. The only package in the image.

The version stands here and nowhere else: the distribution, the chart, the CSARs and the add-ons read it from here.
"""

__version__ = "0.1.0"
