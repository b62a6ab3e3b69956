"""What clusters and controllers say, held against what was pinned."""
