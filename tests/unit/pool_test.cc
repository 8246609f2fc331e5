#include "base/pool.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <barrier>
#include <mutex>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace fm {
namespace {

TEST(ParallelFor, RunsEveryIndexOnce) {
  for (std::size_t jobs : {0, 1, 2, 4, 50}) {
    std::vector<std::atomic<int>> runs(20);
    parallel_for(jobs, runs.size(), [&](std::size_t i, std::size_t) { ++runs[i]; });
    for (const auto& n : runs) {
      EXPECT_EQ(n, 1) << jobs << " jobs";
    }
  }
}

TEST(ParallelFor, NothingToDo) {
  parallel_for(4, 0, [](std::size_t, std::size_t) { FAIL(); });
}

TEST(ParallelFor, OneJobRunsInOrderOnTheCallingThread) {
  std::vector<std::size_t> order;
  parallel_for(1, 5, [&](std::size_t i, std::size_t worker) {
    EXPECT_EQ(worker, 0U);
    order.push_back(i);
  });
  EXPECT_THAT(order, testing::ElementsAre(0, 1, 2, 3, 4));
}

TEST(ParallelFor, WorkersRunAtTheSameTimeWithNumbersOfTheirOwn) {
  std::barrier meet(3);
  std::mutex mutex;
  std::set<std::size_t> workers;
  std::set<std::thread::id> threads;
  parallel_for(3, 3, [&](std::size_t, std::size_t worker) {
    meet.arrive_and_wait();
    std::lock_guard lock(mutex);
    workers.insert(worker);
    threads.insert(std::this_thread::get_id());
  });
  EXPECT_THAT(workers, testing::ElementsAre(0, 1, 2));
  EXPECT_EQ(threads.size(), 3U);
  EXPECT_TRUE(threads.contains(std::this_thread::get_id()));
}

TEST(ParallelFor, AnExceptionStopsTheRest) {
  std::vector<std::size_t> seen;
  EXPECT_THROW(parallel_for(1, 10,
                            [&](std::size_t i, std::size_t) {
                              seen.push_back(i);
                              if (i == 2) {
                                throw std::runtime_error("two");
                              }
                            }),
               std::runtime_error);
  EXPECT_THAT(seen, testing::ElementsAre(0, 1, 2));
}

TEST(ParallelFor, TheLowestFailedIndexIsReportedAfterAllWorkersStopped) {
  std::barrier meet(4);
  std::atomic<int> inside = 0;
  try {
    parallel_for(4, 100, [&](std::size_t i, std::size_t) {
      ++inside;
      meet.arrive_and_wait();
      --inside;
      throw std::runtime_error(std::to_string(i));
    });
    FAIL();
  } catch (const std::runtime_error& e) {
    EXPECT_STREQ(e.what(), "0");
  }
  EXPECT_EQ(inside, 0);
}

}  // namespace
}  // namespace fm
