#include "services/history/mapping/values/month_names.h"

#include <absl/strings/ascii.h>
#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>

#include <algorithm>

#include "services/base/characters.h"
#include "services/history/mapping/values/columns.h"

namespace gridledger::mapping {
namespace {

constexpr absl::string_view kEnglish[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                          "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

}  // namespace

const std::vector<std::vector<std::string>>& MonthNames::Known() {
  static const auto* const known = new std::vector<std::vector<std::string>>{
      {"Januar", "Februar", "März", "April", "Mai", "Juni", "Juli", "August", "September",
       "Oktober", "November", "Dezember"},
      {"Jan.", "Feb.", "März", "Apr.", "Mai", "Juni", "Juli", "Aug.", "Sep.", "Okt.", "Nov.",
       "Dez."},
      {"Jan", "Feb", "Mär", "Apr", "Mai", "Jun", "Jul", "Aug", "Sep", "Okt", "Nov", "Dez"},
      {"janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août", "septembre",
       "octobre", "novembre", "décembre"},
      {"janv.", "févr.", "mars", "avr.", "mai", "juin", "juil.", "août", "sept.", "oct.", "nov.",
       "déc."},
      {"enero", "febrero", "marzo", "abril", "mayo", "junio", "julio", "agosto", "septiembre",
       "octubre", "noviembre", "diciembre"},
      {"ene", "feb", "mar", "abr", "may", "jun", "jul", "ago", "sep", "oct", "nov", "dic"},
      {"gennaio", "febbraio", "marzo", "aprile", "maggio", "giugno", "luglio", "agosto",
       "settembre", "ottobre", "novembre", "dicembre"},
      {"janeiro", "fevereiro", "março", "abril", "maio", "junho", "julho", "agosto", "setembro",
       "outubro", "novembro", "dezembro"},
      {"januari", "februari", "maart", "april", "mei", "juni", "juli", "augustus", "september",
       "oktober", "november", "december"},
      {"jan", "feb", "mrt", "apr", "mei", "jun", "jul", "aug", "sep", "okt", "nov", "dec"},
      {"stycznia", "lutego", "marca", "kwietnia", "maja", "czerwca", "lipca", "sierpnia",
       "września", "października", "listopada", "grudnia"},
      {"января", "февраля", "марта", "апреля", "мая", "июня", "июля", "августа", "сентября",
       "октября", "ноября", "декабря"}};
  return *known;
}

absl::StatusOr<MonthNames> MonthNames::Compile(const v1::Mapping& mapping) {
  if (mapping.month_names().empty()) return MonthNames();
  if (mapping.month_names_size() != 12) {
    return MappingError("month_names", absl::StrCat("twelve names, January first, and not ",
                                                    mapping.month_names_size()));
  }
  std::vector<std::string> names;
  for (const std::string& told : mapping.month_names()) {
    const std::string name = absl::AsciiStrToLower(StripBlanks(told));
    if (name.empty()) return MappingError("month_names", "one of them is empty");
    if (std::find(names.begin(), names.end(), name) != names.end()) {
      return MappingError("month_names", absl::StrCat("\"", name, "\" stands there twice"));
    }
    names.push_back(name);
  }
  return MonthNames(names);
}

MonthNames::MonthNames(const std::vector<std::string>& names) {
  for (size_t i = 0; i < names.size(); ++i) {
    names_.emplace_back(absl::AsciiStrToLower(names[i]), kEnglish[i]);
  }
  // "mars" before "mar".
  std::stable_sort(names_.begin(), names_.end(),
                   [](const auto& a, const auto& b) { return a.first.size() > b.first.size(); });
}

absl::string_view MonthNames::InEnglish(absl::string_view text, std::string* made) const {
  if (names_.empty()) return text;
  *made = absl::AsciiStrToLower(text);
  for (const auto& [name, english] : names_) {
    const size_t at = made->find(name);
    if (at == std::string::npos) continue;
    *made = absl::StrCat(text.substr(0, at), english, text.substr(at + name.size()));
    return *made;
  }
  return text;
}

}  // namespace gridledger::mapping
