// Properties of the door: what it lets pass the fold does not void for its words or its speaker,
// and no principal asks more often than its rate.
#include <absl/strings/str_cat.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "services/base/layout.h"
#include "services/domain/incident/incident.h"
#include "services/domain/incident/limits.h"
#include "services/domain/incident/speakers.h"
#include "services/domain/intake/admission.h"
#include "services/domain/intake/rate_limiter.h"

namespace gridledger::intake {
namespace {

using v1::Fact;

constexpr int64_t kNowMs = 1'704'067'200'000;

std::string AnyText() {
  return *rc::gen::weightedOneOf<std::string>(
      {{6, rc::gen::element<std::string>("c1", "order", "u1", "x1", "")},
       {1, rc::gen::string<std::string>()},
       {1, rc::gen::just(std::string(300, 'x'))}});
}

// Random texts, numbers and enums, some of them none that there are.
void Fill(google::protobuf::Message* message, int depth) {
  const auto& reflection = *message->GetReflection();
  for (int i = 0; i < message->GetDescriptor()->field_count(); ++i) {
    const auto* field = message->GetDescriptor()->field(i);
    if (field->is_repeated() || field->containing_oneof() != nullptr) continue;
    switch (field->type()) {
      case google::protobuf::FieldDescriptor::TYPE_STRING:
        reflection.SetString(message, field, AnyText());
        break;
      case google::protobuf::FieldDescriptor::TYPE_ENUM:
        reflection.SetEnumValue(message, field, *rc::gen::inRange(0, 7));
        break;
      case google::protobuf::FieldDescriptor::TYPE_INT64:
        reflection.SetInt64(message, field,
                            *rc::gen::element<int64_t>(0, kNowMs, kNowMs + 1000, -1, INT64_MAX));
        break;
      case google::protobuf::FieldDescriptor::TYPE_UINT32:
        reflection.SetUInt32(message, field, *rc::gen::inRange<uint32_t>(0, 8));
        break;
      case google::protobuf::FieldDescriptor::TYPE_MESSAGE:
        if (depth > 0) Fill(reflection.MutableMessage(message, field), depth - 1);
        break;
      default: break;
    }
  }
}

Fact AnyFact() {
  const auto& rows = incident::AllSpeakers();
  const auto& row = rows[*rc::gen::inRange<size_t>(0, rows.size())];
  Fact fact;
  if (*rc::gen::arbitrary<bool>()) Fill(&fact, 1);
  fact.set_incident_id("c1");
  Fill(fact.GetReflection()->MutableMessage(&fact, Fact::descriptor()->FindFieldByNumber(row.fact)),
       1);
  return fact;
}

Principal AnyPrincipal() {
  Principal principal;
  principal.name = "p";
  const auto roles =
      *rc::gen::container<std::vector<int>>(*rc::gen::inRange(0, 4), rc::gen::inRange(0, 11));
  for (const int role : roles) principal.roles.push_back(static_cast<v1::Role>(role));
  principal.code = *rc::gen::element<std::string>("", "x1");
  return principal;
}

RC_GTEST_PROP(IntakeProperties, WhatPassesIsNotVoidForItsWordsOrItsSpeaker, ()) {
  const Principal principal = AnyPrincipal();
  const auto outcome = Admit(principal, {.now = FromMillis(kNowMs)}, AnyFact());
  if (const auto* refusal = std::get_if<Refusal>(&outcome)) {
    RC_ASSERT(!refusal->field.empty() && !refusal->text.empty());
    RC_TAG("refused");
    return;
  }
  RC_TAG("admitted");
  const Fact& fact = std::get<Fact>(outcome);
  RC_ASSERT(incident::MaySay(fact, ""));
  RC_ASSERT(incident::TextsFit(fact));
  RC_ASSERT(incident::InstantsFit(fact));
  RC_ASSERT(fact.actor().role() != v1::ROLE_UNSPECIFIED);
  RC_ASSERT(fact.actor().role() != v1::ROLE_SERVICE);
  RC_ASSERT(principal.Has(fact.actor().role()) || principal.Has(v1::ROLE_SOURCE));
  RC_ASSERT(principal.Has(v1::ROLE_SOURCE) || fact.actor().code() == principal.code);
}

RC_GTEST_PROP(IntakeProperties, AdmittedTwiceIsAdmittedOnce, ()) {
  const Principal principal = AnyPrincipal();
  const Circumstances circumstances{.now = FromMillis(kNowMs)};
  const auto once = Admit(principal, circumstances, AnyFact());
  if (!std::holds_alternative<Fact>(once)) return;
  const auto twice = Admit(principal, circumstances, std::get<Fact>(once));
  RC_ASSERT(std::holds_alternative<Fact>(twice));
  RC_ASSERT(std::get<Fact>(twice).SerializeAsString() == std::get<Fact>(once).SerializeAsString());
}

RC_GTEST_PROP(RateLimiterProperties, NobodyAsksMoreOftenThanTheRate, ()) {
  const Rate rate{.burst = *rc::gen::inRange<int64_t>(1, 6),
                  .each = absl::Milliseconds(*rc::gen::inRange(1, 50))};
  RateLimiter limiter(rate, 64);
  // Steps of time between requests of three principals.
  const auto steps = *rc::gen::container<std::vector<std::pair<int, int>>>(
      rc::gen::pair(rc::gen::inRange(0, 3), rc::gen::inRange(0, 40)));
  absl::Time now = FromMillis(kNowMs);
  std::vector<std::vector<absl::Time>> taken(3);
  for (const auto& [who, ms] : steps) {
    now += absl::Milliseconds(ms);
    const absl::Duration wait = limiter.Take(absl::StrCat(who), now);
    if (wait == absl::ZeroDuration()) taken[who].push_back(now);
    RC_ASSERT(wait <= rate.each);
  }
  for (const auto& times : taken) {
    for (size_t from = 0; from < times.size(); ++from) {
      for (size_t to = from; to < times.size(); ++to) {
        const int64_t filled = (times[to] - times[from]) / rate.each;
        RC_ASSERT(static_cast<int64_t>(to - from + 1) <= rate.burst + filled);
      }
    }
  }
}

}  // namespace
}  // namespace gridledger::intake
