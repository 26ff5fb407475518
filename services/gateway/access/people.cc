#include "services/gateway/access/people.h"

#include <absl/strings/escaping.h>
#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <utility>

#include "services/base/characters.h"
#include "services/domain/incident/limits.h"
#include "services/gateway/access/secrets.h"

namespace gridledger::access {
namespace {

using Json = nlohmann::ordered_json;

constexpr int64_t kFormat = 1;
constexpr absl::string_view kAdministrator = "administrator";
constexpr absl::string_view kViewer = "viewer";

bool IsOneLine(absl::string_view text) {
  while (!text.empty()) {
    const char32_t code = TakeCharacter(&text);
    if (code == kNotUtf8 || IsControl(code)) return false;
  }
  return true;
}

absl::Status CheckText(absl::string_view what, absl::string_view text, size_t bytes_max) {
  if (text.size() > bytes_max) {
    return absl::InvalidArgumentError(
        absl::StrCat(what, " has ", text.size(), " bytes; ", bytes_max, " are the most"));
  }
  if (!IsOneLine(text)) {
    return absl::InvalidArgumentError(
        absl::StrCat(what, " must be UTF-8 text of one line, without control codes"));
  }
  if (StripBlanks(text).size() != text.size()) {
    return absl::InvalidArgumentError(absl::StrCat(what, " begins or ends with a blank"));
  }
  return absl::OkStatus();
}

absl::Status CheckCodes(absl::string_view what, const std::vector<std::string>& codes) {
  if (codes.size() > kPlacesMax) {
    return absl::InvalidArgumentError(
        absl::StrCat(codes.size(), " of ", what, "s; ", kPlacesMax, " are the most"));
  }
  for (const std::string& code : codes) {
    if (code.empty()) return absl::InvalidArgumentError(absl::StrCat(what, " is empty"));
    if (absl::Status status = CheckText(what, code, incident::kCodeBytesMax); !status.ok()) {
      return status;
    }
  }
  return absl::OkStatus();
}

// ---- the text

Json ListJson(const std::vector<std::string>& list) {
  Json json = Json::array();
  for (const std::string& one : list) json.push_back(one);
  return json;
}

void PutRights(const Rights& rights, Json* json) {
  (*json)["roles"] = ListJson(rights.roles);
  (*json)["code"] = rights.code;
  (*json)["areas"] = ListJson(rights.areas);
  (*json)["units"] = ListJson(rights.units);
}

// Takes the fields of one object; remembers the first that is not there or of another type.
class Fields {
 public:
  Fields(const Json& json, std::string where) : json_(json), where_(std::move(where)) {
    if (!json.is_object()) Wrong("is no object");
  }

  const Json* Find(const char* name) {
    if (!json_.is_object()) return nullptr;
    const auto found = json_.find(name);
    if (found != json_.end()) return &*found;
    Wrong(absl::StrCat("lacks ", name));
    return nullptr;
  }
  std::string Text(const char* name) {
    const Json* json = Find(name);
    if (json == nullptr || Expect(json->is_string(), name)) return "";
    return json->get_ref<const std::string&>();
  }
  bool Flag(const char* name) {
    const Json* json = Find(name);
    if (json == nullptr || Expect(json->is_boolean(), name)) return false;
    return json->get<bool>();
  }
  uint64_t Number(const char* name) {
    const Json* json = Find(name);
    if (json == nullptr || Expect(json->is_number_unsigned(), name)) return 0;
    return json->get<uint64_t>();
  }
  absl::Time Instant(const char* name) {
    const std::string text = Text(name);
    absl::Time at;
    std::string why;
    Expect(absl::ParseTime(absl::RFC3339_full, text, &at, &why), name);
    return at;
  }
  std::optional<absl::Time> InstantOrNone(const char* name) {
    const Json* json = Find(name);
    if (json == nullptr || json->is_null()) return std::nullopt;
    return Instant(name);
  }
  std::vector<std::string> List(const char* name) {
    const Json* json = Find(name);
    std::vector<std::string> list;
    if (json == nullptr || Expect(json->is_array(), name)) return list;
    for (const Json& one : *json) {
      if (Expect(one.is_string(), name)) return list;
      list.push_back(one.get_ref<const std::string&>());
    }
    return list;
  }
  Rights TakeRights() {
    Rights rights;
    rights.roles = List("roles");
    rights.code = Text("code");
    rights.areas = List("areas");
    rights.units = List("units");
    if (absl::Status status = CheckRights(rights); !status.ok()) {
      Wrong(std::string(status.message()));
    }
    return rights;
  }
  void Wrong(absl::string_view what) {
    if (status_.ok()) status_ = absl::DataLossError(absl::StrCat(where_, " ", what));
  }
  const absl::Status& status() const { return status_; }

 private:
  // True when it is not as it should be.
  bool Expect(bool fits, const char* name) {
    if (!fits) Wrong(absl::StrCat("has ", name, " of another type"));
    return !fits;
  }

  const Json& json_;
  const std::string where_;
  absl::Status status_;
};

absl::StatusOr<User> ReadUser(const Json& json, std::string where) {
  Fields fields(json, std::move(where));
  User user;
  user.name = fields.Text("name");
  user.rights = fields.TakeRights();
  user.password = fields.Text("password");
  user.disabled = fields.Flag("disabled");
  user.generation = fields.Number("generation");
  user.created_at = fields.Instant("created_at");
  if (!CheckName(user.name).ok()) fields.Wrong("has a name that is none");
  if (!absl::StartsWith(user.password, "$argon2id$")) fields.Wrong("has a password of no hash");
  if (!fields.status().ok()) return fields.status();
  return user;
}

absl::StatusOr<Key> ReadKey(const Json& json, std::string where) {
  Fields fields(json, std::move(where));
  Key key;
  key.id = fields.Text("id");
  key.name = fields.Text("name");
  key.rights = fields.TakeRights();
  const std::string hash = fields.Text("hash");
  key.revoked = fields.Flag("revoked");
  key.expires_at = fields.InstantOrNone("expires_at");
  key.created_at = fields.Instant("created_at");
  const bool is_hex =
      hash.size() == 64 && hash.find_first_not_of("0123456789abcdef") == std::string::npos;
  if (is_hex) key.hash = absl::HexStringToBytes(hash);
  if (!is_hex) fields.Wrong("has a hash that is none");
  if (key.id.size() != kIdCharacters) fields.Wrong("has an id that is none");
  if (!fields.status().ok()) return fields.status();
  return key;
}

}  // namespace

const std::vector<std::string>& AllRoles() {
  static const auto* const roles = [] {
    auto* all = new std::vector<std::string>(intake::RoleNames());
    all->push_back(std::string(kAdministrator));
    all->push_back(std::string(kViewer));
    return all;
  }();
  return *roles;
}

absl::Status CheckName(absl::string_view name) {
  if (name.empty()) return absl::InvalidArgumentError("a name is needed, and it is empty");
  return CheckText("the name", name, kNameBytesMax);
}

absl::Status CheckRights(const Rights& rights) {
  if (rights.roles.empty()) return absl::InvalidArgumentError("at least one role is needed");
  for (const std::string& role : rights.roles) {
    if (std::find(AllRoles().begin(), AllRoles().end(), role) == AllRoles().end()) {
      return absl::InvalidArgumentError(
          absl::StrCat("a role is one of ", absl::StrJoin(AllRoles(), ", ")));
    }
    if (std::count(rights.roles.begin(), rights.roles.end(), role) > 1) {
      return absl::InvalidArgumentError("a role is named twice");
    }
  }
  if (absl::Status status = CheckText("the code", rights.code, incident::kCodeBytesMax);
      !status.ok()) {
    return status;
  }
  if (absl::Status status = CheckCodes("an area", rights.areas); !status.ok()) return status;
  return CheckCodes("a unit", rights.units);
}

absl::Status CheckPasswordWords(absl::string_view password) {
  if (password.size() > kPasswordBytesMax) {
    return absl::InvalidArgumentError(
        absl::StrCat("a password has at most ", kPasswordBytesMax, " bytes"));
  }
  size_t characters = 0;
  for (absl::string_view left = password; !left.empty(); ++characters) {
    const char32_t code = TakeCharacter(&left);
    if (code == kNotUtf8 || code < 0x20 || code == 0x7f) {
      return absl::InvalidArgumentError("a password is UTF-8 text, without control codes");
    }
  }
  if (characters < kPasswordCharactersMin) {
    return absl::InvalidArgumentError(
        absl::StrCat("a password has at least ", kPasswordCharactersMin, " characters"));
  }
  return absl::OkStatus();
}

intake::Principal PrincipalOf(std::string name, const Rights& rights) {
  intake::Principal principal;
  principal.name = std::move(name);
  for (const std::string& name_of_role : rights.roles) {
    principal.administrator = principal.administrator || name_of_role == kAdministrator;
    principal.viewer = principal.viewer || name_of_role == kViewer;
    if (const auto role = intake::ParseRole(name_of_role)) principal.roles.push_back(*role);
  }
  principal.code = rights.code;
  principal.areas = rights.areas;
  principal.units = rights.units;
  return principal;
}

std::string TimeText(absl::Time at) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", at, absl::UTCTimeZone());
}

std::string WritePeople(const People& people) {
  Json json = {{"format", kFormat}, {"users", Json::array()}, {"keys", Json::array()}};
  for (const auto& [name, user] : people.users) {
    Json one = {{"name", name}};
    PutRights(user.rights, &one);
    one["password"] = user.password;
    one["disabled"] = user.disabled;
    one["generation"] = user.generation;
    one["created_at"] = TimeText(user.created_at);
    json["users"].push_back(std::move(one));
  }
  for (const auto& [id, key] : people.keys) {
    Json one = {{"id", id}, {"name", key.name}};
    PutRights(key.rights, &one);
    one["hash"] = absl::BytesToHexString(key.hash);
    one["revoked"] = key.revoked;
    one["expires_at"] = key.expires_at ? Json(TimeText(*key.expires_at)) : Json(nullptr);
    one["created_at"] = TimeText(key.created_at);
    json["keys"].push_back(std::move(one));
  }
  return absl::StrCat(json.dump(1, ' ', false, Json::error_handler_t::replace), "\n");
}

absl::StatusOr<People> ReadPeople(absl::string_view text) {
  const Json json = Json::parse(text.begin(), text.end(), nullptr, false);
  if (json.is_discarded()) return absl::DataLossError("it is no JSON");
  Fields fields(json, "it");
  if (fields.Number("format") > kFormat) {
    return absl::FailedPreconditionError("a later build wrote it: use that one");
  }
  const Json* users = fields.Find("users");
  const Json* keys = fields.Find("keys");
  if (!fields.status().ok()) return fields.status();
  if (!users->is_array() || !keys->is_array()) {
    return absl::DataLossError("its users or its keys are no list");
  }
  People people;
  for (const Json& one : *users) {
    absl::StatusOr<User> user = ReadUser(one, absl::StrCat("user ", people.users.size() + 1));
    if (!user.ok()) return user.status();
    const std::string name = user->name;
    if (!people.users.emplace(name, *std::move(user)).second) {
      return absl::DataLossError("a user is there twice");
    }
  }
  for (const Json& one : *keys) {
    absl::StatusOr<Key> key = ReadKey(one, absl::StrCat("key ", people.keys.size() + 1));
    if (!key.ok()) return key.status();
    const std::string id = key->id;
    if (!people.keys.emplace(id, *std::move(key)).second) {
      return absl::DataLossError("a key is there twice");
    }
  }
  return people;
}

}  // namespace gridledger::access
