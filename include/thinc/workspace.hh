// Scratch memory of one thread for kernels, which do not allocate: kept between calls, freed when the thread ends.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstdlib>

namespace thinc {

class Workspace {
  public:
    Workspace() = default;
    Workspace(const Workspace&) = delete;
    Workspace& operator=(const Workspace&) = delete;
    ~Workspace() { std::free(memory_); }

    // At least `bytes`, on a cache line boundary; the contents are arbitrary. Null if there is no memory.
    void* get(std::size_t bytes) {
        if (bytes > size_) {
            std::free(memory_);
            size_ = 0;
            memory_ = std::malloc(bytes + line);
            if (!memory_) return nullptr;
            size_ = bytes;
        }
        return reinterpret_cast<void*>((reinterpret_cast<std::uintptr_t>(memory_) + line - 1) & ~(line - 1));
    }

  private:
    static constexpr std::uintptr_t line = 64;
    void* memory_ = nullptr;
    std::size_t size_ = 0;
};

inline void* thread_workspace(std::size_t bytes) {
    static thread_local Workspace workspace;
    return workspace.get(bytes);
}

}  // namespace thinc
