"""The chart: its generated files, its archive, and the commands around it."""
