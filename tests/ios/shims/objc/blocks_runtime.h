// Of the Objective-C runtime that GNUstep wants with clang; Debian has it with GCC's.
#pragma once
#ifdef __cplusplus
extern "C" {
#endif
void *_Block_copy(const void *);
void _Block_release(const void *);
#ifdef __cplusplus
}
#endif
