void A() { std::this_thread::sleep_for(std::chrono::seconds(1)); }
void B() { absl::SleepFor(absl::Seconds(1)); }
void C() { usleep(5); }
// tidy: allow(sleep) the broker has no other sign of life
void D() { sleep(5); }
