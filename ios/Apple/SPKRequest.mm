#import "SPKRequest.h"

#import <mutex>

@implementation SPKRequest {
  // Held, whatever RCTURLRequestHandler.h says: React Native's own handler does it, and callers have come to need it.
  id<RCTURLRequestDelegate> _delegate;
  dispatch_queue_t _queue;
  // Holds this object, until it has ended.
  SPKLoad *_load;
  BOOL _isOver;
  BOOL _isCancelled;
  std::mutex _mutex;
}

- (instancetype)initWithRequest:(NSURLRequest *)request
                             in:(SPKRequests *)requests
                       delegate:(id<RCTURLRequestDelegate>)delegate
                          queue:(dispatch_queue_t)queue
{
  if (self = [super init]) {
    _delegate = delegate;
    _queue = queue;
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
  {
    std::lock_guard<std::mutex> lock(_mutex);
    _isCancelled = YES;
  }
  [[self end] cancel];
}

/// The stock handler's session is on that queue already, a session of our own is not.
- (void)tellDelegate:(void (^)(id<RCTURLRequestDelegate>))tell
{
  dispatch_async(_queue, ^{
    bool isCancelled;
    {
      std::lock_guard<std::mutex> lock(self->_mutex);
      isCancelled = self->_isCancelled;
    }
    if (!isCancelled) {
      tell(self->_delegate);
    }
  });
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
  [self tellDelegate:^(id<RCTURLRequestDelegate> delegate) {
    [delegate URLRequest:self didSendDataWithProgress:bytes];
  }];
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
  [self tellDelegate:^(id<RCTURLRequestDelegate> delegate) {
    [delegate URLRequest:self didReceiveResponse:response];
  }];
}

- (void)loadDidReceiveData:(NSData *)data
{
  [self tellDelegate:^(id<RCTURLRequestDelegate> delegate) {
    [delegate URLRequest:self didReceiveData:data];
  }];
}

- (void)loadDidCompleteWithError:(NSError *)error
{
  [self end];
  [self tellDelegate:^(id<RCTURLRequestDelegate> delegate) {
    [delegate URLRequest:self didCompleteWithError:error];
  }];
}

@end
