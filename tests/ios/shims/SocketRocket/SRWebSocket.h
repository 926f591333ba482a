// As SocketRocket 0.7.1 declares it, the version that React Native has; as much of it as is called.
#pragma once
#import <Foundation/Foundation.h>

NS_ASSUME_NONNULL_BEGIN

@class SRSecurityPolicy;

@interface SRWebSocket : NSObject <NSStreamDelegate>
@property(nullable, nonatomic, readonly) NSURL *url;
- (instancetype)initWithURLRequest:(NSURLRequest *)request
                         protocols:(nullable NSArray<NSString *> *)protocols
                    securityPolicy:(SRSecurityPolicy *)securityPolicy NS_DESIGNATED_INITIALIZER;
- (void)open;
- (void)close;
@end

NS_ASSUME_NONNULL_END
