// A task's marks of imported sources: how far each is in the partition, by its newest entry. Never
// looks at what an entry says.
#include <string>
#include <tuple>

#include "services/runtime/engine/task.h"

namespace gridledger::engine {

bool IsIn(const SourceMark* mark, const v1::SourcePosition& at) {
  if (mark == nullptr) return false;
  return std::make_tuple(at.at_ms(), at.version(), at.row(), at.ordinal()) <=
         std::make_tuple(mark->at_ms, mark->version, mark->row, mark->ordinal);
}

void Task::FoldSource(const v1::SourcePosition& at) {
  SourceMark& mark = MarkOf(at.source());
  if (!IsIn(&mark, at)) {
    mark.at_ms = at.at_ms();
    mark.version = at.version();
    mark.row = at.row();
    mark.ordinal = at.ordinal();
    mark.last = at.last();
  }
  ++mark.entries;
  if (at.ordinal() == 0) ++mark.rows;
}

SourceMark& Task::MarkOf(const std::string& source) {
  if (newest_mark_ != nullptr && newest_source_ == source) return marks_.Change(newest_mark_);
  newest_source_ = source;
  SourceMark& mark = marks_.At(SourceName(source));
  newest_mark_ = &mark;
  return mark;
}

}  // namespace gridledger::engine
