#import "SpkiPinningModule.h"

#import "SPKHooks.h"
#import "SPKSwift.h"

/// Who gets the events. Under the lock of the class.
static __weak SpkiPinningModule *listeningModule;

@implementation SpkiPinningModule {
  BOOL _isOver;
}

RCT_EXPORT_MODULE(SpkiPinning)

+ (BOOL)requiresMainQueueSetup
{
  return NO;
}

- (instancetype)init
{
  if (self = [super init]) {
    dispatch_async(self.methodQueue, ^{
      [SPKHooks take];
    });
  }
  return self;
}

- (void)invalidate
{
  [self setListening:NO];
  @synchronized(self) {
    _isOver = YES;
  }
}

// Where hooks can be taken, so that they are before `initialize` says it is done.
- (dispatch_queue_t)methodQueue
{
  return dispatch_get_main_queue();
}

#pragma mark - NativeSpkiPinningSpec

- (void)initialize:(NSString *)document resolve:(RCTPromiseResolveBlock)resolve reject:(RCTPromiseRejectBlock)reject
{
  [SPKHooks take];
  resolve([SPKEngine initialize:document]);
}

- (void)disable:(RCTPromiseResolveBlock)resolve reject:(RCTPromiseRejectBlock)reject
{
  [SPKEngine disable];
  resolve(nil);
}

- (void)getStatus:(RCTPromiseResolveBlock)resolve reject:(RCTPromiseRejectBlock)reject
{
  resolve([SPKEngine status]);
}

/// Waits for a network, and has the main queue go on.
static void answerInBackground(RCTPromiseResolveBlock resolve, NSString * (^work)(void))
{
  dispatch_async(dispatch_get_global_queue(QOS_CLASS_UTILITY, 0), ^{
    resolve(work());
  });
}

- (void)update:(RCTPromiseResolveBlock)resolve reject:(RCTPromiseRejectBlock)reject
{
  answerInBackground(resolve, ^{
    return [SPKEngine update];
  });
}

- (void)verify:(NSString *)host
          port:(double)port
       resolve:(RCTPromiseResolveBlock)resolve
        reject:(RCTPromiseRejectBlock)reject
{
  answerInBackground(resolve, ^{
    return [SPKEngine verifyHost:host port:port];
  });
}

- (void)watch:(NSString *)host
{
  [SPKEngine watchHost:host];
}

- (void)watched:(RCTPromiseResolveBlock)resolve reject:(RCTPromiseRejectBlock)reject
{
  resolve([SPKEngine watched]);
}

- (void)setListening:(BOOL)listening
{
  @synchronized(SpkiPinningModule.class) {
    if (listening) {
      listeningModule = self;
      __weak __typeof(self) weakSelf = self;
      [SPKEngine setListener:^(NSString *event) {
        [weakSelf emit:event];
      }];
    } else if (listeningModule == self) {
      listeningModule = nil;
      [SPKEngine setListener:nil];
    }
  }
}

/// Called on any thread. After `invalidate` there is no more JavaScript to emit to, and React Native does not look.
- (void)emit:(NSString *)event
{
  @synchronized(self) {
    if (!_isOver) {
      [self emitOnEvent:event];
    }
  }
}

#pragma mark - RCTTurboModule

- (std::shared_ptr<facebook::react::TurboModule>)getTurboModule:
    (const facebook::react::ObjCTurboModule::InitParams &)params
{
  return std::make_shared<facebook::react::NativeSpkiPinningSpecJSI>(params);
}

@end
