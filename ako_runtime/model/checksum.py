"""The checksum of an object, as it stands in one of its fields: worked out when the object is written.

The official AKO compares nothing at its start but a number that it keeps in each object (`cloud_config_cksum`, and
`vsvip_cloud_config_cksum` of a VsVip), and does not see an object without one. So every write of ours carries it
(`ako_runtime.model.checksums` says how it is computed). For us it says nothing: it is never compared.

Most objects that are translated are there already and are not written, so not even the model of their number is made.
"""

import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar, cast

Model = TypeVar("Model")
Inputs = ParamSpec("Inputs")
CHECKSUMS = frozenset({"cloud_config_cksum", "vsvip_cloud_config_cksum"})
"""The fields that hold one."""


class Checksum:
    """A number that is computed when somebody asks for it; equal if the same function makes it of equal models.

    The model is made when it is first asked for: by a write, or by a comparison of two translations.
    """

    __slots__ = ("_function", "_made")

    def __init__(self, function: Callable[[Model], object], model_of: Callable[[], Model]) -> None:
        # Called with nothing but what `model_of` answers.
        self._function = cast("Callable[[object], object]", function)
        self._made: Callable[[], object] | _Made = model_of

    @property
    def text(self) -> str:
        """As it goes on the wire: an unsigned 32-bit number in decimal."""
        return str(self._function(self._model()))

    def _model(self) -> object:
        made = self._made
        if not isinstance(made, _Made):
            # Two threads may both make it: they make the same. What it is made of is not held any longer.
            made = self._made = _Made(made())
        return made.model

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Checksum):
            return NotImplemented
        return self is other or (self._function is other._function and self._model() == other._model())

    def __hash__(self) -> int:
        return hash(self._function)

    def __repr__(self) -> str:
        return f"Checksum({self._function.__name__}, {self._model()!r})"


class _Made:
    """A model that has been made."""

    __slots__ = ("model",)

    def __init__(self, model: object) -> None:
        self.model = model


def counted_by(
    function: Callable[[Model], int],
) -> Callable[[Callable[Inputs, Model]], Callable[Inputs, Checksum]]:
    """Turn what makes the model of an object into what makes its checksum; the inputs must never change."""

    def decorated(model_of: Callable[Inputs, Model]) -> Callable[Inputs, Checksum]:
        @functools.wraps(model_of)
        def checksum(*args: Inputs.args, **kwargs: Inputs.kwargs) -> Checksum:
            return Checksum(function, functools.partial(model_of, *args, **kwargs))

        return checksum

    return decorated


def checksum_of(function: Callable[[Model], int], model: Model) -> Checksum:
    """What the function makes of the model."""
    return Checksum(function, functools.partial(_same, model))


def read_checksum(text: str) -> Checksum:
    """The checksum that an object on the controller has; the text is data and may be anything."""
    return Checksum(str, functools.partial(_same, text))


def _same(value: Model) -> Model:
    return value
