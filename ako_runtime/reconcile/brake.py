"""What may stand between a start and the deletion of everything that nobody wants."""

from typing import Final, Protocol


class Brake(Protocol):
    """Says whether orphans must stay for now, and hears when they are gone."""

    def holds(self, goes: int, all_of_them: int) -> bool:
        """Whether so many virtual services, of all that are ours on the controller, must not be deleted yet."""

    def settle(self) -> None:
        """Everything that nobody wanted is gone."""


class _NoBrake:
    def holds(self, goes: int, all_of_them: int) -> bool:
        del goes, all_of_them
        return False

    def settle(self) -> None:
        pass


NO_BRAKE: Final = _NoBrake()
