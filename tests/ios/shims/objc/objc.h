// The Objective-C runtime as Apple's declares it, as far as headers ask for it: that of GCC, which Debian has, is not C++.
#pragma once
#define __GNU_LIBOBJC__ 20110608 // what GNUstep asks for
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct objc_class *Class;
typedef struct objc_object {
  Class isa;
} *id;
typedef struct objc_selector *SEL;
typedef id (*IMP)(id, SEL, ...);
typedef bool BOOL; // as on arm64

#define YES __objc_yes
#define NO __objc_no
#define nil nullptr
#define Nil nullptr
