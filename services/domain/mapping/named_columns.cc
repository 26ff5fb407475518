#include "services/domain/mapping/named_columns.h"

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
  }
  add(incident.due().column());
  const v1::EventColumns& events = mapping.events();
  add(events.at().column());
  add(events.version());
  add(events.state().column());
  add(events.reported_at().column());
  add(events.due().column());
  for (const v1::FactRule& rule : mapping.facts()) {
    add(rule.at().column());
    add(rule.when().column());
  }
  return columns;
}

}  // namespace gridledger::mapping
