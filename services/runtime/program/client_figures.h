// What the clients of a cluster say of themselves, as figures for Prometheus: labels are the
// service, which client it is, and a broker's address as the cluster tells it; nothing of a record.
#pragma once

#include <prometheus/metric_family.h>

#include <string>
#include <vector>

#include "services/runtime/adapters/kafka/kafka_log.h"

namespace gridledger::host {

// What cannot be read of a client's JSON is left out.
void AddClientFigures(const std::string& service, const std::vector<KafkaClientStatistics>& clients,
                      std::vector<prometheus::MetricFamily>* families);

}  // namespace gridledger::host
