package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"strings"
	"sync"
	"testing"
)

func TestValid(t *testing.T) {
	good := sign(mainSecret, "body")
	tests := []struct {
		name            string
		secrets         []string
		body, signature string
		want            bool
	}{
		{"LINE's own example", []string{mainSecret}, officialBody, officialSignature, true},
		{"the second of two secrets", []string{newSecret, mainSecret}, "body", good, true},
		{"not the secret", []string{newSecret}, "body", good, false},
		{"no secrets", nil, "body", good, false},
		{"another body", []string{mainSecret}, "Body", good, false},
		{"empty", []string{mainSecret}, "body", "", false},
		{"unpadded", []string{mainSecret}, "body", strings.TrimRight(good, "="), false},
		{"of 33 bytes", []string{mainSecret}, "body", good[:43] + "A", false},
		{"with a line end", []string{mainSecret}, "body", good[:43] + "\n", false},
		{"with a space before", []string{mainSecret}, "body", " " + good[:43], false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := newVerifier(tt.secrets).valid([]byte(tt.body), tt.signature); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

func TestValidConcurrently(t *testing.T) {
	v := newVerifier([]string{newSecret, mainSecret})
	var group sync.WaitGroup
	for n := range 8 {
		group.Go(func() {
			body := strings.Repeat("x", n*1000)
			good, bad := sign(mainSecret, body), sign(otherSecret, body)
			for range 200 {
				if !v.valid([]byte(body), good) || v.valid([]byte(body), bad) {
					t.Errorf("wrong about a body of %d bytes", len(body))
				}
			}
		})
	}
	group.Wait()
}

// FuzzValid holds the verifier against the plain way to do it, and tries
// signatures that no secret made.
func FuzzValid(f *testing.F) {
	f.Add(mainSecret, []byte(officialBody), officialSignature)
	f.Add("", []byte{}, "")
	f.Add("k", []byte("x"), strings.Repeat("=", 44))
	f.Fuzz(func(t *testing.T, secret string, body []byte, signature string) {
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write(body)
		sum := mac.Sum(nil)
		given, err := base64.StdEncoding.DecodeString(signature)
		want := err == nil && len(signature) == 44 && hmac.Equal(sum, given)
		v := newVerifier([]string{"another", secret})
		for range 2 { // the second time with a used hash
			if got := v.valid(body, signature); got != want {
				t.Fatalf("got %v, want %v", got, want)
			}
			if !v.valid(body, base64.StdEncoding.EncodeToString(sum)) {
				t.Fatal("refused the right signature")
			}
		}
		sum[0] ^= 1
		if v.valid(body, base64.StdEncoding.EncodeToString(sum)) {
			t.Fatal("took a signature with one bit changed")
		}
	})
}

// BenchmarkVerify checks the signature of a body of 600 bytes.
func BenchmarkVerify(b *testing.B) {
	body := bodyOf(textEvent(id1, user1, strings.Repeat("x", 200)))
	signature := sign(mainSecret, body)
	v := newVerifier([]string{mainSecret})
	raw := []byte(body)
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	for b.Loop() {
		if !v.valid(raw, signature) {
			b.Fatal("refused")
		}
	}
}
