// A header with a guard.
#ifndef GUARDED_H
#define GUARDED_H
#endif
