#include "services/domain/intake/principal.h"

#include <absl/strings/ascii.h>
#include <absl/strings/strip.h>

#include <algorithm>

namespace gridledger::intake {

bool Principal::Has(v1::Role role) const {
  return std::find(roles.begin(), roles.end(), role) != roles.end();
}

Principal Anonymous(absl::string_view name) {
  Principal principal;
  principal.name = std::string(name);
  principal.roles = {v1::ROLE_CITIZEN};
  principal.anonymous = true;
  return principal;
}

std::string RoleName(v1::Role role) {
  if (role == v1::ROLE_UNSPECIFIED || !v1::Role_IsValid(role)) return "";
  const std::string full = v1::Role_Name(role);
  return absl::AsciiStrToLower(absl::StripPrefix(full, "ROLE_"));
}

std::optional<v1::Role> ParseRole(absl::string_view name) {
  for (int number = v1::Role_MIN; number <= v1::Role_MAX; ++number) {
    if (!v1::Role_IsValid(number) || number == v1::ROLE_SERVICE) continue;
    const auto role = static_cast<v1::Role>(number);
    if (!name.empty() && RoleName(role) == name) return role;
  }
  return std::nullopt;
}

const std::vector<std::string>& RoleNames() {
  static const auto* const names = [] {
    auto* made = new std::vector<std::string>();
    for (int number = v1::Role_MIN; number <= v1::Role_MAX; ++number) {
      if (number == v1::ROLE_SERVICE || !v1::Role_IsValid(number)) continue;
      std::string name = RoleName(static_cast<v1::Role>(number));
      if (!name.empty()) made->push_back(std::move(name));
    }
    return made;
  }();
  return *names;
}

}  // namespace gridledger::intake
