#include "services/runtime/host/folder.h"

#include <absl/strings/match.h>
#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_replace.h>
#include <absl/strings/strip.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <system_error>

#include "services/runtime/adapters/kafka/kafka_log.h"
#include "services/runtime/adapters/local/local_log.h"
#include "services/runtime/adapters/rocksdb/rocks_state_store.h"
#include "services/runtime/host/memory_size.h"
#include "services/runtime/host/subjects.h"

namespace gridledger::host {
namespace {

namespace fs = std::filesystem;

class LocalFolder : public Folder {
 public:
  LocalFolder(std::string path, std::unique_ptr<LocalLog> log,
              std::unique_ptr<RocksStateStore> store, absl::Status state_status,
              std::vector<std::string> said)
      : log_(std::move(log)), store_(std::move(store)) {
    name_ = path_ = std::move(path);
    state_status_ = std::move(state_status);
    said_ = std::move(said);
  }
  LocalLog& log() override { return *log_; }
  RocksStateStore* store() override { return store_.get(); }
  std::unique_ptr<BulkAppender> NewBulk() override { return log_->NewBulkAppender(); }

 private:
  std::unique_ptr<LocalLog> log_;
  std::unique_ptr<RocksStateStore> store_;
};

// The ledger on a cluster. Without a folder of its own it keeps a temporary one, for scratch.
class ClusterFolder : public Folder {
 public:
  ClusterFolder(std::string name, std::unique_ptr<KafkaLog> log,
                std::unique_ptr<RocksStateStore> store, std::string path, bool is_temporary,
                std::vector<std::string> said)
      : is_temporary_(is_temporary), log_(std::move(log)), store_(std::move(store)) {
    name_ = std::move(name);
    path_ = std::move(path);
    said_ = std::move(said);
  }
  ~ClusterFolder() override {
    store_.reset();
    std::error_code ignored;
    if (is_temporary_) fs::remove_all(path_, ignored);
  }
  EventLog& log() override { return *log_; }
  RocksStateStore* store() override { return store_.get(); }
  std::unique_ptr<BulkAppender> NewBulk() override { return nullptr; }

 private:
  const bool is_temporary_;
  std::unique_ptr<KafkaLog> log_;
  std::unique_ptr<RocksStateStore> store_;
};

absl::Status MakeFolder(const std::string& path) {
  std::error_code error;
  fs::create_directories(path, error);
  if (!error) return absl::OkStatus();
  return absl::UnavailableError(
      absl::StrCat("cannot make the folder ", path, ": ", error.message()));
}

// Null when there is nothing to read.
absl::StatusOr<std::unique_ptr<RocksStateStore>> OpenState(const FolderOptions& options,
                                                           size_t memory_bytes,
                                                           std::vector<std::string>* said) {
  RocksStateStoreOptions store_options;
  store_options.folder = absl::StrCat(options.path, "/state");
  store_options.snapshots_folder = absl::StrCat(options.path, "/snapshots");
  store_options.memory_bytes = memory_bytes;
  store_options.read_only = options.read_only;
  store_options.scanned = ScannedTables();
  if (!options.read_only) return RocksStateStore::OpenOrFallBack(store_options, said);
  auto store = RocksStateStore::Open(store_options);
  if (absl::IsNotFound(store.status())) return nullptr;
  return store;
}

// A state is of one ledger, and of as many partitions as that had: a topic that got more since has
// its keys elsewhere. The folder remembers both, in a file of two lines.
absl::Status CheckSameLedger(const std::string& path, const std::string& topic, int partitions,
                             bool may_write) {
  const std::string file = absl::StrCat(path, "/ledger");
  const std::string is = absl::StrCat(topic, "\n", partitions, " partitions\n");
  std::ifstream in(file);
  if (in) {
    const std::string was((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
    if (was == is) return absl::OkStatus();
    // The same topic has more partitions than this state was made with, or it is another ledger.
    int had = 0;
    const bool is_recounted =
        absl::StartsWith(was, absl::StrCat(topic, "\n")) &&
        absl::SimpleAtoi(
            absl::StripSuffix(absl::string_view(was).substr(topic.size() + 1), " partitions\n"),
            &had) &&
        had < partitions;
    return absl::FailedPreconditionError(absl::StrCat(
        "the state in ", path, " is of ", absl::StrReplaceAll(was, {{"\n", " "}}), "and not of ",
        topic, " with ", partitions, " partitions: ",
        is_recounted
            ? absl::StrCat("a ledger's number of partitions never changes. Make new topics "
                           "with ",
                           had, " and `gridledger copy --reunite ", had,
                           "` it there: that brings facts to their incidents")
            : std::string("name another folder")));
  }
  if (!may_write) return absl::OkStatus();
  std::ofstream out(file);
  out << is;
  out.close();
  return out ? absl::OkStatus() : absl::UnavailableError(absl::StrCat("cannot write ", file));
}

absl::StatusOr<std::unique_ptr<Folder>> OpenCluster(const FolderOptions& options) {
  const MemoryShares shares = ShareMemory(options.memory_bytes);
  KafkaLogOptions log_options;
  log_options.bootstrap = options.log->bootstrap;
  log_options.topic = options.log->Topic();
  log_options.properties = options.kafka;
  log_options.memory_bytes = shares.stores / 2;
  log_options.readers = options.readers;
  log_options.said = options.said;
  auto log = KafkaLog::Open(std::move(log_options));
  if (absl::IsNotFound(log.status())) {
    return absl::NotFoundError(
        absl::StrCat(log.status().message(), ". `gridledger topics create` makes it"));
  }
  if (!log.ok()) return log.status();
  std::vector<std::string> said;
  std::unique_ptr<RocksStateStore> store;
  std::string path = options.path;
  if (!path.empty()) {
    if (absl::Status status = CheckIsFolder(path); !status.ok()) return status;
    if (absl::Status made = MakeFolder(path); !made.ok()) return made;
    if (absl::Status same =
            CheckSameLedger(path, options.log->Topic(), (*log)->partitions(), !options.read_only);
        !same.ok()) {
      return same;
    }
    auto opened = OpenState(options, shares.stores / 2, &said);
    if (!opened.ok()) return opened.status();
    store = *std::move(opened);
  } else {
    path = absl::StrCat(fs::temp_directory_path().string(), "/gridledger-XXXXXX");
    if (mkdtemp(path.data()) == nullptr) {
      return absl::UnavailableError(
          absl::StrCat("cannot make a folder in ", fs::temp_directory_path().string()));
    }
  }
  return std::make_unique<ClusterFolder>(options.log->Text(), *std::move(log), std::move(store),
                                         path, options.path.empty(), std::move(said));
}

}  // namespace

absl::Status CheckIsFolder(const std::string& path) {
  std::error_code ignored;
  if (!fs::exists(path, ignored) || fs::is_directory(path, ignored)) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(path, " is a file: --data names a folder"));
}

absl::StatusOr<std::unique_ptr<Folder>> Folder::Open(const FolderOptions& options) {
  if (options.log.has_value() && options.log->kind == LogName::Kind::kKafka) {
    return OpenCluster(options);
  }
  if (absl::Status status = CheckIsFolder(options.path); !status.ok()) return status;
  const std::string log_path = absl::StrCat(options.path, "/log");
  if (!fs::exists(log_path) && (options.read_only || options.partitions == 0)) {
    return absl::NotFoundError(
        absl::StrCat("there is no ledger in ", options.path,
                     ": make one with import, simulate or up, or check --data"));
  }
  if (!options.read_only) {
    if (absl::Status made = MakeFolder(options.path); !made.ok()) return made;
  }
  const MemoryShares shares = ShareMemory(options.memory_bytes);
  const size_t caches = options.bulk ? shares.stores / 4 : shares.stores;
  std::vector<std::string> said;
  LocalLogOptions log_options;
  log_options.folder = log_path;
  log_options.partitions = 0;  // a folder that is there keeps its own count
  log_options.read_only = options.read_only;
  log_options.cache_bytes = caches / 4;
  log_options.write_buffer_bytes = std::min<size_t>(shares.stores / 8, size_t{16} << 20);
  auto log = LocalLog::Open(log_options);
  if (absl::IsNotFound(log.status()) && !options.read_only && options.partitions > 0) {
    log_options.partitions = options.partitions;
    log = LocalLog::Open(log_options);
  }
  if (!log.ok()) return log.status();
  said.insert(said.end(), (*log)->warnings().begin(), (*log)->warnings().end());

  absl::Status state_status;
  auto store = OpenState(options, caches / 2, &said);
  if (options.read_only && absl::IsDataLoss(store.status())) {
    // Whoever only reads can do without: the ledger says it all.
    state_status = store.status();
    said.push_back(absl::StrCat(state_status.message(),
                                ". What is asked for is folded from the ledger instead, which "
                                "takes longer. `gridledger up` makes the state anew"));
    store = nullptr;
  }
  if (!store.ok()) return store.status();
  return std::make_unique<LocalFolder>(options.path, *std::move(log), *std::move(store),
                                       std::move(state_status), std::move(said));
}

std::string CodeId() { return absl::StrCat("gridledger ", GRIDLEDGER_VERSION); }

}  // namespace gridledger::host
