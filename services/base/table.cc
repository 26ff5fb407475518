#include "services/base/table.h"

#include <algorithm>
#include <limits>

namespace gridledger {

TableBase::TableBase(TableSet& set, uint8_t id) : set_(set), id_(id) {
  for (const TableBase* other : set.tables_) INVARIANT(other->id_ != id, "two tables of one id");
  set.tables_.push_back(this);
}

bool TableSet::Open(ColdTier* cold, const Digest& digest) {
  cold_ = cold;
  digest_ = digest;
  if (cold == nullptr) return true;
  for (TableBase* table : tables_) {
    if (!table->LoadResident()) return false;
  }
  return true;
}

const Digest& TableSet::digest() {
  size_t all = std::numeric_limits<size_t>::max();
  CollectSome(&all);
  for (TableBase* table : tables_) table->Hash();
  return digest_;
}

void TableSet::Collect(PairSink* sink) {
  BeginCollect(sink);
  size_t all = std::numeric_limits<size_t>::max();
  CollectSome(&all);
}

void TableSet::BeginCollect(PairSink* sink) {
  INVARIANT(sink_ == nullptr, "a collection begins when the one before has ended");
  sink_ = sink;
  for (TableBase* table : tables_) table->Freeze();
}

bool TableSet::CollectSome(size_t* most) {
  if (sink_ == nullptr) return true;
  for (TableBase* table : tables_) {
    *most -= table->CollectFrozen(*most);
    if (*most == 0) return false;
  }
  sink_ = nullptr;
  collected_digest_ = digest_;
  return true;
}

void TableSet::Stored(size_t bytes_max) {
  INVARIANT(cold_ != nullptr, "what is stored nowhere cannot leave memory");
  for (TableBase* table : tables_) table->Stored();
  if (resident_bytes() <= bytes_max) return;
  for (TableBase* table : tables_) table->EvictClean();
}

std::vector<uint8_t> TableSet::scanned_only() const {
  std::vector<uint8_t> ids;
  for (const TableBase* table : tables_) {
    if (!table->asked_by_key()) ids.push_back(table->id_);
  }
  std::sort(ids.begin(), ids.end());
  return ids;
}

size_t TableSet::dirty() const {
  size_t count = 0;
  for (const TableBase* table : tables_) count += table->dirty();
  return count;
}

size_t TableSet::dirty_bytes() const {
  size_t bytes = 0;
  for (const TableBase* table : tables_) bytes += table->dirty_bytes();
  return bytes;
}

size_t TableSet::resident_bytes() const {
  size_t bytes = 0;
  for (const TableBase* table : tables_) bytes += table->resident_bytes();
  return bytes;
}

void TableSet::EvictLoaded() {
  for (TableBase* table : tables_) table->EvictLoaded();
}

}  // namespace gridledger
