// The check of a handshake, without uniffi's copies. Defined and explained in rust/ffi/src/c.rs.
#ifndef SPKI_PINNING_CHECK_H
#define SPKI_PINNING_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/// Bytes of the caller's, for the time of a call. NULL: there are none.
typedef struct {
  const uint8_t *_Nullable data;
  size_t length;
} SpkiBytes;

/// NULL: the connection goes ahead. Otherwise why not, as JSON text; give it back to `spki_pinning_free`.
char *_Nullable spki_pinning_check(SpkiBytes host, const SpkiBytes *_Nullable chain, size_t count, bool validated,
                                   SpkiBytes stack);

void spki_pinning_free(char *_Nullable refusal);

#endif
