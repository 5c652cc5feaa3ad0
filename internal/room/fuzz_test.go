package room

import (
	"bytes"
	"encoding/json"
	"io"
	"net"
	"testing"
	"time"
)

// bytesConn is a connection that holds what a client has sent.
type bytesConn struct {
	net.Conn
	r io.Reader
}

func (c bytesConn) Read(b []byte) (int, error) { return c.r.Read(b) }

// FuzzFrames reads a client's bytes: whatever they are, messages are text within
// the limit, and the end comes.
func FuzzFrames(f *testing.F) {
	f.Add(maskedFrame(opText, []byte(`{"t":"ping"}`)))
	f.Add(append(maskedFrame(opPing, []byte("x")), maskedFrame(opClose, []byte{3, 232})...))
	f.Add([]byte{0x01, 0x81, 1, 2, 3, 4, 5, 0x80, 0x81, 1, 2, 3, 4, 5})
	f.Add([]byte{0x81, 0xff, 0, 0, 0, 0, 0, 1, 0, 0, 1, 2, 3, 4})
	f.Fuzz(func(t *testing.T, data []byte) {
		const limit = 1 << 10
		reader := &frameReader{nc: bytesConn{r: bytes.NewReader(data)}, limit: limit, control: func(byte, []byte) error { return nil }}
		for {
			message, err := reader.message()
			if err != nil {
				return
			}
			if len(message) > limit {
				t.Fatalf("message of %d bytes", len(message))
			}
		}
	})
}

// FuzzBody checks bodies: what is taken is JSON of one line that is taken again as
// it is.
func FuzzBody(f *testing.F) {
	f.Add([]byte(`{"type":"text","text":"hello"}`))
	f.Add([]byte(`{"type":"text","text":"a\"b\\\n\u2028😀"}`))
	f.Add([]byte(`{"type":"sticker","packageId":"1","stickerId":"2","x":1}`))
	f.Add([]byte(`{"type":"location","title":"a","latitude":1e300,"longitude":2}`))
	f.Add([]byte(`{"type":"postback","data":"x","displayText":"y"}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		var asFrame json.RawMessage
		if json.Unmarshal(raw, &asFrame) != nil {
			return // a client's frame would not have been read
		}
		taken, err := checkBody(asFrame)
		if err != nil {
			return
		}
		if !json.Valid(taken) || bytes.ContainsAny(taken, "\n\r") {
			t.Fatalf("%q was taken as %q", raw, taken)
		}
		again, err := checkBody(taken)
		if err != nil || !bytes.Equal(again, taken) {
			t.Fatalf("%q, taken, is %q, %v", taken, again, err)
		}
		m := stored{User: "u", Name: "a\"\n", CID: "c", Body: taken}
		data, err := m.encode()
		if err != nil {
			t.Fatal(err)
		}
		var back stored
		if err := json.Unmarshal(data, &back); err != nil || back.Name != m.Name || !bytes.Equal(back.Body, taken) {
			t.Fatalf("stored %q reads back as %+v, %v", taken, back, err)
		}
	})
}

// FuzzToken checks tokens: none that was not signed here is taken.
func FuzzToken(f *testing.F) {
	s := signer{[]byte("0123456789abcdef0123456789abcdef")}
	good := s.sign(Identity{User: "ann", Name: "Ann", Expires: time.Now().Add(24 * time.Hour)})
	f.Add(good)
	f.Add("a.b.c")
	f.Fuzz(func(t *testing.T, token string) {
		who, err := s.check(token, time.Now())
		if err == nil && (token != good || who.User != "ann") {
			t.Fatalf("%q is taken as %+v", token, who)
		}
	})
}
