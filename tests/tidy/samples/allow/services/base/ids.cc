// tidy: allow(replay)
double a;
// tidy: allow(taste) because I like it
int b;
// tidy: allow(width) this line was long once
int c;
double d;  // tidy: allow(replay) printed, never folded
