#import "SPKSecurityPolicy.h"

#import <SocketRocket/SRWebSocket.h>

#import "SPKSwift.h"

/// A stream that has failed.
@interface SPKFailedStream : NSStream
@property (nonatomic) NSError *error;
@end

@implementation SPKFailedStream

- (NSError *)streamError
{
  return self.error;
}

@end

@implementation SPKSecurityPolicy {
  __weak SRWebSocket *_socket; // which holds this policy
  SPKSocketJudge *_judge;
  BOOL _isRefused;
}

+ (SRWebSocket *)socketWithRequest:(NSURLRequest *)request protocols:(NSArray<NSString *> *)protocols
{
  SPKSecurityPolicy *policy = [self new];
  SRWebSocket *socket = [[SRWebSocket alloc] initWithURLRequest:request protocols:protocols securityPolicy:policy];
  policy->_socket = socket;
  policy->_judge = [SPKSocketJudge new];
  return socket;
}

- (void)dealloc
{
  [_judge close];
}

- (BOOL)evaluateServerTrust:(SecTrustRef)trust forDomain:(NSString *)domain
{
  SRWebSocket *socket = _socket;
  NSURL *url = socket.url;
  // A refused socket comes again, with its other stream.
  if (_isRefused || url == nil || ![super evaluateServerTrust:trust forDomain:domain]) {
    return NO;
  }
  // Before the verdict: pins that come while it is found are for this socket too.
  __weak __typeof(self) weakSelf = self;
  [_judge openWithCut:^{
    [weakSelf cut];
  }];
  if ([_judge acceptsTrust:trust ofURL:url]) {
    return YES;
  }
  _isRefused = YES;
  [self cut]; // SocketRocket's own error would not say why
  return NO;
}

/// Ends the socket at once, and has its delegate told why. `close` would wait for the server to agree, and listen to it as
/// long. To a socket this is what a broken connection looks like.
- (void)cut
{
  [_judge close];
  SPKFailedStream *stream = [SPKFailedStream new];
  stream.error = _judge.refusal;
  [_socket stream:stream handleEvent:NSStreamEventErrorOccurred];
}

@end
