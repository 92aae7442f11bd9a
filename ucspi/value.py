"""The base of small values, in place of dataclasses, whose making would take 8 ms of every start."""


class Value:
    """Two values are equal if their parts are; a value also hashes and shows itself by its parts.

    A subclass names its parts in ``__match_args__``, in the order in which its
    constructor takes them.
    """

    __slots__ = ()
    __match_args__: tuple[str, ...] = ()

    def _parts(self) -> tuple[object, ...]:
        return tuple([getattr(self, name) for name in self.__match_args__])

    def __eq__(self, other: object) -> bool:
        """Compare all parts; an object of another type is never equal."""
        return self._parts() == other._parts() if isinstance(other, type(self)) else NotImplemented

    def __hash__(self) -> int:
        """Agree with equality."""
        return hash(self._parts())

    def __repr__(self) -> str:
        """Show the call that makes this value."""
        return f"{type(self).__name__}({', '.join(map(repr, self._parts()))})"
