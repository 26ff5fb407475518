// Whoever shows the city as it goes on is told what a task folds, while it does. By the thread that
// folds; has to be quick, and changes nothing of the task.
#pragma once

#include "gridledger/v1/entry.pb.h"
#include "services/domain/incident/incident.h"

namespace gridledger::engine {

class Task;

class FoldWatch {
 public:
  virtual ~FoldWatch() = default;
  // What the fold made of one fact of the record that is being folded; a record may say more than
  // one, and a report releases what waited for it.
  virtual void Changed(const Task& task, const incident::Change& change) = 0;
  // All of the record is folded. The entry is null for a dead letter.
  virtual void Folded(const Task& task, const incident::Moment& moment, const v1::Entry* entry) = 0;
};

}  // namespace gridledger::engine
