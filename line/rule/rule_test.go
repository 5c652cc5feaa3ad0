package rule

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf16"
)

// FuzzTextLength compares with the standard library's encoding to UTF-16.
func FuzzTextLength(f *testing.F) {
	for _, s := range []string{"", "hello", "🦜", strings.Repeat("あ", 2000), strings.Repeat("🦜", 1300), strings.Repeat("\xff", 5100)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		want := len(utf16.Encode([]rune(s)))
		if got := textLength(s); got != want {
			t.Errorf("%d units, want %d", got, want)
		}
	})
}

// FuzzMessage makes sure that no message object upsets the checks, and that what they let pass is an object of
// a known type.
func FuzzMessage(f *testing.F) {
	m := NewMessages()
	for _, v := range []string{
		`{"type":"text","text":"$","emojis":[{"index":0,"productId":"1","emojiId":"2"}]}`, `{"type":"text","emojis":{"index":0}}`,
		`{"type":"textV2","text":"{a}","substitution":{"a":{"type":"mention","mentionee":{"type":"all"}},"b":[]}}`,
		`{"type":"flex","altText":"a","contents":{"type":"bubble","body":{"type":"box","layout":"vertical","contents":[{"type":"text","text":"a"}]}}}`,
		`{"type":"template","altText":"a","template":{"type":"confirm","text":"a","actions":[{"type":"uri","label":"a","uri":"tel:1"}]}}`,
		`{"type":"text","text":"a","quickReply":{"items":[{"action":{"type":"camera","label":"a"}}]},"sender":{"name":"LINE"}}`,
	} {
		f.Add(v)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		_ = Mentions([]json.RawMessage{json.RawMessage(raw)})
		if details := m.Details([]json.RawMessage{json.RawMessage(raw)}); details == nil && !json.Valid([]byte(raw)) {
			return // it never gets here: the body was parsed before
		} else if details == nil && !strings.Contains(raw, "type") {
			t.Errorf("%s passed", raw)
		}
	})
}

func FuzzRetryKey(f *testing.F) {
	for _, v := range []string{"", "123e4567-e89b-12d3-a456-426614174000", "123E4567-E89B-12D3-A456-426614174000", "123e4567e89b-12d3-a456-4266141740000", "------------------------------------"} {
		f.Add(v)
	}
	f.Fuzz(func(t *testing.T, v string) {
		key, valid := RetryKey(v)
		if valid && v != "" && (len(key) != 36 || key != strings.ToLower(v) || strings.Count(key, "-") != 4) {
			t.Errorf("%q taken as %q", v, key)
		}
		if !valid && key != "" {
			t.Errorf("%q refused with key %q", v, key)
		}
	})
}
