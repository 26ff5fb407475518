#include <absl/time/clock.h>
#include <rocksdb/db.h>
#include <services/base/ids.h>

#include "services/domain/incident/incident.h"
