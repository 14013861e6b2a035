// One reference: a live engine behind a subject, or outputs recorded beside the model. Whatever a live one does -
// crash, hang, print garbage - becomes a named fault, and the cases that needed it say so.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/backend.h"
#include "engine/base/error.h"
#include "engine/base/json.h"
#include "harness/core/subject.h"
#include "harness/judge/recorded.h"
#include "suites/crossval/trace_compare.h"

namespace bh::suites::crossval {

class Bench;

/// Why a reference gives no answer, as a word of the report: those of SubjectFault, "missing" where there is none,
/// "cannot" where it is not able to.
struct Fault {
  std::string outcome;
  std::string reason;    ///< one sentence
  bool earlier = false;  ///< of an earlier case: this one did not ask again
};

/// A case cannot go on for what its reference did, or is not.
struct LaneError : std::runtime_error {
  explicit LaneError(Fault what) : std::runtime_error(what.reason), fault(std::move(what)) {}
  Fault fault;
};

/// One prompt on the reference's path in one mode: its ids, its greedy ids behind them, its logits for all of them.
struct Evidence {
  harness::RecordedRun run;
  std::size_t together = 0;  ///< so many positions of run.all_ids() were evaluated in one call, the others one by one
  bool own_greedy = true;    ///< the greedy ids were written in this mode
};

class Lane {
 public:
  /// `address`: a folder, program or URL; empty = what was recorded, for the first lane, else nothing.
  Lane(Bench& bench, std::string label, std::string address);

  const std::string& label() const noexcept { return label_; }
  bool named() const noexcept { return !address_.empty(); }
  bool live() const noexcept { return named(); }

  // Each of these throws LaneError where the reference is missing, fails, or cannot do it.
  harness::SubjectInfo describe();      ///< of a live one
  std::vector<std::string> cannot();    ///< what a live one is not able to do, in its words
  const harness::Recorded& recorded();  ///< of one that is not live
  std::string name();                   ///< "bitnet.cpp 6d113cd (recorded)"
  std::vector<engine::TokenId> tokenize(const std::string& text);
  const std::vector<Evidence>& evidence(engine::Numerics mode);        ///< reference_batch or reference_single
  std::vector<float> logits(const std::vector<engine::TokenId>& ids);  ///< of every position, all in one call
  Trace trace(const std::vector<engine::TokenId>& ids, engine::Numerics mode);

  const std::optional<Fault>& fault() const noexcept { return fault_; }  ///< the first one

 private:
  harness::Subject& subject(engine::Numerics mode);
  void need(harness::Ability ability);
  template <class Work>
  auto guarded(const Work& work);
  std::vector<Evidence> gather(engine::Numerics mode);
  std::vector<Evidence> gather_recorded(engine::Numerics mode);

  Bench& bench_;
  std::string label_;
  std::string address_;
  std::optional<Fault> fault_;
  bool closed_ = false;  ///< it is of no use to ask again
  std::unique_ptr<harness::Subject> batch_, single_;
  std::optional<harness::Recorded> recorded_;
  bool looked_ = false;
  std::optional<std::vector<Evidence>> batch_evidence_, single_evidence_;
};

}  // namespace bh::suites::crossval
