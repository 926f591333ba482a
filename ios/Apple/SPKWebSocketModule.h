#import <React/RCTWebSocketModule.h>

/// React Native's module for WebSockets. It tells our provider of sockets what React Native does not: the sub-protocols.
///
/// React Native makes it in place of its own by `codegenConfig.ios.modulesProvider`. A React Native that does not know that,
/// or an app with a module of its own, pins all the same, but its sockets ask for no sub-protocol.
@interface SPKWebSocketModule : RCTWebSocketModule
@end
