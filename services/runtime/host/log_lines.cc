#include "services/runtime/host/log_lines.h"

#include <absl/time/time.h>
#include <nlohmann/json.hpp>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <memory>
#include <string>
#include <utility>

#include "services/base/invariant.h"

namespace gridledger::host {
namespace {

// Of the line that this thread is writing, for machines: spdlog's lines have none, and are written
// where they are said.
struct Sense {
  absl::string_view event;
  const LogFields* fields;
};

const Sense*& SenseOfLine() {
  thread_local const Sense* sense = nullptr;
  return sense;
}

spdlog::level::level_enum LevelOf(LogLevel level) {
  switch (level) {
    case LogLevel::kInfo: return spdlog::level::info;
    case LogLevel::kWarning: return spdlog::level::warn;
    case LogLevel::kError: return spdlog::level::err;
  }
  INVARIANT(false, "a level that is none");
}

// {"at":"2026-01-31T08:00:00.123Z","level":"info","program":"gridledger-dispatch",
//  "event":"live","text":"dispatch is live on 8 partitions","service":"dispatch","partitions":8}
class JsonLines final : public spdlog::formatter {
 public:
  explicit JsonLines(std::string program) : program_(std::move(program)) {}
  void format(const spdlog::details::log_msg& line, spdlog::memory_buf_t& out) override {
    nlohmann::ordered_json json = {
        {"at", absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", absl::FromChrono(line.time),
                                absl::UTCTimeZone())},
        {"level", std::string(spdlog::level::to_string_view(line.level).data())},
        {"program", program_}};
    const Sense* sense = SenseOfLine();
    if (sense != nullptr) json["event"] = sense->event;
    json["text"] = std::string(line.payload.data(), line.payload.size());
    if (sense != nullptr) {
      for (const auto& [name, value] : *sense->fields) {
        std::visit([&field = json[name]](const auto& is) { field = is; }, value);
      }
    }
    const std::string text =
        json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
    out.append(text.data(), text.data() + text.size());
  }
  std::unique_ptr<spdlog::formatter> clone() const override {
    return std::make_unique<JsonLines>(program_);
  }

 private:
  const std::string program_;
};

}  // namespace

void LogTo(absl::string_view format, absl::string_view program) {
  auto logger = spdlog::stderr_logger_mt(std::string(program));
  if (format == "json") logger->set_formatter(std::make_unique<JsonLines>(std::string(program)));
  spdlog::set_default_logger(std::move(logger));
  spdlog::flush_on(spdlog::level::info);
}

void Log(LogLevel level, absl::string_view event, const std::string& text,
         const LogFields& fields) {
  const Sense sense{event, &fields};
  SenseOfLine() = &sense;
  spdlog::log(LevelOf(level), "{}", text);
  SenseOfLine() = nullptr;
}

}  // namespace gridledger::host
