#import <SocketRocket/SRSecurityPolicy.h>

@class SRWebSocket;

/// SocketRocket's default policy, and the pins of the socket's host: at the handshake, and as long as the socket is open.
@interface SPKSecurityPolicy : SRSecurityPolicy

/// A socket with a policy of its own.
+ (SRWebSocket *)socketWithRequest:(NSURLRequest *)request protocols:(NSArray<NSString *> *)protocols;

@end
