#import "SPKHooks.h"

#import <React/RCTWebSocketModule.h>

#import "SPKSecurityPolicy.h"
#import "SPKSwift.h"

/// What Expo calls `EXFetchCustomExtension`. Found by its name: an app need not have Expo.
@protocol SPKExpoFetch
+ (void)setCustomURLSessionConfigurationProvider:(NSURLSessionConfiguration * (^)(void))provider;
@end

@implementation SPKHooks

+ (void)take
{
  [self takeWebSocketsWithProtocols:nil];
  [self takeExpoFetch];
  // The request handler is React Native's to find: `codegenConfig` names it. It has images too.
  for (NSString *stack in @[ @"fetch", @"image", @"websocket" ]) {
    [SPKEngine tellStack:stack isHooked:YES];
  }
}

+ (void)takeWebSocketsWithProtocols:(NSArray<NSString *> *)protocols
{
  RCTSetCustomSRWebSocketProvider(^SRWebSocket *_Nullable(NSURLRequest *request) {
    // Without TLS there is nothing to judge, and React Native makes the socket by itself.
    if ([@[ @"ws", @"http" ] containsObject:request.URL.scheme.lowercaseString ?: @""]) {
      return nil;
    }
    // Without its sub-protocols a socket may be of no use: only what has to be judged is made so.
    if (protocols == nil && ![SPKEngine isPinnedURL:request.URL]) {
      return nil;
    }
    return [SPKSecurityPolicy socketWithRequest:request protocols:protocols];
  });
}

+ (void)takeExpoFetch
{
  Class extension = NSClassFromString(@"EXFetchCustomExtension");
  if (![extension respondsToSelector:@selector(setCustomURLSessionConfigurationProvider:)]) {
    return;
  }
  [SPKEngine tellStack:@"expo-fetch" isHooked:YES];
  [(Class<SPKExpoFetch>)extension setCustomURLSessionConfigurationProvider:^{
    // As Expo makes it where nobody asks for another.
    NSURLSessionConfiguration *configuration = NSURLSessionConfiguration.defaultSessionConfiguration;
    configuration.HTTPShouldSetCookies = YES;
    configuration.HTTPCookieAcceptPolicy = NSHTTPCookieAcceptPolicyAlways;
    configuration.HTTPCookieStorage = NSHTTPCookieStorage.sharedHTTPCookieStorage;
    if ([[NSBundle.mainBundle objectForInfoDictionaryKey:@"ReactNetworkForceWifiOnly"] boolValue]) {
      configuration.allowsCellularAccess = NO;
    }
    NSArray<Class> *others = configuration.protocolClasses ?: @[];
    configuration.protocolClasses = [@[ PinnedURLProtocol.class ] arrayByAddingObjectsFromArray:others];
    return configuration;
  }];
}

@end
