#import "SPKRequestHandler.h"

#import <ReactCommon/RCTTurboModule.h>

#import "SPKRequest.h"
#import "SPKStockHandler.h"

@interface SPKRequestHandler () <RCTTurboModule>
@end

@implementation SPKRequestHandler {
  SPKRequests *_requests;
}

@synthesize moduleRegistry = _moduleRegistry;

RCT_EXPORT_MODULE()

+ (BOOL)requiresMainQueueSetup
{
  return NO;
}

- (instancetype)init
{
  if (self = [super init]) {
    __weak __typeof(self) weakSelf = self;
    _requests = [[SPKRequests alloc] initWithStack:@"fetch"
                                       makeCarrier:^id<SPKCarrier> {
                                         SPKStockHandler *handler = [SPKStockHandler new];
                                         // Where it finds the queue that React Native wants to be called on.
                                         handler.moduleRegistry = weakSelf.moduleRegistry;
                                         return handler;
                                       }];
  }
  return self;
}

- (void)invalidate
{
  [_requests invalidate];
}

#pragma mark - RCTURLRequestHandler

- (float)handlerPriority
{
  return 1000; // over handlers of the app: nobody judges what those do
}

- (BOOL)canHandleRequest:(NSURLRequest *)request
{
  return [@[ @"http", @"https" ] containsObject:request.URL.scheme.lowercaseString ?: @""];
}

- (SPKRequest *)sendRequest:(NSURLRequest *)request withDelegate:(id<RCTURLRequestDelegate>)delegate
{
  dispatch_queue_t queue = [[_moduleRegistry moduleForName:"Networking"] methodQueue] ?: dispatch_get_main_queue();
  return [[SPKRequest alloc] initWithRequest:request in:_requests delegate:delegate queue:queue];
}

- (void)cancelRequest:(SPKRequest *)request
{
  [request cancel];
}

#pragma mark - RCTTurboModule

- (std::shared_ptr<facebook::react::TurboModule>)getTurboModule:
    (const facebook::react::ObjCTurboModule::InitParams &)params
{
  return nullptr; // JavaScript has no business here
}

@end
