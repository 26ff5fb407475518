#include "services/history/mapping/rows/named_columns.h"

#include <algorithm>

namespace gridledger::mapping {

std::vector<std::string> ColumnsOf(const v1::Mapping& mapping) {
  std::vector<std::string> columns;
  const auto add = [&](const std::string& column) {
    if (column.empty() || std::count(columns.begin(), columns.end(), column) > 0) return;
    columns.push_back(column);
  };
  const v1::IncidentColumns& incident = mapping.incident();
  for (const v1::Value* value :
       {&incident.id(), &incident.category(), &incident.community(), &incident.area(),
        &incident.unit(), &incident.channel(), &incident.latitude(), &incident.longitude()}) {
    add(value->column());
    add(value->with());
  }
  const auto add_time = [&](const v1::TimeValue& value) {
    add(value.column());
    add(value.with());
  };
  add_time(incident.due());
  const v1::EventColumns& events = mapping.events();
  add_time(events.at());
  add(events.version());
  add(events.state().column());
  add(events.state().with());
  add_time(events.reported_at());
  add_time(events.due());
  for (const v1::FactRule& rule : mapping.facts()) {
    add_time(rule.at());
    add(rule.when().column());
  }
  return columns;
}

}  // namespace gridledger::mapping
