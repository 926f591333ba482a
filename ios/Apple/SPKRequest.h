#import <React/RCTURLRequestDelegate.h>

#import "SPKSwift.h"

/// A request of React Native, and its token there.
@interface SPKRequest : NSObject <SPKLoadClient>

/// Starts it. The delegate is called on that queue, React Native's for networking; on it, it hears nothing before this
/// returns, and nothing after `cancel`.
- (instancetype)initWithRequest:(NSURLRequest *)request
                             in:(SPKRequests *)requests
                       delegate:(id<RCTURLRequestDelegate>)delegate
                          queue:(dispatch_queue_t)queue;

- (void)cancel;

@end
