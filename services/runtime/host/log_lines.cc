#include "services/runtime/host/log_lines.h"

#include <absl/time/time.h>
#include <nlohmann/json.hpp>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <memory>
#include <string>

namespace gridledger::host {
namespace {

// Of the line that this thread is writing: spdlog's lines have none, and are written where they are
// said.
const LogFields*& FieldsOfLine() {
  thread_local const LogFields* fields = nullptr;
  return fields;
}

// {"at":"2026-01-31T08:00:00.123Z","level":"info","program":"gridledger-dispatch","text":"…"}
class JsonLines final : public spdlog::formatter {
 public:
  explicit JsonLines(std::string program) : program_(std::move(program)) {}
  void format(const spdlog::details::log_msg& line, spdlog::memory_buf_t& out) override {
    nlohmann::ordered_json json = {
        {"at", absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", absl::FromChrono(line.time),
                                absl::UTCTimeZone())},
        {"level", std::string(spdlog::level::to_string_view(line.level).data())},
        {"program", program_},
        {"text", std::string(line.payload.data(), line.payload.size())}};
    if (const LogFields* fields = FieldsOfLine(); fields != nullptr) {
      for (const auto& [name, value] : *fields) {
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

void LogError(const std::string& text, const LogFields& fields) {
  FieldsOfLine() = &fields;
  spdlog::error("{}", text);
  FieldsOfLine() = nullptr;
}

}  // namespace gridledger::host
