#!/usr/bin/env bash
# Makes certificates.json: the certificates, good and broken, that the other vectors refer to by id.
#
# Every key is new on each run, so every pin changes; the other vectors name pins as "$id" and stay as they are.
# Needs bash, coreutils, awk and openssl 3. Keys live in a temporary directory and are gone afterwards.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

# --- DER by hand, for what the openssl command line will not write ------------------------------------------------

# One byte, given as a number.
byte() {
  # shellcheck disable=SC2059 # the format is the byte
  printf "\\$(printf '%03o' "$1")"
}

# Bytes, given as hex pairs.
bytes() {
  local pair
  for pair in "$@"; do byte "$((16#$pair))"; done
}

# A minimal DER length.
length() {
  if (($1 < 0x80)); then
    byte "$1"
  elif (($1 < 0x100)); then
    bytes 81 && byte "$1"
  else
    bytes 82 && byte "$(($1 >> 8))" && byte "$(($1 & 0xff))"
  fi
}

# der TAG FILE...: the files as the content of one element.
der() {
  local tag=$1
  shift
  cat "$@" >content.tmp
  bytes "$tag" && length "$(size content.tmp)" && cat content.tmp
}

size() { wc -c <"$1" | tr -d ' '; }

# slice FILE OFFSET LENGTH
slice() { tail -c "+$(($2 + 1))" "$1" | head -c "$3"; }

# tbs_parts CERTIFICATE: the elements of its TBSCertificate as part.version, part.serial, …
tbs_parts() {
  local names=(version serial algorithm issuer validity subject spki extensions) index=0 offset header content
  while read -r offset header content; do
    slice "$1" "$offset" "$((header + content))" >"part.${names[index]}"
    index=$((index + 1))
  done < <(openssl asn1parse -inform DER -in "$1" |
    awk -F'[:= ]+' '{ sub(/^ +/, "") } $3 == 2 && ++n <= 8 { print $1, $5, $7 }')
}

# assemble OUT PART...: a certificate of these TBSCertificate elements, signed by the root.
assemble() {
  local out=$1
  shift
  der 30 "$@" >tbs
  openssl dgst -sha256 -sign root.key -out signature.raw tbs
  { bytes 00 && cat signature.raw; } >signature.padded
  der 03 signature.padded >signature
  der 30 tbs part.algorithm signature >"$out"
}

# --- What goes into the file --------------------------------------------------------------------------------------

pin_of_spki() { openssl dgst -sha256 -binary "$1" | openssl base64 -A; }

# keep ID DESCRIPTION [SPKI]: a certificate that parses; its pin is openssl's.
keep() {
  local spki=${3:-}
  if [[ -z $spki ]]; then
    spki=spki.tmp
    openssl x509 -inform DER -in "$1.der" -noout -pubkey | openssl pkey -pubin -outform DER -out "$spki"
  fi
  printf ',\n    "%s": {\n      "describes": "%s",\n      "pin": "%s",\n      "der": "%s"\n    }' \
    "$1" "$2" "$(pin_of_spki "$spki")" "$(openssl base64 -A -in "$1.der")" >>certificates.list
}

# spoil ID DESCRIPTION: what comes in on standard input is not a certificate.
spoil() {
  cat >bad.tmp
  printf ',\n    "%s": {\n      "describes": "%s",\n      "der": "%s"\n    }' \
    "$1" "$2" "$(openssl base64 -A -in bad.tmp)" >>broken.list
}

# key NAME ARGUMENTS-OF-GENPKEY...
key() {
  local name=$1
  shift
  openssl genpkey "$@" -out "$name.key" 2>/dev/null
}

p256=(-algorithm EC -pkeyopt ec_paramgen_curve:P-256)
ca_extensions=$'basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash'
leaf_extensions=$'basicConstraints=critical,CA:FALSE\nextendedKeyUsage=serverAuth\nsubjectAltName=DNS:example.com,DNS:*.example.com'

# root NAME COMMON-NAME
root() {
  openssl req -x509 -new -key "$1.key" -subj "/O=SPKI Pinning Vectors/CN=$2" -days 36500 -sha256 \
    -addext 'keyUsage=critical,keyCertSign,cRLSign' -outform DER -out "$1.der"
}

# issue NAME ISSUER COMMON-NAME EXTENSIONS [KEY] [ISSUER-KEY]
issue() {
  openssl req -new -key "${5:-$1}.key" -subj "/O=SPKI Pinning Vectors/CN=$3" -out request.pem
  printf '%s\n' "$4" >extensions.cnf
  openssl x509 -req -in request.pem -CA "$2.der" -CAform DER -CAkey "${6:-$2}.key" -days 36500 -sha256 \
    -set_serial "0x4$(openssl rand -hex 15)1" -extfile extensions.cnf -outform DER -out "$1.der" 2>/dev/null
}

# --- Chains -------------------------------------------------------------------------------------------------------

for name in root intermediate leaf other-root other-intermediate other-leaf; do key "$name" "${p256[@]}"; done
root root 'Root'
issue intermediate root 'Intermediate' "$ca_extensions"
issue leaf intermediate 'example.com' "$leaf_extensions"
issue leaf-renewed intermediate 'example.com' "$leaf_extensions" leaf
root other-root 'Other Root'
issue other-intermediate other-root 'Other Intermediate' "$ca_extensions"
issue other-leaf other-intermediate 'example.com' "$leaf_extensions"
issue intermediate-cross other-root 'Intermediate' "$ca_extensions" intermediate

keep leaf 'Leaf of the chain leaf, intermediate, root; EC P-256'
keep intermediate 'Intermediate of the chain; EC P-256'
keep root 'Root of the chain, self-signed; EC P-256'
keep leaf-renewed 'The key of leaf in a newer certificate: another certificate, the same pin'
keep intermediate-cross 'The key of intermediate, signed by other-root: another certificate, the same pin'
keep other-leaf 'Leaf of a second chain for the same name'
keep other-intermediate 'Intermediate of the second chain'
keep other-root 'Root of the second chain, self-signed'

# --- Key algorithms -----------------------------------------------------------------------------------------------

key rsa-2048 -algorithm RSA -pkeyopt rsa_keygen_bits:2048
key rsa-3072 -algorithm RSA -pkeyopt rsa_keygen_bits:3072
key rsa-4096 -algorithm RSA -pkeyopt rsa_keygen_bits:4096
key rsa-pss -algorithm RSA-PSS -pkeyopt rsa_keygen_bits:2048 -pkeyopt rsa_pss_keygen_md:sha256 \
  -pkeyopt rsa_pss_keygen_mgf1_md:sha256 -pkeyopt rsa_pss_keygen_saltlen:32
key ec-p256 "${p256[@]}"
key ec-p384 -algorithm EC -pkeyopt ec_paramgen_curve:P-384
key ec-p521 -algorithm EC -pkeyopt ec_paramgen_curve:P-521
key ed25519 -algorithm ED25519
key ed448 -algorithm ED448
key uncompressed "${p256[@]}"
openssl ec -in uncompressed.key -conv_form compressed -out ec-p256-compressed.key 2>/dev/null
key explicit "${p256[@]}"
openssl ec -in explicit.key -param_enc explicit -out ec-p256-explicit.key 2>/dev/null

algorithm() {
  issue "$1" intermediate 'example.com' "$leaf_extensions"
  keep "$1" "$2"
}
algorithm rsa-2048 'Leaf with an RSA key of 2048 bits'
algorithm rsa-3072 'Leaf with an RSA key of 3072 bits'
algorithm rsa-4096 'Leaf with an RSA key of 4096 bits'
algorithm rsa-pss 'Leaf whose SPKI algorithm is id-RSASSA-PSS with parameters'
algorithm ec-p256 'Leaf with a key on P-256'
algorithm ec-p384 'Leaf with a key on P-384'
algorithm ec-p521 'Leaf with a key on P-521'
algorithm ed25519 'Leaf with an Ed25519 key'
algorithm ed448 'Leaf with an Ed448 key'
algorithm ec-p256-compressed 'Leaf with a compressed point on P-256: a re-encoded key would give another pin'
algorithm ec-p256-explicit 'Leaf with explicit curve parameters: a re-encoded key would give another pin'

# --- Certificates that are unusual and parse ----------------------------------------------------------------------

key v1 "${p256[@]}"
openssl req -new -key v1.key -subj '/O=SPKI Pinning Vectors/CN=example.com' -out request.pem
openssl x509 -req -in request.pem -CA root.der -CAform DER -CAkey root.key -days 36500 -sha256 \
  -set_serial 1 -outform DER -out v1.der 2>/dev/null
keep v1 'Version 1: neither a version field nor extensions'

key huge-san "${p256[@]}"
names=$(seq -f 'DNS:host-%05g.subdomain.example.com' -s, 1 1250)
issue huge-san root 'example.com' "subjectAltName=$names"
keep huge-san 'Leaf with 1250 alternative names, about 40 kB'

for name in negative-serial unique-ids unknown-algorithm; do key "$name" "${p256[@]}"; done

issue negative-serial root 'example.com' "$leaf_extensions"
tbs_parts negative-serial.der
{ bytes 02 14 80 && openssl rand 19; } >serial.negative
assemble negative-serial.der part.version serial.negative part.algorithm part.issuer part.validity part.subject \
  part.spki part.extensions
keep negative-serial 'Serial number of 20 bytes with the first bit set, a negative INTEGER'

issue unique-ids root 'example.com' "$leaf_extensions"
tbs_parts unique-ids.der
bytes 81 05 00 de ad be ef >issuer-unique-id
bytes 82 05 04 ca fe ba b0 >subject-unique-id
assemble unique-ids.der part.version part.serial part.algorithm part.issuer part.validity part.subject part.spki \
  issuer-unique-id subject-unique-id part.extensions
keep unique-ids 'issuerUniqueID and subjectUniqueID between the SPKI and the extensions'

issue unknown-algorithm root 'example.com' "$leaf_extensions"
tbs_parts unknown-algorithm.der
# 2.25.1 belongs to nobody, so no library knows it. Two kilobytes are the size of a post-quantum key.
bytes 06 02 69 01 >oid
der 30 oid >algorithm.unknown
{ bytes 00 && openssl rand 1952; } >key.unknown
der 03 key.unknown >bits.unknown
der 30 algorithm.unknown bits.unknown >spki.unknown
assemble unknown-algorithm.der part.version part.serial part.algorithm part.issuer part.validity part.subject \
  spki.unknown part.extensions
keep unknown-algorithm 'Leaf with a key of 1952 bytes of an algorithm that no library knows' spki.unknown

# --- Broken: each made of leaf, whose pin the cases configure -----------------------------------------------------

leaf_size=$(size leaf.der)
tbs_parts leaf.der
before=(part.version part.serial part.algorithm part.issuer part.validity part.subject)
# After the headers of Certificate and TBSCertificate, four bytes each.
spki_at=$((8 + $(cat "${before[@]}" | wc -c)))
slice leaf.der "$spki_at" "$(size part.spki)" | cmp - part.spki

spoil empty 'No bytes at all' </dev/null
head -c 2 leaf.der | spoil truncated-in-header 'Ends inside the length of the outer SEQUENCE'
head -c $((8 + $(size part.version) + 1)) leaf.der | spoil truncated-in-tbs 'Ends inside the serial number'
head -c $((spki_at + 40)) leaf.der | spoil truncated-in-spki 'Ends inside the SubjectPublicKeyInfo'
head -c $((spki_at + $(size part.spki))) leaf.der | spoil truncated-after-spki \
  'Ends right after a complete SubjectPublicKeyInfo: a reader that stops there sees the pinned key'
head -c $((leaf_size - 1)) leaf.der | spoil truncated-by-one 'The last byte of the signature is missing'
{ cat leaf.der && bytes 00; } | spoil trailing-zero 'A whole certificate and one zero byte after it'
{ cat leaf.der && printf 'garbage'; } | spoil trailing-garbage 'A whole certificate and text after it'
cat leaf.der other-leaf.der | spoil two-certificates 'Two certificates in one element of the chain'
{ bytes 30 80 && slice leaf.der 4 $((leaf_size - 4)) && bytes 00 00; } | spoil indefinite-length \
  'BER indefinite length on the outer SEQUENCE'
{ bytes 30 83 00 && slice leaf.der 2 $((leaf_size - 2)); } | spoil non-minimal-length \
  'Length of the outer SEQUENCE with a leading zero byte'
{ bytes 30 84 ff ff ff ff && slice leaf.der 4 $((leaf_size - 4)); } | spoil length-of-4-gib \
  'The outer SEQUENCE claims 4 GiB'
{ bytes 30 88 ff ff ff ff ff ff ff ff && slice leaf.der 4 $((leaf_size - 4)); } | spoil length-overflow \
  'The outer SEQUENCE claims 2^64 - 1 bytes'

{ bytes 30 81 && slice part.spki 1 $(($(size part.spki) - 1)); } >spki.bad
assemble bad.der "${before[@]}" spki.bad part.extensions
spoil spki-non-minimal-length 'Length of the SubjectPublicKeyInfo in two bytes where one is enough' <bad.der
{ bytes 30 80 && slice part.spki 2 $(($(size part.spki) - 2)) && bytes 00 00; } >spki.bad
assemble bad.der "${before[@]}" spki.bad part.extensions
spoil spki-indefinite-length 'BER indefinite length on the SubjectPublicKeyInfo' <bad.der
bytes 30 00 >spki.bad
assemble bad.der "${before[@]}" spki.bad part.extensions
spoil spki-zero-length 'The SubjectPublicKeyInfo is an empty SEQUENCE' <bad.der
{ bytes 04 && slice part.spki 1 $(($(size part.spki) - 1)); } >spki.bad
assemble bad.der "${before[@]}" spki.bad part.extensions
spoil spki-wrong-tag 'An OCTET STRING stands where the SubjectPublicKeyInfo should be' <bad.der
assemble bad.der "${before[@]}"
spoil spki-missing 'The TBSCertificate ends before the SubjectPublicKeyInfo' <bad.der
{ bytes 30 7f && slice part.spki 2 $(($(size part.spki) - 2)); } >spki.bad
assemble bad.der "${before[@]}" spki.bad
spoil spki-overruns 'The SubjectPublicKeyInfo is longer than the TBSCertificate that holds it' <bad.der

assemble bad.der "${before[@]}" part.spki part.extensions # leaves tbs, signature and signature.padded
der 04 signature.padded >signature.bad
der 30 tbs part.algorithm signature.bad | spoil signature-wrong-tag 'An OCTET STRING stands where the signature should be'
der 30 tbs part.algorithm | spoil signature-missing 'The certificate ends before the signature'
der 30 tbs signature | spoil signature-algorithm-missing 'The signature stands where its algorithm should be'

spoil spki-alone 'A SubjectPublicKeyInfo that is no certificate' <part.spki
openssl req -new -key leaf.key -subj '/CN=example.com' -outform DER | spoil csr 'A certificate signing request'
openssl x509 -inform DER -in leaf.der | spoil pem 'The certificate as PEM text instead of DER'
openssl base64 -A -in leaf.der | spoil base64 'The certificate as base64 text instead of DER'
printf 'this is not a certificate\n' | spoil text 'Plain text'
head -c 512 /dev/zero | spoil zeros '512 zero bytes'
head -c 512 /dev/zero | tr '\0' '\377' | spoil ones '512 bytes of 0xff'
for ((i = 0; i < 256; i++)); do bytes 30 80; done | spoil nested-indefinite \
  '256 nested SEQUENCEs of indefinite length: a recursive reader must not run out of stack'

# --- The file -----------------------------------------------------------------------------------------------------

{
  printf '{\n  "description": "%s",\n' \
    'Certificates that the vectors name by id. pin: base64 SHA-256 of the SubjectPublicKeyInfo, computed by openssl. Made by make-certificates.sh.'
  printf '  "certificates": {' && tail -c +2 certificates.list
  printf '\n  },\n  "broken": {' && tail -c +2 broken.list
  printf '\n  }\n}\n'
} >"$here/certificates.json"
