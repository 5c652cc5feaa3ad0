package room

import (
	"bytes"
	"encoding/json"
	"strconv"
	"unicode/utf8"
)

// Most of what clients send are texts, written as the protocol lists their fields
// and without escapes. They are read and written here by hand: with reflection a
// server would spend a sixth of its time on it. Everything else takes the way over
// encoding/json, with the same result.

// readFrame reads a frame of a client into f, which is empty.
func readFrame(line []byte, f *clientFrame) error {
	if readSend(line, f) {
		return nil
	}
	return json.Unmarshal(line, f)
}

// readSend reads a frame send with a plain text into f; false when the line is
// anything else, with f unchanged.
func readSend(line []byte, f *clientFrame) bool {
	rest, ok := bytes.CutPrefix(line, []byte(`{"t":"send","room":"`))
	if !ok {
		return false
	}
	room, rest, ok := cutPlain(rest, `","cid":"`)
	if !ok {
		return false
	}
	cid, rest, ok := cutPlain(rest, `","body":`)
	if !ok {
		return false
	}
	raw, ok := bytes.CutSuffix(rest, []byte("}"))
	if !ok {
		return false
	}
	if _, ok := plainText(raw); !ok || !utf8.Valid(line) {
		return false
	}
	f.T, f.Room, f.CID, f.Body = "send", string(room), string(cid), bytes.Clone(raw)
	return true
}

// cutPlain cuts b at a mark that begins with a quote; false when what stands
// before it needs more than copying.
func cutPlain(b []byte, mark string) (text, rest []byte, ok bool) {
	end := bytes.IndexByte(b, '"')
	if end < 0 || !plain(b[:end]) {
		return nil, nil, false
	}
	rest, ok = bytes.CutPrefix(b[end:], []byte(mark))
	return b[:end], rest, ok
}

// plainText returns the text of a body that is already what is stored of it: a
// text without escapes.
func plainText(raw []byte) (text []byte, ok bool) {
	rest, ok := bytes.CutPrefix(raw, []byte(`{"type":"text","text":"`))
	if !ok {
		return nil, false
	}
	text, ok = bytes.CutSuffix(rest, []byte(`"}`))
	return text, ok && plain(text)
}

// plain reports whether a string's bytes stand in JSON as they are. They must be
// UTF-8.
func plain[S string | []byte](s S) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}

// encode returns what is stored of a message whose body checkBody has made.
func (m *stored) encode() ([]byte, error) {
	for _, s := range []string{m.User, m.Name, m.CID} {
		if !plain(s) || !utf8.ValidString(s) {
			return encode(m)
		}
	}
	b := make([]byte, 0, 80+len(m.User)+len(m.Name)+len(m.CID)+len(m.Body))
	b = append(b, '{')
	if m.Edit != 0 {
		b = append(strconv.AppendUint(append(b, `"edit":`...), m.Edit, 10), ',')
	}
	if m.Del != 0 {
		b = append(strconv.AppendUint(append(b, `"del":`...), m.Del, 10), ',')
	}
	b = append(append(append(b, `"user":"`...), m.User...), '"')
	if m.Name != "" {
		b = append(append(append(b, `,"name":"`...), m.Name...), '"')
	}
	if m.CID != "" {
		b = append(append(append(b, `,"cid":"`...), m.CID...), '"')
	}
	if len(m.Body) > 0 {
		b = append(append(b, `,"body":`...), m.Body...)
	}
	return append(b, '}'), nil
}

// text returns the JSON. The strings were checked when the send came: they are
// plain.
func (a ackFrame) text() []byte {
	b := make([]byte, 0, 64+len(a.CID)+len(a.Room))
	b = append(append(append(b, `{"t":"ack","cid":"`...), a.CID...), `","room":"`...)
	b = append(append(b, a.Room...), `","id":`...)
	b = strconv.AppendUint(b, a.ID, 10)
	if a.Dup {
		b = append(b, `,"dup":true`...)
	}
	return append(b, '}')
}
