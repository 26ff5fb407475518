#include "tests/support/damage.h"

#include <absl/strings/str_cat.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace gridledger {

namespace fs = std::filesystem;

std::vector<std::string> FilesIn(const std::string& folder) {
  std::vector<std::string> files;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file()) files.push_back(fs::relative(entry.path(), folder).string());
  }
  std::sort(files.begin(), files.end());
  return files;
}

std::string Harm(const std::string& folder, const std::string& file, std::mt19937_64* random) {
  const std::string path = folder + "/" + file;
  std::string bytes;
  {
    std::ifstream in(path, std::ios::binary);
    bytes.assign(std::istreambuf_iterator<char>(in), {});
  }
  const uint64_t kind = (*random)() % 10;
  if (kind == 0 || bytes.empty()) {
    fs::remove(path);
    return file + " removed";
  }
  const size_t at = (*random)() % bytes.size();
  const size_t length = std::min<size_t>(1 + (*random)() % 600, bytes.size() - at);
  std::string what;
  if (kind <= 2) {
    bytes.resize(at);
    what = absl::StrCat(file, " cut off at byte ", at);
  } else if (kind == 3) {
    std::fill_n(bytes.begin() + at, length, '\0');
    what = absl::StrCat(file, ": ", length, " zeros from byte ", at);
  } else if (kind == 4) {
    std::generate_n(bytes.begin() + at, length, [&] { return static_cast<char>((*random)()); });
    what = absl::StrCat(file, ": ", length, " random bytes from byte ", at);
  } else {
    const int bit = static_cast<int>((*random)() % 8);
    bytes[at] = static_cast<char>(bytes[at] ^ (1 << bit));
    what = absl::StrCat(file, ": bit ", bit, " of byte ", at, " flipped");
  }
  // A new file: the old one's bytes may be those of another folder as well.
  fs::remove(path);
  std::ofstream(path, std::ios::binary) << bytes;
  return what;
}

}  // namespace gridledger
