// Tables: the state of a fold, as complete maps from key to struct. What is in use is decoded in
// memory; the rest lies in a cold tier and is read when asked for. A table knows which pairs
// changed since the last collection, and keeps the digest of all pairs up to date.
//
// A table never decides when to store anything, and its answers never depend on what happens to be
// in memory: eviction is invisible to the fold.
//
//   Table         hash map; pairs may live in the cold tier
//   OrderedTable  in key order; all pairs in memory (timers, rosters, counters)
//   AppendTable   pairs are added once and never changed (timelines)
//   Cell          one value
//
// Values are structs with `template <class A> void Fields(A&)` (layout.h) and, where the fold can
// tell, `bool Resting() const`: true when the value will hardly be needed again.
#pragma once

#include <absl/container/btree_map.h>
#include <absl/container/btree_set.h>
#include <absl/container/flat_hash_set.h>
#include <absl/functional/function_ref.h>
#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/string_view.h>

#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "services/base/digest.h"
#include "services/base/ids.h"
#include "services/base/invariant.h"
#include "services/base/layout.h"

namespace gridledger {

// Where pairs rest that are not in memory. Keys begin with the table's id byte.
// Implementations remember the first error and answer "not found" from then on; whoever drives the
// fold asks for it before anything that was derived leaves the process.
class ColdTier {
 public:
  virtual ~ColdTier() = default;
  virtual bool Get(absl::string_view key, std::string* value) = 0;
  using Visit = absl::FunctionRef<bool(absl::string_view key, absl::string_view value)>;
  // Those whose keys begin with `prefix`, in key order, until `visit` returns false.
  void Scan(absl::string_view prefix, Visit visit) { ScanFrom(prefix, prefix, visit); }
  // The same from the first key on that is not below `from`. REQUIRES: `from` begins with `prefix`.
  virtual void ScanFrom(absl::string_view prefix, absl::string_view from, Visit visit) = 0;
};

// Takes the changes of a collection. The views live only during the call.
class PairSink {
 public:
  virtual ~PairSink() = default;
  virtual void Put(absl::string_view key, absl::string_view value) = 0;
  virtual void Delete(absl::string_view key) = 0;
};

// How a key becomes bytes. Byte order is the order of scans. Structs used as keys have
// `void AppendKey(std::string*) const` and `bool ParseKey(absl::string_view)`.
template <class K>
struct KeyBytes {
  static void Append(const K& key, std::string* out) { key.AppendKey(out); }
  static bool Parse(absl::string_view bytes, K* key) { return key->ParseKey(bytes); }
};
// What a key holds beyond its own struct: about its bytes, when they are too many to lie in it.
template <class K>
size_t HeldByKey(const K& key, std::string* scratch) {
  if constexpr (requires { key.text(); }) {
    return HeldBytes::OfText(key.text().size());
  } else {
    scratch->clear();
    key.AppendKey(scratch);
    return HeldBytes::OfText(scratch->size());
  }
}
template <class Tag>
struct KeyBytes<Name<Tag>> {
  static void Append(const Name<Tag>& key, std::string* out) { out->append(key.text()); }
  static bool Parse(absl::string_view bytes, Name<Tag>* key) {
    *key = Name<Tag>(bytes);
    return true;
  }
};

class TableSet;

class TableBase {
 public:
  TableBase(TableSet& set, uint8_t id);
  virtual ~TableBase() = default;
  TableBase(const TableBase&) = delete;
  TableBase& operator=(const TableBase&) = delete;

 protected:
  friend class TableSet;
  // Brings the digest up to the present values. REQUIRES: no collection is under way.
  virtual void Hash() = 0;
  // Begins a collection of every change since the last one, as it is now.
  virtual void Freeze() = 0;
  // Hands over some of that, and the digest learns of it. Less than `most` when that was all.
  virtual size_t CollectFrozen(size_t most) = 0;
  // The last collection is durable.
  virtual void Stored() = 0;
  // Drops from memory what is clean, as much as the table can do without.
  virtual void EvictClean() {}
  // Reads all pairs from the cold tier. False when a pair does not parse.
  virtual bool LoadResident() { return true; }
  // Whether the cold tier is asked for single pairs, and not only for all from a key on.
  virtual bool asked_by_key() const { return true; }
  virtual size_t dirty() const = 0;
  // Memory of the pairs that are in it, and of those among them that changed since the last
  // collection began. What they hold counts, texts and lists.
  virtual size_t resident_bytes() const = 0;
  virtual size_t dirty_bytes() const = 0;
  // Drops the pairs that were read from the cold tier since the last eviction and have not changed.
  virtual void EvictLoaded() {}

  template <class K>
  std::string KeyOf(const K& key) const {
    std::string bytes(1, static_cast<char>(id_));
    KeyBytes<K>::Append(key, &bytes);
    return bytes;
  }

  TableSet& set_;
  const uint8_t id_;  // first byte of every key
};

// The tables of one task: what is checkpointed, digested and evicted together.
class TableSet {
 public:
  TableSet() = default;
  TableSet(const TableSet&) = delete;
  TableSet& operator=(const TableSet&) = delete;

  // REQUIRES: before the first use of any table. `digest` is that of all pairs in the tier.
  // False when a resident table's pair does not parse.
  bool Open(ColdTier* cold, const Digest& digest);

  // For tables that began without a tier: their first collection is in this one, and nothing else.
  void Attach(ColdTier* cold) { cold_ = cold; }

  // The digest of all pairs of all tables, now.
  const Digest& digest();
  // Hands over every change since the last collection. The digest is up to date afterwards.
  void Collect(PairSink* sink);
  // The same in steps, so that nobody waits for all of it: what is handed over is as it was at the
  // beginning, whatever changes meanwhile. `sink` lives until the end. REQUIRES: none is under way.
  void BeginCollect(PairSink* sink);
  // Takes what it hands over off `most`. True when nothing is left.
  bool CollectSome(size_t* most);
  // The digest as it was when the collection began. REQUIRES: it has come to its end.
  const Digest& collected_digest() const { return collected_digest_; }
  // The last collection is durable: resting pairs may leave memory, and all clean ones when the
  // tables hold more than `bytes_max`.
  void Stored(size_t bytes_max);

  // The first bytes of the keys that the cold tier is never asked for one by one, ascending.
  std::vector<uint8_t> scanned_only() const;
  // Drops what was read from the cold tier since the last eviction and has not changed, when it is
  // more than so many bytes, and answers whether it was. Between two records, for references end.
  bool BoundLoaded(size_t bytes_max) {
    if (loaded_bytes_ <= bytes_max) return false;  // asked after each record
    EvictLoaded();
    return true;
  }

  // Pairs that changed since the last collection, counted once each.
  size_t dirty() const;
  // Memory of those, with what they hold.
  size_t dirty_bytes() const;
  // Memory of all pairs in memory, with what they hold.
  size_t resident_bytes() const;

 private:
  friend class TableBase;
  template <class K, class V, bool kOrdered>
  friend class MapTable;
  template <class K, class V>
  friend class Table;
  template <class K, class V>
  friend class OrderedTable;
  template <class K, class V>
  friend class AppendTable;
  template <class V>
  friend class Cell;

  void EvictLoaded();

  std::vector<TableBase*> tables_;
  ColdTier* cold_ = nullptr;
  size_t loaded_bytes_ = 0;  // of pairs read from the cold tier since the last eviction, as read
  Digest digest_;
  PairSink* sink_ = nullptr;  // of the collection under way
  Digest collected_digest_;
};

// What a key is asked for by: a text for a name, so that nobody copies one to look it up. Hashed as
// Abseil's containers hash, anew in each process, which no answer of a table depends on.
template <class K>
struct Asked {
  using Type = const K&;
  static size_t Hash(const K& key) { return typename absl::flat_hash_set<K>::hasher{}(key); }
};
template <class Tag>
struct Asked<Name<Tag>> {
  using Type = absl::string_view;
  static size_t Hash(absl::string_view key) {
    return absl::flat_hash_set<std::string>::hasher{}(key);
  }
};

// The common part of Table and OrderedTable. References stay good until the next collection or
// eviction, that is for the fold of one record.
template <class K, class V, bool kOrdered>
class MapTable : public TableBase {
  static constexpr bool kNamed = std::is_same_v<typename Asked<K>::Type, absl::string_view>;

 public:
  using TableBase::TableBase;
  ~MapTable() override {
    // tidy: allow(replay) all go
    for (const Entry& entry : slots_) delete entry.slot;
  }

  // Null when absent.
  const V* Find(const K& key) const { return FindValue(AsAsked(key)); }
  const V* Find(absl::string_view key) const
    requires(kNamed)
  {
    return FindValue(key);
  }
  // The right to change what Find returned.
  V& Change(const V* found) {
    Slot* slot = static_cast<Slot*>(const_cast<V*>(found));
    MarkDirty(slot);
    return *slot;
  }
  // REQUIRES: Find(key) was null.
  V& Insert(const K& key) {
    auto [slot, fresh] = Emplace(key);
    INVARIANT(fresh || !slot->present, "inserted a key that is there");
    MarkDirty(slot);
    static_cast<V&>(*slot) = V{};
    slot->present = true;
    if constexpr (kOrdered) order_.insert(key);
    return *slot;
  }
  // Find or insert.
  V& At(const K& key) {
    const V* found = Find(key);
    return found != nullptr ? Change(found) : Insert(key);
  }
  // Nothing happens when the key is absent.
  void Erase(const K& key) { EraseValue(AsAsked(key)); }
  void Erase(absl::string_view key)
    requires(kNamed)
  {
    EraseValue(key);
  }

  // A large table's pairs are out of the processor's cache. Whoever knows a few records ahead what
  // will be asked for calls the first, a little later the second, and waits for nothing. They
  // change no answer.
  void PrefetchPlace(typename Asked<K>::Type key) const { slots_.prefetch(Probe{key}); }
  void PrefetchPair(typename Asked<K>::Type key) const {
    // By the hash alone: comparing the key would be the wait that this is to save.
    const auto at = slots_.find(HashOnly{Asked<K>::Hash(key)});
    if (at != slots_.end()) PrefetchSlot(at->slot);
  }

 protected:
  static constexpr size_t kPrefetchBytes = 320;  // structs name first what most facts need
  static constexpr size_t kPrefetchBy = 4;       // slots ahead, of those to be handed over

  struct SlotHead {
    explicit SlotHead(const K& k) : key(k) {}

    const K key;
    Digest hash;            // of the pair as last digested; zero when it was absent
    bool present = false;   // false: erased
    uint8_t list = 0;       // of changed slots: the one of dirty_, or still in that of frozen_
    bool hashed = true;     // the digest knows the present value
    bool stored = false;    // the cold tier may hold a pair of this key
    bool flies = false;     // collected, and not yet known to be durable
    bool leaves = false;    // about to be dropped
    uint32_t key_held = 0;  // bytes that the key holds beyond the slot
    uint32_t held = 0;      // and the value, as last measured; a pair is far below 4 GiB
  };
  struct Slot : public SlotHead, public V {
    explicit Slot(const K& k) : SlotHead(k) {}
  };

  // The hash lies beside the pointer: a look-up touches the pair that it is about, and no other.
  struct Entry {
    size_t hash;
    Slot* slot;
  };
  struct Probe {
    explicit Probe(typename Asked<K>::Type k) : key(k), hash(Asked<K>::Hash(k)) {}
    typename Asked<K>::Type key;
    size_t hash;
  };
  struct HashOnly {
    size_t hash;
  };
  struct EntryHash {
    using is_transparent = void;
    template <class T>
    size_t operator()(const T& of) const {
      return of.hash;
    }
  };
  struct EntryEq {
    using is_transparent = void;
    bool operator()(const Entry& a, const Entry& b) const { return a.slot == b.slot; }
    bool operator()(const Entry& a, const Probe& b) const {
      return a.hash == b.hash && AsAsked(a.slot->key) == b.key;
    }
    bool operator()(const Entry& a, const HashOnly& b) const { return a.hash == b.hash; }
  };

  static void PrefetchSlot(const Slot* slot) {
    const char* const begin = reinterpret_cast<const char*>(slot);
    for (size_t i = 0; i < sizeof(Slot) && i < kPrefetchBytes; i += 64) {
      __builtin_prefetch(begin + i);
    }
  }
  static typename Asked<K>::Type AsAsked(const K& key) {
    if constexpr (kNamed) {
      return key.text();
    } else {
      return key;
    }
  }
  static K AsKey(typename Asked<K>::Type key) { return K(key); }

  const V* FindValue(typename Asked<K>::Type key) const {
    // Reading through to the cold tier changes what is in memory, never what the table holds.
    return const_cast<MapTable*>(this)->FindSlot(key);
  }
  void EraseValue(typename Asked<K>::Type key) {
    Slot* slot = FindSlot(key);
    if (slot == nullptr) return;
    MarkDirty(slot);
    if constexpr (kOrdered) order_.erase(slot->key);
    slot->present = false;
  }

  Slot* FindSlot(typename Asked<K>::Type key) {
    const auto at = slots_.find(Probe{key});
    if (at != slots_.end()) return at->slot->present ? at->slot : nullptr;
    if constexpr (kOrdered) return nullptr;  // all there is, is in memory
    if (set_.cold_ == nullptr) return nullptr;
    const K wanted = AsKey(key);
    SetScratchKey(wanted);
    if (!set_.cold_->Get(scratch_key_, &scratch_value_)) return nullptr;
    Slot* slot = Admit(wanted, scratch_key_, scratch_value_);
    INVARIANT(slot != nullptr,
              "a stored pair does not parse, though its layout was checked at opening");
    loaded_.push_back(slot);
    loaded_bytes_ += BytesOf(*slot);
    set_.loaded_bytes_ += BytesOf(*slot);
    return slot;
  }

  // The slot of the key, and whether it is new.
  std::pair<Slot*, bool> Emplace(const K& key) {
    const Probe probe{AsAsked(key)};
    Slot* slot = nullptr;
    const auto at = slots_.lazy_emplace(probe, [&](const auto& make) {
      slot = new Slot(key);
      make(Entry{probe.hash, slot});
    });
    if (slot != nullptr) {
      // An ordered table has its keys twice.
      slot->key_held = static_cast<uint32_t>(HeldByKey(key, &sizing_) * (kOrdered ? 2 : 1));
      resident_bytes_ += BytesOf(*slot);
    }
    return {at->slot, slot != nullptr};
  }

  // Takes a stored pair into memory. Null when it does not parse.
  Slot* Admit(const K& key, absl::string_view stored_key, absl::string_view bytes) {
    Slot* slot = Emplace(key).first;
    slot->present = slot->stored = true;
    slot->hash = HashPair(stored_key, bytes);
    if constexpr (kOrdered) order_.insert(key);
    if (!ParseLayout(bytes, static_cast<V*>(slot))) return nullptr;
    Measure(slot);
    return slot;
  }

  // REQUIRES: the slot has not changed yet.
  void MarkDirty(Slot* slot) {
    // Measured when the next one is: by then it is what its record makes it.
    if (changing_ != slot) {
      MeasureChanging();
      changing_ = slot;
    }
    if (slot->list != dirty_list_) {
      if (slot->list != 0) HandOver(slot);  // the collection wants it as it is
      slot->list = dirty_list_;
      dirty_.push_back(slot);
      dirty_bytes_ += BytesOf(*slot);
    }
    slot->hashed = false;
  }

  // Its place in the set, which is up to half empty, and the allocator's round-up; of an ordered
  // table the key in a leaf of the tree, too.
  static constexpr size_t kSlotBytes =
      sizeof(Slot) + 2 * sizeof(Entry) + 32 + (kOrdered ? sizeof(K) + 16 : 0);
  static size_t BytesOf(const Slot& slot) { return kSlotBytes + slot.key_held + slot.held; }
  void Measure(Slot* slot) const {
    const size_t held = HeldBy(static_cast<const V&>(*slot));
    const size_t more = held - slot->held;  // modulo 2^64: what was added can be taken out again
    resident_bytes_ += more;
    if (slot->list == dirty_list_) dirty_bytes_ += more;
    slot->held = static_cast<uint32_t>(held);
  }
  void MeasureChanging() const {
    if (changing_ != nullptr) Measure(changing_);
    changing_ = nullptr;
  }
  void Drop(Slot* slot) {
    resident_bytes_ -= BytesOf(*slot);
    delete slot;
  }

  void Hash() override {
    for (Slot* slot : dirty_) {
      if (!slot->hashed) HashSlot(slot);
    }
  }
  void Freeze() override {
    INVARIANT(frozen_.empty(), "a collection begins when the one before has ended");
    MeasureChanging();
    dirty_bytes_ = 0;
    frozen_.swap(dirty_);
    dirty_list_ = dirty_list_ == 1 ? 2 : 1;
  }
  size_t CollectFrozen(size_t most) override {
    size_t count = 0;
    for (; count < most && frozen_at_ < frozen_.size(); ++count, ++frozen_at_) {
      if (frozen_at_ + kPrefetchBy < frozen_.size())
        PrefetchSlot(frozen_[frozen_at_ + kPrefetchBy]);
      Slot* slot = frozen_[frozen_at_];
      if (slot->list != 0 && slot->list != dirty_list_) HandOver(slot);
    }
    if (frozen_at_ < frozen_.size() || frozen_.empty()) return count;
    if (in_flight_.empty()) {
      in_flight_.swap(frozen_);
    } else {
      // One by one: g++ 14 takes the insertion of a range for one that may overflow.
      for (Slot* slot : frozen_) in_flight_.push_back(slot);
    }
    frozen_.clear();
    frozen_at_ = 0;
    return count;
  }

  // Leaves the pair's bytes in the scratch texts.
  void HashSlot(Slot* slot) {
    WriteSlot(*slot);
    const Digest hash = slot->present ? HashPair(scratch_key_, scratch_value_) : Digest{};
    set_.digest_ -= slot->hash;
    set_.digest_ += hash;
    slot->hash = hash;
    slot->hashed = true;
  }
  void WriteSlot(Slot& slot) {
    SetScratchKey(slot.key);
    scratch_value_.clear();
    if (slot.present) AppendLayout(static_cast<const V&>(slot), &scratch_value_);
  }
  // Gives a frozen slot to the collection.
  void HandOver(Slot* slot) {
    if (slot->hashed) {
      WriteSlot(*slot);
    } else {
      HashSlot(slot);
    }
    if (slot->present) {
      set_.sink_->Put(scratch_key_, scratch_value_);
      slot->stored = true;
    } else if (slot->stored) {
      set_.sink_->Delete(scratch_key_);
    }
    slot->list = 0;
    slot->flies = true;
  }

  void Stored() override {
    for (Slot* slot : in_flight_) slot->flies = false;
    // A slot may stand in both lists: it is marked first and dropped once.
    std::vector<Slot*> drop;
    for (std::vector<Slot*>* list : {&in_flight_, &loaded_}) {
      for (Slot* slot : *list) {
        if (slot->list != 0 || slot->leaves || !Rests(*slot)) continue;
        slot->leaves = true;
        drop.push_back(slot);
      }
      list->clear();
    }
    ForgetLoaded();
    DropAll(drop);
  }
  void EvictLoaded() override {
    std::vector<Slot*> drop;
    for (Slot* slot : loaded_) {
      if (slot->list == 0 && !slot->flies) drop.push_back(slot);
    }
    ForgetLoaded();
    DropAll(drop);
  }
  void ForgetLoaded() {
    loaded_.clear();
    set_.loaded_bytes_ -= std::exchange(loaded_bytes_, 0);
  }
  void DropAll(const std::vector<Slot*>& slots) {
    for (Slot* slot : slots) {
      if (changing_ == slot) changing_ = nullptr;
      slots_.erase(slots_.find(Probe{AsAsked(slot->key)}));
      Drop(slot);
    }
  }

  static bool Rests(const Slot& slot) {
    if (!slot.present) return true;
    if constexpr (!kOrdered && requires(const V& v) { v.Resting(); }) return slot.Resting();
    return false;
  }

  void EvictClean() override {
    if constexpr (kOrdered) return;
    ForgetLoaded();
    // tidy: allow(replay) eviction is invisible to the fold, in whatever order
    for (auto at = slots_.begin(); at != slots_.end();) {
      const auto here = at++;
      Slot* const slot = here->slot;
      if (slot->list != 0) continue;
      if (changing_ == slot) changing_ = nullptr;
      slots_.erase(here);
      Drop(slot);
    }
  }

  bool asked_by_key() const override { return !kOrdered; }
  size_t dirty() const override { return dirty_.size(); }
  size_t resident_bytes() const override {
    MeasureChanging();
    return resident_bytes_;
  }
  size_t dirty_bytes() const override {
    MeasureChanging();
    return dirty_bytes_;
  }

  void SetScratchKey(const K& key) {
    scratch_key_.assign(1, static_cast<char>(id_));
    KeyBytes<K>::Append(key, &scratch_key_);
  }

  absl::flat_hash_set<Entry, EntryHash, EntryEq> slots_;  // the slots are its own
  absl::btree_set<K> order_;                              // the present keys of an ordered table
  std::vector<Slot*> dirty_;                              // changed since the last collection began
  uint8_t dirty_list_ = 1;                                // the mark of those
  std::vector<Slot*> frozen_;                             // of the collection under way
  size_t frozen_at_ = 0;                                  // of them, how many have been seen to
  std::vector<Slot*> in_flight_;                          // collected, not yet known to be durable
  std::vector<Slot*> loaded_;  // read from the cold tier since the last eviction
  size_t loaded_bytes_ = 0;    // of those, as they were then
  // The latest change: measured when the next one comes, or somebody asks.
  mutable Slot* changing_ = nullptr;
  mutable size_t resident_bytes_ = 0;
  mutable size_t dirty_bytes_ = 0;
  std::string sizing_;
  std::string scratch_key_;
  std::string scratch_value_;
};

// Pairs that may lie in the cold tier; no order.
template <class K, class V>
class Table : public MapTable<K, V, false> {
 public:
  using MapTable<K, V, false>::MapTable;

  // Every pair once, in key order. Those at rest are read one by one and do not stay in memory. The
  // visitor changes nothing.
  void Scan(absl::FunctionRef<void(const K&, const V&)> visit) const {
    absl::btree_map<std::string, const typename MapTable<K, V, false>::Slot*> here;
    // tidy: allow(replay) the map puts them in order
    for (const auto& entry : this->slots_) here.emplace(this->KeyOf(entry.slot->key), entry.slot);
    const auto next = [&](auto at) {
      if (at->second->present) visit(at->second->key, *at->second);
      return here.erase(at);
    };
    if (this->set_.cold_ != nullptr) {
      this->set_.cold_->Scan(
          std::string(1, static_cast<char>(this->id_)),
          [&](absl::string_view stored_key, absl::string_view bytes) {
            auto at = here.begin();
            while (at != here.end() && at->first < stored_key) at = next(at);
            if (at != here.end() && at->first == stored_key) {
              next(at);
              return true;
            }
            K key;
            V value;
            INVARIANT(KeyBytes<K>::Parse(stored_key.substr(1), &key) && ParseLayout(bytes, &value),
                      "a stored pair does not parse, though its layout was "
                      "checked at opening");
            visit(key, value);
            return true;
          });
    }
    for (auto at = here.begin(); at != here.end();) at = next(at);
  }

  // Up to `most` pairs in key order, from the first one on that is not below `from`; what is at
  // rest does not stay in memory. Looks at the keys of all pairs in memory, ~10 ns each. False when
  // that were all. The visitor changes nothing.
  bool ScanFrom(const K& from, size_t most,
                absl::FunctionRef<void(const K&, const V&)> visit) const {
    using Map = MapTable<K, V, false>;
    const std::string first = this->KeyOf(from);
    // The least `most` keys of those in memory; one more tells that there are others.
    absl::btree_map<std::string, const typename Map::Slot*> here;
    // tidy: allow(replay) the map puts them in order
    for (const auto& entry : this->slots_) {
      // One that was erased must not take the place of one that is there.
      if (!entry.slot->present || entry.slot->key < from) continue;
      if (here.size() > most && !(entry.slot->key < here.rbegin()->second->key)) continue;
      here.emplace(this->KeyOf(entry.slot->key), entry.slot);
      if (here.size() > most + 1) here.erase(std::prev(here.end()));
    }
    size_t left = most;
    const auto give = [&](const K& key, const V& value) {
      if (left == 0) return false;
      --left;
      visit(key, value);
      return true;
    };
    bool all = true;  // nothing was held back
    auto at = here.begin();
    const auto give_below = [&](absl::string_view bound, bool has_bound) {
      for (; all && at != here.end() && (!has_bound || at->first < bound); ++at) {
        all = give(at->second->key, *at->second);
      }
      return all;
    };
    if (this->set_.cold_ != nullptr) {
      this->set_.cold_->ScanFrom(
          first.substr(0, 1), first, [&](absl::string_view stored_key, absl::string_view bytes) {
            if (!give_below(stored_key, true)) return false;
            if (at != here.end() && at->first == stored_key) {
              all = give(at->second->key, *at->second);
              ++at;
              return all;
            }
            // One that was erased, or is beyond all that was kept of those in memory.
            K key;
            INVARIANT(KeyBytes<K>::Parse(stored_key.substr(1), &key),
                      "a stored key does not parse, though its layout was checked at opening");
            const auto slot = this->slots_.find(typename Map::Probe(Map::AsAsked(key)));
            if (slot != this->slots_.end()) {
              if (slot->slot->present) all = give(key, *slot->slot);
              return all;
            }
            V value;
            INVARIANT(ParseLayout(bytes, &value),
                      "a stored pair does not parse, though its layout was checked at opening");
            all = give(key, value);
            return all;
          });
    }
    give_below({}, false);
    return !all;
  }
};

// Pairs in key order, all in memory.
template <class K, class V>
class OrderedTable : public MapTable<K, V, true> {
 public:
  using MapTable<K, V, true>::MapTable;

  size_t size() const { return this->order_.size(); }
  bool empty() const { return this->order_.empty(); }
  // REQUIRES: not empty.
  const K& FirstKey() const { return *this->order_.begin(); }
  // In key order, from the first key that is not below `from`, until `visit` returns false. The
  // visitor does not change the table.
  void Scan(const K& from, absl::FunctionRef<bool(const K&, const V&)> visit) const {
    for (auto at = this->order_.lower_bound(from); at != this->order_.end(); ++at) {
      if (!visit(*at, *this->Find(*at))) return;
    }
  }
  void ForEach(absl::FunctionRef<void(const K&, const V&)> visit) const {
    for (const K& key : this->order_) visit(key, *this->Find(key));
  }

 private:
  bool LoadResident() override {
    bool ok = true;
    this->set_.cold_->Scan(std::string(1, static_cast<char>(this->id_)),
                           [&](absl::string_view stored_key, absl::string_view bytes) {
                             K key;
                             ok = KeyBytes<K>::Parse(stored_key.substr(1), &key) &&
                                  this->Admit(key, stored_key, bytes) != nullptr;
                             return ok;
                           });
    return ok;
  }
};

// Pairs that are added once and never changed. Adding a key twice breaks the digest.
template <class K, class V>
class AppendTable : public TableBase {
 public:
  using TableBase::TableBase;

  void Add(K key, V value) {
    // A list that grows is up to twice as long.
    fresh_bytes_ += 2 * sizeof(std::pair<K, V>) + HeldByKey(key, &key_bytes_) + HeldBy(value);
    fresh_.emplace_back(std::move(key), std::move(value));
  }

  // All pairs whose key begins with `prefix` (bytes of a key), in key order.
  void Scan(absl::string_view prefix, absl::FunctionRef<void(const K&, const V&)> visit) {
    absl::btree_map<std::string, std::string> pairs;
    const std::string full = absl::StrCat(std::string(1, static_cast<char>(id_)), prefix);
    if (set_.cold_ != nullptr) {
      set_.cold_->Scan(full, [&](absl::string_view key, absl::string_view value) {
        pairs.emplace(std::string(key), std::string(value));
        return true;
      });
    }
    for (const auto* list : {&in_flight_, &fresh_}) {
      for (const auto& [key, value] : *list) {
        std::string bytes = this->KeyOf(key);
        if (!absl::StartsWith(bytes, full)) continue;
        std::string layout;
        AppendLayout(value, &layout);
        pairs.emplace(std::move(bytes), std::move(layout));
      }
    }
    for (const auto& [bytes, layout] : pairs) {
      K key;
      V value;
      INVARIANT(KeyBytes<K>::Parse(absl::string_view(bytes).substr(1), &key) &&
                    ParseLayout(layout, &value),
                "a stored pair does not parse, though its layout was checked at opening");
      visit(key, value);
    }
  }

 private:
  void Write(const std::pair<K, V>& pair, bool hash, PairSink* sink) {
    key_bytes_.assign(1, static_cast<char>(id_));
    KeyBytes<K>::Append(pair.first, &key_bytes_);
    value_bytes_.clear();
    AppendLayout(pair.second, &value_bytes_);
    if (hash) set_.digest_ += HashPair(key_bytes_, value_bytes_);
    if (sink != nullptr) sink->Put(key_bytes_, value_bytes_);
  }
  void Hash() override {
    for (; hashed_ < fresh_.size(); ++hashed_) Write(fresh_[hashed_], true, nullptr);
  }
  void Freeze() override {
    in_flight_ = std::exchange(fresh_, {});
    flight_bytes_ = std::exchange(fresh_bytes_, 0);
    frozen_at_ = 0;
    frozen_hashed_ = std::exchange(hashed_, 0);
  }
  size_t CollectFrozen(size_t most) override {
    size_t count = 0;
    for (; count < most && frozen_at_ < in_flight_.size(); ++count, ++frozen_at_) {
      Write(in_flight_[frozen_at_], frozen_at_ >= frozen_hashed_, set_.sink_);
    }
    return count;
  }
  void Stored() override {
    in_flight_.clear();
    in_flight_.shrink_to_fit();
    flight_bytes_ = 0;
    frozen_at_ = 0;
  }
  bool asked_by_key() const override { return false; }
  size_t dirty() const override { return fresh_.size(); }
  size_t resident_bytes() const override { return fresh_bytes_ + flight_bytes_; }
  size_t dirty_bytes() const override { return fresh_bytes_; }

  std::vector<std::pair<K, V>> fresh_;
  size_t hashed_ = 0;                       // of fresh_, how many the digest knows
  std::vector<std::pair<K, V>> in_flight_;  // since a collection began
  size_t frozen_at_ = 0;                    // of in_flight_, how many are collected
  size_t frozen_hashed_ = 0;                // and how many the digest knew before
  size_t fresh_bytes_ = 0, flight_bytes_ = 0;
  std::string key_bytes_, value_bytes_;
};

// One value, default until changed.
template <class V>
class Cell : public TableBase {
 public:
  using TableBase::TableBase;

  const V& Get() const { return value_; }
  V& Change() {
    changed_ = unhashed_ = true;
    return value_;
  }

 private:
  void Hash() override {
    if (unhashed_) Write(nullptr);
  }
  // One value costs no wait: it is handed over at once.
  void Freeze() override {
    if (changed_) Write(set_.sink_);
    changed_ = false;
  }
  size_t CollectFrozen(size_t) override { return 0; }
  void Write(PairSink* sink) {
    const std::string key(1, static_cast<char>(id_));
    std::string bytes;
    AppendLayout(value_, &bytes);
    const Digest hash = HashPair(key, bytes);
    set_.digest_ -= hash_;
    set_.digest_ += hash;
    hash_ = hash;
    unhashed_ = false;
    if (sink != nullptr) sink->Put(key, bytes);
  }
  void Stored() override {}
  bool LoadResident() override {
    const std::string key(1, static_cast<char>(id_));
    std::string bytes;
    if (!set_.cold_->Get(key, &bytes)) return true;
    hash_ = HashPair(key, bytes);
    return ParseLayout(bytes, &value_);
  }
  size_t dirty() const override { return changed_ ? 1 : 0; }
  size_t resident_bytes() const override { return sizeof(V) + HeldBy(value_); }
  size_t dirty_bytes() const override { return changed_ ? resident_bytes() : 0; }

  V value_;
  Digest hash_;
  bool changed_ = false;
  bool unhashed_ = false;
};

}  // namespace gridledger
