#include "services/gateway/stream/stream.h"

#include <absl/cleanup/cleanup.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <utility>

#include "services/answers/figures.h"
#include "services/answers/incident_life.h"
#include "services/answers/incident_row.h"
#include "services/domain/policy/instant_text.h"
#include "services/gateway/api/api.h"
#include "services/gateway/api/parameters.h"

namespace gridledger::gateway {
namespace {

namespace asio = boost::asio;

constexpr size_t kRecordsAtOnce = 32;
constexpr size_t kPieceBytes = size_t{16} << 10;
constexpr absl::Duration kLookEvery = absl::Milliseconds(100);
constexpr absl::Duration kFiguresEvery = absl::Seconds(1);
constexpr absl::Duration kSilenceMax = absl::Seconds(15);  // proxies cut what says nothing

absl::string_view NameOfKind(uint32_t kind) {
  const auto* field = v1::Fact::descriptor()->FindFieldByNumber(static_cast<int>(kind));
  if (field == nullptr || field->message_type() == nullptr) return "";
  return field->message_type()->name();
}

void AppendEvent(absl::string_view event, absl::string_view id, absl::string_view data,
                 std::string* out) {
  absl::StrAppend(out, "event: ", event, "\nid: ", id, "\ndata: ", data, "\n\n");
}

std::string OneLine(const nlohmann::ordered_json& json) {
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace

struct Stream::Viewer {
  answers::IncidentFilter filter;
  bool filters = false;  // something is asked for that an unknown incident does not have
  bool changes = true;
  bool figures = true;
  bool applied_only = false;
  policy::Zone zone;
  NextOffsets places;  // what comes next of each partition
  uint64_t seen = 0;
  bool reset = false;

  // Empty when nothing of it is asked for.
  std::string ChangeText(const HappenedRecord& record) const;
};

std::string Stream::Viewer::ChangeText(const HappenedRecord& record) const {
  nlohmann::ordered_json json;
  json["partition"] = record.partition.value;
  json["offset"] = record.offset.value;
  json["at"] = policy::Rfc3339(record.at, zone);
  if (!record.service.empty()) {
    json["decision"] = {{"service", record.service},
                        {"rule", record.rule},
                        {"policy_version", record.policy_version},
                        {"cause", record.cause}};
  }
  nlohmann::ordered_json changed = nlohmann::ordered_json::array();
  for (const Happened& one : record.changes) {
    if (applied_only && one.verdict != incident::Verdict::kApplied) continue;
    const IncidentId id(one.incident);
    if (one.now ? !filter.Fits(id, *one.now, record.at) : filters) continue;
    nlohmann::ordered_json change;
    change["incident"] = one.incident;
    change["what"] = std::string(NameOfKind(one.kind));
    change["who"] = {{"role", answers::Words(v1::Role_Name(one.actor.role()), "ROLE_")},
                     {"code", one.actor.code()}};
    change["verdict"] = std::string(answers::VerdictName(one.verdict));
    if (one.verdict == incident::Verdict::kVoid) {
      change["reason"] = std::string(incident::VoidReasonName(one.reason));
    }
    change["now"] = one.now ? answers::RowJson(id, record.partition, *one.now, record.at, zone)
                            : nlohmann::ordered_json();
    changed.push_back(std::move(change));
  }
  if (changed.empty()) return "";
  json["changes"] = std::move(changed);
  return OneLine(json);
}

void Stream::AddTo(Router* router) {
  router->Add(Route{.method = "GET", .path = "/api/v1/stream", .handler = [this](Request& request) {
                      return Open(request);
                    }});
}

std::shared_ptr<const std::string> Stream::FiguresText() {
  const absl::Time now = options_.city->clock().Steady();
  {
    const absl::MutexLock lock(&mutex_);
    if (figures_ != nullptr && now < figures_at_ + kFiguresEvery) return figures_;
    figures_at_ = now;  // one viewer makes it for all
  }
  const host::CityLook look = options_.city->live().LookHere();
  const policy::Zone zone = options_.zone();
  nlohmann::ordered_json json;
  absl::Time newest = absl::UnixEpoch();
  int64_t lag = 0;
  for (const host::TaskLook& task : look.tasks) {
    newest = std::max(newest, task.now);
    if (task.end) lag = std::max(lag, task.end->value - task.next.value);
  }
  json["as_of"] = policy::Rfc3339(newest, zone);
  json["live"] = look.live;
  json["lag"] = lag;
  json["incidents"] = look.incidents;
  json["open"] = look.open;
  json["closed"] = look.closed;
  json["total"] = answers::RowJson(look.totals);
  auto text = std::make_shared<const std::string>(OneLine(json));
  const absl::MutexLock lock(&mutex_);
  // What says the same stays the same pointer: whoever has sent it sends it no more.
  if (figures_ == nullptr || *figures_ != *text) figures_ = std::move(text);
  return figures_;
}

asio::awaitable<Reply> Stream::Open(Request& request) {
  auto viewer = std::make_shared<Viewer>();
  viewer->zone = options_.zone();
  Parameters parameters(request, viewer->zone,
                        {"events", "applied", "category", "area", "community", "unit", "member",
                         "id", "light", "missed", "level_min", "last_event_id"});
  answers::IncidentFilter& filter = viewer->filter;
  parameters.ReadFilter(&filter);
  filter.all = true;
  viewer->filters = !filter.category.empty() || !filter.area.empty() || !filter.community.empty() ||
                    !filter.unit.empty() || !filter.member.empty() || filter.missed ||
                    filter.level_min > 0 || filter.light;
  viewer->applied_only = parameters.Flag("applied").value_or(false);
  if (const std::string events = parameters.Text("events"); !events.empty()) {
    viewer->changes = viewer->figures = false;
    for (const absl::string_view event : absl::StrSplit(events, ',')) {
      if (event == "change") {
        viewer->changes = true;
      } else if (event == "figures") {
        viewer->figures = true;
      } else {
        parameters.Refuse("events", "they are change and figures, with a comma between");
      }
    }
  }
  const std::string* last = request.Header("Last-Event-ID");
  if (last == nullptr) last = request.Query("last_event_id");
  std::optional<NextOffsets> places;
  if (last != nullptr && !last->empty()) {
    places = ParseOffsets(*last, options_.city->partitions());
    if (!places) parameters.Refuse("last_event_id", "it is the id of an event of this stream");
  }
  if (parameters.wrong()) co_return *parameters.wrong();
  if (viewers_ >= options_.viewers_max) {
    co_return Problem(503, "", "too many viewers are connected already");
  }
  auto asking =
      options_.city->AskAll<int64_t>([](const host::AskedPartition& asked, int64_t* into) {
        *into = asked.next.value;
        return true;
      });
  const auto present = co_await std::move(asking);
  if (!present.ok()) co_return ProblemOf(present.status());
  viewer->places = places.value_or(*present);
  viewer->reset = !options_.hub->Begin(viewer->places, *present, &viewer->seen);
  if (viewer->reset) viewer->places = *present;
  Reply reply;
  reply.type = "text/event-stream";
  reply.Set("Cache-Control", "no-store");
  reply.Set("X-Accel-Buffering", "no");
  reply.stream = [this, viewer](BodyWriter& writer) { return Serve(viewer, writer); };
  co_return reply;
}

asio::awaitable<void> Stream::Serve(std::shared_ptr<Viewer> viewer, BodyWriter& writer) {
  ++viewers_;
  const absl::Cleanup gone = [this] { --viewers_; };
  const auto executor = co_await asio::this_coro::executor;
  asio::steady_timer timer(executor);
  std::string piece = "retry: 1000\n\n";
  if (viewer->reset) AppendEvent("reset", OffsetsText(viewer->places), "{}", &piece);
  std::shared_ptr<const std::string> figures;
  Clock& clock = options_.city->clock();
  absl::Time said_at = clock.Steady();
  while (!writer.Ending()) {
    // What was passed before the ring is read is in the ring, or says nothing to anybody.
    const NextOffsets reached = options_.hub->Reached();
    bool drained = false;
    while (!drained && piece.size() < kPieceBytes) {
      const Hub::Batch batch = options_.hub->Next(&viewer->seen, kRecordsAtOnce);
      if (batch.lost) co_return;  // too slow: it may come back with its last id
      drained = batch.records.size() < kRecordsAtOnce;
      for (const auto& record : batch.records) {
        int64_t& place = viewer->places[static_cast<size_t>(record->partition.value)];
        if (record->offset.value < place) continue;
        place = record->offset.value + 1;
        if (!viewer->changes) continue;
        const std::string text = viewer->ChangeText(*record);
        if (!text.empty()) AppendEvent("change", OffsetsText(viewer->places), text, &piece);
      }
    }
    if (drained) {
      for (size_t p = 0; p < reached.size(); ++p) {
        viewer->places[p] = std::max(viewer->places[p], reached[p]);
      }
      if (viewer->figures) {
        const std::shared_ptr<const std::string> now = FiguresText();
        if (now != nullptr && now != figures) {
          figures = now;
          AppendEvent("figures", OffsetsText(viewer->places), *figures, &piece);
        }
      }
      if (piece.empty() && clock.Steady() > said_at + kSilenceMax) {
        absl::StrAppend(&piece, "id: ", OffsetsText(viewer->places), "\n: nothing happened\n\n");
      }
    }
    if (!piece.empty()) {
      auto writing = writer.Write(std::exchange(piece, {}));
      const bool taken = co_await std::move(writing);
      if (!taken) co_return;
      said_at = clock.Steady();
    }
    if (!drained) continue;
    timer.expires_after(absl::ToChronoMilliseconds(kLookEvery));
    boost::system::error_code ignored;
    co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  }
}

}  // namespace gridledger::gateway
