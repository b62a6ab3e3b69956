"""What the platform would refuse, said before anything is applied."""
