// Damage to files, at random: what a disk, a copy or a person may do to them.
#pragma once

#include <random>
#include <string>
#include <vector>

namespace gridledger {

// All files below the folder, as paths relative to it, in order.
std::vector<std::string> FilesIn(const std::string& folder);

// Does one harm to a file: flips a bit, overwrites bytes with random ones or with zeros, cuts it
// off at any place, or removes it. Says what it did, as in "000012.sst: bit 3 of byte 517 flipped".
std::string Harm(const std::string& folder, const std::string& file, std::mt19937_64* random);

}  // namespace gridledger
