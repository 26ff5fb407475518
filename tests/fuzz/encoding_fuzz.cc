// Whatever bytes come in whatever encoding: what comes out is UTF-8 but for its marks, the same in
// pieces of any size, and opens as rows or is refused. The first byte chooses the encoding, the
// second the size of the pieces.
#include <absl/strings/str_cat.h>
#include <absl/strings/str_replace.h>
#include <google/protobuf/stubs/common.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <utility>

#include "services/base/invariant.h"
#include "services/history/files/bytes/encoding.h"
#include "services/history/files/rows/row_format.h"

namespace gridledger::files {
namespace {

constexpr std::array<const char*, 10> kEncodings = {
    "UTF-8",    "GB18030",  "ISO-8859-1", "windows-1252", "UTF-16",
    "UTF-16LE", "UTF-16BE", "Shift_JIS",  "BIG5",         "ISO-2022-JP"};

std::string Decode(const std::string& bytes, const char* encoding, size_t piece_bytes) {
  auto input = DecodeInput(InputFromText(bytes, "fuzz", piece_bytes), encoding, kNoTextByte);
  INVARIANT(input.ok(), "the encoding is known");
  std::string all;
  while (true) {
    const auto piece = (*input)->Read();
    INVARIANT(piece.ok(), "a text in memory cannot fail");
    if (piece->empty()) return all;
    absl::StrAppend(&all, *piece);
  }
}

void Open(const std::string& bytes, size_t piece_bytes) {
  auto opened = OpenRows(InputFromText(bytes, "fuzz", piece_bytes), {});
  if (!opened.ok()) return;
  InputRow row;
  while (true) {
    const absl::StatusOr<bool> more = opened->reader->Next(&row);
    if (!more.ok() || !*more) return;
    INVARIANT(!row.rejected.empty() || row.fields.size() == opened->reader->header().size(),
              "a row has a field for each column");
  }
}

}  // namespace
}  // namespace gridledger::files

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  using gridledger::files::Decode;
  using gridledger::files::kEncodings;
  if (size < 2) return 0;
  const char* const encoding = kEncodings[bytes[0] % kEncodings.size()];
  const size_t piece = 1 + bytes[1];
  const std::string text(reinterpret_cast<const char*>(bytes) + 2, size - 2);
  const std::string whole = Decode(text, encoding, size);
  INVARIANT(Decode(text, encoding, piece) == whole, "pieces do not change what is read");
  const std::string marked = absl::StrReplaceAll(whole, {{gridledger::files::kNoTextByte, "#"}});
  INVARIANT(google::protobuf::internal::IsStructurallyValidUTF8(marked.data(),
                                                                static_cast<int>(marked.size())),
            "what is not marked is UTF-8");
  gridledger::files::Open(text, piece);
  return 0;
}
