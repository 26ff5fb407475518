#include "services/history/mapping/guess/state_words.h"

#include <absl/strings/ascii.h>
#include <absl/strings/match.h>
#include <absl/strings/str_split.h>
#include <absl/types/span.h>

#include <string>
#include <vector>

namespace gridledger::mapping {
namespace {

constexpr StateMeaning kReported = {"reported", "", "", ""};
constexpr StateMeaning kAccepted = {"accepted", "", "", ""};
constexpr StateMeaning kVerified = {"verified", "", "", ""};
constexpr StateMeaning kFiled = {"filed", "", "", ""};
constexpr StateMeaning kDispatched = {"dispatched", "", "", ""};
constexpr StateMeaning kTaken = {"dispatch_accepted", "", "", ""};
constexpr StateMeaning kStarted = {"handling_started", "", "", ""};
constexpr StateMeaning kAwaiting = {"handling_paused", "", "", "AWAITING"};
constexpr StateMeaning kPended = {"handling_paused", "", "", "PENDED"};
constexpr StateMeaning kDeferred = {"handling_paused", "", "", "DEFERRED"};
constexpr StateMeaning kFinished = {"handling_finished", "", "", ""};
constexpr StateMeaning kPassed = {"check_passed", "", "", ""};
constexpr StateMeaning kClosed = {"closed", "UNCHECKED", "", ""};
constexpr StateMeaning kTransferred = {"closed", "TRANSFERRED", "", ""};
constexpr StateMeaning kWithdrawn = {"voided", "", "WITHDRAWN", ""};
constexpr StateMeaning kTest = {"voided", "", "TEST", ""};
constexpr StateMeaning kRefused = {"refused", "", "NOT_OURS", ""};
constexpr StateMeaning kDuplicate = {"refused", "", "DUPLICATE", ""};

struct Word {
  absl::string_view words;  // with one blank between them
  StateMeaning meaning;
};

// The first that is there decides: what an incident waits for says more than what it is doing.
constexpr Word kEnglish[] = {
    {"duplicate duplicated", kDuplicate},
    {"cancelled canceled withdrawn void voided invalid deleted", kWithdrawn},
    {"test spam", kTest},
    {"rejected refused declined", kRefused},
    {"referred transferred", kTransferred},
    {"reopened reopen", kStarted},
    {"awaiting await waiting wait pending hold held suspended paused stalled", kAwaiting},
    {"deferred postponed delayed", kDeferred},
    {"closed close archived", kClosed},
    {"resolved solved fixed finished done completed complete repaired", kFinished},
    {"checked inspected", kPassed},
    {"unassigned new open opened submitted received registered created reported logged todo",
     kReported},
    {"progress active working started processing ongoing investigating", kStarted},
    {"assigned dispatched scheduled routed", kDispatched},
    {"accepted acknowledged", kAccepted},
    {"verified confirmed", kVerified},
    {"filed approved", kFiled},
};

// German, French, Spanish and Dutch, in the same order.
constexpr Word kOthers[] = {
    {"duplikat dublette doublon duplicado dubbel", kDuplicate},
    {"storniert zurückgezogen annulé annulée cancelado cancelada anulado geannuleerd ingetrokken",
     kWithdrawn},
    {"abgelehnt rejeté rejetée refusé refusée rechazado rechazada afgewezen", kRefused},
    {"weitergeleitet transféré transférée transferido doorgestuurd", kTransferred},
    {"wiedereröffnet rouvert réouvert reabierto reabierta heropend", kStarted},
    {"wartend wartet rückfrage attente pendiente espera wacht wachtend wachten", kAwaiting},
    {"zurückgestellt vertagt reporté reportée aplazado aplazada uitgesteld", kDeferred},
    {"geschlossen abgeschlossen beendet archiviert fermé fermée clos close clôturé clôturée "
     "cerrado cerrada archivado gesloten afgesloten gearchiveerd",
     kClosed},
    {"erledigt gelöst behoben résolu résolue terminé terminée traité traitée resuelto resuelta "
     "terminado terminada finalizado finalizada afgehandeld opgelost voltooid gereed",
     kFinished},
    {"geprüft vérifié vérifiée verificado gecontroleerd", kPassed},
    {"offen neu eingegangen gemeldet ouvert ouverte nouveau nouvelle reçu reçue nuevo nueva "
     "abierto abierta recibido recibida nieuw ontvangen",
     kReported},
    {"bearbeitung cours curso proceso behandeling uitvoering", kStarted},
    {"zugewiesen zugeteilt affecté affectée assigné attribué asignado asignada toegewezen",
     kDispatched},
    {"angenommen accepté acceptée aceptado aceptada geaccepteerd", kAccepted},
};

// What is not closed is anything but closed.
constexpr absl::string_view kNots[] = {"not", "nicht", "niet", "non", "pas"};

// Longer ones before those that they have in them: what is 待结案 is not 结案 yet.
constexpr Word kChinese[] = {
    {"重复", kDuplicate},
    {"作废 撤销 撤回 撤案 取消", kWithdrawn},
    {"不予受理 不受理 不予立案 退回 驳回", kRefused},
    {"待结案 待办结 待核查 待审核 待评价 待回访 待验收", kFinished},
    {"未结案 未办结 未办理完", kStarted},
    {"挂账", kPended},
    {"缓办 延期", kDeferred},
    {"挂起 暂停 待反馈 待料 待补充", kAwaiting},
    {"待 未受理 未处理 未处置 新建 登记 上报 草稿", kReported},
    {"返工 重办 整改 处理中 处置中 办理中 进行中 在办", kStarted},
    {"核查通过 验收通过", kPassed},
    {"已处置 处置完成 已处理 处理完成 已完成 已解决 已整改", kFinished},
    {"办结 结案 已结 归档 关闭 完结 销号 已完结", kClosed},
    {"签收 接单", kTaken},
    {"派遣 派单 已派 转办 交办 分派", kDispatched},
    {"立案", kFiled},
    {"核实", kVerified},
    {"受理", kAccepted},
};

}  // namespace

StateMeaning MeaningOf(absl::string_view state) {
  const std::string lower = absl::AsciiStrToLower(state);
  std::vector<std::string> tokens;
  std::string token;
  for (const char c : lower) {
    if (absl::ascii_isalpha(c) || !absl::ascii_isascii(c)) {
      token += c;
    } else if (!token.empty()) {
      tokens.push_back(std::move(token));
      token.clear();
    }
  }
  if (!token.empty()) tokens.push_back(std::move(token));
  // A long text names a step of work, and a word of it no state: "Report reasons to hold request".
  constexpr size_t kTokensMax = 4;
  if (tokens.size() > kTokensMax) tokens.clear();
  for (const std::string& found : tokens) {
    for (const absl::string_view no : kNots) {
      if (found == no) return {};
    }
  }
  for (const absl::Span<const Word> words :
       {absl::MakeConstSpan(kEnglish), absl::MakeConstSpan(kOthers)}) {
    for (const Word& word : words) {
      for (const absl::string_view one : absl::StrSplit(word.words, ' ')) {
        for (const std::string& found : tokens) {
          if (found == one) return word.meaning;
        }
      }
    }
  }
  for (const Word& word : kChinese) {
    for (const absl::string_view one : absl::StrSplit(word.words, ' ')) {
      if (absl::StrContains(state, one)) return word.meaning;
    }
  }
  return {};
}

}  // namespace gridledger::mapping
