"""The CUDA kernels compile for the GPUs they are meant for; needs NVIDIA's compiler, but no GPU."""

import ctypes
import ctypes.util
import importlib.util
from pathlib import Path

import pytest

from thinc.backends._custom_kernels import KERNELS_LIST, read_source


def find_nvrtc():
    """The library of NVIDIA's compiler for programs at run time, installed for the system or by pip; None without."""
    spec = importlib.util.find_spec("nvidia")
    folders = (spec and spec.submodule_search_locations) or ()
    installed = [path for folder in folders for path in Path(folder).glob("*/lib/libnvrtc.so.*")]
    return min(installed, default=None) or ctypes.util.find_library("nvrtc")


class Compiler:
    """NVRTC's program interface, as far as it is needed here."""

    def __init__(self, library):
        self.library = ctypes.CDLL(str(library))

    def call(self, name, *args):
        status = getattr(self.library, f"nvrtc{name}")(*args)
        assert status == 0, f"{name} returned {status}"

    def compile(self, source, names, *options):
        """The names of the compiled kernels, and the size of the machine code."""
        program = ctypes.c_void_p()
        self.call("CreateProgram", ctypes.byref(program), source.encode(), b"kernels.cu", 0, None, None)
        try:
            for name in names:
                self.call("AddNameExpression", program, name.encode())
            texts = (ctypes.c_char_p * len(options))(*(option.encode() for option in options))
            status = self.library.nvrtcCompileProgram(program, len(options), texts)
            assert status == 0, self.log(program)
            assert not self.log(program).strip("\0\n ")  # no warning
            lowered = {}
            for name in names:
                found = ctypes.c_char_p()
                self.call("GetLoweredName", program, name.encode(), ctypes.byref(found))
                lowered[name] = found.value.decode()
            size = ctypes.c_size_t()
            self.call("GetCUBINSize", program, ctypes.byref(size))
            return lowered, size.value
        finally:
            self.call("DestroyProgram", ctypes.byref(program))

    def log(self, program):
        size = ctypes.c_size_t()
        self.call("GetProgramLogSize", program, ctypes.byref(size))
        text = ctypes.create_string_buffer(size.value)
        self.call("GetProgramLog", program, text)
        return text.raw.decode()


@pytest.mark.parametrize("architecture", ["sm_80", "sm_90"])
def test_kernels_compile(architecture):
    library = find_nvrtc()
    if library is None:
        pytest.skip("needs NVIDIA's compiler: pip install nvidia-cuda-nvrtc-cu12")
    options = [f"--gpu-architecture={architecture}", "--std=c++11"]
    names, size = Compiler(library).compile(read_source(), KERNELS_LIST, *options)
    assert names["hash_data"] == "hash_data"
    assert len(set(names.values())) == len(KERNELS_LIST)
    assert size > 10_000
