// The file of people and keys, sessions, and how those who fail are slowed.
#include <sys/stat.h>

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_replace.h>
#include <absl/time/time.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "services/gateway/access/access_file.h"
#include "services/gateway/access/people.h"
#include "services/gateway/access/secrets.h"
#include "services/gateway/access/sessions.h"
#include "services/gateway/access/slowdown.h"

namespace gridledger::access {
namespace {

using ::testing::HasSubstr;

const absl::Time kNow = absl::FromUnixSeconds(1'704'067'200);
constexpr char kPassword[] = "correct horse";

Rights RightsOf(std::vector<std::string> roles) {
  return {.roles = std::move(roles), .code = "x1", .areas = {"changzhen"}, .units = {"u1"}};
}

class AccessTest : public ::testing::Test {
 protected:
  AccessTest() {
    std::string folder = absl::StrCat(::testing::TempDir(), "/access-XXXXXX");
    EXPECT_NE(mkdtemp(folder.data()), nullptr);
    folder_ = folder;
    data_ = absl::StrCat(folder, "/city");
    file_ = Opened();
  }
  ~AccessTest() override { std::filesystem::remove_all(folder_); }

  std::unique_ptr<AccessFile> Opened() const {
    auto file = AccessFile::Open(data_, LeastCost());
    EXPECT_TRUE(file.ok()) << file.status();
    return *std::move(file);
  }
  std::string Path() const { return absl::StrCat(data_, "/access.json"); }
  std::string Text() const {
    std::ifstream in(Path());
    return std::string((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  }
  void Write(const std::string& text) const { std::ofstream(Path()) << text; }

  std::string folder_;
  std::string data_;
  std::unique_ptr<AccessFile> file_;
};

// ---- users --------------------------------------------------------------------------------------

TEST_F(AccessTest, NobodyIsThereBeforeTheFirst) {
  EXPECT_TRUE((*file_->Everybody())->users.empty());
  EXPECT_FALSE((*file_->CheckPassword("wang", kPassword)).has_value());
  EXPECT_FALSE(std::filesystem::exists(data_)) << "asking makes nothing";
}

TEST_F(AccessTest, AUserWithAPassword) {
  ASSERT_TRUE(file_->AddUser("wang", RightsOf({"checker", "administrator"}), kPassword, kNow).ok());
  const auto account = file_->CheckPassword("wang", kPassword);
  ASSERT_TRUE(account.ok() && account->has_value());
  const intake::Principal& principal = (*account)->principal;
  EXPECT_EQ(principal.name, "user:wang");
  EXPECT_EQ(principal.roles, std::vector<v1::Role>{v1::ROLE_CHECKER});
  EXPECT_EQ(principal.code, "x1");
  EXPECT_EQ(principal.areas, std::vector<std::string>{"changzhen"});
  EXPECT_EQ(principal.units, std::vector<std::string>{"u1"});
  EXPECT_TRUE(principal.administrator);
  EXPECT_FALSE(principal.viewer || principal.anonymous);
  EXPECT_FALSE((*file_->CheckPassword("wang", "correct horsf")).has_value());
  EXPECT_FALSE((*file_->CheckPassword("li", kPassword)).has_value());
  EXPECT_FALSE(
      (*file_->CheckPassword("wang", std::string(kPasswordBytesMax + 1, 'a'))).has_value());
  EXPECT_THAT(Text(), HasSubstr("$argon2id$"));
  EXPECT_FALSE(absl::StrContains(Text(), kPassword));
  struct stat about = {};
  ASSERT_EQ(stat(Path().c_str(), &about), 0);
  EXPECT_EQ(about.st_mode & 0777, 0600u);
}

TEST_F(AccessTest, MistakesOfTheCaller) {
  ASSERT_TRUE(file_->AddUser("wang", RightsOf({"checker"}), kPassword, kNow).ok());
  const std::string before = Text();
  const struct {
    const char* why;
    const char* name;
    Rights rights;
    std::string password;
    absl::StatusCode code;
  } rows[] = {
      {"there already", "wang", RightsOf({"checker"}), kPassword, absl::StatusCode::kAlreadyExists},
      {"no name", "", RightsOf({"checker"}), kPassword, absl::StatusCode::kInvalidArgument},
      {"a line break", "wa\nng", RightsOf({"checker"}), kPassword,
       absl::StatusCode::kInvalidArgument},
      {"a blank at the end", "li ", RightsOf({"checker"}), kPassword,
       absl::StatusCode::kInvalidArgument},
      {"no UTF-8", "\xff", RightsOf({"checker"}), kPassword, absl::StatusCode::kInvalidArgument},
      {"no role", "li", RightsOf({}), kPassword, absl::StatusCode::kInvalidArgument},
      {"no such role", "li", RightsOf({"mayor"}), kPassword, absl::StatusCode::kInvalidArgument},
      {"a service", "li", RightsOf({"service"}), kPassword, absl::StatusCode::kInvalidArgument},
      {"a role twice", "li", RightsOf({"checker", "checker"}), kPassword,
       absl::StatusCode::kInvalidArgument},
      {"an empty area",
       "li",
       {.roles = {"checker"}, .areas = {""}},
       kPassword,
       absl::StatusCode::kInvalidArgument},
      {"a long code",
       "li",
       {.roles = {"checker"}, .code = std::string(257, 'c')},
       kPassword,
       absl::StatusCode::kInvalidArgument},
      {"a short password", "li", RightsOf({"checker"}), "1234567",
       absl::StatusCode::kInvalidArgument},
      {"characters are counted, not bytes", "li", RightsOf({"checker"}), "密码密码密码",
       absl::StatusCode::kInvalidArgument},
      {"a long password", "li", RightsOf({"checker"}), std::string(1025, 'a'),
       absl::StatusCode::kInvalidArgument},
  };
  for (const auto& row : rows) {
    const absl::Status status = file_->AddUser(row.name, row.rights, row.password, kNow);
    EXPECT_EQ(status.code(), row.code) << row.why << ": " << status;
    EXPECT_FALSE(absl::StrContains(status.message(), "wang")) << status;
  }
  EXPECT_TRUE(absl::IsNotFound(file_->SetPassword("li", kPassword)));
  EXPECT_TRUE(absl::IsNotFound(file_->SetDisabled("li", true)));
  EXPECT_TRUE(absl::IsNotFound(file_->RevokeKey("0123456789abcdef")));
  EXPECT_EQ(Text(), before);
}

TEST_F(AccessTest, ADisabledUserComesInNoMore) {
  ASSERT_TRUE(file_->AddUser("wang", RightsOf({"checker"}), kPassword, kNow).ok());
  ASSERT_TRUE(file_->SetDisabled("wang", true).ok());
  EXPECT_FALSE((*file_->CheckPassword("wang", kPassword)).has_value());
  EXPECT_FALSE((*file_->FindAccount("wang")).has_value());
  ASSERT_TRUE(file_->SetDisabled("wang", false).ok());
  EXPECT_TRUE((*file_->CheckPassword("wang", kPassword)).has_value());
}

// ---- keys ---------------------------------------------------------------------------------------

TEST_F(AccessTest, AKeyIsFoundUntilItExpiresOrIsRevoked) {
  const auto made = file_->AddKey(
      {.name = "probe", .rights = RightsOf({"sensor"}), .expires_at = kNow + absl::Hours(1)}, kNow);
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_THAT(made->text, ::testing::MatchesRegex("glk_[0-9a-f]{16}_[-_A-Za-z0-9]{43}"));
  EXPECT_FALSE(absl::StrContains(Text(), made->text.substr(21)));
  const auto found = file_->FindKey(made->text, kNow);
  ASSERT_TRUE(found.ok() && found->has_value());
  EXPECT_EQ((*found)->name, absl::StrCat("key:", made->id));
  EXPECT_EQ((*found)->roles, std::vector<v1::Role>{v1::ROLE_SENSOR});
  const absl::Time last = kNow + absl::Hours(1) - absl::Milliseconds(1);
  EXPECT_TRUE((*file_->FindKey(made->text, last)).has_value());
  EXPECT_FALSE((*file_->FindKey(made->text, kNow + absl::Hours(1))).has_value());

  std::string other = made->text;
  other.back() = other.back() == 'A' ? 'B' : 'A';
  for (const std::string& text :
       {std::string(), other, made->id, made->text + "A", made->text.substr(1),
        absl::StrReplaceAll(made->text, {{"glk_", "glx_"}}),
        absl::StrCat("glk_0000000000000000", made->text.substr(20))}) {
    EXPECT_FALSE((*file_->FindKey(text, kNow)).has_value()) << text;
  }
  ASSERT_TRUE(file_->RevokeKey(made->id).ok());
  EXPECT_FALSE((*file_->FindKey(made->text, kNow)).has_value());
  EXPECT_TRUE(file_->RevokeKey(made->id).ok()) << "twice is once";
}

TEST_F(AccessTest, AKeyThatExpiredBeforeItWasMade) {
  const auto made =
      file_->AddKey({.name = "probe", .rights = RightsOf({"sensor"}), .expires_at = kNow}, kNow);
  EXPECT_TRUE(absl::IsInvalidArgument(made.status()));
}

// ---- the file -----------------------------------------------------------------------------------

TEST_F(AccessTest, AnotherProgramsChangesAreSeen) {
  const auto other = Opened();
  for (int i = 0; i < 20; ++i) {
    const auto made = other->AddKey({.name = "k", .rights = RightsOf({"sensor"})}, kNow);
    ASSERT_TRUE(made.ok());
    EXPECT_TRUE((*file_->FindKey(made->text, kNow)).has_value());
    ASSERT_TRUE(other->RevokeKey(made->id).ok());
    EXPECT_FALSE((*file_->FindKey(made->text, kNow)).has_value());
  }
}

TEST_F(AccessTest, WritersAtOnceLoseNothing) {
  std::vector<std::thread> writers;
  for (int writer = 0; writer < 4; ++writer) {
    writers.emplace_back([this, writer] {
      const auto own = Opened();
      for (int i = 0; i < 10; ++i) {
        const std::string name = absl::StrCat("k", writer, "-", i);
        EXPECT_TRUE(own->AddKey({.name = name, .rights = RightsOf({"sensor"})}, kNow).ok());
      }
    });
  }
  for (std::thread& writer : writers) writer.join();
  EXPECT_EQ((*file_->Everybody())->keys.size(), 40u);
}

TEST_F(AccessTest, ADamagedFileLetsNobodyIn) {
  ASSERT_TRUE(file_->AddUser("wang", RightsOf({"checker"}), kPassword, kNow).ok());
  const std::string sound = Text();
  const struct {
    const char* why;
    std::string text;
    absl::StatusCode code;
  } rows[] = {
      {"empty", "", absl::StatusCode::kDataLoss},
      {"cut off", sound.substr(0, sound.size() / 2), absl::StatusCode::kDataLoss},
      {"no object", "[]", absl::StatusCode::kDataLoss},
      {"no users", "{\"format\": 1, \"keys\": []}", absl::StatusCode::kDataLoss},
      {"a user of no form", "{\"format\": 1, \"keys\": [], \"users\": [7]}",
       absl::StatusCode::kDataLoss},
      {"a role that is none", absl::StrReplaceAll(sound, {{"checker", "mayor"}}),
       absl::StatusCode::kDataLoss},
      {"a flag as text", absl::StrReplaceAll(sound, {{"false", "\"no\""}}),
       absl::StatusCode::kDataLoss},
      {"a hash that is none", absl::StrReplaceAll(sound, {{"$argon2id$", "$plain$"}}),
       absl::StatusCode::kDataLoss},
      {"a later build's", absl::StrReplaceAll(sound, {{"\"format\": 1", "\"format\": 2"}}),
       absl::StatusCode::kFailedPrecondition},
  };
  for (const auto& row : rows) {
    Write(row.text);
    const absl::Status status = file_->FindAccount("wang").status();
    EXPECT_EQ(status.code(), row.code) << row.why << ": " << status;
    EXPECT_FALSE(absl::StrContains(status.message(), "wang")) << status;
    EXPECT_EQ(file_->SetDisabled("wang", true).code(), row.code) << "and is not written over";
    EXPECT_EQ(Text(), row.text);
    EXPECT_EQ(AccessFile::Open(data_).status().code(), row.code);
  }
  Write(sound);
  EXPECT_TRUE((*file_->FindAccount("wang")).has_value());
}

TEST_F(AccessTest, AFileWhereAFolderIsNamed) {
  std::ofstream(absl::StrCat(folder_, "/file")) << "no folder\n";
  const auto file = AccessFile::Open(absl::StrCat(folder_, "/file"));
  EXPECT_TRUE(absl::IsInvalidArgument(file.status())) << file.status();
}

TEST(PeopleTest, TheTextSaysItAll) {
  People people;
  people.users["王"] = User{.name = "王",
                            .rights = RightsOf({"checker", "viewer"}),
                            .password = "$argon2id$v=19$m=8",
                            .disabled = true,
                            .generation = 3,
                            .created_at = kNow};
  people.keys["0123456789abcdef"] = Key{.id = "0123456789abcdef",
                                        .name = "probe",
                                        .rights = RightsOf({"sensor"}),
                                        .hash = HashOf("x"),
                                        .revoked = true,
                                        .expires_at = kNow + absl::Hours(1),
                                        .created_at = kNow};
  const auto read = ReadPeople(WritePeople(people));
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(*read, people);
  EXPECT_EQ(WritePeople(*read), WritePeople(people));
}

// ---- sessions -----------------------------------------------------------------------------------

class SessionsTest : public AccessTest {
 protected:
  SessionsTest() {
    EXPECT_TRUE(file_->AddUser("wang", RightsOf({"checker"}), kPassword, kNow).ok());
    EXPECT_TRUE(file_->AddUser("li", RightsOf({"acceptor"}), kPassword, kNow).ok());
  }
  LoginAnswer LogIn(Sessions& sessions, const Login& login, absl::Time now = kNow) {
    auto answer = sessions.LogIn(login, now);
    EXPECT_TRUE(answer.ok()) << answer.status();
    return *std::move(answer);
  }
  bool Lives(Sessions& sessions, const std::string& cookie, absl::Time now) {
    const auto found = sessions.Find(cookie, now);
    EXPECT_TRUE(found.ok()) << found.status();
    return found->has_value();
  }
};

constexpr char kHome[] = "198.51.100.7";

TEST_F(SessionsTest, ALogin) {
  Sessions sessions(file_.get());
  const LoginAnswer answer = LogIn(sessions, {"wang", kPassword, kHome, ""});
  ASSERT_TRUE(answer.session.has_value());
  EXPECT_EQ(answer.cookie.size(), kTokenCharacters);
  EXPECT_NE(answer.cookie, answer.session->csrf);
  const auto found = sessions.Find(answer.cookie, kNow);
  EXPECT_EQ((*found)->principal.name, "user:wang");
  EXPECT_TRUE(Sessions::IsCsrf(**found, answer.session->csrf));
  EXPECT_FALSE(Sessions::IsCsrf(**found, ""));
  EXPECT_FALSE(Sessions::IsCsrf(**found, answer.cookie));
  EXPECT_FALSE(Lives(sessions, RandomToken(), kNow));
  EXPECT_FALSE(Lives(sessions, "", kNow));
  sessions.LogOut(answer.cookie);
  EXPECT_FALSE(Lives(sessions, answer.cookie, kNow));
}

TEST_F(SessionsTest, AWrongPasswordIsNoSession) {
  Sessions sessions(file_.get());
  EXPECT_FALSE(LogIn(sessions, {"wang", "incorrect horse", kHome, ""}).session.has_value());
  EXPECT_FALSE(LogIn(sessions, {"nobody", kPassword, kHome, ""}).session.has_value());
  EXPECT_EQ(sessions.size(), 0u);
}

TEST_F(SessionsTest, EndsOfASession) {
  Sessions sessions(file_.get());
  const std::string idle = LogIn(sessions, {"wang", kPassword, kHome, ""}).cookie;
  const std::string busy = LogIn(sessions, {"wang", kPassword, kHome, ""}).cookie;
  for (int hour = 1; hour < 24; ++hour) {
    EXPECT_TRUE(Lives(sessions, busy, kNow + absl::Hours(hour))) << hour;
  }
  EXPECT_FALSE(Lives(sessions, idle, kNow + absl::Hours(8)));
  EXPECT_FALSE(Lives(sessions, busy, kNow + absl::Hours(24)));
}

TEST_F(SessionsTest, EndsInWhateverProgram) {
  Sessions sessions(file_.get());
  const auto other = Opened();
  std::string cookie = LogIn(sessions, {"wang", kPassword, kHome, ""}).cookie;
  const std::string of_li = LogIn(sessions, {"li", kPassword, kHome, ""}).cookie;
  ASSERT_TRUE(other->SetPassword("wang", "another horse").ok());
  EXPECT_FALSE(Lives(sessions, cookie, kNow)) << "another password";
  EXPECT_FALSE(LogIn(sessions, {"wang", kPassword, kHome, ""}).session.has_value());
  cookie = LogIn(sessions, {"wang", "another horse", kHome, ""}).cookie;
  EXPECT_TRUE(Lives(sessions, cookie, kNow));
  ASSERT_TRUE(other->SetDisabled("wang", true).ok());
  ASSERT_TRUE(other->SetDisabled("wang", false).ok());
  EXPECT_FALSE(Lives(sessions, cookie, kNow)) << "disabled for a moment";
  EXPECT_TRUE(Lives(sessions, of_li, kNow));
}

TEST_F(SessionsTest, ALoginEndsTheSessionOfBefore) {
  Sessions sessions(file_.get());
  const std::string first = LogIn(sessions, {"wang", kPassword, kHome, ""}).cookie;
  const std::string second = LogIn(sessions, {"wang", kPassword, kHome, first}).cookie;
  EXPECT_NE(first, second);
  EXPECT_FALSE(Lives(sessions, first, kNow));
  EXPECT_TRUE(Lives(sessions, second, kNow));
}

TEST_F(SessionsTest, SessionsAreBounded) {
  Sessions sessions(file_.get(), {.sessions_max = 3, .of_a_user_max = 2});
  std::vector<std::string> cookies;
  for (int i = 0; i < 4; ++i) {
    cookies.push_back(
        LogIn(sessions, {"wang", kPassword, kHome, ""}, kNow + absl::Seconds(i)).cookie);
  }
  EXPECT_EQ(sessions.size(), 2u) << "of one user";
  const absl::Time later = kNow + absl::Minutes(1);
  EXPECT_TRUE(Lives(sessions, cookies[3], later));
  LogIn(sessions, {"li", kPassword, kHome, ""}, later);
  EXPECT_TRUE(Lives(sessions, cookies[2], later));
  LogIn(sessions, {"li", kPassword, kHome, ""}, later);
  EXPECT_EQ(sessions.size(), 3u) << "of all";
}

TEST_F(SessionsTest, WhoFailsWaits) {
  Sessions sessions(file_.get());
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(LogIn(sessions, {"wang", "wrong horse", absl::StrCat("a", i), ""}).wait,
              absl::ZeroDuration());
  }
  const LoginAnswer slowed = LogIn(sessions, {"wang", kPassword, kHome, ""});
  EXPECT_EQ(slowed.wait, absl::Seconds(1));
  EXPECT_FALSE(slowed.session.has_value()) << "nothing was tried";
  EXPECT_TRUE(LogIn(sessions, {"li", kPassword, kHome, ""}).session.has_value());
  const absl::Time later = kNow + absl::Seconds(1);
  EXPECT_TRUE(LogIn(sessions, {"wang", kPassword, kHome, ""}, later).session.has_value());
}

TEST_F(SessionsTest, AnAddressThatTriesManyNamesWaits) {
  Sessions sessions(file_.get());
  for (int i = 0; i < 11; ++i) {
    LogIn(sessions, {absl::StrCat("name", i), "wrong horse", kHome, ""});
    EXPECT_EQ(LogIn(sessions, {"li", kPassword, kHome, ""}).session.has_value(), i < 10)
        << "an own account makes nobody quicker";
  }
  EXPECT_GT(LogIn(sessions, {"wang", kPassword, kHome, ""}).wait, absl::ZeroDuration());
  EXPECT_TRUE(LogIn(sessions, {"wang", kPassword, "203.0.113.9", ""}).session.has_value());
}

TEST(SlowdownTest, DoublesUpToAMinute) {
  Slowdown slowdown({.free = 2});
  absl::Time now = kNow;
  for (const int seconds : {0, 0, 1, 2, 4, 8, 16, 32, 60, 60, 60}) {
    slowdown.Failed("a", now);
    EXPECT_EQ(slowdown.Wait("a", now), absl::Seconds(seconds));
    now += absl::Seconds(seconds);
  }
  EXPECT_EQ(slowdown.Wait("b", now), absl::ZeroDuration());
  EXPECT_EQ(slowdown.Wait("a", now - absl::Hours(5)), absl::Minutes(1)) << "a clock set back";
  slowdown.TakeBack("a");
  EXPECT_EQ(slowdown.Wait("a", now), absl::ZeroDuration());
  slowdown.Failed("a", now);
  EXPECT_EQ(slowdown.Wait("a", now), absl::Minutes(1)) << "the others are remembered";
  slowdown.Failed("b", now + absl::Minutes(15));
  EXPECT_EQ(slowdown.names(), 1u) << "but not for ever";
}

TEST(SlowdownTest, NamesAreBounded) {
  Slowdown slowdown({.free = 0}, 2);
  for (int i = 0; i < 10; ++i) {
    slowdown.Failed(absl::StrCat(i), kNow + absl::Seconds(i));
  }
  EXPECT_EQ(slowdown.names(), 2u);
  EXPECT_GT(slowdown.Wait("9", kNow + absl::Seconds(9)), absl::ZeroDuration());
}

}  // namespace
}  // namespace gridledger::access
