"""What an add-on folder holds, and whether it is sound."""
