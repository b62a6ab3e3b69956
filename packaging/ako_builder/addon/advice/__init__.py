"""What to do: which path can say what, and how to move between releases."""
