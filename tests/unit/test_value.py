"""Values: what is the same is equal, and shows itself as the call that makes it."""

from ucspi.value import Value


class Point(Value):
    __slots__ = ("x", "y")
    __match_args__ = ("x", "y")

    def __init__(self, x: object, y: object) -> None:
        self.x, self.y = x, y


class Named(Point):
    __slots__ = ()


class Pair(Value):
    __slots__ = ("x", "y")
    __match_args__ = ("x", "y")

    def __init__(self, x: object, y: object) -> None:
        self.x, self.y = x, y


def test_equal_parts_are_equal_values() -> None:
    assert Point(1, b"a") == Point(1, b"a") == Named(1, b"a")
    assert hash(Point(1, b"a")) == hash(Point(1, b"a"))
    assert Point(1, b"a") != Point(1, b"b")
    assert Point(1, 2) != Pair(1, 2)
    assert Point(1, 2) != (1, 2)


def test_value_shows_the_call_that_makes_it() -> None:
    assert repr(Point(1, b"a")) == "Point(1, b'a')"


def test_value_can_be_matched() -> None:
    match Point(1, 2):
        case Point(1, y):
            assert y == 2
        case _:
            raise AssertionError
