#import <RNSpkiPinningSpec/RNSpkiPinningSpec.h>
#import <React/RCTInvalidating.h>

/// What JavaScript calls. There is one engine for the process and, after a reload, a new module beside the old one: the last
/// one that listens gets the events.
@interface SpkiPinningModule : NativeSpkiPinningSpecBase <NativeSpkiPinningSpec, RCTInvalidating>
@end
