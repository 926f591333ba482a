// What the Swift compiler writes of the declarations with `@objc` in ios/Core and ios/Apple; only Apple's does. A test holds
// the names here against those there.
#pragma once
#import <Foundation/Foundation.h>
#import <Security/Security.h>

NS_ASSUME_NONNULL_BEGIN

@class SPKLoad;

@protocol SPKCarrier
- (nullable NSURLSessionTask *)startRequest:(NSURLRequest *)request forLoad:(SPKLoad *)load;
- (void)retire;
@end

@protocol SPKLoadClient
- (void)loadDidSendBytes:(int64_t)bytes;
- (nullable NSURLRequest *)loadWasRedirectedTo:(NSURLRequest *)request by:(NSHTTPURLResponse *)response;
- (void)loadDidReceiveResponse:(NSURLResponse *)response;
- (void)loadDidReceiveData:(NSData *)data;
- (void)loadDidCompleteWithError:(nullable NSError *)error;
@end

@interface SPKLoad : NSObject
- (instancetype)init NS_UNAVAILABLE;
- (void)cancel;
- (void)didReceiveChallenge:(NSURLAuthenticationChallenge *)challenge
                     others:(void (^)(void (^)(NSURLSessionAuthChallengeDisposition, NSURLCredential *_Nullable)))others
          completionHandler:(void (^)(NSURLSessionAuthChallengeDisposition, NSURLCredential *_Nullable))completionHandler;
- (void)didSendBytes:(int64_t)bytes;
- (BOOL)goesOnAfterRedirect:(NSHTTPURLResponse *)redirect session:(NSURLSession *)session task:(NSURLSessionTask *)task;
- (BOOL)wantsResponse:(NSURLResponse *)response session:(NSURLSession *)session task:(NSURLSessionTask *)task;
- (NSCachedURLResponse *)markedResponse:(NSCachedURLResponse *)answer
                                session:(NSURLSession *)session
                                   task:(NSURLSessionTask *)task;
- (void)didReceiveData:(NSData *)data;
- (void)didCompleteWithError:(nullable NSError *)error;
@end

@interface SPKRequests : NSObject
- (instancetype)init NS_UNAVAILABLE;
- (instancetype)initWithStack:(NSString *)stack makeCarrier:(id<SPKCarrier> (^)(void))makeCarrier NS_DESIGNATED_INITIALIZER;
- (SPKLoad *)loadRequest:(NSURLRequest *)request client:(id<SPKLoadClient>)client;
- (void)invalidate;
@end

@interface SPKSocketJudge : NSObject
@property(nonatomic, readonly, nullable) NSError *refusal;
- (BOOL)acceptsTrust:(SecTrustRef)trust ofURL:(NSURL *)url;
- (void)openWithCut:(void (^)(void))cut;
- (void)close;
@end

@interface SPKEngine : NSObject
+ (void)start;
+ (NSString *)initialize:(NSString *)document;
+ (void)disable;
+ (NSString *)status;
+ (NSString *)update;
+ (NSString *)verifyHost:(NSString *)host port:(double)port;
+ (void)watchHost:(NSString *)host;
+ (NSString *)watched;
+ (void)cameToForeground;
+ (void)tellStack:(NSString *)stack isHooked:(BOOL)isHooked;
+ (void)setListener:(void (^_Nullable)(NSString *))listener;
+ (BOOL)isPinnedURL:(NSURL *)url;
@end

@interface SPKSslPinning : NSObject
+ (NSURLSession *)sessionWithConfiguration:(NSURLSessionConfiguration *)configuration
                                  delegate:(nullable id<NSURLSessionDelegate>)delegate
                             delegateQueue:(nullable NSOperationQueue *)delegateQueue;
+ (BOOL)verifyResponse:(NSURLResponse *)response error:(NSError *_Nullable *_Nullable)error;
@end

@interface PinnedURLProtocol : NSURLProtocol
@end

NS_ASSUME_NONNULL_END
