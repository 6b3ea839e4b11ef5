"""The C interface is frozen: binaries that were compiled against it must go on working.

`data/c_interface.txt` has the declarations of every public `.pxd` and the signatures of every function that is exported
to Cython. Add to it what is added to the interface; change or remove nothing.
"""

import importlib
import re
from pathlib import Path

import pytest

import thinc
from helpers.c_interface import capsule_name

FROZEN = (Path(__file__).parent / "data" / "c_interface.txt").read_text(encoding="utf8")
# What an importer checks: size, garbage collected, has a table of C methods. No dict, no weak references.
TYPES = {
    "thinc.backends.cblas.CBlas": (32, False, False),
    "thinc.backends.linalg.Matrix": (40, True, False),
    "thinc.backends.linalg.Vec": (24, False, True),
    "thinc.backends.linalg.VecVec": (24, False, True),
    "thinc.backends.linalg.Mat": (24, False, True),
    "thinc.extra.search.Beam": (136, True, True),
    "thinc.extra.search.MaxViolation": (104, True, True),
}
WITHOUT_CAPSULES = {"thinc.backends.linalg", "thinc.backends.numpy_ops", "thinc.extra.search"}
HAVE_GC = 1 << 14


def interfaces():
    """Shipped `.pxd` files by the name of the module; those of packages are empty."""
    folder = Path(thinc.get_include())
    found = {".".join(path.relative_to(folder).with_suffix("").parts): path for path in folder.rglob("*.pxd")}
    assert all(not path.read_text() for name, path in found.items() if name.endswith("__init__"))
    return {name: path for name, path in sorted(found.items()) if not name.endswith("__init__")}


def logical_lines(text):
    """Lines without comments, those in brackets joined, blanks evened out; the indentation stays."""
    line, brackets = "", 0
    for part in text.splitlines():
        part = part.partition("#")[0].rstrip()
        brackets += sum(map(part.count, "([{")) - sum(map(part.count, ")]}"))
        line = f"{line} {part.strip()}" if line else part
        if brackets == 0:
            if line.strip():
                indentation = re.match(" *", line).group()
                line = re.sub(r"\s+", " ", line.strip())
                yield indentation + line.replace("( ", "(").replace(" )", ")").replace(",)", ")")
            line = ""


def declarations(text):
    """What of a `.pxd` is compiled into clients: no imports, no bodies of functions."""
    body_of = None
    for line in logical_lines(text):
        depth = len(line) - len(line.lstrip())
        if body_of is not None and depth > body_of:
            continue
        body_of = depth if line.endswith(":") and "(" in line else None
        if not re.match(r"\s*(from |cimport |@)|cdef inline ", line):
            yield line


def exported(module):
    """Signatures by name. Of functions for float and double, that for float."""
    capsules = {name: capsule_name(value) for name, value in getattr(module, "__pyx_capi__", {}).items()}
    # Newer Cythons export such functions a second time, under names with brackets.
    plain = {name: value for name, value in capsules.items() if "[" not in name and "_fuse_" not in name}
    of_float, of_double = (
        {name.removeprefix(prefix): value for name, value in capsules.items() if name.startswith(prefix)}
        for prefix in ("__pyx_fuse_0", "__pyx_fuse_1")
    )
    assert {name: re.sub(r"\bfloat\b", "double", value) for name, value in of_float.items()} == of_double
    return {**plain, **{f"{name}[float]": value for name, value in of_float.items()}}


def described():
    """The whole interface, as in the file."""
    lines = []
    for name, path in interfaces().items():
        lines += [f"=== {name}", *declarations(path.read_text(encoding="utf8"))]
        lines += ["--- exported"]
        lines += [f"{key}: {value}" for key, value in sorted(exported(importlib.import_module(name)).items())]
    return lines


def test_interface_is_the_frozen_one():
    assert described() == FROZEN.splitlines()


def test_frozen_interface_has_what_spacy_was_compiled_against():
    """Of the specification itself, not of what we wrote."""
    own = "struct __pyx_obj_5thinc_8backends_5cblas_CBlas *"
    prefix = "__pyx_t_5thinc_8backends_5cblas_"
    for name in ("sgemm", "saxpy", "daxpy"):
        assert f"\n{name}: {prefix}{name}_ptr ({own})\n" in FROZEN
        assert f"\nset_{name}: void ({own}, {prefix}{name}_ptr)\n" in FROZEN


@pytest.mark.parametrize("name", sorted(WITHOUT_CAPSULES))
def test_modules_that_export_no_functions(name):
    assert not hasattr(importlib.import_module(name), "__pyx_capi__")


@pytest.mark.parametrize("path", TYPES)
def test_type(path):
    module, _, name = path.rpartition(".")
    cls = getattr(importlib.import_module(module), name)
    size, collected, has_methods = TYPES[path]
    assert isinstance(cls, type) and cls.__module__ == module
    assert (cls.__basicsize__, cls.__itemsize__) == (size, 0)
    assert (cls.__dictoffset__, cls.__weakrefoffset__) == (0, 0)
    assert bool(cls.__flags__ & HAVE_GC) == collected
    assert ("__pyx_vtable__" in cls.__dict__) == has_methods
    if has_methods:
        assert capsule_name(cls.__dict__["__pyx_vtable__"]) is None


def test_comparison_sees_changes():
    text = """
    cimport x
    cdef class A:  # comment
        cdef int a
        @staticmethod
        cdef inline int f(const float* x,
                          int n) noexcept nogil:
            return 1

        cdef int g(self) except -1
    """
    assert [line.strip() for line in declarations(text)] == [
        "cdef class A:",
        "cdef int a",
        "cdef inline int f(const float* x, int n) noexcept nogil:",
        "cdef int g(self) except -1",
    ]
