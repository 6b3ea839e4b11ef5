// A small pool of threads that share the parts of one piece of work. Included by _threads.pyx alone; others split their
// work with _parallel.hh.
//
// - Each thread, the calling one included, has a share of adjacent parts: from one operation to the next an array's
//   rows stay in the caches of the same core. Who has done its own share takes parts of the others', so a slow thread
//   delays nobody for long, and nobody waits for one that still sleeps.
// - What asks while the pool is at work for another thread, or from within a part, does all its parts itself.
// - Idle threads look out for work for a moment, then sleep.
// - A forked child has no threads: it forgets the parent's and starts its own when it has work for them.
// - The pool is never destroyed, since its threads may outlive static objects when the process ends.
#pragma once
#include <algorithm>
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
        const int count = int(std::min(std::ptrdiff_t(started_.load(std::memory_order_relaxed)) + 1, parts));
        const std::uint64_t number = (shares_[0].ticket.load() >> 32) + 1;
        task_.store(task, std::memory_order_relaxed);
        context_.store(context, std::memory_order_relaxed);
        parts_.store(parts, std::memory_order_relaxed);
        count_.store(count, std::memory_order_relaxed);
        done_.store(0, std::memory_order_relaxed);
        left_.store(parts);
        for (int i = 0; i < count; ++i) shares_[i].ticket.store(number << 32 | std::uint64_t(start_of(i, count, parts)));
        if (sleeping_.load() > 0) wake();
        while (take_part(0)) {
        }
        // Others are in the middle of their last part.
        for (int i = 0; done_.load(std::memory_order_acquire) != parts; ++i) {
            if (i < 2000) relax();
            else std::this_thread::yield();
        }
        for (int i = 0; i < count; ++i) shares_[i].ticket.store(number << 32 | closed);
        busy_.store(false);
    }

  private:
    // A ticket holds the number of the piece of work and that of the next part of a share; beyond the share's end:
    // nothing is left of it.
    static constexpr std::ptrdiff_t closed = 0xffffffff;
    static constexpr std::chrono::microseconds patience{100};
    struct alignas(64) Share {
        std::atomic<std::uint64_t> ticket{closed};
    };

    static std::ptrdiff_t start_of(int share, int count, std::ptrdiff_t parts) {
        return parts / count * share + std::min(parts % count, std::ptrdiff_t(share));
    }

    bool has_work() const { return left_.load() > 0; }

    // Does one part: of this thread's share, or else of the nearest one that has some left.
    bool take_part(int own) {
        const int count = count_.load(std::memory_order_relaxed);
        for (int i = 0; i < count; ++i)
            if (take_from((own + i) % count)) return true;
        return false;
    }

    bool take_from(int share) {
        std::atomic<std::uint64_t>& next = shares_[share].ticket;
        std::uint64_t ticket = next.load();
        for (;;) {
            const std::ptrdiff_t part = ticket & closed, parts = parts_.load(std::memory_order_relaxed);
            if (part >= start_of(share + 1, count_.load(std::memory_order_relaxed), parts)) return false;
            const Task task = task_.load(std::memory_order_relaxed);
            void* const context = context_.load(std::memory_order_relaxed);
            // Succeeds only if no newer work has come, so that what was read belongs to this ticket; and the
            // caller stays until the part is done.
            if (next.compare_exchange_weak(ticket, ticket + 1)) {
                left_.fetch_sub(1);
                task(context, part);
                done_.fetch_add(1, std::memory_order_release);
                return true;
            }
        }
    }

    void work(int own) {
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
            while (take_part(own)) {
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
                threads_[i] = std::thread(&Pool::work, this, i + 1);
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

    Share shares_[max_threads];
    alignas(64) std::atomic<Task> task_{nullptr};
    std::atomic<void*> context_{nullptr};
    std::atomic<std::ptrdiff_t> parts_{0};
    std::atomic<int> count_{1};  // of shares
    alignas(64) std::atomic<std::ptrdiff_t> left_{0};  // parts that nobody has taken
    alignas(64) std::atomic<std::ptrdiff_t> done_{0};
    alignas(64) std::atomic<bool> busy_{false};
    std::atomic<bool> is_ending_{false};
    std::atomic<int> sleeping_{0}, started_{0}, wanted_{1};
    std::thread threads_[max_threads];
    std::mutex sleep_, resizing_;
    std::condition_variable is_needed_;
};

}  // namespace thinc
