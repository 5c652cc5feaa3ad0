package gateway

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/line-frontdesk/frontdesk/internal/engine"
)

const (
	// tokenLife is how long the bot may reply to an event after it was forwarded.
	// LINE's own tokens end earlier; the bot need not know.
	tokenLife = 20 * time.Minute

	// sealKey is where the key of the seals is kept.
	sealKey  = "gateway.key"
	keySize  = 32
	saltSize = 16

	// maxToken is the longest token that is looked at.
	maxToken = 4096
)

// What a seal is for: a token of one kind is none of another.
const (
	sealedReply  = "reply token"
	sealedAccess = "access token"
)

// replyToken is what the bot's reply token holds. Times are in milliseconds since
// 1970. Fields may be added, none may change meaning: tokens outlive a process.
type replyToken struct {
	Channel      string `json:"c"`
	Conversation string `json:"v"`
	EventID      string `json:"e"`
	LineToken    string `json:"t,omitempty"` // "" when LINE would not take it
	LineUntil    int64  `json:"u,omitempty"` // when it ends
	Issued       int64  `json:"i"`
	Forward      uint64 `json:"f"` // names one forwarding of the event, never 0
}

// accessToken is what a channel access token that was issued here holds.
type accessToken struct {
	Channel string `json:"c"`
	Until   int64  `json:"u"`
}

// seal makes tokens that nobody can read, alter or invent. Each is sealed with a
// key of its own, made of the kept one and the token's salt: random nonces under
// one key would be safe for 2^32 tokens only, a busy month.
type seal struct{ key []byte }

// openSeal reads the key from the store, where it makes one the first time.
func openSeal(ctx context.Context, eng *engine.Engine) (seal, error) {
	key, _, err := eng.Control.Get(ctx, sealKey)
	if errors.Is(err, engine.ErrNotFound) {
		key = make([]byte, keySize)
		_, _ = rand.Read(key) // never fails
		if err = eng.Control.Swap(ctx, sealKey, key, 0); err == nil {
			err = eng.Flush() // before any token is sealed with it
		}
		if errors.Is(err, engine.ErrExists) { // another instance was first
			key, _, err = eng.Control.Get(ctx, sealKey)
		}
	}
	if err == nil && len(key) != keySize {
		err = errors.New("damaged")
	}
	if err != nil {
		return seal{}, fmt.Errorf("key of the reply tokens: %w", err)
	}
	return seal{key}, nil
}

// cipher returns the cipher of the token with a salt.
func (s seal) cipher(salt []byte) cipher.AEAD {
	mac := hmac.New(sha256.New, s.key)
	mac.Write(salt)
	block, err := aes.NewCipher(mac.Sum(nil))
	if err != nil {
		panic(err) // unreachable: the key is 32 bytes
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		panic(err) // unreachable: AES has the block size of GCM
	}
	return aead
}

// make returns a token that holds v.
func (s seal) make(kind string, v any) string {
	plain, err := json.Marshal(v)
	if err != nil {
		return "" // unreachable: strings and numbers
	}
	salt := make([]byte, saltSize, saltSize+len(plain)+aes.BlockSize)
	_, _ = rand.Read(salt) // never fails
	aead := s.cipher(salt)
	nonce := make([]byte, aead.NonceSize()) // each key seals once
	return base64.RawURLEncoding.EncodeToString(aead.Seal(salt, nonce, plain, []byte(kind)))
}

// open reads what a token holds into v.
func (s seal) open(kind, token string, v any) bool {
	if len(token) > maxToken {
		return false
	}
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || len(sealed) < saltSize {
		return false
	}
	aead := s.cipher(sealed[:saltSize])
	plain, err := aead.Open(nil, make([]byte, aead.NonceSize()), sealed[saltSize:], []byte(kind))
	return err == nil && json.Unmarshal(plain, v) == nil
}

func (s seal) openReply(token string) (t replyToken, ok bool) {
	ok = s.open(sealedReply, token, &t)
	return t, ok
}

func (s seal) openAccess(token string) (t accessToken, ok bool) {
	ok = s.open(sealedAccess, token, &t)
	return t, ok
}
