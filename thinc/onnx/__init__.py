"""Models to files of the ONNX format, which other runtimes predict from: ``pip install "thinc[onnx]"``."""

from ._export import save_onnx

__all__ = ["save_onnx"]
