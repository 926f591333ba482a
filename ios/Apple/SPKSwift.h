// The Swift of this package, as Objective-C++ sees it. In a framework that header has the module's name before its own; a
// static library has it in the search path.
#import <Foundation/Foundation.h>
#import <Security/Security.h>

#if __has_include(<SpkiPinning/SpkiPinning-Swift.h>)
#import <SpkiPinning/SpkiPinning-Swift.h>
#else
#import "SpkiPinning-Swift.h"
#endif
