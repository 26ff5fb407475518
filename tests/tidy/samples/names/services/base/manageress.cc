class TaskManager {};
struct EventHandler final {
  int handler_id;
};
enum class ProcessState { kOld };
using IncidentInfo = int;
namespace helpers {}
template <class Data>
struct HandlingFinished {};
int process(int data) { return data; }
