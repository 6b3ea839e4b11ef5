"""What binaries of other packages see of our modules, by ctypes: capsules, slots of vtables, fields of objects."""

import ctypes

POINTER = ctypes.c_void_p


def capsule_name(capsule) -> str | None:
    get = ctypes.pythonapi.PyCapsule_GetName
    get.restype, get.argtypes = ctypes.c_char_p, [ctypes.py_object]
    name = get(capsule)
    return None if name is None else name.decode()


def capsule_address(capsule, name: str | None) -> int:
    get = ctypes.pythonapi.PyCapsule_GetPointer
    get.restype, get.argtypes = POINTER, [ctypes.py_object, ctypes.c_char_p]
    return get(capsule, None if name is None else name.encode())


def capi_function(module, name: str, result, *arguments):
    """A function that the module exports to Cython, called with the GIL."""
    capsule = module.__pyx_capi__[name]
    return ctypes.PYFUNCTYPE(result, *arguments)(capsule_address(capsule, capsule_name(capsule)))


def slot(cls: type, number: int, result, *arguments):
    """The function in a slot of the type's table of C methods."""
    table = capsule_address(cls.__dict__["__pyx_vtable__"], None)
    return ctypes.PYFUNCTYPE(result, *arguments)(ctypes.cast(table, ctypes.POINTER(POINTER))[number])


def fields_of(instance, structure: type[ctypes.Structure]):
    """The memory of an object, as a client that was compiled with `structure` sees it."""
    return structure.from_address(id(instance))
