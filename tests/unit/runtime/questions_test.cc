// Questions to what a thread folds: when they are answered, in steps, and when they are refused.
#include "services/runtime/host/questions.h"

#include <absl/strings/str_cat.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "services/runtime/adapters/memory/memory_log.h"
#include "services/runtime/engine/entry_codec.h"
#include "tests/support/ledger.h"
#include "tests/support/small_services.h"
#include "tests/support/virtual_clock.h"

namespace gridledger::host {
namespace {

constexpr Partition kHere{0};
constexpr Partition kOther{1};
constexpr Partition kNotHere{2};

class QuestionsTest : public ::testing::Test {
 protected:
  QuestionsTest() {
    std::vector<std::unique_ptr<engine::Task>> tasks;
    for (const Partition partition : {kHere, kOther}) {
      tasks.push_back(NewTask(Onlooker(), partition));
      tasks.push_back(NewTask(Echoes(), partition));
    }
    live_ = std::make_unique<engine::Live>(std::move(tasks), &log_, nullptr, &clock_,
                                           engine::LiveOptions{});
    EXPECT_TRUE(live_->Start().ok());
  }
  void Report(Partition partition, const std::string& id) {
    v1::Entry entry = FactOn(id, 0);
    entry.mutable_fact()->mutable_reported()->set_category("order");
    ASSERT_TRUE(log_.AppendAndWait(partition, {RecordOf(entry, clock_.Now())}).ok());
  }
  void Turn(int turns = 4) {
    for (int i = 0; i < turns; ++i) ASSERT_TRUE(live_->Turn(absl::ZeroDuration()).ok());
  }
  // Tells in `said_` what comes: "NAME at OFFSET" for each step, "NAME refused: CODE".
  Question Ask(const std::string& name, Partition partition, Offset least = {}, int steps = 1) {
    Question question;
    question.partition = partition;
    question.least = least;
    question.step = [this, name, left = steps](const AskedPartition& asked) mutable {
      said_.push_back(absl::StrCat(name, " at ", asked.next.value));
      return --left == 0;
    };
    question.refuse = [this, name](const absl::Status& why) {
      said_.push_back(absl::StrCat(name, " refused: ", absl::StatusCodeToString(why.code())));
    };
    return question;
  }
  std::vector<std::string> Said() { return std::exchange(said_, {}); }
  using Lines = std::vector<std::string>;

  MemoryLog log_{MemoryLogOptions{2, 1, {}, false}};
  VirtualClock clock_{TestTime(0)};
  std::unique_ptr<engine::Live> live_;
  Questions questions_;
  std::vector<std::string> said_;
};

TEST_F(QuestionsTest, AnsweredOnceAndForAll) {
  EXPECT_EQ(questions_.Answer(*live_, clock_), absl::InfiniteFuture());
  questions_.Ask(Ask("a", kHere));
  questions_.Ask(Ask("b", kOther));
  EXPECT_EQ(questions_.Answer(*live_, clock_), absl::InfiniteFuture());
  EXPECT_EQ(Said(), (Lines{"a at 0", "b at 0"}));
  questions_.Answer(*live_, clock_);
  EXPECT_EQ(Said(), Lines{});
}

TEST_F(QuestionsTest, WhoWroteARecordSeesWhatBecameOfIt) {
  Report(kHere, "A");
  Question question = Ask("a", kHere, Offset{1});
  question.deadline = TestTime(5000);
  questions_.Ask(std::move(question));
  // Not folded yet: again at the next turn, or at the deadline.
  EXPECT_EQ(questions_.Answer(*live_, clock_), TestTime(5000));
  EXPECT_EQ(Said(), Lines{});
  Turn();
  questions_.Answer(*live_, clock_);
  ASSERT_EQ(said_.size(), 1u);
  EXPECT_NE(Said()[0], "a at 0");
}

TEST_F(QuestionsTest, TheDeadlineIsTheLastMoment) {
  Question question = Ask("a", kHere, Offset{100});
  question.deadline = TestTime(5000);
  questions_.Ask(std::move(question));
  clock_.MoveTo(TestTime(4999));
  EXPECT_EQ(questions_.Answer(*live_, clock_), TestTime(5000));
  EXPECT_EQ(Said(), Lines{});
  clock_.MoveTo(TestTime(5000));
  questions_.Answer(*live_, clock_);
  EXPECT_EQ(Said(), (Lines{"a refused: DEADLINE_EXCEEDED"}));
}

TEST_F(QuestionsTest, ManyStepsTakeTurns) {
  questions_.Ask(Ask("a", kHere, {}, 3));
  questions_.Ask(Ask("b", kOther, {}, 2));
  questions_.Ask(Ask("c", kHere));
  questions_.Answer(*live_, clock_);
  EXPECT_EQ(Said(), (Lines{"a at 0", "b at 0", "c at 0", "a at 0", "b at 0", "a at 0"}));
}

TEST_F(QuestionsTest, ALongOneGoesOnInTheNextTurnAndMayMeetItsDeadline) {
  // Each step takes a millisecond.
  Question question = Ask("a", kHere, {}, 100);
  question.step = [this](const AskedPartition&) {
    said_.push_back("step");
    clock_.Advance(absl::Milliseconds(1));
    return false;
  };
  question.deadline = TestTime(4);
  questions_.Ask(std::move(question));
  EXPECT_EQ(questions_.Answer(*live_, clock_), absl::InfinitePast()) << "at once";
  EXPECT_EQ(Said(), (Lines{"step", "step", "step"}));
  questions_.Answer(*live_, clock_);
  EXPECT_EQ(Said(), (Lines{"step", "a refused: DEADLINE_EXCEEDED"}));
}

TEST_F(QuestionsTest, APartitionThatIsNotHere) {
  questions_.Ask(Ask("a", kNotHere));
  questions_.Answer(*live_, clock_);
  EXPECT_EQ(Said(), (Lines{"a refused: NOT_FOUND"}));
}

TEST_F(QuestionsTest, APartitionThatStopped) {
  // Raised to a schema that a later build knows.
  absl::StatusOr<Offset> at;
  for (uint32_t from = engine::kBaseSchema; from <= engine::kNewestSchema; ++from) {
    const v1::Entry raised = engine::RaiseSchema(kHere, from, "a later build is everywhere");
    at = log_.AppendAndWait(kHere, {RecordOf(raised, clock_.Now())});
  }
  ASSERT_TRUE(at.ok());
  Turn();
  // What is folded can be asked for; what would come after it never comes.
  questions_.Ask(Ask("before", kHere, *at));
  questions_.Ask(Ask("after", kHere, at->Next()));
  questions_.Ask(Ask("elsewhere", kOther));
  questions_.Answer(*live_, clock_);
  EXPECT_EQ(Said(), (Lines{absl::StrCat("before at ", at->value), "after refused: UNAVAILABLE",
                           "elsewhere at 0"}));
}

TEST_F(QuestionsTest, NobodyAsksAfterTheEnd) {
  questions_.Ask(Ask("waits", kHere, Offset{9}));
  questions_.Answer(*live_, clock_);
  questions_.Ask(Ask("comes", kHere));
  questions_.Close(absl::UnavailableError("ends"));
  questions_.Ask(Ask("late", kHere));
  std::vector<std::string> said = Said();
  EXPECT_EQ(said, (Lines{"comes refused: UNAVAILABLE", "waits refused: UNAVAILABLE",
                         "late refused: UNAVAILABLE"}));
}

TEST_F(QuestionsTest, TooManyAreRefusedAtOnce) {
  for (size_t i = 0; i < kQuestionsMax; ++i) questions_.Ask(Ask("a", kHere));
  EXPECT_EQ(Said(), Lines{});
  questions_.Ask(Ask("more", kHere));
  EXPECT_EQ(Said(), (Lines{"more refused: ABORTED"}));
}

TEST_F(QuestionsTest, AllServicesOfThePartitionAreThere) {
  Question question = Ask("a", kHere);
  question.step = [this](const AskedPartition& asked) {
    said_.push_back(asked.Of("recurrence").id().service.text());
    return asked.tasks.size() == 2;
  };
  questions_.Ask(std::move(question));
  questions_.Answer(*live_, clock_);
  EXPECT_EQ(said_.size(), 1u);
}

}  // namespace
}  // namespace gridledger::host
