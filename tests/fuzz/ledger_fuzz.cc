// Whatever valid entries come, in whatever order: no fold aborts, and replicas agree. The input
// drives a partition: entries of all kinds with few ids, extreme numbers, texts of all lengths,
// leaps of time, ticks, garbage, dead letters seen to, decisions of whoever. Three sets of tasks
// fold it: one that keeps all in memory and whose decisions are fed back, at once or late; one that
// is checkpointed, evicted and reopened on the way; and at the end one that replays all of it.
//
// Entries are filled by their descriptors: a new kind of entry or fact is drawn without a line
// here.
#include <absl/strings/string_view.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>
#include <google/protobuf/stubs/logging.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <iterator>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "services/base/invariant.h"
#include "services/runtime/adapters/memory/memory_state_store.h"
#include "services/runtime/engine/task.h"
#include "services/runtime/host/subjects.h"

namespace gridledger {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

constexpr size_t kRecordsMax = 400;
constexpr int kTicksAtOnceMax = 20;
constexpr int64_t kBeginMs = 1'609'459'200'000;  // 2021-01-01T00:00:00Z
constexpr int64_t kMinuteMs = 60'000;

// What the input says, byte by byte; zeros behind its end.
class Draws {
 public:
  explicit Draws(absl::string_view bytes) : bytes_(bytes) {}
  bool empty() const { return bytes_.empty(); }
  uint8_t Byte() {
    if (bytes_.empty()) return 0;
    const auto byte = static_cast<uint8_t>(bytes_.front());
    bytes_.remove_prefix(1);
    return byte;
  }
  size_t Below(size_t count) { return Byte() % count; }
  bool OneIn(size_t count) { return Below(count) == 1; }
  template <class List>
  const auto& Of(const List& list) {
    return list[Below(std::size(list))];
  }

 private:
  absl::string_view bytes_;
};

// Where counts end: those of limits, and those of 32 and 64 bits.
constexpr int64_t kNarrowEdges[] = {-1,
                                    0,
                                    -1,
                                    1,
                                    -2,
                                    15,
                                    16,
                                    17,
                                    64,
                                    100,
                                    101,
                                    1'439,
                                    1'440,
                                    65'536,
                                    -1'440,
                                    std::numeric_limits<int32_t>::max(),
                                    std::numeric_limits<int32_t>::min()};
constexpr int64_t kWideEdges[] = {0,
                                  1,
                                  -1,
                                  kBeginMs,
                                  253'402'300'799'999,  // the last millisecond of the year 9999
                                  253'402'300'800'000,
                                  -62'135'596'800'000,
                                  std::numeric_limits<uint32_t>::max(),
                                  int64_t{1} << 53,
                                  std::numeric_limits<int64_t>::max() / 1000,
                                  std::numeric_limits<int64_t>::max(),
                                  std::numeric_limits<int64_t>::min()};
constexpr int64_t kLeapsMs[] = {
    0, 0, 1, 1000, kMinuteMs, 59 * kMinuteMs, 1440 * kMinuteMs, 400 * 1440 * kMinuteMs, -kMinuteMs};
constexpr size_t kLengths[] = {15,  16,  63,  64,  65,   127,  128,
                               129, 255, 256, 257, 1000, 5000, 70'000};
constexpr absl::string_view kIds[] = {"I1", "I2", "I3", "I4", "I5", "an-id-that-lies-on-the-heap"};
constexpr absl::string_view kCodes[] = {"", "A1", "A2", "C1", "U1", "U2", "M1", "M2", "P1"};
constexpr absl::string_view kServices[] = {"dispatch", "escalation", "metrics",
                                           "audit",    "nobody",     ""};

struct Folded {
  absl::Time at;
  std::string value;
};

using Tasks = std::vector<std::unique_ptr<engine::Task>>;

Tasks OpenAll(StateStore* store) {
  Tasks tasks;
  for (const engine::Service& service : host::AllServices()) {
    auto task = engine::Task::Open(service, Partition{0}, store, "fuzz");
    INVARIANT(task.ok(), "a checkpoint of our own opens");
    tasks.push_back(*std::move(task));
  }
  return tasks;
}

class City {
 public:
  explicit City(absl::string_view input)
      : draws_(input), steady_(OpenAll(nullptr)), stored_(OpenAll(&store_)) {}

  void Run() {
    while (!draws_.empty() && ledger_.size() < kRecordsMax) {
      Step();
      if (draws_.OneIn(16)) is_late_ = !is_late_;
      if (!is_late_) Settle();
    }
    Settle();
    Compare();
    const Tasks replayed = OpenAll(nullptr);
    for (const auto& task : replayed) CatchUp(*task);
    CompareWith(replayed);
  }

 private:
  void Step() {
    v1::Entry entry;
    entry.set_schema(engine::kEntrySchema);
    switch (draws_.Below(16)) {
      case 0: now_ms_ += draws_.Of(kLeapsMs); return;
      case 1: return RunTicks();
      case 2: return Checkpoint();
      case 3: return Reopen();
      case 4: return Garbage();
      case 5:
      case 6: FillAny(&entry); break;
      case 7: FillPolicy(entry.mutable_policy_activated()->mutable_policy()); break;
      default: FillFact(entry.mutable_fact()); break;
    }
    Append(entry.SerializeAsString());
  }

  // ---- what is drawn

  // One byte each, so that one that changes is enough: mostly what is usual, a few what is not.
  std::string Text(absl::string_view name) {
    const size_t byte = draws_.Byte();
    const auto of = [&](const auto& list) { return std::string(list[byte % std::size(list)]); };
    if (byte >= 248) return std::string(draws_.Of(kLengths), 'x');
    if (name == "incident_id" || name == "into") return of(kIds);
    return name == "service" ? of(kServices) : of(kCodes);
  }
  int64_t Number(absl::string_view name, bool wide = true) {
    const size_t byte = draws_.Byte();
    if (byte >= (wide ? 224 : 128)) {
      return wide ? kWideEdges[byte % std::size(kWideEdges)]
                  : kNarrowEdges[byte % std::size(kNarrowEdges)];
    }
    if (absl::StrContains(name, "_ms")) return now_ms_ + kLeapsMs[byte % std::size(kLeapsMs)];
    if (name == "offset" || name == "cause") {
      return static_cast<int64_t>(ledger_.size()) - static_cast<int64_t>(byte % 8);
    }
    return static_cast<int64_t>(byte % 20);
  }

  void FillField(Message* message, const FieldDescriptor* field, int depth) {
    const Reflection* to = message->GetReflection();
    const bool many = field->is_repeated();
    const absl::string_view name(field->name());
    // Most lists are short; now and then one is not.
    const size_t count = !many ? 1 : draws_.OneIn(64) ? 600 : draws_.Below(4);
    for (size_t i = 0; i < count; ++i) {
      switch (field->cpp_type()) {
        case FieldDescriptor::CPPTYPE_MESSAGE:
          if (depth > 4) return;
          Fill(many ? to->AddMessage(message, field) : to->MutableMessage(message, field),
               depth + 1);
          break;
        case FieldDescriptor::CPPTYPE_STRING:
          many ? to->AddString(message, field, Text(name))
               : to->SetString(message, field, Text(name));
          break;
        case FieldDescriptor::CPPTYPE_BOOL:
          if (!many) to->SetBool(message, field, draws_.Below(2) == 0);
          break;
        case FieldDescriptor::CPPTYPE_ENUM:
          if (!many) to->SetEnumValue(message, field, static_cast<int>(draws_.Below(13)));
          break;
        case FieldDescriptor::CPPTYPE_INT32: {
          const auto number = static_cast<int32_t>(Number(name, false));
          many ? to->AddInt32(message, field, number) : to->SetInt32(message, field, number);
          break;
        }
        case FieldDescriptor::CPPTYPE_UINT32: {
          const auto number = static_cast<uint32_t>(Number(name, false));
          many ? to->AddUInt32(message, field, number) : to->SetUInt32(message, field, number);
          break;
        }
        case FieldDescriptor::CPPTYPE_INT64:
          many ? to->AddInt64(message, field, Number(name))
               : to->SetInt64(message, field, Number(name));
          break;
        case FieldDescriptor::CPPTYPE_UINT64: {
          const auto number = static_cast<uint64_t>(Number(name));
          many ? to->AddUInt64(message, field, number) : to->SetUInt64(message, field, number);
          break;
        }
        default: break;
      }
    }
  }
  // Each field with two chances in three, and one of each choice.
  void Fill(Message* message, int depth = 0) {
    if (message->GetDescriptor() == v1::Fact::descriptor()) {
      return FillFact(static_cast<v1::Fact*>(message));
    }
    const auto* type = message->GetDescriptor();
    for (int i = 0; i < type->oneof_decl_count(); ++i) {
      const auto* choice = type->oneof_decl(i);
      FillField(message, choice->field(static_cast<int>(draws_.Below(choice->field_count()))),
                depth);
    }
    for (int i = 0; i < type->field_count(); ++i) {
      if (type->field(i)->containing_oneof() != nullptr || draws_.Below(3) == 2) continue;
      FillField(message, type->field(i), depth);
    }
  }
  void FillAny(v1::Entry* entry) {
    Fill(entry);
    if (!draws_.OneIn(8)) entry->set_schema(engine::kNewestSchema);
    if (!draws_.OneIn(4)) entry->clear_source();
  }
  void FillPolicy(v1::Policy* policy) {
    Fill(policy);
    if (draws_.OneIn(8)) return;
    // One under which cases run, are warned of, missed and climb.
    policy->set_default_unit("U1");
    policy->mutable_escalation()->set_warn_percent(80);
    for (const absl::string_view code : kCodes) {
      v1::Category* category = policy->add_categories();
      category->set_code(std::string(code));
      category->set_limit_minutes(static_cast<uint32_t>(1 + 60 * draws_.Below(3)));
    }
  }

  // Mostly what the incident's phase allows, on its present stage, with the deadline that it has.
  void FillFact(v1::Fact* fact) {
    const incident::State& view = steady_[0]->incidents();
    const IncidentId id(draws_.Of(kIds));
    const incident::Incident* found = view.incidents.Find(id);
    const bool told = !draws_.OneIn(8);
    const bool ends = draws_.OneIn(8);
    const incident::Phase phase = found == nullptr ? incident::Phase::kNone : found->phase;
    // People say what escalation decides, too: before it does, after it, and what it never would.
    const bool overdue = found != nullptr && found->due_at && *found->due_at <= FromMillis(now_ms_);
    const bool by_hand = overdue && draws_.OneIn(3);
    std::vector<int> kinds;
    for (const incident::Transition& row : incident::Transitions()) {
      const bool ending = row.to == incident::Phase::kRefused ||
                          row.to == incident::Phase::kVoided || row.to == incident::Phase::kMerged;
      if (ending && !ends) continue;  // else few lives were long ones
      if (by_hand && row.fact < v1::Fact::kDeadlineWarned) continue;
      const bool allowed = (row.from & (1u << static_cast<int>(phase))) != 0;
      if (!told || allowed) kinds.push_back(static_cast<int>(row.fact));
    }
    if (kinds.empty()) kinds.push_back(v1::Fact::kReported);
    const FieldDescriptor* kind = v1::Fact::descriptor()->FindFieldByNumber(draws_.Of(kinds));
    FillField(fact, kind, 1);
    fact->set_incident_id(told ? id.text() : Text("incident_id"));
    fact->set_stage(told && found != nullptr ? found->stage.value
                    : told                   ? 0
                                             : static_cast<uint32_t>(Number("stage", false)));
    fact->set_happened_at_ms(Number("happened_at_ms"));
    Fill(fact->mutable_actor());
    if (!told || found == nullptr || !found->due_at) return;
    const int64_t due_ms = ToMillis(*found->due_at);
    if (fact->has_deadline_warned()) fact->mutable_deadline_warned()->set_due_at_ms(due_ms);
    if (fact->has_deadline_missed()) fact->mutable_deadline_missed()->set_due_at_ms(due_ms);
    if (fact->has_verified()) fact->mutable_verified()->set_confirmed(!draws_.OneIn(4));
  }

  // ---- what happens to the partition

  void Garbage() {
    std::string bytes;
    for (size_t size = draws_.Below(12); size > 0; --size) {
      bytes.push_back(static_cast<char>(draws_.Byte()));
    }
    Append(std::move(bytes));
  }
  void RunTicks() {
    for (int ticks = 0; ticks < kTicksAtOnceMax; ++ticks) {
      const engine::Task* earliest = steady_[0].get();
      for (const auto& task : steady_) {
        if (task->EarliestTimer() < earliest->EarliestTimer()) earliest = task.get();
      }
      const absl::Time due = earliest->EarliestTimer();
      if (due > std::max(earliest->now(), FromMillis(now_ms_))) break;
      Take(earliest->MakeTick(std::max(due, earliest->now())));
      if (!is_late_) Settle();
    }
    Take(steady_[0]->MakeTick(FromMillis(now_ms_)));
  }
  void Append(std::string value) {
    const int64_t at_ms = draws_.OneIn(128) ? draws_.Of(kWideEdges) : now_ms_;
    Take(NewRecord{FromMillis(at_ms), "", "", std::move(value)});
  }
  void Take(const NewRecord& record) {
    if (record.bytes() > kRecordBytesMax) {
      INVARIANT(!is_feeding_back_, "a decision is no longer than a record may be");
      return;
    }
    const Offset offset{static_cast<int64_t>(ledger_.size())};
    ledger_.push_back(Folded{FromMillis(ToMillis(record.timestamp)), record.value});
    for (const Tasks* tasks : {&steady_, &stored_}) {
      for (const auto& task : *tasks) CatchUp(*task);
    }
    for (const auto& task : steady_) {
      const engine::PendingDecision* made = task->pending().FindNew(offset);
      if (made != nullptr) queue_.push_back(task->MakeDecision(*made, task->now()));
    }
    GoOnCollecting(3);
  }
  void Settle() {
    is_feeding_back_ = true;
    while (!queue_.empty() && ledger_.size() < 2 * kRecordsMax) {
      const NewRecord record = std::move(queue_.front());
      queue_.pop_front();
      Take(record);
    }
    is_feeding_back_ = false;
  }
  void CatchUp(engine::Task& task) {
    while (task.next().value < static_cast<int64_t>(ledger_.size())) {
      const Folded& record = ledger_[static_cast<size_t>(task.next().value)];
      const absl::Status folded =
          task.Fold(Record{Partition{0}, task.next(), record.at, "", "", record.value});
      if (folded.ok()) continue;
      // A partition that was raised to a schema of a newer program ends here, for all alike.
      INVARIANT(absl::IsFailedPrecondition(folded), "only a newer schema stops a partition");
      ledger_.pop_back();
      return;
    }
  }

  // ---- the set that is stored

  void Checkpoint() {
    if (!collected_.empty()) return GoOnCollecting(1'000'000);
    for (const auto& task : stored_) {
      task->BeginCollect();
      collected_.push_back(task.get());
    }
    GoOnCollecting(draws_.OneIn(2) ? 1'000'000 : 3);
  }
  void GoOnCollecting(size_t most) {
    if (collected_.empty()) return;
    for (size_t i = checkpoints_.size(); i < collected_.size(); ++i) {
      std::optional<TaskCheckpoint> one = collected_[i]->CollectSome(&most);
      if (!one.has_value()) return;
      checkpoints_.push_back(*std::move(one));
    }
    INVARIANT(store_.Commit(std::exchange(checkpoints_, {})).ok(), "the store is in memory");
    for (engine::Task* task : std::exchange(collected_, {})) task->Stored(/*bytes_max=*/0);
  }
  void Reopen() {
    collected_.clear();
    checkpoints_.clear();
    stored_ = OpenAll(&store_);
    for (const auto& task : stored_) CatchUp(*task);
  }
  void Compare() { CompareWith(stored_); }
  void CompareWith(const Tasks& others) {
    for (size_t i = 0; i < steady_.size(); ++i) {
      INVARIANT(steady_[i]->next() == others[i]->next(), "all fold to the end");
      INVARIANT(steady_[i]->digest() == others[i]->digest(), "replicas agree");
      INVARIANT(steady_[i]->EarliestTimer() == others[i]->EarliestTimer(), "and on what is next");
      std::vector<std::string> own, other;
      Collect(*steady_[i], &own);
      Collect(*others[i], &other);
      INVARIANT(own == other, "and on what they have decided");
    }
  }
  static void Collect(engine::Task& task, std::vector<std::string>* values) {
    engine::PendingDecisions& pending = task.pending();
    pending.Visit(Offset{-1}, pending.size(),
                  [&](const engine::PendingDecision& one) { values->push_back(one.value); });
  }

  Draws draws_;
  int64_t now_ms_ = kBeginMs;
  std::vector<Folded> ledger_;
  std::deque<NewRecord> queue_;  // decisions of the steady set that are not in the ledger yet
  bool is_late_ = false;         // the decisions wait
  bool is_feeding_back_ = false;
  MemoryStateStore store_;
  Tasks steady_;
  Tasks stored_;
  std::vector<engine::Task*> collected_;  // of a checkpoint under way
  std::vector<TaskCheckpoint> checkpoints_;
};

}  // namespace
}  // namespace gridledger

// The decoder says what it finds; libprotobuf need not repeat it for every run.
extern "C" int LLVMFuzzerInitialize(int*, char***) {
  google::protobuf::SetLogHandler(nullptr);
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  gridledger::City(absl::string_view(reinterpret_cast<const char*>(bytes), size)).Run();
  return 0;
}
