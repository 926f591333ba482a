#import <React/RCTURLRequestDelegate.h>

#import "SPKSwift.h"

/// A request of React Native, and its token there.
@interface SPKRequest : NSObject <SPKLoadClient>

/// Starts it. The delegate hears nothing before this returns.
- (instancetype)initWithRequest:(NSURLRequest *)request
                             in:(SPKRequests *)requests
                       delegate:(id<RCTURLRequestDelegate>)delegate;

/// The delegate hears nothing more.
- (void)cancel;

@end
