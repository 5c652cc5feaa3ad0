package frontdesk_test

import (
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/line-frontdesk/frontdesk"
)

func TestClip(t *testing.T) {
	const parrot = "🦜" // two UTF-16 units
	for _, tc := range []struct{ name, text, want string }{
		{"empty", "", ""},
		{"as long as LINE takes", strings.Repeat("あ", 5000), strings.Repeat("あ", 5000)},
		{"as long as LINE takes, in pairs", strings.Repeat(parrot, 2500), strings.Repeat(parrot, 2500)},
		{"one too long", strings.Repeat("あ", 5001), strings.Repeat("あ", 4999) + "…"},
		{"a pair at the cut", strings.Repeat(parrot, 2501), strings.Repeat(parrot, 2499) + "…"},
		{"a pair before the cut", "a" + strings.Repeat(parrot, 2500), "a" + strings.Repeat(parrot, 2499) + "…"},
		{"replacement characters", strings.Repeat("\uFFFD", 5001), strings.Repeat("\uFFFD", 4999) + "…"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := frontdesk.Clip(tc.text)
			if got != tc.want {
				t.Errorf("got %d bytes, want %d", len(got), len(tc.want))
			}
			if n := len(utf16.Encode([]rune(got))); n > frontdesk.MaxText {
				t.Errorf("%d UTF-16 units", n)
			}
		})
	}
}
