package line

import (
	"fmt"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// FuzzParseRefusal gives foreign error bodies to the parser and to Error's
// text: bounds hold, the text is one clean line and no secret is in it.
func FuzzParseRefusal(f *testing.F) {
	for _, seed := range []string{
		"", "{}", "[]", "null", "<html>", `{"message":"Invalid reply token"}`,
		`{"message":"The request body has 1 error(s)","details":[{"message":"May not be empty","property":"messages[0].text"}]}`,
		`{"error":"invalid_client","error_description":"invalid client_secret"}`,
		`{"message":"a\u0000\u2028\ud800 the-secret"}`, `{"details":[{},{},null]}`, "{\"message\":\"\xff\"}",
		`{"message":"` + strings.Repeat("長", 200) + `"}`,
	} {
		f.Add([]byte(seed))
	}
	const secret = "the-secret"
	f.Fuzz(func(t *testing.T, body []byte) {
		message, details := parseRefusal(body, secret, "")
		if len(message) > messageLimit || len(details) > detailsLimit {
			t.Errorf("message of %d bytes, %d details", len(message), len(details))
		}
		for _, d := range details {
			if len(d.Property) > detailLimit || len(d.Message) > detailLimit {
				t.Errorf("detail of %d and %d bytes", len(d.Property), len(d.Message))
			}
			if strings.Contains(d.Message+d.Property, secret) {
				t.Errorf("detail tells the secret: %q", d)
			}
		}
		text := (&Error{Endpoint: "push", Status: 400, Message: message, Details: details}).Error()
		if !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl) || strings.Contains(text, secret) {
			t.Errorf("text %q", text)
		}
	})
}

func TestCleanText(t *testing.T) {
	tests := []struct {
		in, want string
		limit    int
	}{
		{"", "", 10},
		{"  a\tb ", "a b", 10},
		{"0123456789", "0123456789", 10},
		{"0123456789a", "0123456…", 10},
		{"長長長長", "長長…", 10},
		{"a\xffb", "a\uFFFDb", 10},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprintf("%q", tt.in), func(t *testing.T) {
			if got := cleanText(tt.in, tt.limit); got != tt.want || len(got) > tt.limit {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}
