"""The GPU: CuPy for arrays and memory, CUDA kernels of our own for what a network computes."""
