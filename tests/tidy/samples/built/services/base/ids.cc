#include "services/base/ids.h"
