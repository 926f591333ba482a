// What Apple's compiler and SDK have beyond GNUstep's Foundation, and beyond GCC's C++ library. Included before everything.
#pragma once
#define __deprecated_msg(text) __attribute__((deprecated(text)))
#define __nullable _Nullable
#define NS_REQUIRES_SUPER __attribute__((objc_requires_super))

#import <GNUstepBase/GSConfig.h>
#undef GS_HAVE_NSURLSESSION
#define GS_HAVE_NSURLSESSION 1 // Debian's library is built without; its headers have it
#import <Foundation/Foundation.h>
#import <dispatch/dispatch.h>

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <string>

// A function-like macro of glibc's headers, which are all read by now.
#undef __nonnull
#define __nonnull _Nonnull

#define kCFNull [NSNull null]

@interface NSURLSessionConfiguration ()
@property BOOL allowsCellularAccess;
@property(nullable, copy) NSArray<Class> *protocolClasses;
@end
