package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"hash"
	"sync"
)

// verifier checks signatures against the secrets of one channel.
//
// A signature is the base64 of the HMAC-SHA256 of the raw body, keyed with the
// channel secret. Source: Messaging API documentation, Verify webhook
// signature.
type verifier struct {
	keyed []*sync.Pool // one of hash.Hash for each secret: keying costs as much as a small body
}

func newVerifier(secrets []string) *verifier {
	v := &verifier{}
	for _, secret := range secrets {
		key := []byte(secret)
		v.keyed = append(v.keyed, &sync.Pool{New: func() any { return hmac.New(sha256.New, key) }})
	}
	return v
}

// signatureLength is that of the base64 of a SHA-256 sum.
const signatureLength = 44

// valid reports whether any of the secrets signed body. It compares in
// constant time.
func (v *verifier) valid(body []byte, signature string) bool {
	if len(signature) != signatureLength {
		return false
	}
	var given [sha256.Size + 1]byte // room for what 44 characters may decode to
	n, err := base64.StdEncoding.Decode(given[:], []byte(signature))
	if err != nil || n != sha256.Size {
		return false
	}
	for _, pool := range v.keyed {
		mac := pool.Get().(hash.Hash)
		mac.Reset()
		mac.Write(body)
		var sum [sha256.Size]byte
		equal := hmac.Equal(mac.Sum(sum[:0]), given[:n])
		pool.Put(mac)
		if equal {
			return true
		}
	}
	return false
}
