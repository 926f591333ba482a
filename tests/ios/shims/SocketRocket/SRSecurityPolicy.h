// As SocketRocket 0.7.1 declares it, the version that React Native has.
#pragma once
#import <Foundation/Foundation.h>
#import <Security/Security.h>

NS_ASSUME_NONNULL_BEGIN

@interface SRSecurityPolicy : NSObject
+ (instancetype)defaultPolicy;
- (instancetype)initWithCertificateChainValidationEnabled:(BOOL)enabled NS_DESIGNATED_INITIALIZER;
- (void)updateSecurityOptionsInStream:(NSStream *)stream;
- (BOOL)evaluateServerTrust:(SecTrustRef)serverTrust forDomain:(NSString *)domain;
@end

NS_ASSUME_NONNULL_END
