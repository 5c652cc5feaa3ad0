package room

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
	"unicode/utf16"

	"github.com/line-frontdesk/frontdesk/internal/engine"
)

// stored is a message as it is kept: JSON without line ends, in which fields may be added and none
// may change meaning. The frames that show it repeat it as it is, so edit and del
// stand first, where they are found without parsing.
type stored struct {
	Edit uint64          `json:"edit,omitempty"`
	Del  uint64          `json:"del,omitempty"`
	User string          `json:"user"`
	Name string          `json:"name,omitempty"`
	CID  string          `json:"cid,omitempty"`
	Via  string          `json:"via,omitempty"` // of transcripts: how LINE got it
	At   int64           `json:"at,omitempty"`  // of transcripts: when it happened, in ms
	Body json.RawMessage `json:"body,omitempty"`
}

// delPrefix begins the stored form of a message that deletes another.
var delPrefix = []byte(`{"del":`)

// deletes returns the ID of the message that a stored one deletes, 0 for none.
func deletes(data []byte) uint64 {
	rest, ok := bytes.CutPrefix(data, delPrefix)
	if !ok {
		return 0
	}
	digits, _, _ := bytes.Cut(rest, []byte(","))
	id, _ := strconv.ParseUint(string(digits), 10, 64) // 0 names no message
	return id
}

// appendMessage appends the frame msg of a stored message.
func appendMessage(b []byte, m engine.RoomMessage, prev uint64) []byte {
	head := make([]byte, 0, 160)
	head = append(head, `{"t":"msg","room":"`...)
	head = append(head, m.Room...)
	head = append(head, `","id":`...)
	head = strconv.AppendUint(head, m.ID, 10)
	head = append(head, `,"prev":`...)
	head = strconv.AppendUint(head, prev, 10)
	head = append(head, `,"ts":`...)
	head = strconv.AppendInt(head, m.Stored.UnixMilli(), 10)
	head = append(head, ',')
	b = appendHeader(b, opText, len(head)+len(m.Data)-1)
	b = append(b, head...)
	return append(b, m.Data[1:]...)
}

const (
	// maxText is how long a text may be, in UTF-16 units, as in LINE.
	maxText = 5000
	// maxShort bounds titles, addresses, postback data and IDs, in UTF-16 units.
	maxShort = 300
)

// body is what clients may send. Fields that a type does not have are dropped.
type body struct {
	Type string `json:"type"`

	Text string `json:"text,omitempty"` // text

	PackageID string `json:"packageId,omitempty"` // sticker
	StickerID string `json:"stickerId,omitempty"`

	Title     string   `json:"title,omitempty"` // location
	Address   string   `json:"address,omitempty"`
	Latitude  *float64 `json:"latitude,omitempty"`
	Longitude *float64 `json:"longitude,omitempty"`

	Data        string `json:"data,omitempty"` // postback
	DisplayText string `json:"displayText,omitempty"`
}

var errBody = errors.New("body is not a message that may be sent: text, sticker, location or postback")

// checkBody returns the body of a client's send as it is stored.
func checkBody(raw []byte) (json.RawMessage, error) {
	if text, ok := plainText(raw); ok && within(string(text), 1, maxText) {
		return raw, nil
	}
	var in body
	if err := json.Unmarshal(raw, &in); err != nil {
		return nil, errBody
	}
	out := body{Type: in.Type}
	ok := false
	switch in.Type {
	case "text":
		out.Text = in.Text
		ok = within(in.Text, 1, maxText)
	case "sticker":
		out.PackageID, out.StickerID = in.PackageID, in.StickerID
		ok = within(in.PackageID, 1, maxShort) && within(in.StickerID, 1, maxShort)
	case "location":
		out.Title, out.Address, out.Latitude, out.Longitude = in.Title, in.Address, in.Latitude, in.Longitude
		ok = within(in.Title, 1, maxShort) && within(in.Address, 0, maxShort) && degrees(in.Latitude, 90) && degrees(in.Longitude, 180)
	case "postback":
		out.Data, out.DisplayText = in.Data, in.DisplayText
		ok = within(in.Data, 1, maxShort) && within(in.DisplayText, 0, maxShort)
	}
	if !ok {
		return nil, errBody
	}
	return encode(out)
}

func degrees(v *float64, most float64) bool { return v != nil && -most <= *v && *v <= most }

// within reports whether a text has so many UTF-16 units.
func within(text string, least, most int) bool {
	if len(text) <= most && len(text) >= least*3 {
		return true // a unit takes at most three bytes
	}
	n := 0
	for _, r := range text {
		n += utf16.RuneLen(r)
	}
	return least <= n && n <= most
}

// encode writes JSON without escapes that are for HTML, and without a line end.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimRight(b.Bytes(), "\n"), nil
}
