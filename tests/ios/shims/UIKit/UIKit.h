// UIKit, as far as React Native's headers and ours name it. What is only passed through is a class without members.
#pragma once
#import <Foundation/Foundation.h>
#import <dispatch/dispatch.h>

@class UIView, UIViewController, UIImage, UIColor, UIFont, UIWindow, UIScreen, UITouch, UIEvent, UIScrollView;

FOUNDATION_EXPORT NSString *const UIApplicationDidFinishLaunchingNotification;
FOUNDATION_EXPORT NSString *const UIApplicationWillEnterForegroundNotification;
