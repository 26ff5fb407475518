// Event logs in XES (IEEE 1849; 1.0 and 2.0, with or without a namespace) as rows: a row is an
// event. A column is the key of an attribute of the event, or "case:" and the key of one of its
// trace; the attributes within an attribute, be it a text, a container or a list, have paths:
// "case:group.head".
//
// What a `global` says is the value of events, or of traces, that have no such attribute; one that
// a mapping takes for none stands in its `missing`. Extensions, classifiers and the attributes of
// the log are passed over. A trace without events has no row. What a trace says
// behind its first event holds for the events after it. Prefixes of element names are not looked
// at.
//
// A row is rejected where a value that a column wants is there twice, is too long or no text, and
// all rows of a trace are where the trace's own is. What is not well-formed, or declares a DOCTYPE
// (and so entities), ends the reading. Memory does not grow with the document.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "services/history/files/bytes/input.h"
#include "services/history/files/rows/markup_bounds.h"
#include "services/history/files/rows/path_columns.h"
#include "services/history/files/rows/row_reader.h"

struct XML_ParserStruct;

namespace gridledger::files {

class XesReader final : public RowReader {
 public:
  // `input` is UTF-8, whatever the document declares, with kNoTextCharacter for what is no text.
  // `columns` are the header; while they are being collected rows have no fields.
  XesReader(std::unique_ptr<InputStream> input, PathColumns columns);
  ~XesReader() override;
  XesReader(const XesReader&) = delete;
  XesReader& operator=(const XesReader&) = delete;

  const std::vector<std::string>& header() const override { return columns_.names(); }
  // InvalidArgument "path:line: …" for what is no XES; DataLoss when it ends too early.
  absl::StatusOr<bool> Next(InputRow* row) override;
  uint64_t beginning() const override { return beginning_; }
  const InputStream& input() const override { return *input_; }
  // Whether some row had that column twice, as lists may.
  bool repeated(size_t column) const { return trace_.repeated(column) || event_.repeated(column); }

 private:
  class Callbacks;
  enum class Kind : uint8_t { kLog, kGlobal, kTrace, kEvent, kAttribute, kValues, kPassedOver };
  struct Level {
    Kind kind;
    size_t path_size;  // of the path of attributes up to here
  };

  absl::Status Advance();
  void Begin(const char* name, const char** attributes);
  void BeginAttribute(const char** attributes);
  void End();
  void Fail(absl::Status why);
  absl::Status SyntaxError() const;
  int64_t line() const;
  PathValues& values();
  absl::string_view DefaultOf(size_t column) const;
  void TakeRow(InputRow* row);

  const std::unique_ptr<InputStream> input_;
  XML_ParserStruct* const parser_;
  PathColumns columns_;
  PathValues trace_{&columns_};
  PathValues event_{&columns_};
  MarkupBounds bounds_;
  absl::Status failed_;
  std::vector<Level> levels_;
  std::string path_;
  // What globals say, under the columns of events and of traces.
  PathValues event_default_{&columns_};
  PathValues trace_default_{&columns_};
  PathValues* global_ = nullptr;  // while one of them is read
  bool in_event_ = false;
  bool in_trace_ = false;  // while, or when, the event was read
  int64_t event_line_ = 0;
  bool event_ended_ = false;
  bool suspended_ = false;
  bool anything_ = false;
  bool ended_ = false;
  int64_t rows_ = 0;
  std::string first_;  // what the first event and its trace say, while it is being read
  uint64_t beginning_ = 0;
};

}  // namespace gridledger::files
