package gateway

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func testSeal(key byte) seal { return seal{bytes.Repeat([]byte{key}, keySize)} }

func TestSeal(t *testing.T) {
	s := testSeal('a')
	want := replyToken{Channel: "main", Conversation: hanako, EventID: "E1", LineToken: "t", LineUntil: 2, Issued: 1, Forward: 1 << 63}
	token := s.make(sealedReply, want)
	got, ok := s.openReply(token)
	if diff := cmp.Diff(want, got); !ok || diff != "" {
		t.Errorf("opened %v (-want +got):\n%s", ok, diff)
	}
	if s.make(sealedReply, want) == token {
		t.Error("two tokens are the same: a key was used twice")
	}
	if _, ok := s.openAccess(token); ok {
		t.Error("a reply token is taken for a channel access token")
	}
	if _, ok := testSeal('b').openReply(token); ok {
		t.Error("a token is opened with another key")
	}
	for i := range token {
		other := byte('A')
		if token[i] == other {
			other = 'B'
		}
		if _, ok := s.openReply(token[:i] + string(other) + token[i+1:]); ok {
			t.Fatalf("a token is opened whose character %d was changed", i)
		}
	}
	for _, bad := range []string{"", "x", token[:10], token + "A", token + "=", strings.Repeat("A", maxToken+1)} {
		if _, ok := s.openReply(bad); ok {
			t.Errorf("opened %q", bad)
		}
	}
}

// Tokens outlive the process that made them.
func TestSealIsKept(t *testing.T) {
	h := newHall(t, nil, nil)
	token := h.token(said("E1", hanako))
	h.restart()
	if got, ok := h.g.seal.openReply(token); !ok || got.EventID != "E1" {
		t.Errorf("opened %v after a restart: %+v", ok, got)
	}
}

func FuzzSeal(f *testing.F) {
	s := testSeal('a')
	f.Add(s.make(sealedReply, replyToken{Channel: "main"}))
	f.Add(s.make(sealedAccess, accessToken{Channel: "main"}))
	f.Add("")
	other := testSeal('b')
	f.Fuzz(func(t *testing.T, token string) {
		if got, ok := other.openReply(token); ok {
			t.Errorf("opened %+v", got)
		}
		if got, ok := s.openReply(token); ok && got != (replyToken{Channel: "main"}) {
			t.Errorf("opened %+v", got)
		}
	})
}
