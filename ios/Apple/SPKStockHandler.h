#import <React/RCTHTTPRequestHandler.h>

#import "SPKSwift.h"

/// React Native's own handler of HTTP, in which loads are asked about all that its session is told. Its configuration,
/// cookies and interceptor stay what they are.
@interface SPKStockHandler : RCTHTTPRequestHandler <SPKCarrier>
@end
