#import "SPKRequest.h"

#import <mutex>

@implementation SPKRequest {
  // Held, whatever RCTURLRequestHandler.h says: React Native's own handler does it, and callers have come to need it.
  id<RCTURLRequestDelegate> _delegate;
  // Holds this object, until it has ended.
  SPKLoad *_load;
  BOOL _isOver;
  std::mutex _mutex;
}

- (instancetype)initWithRequest:(NSURLRequest *)request
                             in:(SPKRequests *)requests
                       delegate:(id<RCTURLRequestDelegate>)delegate
{
  if (self = [super init]) {
    _delegate = delegate;
    SPKLoad *load = [requests loadRequest:request client:self];
    std::lock_guard<std::mutex> lock(_mutex);
    if (!_isOver) {
      _load = load;
    }
  }
  return self;
}

- (void)cancel
{
  [[self end] cancel];
}

/// The load, if it has not ended by itself.
- (SPKLoad *)end
{
  std::lock_guard<std::mutex> lock(_mutex);
  SPKLoad *load = _load;
  _load = nil;
  _isOver = YES;
  return load;
}

#pragma mark - SPKLoadClient

- (void)loadDidSendBytes:(int64_t)bytes
{
  [_delegate URLRequest:self didSendDataWithProgress:bytes];
}

- (NSURLRequest *)loadWasRedirectedTo:(NSURLRequest *)request by:(NSHTTPURLResponse *)response
{
  // As React Native's own handler: the cookies of the new URL, and no other header of the request before.
  NSMutableURLRequest *next = [request mutableCopy];
  NSArray<NSHTTPCookie *> *cookies = [NSHTTPCookieStorage.sharedHTTPCookieStorage cookiesForURL:request.URL];
  next.allHTTPHeaderFields = [NSHTTPCookie requestHeaderFieldsWithCookies:cookies];
  return next;
}

- (void)loadDidReceiveResponse:(NSURLResponse *)response
{
  [_delegate URLRequest:self didReceiveResponse:response];
}

- (void)loadDidReceiveData:(NSData *)data
{
  [_delegate URLRequest:self didReceiveData:data];
}

- (void)loadDidCompleteWithError:(NSError *)error
{
  [self end];
  [_delegate URLRequest:self didCompleteWithError:error];
}

@end
