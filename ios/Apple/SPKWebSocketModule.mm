#import "SPKWebSocketModule.h"

#import <FBReactNativeSpec/FBReactNativeSpec.h>

#import "SPKHooks.h"

// React Native's module is that, though its header does not say so.
@interface RCTWebSocketModule () <NativeWebSocketModuleSpec>
@end

@implementation SPKWebSocketModule

// Inherited, it would be the name of this class. It is not registered under either: that place is the stock module's.
+ (NSString *)moduleName
{
  return @"WebSocketModule";
}

// On the main queue, as the module wants it. The provider is called before this returns.
- (void)connect:(NSString *)url
      protocols:(NSArray *)protocols
        options:(JS::NativeWebSocketModule::SpecConnectOptions &)options
       socketID:(double)socketID
{
  [SPKHooks takeWebSocketsWithProtocols:protocols ?: @[]];
  [super connect:url protocols:protocols options:options socketID:socketID];
  [SPKHooks takeWebSocketsWithProtocols:nil];
}

@end
