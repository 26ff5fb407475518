// Whatever a file of polygons holds: areas with names, or a refusal that names the file. What was
// taken answers for every corner of the map.
#include <absl/strings/match.h>
#include <absl/strings/string_view.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "services/base/invariant.h"
#include "services/history/geo/polygons.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  const absl::string_view text(reinterpret_cast<const char*>(bytes), size);
  const auto polygons = gridledger::geo::Polygons::Parse(text, "fuzz.geojson", "name");
  if (!polygons.ok()) {
    INVARIANT(absl::IsInvalidArgument(polygons.status()), "a mistake in a file is its writer's");
    INVARIANT(absl::StartsWith(polygons.status().message(), "fuzz.geojson: "), "it is named");
    return 0;
  }
  INVARIANT(!(*polygons)->names().empty(), "no areas is a refusal");
  constexpr int32_t kRight = 900'000'000;
  for (int32_t latitude = -kRight; latitude <= kRight; latitude += kRight / 4) {
    for (int32_t longitude = -2 * kRight; longitude < 2 * kRight; longitude += kRight / 4) {
      const auto found = (*polygons)->Find(latitude, longitude);
      INVARIANT(!found || *found < (*polygons)->names().size(), "an area has a name");
    }
  }
  return 0;
}
