package gateway

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
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
	sealKey = "gateway.key"
	keySize = 32 // AES-256

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

// seal makes tokens that nobody can read, alter or invent.
type seal struct{ aead cipher.AEAD }

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
	if err != nil {
		return seal{}, fmt.Errorf("key of the reply tokens: %w", err)
	}
	return newSeal(key)
}

func newSeal(key []byte) (seal, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return seal{}, fmt.Errorf("key of the reply tokens is damaged: %w", err)
	}
	aead, err := cipher.NewGCM(block)
	return seal{aead}, err
}

// make returns a token that holds v.
func (s seal) make(kind string, v any) string {
	plain, err := json.Marshal(v)
	if err != nil {
		return "" // unreachable: strings and numbers
	}
	nonce := make([]byte, s.aead.NonceSize(), s.aead.NonceSize()+len(plain)+s.aead.Overhead())
	_, _ = rand.Read(nonce)
	return base64.RawURLEncoding.EncodeToString(s.aead.Seal(nonce, nonce, plain, []byte(kind)))
}

// open reads what a token holds into v.
func (s seal) open(kind, token string, v any) bool {
	if len(token) > maxToken {
		return false
	}
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || len(sealed) < s.aead.NonceSize() {
		return false
	}
	nonce, rest := sealed[:s.aead.NonceSize()], sealed[s.aead.NonceSize():]
	plain, err := s.aead.Open(nil, nonce, rest, []byte(kind))
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
