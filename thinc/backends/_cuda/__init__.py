"""The CUDA kernels, and the operations of CupyOps that launch them; what no kernel takes goes to the reference."""
