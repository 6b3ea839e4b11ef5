"""`_add_gemm`: a product added to an array, as gradients are, on every instruction set."""

import numpy
import pytest
from numpy.testing import assert_allclose

from thinc.backends import NumpyOps, Ops
from thinc.kernels._dispatch import available_isas, use_isa


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(1, 1, 1), (5, 7, 3), (33, 96, 40), (130, 70, 300), (290, 200, 500)])
def test_products_are_added(dtype, shape):
    m, n, k = shape
    rng = numpy.random.default_rng(0)
    x, y, out = (rng.normal(size=size).astype(dtype) for size in ((k, m), (k, n), (m, n)))
    for isa in available_isas():
        for ops in (NumpyOps(), NumpyOps(use_blis=False), Ops()):
            with use_isa(isa):
                found = out.copy()
                assert ops._add_gemm(found, x, y, trans1=True) is None
                expected = out + x.T.astype("float64") @ y
                assert_allclose(found, expected, rtol=1e-4, atol=1e-4 if dtype == "float32" else 1e-12)
                strided = numpy.zeros((m, 2 * n), dtype=dtype)[:, ::2]
                ops._add_gemm(strided, x, y, trans1=True)
                assert_allclose(strided, expected - out, rtol=1e-4, atol=1e-4)
                with pytest.raises(ValueError, match="gemm"):
                    ops._add_gemm(found, x, y[:-1] if k > 1 else y[:, :0], trans1=True)
                with pytest.raises(ValueError, match="gemm"):
                    ops._add_gemm(found[:-1], x, y, trans1=True)
