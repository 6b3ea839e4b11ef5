// A small pool of threads that share the parts of one piece of work. Included by _threads.pyx alone; others split their
// work with _parallel.hh.
//
// - A thread takes the next part when it has done its last, so a slow one delays nobody for long, and the calling
//   thread, which takes parts as well, never waits for one that still sleeps.
// - What asks while the pool is at work for another thread, or from within a part, does all its parts itself.
// - Idle threads look out for work for a moment, then sleep.
// - A forked child has no threads: it forgets the parent's and starts its own when it has work for them.
// - The pool is never destroyed, since its threads may outlive static objects when the process ends.
#pragma once
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <system_error>
#include <thread>

#include "_parallel.hh"

#if defined(_WIN32)
#include <intrin.h>
#else
#include <pthread.h>
#include <signal.h>
#endif

namespace thinc {

inline void relax() {
#if defined(_WIN32) && (defined(_M_X64) || defined(_M_IX86))
    _mm_pause();
#elif defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    asm volatile("yield");
#endif
}

class Pool {
  public:
    // From now on n threads do the work, the calling one included. New ones start when they are needed.
    void resize(int n) {
        if (n < wanted_.exchange(n)) stop();
    }

    // Returns when no thread of the pool is left; the next piece of work starts them anew.
    void stop() {
        std::lock_guard<std::mutex> lock(resizing_);
        is_ending_.store(true);
        wake();
        for (int i = 0; i < started_.load(); ++i) threads_[i].join();
        started_.store(0);
        is_ending_.store(false);
    }

    void run(std::ptrdiff_t parts, Task task, void* context) noexcept {
        bool is_busy = false;
        if (parts < 2 || parts >= closed || !busy_.compare_exchange_strong(is_busy, true)) {
            for (std::ptrdiff_t part = 0; part < parts; ++part) task(context, part);
            return;
        }
        if (started_.load(std::memory_order_relaxed) < wanted_.load(std::memory_order_relaxed) - 1) start();
        const std::uint64_t number = (ticket_.load() >> 32) + 1;
        task_.store(task, std::memory_order_relaxed);
        context_.store(context, std::memory_order_relaxed);
        parts_.store(parts, std::memory_order_relaxed);
        done_.store(0, std::memory_order_relaxed);
        ticket_.store(number << 32);
        if (sleeping_.load() > 0) wake();
        while (take_part()) {
        }
        // Others are in the middle of their last part.
        for (int i = 0; done_.load(std::memory_order_acquire) != parts; ++i) {
            if (i < 2000) relax();
            else std::this_thread::yield();
        }
        ticket_.store(number << 32 | closed);
        busy_.store(false);
    }

  private:
    // ticket_ holds the number of the piece of work and that of its next part; beyond all parts: nothing to do.
    static constexpr std::ptrdiff_t closed = 0xffffffff;
    static constexpr std::chrono::microseconds patience{100};

    bool has_work() const { return std::ptrdiff_t(ticket_.load() & closed) < parts_.load(std::memory_order_relaxed); }

    bool take_part() {
        std::uint64_t ticket = ticket_.load();
        for (;;) {
            const std::ptrdiff_t part = ticket & closed;
            if (part >= parts_.load(std::memory_order_relaxed)) return false;
            const Task task = task_.load(std::memory_order_relaxed);
            void* const context = context_.load(std::memory_order_relaxed);
            // Succeeds only if no newer work has come, so that what was read belongs to this ticket; and the
            // caller stays until the part is done.
            if (ticket_.compare_exchange_weak(ticket, ticket + 1)) {
                task(context, part);
                done_.fetch_add(1, std::memory_order_release);
                return true;
            }
        }
    }

    void work() {
        using clock = std::chrono::steady_clock;
        while (!is_ending_.load()) {
            bool is_idle = true;
            for (const auto until = clock::now() + patience; is_idle && clock::now() < until;) {
                for (int i = 0; i < 50 && is_idle; ++i) {
                    is_idle = !has_work();
                    relax();
                }
            }
            if (is_idle) {
                std::unique_lock<std::mutex> lock(sleep_);
                sleeping_.fetch_add(1);
                is_needed_.wait(lock, [&] { return has_work() || is_ending_.load(); });
                sleeping_.fetch_sub(1);
            }
            while (take_part()) {
            }
        }
    }

    void start() noexcept {
        std::lock_guard<std::mutex> lock(resizing_);
#if !defined(_WIN32)
        // Signals are for the interpreter's own threads.
        sigset_t all, before;
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before);
#endif
        try {
            for (int i = started_.load(); i < wanted_.load() - 1; ++i) {
                threads_[i] = std::thread(&Pool::work, this);
                started_.store(i + 1);
            }
        } catch (const std::system_error&) {
            wanted_.store(started_.load() + 1);  // the system gives no more: the work is done by fewer
        }
#if !defined(_WIN32)
        pthread_sigmask(SIG_SETMASK, &before, nullptr);
#endif
    }

    void wake() {
        { std::lock_guard<std::mutex> lock(sleep_); }
        is_needed_.notify_all();
    }

    alignas(64) std::atomic<std::uint64_t> ticket_{closed};
    std::atomic<Task> task_{nullptr};
    std::atomic<void*> context_{nullptr};
    std::atomic<std::ptrdiff_t> parts_{0};
    alignas(64) std::atomic<std::ptrdiff_t> done_{0};
    alignas(64) std::atomic<bool> busy_{false};
    std::atomic<bool> is_ending_{false};
    std::atomic<int> sleeping_{0}, started_{0}, wanted_{1};
    std::thread threads_[max_threads];
    std::mutex sleep_, resizing_;
    std::condition_variable is_needed_;
};

}  // namespace thinc
