#import <Foundation/Foundation.h>

/// The places where React Native and Expo let somebody make their sockets and sessions. Each is for one taker, and does not
/// tell who that is: so the way to have them is to take them again.
@interface SPKHooks : NSObject

/// Takes all of them. To be called on the main thread.
+ (void)take;

/// Takes React Native's WebSockets, the next of which is for these sub-protocols. Nil: they are not known, and a
/// socket to a host that is pinned is made without. To be called on the main thread.
+ (void)takeWebSocketsWithProtocols:(NSArray<NSString *> *)protocols;

@end
