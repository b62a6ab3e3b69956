"""The builder: chart, CSARs and add-ons from one source.

It turns `packaging/release.yaml`, the settings of the runtime and the template folders into files that other programs
accept: pure rendering first, one thin layer that writes.
"""
