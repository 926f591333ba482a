#import <React/RCTInvalidating.h>
#import <React/RCTURLRequestHandler.h>

/// Takes the HTTP requests of React Native's `fetch`, XMLHttpRequest and images, in place of its own handler.
@interface SPKRequestHandler : NSObject <RCTURLRequestHandler, RCTInvalidating>
@end
