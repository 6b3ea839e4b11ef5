// Large pages for large blocks of memory, on systems that give them on request only: a page of 4 kB at a time, it costs
// more to make the memory usable, and to look up where it is, than to copy it.
#pragma once
#include <cstddef>
#include <cstdint>
#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace thinc {

// Ask for large pages for what `size` bytes from `memory` on cover whole. A hint: nothing changes where it is not taken.
inline void prefer_large_pages(void* memory, std::size_t size) {
#if defined(__linux__) && defined(MADV_HUGEPAGE)
    constexpr std::uintptr_t page = 4096;
    const std::uintptr_t start = (reinterpret_cast<std::uintptr_t>(memory) + page - 1) & ~(page - 1);
    const std::uintptr_t end = (reinterpret_cast<std::uintptr_t>(memory) + size) & ~(page - 1);
    if (start < end) madvise(reinterpret_cast<void*>(start), end - start, MADV_HUGEPAGE);
#else
    static_cast<void>(memory);
    static_cast<void>(size);
#endif
}

}  // namespace thinc
