// A header without one.
#pragma once
#include <string>
