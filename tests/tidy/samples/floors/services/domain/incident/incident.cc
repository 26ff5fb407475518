#include <rocksdb/db.h>
#include <sys/mman.h>

#include "incident.h"
#include "services/base/ids.h"
#include "services/domain/dispatch/dispatch.h"
#include "services/runtime/adapters/local/local_log.h"
