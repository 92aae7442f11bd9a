"""Choosing a core: what each value of UCSPI_CDB gives, and what it says when it cannot."""

import inspect
import os
import subprocess
import sys

import pytest

from tests.support.patience import PATIENCE
from ucspi import cdb
from ucspi.cdb import _core, _imagefault
from ucspi.cdb._core import NAMES, Core, choose, load
from ucspi.cdb._reader import reader_type
from ucspi.errors import BackendUnavailableError
from ucspi.rules._checkimage import BAD_DATA


def test_each_core_is_had_by_its_name(core: Core) -> None:
    assert choose(core.name).name == core.name


def test_auto_takes_the_fastest_that_is_there() -> None:
    for name in NAMES:
        try:
            assert load(name).name == choose("auto").name
        except BackendUnavailableError:
            continue
        break


def test_bad_value_is_an_error_that_names_the_good_ones() -> None:
    with pytest.raises(BackendUnavailableError, match=r"'fast'.*auto, native, pure"):
        choose("fast")


def test_core_that_is_not_built_is_an_error_not_another_core(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ucspi._cdbcore", None)
    monkeypatch.delitem(sys.modules, "ucspi.cdb._native", raising=False)
    monkeypatch.delattr(cdb, "_native", raising=False)
    with pytest.raises(BackendUnavailableError, match="not built"):
        choose("native")
    assert choose("auto").name == "pure"


@pytest.mark.parametrize("name", NAMES)
def test_environment_chooses(name: str) -> None:
    try:
        load(name)
    except BackendUnavailableError as error:
        pytest.skip(str(error))
    program = "from ucspi import cdb; print(cdb.backend(), cdb.Reader.get.__class__.__name__)"
    command = [sys.executable, "-c", program]
    environment = os.environ | {"UCSPI_CDB": name, "PYTHONPATH": os.pathsep.join(sys.path)}
    answer = subprocess.run(
        command, env=environment, capture_output=True, check=True, timeout=PATIENCE
    ).stdout
    assert answer.split() == {
        "native": [b"native", b"method_descriptor"],  # no Python frame
        "pure": [b"pure", b"function"],
    }.get(name)


def test_cores_have_the_same_public_names(core: Core) -> None:
    def public(kind: type) -> set[str]:
        return {name for name in dir(kind) if not name.startswith("_")}

    pure = load("pure")
    assert public(reader_type(core)) == public(reader_type(pure))
    assert public(core.builder) == public(pure.builder)
    for kind in (reader_type(core), core.builder):
        assert all(getattr(kind, name).__doc__ for name in public(kind))


def test_cores_have_the_same_docstrings(core: Core) -> None:
    pure = load("pure")
    for kind, like in ((core.image, pure.image), (core.builder, pure.builder)):
        for name in (name for name in dir(like) if not name.startswith("_")):
            assert inspect.getdoc(getattr(kind, name)) == inspect.getdoc(getattr(like, name)), name
    assert inspect.getdoc(core.hash) == inspect.getdoc(pure.hash)
    assert inspect.getdoc(core.hash64) == inspect.getdoc(pure.hash64)


def test_c_core_names_damage_in_the_same_words() -> None:
    native = pytest.importorskip("ucspi.cdb._native")
    words = {native.ffi.string(native.lib.ucdb_damage_text(number)).decode() for number in range(1, 10)}
    words.remove(BAD_DATA)  # of rules
    assert words == {
        value for value in vars(_imagefault).values() if isinstance(value, str) and " " in value
    } - {_imagefault.__doc__}


def test_one_core_is_chosen_for_the_process() -> None:
    assert cdb.backend() == _core.CORE.name
