"""The only folder that talks to the Avi Controller."""
