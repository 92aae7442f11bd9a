"""Choosing the core, which reads and builds images: once, at import.

``UCSPI_CDB`` is ``auto`` (the default: ``native`` if it was built, else ``pure``),
``native`` (an error if it was not built) or ``pure``.
"""

import posix
import sys

from ucspi.errors import BackendUnavailableError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from typing_extensions import Buffer

    from ucspi.cdb._purebuilder import Builder
    from ucspi.cdb._pureimage import Image

NAMES = ("native", "pure")


class Core:
    """The functions of one core."""

    __slots__ = ("builder", "hash", "hash64", "image", "name")

    def __init__(
        self,
        name: str,
        image: "type[Image]",
        builder: "type[Builder]",
        hash_: "Callable[[Buffer], int]",
        hash64: "Callable[[Buffer], int]",
    ) -> None:
        self.name, self.image, self.builder, self.hash, self.hash64 = name, image, builder, hash_, hash64


def load(name: str) -> Core:
    """Return a core by its name.

    Raises:
        BackendUnavailableError: it was not built, or this Python cannot run it.
    """
    if name == "pure":
        # With what only some work needs: a server may have no right to our files when it comes to that.
        from ucspi.cdb import _check, _hash, _purebuilder, _pureimage  # noqa: F401

        return Core(name, _pureimage.Image, _purebuilder.Builder, _hash.hash, _hash.hash64)
    try:
        from ucspi.cdb import _native
    except ImportError as error:
        raise BackendUnavailableError(f"the C core of ucspi.cdb is not built: {error}") from error
    return Core(name, *_native.types())


def choose(wanted: str) -> Core:
    """Return the core that a value of ``UCSPI_CDB`` means.

    Raises:
        BackendUnavailableError: it is no such value, or `load` cannot give that core.
    """
    if wanted in NAMES:
        return load(wanted)
    if wanted != "auto":
        raise BackendUnavailableError(f"UCSPI_CDB is {wanted!r}; use one of auto, {', '.join(NAMES)}")
    for name in NAMES:
        try:
            return load(name)
        except BackendUnavailableError:
            pass
    raise AssertionError("the pure core is always there")


def _wanted() -> str | None:
    """Return the value of ``UCSPI_CDB``, or None.

    `os` is not imported for this, which would take longer than the rest of the
    package.  If it is loaded already, the caller may have set the variable in it.
    """
    system = sys.modules.get("os")
    if system is not None:
        value: str | None = system.environ.get("UCSPI_CDB")
        return value
    return posix.environ.get(b"UCSPI_CDB", b"").decode("latin-1")


CORE = choose(_wanted() or "auto")


def backend() -> str:
    """Return which core is in use: ``"native"`` or ``"pure"``."""
    return CORE.name
