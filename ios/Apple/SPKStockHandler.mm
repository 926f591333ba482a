#import "SPKStockHandler.h"

#import <mutex>

// React Native's handler is that, though its header does not say so.
@interface RCTHTTPRequestHandler () <NSURLSessionDataDelegate>
@end

@interface SPKStockHandler () <RCTURLRequestDelegate>
@end

@implementation SPKStockHandler {
  NSMapTable<NSURLSessionTask *, SPKLoad *> *_loads;
  BOOL _isRetired;
  std::mutex _mutex;
}

- (instancetype)init
{
  if (self = [super init]) {
    _loads = [NSMapTable strongToStrongObjectsMapTable];
  }
  return self;
}

#pragma mark - SPKCarrier

- (NSURLSessionTask *)startRequest:(NSURLRequest *)request forLoad:(SPKLoad *)load
{
  // The session may speak of a task before it is in the table. Until it is, that waits for this lock.
  std::lock_guard<std::mutex> lock(_mutex);
  if (_isRetired) {
    return nil; // the stock handler would make itself another session, or fail on having none
  }
  NSURLSessionTask *task = [super sendRequest:request withDelegate:self];
  [_loads setObject:load forKey:task];
  return task;
}

- (void)retire
{
  {
    std::lock_guard<std::mutex> lock(_mutex);
    _isRetired = YES;
  }
  [self invalidate]; // ends the tasks that there are; each tells its load
}

- (SPKLoad *)loadOfTask:(NSURLSessionTask *)task
{
  std::lock_guard<std::mutex> lock(_mutex);
  return [_loads objectForKey:task];
}

#pragma mark - NSURLSession's delegate: what the stock handler does not ask anybody about

- (BOOL)respondsToSelector:(SEL)selector
{
  // A category may have given it to the stock handler. A session asks it before the one of the task, which is the one that is
  // judged by; it is asked after that.
  if (selector == @selector(URLSession:didReceiveChallenge:completionHandler:)) {
    return NO;
  }
  return [super respondsToSelector:selector];
}

- (void)URLSession:(NSURLSession *)session
                   task:(NSURLSessionTask *)task
    didReceiveChallenge:(NSURLAuthenticationChallenge *)challenge
      completionHandler:(void (^)(NSURLSessionAuthChallengeDisposition, NSURLCredential *))completionHandler
{
  SPKLoad *load = [self loadOfTask:task];
  if (load == nil) {
    completionHandler(NSURLSessionAuthChallengeCancelAuthenticationChallenge, nil);
    return;
  }
  [load didReceiveChallenge:challenge
                     others:^(void (^completion)(NSURLSessionAuthChallengeDisposition, NSURLCredential *)) {
                       [self askInherited:challenge session:session task:task completionHandler:completion];
                     }
          completionHandler:completionHandler];
}

/// What a category of the app's does about challenges (client certificates, say) is done as before, but for a pinned server that
/// the pins or the platform refuse.
- (void)askInherited:(NSURLAuthenticationChallenge *)challenge
              session:(NSURLSession *)session
                 task:(NSURLSessionTask *)task
    completionHandler:(void (^)(NSURLSessionAuthChallengeDisposition, NSURLCredential *))completionHandler
{
  Class stock = RCTHTTPRequestHandler.class;
  if ([stock instancesRespondToSelector:@selector(URLSession:didReceiveChallenge:completionHandler:)]) {
    [super URLSession:session didReceiveChallenge:challenge completionHandler:completionHandler];
  } else if ([stock instancesRespondToSelector:@selector(URLSession:task:didReceiveChallenge:completionHandler:)]) {
    [super URLSession:session task:task didReceiveChallenge:challenge completionHandler:completionHandler];
  } else {
    completionHandler(NSURLSessionAuthChallengePerformDefaultHandling, nil);
  }
}

- (void)URLSession:(NSURLSession *)session
                          task:(NSURLSessionTask *)task
    willPerformHTTPRedirection:(NSHTTPURLResponse *)response
                    newRequest:(NSURLRequest *)request
             completionHandler:(void (^)(NSURLRequest *))completionHandler
{
  if (![[self loadOfTask:task] goesOnAfterRedirect:response session:session task:task]) {
    completionHandler(nil);
    [task cancel];
    return;
  }
  [super URLSession:session
                            task:task
      willPerformHTTPRedirection:response
                      newRequest:request
               completionHandler:completionHandler];
}

- (void)URLSession:(NSURLSession *)session
              dataTask:(NSURLSessionDataTask *)task
    didReceiveResponse:(NSURLResponse *)response
     completionHandler:(void (^)(NSURLSessionResponseDisposition))completionHandler
{
  if (![[self loadOfTask:task] wantsResponse:response session:session task:task]) {
    completionHandler(NSURLSessionResponseCancel);
    return;
  }
  [super URLSession:session dataTask:task didReceiveResponse:response completionHandler:completionHandler];
}

- (void)URLSession:(NSURLSession *)session
             dataTask:(NSURLSessionDataTask *)task
    willCacheResponse:(NSCachedURLResponse *)response
    completionHandler:(void (^)(NSCachedURLResponse *))completionHandler
{
  completionHandler([[self loadOfTask:task] markedResponse:response session:session task:task]);
}

#pragma mark - RCTURLRequestDelegate: what it passes on

- (void)URLRequest:(NSURLSessionTask *)task didSendDataWithProgress:(int64_t)bytesSent
{
  [[self loadOfTask:task] didSendBytes:bytesSent];
}

- (void)URLRequest:(NSURLSessionTask *)task didReceiveResponse:(NSURLResponse *)response
{
  // The load has got it, or it would not be here.
}

- (void)URLRequest:(NSURLSessionTask *)task didReceiveData:(NSData *)data
{
  [[self loadOfTask:task] didReceiveData:data];
}

- (void)URLRequest:(NSURLSessionTask *)task didCompleteWithError:(NSError *)error
{
  SPKLoad *load = [self loadOfTask:task];
  {
    std::lock_guard<std::mutex> lock(_mutex);
    [_loads removeObjectForKey:task];
  }
  [load didCompleteWithError:error];
}

@end
