"""Memory of large arrays: freed blocks are kept and used again, and data starts on a cache line.

A training step allocates and frees the same few megabytes over and over. The C library gives such blocks back to the
system, and each new one costs a page fault per 4 kB, which is more than what most operations cost. The arrays made
here own their data as all others do; NumPy calls the handler below (NEP 49) when it frees them.

Blocks have size classes in steps of a quarter of a power of two. At most `CACHE_LIMIT` bytes are kept: beyond that,
blocks of the class that has gone unused for longest make room.
"""
cimport numpy as cnp
from cpython.pycapsule cimport PyCapsule_New
from cpython.ref cimport Py_INCREF
from libc.stdint cimport uintptr_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcpy, memset

from ._dispatch cimport prefer_large_pages

import numpy

cnp.import_array()

cdef extern from "numpy/arrayobject.h":
    ctypedef struct PyDataMemAllocator:
        void* ctx
        void* (*malloc)(void* ctx, size_t size) noexcept nogil
        void* (*calloc)(void* ctx, size_t count, size_t size) noexcept nogil
        void* (*realloc)(void* ctx, void* data, size_t size) noexcept nogil
        void (*free)(void* ctx, void* data, size_t size) noexcept nogil

    ctypedef struct PyDataMem_Handler:
        char name[127]
        unsigned char version
        PyDataMemAllocator allocator

    object PyDataMem_SetHandler(object handler)
    cnp.ndarray PyArray_Zeros(int ndim, cnp.npy_intp* shape, cnp.dtype dtype, int fortran)

cdef extern from "<atomic>" namespace "std" nogil:
    cdef cppclass atomic_flag:
        bint test_and_set()
        void clear()


# Smaller arrays are NumPy's own business: it has a cache for the smallest, and malloc does not return the others.
cdef size_t SMALL = 16384
cdef size_t CACHE_LIMIT = 256 * 1024 * 1024
cdef size_t LINE = 64
# From here on, blocks are to lie in large pages (of 2 MB on most machines), as those of NumPy do.
cdef size_t LARGE_PAGES = 4 * 1024 * 1024


# Stands in the cache line before the data.
cdef struct Block:
    Block* following  # in the list of free blocks of its class
    void* memory      # what malloc gave
    size_t capacity
    int size_class


cdef Block* _free_blocks[256]
cdef unsigned long long _used_at[256]  # when a block of the class was last taken or kept, in such events
cdef unsigned long long _events = 0
cdef size_t _cached = 0
# Held only for a few instructions, and under the GIL where there is one: a fork cannot find it taken.
cdef atomic_flag _lock


cdef inline int class_of(size_t size, size_t* capacity) noexcept nogil:
    # the class of a size > 8, and the bytes that its blocks hold
    cdef int shift = 0
    while (size - 1) >> shift >= 8:
        shift += 1
    cdef size_t quarters = ((size - 1) >> shift) + 1  # 5 .. 8 units of 1 << shift
    capacity[0] = quarters << shift
    return 4 * shift + <int>quarters - 5


cdef inline void note_use(int size_class) noexcept nogil:
    global _events
    _events += 1
    _used_at[size_class] = _events


cdef Block* take(int size_class) noexcept nogil:
    global _cached
    while _lock.test_and_set():
        pass
    note_use(size_class)
    cdef Block* block = _free_blocks[size_class]
    if block != NULL:
        _free_blocks[size_class] = block.following
        _cached -= block.capacity
    _lock.clear()
    return block


cdef Block* make_room(size_t size, int size_class) noexcept nogil:
    # a list of blocks to free, of other classes; the caller holds the lock
    global _cached
    cdef Block* freed = NULL
    cdef Block* block
    cdef int i, oldest
    while _cached + size > CACHE_LIMIT:
        oldest = -1
        for i in range(256):
            if i != size_class and _free_blocks[i] != NULL and (oldest < 0 or _used_at[i] < _used_at[oldest]):
                oldest = i
        if oldest < 0:
            break
        block = _free_blocks[oldest]
        _free_blocks[oldest] = block.following
        _cached -= block.capacity
        block.following = freed
        freed = block
    return freed


cdef void keep(Block* block) noexcept nogil:
    global _cached
    cdef Block* freed = NULL
    while _lock.test_and_set():
        pass
    note_use(block.size_class)
    if block.capacity <= CACHE_LIMIT:
        freed = make_room(block.capacity, block.size_class)
    if _cached + block.capacity <= CACHE_LIMIT:
        block.following = _free_blocks[block.size_class]
        _free_blocks[block.size_class] = block
        _cached += block.capacity
    else:
        block.following = freed
        freed = block
    _lock.clear()
    free_blocks(freed)


cdef void free_blocks(Block* block) noexcept nogil:
    cdef Block* following
    while block != NULL:
        following = block.following
        free(block.memory)
        block = following


cdef void* obtain(size_t size, bint zeros) noexcept nogil:
    cdef size_t capacity
    cdef int size_class = class_of(size if size > LINE else LINE, &capacity)
    cdef Block* block = take(size_class)
    cdef void* memory
    if block != NULL:
        if zeros:
            memset(<char*>block + LINE, 0, size)
    else:
        if capacity > <size_t>-1 - 2 * LINE:
            return NULL
        # calloc: new pages are zeros already, and cost nothing until they are used
        memory = calloc(capacity + 2 * LINE, 1) if zeros else malloc(capacity + 2 * LINE)
        if memory == NULL:
            clear_cache()
            memory = calloc(capacity + 2 * LINE, 1) if zeros else malloc(capacity + 2 * LINE)
        if memory == NULL:
            return NULL
        if capacity >= LARGE_PAGES:
            prefer_large_pages(memory, capacity + 2 * LINE)
        block = <Block*>((<uintptr_t>memory + LINE - 1) & ~(<uintptr_t>LINE - 1))
        block.memory = memory
        block.capacity = capacity
        block.size_class = size_class
    return <char*>block + LINE


cdef void* allocate(void* ctx, size_t size) noexcept nogil:
    return obtain(size, False)


cdef void release(void* ctx, void* data, size_t size) noexcept nogil:
    if data == NULL:
        return
    keep(<Block*>(<char*>data - LINE))


cdef void* allocate_zeros(void* ctx, size_t count, size_t size) noexcept nogil:
    if size != 0 and count > <size_t>-1 // size:
        return NULL
    return obtain(count * size, True)


cdef void* reallocate(void* ctx, void* data, size_t size) noexcept nogil:
    if data == NULL:
        return allocate(ctx, size)
    cdef Block* block = <Block*>(<char*>data - LINE)
    cdef void* moved
    if size <= block.capacity:
        return data
    moved = allocate(ctx, size)
    if moved != NULL:
        memcpy(moved, data, block.capacity)
        release(ctx, data, block.capacity)
    return moved


cpdef void clear_cache() noexcept nogil:
    """Give the blocks that no array uses back to the system."""
    global _cached
    cdef Block* block
    cdef Block* following
    cdef int i
    for i in range(256):
        while _lock.test_and_set():
            pass
        block = _free_blocks[i]
        _free_blocks[i] = NULL
        following = block
        while following != NULL:
            _cached -= following.capacity
            following = following.following
        _lock.clear()
        free_blocks(block)


def cached_bytes():
    """Bytes of memory that are kept for arrays to come."""
    return _cached


cdef PyDataMem_Handler _handler
memcpy(_handler.name, b"thinc_blocks", 13)
_handler.version = 1
_handler.allocator.ctx = NULL
_handler.allocator.malloc = allocate
_handler.allocator.calloc = allocate_zeros
_handler.allocator.realloc = reallocate
_handler.allocator.free = release
cdef object _capsule = PyCapsule_New(&_handler, "mem_handler", NULL)


cdef cnp.ndarray empty(int ndim, cnp.npy_intp* shape, int kind):
    cdef size_t elements = 1
    cdef int i
    for i in range(ndim):
        elements *= <size_t>shape[i]
    if elements < SMALL // sizeof(float):
        return <cnp.ndarray>cnp.PyArray_EMPTY(ndim, shape, kind, 0)
    previous = PyDataMem_SetHandler(_capsule)
    try:
        return <cnp.ndarray>cnp.PyArray_EMPTY(ndim, shape, kind, 0)
    finally:
        PyDataMem_SetHandler(previous)


cdef cnp.ndarray zeros_of(int ndim, cnp.npy_intp* shape, cnp.dtype dtype):
    cdef size_t elements = 1
    cdef int i
    for i in range(ndim):
        elements *= <size_t>shape[i]
    Py_INCREF(dtype)  # the constructor takes the reference over
    if elements < SMALL // sizeof(float):
        return PyArray_Zeros(ndim, shape, dtype, 0)
    previous = PyDataMem_SetHandler(_capsule)
    try:
        return PyArray_Zeros(ndim, shape, dtype, 0)
    finally:
        PyDataMem_SetHandler(previous)


def zeros(shape, dtype):
    """`numpy.zeros` with the memory of this module."""
    previous = PyDataMem_SetHandler(_capsule)
    try:
        return numpy.zeros(shape, dtype)
    finally:
        PyDataMem_SetHandler(previous)


def uninitialized(shape, dtype):
    """`numpy.empty` with the memory of this module."""
    previous = PyDataMem_SetHandler(_capsule)
    try:
        return numpy.empty(shape, dtype)
    finally:
        PyDataMem_SetHandler(previous)
