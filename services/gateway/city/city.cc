#include "services/gateway/city/city.h"

#include <openssl/rand.h>

#include "services/base/invariant.h"
#include "services/domain/audit/audit.h"
#include "services/runtime/engine/entry_codec.h"
#include "services/runtime/host/subjects.h"

namespace gridledger::gateway {
namespace {

namespace asio = boost::asio;

// Of a record that is not among the newest ones any more, by what the audit keeps for good.
Judged FromTimeline(const host::AskedPartition& asked, Offset offset, const IncidentId& id) {
  Judged judged{.partition = asked.partition, .offset = offset, .stage = {}, .at = asked.now};
  judged.dead_letter = true;
  for (const audit::TimelineItem& item :
       audit::Timeline(host::AuditOf(asked.Of("audit").subject()), id)) {
    if (item.offset != offset) continue;
    judged.dead_letter = false;
    judged.verdict = item.line.verdict;
    judged.reason = item.line.reason;
    judged.stage = item.line.stage;
    judged.at = item.line.at;
    break;
  }
  return judged;
}

}  // namespace

std::string City::NewInstance() {
  uint64_t bits = 0;
  INVARIANT(RAND_bytes(reinterpret_cast<unsigned char*>(&bits), sizeof bits) == 1,
            "the system gave no random bits");
  return absl::StrCat(absl::Hex(bits, absl::kZeroPad16));
}

void City::Begin(Submission submission, Told<Judgements> told) {
  std::vector<NewRecord> records(submission.facts.size());
  std::vector<IncidentId> ids;
  const absl::Time now = options_.clock->Now();
  v1::Entry entry;
  for (size_t i = 0; i < submission.facts.size(); ++i) {
    ids.emplace_back(submission.facts[i].incident_id());
    entry.set_schema(engine::kEntrySchema);
    entry.mutable_fact()->Swap(&submission.facts[i]);
    records[i].timestamp = now;
    records[i].key = std::move(submission.keys[i]);
    engine::EncodeEntry(entry, "/gridledger/gateway", absl::StrCat(instance_, ".", ++appended_),
                        &records[i].headers, &records[i].value);
  }
  const Partition partition = submission.partition;
  options_.log->Append(
      partition, std::move(records),
      [this, partition, ids = std::move(ids),
       told = std::move(told)](absl::StatusOr<Offset> first) mutable {
        if (!first.ok()) return std::move(told)(first.status());
        auto shared = std::make_shared<Told<Judgements>>(std::move(told));
        host::Question question;
        question.partition = partition;
        question.least = Offset{first->value + static_cast<int64_t>(ids.size())};
        question.deadline = options_.clock->Steady() + options_.patience;
        question.step = [this, first = *first, ids = std::move(ids),
                         shared](const host::AskedPartition& asked) {
          std::vector<Judged> judged;
          for (size_t i = 0; i < ids.size(); ++i) {
            const Offset at{first.value + static_cast<int64_t>(i)};
            const std::optional<Judged> one = options_.watch->FindJudged(asked.partition, at);
            judged.push_back(one ? *one : FromTimeline(asked, at, ids[i]));
          }
          std::move (*shared)(std::move(judged));
          return true;
        };
        question.refuse = [shared](absl::Status why) { std::move (*shared)(std::move(why)); };
        options_.live->Ask(std::move(question));
      });
}

asio::awaitable<std::vector<City::Judgements>> City::SubmitAll(
    std::vector<Submission> submissions) {
  using All = std::vector<Judgements>;
  return Await<All>([this, submissions = std::move(submissions)](Told<All> told) mutable {
    struct Waiting {
      Told<All> told;
      All all;
      std::atomic<size_t> left{0};
    };
    auto waiting = std::make_shared<Waiting>();
    waiting->told = std::move(told);
    waiting->all.resize(submissions.size(), absl::UnknownError(""));
    waiting->left = submissions.size();
    if (submissions.empty()) return std::move(waiting->told)({});
    for (size_t i = 0; i < submissions.size(); ++i) {
      Begin(std::move(submissions[i]), [waiting, i](Judgements judged) {
        waiting->all[i] = std::move(judged);
        if (--waiting->left == 0) std::move(waiting->told)(std::move(waiting->all));
      });
    }
  });
}

asio::awaitable<absl::StatusOr<Judged>> City::Submit(Partition partition, std::string key,
                                                     v1::Fact fact) {
  std::vector<Submission> submissions(1);
  submissions[0].partition = partition;
  submissions[0].keys.push_back(std::move(key));
  submissions[0].facts.push_back(std::move(fact));
  auto submitting = SubmitAll(std::move(submissions));
  std::vector<Judgements> judged = co_await std::move(submitting);
  if (!judged[0].ok()) co_return judged[0].status();
  co_return judged[0]->front();
}

}  // namespace gridledger::gateway
