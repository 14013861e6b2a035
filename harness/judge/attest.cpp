#include "harness/judge/attest.h"

#include "engine/base/atomic_file.h"
#include "engine/base/error.h"
#include "engine/base/mapped_file.h"
#include "harness/core/receipt.h"
#include "harness/core/report_json.h"
#include "harness/core/writer.h"
#include "harness/io/dsse.h"
#include "harness/io/sha256.h"

namespace bh::harness {

namespace fs = std::filesystem;

namespace {

std::string read_text(const fs::path& path) {
  const MappedFile file = MappedFile::open(path);
  return {reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size()};
}

std::string text_at(const json::object& object, std::string_view outer, std::string_view key) {
  const json::value* value = find(object, outer);
  if (value == nullptr || !value->is_object()) return {};
  const json::value* inner = find(value->get_object(), key);
  return inner == nullptr || !inner->is_string() ? std::string() : std::string(inner->get_string());
}

// --- the statement

json::object subject(std::string_view name, std::string_view sha256) {
  return {{"name", name}, {"digest", {{"sha256", sha256}}}};
}

json::array names_of(const Report& report, std::initializer_list<Verdict> verdicts) {
  json::array names;
  for (const Result& result : report.results) {
    for (const Verdict verdict : verdicts) {
      if (result.verdict == verdict) names.emplace_back(result.case_id);
    }
  }
  return names;
}

std::string make_statement(const Report& report, const json::object& receipt, std::string_view receipt_text,
                           std::string_view record_text) {
  json::array subjects{subject(kReceiptFile, sha256_hex(receipt_text)), subject(kRecordFile, sha256_hex(record_text))};
  if (const auto sha256 = text_at(receipt, "model_info", "sha256"); !sha256.empty()) {
    subjects.push_back(subject("model", sha256));
  }
  subjects.push_back(subject("bitharness", text_at(receipt, "environment", "binary_sha256")));
  json::array warned = names_of(report, {Verdict::warned, Verdict::untrusted});
  const char* result = report.outcome.exit_code != 0 ? "FAILED" : warned.empty() ? "PASSED" : "WARNED";
  return write_json_line(json::object{
      {"_type", kStatementType},
      {"subject", std::move(subjects)},
      {"predicateType", kPredicateType},
      {"predicate",
       {{"result", result},
        {"configuration",
         json::array{json::object{{"name", "command line"}, {"content", base64_encode(report.command_line)}}}},
        {"passedTests", names_of(report, {Verdict::passed})},
        {"warnedTests", std::move(warned)},
        {"failedTests",
         names_of(report, {Verdict::failed, Verdict::regressed, Verdict::errored, Verdict::interrupted})}}}});
}

/// The digest of a subject; empty where the statement names none.
std::string digest_of(const json::object& statement, std::string_view name) {
  const json::value* subjects = find(statement, "subject");
  if (subjects == nullptr || !subjects->is_array()) return {};
  for (const json::value& item : subjects->get_array()) {
    if (!item.is_object()) continue;
    const json::value* its_name = find(item.get_object(), "name");
    if (its_name != nullptr && its_name->is_string() && its_name->get_string() == name) {
      return text_at(item.get_object(), "digest", "sha256");
    }
  }
  return {};
}

// --- verification: each step adds its checks

class Verifier {
 public:
  explicit Verifier(const VerifyRequest& request) : request_(request) {
    std::error_code error;
    const bool is_folder = fs::is_directory(request.path, error);
    folder_ = is_folder ? request.path : request.path.parent_path();
    receipt_text_ = read_text(is_folder ? request.path / kReceiptFile : request.path);
  }

  std::vector<Check> run() {
    if (!read_receipt()) return std::move(checks_);
    checks_ = judge_receipt(receipt_, request_.gates);
    check_record();
    check_envelope();
    check_file("model", request_.model, text_at(receipt_, "model_info", "sha256"), "--model PATH");
    check_file("binary", request_.binary, text_at(receipt_, "environment", "binary_sha256"), "--binary PATH");
    if (request_.replay) checks_.push_back(request_.replay(receipt_));
    return std::move(checks_);
  }

 private:
  void add(std::string name, Verdict verdict, std::string message) {
    checks_.push_back({std::move(name), verdict, std::move(message)});
  }

  bool read_receipt() {
    try {
      const json::value document = parse_json(receipt_text_, "the receipt");
      if (document.is_object()) return (receipt_ = document.get_object()), true;
      add("1 schema", Verdict::failed, "the receipt is no JSON object");
    } catch (const Error& error) {
      add("1 schema", Verdict::failed, error.what());
    }
    return false;
  }

  /// The receipt is a pure function of the record.
  void check_record() {
    const fs::path path = folder_ / kRecordFile;
    if (!fs::exists(path)) return add("run record", Verdict::skipped, "there is no run.json beside the receipt");
    record_text_ = read_text(path);
    try {
      const Report report = report_from_json(parse_json(*record_text_, "run.json"), "run.json");
      const bool made_of_it = has_receipt(report) && make_receipt(report, sha256_hex(*record_text_)) == receipt_text_;
      add("run record", made_of_it ? Verdict::passed : Verdict::failed,
          made_of_it ? "the receipt is the one that run.json gives" : "the receipt is not the one that run.json gives");
    } catch (const Error& error) {
      add("run record", Verdict::failed, error.what());
    }
  }

  void check_envelope() {
    const fs::path path = folder_ / kEnvelopeFile;
    if (!fs::exists(path)) {
      return add("signature", request_.key ? Verdict::untrusted : Verdict::skipped, "the receipt is not signed");
    }
    try {
      const Envelope envelope = read_envelope(read_text(path), kEnvelopeFile);
      check_signature(envelope);
      const json::value statement = parse_json(envelope.payload, "the signed statement");
      if (envelope.payload_type != kPayloadType || !statement.is_object()) {
        return add("statement", Verdict::failed, "what was signed is no in-toto statement");
      }
      check_statement(statement.get_object());
    } catch (const Error& error) {
      add("statement", Verdict::failed, error.what());
    }
  }

  void check_signature(const Envelope& envelope) {
    if (!request_.key) return add("signature", Verdict::skipped, "no signer was named (--key PUB)");
    const std::string signed_bytes = pre_authentication_encoding(envelope.payload_type, envelope.payload);
    bool named = false;
    for (const EnvelopeSignature& signature : envelope.signatures) {
      const bool ours = signature.key_id == request_.key->id();
      if (request_.key->verify(signed_bytes, signature.bytes)) {
        if (ours) return add("signature", Verdict::passed, "signed by " + signature.key_id);
        return add("signature", Verdict::failed,
                   "the signature is right and the name of its key is not: it was edited");
      }
      named = named || ours;
    }
    if (named)
      return add("signature", Verdict::failed, "the signature is not one of this statement: it was tampered with");
    add("signature", Verdict::untrusted,
        fmt::format("unknown signer {}: not the key {}", envelope.signatures.front().key_id, request_.key->id()));
  }

  void check_statement(const json::object& statement) {
    const auto is = [&](std::string_view key, std::string_view wanted) {
      const json::value* value = find(statement, key);
      return value != nullptr && value->is_string() && value->get_string() == wanted;
    };
    if (!is("_type", kStatementType) || !is("predicateType", kPredicateType)) {
      return add("statement", Verdict::failed, "the signed statement is not an in-toto test result");
    }
    const auto differs = [&](std::string_view name, const std::string& here) {
      const std::string signed_digest = digest_of(statement, name);
      if (signed_digest == here) return false;
      add("statement", Verdict::failed,
          fmt::format("{} has the digest {}, and {} was signed", name, here.empty() ? "(none)" : here,
                      signed_digest.empty() ? "(none)" : signed_digest));
      return true;
    };
    if (differs(kReceiptFile, sha256_hex(receipt_text_))) return;
    if (record_text_ && differs(kRecordFile, sha256_hex(*record_text_))) return;
    if (!record_text_ && !digest_of(statement, kRecordFile).empty()) {
      return add("statement", Verdict::untrusted, "it names a run.json that is not here: put it beside the receipt");
    }
    if (differs("model", text_at(receipt_, "model_info", "sha256"))) return;
    if (differs("bitharness", text_at(receipt_, "environment", "binary_sha256"))) return;
    add("statement", Verdict::passed,
        record_text_ ? "it names this receipt and this run.json" : "it names this receipt; run.json is not here");
  }

  void check_file(const std::string& name, const fs::path& path, const std::string& wanted, const char* option) {
    if (path.empty()) return add(name, Verdict::skipped, fmt::format("its digest was not compared ({})", option));
    if (wanted.empty()) return add(name, Verdict::failed, "the receipt names no digest of it");
    const std::string here = name == "model" ? sha256_model(path) : sha256_file(path);
    if (here == wanted) return add(name, Verdict::passed, fmt::format("{} is the one of the run", path.string()));
    add(name, Verdict::failed, fmt::format("{} has the digest {}, and the run's was {}", path.string(), here, wanted));
  }

  const VerifyRequest& request_;
  fs::path folder_;
  std::string receipt_text_;
  std::optional<std::string> record_text_;
  json::object receipt_;
  std::vector<Check> checks_;
};

}  // namespace

void sign_run(const fs::path& directory, const SigningKey& key) {
  if (!fs::exists(directory / kReceiptFile)) {
    fail(ErrorKind::setup, "there is nothing to sign in {}: the run left no {}", directory.string(), kReceiptFile);
  }
  const std::string receipt_text = read_text(directory / kReceiptFile),
                    record_text = read_text(directory / kRecordFile);
  const Report report = report_from_json(parse_json(record_text, "run.json"), "run.json");
  if (!has_receipt(report) || make_receipt(report, sha256_hex(record_text)) != receipt_text) {
    fail(ErrorKind::setup, "{} is not the one that run.json gives: it is not signed",
         (directory / kReceiptFile).string());
  }
  const json::value receipt = parse_json(receipt_text, "receipt.json");
  AtomicFile file(directory / kEnvelopeFile);
  file.write(
      write_envelope(seal(kPayloadType, make_statement(report, receipt.get_object(), receipt_text, record_text), key)));
  file.commit();
}

std::vector<Check> verify_run(const VerifyRequest& request) { return Verifier(request).run(); }

}  // namespace bh::harness
