// Inputs: what is packed comes out whole or not at all.
#include "services/history/files/bytes/input.h"

#include <absl/strings/str_cat.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "services/history/files/bytes/gzip_check.h"
#include "tests/support/temporary_folder.h"

namespace gridledger::files {
namespace {

using namespace std::string_literals;

const std::string kRows = "a,b\n1,2\n3,4\n";
// kRows, by the tools of that name.
const std::string kBzip2 =
    "\x42\x5a\x68\x39\x31\x41\x59\x26\x53\x59\x03\x0c\x1f\x1b\x00\x00\x05\x59\x00\x00"
    "\x10\x00\x04\x3c\x00\x30\x00\x20\x00\x22\x1e\xa1\x88\x43\x02\x27\x34\xe3\x80\x1e"
    "\x2e\xe4\x8a\x70\xa1\x20\x06\x18\x3e\x36"s;
const std::string kZstd =
    "\x28\xb5\x2f\xfd\x04\x58\x61\x00\x00\x61\x2c\x62\x0a\x31\x2c\x32\x0a\x33\x2c\x34"
    "\x0a\xe1\xb3\xcb\x2e"s;

void AppendLittle(uint32_t value, int bytes, std::string* out) {
  for (int i = 0; i < bytes; ++i) out->push_back(static_cast<char>(value >> (8 * i)));
}

// One gzip member (RFC 1952) of stored blocks (RFC 1951 §3.2.4).
std::string Gzip(const std::string& text) {
  std::string out = "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03"s;
  size_t at = 0;
  do {
    const size_t size = std::min<size_t>(text.size() - at, 65535);
    const bool last = at + size == text.size();
    out.push_back(last ? 1 : 0);
    AppendLittle(static_cast<uint32_t>(size), 2, &out);
    AppendLittle(~static_cast<uint32_t>(size), 2, &out);
    out.append(text, at, size);
    at += size;
  } while (at < text.size());
  AppendLittle(Crc32(0, text), 4, &out);
  AppendLittle(static_cast<uint32_t>(text.size()), 4, &out);
  return out;
}

class InputTest : public testing::Test {
 protected:
  std::string Write(const std::string& name, const std::string& bytes) {
    const std::string path = folder_ / name;
    std::ofstream(path, std::ios::binary) << bytes;
    return path;
  }
  // All of it, or what went wrong.
  static absl::StatusOr<std::string> ReadAll(const std::string& path) {
    auto input = OpenInput(path);
    if (!input.ok()) return input.status();
    std::string all;
    while (true) {
      const auto piece = (*input)->Read();
      if (!piece.ok()) return piece.status();
      if (piece->empty()) break;
      absl::StrAppend(&all, *piece);
    }
    EXPECT_EQ((*input)->position(), (*input)->size()) << path;
    return all;
  }

  TemporaryFolder folder_{true};
};

std::string Long(size_t bytes) {
  std::string text;
  for (int i = 0; text.size() < bytes; ++i) absl::StrAppend(&text, i, ",", i * 7919, "\n");
  text.resize(bytes);
  return text;
}

TEST_F(InputTest, CrcIsThatOfRfc1952) {
  EXPECT_EQ(Crc32(0, "123456789"), 0xcbf43926u);
  EXPECT_EQ(Crc32(Crc32(0, "12345"), "6789"), 0xcbf43926u);
}

TEST_F(InputTest, ReadsPlainAndPackedByTheirFirstBytes) {
  EXPECT_EQ(*ReadAll(Write("plain.gz", kRows)), kRows) << "whatever it is called";
  EXPECT_EQ(*ReadAll(Write("packed.csv", Gzip(kRows))), kRows);
  EXPECT_EQ(*ReadAll(Write("a.bz2", kBzip2)), kRows);
  EXPECT_EQ(*ReadAll(Write("a.zst", kZstd)), kRows);
  EXPECT_EQ(*ReadAll(Write("empty", "")), "");
  EXPECT_EQ(*ReadAll(Write("empty.gz", Gzip(""))), "");
}

TEST_F(InputTest, LongFilesAndSeveralMembers) {
  for (const size_t bytes : {size_t{65535}, size_t{65536}, size_t{200'000}, size_t{1'000'003}}) {
    const std::string text = Long(bytes);
    EXPECT_EQ(*ReadAll(Write("long.csv", text)), text);
    EXPECT_EQ(*ReadAll(Write("long.gz", Gzip(text))), text) << bytes;
  }
  std::string packed;
  std::string text;
  for (int i = 0; i < 30; ++i) {
    const std::string part = Long(static_cast<size_t>(i) * 3'001);
    packed += Gzip(part);
    text += part;
  }
  EXPECT_EQ(*ReadAll(Write("members.gz", packed)), text);
}

// libarchive itself reads over a wrong checksum.
TEST_F(InputTest, OneFlippedBitIsSeen) {
  const std::string text = Long(150'000);
  const std::string packed = Gzip(text) + Gzip(kRows);
  for (const size_t at : {size_t{100}, size_t{70'000}, Gzip(text).size() - 8,
                          Gzip(text).size() + 20, packed.size() - 7, packed.size() - 1}) {
    std::string damaged = packed;
    damaged[at] = static_cast<char>(damaged[at] ^ 4);
    const absl::StatusOr<std::string> read = ReadAll(Write("damaged.gz", damaged));
    EXPECT_EQ(read.status().code(), absl::StatusCode::kDataLoss) << "byte " << at;
    EXPECT_NE(read.status().message().find("damaged.gz"), absl::string_view::npos);
  }
}

TEST_F(InputTest, WhatEndsTooEarlyIsSeen) {
  const std::string packed = Gzip(Long(150'000));
  for (const size_t size : {size_t{12}, size_t{60'000}, size_t{100'000}, packed.size() - 9,
                            packed.size() - 4, packed.size() - 1}) {
    const absl::StatusOr<std::string> read = ReadAll(Write("cut.gz", packed.substr(0, size)));
    EXPECT_EQ(read.status().code(), absl::StatusCode::kDataLoss) << size << " bytes";
  }
}

TEST_F(InputTest, SaysWhatCannotBeRead) {
  EXPECT_EQ(OpenInput(folder_ / "none").status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(OpenInput(folder_.path()).status().code(), absl::StatusCode::kInvalidArgument);
  struct Case {
    std::string bytes;
    const char* said;
  };
  for (const Case& c : {Case{"PK\x03\x04rest", "zip"},
                        Case{"\xfd"
                             "7zXZ\0\0\x04"s,
                             "xz"},
                        Case{"%PDF-1.4", "PDF"}}) {
    const absl::Status status = OpenInput(Write("other", c.bytes)).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << c.said;
    EXPECT_NE(status.message().find(c.said), absl::string_view::npos) << status;
  }
}

TEST_F(InputTest, ATextInPieces) {
  const auto input = InputFromText("abcdefg", "text", 3);
  std::vector<std::string> pieces;
  while (true) {
    const auto piece = input->Read();
    if (piece->empty()) break;
    pieces.emplace_back(*piece);
  }
  EXPECT_EQ(pieces, (std::vector<std::string>{"abc", "def", "g"}));
  EXPECT_EQ(input->position(), 7);
}

}  // namespace
}  // namespace gridledger::files
