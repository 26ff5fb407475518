#include "services/domain/incident/incident.h"

absl::Time A() { return absl::Now(); }
auto B() { return std::chrono::system_clock::now(); }
int C() { return std::rand() + rand(); }
const char* D() { return std::getenv("TZ"); }
void E() { std::thread([] {}).join(); }
std::unordered_map<int, int> f;
size_t G(int key) { return absl::HashOf(key); }
std::map<const Incident*, int> h;
double I(double sum) { return sum + 0.1; }
absl::TimeZone J() { return absl::LocalTimeZone(); }
int K(const Incidents& incidents) {
  for (const auto& [id, incident] : incidents.open_) return id;
  return incidents.open_.begin()->first;
}
int L(const Index& index) {
  for (const auto& pair : index) return pair.first;
  return 0;
}
// Looking up is fine, and so is a comment on absl::Now().
bool M(const Incidents& incidents) { return incidents.open_.contains(1); }
bool N(absl::TimeZone* zone) { return absl::LoadTimeZone("Asia/Shanghai", zone); }
int O() { return cctz::utc_time_zone().lookup(now).offset; }
tm* P(const time_t* at, tm* local) { return localtime_r(at, local); }
