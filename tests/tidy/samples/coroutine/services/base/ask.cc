Answer A(int id) {
  auto one = co_await Ask([id](int n) { return n == id; });
  auto two = co_await city.Ask<int>(
      partition, [this, id](int n) mutable { return n == id; });
  auto asking = Ask([id](int n) { return n == id; });
  auto three = co_await std::move(asking);
  auto four = co_await Ask([](int n) { return n; });
  co_return co_await Take(all[id](three), four);
}
