// The merging that BPE and SPM share: of all adjacent pairs of symbols that make a token, again and again the one of
// lowest priority number, of equal ones the leftmost. O(n log n), and close to linear where few different pairs repeat.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <limits>
#include <unordered_map>
#include <vector>

#include "engine/model/tokenizer.h"

namespace bh::engine {

inline constexpr std::uint32_t kNoSymbol = std::numeric_limits<std::uint32_t>::max();
inline constexpr std::int32_t kNoMerge = std::numeric_limits<std::int32_t>::max();

/// A stretch of text; a doubly linked list by index in a vector.
struct MergeSymbol {
  std::uint32_t begin;
  std::uint32_t size;  ///< 0 = merged into its left neighbour
  std::uint32_t previous;
  std::uint32_t next;
  TokenId id;
};

/// What a pair of neighbours becomes.
struct PairMerge {
  std::int32_t priority = kNoMerge;
  TokenId merged = kNoToken;
};

/// A pair that could be merged when it was found. A symbol only grows, by swallowing its right neighbour, so the pair
/// is what it was exactly if left and right are together of the same size.
struct MergeCandidate {
  std::int32_t priority;
  std::uint32_t left;
  std::uint32_t size;
  TokenId merged;
};

/// For few symbols: a binary heap.
class HeapMergeQueue {
 public:
  bool empty() const noexcept { return heap_.empty(); }
  void push(const MergeCandidate& candidate) {
    heap_.push_back(candidate);
    std::push_heap(heap_.begin(), heap_.end(), later);
  }
  MergeCandidate pop() {
    std::pop_heap(heap_.begin(), heap_.end(), later);
    const MergeCandidate candidate = heap_.back();
    heap_.pop_back();
    return candidate;
  }

 private:
  static bool later(const MergeCandidate& a, const MergeCandidate& b) noexcept {
    return a.priority != b.priority ? a.priority > b.priority : a.left > b.left;
  }
  std::vector<MergeCandidate> heap_;
};

/// For many symbols: a queue per priority. Pairs are mostly found from left to right, so each queue is mostly in order
/// as it grows; stragglers go into a small heap beside it. A million equal letters cost no cache miss per step.
class BucketMergeQueue {
 public:
  bool empty() const noexcept { return priorities_.empty(); }
  void push(const MergeCandidate& candidate) {
    Bucket& bucket = buckets_[candidate.priority];
    if (bucket.empty()) {
      priorities_.push_back(candidate.priority);
      std::push_heap(priorities_.begin(), priorities_.end(), std::greater<>());
    }
    if (bucket.head == bucket.ordered.size() || bucket.ordered.back().left <= candidate.left) {
      bucket.ordered.push_back(candidate);
    } else {
      bucket.stragglers.push(candidate);
    }
  }
  MergeCandidate pop() {
    Bucket& bucket = buckets_.find(priorities_.front())->second;
    const MergeCandidate candidate = bucket.pop();
    if (bucket.empty()) {
      std::pop_heap(priorities_.begin(), priorities_.end(), std::greater<>());
      priorities_.pop_back();
    }
    return candidate;
  }

 private:
  struct Bucket {
    std::vector<MergeCandidate> ordered;
    std::size_t head = 0;
    HeapMergeQueue stragglers;

    bool empty() const noexcept { return head == ordered.size() && stragglers.empty(); }
    MergeCandidate pop() {
      if (head == ordered.size()) return stragglers.pop();
      if (!stragglers.empty()) {
        const MergeCandidate straggler = stragglers.pop();
        if (straggler.left <= ordered[head].left) return straggler;
        stragglers.push(straggler);
      }
      const MergeCandidate candidate = ordered[head++];
      if (head == ordered.size()) {
        ordered.clear();
        head = 0;
      }
      return candidate;
    }
  };

  std::unordered_map<std::int32_t, Bucket> buckets_;
  std::vector<std::int32_t> priorities_;  ///< of the buckets that are not empty, as a heap
};

template <class Queue, class FindMerge>
void merge_with_queue(std::vector<MergeSymbol>& symbols, const FindMerge& find_merge) {
  Queue queue;
  const auto consider = [&](std::uint32_t left) {
    if (left == kNoSymbol || symbols[left].next == kNoSymbol) return;
    const MergeSymbol& right = symbols[symbols[left].next];
    const PairMerge merge = find_merge(symbols[left], right);
    if (merge.priority != kNoMerge) queue.push({merge.priority, left, symbols[left].size + right.size, merge.merged});
  };
  for (std::uint32_t i = 0; i < symbols.size(); ++i) consider(i);
  while (!queue.empty()) {
    const MergeCandidate best = queue.pop();
    MergeSymbol& left = symbols[best.left];
    if (left.size == 0 || left.next == kNoSymbol || left.size + symbols[left.next].size != best.size) continue;
    MergeSymbol& right = symbols[left.next];
    left.size = best.size;
    left.id = best.merged;
    left.next = right.next;
    right.size = 0;
    if (left.next != kNoSymbol) symbols[left.next].previous = best.left;
    consider(left.previous);
    consider(best.left);
  }
}

/// Merges in place; the result is the list from symbols[0] along `next`. find_merge(left, right) gives a PairMerge.
template <class FindMerge>
void merge_symbols(std::vector<MergeSymbol>& symbols, const FindMerge& find_merge) {
  constexpr std::size_t kFew = 1024;
  if (symbols.size() <= kFew) {
    merge_with_queue<HeapMergeQueue>(symbols, find_merge);
  } else {
    merge_with_queue<BucketMergeQueue>(symbols, find_merge);
  }
}

}  // namespace bh::engine
