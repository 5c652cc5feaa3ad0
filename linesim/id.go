package linesim

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"time"
)

// idDigits is the number of hexadecimal digits behind the letter of a user, group or room id.
const idDigits = 32

// randomBytes returns n bytes that nobody can guess; crypto/rand never fails.
func randomBytes(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	return b
}

// randomHex returns n random bytes as 2n hexadecimal digits.
func randomHex(n int) string { return hex.EncodeToString(randomBytes(n)) }

// randomToken returns n random bytes in the alphabet that is safe in URLs.
func randomToken(n int) string { return base64.RawURLEncoding.EncodeToString(randomBytes(n)) }

// newChatID returns the id of a user (kind 'U'), group ('C') or room ('R').
func newChatID(kind byte) string { return string(kind) + randomHex(idDigits/2) }

// newUUID returns a random UUID (version 4), the form of LINE's request ids.
func newUUID() string {
	b := randomBytes(16)
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	var out [36]byte
	hex.Encode(out[0:], b[0:4])
	hex.Encode(out[9:], b[4:6])
	hex.Encode(out[14:], b[6:8])
	hex.Encode(out[19:], b[8:10])
	hex.Encode(out[24:], b[10:])
	out[8], out[13], out[18], out[23] = '-', '-', '-', '-'
	return string(out[:])
}

// crockford is the alphabet of a ULID.
const crockford = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

// newULID returns the id of a webhook event: 48 bits of time in milliseconds and 80 random bits,
// as 26 characters that sort by time.
func newULID(at time.Time) string {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], uint64(at.UnixMilli())<<16)
	_, _ = rand.Read(b[6:])
	hi, lo := binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])
	var out [26]byte
	for i := len(out) - 1; i >= 0; i-- {
		out[i] = crockford[lo&31]
		lo = lo>>5 | hi<<59
		hi >>= 5
	}
	return string(out[:])
}
