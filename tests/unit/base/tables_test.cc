// Tables: a collection in steps hands over what was there when it began, whatever changes
// meanwhile.
#include <absl/strings/str_cat.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "services/base/table.h"

namespace gridledger {
namespace {

struct Note {
  int64_t number = 0;
  std::string text;
  bool rests = false;
  bool Resting() const { return rests; }
  template <class A>
  void Fields(A& a) {
    a(number, text, rests);
  }
};
using NoteName = Name<struct NoteTag>;

// A store of pairs, as a sink and as a tier.
class Pairs : public ColdTier, public PairSink {
 public:
  bool Get(absl::string_view key, std::string* value) override {
    const auto at = all.find(std::string(key));
    if (at == all.end()) return false;
    *value = at->second;
    return true;
  }
  void ScanFrom(absl::string_view prefix, absl::string_view from, Visit visit) override {
    for (auto at = all.lower_bound(std::string(from)); at != all.end(); ++at) {
      if (!absl::StartsWith(at->first, prefix) || !visit(at->first, at->second)) return;
    }
  }
  void Put(absl::string_view key, absl::string_view value) override {
    all[std::string(key)] = std::string(value);
  }
  void Delete(absl::string_view key) override { all.erase(std::string(key)); }
  Digest Sum() const {
    Digest sum;
    for (const auto& [key, value] : all) sum += HashPair(key, value);
    return sum;
  }

  std::map<std::string, std::string> all;
};

// One set of each kind of table.
struct Tables {
  TableSet set;
  Cell<Note> cell{set, 1};
  Table<NoteName, Note> table{set, 2};
  OrderedTable<NoteName, Note> ordered{set, 3};
  AppendTable<NoteName, Note> added{set, 4};
};

// Draws what happens, and does it to two sets alike.
class Twins {
 public:
  explicit Twins(uint32_t seed) : dice_(seed) {
    EXPECT_TRUE(stepwise.set.Open(&stored, Digest{}));
    EXPECT_TRUE(at_once.set.Open(&stored_at_once, Digest{}));
  }

  void ChangeSomething() {
    const uint32_t what = dice_() % 8;
    const NoteName key(absl::StrCat("k", dice_() % 30));
    const Note note{static_cast<int64_t>(dice_() % 1000), std::string(dice_() % 40, 'x'),
                    dice_() % 2 == 0};
    ++count_;
    for (Tables* one : {&stepwise, &at_once}) {
      if (what == 0) one->cell.Change() = note;
      if (what == 1 || what == 2) one->table.At(key) = note;
      if (what == 3 || what == 4) one->ordered.At(key) = note;
      if (what == 5) one->table.Erase(key);
      if (what == 6) one->ordered.Erase(key);
      if (what == 7) one->added.Add(NoteName(absl::StrCat("a", count_)), note);
    }
  }
  uint32_t Draw(uint32_t below) { return dice_() % below; }

  Tables stepwise, at_once;
  Pairs stored, stored_at_once;

 private:
  std::mt19937 dice_;
  int count_ = 0;
};

TEST(TablesTest, ACollectionInStepsIsOfTheInstantWhenItBegan) {
  for (uint32_t seed = 0; seed < 200; ++seed) {
    SCOPED_TRACE(absl::StrCat("seed ", seed));
    Twins twins(seed);
    for (int round = 0; round < 12; ++round) {
      for (uint32_t n = twins.Draw(40); n > 0; --n) twins.ChangeSomething();
      if (twins.Draw(4) == 0) {
        ASSERT_EQ(twins.stepwise.set.digest(), twins.at_once.set.digest());
      }
      // The whole of it at one go, on the side.
      twins.at_once.set.Collect(&twins.stored_at_once);
      const Digest then = twins.at_once.set.digest();
      ASSERT_EQ(twins.stored_at_once.Sum(), then);

      twins.stepwise.set.BeginCollect(&twins.stored);
      bool asked = false;
      while (true) {
        size_t most = 1 + twins.Draw(5);
        if (twins.stepwise.set.CollectSome(&most)) break;
        for (uint32_t n = twins.Draw(4); n > 0; --n) twins.ChangeSomething();
        // Whoever asks for the digest of now gets it, and ends the collection.
        if (!asked && twins.Draw(20) == 0) {
          asked = true;
          ASSERT_EQ(twins.stepwise.set.digest(), twins.at_once.set.digest());
        }
      }
      ASSERT_EQ(twins.stepwise.set.collected_digest(), then);
      ASSERT_EQ(twins.stored.all, twins.stored_at_once.all);
      ASSERT_EQ(twins.stepwise.set.dirty(), twins.at_once.set.dirty());
      const size_t bytes_max = twins.Draw(2) == 0 ? 0 : size_t{1} << 20;
      twins.stepwise.set.Stored(bytes_max);
      twins.at_once.set.Stored(bytes_max);
      ASSERT_EQ(twins.stepwise.set.resident_bytes(), twins.at_once.set.resident_bytes());
    }
  }
}

TEST(TablesTest, ManyStepsTakeNoMoreThanTheyMay) {
  Twins twins(1);
  for (int n = 0; n < 500; ++n) twins.ChangeSomething();
  const size_t dirty = twins.stepwise.set.dirty();
  twins.stepwise.set.BeginCollect(&twins.stored);
  EXPECT_EQ(twins.stepwise.set.dirty(), 0u);
  size_t steps = 1;
  for (size_t most = 7; !twins.stepwise.set.CollectSome(&most); most = 7) ++steps;
  EXPECT_GE(steps, dirty / 8);
}

constexpr size_t kMiB = size_t{1} << 20;

Note Long(size_t size, bool rests = false) { return Note{1, std::string(size, 'x'), rests}; }

// A pair of each kind with a text of a mebibyte, changed or clean: that is what is in memory.
TEST(TablesTest, MemoryIsWhatThePairsHold) {
  const struct {
    const char* kind;
    void (*put)(Tables& tables, const Note& note);
    bool leaves;  // memory, once stored
  } rows[] = {
      {"cell", [](Tables& t, const Note& note) { t.cell.Change() = note; }, false},
      {"table", [](Tables& t, const Note& note) { t.table.At(NoteName("k")) = note; }, true},
      {"ordered", [](Tables& t, const Note& note) { t.ordered.At(NoteName("k")) = note; }, false},
      {"added", [](Tables& t, const Note& note) { t.added.Add(NoteName("k"), note); }, true},
      {"a key", [](Tables& t, const Note& note) { t.table.At(NoteName(note.text)); }, true},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.kind);
    Pairs stored;
    Tables tables;
    ASSERT_TRUE(tables.set.Open(&stored, Digest{}));
    const size_t empty = tables.set.resident_bytes();
    row.put(tables, Long(kMiB));
    EXPECT_GE(tables.set.resident_bytes(), empty + kMiB);
    EXPECT_LE(tables.set.resident_bytes(), empty + kMiB + 2000);
    EXPECT_GE(tables.set.dirty_bytes(), kMiB);
    tables.set.Collect(&stored);
    EXPECT_EQ(tables.set.dirty_bytes(), 0u);
    EXPECT_GE(tables.set.resident_bytes(), kMiB) << "until it is durable";
    tables.set.Stored(0);
    if (row.leaves) {
      EXPECT_EQ(tables.set.resident_bytes(), empty);
    } else {
      EXPECT_GE(tables.set.resident_bytes(), kMiB);
    }
  }
}

TEST(TablesTest, MemoryFollowsAPairThatChanges) {
  Pairs stored;
  Tables tables;
  ASSERT_TRUE(tables.set.Open(&stored, Digest{}));
  const size_t empty = tables.set.resident_bytes();
  const NoteName key("k");
  tables.table.Insert(key);
  const size_t small = tables.set.resident_bytes();
  for (const size_t size : {kMiB, size_t{20}, 3 * kMiB}) {
    Note note = Long(size);  // moved, for a text that is assigned keeps its room
    tables.table.At(key) = std::move(note);
    EXPECT_GE(tables.set.resident_bytes(), small + size);
    EXPECT_LE(tables.set.resident_bytes(), small + size + 200);
    EXPECT_EQ(tables.set.dirty_bytes(), tables.set.resident_bytes() - empty);
  }
  tables.table.Erase(key);
  tables.set.Collect(&stored);
  tables.set.Stored(kMiB);
  EXPECT_EQ(tables.set.resident_bytes(), empty);
}

// Whatever was done, in the end what is counted is what is there: nothing.
TEST(TablesTest, TheCountOfMemoryDoesNotDrift) {
  for (uint32_t seed = 0; seed < 50; ++seed) {
    SCOPED_TRACE(absl::StrCat("seed ", seed));
    Twins twins(seed);
    Tables& tables = twins.stepwise;
    for (int round = 0; round < 10; ++round) {
      for (uint32_t n = twins.Draw(40); n > 0; --n) twins.ChangeSomething();
      tables.set.BeginCollect(&twins.stored);
      for (size_t most = 3; !tables.set.CollectSome(&most); most = 3) twins.ChangeSomething();
      for (uint32_t n = twins.Draw(30); n > 0; --n) {
        tables.table.Find(NoteName(absl::StrCat("k", twins.Draw(30))));
      }
      if (twins.Draw(2) == 0) tables.set.BoundLoaded(twins.Draw(2000));
      tables.set.Stored(twins.Draw(2) == 0 ? 0 : kMiB);
      tables.set.BoundLoaded(twins.Draw(2) == 0 ? 0 : kMiB);
    }
    for (int n = 0; n < 30; ++n) {
      tables.table.Erase(NoteName(absl::StrCat("k", n)));
      tables.ordered.Erase(NoteName(absl::StrCat("k", n)));
    }
    tables.cell.Change() = Note{};
    tables.set.Collect(&twins.stored);
    tables.set.Stored(0);
    EXPECT_LE(tables.set.resident_bytes(), Tables().set.resident_bytes() + 128)
        << "a text keeps room";
    EXPECT_EQ(tables.set.dirty_bytes(), 0u);
  }
}

TEST(TablesTest, WhatIsOnlyReadLeavesMemoryAgain) {
  Pairs stored;
  Tables tables;
  ASSERT_TRUE(tables.set.Open(&stored, Digest{}));
  const auto key = [](int n) { return NoteName(absl::StrCat("k", n)); };
  for (int n = 0; n < 100; ++n) tables.table.At(key(n)) = Long(10'000, /*rests=*/true);
  tables.set.Collect(&stored);
  tables.set.Stored(kMiB);
  const size_t empty = tables.set.resident_bytes();
  for (int round = 0; round < 2; ++round) {
    for (int n = 0; n < 100; ++n) {
      ASSERT_EQ(tables.table.Find(key(n))->text.size(), 10'000u);
      tables.set.BoundLoaded(100'000);
      EXPECT_LE(tables.set.resident_bytes(), empty + 120'000);
    }
  }
  // What has changed stays, collected or not, until it is durable.
  tables.table.At(key(1)).number = 7;
  tables.set.Collect(&stored);
  tables.table.At(key(2)).number = 8;
  tables.set.BoundLoaded(0);
  Pairs lost = std::exchange(stored, Pairs{});  // neither is in the tier
  EXPECT_EQ(tables.table.Find(key(1))->number, 7);
  EXPECT_EQ(tables.table.Find(key(2))->number, 8);
}

// Pairs in memory and at rest, erased and changed since: the steps are those of a sorted map.
TEST(TablesTest, AScanInStepsMeetsEachPairOnce) {
  for (uint32_t seed = 0; seed < 300; ++seed) {
    SCOPED_TRACE(absl::StrCat("seed ", seed));
    std::mt19937 dice(seed);
    Pairs stored;
    Tables tables;
    ASSERT_TRUE(tables.set.Open(&stored, Digest{}));
    std::map<NoteName, int64_t> expected;
    const auto some_key = [&] { return NoteName(absl::StrCat("k", dice() % 25)); };
    for (int round = 0; round < 8; ++round) {
      for (uint32_t n = dice() % 30; n > 0; --n) {
        const NoteName key = some_key();
        if (dice() % 3 == 0) {
          tables.table.Erase(key);
          expected.erase(key);
        } else {
          const auto number = static_cast<int64_t>(dice() % 1000);
          tables.table.At(key) = Note{number, "", dice() % 2 == 0};
          expected[key] = number;
        }
      }
      if (dice() % 2 == 0) {
        tables.set.Collect(&stored);
        tables.set.Stored(dice() % 2 == 0 ? 0 : kMiB);
      }
      const size_t most = 1 + dice() % 6;
      const NoteName from = some_key();
      std::vector<std::pair<NoteName, int64_t>> seen;
      const bool more = tables.table.ScanFrom(
          from, most,
          [&](const NoteName& key, const Note& note) { seen.emplace_back(key, note.number); });
      std::vector<std::pair<NoteName, int64_t>> wanted(expected.lower_bound(from), expected.end());
      ASSERT_EQ(more, wanted.size() > most);
      wanted.resize(std::min(wanted.size(), most));
      ASSERT_EQ(seen, wanted);
    }
  }
}

}  // namespace
}  // namespace gridledger
