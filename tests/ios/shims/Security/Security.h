#pragma once
typedef struct __SecTrust *SecTrustRef;
