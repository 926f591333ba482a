#import <UIKit/UIKit.h>

#import "SPKHooks.h"
#import "SPKSwift.h"

/// Pins before any code of the app runs.
@interface SPKStart : NSObject
@end

@implementation SPKStart

+ (void)load
{
  [SPKEngine start];
  // The classes of all libraries that the app links are there by now, be they static or dynamic: the runtime registers those
  // of all images before it calls the first `+load`.
  [SPKHooks take];
  // An app that sets a provider of its own does so while it launches, that is after this; its sessions are made later still.
  [NSNotificationCenter.defaultCenter addObserverForName:UIApplicationDidFinishLaunchingNotification
                                                  object:nil
                                                   queue:nil
                                              usingBlock:^(NSNotification *) {
                                                [SPKHooks take];
                                              }];
  [NSNotificationCenter.defaultCenter addObserverForName:UIApplicationWillEnterForegroundNotification
                                                  object:nil
                                                   queue:nil
                                              usingBlock:^(NSNotification *) {
                                                [SPKEngine cameToForeground];
                                              }];
}

@end
