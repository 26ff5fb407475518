// Traces that go on, with the examples of https://www.w3.org/TR/trace-context.
#include "services/runtime/engine/trace_context.h"

#include <gtest/gtest.h>

#include <string>

#include "services/runtime/ports/event_log.h"

namespace gridledger::engine {
namespace {

constexpr absl::string_view kParent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

std::string Headers(absl::string_view parent, absl::string_view state = "") {
  std::string headers;
  AppendHeader("ce_id", "17", &headers);
  AppendHeader("traceparent", parent, &headers);
  if (!state.empty()) AppendHeader("tracestate", state, &headers);
  return headers;
}

std::string Continued(absl::string_view parent) {
  return std::string(FindHeader(ContinueTrace(Headers(parent), 0xabc), "traceparent"));
}

TEST(TraceContext, TheTraceGoesOnWithASpanOfItsOwn) {
  const std::string headers =
      ContinueTrace(Headers(kParent, "congo=t61rcWkgMzE,rojo=00f067aa0ba902b7"), 0xabc);
  EXPECT_EQ(FindHeader(headers, "traceparent"),
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000abc-01");
  EXPECT_EQ(FindHeader(headers, "tracestate"), "congo=t61rcWkgMzE,rojo=00f067aa0ba902b7");
  EXPECT_EQ(FindHeader(headers, "ce_id"), "") << "only what is the trace's";
}

TEST(TraceContext, WithoutOneThereIsNone) {
  std::string headers;
  EXPECT_EQ(ContinueTrace(headers, 1), "");
  AppendHeader("tracestate", "congo=1", &headers);
  EXPECT_EQ(ContinueTrace(headers, 1), "");
  EXPECT_EQ(ContinueTrace("no list of headers", 1), "");
}

TEST(TraceContext, OneThatDoesNotParseEnds) {
  for (const absl::string_view parent : {
           "",
           "00",
           "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
           "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-1",
           "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",    // in capitals
           "00-00000000000000000000000000000000-00f067aa0ba902b7-01",    // no trace
           "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",    // no parent
           "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x",  // more than version 00 has
           "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
           "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01x",
           "00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
           "00-4bf92f3577b34da6a3ce929d0e0e473g-00f067aa0ba902b7-01",
       }) {
    EXPECT_EQ(Continued(parent), "") << parent;
  }
}

TEST(TraceContext, ALaterVersionIsReadAsFarAsThisOneGoes) {
  EXPECT_EQ(Continued("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-what-comes"),
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000abc-01");
}

TEST(TraceContext, OfTheFlagsOneIsKnown) {
  const std::string parent(kParent.substr(0, 53));
  EXPECT_EQ(Continued(parent + "00").substr(53), "00");
  EXPECT_EQ(Continued(parent + "fe").substr(53), "00");
  EXPECT_EQ(Continued(parent + "ff").substr(53), "01");
  EXPECT_EQ(Continued(parent + "09").substr(53), "01");
}

TEST(TraceContext, ALongStateIsLeftOutAndASpanIsNeverZero) {
  const std::string headers = ContinueTrace(Headers(kParent, std::string(513, 'x')), 0);
  EXPECT_EQ(FindHeader(headers, "tracestate"), "");
  EXPECT_EQ(FindHeader(headers, "traceparent"),
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000001-01");
}

}  // namespace
}  // namespace gridledger::engine
