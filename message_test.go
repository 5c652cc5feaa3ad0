package frontdesk_test

import (
	"testing"

	"github.com/line-frontdesk/frontdesk"
	"github.com/line-frontdesk/frontdesk/line"
)

func TestRawMessage(t *testing.T) {
	for _, tc := range []struct{ name, raw, typ, want string }{
		{"as it is", `{"type":"later","of":{"line":[1,2]}}`, "later", `{"type":"later","of":{"line":[1,2]}}`},
		{"on one line", "{\n \"type\": \"text\"\n}", "text", `{"type":"text"}`},
		{"no type", `{"text":"a"}`, "", ""},
		{"no object", `["type"]`, "", ""},
		{"no JSON", `{"type":"text"`, "", ""},
		{"empty", ``, "", ""},
	} {
		m := frontdesk.RawMessage(tc.raw)
		if got := m.GetType(); got != tc.typ {
			t.Errorf("%s: type %q, want %q", tc.name, got, tc.typ)
		}
		encoded, err := line.EncodeMessages(m)
		if (err == nil) != (tc.want != "") {
			t.Errorf("%s: got %v", tc.name, err)
		}
		if err == nil && string(encoded[0]) != tc.want {
			t.Errorf("%s: got %s, want %s", tc.name, encoded[0], tc.want)
		}
	}
}
