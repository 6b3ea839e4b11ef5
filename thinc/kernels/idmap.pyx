"""IdMap: a table from integers to integers that is read for many at a time."""
import numpy

cimport numpy as cnp
from libc.stdint cimport int32_t, int64_t, uint8_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memset

from ._memory cimport empty

cnp.import_array()


cdef inline uint64_t scatter_bits(uint64_t key) noexcept nogil:
    # the finalizer of MurmurHash3 (A. Appleby): ids that differ in any bit start at unrelated places
    key = (key ^ (key >> 33)) * <uint64_t>0xff51afd7ed558ccdULL
    key = (key ^ (key >> 33)) * <uint64_t>0xc4ceb9fe1a85ec53ULL
    return key ^ (key >> 33)


cdef inline size_t find_slot(const uint64_t* keys, const uint8_t* used, size_t mask, uint64_t key) noexcept nogil:
    # the place of the key, or the free one where it belongs; there always is a free one
    cdef size_t i = scatter_bits(key) & mask
    while used[i] and keys[i] != key:
        i = (i + 1) & mask
    return i


class IdMap:
    """A hash table that does not change: open addressing, at most half full.

    Parameters
    ----------
    mapping : mapping of int to int
        Keys of 64 bits, signed or not: -1 and 2**64 - 1 are the same key. Values of 32 bits, signed.

    Raises
    ------
    ValueError
        If a number is too large, or a key occurs twice, once with and once without sign.
    """

    def __init__(self, mapping):
        for key, value in mapping.items():
            if not -2**63 <= key < 2**64 or not -2**31 <= value < 2**31:
                raise ValueError(f"IdMap: keys must fit in 64 bits, values in 32, but got {key}: {value}")
        cdef Py_ssize_t size = 8
        while size < 2 * len(mapping):
            size *= 2
        cdef cnp.ndarray keys = numpy.zeros(size, dtype="uint64"), values = numpy.zeros(size, dtype="int32")
        cdef cnp.ndarray used = numpy.zeros(size, dtype="uint8")
        cdef const uint64_t* k = <const uint64_t*>cnp.PyArray_DATA(keys)
        cdef const uint8_t* u = <const uint8_t*>cnp.PyArray_DATA(used)
        cdef size_t i
        for key, value in mapping.items():
            i = find_slot(k, u, size - 1, key % 2**64)
            if used[i]:
                raise ValueError(f"IdMap: {key} and another key are the same number of 64 bits")
            keys[i], values[i], used[i] = key % 2**64, value, 1
        self._table = keys, values, used
        self._count = len(mapping)

    def __len__(self):
        return self._count

    def find(self, ids, int32_t default=0):
        """Look up ids.

        Parameters
        ----------
        ids : integer array
        default : int
            Stands for those that are not in the table.

        Returns
        -------
        int32 array of the same shape
        """
        cdef cnp.ndarray wanted = ids
        if cnp.PyArray_ITEMSIZE(wanted) != 8 or not cnp.PyArray_ISINTEGER(wanted) \
                or not cnp.PyArray_ISCARRAY_RO(wanted):
            wanted = numpy.ascontiguousarray(ids.astype("uint64", copy=False))  # modulo 2**64, like the keys
        cdef cnp.ndarray keys, values, used
        cdef cnp.ndarray out = empty(cnp.PyArray_NDIM(wanted), cnp.PyArray_DIMS(wanted), cnp.NPY_INT32)
        keys, values, used = self._table
        cdef const uint64_t* w = <const uint64_t*>cnp.PyArray_DATA(wanted)
        cdef const uint64_t* k = <const uint64_t*>cnp.PyArray_DATA(keys)
        cdef const int32_t* v = <const int32_t*>cnp.PyArray_DATA(values)
        cdef const uint8_t* u = <const uint8_t*>cnp.PyArray_DATA(used)
        cdef int32_t* found = <int32_t*>cnp.PyArray_DATA(out)
        cdef size_t mask = cnp.PyArray_SIZE(keys) - 1, slot
        cdef Py_ssize_t n = cnp.PyArray_SIZE(wanted), j
        with nogil:
            for j in range(n):
                slot = find_slot(k, u, mask, w[j])
                found[j] = v[slot] if u[slot] else default
        return out


def group(cnp.ndarray ids not None):
    """Group equal ids.

    Parameters
    ----------
    ids : integer array (n,)
        Of up to 64 bits; fewer than 2**31.

    Returns
    -------
    first : int64 array (groups,)
        Where each group occurs first; groups are in the order of their ids, as `numpy.unique` has them.
    groups : int64 array (n,)
        The number of the group that each id belongs to.
    counts : int64 array (groups,)
        How many ids each group has.
    """
    if cnp.PyArray_NDIM(ids) != 1 or not cnp.PyArray_ISINTEGER(ids):
        raise ValueError(f"group: expected a vector of integers, but got {ids.dtype} of shape {(<object>ids).shape}")
    given = ids
    if cnp.PyArray_ITEMSIZE(ids) != 8 or not cnp.PyArray_ISCARRAY_RO(ids):
        ids = numpy.ascontiguousarray(ids.astype("uint64", copy=False))
    cdef cnp.npy_intp n = cnp.PyArray_DIM(ids, 0), i, size = 8, found = 0
    while size < 2 * n:
        size *= 2
    cdef int32_t* table = <int32_t*>malloc(size * sizeof(int32_t))  # numbers of groups, -1 where there is none
    if table == NULL:
        raise MemoryError()
    cdef cnp.ndarray groups = <cnp.ndarray>cnp.PyArray_EMPTY(1, &n, cnp.NPY_INT64, 0)
    cdef cnp.ndarray first = <cnp.ndarray>cnp.PyArray_EMPTY(1, &n, cnp.NPY_INT64, 0)
    cdef cnp.ndarray counts = <cnp.ndarray>cnp.PyArray_EMPTY(1, &n, cnp.NPY_INT64, 0)
    cdef const uint64_t* key = <const uint64_t*>cnp.PyArray_DATA(ids)
    cdef int64_t* number = <int64_t*>cnp.PyArray_DATA(groups)
    cdef int64_t* position = <int64_t*>cnp.PyArray_DATA(first)
    cdef int64_t* count = <int64_t*>cnp.PyArray_DATA(counts)
    cdef size_t slot, mask = size - 1
    with nogil:
        memset(table, 0xff, size * sizeof(int32_t))
        for i in range(n):
            slot = scatter_bits(key[i]) & mask
            while table[slot] >= 0 and key[position[table[slot]]] != key[i]:
                slot = (slot + 1) & mask
            if table[slot] < 0:
                table[slot] = found
                position[found] = i
                count[found] = 0
                found += 1
            number[i] = table[slot]
            count[table[slot]] += 1
        free(table)
    positions, sizes = first[:found], counts[:found]
    cdef cnp.ndarray order = given[positions].argsort()
    cdef cnp.ndarray ranks = <cnp.ndarray>cnp.PyArray_EMPTY(1, &found, cnp.NPY_INT64, 0)
    cdef const cnp.npy_intp* place = <const cnp.npy_intp*>cnp.PyArray_DATA(order)
    cdef int64_t* rank = <int64_t*>cnp.PyArray_DATA(ranks)
    with nogil:
        for i in range(found):
            rank[place[i]] = i
        for i in range(n):
            number[i] = rank[number[i]]
    return positions[order], groups, sizes[order]
