"""Builds the two C modules; everything else stands in pyproject.toml.

``UCSPI_BUILD`` chooses: ``native`` fails when the C core cannot be built,
``pure`` does not try, ``auto`` (the default) tries and goes on without it.
"""

import os

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

MODES = ("auto", "native", "pure")
MODE = os.environ.get("UCSPI_BUILD", "auto")
if MODE not in MODES:
    raise SystemExit(f"setup.py: UCSPI_BUILD is {MODE!r}; use one of {', '.join(MODES)}")


class BuildCore(build_ext):  # type: ignore[misc]  # setuptools has no types
    def build_extension(self, ext: Extension) -> None:
        ext.optional = MODE == "auto"  # a failed build then leaves the pure core
        super().build_extension(ext)


if MODE == "pure":
    setup()
else:
    setup(
        cffi_modules=["cdbext/build.py:cdbcore", "cdbext/build.py:syscore"],
        cmdclass={"build_ext": BuildCore},
    )
