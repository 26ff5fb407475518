#include "services/history/files/bytes/encoding.h"

#include <absl/strings/ascii.h>
#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/strip.h>
#include <google/protobuf/stubs/common.h>
#include <iconv.h>
#include <uchardet/uchardet.h>

#include <algorithm>
#include <cerrno>
#include <utility>
#include <vector>

#include "services/base/invariant.h"

namespace gridledger::files {
namespace {

constexpr size_t kPieceBytes = size_t{64} << 10;  // decoded, of a Read
constexpr size_t kCharacterMax = 8;               // bytes of one in any encoding, and more
constexpr size_t kNameMax = 40;

constexpr absl::string_view kMarkUtf8 = "\xef\xbb\xbf";

// iconv also takes "" for the locale's and "//" before wishes: neither belongs into a mapping.
bool IsEncodingName(absl::string_view name) {
  return !name.empty() && name.size() <= kNameMax &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return absl::ascii_isalnum(c) || c == '-' || c == '_' || c == '.' || c == ':' ||
                  c == '+';
         });
}

// Bytes of the character that `text` begins with; 0 when there is none, and -1 when it may go on
// behind the text. iconv is no judge: it takes the five bytes that UTF-8 once had.
int Utf8Character(absl::string_view text) {
  const auto byte = [&](size_t at) { return static_cast<uint8_t>(text[at]); };
  const uint8_t first = byte(0);
  if (first < 0x80) return 1;
  if (first < 0xc2 || first > 0xf4) return 0;
  const size_t size = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  // Neither longer than need be, nor half of a pair of surrogates, nor beyond U+10FFFF.
  const uint8_t least = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
  const uint8_t most = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
  for (size_t i = 1; i < size; ++i) {
    if (i == text.size()) return -1;
    if (byte(i) < (i == 1 ? least : 0x80) || byte(i) > (i == 1 ? most : 0xbf)) return 0;
  }
  return static_cast<int>(size);
}

class DecodedInput final : public InputStream {
 public:
  // `is_utf8` is only looked at, not converted.
  DecodedInput(std::unique_ptr<InputStream> input, iconv_t converter, bool is_utf8, size_t unit,
               absl::string_view no_text)
      : input_(std::move(input)),
        converter_(converter),
        is_utf8_(is_utf8),
        unit_(unit),
        no_text_(no_text),
        text_(kPieceBytes + kRoom) {}
  ~DecodedInput() override { iconv_close(converter_); }
  DecodedInput(const DecodedInput&) = delete;
  DecodedInput& operator=(const DecodedInput&) = delete;

  absl::StatusOr<absl::string_view> Read() override {
    size_ = 0;
    while (size_ == 0 && !ended_) {
      if (piece_.empty()) {
        auto piece = input_->Read();
        if (!piece.ok()) return piece.status();
        piece_ = *piece;
      }
      if (piece_.empty()) {
        Finish();
      } else {
        ConvertPiece();
      }
    }
    absl::string_view text(text_.data(), size_);
    if (std::exchange(at_begin_, false)) absl::ConsumePrefix(&text, kMarkUtf8);
    if (text.empty() && !ended_) return Read();  // there was nothing but the mark
    return text;
  }
  const std::string& name() const override { return input_->name(); }
  int64_t position() const override { return input_->position(); }
  int64_t size() const override { return input_->size(); }

 private:
  static constexpr size_t kRoom = 64;  // for what is appended to a piece that is full

  bool full() const { return size_ >= kPieceBytes; }

  // Takes a byte of piece_ at least, and as many as make a piece of text.
  void ConvertPiece() {
    while (!piece_.empty() && !full()) {
      if (cut_.empty()) {
        piece_.remove_prefix(Convert(piece_));
        if (piece_.size() >= kCharacterMax || full()) continue;
        cut_.assign(piece_.data(), piece_.size());  // a character that goes on in the next piece
        piece_ = {};
        return;
      }
      // The character that was cut, with as much as may belong to it.
      const size_t before = cut_.size();
      const absl::string_view more = piece_.substr(0, kCharacterMax);
      cut_.append(more.data(), more.size());
      const size_t taken = Convert(cut_);
      if (taken >= before) {
        piece_.remove_prefix(taken - before);
        cut_.clear();
      } else {
        piece_.remove_prefix(more.size());
        cut_.erase(0, taken);
      }
    }
  }

  // How many bytes of `bytes` are done with: unless the piece is full, all but a character that may
  // go on behind them.
  size_t Convert(absl::string_view bytes) {
    if (is_utf8_) return Check(bytes);
    char* from = const_cast<char*>(bytes.data());  // iconv's signature; it does not write there
    size_t left = bytes.size();
    while (left > 0 && !full()) {
      char* to = text_.data() + size_;
      size_t room = text_.size() - size_;
      const size_t result = iconv(converter_, &from, &left, &to, &room);
      const int why = result == static_cast<size_t>(-1) ? errno : 0;
      size_ = static_cast<size_t>(to - text_.data());
      if (why == E2BIG) break;  // the next character does not fit: the piece is full
      if (why == EINVAL && left < kCharacterMax) break;
      if (why == 0) continue;
      if (size_ + no_text_.size() > text_.size()) break;
      const size_t skipped = std::min(unit_, left);
      from += skipped;
      left -= skipped;
      Append(no_text_);
    }
    return bytes.size() - left;
  }

  // As Convert, of UTF-8.
  size_t Check(absl::string_view bytes) {
    size_t good = 0;  // from `done` on
    size_t done = 0;
    while (done + good < bytes.size() && size_ + good < kPieceBytes) {
      const int size = Utf8Character(bytes.substr(done + good));
      if (size > 0) {
        good += static_cast<size_t>(size);
        continue;
      }
      if (size < 0) break;
      Append(bytes.substr(done, good));
      Append(no_text_);
      done += good + 1;
      good = 0;
    }
    Append(bytes.substr(done, good));
    return done + good;
  }

  void Append(absl::string_view text) {
    std::copy(text.begin(), text.end(), text_.begin() + static_cast<std::ptrdiff_t>(size_));
    size_ += text.size();
  }

  void Finish() {
    ended_ = true;
    if (!cut_.empty()) Append(no_text_);
    // Some encodings keep a character back until they know what follows.
    char* to = text_.data() + size_;
    size_t room = text_.size() - size_;
    iconv(converter_, nullptr, nullptr, &to, &room);
    size_ = static_cast<size_t>(to - text_.data());
  }

  const std::unique_ptr<InputStream> input_;
  const iconv_t converter_;
  const bool is_utf8_;
  const size_t unit_;  // bytes that are passed over where nothing converts
  const absl::string_view no_text_;
  absl::string_view piece_;  // of the input, what is left of it
  std::string cut_;          // the beginning of a character that a piece ended in
  std::vector<char> text_;
  size_t size_ = 0;
  bool at_begin_ = true;
  bool ended_ = false;
};

// Whether all of it is GB18030, and most of what is not ASCII are Chinese characters of two bytes
// that are in use (GB 2312's first and second level): other encodings' texts hardly ever are.
// `surely` all of them are, and none stands within a word of ASCII, as two accents do in "créée".
bool IsChinese(absl::string_view text, bool is_whole, bool surely) {
  size_t characters = 0;
  size_t in_use = 0;
  for (size_t i = 0; i < text.size();) {
    const auto byte = [&](size_t at) { return static_cast<uint8_t>(text[at]); };
    if (byte(i) < 0x80) {
      ++i;
      continue;
    }
    if (i + 1 >= text.size()) return !is_whole && 2 * in_use > characters;
    const uint8_t first = byte(i);
    const uint8_t second = byte(i + 1);
    const bool four = second >= 0x30 && second <= 0x39;
    if (first == 0x80 || first == 0xff ||
        (!four && (second < 0x40 || second == 0x7f || second == 0xff))) {
      return false;
    }
    if (four && i + 3 >= text.size()) return !is_whole && 2 * in_use > characters;
    if (four && (byte(i + 2) < 0x81 || byte(i + 3) < 0x30 || byte(i + 3) > 0x39)) return false;
    const size_t size = four ? 4 : 2;
    if (surely && i > 0 && i + size < text.size() && absl::ascii_isalpha(text[i - 1]) &&
        absl::ascii_isalpha(text[i + size])) {
      return false;
    }
    ++characters;
    // Punctuation of full width counts too.
    const bool common = (first >= 0xb0 && first <= 0xf7) || first == 0xa1 || first == 0xa3;
    if (!four && second >= 0xa1 && common) ++in_use;
    if (surely && in_use < characters) return false;
    i += size;
  }
  return 2 * in_use > characters;
}

// encoding="…" of <?xml … ?>; empty without.
std::string DeclaredInXml(absl::string_view beginning) {
  constexpr size_t kDeclarationMax = 256;
  if (!absl::StartsWith(beginning, "<?xml")) return "";
  absl::string_view rest = beginning.substr(0, kDeclarationMax);
  rest = rest.substr(0, rest.find("?>"));
  const size_t at = rest.find("encoding");
  if (at == absl::string_view::npos) return "";
  rest = absl::StripLeadingAsciiWhitespace(rest.substr(at + 8));
  if (!absl::StartsWith(rest, "=")) return "";
  rest = absl::StripLeadingAsciiWhitespace(rest.substr(1));
  if (rest.empty() || (rest[0] != '"' && rest[0] != '\'')) return "";
  const absl::string_view name = rest.substr(1, rest.find(rest[0], 1) - 1);
  // Who can read the declaration as ASCII does not read UTF-16.
  const bool wide =
      absl::StartsWithIgnoreCase(name, "UTF-16") || absl::StartsWithIgnoreCase(name, "UCS-");
  return IsEncodingName(name) && !wide ? std::string(name) : "";
}

// Text of which most is ASCII, in UTF-16 without a mark: every other byte is zero.
std::string Utf16ByZeros(absl::string_view beginning) {
  beginning = beginning.substr(0, 4096);
  size_t zeros[2] = {0, 0};
  for (size_t i = 0; i < beginning.size(); ++i) zeros[i % 2] += beginning[i] == '\0' ? 1 : 0;
  const size_t units = beginning.size() / 2;
  const size_t many = units / 2;
  const size_t few = units / 20;
  if (units < 2) return "";
  if (zeros[1] > many && zeros[0] <= few) return "UTF-16LE";
  if (zeros[0] > many && zeros[1] <= few) return "UTF-16BE";
  return "";
}

// Of the characters beyond ASCII that `text` has in `encoding` those that are Latin or Cyrillic
// letters, in percent.
int64_t LettersIn(absl::string_view text, const std::string& encoding) {
  constexpr size_t kLookedAt = size_t{64} << 10;
  auto decoded = DecodeInput(InputFromText(std::string(text.substr(0, kLookedAt)), encoding),
                             encoding, kNoTextByte);
  if (!decoded.ok()) return 0;
  int64_t letters = 0;
  int64_t all = 0;
  while (true) {
    const auto piece = (*decoded)->Read();
    if (!piece.ok() || piece->empty()) break;
    for (size_t i = 0; i < piece->size(); ++i) {
      const auto byte = static_cast<uint8_t>((*piece)[i]);
      if (byte < 0xc0) continue;  // ASCII, or not the first of a character
      ++all;
      // U+00C0 to U+024F but for × and ÷, U+0400 to U+04FF.
      const bool sign = byte == 0xc3 && i + 1 < piece->size() &&
                        ((*piece)[i + 1] == '\x97' || (*piece)[i + 1] == '\xb7');
      if (((byte >= 0xc3 && byte <= 0xc9) || (byte >= 0xd0 && byte <= 0xd3)) && !sign) ++letters;
    }
  }
  return all == 0 ? 0 : 100 * letters / all;
}

// Files of offices are Windows' sooner than DOS's, an old Macintosh's or ISO's, which look alike to
// a detector: Windows' it is where as much of it is letters.
std::string WindowsTwin(absl::string_view text, const std::string& found) {
  struct Twin {
    absl::string_view other;
    absl::string_view windows;
  };
  constexpr Twin kTwins[] = {{"MAC-CYRILLIC", "WINDOWS-1251"},
                             {"IBM855", "WINDOWS-1251"},
                             {"IBM866", "WINDOWS-1251"},
                             {"IBM852", "WINDOWS-1250"},
                             {"MAC-CENTRALEUROPE", "WINDOWS-1250"},
                             {"IBM850", "WINDOWS-1252"},
                             // All of its texts are the same there; what it lacks comes later.
                             {"ISO-8859-1", "WINDOWS-1252"},
                             {"IBM865", "WINDOWS-1252"}};
  for (const Twin& twin : kTwins) {
    if (!absl::EqualsIgnoreCase(found, twin.other)) continue;
    const std::string windows(twin.windows);
    return LettersIn(text, windows) >= LettersIn(text, found) ? windows : found;
  }
  return found;
}

}  // namespace

absl::StatusOr<std::unique_ptr<InputStream>> DecodeInput(std::unique_ptr<InputStream> input,
                                                         const std::string& encoding,
                                                         absl::string_view no_text) {
  const iconv_t converter = IsEncodingName(encoding) ? iconv_open("UTF-8", encoding.c_str())
                                                     : reinterpret_cast<iconv_t>(-1);
  if (converter == reinterpret_cast<iconv_t>(-1)) {
    return absl::InvalidArgumentError(
        absl::StrCat("encoding: \"", encoding,
                     "\" is not known on this machine; a name is like UTF-8, GB18030, ",
                     "ISO-8859-1, windows-1252 or UTF-16 (`iconv -l` lists them)"));
  }
  const std::string upper = absl::AsciiStrToUpper(encoding);
  const size_t unit = absl::StrContains(upper, "32") && absl::StartsWith(upper, "UTF") ? 4
                      : absl::StartsWith(upper, "UTF-16") || absl::StartsWith(upper, "UTF16") ||
                              absl::StartsWith(upper, "UCS-2")
                          ? 2
                          : 1;
  const bool is_utf8 = upper == "UTF-8" || upper == "UTF8";
  return std::make_unique<DecodedInput>(std::move(input), converter, is_utf8, unit, no_text);
}

bool BeginsAsUtf8(absl::string_view beginning, bool is_whole) {
  constexpr size_t kUtf8Max = 4;
  for (size_t back = 1; !is_whole && back <= std::min(kUtf8Max, beginning.size()); ++back) {
    const auto byte = static_cast<uint8_t>(beginning[beginning.size() - back]);
    if (byte < 0x80) break;
    if (byte < 0xc0) continue;
    beginning.remove_suffix(back);  // a character's first byte, and so the last character's
    break;
  }
  return google::protobuf::internal::IsStructurallyValidUTF8(beginning.data(),
                                                             static_cast<int>(beginning.size()));
}

std::string MarkedEncoding(absl::string_view beginning) {
  if (absl::StartsWith(beginning, kMarkUtf8)) return "UTF-8";
  if (absl::StartsWith(beginning, absl::string_view("\xff\xfe\0\0", 4))) return "UTF-32LE";
  if (absl::StartsWith(beginning, "\xff\xfe")) return "UTF-16LE";
  if (absl::StartsWith(beginning, "\xfe\xff")) return "UTF-16BE";
  if (absl::StartsWith(beginning, "\x84\x31\x95\x33")) return "GB18030";
  return "";
}

std::string DetectEncoding(absl::string_view beginning, bool is_whole) {
  if (std::string marked = MarkedEncoding(beginning); !marked.empty()) return marked;
  if (std::string utf16 = Utf16ByZeros(beginning); !utf16.empty()) return utf16;
  if (std::string declared = DeclaredInXml(beginning); !declared.empty()) return declared;
  if (BeginsAsUtf8(beginning, is_whole)) return "UTF-8";
  uchardet_t const detector = uchardet_new();
  INVARIANT(detector != nullptr, "no memory for a detector");
  std::string found;
  if (uchardet_handle_data(detector, beginning.data(), beginning.size()) == 0) {
    uchardet_data_end(detector);
    found = uchardet_get_charset(detector);
  }
  uchardet_delete(detector);
  // It is not UTF-8, that is proven: a guess from few bytes does not outweigh it.
  const bool disproved = absl::EqualsIgnoreCase(found, "UTF-8") ||
                         absl::EqualsIgnoreCase(found, "ASCII") || found.empty();
  const bool western = absl::StartsWithIgnoreCase(found, "ISO-8859-") ||
                       absl::StartsWithIgnoreCase(found, "WINDOWS-12");
  if (IsChinese(beginning, is_whole, western)) return "GB18030";
  return disproved ? std::string() : WindowsTwin(beginning, found);
}

}  // namespace gridledger::files
