"""What other packages build on besides the layers: beam search for Cython code."""
